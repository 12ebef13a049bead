/* cvt.c - CvT: the convolutional vision transformer of microsoft/CvT (lib/models/cls_cvt.py) and Hugging Face's
 * CvtForImageClassification.
 *
 * A stage is a convolutional embedding, then blocks of attention whose queries, keys and values come from depth-wise
 * convolutions of the map. The scale is embed_dim^-0.5, not that of a head. Every norm has eps 1e-5,
 * whatever the config says. The class token of the last stage skips the convolutions. In files with Hugging Face's
 * names GELU is by erf. In files with microsoft's names it is QuickGELU, with which the published accuracies were
 * measured. */
#include <math.h>

#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/layer.h"
#include "arch/resolve.h"

static const float eps = 1e-5f;

enum { DW_BN, AVG, LINEAR }; /* qkv_projection_method */
static const char *const methods[] = {"dw_bn", "avg", "linear", NULL};
static const char *const activations[] = {"gelu_erf", "quick_gelu", "gelu_tanh", NULL};
static const cvt_act acts[] = {CVT_ACT_GELU_ERF, CVT_ACT_QUICK_GELU, CVT_ACT_GELU_TANH};

typedef struct config {
    cvt_base base;
    cvt_ints patch_sizes, patch_stride, patch_padding, embed_dim, num_heads, depth, qkv_bias, cls_token, method;
    cvt_ints kernel_qkv, padding_kv, stride_kv, padding_q, stride_q;
    cvt_numbers mlp_ratio;
    int activation;
} config;

/* The defaults are CvT-13, as in Hugging Face's CvtConfig. Those of the layer cvt_stage are CvT-13's second stage. */
#define KEYS_OF config
static const cvt_key keys[] = {
    INT("num_channels", base.channels, 1, 64, "3", NULL),
    INT("num_labels", base.classes, 1, 1000000, NULL, "default: as in the weights, else 1000"),
    INTS("patch_sizes", patch_sizes, 1, 256, "[7, 3, 3]", "kernel of the convolutional embedding", .stage = true),
    INTS("patch_stride", patch_stride, 1, 256, "[4, 2, 2]", "its stride", .stage = true),
    INTS("patch_padding", patch_padding, 0, 256, "[2, 1, 1]", "its padding", .stage = true),
    INTS("embed_dim", embed_dim, 1, 65536, "[64, 192, 384]", "channels", .stage = true),
    INTS("num_heads", num_heads, 1, 4096, "[1, 3, 6]", "heads, which divide the channels", .stage = true),
    INTS("depth", depth, 1, 1000, "[1, 2, 10]", "blocks", .stage = true),
    NUMS("mlp_ratio", mlp_ratio, 0.001, 64, "[4, 4, 4]", "hidden channels, as a multiple", .stage = true),
    BOOLS("qkv_bias", qkv_bias, "[true, true, true]", "bias of queries, keys and values", .stage = true),
    BOOLS("cls_token", cls_token, "[false, false, true]", "a class token", .stage = true),
    CHOICES("qkv_projection_method", method, methods, "['dw_bn', 'dw_bn', 'dw_bn']",
            "what comes before queries, keys and values", .stage = true),
    INTS("kernel_qkv", kernel_qkv, 1, 256, "[3, 3, 3]", "its kernel", .stage = true),
    INTS("padding_kv", padding_kv, 0, 256, "[1, 1, 1]", "its padding for keys and values", .stage = true),
    INTS("stride_kv", stride_kv, 1, 256, "[2, 2, 2]", "its stride for keys and values", .stage = true),
    INTS("padding_q", padding_q, 0, 256, "[1, 1, 1]", "its padding for queries", .stage = true),
    INTS("stride_q", stride_q, 1, 256, "[1, 1, 1]", "its stride for queries", .stage = true),
    CHOICE("activation", activation, activations, NULL, "default: as the names of the weights tell", .stage = true,
           .stage_initial = "'gelu_erf'"),
    UNUSED_NUM("layer_norm_eps", 0, 1, "without effect, as in the original"),
    UNUSED_NUMS("drop_rate", 0, 1, "without effect"),
    UNUSED_NUMS("attention_drop_rate", 0, 1, "without effect"),
    UNUSED_NUMS("drop_path_rate", 0, 1, "without effect"),
    UNUSED_NUM("initializer_range", 0, 1e6, "without effect"),
    {0},
};

static const cvt_name_row hf_convolution[] = {{"conv.*", "convolution_projection.convolution.*"},
                                              {"bn.*", "convolution_projection.normalization.*"},
                                              {NULL, NULL}};
static const cvt_name_row hf_layer[] = {
    {"attn.conv_q.*", "attention.attention.convolution_projection_query.*", .rows = hf_convolution},
    {"attn.conv_k.*", "attention.attention.convolution_projection_key.*", .rows = hf_convolution},
    {"attn.conv_v.*", "attention.attention.convolution_projection_value.*", .rows = hf_convolution},
    {"attn.q.*", "attention.attention.projection_query.*"},
    {"attn.k.*", "attention.attention.projection_key.*"},
    {"attn.v.*", "attention.attention.projection_value.*"},
    {"attn.proj.*", "attention.output.dense.*"},
    {"mlp.fc1.*", "intermediate.dense.*"},
    {"mlp.fc2.*", "output.dense.*"},
    {"norm1.*", "layernorm_before.*"},
    {"norm2.*", "layernorm_after.*"},
    {NULL, NULL}};
static const cvt_name_row hf_stage[] = {{"cls_token", "cls_token"},
                                        {"embed.proj.*", "embedding.convolution_embeddings.projection.*"},
                                        {"embed.norm.*", "embedding.convolution_embeddings.normalization.*"},
                                        {"block{j}.*", "layers.{j}.*", .rows = hf_layer},
                                        {NULL, NULL}};
static const cvt_name_row hf[] = {{"stage{i}.*", "{}encoder.stages.{i}.*", .rows = hf_stage},
                                  {"norm.*", "layernorm.*"},
                                  {"head.*", "classifier.*"},
                                  {NULL, NULL}};

static const cvt_name_row microsoft_block[] = {{"attn.conv_q.*", "attn.conv_proj_q.*"},
                                               {"attn.conv_k.*", "attn.conv_proj_k.*"},
                                               {"attn.conv_v.*", "attn.conv_proj_v.*"},
                                               {"attn.q.*", "attn.proj_q.*"},
                                               {"attn.k.*", "attn.proj_k.*"},
                                               {"attn.v.*", "attn.proj_v.*"},
                                               {"*", "*"},
                                               {NULL, NULL}};
static const cvt_name_row microsoft[] = {{"stage{i}.cls_token", "stage{i}.cls_token"},
                                         {"stage{i}.embed.*", "stage{i}.patch_embed.*"},
                                         {"stage{i}.block{j}.*", "stage{i}.blocks.{j}.*", .rows = microsoft_block},
                                         {"*", "*", .rows = cvt_common_names},
                                         {NULL, NULL}};

/* In a classifier's file {} is "cvt."; in a file that was saved from the bare CvtModel it is nothing. */
static const cvt_dialect dialects[] = {
    {"native"}, {"hf", hf, "cvt."}, {"hf_bare", hf, ""}, {"microsoft", microsoft}, {NULL}};

/* ---- config ---- */

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    TRY(cvt_check_stages(&c->base, KEY_AT(depth), error));
    for (int i = 0; i < c->depth.n; i++) {
        int dim = c->embed_dim.v[i];
        TRY(cvt_check_divides("num_heads", c->num_heads.v[i], "embed_dim", dim, i, error));
        TRY(cvt_check_hidden("mlp_ratio", c->mlp_ratio.v[i], (int)(dim * c->mlp_ratio.v[i]), i, error));
    }
    if (!GIVEN(c, activation)) c->activation = cvt_hints_from(hints, "microsoft");
    return CVT_OK;
}

/* ---- the forward pass ---- */

/* One of q, k, v: the map goes through its convolution, then class token and pixels through the linear layer. */
static cvt_value project(cvt_builder *b, const config *c, int i, cvt_value cls, cvt_value map, char which) {
    bool query = which == 'q';
    int kernel = c->kernel_qkv.v[i], stride = query ? c->stride_q.v[i] : c->stride_kv.v[i];
    int padding = query ? c->padding_q.v[i] : c->padding_kv.v[i], method = c->method.v[i], dim = c->embed_dim.v[i];
    const char name[] = {which, 0}, scope[] = {'c', 'o', 'n', 'v', '_', which, 0};
    if (method == DW_BN) {
        cvt_conv conv = cvt_conv_square(dim, kernel, stride, padding, false);
        cvtb_open(b, scope, 0, 0, "CvtConvProjection");
        map = cvtb_batch_norm(b, cvtb_dwconv2d(b, map, "conv", &conv), "bn", eps);
        cvtb_end(b, map);
    } else if (method == AVG && !query) {
        map = cvtb_tap(b, cvtb_avg_pool(b, map, kernel, stride, padding), scope);
    }
    cvt_shape grid = cvtb_shape(b, map); /* v comes last, so in the end this is the grid of the keys */
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
    return cvtb_end(b, cvtb_linear(b, o, "proj", c->embed_dim.v[i], true));
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
    return cvtb_end(b, t);
}

/* Map in, tokens out; *grid: of the tokens. */
static cvt_value stage_tokens(cvt_builder *b, const config *c, int i, cvt_value map, cvt_grid *grid) {
    cvt_conv conv =
        cvt_conv_square(c->embed_dim.v[i], c->patch_sizes.v[i], c->patch_stride.v[i], c->patch_padding.v[i], true);
    map = cvtb_conv_embed(b, map, &conv, eps, "CvtConvEmbeddings");
    cvt_shape s = cvtb_shape(b, map);
    *grid = (cvt_grid){c->cls_token.v[i] != 0, s.d[1], s.d[2]};
    cvt_value t = cvtb_tokens(b, map);
    if (c->cls_token.v[i]) t = cvtb_class_token(b, t);
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
    return cvtb_end(b, map);
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    cvt_value cls = CVT_NO_VALUE, map = cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]);
    for (int i = 0; i < c->depth.n; i++) map = stage(b, c, i, map, &cls);
    cvt_value t = cls == CVT_NO_VALUE ? cvtb_tokens(b, map) : cls;
    t = cvtb_tap(b, cvtb_layer_norm(b, t, "norm", eps), "norm");
    if (cls == CVT_NO_VALUE) t = cvtb_mean(b, t);
    return cvtb_classify(b, t, c->base.classes);
}

const cvt_arch cvt_arch_cvt = {
    .name = "cvt",
    .about = "CvT (microsoft/CvT, Hugging Face cvt): convolutional embeddings and projections",
    .traits = {"no", "overlapping (convolution)", "convolution", "yes"},
    .config_size = sizeof(config),
    .keys = keys,
    .hf_types = (const char *const[]){"cvt", NULL},
    .dialects = dialects,
    .classifier = "head.weight",
    .classes = 1000,
    .hf_classes = 2,
    .preprocess = {CVT_PREPROCESS_CONVNEXT, 224, 0.875, .floor = true},
    .resolve = resolve,
    .build = build,
};

/* ---- a stage as a layer of networks: its keys are those of the family, with one value each ---- */

static cvt_value stage_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const config *c = p;
    cvt_grid grid;
    int dim = c->embed_dim.v[0];
    cvtb_check_heads(b, "num_heads", c->num_heads.v[0], "embed_dim", dim);
    cvtb_check_hidden(b, c->mlp_ratio.v[0], (int)(dim * c->mlp_ratio.v[0]));
    cvt_value map = cvtb_as_map(b, in[0]);
    if (cvtb_failed(b)) return CVT_NO_VALUE;
    cvt_value t = stage_tokens(b, c, 0, map, &grid);
    return c->cls_token.v[0] ? cvtb_place(b, t, grid) : cvtb_map(b, t, grid.h, grid.w);
}

const cvt_layer cvt_layer_cvt_stage =
    CVT_LAYER("cvt_stage", 1, "a stage of CvT: convolutional embedding, then blocks", .build = stage_build,
              CVT_LAYER_KEYS(config, keys), .row = "CvtStage", .stage = true);
