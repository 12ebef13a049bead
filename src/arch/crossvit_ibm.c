/* crossvit_ibm.c - CrossViT of IBM (IBM/CrossViT, models/crossvit.py; timm/models/crossvit.py): two branches see the
 * image at two sizes, in small and in large patches.
 *
 *   tokens = [cls ; patches of the image at the branch's size] + pos_embed
 *   each stage, for a branch and the other one:
 *     e = blocks(tokens)
 *     c = proj(e's class token)                               to the other's channels
 *     y = c + attn(q of norm1(c), k and v of norm1([c ; the other's e without its class token]))
 *     tokens = [revert(y) ; e without its class token]
 *   logits = the mean of both heads, each of the normalised class token
 *
 * proj and revert are norm, GELU and a linear layer; the class token that goes in is not added to what comes out. The
 * second image is torch's bicubic without antialias of the normalised first one, or a crop. vit_pytorch's CrossViT is
 * another function: crossvit.c. */
#include "arch/blocks.h"
#include "arch/layer.h"
#include "arch/resolve.h"

static const float eps = 1e-6f;

enum { SM, LG, BRANCHES };
static const char *const branch_names[] = {"sm", "lg"};
enum { TOKEN, AVG }; /* global_pool */
static const char *const pools[] = {"token", "avg", NULL};

/* Blocks of the two branches, and fusions; 0: one that has no number in its name. */
enum { FUSION = BRANCHES, DEPTHS };
typedef struct depths {
    int n, v[CVT_MAX_LIST][DEPTHS];
} depths;

typedef struct config {
    cvt_base base;
    int img_size[2];
    cvt_ints patch_size, embed_dim, num_heads;
    cvt_numbers img_scale, mlp_ratio;
    depths depth;
    bool qkv_bias, multi_conv, crop_scale;
    int global_pool;
} config;

static cvt_status read_depths(void *field, const cvt_json *value, cvt_error *error) {
    depths *d = field;
    size_t n = cvt_json_size(value);
    if (cvt_json_kind_of(value) != CVT_JSON_ARRAY || n < 1 || n > CVT_MAX_LIST)
        return cvt_fail(error, CVT_CONFIG, "must be a list of 1 to %d stages", CVT_MAX_LIST);
    d->n = 0;
    for (const cvt_json *stage = cvt_json_first(value); stage; stage = cvt_json_next(stage), d->n++) {
        if (cvt_json_kind_of(stage) != CVT_JSON_ARRAY || cvt_json_size(stage) != DEPTHS)
            return cvt_fail(error, CVT_CONFIG, "[%d] must be a list of %d: both branches' blocks, fusions", d->n,
                            DEPTHS);
        int k = 0;
        for (const cvt_json *entry = cvt_json_first(stage); entry; entry = cvt_json_next(entry), k++) {
            int64_t i;
            if (!cvt_json_integer(entry, &i) || i < 0 || i > 1000)
                return cvt_fail(error, CVT_CONFIG, "[%d][%d] must be a whole number, 0 to 1000", d->n, k);
            d->v[d->n][k] = (int)i;
        }
    }
    return CVT_OK;
}

#define AT(field) offsetof(config, field)
static const cvt_key keys[] = {
    {.name = "img_size", .type = CVT_KEY_SIZE, .offset = AT(img_size), .min = 1, .max = 65535},
    {.name = "img_scale", .type = CVT_KEY_NUMBERS, .offset = AT(img_scale), .min = 0.001, .max = 16},
    {.name = "patch_size", .type = CVT_KEY_INTS, .offset = AT(patch_size), .min = 1, .max = 256},
    {.name = "in_chans", .type = CVT_KEY_INT, .offset = AT(base.channels), .min = 1, .max = 64},
    {.name = "num_classes", .type = CVT_KEY_INT, .offset = AT(base.classes), .min = 1, .max = 1000000},
    {.name = "embed_dim", .type = CVT_KEY_INTS, .offset = AT(embed_dim), .min = 1, .max = 65536},
    {.name = "depth",
     .type = CVT_KEY_READER,
     .offset = AT(depth),
     .read = read_depths,
     .about =
         "a stage: blocks of the first branch, of the second, fusions; 0 fusions: one without a number in its name",
     .schema = "'type': 'array', 'minItems': 1, 'maxItems': 32, 'default': [[1, 4, 0], [1, 4, 0], [1, 4, 0]], 'items': "
               "{'type': 'array', 'items': {'type': 'integer', 'minimum': 0, 'maximum': 1000}, 'minItems': 3, "
               "'maxItems': 3}"},
    {.name = "num_heads", .type = CVT_KEY_INTS, .offset = AT(num_heads), .min = 1, .max = 4096},
    {.name = "mlp_ratio", .type = CVT_KEY_NUMBERS, .offset = AT(mlp_ratio), .min = 0.001, .max = 64},
    {.name = "qkv_bias", .type = CVT_KEY_BOOL, .offset = AT(qkv_bias)},
    {.name = "multi_conv", .type = CVT_KEY_BOOL, .offset = AT(multi_conv)},
    {.name = "crop_scale", .type = CVT_KEY_BOOL, .offset = AT(crop_scale)},
    {.name = "global_pool", .type = CVT_KEY_CHOICE, .offset = AT(global_pool), .choices = pools},
    CVT_DROPOUT_KEY("drop_rate"),
    CVT_DROPOUT_KEY("pos_drop_rate"),
    CVT_DROPOUT_KEY("proj_drop_rate"),
    CVT_DROPOUT_KEY("attn_drop_rate"),
    CVT_DROPOUT_KEY("drop_path_rate"),
    {0},
};

/* ---- names of weights ---- */

/* n: the branch's number. */
#define BLOCK(S) "stage{i}." S ".block{j}."
#define FILE_BLOCK(n) "blocks.{i}.blocks." n ".{j}."
#define FUSION_ROWS(native, file)                                                                                     \
    {native "norm1.*", file "norm1.*"}, {native "attn.q.*", file "attn.wq.*"}, {native "attn.k.*", file "attn.wk.*"}, \
        {native "attn.v.*", file "attn.wv.*"}, {                                                                      \
        native "attn.proj.*", file "attn.proj.*"                                                                      \
    }
#define BRANCH_ROWS(S, n)                                                                                              \
    {S ".embed.*", "patch_embed." n ".proj.*"},                                                                        \
        CVT_STACKED_3(BLOCK(S) "attn.", "q", "k", "v", FILE_BLOCK(n) "attn.qkv.*"), {BLOCK(S) "*", FILE_BLOCK(n) "*"}, \
        {"stage{i}." S ".proj.norm.*", "blocks.{i}.projs." n ".0.*"},                                                  \
        {"stage{i}." S ".proj.linear.*", "blocks.{i}.projs." n ".2.*"},                                                \
        FUSION_ROWS("stage{i}." S ".fusion.", "blocks.{i}.fusion." n "."),                                             \
        FUSION_ROWS("stage{i}." S ".fusion{k}.", "blocks.{i}.fusion." n ".{k}."),                                      \
        {"stage{i}." S ".revert.norm.*", "blocks.{i}.revert_projs." n ".0.*"},                                         \
        {"stage{i}." S ".revert.linear.*", "blocks.{i}.revert_projs." n ".2.*"}, {S ".norm.*", "norm." n ".*"}, {      \
        S ".head.*", "head." n ".*"                                                                                    \
    }
static const cvt_name_row timm[] = {
    {"sm.cls_token", "cls_token_0"},
    {"sm.pos_embed", "pos_embed_0"},
    BRANCH_ROWS("sm", "0"),
    {"lg.cls_token", "cls_token_1"},
    {"lg.pos_embed", "pos_embed_1"},
    BRANCH_ROWS("lg", "1"),
    {NULL, NULL},
};
static const cvt_name_row ibm[] = {
    {"sm.cls_token", "cls_token.0"},
    {"sm.pos_embed", "pos_embed.0"},
    BRANCH_ROWS("sm", "0"),
    {"lg.cls_token", "cls_token.1"},
    {"lg.pos_embed", "pos_embed.1"},
    BRANCH_ROWS("lg", "1"),
    {NULL, NULL},
};

static const cvt_dialect dialects[] = {{"native"}, {"timm", timm}, {"ibm", ibm}, {NULL}};

/* ---- config ---- */

static void defaults(void *p) { /* crossvit_small_240 */
    config *c = p;
    *c = (config){
        .base = {.channels = 3},
        .img_scale = {2, {1, 224.0 / 240}},
        .patch_size = {2, {12, 16}},
        .embed_dim = {2, {192, 384}},
        .num_heads = {2, {6, 6}},
        .mlp_ratio = {3, {4, 4, 1}},
        .depth = {3, {{1, 4, 0}, {1, 4, 0}, {1, 4, 0}}},
        .qkv_bias = true,
    };
}

/* Lists have an entry a branch; a third of mlp_ratio, for fusions, is upstream's custom and has no effect. */
static cvt_status check_lengths(const config *c, cvt_error *error) {
    const struct {
        const char *key;
        int n;
    } lists[] = {{"img_scale", c->img_scale.n},
                 {"patch_size", c->patch_size.n},
                 {"embed_dim", c->embed_dim.n},
                 {"num_heads", c->num_heads.n},
                 {"mlp_ratio", c->mlp_ratio.n == BRANCHES + 1 ? BRANCHES : c->mlp_ratio.n}};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (lists[i].n != BRANCHES)
            return cvt_fail(error, CVT_CONFIG, "\"%s\" has %d entries, must have one for each of %d branches",
                            lists[i].key, lists[i].n, BRANCHES);
    return CVT_OK;
}

static int hidden_of(const config *c, int i) { return (int)(c->embed_dim.v[i] * c->mlp_ratio.v[i]); }

/* A side of the image as branch i sees it: rounded down, in the arithmetic of Python's int(side * scale). */
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
    TRY(check_lengths(c, error));
    for (int i = 0; i < BRANCHES; i++) TRY(check_branch(c, i, error));
    if (!c->base.classes) c->base.classes = 1000;
    if (!c->base.preprocess.given)
        c->base.preprocess = cvt_preprocess_default(CVT_PREPROCESS_CENTER, c->base.size[0], 0.875);
    return CVT_OK;
}

/* ---- the forward pass ---- */

/* A branch's tokens, class token first, and the grid of the others. */
typedef struct stream {
    cvt_value tokens;
    int h, w;
} stream;

static void set_grid(cvt_builder *b, const stream *s) { cvtb_grid(b, 1, s->h, s->w); }

/* Half of an excess, halves rounded to even. */
static int margin(int excess) { return excess / 2 + (excess % 2 && excess / 2 % 2); }

static cvt_value scale_image(cvt_builder *b, const config *c, int i, cvt_value image) {
    int h = scaled(c, i, 0), w = scaled(c, i, 1), more_h = c->img_size[0] - h, more_w = c->img_size[1] - w;
    if (c->crop_scale && more_h >= 0 && more_w >= 0) return cvtb_crop(b, image, margin(more_h), margin(more_w), h, w);
    return cvtb_resize(b, image, h, w, CVT_INTERPOLATE_BICUBIC);
}

/* The stem of the dagger models: three convolutions in place of one. */
static cvt_value multi_conv(cvt_builder *b, cvt_value x, int patch, int dim) {
    cvt_conv convs[] = {cvt_conv_square(dim / 4, 7, 4, 3, true), cvt_conv_square(dim / 2, 3, 2, 1, true),
                        cvt_conv_square(dim, 3, 2, 1, true)};
    if (patch == 12) {
        convs[1] = cvt_conv_square(dim / 2, 3, 3, 0, true);
        convs[2] = cvt_conv_square(dim, 3, 1, 1, true);
    }
    cvtb_open(b, "embed", 0, 0, "PatchEmbed");
    x = cvtb_activation(b, cvtb_conv2d(b, x, "0", &convs[0]), CVT_ACT_RELU);
    x = cvtb_activation(b, cvtb_conv2d(b, x, "2", &convs[1]), CVT_ACT_RELU);
    x = cvtb_tap(b, cvtb_conv2d(b, x, "4", &convs[2]), NULL);
    cvtb_close(b);
    return x;
}

static stream embed(cvt_builder *b, const config *c, int i, cvt_value image) {
    int patch = c->patch_size.v[i], dim = c->embed_dim.v[i];
    cvt_conv conv = cvt_conv_square(dim, patch, patch, 0, true);
    cvtb_open(b, branch_names[i], 0, 0, NULL);
    cvt_value x = cvtb_tap(b, cvtb_alias(b, scale_image(b, c, i, image)), "image");
    x = c->multi_conv ? multi_conv(b, x, patch, dim) : cvtb_tap(b, cvtb_conv2d(b, x, "embed", &conv), "embed");
    cvt_shape grid = cvtb_shape(b, x);
    stream s = {.h = grid.d[1], .w = grid.d[2]};
    cvt_position position = {1, s.h, s.w, s.h, s.w, CVT_INTERPOLATE_NONE};
    x = cvtb_concat(b, cvtb_token(b, "cls_token", dim), cvtb_tokens(b, x));
    s.tokens = cvtb_tap(b, cvtb_position(b, x, "pos_embed", &position), "tokens");
    cvtb_close(b);
    return s;
}

static cvt_attention_spec attention_of(const config *c, int i) {
    int heads = c->num_heads.v[i];
    return (cvt_attention_spec){
        .heads = heads, .dim_head = c->embed_dim.v[i] / heads, .qkv_bias = c->qkv_bias, .out_bias = true};
}

static void encode(cvt_builder *b, const config *c, int i, int depth, stream *s) {
    cvt_vit_block block = {
        .attention = attention_of(c, i), .hidden = hidden_of(c, i), .act = CVT_ACT_GELU_ERF, .eps = eps};
    cvtb_open(b, branch_names[i], 0, 0, NULL);
    set_grid(b, s);
    for (int j = 0; j < depth && !cvtb_failed(b); j++) s->tokens = cvtb_vit_block(b, s->tokens, j, &block);
    cvtb_close(b);
}

static cvt_value reproject(cvt_builder *b, const char *name, cvt_value x, int dim) {
    cvtb_open(b, name, 0, 0, NULL);
    x = cvtb_activation(b, cvtb_layer_norm(b, x, "norm", eps), CVT_ACT_GELU_ERF);
    x = cvtb_tap(b, cvtb_linear(b, x, "linear", dim, true), NULL);
    cvtb_close(b);
    return x;
}

/* The class token of a sequence after a look at all of it. index -1: the only one, without a number. */
static cvt_value fusion(cvt_builder *b, const cvt_attention_spec *spec, int index, cvt_value tokens) {
    if (index < 0)
        cvtb_open(b, "fusion", 0, 0, "CrossAttentionBlock");
    else
        cvtb_open(b, "fusion{k}", 'k', index, "CrossAttentionBlock");
    cvt_value x = cvtb_layer_norm(b, tokens, "norm1", eps);
    x = cvtb_cross_attention(b, cvtb_slice(b, x, 0, 1), x, spec);
    x = cvtb_tap(b, cvtb_add(b, cvtb_slice(b, tokens, 0, 1), x), NULL);
    cvtb_close(b);
    return x;
}

/* Tokens after their class token's look at those of another branch, whose channels attention has. From the second
 * fusion on there is one token only. */
static cvt_value fuse(cvt_builder *b, const cvt_attention_spec *spec, int depth, cvt_value own, cvt_value other) {
    cvt_shape s = cvtb_shape(b, own), t = cvtb_shape(b, other);
    cvt_value x = reproject(b, "proj", cvtb_slice(b, own, 0, 1), cvt_shape_cols(t));
    x = cvtb_concat(b, x, cvtb_slice(b, other, 1, cvt_shape_rows(t) - 1));
    if (!depth) x = fusion(b, spec, -1, x);
    for (int k = 0; k < depth && !cvtb_failed(b); k++) x = fusion(b, spec, k, x);
    x = reproject(b, "revert", x, cvt_shape_cols(s));
    return cvtb_concat(b, x, cvtb_slice(b, own, 1, cvt_shape_rows(s) - 1));
}

static cvt_value fuse_branch(cvt_builder *b, const config *c, int i, int depth, const stream *own,
                             const stream *other) {
    cvt_attention_spec spec = attention_of(c, 1 - i);
    cvtb_open(b, branch_names[i], 0, 0, NULL);
    set_grid(b, other);
    cvt_value x = cvtb_tap(b, fuse(b, &spec, depth, own->tokens, other->tokens), NULL);
    cvtb_close(b);
    return x;
}

static void stage(cvt_builder *b, const config *c, int i, stream *sm, stream *lg) {
    const int *depth = c->depth.v[i];
    cvtb_open(b, "stage{i}", 'i', i, "MultiScaleBlock");
    encode(b, c, SM, depth[SM], sm);
    encode(b, c, LG, depth[LG], lg);
    cvt_value one = fuse_branch(b, c, SM, depth[FUSION], sm, lg), two = fuse_branch(b, c, LG, depth[FUSION], lg, sm);
    sm->tokens = one;
    lg->tokens = two;
    cvtb_close(b);
}

/* What a branch's head reads. */
static cvt_value features(cvt_builder *b, const config *c, int i, const stream *s) {
    cvt_value x = cvtb_tap(b, cvtb_alias(b, s->tokens), branch_names[i]);
    cvtb_open(b, branch_names[i], 0, 0, NULL);
    x = cvtb_tap(b, cvtb_layer_norm(b, x, "norm", eps), "norm");
    cvtb_close(b);
    x = c->global_pool == AVG ? cvtb_mean(b, cvtb_slice(b, x, 1, s->h * s->w)) : cvtb_slice(b, x, 0, 1);
    return cvtb_flatten(b, x);
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
    cvt_value image = cvtb_input(b, c->base.channels, in[0], in[1]);
    stream sm = embed(b, c, SM, image), lg = embed(b, c, LG, image);
    for (int i = 0; i < c->depth.n && !cvtb_failed(b); i++) stage(b, c, i, &sm, &lg);
    cvt_value one = features(b, c, SM, &sm), two = features(b, c, LG, &lg);
    cvtb_embedding(b, cvtb_concat(b, one, two));
    return cvtb_scale(b, cvtb_add(b, head(b, c, SM, one), head(b, c, LG, two)), 0.5f);
}

const cvt_arch cvt_arch_crossvit_ibm = {
    .name = "crossvit_ibm",
    .about = "CrossViT (IBM, timm): two branches at two scales, fused by attention of the class tokens",
    .traits = {"yes", "non-overlapping (two sizes), or convolutions", "linear", "no"},
    .config_size = sizeof(config),
    .defaults = defaults,
    .keys = keys,
    .dialects = dialects,
    .classifier = "sm.head.weight",
    .resolve = resolve,
    .build = build,
};

/* ---- fusion as a layer of networks ---- */

typedef struct fusion_config {
    int num_heads;
    bool qkv_bias;
} fusion_config;

static const cvt_key fusion_keys[] = {
    {.name = "num_heads", .type = CVT_KEY_INT, .offset = offsetof(fusion_config, num_heads), .min = 1, .max = 4096},
    {.name = "qkv_bias", .type = CVT_KEY_BOOL, .offset = offsetof(fusion_config, qkv_bias)},
    {0},
};

static void fusion_defaults(void *p) { *(fusion_config *)p = (fusion_config){.num_heads = 6, .qkv_bias = true}; }

static cvt_value fusion_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const fusion_config *c = p;
    char text[48];
    for (int i = 0; i < BRANCHES; i++) cvtb_check_class_token(b, in[i]);
    if (cvtb_failed(b)) return CVT_NO_VALUE;
    cvt_shape s = cvtb_shape(b, in[1]);
    if (s.d[1] % c->num_heads)
        cvtb_fail(b, "\"num_heads\" = %d does not divide the channels of its second input, %s", c->num_heads,
                  cvt_shape_text(s, text));
    cvt_attention_spec spec = {
        .heads = c->num_heads, .dim_head = s.d[1] / c->num_heads, .qkv_bias = c->qkv_bias, .out_bias = true};
    cvt_grid other = cvtb_placed(b, in[1]);
    cvtb_grid(b, other.prefix, other.h, other.w);
    return cvtb_like(b, fuse(b, &spec, 0, in[0], in[1]), in[0]);
}

const cvt_layer cvt_layer_crossvit_fusion = {.type = "crossvit_fusion",
                                             .about = "a class token that attends to other patches, of IBM",
                                             .config_size = sizeof(fusion_config),
                                             .defaults = fusion_defaults,
                                             .keys = fusion_keys,
                                             .inputs = BRANCHES,
                                             .build = fusion_build};
