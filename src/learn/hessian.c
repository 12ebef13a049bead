/* hessian.c - the moments of the features, and their Cholesky factor. */
#include "learn/hessian.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 8192, MAX_FEATURES = 2048, BLOCK = 128 };

struct cvt_hessian {
    const cvt_kernels *kernels;
    size_t d, ld;     /* padded; of the matrix: such that a column does not fall into few sets of a cache */
    double *matrix;   /* [d, ld]: X^T X / n below the diagonal, -U above it; NULL: the diagonals alone */
    double *squares;  /* [d]: the diagonal of X^T X / n */
    double *diagonal; /* [d]: that of U */
    double *rows;     /* [BLOCK, d]: some rows of X, then 4 rows of the factor that is made */
    double bias;      /* that of U */
};

void cvt_hessian_free(cvt_hessian *h) {
    if (!h) return;
    free(h->matrix);
    free(h->squares);
    free(h->diagonal);
    free(h->rows);
    free(h);
}

/* ---- moments --------------------------------------------------------------------------------------------------- */

/* Adds rows of X to CVT_TILE rows of the moments, as far as the diagonal; what lands above it is overwritten later. */
static void add_moments(cvt_hessian *h, size_t n, size_t i) {
    h->kernels->add_doubles(h->matrix + i * h->ld, h->ld, h->rows + i, 1, h->d, h->rows, h->d, CVT_TILE, i + CVT_TILE,
                            n);
}

static void read_row(cvt_hessian *h, double *to, const cvt_examples *x, size_t i) {
    for (size_t j = 0; j < x->d; j++) {
        to[j] = x->narrow ? (double)x->narrow[i * x->d + j] : x->wide[i * x->d + j];
        h->squares[j] += to[j] * to[j];
    }
}

/* Rows of X that are added to the moments. */
typedef struct rows {
    cvt_hessian *h;
    size_t n;
} rows;

static void add_moments_of(void *context, size_t i) {
    const rows *r = context;
    add_moments(r->h, r->n, i * CVT_TILE);
}

static void add_rows(cvt_hessian *h, const cvt_examples *x, size_t used) {
    for (size_t first = 0; first < used; first += BLOCK) {
        const size_t n = used - first < BLOCK ? used - first : BLOCK;
        for (size_t r = 0; r < n; r++)
            read_row(h, h->rows + r * h->d, x, (size_t)((double)(first + r) * ((double)x->n / (double)used)));
        if (!h->matrix) continue;
        rows r = {h, n};
        cvt_team_each(x->team, h->d / CVT_TILE, 8, add_moments_of, &r);
    }
    for (size_t j = 0; j < h->d; j++) h->squares[j] /= (double)used;
    for (size_t i = 0; h->matrix && i < h->d * h->ld; i++) h->matrix[i] /= (double)used;
}

cvt_status cvt_hessian_new(cvt_hessian **out, const cvt_examples *of, cvt_error *error) {
    *out = NULL;
    cvt_hessian *h = calloc(1, sizeof *h);
    if (!h) return cvt_fail_memory(error);
    h->kernels = of->kernels;
    h->d = cvt_round_up(of->d, CVT_PANEL);
    h->ld = h->d + 8;
    h->squares = calloc(h->d, sizeof *h->squares);
    h->diagonal = calloc(h->d, sizeof *h->diagonal);
    h->rows = calloc(BLOCK * h->d, sizeof *h->rows);
    if (h->d <= MAX_FEATURES) h->matrix = calloc(h->d * h->ld, sizeof *h->matrix);
    if (!h->squares || !h->diagonal || !h->rows || (!h->matrix && h->d <= MAX_FEATURES)) {
        cvt_hessian_free(h);
        return cvt_fail_memory(error);
    }
    add_rows(h, of, of->n < MAX_ROWS ? of->n : MAX_ROWS);
    *out = h;
    return CVT_OK;
}

/* ---- the factor ------------------------------------------------------------------------------------------------ */

/* The factor is made a panel at a time, so that the rows above it are read but once for each panel; of these STEPS at a
 * time, so that a tile's part of them stays in cache. */
enum { TILE = 32, STEPS = 64 };

/* The guess from row i and column j on, CVT_PANEL x n, less what the rows of U above it make of it; times -1. */
static void start_tile(cvt_hessian *h, double curvature, double l2, size_t i, size_t j, size_t n) {
    const size_t d = h->d;
    for (size_t column = j; column < j + n; column++)
        for (size_t r = 0; r < CVT_PANEL; r++) {
            const size_t row = i + r;
            double value = column > row ? h->matrix[column * h->ld + row] : column == row ? h->squares[row] : 0;
            h->rows[r * d + column] = -curvature * value - (column == row ? l2 : 0);
        }
    for (size_t t = 0; t < i; t += STEPS)
        h->kernels->add_doubles(h->rows + j, d, h->matrix + t * h->ld + i, 1, h->ld, h->matrix + t * h->ld + j, h->ld,
                                CVT_PANEL, n, i - t < STEPS ? i - t : STEPS);
}

/* The rows of U from i on, from what start_tile has made. */
static void finish_rows(cvt_hessian *h, double l2, size_t i) {
    const size_t d = h->d;
    for (size_t r = 0; r < CVT_PANEL; r++) {
        double *left = h->rows + r * d, *own = h->matrix + (i + r) * h->ld;
        for (size_t s = 0; s < r; s++) {
            const double *above = h->matrix + (i + s) * h->ld;
            for (size_t j = i + r; j < d; j++) left[j] += above[i + r] * above[j];
        }
        const double pivot = -left[i + r];
        h->diagonal[i + r] = sqrt(pivot > l2 / 2 ? pivot : l2 / 2);
        for (size_t j = i + r + 1; j < d; j++) own[j] = left[j] / h->diagonal[i + r];
    }
}

/* Rows i to i + CVT_PANEL - 1 of the guess. */
typedef struct guess {
    cvt_hessian *h;
    double curvature, l2;
    size_t i;
} guess;

static void start_tile_of(void *context, size_t j) {
    const guess *g = context;
    const size_t first = g->i + j * TILE;
    start_tile(g->h, g->curvature, g->l2, g->i, first, g->h->d - first < TILE ? g->h->d - first : TILE);
}

void cvt_hessian_set(cvt_hessian *h, double curvature, double l2, cvt_team *team) {
    enum { FEW = 256 };
    h->bias = sqrt(curvature);
    for (size_t j = 0; !h->matrix && j < h->d; j++) h->diagonal[j] = sqrt(curvature * h->squares[j] + l2);
    for (size_t i = 0; h->matrix && i < h->d; i += CVT_PANEL) {
        guess g = {h, curvature, l2, i};
        cvt_team_each(i > FEW ? team : NULL, (h->d - i + TILE - 1) / TILE, 0, start_tile_of, &g);
        finish_rows(h, l2, i);
    }
}

/* ---- coordinates ----------------------------------------------------------------------------------------------- */

enum { ROWS = 8 };

/* Rows first to end - 1 of v, from which the rows before them are taken off already. */
static void gradient_rows(const cvt_hessian *h, double *v, size_t k, size_t n, size_t first, size_t end) {
    for (size_t i = first; i < end; i++) {
        const size_t own = i / ROWS * ROWS;
        if (h->matrix && i == own)
            h->kernels->add_doubles(v + i * k, k, h->matrix + first * h->ld + i, 1, h->ld, v + first * k, k, ROWS, n,
                                    i - first);
        for (size_t t = own; h->matrix && t < i; t++)
            for (size_t q = 0; q < n; q++) v[i * k + q] += h->matrix[t * h->ld + i] * v[t * k + q];
        for (size_t q = 0; q < n; q++) v[i * k + q] /= h->diagonal[i];
    }
}

/* Of v, k columns wide, n columns; v begins at the first of them. CVT_PANEL rows are taken off all rows behind them
 * together: so U is read along its rows, and along no more of them at once than a CPU foresees. */
static void gradient_columns(const cvt_hessian *h, double *v, size_t k, size_t n) {
    const size_t d = h->d;
    for (size_t first = 0; first < d; first += CVT_PANEL) {
        const size_t end = first + CVT_PANEL;
        gradient_rows(h, v, k, n, first, end);
        if (h->matrix && end < d)
            h->kernels->add_doubles(v + end * k, k, h->matrix + first * h->ld + end, 1, h->ld, v + first * k, k,
                                    d - end, n, end - first);
    }
    for (size_t q = 0; q < n; q++) v[d * k + q] /= h->bias;
}

static void weight_columns(const cvt_hessian *h, double *v, size_t k, size_t n) {
    const size_t d = h->d;
    for (size_t i = d; i-- > 0;) {
        const size_t first = i / ROWS * ROWS, end = first + ROWS;
        if (h->matrix && i + 1 == end)
            h->kernels->add_doubles(v + first * k, k, h->matrix + first * h->ld + end, h->ld, 1, v + end * k, k, ROWS,
                                    n, d - end);
        for (size_t t = i + 1; h->matrix && t < end; t++)
            for (size_t q = 0; q < n; q++) v[i * k + q] += h->matrix[i * h->ld + t] * v[t * k + q];
        for (size_t q = 0; q < n; q++) v[i * k + q] /= h->diagonal[i];
    }
    for (size_t q = 0; q < n; q++) v[d * k + q] /= h->bias;
}

static void coordinate_columns(const cvt_hessian *h, double *v, size_t k, size_t n) {
    const size_t d = h->d;
    for (size_t i = 0; i < d; i++) {
        const size_t first = i / ROWS * ROWS, end = first + ROWS;
        for (size_t q = 0; q < n; q++) v[i * k + q] *= -h->diagonal[i];
        for (size_t t = i + 1; h->matrix && t < end; t++)
            for (size_t q = 0; q < n; q++) v[i * k + q] += h->matrix[i * h->ld + t] * v[t * k + q];
        if (i + 1 < end) continue;
        if (h->matrix)
            h->kernels->add_doubles(v + first * k, k, h->matrix + first * h->ld + end, h->ld, 1, v + end * k, k, ROWS,
                                    n, d - end);
        for (size_t q = 0; q < ROWS * k; q++)
            if (q % k < n) v[first * k + q] = -v[first * k + q];
    }
    for (size_t q = 0; q < n; q++) v[d * k + q] *= h->bias;
}

/* Each thread has its columns. What a column becomes does not depend on the others. */
typedef struct change {
    const cvt_hessian *h;
    double *v;
    size_t k, tiles, parts;
    void (*columns)(const cvt_hessian *h, double *v, size_t k, size_t n);
} change;

static void change_part(void *context, size_t p) {
    const change *c = context;
    const size_t first = c->tiles * p / c->parts * CVT_TILE;
    const size_t end = c->tiles * (p + 1) / c->parts * CVT_TILE;
    c->columns(c->h, c->v + first, c->k, end - first);
}

static void by_columns(const cvt_hessian *h, double *v, const cvt_theta_size *size, cvt_team *team,
                       void (*columns)(const cvt_hessian *h, double *v, size_t k, size_t n)) {
    const size_t tiles = size->k / CVT_TILE, threads = (size_t)cvt_team_size(team);
    change c = {h, v, size->k, tiles, tiles < threads ? tiles : threads, columns};
    cvt_team_each(c.parts > 1 ? team : NULL, c.parts, 1, change_part, &c);
}

void cvt_hessian_to_gradient(const cvt_hessian *h, double *v, const cvt_theta_size *size, cvt_team *team) {
    by_columns(h, v, size, team, gradient_columns);
}

void cvt_hessian_to_weights(const cvt_hessian *h, double *v, const cvt_theta_size *size, cvt_team *team) {
    by_columns(h, v, size, team, weight_columns);
}

void cvt_hessian_from_weights(const cvt_hessian *h, double *v, const cvt_theta_size *size, cvt_team *team) {
    by_columns(h, v, size, team, coordinate_columns);
}
