/* dot.h - the product of two rows of features in double precision, always summed in the same order. */
#ifndef CVT_LEARN_DOT_H
#define CVT_LEARN_DOT_H

#include <stddef.h>

static inline double cvt_dot(const float *a, const float *b, size_t d) {
    double sums[4] = {0};
    size_t j = 0;
    for (; j + 4 <= d; j += 4)
        for (size_t q = 0; q < 4; q++) sums[q] += (double)a[j + q] * (double)b[j + q];
    for (; j < d; j++) sums[0] += (double)a[j] * (double)b[j];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

#endif
