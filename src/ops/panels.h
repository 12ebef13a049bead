/* panels.h - packs matrices into panels, the order in which the kernels read them. A panel is kernels->nr columns of
 * the right-hand side of a product. */
#ifndef CVT_OPS_PANELS_H
#define CVT_OPS_PANELS_H

#include "ops/lowering.h"

/* Returns the panels of a parameter, as cvt_pack_weight makes them, or those that the file stores in its place. */
const void *cvt_pack_param(cvt_lowering *l, const cvt_product_kernels *kernels, int param, int k, int n, int positions,
                           const float *scale);
/* Packs B = scale * W^T for a stored weight W [n, k] into plan memory; NULL when that runs out. The weight of a
 * convolution is stored as [n, k / positions, positions], where `positions` is kh * kw, and packed in the order of
 * gathered rows, [n, positions, k / positions]. For other weights `positions` is 1. */
const void *cvt_pack_weight(cvt_lowering *l, const cvt_product_kernels *kernels, cvt_source w, int k, int n,
                            int positions, const float *scale);

/* The number of floats in the panels of a matrix [depth, columns]; and packing them from the matrix, whose rows are ld
 * apart. */
size_t cvt_panels_floats(const cvt_kernels *kernels, int depth, int columns);
void cvt_panels_make(float *panels, const cvt_kernels *kernels, const float *matrix, size_t ld, int depth, int columns);
/* Packs the panels of the transpose of a matrix [columns, depth]. */
void cvt_panels_make_transposed(float *panels, const cvt_kernels *kernels, const float *matrix, size_t ld, int depth,
                                int columns);

#endif
