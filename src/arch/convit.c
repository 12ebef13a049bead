/* convit.c - ConViT (arXiv 2103.10697): blocks with gated positional self-attention over the patches, then the class
 * token joins and blocks with plain attention follow. Two programs, whose models cannot be turned into each other:
 *
 *   fb      facebookresearch/convit and timm: convolution, positions added, pre-norm blocks, norm, linear head
 *   comvex  blakechi/ComVEX: linear embedding without a bias, no positions, norms behind the residual sums, a head of
 *           linear, activation, norm, linear. Its pre_norm passes on the normalised input: x = z + f(z), z = norm(x).
 *           Its releases 0.3.0 and 0.4.0 ignore ff_dim: the feed-forward part is as wide as the tokens. */
#include <math.h>

#include "arch/blocks.h"
#include "arch/layer.h"
#include "arch/resolve.h"

enum { UNSAID = -1 };
enum { COMVEX, FB }; /* variant */
static const char *const variants[] = {"comvex", "fb", NULL};
enum { TOKEN, AVG }; /* global_pool */
static const char *const pools[] = {"token", "avg", NULL};
static const char *const activations[] = {"ReLU", "ReLU6",   "GELU",     "SiLU", "QuickGELU",
                                          "Tanh", "Sigmoid", "Identity", NULL};
static const cvt_act acts[] = {CVT_ACT_RELU,       CVT_ACT_RELU6, CVT_ACT_GELU_ERF, CVT_ACT_SILU,
                               CVT_ACT_QUICK_GELU, CVT_ACT_TANH,  CVT_ACT_SIGMOID,  CVT_ACT_NONE};

/* 0 or UNSAID: not said. */
typedef struct config {
    cvt_base base;
    int variant;
    int image_size[2]; /* the grid of the positions */
    int patch_size, dim, embed_dim, heads, head_dim;
    int num_local_layers, num_nonlocal_layers, depth, local_up_to_layer;
    int ff_dim, ff_hidden;
    double mlp_ratio;
    int pre_norm, qkv_bias, use_pos_embed; /* yes, no or unsaid */
    int pred_act, global_pool;
    double layer_norm_eps;
} config;

#define AT(field) offsetof(config, field)
#define COUNT(key, field, least, most) \
    { .name = key, .type = CVT_KEY_INT, .offset = AT(field), .min = least, .max = most }
#define FLAG(key, field) \
    { .name = key, .type = CVT_KEY_FLAG, .offset = AT(field) }
static const cvt_key keys[] = {
    {.name = "variant", .type = CVT_KEY_CHOICE, .offset = AT(variant), .choices = variants},
    {.name = "image_size", .type = CVT_KEY_SIZE, .offset = AT(image_size), .min = 1, .max = 65535},
    {.name = "img_size", .type = CVT_KEY_SIZE, .offset = AT(image_size), .min = 1, .max = 65535},
    COUNT("image_channel", base.channels, 1, 64),
    COUNT("in_chans", base.channels, 1, 64),
    COUNT("num_classes", base.classes, 1, 1000000),
    COUNT("patch_size", patch_size, 1, 1024),
    COUNT("dim", dim, 1, 65536),
    COUNT("embed_dim", embed_dim, 1, 65536),
    COUNT("heads", heads, 1, 4096),
    COUNT("num_heads", heads, 1, 4096),
    COUNT("head_dim", head_dim, 1, 65536),
    COUNT("num_local_layers", num_local_layers, 0, 1000),
    COUNT("num_nonlocal_layers", num_nonlocal_layers, 0, 1000),
    COUNT("depth", depth, 1, 1000),
    COUNT("local_up_to_layer", local_up_to_layer, 0, 1000),
    COUNT("ff_dim", ff_dim, 1, 1000000),
    COUNT("ff_hidden", ff_hidden, 1, 1000000),
    {.name = "mlp_ratio", .type = CVT_KEY_NUMBER, .offset = AT(mlp_ratio), .min = 0.001, .max = 64},
    FLAG("pre_norm", pre_norm),
    FLAG("qkv_bias", qkv_bias),
    FLAG("use_pos_embed", use_pos_embed),
    {.name = "pred_act_fnc_name", .type = CVT_KEY_CHOICE, .offset = AT(pred_act), .choices = activations},
    {.name = "global_pool", .type = CVT_KEY_CHOICE, .offset = AT(global_pool), .choices = pools},
    {.name = "layer_norm_eps", .type = CVT_KEY_NUMBER, .offset = AT(layer_norm_eps), .min = 1e-12, .max = 1},
    {.name = "locality_strength", .type = CVT_KEY_NUMBER, .ignored = true, .min = 0, .max = 1000000},
    CVT_DROPOUT_KEY("ff_dropout"),
    CVT_DROPOUT_KEY("attention_dropout"),
    CVT_DROPOUT_KEY("token_dropout"),
    CVT_DROPOUT_KEY("drop_rate"),
    CVT_DROPOUT_KEY("pos_drop_rate"),
    CVT_DROPOUT_KEY("proj_drop_rate"),
    CVT_DROPOUT_KEY("attn_drop_rate"),
    CVT_DROPOUT_KEY("drop_path_rate"),
    {0},
};

/* ---- names of weights: {l} counts local blocks, {n} goes on counting the others, {m} counts those alone ---- */

static const cvt_name_row timm[] = {
    {"embed.*", "patch_embed.*"},
    {"pos_embed", "pos_embed"},
    {"cls_token", "cls_token"},
    CVT_STACKED_2("block{l}.attn.", "q", "k", "blocks.{l}.attn.qk.*"),
    {"block{l}.attn.gate", "blocks.{l}.attn.gating_param"},
    {"block{l}.*", "blocks.{l}.*"},
    CVT_STACKED_3("block{n}.attn.", "q", "k", "v", "blocks.{n}.attn.qkv.*"),
    {"block{n}.*", "blocks.{n}.*"},
    {"norm.*", "norm.*"},
    {"head.*", "head.*"},
    {NULL, NULL},
};

#define COMVEX_BLOCK(native, file, FC1, FC2)                                                                          \
    {native "attn.q.*", file "attention_block._fn._fn.Q.*"}, {native "attn.k.*", file "attention_block._fn._fn.K.*"}, \
        {native "attn.v.*", file "attention_block._fn._fn.V.*"},                                                      \
        {native "attn.proj.*", file "attention_block._fn._fn.out_linear.*"},                                          \
        {native "norm1.*", file "attention_block._norm.*"}, {native "mlp.fc1.*", file "ff_block._fn._fn." FC1 ".*"},  \
        {native "mlp.fc2.*", file "ff_block._fn._fn." FC2 ".*"}, {                                                    \
        native "norm2.*", file "ff_block._norm.*"                                                                     \
    }
/* P: what comes before the layers. */
#define COMVEX_ROWS(P, FC1, FC2, NORM, HEAD)                                                                     \
    {"embed.proj.weight", "linear_proj.weight"}, {"cls_token", "CLS"},                                           \
        COMVEX_BLOCK("block{l}.", P "local_layers.{l}.", FC1, FC2),                                              \
        {"block{l}.attn.pos_proj.*", P "local_layers.{l}.attention_block._fn._fn.postion_proj.*"},               \
        {"block{l}.attn.gate", P "local_layers.{l}.attention_block._fn._fn.gates", .axes = "1a11"},              \
        COMVEX_BLOCK("block{n}.", P "nonlocal_layers.{m}.", FC1, FC2), {"proj_head.fc.*", "proj_head.head.0.*"}, \
        {"proj_head.norm.*", "proj_head.head." NORM ".*"}, {"head.*", "proj_head.head." HEAD ".*"}, {            \
        NULL, NULL                                                                                               \
    }
static const cvt_name_row comvex[] = {COMVEX_ROWS("", "ff_0", "ff_1", "3", "4")};
static const cvt_name_row comvex_0_2_3[] = {COMVEX_ROWS("", "_net.0", "_net.3", "2", "3")};
static const cvt_name_row comvex_0_1_0[] = {COMVEX_ROWS("backbone.", "_net.0", "_net.3", "2", "3")};

static const cvt_dialect dialects[] = {
    {"native"}, {"timm", timm}, {"comvex", comvex}, {"comvex_0.2.3", comvex_0_2_3}, {"comvex_0.1.0", comvex_0_1_0},
    {NULL},
};

#define PRESET(name, heads)                                                                   \
    {                                                                                         \
        name, "{\"variant\": \"fb\", \"embed_dim\": 48, \"num_heads\": " #heads               \
              ", \"local_up_to_layer\": 10, \"preprocess\": {\"input_size\": [3, 224, 224]}}" \
    }
static const cvt_preset presets[] = {
    PRESET("convit_tiny", 4), PRESET("convit_small", 9), PRESET("convit_base", 16), {NULL, NULL}};

/* ---- config ---- */

static void defaults(void *p) {
    config *c = p;
    *c = (config){.base = {.channels = 3},
                  .variant = UNSAID,
                  .patch_size = 16,
                  .num_local_layers = UNSAID,
                  .num_nonlocal_layers = UNSAID,
                  .local_up_to_layer = UNSAID,
                  .pre_norm = UNSAID,
                  .qkv_bias = UNSAID,
                  .use_pos_embed = UNSAID,
                  .pred_act = UNSAID,
                  .global_pool = UNSAID};
}

static bool is_comvex(const cvt_hints *hints) {
    return cvt_hints_from(hints, "comvex") || cvt_hints_from(hints, "comvex_0.2.3") ||
           cvt_hints_from(hints, "comvex_0.1.0");
}

/* Keys of one variant that the other does not know. */
static cvt_status check_variant(config *c, const cvt_hints *hints, cvt_error *error) {
    if (c->variant == UNSAID) c->variant = is_comvex(hints) ? COMVEX : FB;
    bool comvex_keys[] = {c->pre_norm != UNSAID, c->pred_act != UNSAID, c->ff_dim != 0};
    bool fb_keys[] = {c->use_pos_embed != UNSAID, c->global_pool != UNSAID, c->mlp_ratio != 0, c->embed_dim != 0};
    static const char *const comvex_names[] = {"pre_norm", "pred_act_fnc_name", "ff_dim"};
    static const char *const fb_names[] = {"use_pos_embed", "global_pool", "mlp_ratio", "embed_dim"};
    const char *wrong = NULL;
    for (size_t i = 0; i < 3 && c->variant == FB; i++)
        if (comvex_keys[i]) wrong = comvex_names[i];
    for (size_t i = 0; i < 4 && c->variant == COMVEX; i++)
        if (fb_keys[i]) wrong = fb_names[i];
    if (!wrong) return CVT_OK;
    return cvt_fail(error, CVT_CONFIG, "\"%s\" is a key of \"variant\": \"%s\"", wrong, variants[!c->variant]);
}

/* num_local_layers and num_nonlocal_layers, or depth and local_up_to_layer. */
static cvt_status resolve_layers(config *c, cvt_error *error) {
    bool ours = c->num_local_layers != UNSAID || c->num_nonlocal_layers != UNSAID;
    if (ours && (c->depth || c->local_up_to_layer != UNSAID))
        return cvt_fail(error, CVT_CONFIG, "\"%s\" and \"%s\" exclude each other",
                        c->num_local_layers != UNSAID ? "num_local_layers" : "num_nonlocal_layers",
                        c->depth ? "depth" : "local_up_to_layer");
    if (!ours) {
        if (!c->depth) c->depth = 12;
        if (c->local_up_to_layer == UNSAID) c->local_up_to_layer = 10;
        if (c->local_up_to_layer >= c->depth)
            return cvt_fail(error, CVT_CONFIG,
                            "\"local_up_to_layer\" = %d leaves no block of \"depth\" = %d for the class token",
                            c->local_up_to_layer, c->depth);
        c->num_local_layers = c->local_up_to_layer;
        c->num_nonlocal_layers = c->depth - c->local_up_to_layer;
    }
    if (c->num_local_layers == UNSAID) c->num_local_layers = 10;
    if (c->num_nonlocal_layers == UNSAID) c->num_nonlocal_layers = 2;
    return CVT_OK;
}

/* embed_dim is that of a head. */
static cvt_status resolve_dim(config *c, cvt_error *error) {
    if (c->embed_dim && c->dim)
        return cvt_fail(error, CVT_CONFIG, "\"embed_dim\", the channels of a head, and \"dim\" exclude each other");
    if (c->embed_dim) {
        int heads = c->heads ? c->heads : 4;
        if (c->embed_dim > 65536 / heads)
            return cvt_fail(error, CVT_CONFIG, "\"embed_dim\" = %d times \"num_heads\" = %d is more than 65536",
                            c->embed_dim, heads);
        c->dim = c->embed_dim * heads;
        c->heads = heads;
    }
    if (!c->dim) c->dim = c->heads ? 48 * c->heads : 192;
    if (!c->heads && c->head_dim) TRY(cvt_check_divides("head_dim", c->head_dim, "dim", c->dim, -1, error));
    if (!c->heads) c->heads = c->head_dim ? c->dim / c->head_dim : 4;
    TRY(cvt_check_divides("heads", c->heads, "dim", c->dim, -1, error));
    if (c->head_dim && c->head_dim * (int64_t)c->heads != c->dim)
        return cvt_fail(error, CVT_CONFIG, "\"heads\" = %d times \"head_dim\" = %d is not \"dim\" = %d", c->heads,
                        c->head_dim, c->dim);
    return CVT_OK;
}

/* The width of comvex's feed-forward part. What it makes of ff_dim depends on its release, so ff_dim alone does not
 * tell: the weights do, and must not contradict it, or ff_hidden does. */
static cvt_status resolve_comvex_width(config *c, const cvt_hints *hints, cvt_error *error) {
    bool older = cvt_hints_from(hints, "comvex_0.2.3") || cvt_hints_from(hints, "comvex_0.1.0");
    const cvt_tensor *t = cvt_hints_tensor(hints, "block{l}.mlp.fc1.weight", 0);
    if (!t || t->rank != 2 || t->shape[0] < 1 || t->shape[0] > 1000000) {
        if (c->ff_dim && c->ff_dim != c->dim && !is_comvex(hints))
            return cvt_fail(error, CVT_CONFIG,
                            "\"ff_dim\" is %d, which comvex obeys up to 0.2.3 and from 0.3.0 ignores for \"dim\" = %d; "
                            "say \"ff_hidden\"",
                            c->ff_dim, c->dim);
        c->ff_hidden = !older ? c->dim : c->ff_dim ? c->ff_dim : 4 * c->dim;
        return CVT_OK;
    }
    c->ff_hidden = (int)t->shape[0];
    if (!c->ff_dim || c->ff_hidden == c->ff_dim || (!older && c->ff_hidden == c->dim)) return CVT_OK;
    return cvt_fail(error, CVT_CONFIG, "\"ff_dim\" is %d, but tensor \"%s\" has %d rows; \"ff_hidden\" would say so",
                    c->ff_dim, t->name, c->ff_hidden);
}

static cvt_status resolve_width(config *c, const cvt_hints *hints, cvt_error *error) {
    if (c->ff_hidden) return CVT_OK;
    if (c->variant == COMVEX) return resolve_comvex_width(c, hints, error);
    if (c->mlp_ratio == 0) c->mlp_ratio = 4;
    c->ff_hidden = (int)(c->dim * c->mlp_ratio);
    return cvt_check_hidden("mlp_ratio", c->mlp_ratio, c->ff_hidden, -1, error);
}

/* The grid of the positions: said, or a square of as many as the weights have, or that of the input. */
static void resolve_grid(config *c, const cvt_hints *hints) {
    int side = cvt_square_side(cvt_hints_cells(hints, "pos_embed", 0));
    if (!c->image_size[0] && side && side <= 65535 / c->patch_size)
        c->image_size[0] = c->image_size[1] = side * c->patch_size;
    cvt_resolve_image(c->image_size, &c->base, 224);
}

/* Yes or no where nothing is said: what the weights have, without weights `otherwise`. */
static void resolve_flag(int *flag, const cvt_hints *hints, const char *pattern, bool otherwise) {
    if (*flag == UNSAID) *flag = hints->weights ? cvt_hints_tensor(hints, pattern, 0) != NULL : otherwise;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    TRY(check_variant(c, hints, error));
    TRY(resolve_layers(c, error));
    TRY(resolve_dim(c, error));
    TRY(resolve_width(c, hints, error));
    bool fb = c->variant == FB;
    resolve_flag(&c->qkv_bias, hints, "block{l}.attn.v.bias", false);
    if (fb)
        resolve_flag(&c->use_pos_embed, hints, "pos_embed", true);
    else
        c->use_pos_embed = 0;
    if (c->pred_act == UNSAID) c->pred_act = 0;
    if (c->layer_norm_eps == 0) c->layer_norm_eps = fb ? 1e-6 : 1e-5;
    if (!c->base.classes) c->base.classes = 1000;
    resolve_grid(c, hints);
    if (!c->base.preprocess.given) c->base.preprocess = cvt_preprocess_default(CVT_PREPROCESS_CENTER, 224, 0.875);
    return CVT_OK;
}

/* ---- the forward pass ---- */

typedef enum order {
    PRE_NORM,        /* x + f(norm(x)) */
    POST_NORM,       /* norm(x + f(x)) */
    NORM_AND_REPLACE /* z + f(z), z = norm(x) */
} order;

typedef struct block_spec {
    int heads, hidden;
    int h, w; /* gated attention over this grid; 0: plain attention */
    bool qkv_bias;
    order order;
    float eps;
} block_spec;

/* Gated attention with its projections, in the scope that is open. */
static cvt_value gated(cvt_builder *b, const block_spec *s, cvt_value x) {
    int dim = cvt_shape_cols(cvtb_shape(b, x));
    cvt_gpsa gpsa = {s->heads, s->h, s->w, (float)(1 / sqrt(dim / s->heads))};
    cvt_value q = cvtb_linear(b, x, "q", dim, s->qkv_bias);
    cvt_value k = cvtb_linear(b, x, "k", dim, s->qkv_bias);
    cvt_value v = cvtb_linear(b, x, "v", dim, s->qkv_bias);
    return cvtb_linear(b, cvtb_gpsa(b, q, k, v, &gpsa), "proj", dim, true);
}

static cvt_value attention(cvt_builder *b, const block_spec *s, cvt_value x) {
    int dim_head = cvt_shape_cols(cvtb_shape(b, x)) / s->heads;
    cvt_attention_spec plain = {.heads = s->heads, .dim_head = dim_head, .qkv_bias = s->qkv_bias, .out_bias = true};
    if (!s->h) return cvtb_self_attention(b, x, &plain);
    cvtb_open(b, "attn", 0, 0, "GPSA");
    x = cvtb_tap(b, gated(b, s, x), NULL);
    cvtb_close(b);
    return x;
}

static cvt_value feed_forward(cvt_builder *b, const block_spec *s, cvt_value x) {
    return cvtb_mlp(b, x, s->hidden, CVT_ACT_GELU_ERF, true);
}

/* f with its norm and its residual sum. */
static cvt_value sublayer(cvt_builder *b, const block_spec *s, cvt_value x, const char *norm,
                          cvt_value (*f)(cvt_builder *, const block_spec *, cvt_value)) {
    if (s->order == POST_NORM) return cvtb_layer_norm(b, cvtb_add(b, x, f(b, s, x)), norm, s->eps);
    cvt_value z = cvtb_layer_norm(b, x, norm, s->eps);
    return cvtb_add(b, s->order == PRE_NORM ? x : z, f(b, s, z));
}

/* In a scope of the caller's. */
static cvt_value block(cvt_builder *b, const block_spec *s, cvt_value x) {
    x = sublayer(b, s, x, "norm1", attention);
    return cvtb_tap(b, sublayer(b, s, x, "norm2", feed_forward), NULL);
}

static cvt_value local_block(cvt_builder *b, const block_spec *s, int index, cvt_value x) {
    cvtb_open(b, "block{l}", 'l', index, "Block");
    x = block(b, s, x);
    cvtb_close(b);
    return x;
}

static cvt_value nonlocal_block(cvt_builder *b, const block_spec *s, int index, int among, cvt_value x) {
    cvtb_open(b, "block{n}", 'n', index, "Block");
    cvtb_index(b, 'm', among);
    x = block(b, s, x);
    cvtb_close(b);
    return x;
}

/* Patches as tokens: of comvex by a linear layer, channels fastest, else by a convolution. */
static cvt_value embed(cvt_builder *b, const config *c, cvt_value map) {
    cvt_conv conv = cvt_conv_square(c->dim, c->patch_size, c->patch_size, 0, true);
    cvtb_open(b, "embed", 0, 0, "PatchEmbed");
    cvt_value t = c->variant == FB
                      ? cvtb_tokens(b, cvtb_conv2d(b, map, "proj", &conv))
                      : cvtb_linear(b, cvtb_patches(b, map, c->patch_size, c->patch_size), "proj", c->dim, false);
    cvtb_tap(b, t, NULL);
    cvtb_close(b);
    return t;
}

static cvt_value add_positions(cvt_builder *b, const config *c, cvt_value t, int h, int w) {
    for (int i = 0; i < 2; i++)
        if (c->image_size[i] % c->patch_size)
            cvtb_fail(b, "\"patch_size\" = %d does not divide \"image_size\" = %d x %d", c->patch_size,
                      c->image_size[0], c->image_size[1]);
    cvt_position p = {0, c->image_size[0] / c->patch_size, c->image_size[1] / c->patch_size, h,
                      w, CVT_INTERPOLATE_BICUBIC_ANTIALIAS};
    return cvtb_tap(b, cvtb_position(b, t, "pos_embed", &p), "tokens");
}

static cvt_value head(cvt_builder *b, const config *c, cvt_value t, float eps) {
    int tokens = cvtb_shape(b, t).d[0];
    if (c->variant == FB) {
        t = cvtb_tap(b, cvtb_layer_norm(b, t, "norm", eps), "norm");
        t = c->global_pool == AVG ? cvtb_mean(b, cvtb_slice(b, t, 1, tokens - 1)) : cvtb_slice(b, t, 0, 1);
    } else {
        cvtb_open(b, "proj_head", 0, 0, "ProjectionHead");
        t = cvtb_linear(b, cvtb_slice(b, t, 0, 1), "fc", c->dim, true);
        t = cvtb_layer_norm(b, cvtb_activation(b, t, acts[c->pred_act]), "norm", eps);
        cvtb_close(b);
        cvtb_tap(b, t, "norm");
    }
    return cvtb_linear(b, cvtb_embedding(b, cvtb_flatten(b, t)), "head", c->base.classes, true);
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    int patch[] = {c->patch_size, c->patch_size};
    int h = c->base.size[0] / c->patch_size, w = c->base.size[1] / c->patch_size;
    cvtb_check_patches(b, "patch_size", patch, c->base.size);
    block_spec s = {.heads = c->heads,
                    .hidden = c->ff_hidden,
                    .h = h,
                    .w = w,
                    .qkv_bias = c->qkv_bias,
                    .order = c->variant == FB   ? PRE_NORM
                             : c->pre_norm == 1 ? NORM_AND_REPLACE
                                                : POST_NORM,
                    .eps = (float)c->layer_norm_eps};
    cvt_value t = embed(b, c, cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]));
    if (c->use_pos_embed) t = add_positions(b, c, t, h, w);
    cvtb_grid(b, 0, h, w);
    for (int i = 0; i < c->num_local_layers && !cvtb_failed(b); i++) t = local_block(b, &s, i, t);
    t = cvtb_concat(b, cvtb_token(b, "cls_token", c->dim), t);
    cvtb_grid(b, 1, h, w);
    s.h = s.w = 0;
    for (int i = 0; i < c->num_nonlocal_layers && !cvtb_failed(b); i++)
        t = nonlocal_block(b, &s, c->num_local_layers + i, i, t);
    return head(b, c, t, s.eps);
}

const cvt_arch cvt_arch_convit = {
    .name = "convit",
    .about = "ConViT (facebookresearch, timm, comvex): gated positional self-attention",
    .traits = {"yes (gated, in the attention)", "non-overlapping", "linear", "no"},
    .config_size = sizeof(config),
    .defaults = defaults,
    .keys = keys,
    .presets = presets,
    .dialects = dialects,
    .classifier = "head.weight",
    .resolve = resolve,
    .build = build,
};

/* ---- layers of networks ---- */

typedef struct layer_config {
    int embed_dim, num_heads, depth;
    double mlp_ratio, layer_norm_eps;
    bool gated, qkv_bias;
} layer_config;

#define OF_LAYER(field) offsetof(layer_config, field)
#define ATTENTION_KEYS                                                                                      \
    {.name = "embed_dim", .type = CVT_KEY_INT, .offset = OF_LAYER(embed_dim), .min = 1, .max = 65536},      \
        {.name = "num_heads", .type = CVT_KEY_INT, .offset = OF_LAYER(num_heads), .min = 1, .max = 4096}, { \
        .name = "qkv_bias", .type = CVT_KEY_BOOL, .offset = OF_LAYER(qkv_bias)                              \
    }
static const cvt_key gpsa_keys[] = {ATTENTION_KEYS, {0}};
static const cvt_key stage_keys[] = {
    ATTENTION_KEYS,
    {.name = "depth", .type = CVT_KEY_INT, .offset = OF_LAYER(depth), .min = 1, .max = 1000},
    {.name = "mlp_ratio", .type = CVT_KEY_NUMBER, .offset = OF_LAYER(mlp_ratio), .min = 0.001, .max = 64},
    {.name = "gated", .type = CVT_KEY_BOOL, .offset = OF_LAYER(gated)},
    {.name = "layer_norm_eps", .type = CVT_KEY_NUMBER, .offset = OF_LAYER(layer_norm_eps), .min = 1e-12, .max = 1},
    {0},
};

static void layer_defaults(void *p) {
    *(layer_config *)p =
        (layer_config){.num_heads = 4, .depth = 2, .mlp_ratio = 4, .layer_norm_eps = 1e-6, .gated = true};
}

/* The tokens that a layer reads and what its blocks are; gated attention wants every token on a grid. */
static cvt_value layer_tokens(cvt_builder *b, const layer_config *c, cvt_value v, block_spec *s) {
    cvt_grid grid;
    char text[48];
    cvt_value t = cvtb_as_tokens(b, v, &grid);
    int dim = cvt_shape_cols(cvtb_shape(b, t));
    cvt_shape_text(cvtb_shape(b, v), text);
    cvtb_check_channels(b, v, "embed_dim", c->embed_dim);
    if (dim % c->num_heads)
        cvtb_fail(b, "\"num_heads\" = %d does not divide the channels of its input, %s", c->num_heads, text);
    if (c->gated && (grid.h < 1 || grid.prefix))
        cvtb_fail(b, "gated attention wants a place on a grid for every token of %s%s", text,
                  grid.prefix ? ", which has class tokens: they join behind, or \"gated\" is false" : "");
    cvtb_check_hidden(b, c->mlp_ratio, (int)(dim * c->mlp_ratio));
    cvtb_grid(b, grid.prefix, grid.h, grid.w);
    *s = (block_spec){.heads = c->num_heads,
                      .hidden = (int)(dim * c->mlp_ratio),
                      .h = c->gated ? grid.h : 0,
                      .w = c->gated ? grid.w : 0,
                      .qkv_bias = c->qkv_bias,
                      .order = PRE_NORM,
                      .eps = (float)c->layer_norm_eps};
    return t;
}

static cvt_value gpsa_build(cvt_builder *b, const void *p, const cvt_value *in) {
    block_spec s;
    cvt_value t = layer_tokens(b, p, in[0], &s);
    return cvtb_failed(b) ? CVT_NO_VALUE : cvtb_like(b, gated(b, &s, t), in[0]);
}

const cvt_layer cvt_layer_gpsa = {.type = "gpsa",
                                  .row = "GPSA",
                                  .about = "gated positional self-attention of ConViT",
                                  .config_size = sizeof(layer_config),
                                  .defaults = layer_defaults,
                                  .keys = gpsa_keys,
                                  .inputs = 1,
                                  .build = gpsa_build};

static cvt_value stage_build(cvt_builder *b, const void *p, const cvt_value *in) {
    block_spec s;
    cvt_value t = layer_tokens(b, p, in[0], &s);
    for (int j = 0; j < ((const layer_config *)p)->depth && !cvtb_failed(b); j++) {
        cvtb_open(b, "block{j}", 'j', j, "Block");
        t = block(b, &s, t);
        cvtb_close(b);
    }
    return cvtb_like(b, t, in[0]);
}

const cvt_layer cvt_layer_convit_stage = {.type = "convit_stage",
                                          .row = "ConViTStage",
                                          .about = "blocks of ConViT, with gated or plain attention",
                                          .config_size = sizeof(layer_config),
                                          .defaults = layer_defaults,
                                          .keys = stage_keys,
                                          .inputs = 1,
                                          .build = stage_build};
