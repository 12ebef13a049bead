/* loss.c - the loss of several fits and its gradients, block by block of the examples. */
#include "learn/loss.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64, ROWS = 8 }; /* ROWS: those that one thread makes at a time */

/* ---- the loss and its gradient by the weights ------------------------------------------------------------------ */

/* What example i counts in a fit. */
static double weight_of(const cvt_loss *l, size_t i, int fit) {
    return i >= l->x->n || (l->x->groups && l->x->groups[i] == l->first + fit) ? 0 : l->x->weights[i];
}

/* Widens row i into `to`, which is padded already. */
static void read_row(double *to, const cvt_examples *x, size_t i) {
    const float *narrow = x->narrow ? x->narrow + i * x->d : NULL;
    if (!narrow) memcpy(to, x->wide + i * x->d, x->d * sizeof *to);
    for (size_t j = 0; narrow && j < x->d; j++) to[j] = (double)narrow[j];
}

/* Turns the logits z [k] of one example into weight * (probability - truth). Returns its weighted loss. */
static double soften(double *z, int classes, double weight, int label, double *curvature) {
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

/* Makes ROWS rows of a block: the features, then the errors. */
static void make_rows(const cvt_loss *l, size_t first, size_t at) {
    const size_t d = l->wide.d, k = l->wide.k;
    const int classes = l->x->classes;
    double *rows = l->rows + at * l->stride, *errors = l->errors + at * k;
    for (size_t r = 0; r < ROWS; r++) {
        if (first + at + r < l->x->n)
            read_row(rows + r * l->stride, l->x, first + at + r);
        else
            memset(rows + r * l->stride, 0, d * sizeof *rows);
        memcpy(errors + r * k, l->theta + d * k, k * sizeof *errors);
    }
    l->x->kernels->add_doubles(errors, k, rows, l->stride, 1, l->theta, k, ROWS, k, d);
    for (size_t r = 0; r < ROWS; r++)
        for (int s = 0; s < l->n_asked; s++) {
            const size_t i = first + at + r, place = (at + r) * (size_t)l->fits + (size_t)s;
            const double weight = weight_of(l, i, l->asked[s]) / l->totals[l->asked[s]];
            double *own = errors + r * k + s * classes;
            l->losses[place] = l->curvature[place] = 0;
            if (weight > 0)
                l->losses[place] = soften(own, classes, weight, l->x->labels[i], &l->curvature[place]);
            else
                memset(own, 0, (size_t)classes * sizeof *own);
        }
}

/* Adds the block to ROWS rows of the gradient, or to the row of the biases. */
static void add_gradient(const cvt_loss *l, size_t j) {
    const size_t d = l->wide.d, k = l->wide.k;
    double *to = l->gradient + j * k;
    if (j < d) {
        l->x->kernels->add_doubles(to, k, l->rows + j, 1, l->stride, l->errors, k, ROWS, k, BLOCK);
        return;
    }
    for (size_t i = 0; i < BLOCK; i++)
        for (size_t q = 0; q < k; q++) to[q] += l->errors[i * k + q];
}

static void add_losses(const cvt_loss *l, cvt_point *const *points) {
    for (int s = 0; s < l->n_asked; s++) {
        cvt_point *p = points[l->asked[s]];
        double loss = 0, spread = 0;
        for (size_t i = 0; i < BLOCK; i++) {
            loss += l->losses[i * (size_t)l->fits + (size_t)s];
            spread += l->curvature[i * (size_t)l->fits + (size_t)s];
        }
        p->loss += loss;
        p->curvature += spread;
    }
}

/* A block of the examples, from `first` on. */
typedef struct block {
    const cvt_loss *l;
    cvt_point *const *points;
    size_t first;
} block;

static void make_rows_of(void *context, size_t i) {
    const block *b = context;
    make_rows(b->l, b->first, i * ROWS);
}

/* Number 0 adds the losses, the others ROWS rows of the gradient each. */
static void add_part(void *context, size_t i) {
    const block *b = context;
    if (i == 0)
        add_losses(b->l, b->points);
    else
        add_gradient(b->l, (i - 1) * ROWS);
}

static void add_examples(const cvt_loss *l, cvt_point *const *points) {
    memset(l->gradient, 0, l->wide.bytes);
    for (size_t first = 0; first < l->x->n; first += BLOCK) {
        block b = {l, points, first};
        cvt_team_each(l->team, BLOCK / ROWS, 0, make_rows_of, &b);
        cvt_team_each(l->team, 2 + l->wide.d / ROWS, 0, add_part, &b);
    }
}

/* ---- fits side by side ----------------------------------------------------------------------------------------- */

double cvt_loss_dot(const double *a, const double *b, size_t n) {
    double sums[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t q = 0; q < 8; q++) sums[q] += a[i + q] * b[i + q];
    for (; i < n; i++) sums[0] += a[i] * b[i];
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

/* The vector of a fit into the place s of the wide one, and back. */
static void put(const cvt_loss *l, double *wide, int s, const double *v) {
    const size_t k = l->one.k;
    for (size_t j = 0; j <= l->one.d; j++) memcpy(wide + j * l->wide.k + (size_t)s * k, v + j * k, k * sizeof *v);
}

static void take(const cvt_loss *l, double *v, const double *wide, int s) {
    const size_t k = l->one.k;
    for (size_t j = 0; j <= l->one.d; j++) memcpy(v + j * k, wide + j * l->wide.k + (size_t)s * k, k * sizeof *v);
}

/* Makes room for n fits side by side. */
static void widen(cvt_loss *l, int n) {
    l->wide = (cvt_theta_size){.d = l->one.d, .k = cvt_round_up(l->one.k * (size_t)n, CVT_TILE)};
    l->wide.count = (l->wide.d + 1) * l->wide.k;
    l->wide.bytes = l->wide.count * sizeof(double);
    memset(l->theta, 0, l->wide.bytes);
}

void cvt_loss_evaluate(cvt_loss *l, cvt_point *const *points, const int *asked, int n) {
    const size_t weights = l->one.d * l->one.k;
    l->asked = asked;
    l->n_asked = n;
    widen(l, n);
    for (int s = 0; s < n; s++) {
        points[asked[s]]->loss = points[asked[s]]->curvature = 0;
        put(l, l->theta, s, points[asked[s]]->at);
    }
    cvt_hessian_to_weights(l->hessian, l->theta, &l->wide, l->team);
    add_examples(l, points);
    for (size_t i = 0; i < l->wide.d * l->wide.k; i++) l->gradient[i] += l->l2 * l->theta[i];
    for (int s = 0; s < n; s++) {
        cvt_point *p = points[asked[s]];
        take(l, p->gradient, l->theta, s);
        p->loss += l->l2 / 2 * cvt_loss_dot(p->gradient, p->gradient, weights);
        take(l, p->gradient, l->gradient, s);
        p->norm = sqrt(cvt_loss_dot(p->gradient, p->gradient, l->one.count));
    }
    cvt_hessian_to_gradient(l->hessian, l->gradient, &l->wide, l->team);
    for (int s = 0; s < n; s++) take(l, points[asked[s]]->gradient, l->gradient, s);
}

void cvt_loss_from_weights(cvt_loss *l, cvt_point *const *to, double *const *from, int n) {
    widen(l, n);
    for (int f = 0; f < n; f++) put(l, l->theta, f, from[f]);
    cvt_hessian_from_weights(l->hessian, l->theta, &l->wide, l->team);
    for (int f = 0; f < n; f++) take(l, to[f]->at, l->theta, f);
}

void cvt_loss_to_weights(cvt_loss *l, double *const *to, cvt_point *const *from, int n) {
    widen(l, n);
    for (int f = 0; f < n; f++) put(l, l->theta, f, from[f]->at);
    cvt_hessian_to_weights(l->hessian, l->theta, &l->wide, l->team);
    for (int f = 0; f < n; f++) take(l, to[f], l->theta, f);
}

/* ---- making ---------------------------------------------------------------------------------------------------- */

cvt_status cvt_loss_new(cvt_loss *out, const cvt_examples *x, int fits, double l2, const cvt_hessian *hessian,
                        const cvt_theta_size *size, cvt_error *error) {
    const size_t n = (size_t)fits, k = cvt_round_up(size->k * n, CVT_TILE), wide = (size->d + 1) * k,
                 stride = size->d + 8;
    *out = (cvt_loss){.x = x, .hessian = hessian, .l2 = l2, .fits = fits, .one = *size, .stride = stride};
    out->team = (double)x->n * (double)wide > 4e6 ? x->team : NULL;
    out->memory = calloc(2 * wide + BLOCK * (stride + k + 2 * n) + n, sizeof *out->memory);
    if (!out->memory) return cvt_fail_memory(error);
    out->theta = out->memory;
    out->gradient = out->theta + wide;
    out->rows = out->gradient + wide;
    out->errors = out->rows + BLOCK * stride;
    out->losses = out->errors + BLOCK * k;
    out->curvature = out->losses + BLOCK * n;
    out->totals = out->curvature + BLOCK * n;
    return CVT_OK;
}

void cvt_loss_begin(cvt_loss *l, int first) {
    l->first = first;
    for (int f = 0; f < l->fits; f++) {
        l->totals[f] = 0;
        for (size_t i = 0; i < l->x->n; i++) l->totals[f] += weight_of(l, i, f);
    }
}

void cvt_loss_free(cvt_loss *loss) { free(loss->memory); }
