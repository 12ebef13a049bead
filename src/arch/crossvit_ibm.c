/* crossvit_ibm.c - CrossViT of IBM (IBM/CrossViT, models/crossvit.py; timm/models/crossvit.py): two branches read
 * the image at two sizes, one in small and one in large patches.
 *
 *   tokens = [cls ; patches of the image at the branch's size] + pos_embed
 *   each stage, for a branch and the other one:
 *     e = blocks(tokens)
 *     c = proj(e's class token)                               with the other branch's channels
 *     y = c + attn(q of norm1(c), k and v of norm1([c ; the other's e without its class token]))
 *     tokens = [revert(y) ; e without its class token]
 *   logits = the mean of both heads, each of the normalised class token
 *
 * proj and revert are norm, GELU and a linear layer, without a residual sum. The smaller image is the normalised first
 * one, resized as torch does it (bicubic, without antialias), or a crop of it. vit_pytorch's CrossViT computes
 * something else: see crossvit.c. */
#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/layer.h"
#include "arch/resolve.h"

static const float eps = 1e-6f;

enum { SM, LG, BRANCHES };
static const char *const branch_names[] = {"sm", "lg"};
enum { FUSIONS = BRANCHES, DEPTHS }; /* an entry of depth: the blocks of each branch, the fusions */
enum { TOKEN, AVG };                 /* global_pool */
static const char *const pools[] = {"token", "avg", NULL};

typedef struct config {
    cvt_base base;
    int img_size[2];
    cvt_ints patch_size, embed_dim, num_heads;
    cvt_numbers img_scale, mlp_ratio;
    cvt_lists depth;
    bool qkv_bias, multi_conv, crop_scale;
    int global_pool;
} config;

/* The defaults are crossvit_small_240. */
#define KEYS_OF config
static const cvt_key keys[] = {
    SIZE("img_size", img_size, 1, 65535, NULL,
         "of the input; default: input_size, that of the preprocessing, else 240"),
    NUMS("img_scale", img_scale, 0.001, 16, "[1.0, 0.9333333333333333]", "size of what a branch sees, as a part",
         .entries = BRANCHES),
    INTS("patch_size", patch_size, 1, 256, "[12, 16]", "side of a patch", .entries = BRANCHES),
    INT("in_chans", base.channels, 1, 64, "3", "channels of the input"),
    INT("num_classes", base.classes, 1, 1000000, NULL, "default: as in the weights, else 1000"),
    INTS("embed_dim", embed_dim, 1, 65536, "[192, 384]", "channels of the tokens", .entries = BRANCHES),
    LISTS("depth", depth, DEPTHS, 0, 1000, "[[1, 4, 0], [1, 4, 0], [1, 4, 0]]",
          "a stage: blocks of the first branch, of the second, fusions; 0 fusions: one without a number in its name"),
    INTS("num_heads", num_heads, 1, 4096, "[6, 6]", "attention heads, which divide embed_dim", .entries = BRANCHES),
    NUMS("mlp_ratio", mlp_ratio, 0.001, 64, "[4, 4, 1]", "hidden channels, as a multiple; a third has no effect"),
    BOOL("qkv_bias", qkv_bias, "true", "bias of queries, keys and values"),
    BOOL("multi_conv", multi_conv, "false", "three convolutions make the patches"),
    BOOL("crop_scale", crop_scale, "false", "a branch sees the middle of the image, which is not resized"),
    CHOICE("global_pool", global_pool, pools, "'token'", "what the heads read"),
    CVT_TIMM_DROPOUT_KEYS,
    CVT_DROPOUT_KEY("pos_drop_rate"),
    CVT_DROPOUT_KEY("proj_drop_rate"),
    {0},
};

/* ---- names of weights: {} is "_" in timm, "." at IBM ---- */

static const cvt_name_row projection[] = {{"norm.*", "0.*"}, {"linear.*", "2.*"}, {NULL, NULL}};
static const cvt_name_row attention[] = {{"norm1.*", "norm1.*"},         {"attn.q.*", "attn.wq.*"},
                                         {"attn.k.*", "attn.wk.*"},      {"attn.v.*", "attn.wv.*"},
                                         {"attn.proj.*", "attn.proj.*"}, {NULL, NULL}};
static const cvt_name_row names[] = {{"sm.cls_token", "cls_token{}0"},
                                     {"sm.pos_embed", "pos_embed{}0"},
                                     {"sm.embed.*", "patch_embed.0.proj.*"},
                                     {"stage{i}.sm.block{j}.*", "blocks.{i}.blocks.0.{j}.*", .rows = cvt_timm_block},
                                     {"stage{i}.sm.proj.*", "blocks.{i}.projs.0.*", .rows = projection},
                                     {"stage{i}.sm.fusion.*", "blocks.{i}.fusion.0.*", .rows = attention},
                                     {"stage{i}.sm.fusion{k}.*", "blocks.{i}.fusion.0.{k}.*", .rows = attention},
                                     {"stage{i}.sm.revert.*", "blocks.{i}.revert_projs.0.*", .rows = projection},
                                     {"sm.norm.*", "norm.0.*"},
                                     {"sm.head.*", "head.0.*"},
                                     {"lg.cls_token", "cls_token{}1"},
                                     {"lg.pos_embed", "pos_embed{}1"},
                                     {"lg.embed.*", "patch_embed.1.proj.*"},
                                     {"stage{i}.lg.block{j}.*", "blocks.{i}.blocks.1.{j}.*", .rows = cvt_timm_block},
                                     {"stage{i}.lg.proj.*", "blocks.{i}.projs.1.*", .rows = projection},
                                     {"stage{i}.lg.fusion.*", "blocks.{i}.fusion.1.*", .rows = attention},
                                     {"stage{i}.lg.fusion{k}.*", "blocks.{i}.fusion.1.{k}.*", .rows = attention},
                                     {"stage{i}.lg.revert.*", "blocks.{i}.revert_projs.1.*", .rows = projection},
                                     {"lg.norm.*", "norm.1.*"},
                                     {"lg.head.*", "head.1.*"},
                                     {NULL, NULL}};

static const cvt_dialect dialects[] = {{"native"}, {"timm", names, "_"}, {"ibm", names, "."}, {NULL}};

/* ---- config ---- */

static int hidden_of(const config *c, int i) { return (int)(c->embed_dim.v[i] * c->mlp_ratio.v[i]); }

/* A side of the image as branch i reads it, rounded down like Python's int(side * scale). */
static int scaled(const config *c, int i, int side) { return (int)(c->img_size[side] * c->img_scale.v[i]); }

static cvt_status check_branch(const config *c, int i, cvt_error *error) {
    int dim = c->embed_dim.v[i], patch = c->patch_size.v[i];
    TRY(cvt_check_divides("num_heads", c->num_heads.v[i], "embed_dim", dim, i, error));
    TRY(cvt_check_hidden("mlp_ratio", c->mlp_ratio.v[i], hidden_of(c, i), i, error));
    if (c->multi_conv && patch != 12 && patch != 16)
        return cvt_fail(error, CVT_CONFIG, "\"patch_size\"[%d] = %d must be 12 or 16 where \"multi_conv\" is true", i,
                        patch);
    if (c->multi_conv && dim < 4)
        return cvt_fail(error, CVT_CONFIG, "\"embed_dim\"[%d] = %d must be at least 4 where \"multi_conv\" is true", i,
                        dim);
    for (int k = 0; k < c->depth.n; k++)
        if (c->depth.v[k][i] < 1)
            return cvt_fail(error, CVT_CONFIG, "\"depth\"[%d][%d] is 0, but a branch needs a block", k, i);
    for (int side = 0; side < 2; side++)
        if (scaled(c, i, side) < 1 || scaled(c, i, side) % patch)
            return cvt_fail(error, CVT_CONFIG,
                            "\"patch_size\"[%d] = %d does not divide \"img_size\" x \"img_scale\"[%d] = %d", i, patch,
                            i, scaled(c, i, side));
    return CVT_OK;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    (void)hints;
    cvt_resolve_image(c->img_size, &c->base, 240);
    if (c->mlp_ratio.n != BRANCHES && c->mlp_ratio.n != BRANCHES + 1)
        return cvt_fail(error, CVT_CONFIG, "\"mlp_ratio\" has %d entries, must have one for each of %d branches",
                        c->mlp_ratio.n, BRANCHES);
    for (int i = 0; i < BRANCHES; i++) TRY(check_branch(c, i, error));
    return CVT_OK;
}

/* ---- the forward pass ---- */

/* A branch's tokens, the first of which is the class token, and the grid of the others. */
typedef struct stream {
    cvt_value tokens;
    int grid[2];
} stream;

/* Half of an excess, rounded to the nearest; a half goes to the even number. */
static int margin(int excess) { return excess / 2 + (excess % 2 && excess / 2 % 2); }

static cvt_value scale_image(cvt_builder *b, const config *c, int i, cvt_value image) {
    int h = scaled(c, i, 0), w = scaled(c, i, 1), more_h = c->img_size[0] - h, more_w = c->img_size[1] - w;
    if (c->crop_scale && more_h >= 0 && more_w >= 0) return cvtb_crop(b, image, margin(more_h), margin(more_w), h, w);
    return cvtb_resize(b, image, h, w, CVT_INTERPOLATE_BICUBIC);
}

/* The embedding of the paper's dagger models: three convolutions in place of one. */
static cvt_value multi_conv(cvt_builder *b, cvt_value x, int patch, int dim) {
    bool small = patch == 12;
    cvt_conv first = cvt_conv_square(dim / 4, 7, 4, 3, true);
    cvt_conv second = cvt_conv_square(dim / 2, 3, small ? 3 : 2, small ? 0 : 1, true);
    cvt_conv third = cvt_conv_square(dim, 3, small ? 1 : 2, 1, true);
    cvtb_open(b, "embed", 0, 0, "PatchEmbed");
    x = cvtb_activation(b, cvtb_conv2d(b, x, "0", &first), CVT_ACT_RELU);
    x = cvtb_activation(b, cvtb_conv2d(b, x, "2", &second), CVT_ACT_RELU);
    return cvtb_end(b, cvtb_conv2d(b, x, "4", &third));
}

static stream embed(cvt_builder *b, const config *c, int i, cvt_value image) {
    int patch = c->patch_size.v[i], dim = c->embed_dim.v[i];
    cvt_conv conv = cvt_conv_square(dim, patch, patch, 0, true);
    cvtb_open(b, branch_names[i], 0, 0, NULL);
    cvt_value x = cvtb_tap(b, cvtb_alias(b, scale_image(b, c, i, image)), "image");
    x = c->multi_conv ? multi_conv(b, x, patch, dim) : cvtb_tap(b, cvtb_conv2d(b, x, "embed", &conv), "embed");
    stream s = {.grid = {cvtb_shape(b, x).d[1], cvtb_shape(b, x).d[2]}};
    x = cvtb_class_token(b, cvtb_tokens(b, x));
    s.tokens = cvtb_add_positions(b, x, 1, s.grid, s.grid, CVT_INTERPOLATE_NONE);
    cvtb_close(b);
    return s;
}

static cvt_attention_spec attention_of(int dim, int heads, bool qkv_bias) {
    return (cvt_attention_spec){.heads = heads, .dim_head = dim / heads, .qkv_bias = qkv_bias, .out_bias = true};
}

static void encode(cvt_builder *b, const config *c, int i, int depth, stream *s) {
    cvt_vit_block spec = {attention_of(c->embed_dim.v[i], c->num_heads.v[i], c->qkv_bias), hidden_of(c, i),
                          CVT_ACT_GELU_ERF, eps};
    cvtb_open(b, branch_names[i], 0, 0, NULL);
    cvtb_grid(b, 1, s->grid[0], s->grid[1]);
    s->tokens = cvtb_vit_blocks(b, s->tokens, depth, &spec);
    cvtb_close(b);
}

static cvt_value reproject(cvt_builder *b, const char *name, cvt_value x, int dim) {
    cvtb_open(b, name, 0, 0, NULL);
    x = cvtb_activation(b, cvtb_layer_norm(b, x, "norm", eps), CVT_ACT_GELU_ERF);
    return cvtb_end(b, cvtb_linear(b, x, "linear", dim, true));
}

/* The class token of a sequence, after it has attended to the whole sequence. */
static cvt_value fusion(cvt_builder *b, const cvt_attention_spec *spec, cvt_value tokens) {
    cvt_value x = cvtb_layer_norm(b, tokens, "norm1", eps);
    x = cvtb_cross_attention(b, cvtb_slice(b, x, 0, 1), x, spec);
    return cvtb_add(b, cvtb_slice(b, tokens, 0, 1), x);
}

/* A branch's tokens, after the class token has attended to the patches of the other branch. The attention has the
 * channels of the other branch. From the second fusion on the class token is the only token of the sequence. depth 0:
 * one fusion, without a number in its name. */
static cvt_value fuse(cvt_builder *b, const cvt_attention_spec *spec, int depth, cvt_value own, cvt_value other) {
    cvt_shape s = cvtb_shape(b, own), t = cvtb_shape(b, other);
    cvt_value x = reproject(b, "proj", cvtb_slice(b, own, 0, 1), cvt_shape_cols(t));
    x = cvtb_concat(b, x, cvtb_slice(b, other, 1, cvt_shape_rows(t) - 1));
    for (int k = 0; k < (depth ? depth : 1) && !cvtb_failed(b); k++) {
        cvtb_open(b, depth ? "fusion{k}" : "fusion", depth ? 'k' : 0, k, "CrossAttentionBlock");
        x = cvtb_end(b, fusion(b, spec, x));
    }
    x = reproject(b, "revert", x, cvt_shape_cols(s));
    return cvtb_concat(b, x, cvtb_slice(b, own, 1, cvt_shape_rows(s) - 1));
}

static cvt_value fuse_branch(cvt_builder *b, const config *c, int i, int depth, const stream *s) {
    int other = LG - i;
    cvt_attention_spec spec = attention_of(c->embed_dim.v[other], c->num_heads.v[other], c->qkv_bias);
    cvtb_open(b, branch_names[i], 0, 0, NULL);
    cvtb_grid(b, 1, s[other].grid[0], s[other].grid[1]);
    return cvtb_end(b, fuse(b, &spec, depth, s[i].tokens, s[other].tokens));
}

static void stage(cvt_builder *b, const config *c, int k, stream *s) {
    const int *depth = c->depth.v[k];
    cvtb_open(b, "stage{i}", 'i', k, "MultiScaleBlock");
    for (int i = 0; i < BRANCHES; i++) encode(b, c, i, depth[i], &s[i]);
    cvt_value sm = fuse_branch(b, c, SM, depth[FUSIONS], s), lg = fuse_branch(b, c, LG, depth[FUSIONS], s);
    s[SM].tokens = sm;
    s[LG].tokens = lg;
    cvtb_close(b);
}

/* The features that a branch's head reads. */
static cvt_value features(cvt_builder *b, const config *c, int i, cvt_value tokens) {
    cvt_value x = cvtb_tap(b, cvtb_alias(b, tokens), branch_names[i]);
    cvtb_open(b, branch_names[i], 0, 0, NULL);
    x = cvtb_tap(b, cvtb_layer_norm(b, x, "norm", eps), "norm");
    cvtb_close(b);
    return cvtb_flatten(b, cvtb_pool_tokens(b, x, c->global_pool == AVG, 1));
}

static cvt_value head(cvt_builder *b, const config *c, int i, cvt_value x) {
    cvtb_open(b, branch_names[i], 0, 0, NULL);
    x = cvtb_tap(b, cvtb_linear(b, x, "head", c->base.classes, true), "head");
    cvtb_close(b);
    return x;
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    const int *in = c->base.size, *own = c->img_size;
    if (in[0] != own[0] || in[1] != own[1])
        cvtb_fail(b, "the input must be %d x %d, \"img_size\", not %d x %d", own[0], own[1], in[0], in[1]);
    cvt_value image = cvtb_input(b, c->base.channels, in[0], in[1]), x[BRANCHES];
    stream s[BRANCHES];
    for (int i = 0; i < BRANCHES; i++) s[i] = embed(b, c, i, image);
    for (int k = 0; k < c->depth.n && !cvtb_failed(b); k++) stage(b, c, k, s);
    for (int i = 0; i < BRANCHES; i++) x[i] = features(b, c, i, s[i].tokens);
    cvtb_embedding(b, cvtb_concat(b, x[SM], x[LG]));
    for (int i = 0; i < BRANCHES; i++) x[i] = head(b, c, i, x[i]);
    return cvtb_scale(b, cvtb_add(b, x[SM], x[LG]), 0.5f);
}

const cvt_arch cvt_arch_crossvit_ibm = {
    .name = "crossvit_ibm",
    .about = "CrossViT (IBM, timm): two branches at two scales, fused by attention of the class tokens",
    .traits = {"yes", "non-overlapping (two sizes), or convolutions", "linear", "no"},
    .config_size = sizeof(config),
    .keys = keys,
    .dialects = dialects,
    .classifier = "sm.head.weight",
    .classes = 1000,
    .preprocess = {CVT_PREPROCESS_CENTER, 0, 0.875},
    .resolve = resolve,
    .build = build,
};

/* ---- fusion as a layer of networks ---- */

typedef struct fusion_config {
    int num_heads;
    bool qkv_bias;
} fusion_config;

#undef KEYS_OF
#define KEYS_OF fusion_config
static const cvt_key fusion_keys[] = {
    INT("num_heads", num_heads, 1, 4096, "6", "attention heads, which divide the channels of the second value"),
    BOOL("qkv_bias", qkv_bias, "true", "bias of queries, keys and values"),
    {0},
};

static cvt_value fusion_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const fusion_config *c = p;
    char text[48];
    for (int i = 0; i < BRANCHES; i++) cvtb_check_class_token(b, in[i]);
    if (cvtb_failed(b)) return CVT_NO_VALUE;
    cvt_shape s = cvtb_shape(b, in[1]);
    if (s.d[1] % c->num_heads)
        cvtb_fail(b, "\"num_heads\" = %d does not divide the channels of its second input, %s", c->num_heads,
                  cvt_shape_text(s, text));
    cvt_attention_spec spec = attention_of(s.d[1], c->num_heads, c->qkv_bias);
    cvt_grid other = cvtb_placed(b, in[1]);
    cvtb_grid(b, other.prefix, other.h, other.w);
    return cvtb_like(b, fuse(b, &spec, 0, in[0], in[1]), in[0]);
}

const cvt_layer cvt_layer_crossvit_fusion =
    CVT_LAYER("crossvit_fusion", BRANCHES, "a class token that attends to other patches, of IBM", .build = fusion_build,
              CVT_LAYER_KEYS(fusion_config, fusion_keys));
