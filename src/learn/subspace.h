/* subspace.h - features made comparable, and fewer where there are more of them than rows. Private to learn/. */
#ifndef CVT_LEARN_SUBSPACE_H
#define CVT_LEARN_SUBSPACE_H

#include <stddef.h>

#include "base/error.h"
#include "base/team.h"

/* Turns every column of features [n, d] into one of mean 0 and standard deviation 1, in place. A column whose values
 * are all the same becomes 0. mean, deviation: [d]; a deviation of 0 is given as 1. weights [n] say how much each row
 * counts. */
cvt_status cvt_standardise(float *features, size_t n, size_t d, const double *weights, double *mean, double *deviation,
                           cvt_team *team, cvt_error *error);

/* Rows of `rank` numbers that have the same products with each other as the rows of X have: X = L Q^T with Q's columns
 * orthonormal, so that a model of L with weights v is the model of X with weights Q v, and |v| = |Q v|. L is the
 * Cholesky factor of X X^T with pivots. */
typedef struct cvt_subspace {
    size_t n, rank;
    double *rows;   /* L, [n, rank] */
    size_t *pivots; /* [rank]: rows of X; L of these rows is lower triangular */
} cvt_subspace;
/* Of few rows only: n^2 doubles are needed for a while. */
cvt_status cvt_subspace_new(cvt_subspace *out, const float *x, size_t n, size_t d, cvt_team *team, cvt_error *error);
void cvt_subspace_free(cvt_subspace *s);
/* Replaces v, [rank] numbers that lie `stride` apart, by L_pivots^-T v: the weights of the pivots' rows of X whose sum
 * is Q v. */
void cvt_subspace_return(const cvt_subspace *s, double *v, size_t stride);

#endif
