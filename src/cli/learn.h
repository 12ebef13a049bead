/* learn.h - the parts of cvt learn: reading features (learn_features.c), and what is said and kept of the result
 * (learn_report.c). */
#ifndef CVT_CLI_LEARN_H
#define CVT_CLI_LEARN_H

#include "base/arena.h"
#include "batch/labelled.h"
#include "cli/inputs.h"
#include "learn/learn.h"
#include "learn/unknown.h"
#include "model/provenance.h"
#include "model/relabel.h"

/* An image that was read: where its features are, and what it is. */
typedef struct learn_image {
    const char *path;
    int label; /* -1: of an image to check with, a label that is not learned */
} learn_image;

typedef struct learn {
    cvt_cli *cli;
    const cvt_settings *settings;
    const char *data;
    double start; /* cvt_clock_ms */
    double l2;    /* 0: chosen */
    const cvt_batch_view *views;
    size_t n_views;              /* besides the image as it is */
    cvt_labelled images, others; /* others: to check with */
    cvt_model *base, *made;
    cvt_arena arena;
    int threads;
    size_t *counts; /* of each label: images to learn from; after cvt_learn_features those that could be read */
    size_t failed;

    /* Features [views, n, d] of the n images that are learned from, and [n_checks, d] of those to check with. */
    float *features, *check_features;
    size_t n, n_checks, d;
    learn_image *learns, *checks;

    cvt_learned learned;
    double quantiles[CVT_RATES];           /* of the probabilities of the answers in cross-validation */
    size_t *twins, checked, checked_right; /* checked: checks whose label is learned */
    size_t *doubts, n_doubts;              /* the images whose labels are most doubtful, the most doubtful first */
} learn;

/* Reads the features of all images. Those that cannot be read are said and left out. Returns an exit status. */
int cvt_learn_features(learn *l);
/* Finds duplicates, says them, fits the layer, and checks it. */
cvt_status cvt_learn_fit(learn *l, cvt_error *error);
/* What the file keeps of how it was made, as JSON. */
void cvt_learn_describe(const learn *l, cvt_str *to);
/* Prints what was learned. */
void cvt_learn_report(learn *l);

#endif
