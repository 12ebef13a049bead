/* product.h - a matrix product with constant weights as a step. Linear layers and 1x1 convolutions are such
 * products. */
#ifndef CVT_OPS_PRODUCT_H
#define CVT_OPS_PRODUCT_H

#include "ops/lowering.h"

/* Appends the step C[T,n] = last(act(A[T,k] W^T + bias) + residual) from w's input to its output. The weight is
 * stored as [n, k]. */
void cvt_lower_product(cvt_lowering *l, const cvt_plan_node *w, int weight, int k, int n, const float *bias);

#endif
