/* conv.h - what the convolutions share. */
#ifndef CVT_OPS_CONV_H
#define CVT_OPS_CONV_H

#include "ops/lowering.h"
#include "ops/ops.h"

/* The output map of a convolution of the described node's input; records an error if the kernel does not fit. */
cvt_shape cvt_conv_shape(cvt_describe *d, const cvt_conv *conv, int out);

/* Appends the step of a depth-wise convolution from w's input to its output, `block` rows of the output a tile. */
void cvt_lower_dwconv(cvt_lowering *l, const cvt_plan_node *w, const cvt_dwconv *conv, int block);

#endif
