/* vit_layers.c - what ViT gives to networks of layers: patches to a map, and a transformer's blocks. */
#include "arch/blocks.h"
#include "arch/layer.h"

/* ---- patch_embed: weights proj.* ---- */

typedef struct embed_config {
    int dim, patch_size[2];
} embed_config;

static const cvt_key embed_keys[] = {
    {.name = "dim", .type = CVT_KEY_INT, .offset = offsetof(embed_config, dim), .min = 1, .max = 65536},
    {.name = "patch_size", .type = CVT_KEY_SIZE, .offset = offsetof(embed_config, patch_size), .min = 1, .max = 4096},
    {0},
};

static void embed_defaults(void *p) { *(embed_config *)p = (embed_config){192, {16, 16}}; }

static cvt_value embed_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const embed_config *c = p;
    cvt_value map = cvtb_as_map(b, in[0]);
    cvt_shape s = cvtb_shape(b, map);
    int h = c->patch_size[0], w = c->patch_size[1];
    char text[48];
    if (!cvtb_failed(b) && (s.d[1] % h || s.d[2] % w))
        cvtb_fail(b, "\"patch_size\" = %d x %d does not divide its input, %s", h, w, cvt_shape_text(s, text));
    cvt_conv conv = {.out = c->dim, .kh = h, .kw = w, .stride_h = h, .stride_w = w, .bias = true};
    return cvtb_conv2d(b, map, "proj", &conv);
}

const cvt_layer cvt_layer_patch_embed = {.type = "patch_embed",
                                         .row = "PatchEmbed",
                                         .about = "a map's patches, each through one linear layer: a map",
                                         .config_size = sizeof(embed_config),
                                         .defaults = embed_defaults,
                                         .keys = embed_keys,
                                         .inputs = 1,
                                         .build = embed_build};

/* ---- transformer: weights block{j}.* ---- */

typedef struct transformer_config {
    int dim, depth, heads, dim_head, mlp_dim, activation;
    double mlp_ratio, eps;
    bool qkv_bias;
} transformer_config;

#define AT(field) offsetof(transformer_config, field)
static const cvt_key transformer_keys[] = {
    {.name = "dim", .type = CVT_KEY_INT, .offset = AT(dim), .min = 1, .max = 65536},
    {.name = "depth", .type = CVT_KEY_INT, .offset = AT(depth), .min = 1, .max = 1000},
    {.name = "heads", .type = CVT_KEY_INT, .offset = AT(heads), .min = 1, .max = 4096},
    {.name = "dim_head", .type = CVT_KEY_INT, .offset = AT(dim_head), .min = 1, .max = 4096},
    {.name = "mlp_dim", .type = CVT_KEY_INT, .offset = AT(mlp_dim), .min = 1, .max = 1 << 22},
    {.name = "mlp_ratio", .type = CVT_KEY_NUMBER, .offset = AT(mlp_ratio), .min = 0.001, .max = 64},
    {.name = "qkv_bias", .type = CVT_KEY_BOOL, .offset = AT(qkv_bias)},
    {.name = "activation", .type = CVT_KEY_CHOICE, .offset = AT(activation), .choices = cvt_layer_activations},
    {.name = "eps", .type = CVT_KEY_NUMBER, .offset = AT(eps), .min = 1e-12, .max = 1},
    {0},
};

static void transformer_defaults(void *p) {
    *(transformer_config *)p = (transformer_config){
        .depth = 1, .heads = 3, .activation = CVT_ACT_GELU_ERF, .mlp_ratio = 4, .eps = 1e-6, .qkv_bias = true};
}

static cvt_value transformer_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const transformer_config *c = p;
    cvt_grid grid;
    cvt_value t = cvtb_as_tokens(b, in[0], &grid);
    int dim = cvt_shape_cols(cvtb_shape(b, t));
    cvtb_check_channels(b, in[0], "dim", c->dim);
    if (!c->dim_head) cvtb_check_heads(b, "heads", c->heads, "dim", dim);
    cvt_vit_block block = {
        .attention = {.heads = c->heads,
                      .dim_head = c->dim_head ? c->dim_head : dim / c->heads,
                      .qkv_bias = c->qkv_bias,
                      .out_bias = true},
        .hidden = c->mlp_dim ? c->mlp_dim : (int)(dim * c->mlp_ratio),
        .act = (cvt_act)c->activation,
        .eps = (float)c->eps,
    };
    cvtb_check_hidden(b, c->mlp_ratio, block.hidden);
    if (cvtb_failed(b)) return CVT_NO_VALUE;
    cvtb_grid(b, grid.prefix, grid.h, grid.w);
    for (int j = 0; j < c->depth && !cvtb_failed(b); j++) t = cvtb_vit_block(b, t, j, &block);
    return cvtb_like(b, t, in[0]);
}

const cvt_layer cvt_layer_transformer = {.type = "transformer",
                                         .row = "Transformer",
                                         .about = "blocks of ViT: attention and a feed-forward part, norms first",
                                         .config_size = sizeof(transformer_config),
                                         .defaults = transformer_defaults,
                                         .keys = transformer_keys,
                                         .inputs = 1,
                                         .build = transformer_build};
