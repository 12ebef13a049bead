/* marks.h - what classifiers say of images that they have not seen. Private to learn/. */
#ifndef CVT_LEARN_MARKS_H
#define CVT_LEARN_MARKS_H

#include "learn/learn.h"
#include "learn/logistic.h"

/* What the images of a lesson got, each from the classifier that has not seen its fold. Weighted: classes may count
 * alike. */
typedef struct cvt_marks {
    double loss, share; /* weighted: the sum of the losses, and of the images that are right */
    size_t right;
    cvt_unseen said;
    double *losses; /* [n] */
} cvt_marks;

cvt_status cvt_marks_new(cvt_marks *out, size_t n, cvt_error *error);
void cvt_marks_free(cvt_marks *marks);
void cvt_unseen_free(cvt_unseen *unseen);

/* Marks the first lesson->n examples. folds: [n]; thetas[f]: the weights of the classifier that has not seen fold f.
 * CVT_NO_MEMORY. */
cvt_status cvt_mark(cvt_marks *marks, const cvt_lesson *lesson, const cvt_examples *examples, double *const *thetas,
                    const int *folds, cvt_error *error);

#endif
