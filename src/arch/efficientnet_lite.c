/* efficientnet_lite.c - EfficientNet-Lite 0 to 4: inverted residual blocks, ReLU6, no squeeze-and-excitation.
 *
 *   stem      3x3 stride 2                                 -> batch norm -> relu6
 *   block     1x1 expansion (none where expand_ratio is 1) -> batch norm -> relu6
 *             depth-wise k x k                             -> batch norm -> relu6
 *             1x1 projection                               -> batch norm, + input where neither stride nor width change
 *   head      1x1                                          -> batch norm -> relu6 -> mean -> classifier
 *
 * Files with the same shapes belong to different paddings and eps, which no tensor tells: SAME and 1e-3 in TensorFlow
 * and its ports (lukemelas; timm's tf_efficientnet_lite*), symmetric and 1e-3 in RangiLyu/EfficientNet-Lite, symmetric
 * and 1e-5 in timm's efficientnet_lite*. Keys and the rules for rounding and padding are those of timm
 * (models/efficientnet.py). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "arch/keys.h"
#include "arch/resolve.h"
#include "ops/ops.h"

enum { PAD_SYMMETRIC, PAD_SAME }; /* pad_type */
static const char *const paddings[] = {"", "same", NULL};
static const char *const activations[] = {"relu6", "relu", "silu", "gelu", NULL};
static const cvt_act acts[] = {CVT_ACT_RELU6, CVT_ACT_RELU, CVT_ACT_SILU, CVT_ACT_GELU_ERF};
static const char *const pools[] = {"avg", NULL};

enum { MAX_BLOCKS = 256 };

typedef struct block_config {
    int kernel_size, stride, out_chs;
    double expand_ratio;
} block_config;

typedef struct blocks {
    int n;
    block_config v[MAX_BLOCKS];
} blocks;

typedef struct config {
    cvt_base base;
    double channel_multiplier, depth_multiplier; /* they scale the standard blocks, if "blocks" is absent */
    int stem_size, num_features;
    blocks blocks;
    cvt_ints stage_repeats;
    int pad_type, act_layer, global_pool;
    double bn_eps;
} config;

#define KEYS_OF block_config
static const cvt_key block_keys[] = {
    INT("kernel_size", kernel_size, 1, 256, NULL, NULL, .required = true),
    INT("stride", stride, 1, 256, NULL, NULL, .required = true),
    NUM("expand_ratio", expand_ratio, 1, 64, NULL, NULL, .required = true),
    INT("out_chs", out_chs, 1, 65536, NULL, NULL, .required = true),
    {0},
};

static cvt_status read_blocks(void *field, const cvt_json *value, cvt_error *error) {
    blocks *list = field;
    TRY(cvt_config_check_list(value, "a list of objects", 1, MAX_BLOCKS, error));
    list->n = 0;
    for (const cvt_json *entry = cvt_json_first(value); entry; entry = cvt_json_next(entry)) {
        char at[32];
        snprintf(at, sizeof at, "[%d]", list->n);
        cvt_reading how = {.keys = block_keys, .strict = true, .origin = at};
        TRY(cvt_config_fill(&list->v[list->n++], &how, entry, error));
    }
    return CVT_OK;
}

#undef KEYS_OF
#define KEYS_OF config
static const cvt_key keys[] = {
    INT("in_chans", base.channels, 1, 64, "3", "channels of the input"),
    INT("num_classes", base.classes, 1, 1000000, NULL, "default: as in the weights, else 1000"),
    NUM("channel_multiplier", channel_multiplier, 0.1, 10, "1", "scales the channels of the standard blocks"),
    NUM("depth_multiplier", depth_multiplier, 0.1, 10, "1", "scales the number of the standard blocks"),
    INT("stem_size", stem_size, 1, 65536, "32", "channels of the first convolution"),
    INT("num_features", num_features, 1, 65536, "1280", "channels of the last convolution"),
    READER("blocks", blocks, read_blocks, "'type': 'array', 'minItems': 1, 'maxItems': 256",
           "all blocks in order, in place of the standard ones", .keys = block_keys),
    INTS("stage_repeats", stage_repeats, 1, MAX_BLOCKS, NULL, "how many of \"blocks\" each stage has"),
    CHOICE("pad_type", pad_type, paddings, NULL, "default: as the names of the weights tell"),
    NUM("bn_eps", bn_eps, 1e-12, 1, "0.001", "eps of the batch norms"),
    CHOICE("act_layer", act_layer, activations, "'relu6'", "the activation"),
    CHOICE("global_pool", global_pool, pools, "'avg'", "how the last map becomes a vector"),
    CVT_DROPOUT_KEY("drop_rate"),
    CVT_DROPOUT_KEY("drop_path_rate"),
    {0},
};

/* ---- names of weights: {j} is the number of a block that expands, {d} that of one that does not, both within their
 * stage; {f} is its number among all blocks ---- */

/* Both ports have the names of lukemelas/EfficientNet-PyTorch within a block. */
static const cvt_name_row port_block[] = {{"expand.conv.*", "_expand_conv.*"},
                                          {"expand.bn.*", "_bn0.*"},
                                          {"depthwise.conv.*", "_depthwise_conv.*"},
                                          {"depthwise.bn.*", "_bn1.*"},
                                          {"project.conv.*", "_project_conv.*"},
                                          {"project.bn.*", "_bn2.*"},
                                          {NULL, NULL}};
static const cvt_name_row rangilyu[] = {{"stem.conv.*", "stem.0.*"},
                                        {"stem.bn.*", "stem.1.*"},
                                        {"stage{s}.block{j}.*", "blocks.{s}.{j}.*", .rows = port_block},
                                        {"stage{s}.block{d}.*", "blocks.{s}.{d}.*", .rows = port_block},
                                        {"head.conv.*", "head.0.*"},
                                        {"head.bn.*", "head.1.*"},
                                        {"classifier.*", "fc.*"},
                                        {NULL, NULL}};
static const cvt_name_row lukemelas[] = {{"stem.conv.*", "_conv_stem.*"},
                                         {"stem.bn.*", "_bn0.*"},
                                         {"stage{s}.block{j}.*", "_blocks.{f}.*", .rows = port_block},
                                         {"stage{s}.block{d}.*", "_blocks.{f}.*", .rows = port_block},
                                         {"head.conv.*", "_conv_head.*"},
                                         {"head.bn.*", "_bn1.*"},
                                         {"classifier.*", "_fc.*"},
                                         {NULL, NULL}};

static const cvt_name_row timm_expanding[] = {{"expand.conv.*", "conv_pw.*"},
                                              {"expand.bn.*", "bn1.*"},
                                              {"depthwise.conv.*", "conv_dw.*"},
                                              {"depthwise.bn.*", "bn2.*"},
                                              {"project.conv.*", "conv_pwl.*"},
                                              {"project.bn.*", "bn3.*"},
                                              {NULL, NULL}};
static const cvt_name_row timm_plain[] = {{"depthwise.conv.*", "conv_dw.*"},
                                          {"depthwise.bn.*", "bn1.*"},
                                          {"project.conv.*", "conv_pw.*"},
                                          {"project.bn.*", "bn2.*"},
                                          {NULL, NULL}};
static const cvt_name_row timm[] = {{"stem.conv.*", "conv_stem.*"},
                                    {"stem.bn.*", "bn1.*"},
                                    {"stage{s}.block{j}.*", "blocks.{s}.{j}.*", .rows = timm_expanding},
                                    {"stage{s}.block{d}.*", "blocks.{s}.{d}.*", .rows = timm_plain},
                                    {"head.conv.*", "conv_head.*"},
                                    {"head.bn.*", "bn2.*"},
                                    {"classifier.*", "classifier.*"},
                                    {NULL, NULL}};

static const cvt_dialect dialects[] = {
    {"native"}, {"rangilyu", rangilyu}, {"lukemelas", lukemelas}, {"timm", timm}, {NULL}};

/* ---- the published sizes ---- */

typedef struct variant {
    double channel_multiplier, depth_multiplier;
    int size, timm_size;
    double timm_crop;
    cvt_filter timm_filter;
} variant;

static const variant variants[] = {
    {1.0, 1.0, 224, 224, 0.875, CVT_FILTER_BICUBIC},  {1.0, 1.1, 240, 240, 0.882, CVT_FILTER_BICUBIC},
    {1.1, 1.2, 260, 260, 0.890, CVT_FILTER_BICUBIC},  {1.2, 1.4, 280, 300, 0.904, CVT_FILTER_BILINEAR},
    {1.4, 1.8, 300, 380, 0.920, CVT_FILTER_BILINEAR},
};

/* ---- config ---- */

/* Makes the blocks of EfficientNet-Lite0, scaled: all widths, and the repeats of all stages but the first and last. */
static void make_blocks(config *c) {
    static const struct {
        int repeats;
        block_config first;
    } stages[] = {
        {1, {3, 1, 16, 1}},  {2, {3, 2, 24, 6}},  {2, {5, 2, 40, 6}},  {3, {3, 2, 80, 6}},
        {3, {5, 1, 112, 6}}, {4, {5, 2, 192, 6}}, {1, {3, 1, 320, 6}},
    };
    enum { STAGES = sizeof stages / sizeof stages[0] };
    c->stage_repeats.n = STAGES;
    for (int s = 0; s < STAGES; s++) {
        bool scaled = s > 0 && s < STAGES - 1;
        int repeats = scaled ? (int)ceil(stages[s].repeats * c->depth_multiplier) : stages[s].repeats;
        c->stage_repeats.v[s] = repeats;
        for (int j = 0; j < repeats; j++) {
            block_config b = stages[s].first;
            b.out_chs = cvt_divisible(b.out_chs * c->channel_multiplier);
            if (j > 0) b.stride = 1;
            c->blocks.v[c->blocks.n++] = b;
        }
    }
}

/* The blocks are the standard ones, or those that "blocks" and "stage_repeats" say together. */
static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    const char *scale = GIVEN(c, channel_multiplier) ? GIVEN(c, channel_multiplier) : GIVEN(c, depth_multiplier);
    int sum = 0;
    if (!GIVEN(c, pad_type)) c->pad_type = cvt_hints_from(hints, "rangilyu") ? PAD_SYMMETRIC : PAD_SAME;
    if (!c->blocks.n && c->stage_repeats.n) return cvt_fail(error, CVT_CONFIG, "\"stage_repeats\" needs \"blocks\"");
    if (!c->blocks.n) {
        make_blocks(c);
        return CVT_OK;
    }
    if (scale) return cvt_fail(error, CVT_CONFIG, "\"%s\" and \"blocks\" exclude each other", scale);
    if (!c->stage_repeats.n) return cvt_fail(error, CVT_CONFIG, "\"blocks\" needs \"stage_repeats\"");
    for (int s = 0; s < c->stage_repeats.n; s++) sum += c->stage_repeats.v[s];
    if (sum == c->blocks.n) return CVT_OK;
    return cvt_fail(error, CVT_CONFIG, "\"stage_repeats\" sums to %d, \"blocks\" has %d entries", sum, c->blocks.n);
}

static const variant *variant_of(const config *c) {
    for (size_t i = 1; i < sizeof variants / sizeof variants[0]; i++) {
        const variant *v = &variants[i];
        if (v->channel_multiplier == c->channel_multiplier && v->depth_multiplier == c->depth_multiplier) return v;
    }
    return &variants[0];
}

/* How each port prepares images: all but timm resize to the input size + 32, then crop. */
static cvt_preprocess_spec preprocess_of(const void *p, const cvt_hints *hints) {
    const config *c = p;
    const variant *v = variant_of(c);
    bool timm_names = cvt_hints_from(hints, "timm"), rangilyu_names = cvt_hints_from(hints, "rangilyu");
    int size = c->base.size[0] ? c->base.size[0] : timm_names ? v->timm_size : v->size;
    cvt_preprocess_spec r =
        cvt_preprocess_default(CVT_PREPROCESS_CENTER, size, timm_names ? v->timm_crop : size / (size + 32.0));
    if (timm_names) r.filter = (int)v->timm_filter;
    for (int i = 0; i < 3; i++) {
        r.mean[i] = timm_names ? 0.5 : rangilyu_names ? 0.498 : 127 / 255.0;
        r.std[i] = timm_names ? 0.5 : rangilyu_names ? 0.502 : 128 / 255.0;
    }
    return r;
}

/* ---- the forward pass ---- */

/* A convolution and its norm. out 0: a depth-wise one. Symmetric padding is by timm's rule, which makes (k - 1) / 2 for
 * strides 1 and 2. */
static cvt_value convolve(cvt_builder *b, const config *c, cvt_value x, const char *name, int out, int kernel,
                          int stride) {
    cvt_shape s = cvtb_shape(b, x);
    cvt_conv conv = cvt_conv_square(out, kernel, stride, (stride - 1 + kernel - 1) / 2, false);
    if (c->pad_type == PAD_SAME) conv = cvt_conv_same(conv, s.d[1], s.d[2]);
    cvtb_open(b, name, 0, 0, NULL);
    x = out ? cvtb_conv2d(b, x, "conv", &conv) : cvtb_dwconv2d(b, x, "conv", &conv);
    x = cvtb_batch_norm(b, x, "bn", (float)c->bn_eps);
    cvtb_close(b);
    return x;
}

static cvt_value active(cvt_builder *b, const config *c, cvt_value x) {
    return cvtb_activation(b, x, acts[c->act_layer]);
}

/* index: the block's number within its stage; flat: its number among all blocks. */
static cvt_value block(cvt_builder *b, const config *c, cvt_value x, int index, int flat) {
    const block_config *k = &c->blocks.v[flat];
    int channels = cvtb_shape(b, x).d[0];
    bool expands = k->expand_ratio != 1;
    cvtb_open(b, expands ? "block{j}" : "block{d}", expands ? 'j' : 'd', index, "MBConvBlock");
    cvtb_index(b, 'f', flat);
    cvt_value y = x;
    if (expands) y = active(b, c, convolve(b, c, y, "expand", cvt_divisible(channels * k->expand_ratio), 1, 1));
    y = active(b, c, convolve(b, c, y, "depthwise", 0, k->kernel_size, k->stride));
    y = convolve(b, c, y, "project", k->out_chs, 1, 1);
    if (k->stride == 1 && channels == k->out_chs) y = cvtb_add(b, x, y);
    return cvtb_end(b, y);
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    cvt_value x = cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]);
    x = cvtb_tap(b, active(b, c, convolve(b, c, x, "stem", c->stem_size, 3, 2)), "stem");
    int flat = 0;
    for (int s = 0; s < c->stage_repeats.n; s++) {
        cvtb_open(b, "stage{s}", 's', s, NULL);
        for (int j = 0; j < c->stage_repeats.v[s]; j++) x = block(b, c, x, j, flat++);
        x = cvtb_end(b, cvtb_alias(b, x));
    }
    x = cvtb_tap(b, active(b, c, convolve(b, c, x, "head", c->num_features, 1, 1)), "head");
    x = cvtb_tap(b, cvtb_flatten(b, cvtb_mean(b, x)), "pool");
    return cvtb_linear(b, cvtb_embedding(b, x), "classifier", c->base.classes, true);
}

const cvt_arch cvt_arch_efficientnet_lite = {
    .name = "efficientnet_lite",
    .about = "EfficientNet-Lite 0 to 4 (rangilyu, lukemelas, timm): inverted residuals, ReLU6",
    .traits = {"no", "overlapping (convolution)", "none", "yes"},
    .config_size = sizeof(config),
    .keys = keys,
    .schema = ", 'dependentRequired': {'blocks': ['stage_repeats'], 'stage_repeats': ['blocks']}",
    .dialects = dialects,
    .classifier = "classifier.weight",
    .classes = 1000,
    .preprocess_of = preprocess_of,
    .resolve = resolve,
    .build = build,
};
