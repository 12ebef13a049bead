/* tnt.c - TNT: "Transformer in Transformer" (Han et al. 2021), huawei-noah/Efficient-AI-Backbones (tnt_pytorch) and
 * timm's models/tnt.py.
 *
 * The image is cut into patches, a patch into words: n patches of w words. Words are tokens of inner_dim channels that
 * attend within their patch, patches are tokens of embed_dim channels; in every block a patch's words, side by side,
 * are projected and added to its token.
 *
 *   words     7x7 convolution of every patch by itself (zeros around the patch) + a position for each word of a patch
 *   patches   norm(proj(norm(words of a patch))) under a class token, + positions
 *   block     words += attn(norm(words)), += mlp(norm(words));  patches += what became of their words;
 *             patches += attn(norm(patches)), += mlp(norm(patches))
 *
 * Two kinds of weights, told apart by their names: in the older ones ("legacy" in timm) the convolution goes over the
 * whole image, words are normed one by one and projected with a bias and no second norm. All norms have eps 1e-5. */
#include "arch/blocks.h"
#include "arch/resolve.h"

static const float eps = 1e-5f;

enum { UNSAID = -1 };
enum { TOKEN, AVG }; /* global_pool */
static const char *const pools[] = {"token", "avg", NULL};

typedef struct config {
    cvt_base base;
    int img_size[2]; /* whose grid patch_pos is stored for */
    int patch_size[2], embed_dim, inner_dim, depth, num_heads_inner, num_heads_outer, first_stride;
    bool qkv_bias;
    int legacy, global_pool;
    double mlp_ratio;
    /* resolved */
    int grid[2];      /* of the stored positions */
    int inner_hidden; /* of the words' feed-forward part */
} config;

#define AT(field) offsetof(config, field)
static const cvt_key keys[] = {
    {.name = "in_chans", .type = CVT_KEY_INT, .offset = AT(base.channels), .min = 1, .max = 64},
    {.name = "num_classes", .type = CVT_KEY_INT, .offset = AT(base.classes), .min = 1, .max = 1000000},
    {.name = "img_size", .type = CVT_KEY_SIZE, .offset = AT(img_size), .min = 1, .max = 65535},
    {.name = "patch_size", .type = CVT_KEY_SIZE, .offset = AT(patch_size), .min = 1, .max = 256},
    {.name = "embed_dim", .type = CVT_KEY_INT, .offset = AT(embed_dim), .min = 1, .max = 65536},
    {.name = "outer_dim", .type = CVT_KEY_INT, .offset = AT(embed_dim), .min = 1, .max = 65536},
    {.name = "inner_dim", .type = CVT_KEY_INT, .offset = AT(inner_dim), .min = 1, .max = 16384},
    {.name = "depth", .type = CVT_KEY_INT, .offset = AT(depth), .min = 1, .max = 1000},
    {.name = "num_heads_inner", .type = CVT_KEY_INT, .offset = AT(num_heads_inner), .min = 1, .max = 4096},
    {.name = "inner_num_heads", .type = CVT_KEY_INT, .offset = AT(num_heads_inner), .min = 1, .max = 4096},
    {.name = "num_heads_outer", .type = CVT_KEY_INT, .offset = AT(num_heads_outer), .min = 1, .max = 4096},
    {.name = "outer_num_heads", .type = CVT_KEY_INT, .offset = AT(num_heads_outer), .min = 1, .max = 4096},
    {.name = "mlp_ratio", .type = CVT_KEY_NUMBER, .offset = AT(mlp_ratio), .min = 0.001, .max = 64},
    {.name = "qkv_bias", .type = CVT_KEY_BOOL, .offset = AT(qkv_bias)},
    {.name = "first_stride", .type = CVT_KEY_INT, .offset = AT(first_stride), .min = 1, .max = 256},
    {.name = "inner_stride", .type = CVT_KEY_INT, .offset = AT(first_stride), .min = 1, .max = 256},
    {.name = "legacy", .type = CVT_KEY_FLAG, .offset = AT(legacy)},
    {.name = "global_pool", .type = CVT_KEY_CHOICE, .offset = AT(global_pool), .choices = pools},
    CVT_DROPOUT_KEY("drop_rate"),
    CVT_DROPOUT_KEY("attn_drop_rate"),
    CVT_DROPOUT_KEY("drop_path_rate"),
    {0},
};

/* ---- names of weights ---- */

/* Attention in native scope N, called F in the file, which stacks q and k. */
#define ATTENTION(N, F) \
    CVT_STACKED_2(N ".", "q", "k", F ".qk.*"), {N ".v.*", F ".v.*"}, { N ".proj.*", F ".proj.*" }

static const cvt_name_row timm[] = {
    {"embed.conv.*", "pixel_embed.proj.*"},
    {"embed.pos", "pixel_pos", .axes = "1cab"},
    {"patch.norm1.*", "norm1_proj.*"},
    {"patch.proj.*", "proj.*"},
    {"patch.norm2.*", "norm2_proj.*"},
    {"cls_token", "cls_token"},
    {"pos_embed", "patch_pos"},
    {"block{j}.inner.norm1.*", "blocks.{j}.norm_in.*"},
    ATTENTION("block{j}.inner.attn", "blocks.{j}.attn_in"),
    {"block{j}.inner.norm2.*", "blocks.{j}.norm_mlp_in.*"},
    {"block{j}.inner.mlp.*", "blocks.{j}.mlp_in.*"},
    {"block{j}.patch.norm1.*", "blocks.{j}.norm1_proj.*"},
    {"block{j}.patch.proj.*", "blocks.{j}.proj.*"},
    {"block{j}.patch.norm2.*", "blocks.{j}.norm2_proj.*"},
    {"block{j}.norm1.*", "blocks.{j}.norm_out.*"},
    ATTENTION("block{j}.attn", "blocks.{j}.attn_out"),
    {"block{j}.norm2.*", "blocks.{j}.norm_mlp.*"},
    {"block{j}.mlp.*", "blocks.{j}.mlp.*"},
    {"norm.*", "norm.*"},
    {"head.*", "head.*"},
    {NULL, NULL},
};

static const cvt_name_row huawei[] = {
    {"embed.conv.*", "patch_embed.proj.*"},
    {"embed.pos", "inner_pos", .axes = "1(ab)c"},
    {"patch.norm1.*", "proj_norm1.*"},
    {"patch.proj.*", "proj.*"},
    {"patch.norm2.*", "proj_norm2.*"},
    {"cls_token", "cls_token"},
    {"pos_embed", "outer_pos"},
    {NULL, "outer_tokens"}, /* zeros */
    {"block{j}.inner.norm1.*", "blocks.{j}.inner_norm1.*"},
    ATTENTION("block{j}.inner.attn", "blocks.{j}.inner_attn"),
    {"block{j}.inner.norm2.*", "blocks.{j}.inner_norm2.*"},
    {"block{j}.inner.mlp.*", "blocks.{j}.inner_mlp.*"},
    {"block{j}.patch.norm1.*", "blocks.{j}.proj_norm1.*"},
    {"block{j}.patch.proj.*", "blocks.{j}.proj.*"},
    {"block{j}.patch.norm2.*", "blocks.{j}.proj_norm2.*"},
    {"block{j}.norm1.*", "blocks.{j}.outer_norm1.*"},
    ATTENTION("block{j}.attn", "blocks.{j}.outer_attn"),
    {"block{j}.norm2.*", "blocks.{j}.outer_norm2.*"},
    {"block{j}.mlp.*", "blocks.{j}.outer_mlp.*"},
    {"norm.*", "norm.*"},
    {"head.*", "head.*"},
    {NULL, NULL},
};

static const cvt_dialect dialects[] = {{"native"}, {"timm", timm}, {"huawei", huawei}, {NULL}};

/* ---- config ---- */

static void defaults(void *p) { /* TNT-S */
    config *c = p;
    *c = (config){
        .base = {.channels = 3},
        .patch_size = {16, 16},
        .embed_dim = 384,
        .inner_dim = 24,
        .depth = 12,
        .num_heads_inner = 4,
        .num_heads_outer = 6,
        .mlp_ratio = 4,
        .first_stride = 4,
        .legacy = UNSAID,
    };
}

/* Words along an axis of a patch. */
static int words(const config *c, int axis) { return (c->patch_size[axis] - 1) / c->first_stride + 1; }

/* The grid of the stored positions: that of img_size, unless the weights' is another one, a square. */
static cvt_status resolve_grid(config *c, const cvt_hints *hints, cvt_error *error) {
    for (int i = 0; i < 2; i++) {
        TRY(cvt_check_divides("patch_size", c->patch_size[i], "img_size", c->img_size[i], -1, error));
        c->grid[i] = c->img_size[i] / c->patch_size[i];
    }
    cvt_resolve_grid(c->grid, cvt_hints_cells(hints, "pos_embed", 1));
    return CVT_OK;
}

/* timm makes the words' feed-forward part 4 times as wide as the words, huawei mlp_ratio times: weights know which. */
static int inner_hidden(const config *c, const cvt_hints *hints) {
    const cvt_tensor *fc1 = cvt_hints_tensor(hints, "block{j}.inner.mlp.fc1.weight", 0);
    int by_ratio = (int)(c->inner_dim * c->mlp_ratio);
    return fc1 && fc1->rank == 2 && fc1->shape[0] == by_ratio ? by_ratio : 4 * c->inner_dim;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    TRY(cvt_check_divides("num_heads_inner", c->num_heads_inner, "inner_dim", c->inner_dim, -1, error));
    TRY(cvt_check_divides("num_heads_outer", c->num_heads_outer, "embed_dim", c->embed_dim, -1, error));
    TRY(cvt_check_hidden("mlp_ratio", c->mlp_ratio, (int)(c->embed_dim * c->mlp_ratio), -1, error));
    if (!c->base.classes) c->base.classes = 1000;
    if (!c->base.preprocess.given) {
        c->base.preprocess = cvt_preprocess_default(CVT_PREPROCESS_CENTER, 224, 0.9);
        for (int i = 0; i < 3; i++) c->base.preprocess.mean[i] = c->base.preprocess.std[i] = 0.5;
    }
    cvt_resolve_image(c->img_size, &c->base, 224);
    TRY(resolve_grid(c, hints, error));
    if (c->legacy == UNSAID) c->legacy = hints->weights && !cvt_hints_tensor(hints, "block{j}.patch.norm2.weight", 0);
    for (int i = 0; c->legacy && i < 2; i++)
        TRY(cvt_check_divides("first_stride", c->first_stride, "patch_size", c->patch_size[i], -1, error));
    c->inner_hidden = inner_hidden(c, hints);
    return CVT_OK;
}

/* ---- the forward pass ---- */

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
    t = cvtb_tap(b, cvtb_position(b, t, "pos", &position), NULL);
    cvtb_close(b);
    return t;
}

/* Patches [n, embed_dim] made of their words. one_by_one, of legacy blocks: the first norm is over a word instead of
 * all words of a patch, and there is no second one. */
static cvt_value project(cvt_builder *b, const config *c, cvt_value t, int patches, bool bias, bool one_by_one) {
    int all = cvt_shape_rows(cvtb_shape(b, t)) / patches * c->inner_dim;
    cvtb_open(b, "patch", 0, 0, NULL);
    t = cvtb_layer_norm(b, one_by_one ? t : cvtb_regroup(b, t, all), "norm1", eps);
    t = cvtb_linear(b, one_by_one ? cvtb_regroup(b, t, all) : t, "proj", c->embed_dim, bias);
    if (!one_by_one) t = cvtb_layer_norm(b, t, "norm2", eps);
    cvtb_tap(b, t, NULL);
    cvtb_close(b);
    return t;
}

static cvt_value inner(cvt_builder *b, const config *c, cvt_value t, int patches) {
    cvt_attention_spec spec = {.heads = c->num_heads_inner,
                               .dim_head = c->inner_dim / c->num_heads_inner,
                               .qkv_bias = c->qkv_bias,
                               .out_bias = true,
                               .groups = patches};
    cvtb_open(b, "inner", 0, 0, NULL);
    cvtb_grid(b, 0, 0, 0);
    t = cvtb_add(b, t, cvtb_self_attention(b, cvtb_layer_norm(b, t, "norm1", eps), &spec));
    t = cvtb_add(b, t, cvtb_mlp(b, cvtb_layer_norm(b, t, "norm2", eps), c->inner_hidden, CVT_ACT_GELU_ERF, true));
    cvtb_tap(b, t, NULL);
    cvtb_close(b);
    return t;
}

/* *t: the words; y: the patches under their class token. */
static cvt_value block(cvt_builder *b, const config *c, int j, cvt_value *t, cvt_value y, int patches) {
    cvt_attention_spec spec = {.heads = c->num_heads_outer,
                               .dim_head = c->embed_dim / c->num_heads_outer,
                               .qkv_bias = c->qkv_bias,
                               .out_bias = true};
    cvtb_open(b, "block{j}", 'j', j, "Block");
    *t = inner(b, c, *t, patches);
    cvt_value more = project(b, c, *t, patches, c->legacy, c->legacy);
    y = cvtb_concat(b, cvtb_slice(b, y, 0, 1), cvtb_add(b, cvtb_slice(b, y, 1, patches), more));
    y = cvtb_add(b, y, cvtb_self_attention(b, cvtb_layer_norm(b, y, "norm1", eps), &spec));
    int hidden = (int)(c->embed_dim * c->mlp_ratio);
    y = cvtb_add(b, y, cvtb_mlp(b, cvtb_layer_norm(b, y, "norm2", eps), hidden, CVT_ACT_GELU_ERF, true));
    cvtb_tap(b, y, NULL);
    cvtb_close(b);
    return y;
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    const int *size = c->base.size, *patch = c->patch_size;
    int h = size[0] / patch[0], w = size[1] / patch[1];
    cvtb_check_patches(b, "patch_size", patch, size);
    cvt_position position = {.prefix = 1,
                             .h = c->grid[0],
                             .w = c->grid[1],
                             .to_h = h,
                             .to_w = w,
                             .resize = CVT_INTERPOLATE_BICUBIC_ANTIALIAS};
    cvt_value t = embed(b, c, cvtb_input(b, c->base.channels, size[0], size[1]));
    if (cvtb_failed(b)) return CVT_NO_VALUE; /* h * w may be 0, or no int */
    cvt_value y = cvtb_concat(b, cvtb_token(b, "cls_token", c->embed_dim), project(b, c, t, h * w, true, false));
    y = cvtb_tap(b, cvtb_position(b, y, "pos_embed", &position), "tokens");
    cvtb_grid(b, 1, h, w);
    for (int j = 0; j < c->depth && !cvtb_failed(b); j++) y = block(b, c, j, &t, y, h * w);
    y = cvtb_tap(b, cvtb_layer_norm(b, y, "norm", eps), "norm");
    y = c->global_pool == AVG ? cvtb_mean(b, cvtb_slice(b, y, 1, h * w)) : cvtb_slice(b, y, 0, 1);
    return cvtb_linear(b, cvtb_embedding(b, cvtb_flatten(b, y)), "head", c->base.classes, true);
}

const cvt_arch cvt_arch_tnt = {
    .name = "tnt",
    .about = "TNT (huawei-noah, timm): transformers within patches, inside a transformer of patches",
    .traits = {"yes", "non-overlapping (patch + pixel)", "linear", "no"},
    .config_size = sizeof(config),
    .defaults = defaults,
    .keys = keys,
    .dialects = dialects,
    .classifier = "head.weight",
    .resolve = resolve,
    .build = build,
};
