/* doubts.h - which labels are most likely wrong. */
#ifndef CVT_LEARN_DOUBTS_H
#define CVT_LEARN_DOUBTS_H

#include <stddef.h>

#include "base/team.h"
#include "base/error.h"

/* What a label's doubtfulness is told from. */
typedef struct cvt_suspects {
    const float *features; /* [n, d]: standardised */
    size_t n, d;
    const int *labels; /* [n], from 0 to classes - 1 */
    int classes;
    const float *own;    /* [n]: a probability of the label, from a classifier that has not seen the image */
    const size_t *twins; /* [n]: the first image that is the same; two of the same do not speak for each other */
    cvt_team *team;      /* NULL: one thread */
} cvt_suspects;

/* doubts: up to `wanted` images, the most doubtful first. The measure is
 *     own / share of the label * (share of the label among the 10 nearest images + 0.05) / share of the label
 * with cosines of the features for nearness; it was chosen by the study in docs/learning.md. Neighbours are looked up
 * for the 4 * wanted images, 400 at least, of the lowest own / share. Of equal ones the earlier image comes first.
 * CVT_NO_MEMORY. */
cvt_status cvt_find_doubts(size_t *doubts, size_t wanted, const cvt_suspects *suspects, cvt_error *error);

#endif
