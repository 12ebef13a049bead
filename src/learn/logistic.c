/* logistic.c - the loss, its gradient, and L-BFGS, in the coordinates of hessian.c. */
#include "learn/logistic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "learn/hessian.h"

enum { BLOCK = 64, MAX_ITERATIONS = 2000, MAX_TRIALS = 40, MAX_HISTORY = 10 };
static const size_t history_bytes = (size_t)64 << 20; /* that the history may take, but it has 3 pairs at least */

cvt_status cvt_theta_measure(cvt_theta_size *size, size_t d, int classes, cvt_error *error) {
    *size = (cvt_theta_size){.d = cvt_pad(d), .k = cvt_pad((size_t)classes)};
    if (!cvt_mul_size(size->d + 1, size->k, &size->count) || !cvt_mul_size(size->count, sizeof(double), &size->bytes) ||
        size->bytes > SIZE_MAX / 64)
        return cvt_fail(error, CVT_TOO_LARGE, "%zu features and %d labels are too many", d, classes);
    return CVT_OK;
}

/* ---- the loss and its gradient --------------------------------------------------------------------------------- */

/* What one fit works with. Its vectors are of the theta size. */
typedef struct work {
    const cvt_examples *x;
    const cvt_hessian *hessian;
    cvt_theta_size size;
    double l2, total;  /* total: the sum of the weights */
    int threads;       /* 1 where there is too little to share */
    size_t stride;     /* of rows: such that a column does not fall into few sets of a cache */
    double *rows;      /* [BLOCK, stride]: the rows of a block, padded with 0 */
    double *errors;    /* [BLOCK, k]: weight * (probability - truth) */
    double *losses;    /* [BLOCK] */
    double *curvature; /* [BLOCK] */
    double *theta;     /* the weights, for coordinates that are tried */
} work;

/* The loss somewhere. */
typedef struct point {
    double loss, norm, curvature; /* norm: of the gradient by the weights */
    double *at, *gradient;        /* the coordinates, and the gradient by them */
} point;

static bool counts(const cvt_examples *x, size_t i) { return i < x->n && x->weights[i] > 0; }

/* Widens row i into `to`, which is padded already. */
static void read_row(double *to, const cvt_examples *x, size_t i) {
    const float *narrow = x->narrow ? x->narrow + i * x->d : NULL;
    if (!narrow) memcpy(to, x->wide + i * x->d, x->d * sizeof *to);
    for (size_t j = 0; narrow && j < x->d; j++) to[j] = (double)narrow[j];
}

/* Turns the logits z [k] of one example into weight * (probability - truth). Returns its weighted loss. */
static double soften(double *z, const work *w, double weight, int label, double *curvature) {
    const int classes = w->x->classes;
    double most = z[0], sum = 0, own = z[label], spread = 0;
    for (int k = 1; k < classes; k++) most = z[k] > most ? z[k] : most;
    for (int k = 0; k < classes; k++) sum += z[k] = exp(z[k] - most);
    for (int k = 0; k < classes; k++) {
        const double p = z[k] / sum;
        spread += p * (1 - p);
        z[k] = weight * (p - (k == label));
    }
    *curvature = weight * spread / classes;
    return weight * (log(sum) + most - own);
}

/* Makes 4 rows of a block: the features, then the errors. */
static void make_rows(const work *w, size_t first, size_t at) {
    const size_t d = w->size.d, k = w->size.k;
    double *rows = w->rows + at * w->stride, *errors = w->errors + at * k;
    for (size_t r = 0; r < CVT_TILE_ROWS; r++) {
        if (counts(w->x, first + at + r))
            read_row(rows + r * w->stride, w->x, first + at + r);
        else
            memset(rows + r * w->stride, 0, d * sizeof *rows);
        memcpy(errors + r * k, w->theta + d * k, k * sizeof *errors);
    }
    w->x->kernels->add_doubles(errors, k, rows, w->stride, 1, w->theta, k, (int)k, d);
    for (size_t r = 0; r < CVT_TILE_ROWS; r++) {
        const size_t i = first + at + r;
        double *own = errors + r * k;
        w->losses[at + r] = w->curvature[at + r] = 0;
        if (!counts(w->x, i))
            memset(own, 0, k * sizeof *own);
        else
            w->losses[at + r] = soften(own, w, w->x->weights[i] / w->total, w->x->labels[i], &w->curvature[at + r]);
    }
}

/* Adds the block to 4 rows of the gradient, or to the row of the biases. */
static void add_gradient(const work *w, double *gradient, size_t j) {
    const size_t d = w->size.d, k = w->size.k;
    double *to = gradient + j * k;
    if (j < d) {
        w->x->kernels->add_doubles(to, k, w->rows + j, 1, w->stride, w->errors, k, (int)k, BLOCK);
        return;
    }
    for (size_t i = 0; i < BLOCK; i++)
        for (size_t q = 0; q < k; q++) to[q] += w->errors[i * k + q];
}

static double sum_of(const double *values) {
    double sum = 0;
    for (size_t i = 0; i < BLOCK; i++) sum += values[i];
    return sum;
}

/* The loss without the penalty, and its gradient by the weights. */
static void add_examples(const work *w, point *p) {
    double loss = 0, spread = 0;
    memset(p->gradient, 0, w->size.bytes);
#ifdef _OPENMP
#pragma omp parallel num_threads(w->threads) if (w->threads > 1)
#endif
    for (size_t first = 0; first < w->x->n; first += BLOCK) {
#ifdef _OPENMP
#pragma omp for schedule(static)
#endif
        for (size_t at = 0; at < BLOCK; at += CVT_TILE_ROWS) make_rows(w, first, at);
#ifdef _OPENMP
#pragma omp single nowait
#endif
        {
            loss += sum_of(w->losses);
            spread += sum_of(w->curvature);
        }
#ifdef _OPENMP
#pragma omp for schedule(static)
#endif
        for (size_t j = 0; j <= w->size.d; j += CVT_TILE_ROWS) add_gradient(w, p->gradient, j);
    }
    p->loss = loss;
    p->curvature = spread;
}

static double dot(const double *a, const double *b, size_t n) {
    double sums[8] = {0}; /* n is a multiple of 16 */
    for (size_t i = 0; i < n; i += 8)
        for (size_t q = 0; q < 8; q++) sums[q] += a[i + q] * b[i + q];
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

static void add(double *to, double factor, const double *of, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] += factor * of[i];
}

/* Fills in the loss and the gradient at the coordinates. */
static void evaluate(const work *w, point *p) {
    const size_t n = w->size.d * w->size.k;
    memcpy(w->theta, p->at, w->size.bytes);
    cvt_hessian_to_weights(w->hessian, w->theta, &w->size, w->threads);
    add_examples(w, p);
    p->loss += w->l2 / 2 * dot(w->theta, w->theta, n);
    add(p->gradient, w->l2, w->theta, n);
    p->norm = sqrt(dot(p->gradient, p->gradient, w->size.count));
    cvt_hessian_to_gradient(w->hessian, p->gradient, &w->size, w->threads);
}

/* ---- L-BFGS ---------------------------------------------------------------------------------------------------- */

typedef struct search {
    int history, pairs, next;    /* pairs: how many there are; next: the place of the next one */
    double *steps, *changes;     /* [history, theta size]: of the coordinates, and of the gradient */
    double inverse[MAX_HISTORY]; /* 1 / (step . change) */
    double scale;                /* of the first guess */
    double *direction;
    point now, tried;
} search;

/* The pair that was added `back` pairs ago. */
static int pair_at(const search *s, int back) { return (s->next + s->history - 1 - back) % s->history; }

/* direction = -H^-1 gradient, by the two loops over the pairs. */
static void choose_direction(search *s, size_t n) {
    double alpha[MAX_HISTORY];
    memcpy(s->direction, s->now.gradient, n * sizeof *s->direction);
    for (int back = 0; back < s->pairs; back++) {
        const int p = pair_at(s, back);
        alpha[p] = s->inverse[p] * dot(s->steps + (size_t)p * n, s->direction, n);
        add(s->direction, -alpha[p], s->changes + (size_t)p * n, n);
    }
    for (size_t i = 0; i < n; i++) s->direction[i] *= s->scale;
    for (int back = s->pairs - 1; back >= 0; back--) {
        const int p = pair_at(s, back);
        const double beta = s->inverse[p] * dot(s->changes + (size_t)p * n, s->direction, n);
        add(s->direction, alpha[p] - beta, s->steps + (size_t)p * n, n);
    }
    for (size_t i = 0; i < n; i++) s->direction[i] = -s->direction[i];
}

/* Goes along the direction to where the weak Wolfe conditions hold: `tried`. False: rounding leaves nothing to gain. */
static bool search_line(search *s, const work *w) {
    const size_t n = w->size.count;
    const double slope = dot(s->now.gradient, s->direction, n), start = s->now.loss;
    double low = 0, high = INFINITY, t = 1;
    if (!(slope < 0)) return false;
    for (int trial = 0; trial < MAX_TRIALS; trial++) {
        for (size_t i = 0; i < n; i++) s->tried.at[i] = s->now.at[i] + t * s->direction[i];
        evaluate(w, &s->tried);
        if (!(s->tried.loss <= start + 1e-4 * t * slope + 1e-15 * fabs(start)))
            high = t;
        else if (dot(s->tried.gradient, s->direction, n) < 0.9 * slope)
            low = t;
        else
            return true;
        t = high < INFINITY ? (low + high) / 2 : 2 * low;
    }
    return false;
}

/* Remembers how the gradient changed on the step to `tried`. */
static void add_pair(search *s, size_t n) {
    double *step = s->steps + (size_t)s->next * n, *change = s->changes + (size_t)s->next * n;
    for (size_t i = 0; i < n; i++) {
        step[i] = s->tried.at[i] - s->now.at[i];
        change[i] = s->tried.gradient[i] - s->now.gradient[i];
    }
    const double along = dot(step, change, n);
    if (!(along > 0)) return;
    s->scale = along / dot(change, change, n);
    s->inverse[s->next] = 1 / along;
    s->next = (s->next + 1) % s->history;
    s->pairs = cvt_min_int(s->pairs + 1, s->history);
}

static void minimise(cvt_fit *fit, search *s, const work *w, double tolerance) {
    for (evaluate(w, &s->now);; fit->iterations++) {
        fit->converged = s->now.norm < tolerance;
        if (fit->converged || fit->iterations == MAX_ITERATIONS) break;
        choose_direction(s, w->size.count);
        if (!search_line(s, w)) {
            if (!s->pairs) break;
            s->pairs = 0; /* once more without what was remembered */
            s->scale = 1;
            continue;
        }
        add_pair(s, w->size.count);
        const point old = s->now;
        s->now = s->tried;
        s->tried = old;
    }
    fit->loss = s->now.loss;
    fit->gradient = s->now.norm;
    fit->curvature = s->now.curvature;
}

/* ---- a fit ----------------------------------------------------------------------------------------------------- */

static int choose_history(const cvt_theta_size *size) {
    const size_t pairs = history_bytes / (2 * size->bytes);
    return pairs < 3 ? 3 : pairs < MAX_HISTORY ? (int)pairs : MAX_HISTORY;
}

static void fit_all(double *theta, cvt_fit *fit, search *s, work *w, double *vectors, double tolerance) {
    const size_t size = w->size.count;
    s->steps = vectors;
    s->changes = s->steps + size * (size_t)s->history;
    s->now.at = s->changes + size * (size_t)s->history;
    s->now.gradient = s->now.at + size;
    s->tried.at = s->now.gradient + size;
    s->tried.gradient = s->tried.at + size;
    s->direction = s->tried.gradient + size;
    w->theta = theta;
    memcpy(s->now.at, theta, w->size.bytes);
    cvt_hessian_from_weights(w->hessian, s->now.at, &w->size);
    minimise(fit, s, w, tolerance);
    memcpy(theta, s->now.at, w->size.bytes);
    cvt_hessian_to_weights(w->hessian, theta, &w->size, w->threads);
}

cvt_status cvt_logistic_fit(double *theta, cvt_fit *fit, const cvt_examples *x, double l2, const cvt_hessian *hessian,
                            double tolerance, cvt_error *error) {
    work w = {.x = x, .l2 = l2, .hessian = hessian};
    search s = {.scale = 1};
    *fit = (cvt_fit){0};
    TRY(cvt_theta_measure(&w.size, x->d, x->classes, error));
    s.history = choose_history(&w.size);
    w.threads = (double)x->n * (double)w.size.count > 4e6 ? x->threads : 1;
    for (size_t i = 0; i < x->n; i++) w.total += x->weights[i];
    double *vectors = calloc(w.size.count * (2 * (size_t)s.history + 5), sizeof *vectors);
    w.stride = w.size.d + 8;
    double *rows = calloc(BLOCK * (w.stride + w.size.k + 2), sizeof *rows);
    const bool made = vectors && rows;
    if (made) {
        w.rows = rows;
        w.errors = rows + BLOCK * w.stride;
        w.losses = w.errors + BLOCK * w.size.k;
        w.curvature = w.losses + BLOCK;
        fit_all(theta, fit, &s, &w, vectors, tolerance);
    }
    free(vectors);
    free(rows);
    return made ? CVT_OK : cvt_fail_memory(error);
}

void cvt_logistic_logits(double *to, const cvt_examples *x, const double *theta, size_t i) {
    const size_t k = cvt_pad((size_t)x->classes), d = cvt_pad(x->d);
    for (int q = 0; q < x->classes; q++) to[q] = theta[d * k + (size_t)q];
    for (size_t j = 0; j < x->d; j++) {
        const double value = x->narrow ? (double)x->narrow[i * x->d + j] : x->wide[i * x->d + j];
        for (int q = 0; q < x->classes; q++) to[q] += value * theta[j * k + (size_t)q];
    }
}
