/* resample.h - how the two passes that resize 8-bit RGB are described to their kernels. Which positions an output
 * weighs and by how much is decided in image/resample.c.
 *
 * Weights are integers, in units of 2^-22. An output is the sum of its weighted positions, rounded to the nearest whole
 * number (up from halfway) and held within 0 .. 255. Every table gives the same bytes. */
#ifndef CVT_KERNELS_RESAMPLE_H
#define CVT_KERNELS_RESAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CVT_RESAMPLE_FRACTION = 22, /* bits of a weight behind the point */
    CVT_RESAMPLE_LANES = 64,    /* bytes that are summed side by side */
    CVT_RESAMPLE_QUAD = 4,      /* neighbours that a dot product of bytes adds up */
    CVT_RESAMPLE_DIGITS = 3,    /* bytes of a weight */
};

/* One axis: output o is the sum of weights[o * stride + j] times position first[o] + j, for j < terms[o]. terms[o] <=
 * stride, and first[o] + terms[o] <= length. The magnitudes of the weights of an output add up to at most 8355711, so
 * that sums stay below 2^31. */
typedef struct cvt_resample_axis {
    int count;                /* outputs */
    int length;               /* positions that are read */
    const int *first, *terms; /* [count] */
    const int32_t *weights;   /* [count, stride] */
    size_t stride;
    /* The same weights as digits, where the kernels say that they read them: see cvt_resample_split. */
    const int8_t *digits;
} cvt_resample_axis;

typedef struct cvt_resample_kernels {
    bool digits; /* horizontal reads digits */
    /* Positions are rows: `count` rows of n bytes from `length` rows of n bytes. Rows lie to_ld and from_ld bytes
     * apart. */
    void (*vertical)(const cvt_resample_axis *a, uint8_t *to, size_t to_ld, const uint8_t *from, size_t from_ld,
                     size_t n);
    /* Positions are pixels of three bytes: in each of `height` rows, `count` pixels from `length` pixels. scratch has
     * (length + QUAD + count) * LANES bytes, which were set when it was allocated: some are read that no call writes,
     * and do not matter. */
    void (*horizontal)(const cvt_resample_axis *a, uint8_t *to, size_t to_ld, const uint8_t *from, size_t from_ld,
                       int height, uint8_t *scratch);
} cvt_resample_kernels;

/* Weights as three signed bytes each: w = d0 + 256 d1 + 65536 d2, |w| <= 127 (1 + 256 + 65536) = 8355711. The digits of
 * an output are [quads][DIGITS][QUAD], and begin at position first[o] rounded down to a multiple of QUAD; those of
 * positions without a weight are 0. `digits` has room for count * cvt_resample_quads(stride) * DIGITS * QUAD bytes. */
static inline size_t cvt_resample_quads(size_t stride) {
    return (stride + 2 * (CVT_RESAMPLE_QUAD - 1)) / CVT_RESAMPLE_QUAD;
}
void cvt_resample_split(int8_t *digits, const cvt_resample_axis *a);

#endif
