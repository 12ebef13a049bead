/* tnt.c - TNT: "Transformer in Transformer" (Han et al. 2021), huawei-noah/Efficient-AI-Backbones (tnt_pytorch) and
 * timm's models/tnt.py.
 *
 * The image is cut into n patches, each patch into w words. Words are tokens of inner_dim channels that attend within
 * their patch. Patches are tokens of embed_dim channels. In every block the words of a patch, side by side, are
 * projected and added to the patch's token.
 *
 *   words     7x7 convolution of every patch by itself (zeros around the patch) + a position for each word of a patch
 *   patches   [cls ; norm(proj(norm(words of a patch)))] + positions
 *   block     words += attn(norm(words)), += mlp(norm(words));  patches += what became of their words;
 *             patches += attn(norm(patches)), += mlp(norm(patches))
 *
 * There are two kinds of weights, which their names tell apart. In the older kind ("legacy" in timm) the convolution
 * goes over the whole image, each word is normed by itself, and the projection has a bias and no norm after it. All
 * norms have eps 1e-5. */
#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/resolve.h"

static const float eps = 1e-5f;

enum { TOKEN, AVG }; /* global_pool */
static const char *const pools[] = {"token", "avg", NULL};

typedef struct config {
    cvt_base base;
    int img_size[2]; /* of the images that the stored positions are for */
    int patch_size[2], embed_dim, inner_dim, depth, num_heads_inner, num_heads_outer, first_stride, global_pool;
    bool qkv_bias, legacy;
    double mlp_ratio;
    /* resolved */
    int grid[2];      /* of the stored positions */
    int inner_hidden; /* of the words' feed-forward part */
} config;

/* The defaults are TNT-S. */
#define KEYS_OF config
static const cvt_key keys[] = {
    INT("in_chans", base.channels, 1, 64, "3", "channels of the input"),
    INT("num_classes", base.classes, 1, 1000000, NULL, "default: as in the weights, else 1000"),
    SIZE("img_size", img_size, 1, 65535, NULL, "whose patches the positions are for; default: the input's, 224"),
    SIZE("patch_size", patch_size, 1, 256, "16", "of a patch"),
    INT("embed_dim", embed_dim, 1, 65536, "384", "channels of a patch"),
    SAME("outer_dim", "embed_dim", CVT_CONFIG_NATIVE),
    INT("inner_dim", inner_dim, 1, 16384, "24", "channels of a word"),
    INT("depth", depth, 1, 1000, "12", "blocks"),
    INT("num_heads_inner", num_heads_inner, 1, 4096, "4", "heads among words, which divide inner_dim"),
    SAME("inner_num_heads", "num_heads_inner", CVT_CONFIG_NATIVE),
    INT("num_heads_outer", num_heads_outer, 1, 4096, "6", "heads among patches, which divide embed_dim"),
    SAME("outer_num_heads", "num_heads_outer", CVT_CONFIG_NATIVE),
    NUM("mlp_ratio", mlp_ratio, 0.001, 64, "4", "hidden channels, as a multiple of embed_dim"),
    BOOL("qkv_bias", qkv_bias, "false", "bias of queries, keys and values"),
    INT("first_stride", first_stride, 1, 256, "4", "stride of the convolution that makes words"),
    SAME("inner_stride", "first_stride", CVT_CONFIG_NATIVE),
    BOOL("legacy", legacy, NULL, "the older kind of model; default: as in the weights, else false"),
    CHOICE("global_pool", global_pool, pools, "'token'", "what is classified"),
    CVT_TIMM_DROPOUT_KEYS,
    {0},
};

/* ---- names of weights ---- */

static const cvt_name_row attention[] = {
    CVT_STACKED_2("", "q", "k", "qk.*"), {"v.*", "v.*"}, {"proj.*", "proj.*"}, {NULL, NULL}};

static const cvt_name_row timm_patch[] = {
    {"norm1.*", "norm1_proj.*"}, {"proj.*", "proj.*"}, {"norm2.*", "norm2_proj.*"}, {NULL, NULL}};
static const cvt_name_row timm_block[] = {{"inner.norm1.*", "norm_in.*"},
                                          {"inner.attn.*", "attn_in.*", .rows = attention},
                                          {"inner.norm2.*", "norm_mlp_in.*"},
                                          {"inner.mlp.*", "mlp_in.*"},
                                          {"patch.*", "*", .rows = timm_patch},
                                          {"norm1.*", "norm_out.*"},
                                          {"attn.*", "attn_out.*", .rows = attention},
                                          {"norm2.*", "norm_mlp.*"},
                                          {"mlp.*", "mlp.*"},
                                          {NULL, NULL}};
static const cvt_name_row timm[] = {{"embed.conv.*", "pixel_embed.proj.*"},
                                    {"embed.pos", "pixel_pos", .axes = "1cab"},
                                    {"patch.*", "*", .rows = timm_patch},
                                    {"pos_embed", "patch_pos"},
                                    {"block{j}.*", "blocks.{j}.*", .rows = timm_block},
                                    {"*", "*", .rows = cvt_common_names},
                                    {NULL, NULL}};

static const cvt_name_row huawei_patch[] = {
    {"norm1.*", "proj_norm1.*"}, {"proj.*", "proj.*"}, {"norm2.*", "proj_norm2.*"}, {NULL, NULL}};
static const cvt_name_row huawei_block[] = {{"inner.norm1.*", "inner_norm1.*"},
                                            {"inner.attn.*", "inner_attn.*", .rows = attention},
                                            {"inner.norm2.*", "inner_norm2.*"},
                                            {"inner.mlp.*", "inner_mlp.*"},
                                            {"patch.*", "*", .rows = huawei_patch},
                                            {"norm1.*", "outer_norm1.*"},
                                            {"attn.*", "outer_attn.*", .rows = attention},
                                            {"norm2.*", "outer_norm2.*"},
                                            {"mlp.*", "outer_mlp.*"},
                                            {NULL, NULL}};
static const cvt_name_row huawei[] = {{"embed.conv.*", "patch_embed.proj.*"},
                                      {"embed.pos", "inner_pos", .axes = "1(ab)c"},
                                      {"patch.*", "*", .rows = huawei_patch},
                                      {"pos_embed", "outer_pos"},
                                      {NULL, "outer_tokens"}, /* zeros */
                                      {"block{j}.*", "blocks.{j}.*", .rows = huawei_block},
                                      {"*", "*", .rows = cvt_common_names},
                                      {NULL, NULL}};

static const cvt_dialect dialects[] = {{"native"}, {"timm", timm}, {"huawei", huawei}, {NULL}};

/* ---- config ---- */

/* The grid of the stored positions is that of img_size, unless the weights have another one that is a square. */
static cvt_status resolve_grid(config *c, const cvt_hints *hints, cvt_error *error) {
    for (int i = 0; i < 2; i++) {
        TRY(cvt_check_divides("patch_size", c->patch_size[i], "img_size", c->img_size[i], -1, error));
        c->grid[i] = c->img_size[i] / c->patch_size[i];
    }
    cvt_resolve_grid(c->grid, cvt_hints_cells(hints, "pos_embed", 1));
    return CVT_OK;
}

/* In timm the words' feed-forward part is 4 times as wide as the words, in huawei's program mlp_ratio times. The
 * weights tell which. */
static int inner_hidden(const config *c, const cvt_hints *hints) {
    const cvt_tensor *fc1 = cvt_hints_tensor(hints, "block{j}.inner.mlp.fc1.weight", 0);
    int by_ratio = (int)(c->inner_dim * c->mlp_ratio);
    return fc1 && fc1->rank == 2 && fc1->shape[0] == by_ratio ? by_ratio : 4 * c->inner_dim;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    TRY(cvt_check_divides(NAMED(c, num_heads_inner), c->num_heads_inner, "inner_dim", c->inner_dim, -1, error));
    TRY(cvt_check_divides(NAMED(c, num_heads_outer), c->num_heads_outer, NAMED(c, embed_dim), c->embed_dim, -1, error));
    TRY(cvt_check_hidden("mlp_ratio", c->mlp_ratio, (int)(c->embed_dim * c->mlp_ratio), -1, error));
    cvt_resolve_image(c->img_size, &c->base, 224);
    TRY(resolve_grid(c, hints, error));
    if (!GIVEN(c, legacy)) c->legacy = hints->weights && !cvt_hints_tensor(hints, "block{j}.patch.norm2.weight", 0);
    for (int i = 0; c->legacy && i < 2; i++)
        TRY(cvt_check_divides(NAMED(c, first_stride), c->first_stride, "patch_size", c->patch_size[i], -1, error));
    c->inner_hidden = inner_hidden(c, hints);
    return CVT_OK;
}

/* ---- the forward pass ---- */

/* How many words a patch has along an axis. */
static int words(const config *c, int axis) { return (c->patch_size[axis] - 1) / c->first_stride + 1; }

/* The words of all patches, patch by patch: tokens [n * w, inner_dim]. */
static cvt_value embed(cvt_builder *b, const config *c, cvt_value image) {
    const int *patch = c->patch_size, h = words(c, 0), w = words(c, 1);
    cvt_conv conv = cvt_conv_square(c->inner_dim, 7, c->first_stride, 3, true);
    cvt_position position = {.h = h, .w = w, .to_h = h, .to_w = w, .map = true};
    cvtb_open(b, "embed", 0, 0, "PixelEmbed");
    cvt_value t;
    if (c->legacy) {
        t = cvtb_regroup(b, cvtb_patches(b, cvtb_conv2d(b, image, "conv", &conv), h, w), c->inner_dim);
    } else {
        t = cvtb_regroup(b, cvtb_patches(b, image, patch[0], patch[1]), c->base.channels);
        t = cvtb_conv2d_maps(b, t, "conv", &conv, patch[0], patch[1]);
    }
    return cvtb_end(b, cvtb_position(b, t, "pos", &position));
}

/* The patches [n, embed_dim], made of their words. one_by_one, for legacy blocks: the first norm is over each word, not
 * over all words of a patch, and there is no second norm. */
static cvt_value project(cvt_builder *b, const config *c, cvt_value t, int patches, bool bias, bool one_by_one) {
    int all = cvt_shape_rows(cvtb_shape(b, t)) / patches * c->inner_dim;
    cvtb_open(b, "patch", 0, 0, NULL);
    t = cvtb_layer_norm(b, one_by_one ? t : cvtb_regroup(b, t, all), "norm1", eps);
    t = cvtb_linear(b, one_by_one ? cvtb_regroup(b, t, all) : t, "proj", c->embed_dim, bias);
    if (!one_by_one) t = cvtb_layer_norm(b, t, "norm2", eps);
    return cvtb_end(b, t);
}

/* Attention among tokens, then the feed-forward part. For words a group is a patch, within which they attend. */
static cvt_value mix(cvt_builder *b, const config *c, cvt_value t, int heads, int hidden, int groups) {
    int dim_head = cvt_shape_cols(cvtb_shape(b, t)) / heads;
    cvt_vit_block spec = {{heads, dim_head, .qkv_bias = c->qkv_bias, .out_bias = true, .groups = groups},
                          .hidden = hidden,
                          .act = CVT_ACT_GELU_ERF,
                          .eps = eps};
    return cvtb_pre_norm(b, t, &spec);
}

/* *t is the words; y is the class token and the patches. */
static cvt_value block(cvt_builder *b, const config *c, int j, cvt_value *t, cvt_value y, int patches) {
    cvtb_open(b, "block{j}", 'j', j, "Block");
    cvtb_open(b, "inner", 0, 0, NULL);
    cvtb_grid(b, 0, 0, 0);
    *t = cvtb_end(b, mix(b, c, *t, c->num_heads_inner, c->inner_hidden, patches));
    cvt_value more = project(b, c, *t, patches, c->legacy, c->legacy);
    cvt_value sum = cvtb_add(b, cvtb_slice(b, y, 1, patches), more);
    y = cvtb_concat(b, cvtb_slice(b, y, 0, 1), sum);
    return cvtb_end(b, mix(b, c, y, c->num_heads_outer, (int)(c->embed_dim * c->mlp_ratio), 1));
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    const int *size = c->base.size, grid[] = {size[0] / c->patch_size[0], size[1] / c->patch_size[1]};
    cvtb_check_patches(b, "patch_size", c->patch_size, size);
    cvt_value t = embed(b, c, cvtb_input(b, c->base.channels, size[0], size[1]));
    if (cvtb_failed(b)) return CVT_NO_VALUE; /* the number of patches may be 0, or no int */
    int patches = grid[0] * grid[1];
    cvt_value y = cvtb_class_token(b, project(b, c, t, patches, true, false));
    y = cvtb_add_positions(b, y, 1, c->grid, grid, CVT_INTERPOLATE_BICUBIC_ANTIALIAS);
    cvtb_grid(b, 1, grid[0], grid[1]);
    for (int j = 0; j < c->depth && !cvtb_failed(b); j++) y = block(b, c, j, &t, y, patches);
    y = cvtb_tap(b, cvtb_layer_norm(b, y, "norm", eps), "norm");
    return cvtb_classify(b, cvtb_pool_tokens(b, y, c->global_pool == AVG, 1), c->base.classes);
}

const cvt_arch cvt_arch_tnt = {
    .name = "tnt",
    .about = "TNT (huawei-noah, timm): transformers within patches, inside a transformer of patches",
    .traits = {"yes", "non-overlapping (patch + pixel)", "linear", "no"},
    .config_size = sizeof(config),
    .keys = keys,
    .dialects = dialects,
    .classifier = "head.weight",
    .classes = 1000,
    .preprocess = {CVT_PREPROCESS_CENTER, 224, 0.9, .mean_std = 0.5},
    .resolve = resolve,
    .build = build,
};
