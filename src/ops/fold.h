/* fold.h - a batch norm as one multiply-add per channel: y = x * scale[c] + shift[c]. */
#ifndef CVT_OPS_FOLD_H
#define CVT_OPS_FOLD_H

#include "ops/lowering.h"

typedef struct cvt_fold {
    const float *scale, *shift; /* scale NULL: none; shift NULL: none */
} cvt_fold;

/* What follows a product with bias `bias` (or NULL): only the bias where norm is NULL, else the norm with the bias
 * inside: scale = weight / sqrt(running_var + eps), shift = (bias - running_mean) * scale + norm's bias. In double,
 * once. */
cvt_fold cvt_fold_norm(cvt_lowering *l, const cvt_node *norm, const float *bias);

#endif
