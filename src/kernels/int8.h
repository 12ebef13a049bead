/* int8.h - how products in int8 lay out their factors (the arithmetic is in kernels.h), and the rounding of weights. */
#ifndef CVT_KERNELS_INT8_H
#define CVT_KERNELS_INT8_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/kernels.h"

/* A panel: t[nr], the sums of v[nr], both float, then [ceil(k / group)][nr][group] of v, int8 or int16, up to a depth
 * that is a multiple of `depth`, 0 beyond k. A row: q up to that depth, in as many bytes, then what belongs to it. */
typedef struct cvt_int8_form {
    int nr, group, depth;
    bool wide; /* int16 */
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

/* t of a row of k weights, and v = w / t rounded to the nearest. Weights that are not finite: t is NaN. */
float cvt_int8_round(int8_t *v, const void *w, cvt_dtype dtype, size_t k);

#endif
