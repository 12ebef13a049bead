/* axis.h - resizing along one axis as a table: output i = sum over k of weight[at] * input[index[at]] with
 * at = i * taps + k. In double, as PyTorch's interpolate defines the modes of cvt_interpolation. */
#ifndef CVT_OPS_AXIS_H
#define CVT_OPS_AXIS_H

#include "ops/lowering.h"
#include "ops/ops.h"

typedef struct cvt_axis {
    int taps; /* of each output; those it does not need weigh 0 */
    int *index;
    float *weight;
} cvt_axis;

/* The table from n to m positions, in plan memory; l->failed if there is none. */
cvt_axis cvt_axis_make(cvt_lowering *l, cvt_interpolation how, int n, int m);

#endif
