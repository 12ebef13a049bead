/* siglip.c - the image tower of SigLIP (Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training") in Hugging
 * Face's transformers (models/siglip/modeling_siglip.py); the configs of SigLIP 2 with images of one size say siglip
 * too.
 *
 *   tokens  patches + positions, no class token
 *   blocks  x += attn(norm x); x += mlp(norm x), then norm
 *   head    a learned query attends to all tokens: y = attn(query, x); y += mlp(norm y).
 *           SiglipForImageClassification classifies the mean of the tokens, and its file has that head, unused.
 *
 * The tower of text is not read. Another size has its positions resized, as with interpolate_pos_encoding=True. */
#include "arch/hf_vit.h"
#include "arch/keys.h"
#include "arch/resolve.h"

static const char *const heads[] = {"classes", "none", NULL};
static const cvt_hf_class classes[] = {{"SiglipForImageClassification", CVT_HF_CLASSES},
                                       {"SiglipVisionModel", CVT_HF_NONE},
                                       {"SiglipModel", CVT_HF_NONE},
                                       {NULL, CVT_HF_NONE}};

typedef struct config {
    cvt_base base;
    cvt_hf_vit vit;
    bool use_head;
} config;

#define KEYS_OF config
static const cvt_key keys[] = {
    CVT_HF_VIT_KEYS("16", "'gelu_pytorch_tanh'", "1e-6", heads),
    CVT_HF_VIT_MLP_KEY,
    BOOL("vision_use_head", use_head, "true", "a learned query pools; false: without classes there is no output"),
    CVT_DROPOUT_KEY("attention_dropout"),
    {0},
};

/* ---- names of weights ---- */

static const cvt_name_row hf_pool[] = {{"latent", "probe"},
                                       CVT_STACKED_3("attn.", "q", "k", "v", "attention.in_proj_*"),
                                       {"attn.proj.*", "attention.out_proj.*"},
                                       {"norm.*", "layernorm.*"},
                                       {"mlp.*", "mlp.*"},
                                       {NULL, NULL}};
static const cvt_name_row hf[] = {{"pos_embed", "{}embeddings.position_embedding.weight", .axes = "bc"},
                                  {"embed.proj.*", "{}embeddings.patch_embedding.*"},
                                  {"block{j}.*", "{}encoder.layers.{j}.*", .rows = cvt_hf_clip_layer},
                                  {"norm.*", "{}post_layernorm.*"},
                                  {"pool.*", "{}head.*", .rows = hf_pool},
                                  {"head.*", "classifier.*"},
                                  {NULL, "{}head.*"},
                                  {NULL, "text_model.*"},
                                  {NULL, "logit_scale"},
                                  {NULL, "logit_bias"},
                                  {NULL, NULL}};

/* In the file of a tower that was saved alone {} is nothing. */
static const cvt_dialect dialects[] = {{"native"}, {"hf", hf, "vision_model."}, {"hf_bare", hf, ""}, {NULL}};

/* ---- config ---- */

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    c->vit.head = (int)cvt_hf_vit_head(&c->base, &c->vit, GIVEN(c, vit.head), classes, hints);
    if (c->vit.head == CVT_HF_NONE && !c->use_head)
        return cvt_fail(error, CVT_CONFIG,
                        "\"vision_use_head\" is false and there is no classifier: the model pools nothing");
    cvt_resolve_image(c->vit.image_size, &c->base, 224);
    return cvt_hf_vit_resolve(&c->vit, error);
}

/* ---- the forward pass ---- */

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    const cvt_hf_vit *v = &c->vit;
    cvt_vit_block block = cvt_hf_vit_block(v);
    int grid[2];
    cvt_hf_vit_grid(grid, v, c->base.size);
    cvt_value t = cvtb_hf_patches(b, v, cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]), true);
    t = cvtb_add_positions(b, t, 0, v->table, grid, CVT_INTERPOLATE_BICUBIC);
    cvtb_grid(b, 0, grid[0], grid[1]);
    t = cvtb_vit_blocks(b, t, v->depth, &block);
    t = cvtb_tap(b, cvtb_layer_norm(b, t, "norm", block.eps), "norm");
    if (v->head == CVT_HF_CLASSES) return cvtb_classify(b, cvtb_pool_tokens(b, t, true, 0), c->base.classes);
    return cvtb_embedding(b, cvtb_flatten(b, cvtb_attention_pool(b, t, grid, &block)));
}

const cvt_arch cvt_arch_siglip = {
    .name = "siglip",
    .about = "SigLIP's image tower (Hugging Face siglip): features or classes",
    .traits = {"yes", "non-overlapping", "linear", "no"},
    .config_size = sizeof(config),
    .keys = keys,
    .hf_types = (const char *const[]){"siglip", "siglip_vision_model", NULL},
    .hf_parts = (const char *const[]){"vision_config", NULL},
    .classes = 1000,
    .hf_classes = 2,
    .preprocess = {.like = "siglip"},
    .dialects = dialects,
    .classifier = "head.weight",
    .headless = true,
    .resolve = resolve,
    .build = build,
};
