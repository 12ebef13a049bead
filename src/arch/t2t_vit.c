/* t2t_vit.c - T2T-ViT: "Tokens-to-Token ViT" (Yuan et al. 2021), in the form of its authors (yitu-opensource/T2T-ViT)
 * and in that of vit_pytorch (t2t.py).
 *
 * Overlapping windows of a map become tokens, a small transformer mixes them, and they are a map again, a smaller one;
 * after the last windows a linear layer makes the tokens of an ordinary transformer with a class token.
 *
 *   authors      windows 7/4/2, 3/2/1, 3/2/1 (kernel, stride, padding); in between token modules to token_dim channels:
 *                y = v + proj(attention(k, q, v of norm1(x))), y += mlp(norm2(y)), the attention either linear, by
 *                stored random features (performer), or softmax(q k^T / sqrt(channels of x)) v (transformer)
 *   vit_pytorch  windows k, s, s / 2 as listed; in between transformers of one block, with a norm behind it, as wide as
 *                the windows
 *
 * Which of the two: by the naming of the weights, or by keys that only vit_pytorch has. All norms have eps 1e-5. */
#include <math.h>

#include "arch/blocks.h"
#include "arch/layer.h"
#include "arch/resolve.h"

static const float eps = 1e-5f;

enum { UNSAID = -1, MAX_STAGES = 8 };
enum { PERFORMER, TRANSFORMER }; /* tokens_type */
static const char *const token_types[] = {"performer", "transformer", NULL};
enum { CLS, MEAN }; /* pool */
static const char *const pools[] = {"cls", "mean", NULL};

typedef struct stage_config {
    int kernel, stride, padding;
} stage_config;

typedef struct stages {
    int n;
    stage_config v[MAX_STAGES];
} stages;

typedef struct config {
    cvt_base base;
    int img_size[2]; /* that the positions are stored for */
    int embed_dim, depth, num_heads;
    int tokens_type, token_dim; /* the authors': 0 or UNSAID where nothing is said, as below */
    double mlp_ratio, qk_scale;
    int mlp_dim, dim_head, pool; /* vit_pytorch's */
    stages layers;
    /* resolved */
    bool vit_pytorch, computed; /* computed: no positions are stored */
    int grid[2];                /* of the stored positions */
} config;

/* A list of [kernel, stride]. */
static cvt_status read_layers(void *field, const cvt_json *value, cvt_error *error) {
    stages *list = field;
    size_t n = cvt_json_size(value);
    if (cvt_json_kind_of(value) != CVT_JSON_ARRAY) return cvt_fail(error, CVT_CONFIG, "must be a list of lists");
    if (n < 1 || n > MAX_STAGES)
        return cvt_fail(error, CVT_CONFIG, "has %zu entries, must have 1 to %d", n, MAX_STAGES);
    list->n = 0;
    for (const cvt_json *entry = cvt_json_first(value); entry; entry = cvt_json_next(entry), list->n++) {
        const cvt_json *first = cvt_json_first(entry);
        int64_t kernel, stride;
        bool pair = cvt_json_kind_of(entry) == CVT_JSON_ARRAY && cvt_json_size(entry) == 2 &&
                    cvt_json_integer(first, &kernel) && cvt_json_integer(cvt_json_next(first), &stride);
        if (!pair || kernel < 1 || kernel > 64 || stride < 1 || stride > 64)
            return cvt_fail(error, CVT_CONFIG, "[%d] must be [kernel, stride], whole numbers from 1 to 64", list->n);
        list->v[list->n] = (stage_config){(int)kernel, (int)stride, (int)stride / 2};
    }
    return CVT_OK;
}

#define AT(field) offsetof(config, field)
static const cvt_key keys[] = {
    {.name = "in_chans", .type = CVT_KEY_INT, .offset = AT(base.channels), .min = 1, .max = 64},
    {.name = "channels", .type = CVT_KEY_INT, .offset = AT(base.channels), .min = 1, .max = 64},
    {.name = "num_classes", .type = CVT_KEY_INT, .offset = AT(base.classes), .min = 1, .max = 1000000},
    {.name = "img_size", .type = CVT_KEY_SIZE, .offset = AT(img_size), .min = 1, .max = 65535},
    {.name = "image_size", .type = CVT_KEY_SIZE, .offset = AT(img_size), .min = 1, .max = 65535},
    {.name = "embed_dim", .type = CVT_KEY_INT, .offset = AT(embed_dim), .min = 1, .max = 65536},
    {.name = "dim", .type = CVT_KEY_INT, .offset = AT(embed_dim), .min = 1, .max = 65536},
    {.name = "depth", .type = CVT_KEY_INT, .offset = AT(depth), .min = 1, .max = 1000},
    {.name = "num_heads", .type = CVT_KEY_INT, .offset = AT(num_heads), .min = 1, .max = 4096},
    {.name = "heads", .type = CVT_KEY_INT, .offset = AT(num_heads), .min = 1, .max = 4096},
    {.name = "tokens_type", .type = CVT_KEY_CHOICE, .offset = AT(tokens_type), .choices = token_types},
    {.name = "token_dim", .type = CVT_KEY_INT, .offset = AT(token_dim), .min = 2, .max = 65536},
    {.name = "mlp_ratio", .type = CVT_KEY_NUMBER, .offset = AT(mlp_ratio), .min = 0.001, .max = 64},
    {.name = "qk_scale", .type = CVT_KEY_NUMBER, .offset = AT(qk_scale), .min = 0, .max = 1000},
    {.name = "mlp_dim", .type = CVT_KEY_INT, .offset = AT(mlp_dim), .min = 1, .max = 1048576},
    {.name = "dim_head", .type = CVT_KEY_INT, .offset = AT(dim_head), .min = 1, .max = 65536},
    {.name = "pool", .type = CVT_KEY_CHOICE, .offset = AT(pool), .choices = pools},
    {.name = "t2t_layers",
     .type = CVT_KEY_READER,
     .offset = AT(layers),
     .read = read_layers,
     .about = "[kernel, stride] of each unfolding; default: [[7, 4], [3, 2], [3, 2]]",
     .schema = "'type': 'array', 'minItems': 1, 'maxItems': 8, 'items': {'type': 'array', 'items': {'type': 'integer', "
               "'minimum': 1, 'maximum': 64}, 'minItems': 2, 'maxItems': 2}"},
    CVT_DROPOUT_KEY("drop_rate"),
    CVT_DROPOUT_KEY("attn_drop_rate"),
    CVT_DROPOUT_KEY("drop_path_rate"),
    CVT_DROPOUT_KEY("dropout"),
    CVT_DROPOUT_KEY("emb_dropout"),
    {0},
};

/* ---- names of weights: {a} is {i} + 1, {s} 4 {i} + 3, {l} 4 times the number of stages ---- */

#define MODULE "tokens_to_token.attention{a}."
static const cvt_name_row yitu[] = {
    CVT_STACKED_3("stage{i}.performer.attn.", "k", "q", "v", MODULE "kqv.*"),
    {"stage{i}.performer.attn.*", MODULE "*"}, /* w, proj */
    {"stage{i}.performer.mlp.fc1.*", MODULE "mlp.0.*"},
    {"stage{i}.performer.mlp.fc2.*", MODULE "mlp.2.*"},
    {"stage{i}.performer.*", MODULE "*"},
    CVT_STACKED_3("stage{i}.transformer.attn.", "q", "k", "v", MODULE "attn.qkv.*"),
    {"stage{i}.transformer.*", MODULE "*"},
    {"project.*", "tokens_to_token.project.*"},
    {"cls_token", "cls_token"},
    {"pos_embed", "pos_embed"},
    CVT_STACKED_3("block{j}.attn.", "q", "k", "v", "blocks.{j}.attn.qkv.*"),
    {"block{j}.*", "blocks.{j}.*"},
    {"norm.*", "norm.*"},
    {"head.*", "head.*"},
    {NULL, NULL},
};

#define LAYER(N, F) CVT_VP_ATTENTION(N, F), CVT_VP_MLP(N, F)
static const cvt_name_row vit_pytorch[] = {
    LAYER("stage{i}.block{j}.", "to_patch_embedding.{s}.layers.{j}."),
    {"stage{i}.norm.*", "to_patch_embedding.{s}.norm.*"},
    {"project.*", "to_patch_embedding.{l}.*"},
    {"cls_token", "cls_token"},
    {"pos_embed", "pos_embedding"},
    LAYER("block{j}.", "transformer.layers.{j}."),
    {"norm.*", "transformer.norm.*"},
    {"head.*", "mlp_head.*"},
    {NULL, NULL},
};

static const cvt_dialect dialects[] = {{"native"}, {"yitu", yitu}, {"vit_pytorch", vit_pytorch}, {NULL}};

/* ---- config ---- */

static void defaults(void *p) {
    config *c = p;
    *c = (config){.base = {.channels = 3}, .tokens_type = UNSAID, .pool = UNSAID};
}

static cvt_status resolve_authors(config *c, const cvt_hints *hints, cvt_error *error) {
    static const stages standard = {3, {{7, 4, 2}, {3, 2, 1}, {3, 2, 1}}};
    c->layers = standard;
    if (!c->embed_dim) c->embed_dim = 384; /* T2T-ViT-14 */
    if (!c->depth) c->depth = 14;
    if (!c->num_heads) c->num_heads = 6;
    if (!c->token_dim) c->token_dim = 64;
    if (c->mlp_ratio == 0) c->mlp_ratio = 3;
    if (c->tokens_type == UNSAID) {
        const cvt_weights *w = hints->weights;
        bool softmax = w && (cvt_weights_find(w, "tokens_to_token.attention1.attn.qkv.weight") ||
                             cvt_weights_find(w, "stage0.transformer.attn.q.weight"));
        c->tokens_type = softmax ? TRANSFORMER : PERFORMER;
    }
    TRY(cvt_check_divides("num_heads", c->num_heads, "embed_dim", c->embed_dim, -1, error));
    TRY(cvt_check_hidden("mlp_ratio", c->mlp_ratio, (int)(c->embed_dim * c->mlp_ratio), -1, error));
    for (int i = 0; i < 2; i++) c->grid[i] = c->img_size[i] / 16;
    cvt_resolve_grid(c->grid, cvt_hints_cells(hints, "pos_embed", 1));
    c->computed = hints->weights && !cvt_hints_tensor(hints, "pos_embed", 0);
    if (!c->computed && (c->grid[0] < 1 || c->grid[1] < 1))
        return cvt_fail(error, CVT_CONFIG, "\"img_size\" = %d x %d is smaller than a patch of 16 x 16", c->img_size[0],
                        c->img_size[1]);
    return CVT_OK;
}

static cvt_status resolve_vit_pytorch(config *c, cvt_error *error) {
    static const stages standard = {3, {{7, 4, 2}, {3, 2, 1}, {3, 2, 1}}};
    const struct {
        const char *key;
        bool said;
    } alien[] = {{"tokens_type", c->tokens_type != UNSAID},
                 {"token_dim", c->token_dim != 0},
                 {"mlp_ratio", c->mlp_ratio != 0},
                 {"qk_scale", c->qk_scale != 0}};
    for (size_t i = 0; i < sizeof alien / sizeof alien[0]; i++)
        if (alien[i].said)
            return cvt_fail(error, CVT_CONFIG, "\"%s\" is a key of the authors' T2T-ViT, the others are vit_pytorch's",
                            alien[i].key);
    const char *missing = !c->embed_dim ? "dim" : !c->depth ? "depth" : !c->num_heads ? "heads" : "mlp_dim";
    if (!c->embed_dim || !c->depth || !c->num_heads || !c->mlp_dim)
        return cvt_fail(error, CVT_CONFIG, "\"%s\" is missing: vit_pytorch's T2T-ViT has no default", missing);
    if (!c->dim_head) c->dim_head = 64;
    if (!c->layers.n) c->layers = standard;
    if (c->img_size[0] != c->img_size[1])
        return cvt_fail(error, CVT_CONFIG, "\"image_size\" = %d x %d must be a square", c->img_size[0], c->img_size[1]);
    int side = c->img_size[0];
    for (int i = 0; i < c->layers.n; i++) {
        const stage_config *s = &c->layers.v[i];
        if (side + 2 * s->padding < s->kernel)
            return cvt_fail(error, CVT_CONFIG, "\"t2t_layers\"[%d]: a window of %d does not fit a padded map of %d", i,
                            s->kernel, side + 2 * s->padding);
        side = (side + 2 * s->padding - s->kernel) / s->stride + 1;
    }
    c->grid[0] = c->grid[1] = side;
    return CVT_OK;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    if (!c->base.classes) c->base.classes = 1000;
    if (!c->base.preprocess.given) c->base.preprocess = cvt_preprocess_default(CVT_PREPROCESS_CENTER, 224, 0.9);
    cvt_resolve_image(c->img_size, &c->base, 224);
    bool said = c->mlp_dim || c->dim_head || c->pool != UNSAID || c->layers.n;
    c->vit_pytorch = said || cvt_hints_from(hints, "vit_pytorch");
    return c->vit_pytorch ? resolve_vit_pytorch(c, error) : resolve_authors(c, hints, error);
}

/* ---- the forward pass ---- */

/* The attention of a token module to e channels: its residual is v, for x has other channels. */
static cvt_value token_attention(cvt_builder *b, cvt_value x, bool performer, int e) {
    float scale = (float)(1 / sqrt(cvt_shape_cols(cvtb_shape(b, x)))), epsilon = 1e-8f;
    cvtb_open(b, "attn", 0, 0, "Attention");
    cvt_value k = cvtb_linear(b, x, "k", e, performer);
    cvt_value q = cvtb_linear(b, x, "q", e, performer);
    cvt_value v = cvtb_linear(b, x, "v", e, performer);
    cvt_value y = performer ? cvtb_performer(b, q, k, v, e / 2, epsilon) : cvtb_attention(b, q, k, v, 1, scale);
    y = cvtb_tap(b, cvtb_linear(b, y, "proj", e, true), NULL);
    cvtb_close(b);
    return cvtb_add(b, v, y);
}

static cvt_value token_module(cvt_builder *b, cvt_value x, bool performer, int e) {
    cvtb_open(b, performer ? "performer" : "transformer", 0, 0, performer ? "Token_performer" : "Token_transformer");
    x = token_attention(b, cvtb_layer_norm(b, x, "norm1", eps), performer, e);
    x = cvtb_add(b, x, cvtb_mlp(b, cvtb_layer_norm(b, x, "norm2", eps), e, CVT_ACT_GELU_ERF, true));
    cvtb_close(b);
    return x;
}

/* One block as wide as the windows, of one head without a projection behind it, and a norm. */
static cvt_value window_transformer(cvt_builder *b, cvt_value x) {
    int width = cvt_shape_cols(cvtb_shape(b, x));
    cvt_vit_block spec = {.attention = {.heads = 1, .dim_head = width, .no_out = true},
                          .hidden = width,
                          .act = CVT_ACT_GELU_ERF,
                          .eps = eps};
    return cvtb_layer_norm(b, cvtb_vit_block(b, x, 0, &spec), "norm", eps);
}

/* Windows of the image down to those of the last map: tokens [h * w, channels], *grid = {h, w}. */
static cvt_value tokens_to_token(cvt_builder *b, const config *c, cvt_value map, int *grid) {
    for (int i = 0;; i++) {
        const stage_config *s = &c->layers.v[i];
        cvt_unfold unfold = {s->kernel, s->kernel, s->stride, s->stride, s->padding, true};
        cvt_shape before = cvtb_shape(b, map);
        for (int k = 0; k < 2; k++) grid[k] = (before.d[1 + k] + 2 * s->padding - s->kernel) / s->stride + 1;
        bool last = i == c->layers.n - 1;
        if (last) return cvtb_unfold(b, map, &unfold);
        cvtb_open(b, "stage{i}", 'i', i, NULL);
        cvtb_index(b, 'a', i + 1);
        cvtb_index(b, 's', 4 * i + 3);
        cvtb_grid(b, 0, grid[0], grid[1]);
        cvt_value t = cvtb_unfold(b, map, &unfold);
        t = c->vit_pytorch ? window_transformer(b, t) : token_module(b, t, c->tokens_type == PERFORMER, c->token_dim);
        cvtb_tap(b, t, NULL);
        cvtb_close(b);
        if (cvtb_failed(b)) return CVT_NO_VALUE;
        map = cvtb_map(b, t, grid[0], grid[1]);
    }
}

static cvt_value add_positions(cvt_builder *b, const config *c, cvt_value x, const int *grid) {
    cvt_position position = {.prefix = 1, .h = c->grid[0], .w = c->grid[1], .to_h = grid[0], .to_w = grid[1]};
    if (!c->vit_pytorch) position.resize = CVT_INTERPOLATE_BICUBIC;
    return c->computed ? cvtb_sinusoid(b, x) : cvtb_position(b, x, "pos_embed", &position);
}

static cvt_vit_block trunk_of(const config *c) {
    bool own = c->vit_pytorch;
    int dim = c->embed_dim, dim_head = own ? c->dim_head : dim / c->num_heads;
    return (cvt_vit_block){.attention = {.heads = c->num_heads,
                                         .dim_head = dim_head,
                                         .scale = (float)c->qk_scale,
                                         .out_bias = true,
                                         .no_out = own && c->num_heads == 1 && dim_head == dim},
                           .hidden = own ? c->mlp_dim : (int)(dim * c->mlp_ratio),
                           .act = CVT_ACT_GELU_ERF,
                           .eps = eps};
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    const int *size = c->base.size;
    int grid[2];
    if (c->vit_pytorch && size[0] != size[1])
        cvtb_fail(b, "the input of vit_pytorch's T2T-ViT must be a square, not %d x %d", size[0], size[1]);
    cvtb_index(b, 'l', 4 * c->layers.n);
    cvt_value x = tokens_to_token(b, c, cvtb_input(b, c->base.channels, size[0], size[1]), grid);
    if (cvtb_failed(b)) return CVT_NO_VALUE;
    x = cvtb_tap(b, cvtb_linear(b, x, "project", c->embed_dim, true), "embed");
    x = cvtb_concat(b, cvtb_token(b, "cls_token", c->embed_dim), x);
    x = cvtb_tap(b, add_positions(b, c, x, grid), "tokens");
    cvtb_grid(b, 1, grid[0], grid[1]);
    cvt_vit_block spec = trunk_of(c);
    for (int j = 0; j < c->depth && !cvtb_failed(b); j++) x = cvtb_vit_block(b, x, j, &spec);
    x = cvtb_tap(b, cvtb_layer_norm(b, x, "norm", eps), "norm");
    x = c->pool == MEAN ? cvtb_mean(b, x) : cvtb_slice(b, x, 0, 1);
    return cvtb_linear(b, cvtb_embedding(b, cvtb_flatten(b, x)), "head", c->base.classes, true);
}

const cvt_arch cvt_arch_t2t_vit = {
    .name = "t2t_vit",
    .about = "T2T-ViT (yitu, vit_pytorch): windows of windows become tokens",
    .traits = {"yes", "overlapping (concatenated)", "linear", "partly (tokenisation)"},
    .config_size = sizeof(config),
    .defaults = defaults,
    .keys = keys,
    .dialects = dialects,
    .classifier = "head.weight",
    .resolve = resolve,
    .build = build,
};

/* ---- a layer of networks ---- */

typedef struct module_config {
    int kernel_size[2], stride[2], padding, tokens_type, token_dim;
} module_config;

#define MODULE_AT(field) offsetof(module_config, field)
static const cvt_key module_keys[] = {
    {.name = "kernel_size", .type = CVT_KEY_SIZE, .offset = MODULE_AT(kernel_size), .min = 1, .max = 64},
    {.name = "stride", .type = CVT_KEY_SIZE, .offset = MODULE_AT(stride), .min = 1, .max = 64},
    {.name = "padding", .type = CVT_KEY_INT, .offset = MODULE_AT(padding), .min = 0, .max = 64},
    {.name = "tokens_type", .type = CVT_KEY_CHOICE, .offset = MODULE_AT(tokens_type), .choices = token_types},
    {.name = "token_dim", .type = CVT_KEY_INT, .offset = MODULE_AT(token_dim), .min = 2, .max = 65536},
    {0},
};

static void module_defaults(void *p) { *(module_config *)p = (module_config){{3, 3}, {2, 2}, 1, PERFORMER, 64}; }

static cvt_value module_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const module_config *c = p;
    cvt_value map = cvtb_as_map(b, in[0]);
    cvt_shape s = cvtb_shape(b, map);
    cvt_unfold unfold = {c->kernel_size[0], c->kernel_size[1], c->stride[0], c->stride[1], c->padding, true};
    cvt_value t = cvtb_unfold(b, map, &unfold);
    if (cvtb_failed(b)) return CVT_NO_VALUE;
    int h = (s.d[1] + 2 * c->padding - c->kernel_size[0]) / c->stride[0] + 1;
    int w = (s.d[2] + 2 * c->padding - c->kernel_size[1]) / c->stride[1] + 1;
    cvtb_grid(b, 0, h, w);
    return cvtb_map(b, token_module(b, t, c->tokens_type == PERFORMER, c->token_dim), h, w);
}

const cvt_layer cvt_layer_t2t_module = {.type = "t2t_module",
                                        .about = "windows of a map as tokens, mixed by a token module of T2T-ViT",
                                        .row = "T2T_module",
                                        .config_size = sizeof(module_config),
                                        .defaults = module_defaults,
                                        .keys = module_keys,
                                        .inputs = 1,
                                        .build = module_build};
