/* pairs.c - counts pairs of answers, and sums the tail of a binomial distribution. */
#include "learn/pairs.h"

#include <math.h>

void cvt_pairs_add(cvt_pairs *to, int truth, int first, int second) {
    to->n++;
    to->same += first == second;
    to->both += first == truth && second == truth;
    to->first += first == truth && second != truth;
    to->second += first != truth && second == truth;
    to->neither += first != truth && second != truth;
}

double cvt_pairs_chance(const cvt_pairs *of) {
    const double n = (double)(of->first + of->second),
                 least = (double)(of->first < of->second ? of->first : of->second);
    /* the terms of the tail from its end on, in units of the largest of them, so that none is too large or small */
    double sum = 0, term = 1;
    for (double i = least; i >= 0 && term > 0; i--) {
        sum += term;
        term *= i / (n - i + 1);
    }
    const double largest = lgamma(n + 1) - lgamma(least + 1) - lgamma(n - least + 1) - n * log(2);
    const double chance = 2 * sum * exp(largest);
    return chance < 1 ? chance : 1;
}
