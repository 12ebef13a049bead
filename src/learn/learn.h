/* learn.h - a linear classifier of features: standardised, fitted by logistic regression (logistic.h), its penalty
 * chosen by cross-validation. Plain arrays in, plain arrays out; the same bytes for any number of threads. */
#ifndef CVT_LEARN_LEARN_H
#define CVT_LEARN_LEARN_H

#include <stdint.h>

#include "base/team.h"
#include "base/error.h"

enum { CVT_FOLDS = 5 };

/* What is learned from: n images, each of which has `views` rows of features, the plain image first. */
typedef struct cvt_lesson {
    float *features; /* [views, n, d]: standardised in place */
    size_t n, views, d;
    const int *labels; /* [n], from 0 to classes - 1; every class has two images at least */
    int classes;
    const size_t *twins; /* [n]: the first image with the same bytes and label, or the image itself */
    double l2;           /* the penalty; 0: choose it */
    bool balance;        /* classes count alike, not images */
    uint64_t seed;       /* of the folds */
    cvt_team *team;      /* NULL: one thread */
} cvt_lesson;

/* What classifiers say of images that they have not seen, each of which learned from four folds of five. */
typedef struct cvt_unseen {
    int *answers;        /* [n]: the label */
    float *own, *surest; /* [n]: the probabilities of the image's own label, and of the answer */
} cvt_unseen;

/* What was learned. The arrays are the caller's to free with cvt_learned_free. */
typedef struct cvt_learned {
    float *weight, *bias; /* [classes, d], [classes]: of the features as they were given */
    double l2;
    bool converged;
    size_t right;      /* of n images, those that got their label: of `unseen` */
    cvt_unseen unseen; /* with the penalty l2 */
    cvt_unseen likely; /* with the penalty of the least loss, or that which is given: the best probabilities */
} cvt_learned;

/* Errors: CVT_NO_MEMORY, CVT_TOO_LARGE, CVT_NON_FINITE. */
cvt_status cvt_learn(cvt_learned *out, const cvt_lesson *lesson, cvt_error *error);
void cvt_learned_free(cvt_learned *learned);

/* The answer of the learned classifier for a row of features [d], in double precision. */
int cvt_learned_answer(const cvt_learned *learned, const float *features, size_t d, int classes);

/* Deals the images into folds [n], 0 to CVT_FOLDS - 1: every class evenly, twins together unless a class has no
 * others. */
cvt_status cvt_deal_folds(int *folds, const cvt_lesson *lesson, cvt_error *error);

/* Wilson's 95 % interval of a share: `right` of n. */
void cvt_wilson(double *low, double *high, size_t right, size_t n);

#endif
