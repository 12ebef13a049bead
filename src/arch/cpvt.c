/* cpvt.c - CPVT: conditional positional encodings for vision transformers (Chu et al. 2021): DeiT without a table of
 * positions. Positions come from a depth-wise convolution of the patches, which is added to them (PEG) after each of
 * the first num_pegs blocks. A class token stays as it is. In a model without one (GAP) the mean of all tokens is
 * classified, after the final norm. The sides of the input may be any multiples of the patch.
 *
 * The authors published no weights. The names are those of timm's ViT, and of pos_block in the authors' Twins. */
#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/pvt_blocks.h"
#include "arch/resolve.h"

typedef struct config {
    cvt_base base;
    int image_size[2], patch_size, embed_dim, depth, num_heads, num_pegs, peg_kernel;
    double mlp_ratio, eps;
    bool qkv_bias, gap;
} config;

/* The defaults are CPVT-Ti. */
#define KEYS_OF config
static const cvt_key keys[] = {
    INT("in_chans", base.channels, 1, 64, "3", "channels of the input"),
    INT("num_classes", base.classes, 1, 1000000, NULL, "default: as in the weights, else 1000"),
    SIZE("img_size", image_size, 1, 65535, "224", "of the input, where nothing else says it"),
    INT("patch_size", patch_size, 1, 256, "16", "side of a patch"),
    INT("embed_dim", embed_dim, 1, 65536, "192", "channels of the tokens"),
    INT("depth", depth, 1, 1000, "12", "blocks"),
    INT("num_heads", num_heads, 1, 4096, "3", "attention heads, which divide embed_dim"),
    NUM("mlp_ratio", mlp_ratio, 0.001, 64, "4", "hidden channels, as a multiple of embed_dim"),
    BOOL("qkv_bias", qkv_bias, "true", "bias of queries, keys and values"),
    BOOL("gap", gap, NULL, "no class token: the mean is classified; default: as in the weights, else false"),
    INT("num_pegs", num_pegs, 0, 1000, NULL, "blocks with a PEG after them; default: as in the weights, else 1"),
    INT("peg_kernel", peg_kernel, 1, 255, NULL, "kernel of a PEG, odd; default: as in the weights, else 3"),
    NUM("layer_norm_eps", eps, 1e-12, 1, "1e-06", "of all norms"),
    {0},
};

static const cvt_name_row timm[] = {{"embed.proj.*", "patch_embed.proj.*"},
                                    {"peg{j}.*", "pos_block.{j}.proj.0.*"},
                                    {"block{j}.*", "blocks.{j}.*", .rows = cvt_timm_block},
                                    {"*", "*", .rows = cvt_common_names},
                                    {NULL, NULL}};

static const cvt_dialect dialects[] = {{"native"}, {"timm", timm}, {NULL}};

/* ---- config ---- */

static int hidden_of(const config *c) { return (int)(c->embed_dim * c->mlp_ratio); }

/* Class token, PEGs and their kernel are as in the weights if the config says nothing of them. */
static void resolve_pegs(config *c, const cvt_hints *hints) {
    const char *peg = "peg{j}.weight";
    const cvt_tensor *first = cvt_hints_tensor(hints, peg, 0);
    bool fits = first && first->rank == 4 && first->shape[3] > 0 && first->shape[3] < 256;
    int n = 0;
    while (n < c->depth && cvt_hints_tensor(hints, peg, n)) n++;
    if (!GIVEN(c, gap)) c->gap = hints->weights && !cvt_hints_tensor(hints, "cls_token", 0);
    if (!GIVEN(c, num_pegs)) c->num_pegs = hints->weights ? n : 1;
    if (!GIVEN(c, peg_kernel)) c->peg_kernel = fits ? (int)first->shape[3] : 3;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    resolve_pegs(c, hints);
    TRY(cvt_check_divides("num_heads", c->num_heads, "embed_dim", c->embed_dim, -1, error));
    TRY(cvt_check_hidden("mlp_ratio", c->mlp_ratio, hidden_of(c), -1, error));
    if (c->num_pegs > c->depth)
        return cvt_fail(error, CVT_CONFIG, "\"num_pegs\" = %d is more than \"depth\" = %d", c->num_pegs, c->depth);
    if (c->peg_kernel % 2 == 0)
        return cvt_fail(error, CVT_CONFIG, "\"peg_kernel\" = %d must be odd, to keep the map's size", c->peg_kernel);
    cvt_resolve_input(&c->base, c->image_size);
    return CVT_OK;
}

/* ---- the forward pass ---- */

static cvt_value embed(cvt_builder *b, const config *c, cvt_value x) {
    int patch[] = {c->patch_size, c->patch_size};
    cvtb_check_patches(b, "patch_size", patch, c->base.size);
    cvt_conv conv = cvt_conv_square(c->embed_dim, c->patch_size, c->patch_size, 0, true);
    cvtb_open(b, "embed", 0, 0, "PatchEmbed");
    return cvtb_end(b, cvtb_conv2d(b, x, "proj", &conv));
}

static cvt_value peg(cvt_builder *b, const config *c, int j, cvt_value x, cvt_grid grid) {
    cvtb_open(b, "peg{j}", 'j', j, "PosConv");
    return cvtb_end(b, cvt_peg(b, x, grid.prefix, grid.h, grid.w, c->peg_kernel));
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    cvt_vit_block block = {{c->num_heads, c->embed_dim / c->num_heads, .qkv_bias = c->qkv_bias, .out_bias = true},
                           .hidden = hidden_of(c),
                           .act = CVT_ACT_GELU_ERF,
                           .eps = (float)c->eps};
    cvt_value x = embed(b, c, cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]));
    cvt_grid grid = {!c->gap, cvtb_shape(b, x).d[1], cvtb_shape(b, x).d[2]};
    cvtb_grid(b, grid.prefix, grid.h, grid.w);
    x = cvtb_tokens(b, x);
    x = cvtb_tap(b, c->gap ? x : cvtb_class_token(b, x), "tokens");
    for (int j = 0; j < c->depth && !cvtb_failed(b); j++) {
        x = cvtb_vit_block(b, x, j, &block);
        if (j < c->num_pegs) x = peg(b, c, j, x, grid);
    }
    x = cvtb_tap(b, cvtb_layer_norm(b, x, "norm", (float)c->eps), "norm");
    return cvtb_classify(b, cvtb_pool_tokens(b, x, c->gap, 0), c->base.classes);
}

const cvt_arch cvt_arch_cpvt = {
    .name = "cpvt",
    .about = "CPVT: ViT whose positions come from a convolution of the patches (PEG)",
    .traits = {"no (with a generator)", "non-overlapping", "linear", "no"},
    .config_size = sizeof(config),
    .keys = keys,
    .dialects = dialects,
    .classifier = "head.weight",
    .classes = 1000,
    .preprocess = {CVT_PREPROCESS_CENTER, 0, 0.875},
    .resolve = resolve,
    .build = build,
};
