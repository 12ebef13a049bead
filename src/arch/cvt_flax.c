/* cvt_flax.c - the CvT of conceptofmind/CvT-flax, and that of vit_pytorch (cvt.CvT), its parent.
 *
 *   stage   convolution, layer norm; blocks; the map goes on
 *   block   m += proj(attention(q, k, v)) of u = norm(m): q from one depth-wise convolution and batch norm of u, k and
 *           v from another that they share;  m += fc2(gelu(fc1(norm(m))))
 *   head    linear(mean of the map), without a last norm
 *
 * The scale is dim_head^-0.5, every eps 1e-5. Flax: SAME padding, GELU by tanh, norms with a scale only, no biases
 * behind attention and in the MLP, and batch norm with the statistics of the pass, always. vit_pytorch: kernel / 2 on
 * all sides, GELU by erf, biases, running statistics. Which of the two is what the names of the weights say; keys
 * override. */
#include <math.h>

#include "arch/arch.h"
#include "arch/blocks.h"
#include "ops/ops.h"

static const float eps = 1e-5f;

enum { STAGES = 3, UNSAID = -1 };
enum { FLAX, VIT_PYTORCH }; /* dialect */
static const char *const sources[] = {"flax", "vit_pytorch", NULL};
enum { SAME, EXPLICIT }; /* padding */
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
    int dim_head, dialect;
    int padding, activation, norm_bias, out_bias, batch_norm_mode; /* UNSAID: by dialect */
} config;

#define AT(field) offsetof(config, field)
#define STAGE_KEY(i, key, most) \
    { .name = "s" #i "_" #key, .type = CVT_KEY_INT, .offset = AT(s[i - 1].key), .min = 1, .max = most }
#define STAGE_KEYS(i)                                                                                 \
    STAGE_KEY(i, emb_dim, 65536), STAGE_KEY(i, emb_kernel, 256), STAGE_KEY(i, emb_stride, 256),       \
        STAGE_KEY(i, proj_kernel, 256), STAGE_KEY(i, kv_proj_stride, 256), STAGE_KEY(i, heads, 4096), \
        STAGE_KEY(i, depth, 1000), STAGE_KEY(i, mlp_mult, 64)
static const cvt_key keys[] = {
    {.name = "channels", .type = CVT_KEY_INT, .offset = AT(base.channels), .min = 1, .max = 64},
    {.name = "num_classes", .type = CVT_KEY_INT, .offset = AT(base.classes), .min = 1, .max = 1000000},
    STAGE_KEYS(1),
    STAGE_KEYS(2),
    STAGE_KEYS(3),
    {.name = "dim_head", .type = CVT_KEY_INT, .offset = AT(dim_head), .min = 1, .max = 4096},
    {.name = "dialect", .type = CVT_KEY_CHOICE, .offset = AT(dialect), .choices = sources},
    {.name = "padding", .type = CVT_KEY_CHOICE, .offset = AT(padding), .choices = paddings},
    {.name = "activation", .type = CVT_KEY_CHOICE, .offset = AT(activation), .choices = activations},
    {.name = "norm_bias", .type = CVT_KEY_FLAG, .offset = AT(norm_bias)},
    {.name = "out_bias", .type = CVT_KEY_FLAG, .offset = AT(out_bias)},
    {.name = "batch_norm_mode", .type = CVT_KEY_CHOICE, .offset = AT(batch_norm_mode), .choices = modes},
    CVT_DROPOUT_KEY("dropout"),
    {0},
};

/* ---- names of weights: {m} = 2 {j}, {n} = 2 {j} + 1 ---- */

/* The flattened tree, joined by "/"; kernels are HWIO. */
#define TREE(rest) "params/Transformer_{i}/" rest
#define FLAX_CONV(which, n)                                                                                          \
    {"stage{i}.block{j}.attn.conv_" which ".conv.weight", TREE("Attention_{j}/DepthWiseConv2d_" n "/Conv_0/kernel"), \
     .axes = "cdba"},                                                                                                \
        {"stage{i}.block{j}.attn.conv_" which ".bn.weight",                                                          \
         TREE("Attention_{j}/DepthWiseConv2d_" n "/BatchNorm_0/scale")},                                             \
        {"stage{i}.block{j}.attn.conv_" which ".bn.bias",                                                            \
         TREE("Attention_{j}/DepthWiseConv2d_" n "/BatchNorm_0/bias")},                                              \
        {"stage{i}.block{j}.attn.conv_" which ".bn.running_mean",                                                    \
         "batch_stats/Transformer_{i}/Attention_{j}/DepthWiseConv2d_" n "/BatchNorm_0/mean"},                        \
        {"stage{i}.block{j}.attn.conv_" which ".bn.running_var",                                                     \
         "batch_stats/Transformer_{i}/Attention_{j}/DepthWiseConv2d_" n "/BatchNorm_0/var"},                         \
    {                                                                                                                \
        "stage{i}.block{j}.attn.conv_" which ".bn.num_batches_tracked",                                              \
            "batch_stats/Transformer_{i}/Attention_{j}/DepthWiseConv2d_" n "/BatchNorm_0/num_batches_tracked"        \
    }
static const cvt_name_row flax[] = {
    {"stage{i}.embed.proj.weight", "params/Conv_{i}/kernel", .axes = "cdba"},
    {"stage{i}.embed.proj.bias", "params/Conv_{i}/bias"},
    {"stage{i}.embed.norm.weight", "params/LayerNorm_{i}/g", .axes = "111a"},
    {"stage{i}.embed.norm.bias", "params/LayerNorm_{i}/b", .axes = "111a"},
    {"stage{i}.block{j}.norm1.weight", TREE("PreNorm_{m}/LayerNorm_0/scale")},
    FLAX_CONV("q", "0"),
    FLAX_CONV("kv", "1"),
    {"stage{i}.block{j}.attn.q.weight", TREE("Attention_{j}/DepthWiseConv2d_0/Conv_1/kernel"), .axes = "11ba"},
    {"stage{i}.block{j}.attn.k.weight", TREE("Attention_{j}/DepthWiseConv2d_1/Conv_1/kernel"), "11ba", 0, 2},
    {"stage{i}.block{j}.attn.v.weight", TREE("Attention_{j}/DepthWiseConv2d_1/Conv_1/kernel"), "11ba", 1, 2},
    {"stage{i}.block{j}.attn.proj.weight", TREE("Attention_{j}/Conv_0/kernel"), .axes = "11ba"},
    {"stage{i}.block{j}.norm2.weight", TREE("PreNorm_{n}/LayerNorm_0/scale")},
    {"stage{i}.block{j}.mlp.fc1.weight", TREE("FeedForward_{j}/Conv_0/kernel"), .axes = "11ba"},
    {"stage{i}.block{j}.mlp.fc2.weight", TREE("FeedForward_{j}/Conv_1/kernel"), .axes = "11ba"},
    {"head.weight", "params/Dense_0/kernel", .axes = "ba"},
    {"head.bias", "params/Dense_0/bias"},
    {NULL, NULL},
};

#define VP_BLOCK "layers.{i}.2.layers.{j}."
static const cvt_name_row vit_pytorch[] = {
    {"stage{i}.embed.proj.*", "layers.{i}.0.*"},
    {"stage{i}.embed.norm.weight", "layers.{i}.1.g", .axes = "1a11"},
    {"stage{i}.embed.norm.bias", "layers.{i}.1.b", .axes = "1a11"},
    {"stage{i}.block{j}.norm1.weight", VP_BLOCK "0.norm.g", .axes = "1a11"},
    {"stage{i}.block{j}.norm1.bias", VP_BLOCK "0.norm.b", .axes = "1a11"},
    {"stage{i}.block{j}.attn.conv_q.conv.*", VP_BLOCK "0.to_q.net.0.*"},
    {"stage{i}.block{j}.attn.conv_q.bn.*", VP_BLOCK "0.to_q.net.1.*"},
    {"stage{i}.block{j}.attn.q.weight", VP_BLOCK "0.to_q.net.2.weight", .axes = "ab11"},
    {"stage{i}.block{j}.attn.conv_kv.conv.*", VP_BLOCK "0.to_kv.net.0.*"},
    {"stage{i}.block{j}.attn.conv_kv.bn.*", VP_BLOCK "0.to_kv.net.1.*"},
    {"stage{i}.block{j}.attn.k.weight", VP_BLOCK "0.to_kv.net.2.weight", "ab11", 0, 2},
    {"stage{i}.block{j}.attn.v.weight", VP_BLOCK "0.to_kv.net.2.weight", "ab11", 1, 2},
    {"stage{i}.block{j}.attn.proj.weight", VP_BLOCK "0.to_out.0.weight", .axes = "ab11"},
    {"stage{i}.block{j}.attn.proj.bias", VP_BLOCK "0.to_out.0.bias"},
    {"stage{i}.block{j}.norm2.weight", VP_BLOCK "1.net.0.g", .axes = "1a11"},
    {"stage{i}.block{j}.norm2.bias", VP_BLOCK "1.net.0.b", .axes = "1a11"},
    {"stage{i}.block{j}.mlp.fc1.weight", VP_BLOCK "1.net.1.weight", .axes = "ab11"},
    {"stage{i}.block{j}.mlp.fc1.bias", VP_BLOCK "1.net.1.bias"},
    {"stage{i}.block{j}.mlp.fc2.weight", VP_BLOCK "1.net.4.weight", .axes = "ab11"},
    {"stage{i}.block{j}.mlp.fc2.bias", VP_BLOCK "1.net.4.bias"},
    {"head.*", "to_logits.2.*"},
    {NULL, NULL},
};

/* The same as Flax, as a PyTorch module has it: OIHW. */
#define TWIN_BLOCK "stages.{i}.blocks.{j}."
static const cvt_name_row flax_torch[] = {
    {"stage{i}.embed.proj.*", "stages.{i}.embed.*"},
    {"stage{i}.embed.norm.weight", "stages.{i}.norm.g"},
    {"stage{i}.embed.norm.bias", "stages.{i}.norm.b"},
    {"stage{i}.block{j}.norm1.weight", TWIN_BLOCK "0.norm.g"},
    {"stage{i}.block{j}.attn.conv_q.conv.*", TWIN_BLOCK "0.to_q.dw.*"},
    {"stage{i}.block{j}.attn.conv_q.bn.*", TWIN_BLOCK "0.to_q.bn.*"},
    {"stage{i}.block{j}.attn.q.weight", TWIN_BLOCK "0.to_q.pw.weight", .axes = "ab11"},
    {"stage{i}.block{j}.attn.conv_kv.conv.*", TWIN_BLOCK "0.to_kv.dw.*"},
    {"stage{i}.block{j}.attn.conv_kv.bn.*", TWIN_BLOCK "0.to_kv.bn.*"},
    {"stage{i}.block{j}.attn.k.weight", TWIN_BLOCK "0.to_kv.pw.weight", "ab11", 0, 2},
    {"stage{i}.block{j}.attn.v.weight", TWIN_BLOCK "0.to_kv.pw.weight", "ab11", 1, 2},
    {"stage{i}.block{j}.attn.proj.weight", TWIN_BLOCK "0.to_out.weight", .axes = "ab11"},
    {"stage{i}.block{j}.norm2.weight", TWIN_BLOCK "1.norm.g"},
    {"stage{i}.block{j}.mlp.fc1.weight", TWIN_BLOCK "1.fc1.weight", .axes = "ab11"},
    {"stage{i}.block{j}.mlp.fc2.weight", TWIN_BLOCK "1.fc2.weight", .axes = "ab11"},
    {"head.*", "head.*"},
    {NULL, NULL},
};

static const cvt_dialect dialects[] = {
    {"native"}, {"flax", flax}, {"vit_pytorch", vit_pytorch}, {"flax_torch", flax_torch}, {NULL}};

/* ---- config ---- */

static void defaults(void *p) { /* those of both originals */
    *(config *)p = (config){
        .base = {.channels = 3},
        .s = {{64, 7, 4, 3, 2, 1, 1, 4}, {192, 3, 2, 3, 2, 3, 2, 4}, {384, 3, 2, 3, 2, 6, 10, 4}},
        .dim_head = 64,
        .dialect = UNSAID,
        .padding = UNSAID,
        .activation = UNSAID,
        .norm_bias = UNSAID,
        .out_bias = UNSAID,
        .batch_norm_mode = UNSAID,
    };
}

static void say(int *field, int value) {
    if (*field == UNSAID) *field = value;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    say(&c->dialect, cvt_hints_from(hints, "vit_pytorch") ? VIT_PYTORCH : FLAX);
    bool torch = c->dialect == VIT_PYTORCH;
    say(&c->padding, torch ? EXPLICIT : SAME);
    say(&c->activation, torch); /* erf */
    say(&c->norm_bias, torch);
    say(&c->out_bias, torch);
    say(&c->batch_norm_mode, torch ? RUNNING : BATCH);
    for (int i = 0; i < STAGES; i++)
        if (c->padding == EXPLICIT && c->s[i].proj_kernel % 2 == 0)
            return cvt_fail(error, CVT_CONFIG,
                            "\"s%d_proj_kernel\" = %d must be odd where \"padding\" is \"explicit\": queries keep the "
                            "map",
                            i + 1, c->s[i].proj_kernel);
    if (!c->base.classes) c->base.classes = 1000;
    if (!c->base.preprocess.given) c->base.preprocess = cvt_preprocess_default(CVT_PREPROCESS_CENTER, 224, 0.875);
    return CVT_OK;
}

/* ---- the forward pass ---- */

static cvt_conv conv_of(cvt_builder *b, const config *c, cvt_value map, int out, int kernel, int stride, bool bias) {
    cvt_shape s = cvtb_shape(b, map);
    cvt_conv conv = cvt_conv_square(out, kernel, stride, kernel / 2, bias);
    return c->padding == SAME ? cvt_conv_same(conv, s.d[1], s.d[2]) : conv;
}

static cvt_value norm(cvt_builder *b, const config *c, cvt_value t, const char *name) {
    return c->norm_bias ? cvtb_layer_norm(b, t, name, eps) : cvtb_layer_norm_scale(b, t, name, eps);
}

/* Tokens of a map through its depth-wise convolution and batch norm. */
static cvt_value convolve(cvt_builder *b, const config *c, cvt_value map, const char *name, int kernel, int stride) {
    cvt_conv conv = conv_of(b, c, map, 0, kernel, stride, false);
    cvtb_open(b, name, 0, 0, NULL);
    map = cvtb_dwconv2d(b, map, "conv", &conv);
    map = c->batch_norm_mode == BATCH ? cvtb_pass_norm(b, map, "bn", eps) : cvtb_batch_norm(b, map, "bn", eps);
    cvtb_tap(b, map, NULL);
    cvtb_close(b);
    cvt_shape s = cvtb_shape(b, map);
    cvtb_grid(b, 0, s.d[1], s.d[2]); /* of the keys, in the end: they come last */
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
    y = cvtb_tap(b, cvtb_linear(b, y, "proj", s->emb_dim, c->out_bias), NULL);
    cvtb_close(b);
    return y;
}

static cvt_value stage(cvt_builder *b, const config *c, int i, cvt_value map) {
    const stage_config *s = &c->s[i];
    cvt_conv conv = conv_of(b, c, map, s->emb_dim, s->emb_kernel, s->emb_stride, true);
    cvtb_open(b, "stage{i}", 'i', i, NULL);
    cvtb_open(b, "embed", 0, 0, NULL);
    map = cvtb_tap(b, cvtb_layer_norm(b, cvtb_conv2d(b, map, "proj", &conv), "norm", eps), NULL);
    cvtb_close(b);
    cvt_shape grid = cvtb_shape(b, map);
    cvt_value t = cvtb_tokens(b, map);
    for (int j = 0; j < s->depth && !cvtb_failed(b); j++) {
        cvtb_open(b, "block{j}", 'j', j, NULL);
        cvtb_index(b, 'm', 2 * j);
        cvtb_index(b, 'n', 2 * j + 1);
        t = cvtb_add(b, t, attention(b, c, s, norm(b, c, t, "norm1"), grid.d[1], grid.d[2]));
        cvt_value u = norm(b, c, t, "norm2");
        t = cvtb_add(b, t, cvtb_mlp(b, u, s->emb_dim * s->mlp_mult, acts[c->activation], c->out_bias));
        cvtb_tap(b, t, NULL);
        cvtb_close(b);
    }
    map = cvtb_tap(b, cvtb_map(b, t, grid.d[1], grid.d[2]), NULL);
    cvtb_close(b);
    return map;
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    cvt_value map = cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]);
    for (int i = 0; i < STAGES; i++) map = stage(b, c, i, map);
    cvt_value pooled = cvtb_flatten(b, cvtb_mean(b, cvtb_tokens(b, map)));
    return cvtb_linear(b, cvtb_embedding(b, pooled), "head", c->base.classes, true);
}

const cvt_arch cvt_arch_cvt_flax = {
    .name = "cvt_flax",
    .about = "CvT of conceptofmind/CvT-flax and of vit_pytorch: keys and values share a convolution",
    .traits = {"no", "overlapping (convolution)", "convolution", "yes"},
    .config_size = sizeof(config),
    .defaults = defaults,
    .keys = keys,
    .dialects = dialects,
    .classifier = "head.weight",
    .resolve = resolve,
    .build = build,
};
