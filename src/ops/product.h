/* product.h - a matrix product with constant weights as steps. Linear layers and convolutions are such products. */
#ifndef CVT_OPS_PRODUCT_H
#define CVT_OPS_PRODUCT_H

#include "ops/lowering.h"

/* Appends the steps of C[T,n] = last(act(A[T,k] W^T + bias) + residual) from w's input to its output. The weight is
 * stored as [n, k]. The rows of A are those of the input, or what lies under a window of it (in plan memory; NULL:
 * none), as cvt_im2col gathers them. */
void cvt_lower_product(cvt_lowering *l, const cvt_plan_node *w, int weight, int k, int n, const float *bias,
                       const cvt_window_args *window);

/* The workspace of such a node, whose weight is its first parameter, as cvt_op has it: where rows are made ready for
 * many threads. */
size_t cvt_product_workspace(const cvt_plan_node *w, const cvt_graph *graph, const cvt_kernels *kernels, bool gathers);

#endif
