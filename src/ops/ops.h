/* ops.h - the builder calls: one line of a model's forward pass each. Shapes are of one image. */
#ifndef CVT_OPS_OPS_H
#define CVT_OPS_OPS_H

#include "graph/graph.h"
#include "kernels/kernels.h"

/* A network's input: a map [c, h, w], fed as NCHW. */
cvt_value cvtb_input(cvt_builder *b, int c, int h, int w);

/* Convolution, no dilation: OH = floor((H + top + bottom - kh) / stride) + 1. weight [out, C, kh, kw], bias [out].
 * Outside the map is 0. */
typedef struct cvt_conv {
    int out; /* channels; ignored by the depth-wise form */
    int kh, kw, stride_h, stride_w;
    int pad_top, pad_bottom, pad_left, pad_right;
    bool bias;
} cvt_conv;
/* A square convolution with the same padding on all sides. */
cvt_conv cvt_conv_square(int out, int kernel, int stride, int padding, bool bias);
/* Padding "SAME" of TensorFlow and Flax for a map of h x w: out = ceil(n / stride), the odd pixel below and right. */
cvt_conv cvt_conv_same(cvt_conv conv, int h, int w);
cvt_value cvtb_conv2d(cvt_builder *b, cvt_value map, const char *name, const cvt_conv *conv);
/* groups = C: weight [C, 1, kh, kw]. */
cvt_value cvtb_dwconv2d(cvt_builder *b, cvt_value map, const char *name, const cvt_conv *conv);

/* y = x W^T + b on the last axis; weight [out, in], bias [out]. */
cvt_value cvtb_linear(cvt_builder *b, cvt_value x, const char *name, int out, bool bias);

/* (x - running_mean) / sqrt(running_var + eps) * weight + bias per channel of a map. */
cvt_value cvtb_batch_norm(cvt_builder *b, cvt_value map, const char *name, float eps);
/* Over the channels of each token or pixel; biased variance. */
cvt_value cvtb_layer_norm(cvt_builder *b, cvt_value x, const char *name, float eps);

cvt_value cvtb_activation(cvt_builder *b, cvt_value x, cvt_act act);
cvt_value cvtb_add(cvt_builder *b, cvt_value x, cvt_value y);

/* Views: [C,H,W] -> [H*W,C], back, a run of tokens, [1,C] -> [C]. */
cvt_value cvtb_tokens(cvt_builder *b, cvt_value map);
cvt_value cvtb_map(cvt_builder *b, cvt_value tokens, int h, int w);
cvt_value cvtb_slice(cvt_builder *b, cvt_value tokens, int first, int count);
cvt_value cvtb_flatten(cvt_builder *b, cvt_value token);
/* The same value once more, to be tapped under a second name. */
cvt_value cvtb_alias(cvt_builder *b, cvt_value x);

/* A stored token of c channels, [1, c], the same for every image; parameter [1, 1, c] called `name`. */
cvt_value cvtb_token(cvt_builder *b, const char *name, int c);
/* x above y: [T1 + T2, C]. */
cvt_value cvtb_concat(cvt_builder *b, cvt_value x, cvt_value y);

/* Heads are contiguous channel slices: softmax(scale * q_h k_h^T) v_h, merged. q [T, C], k [S, C], v [S, C] -> [T, C].
 * The probabilities [heads, T, S] can be tapped as "map" under the current scope. */
cvt_value cvtb_attention(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, int heads, float scale);

/* Mean over the tokens, [T, C] -> [1, C]. */
cvt_value cvtb_mean(cvt_builder *b, cvt_value tokens);
/* AvgPool2d(kernel, stride, padding, ceil_mode=True): padding counts in the divisor, what lies beyond it does not. */
cvt_value cvtb_avg_pool(cvt_builder *b, cvt_value map, int kernel, int stride, int padding);

/* The op of a node, for the plan's passes. */
extern const cvt_op cvt_op_batch_norm, cvt_op_activation, cvt_op_add, cvt_op_input;
cvt_act cvt_op_activation_act(const cvt_node *node);

#endif
