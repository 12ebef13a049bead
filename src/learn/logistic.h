/* logistic.h - multinomial logistic regression with an l2 penalty, in double precision.
 *
 *     loss(W, b) = sum_i w_i (log sum_k exp(x_i W_k + b_k) - (x_i W_y(i) + b_y(i))) / sum_i w_i  +  l2 / 2 |W|^2
 *
 * The biases b have no penalty. The loss is minimised by L-BFGS (Nocedal 1980) with a line search for the weak Wolfe
 * conditions (Lewis and Overton 2013), in coordinates in which a first guess of the Hessian is the identity: a block
 * for each class, curvature * X^T X / n + l2 I. That is Boehning's bound (1992) but for its factor, the curvature,
 * which is taken from the probabilities of an earlier fit.
 *
 * Every sum is made in an order that does not depend on the number of threads, so the result does not either. */
#ifndef CVT_LEARN_LOGISTIC_H
#define CVT_LEARN_LOGISTIC_H

#include "base/team.h"
#include "kernels/kernels.h"

/* The examples: rows of floats or of doubles. Rows of weight 0 are passed over. */
typedef struct cvt_examples {
    const cvt_kernels *kernels;
    const float *narrow; /* [n, d]; or NULL: */
    const double *wide;  /* [n, d] */
    size_t n, d;
    int classes;
    const int *labels;     /* [n], from 0 to classes - 1 */
    const double *weights; /* [n], none below 0, at least one above */
    const int *groups;     /* [n]: fit f passes over the examples of group f; NULL: none */
    cvt_team *team;
} cvt_examples;

/* W and b as one matrix: d rows, one a feature, then the row of the biases; k columns, one a class. */
typedef struct cvt_theta_size {
    size_t d, k;         /* d: padded to a multiple of 16; the rows that pad are 0 */
    size_t count, bytes; /* (d + 1) * k */
} cvt_theta_size;
/* CVT_TOO_LARGE where it does not fit in memory. */
cvt_status cvt_theta_measure(cvt_theta_size *size, size_t d, int classes, cvt_error *error);

/* The first guess of the Hessian, which does not depend on labels and weights: make it once, and fit often. */
typedef struct cvt_hessian cvt_hessian;
/* Reads at most 8192 rows, evenly spread. Of more than 2048 features it keeps the diagonal alone. */
cvt_status cvt_hessian_new(cvt_hessian **out, const cvt_examples *of, cvt_error *error);
void cvt_hessian_free(cvt_hessian *hessian);
/* Sets the two factors for the fits that follow. */
void cvt_hessian_set(cvt_hessian *hessian, double curvature, double l2, cvt_team *team);

/* How a fit went. */
typedef struct cvt_fit {
    double loss, gradient; /* the loss, and the Euclidean norm of its gradient, where the fit ended */
    double curvature;      /* the mean of p (1 - p) over examples and classes there */
    int iterations;
    bool converged; /* the gradient is below the tolerance */
} cvt_fit;

/* Minimises the loss of each of the fits from thetas[f] on, [theta size], until its gradient is below `tolerance`. A
 * fit that does not converge within 2000 iterations ends where it is, which is no failure. Fits go side by side, as
 * many as memory allows; what each gives does not depend on that. Each must have examples. CVT_NO_MEMORY,
 * CVT_TOO_LARGE. */
cvt_status cvt_logistic_fit(double *const *thetas, cvt_fit *results, int fits, const cvt_examples *examples, double l2,
                            const cvt_hessian *hessian, double tolerance, cvt_error *error);

#endif
