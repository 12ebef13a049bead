/* cvt_flax.c - the CvT of conceptofmind/CvT-flax, and that of vit_pytorch (cvt.CvT), from which it was made.
 *
 *   stage   convolution, layer norm; blocks; the map goes on
 *   block   m += proj(attention(q, k, v)) of u = norm(m): q from one depth-wise convolution and batch norm of u, k and
 *           v from another that they share;  m += fc2(gelu(fc1(norm(m))))
 *   head    linear(mean of the map), without a last norm
 *
 * The scale is dim_head^-0.5, every eps is 1e-5. The two differ: Flax has SAME padding, GELU by tanh, norms with a
 * scale only, no biases after attention and in the MLP, and a batch norm that always takes the statistics of the pass.
 * vit_pytorch pads kernel / 2 on all sides and has GELU by erf, biases, and running statistics. The names of the
 * weights tell which of the two a model is; keys of the config override that. */
#include <math.h>

#include "arch/arch.h"
#include "arch/blocks.h"
#include "arch/keys.h"

static const float eps = 1e-5f;

enum { STAGES = 3 };
enum { FLAX, VIT_PYTORCH }; /* dialect */
static const char *const sources[] = {"flax", "vit_pytorch", NULL};
enum { PAD_SAME, PAD_EXPLICIT }; /* padding */
static const char *const paddings[] = {"same", "explicit", NULL};
static const char *const activations[] = {"gelu_tanh", "gelu_erf", NULL};
static const cvt_act acts[] = {CVT_ACT_GELU_TANH, CVT_ACT_GELU_ERF};
enum { BATCH, RUNNING }; /* batch_norm_mode */
static const char *const modes[] = {"batch", "running", NULL};

typedef struct stage_config {
    int emb_dim, emb_kernel, emb_stride, proj_kernel, kv_proj_stride, heads, depth, mlp_mult;
} stage_config;

typedef struct config {
    cvt_base base;
    stage_config s[STAGES];
    int dim_head, dialect, padding, activation, batch_norm_mode;
    bool norm_bias, out_bias;
} config;

/* Both originals have these defaults. */
#define KEYS_OF config
static const cvt_key keys[] = {
    INT("channels", base.channels, 1, 64, "3", "of the input"),
    INT("num_classes", base.classes, 1, 1000000, NULL, "default: as in the weights, else 1000"),
    INT("s1_emb_dim", s[0].emb_dim, 1, 65536, "64", "channels of stage 1"),
    INT("s1_emb_kernel", s[0].emb_kernel, 1, 256, "7", "kernel of its embedding"),
    INT("s1_emb_stride", s[0].emb_stride, 1, 256, "4", "its stride"),
    INT("s1_proj_kernel", s[0].proj_kernel, 1, 256, "3", "kernel before queries, keys and values"),
    INT("s1_kv_proj_stride", s[0].kv_proj_stride, 1, 256, "2", "stride before keys and values"),
    INT("s1_heads", s[0].heads, 1, 4096, "1", "attention heads"),
    INT("s1_depth", s[0].depth, 1, 1000, "1", "blocks"),
    INT("s1_mlp_mult", s[0].mlp_mult, 1, 64, "4", "hidden channels, as a multiple"),
    INT("s2_emb_dim", s[1].emb_dim, 1, 65536, "192", "channels of stage 2"),
    INT("s2_emb_kernel", s[1].emb_kernel, 1, 256, "3", "kernel of its embedding"),
    INT("s2_emb_stride", s[1].emb_stride, 1, 256, "2", "its stride"),
    INT("s2_proj_kernel", s[1].proj_kernel, 1, 256, "3", "kernel before queries, keys and values"),
    INT("s2_kv_proj_stride", s[1].kv_proj_stride, 1, 256, "2", "stride before keys and values"),
    INT("s2_heads", s[1].heads, 1, 4096, "3", "attention heads"),
    INT("s2_depth", s[1].depth, 1, 1000, "2", "blocks"),
    INT("s2_mlp_mult", s[1].mlp_mult, 1, 64, "4", "hidden channels, as a multiple"),
    INT("s3_emb_dim", s[2].emb_dim, 1, 65536, "384", "channels of stage 3"),
    INT("s3_emb_kernel", s[2].emb_kernel, 1, 256, "3", "kernel of its embedding"),
    INT("s3_emb_stride", s[2].emb_stride, 1, 256, "2", "its stride"),
    INT("s3_proj_kernel", s[2].proj_kernel, 1, 256, "3", "kernel before queries, keys and values"),
    INT("s3_kv_proj_stride", s[2].kv_proj_stride, 1, 256, "2", "stride before keys and values"),
    INT("s3_heads", s[2].heads, 1, 4096, "6", "attention heads"),
    INT("s3_depth", s[2].depth, 1, 1000, "10", "blocks"),
    INT("s3_mlp_mult", s[2].mlp_mult, 1, 64, "4", "hidden channels, as a multiple"),
    INT("dim_head", dim_head, 1, 4096, "64", "channels of a head"),
    CHOICE("dialect", dialect, sources, NULL, "default: as the names of the weights tell; the keys below follow it"),
    CHOICE("padding", padding, paddings, NULL, "of convolutions"),
    CHOICE("activation", activation, activations, NULL, "of the feed-forward part"),
    BOOL("norm_bias", norm_bias, NULL, "bias of the norms in blocks"),
    BOOL("out_bias", out_bias, NULL, "biases after attention and in the feed-forward part"),
    CHOICE("batch_norm_mode", batch_norm_mode, modes, NULL, "statistics of the pass, or the stored ones"),
    CVT_DROPOUT_KEY("dropout"),
    {0},
};

/* ---- names of weights: {m} = 2 {j}, {n} = 2 {j} + 1 ---- */

/* The names of the parameter tree, joined by "/". Kernels are HWIO. */
static const cvt_name_row flax_conv[] = {{"conv.weight", "Conv_0/kernel", .axes = "cdba"},
                                         {"bn.weight", "BatchNorm_0/scale"},
                                         {"bn.bias", "BatchNorm_0/bias"},
                                         {NULL, NULL}};
static const cvt_name_row flax_statistics[] = {{"bn.running_mean", "BatchNorm_0/mean"},
                                               {"bn.running_var", "BatchNorm_0/var"},
                                               {"bn.num_batches_tracked", "BatchNorm_0/num_batches_tracked"},
                                               {NULL, NULL}};
static const cvt_name_row flax_block[] = {
    {"norm1.weight", "PreNorm_{m}/LayerNorm_0/scale"},
    {"attn.conv_q.*", "Attention_{j}/DepthWiseConv2d_0/*", .rows = flax_conv},
    {"attn.conv_kv.*", "Attention_{j}/DepthWiseConv2d_1/*", .rows = flax_conv},
    {"attn.q.weight", "Attention_{j}/DepthWiseConv2d_0/Conv_1/kernel", .axes = "11ba"},
    {"attn.k.weight", "Attention_{j}/DepthWiseConv2d_1/Conv_1/kernel", "11ba", 0, 2},
    {"attn.v.weight", "Attention_{j}/DepthWiseConv2d_1/Conv_1/kernel", "11ba", 1, 2},
    {"attn.proj.weight", "Attention_{j}/Conv_0/kernel", .axes = "11ba"},
    {"norm2.weight", "PreNorm_{n}/LayerNorm_0/scale"},
    {"mlp.fc1.weight", "FeedForward_{j}/Conv_0/kernel", .axes = "11ba"},
    {"mlp.fc2.weight", "FeedForward_{j}/Conv_1/kernel", .axes = "11ba"},
    {NULL, NULL}};
static const cvt_name_row flax_block_statistics[] = {
    {"attn.conv_q.*", "Attention_{j}/DepthWiseConv2d_0/*", .rows = flax_statistics},
    {"attn.conv_kv.*", "Attention_{j}/DepthWiseConv2d_1/*", .rows = flax_statistics},
    {NULL, NULL}};
static const cvt_name_row flax[] = {
    {"stage{i}.embed.proj.weight", "params/Conv_{i}/kernel", .axes = "cdba"},
    {"stage{i}.embed.proj.bias", "params/Conv_{i}/bias"},
    {"stage{i}.embed.norm.weight", "params/LayerNorm_{i}/g", .axes = "111a"},
    {"stage{i}.embed.norm.bias", "params/LayerNorm_{i}/b", .axes = "111a"},
    {"stage{i}.block{j}.*", "params/Transformer_{i}/*", .rows = flax_block},
    {"stage{i}.block{j}.*", "batch_stats/Transformer_{i}/*", .rows = flax_block_statistics},
    {"head.weight", "params/Dense_0/kernel", .axes = "ba"},
    {"head.bias", "params/Dense_0/bias"},
    {NULL, NULL}};

/* A linear layer that is stored as a convolution of 1 x 1. */
static const cvt_name_row pointwise[] = {{"weight", "weight", .axes = "ab11"}, {"bias", "bias"}, {NULL, NULL}};

static const cvt_name_row vit_pytorch_norm[] = {
    {"weight", "g", .axes = "1a11"}, {"bias", "b", .axes = "1a11"}, {NULL, NULL}};
static const cvt_name_row vit_pytorch_block[] = {{"norm1.*", "0.norm.*", .rows = vit_pytorch_norm},
                                                 {"attn.conv_q.conv.*", "0.to_q.net.0.*"},
                                                 {"attn.conv_q.bn.*", "0.to_q.net.1.*"},
                                                 {"attn.q.*", "0.to_q.net.2.*", .rows = pointwise},
                                                 {"attn.conv_kv.conv.*", "0.to_kv.net.0.*"},
                                                 {"attn.conv_kv.bn.*", "0.to_kv.net.1.*"},
                                                 {"attn.k.weight", "0.to_kv.net.2.weight", "ab11", 0, 2},
                                                 {"attn.v.weight", "0.to_kv.net.2.weight", "ab11", 1, 2},
                                                 {"attn.proj.*", "0.to_out.0.*", .rows = pointwise},
                                                 {"norm2.*", "1.net.0.*", .rows = vit_pytorch_norm},
                                                 {"mlp.fc1.*", "1.net.1.*", .rows = pointwise},
                                                 {"mlp.fc2.*", "1.net.4.*", .rows = pointwise},
                                                 {NULL, NULL}};
static const cvt_name_row vit_pytorch[] = {
    {"stage{i}.embed.proj.*", "layers.{i}.0.*"},
    {"stage{i}.embed.norm.*", "layers.{i}.1.*", .rows = vit_pytorch_norm},
    {"stage{i}.block{j}.*", "layers.{i}.2.layers.{j}.*", .rows = vit_pytorch_block},
    {"head.*", "to_logits.2.*"},
    {NULL, NULL}};

/* The model of Flax as a PyTorch module: kernels are OIHW. */
static const cvt_name_row torch_block[] = {{"norm1.weight", "0.norm.g"},
                                           {"attn.conv_q.conv.*", "0.to_q.dw.*"},
                                           {"attn.conv_q.bn.*", "0.to_q.bn.*"},
                                           {"attn.q.*", "0.to_q.pw.*", .rows = pointwise},
                                           {"attn.conv_kv.conv.*", "0.to_kv.dw.*"},
                                           {"attn.conv_kv.bn.*", "0.to_kv.bn.*"},
                                           {"attn.k.weight", "0.to_kv.pw.weight", "ab11", 0, 2},
                                           {"attn.v.weight", "0.to_kv.pw.weight", "ab11", 1, 2},
                                           {"attn.proj.*", "0.to_out.*", .rows = pointwise},
                                           {"norm2.weight", "1.norm.g"},
                                           {"mlp.fc1.*", "1.fc1.*", .rows = pointwise},
                                           {"mlp.fc2.*", "1.fc2.*", .rows = pointwise},
                                           {NULL, NULL}};
static const cvt_name_row flax_torch[] = {{"stage{i}.embed.proj.*", "stages.{i}.embed.*"},
                                          {"stage{i}.embed.norm.weight", "stages.{i}.norm.g"},
                                          {"stage{i}.embed.norm.bias", "stages.{i}.norm.b"},
                                          {"stage{i}.block{j}.*", "stages.{i}.blocks.{j}.*", .rows = torch_block},
                                          {"head.*", "head.*"},
                                          {NULL, NULL}};

static const cvt_dialect dialects[] = {
    {"native"}, {"flax", flax}, {"vit_pytorch", vit_pytorch}, {"flax_torch", flax_torch}, {NULL}};

/* ---- config ---- */

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    if (!GIVEN(c, dialect)) c->dialect = cvt_hints_from(hints, "vit_pytorch") ? VIT_PYTORCH : FLAX;
    bool torch = c->dialect == VIT_PYTORCH;
    if (!GIVEN(c, padding)) c->padding = torch ? PAD_EXPLICIT : PAD_SAME;
    if (!GIVEN(c, activation)) c->activation = torch; /* by erf */
    if (!GIVEN(c, norm_bias)) c->norm_bias = torch;
    if (!GIVEN(c, out_bias)) c->out_bias = torch;
    if (!GIVEN(c, batch_norm_mode)) c->batch_norm_mode = torch ? RUNNING : BATCH;
    for (int i = 0; i < STAGES; i++)
        if (c->padding == PAD_EXPLICIT && c->s[i].proj_kernel % 2 == 0)
            return cvt_fail(error, CVT_CONFIG,
                            "\"s%d_proj_kernel\" = %d must be odd where \"padding\" is \"explicit\": queries keep the "
                            "map",
                            i + 1, c->s[i].proj_kernel);
    return CVT_OK;
}

/* ---- the forward pass ---- */

static cvt_conv conv_of(cvt_builder *b, const config *c, cvt_value map, int out, int kernel, int stride, bool bias) {
    cvt_shape s = cvtb_shape(b, map);
    cvt_conv conv = cvt_conv_square(out, kernel, stride, kernel / 2, bias);
    return c->padding == PAD_SAME ? cvt_conv_same(conv, s.d[1], s.d[2]) : conv;
}

static cvt_value norm(cvt_builder *b, const config *c, cvt_value t, const char *name) {
    return c->norm_bias ? cvtb_layer_norm(b, t, name, eps) : cvtb_layer_norm_scale(b, t, name, eps);
}

/* The map goes through its depth-wise convolution and batch norm, and becomes tokens. */
static cvt_value convolve(cvt_builder *b, const config *c, cvt_value map, const char *name, int kernel, int stride) {
    cvt_conv conv = conv_of(b, c, map, 0, kernel, stride, false);
    cvtb_open(b, name, 0, 0, NULL);
    map = cvtb_dwconv2d(b, map, "conv", &conv);
    map = c->batch_norm_mode == BATCH ? cvtb_pass_norm(b, map, "bn", eps) : cvtb_batch_norm(b, map, "bn", eps);
    cvtb_end(b, map);
    cvt_shape s = cvtb_shape(b, map);
    cvtb_grid(b, 0, s.d[1], s.d[2]); /* keys come last, so in the end this is their grid */
    return cvtb_tokens(b, map);
}

static cvt_value attention(cvt_builder *b, const config *c, const stage_config *s, cvt_value t, int h, int w) {
    int inner = s->heads * c->dim_head;
    cvtb_open(b, "attn", 0, 0, "Attention");
    cvt_value map = cvtb_map(b, t, h, w);
    cvt_value from_q = convolve(b, c, map, "conv_q", s->proj_kernel, 1);
    cvt_value from_kv = convolve(b, c, map, "conv_kv", s->proj_kernel, s->kv_proj_stride);
    cvt_value q = cvtb_tap(b, cvtb_linear(b, from_q, "q", inner, false), "q");
    cvt_value k = cvtb_tap(b, cvtb_linear(b, from_kv, "k", inner, false), "k");
    cvt_value v = cvtb_tap(b, cvtb_linear(b, from_kv, "v", inner, false), "v");
    cvt_value y = cvtb_attention(b, q, k, v, s->heads, (float)(1 / sqrt(c->dim_head)));
    return cvtb_end(b, cvtb_linear(b, y, "proj", s->emb_dim, c->out_bias));
}

static cvt_value stage(cvt_builder *b, const config *c, int i, cvt_value map) {
    const stage_config *s = &c->s[i];
    cvt_conv conv = conv_of(b, c, map, s->emb_dim, s->emb_kernel, s->emb_stride, true);
    cvtb_open(b, "stage{i}", 'i', i, NULL);
    map = cvtb_conv_embed(b, map, &conv, eps, NULL);
    cvt_shape grid = cvtb_shape(b, map);
    cvt_value t = cvtb_tokens(b, map);
    for (int j = 0; j < s->depth && !cvtb_failed(b); j++) {
        cvtb_open(b, "block{j}", 'j', j, NULL);
        cvtb_index(b, 'm', 2 * j);
        cvtb_index(b, 'n', 2 * j + 1);
        t = cvtb_add(b, t, attention(b, c, s, norm(b, c, t, "norm1"), grid.d[1], grid.d[2]));
        cvt_value u = norm(b, c, t, "norm2");
        t = cvtb_add(b, t, cvtb_mlp(b, u, s->emb_dim * s->mlp_mult, acts[c->activation], c->out_bias));
        cvtb_end(b, t);
    }
    return cvtb_end(b, cvtb_map(b, t, grid.d[1], grid.d[2]));
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    cvt_value map = cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]);
    for (int i = 0; i < STAGES; i++) map = stage(b, c, i, map);
    return cvtb_classify(b, cvtb_mean(b, cvtb_tokens(b, map)), c->base.classes);
}

const cvt_arch cvt_arch_cvt_flax = {
    .name = "cvt_flax",
    .about = "CvT of conceptofmind/CvT-flax and of vit_pytorch: keys and values share a convolution",
    .traits = {"no", "overlapping (convolution)", "convolution", "yes"},
    .config_size = sizeof(config),
    .keys = keys,
    .dialects = dialects,
    .classifier = "head.weight",
    .classes = 1000,
    .preprocess = {CVT_PREPROCESS_CENTER, 224, 0.875},
    .resolve = resolve,
    .build = build,
};
