/* vit.c - ViT and DeiT: a transformer over patches, of vit_pytorch, timm (and facebook/deit) and Hugging Face.
 *
 *   tokens  [cls ; (distillation token) ; linear(patches)] + positions
 *   blocks  x += attn(norm x); x += mlp(norm x)
 *   head    norm, pool, linear; a distilled model has a head for each of its two tokens and gives their mean
 *
 * vit_pytorch (vit.py) has had four layouts of weights, which compute four different things:
 *
 *   norm after the blocks                       a, b: none, but one after the pooling;   c, d: yes
 *   norms around the linear of the embedding    a: none;                                 b - d: one before, one after
 *   class token                                 a - c: always, the mean includes it;     d: none if the mean is taken
 *
 * In vit_pytorch the patches are flattened with channels last, heads * dim_head may differ from dim, queries, keys and
 * values have no bias, eps is 1e-5, and a smaller image gets the first rows of the table of positions. In timm
 * (vision_transformer.py, deit.py; eps 1e-6) and Hugging Face (models/vit, models/deit; eps as layer_norm_eps says) the
 * table is resized. */
#include <string.h>

#include "arch/act_names.h"
#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/resolve.h"

enum { VIT_PYTORCH, TIMM }; /* variant; a model of Hugging Face's is timm's variant */
static const char *const variants[] = {"vit_pytorch", "timm", NULL};
enum { LAYOUT_A, LAYOUT_B, LAYOUT_C, LAYOUT_D };
static const char *const layouts[] = {"a", "b", "c", "d", NULL};
enum { POOL_TOKEN, POOL_MEAN };
static const char *const pools[] = {"cls", "mean", NULL}, *const timm_pools[] = {"token", "avg", NULL};

/* What comes after the transformer. */
typedef enum head {
    HEAD_TOKEN,    /* the head of the class token, even if there is a distillation token */
    HEAD_BOTH,     /* the mean of the head of the class token and that of the distillation token */
    HEAD_FEATURES, /* no head: the output is what a classifier would read */
} head;
static const struct {
    const char *name;
    head head;
    bool distilled;
} architectures[] = {
    {"ViTForImageClassification", HEAD_TOKEN},
    {"DeiTForImageClassification", HEAD_TOKEN, true},
    {"DeiTForImageClassificationWithTeacher", HEAD_BOTH, true},
    {"ViTModel", HEAD_FEATURES},
    {"DeiTModel", HEAD_FEATURES, true},
};
enum { ARCHITECTURES = sizeof architectures / sizeof architectures[0] };

typedef struct config {
    cvt_base base;
    int variant, layout;
    int architecture;                 /* an index from 1 on; 0: the file names none */
    int image_size[2], patch_size[2]; /* image_size: of the images that the table of positions is for */
    int dim, depth, heads, dim_head, mlp_dim;
    double mlp_ratio, eps;
    int pool, activation;
    bool qkv_bias, class_token, distilled, fc_norm;
    bool pool_prefix; /* the mean includes the class token */
    head head;
    int table[2]; /* cells of the table of positions */
    cvt_interpolation resize;
} config;

static cvt_status read_architectures(void *field, const cvt_json *value, cvt_error *error) {
    if (cvt_json_kind_of(value) == CVT_JSON_NULL) return CVT_OK; /* saved from a config alone */
    if (cvt_json_kind_of(value) != CVT_JSON_ARRAY) return cvt_fail(error, CVT_CONFIG, "must be a list of strings");
    if (cvt_json_size(value) == 0) return CVT_OK;
    const char *text = cvt_json_string(cvt_json_first(value));
    if (!text) return cvt_fail(error, CVT_CONFIG, "must be a list of strings");
    for (int i = 0; i < ARCHITECTURES; i++) {
        if (strcmp(architectures[i].name, text) != 0) continue;
        *(int *)field = i + 1;
        return CVT_OK;
    }
    return CVT_OK; /* a class of one's own: the weights tell */
}

#define KEYS_OF config
static const cvt_key keys[] = {
    CHOICE("variant", variant, variants, NULL, "default: as the names of the weights tell", .nullable = true),
    CHOICE("layout", layout, layouts, NULL, "of vit_pytorch; default: as the names of the weights tell",
           .nullable = true, .only = CVT_ONLY(VIT_PYTORCH)),
    SIZE("image_size", image_size, 1, 65535, NULL, "whose patches the positions are for; default: the input's, 224"),
    SAME("img_size", "image_size", CVT_CONFIG_TIMM),
    SIZE("patch_size", patch_size, 1, 65535, "16", "of a patch"),
    INT("channels", base.channels, 1, 64, "3", "of the input"),
    SAME("in_chans", "channels", CVT_CONFIG_TIMM),
    SAME("num_channels", "channels", CVT_CONFIG_HF),
    INT("num_classes", base.classes, 1, 1000000, NULL, "default: as in the weights, else 1000"),
    SAME("num_labels", "num_classes", CVT_CONFIG_HF),
    INT("dim", dim, 1, 65536, "768", "channels of the tokens"),
    SAME("embed_dim", "dim", CVT_CONFIG_TIMM),
    SAME("hidden_size", "dim", CVT_CONFIG_HF),
    INT("depth", depth, 1, 1000, "12", "blocks"),
    SAME("num_hidden_layers", "depth", CVT_CONFIG_HF),
    INT("heads", heads, 1, 4096, "12", "attention heads"),
    SAME("num_heads", "heads", CVT_CONFIG_TIMM),
    SAME("num_attention_heads", "heads", CVT_CONFIG_HF),
    INT("dim_head", dim_head, 1, 65536, NULL, "default: 64 for vit_pytorch, else dim / heads"),
    INT("mlp_dim", mlp_dim, 1, 1 << 22, NULL, "default: dim * mlp_ratio"),
    SAME("intermediate_size", "mlp_dim", CVT_CONFIG_HF),
    NUM("mlp_ratio", mlp_ratio, 0.001, 64, "4", "hidden channels, as a multiple of dim"),
    CHOICE("pool", pool, pools, NULL, "what is classified; default: as in the weights, else cls", .nullable = true),
    CHOICE("global_pool", pool, timm_pools, NULL, "pool, as timm says it", .nullable = true,
           .dialect = CVT_CONFIG_TIMM),
    BOOL("class_token", class_token, NULL, "default: true, false for layout d with the mean", .nullable = true),
    BOOL("distilled", distilled, NULL, "default: false", .nullable = true),
    BOOL("fc_norm", fc_norm, NULL, "default: true where the norm comes after the mean", .nullable = true),
    BOOL("pool_include_prefix", pool_prefix, "false", "timm: the mean includes the class token", .nullable = true),
    BOOL("qkv_bias", qkv_bias, NULL, "default: false for vit_pytorch, else true", .nullable = true),
    CHOICE("activation", activation, cvt_act_names, "'gelu'", "of the feed-forward parts", .nullable = true),
    SAME("act_layer", "activation", CVT_CONFIG_TIMM),
    SAME("hidden_act", "activation", CVT_CONFIG_HF),
    NUM("layer_norm_eps", eps, 0, 1, NULL, "default: 1e-5 for vit_pytorch, 1e-6 for timm, 1e-12 for Hugging Face"),
    READER("architectures", architecture, read_architectures, "'type': 'array', 'items': {'type': 'string'}",
           "the model's class, as Hugging Face has it: what stands after the transformer"),
    CVT_OFF_KEY("init_values"),
    CVT_OFF_KEY("reg_tokens"),
    CVT_OFF_KEY("qk_norm"),
    CVT_OFF_KEY("pre_norm"),
    CVT_OFF_KEY("no_embed_class"),
    CVT_OFF_KEY("scale_attn_norm"),
    CVT_OFF_KEY("scale_mlp_norm"),
    CVT_VIT_PYTORCH_DROPOUT_KEYS,
    CVT_DROPOUT_KEY("drop_rate"),
    CVT_DROPOUT_KEY("drop_path_rate"),
    {0},
};

/* ---- names of weights ---- */

static const cvt_name_row timm[] = {{"dist_token", "dist_token"},
                                    {"embed.proj.*", "patch_embed.proj.*"},
                                    {"block{j}.*", "blocks.{j}.*", .rows = cvt_timm_block},
                                    {"fc_norm.*", "fc_norm.*"},
                                    {"head_dist.*", "head_dist.*"},
                                    {"*", "*", .rows = cvt_common_names},
                                    {NULL, NULL}};

static const cvt_name_row vp_embed[] = {{"embed.norm1.weight", "to_patch_embedding.1.weight", .axes = "a"},
                                        {"embed.norm1.bias", "to_patch_embedding.1.bias"},
                                        {"embed.linear.*", "to_patch_embedding.2.*"},
                                        {"embed.norm2.*", "to_patch_embedding.3.*"},
                                        {NULL, NULL}};
/* Tokens, blocks and head of layouts a and b; then blocks and head of c and d. */
static const cvt_name_row vp_old[] = {{"cls_token", "cls_token", .axes = "abc"},
                                      {"pos_embed", "pos_embedding", .axes = "abc"},
                                      {"block{j}.*", "transformer.layers.{j}.*", .rows = cvt_vp_old_layer},
                                      {"norm.*", "mlp_head.0.*"},
                                      {"fc_norm.*", "mlp_head.0.*"},
                                      {"head.*", "mlp_head.1.*"},
                                      {NULL, NULL}};
static const cvt_name_row vp_new[] = {{"block{j}.*", "transformer.layers.{j}.*", .rows = cvt_vp_layer},
                                      {"norm.*", "transformer.norm.*"},
                                      {"head.*", "mlp_head.*"},
                                      {NULL, NULL}};
static const cvt_name_row layout_a[] = {{"embed.linear.weight", "to_patch_embedding.1.weight", .axes = "ab"},
                                        {"embed.linear.bias", "to_patch_embedding.1.bias"},
                                        {"*", "*", .rows = vp_old},
                                        {NULL, NULL}};
static const cvt_name_row layout_b[] = {{"*", "*", .rows = vp_embed}, {"*", "*", .rows = vp_old}, {NULL, NULL}};
static const cvt_name_row layout_c[] = {{"cls_token", "cls_token", .axes = "abc"},
                                        {"pos_embed", "pos_embedding", .axes = "abc"},
                                        {"*", "*", .rows = vp_embed},
                                        {"*", "*", .rows = vp_new},
                                        {NULL, NULL}};
static const cvt_name_row layout_d[] = {
    {"cls_token", "cls_token", .axes = "bc"}, /* the shapes have no leading 1 */
    {"pos_embed", "pos_embedding", .axes = "bc"},
    {"*", "*", .rows = vp_embed},
    {"*", "*", .rows = vp_new},
    {NULL, "cls_token"}, /* a model without a class token stores an empty one: [0, dim] */
    {NULL, NULL}};

static const cvt_name_row hf_layer[] = {{"norm1.*", "layernorm_before.*"},
                                        {"attn.q.*", "attention.attention.query.*"},
                                        {"attn.k.*", "attention.attention.key.*"},
                                        {"attn.v.*", "attention.attention.value.*"},
                                        {"attn.proj.*", "attention.output.dense.*"},
                                        {"norm2.*", "layernorm_after.*"},
                                        {"mlp.fc1.*", "intermediate.dense.*"},
                                        {"mlp.fc2.*", "output.dense.*"},
                                        {NULL, NULL}};
static const cvt_name_row hf[] = {{"cls_token", "{}embeddings.cls_token"},
                                  {"pos_embed", "{}embeddings.position_embeddings"},
                                  {"embed.proj.*", "{}embeddings.patch_embeddings.projection.*"},
                                  {"block{j}.*", "{}encoder.layer.{j}.*", .rows = hf_layer},
                                  {"norm.*", "{}layernorm.*"},
                                  {"head.*", "classifier.*"},
                                  {NULL, "{}embeddings.mask_token"},
                                  {NULL, "{}pooler.*"},
                                  {NULL, NULL}};
static const cvt_name_row hf_deit[] = {
    {"dist_token", "{}embeddings.distillation_token"}, {"*", "*", .rows = hf}, {NULL, NULL}};
static const cvt_name_row hf_teacher[] = {{"head.*", "cls_classifier.*"},
                                          {"head_dist.*", "distillation_classifier.*"},
                                          {"*", "*", .rows = hf_deit},
                                          {NULL, NULL}};

/* The names that transformers 5 has in memory, which torch.save writes. save_pretrained writes those above. */
static const cvt_name_row hf5_layer[] = {{"norm1.*", "layernorm_before.*"},
                                         {"attn.q.*", "attention.q_proj.*"},
                                         {"attn.k.*", "attention.k_proj.*"},
                                         {"attn.v.*", "attention.v_proj.*"},
                                         {"attn.proj.*", "attention.o_proj.*"},
                                         {"norm2.*", "layernorm_after.*"},
                                         {"mlp.*", "mlp.*"},
                                         {NULL, NULL}};
#define HF5_BLOCKS \
    { "block{j}.*", "{}layers.{j}.*", .rows = hf5_layer }
static const cvt_name_row hf5[] = {HF5_BLOCKS, {"*", "*", .rows = hf}, {NULL, NULL}};
static const cvt_name_row hf5_deit[] = {HF5_BLOCKS, {"*", "*", .rows = hf_deit}, {NULL, NULL}};
static const cvt_name_row hf5_teacher[] = {HF5_BLOCKS, {"*", "*", .rows = hf_teacher}, {NULL, NULL}};

/* In the file of a bare model {} is nothing. */
static const cvt_dialect dialects[] = {{"native"},
                                       {"vit_pytorch_a", layout_a},
                                       {"vit_pytorch_b", layout_b},
                                       {"vit_pytorch_c", layout_c},
                                       {"vit_pytorch_d", layout_d},
                                       {"timm", timm},
                                       {"hf", hf, "vit."},
                                       {"hf_deit", hf_deit, "deit."},
                                       {"hf_deit_teacher", hf_teacher, "deit."},
                                       {"hf_bare", hf_deit, ""},
                                       {"hf5", hf5, "vit."},
                                       {"hf5_deit", hf5_deit, "deit."},
                                       {"hf5_deit_teacher", hf5_teacher, "deit."},
                                       {"hf5_bare", hf5_deit, ""},
                                       {NULL}};

/* ---- config ---- */

static bool from_vit_pytorch(const cvt_hints *hints) {
    return hints->origin && strncmp(hints->origin->name, "vit_pytorch_", 12) == 0;
}

static bool from_hf(const cvt_hints *hints) {
    return hints->config == CVT_CONFIG_HF || (hints->origin && strncmp(hints->origin->name, "hf", 2) == 0);
}

/* Which program's model it is: the config says it, else the names of the weights tell, else it is vit_pytorch's current
 * one. */
static cvt_status resolve_variant(config *c, const cvt_hints *hints, cvt_error *error) {
    bool timm_names = cvt_hints_from(hints, "timm") || from_hf(hints) || hints->config != CVT_CONFIG_NATIVE;
    if (!GIVEN(c, variant)) c->variant = timm_names && !GIVEN(c, layout) ? TIMM : VIT_PYTORCH;
    if (!GIVEN(c, layout)) c->layout = from_vit_pytorch(hints) ? hints->origin->name[12] - 'a' : LAYOUT_D;
    return cvt_check_only(&c->base.given, c->variant, "variant", variants, error);
}

/* Do the weights tell that the mean is classified? */
static bool has_mean(const config *c, const cvt_hints *hints) {
    if (!hints->weights) return GIVEN(c, class_token) && !c->class_token;
    const cvt_tensor *cls = cvt_hints_tensor(hints, "cls_token", 0);
    return (cvt_hints_tensor(hints, "fc_norm.weight", 0) && c->variant == TIMM) || !cls || cls->bytes == 0;
}

/* Finds tokens, head and norms that the config does not say. */
static void resolve_head(config *c, const cvt_hints *hints) {
    bool hf_deit_type = hints->model_type && strcmp(hints->model_type, "deit") == 0;
    int named = c->architecture;
    if (!named && hf_deit_type) named = cvt_hints_tensor(hints, "head_dist.weight", 0) ? 3 : 2;
    if (!GIVEN(c, distilled)) c->distilled = named && architectures[named - 1].distilled;
    c->head = named ? architectures[named - 1].head : c->distilled ? HEAD_BOTH : HEAD_TOKEN;
    if (c->base.headless && !c->distilled) c->head = HEAD_FEATURES;
    if (!GIVEN(c, pool)) c->pool = has_mean(c, hints) ? POOL_MEAN : POOL_TOKEN;
    bool mean = c->pool == POOL_MEAN, vp = c->variant == VIT_PYTORCH;
    if (vp) c->pool_prefix = true;
    if (!GIVEN(c, class_token)) c->class_token = !(vp && c->layout == LAYOUT_D && mean);
    if (!GIVEN(c, fc_norm)) c->fc_norm = mean && (!vp || c->layout <= LAYOUT_B);
    if (!GIVEN(c, qkv_bias)) c->qkv_bias = !vp;
}

static cvt_status check_head(const config *c, cvt_error *error) {
    if (c->base.headless && c->distilled)
        return cvt_fail(error, CVT_CONFIG, "\"num_classes\" is 0, but a distilled model needs its two classifiers");
    if (c->distilled && c->variant == VIT_PYTORCH)
        return cvt_fail(error, CVT_CONFIG, "\"distilled\" needs \"variant\" timm");
    if (c->head == HEAD_BOTH && !c->distilled)
        return cvt_fail(error, CVT_CONFIG, "\"distilled\" is false, but \"architectures\" names a model of two heads");
    if (!c->class_token && (c->pool == POOL_TOKEN || c->distilled))
        return cvt_fail(error, CVT_CONFIG, "\"class_token\" is false, but %s needs it",
                        c->distilled ? "a distilled model" : "the pooling of it");
    if (c->pool == POOL_MEAN && c->distilled)
        return cvt_fail(error, CVT_CONFIG, "a distilled model pools its two tokens, not the mean");
    return CVT_OK;
}

static cvt_status resolve_sizes(config *c, const cvt_hints *hints, cvt_error *error) {
    const char *heads = NAMED(c, heads), *dim = NAMED(c, dim);
    bool hf_config = hints->config == CVT_CONFIG_HF, vp = c->variant == VIT_PYTORCH;
    if (!c->dim_head && vp) c->dim_head = 64;
    if (!c->dim_head) TRY(cvt_check_divides(heads, c->heads, dim, c->dim, -1, error));
    if (!c->dim_head) c->dim_head = c->dim / c->heads;
    if ((int64_t)c->dim_head * c->heads > 1 << 20)
        return cvt_fail(error, CVT_CONFIG, "\"%s\" = %d of \"dim_head\" = %d are too many channels", heads, c->heads,
                        c->dim_head);
    if (!c->mlp_dim) c->mlp_dim = hf_config && !GIVEN(c, mlp_ratio) ? 3072 : (int)(c->dim * c->mlp_ratio);
    TRY(cvt_check_hidden("mlp_ratio", c->mlp_ratio, c->mlp_dim, -1, error));
    if (!GIVEN(c, eps)) c->eps = vp ? 1e-5 : from_hf(hints) ? 1e-12 : 1e-6;
    return CVT_OK;
}

/* Finds the grid of the table of positions. When timm loads a table of another size, it resizes it to image_size; here
 * the grid becomes that of the weights, and the table is resized for each input size. */
static cvt_status resolve_table(config *c, const cvt_hints *hints, cvt_error *error) {
    bool vp = c->variant == VIT_PYTORCH, hf_config = hints->config == CVT_CONFIG_HF;
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
    c->resize = vp               ? CVT_INTERPOLATE_NONE
                : from_hf(hints) ? CVT_INTERPOLATE_BICUBIC
                                 : CVT_INTERPOLATE_BICUBIC_ANTIALIAS;
    if (c->resize == CVT_INTERPOLATE_BICUBIC_ANTIALIAS)
        cvt_resolve_grid(c->table, cvt_hints_cells(hints, "pos_embed", c->class_token + c->distilled));
    return CVT_OK;
}

/* The defaults of Hugging Face's image processors, or timm's for a ViT. vit_pytorch says nothing of preprocessing. */
static cvt_preprocess_spec preprocess_of(const void *p, const cvt_hints *hints) {
    const config *c = p;
    bool deit = c->distilled, is_hf = from_hf(hints), vp = c->variant == VIT_PYTORCH;
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

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    TRY(resolve_variant(c, hints, error));
    resolve_head(c, hints);
    TRY(check_head(c, error));
    TRY(resolve_sizes(c, hints, error));
    TRY(resolve_table(c, hints, error));
    if (c->head == HEAD_FEATURES) c->base.classes = 0;
    return CVT_OK;
}

/* ---- the forward pass ---- */

/* Makes patches tokens [h * w, dim]. */
static cvt_value embed(cvt_builder *b, const config *c, cvt_value image) {
    cvt_value t;
    cvtb_open(b, "embed", 0, 0, "PatchEmbed");
    if (c->variant == TIMM) {
        cvt_conv conv = {.out = c->dim,
                         .kh = c->patch_size[0],
                         .kw = c->patch_size[1],
                         .stride_h = c->patch_size[0],
                         .stride_w = c->patch_size[1],
                         .bias = true};
        t = cvtb_tokens(b, cvtb_conv2d(b, image, "proj", &conv));
    } else {
        t = cvtb_patches(b, image, c->patch_size[0], c->patch_size[1]);
        if (c->layout != LAYOUT_A) t = cvtb_layer_norm(b, t, "norm1", (float)c->eps);
        t = cvtb_linear(b, t, "linear", c->dim, true);
        if (c->layout != LAYOUT_A) t = cvtb_layer_norm(b, t, "norm2", (float)c->eps);
    }
    return cvtb_end(b, t);
}

/* Puts the class token, and after it the distillation token of a distilled model, before the patches, and adds the
 * positions. */
static cvt_value tokens(cvt_builder *b, const config *c, cvt_value t, const int *grid) {
    if (c->class_token) {
        cvt_value first = cvtb_token(b, "cls_token", c->dim);
        if (c->distilled) first = cvtb_concat(b, first, cvtb_token(b, "dist_token", c->dim));
        t = cvtb_concat(b, first, t);
    }
    return cvtb_add_positions(b, t, c->class_token + c->distilled, c->table, grid, c->resize);
}

static cvt_value logits(cvt_builder *b, const config *c, cvt_value one, cvt_value two) {
    if (c->head == HEAD_FEATURES) return cvtb_embedding(b, one);
    if (c->head == HEAD_TOKEN) return cvtb_linear(b, cvtb_embedding(b, one), "head", c->base.classes, true);
    cvtb_embedding(b, cvtb_concat(b, one, two));
    one = cvtb_linear(b, one, "head", c->base.classes, true);
    two = cvtb_linear(b, two, "head_dist", c->base.classes, true);
    return cvtb_scale(b, cvtb_add(b, one, two), 0.5f);
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    const int *size = c->base.size;
    int grid[] = {size[0] / c->patch_size[0], size[1] / c->patch_size[1]};
    bool norm_last = c->variant == VIT_PYTORCH && c->layout <= LAYOUT_B;
    cvt_vit_block block = {
        .attention = {.heads = c->heads,
                      .dim_head = c->dim_head,
                      .qkv_bias = c->qkv_bias,
                      .out_bias = true,
                      .no_out = c->variant == VIT_PYTORCH && c->heads == 1 && c->dim_head == c->dim},
        .hidden = c->mlp_dim,
        .act = cvt_acts_named[c->activation],
        .eps = (float)c->eps,
    };
    if (c->variant == VIT_PYTORCH) cvtb_check_patches(b, "patch_size", c->patch_size, size);
    cvt_value t = embed(b, c, cvtb_input(b, c->base.channels, size[0], size[1]));
    t = tokens(b, c, t, grid);
    cvtb_grid(b, c->class_token + c->distilled, grid[0], grid[1]);
    t = cvtb_vit_blocks(b, t, c->depth, &block);
    bool norm_first = !norm_last && !c->fc_norm;
    if (norm_first) t = cvtb_tap(b, cvtb_layer_norm(b, t, "norm", (float)c->eps), "norm");
    t = cvtb_tap(b, cvtb_alias(b, t), "embeddings");
    cvt_value one = cvtb_pool_tokens(b, t, c->pool == POOL_MEAN, c->pool_prefix ? 0 : c->class_token);
    cvt_value two = CVT_NO_VALUE;
    if (!norm_first) one = cvtb_tap(b, cvtb_layer_norm(b, one, c->fc_norm ? "fc_norm" : "norm", (float)c->eps), "norm");
    if (c->head == HEAD_BOTH) two = cvtb_flatten(b, cvtb_slice(b, t, 1, 1));
    return logits(b, c, cvtb_flatten(b, one), two);
}

const cvt_arch cvt_arch_vit = {
    .name = "vit",
    .about = "ViT and DeiT (vit_pytorch, timm, facebook/deit, Hugging Face vit and deit)",
    .traits = {"yes", "non-overlapping", "linear", "no"},
    .config_size = sizeof(config),
    .keys = keys,
    .hf_types = (const char *const[]){"vit", "deit", NULL},
    .classes = 1000,
    .hf_classes = 2,
    .preprocess_of = preprocess_of,
    .dialects = dialects,
    .classifier = "head.weight",
    .headless = true,
    .resolve = resolve,
    .build = build,
};
