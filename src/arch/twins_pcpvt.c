/* twins_pcpvt.c - Twins-PCPVT of Meituan-AutoML/Twins (gvt.py: PCPVT, "CPVTV2") and timm (twins_pcpvt_*): the stages of
 * PVT with positions from a depth-wise convolution (PEG) behind the first block of each in place of tables; no class
 * token, one norm at the end, and the mean of its tokens is classified. Any input size. */
#include "arch/pvt_blocks.h"
#include "arch/resolve.h"

static const char *const pools[] = {"avg", NULL};

typedef struct config {
    cvt_base base;
    cvt_pyramid pyramid;
    int image_size[2], patch_size, global_pool;
} config;

#define AT(field) offsetof(config, field)
#define PYRAMID_AT(field) AT(pyramid.field)
static const cvt_key keys[] = {
    {.name = "in_chans", .type = CVT_KEY_INT, .offset = AT(base.channels), .min = 1, .max = 64},
    {.name = "num_classes", .type = CVT_KEY_INT, .offset = AT(base.classes), .min = 1, .max = 1000000},
    {.name = "img_size", .type = CVT_KEY_SIZE, .offset = AT(image_size), .min = 1, .max = 65535},
    {.name = "patch_size", .type = CVT_KEY_INT, .offset = AT(patch_size), .min = 1, .max = 256},
    CVT_PYRAMID_KEYS(PYRAMID_AT),
    {.name = "global_pool", .type = CVT_KEY_CHOICE, .offset = AT(global_pool), .choices = pools},
    CVT_DROPOUT_KEY("drop_rate"),
    CVT_DROPOUT_KEY("proj_drop_rate"),
    CVT_DROPOUT_KEY("attn_drop_rate"),
    CVT_DROPOUT_KEY("drop_path_rate"),
    {0},
};

static const cvt_name_row timm[] = {
    {"stage{i}.embed.*", "patch_embeds.{i}.*"},
    {"stage{i}.peg.*", "pos_block.{i}.proj.0.*"},
    CVT_STACKED_2("stage{i}.block{j}.attn.", "k", "v", "blocks.{i}.{j}.attn.kv.*"),
    {"stage{i}.block{j}.*", "blocks.{i}.{j}.*"},
    {"norm.*", "norm.*"},
    {"head.*", "head.*"},
    {NULL, NULL},
};

static const cvt_dialect dialects[] = {{"native"}, {"timm", timm}, {NULL}};

/* ---- config ---- */

static void defaults(void *p) { /* Twins-PCPVT-S */
    config *c = p;
    *c = (config){.base = {.channels = 3}, .pyramid = cvt_pyramid_default(3, 4, 6, 3), .patch_size = 4};
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    TRY(cvt_pyramid_check(&c->pyramid, false, error));
    cvt_pyramid_resolve_eps(&c->pyramid, hints);
    if (!c->base.classes) c->base.classes = 1000;
    cvt_resolve_input(&c->base, c->image_size);
    cvt_pyramid_preprocess(&c->base, hints, c->base.size[0] ? c->base.size[0] : 224);
    return CVT_OK;
}

/* ---- the forward pass ---- */

static cvt_value stage(cvt_builder *b, const config *c, int i, cvt_value map) {
    const cvt_pyramid *p = &c->pyramid;
    int patch = i ? 2 : c->patch_size;
    cvt_conv conv = cvt_conv_square(p->embed_dims.v[i], patch, patch, 0, true);
    cvt_pvt_stage s = {.block = cvt_pyramid_block(p, i), .depth = p->depths.v[i], .peg_kernel = 3};
    cvt_grid grid;
    cvtb_open(b, "stage{i}", 'i', i, "TwinsStage");
    cvt_value t = cvt_pvt_stage_build(b, &s, cvt_pvt_embed(b, map, &conv, (float)p->embed_eps), &grid);
    map = cvtb_tap(b, cvtb_map(b, t, grid.h, grid.w), NULL);
    cvtb_close(b);
    return map;
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    cvt_value x = cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]);
    for (int i = 0; i < c->pyramid.depths.n; i++) x = stage(b, c, i, x);
    x = cvtb_tap(b, cvtb_layer_norm(b, cvtb_tokens(b, x), "norm", (float)c->pyramid.eps), "norm");
    x = cvtb_flatten(b, cvtb_mean(b, x));
    return cvtb_linear(b, cvtb_embedding(b, x), "head", c->base.classes, true);
}

const cvt_arch cvt_arch_twins_pcpvt = {
    .name = "twins_pcpvt",
    .about = "Twins-PCPVT (Meituan-AutoML, timm): PVT with conditional positional encoding",
    .traits = {"no (with a generator)", "non-overlapping", "spatial reduction", "yes"},
    .config_size = sizeof(config),
    .defaults = defaults,
    .keys = keys,
    .dialects = dialects,
    .classifier = "head.weight",
    .resolve = resolve,
    .build = build,
};
