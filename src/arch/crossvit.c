/* crossvit.c - CrossViT of vit_pytorch (vit_pytorch/cross_vit.py): two branches read the same image, one in small and
 * one in large patches. Each has a class token, which attends to the other branch's patches.
 *
 *   sm, lg = embed(image)                                  each with its own class token and positions
 *   each stage: sm = norm(blocks(sm)), lg = norm(blocks(lg))
 *     each round: sm_cls += project_out(attn(norm(project_in(sm_cls)), lg_patches)), lg_cls likewise
 *   logits = head(norm(sm_cls)) + head(norm(lg_cls))
 *
 * The patches that a class token attends to are not normalised first, and the class token itself is the first of keys
 * and values. If both branches have equally many channels, there are no projections. IBM's original computes something
 * else: see crossvit_ibm.c. */
#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/layer.h"
#include "arch/resolve.h"

static const float eps = 1e-5f;

enum { SM, LG, BRANCHES };
static const char *const branch_names[] = {"sm", "lg"}, *const patch_keys[] = {"sm_patch_size", "lg_patch_size"};

/* Layout a has no norms before and after the projection of the patches. b, c and d compute the same. */
enum { LAYOUT_A, LAYOUT_B, LAYOUT_C, LAYOUT_D };
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

/* The defaults are those of the original's constructor, with the channels of its example. */
#define KEYS_OF config
static const cvt_key keys[] = {
    INT("image_size", image_size, 1, 65535, NULL, "whose patches the positions are for; default: the input's, 240"),
    INT("channels", base.channels, 1, 64, "3", "of the input"),
    INT("num_classes", base.classes, 1, 1000000, NULL, "default: as in the weights, else 1000"),
    INT("depth", depth, 1, 1000, "3", "stages"),
    INT("sm_dim", branches[SM].dim, 1, 65536, "192", "channels of small patches"),
    INT("sm_patch_size", branches[SM].patch_size, 1, 4096, "12", "side of a small patch"),
    INT("sm_enc_depth", branches[SM].depth, 0, 1000, "1", "blocks of small patches in a stage"),
    INT("sm_enc_heads", branches[SM].heads, 1, 4096, "8", "heads of such a block"),
    INT("sm_enc_mlp_dim", branches[SM].mlp_dim, 1, 1048576, "2048", "hidden channels of such a block"),
    INT("sm_enc_dim_head", branches[SM].dim_head, 1, 4096, "64", "channels of such a head"),
    INT("lg_dim", branches[LG].dim, 1, 65536, "384", "channels of large patches"),
    INT("lg_patch_size", branches[LG].patch_size, 1, 4096, "16", "side of a large patch"),
    INT("lg_enc_depth", branches[LG].depth, 0, 1000, "4", "blocks of large patches in a stage"),
    INT("lg_enc_heads", branches[LG].heads, 1, 4096, "8", "heads of such a block"),
    INT("lg_enc_mlp_dim", branches[LG].mlp_dim, 1, 1048576, "2048", "hidden channels of such a block"),
    INT("lg_enc_dim_head", branches[LG].dim_head, 1, 4096, "64", "channels of such a head"),
    INT("cross_attn_depth", cross_depth, 0, 1000, "2", "rounds of cross attention in a stage"),
    INT("cross_attn_heads", cross_heads, 1, 4096, "8", "heads of cross attention"),
    INT("cross_attn_dim_head", cross_dim_head, 1, 4096, "64", "channels of such a head"),
    CHOICE("layout", layout, layouts, NULL, "which releases the weights are of; default: as their names tell, else d"),
    CVT_VIT_PYTORCH_DROPOUT_KEYS,
    {0},
};

/* ---- names of weights: {} is "fn." in layouts a and b, where norms are modules around the parts ---- */

static const cvt_name_row attention[] = {{"attn.q.*", "{}to_q.*"},
                                         CVT_STACKED_2("attn.", "k", "v", "{}to_kv.*"),
                                         {"attn.proj.*", "{}to_out.0.*"},
                                         {NULL, NULL}};
static const cvt_name_row encoder[] = {{"block{j}.norm1.*", "layers.{j}.0.norm.*"},
                                       {"block{j}.*", "layers.{j}.0.*", .rows = attention},
                                       {"norm.*", "norm.*"},
                                       {NULL, NULL}};
static const cvt_name_row cross_attention[] = {{"project_in.*", "project_in.*"},
                                               {"project_out.*", "project_out.*"},
                                               {"norm.*", "fn.norm.*"},
                                               {"*", "fn.*", .rows = attention},
                                               {NULL, NULL}};
static const cvt_name_row branch_ends[] = {{"cls_token", "image_embedder.cls_token"},
                                           {"pos_embed", "image_embedder.pos_embedding"},
                                           {"norm.*", "mlp_head.0.*"},
                                           {"head.*", "mlp_head.1.*"},
                                           {NULL, NULL}};
static const cvt_name_row common[] = {
    {"sm.*", "sm_*", .rows = branch_ends},
    {"lg.*", "lg_*", .rows = branch_ends},
    {"stage{i}.sm.*", "multi_scale_encoder.layers.{i}.0.*", .rows = encoder},
    {"stage{i}.lg.*", "multi_scale_encoder.layers.{i}.1.*", .rows = encoder},
    {"stage{i}.cross{k}.sm.*", "multi_scale_encoder.layers.{i}.2.layers.{k}.0.*", .rows = cross_attention},
    {"stage{i}.cross{k}.lg.*", "multi_scale_encoder.layers.{i}.2.layers.{k}.1.*", .rows = cross_attention},
    {NULL, NULL}};
/* The feed-forward parts, and the projections of the patches. */
static const cvt_name_row old_mlps[] = {
    {"stage{i}.sm.block{j}.*", "multi_scale_encoder.layers.{i}.0.layers.{j}.*", .rows = cvt_vp_old_mlp},
    {"stage{i}.lg.block{j}.*", "multi_scale_encoder.layers.{i}.1.layers.{j}.*", .rows = cvt_vp_old_mlp},
    {NULL, NULL}};
static const cvt_name_row new_mlps[] = {
    {"stage{i}.sm.block{j}.*", "multi_scale_encoder.layers.{i}.0.layers.{j}.*", .rows = cvt_vp_mlp},
    {"stage{i}.lg.block{j}.*", "multi_scale_encoder.layers.{i}.1.layers.{j}.*", .rows = cvt_vp_mlp},
    {NULL, NULL}};
static const cvt_name_row normed_embed[] = {{"norm1.*", "1.*"}, {"proj.*", "2.*"}, {"norm2.*", "3.*"}, {NULL, NULL}};
static const cvt_name_row embeds[] = {{"sm.embed.*", "sm_image_embedder.to_patch_embedding.*", .rows = normed_embed},
                                      {"lg.embed.*", "lg_image_embedder.to_patch_embedding.*", .rows = normed_embed},
                                      {NULL, NULL}};
static const cvt_name_row layout_a[] = {{"sm.embed.*", "sm_image_embedder.to_patch_embedding.1.*"},
                                        {"lg.embed.*", "lg_image_embedder.to_patch_embedding.1.*"},
                                        {"*", "*", .rows = common},
                                        {"*", "*", .rows = old_mlps},
                                        {NULL, NULL}};
static const cvt_name_row layout_b[] = {
    {"*", "*", .rows = embeds}, {"*", "*", .rows = common}, {"*", "*", .rows = old_mlps}, {NULL, NULL}};
static const cvt_name_row layout_c[] = {
    {"*", "*", .rows = embeds}, {"*", "*", .rows = common}, {"*", "*", .rows = new_mlps}, {NULL, NULL}};

/* Layout d has the names of c. Layout a stands before b, whose rows cover a's tensors too: the first counts. */
static const cvt_dialect dialects[] = {
    {"native"}, {"vit_pytorch_c", layout_c}, {"vit_pytorch_a", layout_a, "fn."}, {"vit_pytorch_b", layout_b, "fn."},
    {NULL},
};

/* ---- config ---- */

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    int image[] = {c->image_size, c->image_size};
    cvt_resolve_image(image, &c->base, 240);
    c->image_size = image[0];
    for (int i = 0; i < BRANCHES; i++)
        TRY(cvt_check_divides(patch_keys[i], c->branches[i].patch_size, "image_size", c->image_size, -1, error));
    if (!GIVEN(c, layout)) c->layout = cvt_hints_tensor(hints, "sm.embed.weight", 0) ? LAYOUT_A : LAYOUT_D;
    return CVT_OK;
}

/* ---- the forward pass ---- */

/* A branch's tokens, the first of which is the class token, and the grid of the others. */
typedef struct stream {
    cvt_value tokens;
    int grid[2];
} stream;

static cvt_value project_patches(cvt_builder *b, const config *c, const branch *k, cvt_value image) {
    cvt_value x = cvtb_patches(b, image, k->patch_size, k->patch_size);
    if (c->layout == LAYOUT_A) return cvtb_tap(b, cvtb_linear(b, x, "embed", k->dim, true), "embed");
    cvtb_open(b, "embed", 0, 0, NULL);
    x = cvtb_linear(b, cvtb_layer_norm(b, x, "norm1", eps), "proj", k->dim, true);
    return cvtb_end(b, cvtb_layer_norm(b, x, "norm2", eps));
}

/* An image smaller than image_size gets the first rows of the positions: the table is not resized. */
static stream embed(cvt_builder *b, const config *c, int i, cvt_value image) {
    const branch *k = &c->branches[i];
    int size = k->patch_size, patch[] = {size, size}, side = c->image_size / size, table[] = {side, side};
    stream s = {.grid = {c->base.size[0] / size, c->base.size[1] / size}};
    cvtb_check_patches(b, patch_keys[i], patch, c->base.size);
    cvtb_open(b, branch_names[i], 0, 0, "ImageEmbedder");
    s.tokens = cvtb_class_token(b, project_patches(b, c, k, image));
    s.tokens = cvtb_add_positions(b, s.tokens, 1, table, s.grid, CVT_INTERPOLATE_NONE);
    cvtb_close(b);
    return s;
}

static void encode(cvt_builder *b, const config *c, int i, stream *s) {
    const branch *k = &c->branches[i];
    cvt_vit_block block = {{k->heads, k->dim_head, .out_bias = true}, k->mlp_dim, CVT_ACT_GELU_ERF, eps};
    cvtb_open(b, branch_names[i], 0, 0, "Transformer");
    cvtb_grid(b, 1, s->grid[0], s->grid[1]);
    s->tokens = cvtb_vit_blocks(b, s->tokens, k->depth, &block);
    s->tokens = cvtb_tap(b, cvtb_layer_norm(b, s->tokens, "norm", eps), "norm");
    cvtb_close(b);
}

/* A class token that attends to the patches of another branch. The attention has the channels of those. */
static cvt_value cross_attend(cvt_builder *b, cvt_value cls, cvt_value patches, int heads, int dim_head) {
    int dim = cvt_shape_cols(cvtb_shape(b, cls)), inner = cvt_shape_cols(cvtb_shape(b, patches));
    cvt_attention_spec spec = {.heads = heads, .dim_head = dim_head, .out_bias = true};
    cvt_value x = dim == inner ? cls : cvtb_linear(b, cls, "project_in", inner, true);
    x = cvtb_layer_norm(b, x, "norm", eps);
    x = cvtb_cross_attention(b, x, cvtb_concat(b, x, patches), &spec);
    if (dim != inner) x = cvtb_linear(b, x, "project_out", dim, true);
    return cvtb_add(b, cls, x);
}

/* In each round the class token of each branch attends to the patches of the other. */
static void cross(cvt_builder *b, const config *c, stream *s) {
    cvt_value cls[BRANCHES], patches[BRANCHES];
    for (int i = 0; i < BRANCHES; i++) cls[i] = cvtb_slice(b, s[i].tokens, 0, 1);
    for (int i = 0; i < BRANCHES; i++) patches[i] = cvtb_slice(b, s[i].tokens, 1, s[i].grid[0] * s[i].grid[1]);
    for (int k = 0; k < c->cross_depth && !cvtb_failed(b); k++) {
        cvtb_open(b, "cross{k}", 'k', k, NULL);
        for (int i = 0, other = LG; i < BRANCHES; i++, other = SM) {
            cvtb_open(b, branch_names[i], 0, 0, "ProjectInOut");
            cvtb_grid(b, 1, s[other].grid[0], s[other].grid[1]);
            cls[i] = cvtb_end(b, cross_attend(b, cls[i], patches[other], c->cross_heads, c->cross_dim_head));
        }
        cvtb_close(b);
    }
    for (int i = 0; i < BRANCHES; i++) s[i].tokens = cvtb_tap(b, cvtb_concat(b, cls[i], patches[i]), branch_names[i]);
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
    cvt_value image = cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]), x[BRANCHES];
    stream s[BRANCHES];
    for (int i = 0; i < BRANCHES; i++) s[i] = embed(b, c, i, image);
    for (int k = 0; k < c->depth && !cvtb_failed(b); k++) {
        cvtb_open(b, "stage{i}", 'i', k, NULL);
        for (int i = 0; i < BRANCHES; i++) encode(b, c, i, &s[i]);
        cross(b, c, s);
        cvtb_close(b);
    }
    for (int i = 0; i < BRANCHES; i++) x[i] = features(b, i, s[i].tokens);
    cvtb_embedding(b, cvtb_concat(b, x[SM], x[LG]));
    for (int i = 0; i < BRANCHES; i++) x[i] = head(b, c, i, x[i]);
    return cvtb_add(b, x[SM], x[LG]);
}

const cvt_arch cvt_arch_crossvit = {
    .name = "crossvit",
    .about = "CrossViT (vit_pytorch): two branches of patches whose class tokens attend to each other's",
    .traits = {"yes", "non-overlapping (two sizes)", "linear", "no"},
    .config_size = sizeof(config),
    .keys = keys,
    .dialects = dialects,
    .classifier = "sm.head.weight",
    .classes = 1000,
    .preprocess = {CVT_PREPROCESS_CENTER, 0, 0.875},
    .resolve = resolve,
    .build = build,
};

/* ---- cross attention as a layer of networks ---- */

typedef struct cross_config {
    int depth, heads, dim_head;
} cross_config;

#undef KEYS_OF
#define KEYS_OF cross_config
static const cvt_key cross_keys[] = {
    INT("depth", depth, 1, 1000, "2", "rounds"),
    INT("heads", heads, 1, 4096, "8", "attention heads"),
    INT("dim_head", dim_head, 1, 4096, "64", "channels of a head"),
    {0},
};

/* One direction alone: the patches of both branches stay as they are, so it needs nothing of the other direction. */
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
        cls = cvtb_end(b, cross_attend(b, cls, patches, c->heads, c->dim_head));
    }
    return cvtb_like(b, cvtb_concat(b, cls, cvtb_slice(b, in[0], 1, own_rows - 1)), in[0]);
}

const cvt_layer cvt_layer_crossvit_cross =
    CVT_LAYER("crossvit_cross", BRANCHES, "a class token that attends to other patches, of vit_pytorch",
              .build = cross_build, CVT_LAYER_KEYS(cross_config, cross_keys));
