/* pvt_layers.c - the stages of PVT, Twins-PCPVT and PVT v2, and PEG, as layers of networks. Keys as the families', one
 * value each. */
#include "arch/layer.h"
#include "arch/pvt_blocks.h"

static const char *const positions[] = {"table", "peg", "none", NULL};
enum { TABLE, PEG };

typedef struct stage_config {
    int patch_size, stride, embed_dim, num_heads, depth, sr_ratio, position, grid[2], hidden_act;
    bool qkv_bias, cls_token, linear;
    double mlp_ratio, eps, embed_eps;
} stage_config;

#define AT(field) offsetof(stage_config, field)
#define SHARED_KEYS                                                                                            \
    {.name = "patch_size", .type = CVT_KEY_INT, .offset = AT(patch_size), .min = 1, .max = 256},               \
        {.name = "embed_dim", .type = CVT_KEY_INT, .offset = AT(embed_dim), .min = 1, .max = 65536},           \
        {.name = "num_heads", .type = CVT_KEY_INT, .offset = AT(num_heads), .min = 1, .max = 4096},            \
        {.name = "depth", .type = CVT_KEY_INT, .offset = AT(depth), .min = 1, .max = 1000},                    \
        {.name = "sr_ratio", .type = CVT_KEY_INT, .offset = AT(sr_ratio), .min = 1, .max = 256},               \
        {.name = "mlp_ratio", .type = CVT_KEY_NUMBER, .offset = AT(mlp_ratio), .min = 0.001, .max = 64},       \
        {.name = "qkv_bias", .type = CVT_KEY_BOOL, .offset = AT(qkv_bias)},                                    \
        {.name = "hidden_act", .type = CVT_KEY_CHOICE, .offset = AT(hidden_act), .choices = cvt_pyramid_acts}, \
        {.name = "layer_norm_eps", .type = CVT_KEY_NUMBER, .offset = AT(eps), .min = 1e-12, .max = 1}, {       \
        .name = "embed_norm_eps", .type = CVT_KEY_NUMBER, .offset = AT(embed_eps), .min = 1e-12, .max = 1      \
    }

static const cvt_key pvt_keys[] = {
    SHARED_KEYS,
    {.name = "cls_token", .type = CVT_KEY_BOOL, .offset = AT(cls_token)},
    {.name = "position", .type = CVT_KEY_CHOICE, .offset = AT(position), .choices = positions},
    {.name = "grid", .type = CVT_KEY_SIZE, .offset = AT(grid), .min = 1, .max = 16384},
    {0},
};
static const cvt_key v2_keys[] = {
    SHARED_KEYS,
    {.name = "stride", .type = CVT_KEY_INT, .offset = AT(stride), .min = 1, .max = 256},
    {.name = "linear", .type = CVT_KEY_BOOL, .offset = AT(linear)},
    {0},
};

static void pvt_defaults(void *p) { /* the second stage of PVT-Tiny */
    *(stage_config *)p = (stage_config){.patch_size = 2,
                                        .embed_dim = 128,
                                        .num_heads = 2,
                                        .depth = 2,
                                        .sr_ratio = 4,
                                        .mlp_ratio = 8,
                                        .qkv_bias = true,
                                        .eps = 1e-6,
                                        .embed_eps = 1e-5};
}

static void v2_defaults(void *p) { /* that of B1 */
    stage_config *c = p;
    pvt_defaults(c);
    c->patch_size = 3;
    c->stride = 2;
}

/* One stage of a pyramid, checked; the layer's input as a map through the embedding. */
static cvt_value begin(cvt_builder *b, const stage_config *c, cvt_value in, const cvt_conv *conv, cvt_pvt_stage *s) {
    cvt_pyramid p = {.embed_dims = {1, {c->embed_dim}},
                     .depths = {1, {c->depth}},
                     .num_heads = {1, {c->num_heads}},
                     .sr_ratios = {1, {c->sr_ratio}},
                     .mlp_ratios = {1, {c->mlp_ratio}},
                     .qkv_bias = c->qkv_bias,
                     .hidden_act = c->hidden_act,
                     .eps = c->eps,
                     .embed_eps = c->embed_eps};
    cvtb_check_heads(b, "num_heads", c->num_heads, "embed_dim", c->embed_dim);
    *s = (cvt_pvt_stage){.block = cvt_pyramid_block(&p, 0), .depth = c->depth};
    cvtb_check_hidden(b, c->mlp_ratio, s->block.hidden);
    in = cvtb_as_map(b, in);
    return cvtb_failed(b) ? CVT_NO_VALUE : cvt_pvt_embed(b, in, conv, (float)c->embed_eps);
}

static cvt_value pvt_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const stage_config *c = p;
    cvt_conv conv = cvt_conv_square(c->embed_dim, c->patch_size, c->patch_size, 0, true);
    cvt_pvt_stage s;
    cvt_grid grid;
    if (c->cls_token && c->sr_ratio > 1)
        cvtb_fail(b, "\"sr_ratio\" = %d: a stage with \"cls_token\" must not reduce", c->sr_ratio);
    cvt_value map = begin(b, c, in[0], &conv, &s);
    s.cls_token = c->cls_token;
    s.table = c->position == TABLE;
    s.table_h = c->grid[0];
    s.table_w = c->grid[1];
    s.peg_kernel = c->position == PEG ? 3 : 0;
    cvt_value t = cvt_pvt_stage_build(b, &s, map, &grid);
    return c->cls_token ? cvtb_place(b, t, grid) : cvtb_map(b, t, grid.h, grid.w);
}

static cvt_value v2_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const stage_config *c = p;
    cvt_conv conv = cvt_conv_square(c->embed_dim, c->patch_size, c->stride, c->patch_size / 2, true);
    cvt_pvt_stage s;
    cvt_grid grid;
    cvt_value map = begin(b, c, in[0], &conv, &s);
    s.block.linear = c->linear;
    s.block.conv_mlp = true;
    cvt_value t = cvt_pvt_stage_build(b, &s, map, &grid);
    return cvtb_map(b, cvtb_layer_norm(b, t, "norm", (float)c->eps), grid.h, grid.w);
}

const cvt_layer cvt_layer_pvt_stage = {.type = "pvt_stage",
                                       .about = "a stage of PVT or Twins-PCPVT: embedding, then blocks",
                                       .config_size = sizeof(stage_config),
                                       .defaults = pvt_defaults,
                                       .keys = pvt_keys,
                                       .inputs = 1,
                                       .build = pvt_build};

const cvt_layer cvt_layer_pvt_v2_stage = {.type = "pvt_v2_stage",
                                          .about = "a stage of PVT v2",
                                          .config_size = sizeof(stage_config),
                                          .defaults = v2_defaults,
                                          .keys = v2_keys,
                                          .inputs = 1,
                                          .build = v2_build};

/* ---- peg ---- */

typedef struct peg_config {
    int kernel;
} peg_config;

static const cvt_key peg_keys[] = {
    {.name = "peg_kernel", .type = CVT_KEY_INT, .offset = offsetof(peg_config, kernel), .min = 1, .max = 255},
    {0},
};

static void peg_defaults(void *p) { ((peg_config *)p)->kernel = 3; }

static cvt_value peg_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const peg_config *c = p;
    cvt_grid grid;
    cvt_value t = cvtb_as_tokens(b, in[0], &grid);
    if (c->kernel % 2 == 0) cvtb_fail(b, "\"peg_kernel\" = %d must be odd, to keep the map's size", c->kernel);
    cvtb_check_placed(b, t, grid);
    if (cvtb_failed(b)) return CVT_NO_VALUE;
    return cvtb_like(b, cvt_peg(b, t, grid.prefix, grid.h, grid.w, c->kernel), in[0]);
}

const cvt_layer cvt_layer_peg = {.type = "peg",
                                 .about = "a depth-wise convolution of map or tokens, added to them: CPVT's positions",
                                 .config_size = sizeof(peg_config),
                                 .defaults = peg_defaults,
                                 .keys = peg_keys,
                                 .inputs = 1,
                                 .build = peg_build};
