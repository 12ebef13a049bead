/* cvt_blocks.c - the self-attention and the cross-attention block of russellgeum/Convolutions-to-Vision-Transformers
 * (model_layer.py at 764eb71), as layers of networks. Maps in, a map out. The names are those of its state_dict.
 *
 *   SepConv2D   pointwise(batch norm(depth-wise k x k)), all with biases; q, k, v have one each
 *   self        t = LN(tokens(x));  depth times: t += FFN(attention(LN(t)));  t += MLP(LN(t))
 *   cross       t1, t2 = LN(tokens(x1)), LN(tokens(x2)) with one LN; u1, u2 = LN1(t1), LN1(t2) with another;
 *               queries of u1 as a map, resized to that of x2 (bilinear, align_corners), keys and values of u2;
 *               t = MLP(LN2(t2 + FFN(attention))): no residual round the MLP
 *
 * The residual sums begin with the output of the first norm. FFN, the projection after the attention, is missing where
 * there is one head with as many channels as the map. The scale is dim_head^-0.5. */
#include <math.h>

#include "arch/keys.h"
#include "arch/layer.h"
#include "ops/ops.h"

static const float eps = 1e-5f;

typedef struct config {
    int in_channels, heads, dim_head, dim_mlp, depth, kernel_size;
    int self_size[2], cross_size[2]; /* only checked; 0: the file does not have them */
} config;

#define KEYS_OF config
#define COMMON_KEYS                                                                          \
    INT("in_channels", in_channels, 1, 65536, NULL, "the channels of its input, checked"),   \
        INT("heads", heads, 1, 4096, NULL, "attention heads", .required = true),             \
        INT("dim_head", dim_head, 1, 65536, NULL, "channels of a head", .required = true),   \
        INT("dim_mlp", dim_mlp, 1, 1 << 20, NULL, "hidden channels", .required = true),      \
        INT("kernel_size", kernel_size, 1, 255, "3", "of the depth-wise convolutions; odd"), \
        SIZE("self_feature_size", self_size, 1, 65535, NULL, "the size of the (first) map, checked")
static const cvt_key self_keys[] = {
    COMMON_KEYS,
    INT("depth", depth, 1, 1000, "1", "blocks"),
    {0},
};
static const cvt_key cross_keys[] = {
    COMMON_KEYS,
    SIZE("cross_features_size", cross_size, 1, 65535, NULL, "the size of the second map, checked"),
    {0},
};

/* ---- checks ---- */

static void check_keys(cvt_builder *b, const config *c) {
    if (c->kernel_size % 2 == 0) cvtb_fail(b, "\"kernel_size\" = %d must be odd: maps keep their size", c->kernel_size);
    if ((int64_t)c->heads * c->dim_head > 1 << 24)
        cvtb_fail(b, "\"heads\" = %d times \"dim_head\" = %d is too much", c->heads, c->dim_head);
}

static void check_size(cvt_builder *b, cvt_value map, const char *key, const int *said) {
    char text[48];
    cvt_shape s = cvtb_shape(b, map);
    if (said[0] && (said[0] != s.d[1] || said[1] != s.d[2]))
        cvtb_fail(b, "\"%s\" = [%d, %d] does not fit its input, %s", key, said[0], said[1], cvt_shape_text(s, text));
}

/* ---- parts ---- */

/* These two have no lines in listings: the original calls functions for them, not modules. */
static cvt_value as_map(cvt_builder *b, cvt_value tokens, cvt_shape like) {
    cvtb_in_summary(b, false);
    cvt_value map = cvtb_map(b, tokens, like.d[1], like.d[2]);
    cvtb_in_summary(b, true);
    return map;
}

static cvt_value as_tokens(cvt_builder *b, cvt_value map) {
    cvtb_in_summary(b, false);
    cvt_value tokens = cvtb_tokens(b, map);
    cvtb_in_summary(b, true);
    return tokens;
}

/* The tokens of one of Q, K, V. */
static cvt_value separable(cvt_builder *b, const config *c, cvt_value map, const char *name) {
    cvt_conv depth_wise = cvt_conv_square(0, c->kernel_size, 1, (c->kernel_size - 1) / 2, true);
    cvt_conv pointwise = cvt_conv_square(c->heads * c->dim_head, 1, 1, 0, true);
    cvtb_open(b, name, 0, 0, "SepConv2D");
    map = cvtb_batch_norm(b, cvtb_dwconv2d(b, map, "depth_wise", &depth_wise), "batchnorm", eps);
    map = cvtb_end(b, cvtb_conv2d(b, map, "pointwise", &pointwise));
    return as_tokens(b, map);
}

/* Queries of one map, keys and values of another of the same size. */
static cvt_value attention(cvt_builder *b, const config *c, cvt_value queries, cvt_value keys, const char *type) {
    cvt_shape s = cvtb_shape(b, keys);
    cvtb_open(b, "function", 0, 0, type);
    cvtb_grid(b, 0, s.d[1], s.d[2]);
    cvt_value q = separable(b, c, queries, "Q"), k = separable(b, c, keys, "K"), v = separable(b, c, keys, "V");
    cvt_value y = cvtb_attention(b, q, k, v, c->heads, (float)(1 / sqrt(c->dim_head)));
    if (c->heads == 1 && c->dim_head == s.d[0]) {
        cvtb_open(b, "FFN", 0, 0, "Identity");
        cvtb_close(b);
    } else {
        y = cvtb_linear(b, y, "FFN.0", s.d[0], true);
    }
    return cvtb_end(b, y);
}

/* MLP(LN(t)) */
static cvt_value feed_forward(cvt_builder *b, const config *c, cvt_value t) {
    int channels = cvt_shape_cols(cvtb_shape(b, t));
    t = cvtb_tap(b, cvtb_layer_norm(b, t, "norm", eps), "norm");
    cvtb_open(b, "function", 0, 0, "FeedFoward");
    t = cvtb_activation(b, cvtb_linear(b, t, "net.0", c->dim_mlp, true), CVT_ACT_GELU_ERF);
    return cvtb_end(b, cvtb_linear(b, t, "net.2", channels, true));
}

/* ---- the two blocks ---- */

static cvt_value build_self(cvt_builder *b, const void *p, const cvt_value *in) {
    const config *c = p;
    cvt_value x = cvtb_as_map(b, in[0]);
    check_keys(b, c);
    cvtb_check_channels(b, x, "in_channels", c->in_channels);
    check_size(b, x, "self_feature_size", c->self_size);
    cvt_shape s = cvtb_shape(b, x);
    cvt_value t = cvtb_tap(b, cvtb_layer_norm(b, cvtb_tokens(b, x), "LayerNorm", eps), "LayerNorm");
    for (int l = 0; l < c->depth && !cvtb_failed(b); l++) {
        cvtb_open(b, "module.{l}", 'l', l, NULL);
        cvtb_open(b, "0", 0, 0, "SelfPreNorm");
        cvt_value u = cvtb_tap(b, cvtb_layer_norm(b, t, "norm", eps), "norm"), m = as_map(b, u, s);
        u = attention(b, c, m, m, "ConvSelfAttention");
        cvtb_close(b);
        t = cvtb_add(b, t, u);
        cvtb_open(b, "1", 0, 0, "SelfPreNorm");
        u = feed_forward(b, c, t);
        cvtb_close(b);
        t = cvtb_end(b, cvtb_add(b, t, u));
    }
    return cvtb_map(b, t, s.d[1], s.d[2]);
}

static cvt_value build_cross(cvt_builder *b, const void *p, const cvt_value *in) {
    const config *c = p;
    cvt_value x1 = cvtb_as_map(b, in[0]), x2 = cvtb_as_map(b, in[1]);
    cvt_shape s1 = cvtb_shape(b, x1), s2 = cvtb_shape(b, x2);
    char one[48], two[48];
    check_keys(b, c);
    cvtb_check_channels(b, x1, "in_channels", c->in_channels);
    if (s1.d[0] != s2.d[0])
        cvtb_fail(b, "\"inputs\" names maps %s and %s; both must have the \"in_channels\" of the block",
                  cvt_shape_text(s1, one), cvt_shape_text(s2, two));
    check_size(b, x1, "self_feature_size", c->self_size);
    check_size(b, x2, "cross_features_size", c->cross_size);
    cvt_value t1 = cvtb_tap(b, cvtb_layer_norm(b, cvtb_tokens(b, x1), "LayerNorm", eps), "LayerNorm.0");
    cvt_value t2 = cvtb_tap(b, cvtb_layer_norm(b, cvtb_tokens(b, x2), "LayerNorm", eps), "LayerNorm.1");
    cvtb_open(b, "Layer1", 0, 0, "CrossPreNorm");
    cvt_value u1 = cvtb_tap(b, cvtb_layer_norm(b, t1, "norm", eps), "norm.0");
    cvt_value u2 = cvtb_tap(b, cvtb_layer_norm(b, t2, "norm", eps), "norm.1");
    u1 = cvtb_resize(b, as_map(b, u1, s1), s2.d[1], s2.d[2], CVT_INTERPOLATE_BILINEAR_CORNERS);
    cvt_value a = attention(b, c, u1, as_map(b, u2, s2), "ConvCrossAttention");
    cvtb_close(b);
    cvt_value t = cvtb_tap(b, cvtb_add(b, t2, a), "Layer1");
    cvtb_open(b, "Layer2", 0, 0, "SelfPreNorm");
    t = feed_forward(b, c, t);
    cvtb_close(b);
    return cvtb_map(b, t, s2.d[1], s2.d[2]);
}

const cvt_layer cvt_layer_self_block =
    CVT_LAYER("self_block", 1, "self-attention of a map by separable convolutions", .build = build_self,
              CVT_LAYER_KEYS(config, self_keys), .row = "SelfAttention_ConvolutionTransfomer");

const cvt_layer cvt_layer_cross_block =
    CVT_LAYER("cross_block", 2, "the second map attended by the first, which is resized to it", .build = build_cross,
              CVT_LAYER_KEYS(config, cross_keys), .row = "CrossAttention_ConvolutionTransformer");
