/* vit_layers.c - the parts of ViT as layers of networks: patch embedding, and the blocks of a transformer. */
#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/layer.h"

typedef struct config {
    int dim, patch_size[2]; /* both of patch_embed; a transformer only checks dim, unless it is 0 */
    int depth, heads, dim_head, mlp_dim, activation;
    double mlp_ratio, eps;
    bool qkv_bias;
} config;
#define KEYS_OF config

/* ---- patch_embed: weights proj.* ---- */

static const cvt_key embed_keys[] = {
    INT("dim", dim, 1, 65536, "192", "channels of the tokens"),
    SIZE("patch_size", patch_size, 1, 4096, "16", "of a patch"),
    {0},
};

static cvt_value embed_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const config *c = p;
    cvt_value map = cvtb_as_map(b, in[0]);
    cvt_shape s = cvtb_shape(b, map);
    int h = c->patch_size[0], w = c->patch_size[1];
    char text[48];
    if (!cvtb_failed(b) && (s.d[1] % h || s.d[2] % w))
        cvtb_fail(b, "\"patch_size\" = %d x %d does not divide its input, %s", h, w, cvt_shape_text(s, text));
    cvt_conv conv = {.out = c->dim, .kh = h, .kw = w, .stride_h = h, .stride_w = w, .bias = true};
    return cvtb_conv2d(b, map, "proj", &conv);
}

const cvt_layer cvt_layer_patch_embed =
    CVT_LAYER("patch_embed", 1, "a map's patches, each through one linear layer: a map", .build = embed_build,
              CVT_LAYER_KEYS(config, embed_keys), .row = "PatchEmbed");

/* ---- transformer: weights block{j}.* ---- */

static const cvt_key transformer_keys[] = {
    INT("dim", dim, 1, 65536, NULL, "the channels of its input, checked"),
    INT("depth", depth, 1, 1000, "1", "blocks"),
    INT("heads", heads, 1, 4096, "3", "attention heads"),
    INT("dim_head", dim_head, 1, 4096, NULL, "channels of a head; default: those of the input / heads"),
    INT("mlp_dim", mlp_dim, 1, 1 << 22, NULL, "hidden channels; default: by mlp_ratio"),
    NUM("mlp_ratio", mlp_ratio, 0.001, 64, "4", "the same, as a multiple of the channels"),
    BOOL("qkv_bias", qkv_bias, "true", "bias of queries, keys and values"),
    CHOICE("activation", activation, cvt_layer_activations, "'gelu_erf'", "of the feed-forward parts"),
    NUM("eps", eps, 1e-12, 1, "1e-6", "of the norms"),
    {0},
};

static cvt_value transformer_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const config *c = p;
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
    return cvtb_like(b, cvtb_vit_blocks(b, t, c->depth, &block), in[0]);
}

const cvt_layer cvt_layer_transformer =
    CVT_LAYER("transformer", 1, "blocks of ViT: attention and a feed-forward part, norms first",
              .build = transformer_build, CVT_LAYER_KEYS(config, transformer_keys), .row = "Transformer");
