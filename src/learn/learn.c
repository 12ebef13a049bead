/* learn.c - cross-validation over a path of penalties, the final fit, and the classifier of the features as they were.
 *
 * The path goes from strong to weak penalties. The folds are fitted side by side; each fit begins on the line through
 * the ends of the two before it. It ends some penalties behind that at which the loss of images that were not seen is
 * least. That is best with which most of these images get their labels (docs/learning.md). It is walked roughly; at the
 * best penalty the folds are fitted once more, finely, since a classifier that is not quite fitted is less sure than
 * the final one, to which its probabilities are to apply. */
#include "learn/learn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "learn/hessian.h"
#include "learn/marks.h"
#include "learn/subspace.h"

enum {
    STEPS = 13,         /* penalties of the path: from 10 down to 1e-5, by half a power of ten each */
    FIRST = 4,          /* that which is tried first */
    WEAKER = 4,         /* penalties that are tried behind that of the least loss */
    MAX_SUBSPACE = 2048 /* rows of which the products with each other are made */
};
static const double tolerance = 1e-5, fine_tolerance = 1e-4; /* of the gradient: of the final fit, and of the folds' */
static const double equal_share = 0.005;                     /* of the images */
static const size_t most_before = (size_t)64 << 20;          /* bytes of weights that are kept to draw lines through */

/* The tolerance on the path: the loss is then at most 5e-4 above the least, or the gradient below 1e-3. */
static double rough_tolerance(double l2) { return sqrt(1e-3 * (l2 > 1e-3 ? l2 : 1e-3)); }

typedef struct run {
    const cvt_lesson *lesson;
    cvt_examples x;
    double *mean, *deviation;
    double *weights; /* [rows]: what each row counts */
    int *labels;     /* [rows] */
    int *folds;      /* [rows] */
    cvt_subspace subspace;
    cvt_hessian *hessian;
    cvt_theta_size size;
    double *theta[CVT_FOLDS];
    double *before[CVT_FOLDS]; /* the weights at the penalty before; NULL: there is no room for them */
    double at, at_before;      /* the logarithms of the penalties of both */
    int tried;                 /* penalties */
    cvt_marks marks, likely;   /* at the last penalty; at that of the least loss */
} run;

/* ---- preparing ------------------------------------------------------------------------------------------------- */

static cvt_status alloc_rows(run *r, cvt_error *error) {
    const cvt_lesson *l = r->lesson;
    const size_t rows = l->n * l->views;
    r->mean = calloc(l->d, sizeof *r->mean);
    r->deviation = calloc(l->d, sizeof *r->deviation);
    r->weights = calloc(rows, sizeof *r->weights);
    r->labels = calloc(rows, sizeof *r->labels);
    r->folds = calloc(rows, sizeof *r->folds);
    const bool made = r->mean && r->deviation && r->weights && r->labels && r->folds;
    if (!made) return cvt_fail_memory(error);
    TRY(cvt_marks_new(&r->marks, l->n, error));
    return cvt_marks_new(&r->likely, l->n, error);
}

/* The views of an image count as much as one image; with `balance` the images of a class as much as those of any
 * other. */
static cvt_status weigh(run *r, cvt_error *error) {
    const cvt_lesson *l = r->lesson;
    size_t *counts = calloc((size_t)l->classes, sizeof *counts);
    if (!counts) return cvt_fail_memory(error);
    for (size_t i = 0; i < l->n; i++) counts[l->labels[i]]++;
    for (size_t row = 0; row < l->n * l->views; row++) {
        const int label = r->labels[row] = l->labels[row % l->n];
        r->weights[row] = 1 / (double)l->views;
        if (l->balance) r->weights[row] *= (double)l->n / ((double)l->classes * (double)counts[label]);
    }
    free(counts);
    return CVT_OK;
}

static cvt_status prepare(run *r, cvt_error *error) {
    const cvt_lesson *l = r->lesson;
    const size_t rows = l->n * l->views;
    const cvt_kernels *kernels;
    TRY(cvt_kernels_find(&kernels, NULL, error));
    TRY(alloc_rows(r, error));
    TRY(weigh(r, error));
    TRY(cvt_deal_folds(r->folds, l, error));
    for (size_t row = l->n; row < rows; row++) r->folds[row] = r->folds[row - l->n];
    TRY(cvt_standardise(l->features, rows, l->d, r->weights, r->mean, r->deviation, l->team, error));
    r->x = (cvt_examples){.kernels = kernels,
                          .narrow = l->features,
                          .n = rows,
                          .d = l->d,
                          .classes = l->classes,
                          .labels = r->labels,
                          .weights = r->weights,
                          .team = l->team};
    if (rows <= l->d / 2 && rows <= MAX_SUBSPACE) {
        TRY(cvt_subspace_new(&r->subspace, l->features, rows, l->d, l->team, error));
        r->x.narrow = NULL;
        r->x.wide = r->subspace.rows;
        r->x.d = r->subspace.rank;
    }
    TRY(cvt_theta_measure(&r->size, r->x.d, l->classes, error));
    for (int f = 0; f < CVT_FOLDS; f++) {
        if (!(r->theta[f] = calloc(r->size.count, sizeof(double)))) return cvt_fail_memory(error);
        if (r->size.bytes > most_before / CVT_FOLDS) continue;
        if (!(r->before[f] = calloc(r->size.count, sizeof(double)))) return cvt_fail_memory(error);
    }
    return cvt_hessian_new(&r->hessian, &r->x, error);
}

static void release(run *r) {
    free(r->mean);
    free(r->deviation);
    free(r->weights);
    free(r->labels);
    free(r->folds);
    cvt_subspace_free(&r->subspace);
    cvt_hessian_free(r->hessian);
    for (int f = 0; f < CVT_FOLDS; f++) {
        free(r->theta[f]);
        free(r->before[f]);
    }
    cvt_marks_free(&r->marks);
    cvt_marks_free(&r->likely);
}

/* ---- cross-validation ------------------------------------------------------------------------------------------ */

/* Of very few images the last folds may be empty. */
static int count_folds(const run *r) {
    int folds = 0;
    for (size_t i = 0; i < r->lesson->n; i++) folds = r->folds[i] >= folds ? r->folds[i] + 1 : folds;
    return folds;
}

/* Moves the weights of the folds along the lines through those of the last two penalties, to where they may be at l2.
 */
static void foresee(run *r, double l2) {
    const double to = log10(l2), step = r->tried > 1 ? (to - r->at) / (r->at - r->at_before) : 0;
    for (int f = 0; f < CVT_FOLDS && r->before[f]; f++)
        for (size_t i = 0; i < r->size.count; i++) {
            const double now = r->theta[f][i];
            r->theta[f][i] += step * (now - r->before[f][i]);
            r->before[f][i] = now;
        }
    r->at_before = r->at;
    r->at = to;
    r->tried++;
}

/* The weights of fold 0 become the mean of all folds. */
static void average(run *r) {
    const int folds = count_folds(r);
    for (size_t i = 0; i < r->size.count; i++) {
        double sum = 0;
        for (int f = 0; f < folds; f++) sum += r->theta[f][i];
        r->theta[0][i] = sum / folds;
    }
}

/* Fits the classifiers that do not see a fold each until their gradients are below `most`, and marks the images of that
 * fold. */
static cvt_status validate_at(run *r, double l2, double most, double *curvature, cvt_error *error) {
    cvt_fit fits[CVT_FOLDS];
    const int folds = count_folds(r);
    foresee(r, l2);
    r->x.groups = r->folds;
    TRY(cvt_logistic_fit(r->theta, fits, folds, &r->x, l2, r->hessian, most, error));
    r->x.groups = NULL;
    *curvature = fits[folds - 1].curvature;
    return cvt_mark(&r->marks, r->lesson, &r->x, r->theta, r->folds, error);
}

static double penalty_at(int step) { return pow(10, 1 - 0.5 * step); }

/* The path of penalties, as far as it was walked. */
typedef struct path {
    double loss[STEPS], share[STEPS];
    int first, last, least; /* the strongest and the weakest that were tried, and that of the least loss */
} path;

static void keep_marks(run *r) {
    const cvt_marks other = r->likely;
    r->likely = r->marks;
    r->marks = other;
}

/* Validates roughly. */
static cvt_status try_penalty(run *r, double l2, double *curvature, cvt_error *error) {
    cvt_hessian_set(r->hessian, *curvature, l2, r->lesson->team);
    return validate_at(r, l2, rough_tolerance(l2), curvature, error);
}

static cvt_status try_step(run *r, path *p, int step, double *curvature, cvt_error *error) {
    TRY(try_penalty(r, penalty_at(step), curvature, error));
    p->loss[step] = r->marks.loss;
    p->share[step] = r->marks.share;
    if (step == FIRST || p->loss[step] < p->loss[p->least]) {
        p->least = step;
        keep_marks(r);
    }
    p->first = cvt_min_int(step, p->first);
    p->last = cvt_max_int(step, p->last);
    return CVT_OK;
}

/* The penalty with which most are right. Those with which little fewer are count as equal: of them, the weakest. */
static int choose(const path *p, double images) {
    double most = 0;
    int best = p->last;
    for (int step = p->first; step <= p->last; step++) most = p->share[step] > most ? p->share[step] : most;
    while (p->share[best] < most - equal_share * images) best--;
    return best;
}

/* *l2: the best penalty, or that which is given. Goes down the path from its middle; and up, if the first had the least
 * loss. */
static cvt_status validate(run *r, double *l2, double *curvature, cvt_error *error) {
    path p = {.first = FIRST, .last = FIRST, .least = FIRST};
    *l2 = r->lesson->l2;
    if (*l2 > 0) {
        TRY(try_penalty(r, *l2, curvature, error));
        keep_marks(r);
        return CVT_OK;
    }
    for (int step = FIRST; step < STEPS && step <= p.least + WEAKER; step++)
        TRY(try_step(r, &p, step, curvature, error));
    for (int step = FIRST - 1; step >= 0 && p.least == step + 1; step--) TRY(try_step(r, &p, step, curvature, error));
    *l2 = penalty_at(choose(&p, (double)r->lesson->n));
    return CVT_OK;
}

/* ---- the classifier -------------------------------------------------------------------------------------------- */

/* Row k of the classifier of the features as they were: standardising is part of it. */
static void fold_row(cvt_learned *out, const run *r, double *theta, double *row, size_t k) {
    const cvt_lesson *l = r->lesson;
    const size_t columns = r->size.k;
    double bias = theta[r->size.d * columns + k];
    if (r->subspace.rows) {
        memset(row, 0, l->d * sizeof *row);
        cvt_subspace_return(&r->subspace, theta + k, columns);
        for (size_t t = 0; t < r->subspace.rank; t++) {
            const float *x = l->features + r->subspace.pivots[t] * l->d;
            for (size_t j = 0; j < l->d; j++) row[j] += theta[t * columns + k] * (double)x[j];
        }
    } else {
        for (size_t j = 0; j < l->d; j++) row[j] = theta[j * columns + k];
    }
    for (size_t j = 0; j < l->d; j++) {
        row[j] /= r->deviation[j];
        bias -= row[j] * r->mean[j];
        out->weight[k * l->d + j] = (float)row[j];
    }
    out->bias[k] = (float)bias;
}

/* Fits the folds finely, then to all images, and makes the classifier. */
static cvt_status conclude(run *r, cvt_learned *out, double curvature, cvt_error *error) {
    const cvt_lesson *l = r->lesson;
    cvt_fit fit;
    double *theta = r->theta[0], *row = calloc(l->d, sizeof *row);
    out->weight = calloc((size_t)l->classes * l->d, sizeof *out->weight);
    out->bias = calloc((size_t)l->classes, sizeof *out->bias);
    cvt_status status = row && out->weight && out->bias ? CVT_OK : cvt_fail_memory(error);
    cvt_hessian_set(r->hessian, curvature, out->l2, l->team);
    if (status == CVT_OK) status = validate_at(r, out->l2, fine_tolerance, &curvature, error);
    average(r);
    if (status == CVT_OK) status = cvt_logistic_fit(&theta, &fit, 1, &r->x, out->l2, r->hessian, tolerance, error);
    for (size_t k = 0; status == CVT_OK && k < (size_t)l->classes; k++) fold_row(out, r, theta, row, k);
    free(row);
    out->converged = status == CVT_OK && fit.converged;
    return status;
}

static cvt_status learn(run *r, cvt_learned *out, cvt_error *error) {
    const double classes = r->lesson->classes;
    double curvature = (1 - 1 / classes) / classes;
    TRY(prepare(r, error));
    TRY(validate(r, &out->l2, &curvature, error));
    TRY(conclude(r, out, curvature, error));
    out->right = r->marks.right;
    out->unseen = r->marks.said;
    out->likely = r->likely.said;
    r->marks.said = r->likely.said = (cvt_unseen){0};
    return CVT_OK;
}

cvt_status cvt_learn(cvt_learned *out, const cvt_lesson *lesson, cvt_error *error) {
    run r = {.lesson = lesson};
    *out = (cvt_learned){0};
    cvt_status status = learn(&r, out, error);
    release(&r);
    if (status != CVT_OK) cvt_learned_free(out);
    return status;
}

void cvt_learned_free(cvt_learned *learned) {
    free(learned->weight);
    free(learned->bias);
    cvt_unseen_free(&learned->unseen);
    cvt_unseen_free(&learned->likely);
    *learned = (cvt_learned){0};
}

int cvt_learned_answer(const cvt_learned *learned, const float *features, size_t d, int classes) {
    double most = -INFINITY;
    int best = 0;
    for (int k = 0; k < classes; k++) {
        double sum = (double)learned->bias[k];
        for (size_t j = 0; j < d; j++) sum += (double)learned->weight[(size_t)k * d + j] * (double)features[j];
        if (!(sum > most)) continue;
        most = sum;
        best = k;
    }
    return best;
}
