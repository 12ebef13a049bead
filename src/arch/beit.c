/* beit.c - BEiT (Bao et al. 2021, "BEiT: BERT Pre-Training of Image Transformers") and BEiT v2, of Hugging Face's
 * transformers (models/beit/modeling_beit.py), timm (beit.py) and Microsoft.
 *
 *   tokens  [cls ; patches], mostly without positions
 *   blocks  x += ls1 * attn(norm x); x += ls2 * mlp(norm x). Keys have no bias. A stored number for each head and each
 *           distance between query and key is added to the scores: a table a block, or one for all.
 *   head    linear(norm(mean of the patches)), or linear of the class token after a norm
 *
 * For another input size Hugging Face resizes the tables, that of distances bilinearly. It takes the height of the
 * table for its width, so that an image_size of two different sides has its table resized even for that size. timm
 * resizes it in another way (levels in geometric progression), which is not done here. */
#include "arch/hf_vit.h"
#include "arch/keys.h"
#include "arch/resolve.h"

static const char *const heads[] = {"classes", "none", NULL};
static const cvt_hf_class classes[] = {
    {"BeitForImageClassification", CVT_HF_CLASSES}, {"BeitModel", CVT_HF_NONE}, {NULL, CVT_HF_NONE}};
enum { POOL_MEAN, POOL_TOKEN };
static const char *const timm_pools[] = {"avg", "token", NULL};

typedef struct config {
    cvt_base base;
    cvt_hf_vit vit;
    double mlp_ratio, scale_init;
    int pool;
    bool absolute, relative, shared, mean_pooling, fc_norm, qkv_bias;
    bool layer_scale, timm;
} config;

#define KEYS_OF config
static const cvt_key keys[] = {
    CVT_HF_VIT_KEYS("16", "'gelu'", NULL, heads),
    INT("intermediate_size", vit.mlp_dim, 1, 1 << 22, NULL, "default: hidden_size * mlp_ratio"),
    NUM("mlp_ratio", mlp_ratio, 0.001, 64, "4", "hidden channels, as a multiple of hidden_size"),
    BOOL("qkv_bias", qkv_bias, "true", "queries and values have biases"),
    BOOL("use_absolute_position_embeddings", absolute, NULL, "a table of positions; default: as in the weights"),
    BOOL("use_relative_position_bias", relative, NULL,
         "a table of distances in each block; default: as in the weights"),
    BOOL("use_shared_relative_position_bias", shared, NULL, "one for all blocks; default: as in the weights"),
    NUM("layer_scale_init_value", scale_init, 0, 1e6, "0.1", "0: no LayerScale; weights tell it too", .nullable = true),
    BOOL("use_mean_pooling", mean_pooling, "true", "the mean is classified, and the last norm comes after it"),
    CHOICE("global_pool", pool, timm_pools, NULL, "use_mean_pooling in timm's words", .nullable = true,
           .dialect = CVT_CONFIG_TIMM),
    BOOL("use_fc_norm", fc_norm, NULL, "the last norm comes after the pooling; default: with the mean",
         .nullable = true),
    SAME("img_size", "image_size", CVT_CONFIG_TIMM),
    SAME("in_chans", "num_channels", CVT_CONFIG_TIMM),
    SAME("embed_dim", "hidden_size", CVT_CONFIG_TIMM),
    SAME("depth", "num_hidden_layers", CVT_CONFIG_TIMM),
    SAME("num_heads", "num_attention_heads", CVT_CONFIG_TIMM),
    SAME("use_abs_pos_emb", "use_absolute_position_embeddings", CVT_CONFIG_TIMM),
    SAME("use_rel_pos_bias", "use_relative_position_bias", CVT_CONFIG_TIMM),
    SAME("use_shared_rel_pos_bias", "use_shared_relative_position_bias", CVT_CONFIG_TIMM),
    SAME("init_values", "layer_scale_init_value", CVT_CONFIG_TIMM),
    CVT_OFF_KEY("swiglu_mlp"),
    CVT_OFF_KEY("scale_mlp"),
    UNUSED_NUM("head_init_scale", 0, 1e6, "without effect: for training"),
    CVT_DROPOUT_KEY("hidden_dropout_prob"),
    CVT_DROPOUT_KEY("attention_probs_dropout_prob"),
    CVT_DROPOUT_KEY("pos_drop_rate"),
    CVT_DROPOUT_KEY("proj_drop_rate"),
    CVT_TIMM_DROPOUT_KEYS,
    {0},
};

/* ---- names of weights ---- */

#define TABLE "relative_position_bias_table"
static const cvt_name_row timm_block[] = {{"attn.q.bias", "attn.q_bias"},
                                          {"attn.v.bias", "attn.v_bias"},
                                          {"attn.position_bias", "attn." TABLE},
                                          CVT_STACKED_3("attn.", "q", "k", "v", "attn.qkv.*"),
                                          {"ls1.gamma", "gamma_1"},
                                          {"ls2.gamma", "gamma_2"},
                                          {NULL, "attn.k_bias"},
                                          {"*", "*"},
                                          {NULL, NULL}};
static const cvt_name_row timm[] = {{"embed.proj.*", "patch_embed.proj.*"},
                                    {"block{j}.*", "blocks.{j}.*", .rows = timm_block},
                                    {"position_bias", "rel_pos_bias." TABLE},
                                    {"fc_norm.*", "fc_norm.*"},
                                    {NULL, "mask_token"},
                                    {"*", "*", .rows = cvt_common_names},
                                    {NULL, NULL}};

#define NORM_ROWS                                                                                     \
    {"norm1.*", "layernorm_before.*"}, {"norm2.*", "layernorm_after.*"}, {"ls1.gamma", "lambda_1"}, { \
        "ls2.gamma", "lambda_2"                                                                       \
    }
static const cvt_name_row disk_layer[] = {{"attn.q.*", "attention.attention.query.*"},
                                          {"attn.k.*", "attention.attention.key.*"},
                                          {"attn.v.*", "attention.attention.value.*"},
                                          {"attn.position_bias", "attention.attention.relative_position_bias." TABLE},
                                          {"attn.proj.*", "attention.output.dense.*"},
                                          {"mlp.fc1.*", "intermediate.dense.*"},
                                          {"mlp.fc2.*", "output.dense.*"},
                                          NORM_ROWS,
                                          {NULL, NULL}};
static const cvt_name_row memory_layer[] = {{"attn.q.*", "attention.q_proj.*"},
                                            {"attn.k.*", "attention.k_proj.*"},
                                            {"attn.v.*", "attention.v_proj.*"},
                                            {"attn.position_bias", "relative_position_bias." TABLE},
                                            {"attn.proj.*", "attention.o_proj.*"},
                                            {"mlp.*", "mlp.*"},
                                            NORM_ROWS,
                                            {NULL, NULL}};
static const cvt_name_row outside[] = {{"cls_token", "{}embeddings.cls_token"},
                                       {"pos_embed", "{}embeddings.position_embeddings"},
                                       {"embed.proj.*", "{}embeddings.patch_embeddings.projection.*"},
                                       {"norm.*", "{}layernorm.*"},
                                       {"fc_norm.*", "{}pooler.layernorm.*"},
                                       {"head.*", "classifier.*"},
                                       {NULL, "{}embeddings.mask_token"},
                                       {NULL, NULL}};
static const cvt_name_row hf[] = {{"block{j}.*", "{}encoder.layer.{j}.*", .rows = disk_layer},
                                  {"position_bias", "{}encoder.relative_position_bias." TABLE},
                                  {"*", "*", .rows = outside},
                                  {NULL, NULL}};
static const cvt_name_row hf5[] = {{"block{j}.*", "{}layers.{j}.*", .rows = memory_layer},
                                   {"position_bias", "{}shared_position_bias." TABLE},
                                   {"*", "*", .rows = outside},
                                   {NULL, NULL}};
static const cvt_dialect dialects[] = {
    {"native"}, {"timm", timm}, {"hf", hf, "beit."}, {"hf_bare", hf, ""}, {"hf5", hf5, "beit."}, {"hf5_bare", hf5, ""},
    {NULL}};

/* ---- config ---- */

static bool from_timm(const cvt_hints *hints) {
    return hints->config == CVT_CONFIG_TIMM || (hints->config != CVT_CONFIG_HF && cvt_hints_from(hints, "timm"));
}

/* Finds which tables there are, and LayerScale: the weights tell what the config does not say, unless it is Hugging
 * Face's, where what is absent has a default. */
static cvt_status resolve_tables(config *c, const cvt_hints *hints, cvt_error *error) {
    bool stored = hints->weights && hints->config != CVT_CONFIG_HF;
    if (!GIVEN(c, absolute)) c->absolute = stored && cvt_hints_tensor(hints, "pos_embed", 0);
    if (!GIVEN(c, shared)) c->shared = stored && cvt_hints_tensor(hints, "position_bias", 0);
    if (!GIVEN(c, relative))
        c->relative = stored ? cvt_hints_tensor(hints, "block{j}.attn.position_bias", 0) != NULL
                             : hints->config != CVT_CONFIG_HF && !c->shared;
    c->layer_scale = stored ? cvt_hints_tensor(hints, "block{j}.ls1.gamma", 0) != NULL : c->scale_init > 0;
    if (c->relative && c->shared)
        return cvt_fail(error, CVT_CONFIG, "\"%s\" and \"%s\" exclude each other here", NAMED(c, relative),
                        NAMED(c, shared));
    return CVT_OK;
}

static cvt_status resolve_pooling(config *c, cvt_error *error) {
    if (!GIVEN(c, pool)) c->pool = c->mean_pooling ? POOL_MEAN : POOL_TOKEN;
    if (GIVEN(c, pool) && GIVEN(c, mean_pooling) && c->mean_pooling != (c->pool == POOL_MEAN))
        return cvt_fail(error, CVT_CONFIG, "\"global_pool\" and \"use_mean_pooling\" contradict each other");
    if (!GIVEN(c, fc_norm)) c->fc_norm = c->pool == POOL_MEAN;
    return CVT_OK;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    bool hf_config = hints->config == CVT_CONFIG_HF;
    c->timm = from_timm(hints);
    TRY(resolve_tables(c, hints, error));
    TRY(resolve_pooling(c, error));
    if (!c->vit.mlp_dim) c->vit.mlp_dim = hf_config && !GIVEN(c, mlp_ratio) ? 3072 : (int)(c->vit.dim * c->mlp_ratio);
    TRY(cvt_check_hidden("mlp_ratio", c->mlp_ratio, c->vit.mlp_dim, -1, error));
    bool hf_names = hints->origin && hints->origin->name[0] == 'h';
    if (!GIVEN(c, vit.eps)) c->vit.eps = hf_config || hf_names ? 1e-12 : 1e-6;
    c->vit.head = (int)cvt_hf_vit_head(&c->base, &c->vit, GIVEN(c, vit.head), classes, hints);
    if (!hf_config) cvt_resolve_input(&c->base, c->vit.image_size);
    return cvt_hf_vit_resolve(&c->vit, error);
}

/* As timm says of BEiT, or as Hugging Face's image processor does. */
static cvt_preprocess_spec preprocess_of(const void *p, const cvt_hints *hints) {
    (void)hints;
    cvt_preprocess_spec r = cvt_preprocess_default(CVT_PREPROCESS_CENTER, 0, 0.9);
    for (int i = 0; i < 3; i++) r.mean[i] = r.std[i] = 0.5;
    if (!((const config *)p)->timm && cvt_preprocess_guess(&r, "beit")) r.guessed = NULL;
    return r;
}

/* ---- the forward pass ---- */

static void check_grid(cvt_builder *b, const config *c, const int *grid) {
    bool same = grid[0] == c->vit.table[0] && grid[1] == c->vit.table[1];
    if (!same && c->timm && (c->relative || c->shared))
        cvtb_fail(b,
                  "the tables of distances are for %d x %d patches, the input has %d x %d: timm resizes them in a way "
                  "that is not done here",
                  c->vit.table[0], c->vit.table[1], grid[0], grid[1]);
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    const cvt_hf_vit *v = &c->vit;
    cvt_vit_block block = cvt_hf_vit_block(v);
    int grid[2];
    cvt_hf_vit_grid(grid, v, c->base.size);
    check_grid(b, c, grid);
    cvt_relative_bias table = {.heads = v->heads,
                               .h = grid[0],
                               .w = grid[1],
                               .table_h = v->table[!c->timm],
                               .table_w = v->table[c->timm],
                               .resize = CVT_INTERPOLATE_BILINEAR,
                               .class_token = true};
    cvt_value t = cvtb_hf_patches(b, v, cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]), true);
    t = cvtb_class_token(b, t);
    if (c->absolute)
        t = cvtb_add_positions(b, t, 1, v->table, grid,
                               c->timm ? CVT_INTERPOLATE_BICUBIC_ANTIALIAS : CVT_INTERPOLATE_BICUBIC);
    else
        cvtb_tap(b, t, "tokens");
    cvt_value shared = c->shared ? cvtb_relative_bias(b, "position_bias", &table) : CVT_NO_VALUE;
    block.attention.qkv_bias = c->qkv_bias;
    block.attention.no_k_bias = true;
    block.attention.relative = c->relative ? &table : NULL;
    block.attention.bias = c->shared ? &shared : NULL;
    block.layer_scale = c->layer_scale;
    cvtb_grid(b, 1, grid[0], grid[1]);
    t = cvtb_vit_blocks(b, t, v->depth, &block);
    if (!c->fc_norm) t = cvtb_tap(b, cvtb_layer_norm(b, t, "norm", block.eps), "norm");
    t = cvtb_pool_tokens(b, t, c->pool == POOL_MEAN, 1);
    if (c->fc_norm) t = cvtb_tap(b, cvtb_layer_norm(b, t, "fc_norm", block.eps), "norm");
    if (v->head == CVT_HF_NONE) return cvtb_embedding(b, cvtb_flatten(b, t));
    return cvtb_classify(b, t, c->base.classes);
}

const cvt_arch cvt_arch_beit = {
    .name = "beit",
    .about = "BEiT and BEiT v2 (Hugging Face, timm): attention biased by distances",
    .traits = {"yes", "non-overlapping", "linear", "no"},
    .config_size = sizeof(config),
    .keys = keys,
    .hf_types = (const char *const[]){"beit", NULL},
    .classes = 1000,
    .hf_classes = 2,
    .preprocess_of = preprocess_of,
    .dialects = dialects,
    .classifier = "head.weight",
    .headless = true,
    .resolve = resolve,
    .build = build,
};
