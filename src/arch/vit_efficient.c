/* vit_efficient.c - vit_pytorch.efficient.ViT: patches, class token and positions around a transformer of one's choice.
 *
 *   nystrom         Nystromformer of the package nystrom-attention (arXiv:2102.03902), the landmark attention of the
 *                   "D2F" example: tokens are padded in front with zeros to a multiple of the landmarks and attend to
 *                   them; A1 Z (A3 v) is computed from the right, so that no matrix of tokens by landmarks is kept
 *   x_transformers  Encoder of the package x-transformers, pre-norm; scores of a layer may be added to those of the
 *                   next, the feed-forward part may be gated
 *
 * Layout a of the wrapper has a linear layer for patches, layout b (vit-pytorch 1.0.2) a norm before and behind it. */
#include <math.h>

#include "arch/blocks.h"
#include "arch/resolve.h"

static const float eps = 1e-5f;

enum { UNSAID = -1 };
enum { NYSTROM, X_TRANSFORMERS };
static const char *const types[] = {"nystrom", "x_transformers", NULL};
enum { LAYOUT_A, LAYOUT_B };
static const char *const layouts[] = {"a", "b", NULL};
enum { CLS, MEAN };
static const char *const pools[] = {"cls", "mean", NULL};

/* 0: unsaid; of those that may be 0, UNSAID */
typedef struct transformer {
    int type, dim, depth, heads, ff_mult;
    int dim_head, num_landmarks, pinv_iterations, attn_values_residual, attn_values_residual_conv_kernel; /* nystrom */
    int attn_dim_head, attn_project_out, ff_glu, residual_attn, norm_bias, final_norm; /* x_transformers */
} transformer;

typedef struct config {
    cvt_base base;
    int image_size[2], patch_size, dim, pool, layout;
    transformer transformer;
} config;

#define IN(field) offsetof(transformer, field)
#define SWITCH(field) \
    { .name = #field, .type = CVT_KEY_FLAG, .offset = IN(field) }
static const cvt_key transformer_keys[] = {
    {.name = "type", .type = CVT_KEY_CHOICE, .offset = IN(type), .choices = types},
    {.name = "dim", .type = CVT_KEY_INT, .offset = IN(dim), .min = 1, .max = 65536},
    {.name = "depth", .type = CVT_KEY_INT, .offset = IN(depth), .min = 1, .max = 1000},
    {.name = "heads", .type = CVT_KEY_INT, .offset = IN(heads), .min = 1, .max = 4096},
    {.name = "ff_mult", .type = CVT_KEY_INT, .offset = IN(ff_mult), .min = 1, .max = 64},
    {.name = "dim_head", .type = CVT_KEY_INT, .offset = IN(dim_head), .min = 1, .max = 65536},
    {.name = "num_landmarks", .type = CVT_KEY_INT, .offset = IN(num_landmarks), .min = 1, .max = 65536},
    {.name = "pinv_iterations", .type = CVT_KEY_INT, .offset = IN(pinv_iterations), .min = 0, .max = 100},
    SWITCH(attn_values_residual),
    {.name = "attn_values_residual_conv_kernel",
     .type = CVT_KEY_INT,
     .offset = IN(attn_values_residual_conv_kernel),
     .min = 1,
     .max = 1023},
    {.name = "attn_dim_head", .type = CVT_KEY_INT, .offset = IN(attn_dim_head), .min = 1, .max = 65536},
    SWITCH(attn_project_out),
    SWITCH(ff_glu),
    SWITCH(residual_attn),
    SWITCH(norm_bias),
    SWITCH(final_norm),
    CVT_DROPOUT_KEY("attn_dropout"),
    CVT_DROPOUT_KEY("ff_dropout"),
    {0},
};

#define AT(field) offsetof(config, field)
static const cvt_key keys[] = {
    {.name = "image_size", .type = CVT_KEY_SIZE, .offset = AT(image_size), .min = 1, .max = 65535},
    {.name = "patch_size", .type = CVT_KEY_INT, .offset = AT(patch_size), .min = 1, .max = 4096},
    {.name = "num_classes", .type = CVT_KEY_INT, .offset = AT(base.classes), .min = 1, .max = 1000000},
    {.name = "dim", .type = CVT_KEY_INT, .offset = AT(dim), .min = 1, .max = 65536},
    {.name = "pool", .type = CVT_KEY_CHOICE, .offset = AT(pool), .choices = pools},
    {.name = "channels", .type = CVT_KEY_INT, .offset = AT(base.channels), .min = 1, .max = 64},
    {.name = "layout", .type = CVT_KEY_CHOICE, .offset = AT(layout), .choices = layouts},
    {.name = "transformer", .type = CVT_KEY_OBJECT, .offset = AT(transformer), .keys = transformer_keys},
    {0},
};

/* ---- names of weights: blocks are {i} in a Nystromformer, {j} in an Encoder, whose layers are {a} and {f}; {p} is the
 * linear layer of the patches ---- */

#define WRAPPER_ROWS                                                                                             \
    {"embed.proj.*", "to_patch_embedding.{p}.*"}, {"embed.norm1.*", "to_patch_embedding.1.*"},                   \
        {"embed.norm2.*", "to_patch_embedding.3.*"}, {"cls_token", "cls_token"}, {"pos_embed", "pos_embedding"}, \
        {"head_norm.*", "mlp_head.0.*"}, {"head.*", "mlp_head.1.*"}, {NULL, NULL},

#define NY "transformer.layers.{i}."
static const cvt_name_row nystrom[] = {CVT_VP_OLD_ATTENTION("block{i}.", NY),
                                       {"block{i}.attn.conv.*", NY "0.fn.res_conv.*"},
                                       CVT_VP_OLD_MLP("block{i}.", NY),
                                       WRAPPER_ROWS};

/* FF: the module of the feed-forward part; LAST: its second linear layer. */
#define XA "transformer.layers.{a}."
#define XF "transformer.layers.{f}."
#define X_ROWS(FF, LAST)                                                                                              \
    {"block{j}.attn.q.*", XA "1.to_q.*"}, {"block{j}.attn.k.*", XA "1.to_k.*"}, {"block{j}.attn.v.*", XA "1.to_v.*"}, \
        {"block{j}.attn.proj.*", XA "1.to_out.*"},                                                                    \
        CVT_STACKED_2("block{j}.mlp.", "value", "gate", XF "1." FF ".0.proj.*"),                                      \
        {"block{j}.mlp.fc1.*", XF "1." FF ".0.0.*"}, {"block{j}.mlp.fc2.*", XF "1." FF "." LAST ".*"}, WRAPPER_ROWS
#define X_NORM_ROWS \
    {"block{j}.norm1.*", XA "0.0.*"}, {"block{j}.norm2.*", XF "0.0.*"}, { "norm.*", "transformer.final_norm.*" }

/* x-transformers 1.32 and later: norms without bias, which store their distance from 1 */
static const cvt_name_row x_gamma[] = {{"block{j}.norm1.weight", XA "0.0.gamma", .plus = 1},
                                       {"block{j}.norm2.weight", XF "0.0.gamma", .plus = 1},
                                       {"norm.weight", "transformer.final_norm.gamma", .plus = 1},
                                       X_ROWS("ff", "2")};
static const cvt_name_row x_119[] = {X_NORM_ROWS, X_ROWS("ff", "2")}; /* 1.19 to 1.30 */
static const cvt_name_row x_100[] = {X_NORM_ROWS, X_ROWS("ff", "3")};
static const cvt_name_row x_031[] = {X_NORM_ROWS, X_ROWS("net", "3")};

static const cvt_dialect dialects[] = {
    {"native"},
    {"vit_pytorch_nystrom", nystrom},
    {"vit_pytorch_xt", x_gamma},
    {"vit_pytorch_xt_1.19", x_119},
    {"vit_pytorch_xt_1.0", x_100},
    {"vit_pytorch_xt_0.31", x_031},
    {NULL},
};

/* ---- config ---- */

static void defaults(void *p) {
    config *c = p;
    *c = (config){.base = {.channels = 3},
                  .dim = 512,
                  .layout = UNSAID,
                  .transformer = {.type = UNSAID,
                                  .depth = 12,
                                  .heads = 8,
                                  .ff_mult = 4,
                                  .pinv_iterations = UNSAID,
                                  .attn_values_residual = UNSAID,
                                  .attn_project_out = UNSAID,
                                  .ff_glu = UNSAID,
                                  .residual_attn = UNSAID,
                                  .norm_bias = UNSAID,
                                  .final_norm = UNSAID}};
}

/* The first key that is said and belongs to the other type; NULL: none. */
static const char *misplaced(const transformer *t) {
    const struct {
        int type;
        const char *name;
        bool said;
    } own[] = {
        {NYSTROM, "dim_head", t->dim_head != 0},
        {NYSTROM, "num_landmarks", t->num_landmarks != 0},
        {NYSTROM, "pinv_iterations", t->pinv_iterations != UNSAID},
        {NYSTROM, "attn_values_residual", t->attn_values_residual != UNSAID},
        {NYSTROM, "attn_values_residual_conv_kernel", t->attn_values_residual_conv_kernel != 0},
        {X_TRANSFORMERS, "attn_dim_head", t->attn_dim_head != 0},
        {X_TRANSFORMERS, "attn_project_out", t->attn_project_out != UNSAID},
        {X_TRANSFORMERS, "ff_glu", t->ff_glu != UNSAID},
        {X_TRANSFORMERS, "residual_attn", t->residual_attn != UNSAID},
        {X_TRANSFORMERS, "norm_bias", t->norm_bias != UNSAID},
        {X_TRANSFORMERS, "final_norm", t->final_norm != UNSAID},
    };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (own[i].said && own[i].type != t->type) return own[i].name;
    return NULL;
}

/* A switch that nobody has set: what the weights have, else `otherwise`. */
static void resolve_switch(int *to, const cvt_hints *hints, const char *name, const char *pattern, bool otherwise) {
    const cvt_param first = {
        .name = name, .pattern = pattern, .indices = {{'i', 0}, {'j', 0}, {'a', 0}, {'f', 1}}, .n_indices = 4};
    if (*to == UNSAID) *to = hints->weights ? cvt_hints_param(hints, &first) != NULL : otherwise;
}

static cvt_status resolve_nystrom(transformer *t, const cvt_hints *hints, cvt_error *error) {
    if (!t->dim_head) t->dim_head = 64;
    if (!t->num_landmarks) t->num_landmarks = 256;
    if (t->pinv_iterations == UNSAID) t->pinv_iterations = 6;
    resolve_switch(&t->attn_values_residual, hints, "block0.attn.conv.weight", "block{i}.attn.conv.weight", true);
    if (!t->attn_values_residual_conv_kernel) t->attn_values_residual_conv_kernel = 33;
    if (t->attn_values_residual && t->attn_values_residual_conv_kernel % 2 == 0)
        return cvt_fail(error, CVT_CONFIG,
                        "\"transformer\": \"attn_values_residual_conv_kernel\" is %d, must be odd: an even one would "
                        "change the number of tokens",
                        t->attn_values_residual_conv_kernel);
    return CVT_OK;
}

static cvt_status resolve_encoder(const config *c, transformer *t, const cvt_hints *hints, cvt_error *error) {
    if (!t->attn_dim_head) t->attn_dim_head = 64;
    resolve_switch(&t->ff_glu, hints, "block0.mlp.gate.weight", "block{j}.mlp.gate.weight", false);
    resolve_switch(&t->norm_bias, hints, "block0.norm1.bias", "block{j}.norm1.bias", false);
    resolve_switch(&t->final_norm, hints, "norm.weight", "norm.weight", true);
    if (t->residual_attn == UNSAID) t->residual_attn = false; /* no tensor tells */
    /* x-transformers with scale-only norms leaves the projection of a single head out, which had better fit then */
    int inner = t->heads * t->attn_dim_head; /* heads, attn_dim_head: at most 2^12 and 2^16 */
    if (t->attn_project_out == UNSAID && inner == c->dim)
        resolve_switch(&t->attn_project_out, hints, "block0.attn.proj.weight", "block{j}.attn.proj.weight",
                       t->heads > 1 || t->norm_bias);
    if (t->attn_project_out == UNSAID) t->attn_project_out = true;
    if (!t->attn_project_out && inner != c->dim)
        return cvt_fail(error, CVT_CONFIG,
                        "\"transformer\": \"attn_project_out\" is false, which needs \"heads\" = %d times "
                        "\"attn_dim_head\" = %d to be \"dim\" = %d",
                        t->heads, t->attn_dim_head, c->dim);
    return CVT_OK;
}

static cvt_status resolve_image(config *c, cvt_error *error) {
    if (!c->patch_size) return cvt_fail(error, CVT_CONFIG, "\"patch_size\" is missing");
    for (int i = 0; i < 2; i++) {
        if (!c->image_size[i]) c->image_size[i] = c->base.size[i];
        if (!c->image_size[i]) return cvt_fail(error, CVT_CONFIG, "\"image_size\" is missing");
        if (!c->base.size[i]) c->base.size[i] = c->image_size[i];
        TRY(cvt_check_divides("patch_size", c->patch_size, "image_size", c->image_size[i], -1, error));
    }
    int64_t patches = (int64_t)(c->image_size[0] / c->patch_size) * (c->image_size[1] / c->patch_size);
    if (patches >= 1 << 30)
        return cvt_fail(error, CVT_CONFIG, "\"image_size\" and \"patch_size\" make %lld patches: too many",
                        (long long)patches);
    return CVT_OK;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    transformer *t = &c->transformer;
    if (t->type == UNSAID)
        return cvt_fail(error, CVT_CONFIG, "\"transformer\" has no \"type\": \"nystrom\" or \"x_transformers\"");
    const char *other = misplaced(t);
    if (other)
        return cvt_fail(error, CVT_CONFIG, "\"transformer\": \"%s\" is not for \"type\" = \"%s\"", other,
                        types[t->type]);
    if (t->dim && t->dim != c->dim)
        return cvt_fail(error, CVT_CONFIG, "\"transformer\": \"dim\" = %d is not \"dim\" = %d", t->dim, c->dim);
    TRY(resolve_image(c, error));
    resolve_switch(&c->layout, hints, "embed.norm2.weight", "embed.norm2.weight", LAYOUT_B);
    if (t->type == NYSTROM)
        TRY(resolve_nystrom(t, hints, error));
    else
        TRY(resolve_encoder(c, t, hints, error));
    if (!c->base.classes) c->base.classes = 1000;
    if (!c->base.preprocess.given)
        c->base.preprocess = cvt_preprocess_default(CVT_PREPROCESS_CENTER, c->image_size[0], 0.875);
    return CVT_OK;
}

/* ---- the forward pass ---- */

/* A grid of patches, one class token before it. */
typedef struct grid {
    int h, w;
} grid;

static cvt_value embed(cvt_builder *b, const config *c, grid *g) {
    int p = c->patch_size, h = c->base.size[0], w = c->base.size[1], patch[] = {p, p};
    cvtb_check_patches(b, "patch_size", patch, c->base.size);
    *g = (grid){h / p, w / p};
    cvt_value x = cvtb_input(b, c->base.channels, h, w);
    cvtb_open(b, "embed", 0, 0, "PatchEmbedding");
    cvtb_index(b, 'p', c->layout == LAYOUT_B ? 2 : 1);
    x = cvtb_patches(b, x, p, p);
    if (c->layout == LAYOUT_B) x = cvtb_layer_norm(b, x, "norm1", eps);
    x = cvtb_linear(b, x, "proj", c->dim, true);
    if (c->layout == LAYOUT_B) x = cvtb_layer_norm(b, x, "norm2", eps);
    cvtb_tap(b, x, NULL);
    cvtb_close(b);
    cvt_position position = {.prefix = 1,
                             .h = c->image_size[0] / p,
                             .w = c->image_size[1] / p,
                             .to_h = g->h,
                             .to_w = g->w,
                             .resize = CVT_INTERPOLATE_NONE};
    x = cvtb_concat(b, cvtb_token(b, "cls_token", c->dim), x);
    return cvtb_tap(b, cvtb_position(b, x, "pos_embed", &position), "tokens");
}

/* ---- nystrom ---- */

static cvt_value landmark_attention(cvt_builder *b, const transformer *t, cvt_value x, grid g) {
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
    cvtb_grid(b, pad + 1, g.h, g.w);
    cvt_value y = cvtb_attention(b, q_marks, k, v, t->heads, scale);
    cvtb_tap(b, y + 1, "gather");
    cvtb_grid(b, 0, 0, 0); /* landmarks lie nowhere */
    cvt_landmarks middle = {.heads = t->heads, .iterations = t->pinv_iterations, .scale = scale, .queries = tokens};
    y = cvtb_landmarks(b, q_marks, k_marks, y, &middle);
    y = cvtb_attention(b, q, k_marks, y, t->heads, scale);
    cvtb_tap(b, y + 1, "scatter");
    if (t->attn_values_residual)
        y = cvtb_add(b, y, cvtb_token_conv(b, v, "conv", t->heads, t->attn_values_residual_conv_kernel));
    y = cvtb_linear(b, y, "proj", s.d[1], true);
    if (pad) y = cvtb_slice(b, y, pad, n);
    cvtb_tap(b, y, NULL);
    cvtb_close(b);
    return y;
}

static cvt_value nystromformer(cvt_builder *b, const config *c, cvt_value x, grid g) {
    const transformer *t = &c->transformer;
    for (int i = 0; i < t->depth && !cvtb_failed(b); i++) {
        cvtb_open(b, "block{i}", 'i', i, "Block");
        x = cvtb_add(b, x, landmark_attention(b, t, cvtb_layer_norm(b, x, "norm1", eps), g));
        x = cvtb_add(b, x,
                     cvtb_mlp(b, cvtb_layer_norm(b, x, "norm2", eps), c->dim * t->ff_mult, CVT_ACT_GELU_ERF, true));
        cvtb_tap(b, x, NULL);
        cvtb_close(b);
    }
    return x;
}

/* ---- x_transformers ---- */

static cvt_value norm(cvt_builder *b, const transformer *t, cvt_value x, const char *name) {
    return t->norm_bias ? cvtb_layer_norm(b, x, name, eps) : cvtb_layer_norm_scale(b, x, name, eps);
}

/* *scores: of the layer before, or none; becomes this layer's. */
static cvt_value scored_attention(cvt_builder *b, const transformer *t, cvt_value x, cvt_value *scores) {
    int inner = t->heads * t->attn_dim_head, dim = cvtb_shape(b, x).d[1];
    float scale = (float)(1 / sqrt(t->attn_dim_head));
    cvtb_open(b, "attn", 0, 0, "Attention");
    cvt_value q = cvtb_linear(b, x, "q", inner, false);
    cvt_value k = cvtb_linear(b, x, "k", inner, false);
    cvt_value v = cvtb_linear(b, x, "v", inner, false);
    cvt_value y = cvtb_attention_scores(b, q, k, v, t->heads, scale, scores);
    if (t->attn_project_out) y = cvtb_linear(b, y, "proj", dim, false);
    cvtb_tap(b, y, NULL);
    cvtb_close(b);
    return y;
}

static cvt_value feed_forward(cvt_builder *b, const transformer *t, cvt_value x) {
    int dim = cvtb_shape(b, x).d[1], hidden = dim * t->ff_mult;
    if (!t->ff_glu) return cvtb_mlp(b, x, hidden, CVT_ACT_GELU_ERF, true);
    cvtb_open(b, "mlp", 0, 0, "FeedForward");
    cvt_value value = cvtb_linear(b, x, "value", hidden, true);
    cvt_value gate = cvtb_activation(b, cvtb_linear(b, x, "gate", hidden, true), CVT_ACT_GELU_ERF);
    x = cvtb_tap(b, cvtb_linear(b, cvtb_multiply(b, value, gate), "fc2", dim, true), NULL);
    cvtb_close(b);
    return x;
}

static cvt_value encoder(cvt_builder *b, const config *c, cvt_value x, grid g) {
    const transformer *t = &c->transformer;
    cvt_value scores = CVT_NO_VALUE;
    for (int j = 0; j < t->depth && !cvtb_failed(b); j++) {
        cvtb_open(b, "block{j}", 'j', j, "Block");
        cvtb_index(b, 'a', 2 * j);
        cvtb_index(b, 'f', 2 * j + 1);
        cvtb_grid(b, 1, g.h, g.w);
        x = cvtb_add(b, x, scored_attention(b, t, norm(b, t, x, "norm1"), &scores));
        x = cvtb_add(b, x, feed_forward(b, t, norm(b, t, x, "norm2")));
        if (!t->residual_attn) scores = CVT_NO_VALUE;
        cvtb_tap(b, x, NULL);
        cvtb_close(b);
    }
    return t->final_norm ? cvtb_tap(b, norm(b, t, x, "norm"), "norm") : x;
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    grid g;
    cvt_value x = embed(b, c, &g);
    x = c->transformer.type == NYSTROM ? nystromformer(b, c, x, g) : encoder(b, c, x, g);
    x = c->pool == MEAN ? cvtb_mean(b, x) : cvtb_slice(b, x, 0, 1);
    x = cvtb_tap(b, cvtb_layer_norm(b, x, "head_norm", eps), "head_norm");
    return cvtb_linear(b, cvtb_embedding(b, cvtb_flatten(b, x)), "head", c->base.classes, true);
}

const cvt_arch cvt_arch_vit_efficient = {
    .name = "vit_efficient",
    .about = "efficient ViT (vit_pytorch): Nystrom landmark attention, or an x-transformers encoder",
    .traits = {"yes", "non-overlapping", "linear", "no"},
    .config_size = sizeof(config),
    .defaults = defaults,
    .keys = keys,
    .dialects = dialects,
    .classifier = "head.weight",
    .resolve = resolve,
    .build = build,
};
