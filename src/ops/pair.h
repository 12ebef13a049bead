/* pair.h - two products as one step: what the first one gives is read by the second alone, as in the MLP of a
 * transformer. */
#ifndef CVT_OPS_PAIR_H
#define CVT_OPS_PAIR_H

#include "ops/lowering.h"

/* A product whose rows are packed, and how it is computed. */
typedef struct cvt_half {
    const cvt_plan_node *node; /* while the plan is made */
    const cvt_product_kernels *kernels;
    const char *panels;
    const float *bias;
    int rows, k, n; /* the sizes of the product of one image */
    cvt_act act, last;
    cvt_ref in, out, residual;
    bool *paired; /* set where a step computes this product together with another one */
    bool given;   /* the rows of `in` are packed already */
} cvt_half;

/* Does that step do it for so many threads? Else the steps of both products do. On more threads their tiles are cut by
 * columns too, which is of more use than to keep what lies between them in cache. */
static inline bool cvt_half_is_done(const bool *paired, int threads) { return paired && *paired && threads <= 2; }

/* Appends the step of `half` and of the product before it, if the plan says that these are a pair, and remembers `half`
 * for the next one. */
void cvt_lower_pair(cvt_lowering *l, const cvt_half *half);

#endif
