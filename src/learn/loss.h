/* loss.h - the loss of several fits at once, and its gradients. Private to learn/.
 *
 * The fits share the examples: each passes over its own group of them. So the features are read, widened and multiplied
 * once for all of them. */
#ifndef CVT_LEARN_LOSS_H
#define CVT_LEARN_LOSS_H

#include "learn/hessian.h"

/* The loss of one fit somewhere. */
typedef struct cvt_point {
    double loss, norm, curvature; /* norm: of the gradient by the weights; curvature: the mean of p (1 - p) */
    double *at, *gradient;        /* [theta size]: the coordinates of hessian.h, and the gradient by them */
} cvt_point;

typedef struct cvt_loss {
    const cvt_examples *x;
    const cvt_hessian *hessian;
    double l2, *totals;         /* totals [fits]: the sum of a fit's weights */
    int fits, first;            /* how many go side by side; the group of the first of them */
    cvt_team *team;             /* NULL where there is too little to share */
    cvt_theta_size one, wide;   /* of one fit; of those that are asked about, side by side, k padded */
    size_t stride;              /* of rows: such that a column does not fall into few sets of a cache */
    double *memory;             /* all below: */
    double *theta, *gradient;   /* [wide] */
    double *rows;               /* [block, stride]: the rows of a block, padded with 0 */
    double *errors;             /* [block, wide k]: weight * (probability - truth) */
    double *losses, *curvature; /* [block, fits] */
    const int *asked;           /* [n_asked]: the fits that are asked about */
    int n_asked;
} cvt_loss;

/* For `fits` fits side by side. CVT_NO_MEMORY. */
cvt_status cvt_loss_new(cvt_loss *out, const cvt_examples *x, int fits, double l2, const cvt_hessian *hessian,
                        const cvt_theta_size *size, cvt_error *error);
/* Fits go on with those of group `first` and up. */
void cvt_loss_begin(cvt_loss *loss, int first);
void cvt_loss_free(cvt_loss *loss);

/* Fills in the points of the fits `asked` [n], points[f] that of fit f. What a fit gets does not depend on the others.
 */
void cvt_loss_evaluate(cvt_loss *loss, cvt_point *const *points, const int *asked, int n);

/* The weights of the fits 0 to n - 1 become coordinates: from[f] to to[f], [theta size]; and back. */
void cvt_loss_from_weights(cvt_loss *loss, cvt_point *const *to, double *const *from, int n);
void cvt_loss_to_weights(cvt_loss *loss, double *const *to, cvt_point *const *from, int n);

/* The product of two vectors [n], summed in an order of its own. */
double cvt_loss_dot(const double *a, const double *b, size_t n);

#endif
