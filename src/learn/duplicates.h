/* duplicates.h - images that are the same, or nearly, by their features. */
#ifndef CVT_LEARN_DUPLICATES_H
#define CVT_LEARN_DUPLICATES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* first[i]: the first image whose row of features [n, d] has the same bytes and which is the same by
 * same(context, a, b); i itself where there is none before. CVT_NO_MEMORY. */
cvt_status cvt_find_twins(size_t *first, const float *features, size_t n, size_t d,
                          bool (*same)(void *context, size_t a, size_t b), void *context, cvt_error *error);

typedef struct cvt_near_pair {
    size_t a, b;
    double cosine;
} cvt_near_pair;

/* The pairs of images of different labels whose features have a cosine of at least `least`, from 0.9 to 1, in the order
 * of a, then b; at most `room` of them. Pairs of one row in `twins` are left out. CVT_NO_MEMORY. */
cvt_status cvt_find_near(cvt_near_pair *pairs, size_t *n_pairs, size_t room, const float *features, size_t n, size_t d,
                         const int *labels, const size_t *twins, double least, cvt_error *error);

#endif
