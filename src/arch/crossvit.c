/* crossvit.c - CrossViT of vit_pytorch (vit_pytorch/cross_vit.py): two branches see the same image in small and in
 * large patches, each with a class token, and the class tokens look at the other branch's patches.
 *
 *   sm, lg = embed(image)                                  each with its own class token and positions
 *   each stage: sm = norm(blocks(sm)), lg = norm(blocks(lg))
 *     each round: sm_cls += project_out(attn(norm(project_in(sm_cls)), lg_patches)), lg_cls likewise
 *   logits = head(norm(sm_cls)) + head(norm(lg_cls))
 *
 * The patches that are looked at are not normalised there; the class token is the first of keys and values. Where both
 * branches have the same channels the projections are not there. IBM's original is another function: crossvit_ibm.c. */
#include "arch/blocks.h"
#include "arch/layer.h"
#include "arch/resolve.h"

static const float eps = 1e-5f;

enum { SM, LG, BRANCHES };
static const char *const branch_names[] = {"sm", "lg"}, *const patch_keys[] = {"sm_patch_size", "lg_patch_size"};

/* Layout a has no norms about the projection of the patches; b, c and d are one function. */
enum { LAYOUT_A, LAYOUT_B, LAYOUT_C, LAYOUT_D, UNSAID = -1 };
static const char *const layouts[] = {"a", "b", "c", "d", NULL};

typedef struct branch {
    int dim, patch_size, depth, heads, mlp_dim, dim_head;
} branch;

typedef struct config {
    cvt_base base;
    int image_size, depth, layout;
    branch branches[BRANCHES];
    int cross_depth, cross_heads, cross_dim_head;
} config;

#define AT(field) offsetof(config, field)
#define BRANCH_KEY(i, key, field, least, most) \
    { .name = key, .type = CVT_KEY_INT, .offset = AT(branches[i].field), .min = least, .max = most }
#define BRANCH_KEYS(S, i)                                                                             \
    BRANCH_KEY(i, S "_dim", dim, 1, 65536), BRANCH_KEY(i, S "_patch_size", patch_size, 1, 4096),      \
        BRANCH_KEY(i, S "_enc_depth", depth, 0, 1000), BRANCH_KEY(i, S "_enc_heads", heads, 1, 4096), \
        BRANCH_KEY(i, S "_enc_mlp_dim", mlp_dim, 1, 1048576), BRANCH_KEY(i, S "_enc_dim_head", dim_head, 1, 4096)
static const cvt_key keys[] = {
    {.name = "image_size", .type = CVT_KEY_INT, .offset = AT(image_size), .min = 1, .max = 65535},
    {.name = "channels", .type = CVT_KEY_INT, .offset = AT(base.channels), .min = 1, .max = 64},
    {.name = "num_classes", .type = CVT_KEY_INT, .offset = AT(base.classes), .min = 1, .max = 1000000},
    {.name = "depth", .type = CVT_KEY_INT, .offset = AT(depth), .min = 1, .max = 1000},
    BRANCH_KEYS("sm", SM),
    BRANCH_KEYS("lg", LG),
    {.name = "cross_attn_depth", .type = CVT_KEY_INT, .offset = AT(cross_depth), .min = 0, .max = 1000},
    {.name = "cross_attn_heads", .type = CVT_KEY_INT, .offset = AT(cross_heads), .min = 1, .max = 4096},
    {.name = "cross_attn_dim_head", .type = CVT_KEY_INT, .offset = AT(cross_dim_head), .min = 1, .max = 4096},
    {.name = "layout", .type = CVT_KEY_CHOICE, .offset = AT(layout), .choices = layouts},
    CVT_DROPOUT_KEY("dropout"),
    CVT_DROPOUT_KEY("emb_dropout"),
    {0},
};

/* ---- names of weights ---- */

#define EMBED(S) S "_image_embedder."
#define EMBED_A_ROWS(S)                                            \
    {S ".embed.weight", EMBED(S) "to_patch_embedding.1.weight"}, { \
        S ".embed.bias", EMBED(S) "to_patch_embedding.1.bias"      \
    }
#define EMBED_B_ROWS(S)                                                                                                \
    {S ".embed.norm1.*", EMBED(S) "to_patch_embedding.1.*"}, {S ".embed.proj.*", EMBED(S) "to_patch_embedding.2.*"}, { \
        S ".embed.norm2.*", EMBED(S) "to_patch_embedding.3.*"                                                          \
    }
#define TOKEN_ROWS(S)                                                                   \
    {S ".cls_token", EMBED(S) "cls_token"}, {S ".pos_embed", EMBED(S) "pos_embedding"}, \
        {S ".norm.*", S "_mlp_head.0.*"}, {                                             \
        S ".head.*", S "_mlp_head.1.*"                                                  \
    }

/* n: the branch's number; F: "fn." where norms are modules of their own, as in a and b, else nothing. */
#define STAGE "multi_scale_encoder.layers.{i}."
#define BLOCK(S) "stage{i}." S ".block{j}."
#define LAYER(n) STAGE n ".layers.{j}."
#define CROSS(S) "stage{i}.cross{k}." S "."
#define PAIR(n) STAGE "2.layers.{k}." n "."
#define BLOCK_ROWS(S, n, F)                                                                     \
    {BLOCK(S) "norm1.*", LAYER(n) "0.norm.*"}, {BLOCK(S) "attn.q.*", LAYER(n) "0." F "to_q.*"}, \
        CVT_STACKED_2(BLOCK(S) "attn.", "k", "v", LAYER(n) "0." F "to_kv.*"),                   \
        {BLOCK(S) "attn.proj.*", LAYER(n) "0." F "to_out.0.*"}, {                               \
        "stage{i}." S ".norm.*", STAGE n ".norm.*"                                              \
    }
#define CROSS_ROWS(S, n, F)                                                                                 \
    {CROSS(S) "project_in.*", PAIR(n) "project_in.*"}, {CROSS(S) "project_out.*", PAIR(n) "project_out.*"}, \
        {CROSS(S) "norm.*", PAIR(n) "fn.norm.*"}, {CROSS(S) "attn.q.*", PAIR(n) "fn." F "to_q.*"},          \
        CVT_STACKED_2(CROSS(S) "attn.", "k", "v", PAIR(n) "fn." F "to_kv.*"), {                             \
        CROSS(S) "attn.proj.*", PAIR(n) "fn." F "to_out.0.*"                                                \
    }

#define OLD_ROWS(S, n) \
    TOKEN_ROWS(S), BLOCK_ROWS(S, n, "fn."), CVT_VP_OLD_MLP(BLOCK(S), LAYER(n)), CROSS_ROWS(S, n, "fn.")
#define NEW_ROWS(S, n) TOKEN_ROWS(S), BLOCK_ROWS(S, n, ""), CVT_VP_MLP(BLOCK(S), LAYER(n)), CROSS_ROWS(S, n, "")
static const cvt_name_row rows_a[] = {
    EMBED_A_ROWS("sm"), EMBED_A_ROWS("lg"), OLD_ROWS("sm", "0"), OLD_ROWS("lg", "1"), {NULL, NULL},
};
static const cvt_name_row rows_b[] = {
    EMBED_B_ROWS("sm"), EMBED_B_ROWS("lg"), OLD_ROWS("sm", "0"), OLD_ROWS("lg", "1"), {NULL, NULL},
};
static const cvt_name_row rows_c[] = {
    EMBED_B_ROWS("sm"), EMBED_B_ROWS("lg"), NEW_ROWS("sm", "0"), NEW_ROWS("lg", "1"), {NULL, NULL},
};

/* d has the names of c; a before b, whose rows cover a's tensors too. */
static const cvt_dialect dialects[] = {
    {"native"}, {"vit_pytorch_c", rows_c}, {"vit_pytorch_a", rows_a}, {"vit_pytorch_b", rows_b}, {NULL},
};

/* ---- config ---- */

static void defaults(void *p) { /* those of the constructor; the channels of its example */
    config *c = p;
    *c = (config){
        .base = {.channels = 3},
        .depth = 3,
        .layout = UNSAID,
        .branches = {{192, 12, 1, 8, 2048, 64}, {384, 16, 4, 8, 2048, 64}},
        .cross_depth = 2,
        .cross_heads = 8,
        .cross_dim_head = 64,
    };
}

/* The image that the table of positions is for, which is square. */
static void resolve_size(config *c) {
    int said = c->base.size[0] ? c->base.size[0] : c->base.preprocess.size[0];
    if (!c->image_size) c->image_size = said ? said : 240;
    for (int i = 0; i < 2; i++)
        if (!c->base.size[i]) c->base.size[i] = c->image_size;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    resolve_size(c);
    for (int i = 0; i < BRANCHES; i++)
        TRY(cvt_check_divides(patch_keys[i], c->branches[i].patch_size, "image_size", c->image_size, -1, error));
    if (c->layout == UNSAID) c->layout = cvt_hints_tensor(hints, "sm.embed.weight", 0) ? LAYOUT_A : LAYOUT_D;
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

static cvt_value project_patches(cvt_builder *b, const config *c, const branch *k, cvt_value image) {
    cvt_value x = cvtb_patches(b, image, k->patch_size, k->patch_size);
    if (c->layout == LAYOUT_A) return cvtb_tap(b, cvtb_linear(b, x, "embed", k->dim, true), "embed");
    cvtb_open(b, "embed", 0, 0, NULL);
    x = cvtb_linear(b, cvtb_layer_norm(b, x, "norm1", eps), "proj", k->dim, true);
    x = cvtb_tap(b, cvtb_layer_norm(b, x, "norm2", eps), NULL);
    cvtb_close(b);
    return x;
}

/* Images smaller than image_size get the first rows of the positions, as they come. */
static stream embed(cvt_builder *b, const config *c, int i, cvt_value image) {
    const branch *k = &c->branches[i];
    int size = k->patch_size, patch[] = {size, size}, side = c->image_size / size;
    stream s = {.h = c->base.size[0] / size, .w = c->base.size[1] / size};
    cvtb_check_patches(b, patch_keys[i], patch, c->base.size);
    cvtb_open(b, branch_names[i], 0, 0, "ImageEmbedder");
    cvt_value x = project_patches(b, c, k, image);
    cvt_position position = {1, side, side, s.h, s.w, CVT_INTERPOLATE_NONE};
    x = cvtb_concat(b, cvtb_token(b, "cls_token", k->dim), x);
    s.tokens = cvtb_tap(b, cvtb_position(b, x, "pos_embed", &position), "tokens");
    cvtb_close(b);
    return s;
}

static void encode(cvt_builder *b, const config *c, int i, stream *s) {
    const branch *k = &c->branches[i];
    cvt_vit_block block = {.attention = {.heads = k->heads, .dim_head = k->dim_head, .out_bias = true},
                           .hidden = k->mlp_dim,
                           .act = CVT_ACT_GELU_ERF,
                           .eps = eps};
    cvtb_open(b, branch_names[i], 0, 0, "Transformer");
    set_grid(b, s);
    for (int j = 0; j < k->depth && !cvtb_failed(b); j++) s->tokens = cvtb_vit_block(b, s->tokens, j, &block);
    s->tokens = cvtb_tap(b, cvtb_layer_norm(b, s->tokens, "norm", eps), "norm");
    cvtb_close(b);
}

/* A class token after a look at the patches of another branch, whose channels attention has. */
static cvt_value cross_attend(cvt_builder *b, cvt_value cls, cvt_value patches, int heads, int dim_head) {
    int dim = cvt_shape_cols(cvtb_shape(b, cls)), inner = cvt_shape_cols(cvtb_shape(b, patches));
    cvt_attention_spec spec = {.heads = heads, .dim_head = dim_head, .out_bias = true};
    cvt_value x = dim == inner ? cls : cvtb_linear(b, cls, "project_in", inner, true);
    x = cvtb_layer_norm(b, x, "norm", eps);
    x = cvtb_cross_attention(b, x, cvtb_concat(b, x, patches), &spec);
    if (dim != inner) x = cvtb_linear(b, x, "project_out", dim, true);
    return cvtb_tap(b, cvtb_add(b, cls, x), NULL);
}

static cvt_value cross_attend_branch(cvt_builder *b, const config *c, int i, cvt_value cls, cvt_value patches,
                                     const stream *other) {
    cvtb_open(b, branch_names[i], 0, 0, "ProjectInOut");
    set_grid(b, other);
    cls = cross_attend(b, cls, patches, c->cross_heads, c->cross_dim_head);
    cvtb_close(b);
    return cls;
}

static void cross(cvt_builder *b, const config *c, stream *sm, stream *lg) {
    cvt_value cls[] = {cvtb_slice(b, sm->tokens, 0, 1), cvtb_slice(b, lg->tokens, 0, 1)};
    cvt_value patches[] = {cvtb_slice(b, sm->tokens, 1, sm->h * sm->w), cvtb_slice(b, lg->tokens, 1, lg->h * lg->w)};
    for (int k = 0; k < c->cross_depth && !cvtb_failed(b); k++) {
        cvtb_open(b, "cross{k}", 'k', k, NULL);
        cls[SM] = cross_attend_branch(b, c, SM, cls[SM], patches[LG], lg);
        cls[LG] = cross_attend_branch(b, c, LG, cls[LG], patches[SM], sm);
        cvtb_close(b);
    }
    sm->tokens = cvtb_tap(b, cvtb_concat(b, cls[SM], patches[SM]), branch_names[SM]);
    lg->tokens = cvtb_tap(b, cvtb_concat(b, cls[LG], patches[LG]), branch_names[LG]);
}

static cvt_value features(cvt_builder *b, int i, cvt_value tokens) {
    tokens = cvtb_tap(b, cvtb_alias(b, tokens), branch_names[i]);
    cvtb_open(b, branch_names[i], 0, 0, NULL);
    cvt_value x = cvtb_flatten(b, cvtb_layer_norm(b, cvtb_slice(b, tokens, 0, 1), "norm", eps));
    cvtb_tap(b, x, "norm");
    cvtb_close(b);
    return x;
}

static cvt_value head(cvt_builder *b, const config *c, int i, cvt_value x) {
    cvtb_open(b, branch_names[i], 0, 0, NULL);
    x = cvtb_tap(b, cvtb_linear(b, x, "head", c->base.classes, true), "head");
    cvtb_close(b);
    return x;
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    cvt_value image = cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]);
    stream sm = embed(b, c, SM, image), lg = embed(b, c, LG, image);
    for (int i = 0; i < c->depth && !cvtb_failed(b); i++) {
        cvtb_open(b, "stage{i}", 'i', i, NULL);
        encode(b, c, SM, &sm);
        encode(b, c, LG, &lg);
        cross(b, c, &sm, &lg);
        cvtb_close(b);
    }
    cvt_value one = features(b, SM, sm.tokens), two = features(b, LG, lg.tokens);
    cvtb_embedding(b, cvtb_concat(b, one, two));
    return cvtb_add(b, head(b, c, SM, one), head(b, c, LG, two));
}

const cvt_arch cvt_arch_crossvit = {
    .name = "crossvit",
    .about = "CrossViT (vit_pytorch): two branches of patches whose class tokens attend to each other's",
    .traits = {"yes", "non-overlapping (two sizes)", "linear", "no"},
    .config_size = sizeof(config),
    .defaults = defaults,
    .keys = keys,
    .dialects = dialects,
    .classifier = "sm.head.weight",
    .resolve = resolve,
    .build = build,
};

/* ---- cross attention as a layer of networks ---- */

typedef struct cross_config {
    int depth, heads, dim_head;
} cross_config;

static const cvt_key cross_keys[] = {
    {.name = "depth", .type = CVT_KEY_INT, .offset = offsetof(cross_config, depth), .min = 1, .max = 1000},
    {.name = "heads", .type = CVT_KEY_INT, .offset = offsetof(cross_config, heads), .min = 1, .max = 4096},
    {.name = "dim_head", .type = CVT_KEY_INT, .offset = offsetof(cross_config, dim_head), .min = 1, .max = 4096},
    {0},
};

static void cross_defaults(void *p) { *(cross_config *)p = (cross_config){2, 8, 64}; }

/* The patches of both stay as they are, so one direction needs nothing of the other. */
static cvt_value cross_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const cross_config *c = p;
    for (int i = 0; i < BRANCHES; i++) cvtb_check_class_token(b, in[i]);
    if (cvtb_failed(b)) return CVT_NO_VALUE;
    cvt_grid other = cvtb_placed(b, in[1]);
    int own_rows = cvt_shape_rows(cvtb_shape(b, in[0])), other_rows = cvt_shape_rows(cvtb_shape(b, in[1]));
    cvt_value cls = cvtb_slice(b, in[0], 0, 1), patches = cvtb_slice(b, in[1], 1, other_rows - 1);
    for (int k = 0; k < c->depth && !cvtb_failed(b); k++) {
        cvtb_open(b, "cross{k}", 'k', k, "ProjectInOut");
        cvtb_grid(b, other.prefix, other.h, other.w);
        cls = cross_attend(b, cls, patches, c->heads, c->dim_head);
        cvtb_close(b);
    }
    return cvtb_like(b, cvtb_concat(b, cls, cvtb_slice(b, in[0], 1, own_rows - 1)), in[0]);
}

const cvt_layer cvt_layer_crossvit_cross = {.type = "crossvit_cross",
                                            .about = "a class token that attends to other patches, of vit_pytorch",
                                            .config_size = sizeof(cross_config),
                                            .defaults = cross_defaults,
                                            .keys = cross_keys,
                                            .inputs = BRANCHES,
                                            .build = cross_build};
