/* fold.h - a batch norm as one multiply-add for each channel: y = x * scale[c] + shift[c]. */
#ifndef CVT_OPS_FOLD_H
#define CVT_OPS_FOLD_H

#include "ops/lowering.h"

typedef struct cvt_fold {
    const float *scale, *shift; /* each NULL where there is none */
} cvt_fold;

/* What to do with a product's result. Where norm is NULL, only the bias (or NULL) is added. Else the batch norm is
 * folded with the bias: scale = weight / sqrt(running_var + eps), shift = (bias - running_mean) * scale + the norm's
 * bias. This is computed once, in double. */
cvt_fold cvt_fold_norm(cvt_lowering *l, const cvt_node *norm, const float *bias);

#endif
