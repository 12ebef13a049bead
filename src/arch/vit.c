/* vit.c - ViT and DeiT: a transformer over patches, of vit_pytorch, timm (and facebook/deit) and Hugging Face.
 *
 *   tokens  patches -> linear, under a class token (and a distillation token), + positions
 *   blocks  x += attn(norm x); x += mlp(norm x)
 *   head    norm, pool, linear; a distilled model has a head for each of its two tokens and gives their mean
 *
 * vit_pytorch (vit.py) exists in four layouts of weights, which are four functions too:
 *
 *   a, b    no norm behind the blocks, the head has one behind the pooling;   c, d  a norm behind the blocks
 *   b - d   a norm before and behind the embedding's linear;                  a     none
 *   a - c   a class token always, the mean takes it in;                       d     none where the mean is taken
 *
 * There patches are flattened channels last, heads * dim_head need not be dim, queries, keys and values have no bias,
 * eps is 1e-5, and a smaller image gets the first rows of the table of positions. In timm (vision_transformer.py,
 * deit.py; eps 1e-6) and Hugging Face (models/vit, models/deit; eps as layer_norm_eps says) the table is resized. */
#include <string.h>

#include "arch/blocks.h"
#include "arch/resolve.h"

enum { UNSAID = -1 };
enum { VIT_PYTORCH, TIMM }; /* variant; Hugging Face's is timm's */
static const char *const variants[] = {"vit_pytorch", "timm", NULL};
enum { LAYOUT_A, LAYOUT_B, LAYOUT_C, LAYOUT_D };
static const char *const layouts[] = {"a", "b", "c", "d", NULL};
enum { POOL_TOKEN, POOL_MEAN };
static const char *const pools[] = {"cls", "mean", NULL}, *const timm_pools[] = {"token", "avg", NULL};

/* All names that a published config may call its activation by. */
#define ACTIVATIONS(X)                \
    X("gelu", GELU_ERF)               \
    X("gelu_erf", GELU_ERF)           \
    X("gelu_python", GELU_ERF)        \
    X("gelu_tanh", GELU_TANH)         \
    X("gelu_new", GELU_TANH)          \
    X("gelu_pytorch_tanh", GELU_TANH) \
    X("gelu_python_tanh", GELU_TANH)  \
    X("gelu_fast", GELU_TANH)         \
    X("gelu_accurate", GELU_TANH)     \
    X("quick_gelu", QUICK_GELU)       \
    X("relu", RELU)                   \
    X("relu6", RELU6)                 \
    X("silu", SILU)                   \
    X("swish", SILU)                  \
    X("tanh", TANH)                   \
    X("sigmoid", SIGMOID)             \
    X("linear", NONE)
#define NAME(name, id) name,
#define ACT(name, id) CVT_ACT_##id,
static const char *const activations[] = {ACTIVATIONS(NAME) NULL};
static const cvt_act acts[] = {ACTIVATIONS(ACT)};

/* What stands behind the transformer. */
typedef enum head {
    HEAD_TOKEN,    /* the class token's, though a distillation token may be there */
    HEAD_BOTH,     /* the mean of the class token's and the distillation token's */
    HEAD_FEATURES, /* none: what a classifier would read is the output */
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
    int variant, layout, architecture; /* UNSAID; an index */
    int image_size[2], patch_size[2];  /* image_size: whose patches the table of positions is for */
    int dim, depth, heads, dim_head, mlp_dim;
    double mlp_ratio, eps;
    int pool, activation;
    int qkv_bias, class_token, distilled, fc_norm; /* 0, 1, UNSAID */
    int pool_prefix;                               /* 0, 1: the mean takes the class token in */
    head head;
    int table[2]; /* cells of the table of positions */
    cvt_interpolation resize;
} config;

static cvt_status read_architectures(void *field, const cvt_json *value, cvt_error *error) {
    if (cvt_json_kind_of(value) == CVT_JSON_NULL) return CVT_OK; /* saved from a config alone */
    if (cvt_json_kind_of(value) != CVT_JSON_ARRAY || cvt_json_size(value) != 1)
        return cvt_fail(error, CVT_CONFIG, "must be a list of one string");
    const char *text = cvt_json_string(cvt_json_first(value));
    for (int i = 0; text && i < ARCHITECTURES; i++) {
        if (strcmp(architectures[i].name, text) != 0) continue;
        *(int *)field = i;
        return CVT_OK;
    }
    return cvt_fail(error, CVT_CONFIG,
                    "has \"%s\", must be ViT or DeiT followed by Model or ForImageClassification, or "
                    "DeiTForImageClassificationWithTeacher",
                    text ? text : "no string");
}

#define AT(field) offsetof(config, field)
#define COUNT(key, field, least, most) \
    { .name = key, .type = CVT_KEY_INT, .offset = AT(field), .min = least, .max = most }
#define SIZE(key, field) \
    { .name = key, .type = CVT_KEY_SIZE, .offset = AT(field), .min = 1, .max = 65535 }
#define FLAG(key, field) \
    { .name = key, .type = CVT_KEY_FLAG, .nullable = true, .offset = AT(field) }
#define CHOICE(key, field, list) \
    { .name = key, .type = CVT_KEY_CHOICE, .nullable = true, .offset = AT(field), .choices = list }
static const cvt_key keys[] = {
    CHOICE("variant", variant, variants),
    CHOICE("layout", layout, layouts),
    SIZE("image_size", image_size),
    SIZE("img_size", image_size),
    SIZE("patch_size", patch_size),
    COUNT("channels", base.channels, 1, 64),
    COUNT("in_chans", base.channels, 1, 64),
    COUNT("num_channels", base.channels, 1, 64),
    COUNT("num_classes", base.classes, 1, 1000000),
    COUNT("num_labels", base.classes, 1, 1000000),
    COUNT("dim", dim, 1, 65536),
    COUNT("embed_dim", dim, 1, 65536),
    COUNT("hidden_size", dim, 1, 65536),
    COUNT("depth", depth, 1, 1000),
    COUNT("num_hidden_layers", depth, 1, 1000),
    COUNT("heads", heads, 1, 4096),
    COUNT("num_heads", heads, 1, 4096),
    COUNT("num_attention_heads", heads, 1, 4096),
    COUNT("dim_head", dim_head, 1, 65536),
    COUNT("mlp_dim", mlp_dim, 1, 1 << 22),
    COUNT("intermediate_size", mlp_dim, 1, 1 << 22),
    {.name = "mlp_ratio", .type = CVT_KEY_NUMBER, .offset = AT(mlp_ratio), .min = 0.001, .max = 64},
    CHOICE("pool", pool, pools),
    CHOICE("global_pool", pool, timm_pools),
    FLAG("class_token", class_token),
    FLAG("distilled", distilled),
    FLAG("fc_norm", fc_norm),
    FLAG("pool_include_prefix", pool_prefix),
    FLAG("qkv_bias", qkv_bias),
    CHOICE("activation", activation, activations),
    CHOICE("act_layer", activation, activations),
    CHOICE("hidden_act", activation, activations),
    {.name = "layer_norm_eps", .type = CVT_KEY_NUMBER, .offset = AT(eps), .min = 0, .max = 1},
    {.name = "architectures",
     .type = CVT_KEY_READER,
     .offset = AT(architecture),
     .read = read_architectures,
     .about = "what stands behind the transformer, as Hugging Face has it",
     .schema = "'type': 'array', 'minItems': 1, 'maxItems': 1, 'items': {'enum': ['ViTForImageClassification', "
               "'DeiTForImageClassification', 'DeiTForImageClassificationWithTeacher', 'ViTModel', 'DeiTModel']}"},
    CVT_OFF_KEY("init_values"),
    CVT_OFF_KEY("reg_tokens"),
    CVT_OFF_KEY("qk_norm"),
    CVT_OFF_KEY("pre_norm"),
    CVT_OFF_KEY("no_embed_class"),
    CVT_OFF_KEY("scale_attn_norm"),
    CVT_OFF_KEY("scale_mlp_norm"),
    CVT_DROPOUT_KEY("dropout"),
    CVT_DROPOUT_KEY("emb_dropout"),
    CVT_DROPOUT_KEY("drop_rate"),
    CVT_DROPOUT_KEY("drop_path_rate"),
    {0},
};

/* ---- names of weights ---- */

static const cvt_name_row timm[] = {
    {"cls_token", "cls_token"},
    {"dist_token", "dist_token"},
    {"pos_embed", "pos_embed"},
    {"embed.proj.*", "patch_embed.proj.*"},
    CVT_STACKED_3("block{j}.attn.", "q", "k", "v", "blocks.{j}.attn.qkv.*"),
    {"block{j}.*", "blocks.{j}.*"},
    {"norm.*", "norm.*"},
    {"fc_norm.*", "fc_norm.*"},
    {"head_dist.*", "head_dist.*"},
    {"head.*", "head.*"},
    {NULL, NULL},
};

/* d leaves the leading 1 of the tokens' shapes away: axes. */
#define VP_TOKENS(axes_) \
    {"cls_token", "cls_token", .axes = axes_}, { "pos_embed", "pos_embedding", .axes = axes_ }
#define VP_EMBED                                                                                           \
    {"embed.norm1.weight", "to_patch_embedding.1.weight", .axes = "a"},                                    \
        {"embed.norm1.bias", "to_patch_embedding.1.bias"}, {"embed.linear.*", "to_patch_embedding.2.*"}, { \
        "embed.norm2.*", "to_patch_embedding.3.*"                                                          \
    }
#define VP_LAYER "transformer.layers.{j}."
#define VP_OLD_BLOCK CVT_VP_OLD_ATTENTION("block{j}.", VP_LAYER), CVT_VP_OLD_MLP("block{j}.", VP_LAYER)
#define VP_BLOCK CVT_VP_ATTENTION("block{j}.", VP_LAYER), CVT_VP_MLP("block{j}.", VP_LAYER)
#define VP_OLD_HEAD \
    {"norm.*", "mlp_head.0.*"}, {"fc_norm.*", "mlp_head.0.*"}, { "head.*", "mlp_head.1.*" }
#define VP_HEAD \
    {"norm.*", "transformer.norm.*"}, { "head.*", "mlp_head.*" }

static const cvt_name_row layout_a[] = {
    VP_TOKENS("abc"),
    {"embed.linear.weight", "to_patch_embedding.1.weight", .axes = "ab"},
    {"embed.linear.bias", "to_patch_embedding.1.bias"},
    VP_OLD_BLOCK,
    VP_OLD_HEAD,
    {NULL, NULL},
};
static const cvt_name_row layout_b[] = {VP_TOKENS("abc"), VP_EMBED, VP_OLD_BLOCK, VP_OLD_HEAD, {NULL, NULL}};
static const cvt_name_row layout_c[] = {VP_TOKENS("abc"), VP_EMBED, VP_BLOCK, VP_HEAD, {NULL, NULL}};
/* without a class token upstream keeps an empty one: [0, dim] */
static const cvt_name_row layout_d[] = {
    VP_TOKENS("bc"), VP_EMBED, VP_BLOCK, VP_HEAD, {NULL, "cls_token"}, {NULL, NULL},
};

/* P: "vit." or "deit." in a classifier's file, nothing in one of the bare model. On disk; transformers 5 has other
 * names in memory, which torch.save writes. */
#define HF_ROWS(P)                                                                                   \
    {"cls_token", P "embeddings.cls_token"}, {"pos_embed", P "embeddings.position_embeddings"},      \
        {"embed.proj.*", P "embeddings.patch_embeddings.projection.*"}, {"norm.*", P "layernorm.*"}, \
        {NULL, P "embeddings.mask_token"}, {                                                         \
        NULL, P "pooler.*"                                                                           \
    }
#define HF_LAYER(P) P "encoder.layer.{j}."
#define HF_DISK(P)                                                        \
    HF_ROWS(P), {"block{j}.norm1.*", HF_LAYER(P) "layernorm_before.*"},   \
        {"block{j}.attn.q.*", HF_LAYER(P) "attention.attention.query.*"}, \
        {"block{j}.attn.k.*", HF_LAYER(P) "attention.attention.key.*"},   \
        {"block{j}.attn.v.*", HF_LAYER(P) "attention.attention.value.*"}, \
        {"block{j}.attn.proj.*", HF_LAYER(P) "attention.output.dense.*"}, \
        {"block{j}.norm2.*", HF_LAYER(P) "layernorm_after.*"},            \
        {"block{j}.mlp.fc1.*", HF_LAYER(P) "intermediate.dense.*"}, {     \
        "block{j}.mlp.fc2.*", HF_LAYER(P) "output.dense.*"                \
    }
#define HF_MEMORY(P)                                                     \
    HF_ROWS(P), {"block{j}.norm1.*", P "layers.{j}.layernorm_before.*"}, \
        {"block{j}.attn.q.*", P "layers.{j}.attention.q_proj.*"},        \
        {"block{j}.attn.k.*", P "layers.{j}.attention.k_proj.*"},        \
        {"block{j}.attn.v.*", P "layers.{j}.attention.v_proj.*"},        \
        {"block{j}.attn.proj.*", P "layers.{j}.attention.o_proj.*"},     \
        {"block{j}.norm2.*", P "layers.{j}.layernorm_after.*"}, {        \
        "block{j}.mlp.*", P "layers.{j}.mlp.*"                           \
    }
#define HF_DIST(P) \
    { "dist_token", P "embeddings.distillation_token" }
#define HF_HEAD \
    { "head.*", "classifier.*" }
#define HF_HEADS \
    {"head.*", "cls_classifier.*"}, { "head_dist.*", "distillation_classifier.*" }
static const cvt_name_row hf[] = {HF_DISK("vit."), HF_HEAD, {NULL, NULL}};
static const cvt_name_row hf_deit[] = {HF_DISK("deit."), HF_DIST("deit."), HF_HEAD, {NULL, NULL}};
static const cvt_name_row hf_teacher[] = {HF_DISK("deit."), HF_DIST("deit."), HF_HEADS, {NULL, NULL}};
static const cvt_name_row hf_bare[] = {HF_DISK(""), HF_DIST(""), HF_HEAD, {NULL, NULL}};
static const cvt_name_row hf5[] = {HF_MEMORY("vit."), HF_HEAD, {NULL, NULL}};
static const cvt_name_row hf5_deit[] = {HF_MEMORY("deit."), HF_DIST("deit."), HF_HEAD, {NULL, NULL}};
static const cvt_name_row hf5_teacher[] = {HF_MEMORY("deit."), HF_DIST("deit."), HF_HEADS, {NULL, NULL}};
static const cvt_name_row hf5_bare[] = {HF_MEMORY(""), HF_DIST(""), HF_HEAD, {NULL, NULL}};

static const cvt_dialect dialects[] = {
    {"native"},
    {"vit_pytorch_a", layout_a},
    {"vit_pytorch_b", layout_b},
    {"vit_pytorch_c", layout_c},
    {"vit_pytorch_d", layout_d},
    {"timm", timm},
    {"hf", hf},
    {"hf_deit", hf_deit},
    {"hf_deit_teacher", hf_teacher},
    {"hf_bare", hf_bare},
    {"hf5", hf5},
    {"hf5_deit", hf5_deit},
    {"hf5_deit_teacher", hf5_teacher},
    {"hf5_bare", hf5_bare},
    {NULL},
};

/* ---- the published sizes of timm ---- */

#define SIZES(patch, dim, depth, heads)                                                               \
    "{\"variant\": \"timm\", \"patch_size\": " #patch ", \"embed_dim\": " #dim ", \"depth\": " #depth \
    ", \"num_heads\": " #heads ", "
#define PREPROCESS(size, crop, rest) \
    "\"preprocess\": {\"input_size\": [3, " #size ", " #size "], \"crop_pct\": " #crop rest "}}"
#define VIT(patch, dim, depth, heads, size, crop) \
    SIZES(patch, dim, depth, heads) PREPROCESS(size, crop, ", \"mean\": 0.5, \"std\": 0.5")
#define DEIT(dim, heads, size, crop) SIZES(16, dim, 12, heads) PREPROCESS(size, crop, "")
#define DISTILLED(dim, heads, size, crop) SIZES(16, dim, 12, heads) "\"distilled\": true, " PREPROCESS(size, crop, "")
static const cvt_preset presets[] = {
    {"vit_tiny_patch16_224", VIT(16, 192, 12, 3, 224, 0.9)},
    {"vit_tiny_patch16_384", VIT(16, 192, 12, 3, 384, 1)},
    {"vit_small_patch32_224", VIT(32, 384, 12, 6, 224, 0.9)},
    {"vit_small_patch32_384", VIT(32, 384, 12, 6, 384, 1)},
    {"vit_small_patch16_224", VIT(16, 384, 12, 6, 224, 0.9)},
    {"vit_small_patch16_384", VIT(16, 384, 12, 6, 384, 1)},
    {"vit_base_patch32_224", VIT(32, 768, 12, 12, 224, 0.9)},
    {"vit_base_patch32_384", VIT(32, 768, 12, 12, 384, 1)},
    {"vit_base_patch16_224", VIT(16, 768, 12, 12, 224, 0.9)},
    {"vit_base_patch16_384", VIT(16, 768, 12, 12, 384, 1)},
    {"vit_base_patch8_224", VIT(8, 768, 12, 12, 224, 0.9)},
    {"vit_large_patch32_224", VIT(32, 1024, 24, 16, 224, 0.9)},
    {"vit_large_patch32_384", VIT(32, 1024, 24, 16, 384, 1)},
    {"vit_large_patch16_224", VIT(16, 1024, 24, 16, 224, 0.9)},
    {"vit_large_patch16_384", VIT(16, 1024, 24, 16, 384, 1)},
    {"vit_large_patch14_224", VIT(14, 1024, 24, 16, 224, 0.9)},
    {"vit_huge_patch14_224", VIT(14, 1280, 32, 16, 224, 0.9)},
    {"deit_tiny_patch16_224", DEIT(192, 3, 224, 0.9)},
    {"deit_small_patch16_224", DEIT(384, 6, 224, 0.9)},
    {"deit_base_patch16_224", DEIT(768, 12, 224, 0.9)},
    {"deit_base_patch16_384", DEIT(768, 12, 384, 1)},
    {"deit_tiny_distilled_patch16_224", DISTILLED(192, 3, 224, 0.9)},
    {"deit_small_distilled_patch16_224", DISTILLED(384, 6, 224, 0.9)},
    {"deit_base_distilled_patch16_224", DISTILLED(768, 12, 224, 0.9)},
    {"deit_base_distilled_patch16_384", DISTILLED(768, 12, 384, 1)},
    {NULL, NULL},
};

/* ---- config ---- */

static void defaults(void *p) {
    config *c = p;
    *c = (config){
        .base = {.channels = 3},
        .variant = UNSAID,
        .layout = UNSAID,
        .architecture = UNSAID,
        .patch_size = {16, 16},
        .dim = 768,
        .depth = 12,
        .heads = 12,
        .eps = UNSAID,
        .pool = UNSAID,
        .qkv_bias = UNSAID,
        .class_token = UNSAID,
        .distilled = UNSAID,
        .fc_norm = UNSAID,
    };
}

static bool from_vit_pytorch(const cvt_hints *hints) {
    return hints->origin && strncmp(hints->origin->name, "vit_pytorch_", 12) == 0;
}

static bool from_hf(const cvt_hints *hints) {
    return hints->config == CVT_CONFIG_HF || (hints->origin && strncmp(hints->origin->name, "hf", 2) == 0);
}

/* Which program's model it is: what the config says, else the naming of the weights, else vit_pytorch's current one. */
static cvt_status resolve_variant(config *c, const cvt_hints *hints, cvt_error *error) {
    bool timm_names = cvt_hints_from(hints, "timm") || from_hf(hints);
    if (c->variant == UNSAID && c->layout == UNSAID)
        c->variant = timm_names || hints->config != CVT_CONFIG_NATIVE ? TIMM : VIT_PYTORCH;
    if (c->variant == UNSAID) c->variant = VIT_PYTORCH;
    if (c->variant == TIMM && c->layout != UNSAID)
        return cvt_fail(error, CVT_CONFIG, "\"layout\" is one of \"variant\" vit_pytorch, not of timm");
    if (c->layout == UNSAID) c->layout = from_vit_pytorch(hints) ? hints->origin->name[12] - 'a' : LAYOUT_D;
    return CVT_OK;
}

/* Tokens, head and norm where the config leaves them open. */
static void resolve_head(config *c, const cvt_hints *hints) {
    bool hf_deit_type = hints->model_type && strcmp(hints->model_type, "deit") == 0;
    if (c->architecture == UNSAID && hf_deit_type)
        c->architecture = cvt_hints_tensor(hints, "head_dist.weight", 0) ? 2 : 1;
    bool named = c->architecture != UNSAID;
    if (c->distilled == UNSAID) c->distilled = named && architectures[c->architecture].distilled;
    c->head = named ? architectures[c->architecture].head : c->distilled ? HEAD_BOTH : HEAD_TOKEN;
    if (c->base.headless && !c->distilled) c->head = HEAD_FEATURES;
    if (c->pool == UNSAID && hints->weights) {
        const cvt_tensor *cls = cvt_hints_tensor(hints, "cls_token", 0);
        c->pool = cvt_hints_tensor(hints, "fc_norm.weight", 0) && c->variant == TIMM ? POOL_MEAN
                  : !cls || cls->bytes == 0                                          ? POOL_MEAN
                                                                                     : POOL_TOKEN;
    }
    if (c->pool == UNSAID) c->pool = c->class_token == 0 ? POOL_MEAN : POOL_TOKEN;
    bool mean = c->pool == POOL_MEAN, vp = c->variant == VIT_PYTORCH;
    if (vp) c->pool_prefix = true;
    if (c->class_token == UNSAID) c->class_token = !(vp && c->layout == LAYOUT_D && mean);
    if (c->fc_norm == UNSAID) c->fc_norm = mean && (!vp || c->layout <= LAYOUT_B);
    if (c->qkv_bias == UNSAID) c->qkv_bias = !vp;
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
    static const char *const heads[] = {"heads", "num_attention_heads", "num_heads"}; /* as the dialects have it */
    static const char *const dims[] = {"dim", "hidden_size", "embed_dim"};
    bool hf_config = hints->config == CVT_CONFIG_HF, vp = c->variant == VIT_PYTORCH;
    if (!c->dim_head && vp) c->dim_head = 64;
    if (!c->dim_head) TRY(cvt_check_divides(heads[hints->config], c->heads, dims[hints->config], c->dim, -1, error));
    if (!c->dim_head) c->dim_head = c->dim / c->heads;
    if ((int64_t)c->dim_head * c->heads > 1 << 20)
        return cvt_fail(error, CVT_CONFIG, "\"heads\" = %d of \"dim_head\" = %d are too many channels", c->heads,
                        c->dim_head);
    if (!c->mlp_dim) {
        double ratio = c->mlp_ratio > 0 ? c->mlp_ratio : 4;
        c->mlp_dim = hf_config && !(c->mlp_ratio > 0) ? 3072 : (int)(c->dim * ratio);
    }
    TRY(cvt_check_hidden("mlp_ratio", c->mlp_ratio, c->mlp_dim, -1, error));
    if (c->eps < 0) c->eps = vp ? 1e-5 : from_hf(hints) ? 1e-12 : 1e-6;
    return CVT_OK;
}

/* The grid of the table of positions. timm resizes a table of another size when it loads it: to image_size. */
static cvt_status resolve_table(config *c, const cvt_hints *hints, cvt_error *error) {
    bool vp = c->variant == VIT_PYTORCH, hf_config = hints->config == CVT_CONFIG_HF;
    const char *key = hints->config == CVT_CONFIG_TIMM ? "img_size" : "image_size";
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

/* The image processors' defaults; timm's for a ViT; nobody says for vit_pytorch. */
static cvt_preprocess_spec preprocess_of(const config *c, const cvt_hints *hints) {
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
    if (!c->base.classes) c->base.classes = hints->config == CVT_CONFIG_HF ? 2 : 1000;
    if (c->head == HEAD_FEATURES) c->base.classes = 0;
    if (!c->base.preprocess.given) c->base.preprocess = preprocess_of(c, hints);
    return CVT_OK;
}

/* ---- the forward pass ---- */

/* Patches to tokens [h * w, dim]. */
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
    cvtb_tap(b, t, NULL);
    cvtb_close(b);
    return t;
}

/* The tokens with those that lie nowhere above them, and their positions added. h, w: the grid in use. */
static cvt_value tokens(cvt_builder *b, const config *c, cvt_value t, int h, int w) {
    cvt_position position = {c->class_token + c->distilled, c->table[0], c->table[1], h, w, c->resize};
    if (c->class_token) {
        cvt_value first = cvtb_token(b, "cls_token", c->dim);
        if (c->distilled) first = cvtb_concat(b, first, cvtb_token(b, "dist_token", c->dim));
        t = cvtb_concat(b, first, t);
    }
    return cvtb_tap(b, cvtb_position(b, t, "pos_embed", &position), "tokens");
}

/* The token that is classified, [1, dim]. */
static cvt_value pool(cvt_builder *b, const config *c, cvt_value t) {
    int first = c->pool_prefix ? 0 : c->class_token;
    if (c->pool == POOL_TOKEN) return cvtb_slice(b, t, 0, 1);
    return cvtb_mean(b, first ? cvtb_slice(b, t, first, cvtb_shape(b, t).d[0] - first) : t);
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
    int h = size[0] / c->patch_size[0], w = size[1] / c->patch_size[1];
    bool norm_last = c->variant == VIT_PYTORCH && c->layout <= LAYOUT_B;
    cvt_vit_block block = {
        .attention = {.heads = c->heads,
                      .dim_head = c->dim_head,
                      .qkv_bias = c->qkv_bias,
                      .out_bias = true,
                      .no_out = c->variant == VIT_PYTORCH && c->heads == 1 && c->dim_head == c->dim},
        .hidden = c->mlp_dim,
        .act = acts[c->activation],
        .eps = (float)c->eps,
    };
    if (c->variant == VIT_PYTORCH) cvtb_check_patches(b, "patch_size", c->patch_size, size);
    cvt_value t = embed(b, c, cvtb_input(b, c->base.channels, size[0], size[1]));
    t = tokens(b, c, t, h, w);
    cvtb_grid(b, c->class_token + c->distilled, h, w);
    for (int j = 0; j < c->depth && !cvtb_failed(b); j++) t = cvtb_vit_block(b, t, j, &block);
    bool norm_first = !norm_last && !c->fc_norm;
    if (norm_first) t = cvtb_tap(b, cvtb_layer_norm(b, t, "norm", (float)c->eps), "norm");
    t = cvtb_tap(b, cvtb_alias(b, t), "embeddings");
    cvt_value one = pool(b, c, t), two = CVT_NO_VALUE;
    if (!norm_first) one = cvtb_tap(b, cvtb_layer_norm(b, one, c->fc_norm ? "fc_norm" : "norm", (float)c->eps), "norm");
    if (c->head == HEAD_BOTH) two = cvtb_flatten(b, cvtb_slice(b, t, 1, 1));
    return logits(b, c, cvtb_flatten(b, one), two);
}

const cvt_arch cvt_arch_vit = {
    .name = "vit",
    .about = "ViT and DeiT (vit_pytorch, timm, facebook/deit, Hugging Face vit and deit)",
    .config_size = sizeof(config),
    .defaults = defaults,
    .keys = keys,
    .hf_types = (const char *const[]){"vit", "deit", NULL},
    .presets = presets,
    .dialects = dialects,
    .classifier = "head.weight",
    .headless = true,
    .resolve = resolve,
    .build = build,
};
