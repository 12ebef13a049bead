/* conv.h - what the dense and the depth-wise convolution share. */
#ifndef CVT_OPS_CONV_H
#define CVT_OPS_CONV_H

#include "graph/op.h"
#include "ops/ops.h"

/* The output map of a convolution of the described node's input; records an error if the kernel does not fit. */
cvt_shape cvt_conv_shape(cvt_describe *d, const cvt_conv *conv, int out);

#endif
