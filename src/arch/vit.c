/* vit.c - ViT and DeiT: a transformer over patches, of vit_pytorch, timm (and facebook/deit) and Hugging Face.
 *
 *   tokens  [cls ; (distillation token) ; linear(patches)] + positions
 *   blocks  x += attn(norm x); x += mlp(norm x)
 *   head    norm, pool, linear; a distilled model has a head for each of its two tokens and gives their mean
 *
 * timm's VisionTransformer has switches for parts that DINOv2, CLIP, SigLIP, DeiT-III and others have: LayerScale,
 * registers, norms of queries and keys and before the blocks, gated feed-forward parts, other poolings.
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
#include "arch/keys.h"
#include "arch/vit.h"

const char *const cvt_vit_variants[] = {"vit_pytorch", "timm", NULL};
static const char *const layouts[] = {"a", "b", "c", "d", NULL};
static const char *const pools[] = {"cls", "mean", "max", "avgmax", "map", "none", NULL};
static const char *const timm_pools[] = {"token", "avg", "max", "avgmax", "map", "", NULL};
static const char *const mlp_layers[] = {"Mlp", "GluMlp", "SwiGLUPacked", "SwiGLU", NULL};
static const char *const positions[] = {"learn", "none", NULL};
static const char *const interpolations[] = {"bicubic", "bilinear", NULL};
static const char *const norms[] = {"layernorm", "LayerNorm", NULL};

const cvt_vit_class cvt_vit_classes[] = {
    {"ViTForImageClassification", CVT_VIT_HEAD_TOKEN},
    {"DeiTForImageClassification", CVT_VIT_HEAD_TOKEN, true},
    {"DeiTForImageClassificationWithTeacher", CVT_VIT_HEAD_BOTH, true},
    {"ViTMSNForImageClassification", CVT_VIT_HEAD_TOKEN},
    {"ViTModel", CVT_VIT_HEAD_FEATURES},
    {"ViTMSNModel", CVT_VIT_HEAD_FEATURES},
    {"DeiTModel", CVT_VIT_HEAD_FEATURES, true},
    {NULL, CVT_VIT_HEAD_TOKEN},
};

static cvt_status read_architectures(void *field, const cvt_json *value, cvt_error *error) {
    if (cvt_json_kind_of(value) == CVT_JSON_NULL) return CVT_OK; /* saved from a config alone */
    if (cvt_json_kind_of(value) != CVT_JSON_ARRAY) return cvt_fail(error, CVT_CONFIG, "must be a list of strings");
    if (cvt_json_size(value) == 0) return CVT_OK;
    const char *text = cvt_json_string(cvt_json_first(value));
    if (!text) return cvt_fail(error, CVT_CONFIG, "must be a list of strings");
    for (int i = 0; cvt_vit_classes[i].name; i++) {
        if (strcmp(cvt_vit_classes[i].name, text) != 0) continue;
        *(int *)field = i + 1;
        return CVT_OK;
    }
    return CVT_OK; /* a class of one's own: the weights tell */
}

#define KEYS_OF cvt_vit
const cvt_key cvt_vit_keys[] = {
    CHOICE("variant", variant, cvt_vit_variants, NULL, "default: as the names of the weights tell", .nullable = true),
    CHOICE("layout", layout, layouts, NULL, "of vit_pytorch; default: as the names of the weights tell",
           .nullable = true, .only = CVT_ONLY(CVT_VIT_PYTORCH)),
    SIZE("image_size", image_size, 1, 65535, NULL, "whose patches the positions are for; default: the input's, 224"),
    SAME("img_size", "image_size", CVT_CONFIG_TIMM),
    SIZE("patch_size", patch_size, 1, 65535, "16", "of a patch"),
    INT("channels", base.channels, 1, 64, "3", "of the input"),
    SAME("in_chans", "channels", CVT_CONFIG_TIMM),
    SAME("num_channels", "channels", CVT_CONFIG_HF),
    INT("num_classes", base.classes, 0, 1000000, NULL,
        "0: there is no classifier; default: as in the weights, else 1000"),
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
    BOOL("pool_include_prefix", pool_prefix, "false", "timm: the pooling includes class token and registers",
         .nullable = true),
    BOOL("qkv_bias", qkv_bias, NULL, "default: false for vit_pytorch, else true", .nullable = true),
    CHOICE("activation", activation, cvt_act_names, "'gelu'", "of the feed-forward parts", .nullable = true),
    SAME("act_layer", "activation", CVT_CONFIG_TIMM),
    SAME("hidden_act", "activation", CVT_CONFIG_HF),
    NUM("layer_norm_eps", eps, 0, 1, NULL, "default: 1e-5 for vit_pytorch, 1e-6 for timm, 1e-12 for Hugging Face"),
    READER("architectures", architecture, read_architectures, "'type': 'array', 'items': {'type': 'string'}",
           "the model's class, as Hugging Face has it: what stands after the transformer"),
    NUM("init_values", init_values, 0, 1000, NULL, "of LayerScale, which 0 leaves out; default: as the weights tell",
        .nullable = true),
    INT("reg_tokens", reg_tokens, 0, 4096, NULL, "register tokens; default: as in the weights, else 0",
        .nullable = true),
    BOOL("qk_norm", qk_norm, NULL, "norms of queries and keys; default: as the weights tell", .nullable = true),
    BOOL("pre_norm", pre_norm, NULL, "a norm before the blocks, no bias of patches; default: as the weights tell",
         .nullable = true),
    BOOL("no_embed_class", no_embed_class, "false", "only patches have positions", .nullable = true),
    BOOL("final_norm", final_norm, "true", "a norm after the blocks or the pooling", .only = CVT_ONLY(CVT_VIT_TIMM)),
    BOOL("proj_bias", proj_bias, "true", "bias of attn.proj and of the feed-forward parts",
         .only = CVT_ONLY(CVT_VIT_TIMM)),
    CHOICE("mlp_layer", mlp_layer, mlp_layers, "'Mlp'", "the feed-forward parts", .nullable = true,
           .only = CVT_ONLY(CVT_VIT_TIMM)),
    CHOICE("pos_embed", pos_embed, positions, "'learn'", "'none': no positions", .only = CVT_ONLY(CVT_VIT_TIMM)),
    CHOICE("pos_interpolation", pos_interpolation, interpolations, "'bicubic'", "how the positions are resized",
           .only = CVT_ONLY(CVT_VIT_TIMM)),
    UNUSED_BOOL("dynamic_img_size", "without effect: any size is taken"),
    BOOL("dynamic_img_pad", dynamic_pad, "false", "what does not fill a patch is padded with zeros, not left out",
         .only = CVT_ONLY(CVT_VIT_TIMM)),
    {.name = "norm_layer",
     .type = CVT_KEY_CHOICE,
     .ignored = true,
     .nullable = true,
     .choices = norms,
     .about = "the norms, of which only this kind is done here"},
    CVT_OFF_KEY("embed_norm_layer"),
    CVT_OFF_KEY("embed_layer"),
    CVT_OFF_KEY("block_fn"),
    CVT_OFF_KEY("attn_layer"),
    CVT_OFF_KEY("scale_attn_norm"),
    CVT_OFF_KEY("scale_mlp_norm"),
    CVT_VIT_PYTORCH_DROPOUT_KEYS,
    CVT_TIMM_DROPOUT_KEYS,
    CVT_DROPOUT_KEY("pos_drop_rate"),
    CVT_DROPOUT_KEY("patch_drop_rate"),
    CVT_DROPOUT_KEY("proj_drop_rate"),
    {0},
};

const cvt_arch cvt_arch_vit = {
    .name = "vit",
    .about = "ViT and DeiT (vit_pytorch, Hugging Face), and all of timm's VisionTransformer: DINOv2, CLIP, SigLIP",
    .traits = {"yes", "non-overlapping", "linear", "no"},
    .config_size = sizeof(cvt_vit),
    .keys = cvt_vit_keys,
    .hf_types = (const char *const[]){"vit", "deit", "vit_msn", NULL},
    .classes = 1000,
    .hf_classes = 2,
    .preprocess_of = cvt_vit_preprocess,
    .dialects = cvt_vit_dialects,
    .classifier = "head.weight",
    .headless = true,
    .resolve = cvt_vit_resolve,
    .build = cvt_vit_build,
};
