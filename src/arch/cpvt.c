/* cpvt.c - CPVT: conditional positional encodings for vision transformers (Chu et al. 2021): DeiT without a table of
 * positions. Its positions come from a depth-wise convolution of the patches, added to them (PEG), behind each of the
 * first num_pegs blocks; a class token passes untouched. Without one (GAP) the mean of all tokens is classified, behind
 * the final norm. Any input whose sides are multiples of the patch.
 *
 * The authors published no weights of it: names are those of timm's ViT and of pos_block in their Twins. */
#include "arch/blocks.h"
#include "arch/pvt_blocks.h"
#include "arch/resolve.h"

enum { UNSAID = -1 };

typedef struct config {
    cvt_base base;
    int image_size[2], patch_size, embed_dim, depth, num_heads, num_pegs, peg_kernel, gap; /* gap: UNSAID, 0 or 1 */
    double mlp_ratio, eps;
    bool qkv_bias;
} config;

#define AT(field) offsetof(config, field)
static const cvt_key keys[] = {
    {.name = "in_chans", .type = CVT_KEY_INT, .offset = AT(base.channels), .min = 1, .max = 64},
    {.name = "num_classes", .type = CVT_KEY_INT, .offset = AT(base.classes), .min = 1, .max = 1000000},
    {.name = "img_size", .type = CVT_KEY_SIZE, .offset = AT(image_size), .min = 1, .max = 65535},
    {.name = "patch_size", .type = CVT_KEY_INT, .offset = AT(patch_size), .min = 1, .max = 256},
    {.name = "embed_dim", .type = CVT_KEY_INT, .offset = AT(embed_dim), .min = 1, .max = 65536},
    {.name = "depth", .type = CVT_KEY_INT, .offset = AT(depth), .min = 1, .max = 1000},
    {.name = "num_heads", .type = CVT_KEY_INT, .offset = AT(num_heads), .min = 1, .max = 4096},
    {.name = "mlp_ratio", .type = CVT_KEY_NUMBER, .offset = AT(mlp_ratio), .min = 0.001, .max = 64},
    {.name = "qkv_bias", .type = CVT_KEY_BOOL, .offset = AT(qkv_bias)},
    {.name = "gap", .type = CVT_KEY_FLAG, .offset = AT(gap)},
    {.name = "num_pegs", .type = CVT_KEY_INT, .offset = AT(num_pegs), .min = 0, .max = 1000},
    {.name = "peg_kernel", .type = CVT_KEY_INT, .offset = AT(peg_kernel), .min = 1, .max = 255},
    {.name = "layer_norm_eps", .type = CVT_KEY_NUMBER, .offset = AT(eps), .min = 1e-12, .max = 1},
    {0},
};

static const cvt_name_row timm[] = {
    {"embed.proj.*", "patch_embed.proj.*"},
    {"cls_token", "cls_token"},
    {"peg{j}.*", "pos_block.{j}.proj.0.*"},
    CVT_STACKED_3("block{j}.attn.", "q", "k", "v", "blocks.{j}.attn.qkv.*"),
    {"block{j}.*", "blocks.{j}.*"},
    {"norm.*", "norm.*"},
    {"head.*", "head.*"},
    {NULL, NULL},
};

static const cvt_dialect dialects[] = {{"native"}, {"timm", timm}, {NULL}};

/* ---- config ---- */

static void defaults(void *p) { /* CPVT-Ti */
    config *c = p;
    *c = (config){
        .base = {.channels = 3},
        .image_size = {224, 224},
        .patch_size = 16,
        .embed_dim = 192,
        .depth = 12,
        .num_heads = 3,
        .num_pegs = UNSAID,
        .gap = UNSAID,
        .mlp_ratio = 4,
        .eps = 1e-6,
        .qkv_bias = true,
    };
}

static int hidden_of(const config *c) { return (int)(c->embed_dim * c->mlp_ratio); }

static cvt_status check(const config *c, cvt_error *error) {
    TRY(cvt_check_divides("num_heads", c->num_heads, "embed_dim", c->embed_dim, -1, error));
    TRY(cvt_check_hidden("mlp_ratio", c->mlp_ratio, hidden_of(c), -1, error));
    if (c->num_pegs > c->depth)
        return cvt_fail(error, CVT_CONFIG, "\"num_pegs\" = %d is more than \"depth\" = %d", c->num_pegs, c->depth);
    if (c->peg_kernel % 2 == 0)
        return cvt_fail(error, CVT_CONFIG, "\"peg_kernel\" = %d must be odd, to keep the map's size", c->peg_kernel);
    return CVT_OK;
}

/* Where the config does not say it: a class token, the PEGs and their kernel are what the weights have. */
static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    const char *peg = "peg{j}.weight";
    const cvt_tensor *first = cvt_hints_tensor(hints, peg, 0);
    if (c->gap == UNSAID) c->gap = hints->weights && !cvt_hints_tensor(hints, "cls_token", 0);
    if (c->num_pegs == UNSAID) {
        c->num_pegs = hints->weights ? 0 : 1;
        while (hints->weights && c->num_pegs < c->depth && cvt_hints_tensor(hints, peg, c->num_pegs)) c->num_pegs++;
    }
    if (!c->peg_kernel) {
        bool fits = first && first->rank == 4 && first->shape[3] > 0 && first->shape[3] < 256;
        c->peg_kernel = fits ? (int)first->shape[3] : 3;
    }
    TRY(check(c, error));
    if (!c->base.classes) c->base.classes = 1000;
    cvt_resolve_input(&c->base, c->image_size);
    if (!c->base.preprocess.given)
        c->base.preprocess = cvt_preprocess_default(CVT_PREPROCESS_CENTER, c->base.size[0], 0.875);
    return CVT_OK;
}

/* ---- the forward pass ---- */

static cvt_value embed(cvt_builder *b, const config *c, cvt_value x) {
    int patch[] = {c->patch_size, c->patch_size};
    cvtb_check_patches(b, "patch_size", patch, c->base.size);
    cvt_conv conv = cvt_conv_square(c->embed_dim, c->patch_size, c->patch_size, 0, true);
    cvtb_open(b, "embed", 0, 0, "PatchEmbed");
    x = cvtb_tap(b, cvtb_conv2d(b, x, "proj", &conv), NULL);
    cvtb_close(b);
    return x;
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    int prefix = !c->gap;
    cvt_vit_block block = {
        .attention = {.heads = c->num_heads,
                      .dim_head = c->embed_dim / c->num_heads,
                      .qkv_bias = c->qkv_bias,
                      .out_bias = true},
        .hidden = hidden_of(c),
        .act = CVT_ACT_GELU_ERF,
        .eps = (float)c->eps,
    };
    cvt_value x = embed(b, c, cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]));
    int h = cvtb_shape(b, x).d[1], w = cvtb_shape(b, x).d[2];
    cvtb_grid(b, prefix, h, w);
    x = cvtb_tokens(b, x);
    if (prefix) x = cvtb_concat(b, cvtb_token(b, "cls_token", c->embed_dim), x);
    cvtb_tap(b, x, "tokens");
    for (int j = 0; j < c->depth && !cvtb_failed(b); j++) {
        x = cvtb_vit_block(b, x, j, &block);
        if (j >= c->num_pegs) continue;
        cvtb_open(b, "peg{j}", 'j', j, "PosConv");
        x = cvtb_tap(b, cvt_peg(b, x, prefix, h, w, c->peg_kernel), NULL);
        cvtb_close(b);
    }
    x = cvtb_tap(b, cvtb_layer_norm(b, x, "norm", (float)c->eps), "norm");
    x = cvtb_flatten(b, prefix ? cvtb_slice(b, x, 0, 1) : cvtb_mean(b, x));
    return cvtb_linear(b, cvtb_embedding(b, x), "head", c->base.classes, true);
}

const cvt_arch cvt_arch_cpvt = {
    .name = "cpvt",
    .about = "CPVT: ViT whose positions come from a convolution of the patches (PEG)",
    .traits = {"no (with a generator)", "non-overlapping", "linear", "no"},
    .config_size = sizeof(config),
    .defaults = defaults,
    .keys = keys,
    .dialects = dialects,
    .classifier = "head.weight",
    .resolve = resolve,
    .build = build,
};
