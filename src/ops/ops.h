/* ops.h - the calls that builders are made of. Each appends one op, so that a builder reads like the forward pass that
 * it describes. Shapes are those of one image. */
#ifndef CVT_OPS_OPS_H
#define CVT_OPS_OPS_H

#include "graph/graph.h"
#include "kernels/kernels.h"

/* An input of the network: a map [c, h, w]. */
cvt_value cvtb_input(cvt_builder *b, int c, int h, int w);

/* Convolution without dilation: OH = floor((H + top + bottom - kh) / stride) + 1, and the same for the width.
 * Parameters: weight [out, C, kh, kw], bias [out]. Pixels outside of the map are 0. */
typedef struct cvt_conv {
    int out; /* channels of the output; the depth-wise form ignores it */
    int kh, kw, stride_h, stride_w;
    int pad_top, pad_bottom, pad_left, pad_right;
    bool bias;
} cvt_conv;
/* Describes a convolution with a square kernel and the same padding on all sides. */
cvt_conv cvt_conv_square(int out, int kernel, int stride, int padding, bool bias);
/* Padding "SAME" of TensorFlow and Flax for a map of h x w: out = ceil(n / stride), the odd pixel below and right. */
cvt_conv cvt_conv_same(cvt_conv conv, int h, int w);
cvt_value cvtb_conv2d(cvt_builder *b, cvt_value map, const char *name, const cvt_conv *conv);
/* The same on each of several maps of h x w that follow each other as tokens, [n * h * w, C] -> [n * OH * OW, out].
 * Pixels outside of a map are 0, not those of its neighbour. */
cvt_value cvtb_conv2d_maps(cvt_builder *b, cvt_value tokens, const char *name, const cvt_conv *conv, int h, int w);
/* Depth-wise convolution, torch's groups = C: each channel has its own kernel. Parameter: weight [C, 1, kh, kw]. */
cvt_value cvtb_dwconv2d(cvt_builder *b, cvt_value map, const char *name, const cvt_conv *conv);

/* The linear layer y = x W^T + b over the last axis. Parameters: weight [out, in], bias [out]. */
cvt_value cvtb_linear(cvt_builder *b, cvt_value x, const char *name, int out, bool bias);

/* Batch norm: (x - running_mean) / sqrt(running_var + eps) * weight + bias for each channel of a map. */
cvt_value cvtb_batch_norm(cvt_builder *b, cvt_value map, const char *name, float eps);
/* Batch norm with the mean and the biased variance over all images of the pass. Running statistics are stored and not
 * read. */
cvt_value cvtb_pass_norm(cvt_builder *b, cvt_value map, const char *name, float eps);
/* Layer norm over the channels of each token or pixel, with the biased variance. Parameters: weight [C], bias [C]. */
cvt_value cvtb_layer_norm(cvt_builder *b, cvt_value x, const char *name, float eps);
/* Global response norm over all pixels or tokens of an image (response_norm.c). Parameters: weight [C], bias [C]. */
cvt_value cvtb_response_norm(cvt_builder *b, cvt_value x, const char *name, float eps);
/* Layer norm without a bias. */
cvt_value cvtb_layer_norm_scale(cvt_builder *b, cvt_value x, const char *name, float eps);

cvt_value cvtb_activation(cvt_builder *b, cvt_value x, cvt_act act);
cvt_value cvtb_add(cvt_builder *b, cvt_value x, cvt_value y);
cvt_value cvtb_multiply(cvt_builder *b, cvt_value x, cvt_value y); /* element by element */
cvt_value cvtb_scale(cvt_builder *b, cvt_value x, float factor);
/* LayerScale: x * gamma, a stored factor for each channel. Parameter: gamma [C]. It is folded into the product before
 * it, so no tap goes between the two. */
cvt_value cvtb_layer_scale(cvt_builder *b, cvt_value x, const char *name);

/* These only look at their input differently: [C,H,W] -> [H*W,C] and back, a run of tokens, [1,C] -> [C], [T,C] -> [T *
 * C / c, c]. */
cvt_value cvtb_tokens(cvt_builder *b, cvt_value map);
cvt_value cvtb_map(cvt_builder *b, cvt_value tokens, int h, int w);
cvt_value cvtb_slice(cvt_builder *b, cvt_value tokens, int first, int count);
cvt_value cvtb_flatten(cvt_builder *b, cvt_value token);
cvt_value cvtb_regroup(cvt_builder *b, cvt_value tokens, int c);
/* The same value once more, so that it can be tapped under a second name. */
cvt_value cvtb_alias(cvt_builder *b, cvt_value x);

/* A stored token of c channels, [1, c], the same for every image. Its parameter, [1, 1, c], is called `name`. */
cvt_value cvtb_token(cvt_builder *b, const char *name, int c);
/* Several of them, [rows, c], stored as [1, rows, c]: register tokens. */
cvt_value cvtb_stored_tokens(cvt_builder *b, const char *name, int rows, int c);
/* Concatenation: tokens [T1 + T2, C], those of x first; features [C1 + C2]. */
cvt_value cvtb_concat(cvt_builder *b, cvt_value x, cvt_value y);

/* Puts `rows` tokens of zeros in front. */
cvt_value cvtb_pad_front(cvt_builder *b, cvt_value tokens, int rows);
/* Depth-wise convolution along the tokens, with zeros outside. All channels of a head share a kernel: weight [heads, 1,
 * kernel, 1], no bias. `kernel` is odd. */
cvt_value cvtb_token_conv(cvt_builder *b, cvt_value tokens, const char *name, int heads, int kernel);

/* Adds a stored table of positions called `name`, [1, prefix + h * w, C]: a row for each of `prefix` class tokens, then
 * one for each cell of a grid. Where x has another grid, to_h x to_w, the rows of the cells are resized once, when the
 * plan is made. With CVT_INTERPOLATE_NONE x is given the first rows of the table, as many as it has. x may hold several
 * sequences one after the other: the table is added to each. */
typedef enum cvt_interpolation {
    CVT_INTERPOLATE_NONE,
    CVT_INTERPOLATE_BILINEAR_CORNERS,  /* align_corners=True */
    CVT_INTERPOLATE_BILINEAR,          /* half-pixel centres */
    CVT_INTERPOLATE_BICUBIC,           /* half-pixel centres, A = -0.75, edge pixels repeat: no antialias */
    CVT_INTERPOLATE_BICUBIC_ANTIALIAS, /* A = -0.5, pixels beyond the edge are left out: torch's antialias=True */
} cvt_interpolation;
typedef struct cvt_position {
    int prefix, h, w; /* the grid of the table */
    int to_h, to_w;   /* the grid of x */
    cvt_interpolation resize;
    bool map; /* the stored table is [h, w, C], and prefix is 0 */
} cvt_position;
cvt_value cvtb_position(cvt_builder *b, cvt_value x, const char *name, const cvt_position *position);
/* Adds the sinusoids of "Attention is all you need". Row p, channel j gets sin (j even) or cos (j odd) of p / 10000^(2
 * floor(j / 2) / C). */
cvt_value cvtb_sinusoid(cvt_builder *b, cvt_value x);

/* Resizes a map. */
cvt_value cvtb_resize(cvt_builder *b, cvt_value map, int h, int w, cvt_interpolation how);
/* Cuts out the window of h x w pixels whose first pixel is (top, left). */
cvt_value cvtb_crop(cvt_builder *b, cvt_value map, int top, int left, int h, int w);

/* Makes a token of each window of a map, row by row: [C,H,W] -> [OH * OW, C * kernel_h * kernel_w], zeros outside the
 * map. Within a token the channels change fastest (einops "(p1 p2 c)", vit_pytorch) or slowest (torch.nn.Unfold). */
typedef struct cvt_unfold {
    int kernel_h, kernel_w, stride_h, stride_w, padding;
    bool channels_slowest;
} cvt_unfold;
cvt_value cvtb_unfold(cvt_builder *b, cvt_value map, const cvt_unfold *unfold);
/* Makes tokens of patches side by side: windows whose stride is their size. What is left over at the right and below is
 * dropped. */
cvt_value cvtb_patches(cvt_builder *b, cvt_value map, int h, int w);

/* Attention: softmax(scale * q_h k_h^T) v_h for each head h, a contiguous slice of the channels; the heads' results lie
 * side by side. q [T, C], k [S, C], v [S, V] -> [T, V]. Under the current scope the tap "map" is the probabilities,
 * [heads, T, S]; its handle is the next one after the result's. */
cvt_value cvtb_attention(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, int heads, float scale);
/* The same in each of `groups` runs of tokens by itself; the map is [groups * heads, T / groups, S / groups]. */
cvt_value cvtb_attention_groups(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, int heads, int groups,
                                float scale);

/* Attention whose scores can be read: scale * q_h k_h^T, plus *scores, those of a layer before, if that is a value. On
 * return *scores is the new ones, [heads, T, S], with the tap "scores". They are stored only where they are tapped or
 * read. */
cvt_value cvtb_attention_scores(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, int heads, float scale,
                                cvt_value *scores);

/* Gated positional self-attention of the h * w cells of a grid (gpsa.c): its map mixes one by content with one by
 * position. q, k [T, C], v [T, V] -> [T, V]. Parameters: pos_proj.weight [heads, 3], pos_proj.bias [heads], gate
 * [heads]. Taps under the current scope: "map", "content" and "position", [heads, T, T], and "gate", the share of the
 * position, [heads]. */
typedef struct cvt_gpsa {
    int heads, h, w;
    float scale;
} cvt_gpsa;
cvt_value cvtb_gpsa(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, const cvt_gpsa *gpsa);

/* Attention in linear time by positive random features, with one head (Performer, as in T2T-ViT). Parameter: w
 * [features, C]. phi(t) = exp(w t - |t|^2 / 2) / sqrt(features), and y = phi(q) sum_s phi(k_s) v_s^T / (phi(q) sum_s
 * phi(k_s) + eps). */
cvt_value cvtb_performer(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, int features, float eps);

/* The middle part of landmark attention (landmarks.c): Z w for each head, where Z is the pseudo-inverse, found in so
 * many iterations, of softmax(scale * q_h k_h^T) between landmarks. q, k [M, C], w [M, V] -> [M, V]. Taps under the
 * current scope: "landmarks" is the matrix that is inverted, "landmarks_inverse" is Z, both [heads, M, M]. */
typedef struct cvt_landmarks {
    int heads, iterations;
    float scale;
    int queries; /* the original multiplies so many rows by Z before all else; only counts of multiply-adds need this */
} cvt_landmarks;
cvt_value cvtb_landmarks(cvt_builder *b, cvt_value q, cvt_value k, cvt_value w, const cvt_landmarks *landmarks);

/* The mean over all tokens, [T, C] -> [1, C]. */
cvt_value cvtb_mean(cvt_builder *b, cvt_value tokens);
/* The largest number of each channel over all tokens, [T, C] -> [1, C]. */
cvt_value cvtb_max(cvt_builder *b, cvt_value tokens);
/* The mean over each run of `run` tokens, [T, C] -> [T / run, C]. */
cvt_value cvtb_mean_runs(cvt_builder *b, cvt_value tokens, int run);
/* AvgPool2d(kernel, stride, padding, ceil_mode=True): pixels of the padding count in the divisor, pixels beyond it do
 * not. */
cvt_value cvtb_avg_pool(cvt_builder *b, cvt_value map, int kernel, int stride, int padding);
/* MaxPool2d(kernel, stride, padding): the padding never wins. It is at most half of the kernel. */
cvt_value cvtb_max_pool(cvt_builder *b, cvt_value map, int kernel, int stride, int padding);
/* AdaptiveAvgPool2d((h, w)): the mean of each of h x w bins; bin j of m along a side of n pixels is
 * [floor(j n / m), ceil((j + 1) n / m)), so bins overlap, and repeat pixels where m > n. */
cvt_value cvtb_adaptive_avg_pool(cvt_builder *b, cvt_value map, int h, int w);

/* The ops themselves, by which fusion and walks along the tokens of a graph know the nodes that they look for. */
extern const cvt_op cvt_op_activation, cvt_op_add, cvt_op_input, cvt_op_concat, cvt_op_slice, cvt_op_linear,
    cvt_op_mean;
cvt_act cvt_op_activation_act(const cvt_node *node);

#endif
