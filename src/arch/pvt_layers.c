/* pvt_layers.c - the stages of PVT, Twins-PCPVT and PVT v2, and PEG, as layers of networks. The keys of a stage are
 * those of its family, with one value each. */
#include "arch/keys.h"
#include "arch/layer.h"
#include "arch/pvt_blocks.h"

static const char *const positions[] = {"table", "peg", "none", NULL};
enum { TABLE, PEG };

typedef struct stage_config {
    cvt_pyramid pyramid; /* of one stage */
    int position, grid[2];
    bool cls_token;
} stage_config;

/* The defaults are the second stage of PVT-Tiny and that of PVT v2 B1. The rows that both have are a macro because the
 * default of patch_size differs. */
#define KEYS_OF stage_config
#define SHARED_KEYS(patch)                                                                                           \
    INTS("patch_size", pyramid.kernels, 1, 256, patch, "kernel of the embedding", .stage = true),                    \
        INTS("embed_dim", pyramid.embed_dims, 1, 65536, "128", "channels of the tokens", .stage = true),             \
        INTS("num_heads", pyramid.num_heads, 1, 4096, "2", "heads, which divide the channels", .stage = true),       \
        INTS("depth", pyramid.depths, 1, 1000, "2", "blocks", .stage = true),                                        \
        INTS("sr_ratio", pyramid.sr_ratios, 1, 256, "4", "what divides the sides of the map for keys and values",    \
             .stage = true),                                                                                         \
        NUMS("mlp_ratio", pyramid.mlp_ratios, 0.001, 64, "8", "hidden channels, as a multiple", .stage = true),      \
        BOOL("qkv_bias", pyramid.qkv_bias, "true", "bias of queries, keys and values", .stage = true),               \
        CHOICE("hidden_act", pyramid.hidden_act, cvt_pyramid_acts, "'gelu'", "activation of the feed-forward parts", \
               .stage = true),                                                                                       \
        NUM("layer_norm_eps", pyramid.eps, 1e-12, 1, "1e-6", NULL, .stage = true),                                   \
        NUM("embed_norm_eps", pyramid.embed_eps, 1e-12, 1, "1e-5", "of the norms after embedding and reduction",     \
            .stage = true)

static const cvt_key pvt_keys[] = {
    SHARED_KEYS("2"),
    BOOL("cls_token", cls_token, "false", "a class token; not beside a reduction", .stage = true),
    CHOICE("position", position, positions, "'table'", NULL, .stage = true),
    SIZE("grid", grid, 1, 16384, NULL, "of the table; default: that of the tokens", .stage = true),
    {0},
};
static const cvt_key v2_keys[] = {
    SHARED_KEYS("3"),
    INTS("stride", pyramid.strides, 1, 256, "2", "of the embedding", .stage = true),
    BOOL("linear", pyramid.linear, "false", "keys and values come from 7 x 7 means", .stage = true),
    {0},
};

/* Checks the stage and embeds the layer's input. */
static cvt_value begin(cvt_builder *b, const cvt_pyramid *p, const cvt_pvt_stage *s, cvt_value in) {
    cvtb_check_heads(b, "num_heads", s->block.heads, "embed_dim", s->dim);
    cvtb_check_hidden(b, p->mlp_ratios.v[0], s->block.hidden);
    in = cvtb_as_map(b, in);
    return cvtb_failed(b) ? CVT_NO_VALUE : cvt_pvt_embed(b, s, in);
}

static cvt_value pvt_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const stage_config *c = p;
    cvt_pvt_stage s = cvt_pyramid_stage(&c->pyramid, 0);
    cvt_grid grid;
    if (c->cls_token && s.block.ratio > 1)
        cvtb_fail(b, "\"sr_ratio\" = %d: a stage with \"cls_token\" must not reduce", s.block.ratio);
    s.stride = s.kernel;
    s.cls_token = c->cls_token;
    s.table = c->position == TABLE;
    for (int a = 0; a < 2; a++) s.grid[a] = c->grid[a];
    s.peg_kernel = c->position == PEG ? 3 : 0;
    cvt_value t = cvt_pvt_blocks(b, &s, begin(b, &c->pyramid, &s, in[0]), &grid);
    return c->cls_token ? cvtb_place(b, t, grid) : cvtb_map(b, t, grid.h, grid.w);
}

static cvt_value v2_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const stage_config *c = p;
    cvt_pvt_stage s = cvt_pyramid_v2_stage(&c->pyramid, 0);
    cvt_grid grid;
    cvt_value t = cvt_pvt_blocks(b, &s, begin(b, &c->pyramid, &s, in[0]), &grid);
    return cvtb_map(b, cvtb_layer_norm(b, t, "norm", s.block.eps), grid.h, grid.w);
}

const cvt_layer cvt_layer_pvt_stage =
    CVT_LAYER("pvt_stage", 1, "a stage of PVT or Twins-PCPVT: embedding, then blocks", .build = pvt_build,
              CVT_LAYER_KEYS(stage_config, pvt_keys), .stage = true);

const cvt_layer cvt_layer_pvt_v2_stage = CVT_LAYER("pvt_v2_stage", 1, "a stage of PVT v2", .build = v2_build,
                                                   CVT_LAYER_KEYS(stage_config, v2_keys), .stage = true);

/* ---- peg ---- */

typedef struct peg_config {
    int kernel;
} peg_config;

#undef KEYS_OF
#define KEYS_OF peg_config
static const cvt_key peg_keys[] = {
    INT("peg_kernel", kernel, 1, 255, "3", "odd"),
    {0},
};

static cvt_value peg_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const peg_config *c = p;
    cvt_grid grid;
    cvt_value t = cvtb_as_tokens(b, in[0], &grid);
    if (c->kernel % 2 == 0) cvtb_fail(b, "\"peg_kernel\" = %d must be odd, to keep the map's size", c->kernel);
    cvtb_check_placed(b, t, grid);
    if (cvtb_failed(b)) return CVT_NO_VALUE;
    return cvtb_like(b, cvt_peg(b, t, grid.prefix, grid.h, grid.w, c->kernel), in[0]);
}

const cvt_layer cvt_layer_peg =
    CVT_LAYER("peg", 1, "a depth-wise convolution of map or tokens, added to them: CPVT's positions",
              .build = peg_build, CVT_LAYER_KEYS(peg_config, peg_keys));
