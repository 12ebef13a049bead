/* int8.h - how products in int8 lay out their factors (the arithmetic is in kernels.h), and the rounding of weights. */
#ifndef CVT_KERNELS_INT8_H
#define CVT_KERNELS_INT8_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/kernels.h"

/* The form of a panel and of packed A; t, v, q, s and z are those of kernels.h. A panel begins with t[nr] and the sums
 * of the columns of v[nr], both as floats. Then follows v as [nr / across][groups][across][group]: `group` neighbours
 * along k lie together, and k is padded with 0 to a multiple of `depth`. A row of packed A is q, padded to the same
 * length, and a cvt_int8_row in its last 64 bytes. */
typedef struct cvt_int8_form {
    int nr, across, group, depth;
    bool wide; /* v and q are int16 instead of bytes */
} cvt_int8_form;

typedef struct cvt_int8_row {
    float scale, shift; /* s, -z s */
} cvt_int8_row;

size_t cvt_int8_panel_size(cvt_int8_form form, int k);
size_t cvt_int8_row_size(cvt_int8_form form, int k);
void cvt_int8_pack(void *panel, cvt_int8_form form, const void *w, cvt_dtype dtype, size_t ldw, int k, int columns,
                   const float *scale);

/* Where the two parts of a panel and of a row begin. */
static inline const float *cvt_int8_sums(const void *panel, int nr) { return (const float *)panel + nr; }
static inline const void *cvt_int8_values(const void *panel, int nr) { return (const float *)panel + 2 * nr; }
static inline cvt_int8_row *cvt_int8_row_of(void *row, size_t row_size) {
    return (cvt_int8_row *)(void *)((char *)row + row_size - 64);
}

/* Returns t of a row of k weights, and sets v = w / t rounded to the nearest. If a weight is not finite, t is NaN. */
float cvt_int8_round(int8_t *v, const void *w, cvt_dtype dtype, size_t k);

#endif
