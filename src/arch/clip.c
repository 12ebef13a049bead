/* clip.c - the image tower of CLIP (Radford et al. 2021, "Learning Transferable Visual Models From Natural Language
 * Supervision") in Hugging Face's transformers (models/clip/modeling_clip.py).
 *
 *   tokens  norm([class ; patches] + positions); the patches have no bias
 *   blocks  x += attn(norm x); x += mlp(norm x)
 *   head    projection(norm(class token)), which CLIP compares with the same of a text; without it norm(class token).
 *           CLIPForImageClassification classifies the mean of the patches, which goes through no norm.
 *
 * The tower of text is not read. Another size has its positions resized, as with interpolate_pos_encoding=True. */
#include "arch/hf_vit.h"
#include "arch/keys.h"
#include "arch/resolve.h"

static const char *const heads[] = {"classes", "none", "projection", NULL};
static const cvt_hf_class classes[] = {{"CLIPForImageClassification", CVT_HF_CLASSES},
                                       {"CLIPVisionModel", CVT_HF_NONE},
                                       {"CLIPVisionModelWithProjection", CVT_HF_PROJECTION},
                                       {"CLIPModel", CVT_HF_PROJECTION},
                                       {NULL, CVT_HF_NONE}};

typedef struct config {
    cvt_base base;
    cvt_hf_vit vit;
    int projection_dim;
} config;

#define KEYS_OF config
static const cvt_key keys[] = {
    CVT_HF_VIT_KEYS("32", "'quick_gelu'", "1e-5", heads),
    CVT_HF_VIT_MLP_KEY,
    INT("projection_dim", projection_dim, 1, 65536, NULL, "of the projection; default: as in the weights, else 512"),
    CVT_DROPOUT_KEY("attention_dropout"),
    {0},
};

/* ---- names of weights ---- */

static const cvt_name_row hf[] = {{"cls_token", "{}embeddings.class_embedding", .axes = "c"},
                                  {"pos_embed", "{}embeddings.position_embedding.weight", .axes = "bc"},
                                  {"embed.proj.*", "{}embeddings.patch_embedding.*"},
                                  {"norm_pre.*", "{}pre_layrnorm.*"}, /* sic */
                                  {"block{j}.*", "{}encoder.layers.{j}.*", .rows = cvt_hf_clip_layer},
                                  {"norm.*", "{}post_layernorm.*"},
                                  {"head.*", "classifier.*"},
                                  {"projection.*", "visual_projection.*"},
                                  {NULL, "{}post_layernorm.*"},
                                  {NULL, "visual_projection.weight"},
                                  {NULL, "text_model.*"},
                                  {NULL, "text_projection.weight"},
                                  {NULL, "logit_scale"},
                                  {NULL, NULL}};

/* In the file of a tower that was saved alone {} is nothing. */
static const cvt_dialect dialects[] = {{"native"}, {"hf", hf, "vision_model."}, {"hf_bare", hf, ""}, {NULL}};

/* ---- config ---- */

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    const cvt_tensor *t = cvt_hints_tensor(hints, "projection.weight", 0);
    bool known = t && t->rank == 2 && t->shape[0] >= 1 && t->shape[0] <= 65536;
    if (known) /* of two values in a config neither need be this one's */
        c->projection_dim = (int)t->shape[0];
    else if (!GIVEN(c, projection_dim))
        c->projection_dim = 512;
    c->vit.head = (int)cvt_hf_vit_head(&c->base, &c->vit, GIVEN(c, vit.head), classes, hints);
    cvt_resolve_image(c->vit.image_size, &c->base, 224);
    return cvt_hf_vit_resolve(&c->vit, error);
}

/* ---- the forward pass ---- */

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    const cvt_hf_vit *v = &c->vit;
    const float eps = (float)v->eps;
    cvt_vit_block block = cvt_hf_vit_block(v);
    int grid[2];
    cvt_hf_vit_grid(grid, v, c->base.size);
    cvt_value t = cvtb_hf_patches(b, v, cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]), false);
    t = cvtb_add_positions(b, cvtb_class_token(b, t), 1, v->table, grid, CVT_INTERPOLATE_BICUBIC);
    t = cvtb_tap(b, cvtb_layer_norm(b, t, "norm_pre", eps), "norm_pre");
    cvtb_grid(b, 1, grid[0], grid[1]);
    t = cvtb_vit_blocks(b, t, v->depth, &block);
    if (v->head == CVT_HF_CLASSES) return cvtb_classify(b, cvtb_pool_tokens(b, t, true, 1), c->base.classes);
    t = cvtb_tap(b, cvtb_layer_norm(b, cvtb_slice(b, t, 0, 1), "norm", eps), "norm");
    if (v->head == CVT_HF_PROJECTION) t = cvtb_linear(b, t, "projection", c->projection_dim, false);
    return cvtb_embedding(b, cvtb_flatten(b, t));
}

const cvt_arch cvt_arch_clip = {
    .name = "clip",
    .about = "CLIP's image tower (Hugging Face clip): projection, features or classes",
    .traits = {"yes", "non-overlapping", "linear", "no"},
    .config_size = sizeof(config),
    .keys = keys,
    .hf_types = (const char *const[]){"clip", "clip_vision_model", NULL},
    .hf_parts = (const char *const[]){"vision_config", "vision_config_dict", NULL},
    .classes = 1000,
    .hf_classes = 2,
    .preprocess = {.like = "clip"},
    .dialects = dialects,
    .classifier = "head.weight",
    .headless = true,
    .resolve = resolve,
    .build = build,
};
