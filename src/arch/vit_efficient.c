/* vit_efficient.c - vit_pytorch.efficient.ViT: patches, class token and positions before a transformer of one's choice.
 *
 *   nystrom         Nystromformer of the package nystrom-attention (arXiv:2102.03902), the landmark attention of the
 *                   "D2F" example: zeros are padded before the tokens, to a multiple of the number of landmarks; tokens
 *                   attend to the landmarks; A1 Z (A3 v) is computed from the right, so no [tokens, landmarks] is kept
 *   x_transformers  Encoder of the package x-transformers, with the norms first; the scores of a layer may be added to
 *                   those of the next, the feed-forward part may be gated
 *
 * Layout a of vit_pytorch's part has a linear layer for patches, layout b (vit-pytorch 1.0.2) a norm before it and one
 * after it too. */
#include <math.h>

#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/resolve.h"

static const float eps = 1e-5f;

enum { NYSTROM, X_TRANSFORMERS };
static const char *const types[] = {"nystrom", "x_transformers", NULL};
enum { LAYOUT_A, LAYOUT_B };
static const char *const layouts[] = {"a", "b", NULL};
enum { CLS, MEAN };
static const char *const pools[] = {"cls", "mean", NULL};

typedef struct transformer {
    int type, dim, depth, heads, ff_mult;
    int dim_head, num_landmarks, pinv_iterations, conv_kernel; /* nystrom */
    bool values_residual;
    int attn_dim_head; /* x_transformers */
    bool project_out, ff_glu, residual_attn, norm_bias, final_norm;
} transformer;

typedef struct config {
    cvt_base base;
    int image_size[2], patch_size, dim, pool, layout;
    transformer transformer;
} config;

#define KEYS_OF transformer
static const cvt_key transformer_keys[] = {
    CHOICE("type", type, types, NULL, NULL, .required = true),
    INT("dim", dim, 1, 65536, NULL, "that of the model once more"),
    INT("depth", depth, 1, 1000, "12", "blocks"),
    INT("heads", heads, 1, 4096, "8", "attention heads"),
    INT("ff_mult", ff_mult, 1, 64, "4", "hidden channels, as a multiple of dim"),
    INT("dim_head", dim_head, 1, 65536, "64", "channels of a head", .only = CVT_ONLY(NYSTROM)),
    INT("num_landmarks", num_landmarks, 1, 65536, "256", "means of runs of tokens", .only = CVT_ONLY(NYSTROM)),
    INT("pinv_iterations", pinv_iterations, 0, 100, "6", "steps towards the pseudo-inverse", .only = CVT_ONLY(NYSTROM)),
    BOOL("attn_values_residual", values_residual, NULL, "default: as in the weights, else true",
         .only = CVT_ONLY(NYSTROM)),
    INT("attn_values_residual_conv_kernel", conv_kernel, 1, 1023, "33", "odd", .only = CVT_ONLY(NYSTROM)),
    INT("attn_dim_head", attn_dim_head, 1, 65536, "64", "channels of a head", .only = CVT_ONLY(X_TRANSFORMERS)),
    BOOL("attn_project_out", project_out, NULL, "a linear layer after the heads; default: as in the weights",
         .only = CVT_ONLY(X_TRANSFORMERS)),
    BOOL("ff_glu", ff_glu, NULL, "a gated feed-forward part; default: as in the weights, else false",
         .only = CVT_ONLY(X_TRANSFORMERS)),
    BOOL("residual_attn", residual_attn, "false", "the scores are added to those of the next layer",
         .only = CVT_ONLY(X_TRANSFORMERS)),
    BOOL("norm_bias", norm_bias, NULL, "default: as in the weights, else false", .only = CVT_ONLY(X_TRANSFORMERS)),
    BOOL("final_norm", final_norm, NULL, "default: as in the weights, else true", .only = CVT_ONLY(X_TRANSFORMERS)),
    CVT_DROPOUT_KEY("attn_dropout"),
    CVT_DROPOUT_KEY("ff_dropout"),
    {0},
};

#undef KEYS_OF
#define KEYS_OF config
static const cvt_key keys[] = {
    SIZE("image_size", image_size, 1, 65535, NULL, "that the table of positions is for; default: input_size"),
    INT("patch_size", patch_size, 1, 4096, NULL, "edge of a patch", .required = true),
    INT("num_classes", base.classes, 1, 1000000, NULL, "default: as in the weights, else 1000"),
    INT("dim", dim, 1, 65536, "512", "channels of the tokens"),
    CHOICE("pool", pool, pools, "'cls'", "what is classified"),
    INT("channels", base.channels, 1, 64, "3", "of the input"),
    CHOICE("layout", layout, layouts, NULL, "default: as in the weights, else b"),
    OBJECT("transformer", transformer, transformer_keys, "what the tokens go through"),
    {0},
};

/* ---- names of weights: blocks are {i} in a Nystromformer, {j} in an Encoder, whose layers are {a} and {f}; {p} is the
 * linear layer of the patches ---- */

static const cvt_name_row wrapper[] = {{"embed.proj.*", "to_patch_embedding.{p}.*"},
                                       {"embed.norm1.*", "to_patch_embedding.1.*"},
                                       {"embed.norm2.*", "to_patch_embedding.3.*"},
                                       {"cls_token", "cls_token"},
                                       {"pos_embed", "pos_embedding"},
                                       {"head_norm.*", "mlp_head.0.*"},
                                       {"head.*", "mlp_head.1.*"},
                                       {NULL, NULL}};

static const cvt_name_row nystrom[] = {{"block{i}.*", "transformer.layers.{i}.*", .rows = cvt_vp_old_layer},
                                       {"block{i}.attn.conv.*", "transformer.layers.{i}.0.fn.res_conv.*"},
                                       {"*", "*", .rows = wrapper},
                                       {NULL, NULL}};

/* {} is the name of the feed-forward part's module. */
static const cvt_name_row x_attention[] = {
    {"attn.q.*", "to_q.*"}, {"attn.k.*", "to_k.*"}, {"attn.v.*", "to_v.*"}, {"attn.proj.*", "to_out.*"}, {NULL, NULL}};
static const cvt_name_row x_mlp[] = {
    CVT_STACKED_2("mlp.", "value", "gate", "0.proj.*"), {"mlp.fc1.*", "0.0.*"}, {NULL, NULL}};
static const cvt_name_row x_parts[] = {{"block{j}.*", "transformer.layers.{a}.1.*", .rows = x_attention},
                                       {"block{j}.*", "transformer.layers.{f}.1.{}.*", .rows = x_mlp},
                                       {"*", "*", .rows = wrapper},
                                       {NULL, NULL}};
static const cvt_name_row x_norms[] = {{"block{j}.norm1.*", "transformer.layers.{a}.0.0.*"},
                                       {"block{j}.norm2.*", "transformer.layers.{f}.0.0.*"},
                                       {"norm.*", "transformer.final_norm.*"},
                                       {NULL, NULL}};
/* x-transformers 1.32 and later: norms have no bias, and store their scale minus 1. */
static const cvt_name_row x_gamma[] = {{"block{j}.norm1.weight", "transformer.layers.{a}.0.0.gamma", .plus = 1},
                                       {"block{j}.norm2.weight", "transformer.layers.{f}.0.0.gamma", .plus = 1},
                                       {"norm.weight", "transformer.final_norm.gamma", .plus = 1},
                                       {"block{j}.mlp.fc2.*", "transformer.layers.{f}.1.{}.2.*"},
                                       {"*", "*", .rows = x_parts},
                                       {NULL, NULL}};
static const cvt_name_row x_119[] = {{"*", "*", .rows = x_norms},
                                     {"block{j}.mlp.fc2.*", "transformer.layers.{f}.1.{}.2.*"},
                                     {"*", "*", .rows = x_parts},
                                     {NULL, NULL}};
static const cvt_name_row x_100[] = {{"*", "*", .rows = x_norms},
                                     {"block{j}.mlp.fc2.*", "transformer.layers.{f}.1.{}.3.*"},
                                     {"*", "*", .rows = x_parts},
                                     {NULL, NULL}};

static const cvt_dialect dialects[] = {{"native"},
                                       {"vit_pytorch_nystrom", nystrom},
                                       {"vit_pytorch_xt", x_gamma, "ff"},
                                       {"vit_pytorch_xt_1.19", x_119, "ff"}, /* to 1.30 */
                                       {"vit_pytorch_xt_1.0", x_100, "ff"},
                                       {"vit_pytorch_xt_0.31", x_100, "net"},
                                       {NULL}};

/* ---- config ---- */

/* Do the weights have the parameter? The name is that of the first block. */
static bool stored(const cvt_hints *hints, const char *name, const char *pattern, bool without_weights) {
    const cvt_param first = {
        .name = name, .pattern = pattern, .indices = {{'i', 0}, {'j', 0}, {'a', 0}, {'f', 1}}, .n_indices = 4};
    return hints->weights ? cvt_hints_param(hints, &first) != NULL : without_weights;
}

static cvt_status resolve_nystrom(config *c, const cvt_hints *hints, cvt_error *error) {
    transformer *t = &c->transformer;
    if (!GIVEN(c, transformer.values_residual))
        t->values_residual = stored(hints, "block0.attn.conv.weight", "block{i}.attn.conv.weight", true);
    if (!t->values_residual || t->conv_kernel % 2) return CVT_OK;
    return cvt_fail(error, CVT_CONFIG,
                    "\"attn_values_residual_conv_kernel\" is %d, must be odd: an even one would change the number of "
                    "tokens",
                    t->conv_kernel);
}

static cvt_status resolve_encoder(config *c, const cvt_hints *hints, cvt_error *error) {
    transformer *t = &c->transformer;
    if (!GIVEN(c, transformer.ff_glu))
        t->ff_glu = stored(hints, "block0.mlp.gate.weight", "block{j}.mlp.gate.weight", false);
    if (!GIVEN(c, transformer.norm_bias))
        t->norm_bias = stored(hints, "block0.norm1.bias", "block{j}.norm1.bias", false);
    if (!GIVEN(c, transformer.final_norm)) t->final_norm = stored(hints, "norm.weight", "norm.weight", true);
    /* x-transformers with norms without bias has no projection of a single head; its channels must then be dim */
    int inner = t->heads * t->attn_dim_head; /* at most 2^12 times 2^16 */
    if (!GIVEN(c, transformer.project_out))
        t->project_out = inner != c->dim || stored(hints, "block0.attn.proj.weight", "block{j}.attn.proj.weight",
                                                   t->heads > 1 || t->norm_bias);
    if (t->project_out || inner == c->dim) return CVT_OK;
    return cvt_fail(error, CVT_CONFIG,
                    "\"attn_project_out\" is false, which needs \"heads\" = %d times \"attn_dim_head\" = %d to be "
                    "\"dim\" = %d",
                    t->heads, t->attn_dim_head, c->dim);
}

static cvt_status resolve_transformer(config *c, const cvt_hints *hints, cvt_error *error) {
    const transformer *t = &c->transformer;
    TRY(cvt_check_only(&c->base.given, t->type, "type", types, error));
    if (t->dim && t->dim != c->dim)
        return cvt_fail(error, CVT_CONFIG, "\"dim\" = %d is not \"dim\" = %d", t->dim, c->dim);
    return t->type == NYSTROM ? resolve_nystrom(c, hints, error) : resolve_encoder(c, hints, error);
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    bool norms = stored(hints, "embed.norm2.weight", "embed.norm2.weight", true);
    if (!GIVEN(c, layout)) c->layout = norms ? LAYOUT_B : LAYOUT_A;
    cvt_status status = resolve_transformer(c, hints, error);
    if (status != CVT_OK) return cvt_fail_in(error, status, "\"transformer\"");
    cvt_resolve_image(c->image_size, &c->base, 0);
    for (int i = 0; i < 2; i++) {
        if (!c->image_size[i]) return cvt_fail(error, CVT_CONFIG, "\"image_size\" is missing");
        TRY(cvt_check_divides("patch_size", c->patch_size, "image_size", c->image_size[i], -1, error));
    }
    int64_t patches = (int64_t)(c->image_size[0] / c->patch_size) * (c->image_size[1] / c->patch_size);
    if (patches < 1 << 30) return CVT_OK;
    return cvt_fail(error, CVT_CONFIG, "\"image_size\" and \"patch_size\" make %lld patches: too many",
                    (long long)patches);
}

static cvt_preprocess_spec preprocess_of(const void *p, const cvt_hints *hints) {
    (void)hints;
    return cvt_preprocess_default(CVT_PREPROCESS_CENTER, ((const config *)p)->image_size[0], 0.875);
}

/* ---- the forward pass ---- */

/* The class token and the patches as tokens, with positions added. grid: [height, width] of the patches. */
static cvt_value embed(cvt_builder *b, const config *c, const int *grid) {
    int p = c->patch_size, patch[] = {p, p}, table[] = {c->image_size[0] / p, c->image_size[1] / p};
    cvtb_check_patches(b, "patch_size", patch, c->base.size);
    cvt_value x = cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]);
    cvtb_open(b, "embed", 0, 0, "PatchEmbedding");
    cvtb_index(b, 'p', c->layout == LAYOUT_B ? 2 : 1);
    x = cvtb_patches(b, x, p, p);
    if (c->layout == LAYOUT_B) x = cvtb_layer_norm(b, x, "norm1", eps);
    x = cvtb_linear(b, x, "proj", c->dim, true);
    if (c->layout == LAYOUT_B) x = cvtb_layer_norm(b, x, "norm2", eps);
    cvtb_end(b, x);
    return cvtb_add_positions(b, cvtb_class_token(b, x), 1, table, grid, CVT_INTERPOLATE_NONE);
}

/* ---- nystrom ---- */

static cvt_value landmark_attention(cvt_builder *b, const transformer *t, cvt_value x, const int *grid) {
    cvt_shape s = cvtb_shape(b, x);
    int n = s.d[0], m = t->num_landmarks, pad = (m - n % m) % m, inner = t->heads * t->dim_head;
    float scale = (float)(1 / sqrt(t->dim_head));
    cvtb_open(b, "attn", 0, 0, "NystromAttention");
    x = cvtb_pad_front(b, x, pad);
    cvt_value q = cvtb_linear(b, x, "q", inner, false);
    cvt_value k = cvtb_linear(b, x, "k", inner, false);
    cvt_value v = cvtb_linear(b, x, "v", inner, false);
    int tokens = cvtb_shape(b, x).d[0];
    cvt_value q_marks = cvtb_mean_runs(b, q, tokens / m), k_marks = cvtb_mean_runs(b, k, tokens / m);
    cvtb_grid(b, pad + 1, grid[0], grid[1]);
    cvt_value y = cvtb_attention(b, q_marks, k, v, t->heads, scale);
    cvtb_tap(b, y + 1, "gather");
    cvtb_grid(b, 0, 0, 0); /* landmarks lie nowhere */
    cvt_landmarks middle = {.heads = t->heads, .iterations = t->pinv_iterations, .scale = scale, .queries = tokens};
    y = cvtb_landmarks(b, q_marks, k_marks, y, &middle);
    y = cvtb_attention(b, q, k_marks, y, t->heads, scale);
    cvtb_tap(b, y + 1, "scatter");
    if (t->values_residual) y = cvtb_add(b, y, cvtb_token_conv(b, v, "conv", t->heads, t->conv_kernel));
    y = cvtb_linear(b, y, "proj", s.d[1], true);
    if (pad) y = cvtb_slice(b, y, pad, n);
    return cvtb_end(b, y);
}

static cvt_value nystromformer(cvt_builder *b, const config *c, cvt_value x, const int *grid) {
    const transformer *t = &c->transformer;
    for (int i = 0; i < t->depth && !cvtb_failed(b); i++) {
        cvtb_open(b, "block{i}", 'i', i, "Block");
        x = cvtb_add(b, x, landmark_attention(b, t, cvtb_layer_norm(b, x, "norm1", eps), grid));
        cvt_value z = cvtb_layer_norm(b, x, "norm2", eps);
        x = cvtb_end(b, cvtb_add(b, x, cvtb_mlp(b, z, c->dim * t->ff_mult, CVT_ACT_GELU_ERF, true)));
    }
    return x;
}

/* ---- x_transformers ---- */

static cvt_value norm(cvt_builder *b, const transformer *t, cvt_value x, const char *name) {
    return t->norm_bias ? cvtb_layer_norm(b, x, name, eps) : cvtb_layer_norm_scale(b, x, name, eps);
}

/* *scores is those of the layer before, or CVT_NO_VALUE; it becomes those of this layer. */
static cvt_value scored_attention(cvt_builder *b, const transformer *t, cvt_value x, cvt_value *scores) {
    int inner = t->heads * t->attn_dim_head, dim = cvtb_shape(b, x).d[1];
    float scale = (float)(1 / sqrt(t->attn_dim_head));
    cvtb_open(b, "attn", 0, 0, "Attention");
    cvt_value q = cvtb_linear(b, x, "q", inner, false);
    cvt_value k = cvtb_linear(b, x, "k", inner, false);
    cvt_value v = cvtb_linear(b, x, "v", inner, false);
    cvt_value y = cvtb_attention_scores(b, q, k, v, t->heads, scale, scores);
    if (t->project_out) y = cvtb_linear(b, y, "proj", dim, false);
    return cvtb_end(b, y);
}

static cvt_value feed_forward(cvt_builder *b, const transformer *t, cvt_value x) {
    int dim = cvtb_shape(b, x).d[1], hidden = dim * t->ff_mult;
    if (!t->ff_glu) return cvtb_mlp(b, x, hidden, CVT_ACT_GELU_ERF, true);
    cvtb_open(b, "mlp", 0, 0, "FeedForward");
    cvt_value value = cvtb_linear(b, x, "value", hidden, true);
    cvt_value gate = cvtb_activation(b, cvtb_linear(b, x, "gate", hidden, true), CVT_ACT_GELU_ERF);
    return cvtb_end(b, cvtb_linear(b, cvtb_multiply(b, value, gate), "fc2", dim, true));
}

static cvt_value encoder(cvt_builder *b, const config *c, cvt_value x, const int *grid) {
    const transformer *t = &c->transformer;
    cvt_value scores = CVT_NO_VALUE;
    for (int j = 0; j < t->depth && !cvtb_failed(b); j++) {
        cvtb_open(b, "block{j}", 'j', j, "Block");
        cvtb_index(b, 'a', 2 * j);
        cvtb_index(b, 'f', 2 * j + 1);
        cvtb_grid(b, 1, grid[0], grid[1]);
        x = cvtb_add(b, x, scored_attention(b, t, norm(b, t, x, "norm1"), &scores));
        x = cvtb_add(b, x, feed_forward(b, t, norm(b, t, x, "norm2")));
        if (!t->residual_attn) scores = CVT_NO_VALUE;
        cvtb_end(b, x);
    }
    return t->final_norm ? cvtb_tap(b, norm(b, t, x, "norm"), "norm") : x;
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    int grid[] = {c->base.size[0] / c->patch_size, c->base.size[1] / c->patch_size};
    cvt_value x = embed(b, c, grid);
    x = c->transformer.type == NYSTROM ? nystromformer(b, c, x, grid) : encoder(b, c, x, grid);
    x = cvtb_layer_norm(b, cvtb_pool_tokens(b, x, c->pool == MEAN, 0), "head_norm", eps);
    return cvtb_classify(b, cvtb_tap(b, x, "head_norm"), c->base.classes);
}

const cvt_arch cvt_arch_vit_efficient = {
    .name = "vit_efficient",
    .about = "efficient ViT (vit_pytorch): Nystrom landmark attention, or an x-transformers encoder",
    .traits = {"yes", "non-overlapping", "linear", "no"},
    .config_size = sizeof(config),
    .keys = keys,
    .dialects = dialects,
    .classifier = "head.weight",
    .classes = 1000,
    .preprocess_of = preprocess_of,
    .resolve = resolve,
    .build = build,
};
