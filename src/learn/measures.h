/* measures.h - how good a classifier's answers are: counts, and for each class precision, recall and F1, as
 * scikit-learn's precision_recall_fscore_support defines them with zero_division=0; and the confusion matrix. */
#ifndef CVT_LEARN_MEASURES_H
#define CVT_LEARN_MEASURES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* What was asked about and what was answered, both from 0 to classes - 1. */
typedef struct cvt_answer {
    int truth, answer;
} cvt_answer;

typedef struct cvt_class_measures {
    size_t support, answered, right; /* images of the class; images that were said to be; images that are both */
    double precision, recall, f1;    /* right / answered, right / support, their harmonic mean; 0 / 0 counts as 0 */
} cvt_class_measures;

/* A cell of the confusion matrix: so many images of class `truth` were said to be of class `answer`. */
typedef struct cvt_answer_count {
    int truth, answer;
    size_t n;
} cvt_answer_count;

typedef struct cvt_measures {
    size_t n, right;
    cvt_class_measures *classes; /* [classes] */
    cvt_answer_count *cells;     /* those that are not 0, in the order of truth and answer */
    size_t n_cells;
    int present;          /* classes that have images */
    double recall;        /* the mean over these: mean per-class accuracy, scikit-learn's balanced_accuracy */
    double precision, f1; /* means over the classes that have images or were answered: scikit-learn's macro */
} cvt_measures;

/* Sorts the answers. Free the measures with cvt_measures_free. Errors: CVT_NO_MEMORY. */
cvt_status cvt_measure(cvt_measures *out, cvt_answer *answers, size_t n, int classes, cvt_error *error);
void cvt_measures_free(cvt_measures *measures);

#endif
