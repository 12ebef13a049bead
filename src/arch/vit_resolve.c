/* vit_resolve.c - what the keys of the family vit mean together, and what the weights tell where a config says
 * nothing. */
#include <string.h>

#include "arch/keys.h"
#include "arch/resolve.h"
#include "arch/vit.h"

#define KEYS_OF cvt_vit

static bool from_vit_pytorch(const cvt_hints *hints) {
    return hints->origin && strncmp(hints->origin->name, "vit_pytorch_", 12) == 0;
}

/* CLIP's own program has another eps than timm. */
static bool from_openai(const cvt_hints *hints) {
    return cvt_hints_from(hints, "openai") || cvt_hints_from(hints, "openai_tower");
}

static bool from_hf(const cvt_hints *hints) {
    return hints->config == CVT_CONFIG_HF || (hints->origin && strncmp(hints->origin->name, "hf", 2) == 0);
}

/* Which program's model it is: the config says it, else the names of the weights tell, else it is vit_pytorch's current
 * one. */
static cvt_status resolve_variant(cvt_vit *c, const cvt_hints *hints, cvt_error *error) {
    bool named = hints->origin && !cvt_dialect_is_native(hints->origin) && !from_vit_pytorch(hints);
    bool timm_names = named || hints->config != CVT_CONFIG_NATIVE;
    if (!GIVEN(c, variant)) c->variant = timm_names && !GIVEN(c, layout) ? CVT_VIT_TIMM : CVT_VIT_PYTORCH;
    if (!GIVEN(c, layout)) c->layout = from_vit_pytorch(hints) ? hints->origin->name[12] - 'a' : CVT_VIT_D;
    return cvt_check_only(&c->base.given, c->variant, "variant", cvt_vit_variants, error);
}

/* Do the weights tell that the mean is classified? */
static bool has_mean(const cvt_vit *c, const cvt_hints *hints) {
    if (!hints->weights) return GIVEN(c, class_token) && !c->class_token;
    const cvt_tensor *cls = cvt_hints_tensor(hints, "cls_token", 0);
    return (cvt_hints_tensor(hints, "fc_norm.weight", 0) && c->variant == CVT_VIT_TIMM) || !cls || cls->bytes == 0;
}

/* Is there such a parameter in the weights? */
static bool has(const cvt_hints *hints, const char *pattern) { return cvt_hints_tensor(hints, pattern, 0) != NULL; }

/* Finds the switches of timm's constructor that the config does not have: most show in the weights. */
static void resolve_switches(cvt_vit *c, const cvt_hints *hints) {
    bool timm = c->variant == CVT_VIT_TIMM && hints->weights;
    const cvt_tensor *registers = timm ? cvt_hints_tensor(hints, "reg_token", 0) : NULL;
    bool counted = registers && registers->rank == 3 && registers->shape[1] > 0 && registers->shape[1] <= 4096;
    if (!GIVEN(c, reg_tokens)) c->reg_tokens = counted ? (int)registers->shape[1] : 0;
    c->layer_scale = GIVEN(c, init_values) ? c->init_values > 0 : timm && has(hints, "block{j}.ls1.gamma");
    if (!GIVEN(c, qk_norm)) c->qk_norm = timm && has(hints, "block{j}.attn.q_norm.weight");
    if (!GIVEN(c, pre_norm)) c->pre_norm = timm && has(hints, "norm_pre.weight");
    c->late_registers = c->reg_tokens && (cvt_hints_from(hints, "dinov2") || cvt_hints_from(hints, "dinov2_giant"));
    if (c->late_registers) c->no_embed_class = false;
    c->head_bias = !(timm && has(hints, "head.weight") && !has(hints, "head.bias"));
}

/* Finds tokens, head and norms that the config does not say. */
static void resolve_head(cvt_vit *c, const cvt_hints *hints) {
    bool hf_deit_type = hints->model_type && strcmp(hints->model_type, "deit") == 0;
    bool vp = c->variant == CVT_VIT_PYTORCH, stored = hints->weights != NULL;
    int named = c->architecture;
    if (!named && hf_deit_type) named = has(hints, "head_dist.weight") ? 3 : 2;
    if (!GIVEN(c, distilled)) c->distilled = named && cvt_vit_classes[named - 1].distilled;
    c->head = named ? cvt_vit_classes[named - 1].head : c->distilled ? CVT_VIT_HEAD_BOTH : CVT_VIT_HEAD_TOKEN;
    if (c->base.headless && !c->distilled) c->head = CVT_VIT_HEAD_FEATURES;
    if (!GIVEN(c, pool) && !vp && has(hints, "pool.latent"))
        c->pool = CVT_VIT_MAP;
    else if (!GIVEN(c, pool))
        c->pool = has_mean(c, hints) ? CVT_VIT_MEAN : CVT_VIT_TOKEN;
    bool mean = c->pool == CVT_VIT_MEAN, reduces = mean || c->pool == CVT_VIT_MAX || c->pool == CVT_VIT_AVGMAX;
    if (vp) c->pool_prefix = true;
    if (!GIVEN(c, class_token))
        c->class_token =
            vp ? !(c->layout == CVT_VIT_D && mean) : c->pool == CVT_VIT_TOKEN || !stored || has(hints, "cls_token");
    if (!GIVEN(c, fc_norm) && vp) c->fc_norm = mean && c->layout <= CVT_VIT_B;
    if (!GIVEN(c, fc_norm) && !vp) c->fc_norm = has(hints, "fc_norm.weight") || (reduces && !has(hints, "norm.weight"));
    if (!GIVEN(c, qkv_bias)) c->qkv_bias = !vp;
}

/* Checks that a model of vit_pytorch has nothing that only timm's has. */
static cvt_status check_switches(const cvt_vit *c, cvt_error *error) {
    const struct {
        const char *key;
        bool on;
    } switches[] = {{"init_values", c->layer_scale},
                    {"reg_tokens", c->reg_tokens > 0},
                    {"qk_norm", c->qk_norm},
                    {"pre_norm", c->pre_norm},
                    {"no_embed_class", c->no_embed_class},
                    {NAMED(c, pool), c->pool > CVT_VIT_MEAN}};
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++)
        if (switches[i].on) return cvt_fail(error, CVT_CONFIG, "\"%s\" needs \"variant\" timm", switches[i].key);
    return CVT_OK;
}

static cvt_status check_head(const cvt_vit *c, cvt_error *error) {
    if (c->base.headless && c->distilled)
        return cvt_fail(error, CVT_CONFIG, "\"num_classes\" is 0, but a distilled model needs its two classifiers");
    if (c->distilled && c->variant == CVT_VIT_PYTORCH)
        return cvt_fail(error, CVT_CONFIG, "\"distilled\" needs \"variant\" timm");
    if (c->head == CVT_VIT_HEAD_BOTH && !c->distilled)
        return cvt_fail(error, CVT_CONFIG, "\"distilled\" is false, but \"architectures\" names a model of two heads");
    if (c->variant == CVT_VIT_PYTORCH) TRY(check_switches(c, error));
    if (!c->class_token && (c->pool == CVT_VIT_TOKEN || c->distilled))
        return cvt_fail(error, CVT_CONFIG, "\"class_token\" is false, but %s needs it",
                        c->distilled ? "a distilled model" : "the pooling of it");
    if (c->pool != CVT_VIT_TOKEN && c->distilled)
        return cvt_fail(error, CVT_CONFIG, "a distilled model pools its two tokens, not the mean");
    if (c->distilled && c->reg_tokens) return cvt_fail(error, CVT_CONFIG, "a distilled model has no \"reg_tokens\"");
    if (c->pool == CVT_VIT_ALL && c->head != CVT_VIT_HEAD_FEATURES)
        return cvt_fail(error, CVT_CONFIG, "\"%s\" leaves all tokens, of which none is classified: \"%s\" must be 0",
                        NAMED(c, pool), NAMED(c, base.classes));
    return CVT_OK;
}

static cvt_status resolve_sizes(cvt_vit *c, const cvt_hints *hints, cvt_error *error) {
    const char *heads = NAMED(c, heads), *dim = NAMED(c, dim);
    bool hf_config = hints->config == CVT_CONFIG_HF, vp = c->variant == CVT_VIT_PYTORCH;
    if (!c->dim_head && vp) c->dim_head = 64;
    if (!c->dim_head) TRY(cvt_check_divides(heads, c->heads, dim, c->dim, -1, error));
    if (!c->dim_head) c->dim_head = c->dim / c->heads;
    if ((int64_t)c->dim_head * c->heads > 1 << 20)
        return cvt_fail(error, CVT_CONFIG, "\"%s\" = %d of \"dim_head\" = %d are too many channels", heads, c->heads,
                        c->dim_head);
    if (!c->mlp_dim) c->mlp_dim = hf_config && !GIVEN(c, mlp_ratio) ? 3072 : (int)(c->dim * c->mlp_ratio);
    TRY(cvt_check_hidden("mlp_ratio", c->mlp_ratio, c->mlp_dim, -1, error));
    bool halves = c->mlp_layer == CVT_VIT_GLU || c->mlp_layer == CVT_VIT_SWIGLU_PACKED;
    if (halves && c->mlp_dim % 2)
        return cvt_fail(error, CVT_CONFIG, "\"mlp_layer\" needs two halves, but %d hidden channels have none",
                        c->mlp_dim);
    bool msn = hints->model_type && strcmp(hints->model_type, "vit_msn") == 0;
    if (!GIVEN(c, eps)) c->eps = vp || from_openai(hints) ? 1e-5 : from_hf(hints) && !msn ? 1e-12 : 1e-6;
    return CVT_OK;
}

/* Finds the grid of the table of positions. When timm loads a table of another size, it resizes it to image_size; here
 * the grid becomes that of the weights, and the table is resized for each input size. */
static cvt_status resolve_table(cvt_vit *c, const cvt_hints *hints, cvt_error *error) {
    bool vp = c->variant == CVT_VIT_PYTORCH, hf_config = hints->config == CVT_CONFIG_HF;
    const char *key = NAMED(c, image_size);
    for (int i = 0; i < 2 && hf_config; i++)
        if (!c->image_size[i]) c->image_size[i] = 224;
    cvt_resolve_image(c->image_size, &c->base, 224);
    for (int i = 0; i < 2; i++) {
        c->table[i] = c->image_size[i] / c->patch_size[i];
        if (c->table[i] < 1 || (vp && c->image_size[i] % c->patch_size[i]))
            return cvt_fail(error, CVT_CONFIG, "\"patch_size\" = %d does not divide \"%s\" = %d", c->patch_size[i], key,
                            c->image_size[i]);
    }
    if ((int64_t)c->table[0] * c->table[1] > 1 << 24)
        return cvt_fail(error, CVT_CONFIG, "\"%s\" has too many patches of \"patch_size\": %d x %d", key, c->table[0],
                        c->table[1]);
    bool bilinear = c->pos_interpolation == CVT_VIT_BILINEAR;
    c->resize = vp               ? CVT_INTERPOLATE_NONE
                : from_hf(hints) ? CVT_INTERPOLATE_BICUBIC
                : bilinear       ? CVT_INTERPOLATE_BILINEAR
                                 : CVT_INTERPOLATE_BICUBIC_ANTIALIAS;
    if (!vp && !from_hf(hints))
        cvt_resolve_grid(c->table, cvt_hints_cells(hints, "pos_embed", cvt_vit_table_prefix(c)));
    return CVT_OK;
}

/* The defaults of Hugging Face's image processors, or timm's for a ViT. vit_pytorch says nothing of preprocessing. */
cvt_preprocess_spec cvt_vit_preprocess(const void *p, const cvt_hints *hints) {
    const cvt_vit *c = p;
    bool deit = c->distilled, is_hf = from_hf(hints), vp = c->variant == CVT_VIT_PYTORCH;
    cvt_preprocess_kind kind = !is_hf ? CVT_PREPROCESS_CENTER
                               : deit ? CVT_PREPROCESS_SQUASH_CROP
                                      : CVT_PREPROCESS_SQUASH;
    cvt_preprocess_spec r = cvt_preprocess_default(kind, 224, vp ? 0.875 : 0.9);
    r.half_even = !is_hf;
    r.resize[0] = r.resize[1] = 256;
    if (is_hf && !deit) r.filter = CVT_FILTER_BILINEAR;
    for (int i = 0; i < 3 && (is_hf || (!vp && !deit)); i++) r.mean[i] = r.std[i] = 0.5;
    return r;
}

cvt_status cvt_vit_resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    cvt_vit *c = p;
    TRY(resolve_variant(c, hints, error));
    resolve_switches(c, hints);
    resolve_head(c, hints);
    TRY(check_head(c, error));
    TRY(resolve_sizes(c, hints, error));
    TRY(resolve_table(c, hints, error));
    if (c->head == CVT_VIT_HEAD_FEATURES) c->base.classes = 0;
    return CVT_OK;
}
