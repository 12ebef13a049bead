/* twins_pcpvt.c - Twins-PCPVT of Meituan-AutoML/Twins (gvt.py: PCPVT, "CPVTV2") and timm (twins_pcpvt_*). Its stages
 * are those of PVT, but positions come from a depth-wise convolution (PEG) after the first block of each stage, not
 * from tables. There is no class token: after a norm at the end the mean of the tokens is classified. The input may
 * have any size. */
#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/pvt_blocks.h"
#include "arch/resolve.h"

/* The defaults are Twins-PCPVT-S. */
#define KEYS_OF cvt_pyramid
static const cvt_key keys[] = {
    SIZE("img_size", image_size, 1, 65535, NULL, "the input size where nothing else says one"),
    INT("patch_size", patch_size, 1, 256, "4", "kernel and stride of the first embedding; the others have 2"),
    CVT_PYRAMID_KEYS("[64, 128, 320, 512]", "[3, 4, 6, 3]"),
    CHOICE("global_pool", global_pool, cvt_pyramid_pools, "'avg'", "how the last tokens become a vector"),
    CVT_DROPOUT_KEY("drop_rate"),
    CVT_DROPOUT_KEY("proj_drop_rate"),
    CVT_DROPOUT_KEY("attn_drop_rate"),
    CVT_DROPOUT_KEY("drop_path_rate"),
    {0},
};

static const cvt_name_row timm[] = {{"stage{i}.embed.*", "patch_embeds.{i}.*"},
                                    {"stage{i}.peg.*", "pos_block.{i}.proj.0.*"},
                                    CVT_STACKED_2("stage{i}.block{j}.attn.", "k", "v", "blocks.{i}.{j}.attn.kv.*"),
                                    {"stage{i}.block{j}.*", "blocks.{i}.{j}.*"},
                                    {"norm.*", "norm.*"},
                                    {"head.*", "head.*"},
                                    {NULL, NULL}};

static const cvt_dialect dialects[] = {{"native"}, {"timm", timm}, {NULL}};

/* ---- config ---- */

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    cvt_pyramid *c = p;
    c->qkv_bias = true;
    cvt_pyramid_fill(c, &c->strides, c->patch_size, 2);
    c->kernels = c->strides;
    TRY(cvt_pyramid_resolve(c, hints, error));
    cvt_resolve_input(&c->base, c->image_size);
    return CVT_OK;
}

/* ---- the forward pass ---- */

static cvt_value stage(cvt_builder *b, const cvt_pyramid *c, int i, cvt_value map) {
    cvt_pvt_stage s = cvt_pyramid_stage(c, i);
    cvt_grid grid;
    s.peg_kernel = 3;
    cvtb_open(b, "stage{i}", 'i', i, "TwinsStage");
    cvt_value t = cvt_pvt_blocks(b, &s, cvt_pvt_embed(b, &s, map), &grid);
    return cvtb_end(b, cvtb_map(b, t, grid.h, grid.w));
}

static cvt_value build(cvt_builder *b, const void *p) {
    const cvt_pyramid *c = p;
    cvt_value x = cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]);
    for (int i = 0; i < c->depths.n; i++) x = stage(b, c, i, x);
    x = cvtb_tap(b, cvtb_layer_norm(b, cvtb_tokens(b, x), "norm", (float)c->eps), "norm");
    return cvtb_classify(b, cvtb_mean(b, x), c->base.classes);
}

const cvt_arch cvt_arch_twins_pcpvt = {
    .name = "twins_pcpvt",
    .about = "Twins-PCPVT (Meituan-AutoML, timm): PVT with conditional positional encoding",
    .traits = {"no (with a generator)", "non-overlapping", "spatial reduction", "yes"},
    .config_size = sizeof(cvt_pyramid),
    .keys = keys,
    .dialects = dialects,
    .classifier = "head.weight",
    .classes = 1000,
    .preprocess_of = cvt_pyramid_preprocess,
    .resolve = resolve,
    .build = build,
};
