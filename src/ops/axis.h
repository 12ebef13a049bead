/* axis.h - resizing along one axis as a table. Output i is the sum over its terms k of weight[at] * input[index[at]],
 * with at = i * terms + k. The weights are computed in double; cvt_interpolation says which mode of PyTorch's
 * interpolate they follow. */
#ifndef CVT_OPS_AXIS_H
#define CVT_OPS_AXIS_H

#include "ops/lowering.h"
#include "ops/ops.h"

typedef struct cvt_axis {
    int terms; /* the terms of each output's sum; the weight of those that it does not need is 0 */
    int *index;
    float *weight;
} cvt_axis;

/* Makes the table for n positions that become m, in plan memory. Sets l->failed where there is no memory. */
cvt_axis cvt_axis_make(cvt_lowering *l, cvt_interpolation how, int n, int m);

/* resize.c: returns a table of [h * w, c] resized to [to_h * to_w, c], in plan memory. NULL, and l->failed, where there
 * is no memory. */
typedef struct cvt_resize_sizes {
    int h, w, to_h, to_w, c;
} cvt_resize_sizes;
const float *cvt_resize_table(cvt_lowering *l, cvt_interpolation how, const float *table,
                              const cvt_resize_sizes *sizes);

#endif
