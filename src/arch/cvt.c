/* cvt.c - CvT: convolutional vision transformer of microsoft/CvT (lib/models/cls_cvt.py) and Hugging Face's
 * CvtForImageClassification.
 *
 * A stage is a convolutional embedding, then blocks of attention whose queries, keys and values come from depth-wise
 * convolutions of the map. The scale is embed_dim^-0.5, not that of a head; every norm has eps 1e-5, whatever the
 * config says. A class token of the last stage skips the convolutions. GELU is erf under Hugging Face names, QuickGELU
 * under microsoft names: the published accuracies belong to the latter. */
#include <math.h>

#include "arch/layer.h"
#include "arch/resolve.h"
#include "ops/ops.h"

static const float eps = 1e-5f;

enum { DW_BN, AVG, LINEAR }; /* qkv_projection_method */
static const char *const methods[] = {"dw_bn", "avg", "linear", NULL};
enum { UNSAID = -1 };
static const char *const activations[] = {"gelu_erf", "quick_gelu", "gelu_tanh", NULL};
static const cvt_act acts[] = {CVT_ACT_GELU_ERF, CVT_ACT_QUICK_GELU, CVT_ACT_GELU_TANH};

typedef struct config {
    cvt_base base;
    cvt_ints patch_sizes, patch_stride, patch_padding, embed_dim, num_heads, depth, qkv_bias, cls_token, method;
    cvt_ints kernel_qkv, padding_kv, stride_kv, padding_q, stride_q;
    cvt_numbers mlp_ratio;
    int activation;
} config;

#define AT(field) offsetof(config, field)
static const cvt_key keys[] = {
    {.name = "num_channels", .type = CVT_KEY_INT, .offset = AT(base.channels), .min = 1, .max = 64},
    {.name = "num_labels", .type = CVT_KEY_INT, .offset = AT(base.classes), .min = 1, .max = 1000000},
    {.name = "patch_sizes", .type = CVT_KEY_INTS, .offset = AT(patch_sizes), .min = 1, .max = 256},
    {.name = "patch_stride", .type = CVT_KEY_INTS, .offset = AT(patch_stride), .min = 1, .max = 256},
    {.name = "patch_padding", .type = CVT_KEY_INTS, .offset = AT(patch_padding), .min = 0, .max = 256},
    {.name = "embed_dim", .type = CVT_KEY_INTS, .offset = AT(embed_dim), .min = 1, .max = 65536},
    {.name = "num_heads", .type = CVT_KEY_INTS, .offset = AT(num_heads), .min = 1, .max = 4096},
    {.name = "depth", .type = CVT_KEY_INTS, .offset = AT(depth), .min = 1, .max = 1000},
    {.name = "mlp_ratio", .type = CVT_KEY_NUMBERS, .offset = AT(mlp_ratio), .min = 0.001, .max = 64},
    {.name = "qkv_bias", .type = CVT_KEY_BOOLS, .offset = AT(qkv_bias)},
    {.name = "cls_token", .type = CVT_KEY_BOOLS, .offset = AT(cls_token)},
    {.name = "qkv_projection_method", .type = CVT_KEY_CHOICES, .offset = AT(method), .choices = methods},
    {.name = "kernel_qkv", .type = CVT_KEY_INTS, .offset = AT(kernel_qkv), .min = 1, .max = 256},
    {.name = "padding_kv", .type = CVT_KEY_INTS, .offset = AT(padding_kv), .min = 0, .max = 256},
    {.name = "stride_kv", .type = CVT_KEY_INTS, .offset = AT(stride_kv), .min = 1, .max = 256},
    {.name = "padding_q", .type = CVT_KEY_INTS, .offset = AT(padding_q), .min = 0, .max = 256},
    {.name = "stride_q", .type = CVT_KEY_INTS, .offset = AT(stride_q), .min = 1, .max = 256},
    {.name = "activation", .type = CVT_KEY_CHOICE, .offset = AT(activation), .choices = activations},
    {.name = "layer_norm_eps", .type = CVT_KEY_NUMBER, .ignored = true, .min = 0, .max = 1},
    {.name = "drop_rate", .type = CVT_KEY_NUMBERS, .ignored = true, .min = 0, .max = 1},
    {.name = "attention_drop_rate", .type = CVT_KEY_NUMBERS, .ignored = true, .min = 0, .max = 1},
    {.name = "drop_path_rate", .type = CVT_KEY_NUMBERS, .ignored = true, .min = 0, .max = 1},
    {.name = "initializer_range", .type = CVT_KEY_NUMBER, .ignored = true, .min = 0, .max = 1e6},
    {0},
};

/* P: "cvt." in a classifier's file, nothing in one that was saved from the bare CvtModel. */
#define HF_STAGE(P) P "encoder.stages.{i}."
#define HF_LAYER(P) HF_STAGE(P) "layers.{j}."
#define HF_CONV(P) HF_LAYER(P) "attention.attention.convolution_projection_"
#define HF_ROWS(P)                                                                                         \
    {"stage{i}.cls_token", HF_STAGE(P) "cls_token"},                                                       \
        {"stage{i}.embed.proj.*", HF_STAGE(P) "embedding.convolution_embeddings.projection.*"},            \
        {"stage{i}.embed.norm.*", HF_STAGE(P) "embedding.convolution_embeddings.normalization.*"},         \
        {"stage{i}.block{j}.attn.conv_q.conv.*", HF_CONV(P) "query.convolution_projection.convolution.*"}, \
        {"stage{i}.block{j}.attn.conv_k.conv.*", HF_CONV(P) "key.convolution_projection.convolution.*"},   \
        {"stage{i}.block{j}.attn.conv_v.conv.*", HF_CONV(P) "value.convolution_projection.convolution.*"}, \
        {"stage{i}.block{j}.attn.conv_q.bn.*", HF_CONV(P) "query.convolution_projection.normalization.*"}, \
        {"stage{i}.block{j}.attn.conv_k.bn.*", HF_CONV(P) "key.convolution_projection.normalization.*"},   \
        {"stage{i}.block{j}.attn.conv_v.bn.*", HF_CONV(P) "value.convolution_projection.normalization.*"}, \
        {"stage{i}.block{j}.attn.q.*", HF_LAYER(P) "attention.attention.projection_query.*"},              \
        {"stage{i}.block{j}.attn.k.*", HF_LAYER(P) "attention.attention.projection_key.*"},                \
        {"stage{i}.block{j}.attn.v.*", HF_LAYER(P) "attention.attention.projection_value.*"},              \
        {"stage{i}.block{j}.attn.proj.*", HF_LAYER(P) "attention.output.dense.*"},                         \
        {"stage{i}.block{j}.mlp.fc1.*", HF_LAYER(P) "intermediate.dense.*"},                               \
        {"stage{i}.block{j}.mlp.fc2.*", HF_LAYER(P) "output.dense.*"},                                     \
        {"stage{i}.block{j}.norm1.*", HF_LAYER(P) "layernorm_before.*"},                                   \
        {"stage{i}.block{j}.norm2.*", HF_LAYER(P) "layernorm_after.*"}, {"norm.*", "layernorm.*"},         \
        {"head.*", "classifier.*"}, {NULL, NULL},
static const cvt_name_row hf[] = {HF_ROWS("cvt.")};
static const cvt_name_row hf_bare[] = {HF_ROWS("")};

#define MS_BLOCK "stage{i}.blocks.{j}."
static const cvt_name_row microsoft[] = {
    {"stage{i}.cls_token", "stage{i}.cls_token"},
    {"stage{i}.embed.*", "stage{i}.patch_embed.*"},
    {"stage{i}.block{j}.attn.conv_q.*", MS_BLOCK "attn.conv_proj_q.*"},
    {"stage{i}.block{j}.attn.conv_k.*", MS_BLOCK "attn.conv_proj_k.*"},
    {"stage{i}.block{j}.attn.conv_v.*", MS_BLOCK "attn.conv_proj_v.*"},
    {"stage{i}.block{j}.attn.q.*", MS_BLOCK "attn.proj_q.*"},
    {"stage{i}.block{j}.attn.k.*", MS_BLOCK "attn.proj_k.*"},
    {"stage{i}.block{j}.attn.v.*", MS_BLOCK "attn.proj_v.*"},
    {"stage{i}.block{j}.*", MS_BLOCK "*"},
    {"norm.*", "norm.*"},
    {"head.*", "head.*"},
    {NULL, NULL},
};

static const cvt_dialect dialects[] = {{"native"}, {"hf", hf}, {"hf_bare", hf_bare}, {"microsoft", microsoft}, {NULL}};

/* ---- config ---- */

static cvt_ints ints(int a, int b, int c) { return (cvt_ints){3, {a, b, c}}; }

static void defaults(void *p) { /* CvT-13, as Hugging Face's CvtConfig */
    config *c = p;
    *c = (config){
        .base = {.channels = 3},
        .patch_sizes = ints(7, 3, 3),
        .patch_stride = ints(4, 2, 2),
        .patch_padding = ints(2, 1, 1),
        .embed_dim = ints(64, 192, 384),
        .num_heads = ints(1, 3, 6),
        .depth = ints(1, 2, 10),
        .qkv_bias = ints(1, 1, 1),
        .cls_token = ints(0, 0, 1),
        .method = ints(DW_BN, DW_BN, DW_BN),
        .kernel_qkv = ints(3, 3, 3),
        .padding_kv = ints(1, 1, 1),
        .stride_kv = ints(2, 2, 2),
        .padding_q = ints(1, 1, 1),
        .stride_q = ints(1, 1, 1),
        .mlp_ratio = {3, {4, 4, 4}},
        .activation = UNSAID,
    };
}

/* Every list has an entry a stage: the number of stages is that of depth. */
static cvt_status check_lengths(const config *c, cvt_error *error) {
    for (const cvt_key *k = keys; k->name; k++) {
        bool list = k->type == CVT_KEY_INTS || k->type == CVT_KEY_BOOLS || k->type == CVT_KEY_CHOICES ||
                    k->type == CVT_KEY_NUMBERS;
        if (!list || k->ignored) continue;
        const void *field = (const char *)c + k->offset;
        int n = k->type == CVT_KEY_NUMBERS ? ((const cvt_numbers *)field)->n : ((const cvt_ints *)field)->n;
        if (n != c->depth.n)
            return cvt_fail(error, CVT_CONFIG, "\"%s\" has %d entries, \"depth\" has %d: one a stage", k->name, n,
                            c->depth.n);
    }
    return CVT_OK;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    TRY(check_lengths(c, error));
    for (int i = 0; i < c->depth.n; i++) {
        int dim = c->embed_dim.v[i];
        TRY(cvt_check_divides("num_heads", c->num_heads.v[i], "embed_dim", dim, i, error));
        TRY(cvt_check_hidden("mlp_ratio", c->mlp_ratio.v[i], (int)(dim * c->mlp_ratio.v[i]), i, error));
    }
    if (c->activation == UNSAID) c->activation = cvt_hints_from(hints, "microsoft");
    if (!c->base.classes) c->base.classes = hints->config == CVT_CONFIG_HF ? 2 : 1000;
    if (!c->base.preprocess.given) {
        c->base.preprocess = cvt_preprocess_default(CVT_PREPROCESS_CONVNEXT, 224, 0.875);
        c->base.preprocess.half_even = false;
    }
    return CVT_OK;
}

/* ---- the forward pass ---- */

/* The tokens that one of q, k, v is projected from: the map through its convolution, under the untouched class token.
 */
static cvt_value project(cvt_builder *b, const config *c, int i, cvt_value cls, cvt_value map, char which) {
    bool query = which == 'q';
    int kernel = c->kernel_qkv.v[i], stride = query ? c->stride_q.v[i] : c->stride_kv.v[i];
    int padding = query ? c->padding_q.v[i] : c->padding_kv.v[i], method = c->method.v[i], dim = c->embed_dim.v[i];
    const char name[] = {which, 0}, scope[] = {'c', 'o', 'n', 'v', '_', which, 0};
    if (method == DW_BN) {
        cvt_conv conv = cvt_conv_square(dim, kernel, stride, padding, false);
        cvtb_open(b, scope, 0, 0, "CvtConvProjection");
        map = cvtb_batch_norm(b, cvtb_dwconv2d(b, map, "conv", &conv), "bn", eps);
        cvtb_tap(b, map, NULL);
        cvtb_close(b);
    } else if (method == AVG && !query) {
        map = cvtb_tap(b, cvtb_avg_pool(b, map, kernel, stride, padding), scope);
    }
    cvt_shape grid = cvtb_shape(b, map); /* of the keys, in the end: v comes last */
    cvtb_grid(b, cls != CVT_NO_VALUE, grid.d[1], grid.d[2]);
    cvt_value tokens = cvtb_tokens(b, map);
    if (cls != CVT_NO_VALUE) tokens = cvtb_concat(b, cls, tokens);
    return cvtb_linear(b, tokens, name, dim, c->qkv_bias.v[i]);
}

static cvt_value attention(cvt_builder *b, const config *c, int i, cvt_value t, int h, int w) {
    bool has_cls = c->cls_token.v[i];
    cvt_value cls = has_cls ? cvtb_slice(b, t, 0, 1) : CVT_NO_VALUE;
    cvt_value map = cvtb_map(b, has_cls ? cvtb_slice(b, t, 1, h * w) : t, h, w);
    cvtb_open(b, "attn", 0, 0, "CvtAttention");
    cvt_value q = project(b, c, i, cls, map, 'q');
    cvt_value k = project(b, c, i, cls, map, 'k');
    cvt_value v = project(b, c, i, cls, map, 'v');
    if (cvtb_shape(b, q).d[0] != cvtb_shape(b, t).d[0])
        cvtb_fail(b,
                  "\"stride_q\"[%d], \"padding_q\"[%d] and \"kernel_qkv\"[%d] turn %d tokens into %d queries: they "
                  "must keep them",
                  i, i, i, cvtb_shape(b, t).d[0], cvtb_shape(b, q).d[0]);
    float scale = (float)(1 / sqrt(c->embed_dim.v[i]));
    cvt_value o = cvtb_attention(b, q, k, v, c->num_heads.v[i], scale);
    o = cvtb_tap(b, cvtb_linear(b, o, "proj", c->embed_dim.v[i], true), NULL);
    cvtb_close(b);
    return o;
}

static cvt_value mlp(cvt_builder *b, const config *c, int i, cvt_value t) {
    int dim = c->embed_dim.v[i], hidden = (int)(dim * c->mlp_ratio.v[i]);
    cvtb_open(b, "mlp", 0, 0, "CvtMlp");
    t = cvtb_activation(b, cvtb_linear(b, t, "fc1", hidden, true), acts[c->activation]);
    t = cvtb_linear(b, t, "fc2", dim, true);
    cvtb_close(b);
    return t;
}

static cvt_value block(cvt_builder *b, const config *c, int i, int j, cvt_value t, int h, int w) {
    cvtb_open(b, "block{j}", 'j', j, "CvtLayer");
    t = cvtb_add(b, t, attention(b, c, i, cvtb_layer_norm(b, t, "norm1", eps), h, w));
    t = cvtb_add(b, t, mlp(b, c, i, cvtb_layer_norm(b, t, "norm2", eps)));
    cvtb_tap(b, t, NULL);
    cvtb_close(b);
    return t;
}

/* Map in, tokens out; *grid: of the tokens. */
static cvt_value stage_tokens(cvt_builder *b, const config *c, int i, cvt_value map, cvt_grid *grid) {
    cvt_conv conv =
        cvt_conv_square(c->embed_dim.v[i], c->patch_sizes.v[i], c->patch_stride.v[i], c->patch_padding.v[i], true);
    cvtb_open(b, "embed", 0, 0, "CvtConvEmbeddings");
    map = cvtb_layer_norm(b, cvtb_conv2d(b, map, "proj", &conv), "norm", eps);
    cvtb_tap(b, map, NULL);
    cvtb_close(b);
    cvt_shape s = cvtb_shape(b, map);
    *grid = (cvt_grid){c->cls_token.v[i] != 0, s.d[1], s.d[2]};
    cvt_value t = cvtb_tokens(b, map);
    if (c->cls_token.v[i]) t = cvtb_concat(b, cvtb_token(b, "cls_token", c->embed_dim.v[i]), t);
    for (int j = 0; j < c->depth.v[i] && !cvtb_failed(b); j++) t = block(b, c, i, j, t, grid->h, grid->w);
    return t;
}

/* Map in, map out; *cls becomes the stage's class token, or CVT_NO_VALUE. */
static cvt_value stage(cvt_builder *b, const config *c, int i, cvt_value map, cvt_value *cls) {
    cvt_grid grid;
    cvtb_open(b, "stage{i}", 'i', i, "CvtStage");
    cvt_value t = stage_tokens(b, c, i, map, &grid);
    *cls = grid.prefix ? cvtb_slice(b, t, 0, 1) : CVT_NO_VALUE;
    map = cvtb_map(b, grid.prefix ? cvtb_slice(b, t, 1, grid.h * grid.w) : t, grid.h, grid.w);
    cvtb_tap(b, map, NULL);
    cvtb_close(b);
    return map;
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    cvt_value cls = CVT_NO_VALUE, map = cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]);
    for (int i = 0; i < c->depth.n; i++) map = stage(b, c, i, map, &cls);
    cvt_value t = cls == CVT_NO_VALUE ? cvtb_tokens(b, map) : cls;
    t = cvtb_tap(b, cvtb_layer_norm(b, t, "norm", eps), "norm");
    if (cls == CVT_NO_VALUE) t = cvtb_mean(b, t);
    return cvtb_linear(b, cvtb_embedding(b, cvtb_flatten(b, t)), "head", c->base.classes, true);
}

const cvt_arch cvt_arch_cvt = {
    .name = "cvt",
    .about = "CvT (microsoft/CvT, Hugging Face cvt): convolutional embeddings and projections",
    .traits = {"no", "overlapping (convolution)", "convolution", "yes"},
    .config_size = sizeof(config),
    .defaults = defaults,
    .keys = keys,
    .hf_types = (const char *const[]){"cvt", NULL},
    .dialects = dialects,
    .classifier = "head.weight",
    .resolve = resolve,
    .build = build,
};

/* ---- a stage as a layer of networks: the same keys, one number each ---- */

typedef struct stage_config {
    int patch_sizes, patch_stride, patch_padding, embed_dim, num_heads, depth, method, activation;
    int kernel_qkv, padding_kv, stride_kv, padding_q, stride_q;
    bool qkv_bias, cls_token;
    double mlp_ratio;
} stage_config;

#define OF_STAGE(field) offsetof(stage_config, field)
static const cvt_key stage_keys[] = {
    {.name = "patch_sizes", .type = CVT_KEY_INT, .offset = OF_STAGE(patch_sizes), .min = 1, .max = 256},
    {.name = "patch_stride", .type = CVT_KEY_INT, .offset = OF_STAGE(patch_stride), .min = 1, .max = 256},
    {.name = "patch_padding", .type = CVT_KEY_INT, .offset = OF_STAGE(patch_padding), .min = 0, .max = 256},
    {.name = "embed_dim", .type = CVT_KEY_INT, .offset = OF_STAGE(embed_dim), .min = 1, .max = 65536},
    {.name = "num_heads", .type = CVT_KEY_INT, .offset = OF_STAGE(num_heads), .min = 1, .max = 4096},
    {.name = "depth", .type = CVT_KEY_INT, .offset = OF_STAGE(depth), .min = 1, .max = 1000},
    {.name = "mlp_ratio", .type = CVT_KEY_NUMBER, .offset = OF_STAGE(mlp_ratio), .min = 0.001, .max = 64},
    {.name = "qkv_bias", .type = CVT_KEY_BOOL, .offset = OF_STAGE(qkv_bias)},
    {.name = "cls_token", .type = CVT_KEY_BOOL, .offset = OF_STAGE(cls_token)},
    {.name = "qkv_projection_method", .type = CVT_KEY_CHOICE, .offset = OF_STAGE(method), .choices = methods},
    {.name = "kernel_qkv", .type = CVT_KEY_INT, .offset = OF_STAGE(kernel_qkv), .min = 1, .max = 256},
    {.name = "padding_kv", .type = CVT_KEY_INT, .offset = OF_STAGE(padding_kv), .min = 0, .max = 256},
    {.name = "stride_kv", .type = CVT_KEY_INT, .offset = OF_STAGE(stride_kv), .min = 1, .max = 256},
    {.name = "padding_q", .type = CVT_KEY_INT, .offset = OF_STAGE(padding_q), .min = 0, .max = 256},
    {.name = "stride_q", .type = CVT_KEY_INT, .offset = OF_STAGE(stride_q), .min = 1, .max = 256},
    {.name = "activation", .type = CVT_KEY_CHOICE, .offset = OF_STAGE(activation), .choices = activations},
    {0},
};

static void stage_defaults(void *p) { /* CvT-13's second stage */
    *(stage_config *)p = (stage_config){.patch_sizes = 3,
                                        .patch_stride = 2,
                                        .patch_padding = 1,
                                        .embed_dim = 192,
                                        .num_heads = 3,
                                        .depth = 2,
                                        .mlp_ratio = 4,
                                        .qkv_bias = true,
                                        .kernel_qkv = 3,
                                        .padding_kv = 1,
                                        .stride_kv = 2,
                                        .padding_q = 1,
                                        .stride_q = 1};
}

static cvt_value stage_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const stage_config *s = p;
    config c = {
        .patch_sizes = {1, {s->patch_sizes}},
        .patch_stride = {1, {s->patch_stride}},
        .patch_padding = {1, {s->patch_padding}},
        .embed_dim = {1, {s->embed_dim}},
        .num_heads = {1, {s->num_heads}},
        .depth = {1, {s->depth}},
        .mlp_ratio = {1, {s->mlp_ratio}},
        .qkv_bias = {1, {s->qkv_bias}},
        .cls_token = {1, {s->cls_token}},
        .method = {1, {s->method}},
        .kernel_qkv = {1, {s->kernel_qkv}},
        .padding_kv = {1, {s->padding_kv}},
        .stride_kv = {1, {s->stride_kv}},
        .padding_q = {1, {s->padding_q}},
        .stride_q = {1, {s->stride_q}},
        .activation = s->activation,
    };
    cvt_grid grid;
    cvtb_check_heads(b, "num_heads", s->num_heads, "embed_dim", s->embed_dim);
    cvtb_check_hidden(b, s->mlp_ratio, (int)(s->embed_dim * s->mlp_ratio));
    cvt_value map = cvtb_as_map(b, in[0]);
    if (cvtb_failed(b)) return CVT_NO_VALUE;
    cvt_value t = stage_tokens(b, &c, 0, map, &grid);
    return s->cls_token ? cvtb_place(b, t, grid) : cvtb_map(b, t, grid.h, grid.w);
}

const cvt_layer cvt_layer_cvt_stage = {.type = "cvt_stage",
                                       .row = "CvtStage",
                                       .about = "a stage of CvT: convolutional embedding, then blocks",
                                       .config_size = sizeof(stage_config),
                                       .defaults = stage_defaults,
                                       .keys = stage_keys,
                                       .inputs = 1,
                                       .build = stage_build};
