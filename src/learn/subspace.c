/* subspace.c - standardising, and the Cholesky factor of the rows' products. */
#include "learn/subspace.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "learn/dot.h"

/* ---- standardising --------------------------------------------------------------------------------------------- */

/* One column, in the order of the rows. Two passes, so that a large mean does not eat the deviation. */
static void standardise(float *column, size_t n, size_t d, const double *weights, double total, double *mean,
                        double *deviation) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) sum += weights[i] * (double)column[i * d];
    *mean = sum / total;
    for (size_t i = 0; i < n; i++) {
        const double from = (double)column[i * d] - *mean;
        squares += weights[i] * from * from;
    }
    *deviation = sqrt(squares / total);
    if (!(*deviation > 1e-7 * fabs(*mean)) || !(*deviation > 1e-30)) *deviation = 1;
    for (size_t i = 0; i < n; i++) column[i * d] = (float)(((double)column[i * d] - *mean) / *deviation);
}

cvt_status cvt_standardise(float *features, size_t n, size_t d, const double *weights, double *mean, double *deviation,
                           int threads, cvt_error *error) {
    double total = 0;
    for (size_t i = 0; i < n; i++) total += weights[i];
    for (size_t i = 0; i < n * d; i++)
        if (!isfinite(features[i]))
            return cvt_fail(error, CVT_NON_FINITE, "feature %zu of row %zu is not finite", i % d, i / d);
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static, 16)
#else
    (void)threads;
#endif
    for (size_t j = 0; j < d; j++) standardise(features + j, n, d, weights, total, mean + j, deviation + j);
    return CVT_OK;
}

/* ---- the factor ------------------------------------------------------------------------------------------------ */

/* Makes column t of the factor from the pivot's row of X. left: what the diagonal of X X^T has left. */
static void add_column(cvt_subspace *s, double *left, const float *x, size_t d, size_t t, int threads) {
    const size_t n = s->n, pivot = s->pivots[t];
    const double root = sqrt(left[pivot]), *own = s->rows + pivot * n;
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) if (threads > 1 && n > 64) schedule(static)
#else
    (void)threads;
#endif
    for (size_t i = 0; i < n; i++) {
        double *row = s->rows + i * n;
        if (left[i] < 0) continue; /* it was a pivot */
        if (i == pivot) {
            row[t] = root;
            continue;
        }
        double sum = cvt_dot(x + i * d, x + pivot * d, d);
        for (size_t c = 0; c < t; c++) sum -= row[c] * own[c];
        row[t] = sum / root;
        left[i] -= row[t] * row[t];
        if (left[i] < 0) left[i] = 0;
    }
    left[pivot] = -1;
}

static void factorise(cvt_subspace *s, double *left, const float *x, size_t d, int threads) {
    double most = 0;
    for (size_t i = 0; i < s->n; i++) {
        left[i] = cvt_dot(x + i * d, x + i * d, d);
        most = left[i] > most ? left[i] : most;
    }
    for (s->rank = 0; s->rank < s->n && s->rank < d; s->rank++) {
        size_t pivot = 0;
        for (size_t i = 1; i < s->n; i++)
            if (left[i] > left[pivot]) pivot = i;
        if (!(left[pivot] > 1e-10 * most)) return;
        s->pivots[s->rank] = pivot;
        add_column(s, left, x, d, s->rank, threads);
    }
}

cvt_status cvt_subspace_new(cvt_subspace *out, const float *x, size_t n, size_t d, int threads, cvt_error *error) {
    *out = (cvt_subspace){.n = n};
    double *left = calloc(n, sizeof *left);
    out->rows = calloc(n * n, sizeof *out->rows);
    out->pivots = calloc(n, sizeof *out->pivots);
    const bool made = left && out->rows && out->pivots;
    if (made) factorise(out, left, x, d, threads);
    free(left);
    if (made) { /* the rows move together: [n, n] becomes [n, rank] */
        for (size_t i = 0; i < n; i++)
            memmove(out->rows + i * out->rank, out->rows + i * n, out->rank * sizeof(double));
        return CVT_OK;
    }
    cvt_subspace_free(out);
    return cvt_fail_memory(error);
}

void cvt_subspace_free(cvt_subspace *s) {
    free(s->rows);
    free(s->pivots);
    *s = (cvt_subspace){0};
}

void cvt_subspace_return(const cvt_subspace *s, double *v, size_t stride) {
    for (size_t t = s->rank; t-- > 0;) {
        const double *row = s->rows + s->pivots[t] * s->rank;
        v[t * stride] /= row[t];
        for (size_t c = 0; c < t; c++) v[c * stride] -= row[c] * v[t * stride];
    }
}
