/* conv.h - what the convolutions share. */
#ifndef CVT_OPS_CONV_H
#define CVT_OPS_CONV_H

#include "ops/lowering.h"
#include "ops/ops.h"
#include "ops/rows.h"

/* Returns the shape of the map that a convolution makes of the described node's input. Records an error if the kernel
 * does not fit. */
cvt_shape cvt_conv_shape(cvt_describe *d, const cvt_conv *conv, int out);

/* The window of a cell along an axis, as cvt_op has it. */
void cvt_conv_window(const cvt_conv *conv, int axis, int cell, int *first, int *last);

/* Appends the step of a depth-wise convolution from w's input to its output. Tiles are rows of the output, conv->oh
 * of them. */
void cvt_lower_dwconv(cvt_lowering *l, const cvt_plan_node *w, const cvt_dwconv *conv, cvt_rows rows);

#endif
