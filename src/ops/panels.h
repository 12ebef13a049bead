/* panels.h - matrices in the order in which the kernels read them: panels of kernels->nr columns. */
#ifndef CVT_OPS_PANELS_H
#define CVT_OPS_PANELS_H

#include "ops/lowering.h"

/* Panels of a parameter as cvt_pack_weight makes them, or those that are stored in its place. */
const void *cvt_pack_param(cvt_lowering *l, const cvt_product_kernels *kernels, int param, int k, int n, int taps,
                           const float *scale);
/* Panels of B = scale * W^T for a weight [n, k] as stored, in plan memory; NULL when that runs out. Of a convolution's
 * weight [n, k / taps, taps] the panels have the order of gathered rows, [n, taps, k / taps]; else taps is 1. */
const void *cvt_pack_weight(cvt_lowering *l, const cvt_product_kernels *kernels, cvt_source w, int k, int n, int taps,
                            const float *scale);

/* Floats of the panels of a matrix [depth, columns], and they themselves from its rows, which are ld apart. */
size_t cvt_panels_floats(const cvt_kernels *kernels, int depth, int columns);
void cvt_panels_make(float *panels, const cvt_kernels *kernels, const float *matrix, size_t ld, int depth, int columns);
/* The same of the transposed of a matrix [columns, depth]. */
void cvt_panels_make_transposed(float *panels, const cvt_kernels *kernels, const float *matrix, size_t ld, int depth,
                                int columns);

#endif
