/* t2t_vit.c - T2T-ViT: "Tokens-to-Token ViT" (Yuan et al. 2021), in the form of its authors (yitu-opensource/T2T-ViT)
 * and in that of vit_pytorch (t2t.py).
 *
 * Overlapping windows of a map become tokens, a small transformer mixes these, and they become a smaller map. This is
 * repeated. After the last windows a linear layer makes the tokens of an ordinary transformer with a class token.
 *
 *   authors      windows 7/4/2, 3/2/1, 3/2/1 (kernel, stride, padding); in between token modules to token_dim channels:
 *                y = v + proj(attention(k, q, v of norm1(x))), y += mlp(norm2(y)), the attention either linear, by
 *                stored random features (performer), or softmax(q k^T / sqrt(channels of x)) v (transformer)
 *   vit_pytorch  windows k, s, s / 2 as listed; in between transformers of one block, with a norm after it, as wide as
 *                the windows
 *
 * The names of the weights tell which of the two a model is, or keys that only vit_pytorch has. Every eps is 1e-5. */
#include <math.h>

#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/layer.h"
#include "arch/resolve.h"

static const float eps = 1e-5f;

enum { AUTHORS, VIT_PYTORCH }; /* variant */
static const char *const variants[] = {"the authors' T2T-ViT", "vit_pytorch's T2T-ViT"};
enum { PERFORMER, TRANSFORMER }; /* tokens_type */
static const char *const token_types[] = {"performer", "transformer", NULL};
enum { CLS, MEAN }; /* pool */
static const char *const pools[] = {"cls", "mean", NULL};

typedef struct config {
    cvt_base base;
    int img_size[2]; /* of the images that the stored positions are for */
    int embed_dim, depth, num_heads, dim_head, mlp_dim, tokens_type, token_dim, pool;
    double mlp_ratio, qk_scale;
    cvt_lists windows; /* kernel, stride */
    /* resolved */
    int variant, grid[2]; /* grid: that of the stored positions */
    bool computed;        /* positions are computed, not stored */
} config;

/* The authors' defaults are T2T-ViT-14. */
#define KEYS_OF config
static const cvt_key keys[] = {
    INT("in_chans", base.channels, 1, 64, "3", "channels of the input"),
    SAME("channels", "in_chans", CVT_CONFIG_NATIVE),
    INT("num_classes", base.classes, 1, 1000000, NULL, "default: as in the weights, else 1000"),
    SIZE("img_size", img_size, 1, 65535, NULL, "the size that the positions are for; default: the input's, 224"),
    SAME("image_size", "img_size", CVT_CONFIG_NATIVE),
    INT("embed_dim", embed_dim, 1, 65536, "384", "channels of the tokens; vit_pytorch's has no default"),
    SAME("dim", "embed_dim", CVT_CONFIG_NATIVE),
    INT("depth", depth, 1, 1000, "14", "blocks; vit_pytorch's has no default"),
    INT("num_heads", num_heads, 1, 4096, "6", "attention heads; vit_pytorch's has no default"),
    SAME("heads", "num_heads", CVT_CONFIG_NATIVE),
    CHOICE("tokens_type", tokens_type, token_types, NULL, "attention of token modules; default: as in the weights",
           .only = CVT_ONLY(AUTHORS)),
    INT("token_dim", token_dim, 2, 65536, "64", "channels of token modules", .only = CVT_ONLY(AUTHORS)),
    NUM("mlp_ratio", mlp_ratio, 0.001, 64, "3", "hidden channels, as a multiple", .only = CVT_ONLY(AUTHORS)),
    NUM("qk_scale", qk_scale, 0, 1000, "0", "of the scores; 0: by the channels of a head", .only = CVT_ONLY(AUTHORS)),
    INT("mlp_dim", mlp_dim, 1, 1048576, NULL, "vit_pytorch's hidden channels", .only = CVT_ONLY(VIT_PYTORCH)),
    INT("dim_head", dim_head, 1, 65536, "64", "channels of vit_pytorch's heads", .only = CVT_ONLY(VIT_PYTORCH)),
    CHOICE("pool", pool, pools, "'cls'", "what vit_pytorch's classifies", .only = CVT_ONLY(VIT_PYTORCH)),
    LISTS("t2t_layers", windows, 2, 1, 64, "[[7, 4], [3, 2], [3, 2]]", "[kernel, stride] of each unfolding",
          .only = CVT_ONLY(VIT_PYTORCH)),
    CVT_TIMM_DROPOUT_KEYS,
    CVT_VIT_PYTORCH_DROPOUT_KEYS,
    {0},
};

/* ---- names of weights: {a} is {i} + 1, {s} 4 {i} + 3, {l} 4 times the number of stages ---- */

static const cvt_name_row yitu_performer[] = {CVT_STACKED_3("attn.", "k", "q", "v", "kqv.*"),
                                              {"attn.*", "*"}, /* w, proj */
                                              {"mlp.fc1.*", "mlp.0.*"},
                                              {"mlp.fc2.*", "mlp.2.*"},
                                              {"*", "*"},
                                              {NULL, NULL}};
static const cvt_name_row yitu[] = {
    {"stage{i}.performer.*", "tokens_to_token.attention{a}.*", .rows = yitu_performer},
    {"stage{i}.transformer.*", "tokens_to_token.attention{a}.*", .rows = cvt_timm_block},
    {"project.*", "tokens_to_token.project.*"},
    {"block{j}.*", "blocks.{j}.*", .rows = cvt_timm_block},
    {"*", "*", .rows = cvt_common_names},
    {NULL, NULL}};

static const cvt_name_row vit_pytorch[] = {
    {"stage{i}.block{j}.*", "to_patch_embedding.{s}.layers.{j}.*", .rows = cvt_vp_layer},
    {"stage{i}.norm.*", "to_patch_embedding.{s}.norm.*"},
    {"project.*", "to_patch_embedding.{l}.*"},
    {"cls_token", "cls_token"},
    {"pos_embed", "pos_embedding"},
    {"block{j}.*", "transformer.layers.{j}.*", .rows = cvt_vp_layer},
    {"norm.*", "transformer.norm.*"},
    {"head.*", "mlp_head.*"},
    {NULL, NULL}};

static const cvt_dialect dialects[] = {{"native"}, {"yitu", yitu}, {"vit_pytorch", vit_pytorch}, {NULL}};

/* ---- config ---- */

static cvt_unfold unfold_of(const int *window) {
    int kernel = window[0], stride = window[1];
    return (cvt_unfold){kernel, kernel, stride, stride, stride / 2, true};
}

static cvt_grid grid_of(const cvt_unfold *u, int h, int w) {
    return (cvt_grid){0, (h + 2 * u->padding - u->kernel_h) / u->stride_h + 1,
                      (w + 2 * u->padding - u->kernel_w) / u->stride_w + 1};
}

static cvt_status resolve_authors(config *c, const cvt_hints *hints, cvt_error *error) {
    const cvt_weights *w = hints->weights;
    bool softmax = w && (cvt_weights_find(w, "tokens_to_token.attention1.attn.qkv.weight") ||
                         cvt_weights_find(w, "stage0.transformer.attn.q.weight"));
    if (!GIVEN(c, tokens_type)) c->tokens_type = softmax ? TRANSFORMER : PERFORMER;
    TRY(cvt_check_divides(NAMED(c, num_heads), c->num_heads, NAMED(c, embed_dim), c->embed_dim, -1, error));
    c->dim_head = c->embed_dim / c->num_heads;
    c->mlp_dim = (int)(c->embed_dim * c->mlp_ratio);
    TRY(cvt_check_hidden("mlp_ratio", c->mlp_ratio, c->mlp_dim, -1, error));
    for (int i = 0; i < 2; i++) c->grid[i] = c->img_size[i] / 16;
    cvt_resolve_grid(c->grid, cvt_hints_cells(hints, "pos_embed", 1));
    c->computed = w && !cvt_hints_tensor(hints, "pos_embed", 0);
    if (!c->computed && (c->grid[0] < 1 || c->grid[1] < 1))
        return cvt_fail(error, CVT_CONFIG, "\"%s\" = %d x %d is smaller than a patch of 16 x 16", NAMED(c, img_size),
                        c->img_size[0], c->img_size[1]);
    return CVT_OK;
}

static cvt_status resolve_vit_pytorch(config *c, cvt_error *error) {
    const char *missing = !GIVEN(c, embed_dim)   ? "dim"
                          : !GIVEN(c, depth)     ? "depth"
                          : !GIVEN(c, num_heads) ? "heads"
                          : !GIVEN(c, mlp_dim)   ? "mlp_dim"
                                                 : NULL;
    if (missing) return cvt_fail(error, CVT_CONFIG, "\"%s\" is missing: vit_pytorch's T2T-ViT has no default", missing);
    int side = c->img_size[0];
    if (c->img_size[1] != side)
        return cvt_fail(error, CVT_CONFIG, "\"%s\" = %d x %d must be a square", NAMED(c, img_size), side,
                        c->img_size[1]);
    for (int i = 0; i < c->windows.n; i++) {
        cvt_unfold u = unfold_of(c->windows.v[i]);
        if (side + 2 * u.padding < u.kernel_h)
            return cvt_fail(error, CVT_CONFIG, "\"t2t_layers\"[%d]: a window of %d does not fit a padded map of %d", i,
                            u.kernel_h, side + 2 * u.padding);
        side = grid_of(&u, side, side).h;
    }
    c->grid[0] = c->grid[1] = side;
    return CVT_OK;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    bool own = cvt_given_of(&c->base.given, VIT_PYTORCH) || cvt_hints_from(hints, "vit_pytorch");
    c->variant = own ? VIT_PYTORCH : AUTHORS;
    TRY(cvt_check_only(&c->base.given, c->variant, NULL, variants, error));
    cvt_resolve_image(c->img_size, &c->base, 224);
    return own ? resolve_vit_pytorch(c, error) : resolve_authors(c, hints, error);
}

/* ---- the forward pass ---- */

/* The attention of a token module, with e channels. It is added to v, because x has another number of channels. */
static cvt_value token_attention(cvt_builder *b, cvt_value x, bool performer, int e) {
    float scale = (float)(1 / sqrt(cvt_shape_cols(cvtb_shape(b, x)))), epsilon = 1e-8f;
    cvtb_open(b, "attn", 0, 0, "Attention");
    cvt_value k = cvtb_linear(b, x, "k", e, performer);
    cvt_value q = cvtb_linear(b, x, "q", e, performer);
    cvt_value v = cvtb_linear(b, x, "v", e, performer);
    cvt_value y = performer ? cvtb_performer(b, q, k, v, e / 2, epsilon) : cvtb_attention(b, q, k, v, 1, scale);
    y = cvtb_end(b, cvtb_linear(b, y, "proj", e, true));
    return cvtb_add(b, v, y);
}

static cvt_value token_module(cvt_builder *b, cvt_value x, bool performer, int e) {
    cvtb_open(b, performer ? "performer" : "transformer", 0, 0, performer ? "Token_performer" : "Token_transformer");
    x = token_attention(b, cvtb_layer_norm(b, x, "norm1", eps), performer, e);
    x = cvtb_add(b, x, cvtb_mlp(b, cvtb_layer_norm(b, x, "norm2", eps), e, CVT_ACT_GELU_ERF, true));
    cvtb_close(b);
    return x;
}

/* One block as wide as the windows, with one head and no projection after it, then a norm. */
static cvt_value window_transformer(cvt_builder *b, cvt_value x) {
    int width = cvt_shape_cols(cvtb_shape(b, x));
    cvt_vit_block spec = {.attention = {.heads = 1, .dim_head = width, .no_out = true},
                          .hidden = width,
                          .act = CVT_ACT_GELU_ERF,
                          .eps = eps};
    return cvtb_layer_norm(b, cvtb_vit_block(b, x, 0, &spec), "norm", eps);
}

/* From the image to the windows of the last map, as tokens. *grid becomes where they lie. */
static cvt_value tokens_to_token(cvt_builder *b, const config *c, cvt_value map, cvt_grid *grid) {
    for (int i = 0; !cvtb_failed(b); i++) {
        cvt_unfold unfold = unfold_of(c->windows.v[i]);
        cvt_shape before = cvtb_shape(b, map);
        *grid = grid_of(&unfold, before.d[1], before.d[2]);
        if (i == c->windows.n - 1) return cvtb_unfold(b, map, &unfold);
        cvtb_open(b, "stage{i}", 'i', i, NULL);
        cvtb_index(b, 'a', i + 1);
        cvtb_index(b, 's', 4 * i + 3);
        cvtb_grid(b, 0, grid->h, grid->w);
        cvt_value t = cvtb_unfold(b, map, &unfold);
        t = c->variant == VIT_PYTORCH ? window_transformer(b, t)
                                      : token_module(b, t, c->tokens_type == PERFORMER, c->token_dim);
        cvtb_end(b, t);
        map = cvtb_map(b, t, grid->h, grid->w);
    }
    return CVT_NO_VALUE;
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    const int *size = c->base.size;
    bool own = c->variant == VIT_PYTORCH, no_out = own && c->num_heads == 1 && c->dim_head == c->embed_dim;
    cvt_vit_block block = {{c->num_heads, c->dim_head, (float)c->qk_scale, .out_bias = true, .no_out = no_out},
                           c->mlp_dim,
                           CVT_ACT_GELU_ERF,
                           eps};
    cvt_grid grid = {0};
    if (own && size[0] != size[1])
        cvtb_fail(b, "the input of vit_pytorch's T2T-ViT must be a square, not %d x %d", size[0], size[1]);
    cvtb_index(b, 'l', 4 * c->windows.n);
    cvt_value x = tokens_to_token(b, c, cvtb_input(b, c->base.channels, size[0], size[1]), &grid);
    if (cvtb_failed(b)) return CVT_NO_VALUE;
    x = cvtb_class_token(b, cvtb_tap(b, cvtb_linear(b, x, "project", c->embed_dim, true), "embed"));
    if (c->computed)
        x = cvtb_tap(b, cvtb_sinusoid(b, x), "tokens");
    else
        x = cvtb_add_positions(b, x, 1, c->grid, (int[]){grid.h, grid.w},
                               own ? CVT_INTERPOLATE_NONE : CVT_INTERPOLATE_BICUBIC);
    cvtb_grid(b, 1, grid.h, grid.w);
    x = cvtb_vit_blocks(b, x, c->depth, &block);
    x = cvtb_tap(b, cvtb_layer_norm(b, x, "norm", eps), "norm");
    return cvtb_classify(b, cvtb_pool_tokens(b, x, c->pool == MEAN, 0), c->base.classes);
}

const cvt_arch cvt_arch_t2t_vit = {
    .name = "t2t_vit",
    .about = "T2T-ViT (yitu, vit_pytorch): windows of windows become tokens",
    .traits = {"yes", "overlapping (concatenated)", "linear", "partly (tokenisation)"},
    .config_size = sizeof(config),
    .keys = keys,
    .dialects = dialects,
    .classifier = "head.weight",
    .classes = 1000,
    .preprocess = {CVT_PREPROCESS_CENTER, 224, 0.9},
    .resolve = resolve,
    .build = build,
};

/* ---- a layer of networks ---- */

typedef struct module_config {
    int kernel_size[2], stride[2], padding, tokens_type, token_dim;
} module_config;

#undef KEYS_OF
#define KEYS_OF module_config
static const cvt_key module_keys[] = {
    SIZE("kernel_size", kernel_size, 1, 64, "3", "of the windows"),
    SIZE("stride", stride, 1, 64, "2", "from window to window"),
    INT("padding", padding, 0, 64, "1", "zeros on all sides"),
    CHOICE("tokens_type", tokens_type, token_types, "'performer'", "attention of the module"),
    INT("token_dim", token_dim, 2, 65536, "64", "channels of the module"),
    {0},
};

static cvt_value module_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const module_config *c = p;
    cvt_value map = cvtb_as_map(b, in[0]);
    cvt_shape s = cvtb_shape(b, map);
    cvt_unfold unfold = {c->kernel_size[0], c->kernel_size[1], c->stride[0], c->stride[1], c->padding, true};
    cvt_value t = cvtb_unfold(b, map, &unfold);
    if (cvtb_failed(b)) return CVT_NO_VALUE;
    cvt_grid grid = grid_of(&unfold, s.d[1], s.d[2]);
    cvtb_grid(b, 0, grid.h, grid.w);
    return cvtb_map(b, token_module(b, t, c->tokens_type == PERFORMER, c->token_dim), grid.h, grid.w);
}

const cvt_layer cvt_layer_t2t_module =
    CVT_LAYER("t2t_module", 1, "windows of a map as tokens, mixed by a token module of T2T-ViT", .build = module_build,
              CVT_LAYER_KEYS(module_config, module_keys), .row = "T2T_module");
