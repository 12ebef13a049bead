/* pvt.c - PVT: the pyramid vision transformer of whai362/PVT (classification/pvt.py; timm once had the same names) and
 * of Hugging Face's PvtForImageClassification.
 *
 * A stage is a patch embedding without overlap, a table of positions and blocks of spatial-reduction attention; there
 * is no norm between stages. The last stage has a class token, which alone is classified; therefore this stage does not
 * reduce its map. For another input size the authors resize the tables, bilinearly. Hugging Face's program refuses
 * another size; here its models are resized too. */
#include <stdio.h>

#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/pvt_blocks.h"
#include "arch/resolve.h"

enum { MAX_SIDE = 16384 }; /* of the image size: a table's cells are counted in ints */

/* The defaults are PVT-Tiny. In the original "patch_sizes" are the strides and "strides" the kernels. */
#define KEYS_OF cvt_pyramid
static const cvt_key keys[] = {
    SIZE("img_size", image_size, 1, MAX_SIDE, NULL,
         "that the tables of positions are for; default: as in the weights, else 224"),
    INT("patch_size", patch_size, 1, 256, "4", "kernel and stride of the first embedding; the others have 2"),
    CVT_PYRAMID_KEYS("[64, 128, 320, 512]", "[2, 2, 2, 2]"),
    CVT_PYRAMID_HF_KEYS,
    SAME("sequence_reduction_ratios", "sr_ratios", CVT_CONFIG_HF),
    INTS("patch_sizes", strides, 1, 256, NULL, "strides of the embeddings; default: 4, then 2", .stage = true),
    INTS("strides", kernels, 1, 256, NULL, "their kernels; default: patch_sizes", .stage = true),
    {0},
};

/* ---- names of weights: {i} counts stages from 0, {n} from 1 ---- */

static const cvt_name_row whai362[] = {{"stage{i}.embed.*", "patch_embed{n}.*"},
                                       {"stage{i}.cls_token", "cls_token"},
                                       {"stage{i}.pos_embed", "pos_embed{n}"},
                                       CVT_STACKED_2("stage{i}.block{j}.attn.", "k", "v", "block{n}.{j}.attn.kv.*"),
                                       {"stage{i}.block{j}.*", "block{n}.{j}.*"},
                                       {"norm.*", "norm.*"},
                                       {"head.*", "head.*"},
                                       {NULL, NULL}};

static const cvt_name_row hf_embed[] = {{"embed.proj.*", "projection.*"},
                                        {"embed.norm.*", "layer_norm.*"},
                                        {"cls_token", "cls_token"},
                                        {"pos_embed", "position_embeddings"},
                                        {NULL, NULL}};
static const cvt_name_row hf_block[] = {{"norm1.*", "layer_norm_1.*"},
                                        {"norm2.*", "layer_norm_2.*"},
                                        {"attn.q.*", "attention.self.query.*"},
                                        {"attn.k.*", "attention.self.key.*"},
                                        {"attn.v.*", "attention.self.value.*"},
                                        {"attn.sr.*", "attention.self.sequence_reduction.*"},
                                        {"attn.norm.*", "attention.self.layer_norm.*"},
                                        {"attn.proj.*", "attention.output.dense.*"},
                                        {"mlp.fc1.*", "mlp.dense1.*"},
                                        {"mlp.fc2.*", "mlp.dense2.*"},
                                        {NULL, NULL}};
static const cvt_name_row hf[] = {{"stage{i}.block{j}.*", "pvt.encoder.block.{i}.{j}.*", .rows = hf_block},
                                  {"stage{i}.*", "pvt.encoder.patch_embeddings.{i}.*", .rows = hf_embed},
                                  {"norm.*", "pvt.encoder.layer_norm.*"},
                                  {"head.*", "classifier.*"},
                                  {NULL, NULL}};

static const cvt_dialect dialects[] = {{"native"}, {"whai362", whai362}, {"hf", hf}, {NULL}};

/* ---- config ---- */

static bool is_last(const cvt_pyramid *c, int i) { return i == c->depths.n - 1; }

/* How many cells stage i's table has in the weights; 0: that is not known. */
static int64_t stored_cells(const cvt_pyramid *c, const cvt_hints *hints, int i) {
    char name[48];
    snprintf(name, sizeof name, "stage%d.pos_embed", i);
    cvt_param table = {
        .name = name, .pattern = "stage{i}.pos_embed", .indices = {{'i', i}, {'n', i + 1}}, .n_indices = 2};
    const cvt_tensor *t = cvt_hints_param(hints, &table);
    return t && t->rank == 3 && t->shape[1] > is_last(c, i) ? t->shape[1] - is_last(c, i) : 0;
}

/* A side of stage i's table by the rule of the authors and Hugging Face, for an image of this side. */
static int table_side(const cvt_pyramid *c, int side, int i) {
    return (i ? (int)((int64_t)side >> (i + 1)) : side) / c->strides.v[i];
}

/* Finds the image size that the tables are for, from the weights if the config does not say it, and the grid of each
 * table. If a table in the weights is a square of another size than the config's, it counts. */
static cvt_status resolve_tables(cvt_pyramid *c, const cvt_hints *hints, cvt_error *error) {
    int stored = cvt_square_side(stored_cells(c, hints, 0)) * c->strides.v[0];
    bool said = c->image_size[0] > 0;
    for (int a = 0; a < 2 && !said; a++) c->image_size[a] = stored > 0 && stored <= MAX_SIDE ? stored : 224;
    for (int i = 0; i < c->depths.n; i++) {
        int *grid = c->tables[i];
        for (int a = 0; a < 2; a++) grid[a] = table_side(c, c->image_size[a], i);
        cvt_resolve_grid(grid, stored_cells(c, hints, i));
        if (!grid[0] || !grid[1])
            return cvt_fail(error, CVT_CONFIG, "\"%s\" = %d leaves stage %d no positions", NAMED(c, image_size),
                            c->image_size[grid[0] ? 1 : 0], i);
    }
    bool sized = c->base.size[0] || (c->base.preprocess.given && c->base.preprocess.size[0] && !said && !stored);
    for (int a = 0; a < 2 && !sized; a++) c->base.size[a] = c->image_size[a];
    return CVT_OK;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    cvt_pyramid *c = p;
    if (GIVEN(c, patch_size) && GIVEN(c, strides))
        return cvt_fail(error, CVT_CONFIG, "\"patch_size\" and \"patch_sizes\" exclude each other");
    cvt_pyramid_fill(c, &c->strides, c->patch_size, 2);
    if (!c->kernels.n && hints->config != CVT_CONFIG_HF) c->kernels = c->strides;
    cvt_pyramid_fill(c, &c->kernels, 4, 2);
    TRY(cvt_pyramid_resolve(c, hints, error));
    int last = c->depths.n - 1;
    if (c->sr_ratios.v[last] != 1)
        return cvt_fail(error, CVT_CONFIG, "\"%s\"[%d] = %d: the last stage has a class token and must not reduce",
                        NAMED(c, sr_ratios), last, c->sr_ratios.v[last]);
    return resolve_tables(c, hints, error);
}

/* ---- the forward pass ---- */

/* Map in, map out; the last stage gives tokens. */
static cvt_value stage(cvt_builder *b, const cvt_pyramid *c, int i, cvt_value map) {
    bool last = is_last(c, i);
    cvt_pvt_stage s = cvt_pyramid_stage(c, i);
    cvt_grid grid;
    s.cls_token = last;
    s.table = true;
    for (int a = 0; a < 2; a++) s.grid[a] = c->tables[i][a];
    cvtb_open(b, "stage{i}", 'i', i, "PvtStage");
    cvtb_index(b, 'n', i + 1);
    cvt_value t = cvt_pvt_blocks(b, &s, cvt_pvt_embed(b, &s, map), &grid);
    map = cvtb_end(b, cvtb_map(b, last ? cvtb_slice(b, t, 1, grid.h * grid.w) : t, grid.h, grid.w));
    return last ? t : map;
}

static cvt_value build(cvt_builder *b, const void *p) {
    const cvt_pyramid *c = p;
    cvt_value x = cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]);
    for (int i = 0; i < c->depths.n; i++) x = stage(b, c, i, x);
    x = cvtb_tap(b, cvtb_layer_norm(b, x, "norm", (float)c->eps), "norm");
    return cvtb_classify(b, cvtb_slice(b, x, 0, 1), c->base.classes);
}

const cvt_arch cvt_arch_pvt = {
    .name = "pvt",
    .about = "PVT (whai362, Hugging Face pvt): pyramid with spatial-reduction attention",
    .traits = {"yes", "non-overlapping", "spatial reduction", "yes"},
    .config_size = sizeof(cvt_pyramid),
    .keys = keys,
    .hf_types = (const char *const[]){"pvt", NULL},
    .dialects = dialects,
    .classifier = "head.weight",
    .classes = 1000,
    .preprocess_of = cvt_pyramid_preprocess,
    .resolve = resolve,
    .build = build,
};
