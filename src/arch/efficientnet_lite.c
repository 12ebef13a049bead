/* efficientnet_lite.c - EfficientNet-Lite 0 to 4: inverted residual blocks, ReLU6, no squeeze-and-excitation.
 *
 *   stem      3x3 stride 2                                 -> batch norm -> relu6
 *   block     1x1 expansion (none where expand_ratio is 1) -> batch norm -> relu6
 *             depth-wise k x k                             -> batch norm -> relu6
 *             1x1 projection                               -> batch norm, + input where neither stride nor width change
 *   head      1x1                                          -> batch norm -> relu6 -> mean -> classifier
 *
 * Files of the same shapes differ in padding and eps, which no tensor tells: SAME and 1e-3 in TensorFlow and its ports
 * (lukemelas; timm's tf_efficientnet_lite*), symmetric and 1e-3 in RangiLyu/EfficientNet-Lite, symmetric and 1e-5 in
 * timm's efficientnet_lite*. Keys and the rules for rounding and padding are those of timm (models/efficientnet.py). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "arch/arch.h"
#include "ops/ops.h"

enum { SYMMETRIC, SAME }; /* pad_type */
static const char *const paddings[] = {"", "same", NULL};
static const char *const activations[] = {"relu6", "relu", "silu", "gelu", NULL};
static const cvt_act acts[] = {CVT_ACT_RELU6, CVT_ACT_RELU, CVT_ACT_SILU, CVT_ACT_GELU_ERF};
static const char *const pools[] = {"avg", NULL};

enum { UNSAID = -1, MAX_BLOCKS = 256 };

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
    double channel_multiplier, depth_multiplier; /* 0: unsaid; they make the standard blocks where "blocks" is absent */
    int stem_size, num_features;
    blocks blocks;
    cvt_ints stage_repeats;
    int pad_type, act_layer, global_pool;
    double bn_eps;
} config;

#define BLOCK_AT(field) offsetof(block_config, field)
static const cvt_key block_keys[] = {
    {.name = "kernel_size", .type = CVT_KEY_INT, .offset = BLOCK_AT(kernel_size), .min = 1, .max = 256},
    {.name = "stride", .type = CVT_KEY_INT, .offset = BLOCK_AT(stride), .min = 1, .max = 256},
    {.name = "expand_ratio", .type = CVT_KEY_NUMBER, .offset = BLOCK_AT(expand_ratio), .min = 1, .max = 64},
    {.name = "out_chs", .type = CVT_KEY_INT, .offset = BLOCK_AT(out_chs), .min = 1, .max = 65536},
    {0},
};

static cvt_status read_blocks(void *field, const cvt_json *value, cvt_error *error) {
    blocks *list = field;
    size_t n = cvt_json_size(value);
    if (cvt_json_kind_of(value) != CVT_JSON_ARRAY) return cvt_fail(error, CVT_CONFIG, "must be a list of objects");
    if (n < 1 || n > MAX_BLOCKS)
        return cvt_fail(error, CVT_CONFIG, "has %zu entries, must have 1 to %d", n, MAX_BLOCKS);
    list->n = 0;
    for (const cvt_json *entry = cvt_json_first(value); entry; entry = cvt_json_next(entry)) {
        char at[32];
        block_config *b = &list->v[list->n];
        *b = (block_config){0};
        snprintf(at, sizeof at, "[%d]", list->n++);
        TRY(cvt_config_read(b, &(cvt_reading){.keys = block_keys, .strict = true, .origin = at}, entry, error));
        for (const cvt_key *k = block_keys; k->name; k++)
            if (!cvt_json_get(entry, k->name)) return cvt_fail(error, CVT_CONFIG, "%s has no \"%s\"", at, k->name);
    }
    return CVT_OK;
}

#define AT(field) offsetof(config, field)
static const cvt_key keys[] = {
    {.name = "in_chans", .type = CVT_KEY_INT, .offset = AT(base.channels), .min = 1, .max = 64},
    {.name = "num_classes", .type = CVT_KEY_INT, .offset = AT(base.classes), .min = 1, .max = 1000000},
    {.name = "channel_multiplier", .type = CVT_KEY_NUMBER, .offset = AT(channel_multiplier), .min = 0.1, .max = 10},
    {.name = "depth_multiplier", .type = CVT_KEY_NUMBER, .offset = AT(depth_multiplier), .min = 0.1, .max = 10},
    {.name = "stem_size", .type = CVT_KEY_INT, .offset = AT(stem_size), .min = 1, .max = 65536},
    {.name = "num_features", .type = CVT_KEY_INT, .offset = AT(num_features), .min = 1, .max = 65536},
    {.name = "blocks",
     .type = CVT_KEY_READER,
     .offset = AT(blocks),
     .read = read_blocks,
     .about = "the first block of each stage, in place of the published ones",
     .schema = "'type': 'array', 'minItems': 1, 'maxItems': 256, 'items': {'type': 'object', 'additionalProperties': "
               "false, 'required': ['kernel_size', 'stride', 'expand_ratio', 'out_chs'], 'properties': {'kernel_size': "
               "{'type': 'integer', 'minimum': 1, 'maximum': 256}, 'stride': {'type': 'integer', 'minimum': 1, "
               "'maximum': 256}, 'expand_ratio': {'type': 'number', 'minimum': 1, 'maximum': 64}, 'out_chs': {'type': "
               "'integer', 'minimum': 1, 'maximum': 65536}}}"},
    {.name = "stage_repeats", .type = CVT_KEY_INTS, .offset = AT(stage_repeats), .min = 1, .max = MAX_BLOCKS},
    {.name = "pad_type", .type = CVT_KEY_CHOICE, .offset = AT(pad_type), .choices = paddings},
    {.name = "bn_eps", .type = CVT_KEY_NUMBER, .offset = AT(bn_eps), .min = 1e-12, .max = 1},
    {.name = "act_layer", .type = CVT_KEY_CHOICE, .offset = AT(act_layer), .choices = activations},
    {.name = "global_pool", .type = CVT_KEY_CHOICE, .offset = AT(global_pool), .choices = pools},
    CVT_DROPOUT_KEY("drop_rate"),
    CVT_DROPOUT_KEY("drop_path_rate"),
    {0},
};

/* ---- names of weights: {j} counts blocks that expand, {d} those that do not, both within their stage; {f} all ---- */

/* The names within a block are those of lukemelas/EfficientNet-PyTorch in both ports. */
#define BLOCK_ROWS(native, file)                                                                         \
    {native "expand.conv.*", file "_expand_conv.*"}, {native "expand.bn.*", file "_bn0.*"},              \
        {native "depthwise.conv.*", file "_depthwise_conv.*"}, {native "depthwise.bn.*", file "_bn1.*"}, \
        {native "project.conv.*", file "_project_conv.*"}, {                                             \
        native "project.bn.*", file "_bn2.*"                                                             \
    }

static const cvt_name_row rangilyu[] = {
    {"stem.conv.*", "stem.0.*"},
    {"stem.bn.*", "stem.1.*"},
    BLOCK_ROWS("stage{s}.block{j}.", "blocks.{s}.{j}."),
    BLOCK_ROWS("stage{s}.block{d}.", "blocks.{s}.{d}."),
    {"head.conv.*", "head.0.*"},
    {"head.bn.*", "head.1.*"},
    {"classifier.*", "fc.*"},
    {NULL, NULL},
};

static const cvt_name_row lukemelas[] = {
    {"stem.conv.*", "_conv_stem.*"},
    {"stem.bn.*", "_bn0.*"},
    BLOCK_ROWS("stage{s}.block{j}.", "_blocks.{f}."),
    BLOCK_ROWS("stage{s}.block{d}.", "_blocks.{f}."),
    {"head.conv.*", "_conv_head.*"},
    {"head.bn.*", "_bn1.*"},
    {"classifier.*", "_fc.*"},
    {NULL, NULL},
};

static const cvt_name_row timm[] = {
    {"stem.conv.*", "conv_stem.*"},
    {"stem.bn.*", "bn1.*"},
    {"stage{s}.block{j}.expand.conv.*", "blocks.{s}.{j}.conv_pw.*"},
    {"stage{s}.block{j}.expand.bn.*", "blocks.{s}.{j}.bn1.*"},
    {"stage{s}.block{j}.depthwise.conv.*", "blocks.{s}.{j}.conv_dw.*"},
    {"stage{s}.block{j}.depthwise.bn.*", "blocks.{s}.{j}.bn2.*"},
    {"stage{s}.block{j}.project.conv.*", "blocks.{s}.{j}.conv_pwl.*"},
    {"stage{s}.block{j}.project.bn.*", "blocks.{s}.{j}.bn3.*"},
    {"stage{s}.block{d}.depthwise.conv.*", "blocks.{s}.{d}.conv_dw.*"},
    {"stage{s}.block{d}.depthwise.bn.*", "blocks.{s}.{d}.bn1.*"},
    {"stage{s}.block{d}.project.conv.*", "blocks.{s}.{d}.conv_pw.*"},
    {"stage{s}.block{d}.project.bn.*", "blocks.{s}.{d}.bn2.*"},
    {"head.conv.*", "conv_head.*"},
    {"head.bn.*", "bn2.*"},
    {"classifier.*", "classifier.*"},
    {NULL, NULL},
};

static const cvt_dialect dialects[] = {
    {"native"}, {"rangilyu", rangilyu}, {"lukemelas", lukemelas}, {"timm", timm}, {NULL},
};

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

static void defaults(void *p) {
    config *c = p;
    *c = (config){.base = {.channels = 3}, .stem_size = 32, .num_features = 1280, .pad_type = UNSAID, .bn_eps = 1e-3};
}

/* The multiple of 8 next to v, not more than a tenth below it. */
static int divisible(double v) {
    int n = (int)fmax(8, (int)(v + 4) / 8 * 8);
    return n < 0.9 * v ? n + 8 : n;
}

/* EfficientNet-Lite0, scaled: all widths, and the repeats of all stages but the first and the last. */
static void make_blocks(config *c) {
    static const struct {
        int repeats;
        block_config first;
    } stages[] = {
        {1, {3, 1, 16, 1}},  {2, {3, 2, 24, 6}},  {2, {5, 2, 40, 6}},  {3, {3, 2, 80, 6}},
        {3, {5, 1, 112, 6}}, {4, {5, 2, 192, 6}}, {1, {3, 1, 320, 6}},
    };
    enum { STAGES = sizeof stages / sizeof stages[0] };
    if (c->channel_multiplier == 0) c->channel_multiplier = 1;
    if (c->depth_multiplier == 0) c->depth_multiplier = 1;
    c->stage_repeats.n = STAGES;
    for (int s = 0; s < STAGES; s++) {
        bool scaled = s > 0 && s < STAGES - 1;
        int repeats = scaled ? (int)ceil(stages[s].repeats * c->depth_multiplier) : stages[s].repeats;
        c->stage_repeats.v[s] = repeats;
        for (int j = 0; j < repeats; j++) {
            block_config b = stages[s].first;
            b.out_chs = divisible(b.out_chs * c->channel_multiplier);
            if (j > 0) b.stride = 1;
            c->blocks.v[c->blocks.n++] = b;
        }
    }
}

static cvt_status resolve_blocks(config *c, cvt_error *error) {
    if (!c->blocks.n && c->stage_repeats.n) return cvt_fail(error, CVT_CONFIG, "\"stage_repeats\" needs \"blocks\"");
    if (!c->blocks.n) {
        make_blocks(c);
        return CVT_OK;
    }
    if (c->channel_multiplier != 0 || c->depth_multiplier != 0)
        return cvt_fail(error, CVT_CONFIG, "\"%s\" and \"blocks\" exclude each other",
                        c->channel_multiplier != 0 ? "channel_multiplier" : "depth_multiplier");
    if (!c->stage_repeats.n) return cvt_fail(error, CVT_CONFIG, "\"blocks\" needs \"stage_repeats\"");
    int sum = 0;
    for (int s = 0; s < c->stage_repeats.n; s++) sum += c->stage_repeats.v[s];
    if (sum != c->blocks.n)
        return cvt_fail(error, CVT_CONFIG, "\"stage_repeats\" sums to %d, \"blocks\" has %d entries", sum, c->blocks.n);
    return CVT_OK;
}

static const variant *variant_of(const config *c) {
    for (size_t i = 1; i < sizeof variants / sizeof variants[0]; i++) {
        const variant *v = &variants[i];
        if (v->channel_multiplier == c->channel_multiplier && v->depth_multiplier == c->depth_multiplier) return v;
    }
    return &variants[0];
}

static void set_norm(cvt_preprocess_spec *preprocess, double mean, double std) {
    for (int i = 0; i < 3; i++) {
        preprocess->mean[i] = mean;
        preprocess->std[i] = std;
    }
}

/* What each port feeds its weights: a resize to the input size + 32, but for timm's. */
static cvt_preprocess_spec preprocess_of(const config *c, const char *names) {
    const variant *v = variant_of(c);
    bool is_timm = strcmp(names, "timm") == 0, is_rangilyu = strcmp(names, "rangilyu") == 0;
    int size = c->base.size[0] ? c->base.size[0] : is_timm ? v->timm_size : v->size;
    cvt_preprocess_spec r =
        cvt_preprocess_default(CVT_PREPROCESS_CENTER, size, is_timm ? v->timm_crop : size / (size + 32.0));
    if (is_timm) {
        r.filter = (int)v->timm_filter;
        set_norm(&r, 0.5, 0.5);
    } else if (is_rangilyu) {
        set_norm(&r, 0.498, 0.502);
    } else {
        set_norm(&r, 127 / 255.0, 128 / 255.0);
    }
    return r;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    const char *name = hints->origin ? hints->origin->name : "native";
    if (!c->base.classes) c->base.classes = 1000;
    if (c->pad_type == UNSAID) c->pad_type = strcmp(name, "rangilyu") == 0 ? SYMMETRIC : SAME;
    TRY(resolve_blocks(c, error));
    if (!c->base.preprocess.given) c->base.preprocess = preprocess_of(c, name);
    return CVT_OK;
}

/* ---- the forward pass ---- */

/* The convolution padded as the config says: symmetrically by timm's rule, which is (k - 1) / 2 for strides 1 and 2. */
static cvt_conv padded(const cvt_builder *b, const config *c, cvt_value map, int out, int kernel, int stride) {
    cvt_conv conv = cvt_conv_square(out, kernel, stride, (stride - 1 + kernel - 1) / 2, false);
    cvt_shape s = cvtb_shape(b, map);
    return c->pad_type == SAME ? cvt_conv_same(conv, s.d[1], s.d[2]) : conv;
}

static cvt_value dense(cvt_builder *b, const config *c, cvt_value x, const char *name, int out, int kernel,
                       int stride) {
    cvt_conv conv = padded(b, c, x, out, kernel, stride);
    cvtb_open(b, name, 0, 0, NULL);
    x = cvtb_batch_norm(b, cvtb_conv2d(b, x, "conv", &conv), "bn", (float)c->bn_eps);
    cvtb_close(b);
    return x;
}

static cvt_value depthwise(cvt_builder *b, const config *c, cvt_value x, int kernel, int stride) {
    cvt_conv conv = padded(b, c, x, 0, kernel, stride);
    cvtb_open(b, "depthwise", 0, 0, NULL);
    x = cvtb_batch_norm(b, cvtb_dwconv2d(b, x, "conv", &conv), "bn", (float)c->bn_eps);
    cvtb_close(b);
    return x;
}

static cvt_value active(cvt_builder *b, const config *c, cvt_value x) {
    return cvtb_activation(b, x, acts[c->act_layer]);
}

/* index: within the stage; flat: within the network. */
static cvt_value block(cvt_builder *b, const config *c, cvt_value x, int index, int flat) {
    const block_config *k = &c->blocks.v[flat];
    int channels = cvtb_shape(b, x).d[0];
    bool expands = k->expand_ratio != 1;
    cvtb_open(b, expands ? "block{j}" : "block{d}", expands ? 'j' : 'd', index, "MBConvBlock");
    cvtb_index(b, 'f', flat);
    cvt_value y = x;
    if (expands) y = active(b, c, dense(b, c, y, "expand", divisible(channels * k->expand_ratio), 1, 1));
    y = active(b, c, depthwise(b, c, y, k->kernel_size, k->stride));
    y = dense(b, c, y, "project", k->out_chs, 1, 1);
    if (k->stride == 1 && channels == k->out_chs) y = cvtb_add(b, x, y);
    cvtb_tap(b, y, NULL);
    cvtb_close(b);
    return y;
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    cvt_value x = cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]);
    x = cvtb_tap(b, active(b, c, dense(b, c, x, "stem", c->stem_size, 3, 2)), "stem");
    int flat = 0;
    for (int s = 0; s < c->stage_repeats.n; s++) {
        cvtb_open(b, "stage{s}", 's', s, NULL);
        for (int j = 0; j < c->stage_repeats.v[s]; j++) x = block(b, c, x, j, flat++);
        x = cvtb_tap(b, cvtb_alias(b, x), NULL);
        cvtb_close(b);
    }
    x = cvtb_tap(b, active(b, c, dense(b, c, x, "head", c->num_features, 1, 1)), "head");
    x = cvtb_tap(b, cvtb_flatten(b, cvtb_mean(b, x)), "pool");
    return cvtb_linear(b, cvtb_embedding(b, x), "classifier", c->base.classes, true);
}

const cvt_arch cvt_arch_efficientnet_lite = {
    .schema = ", 'dependentRequired': {'blocks': ['stage_repeats'], 'stage_repeats': ['blocks']}",
    .name = "efficientnet_lite",
    .about = "EfficientNet-Lite 0 to 4 (rangilyu, lukemelas, timm): inverted residuals, ReLU6",
    .traits = {"no", "overlapping (convolution)", "none", "yes"},
    .config_size = sizeof(config),
    .defaults = defaults,
    .keys = keys,
    .dialects = dialects,
    .classifier = "classifier.weight",
    .resolve = resolve,
    .build = build,
};
