/* unknown.c - quantiles of the probabilities that a classifier gives its answers. */
#include "learn/unknown.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b) {
    const float one = *(const float *)a, two = *(const float *)b;
    return (one > two) - (one < two);
}

/* Between the numbers of a list [n] at `place`, counted from 0; its ends go on for ever. */
static double between(double before, double after, double place, size_t whole) {
    return before + (place - (double)whole) * (after - before);
}

cvt_status cvt_unknown_measure(double quantiles[CVT_RATES], const float *probabilities, size_t n, cvt_error *error) {
    float *sorted = malloc(n * sizeof *sorted);
    if (!sorted) return cvt_fail_memory(error);
    memcpy(sorted, probabilities, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    for (int r = 0; r < CVT_RATES; r++) {
        double place = (double)(n + 1) * r / (2 * (CVT_RATES - 1)) - 1;
        if (place < 0) place = 0;
        const size_t whole = (size_t)place, next = whole + 1 < n ? whole + 1 : n - 1;
        quantiles[r] = between((double)sorted[whole], (double)sorted[next], place, whole);
    }
    free(sorted);
    return CVT_OK;
}

double cvt_unknown_threshold(const double quantiles[CVT_RATES], double rate) {
    const double place = rate * 2 * (CVT_RATES - 1);
    const size_t whole = (size_t)place, next = whole + 1 < CVT_RATES ? whole + 1 : CVT_RATES - 1;
    return between(quantiles[whole], quantiles[next], place, whole);
}
