/* marks.c - marks images, some of a fold at a time: their logits are one product. */
#include "learn/marks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "learn/hessian.h"

enum { ROWS = 32 }; /* images of a product */

cvt_status cvt_marks_new(cvt_marks *out, size_t n, cvt_error *error) {
    *out = (cvt_marks){.losses = calloc(n, sizeof *out->losses)};
    cvt_unseen *said = &out->said;
    said->answers = calloc(n, sizeof *said->answers);
    said->own = calloc(n, sizeof *said->own);
    said->surest = calloc(n, sizeof *said->surest);
    return out->losses && said->answers && said->own && said->surest ? CVT_OK : cvt_fail_memory(error);
}

void cvt_unseen_free(cvt_unseen *unseen) {
    free(unseen->answers);
    free(unseen->own);
    free(unseen->surest);
    *unseen = (cvt_unseen){0};
}

void cvt_marks_free(cvt_marks *marks) {
    cvt_unseen_free(&marks->said);
    free(marks->losses);
    *marks = (cvt_marks){0};
}

/* The images in the order of their folds, in runs of at most ROWS, each of one fold. */
typedef struct marking {
    cvt_marks *marks;
    const cvt_lesson *lesson;
    const cvt_examples *x;
    double *const *thetas;
    const int *folds;
    size_t *order, *starts, runs; /* starts: [runs + 1] */
    size_t d, k;                  /* d: as theta has it */
    double *rows, *logits;        /* of each thread: [ROWS, d], [ROWS, k] */
    int threads;
} marking;

static void mark_one(const marking *m, const double *logits, size_t i) {
    const int classes = m->lesson->classes, own = m->lesson->labels[i];
    int best = 0;
    double sum = 0;
    for (int k = 1; k < classes; k++)
        if (logits[k] > logits[best]) best = k;
    for (int k = 0; k < classes; k++) sum += exp(logits[k] - logits[best]);
    const double gap = logits[own] - logits[best];
    m->marks->said.answers[i] = best;
    m->marks->said.own[i] = (float)(exp(gap) / sum);
    m->marks->said.surest[i] = (float)(1 / sum);
    m->marks->losses[i] = log(sum) - gap;
}

/* The last columns, which are no whole tile. */
static void add_last(double *logits, const double *rows, const double *theta, const marking *m, size_t n) {
    for (size_t r = 0; r < n; r++)
        for (size_t q = m->k / CVT_TILE * CVT_TILE; q < m->k; q++)
            for (size_t j = 0; j < m->x->d; j++) logits[r * m->k + q] += rows[r * m->d + j] * theta[j * m->k + q];
}

static void mark_run(const marking *m, size_t run, double *rows, double *logits) {
    const size_t *images = m->order + m->starts[run], n = m->starts[run + 1] - m->starts[run], d = m->d, k = m->k;
    const double *theta = m->thetas[m->folds[images[0]]];
    memset(rows, 0, ROWS * d * sizeof *rows);
    for (size_t r = 0; r < n; r++) {
        for (size_t j = 0; j < m->x->d; j++) {
            const size_t at = images[r] * m->x->d + j;
            rows[r * d + j] = m->x->narrow ? (double)m->x->narrow[at] : m->x->wide[at];
        }
        memcpy(logits + r * k, theta + d * k, k * sizeof *logits);
    }
    m->x->kernels->add_doubles(logits, k, rows, d, 1, theta, k, ROWS, k / CVT_TILE * CVT_TILE, d);
    add_last(logits, rows, theta, m, n);
    for (size_t r = 0; r < n; r++) mark_one(m, logits + r * k, images[r]);
}

static void mark_runs(void *context, int thread) {
    const marking *m = context;
    double *rows = m->rows + (size_t)thread * ROWS * m->d, *logits = m->logits + (size_t)thread * ROWS * m->k;
    for (size_t run = (size_t)thread; run < m->runs; run += (size_t)m->threads) mark_run(m, run, rows, logits);
}

/* Sorts the images into runs. */
static void sort(marking *m) {
    size_t n = 0;
    for (int fold = 0; fold < CVT_FOLDS; fold++) {
        size_t held = 0;
        for (size_t i = 0; i < m->lesson->n; i++) {
            if (m->folds[i] != fold) continue;
            if (held++ % ROWS == 0) m->starts[m->runs++] = n;
            m->order[n++] = i;
        }
    }
    m->starts[m->runs] = n;
}

static void add_up(cvt_marks *marks, const cvt_lesson *lesson, const double *weights) {
    marks->loss = marks->share = 0;
    marks->right = 0;
    for (size_t i = 0; i < lesson->n; i++) {
        const double weight = weights[i] * (double)lesson->views;
        const bool right = marks->said.answers[i] == lesson->labels[i];
        marks->loss += weight * marks->losses[i];
        marks->share += right ? weight : 0;
        marks->right += right;
    }
}

cvt_status cvt_mark(cvt_marks *marks, const cvt_lesson *lesson, const cvt_examples *x, double *const *thetas,
                    const int *folds, cvt_error *error) {
    marking m = {.marks = marks,
                 .lesson = lesson,
                 .x = x,
                 .thetas = thetas,
                 .folds = folds,
                 .d = cvt_round_up(x->d, CVT_PANEL),
                 .k = (size_t)lesson->classes,
                 .threads = cvt_team_size(lesson->team)};
    const size_t rows = ROWS * (size_t)m.threads;
    m.order = calloc(lesson->n, sizeof *m.order);
    m.starts = calloc(lesson->n / ROWS + CVT_FOLDS + 1, sizeof *m.starts);
    m.rows = calloc(rows * m.d, sizeof *m.rows);
    m.logits = calloc(rows * m.k, sizeof *m.logits);
    const bool made = m.order && m.starts && m.rows && m.logits;
    if (made) {
        sort(&m);
        cvt_team_run(lesson->team, mark_runs, &m);
        add_up(marks, lesson, x->weights);
    }
    free(m.order);
    free(m.starts);
    free(m.rows);
    free(m.logits);
    return made ? CVT_OK : cvt_fail_memory(error);
}
