/* pairs.h - whether two classifiers that answered for the same images are equally good. */
#ifndef CVT_LEARN_PAIRS_H
#define CVT_LEARN_PAIRS_H

#include <stddef.h>

/* How many images got which pair of answers. */
typedef struct cvt_pairs {
    size_t n, same;                      /* images; those for which both give the same class, right or wrong */
    size_t both, first, second, neither; /* that both name rightly, the first alone, the second alone, none */
} cvt_pairs;

/* Adds an image of class `truth` that got these answers. */
void cvt_pairs_add(cvt_pairs *to, int truth, int first, int second);

/* McNemar's test in its exact form (McNemar 1947; the binomial distribution in place of chi-square): the probability
 * that chance alone divides the images that only one of them names rightly at least as unevenly, in either direction. 1
 * where there are none. */
double cvt_pairs_chance(const cvt_pairs *of);

#endif
