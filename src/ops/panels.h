/* panels.h - packs matrices into panels, the order in which the kernels read them. A panel is kernels->nr columns of
 * the right-hand side of a product. */
#ifndef CVT_OPS_PANELS_H
#define CVT_OPS_PANELS_H

#include "ops/lowering.h"

/* Returns where the panels of B = scale * W^T will be, in plan memory, for a weight W [n, k]; NULL when that runs out.
 * They are there when cvt_pack_noted has returned. */
const void *cvt_pack_weight(cvt_lowering *l, const cvt_product_kernels *kernels, cvt_source w, int k, int n,
                            const float *scale);
/* The same of a parameter, or the panels that the file stores in its place. The weight of a convolution is stored as
 * [n, k / positions, positions], where `positions` is kh * kw, and packed in the order of gathered rows,
 * [n, positions, k / positions]. For other weights `positions` is 1. */
const void *cvt_pack_param(cvt_lowering *l, const cvt_product_kernels *kernels, int param, int k, int n, int positions,
                           const float *scale);
/* Packs all these weights, on up to so many threads. A weight is the same bytes for any number. */
void cvt_pack_noted(cvt_lowering *l, int threads);

/* The number of floats in the panels of a matrix [depth, columns]; and packing them from the matrix, whose rows are ld
 * apart. */
size_t cvt_panels_floats(const cvt_kernels *kernels, int depth, int columns);
void cvt_panels_make(float *panels, const cvt_kernels *kernels, const float *matrix, size_t ld, int depth, int columns);
/* Packs the panels of the transpose of a matrix [columns, depth]. */
void cvt_panels_make_transposed(float *panels, const cvt_kernels *kernels, const float *matrix, size_t ld, int depth,
                                int columns);

#endif
