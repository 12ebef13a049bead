/* fold.h - an op that multiplies and shifts each channel, y = x * scale[c] + shift[c], folded into the product before
 * it: batch norm and LayerScale. */
#ifndef CVT_OPS_FOLD_H
#define CVT_OPS_FOLD_H

#include "ops/lowering.h"

struct cvt_fold {
    const float *scale, *shift; /* each NULL where there is none */
};

/* What to do with a product's result: by the op that is folded into it, together with the product's bias (or NULL).
 * Where node is NULL, only the bias is added. Computed once, in double. */
static inline cvt_fold cvt_fold_affine(cvt_lowering *l, const cvt_node *node, const float *bias) {
    return node ? node->op->fold(l, node, bias) : (cvt_fold){NULL, bias};
}

#endif
