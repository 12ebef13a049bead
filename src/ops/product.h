/* product.h - a matrix product with constant weights as steps. Linear layers and convolutions are such products. */
#ifndef CVT_OPS_PRODUCT_H
#define CVT_OPS_PRODUCT_H

#include "ops/lowering.h"

/* What makes the rows of a product that do not lie in memory as they are. rows(to, in, args, first, count) writes
 * `count` rows of k floats, from row `first` on, of the image whose input lies at `in`. */
typedef struct cvt_gather {
    void (*rows)(float *to, const float *in, const void *args, int first, int count);
    const void *args; /* in plan memory */
    int positions;    /* of the stored weight, see cvt_pack_param */
} cvt_gather;

/* Appends the steps of C[T,n] = last(act(A[T,k] W^T + bias) + residual) from w's input to its output. The weight is
 * stored as [n, k]. The rows of A are those of the input, or what `gather` makes of it (NULL: nothing). */
void cvt_lower_product(cvt_lowering *l, const cvt_plan_node *w, int weight, int k, int n, const float *bias,
                       const cvt_gather *gather);

/* The workspace of such a node, whose weight is its first parameter, as cvt_op has it: where rows are made ready for
 * many threads. */
size_t cvt_product_workspace(const cvt_plan_node *w, const cvt_graph *graph, const cvt_kernels *kernels, bool gathers);

#endif
