/* pvt_v2.c - PVT v2 of whai362/PVT (classification/pvt_v2.py), timm (pvt_v2_*) and Hugging Face's
 * PvtV2ForImageClassification.
 *
 * A stage is an overlapping convolutional embedding, blocks whose feed-forward part has a depth-wise convolution in
 * place of positions, and a norm. The mean of the last stage's tokens is classified. The input may have any size. In a
 * linear model keys and values come from 7 x 7 means of the map in every stage, whatever sr_ratios says. */
#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/pvt_blocks.h"
#include "arch/resolve.h"

/* The defaults are B0, as in Hugging Face's PvtV2Config. */
#define KEYS_OF cvt_pyramid
static const cvt_key keys[] = {
    SIZE("img_size", image_size, 1, 65535, NULL, "the input size where nothing else says one"),
    CVT_PYRAMID_KEYS("[32, 64, 160, 256]", "[2, 2, 2, 2]"),
    BOOL("linear", linear, "false", "keys and values come from 7 x 7 means, whatever sr_ratios says"),
    CHOICE("global_pool", global_pool, cvt_pyramid_pools, "'avg'", "how the last tokens become a vector"),
    CVT_PYRAMID_HF_KEYS,
    SAME("linear_attention", "linear", CVT_CONFIG_HF),
    INTS("patch_sizes", kernels, 1, 256, NULL, "kernels of the embeddings; default: 7, then 3", .stage = true),
    INTS("strides", strides, 1, 256, NULL, "their strides; default: 4, then 2", .stage = true),
    CVT_DROPOUT_KEY("drop_rate"),
    CVT_DROPOUT_KEY("proj_drop_rate"),
    CVT_DROPOUT_KEY("attn_drop_rate"),
    {0},
};

/* ---- names of weights: {i} counts stages from 0, {n} from 1; {z} is the first stage, whose embedding timm has
 * elsewhere ---- */

static const cvt_name_row whai362[] = {{"stage{z}.embed.*", "patch_embed{n}.*"},
                                       {"stage{i}.embed.*", "patch_embed{n}.*"},
                                       CVT_STACKED_2("stage{i}.block{j}.attn.", "k", "v", "block{n}.{j}.attn.kv.*"),
                                       {"stage{i}.block{j}.mlp.dwconv.*", "block{n}.{j}.mlp.dwconv.dwconv.*"},
                                       {"stage{i}.block{j}.*", "block{n}.{j}.*"},
                                       {"stage{i}.norm.*", "norm{n}.*"},
                                       {"head.*", "head.*"},
                                       {NULL, NULL}};

static const cvt_name_row timm[] = {
    {"stage{z}.embed.*", "patch_embed.*"},
    {"stage{i}.embed.*", "stages.{i}.downsample.*"},
    CVT_STACKED_2("stage{i}.block{j}.attn.", "k", "v", "stages.{i}.blocks.{j}.attn.kv.*"),
    {"stage{i}.block{j}.*", "stages.{i}.blocks.{j}.*"},
    {"stage{i}.norm.*", "stages.{i}.norm.*"},
    {"head.*", "head.*"},
    {NULL, NULL}};

static const cvt_name_row hf_embed[] = {{"proj.*", "proj.*"}, {"norm.*", "layer_norm.*"}, {NULL, NULL}};
static const cvt_name_row hf_block[] = {{"norm1.*", "layer_norm_1.*"},
                                        {"norm2.*", "layer_norm_2.*"},
                                        {"attn.q.*", "attention.query.*"},
                                        {"attn.k.*", "attention.key.*"},
                                        {"attn.v.*", "attention.value.*"},
                                        {"attn.sr.*", "attention.spatial_reduction.*"},
                                        {"attn.norm.*", "attention.layer_norm.*"},
                                        {"attn.proj.*", "attention.proj.*"},
                                        {"mlp.fc1.*", "mlp.dense1.*"},
                                        {"mlp.dwconv.*", "mlp.dwconv.dwconv.*"},
                                        {"mlp.fc2.*", "mlp.dense2.*"},
                                        {NULL, NULL}};
static const cvt_name_row hf[] = {{"stage{z}.embed.*", "pvt_v2.encoder.layers.{z}.patch_embedding.*", .rows = hf_embed},
                                  {"stage{i}.embed.*", "pvt_v2.encoder.layers.{i}.patch_embedding.*", .rows = hf_embed},
                                  {"stage{i}.block{j}.*", "pvt_v2.encoder.layers.{i}.blocks.{j}.*", .rows = hf_block},
                                  {"stage{i}.norm.*", "pvt_v2.encoder.layers.{i}.layer_norm.*"},
                                  {"head.*", "classifier.*"},
                                  {NULL, NULL}};

static const cvt_dialect dialects[] = {{"native"}, {"whai362", whai362}, {"timm", timm}, {"hf", hf}, {NULL}};

/* ---- config ---- */

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    cvt_pyramid *c = p;
    cvt_pyramid_fill(c, &c->kernels, 7, 3);
    cvt_pyramid_fill(c, &c->strides, 4, 2);
    TRY(cvt_pyramid_resolve(c, hints, error));
    cvt_resolve_input(&c->base, c->image_size);
    return CVT_OK;
}

/* ---- the forward pass ---- */

static cvt_value stage(cvt_builder *b, const cvt_pyramid *c, int i, cvt_value map) {
    cvt_pvt_stage s = cvt_pyramid_v2_stage(c, i);
    cvt_grid grid;
    cvtb_open(b, i ? "stage{i}" : "stage{z}", i ? 'i' : 'z', i, NULL);
    cvtb_index(b, 'n', i + 1);
    map = cvt_pvt_embed(b, &s, map);
    cvtb_close(b);
    cvtb_open(b, "stage{i}", 'i', i, "PvtV2EncoderLayer");
    cvtb_index(b, 'n', i + 1);
    cvt_value t = cvtb_layer_norm(b, cvt_pvt_blocks(b, &s, map, &grid), "norm", s.block.eps);
    return cvtb_end(b, cvtb_map(b, cvtb_tap(b, t, "norm"), grid.h, grid.w));
}

static cvt_value build(cvt_builder *b, const void *p) {
    const cvt_pyramid *c = p;
    cvt_value x = cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]);
    for (int i = 0; i < c->depths.n; i++) x = stage(b, c, i, x);
    x = cvtb_tap(b, cvtb_tokens(b, x), "norm");
    return cvtb_classify(b, cvtb_mean(b, x), c->base.classes);
}

const cvt_arch cvt_arch_pvt_v2 = {
    .name = "pvt_v2",
    .about = "PVT v2 (whai362, timm, Hugging Face pvt_v2): overlapping embeddings, convolutions in the MLP",
    .traits = {"no", "overlapping (convolution)", "spatial reduction", "yes"},
    .config_size = sizeof(cvt_pyramid),
    .keys = keys,
    .hf_types = (const char *const[]){"pvt_v2", NULL},
    .dialects = dialects,
    .classifier = "head.weight",
    .classes = 1000,
    .hf_classes = 2,
    .preprocess_of = cvt_pyramid_preprocess,
    .resolve = resolve,
    .build = build,
};
