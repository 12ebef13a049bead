/* convit.c - ConViT (arXiv 2103.10697): blocks with gated positional self-attention over the patches; then a class
 * token is put before them, and blocks with plain attention follow. Two programs have it, with models that cannot be
 * converted into each other:
 *
 *   fb      facebookresearch/convit and timm: convolution, positions added, pre-norm blocks, norm, linear head
 *   comvex  blakechi/ComVEX: linear embedding without a bias, no positions, norms after the residual sums, a head of
 *           linear, activation, norm, linear. With pre_norm the residual is the normalised input: x = z + f(z), z =
 *           norm(x). Its releases 0.3.0 and 0.4.0 ignore ff_dim: the feed-forward part is as wide as the tokens. */
#include <math.h>

#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/layer.h"
#include "arch/resolve.h"

enum { COMVEX, FB }; /* variant */
static const char *const variants[] = {"comvex", "fb", NULL};
enum { TOKEN, AVG }; /* global_pool */
static const char *const pools[] = {"token", "avg", NULL};
static const char *const activations[] = {"ReLU", "ReLU6",   "GELU",     "SiLU", "QuickGELU",
                                          "Tanh", "Sigmoid", "Identity", NULL};
static const cvt_act acts[] = {CVT_ACT_RELU,       CVT_ACT_RELU6, CVT_ACT_GELU_ERF, CVT_ACT_SILU,
                               CVT_ACT_QUICK_GELU, CVT_ACT_TANH,  CVT_ACT_SIGMOID,  CVT_ACT_NONE};

typedef struct config {
    cvt_base base;
    int variant;
    int image_size[2]; /* of the images that the table of positions is for */
    int patch_size, dim, embed_dim, heads, head_dim;
    int num_local_layers, num_nonlocal_layers, depth, local_up_to_layer;
    int ff_dim, ff_hidden;
    double mlp_ratio;
    bool pre_norm, qkv_bias, use_pos_embed;
    int pred_act, global_pool;
    double layer_norm_eps;
} config;

#define KEYS_OF config
static const cvt_key keys[] = {
    CHOICE("variant", variant, variants, NULL, "default: as the names of the weights tell"),
    SIZE("image_size", image_size, 1, 65535, NULL,
         "the size that the table of positions is for; default: as in the weights, else the input size"),
    SAME("img_size", "image_size", CVT_CONFIG_TIMM),
    INT("image_channel", base.channels, 1, 64, "3", NULL),
    SAME("in_chans", "image_channel", CVT_CONFIG_TIMM),
    INT("num_classes", base.classes, 1, 1000000, NULL, "default: as in the weights, else 1000"),
    INT("patch_size", patch_size, 1, 1024, "16", "edge of a patch"),
    INT("dim", dim, 1, 65536, NULL, "default: 48 a head"),
    INT("embed_dim", embed_dim, 1, 65536, NULL, "fb: channels of a head", .only = CVT_ONLY(FB)),
    INT("heads", heads, 1, 4096, "4", "attention heads; default: dim / head_dim where that is given"),
    SAME("num_heads", "heads", CVT_CONFIG_TIMM),
    INT("head_dim", head_dim, 1, 65536, NULL, "channels of a head"),
    INT("num_local_layers", num_local_layers, 0, 1000, "10", "blocks with gated attention"),
    INT("num_nonlocal_layers", num_nonlocal_layers, 0, 1000, "2", "blocks with plain attention"),
    INT("depth", depth, 1, 1000, "12", "all blocks, instead of the two keys above"),
    INT("local_up_to_layer", local_up_to_layer, 0, 1000, "10", "how many of them have gated attention"),
    INT("ff_dim", ff_dim, 1, 1000000, NULL, "comvex: the width that was asked for", .only = CVT_ONLY(COMVEX)),
    INT("ff_hidden", ff_hidden, 1, 1000000, NULL,
        "the width of the feed-forward part as it is; default: by mlp_ratio for fb, as in the weights for comvex, else "
        "dim"),
    NUM("mlp_ratio", mlp_ratio, 0.001, 64, "4", "fb: width of the feed-forward part as a multiple of dim",
        .only = CVT_ONLY(FB)),
    BOOL("pre_norm", pre_norm, "false", "comvex: the norms come first", .only = CVT_ONLY(COMVEX)),
    BOOL("qkv_bias", qkv_bias, NULL, "default: as in the weights, else false"),
    BOOL("use_pos_embed", use_pos_embed, NULL, "fb: a table of positions; default: as in the weights, else true",
         .only = CVT_ONLY(FB)),
    CHOICE("pred_act_fnc_name", pred_act, activations, "'ReLU'", "comvex: the activation in the head",
           .only = CVT_ONLY(COMVEX)),
    CHOICE("global_pool", global_pool, pools, "'token'", "fb: what is classified", .only = CVT_ONLY(FB)),
    NUM("layer_norm_eps", layer_norm_eps, 1e-12, 1, NULL, "default: 1e-6 for fb, 1e-5 for comvex"),
    UNUSED_NUM("locality_strength", 0, 1000000, "without effect: the weights have it"),
    CVT_DROPOUT_KEY("ff_dropout"),
    CVT_DROPOUT_KEY("attention_dropout"),
    CVT_DROPOUT_KEY("token_dropout"),
    CVT_TIMM_DROPOUT_KEYS,
    CVT_DROPOUT_KEY("pos_drop_rate"),
    CVT_DROPOUT_KEY("proj_drop_rate"),
    {0},
};

/* ---- names of weights: {l} counts local blocks, {n} goes on counting the others, {m} counts those alone ---- */

static const cvt_name_row timm[] = {{"embed.*", "patch_embed.*"},
                                    CVT_STACKED_2("block{l}.attn.", "q", "k", "blocks.{l}.attn.qk.*"),
                                    {"block{l}.attn.gate", "blocks.{l}.attn.gating_param"},
                                    {"block{l}.*", "blocks.{l}.*"},
                                    {"block{n}.*", "blocks.{n}.*", .rows = cvt_timm_block},
                                    {"*", "*", .rows = cvt_common_names},
                                    {NULL, NULL}};

static const cvt_name_row comvex_attention[] = {{"attn.q.*", "attention_block._fn._fn.Q.*"},
                                                {"attn.k.*", "attention_block._fn._fn.K.*"},
                                                {"attn.v.*", "attention_block._fn._fn.V.*"},
                                                {"attn.proj.*", "attention_block._fn._fn.out_linear.*"},
                                                {"attn.pos_proj.*", "attention_block._fn._fn.postion_proj.*"},
                                                {"attn.gate", "attention_block._fn._fn.gates", .axes = "1a11"},
                                                {"norm1.*", "attention_block._norm.*"},
                                                {"norm2.*", "ff_block._norm.*"},
                                                {NULL, NULL}};
static const cvt_name_row comvex_block[] = {{"mlp.fc1.*", "ff_block._fn._fn.ff_0.*"},
                                            {"mlp.fc2.*", "ff_block._fn._fn.ff_1.*"},
                                            {"*", "*", .rows = comvex_attention},
                                            {NULL, NULL}};
static const cvt_name_row comvex[] = {{"embed.proj.weight", "linear_proj.weight"},
                                      {"cls_token", "CLS"},
                                      {"block{l}.*", "local_layers.{l}.*", .rows = comvex_block},
                                      {"block{n}.*", "nonlocal_layers.{m}.*", .rows = comvex_block},
                                      {"proj_head.fc.*", "proj_head.head.0.*"},
                                      {"proj_head.norm.*", "proj_head.head.3.*"},
                                      {"head.*", "proj_head.head.4.*"},
                                      {NULL, NULL}};
static const cvt_name_row comvex_old_block[] = {{"mlp.fc1.*", "ff_block._fn._fn._net.0.*"},
                                                {"mlp.fc2.*", "ff_block._fn._fn._net.3.*"},
                                                {"*", "*", .rows = comvex_attention},
                                                {NULL, NULL}};
static const cvt_name_row comvex_old[] = {{"embed.proj.weight", "linear_proj.weight"},
                                          {"cls_token", "CLS"},
                                          {"block{l}.*", "{}local_layers.{l}.*", .rows = comvex_old_block},
                                          {"block{n}.*", "{}nonlocal_layers.{m}.*", .rows = comvex_old_block},
                                          {"proj_head.fc.*", "proj_head.head.0.*"},
                                          {"proj_head.norm.*", "proj_head.head.2.*"},
                                          {"head.*", "proj_head.head.3.*"},
                                          {NULL, NULL}};

/* In a model of 0.1.0 {} is "backbone."; in one of 0.2.3 it is nothing. */
static const cvt_dialect dialects[] = {{"native"},
                                       {"timm", timm},
                                       {"comvex", comvex},
                                       {"comvex_0.2.3", comvex_old, ""},
                                       {"comvex_0.1.0", comvex_old, "backbone."},
                                       {NULL}};

/* ---- config ---- */

static bool is_comvex(const cvt_hints *hints) {
    return cvt_hints_from(hints, "comvex") || cvt_hints_from(hints, "comvex_0.2.3") ||
           cvt_hints_from(hints, "comvex_0.1.0");
}

/* Two keys say how many blocks there are of each kind: num_local_layers and num_nonlocal_layers, or depth and
 * local_up_to_layer. */
static cvt_status resolve_layers(config *c, cvt_error *error) {
    const char *counts = GIVEN(c, num_local_layers) ? GIVEN(c, num_local_layers) : GIVEN(c, num_nonlocal_layers);
    const char *depths = GIVEN(c, depth) ? GIVEN(c, depth) : GIVEN(c, local_up_to_layer);
    if (counts && depths) return cvt_fail(error, CVT_CONFIG, "\"%s\" and \"%s\" exclude each other", counts, depths);
    if (counts) return CVT_OK;
    if (c->local_up_to_layer >= c->depth)
        return cvt_fail(error, CVT_CONFIG,
                        "\"local_up_to_layer\" = %d leaves no block of \"depth\" = %d for the class token",
                        c->local_up_to_layer, c->depth);
    c->num_local_layers = c->local_up_to_layer;
    c->num_nonlocal_layers = c->depth - c->local_up_to_layer;
    return CVT_OK;
}

/* Finds channels and heads. embed_dim is the channels of a head. */
static cvt_status resolve_dim(config *c, cvt_error *error) {
    const char *heads = NAMED(c, heads);
    if (c->embed_dim && c->dim)
        return cvt_fail(error, CVT_CONFIG, "\"embed_dim\", the channels of a head, and \"dim\" exclude each other");
    if (c->embed_dim > 65536 / c->heads)
        return cvt_fail(error, CVT_CONFIG, "\"embed_dim\" = %d times \"%s\" = %d is more than 65536", c->embed_dim,
                        heads, c->heads);
    bool by_dim = !GIVEN(c, heads) && c->head_dim && !c->embed_dim;
    if (!c->dim) c->dim = (c->embed_dim ? c->embed_dim : 48) * c->heads;
    if (by_dim) {
        TRY(cvt_check_divides("head_dim", c->head_dim, "dim", c->dim, -1, error));
        c->heads = c->dim / c->head_dim;
    }
    TRY(cvt_check_divides(heads, c->heads, "dim", c->dim, -1, error));
    if (c->head_dim && c->head_dim * (int64_t)c->heads != c->dim)
        return cvt_fail(error, CVT_CONFIG, "\"%s\" = %d times \"head_dim\" = %d is not \"dim\" = %d", heads, c->heads,
                        c->head_dim, c->dim);
    return CVT_OK;
}

/* Finds the width of comvex's feed-forward part. Only some releases obey ff_dim, so ff_dim alone does not tell the
 * width. The weights tell it, and must not contradict ff_dim; ff_hidden overrides both. */
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
    c->ff_hidden = (int)(c->dim * c->mlp_ratio);
    return cvt_check_hidden("mlp_ratio", c->mlp_ratio, c->ff_hidden, -1, error);
}

/* The table of positions is for image_size; if the config does not say that, for the square that the weights have a
 * table for; else for the input size. */
static void resolve_grid(config *c, const cvt_hints *hints) {
    int side = cvt_square_side(cvt_hints_cells(hints, "pos_embed", 0));
    if (!c->image_size[0] && side && side <= 65535 / c->patch_size)
        c->image_size[0] = c->image_size[1] = side * c->patch_size;
    cvt_resolve_image(c->image_size, &c->base, 224);
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    if (!GIVEN(c, variant)) c->variant = is_comvex(hints) ? COMVEX : FB;
    TRY(cvt_check_only(&c->base.given, c->variant, "variant", variants, error));
    TRY(resolve_layers(c, error));
    TRY(resolve_dim(c, error));
    TRY(resolve_width(c, hints, error));
    bool fb = c->variant == FB, weights = hints->weights != NULL;
    if (!GIVEN(c, qkv_bias)) c->qkv_bias = cvt_hints_tensor(hints, "block{l}.attn.v.bias", 0) != NULL;
    if (!GIVEN(c, use_pos_embed)) c->use_pos_embed = fb && (!weights || cvt_hints_tensor(hints, "pos_embed", 0));
    if (!GIVEN(c, layer_norm_eps)) c->layer_norm_eps = fb ? 1e-6 : 1e-5;
    resolve_grid(c, hints);
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
    return cvtb_end(b, gated(b, s, x));
}

static cvt_value feed_forward(cvt_builder *b, const block_spec *s, cvt_value x) {
    return cvtb_mlp(b, x, s->hidden, CVT_ACT_GELU_ERF, true);
}

/* f(x) with its norm and its residual sum. */
static cvt_value sublayer(cvt_builder *b, const block_spec *s, cvt_value x, const char *norm,
                          cvt_value (*f)(cvt_builder *, const block_spec *, cvt_value)) {
    if (s->order == POST_NORM) return cvtb_layer_norm(b, cvtb_add(b, x, f(b, s, x)), norm, s->eps);
    cvt_value z = cvtb_layer_norm(b, x, norm, s->eps);
    return cvtb_add(b, s->order == PRE_NORM ? x : z, f(b, s, z));
}

/* A block in the scope that is open. */
static cvt_value block(cvt_builder *b, const block_spec *s, cvt_value x) {
    x = sublayer(b, s, x, "norm1", attention);
    return sublayer(b, s, x, "norm2", feed_forward);
}

static cvt_value local_block(cvt_builder *b, const block_spec *s, int index, cvt_value x) {
    cvtb_open(b, "block{l}", 'l', index, "Block");
    return cvtb_end(b, block(b, s, x));
}

static cvt_value nonlocal_block(cvt_builder *b, const block_spec *s, int index, int among, cvt_value x) {
    cvtb_open(b, "block{n}", 'n', index, "Block");
    cvtb_index(b, 'm', among);
    return cvtb_end(b, block(b, s, x));
}

/* Makes patches tokens: comvex by a linear layer over patches with channels fastest, fb by a convolution. */
static cvt_value embed(cvt_builder *b, const config *c, cvt_value map) {
    cvt_conv conv = cvt_conv_square(c->dim, c->patch_size, c->patch_size, 0, true);
    cvtb_open(b, "embed", 0, 0, "PatchEmbed");
    cvt_value t = c->variant == FB
                      ? cvtb_tokens(b, cvtb_conv2d(b, map, "proj", &conv))
                      : cvtb_linear(b, cvtb_patches(b, map, c->patch_size, c->patch_size), "proj", c->dim, false);
    return cvtb_end(b, t);
}

static cvt_value add_positions(cvt_builder *b, const config *c, cvt_value t, int h, int w) {
    for (int i = 0; i < 2; i++)
        if (c->image_size[i] % c->patch_size)
            cvtb_fail(b, "\"patch_size\" = %d does not divide \"image_size\" = %d x %d", c->patch_size,
                      c->image_size[0], c->image_size[1]);
    int table[] = {c->image_size[0] / c->patch_size, c->image_size[1] / c->patch_size}, grid[] = {h, w};
    return cvtb_add_positions(b, t, 0, table, grid, CVT_INTERPOLATE_BICUBIC_ANTIALIAS);
}

static cvt_value head(cvt_builder *b, const config *c, cvt_value t, float eps) {
    if (c->variant == FB) {
        t = cvtb_tap(b, cvtb_layer_norm(b, t, "norm", eps), "norm");
        t = cvtb_pool_tokens(b, t, c->global_pool == AVG, 1);
    } else {
        cvtb_open(b, "proj_head", 0, 0, "ProjectionHead");
        t = cvtb_linear(b, cvtb_slice(b, t, 0, 1), "fc", c->dim, true);
        t = cvtb_layer_norm(b, cvtb_activation(b, t, acts[c->pred_act]), "norm", eps);
        cvtb_close(b);
        cvtb_tap(b, t, "norm");
    }
    return cvtb_classify(b, t, c->base.classes);
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
                    .order = c->variant == FB ? PRE_NORM
                             : c->pre_norm    ? NORM_AND_REPLACE
                                              : POST_NORM,
                    .eps = (float)c->layer_norm_eps};
    cvt_value t = embed(b, c, cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]));
    if (c->use_pos_embed) t = add_positions(b, c, t, h, w);
    cvtb_grid(b, 0, h, w);
    for (int i = 0; i < c->num_local_layers && !cvtb_failed(b); i++) t = local_block(b, &s, i, t);
    t = cvtb_class_token(b, t);
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
    .keys = keys,
    .dialects = dialects,
    .classifier = "head.weight",
    .classes = 1000,
    .preprocess = {CVT_PREPROCESS_CENTER, 224, 0.875},
    .resolve = resolve,
    .build = build,
};

/* ---- layers of networks ---- */

typedef struct layer_config {
    int embed_dim, num_heads, depth;
    double mlp_ratio, layer_norm_eps;
    bool gated, qkv_bias;
} layer_config;

#undef KEYS_OF
#define KEYS_OF layer_config
#define ATTENTION_KEYS                                                                           \
    INT("embed_dim", embed_dim, 1, 65536, NULL, "the channels of its input, checked"),           \
        INT("num_heads", num_heads, 1, 4096, "4", "attention heads, which divide the channels"), \
        BOOL("qkv_bias", qkv_bias, "false", "bias of queries, keys and values")
static const cvt_key gpsa_keys[] = {ATTENTION_KEYS, {0}};
static const cvt_key stage_keys[] = {
    ATTENTION_KEYS,
    INT("depth", depth, 1, 1000, "2", "blocks"),
    NUM("mlp_ratio", mlp_ratio, 0.001, 64, "4", "hidden channels, as a multiple"),
    BOOL("gated", gated, "true", "gated attention, else plain attention"),
    NUM("layer_norm_eps", layer_norm_eps, 1e-12, 1, "1e-6", NULL),
    {0},
};

/* Returns the tokens that a layer reads, and fills in what its blocks are. Gated attention needs a place on a grid for
 * every token. */
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
                  grid.prefix ? ", which has class tokens: add them after this layer, or set \"gated\" to false" : "");
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
    layer_config c = *(const layer_config *)p;
    c.gated = true;
    c.mlp_ratio = 1; /* there is no feed-forward part */
    cvt_value t = layer_tokens(b, &c, in[0], &s);
    return cvtb_failed(b) ? CVT_NO_VALUE : cvtb_like(b, gated(b, &s, t), in[0]);
}

const cvt_layer cvt_layer_gpsa = CVT_LAYER("gpsa", 1, "gated positional self-attention of ConViT", .build = gpsa_build,
                                           CVT_LAYER_KEYS(layer_config, gpsa_keys), .row = "GPSA");

static cvt_value stage_build(cvt_builder *b, const void *p, const cvt_value *in) {
    block_spec s;
    cvt_value t = layer_tokens(b, p, in[0], &s);
    for (int j = 0; j < ((const layer_config *)p)->depth && !cvtb_failed(b); j++) {
        cvtb_open(b, "block{j}", 'j', j, "Block");
        t = cvtb_end(b, block(b, &s, t));
    }
    return cvtb_like(b, t, in[0]);
}

const cvt_layer cvt_layer_convit_stage =
    CVT_LAYER("convit_stage", 1, "blocks of ConViT, with gated or plain attention", .build = stage_build,
              CVT_LAYER_KEYS(layer_config, stage_keys), .row = "ConViTStage");
