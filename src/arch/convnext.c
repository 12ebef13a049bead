/* convnext.c - ConvNeXt (Liu et al. 2022) and ConvNeXt V2 (Woo et al. 2023) of Facebook's programs, timm (convnext.py)
 * and Hugging Face (convnext, convnextv2).
 *
 *   stem   4x4 stride 4 (overlap: two of 3x3 stride 2)  -> layer norm over the channels of each pixel
 *   stage  but for the first: layer norm, 2x2 stride 2; then blocks
 *   block  x += gamma * fc2(grn(gelu(fc1(norm(depth-wise 7x7(x))))))    V1: gamma and no grn; V2: grn and no gamma
 *   head   mean -> layer norm -> classifier; head_norm_first: layer norm -> mean -> classifier
 *
 * All norms have eps 1e-6 ("norm_eps"), but for Hugging Face's last one ("layer_norm_eps"). Any input size. */
#include <string.h>

#include "arch/act_names.h"
#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/resolve.h"

enum { STEM_PATCH, STEM_OVERLAP, STEM_TIERED, STEM_ACT }; /* stem_type */
static const char *const stem_types[] = {"patch", "overlap", "overlap_tiered", "overlap_act", NULL};
static const char *const pools[] = {"avg", NULL};
static const float grn_eps = 1e-6f;

typedef struct config {
    cvt_base base;
    cvt_ints depths, dims;
    int patch_size, stem_type, kernel_size, activation, global_pool, head_hidden;
    int image_size[2];
    double norm_eps, last_eps;
    bool layer_scale, grn, conv_bias, norm_first;
} config;

/* How large the factors of LayerScale were at first. A model that was made without them has null, or 0 in a file of
 * Hugging Face; one of timm's has them even then. */
static cvt_status read_scale(void *field, const cvt_json *value, cvt_error *error) {
    double number = 0;
    bool null = cvt_json_kind_of(value) == CVT_JSON_NULL;
    if (!null && !cvt_json_number(value, &number)) return cvt_fail(error, CVT_CONFIG, "must be a number or null");
    *(bool *)field = !null;
    return CVT_OK;
}
static cvt_status read_hf_scale(void *field, const cvt_json *value, cvt_error *error) {
    double number = 0;
    TRY(read_scale(field, value, error));
    *(bool *)field = cvt_json_number(value, &number) && number > 0;
    return CVT_OK;
}

#define KEYS_OF config
static const cvt_key keys[] = {
    INT("num_channels", base.channels, 1, 64, "3", "channels of the input"),
    SAME("in_chans", "num_channels", CVT_CONFIG_TIMM),
    INT("num_classes", base.classes, 0, 1000000, NULL, "default: as in the weights, else 1000"),
    SAME("num_labels", "num_classes", CVT_CONFIG_HF),
    SIZE("image_size", image_size, 1, 65535, NULL, "the size of the input, if nothing else says it"),
    INTS("depths", depths, 1, 1000, "[3, 3, 9, 3]", "blocks of each stage"),
    INTS("dims", dims, 1, 65536, "[96, 192, 384, 768]", "channels of each stage"),
    SAME("hidden_sizes", "dims", CVT_CONFIG_HF),
    INT("patch_size", patch_size, 1, 256, "4", "side of a patch of the stem"),
    CHOICE("stem_type", stem_type, stem_types, "'patch'", "overlap: two convolutions in place of patches"),
    INT("kernel_size", kernel_size, 1, 255, "7", "of the depth-wise convolutions, an odd number"),
    SAME("kernel_sizes", "kernel_size", CVT_CONFIG_TIMM),
    CHOICE("hidden_act", activation, cvt_act_names, "'gelu'", "the activation", .nullable = true),
    SAME("act_layer", "hidden_act", CVT_CONFIG_TIMM),
    BOOL("use_grn", grn, NULL, "a global response norm in each block; default: with model_type convnextv2"),
    BOOL("layer_scale", layer_scale, NULL, "each block has factors gamma; default: without \"use_grn\""),
    READER("ls_init_value", layer_scale, read_scale, "'type': ['number', 'null']", "null: no \"layer_scale\""),
    READER("layer_scale_init_value", layer_scale, read_hf_scale, "'type': ['number', 'null']",
           "null or 0: no \"layer_scale\""),
    BOOL("conv_bias", conv_bias, "true", "convolutions have a bias"),
    NUM("norm_eps", norm_eps, 0, 1, "1e-6", "eps of the layer norms", .nullable = true),
    NUM("layer_norm_eps", last_eps, 0, 1, NULL,
        "that of the last one; default: 1e-12 in files of Hugging Face, else \"norm_eps\""),
    BOOL("head_norm_first", norm_first, "false", "the last norm comes before the mean"),
    INT("head_hidden_size", head_hidden, 1, 65536, NULL, "a layer of so many channels before the classifier",
        .nullable = true),
    CHOICE("global_pool", global_pool, pools, "'avg'", "how the last map becomes a vector"),
    UNUSED_NUM("output_stride", 32, 32, "must be 32: there is no dilation"),
    UNUSED_NUM("head_init_scale", 0, 1e6, "without effect: for training"),
    UNUSED_BOOL("conv_mlp", "without effect: the shapes of the weights tell it"),
    CVT_OFF_KEY("norm_layer"),
    CVT_DROPOUT_KEY("drop_rate"),
    CVT_DROPOUT_KEY("drop_path_rate"),
    {0},
};

/* ---- names of weights ---- */

static const cvt_name_row timm_block[] = {{"dw.*", "conv_dw.*"}, {"ls.gamma", "gamma"}, {"*", "*"}, {NULL, NULL}};
/* The feed-forward part may be made of 1x1 convolutions. Only their axes tell these files from the others, so no row
 * here may cover a weight of two axes, and this dialect comes first. */
static const cvt_name_row timm_conv_block[] = {{"dw.*", "conv_dw.*"},
                                               {"norm.*", "norm.*"},
                                               {"mlp.fc1.weight", "mlp.fc1.weight", .axes = "ab11"},
                                               {"mlp.fc1.bias", "mlp.fc1.bias"},
                                               {"mlp.grn.*", "mlp.grn.*"},
                                               {"mlp.fc2.weight", "mlp.fc2.weight", .axes = "ab11"},
                                               {"mlp.fc2.bias", "mlp.fc2.bias"},
                                               {"ls.gamma", "gamma"},
                                               {NULL, NULL}};
static const cvt_name_row timm_frame[] = {{"embed.proj.*", "stem.0.*"},
                                          {"embed.norm.*", "stem.1.*"},
                                          {"overlap.conv1.*", "stem.0.*"},
                                          {"overlap.conv2.*", "stem.1.*"},
                                          {"overlap.norm.*", "stem.2.*"},
                                          {"overlap_act.conv1.*", "stem.0.*"},
                                          {"overlap_act.conv2.*", "stem.2.*"},
                                          {"overlap_act.norm.*", "stem.3.*"},
                                          {"stage{i}.down.norm.*", "stages.{i}.downsample.0.*"},
                                          {"stage{i}.down.conv.*", "stages.{i}.downsample.1.*"},
                                          {"norm.*", "head.norm.*"},
                                          {"norm_pre.*", "norm_pre.*"},
                                          {"pre_logits.*", "head.pre_logits.fc.*"},
                                          {"head.*", "head.fc.*"},
                                          {NULL, NULL}};
static const cvt_name_row timm[] = {{"stage{i}.block{j}.*", "stages.{i}.blocks.{j}.*", .rows = timm_block},
                                    {"*", "*", .rows = timm_frame},
                                    {NULL, NULL}};
static const cvt_name_row timm_conv[] = {{"stage{i}.block{j}.*", "stages.{i}.blocks.{j}.*", .rows = timm_conv_block},
                                         {"*", "*", .rows = timm_frame},
                                         {NULL, NULL}};

static const cvt_name_row fb_block[] = {{"dw.*", "dwconv.*"},
                                        {"norm.*", "norm.*"},
                                        {"mlp.fc1.*", "pwconv1.*"},
                                        {"mlp.grn.weight", "grn.gamma", .axes = "111a"},
                                        {"mlp.grn.bias", "grn.beta", .axes = "111a"},
                                        {"mlp.fc2.*", "pwconv2.*"},
                                        {"ls.gamma", "gamma"},
                                        {NULL, NULL}};
static const cvt_name_row fb[] = {{"embed.proj.*", "downsample_layers.0.0.*"},
                                  {"embed.norm.*", "downsample_layers.0.1.*"},
                                  {"stage{i}.down.norm.*", "downsample_layers.{i}.0.*"},
                                  {"stage{i}.down.conv.*", "downsample_layers.{i}.1.*"},
                                  {"stage{i}.block{j}.*", "stages.{i}.{j}.*", .rows = fb_block},
                                  {"norm.*", "norm.*"},
                                  {"head.*", "head.*"},
                                  {NULL, NULL}};

static const cvt_name_row hf_block[] = {{"dw.*", "dwconv.*"},
                                        {"norm.*", "layernorm.*"},
                                        {"mlp.fc1.*", "pwconv1.*"},
                                        {"mlp.grn.*", "grn.*", .axes = "111a"},
                                        {"mlp.fc2.*", "pwconv2.*"},
                                        {"ls.gamma", "layer_scale_parameter"},
                                        {NULL, NULL}};
static const cvt_name_row hf[] = {{"embed.proj.*", "{}embeddings.patch_embeddings.*"},
                                  {"embed.norm.*", "{}embeddings.layernorm.*"},
                                  {"stage{i}.down.norm.*", "{}encoder.stages.{i}.downsampling_layer.0.*"},
                                  {"stage{i}.down.conv.*", "{}encoder.stages.{i}.downsampling_layer.1.*"},
                                  {"stage{i}.block{j}.*", "{}encoder.stages.{i}.layers.{j}.*", .rows = hf_block},
                                  {"norm.*", "{}layernorm.*"},
                                  {"head.*", "classifier.*"},
                                  {NULL, NULL}};

static const cvt_dialect dialects[] = {{"native"},
                                       {"timm_conv", timm_conv},
                                       {"timm", timm},
                                       {"facebook", fb},
                                       {"hf", hf, "convnext."},
                                       {"hf_v2", hf, "convnextv2."},
                                       {"hf_bare", hf, ""},
                                       {NULL}};

/* ---- config ---- */

/* timm follows patches of 2 by one more stride, and where the strides would be 32 already it dilates in place of
 * them. */
static cvt_status check_strides(const config *c, cvt_error *error) {
    int first = c->stem_type == STEM_PATCH ? c->patch_size : 4;
    if (first == 2)
        return cvt_fail(error, CVT_CONFIG,
                        "\"patch_size\" = 2, which timm follows by one more stride, is not done here");
    if (c->depths.n < 2 || (int64_t)first << (c->depths.n - 2) < 32) return CVT_OK;
    return cvt_fail(error, CVT_CONFIG, "\"%s\" = %d and %d stages, of which timm dilates the last, are not done here",
                    NAMED(c, patch_size), first, c->depths.n);
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    bool v2 = hints->model_type && strcmp(hints->model_type, "convnextv2") == 0;
    if (c->dims.n != c->depths.n)
        return cvt_fail(error, CVT_CONFIG, "\"%s\" has %d entries, \"%s\" has %d: one a stage", NAMED(c, dims),
                        c->dims.n, NAMED(c, depths), c->depths.n);
    if (c->kernel_size % 2 == 0)
        return cvt_fail(error, CVT_CONFIG, "\"%s\" = %d must be odd", NAMED(c, kernel_size), c->kernel_size);
    for (int i = 0; i < c->dims.n; i++)
        if (c->dims.v[i] > INT32_MAX / 4)
            return cvt_fail(error, CVT_CONFIG, "\"%s\"[%d] = %d is too large", NAMED(c, dims), i, c->dims.v[i]);
    if (hints->config == CVT_CONFIG_TIMM) TRY(check_strides(c, error));
    if (c->norm_first && c->head_hidden)
        return cvt_fail(error, CVT_CONFIG, "\"head_norm_first\" and \"head_hidden_size\" exclude each other");
    if (!GIVEN(c, grn)) c->grn = v2;
    if (v2 || !GIVEN(c, layer_scale)) c->layer_scale = !c->grn;
    if (!GIVEN(c, last_eps)) c->last_eps = hints->config == CVT_CONFIG_HF ? 1e-12 : c->norm_eps;
    if (c->image_size[0]) cvt_resolve_input(&c->base, c->image_size);
    cvt_resolve_head(&c->base, hints, "head.weight");
    return CVT_OK;
}

/* ---- the forward pass ---- */

static cvt_value convolve(cvt_builder *b, const config *c, cvt_value x, const char *name, int out, int kernel,
                          int stride, int padding) {
    cvt_conv conv = cvt_conv_square(out, kernel, stride, padding, c->conv_bias);
    return cvtb_conv2d(b, x, name, &conv);
}

static cvt_value norm(cvt_builder *b, const config *c, cvt_value x, const char *name) {
    return cvtb_layer_norm(b, x, name, (float)c->norm_eps);
}

static cvt_value stem(cvt_builder *b, const config *c, cvt_value x) {
    int out = c->dims.v[0], first = c->stem_type == STEM_TIERED ? cvt_divisible(out / 2) : out;
    bool patch = c->stem_type == STEM_PATCH, act = c->stem_type == STEM_ACT;
    cvtb_open(b, patch ? "embed" : act ? "overlap_act" : "overlap", 0, 0, NULL);
    if (patch) {
        x = convolve(b, c, x, "proj", out, c->patch_size, c->patch_size, 0);
    } else {
        x = convolve(b, c, x, "conv1", first, 3, 2, 1);
        if (act) x = cvtb_activation(b, x, cvt_acts_named[c->activation]);
        x = convolve(b, c, x, "conv2", out, 3, 2, 1);
    }
    x = norm(b, c, x, "norm");
    cvtb_close(b);
    return cvtb_tap(b, x, "embed");
}

static cvt_value block(cvt_builder *b, const config *c, cvt_value x, int j) {
    int out = cvtb_shape(b, x).d[0];
    cvt_conv dw = cvt_conv_square(out, c->kernel_size, 1, c->kernel_size / 2, c->conv_bias);
    cvtb_open(b, "block{j}", 'j', j, "ConvNeXtBlock");
    cvt_value y = norm(b, c, cvtb_dwconv2d(b, x, "dw", &dw), "norm");
    cvtb_open(b, "mlp", 0, 0, "Mlp");
    y = cvtb_activation(b, cvtb_linear(b, y, "fc1", 4 * out, true), cvt_acts_named[c->activation]);
    if (c->grn) y = cvtb_response_norm(b, y, "grn", grn_eps);
    y = cvtb_linear(b, y, "fc2", out, true);
    cvtb_close(b);
    if (c->layer_scale) y = cvtb_layer_scale(b, y, "ls");
    return cvtb_end(b, cvtb_add(b, x, y));
}

static cvt_value stage(cvt_builder *b, const config *c, cvt_value x, int i) {
    cvtb_open(b, "stage{i}", 'i', i, "ConvNeXtStage");
    if (i > 0) {
        cvtb_open(b, "down", 0, 0, NULL);
        x = convolve(b, c, norm(b, c, x, "norm"), "conv", c->dims.v[i], 2, 2, 0);
        cvtb_close(b);
    }
    for (int j = 0; j < c->depths.v[i] && !cvtb_failed(b); j++) x = block(b, c, x, j);
    return cvtb_end(b, cvtb_alias(b, x));
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    cvt_value x = stem(b, c, cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]));
    for (int i = 0; i < c->depths.n; i++) x = stage(b, c, x, i);
    if (c->norm_first) x = cvtb_tap(b, norm(b, c, x, "norm_pre"), "norm_pre");
    x = cvtb_flatten(b, cvtb_mean(b, x));
    if (!c->norm_first) x = cvtb_tap(b, cvtb_layer_norm(b, x, "norm", (float)c->last_eps), "norm");
    if (c->head_hidden) x = cvtb_activation(b, cvtb_linear(b, x, "pre_logits", c->head_hidden, true), CVT_ACT_GELU_ERF);
    return cvtb_classify(b, x, c->base.classes);
}

const cvt_arch cvt_arch_convnext = {
    .name = "convnext",
    .about = "ConvNeXt V1 and V2 (Facebook, timm, Hugging Face): depth-wise 7 x 7 and a feed-forward part",
    .traits = {"no", "non-overlapping", "none", "yes"},
    .config_size = sizeof(config),
    .keys = keys,
    .hf_types = (const char *const[]){"convnext", "convnextv2", NULL},
    .dialects = dialects,
    .classifier = "head.weight",
    .headless = true,
    .classes = 1000,
    .hf_classes = 2,
    .preprocess = {CVT_PREPROCESS_CENTER, 224, 0.875},
    .resolve = resolve,
    .build = build,
};
