/* pvt_v2.c - PVT v2 of whai362/PVT (classification/pvt_v2.py), timm (pvt_v2_*) and Hugging Face's
 * PvtV2ForImageClassification.
 *
 * Stages of overlapping convolutional embeddings, blocks whose feed-forward part has a depth-wise convolution in place
 * of positions, and a norm behind every stage; the mean of the last stage's tokens is classified. Any input size.
 * Linear: keys and values come from 7 x 7 means of the map in every stage, whatever sr_ratios says. */
#include "arch/pvt_blocks.h"
#include "arch/resolve.h"

static const char *const pools[] = {"avg", NULL};

typedef struct config {
    cvt_base base;
    cvt_pyramid pyramid;
    bool linear;
    int image_size[2], stages, global_pool; /* 0: unsaid */
    cvt_ints patch_sizes, strides;          /* n 0: unsaid */
} config;

#define AT(field) offsetof(config, field)
#define PYRAMID_AT(field) AT(pyramid.field)
static const cvt_key keys[] = {
    {.name = "in_chans", .type = CVT_KEY_INT, .offset = AT(base.channels), .min = 1, .max = 64},
    {.name = "num_classes", .type = CVT_KEY_INT, .offset = AT(base.classes), .min = 1, .max = 1000000},
    {.name = "img_size", .type = CVT_KEY_SIZE, .offset = AT(image_size), .min = 1, .max = 65535},
    CVT_PYRAMID_KEYS(PYRAMID_AT),
    {.name = "linear", .type = CVT_KEY_BOOL, .offset = AT(linear)},
    {.name = "global_pool", .type = CVT_KEY_CHOICE, .offset = AT(global_pool), .choices = pools},
    CVT_PYRAMID_HF_KEYS(PYRAMID_AT),
    {.name = "num_channels", .type = CVT_KEY_INT, .offset = AT(base.channels), .min = 1, .max = 64},
    {.name = "num_labels", .type = CVT_KEY_INT, .offset = AT(base.classes), .min = 1, .max = 1000000},
    {.name = "image_size", .type = CVT_KEY_SIZE, .offset = AT(image_size), .min = 1, .max = 65535},
    {.name = "num_encoder_blocks", .type = CVT_KEY_INT, .offset = AT(stages), .min = 1, .max = CVT_MAX_LIST},
    {.name = "linear_attention", .type = CVT_KEY_BOOL, .offset = AT(linear)},
    {.name = "patch_sizes", .type = CVT_KEY_INTS, .offset = AT(patch_sizes), .min = 1, .max = 256},
    {.name = "strides", .type = CVT_KEY_INTS, .offset = AT(strides), .min = 1, .max = 256},
    CVT_DROPOUT_KEY("drop_rate"),
    CVT_DROPOUT_KEY("proj_drop_rate"),
    CVT_DROPOUT_KEY("attn_drop_rate"),
    {0},
};

/* ---- names of weights: {i} counts stages from 0, {n} from 1; {z} is the first stage, whose embedding timm has
 * elsewhere ---- */

static const cvt_name_row whai362[] = {
    {"stage{z}.embed.*", "patch_embed{n}.*"},
    {"stage{i}.embed.*", "patch_embed{n}.*"},
    CVT_STACKED_2("stage{i}.block{j}.attn.", "k", "v", "block{n}.{j}.attn.kv.*"),
    {"stage{i}.block{j}.mlp.dwconv.*", "block{n}.{j}.mlp.dwconv.dwconv.*"},
    {"stage{i}.block{j}.*", "block{n}.{j}.*"},
    {"stage{i}.norm.*", "norm{n}.*"},
    {"head.*", "head.*"},
    {NULL, NULL},
};

static const cvt_name_row timm[] = {
    {"stage{z}.embed.*", "patch_embed.*"},
    {"stage{i}.embed.*", "stages.{i}.downsample.*"},
    CVT_STACKED_2("stage{i}.block{j}.attn.", "k", "v", "stages.{i}.blocks.{j}.attn.kv.*"),
    {"stage{i}.block{j}.*", "stages.{i}.blocks.{j}.*"},
    {"stage{i}.norm.*", "stages.{i}.norm.*"},
    {"head.*", "head.*"},
    {NULL, NULL},
};

#define HF_STAGE "pvt_v2.encoder.layers.{i}."
#define HF_FIRST "pvt_v2.encoder.layers.{z}."
#define HF_BLOCK HF_STAGE "blocks.{j}."
static const cvt_name_row hf[] = {
    {"stage{z}.embed.proj.*", HF_FIRST "patch_embedding.proj.*"},
    {"stage{z}.embed.norm.*", HF_FIRST "patch_embedding.layer_norm.*"},
    {"stage{i}.embed.proj.*", HF_STAGE "patch_embedding.proj.*"},
    {"stage{i}.embed.norm.*", HF_STAGE "patch_embedding.layer_norm.*"},
    {"stage{i}.block{j}.norm1.*", HF_BLOCK "layer_norm_1.*"},
    {"stage{i}.block{j}.norm2.*", HF_BLOCK "layer_norm_2.*"},
    {"stage{i}.block{j}.attn.q.*", HF_BLOCK "attention.query.*"},
    {"stage{i}.block{j}.attn.k.*", HF_BLOCK "attention.key.*"},
    {"stage{i}.block{j}.attn.v.*", HF_BLOCK "attention.value.*"},
    {"stage{i}.block{j}.attn.sr.*", HF_BLOCK "attention.spatial_reduction.*"},
    {"stage{i}.block{j}.attn.norm.*", HF_BLOCK "attention.layer_norm.*"},
    {"stage{i}.block{j}.attn.proj.*", HF_BLOCK "attention.proj.*"},
    {"stage{i}.block{j}.mlp.fc1.*", HF_BLOCK "mlp.dense1.*"},
    {"stage{i}.block{j}.mlp.dwconv.*", HF_BLOCK "mlp.dwconv.dwconv.*"},
    {"stage{i}.block{j}.mlp.fc2.*", HF_BLOCK "mlp.dense2.*"},
    {"stage{i}.norm.*", HF_STAGE "layer_norm.*"},
    {"head.*", "classifier.*"},
    {NULL, NULL},
};

static const cvt_dialect dialects[] = {{"native"}, {"whai362", whai362}, {"timm", timm}, {"hf", hf}, {NULL}};

/* ---- config ---- */

static void defaults(void *p) { /* B0, as Hugging Face's PvtV2Config */
    config *c = p;
    *c = (config){.base = {.channels = 3}, .pyramid = cvt_pyramid_default(2, 2, 2, 2)};
    c->pyramid.embed_dims = (cvt_ints){4, {32, 64, 160, 256}};
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    TRY(cvt_pyramid_check(&c->pyramid, hints->config == CVT_CONFIG_HF, error));
    if (c->stages && c->stages != c->pyramid.depths.n)
        return cvt_fail(error, CVT_CONFIG, "\"num_encoder_blocks\" = %d, but \"depths\" has %d entries", c->stages,
                        c->pyramid.depths.n);
    TRY(cvt_pyramid_fill(&c->pyramid, &c->patch_sizes, "patch_sizes", 7, 3, error));
    TRY(cvt_pyramid_fill(&c->pyramid, &c->strides, "strides", 4, 2, error));
    cvt_pyramid_resolve_eps(&c->pyramid, hints);
    if (!c->base.classes) c->base.classes = hints->config == CVT_CONFIG_HF ? 2 : 1000;
    cvt_resolve_input(&c->base, c->image_size);
    cvt_pyramid_preprocess(&c->base, hints, c->base.size[0] ? c->base.size[0] : 224);
    return CVT_OK;
}

/* ---- the forward pass ---- */

static cvt_value embed(cvt_builder *b, const config *c, int i, cvt_value map) {
    int kernel = c->patch_sizes.v[i];
    cvt_conv conv = cvt_conv_square(c->pyramid.embed_dims.v[i], kernel, c->strides.v[i], kernel / 2, true);
    cvtb_open(b, i ? "stage{i}" : "stage{z}", i ? 'i' : 'z', i, NULL);
    cvtb_index(b, 'n', i + 1);
    map = cvt_pvt_embed(b, map, &conv, (float)c->pyramid.embed_eps);
    cvtb_close(b);
    return map;
}

static cvt_value stage(cvt_builder *b, const config *c, int i, cvt_value map) {
    const cvt_pyramid *p = &c->pyramid;
    cvt_pvt_stage s = {.block = cvt_pyramid_block(p, i), .depth = p->depths.v[i]};
    cvt_grid grid;
    s.block.linear = c->linear;
    s.block.conv_mlp = true;
    map = embed(b, c, i, map);
    cvtb_open(b, "stage{i}", 'i', i, "PvtV2EncoderLayer");
    cvtb_index(b, 'n', i + 1);
    cvt_value t = cvt_pvt_stage_build(b, &s, map, &grid);
    map = cvtb_map(b, cvtb_tap(b, cvtb_layer_norm(b, t, "norm", (float)p->eps), "norm"), grid.h, grid.w);
    cvtb_tap(b, map, NULL);
    cvtb_close(b);
    return map;
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    cvt_value x = cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]);
    for (int i = 0; i < c->pyramid.depths.n; i++) x = stage(b, c, i, x);
    x = cvtb_tap(b, cvtb_tokens(b, x), "norm");
    x = cvtb_flatten(b, cvtb_mean(b, x));
    return cvtb_linear(b, cvtb_embedding(b, x), "head", c->base.classes, true);
}

const cvt_arch cvt_arch_pvt_v2 = {
    .name = "pvt_v2",
    .about = "PVT v2 (whai362, timm, Hugging Face pvt_v2): overlapping embeddings, convolutions in the MLP",
    .traits = {"no", "overlapping (convolution)", "spatial reduction", "yes"},
    .config_size = sizeof(config),
    .defaults = defaults,
    .keys = keys,
    .hf_types = (const char *const[]){"pvt_v2", NULL},
    .dialects = dialects,
    .classifier = "head.weight",
    .resolve = resolve,
    .build = build,
};
