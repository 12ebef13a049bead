/* logistic.c - L-BFGS for several fits at once, in the coordinates of hessian.c. */
#include "learn/logistic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "learn/loss.h"

enum { MAX_ITERATIONS = 2000, MAX_TRIALS = 40, MIN_HISTORY = 3, MAX_HISTORY = 10, MAX_FITS = 8 };
static const size_t search_bytes = (size_t)64 << 20; /* that searches may take; one with MIN_HISTORY is always made */

cvt_status cvt_theta_measure(cvt_theta_size *size, size_t d, int classes, cvt_error *error) {
    *size = (cvt_theta_size){.d = cvt_round_up(d, CVT_PANEL), .k = (size_t)classes};
    if (!cvt_mul_size(size->d + 1, size->k, &size->count) || !cvt_mul_size(size->count, sizeof(double), &size->bytes) ||
        size->bytes > SIZE_MAX / 1024)
        return cvt_fail(error, CVT_TOO_LARGE, "%zu features and %d labels are too many", d, classes);
    return CVT_OK;
}

/* ---- L-BFGS ---------------------------------------------------------------------------------------------------- */

/* One fit on its way. */
typedef struct search {
    size_t n;                    /* numbers of a vector */
    int history, pairs, next;    /* pairs: how many there are; next: the place of the next one */
    double *steps, *changes;     /* [history, n]: of the coordinates, and of the gradient */
    double inverse[MAX_HISTORY]; /* 1 / (step . change) */
    double scale;                /* of the first guess */
    double *direction;
    cvt_point now, tried;
    bool begun;          /* `now` is known */
    double slope;        /* of the loss along the direction */
    double low, high, t; /* the search along it: how far at least, at most, and to `tried` */
    int trials;
    cvt_fit fit;
} search;

static void add(double *to, double factor, const double *of, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] += factor * of[i];
}

/* The pair that was added `back` pairs ago. */
static int pair_at(const search *s, int back) { return (s->next + s->history - 1 - back) % s->history; }

/* direction = -H^-1 gradient, by the two loops over the pairs. */
static void choose_direction(search *s) {
    const size_t n = s->n;
    double alpha[MAX_HISTORY];
    memcpy(s->direction, s->now.gradient, n * sizeof *s->direction);
    for (int back = 0; back < s->pairs; back++) {
        const int p = pair_at(s, back);
        alpha[p] = s->inverse[p] * cvt_loss_dot(s->steps + (size_t)p * n, s->direction, n);
        add(s->direction, -alpha[p], s->changes + (size_t)p * n, n);
    }
    for (size_t i = 0; i < n; i++) s->direction[i] *= s->scale;
    for (int back = s->pairs - 1; back >= 0; back--) {
        const int p = pair_at(s, back);
        const double beta = s->inverse[p] * cvt_loss_dot(s->changes + (size_t)p * n, s->direction, n);
        add(s->direction, alpha[p] - beta, s->steps + (size_t)p * n, n);
    }
    for (size_t i = 0; i < n; i++) s->direction[i] = -s->direction[i];
}

/* Remembers how the gradient changed on the step to `tried`. */
static void add_pair(search *s) {
    const size_t n = s->n;
    double *step = s->steps + (size_t)s->next * n, *change = s->changes + (size_t)s->next * n;
    for (size_t i = 0; i < n; i++) {
        step[i] = s->tried.at[i] - s->now.at[i];
        change[i] = s->tried.gradient[i] - s->now.gradient[i];
    }
    const double along = cvt_loss_dot(step, change, n);
    if (!(along > 0)) return;
    s->scale = along / cvt_loss_dot(change, change, n);
    s->inverse[s->next] = 1 / along;
    s->next = (s->next + 1) % s->history;
    s->pairs = cvt_min_int(s->pairs + 1, s->history);
}

/* ---- the search along a direction ------------------------------------------------------------------------------ */

static void try_at(search *s, double t) {
    s->t = t;
    for (size_t i = 0; i < s->n; i++) s->tried.at[i] = s->now.at[i] + t * s->direction[i];
}

/* Begins to go along a new direction. False: rounding leaves nothing to gain. */
static bool start_line(search *s) {
    choose_direction(s);
    s->slope = cvt_loss_dot(s->now.gradient, s->direction, s->n);
    s->low = s->trials = 0;
    s->high = INFINITY;
    try_at(s, 1);
    return s->slope < 0;
}

/* Begins again without what was remembered. */
static bool start_afresh(search *s) {
    const bool any = s->pairs > 0;
    s->pairs = 0;
    s->scale = 1;
    return any && start_line(s);
}

/* Ends the fit, or begins to go along the next direction. */
static bool start_iteration(search *s, double tolerance) {
    s->fit.converged = s->now.norm < tolerance;
    if (s->fit.converged || s->fit.iterations == MAX_ITERATIONS) return false;
    s->fit.iterations++;
    return start_line(s) || start_afresh(s);
}

static void accept(search *s) {
    const cvt_point old = s->now;
    s->now = s->tried;
    s->tried = old;
}

/* Takes what was found at `tried`, and chooses the next point to try: where the weak Wolfe conditions may hold. False:
 * the fit has ended. */
static bool go_on(search *s, double tolerance) {
    const double start = s->now.loss;
    if (!s->begun) {
        s->begun = true;
        accept(s);
        return start_iteration(s, tolerance);
    }
    if (!(s->tried.loss <= start + 1e-4 * s->t * s->slope + 1e-15 * fabs(start))) {
        s->high = s->t;
    } else if (cvt_loss_dot(s->tried.gradient, s->direction, s->n) < 0.9 * s->slope) {
        s->low = s->t;
    } else {
        add_pair(s);
        accept(s);
        return start_iteration(s, tolerance);
    }
    if (++s->trials == MAX_TRIALS) return start_afresh(s);
    try_at(s, s->high < INFINITY ? (s->low + s->high) / 2 : 2 * s->low);
    return true;
}

/* ---- fits side by side ----------------------------------------------------------------------------------------- */

/* How many fits go side by side, and what each remembers. */
static int choose_width(const cvt_theta_size *size, int fits, int *history) {
    const size_t vectors = search_bytes / size->bytes, least = 2 * MIN_HISTORY + 5;
    int width = vectors / least < (size_t)fits ? (int)(vectors / least) : fits;
    width = width < 1 ? 1 : width < MAX_FITS ? width : MAX_FITS;
    const size_t each = vectors / (size_t)fits;
    *history = each < least ? MIN_HISTORY : each > 2 * MAX_HISTORY + 5 ? MAX_HISTORY : (int)(each - 5) / 2;
    return width;
}

static void begin(search *s, double *vectors, int history, const cvt_theta_size *size) {
    const size_t n = size->count;
    *s = (search){.n = n, .history = history, .scale = 1};
    s->steps = vectors;
    s->changes = s->steps + n * (size_t)history;
    s->now.at = s->changes + n * (size_t)history;
    s->now.gradient = s->now.at + n;
    s->tried.at = s->now.gradient + n;
    s->tried.gradient = s->tried.at + n;
    s->direction = s->tried.gradient + n;
}

/* Fits `first` to `first + n - 1`. */
static void fit_some(double *const *thetas, cvt_fit *results, search *searches, cvt_loss *loss, int first, int n,
                     double tolerance) {
    cvt_point *points[MAX_FITS];
    int asked[MAX_FITS];
    cvt_loss_begin(loss, first);
    for (int f = 0; f < n; f++) {
        asked[f] = f;
        points[f] = &searches[f].tried;
    }
    cvt_loss_from_weights(loss, points, thetas + first, n);
    for (int left = n; left > 0;) {
        cvt_loss_evaluate(loss, points, asked, left);
        int going = 0;
        for (int s = 0; s < left; s++)
            if (go_on(&searches[asked[s]], tolerance)) asked[going++] = asked[s];
        left = going;
    }
    for (int f = 0; f < n; f++) {
        points[f] = &searches[f].now;
        results[first + f] = searches[f].fit;
        results[first + f].loss = points[f]->loss;
        results[first + f].gradient = points[f]->norm;
        results[first + f].curvature = points[f]->curvature;
    }
    cvt_loss_to_weights(loss, thetas + first, points, n);
}

cvt_status cvt_logistic_fit(double *const *thetas, cvt_fit *results, int fits, const cvt_examples *x, double l2,
                            const cvt_hessian *hessian, double tolerance, cvt_error *error) {
    cvt_theta_size size;
    cvt_loss loss;
    int history;
    TRY(cvt_theta_measure(&size, x->d, x->classes, error));
    const int width = choose_width(&size, fits, &history);
    const size_t each = size.count * (2 * (size_t)history + 5);
    TRY(cvt_loss_new(&loss, x, width, l2, hessian, &size, error));
    double *vectors = calloc(each * (size_t)width, sizeof *vectors);
    for (int first = 0; vectors && first < fits; first += width) {
        const int n = fits - first < width ? fits - first : width;
        search searches[MAX_FITS];
        for (int f = 0; f < n; f++) begin(&searches[f], vectors + each * (size_t)f, history, &size);
        fit_some(thetas, results, searches, &loss, first, n, tolerance);
    }
    free(vectors);
    cvt_loss_free(&loss);
    return vectors ? CVT_OK : cvt_fail_memory(error);
}
