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

typedef struct table {
    float *features;
    size_t n, d;
    const double *weights;
    double total, *mean, *deviation;
} table;

static void standardise_column(void *context, size_t j) {
    const table *t = context;
    standardise(t->features + j, t->n, t->d, t->weights, t->total, t->mean + j, t->deviation + j);
}

cvt_status cvt_standardise(float *features, size_t n, size_t d, const double *weights, double *mean, double *deviation,
                           cvt_team *team, cvt_error *error) {
    enum { A_CACHE_LINE = 16 };
    double total = 0;
    for (size_t i = 0; i < n; i++) total += weights[i];
    for (size_t i = 0; i < n * d; i++)
        if (!isfinite(features[i]))
            return cvt_fail(error, CVT_NON_FINITE, "feature %zu of row %zu is not finite", i % d, i / d);
    table all = {features, n, d, weights, total, mean, deviation};
    cvt_team_each(team, d, A_CACHE_LINE, standardise_column, &all);
    return CVT_OK;
}

/* ---- the factor ------------------------------------------------------------------------------------------------ */

/* A column of the factor that is made. left: what the diagonal of X X^T has left. */
typedef struct column {
    cvt_subspace *s;
    double *left, root;
    const float *x;
    size_t d, t, pivot;
} column;

static void make_element(void *context, size_t i) {
    const column *c = context;
    const size_t n = c->s->n, d = c->d, t = c->t;
    const double *own = c->s->rows + c->pivot * n;
    double *row = c->s->rows + i * n, *left = c->left + i;
    if (*left < 0) return; /* it was a pivot */
    if (i == c->pivot) {
        row[t] = c->root;
        return;
    }
    double sum = cvt_dot(c->x + i * d, c->x + c->pivot * d, d);
    for (size_t k = 0; k < t; k++) sum -= row[k] * own[k];
    row[t] = sum / c->root;
    *left -= row[t] * row[t];
    if (*left < 0) *left = 0;
}

/* Makes column t of the factor from the pivot's row of X. */
static void add_column(cvt_subspace *s, double *left, const float *x, size_t d, size_t t, cvt_team *team) {
    enum { FEW = 64 };
    const size_t pivot = s->pivots[t];
    column c = {s, left, sqrt(left[pivot]), x, d, t, pivot};
    cvt_team_each(s->n > FEW ? team : NULL, s->n, 0, make_element, &c);
    left[pivot] = -1;
}

static void factorise(cvt_subspace *s, double *left, const float *x, size_t d, cvt_team *team) {
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
        add_column(s, left, x, d, s->rank, team);
    }
}

cvt_status cvt_subspace_new(cvt_subspace *out, const float *x, size_t n, size_t d, cvt_team *team, cvt_error *error) {
    *out = (cvt_subspace){.n = n};
    double *left = calloc(n, sizeof *left);
    out->rows = calloc(n * n, sizeof *out->rows);
    out->pivots = calloc(n, sizeof *out->pivots);
    const bool made = left && out->rows && out->pivots;
    if (made) factorise(out, left, x, d, team);
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
