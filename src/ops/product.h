/* product.h - a matrix product with constant weights as a step: what linear layers and 1x1 convolutions come down to.
 */
#ifndef CVT_OPS_PRODUCT_H
#define CVT_OPS_PRODUCT_H

#include "ops/lowering.h"

/* Appends the step C[T,n] = act(A[T,k] W^T + bias) + residual for w's input and output; weight is [n, k] as stored. */
void cvt_lower_product(cvt_lowering *l, const cvt_plan_node *w, int weight, int k, int n, const float *bias);

#endif
