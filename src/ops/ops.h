/* ops.h - the builder calls: one line of a model's forward pass each. Shapes are of one image. */
#ifndef CVT_OPS_OPS_H
#define CVT_OPS_OPS_H

#include "graph/graph.h"
#include "kernels/kernels.h"

/* A network's input: a map [c, h, w]. */
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
/* The same on each of the maps h x w by itself that follow each other as tokens, [n * h * w, C] -> [n * OH * OW, out]:
 * what lies outside a map is 0, not the neighbour. */
cvt_value cvtb_conv2d_maps(cvt_builder *b, cvt_value tokens, const char *name, const cvt_conv *conv, int h, int w);
/* groups = C: weight [C, 1, kh, kw]. */
cvt_value cvtb_dwconv2d(cvt_builder *b, cvt_value map, const char *name, const cvt_conv *conv);

/* y = x W^T + b on the last axis; weight [out, in], bias [out]. */
cvt_value cvtb_linear(cvt_builder *b, cvt_value x, const char *name, int out, bool bias);

/* (x - running_mean) / sqrt(running_var + eps) * weight + bias per channel of a map. */
cvt_value cvtb_batch_norm(cvt_builder *b, cvt_value map, const char *name, float eps);
/* The same with mean and biased variance over all images of the pass; running statistics are stored and not read. */
cvt_value cvtb_pass_norm(cvt_builder *b, cvt_value map, const char *name, float eps);
/* Over the channels of each token or pixel; biased variance. weight [C], bias [C]. */
cvt_value cvtb_layer_norm(cvt_builder *b, cvt_value x, const char *name, float eps);
/* The same with a weight and no bias. */
cvt_value cvtb_layer_norm_scale(cvt_builder *b, cvt_value x, const char *name, float eps);

cvt_value cvtb_activation(cvt_builder *b, cvt_value x, cvt_act act);
cvt_value cvtb_add(cvt_builder *b, cvt_value x, cvt_value y);
cvt_value cvtb_multiply(cvt_builder *b, cvt_value x, cvt_value y); /* element by element */
cvt_value cvtb_scale(cvt_builder *b, cvt_value x, float factor);

/* Views: [C,H,W] -> [H*W,C], back, a run of tokens, [1,C] -> [C], [T,C] -> [T * C / c, c]. */
cvt_value cvtb_tokens(cvt_builder *b, cvt_value map);
cvt_value cvtb_map(cvt_builder *b, cvt_value tokens, int h, int w);
cvt_value cvtb_slice(cvt_builder *b, cvt_value tokens, int first, int count);
cvt_value cvtb_flatten(cvt_builder *b, cvt_value token);
cvt_value cvtb_regroup(cvt_builder *b, cvt_value tokens, int c);
/* The same value once more, to be tapped under a second name. */
cvt_value cvtb_alias(cvt_builder *b, cvt_value x);

/* A stored token of c channels, [1, c], the same for every image; parameter [1, 1, c] called `name`. */
cvt_value cvtb_token(cvt_builder *b, const char *name, int c);
/* x above y: tokens [T1 + T2, C]; features [C1 + C2]. */
cvt_value cvtb_concat(cvt_builder *b, cvt_value x, cvt_value y);

/* `rows` tokens of zeros in front. */
cvt_value cvtb_pad_front(cvt_builder *b, cvt_value tokens, int rows);
/* Depth-wise convolution along the tokens with zeros outside, one kernel for all channels of a head: weight
 * [heads, 1, kernel, 1], no bias; kernel is odd. */
cvt_value cvtb_token_conv(cvt_builder *b, cvt_value tokens, const char *name, int heads, int kernel);

/* x + a stored table called `name`, [1, prefix + h * w, C]: a row for each of `prefix` class tokens, then one for each
 * cell of a grid. Where x has another grid, to_h x to_w, the cells' rows are resized once, when the plan is made.
 * CVT_INTERPOLATE_NONE: x has a row for each of the first rows of the table. x may hold several sequences one after the
 * other: each gets the table. */
typedef enum cvt_interpolation {
    CVT_INTERPOLATE_NONE,
    CVT_INTERPOLATE_BILINEAR_CORNERS,  /* align_corners=True */
    CVT_INTERPOLATE_BILINEAR,          /* half-pixel centres */
    CVT_INTERPOLATE_BICUBIC,           /* half-pixel centres, A = -0.75, taps clamped at the edge: no antialias */
    CVT_INTERPOLATE_BICUBIC_ANTIALIAS, /* A = -0.5, taps beyond the edge left out: torch's antialias=True */
} cvt_interpolation;
typedef struct cvt_position {
    int prefix, h, w; /* of the table */
    int to_h, to_w;   /* of x */
    cvt_interpolation resize;
    bool map; /* the stored table is [h, w, C]; prefix is 0 */
} cvt_position;
cvt_value cvtb_position(cvt_builder *b, cvt_value x, const char *name, const cvt_position *position);
/* x + the sinusoids of "Attention is all you need": row p, channel j: sin (j even) or cos (odd) of
 * p / 10000^(2 floor(j / 2) / C). */
cvt_value cvtb_sinusoid(cvt_builder *b, cvt_value x);

/* A map at another size. */
cvt_value cvtb_resize(cvt_builder *b, cvt_value map, int h, int w, cvt_interpolation how);
/* The window of h x w whose first pixel is (top, left). */
cvt_value cvtb_crop(cvt_builder *b, cvt_value map, int top, int left, int h, int w);

/* The windows of a map as tokens, row by row: [C,H,W] -> [OH * OW, C * kernel_h * kernel_w], zeros outside the map.
 * Within a token channels change fastest (einops "(p1 p2 c)", vit_pytorch) or slowest (torch.nn.Unfold). */
typedef struct cvt_unfold {
    int kernel_h, kernel_w, stride_h, stride_w, padding;
    bool channels_slowest;
} cvt_unfold;
cvt_value cvtb_unfold(cvt_builder *b, cvt_value map, const cvt_unfold *unfold);
/* Patches side by side: the kernel is the stride, what is left over at the right and below is dropped. */
cvt_value cvtb_patches(cvt_builder *b, cvt_value map, int h, int w);

/* Heads are contiguous channel slices: softmax(scale * q_h k_h^T) v_h, merged. q [T, C], k [S, C], v [S, V] -> [T, V].
 * The probabilities [heads, T, S], the value after the result, can be tapped as "map" under the current scope. */
cvt_value cvtb_attention(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, int heads, float scale);
/* The same within each of `groups` runs of tokens by itself; the map is [groups * heads, T / groups, S / groups]. */
cvt_value cvtb_attention_groups(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, int heads, int groups,
                                float scale);

/* The same with scores to be seen: scale * q_h k_h^T, plus those of a layer before if *scores is a value. They become
 * *scores, [heads, T, S], and can be tapped as "scores"; they are kept only where they are tapped or read. */
cvt_value cvtb_attention_scores(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, int heads, float scale,
                                cvt_value *scores);

/* Gated positional self-attention of the h * w cells of a grid, see gpsa.c: the map is that of the content, blended
 * with one of the positions. q, k [T, C], v [T, V] -> [T, V]; parameters pos_proj.weight [heads, 3], pos_proj.bias
 * [heads], gate [heads]. Under the current scope "map", "content" and "position", [heads, T, T], can be tapped, and
 * "gate", the share [heads] of the position. */
typedef struct cvt_gpsa {
    int heads, h, w;
    float scale;
} cvt_gpsa;
cvt_value cvtb_gpsa(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, const cvt_gpsa *gpsa);

/* Attention in linear time by positive random features, one head (Performer, as in T2T-ViT): parameter w [features, C],
 * phi(t) = exp(w t - |t|^2 / 2) / sqrt(features), y = phi(q) sum_s phi(k_s) v_s^T / (phi(q) sum_s phi(k_s) + eps). */
cvt_value cvtb_performer(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, int features, float eps);

/* The middle of landmark attention (Nystrom): for each head Z w, with Z the pseudo-inverse, by so many iterations, of
 * softmax(scale * q_h k_h^T) between landmarks. q, k [M, C], w [M, V] -> [M, V]. Under the current scope "landmarks" is
 * what is inverted, "landmarks_inverse" is Z, both [heads, M, M]. */
typedef struct cvt_landmarks {
    int heads, iterations;
    float scale;
    int queries; /* rows that the original multiplies by Z before all else; for its count of multiply-adds only */
} cvt_landmarks;
cvt_value cvtb_landmarks(cvt_builder *b, cvt_value q, cvt_value k, cvt_value w, const cvt_landmarks *landmarks);

/* Mean over the tokens, [T, C] -> [1, C]. */
cvt_value cvtb_mean(cvt_builder *b, cvt_value tokens);
/* Mean over each run of `run` tokens, [T, C] -> [T / run, C]. */
cvt_value cvtb_mean_runs(cvt_builder *b, cvt_value tokens, int run);
/* AvgPool2d(kernel, stride, padding, ceil_mode=True): padding counts in the divisor, what lies beyond it does not. */
cvt_value cvtb_avg_pool(cvt_builder *b, cvt_value map, int kernel, int stride, int padding);
/* AdaptiveAvgPool2d((h, w)): the mean of each of h x w bins; bin j of m along a side of n pixels is
 * [floor(j n / m), ceil((j + 1) n / m)), so bins overlap, and repeat pixels where m > n. */
cvt_value cvtb_adaptive_avg_pool(cvt_builder *b, cvt_value map, int h, int w);

/* The op of a node, for the plan's passes and those who follow tokens through a graph. */
extern const cvt_op cvt_op_batch_norm, cvt_op_activation, cvt_op_add, cvt_op_input, cvt_op_concat, cvt_op_slice,
    cvt_op_linear, cvt_op_mean;
cvt_act cvt_op_activation_act(const cvt_node *node);

#endif
