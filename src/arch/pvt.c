/* pvt.c - PVT: pyramid vision transformer of whai362/PVT (classification/pvt.py; timm once had the same names) and of
 * Hugging Face's PvtForImageClassification.
 *
 * A stage is a patch embedding without overlap, a table of positions and blocks of spatial-reduction attention; there
 * is no norm between stages. The last stage begins with a class token, which alone is classified, so that stage reduces
 * nothing. For another input size the authors resize the tables, bilinearly; Hugging Face's program then stops, here it
 * is done alike. */
#include <stdio.h>

#include "arch/pvt_blocks.h"
#include "arch/resolve.h"

typedef struct config {
    cvt_base base;
    cvt_pyramid pyramid;
    int image_size[2], patch_size, stages; /* 0: unsaid */
    cvt_ints strides, patch_sizes;         /* n 0: unsaid. The kernels, and the strides: so they are called upstream */
    cvt_ints table_h, table_w;             /* the grids of the tables of positions */
} config;

enum { MOST = 16384 }; /* of the image size: a table's cells are counted in ints */

#define AT(field) offsetof(config, field)
#define PYRAMID_AT(field) AT(pyramid.field)
static const cvt_key keys[] = {
    {.name = "in_chans", .type = CVT_KEY_INT, .offset = AT(base.channels), .min = 1, .max = 64},
    {.name = "num_classes", .type = CVT_KEY_INT, .offset = AT(base.classes), .min = 1, .max = 1000000},
    {.name = "img_size", .type = CVT_KEY_SIZE, .offset = AT(image_size), .min = 1, .max = MOST},
    {.name = "patch_size", .type = CVT_KEY_INT, .offset = AT(patch_size), .min = 1, .max = 256},
    CVT_PYRAMID_KEYS(PYRAMID_AT),
    CVT_PYRAMID_HF_KEYS(PYRAMID_AT),
    {.name = "num_channels", .type = CVT_KEY_INT, .offset = AT(base.channels), .min = 1, .max = 64},
    {.name = "num_labels", .type = CVT_KEY_INT, .offset = AT(base.classes), .min = 1, .max = 1000000},
    {.name = "image_size", .type = CVT_KEY_SIZE, .offset = AT(image_size), .min = 1, .max = MOST},
    {.name = "num_encoder_blocks", .type = CVT_KEY_INT, .offset = AT(stages), .min = 1, .max = CVT_MAX_LIST},
    {.name = "sequence_reduction_ratios", .type = CVT_KEY_INTS, .offset = PYRAMID_AT(sr_ratios), .min = 1, .max = 256},
    {.name = "patch_sizes", .type = CVT_KEY_INTS, .offset = AT(patch_sizes), .min = 1, .max = 256},
    {.name = "strides", .type = CVT_KEY_INTS, .offset = AT(strides), .min = 1, .max = 256},
    {0},
};

/* ---- names of weights: {i} counts stages from 0, {n} from 1 ---- */

static const cvt_name_row whai362[] = {
    {"stage{i}.embed.*", "patch_embed{n}.*"},
    {"stage{i}.cls_token", "cls_token"},
    {"stage{i}.pos_embed", "pos_embed{n}"},
    CVT_STACKED_2("stage{i}.block{j}.attn.", "k", "v", "block{n}.{j}.attn.kv.*"),
    {"stage{i}.block{j}.*", "block{n}.{j}.*"},
    {"norm.*", "norm.*"},
    {"head.*", "head.*"},
    {NULL, NULL},
};

#define HF_EMBED "pvt.encoder.patch_embeddings.{i}."
#define HF_BLOCK "pvt.encoder.block.{i}.{j}."
static const cvt_name_row hf[] = {
    {"stage{i}.embed.proj.*", HF_EMBED "projection.*"},
    {"stage{i}.embed.norm.*", HF_EMBED "layer_norm.*"},
    {"stage{i}.cls_token", HF_EMBED "cls_token"},
    {"stage{i}.pos_embed", HF_EMBED "position_embeddings"},
    {"stage{i}.block{j}.norm1.*", HF_BLOCK "layer_norm_1.*"},
    {"stage{i}.block{j}.norm2.*", HF_BLOCK "layer_norm_2.*"},
    {"stage{i}.block{j}.attn.q.*", HF_BLOCK "attention.self.query.*"},
    {"stage{i}.block{j}.attn.k.*", HF_BLOCK "attention.self.key.*"},
    {"stage{i}.block{j}.attn.v.*", HF_BLOCK "attention.self.value.*"},
    {"stage{i}.block{j}.attn.sr.*", HF_BLOCK "attention.self.sequence_reduction.*"},
    {"stage{i}.block{j}.attn.norm.*", HF_BLOCK "attention.self.layer_norm.*"},
    {"stage{i}.block{j}.attn.proj.*", HF_BLOCK "attention.output.dense.*"},
    {"stage{i}.block{j}.mlp.fc1.*", HF_BLOCK "mlp.dense1.*"},
    {"stage{i}.block{j}.mlp.fc2.*", HF_BLOCK "mlp.dense2.*"},
    {"norm.*", "pvt.encoder.layer_norm.*"},
    {"head.*", "classifier.*"},
    {NULL, NULL},
};

static const cvt_dialect dialects[] = {{"native"}, {"whai362", whai362}, {"hf", hf}, {NULL}};

/* ---- config ---- */

static void defaults(void *p) { /* PVT-Tiny */
    config *c = p;
    *c = (config){.base = {.channels = 3}, .pyramid = cvt_pyramid_default(2, 2, 2, 2)};
}

static bool is_last(const config *c, int i) { return i == c->pyramid.depths.n - 1; }

/* Cells of stage i's table in the weights; 0: not known. */
static int64_t stored_cells(const config *c, const cvt_hints *hints, int i) {
    char name[48];
    snprintf(name, sizeof name, "stage%d.pos_embed", i);
    cvt_param table = {
        .name = name, .pattern = "stage{i}.pos_embed", .indices = {{'i', i}, {'n', i + 1}}, .n_indices = 2};
    const cvt_tensor *t = cvt_hints_param(hints, &table);
    return t && t->rank == 3 && t->shape[1] > is_last(c, i) ? t->shape[1] - is_last(c, i) : 0;
}

/* One side of stage i's table, as the authors and Hugging Face count it. */
static int table_side(const config *c, int side, int i) {
    return (i ? (int)((int64_t)side >> (i + 1)) : side) / c->patch_sizes.v[i];
}

/* The image size that the tables are for: where the config does not say, what the weights have. Weights whose tables
 * are square with another side count before the config. */
static cvt_status resolve_tables(config *c, const cvt_hints *hints, cvt_error *error) {
    int stored = cvt_square_side(stored_cells(c, hints, 0)) * c->patch_sizes.v[0];
    bool said = c->image_size[0] > 0;
    for (int a = 0; a < 2 && !said; a++) c->image_size[a] = stored > 0 && stored <= MOST ? stored : 224;
    c->table_h.n = c->table_w.n = c->pyramid.depths.n;
    for (int i = 0; i < c->pyramid.depths.n; i++) {
        int grid[] = {table_side(c, c->image_size[0], i), table_side(c, c->image_size[1], i)};
        cvt_resolve_grid(grid, stored_cells(c, hints, i));
        if (!grid[0] || !grid[1])
            return cvt_fail(error, CVT_CONFIG, "\"%s\" = %d leaves stage %d no positions",
                            hints->config == CVT_CONFIG_HF ? "image_size" : "img_size", c->image_size[grid[0] ? 1 : 0],
                            i);
        c->table_h.v[i] = grid[0];
        c->table_w.v[i] = grid[1];
    }
    bool sized = c->base.size[0] || (c->base.preprocess.given && c->base.preprocess.size[0] && !said && !stored);
    for (int a = 0; a < 2 && !sized; a++) c->base.size[a] = c->image_size[a];
    return CVT_OK;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    bool is_hf = hints->config == CVT_CONFIG_HF;
    int last = c->pyramid.depths.n - 1;
    TRY(cvt_pyramid_check(&c->pyramid, is_hf, error));
    if (c->stages && c->stages != c->pyramid.depths.n)
        return cvt_fail(error, CVT_CONFIG, "\"num_encoder_blocks\" = %d, but \"depths\" has %d entries", c->stages,
                        c->pyramid.depths.n);
    if (c->pyramid.sr_ratios.v[last] != 1)
        return cvt_fail(error, CVT_CONFIG, "\"%s\"[%d] = %d: the last stage has a class token and must not reduce",
                        is_hf ? "sequence_reduction_ratios" : "sr_ratios", last, c->pyramid.sr_ratios.v[last]);
    if (c->patch_size && c->patch_sizes.n)
        return cvt_fail(error, CVT_CONFIG, "\"patch_size\" and \"patch_sizes\" exclude each other");
    TRY(cvt_pyramid_fill(&c->pyramid, &c->patch_sizes, "patch_sizes", c->patch_size ? c->patch_size : 4, 2, error));
    if (!c->strides.n && !is_hf) c->strides = c->patch_sizes;
    TRY(cvt_pyramid_fill(&c->pyramid, &c->strides, "strides", 4, 2, error));
    TRY(resolve_tables(c, hints, error));
    cvt_pyramid_resolve_eps(&c->pyramid, hints);
    if (!c->base.classes) c->base.classes = 1000;
    cvt_pyramid_preprocess(&c->base, hints, c->image_size[0]);
    return CVT_OK;
}

/* ---- the forward pass ---- */

/* map in; the stage's tokens, as a map unless it is the last. */
static cvt_value stage(cvt_builder *b, const config *c, int i, cvt_value map) {
    const cvt_pyramid *p = &c->pyramid;
    bool last = is_last(c, i);
    int kernel = c->strides.v[i], stride = c->patch_sizes.v[i];
    cvt_conv conv = cvt_conv_square(p->embed_dims.v[i], kernel, stride, 0, true);
    cvt_pvt_stage s = {.block = cvt_pyramid_block(p, i),
                       .depth = p->depths.v[i],
                       .cls_token = last,
                       .table = true,
                       .table_h = c->table_h.v[i],
                       .table_w = c->table_w.v[i]};
    cvt_grid grid;
    cvtb_open(b, "stage{i}", 'i', i, "PvtStage");
    cvtb_index(b, 'n', i + 1);
    cvt_value t = cvt_pvt_stage_build(b, &s, cvt_pvt_embed(b, map, &conv, (float)p->embed_eps), &grid);
    map = cvtb_map(b, last ? cvtb_slice(b, t, 1, grid.h * grid.w) : t, grid.h, grid.w);
    cvtb_tap(b, map, NULL);
    cvtb_close(b);
    return last ? t : map;
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    cvt_value x = cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]);
    for (int i = 0; i < c->pyramid.depths.n; i++) x = stage(b, c, i, x);
    x = cvtb_tap(b, cvtb_layer_norm(b, x, "norm", (float)c->pyramid.eps), "norm");
    x = cvtb_flatten(b, cvtb_slice(b, x, 0, 1));
    return cvtb_linear(b, cvtb_embedding(b, x), "head", c->base.classes, true);
}

const cvt_arch cvt_arch_pvt = {
    .name = "pvt",
    .about = "PVT (whai362, Hugging Face pvt): pyramid with spatial-reduction attention",
    .traits = {"yes", "non-overlapping", "spatial reduction", "yes"},
    .config_size = sizeof(config),
    .defaults = defaults,
    .keys = keys,
    .hf_types = (const char *const[]){"pvt", NULL},
    .dialects = dialects,
    .classifier = "head.weight",
    .resolve = resolve,
    .build = build,
};
