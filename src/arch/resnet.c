/* resnet.c - ResNet (He et al. 2015) of torchvision, timm (resnet.py) and Hugging Face's ResNetForImageClassification.
 *
 *   stem       7x7 stride 2 (deep: three of 3x3)     -> batch norm -> relu, then a 3x3 maximum with stride 2
 *   bottleneck 1x1, 3x3 with the stride, 1x1         -> batch norm each, relu between them, + shortcut -> relu
 *   basic      3x3 with the stride, 3x3              -> the same
 *   shortcut   the block's input; where stride or width change, a 1x1 with the stride -> batch norm
 *              (avg_down: the mean of 2x2 pixels, then a 1x1)
 *   head       mean -> classifier
 *
 * All batch norms have eps 1e-5, and no convolution has a bias. Any input size. */
#include "arch/act_names.h"
#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/resolve.h"

static const float eps = 1e-5f;

enum { BOTTLENECK, BASIC }; /* layer_type */
static const char *const layer_types[] = {"bottleneck", "basic", NULL};
enum { STEM_PLAIN, STEM_DEEP, STEM_TIERED }; /* stem_type */
static const char *const stem_types[] = {"", "deep", "deep_tiered", NULL};
static const char *const pools[] = {"avg", NULL};

typedef struct config {
    cvt_base base;
    cvt_ints depths, hidden_sizes, channels; /* channels: of the 3x3 convolutions, if base_width is 64 */
    int embedding_size, stem_width, stem_type, layer_type, activation, base_width, global_pool;
    bool stride_first_stage, stride_first_conv, avg_down;
    bool relu_inside; /* what resolve() finds */
} config;

#define KEYS_OF config
static const cvt_key keys[] = {
    INT("num_channels", base.channels, 1, 64, "3", "channels of the input"),
    SAME("in_chans", "num_channels", CVT_CONFIG_TIMM),
    INT("num_classes", base.classes, 0, 1000000, NULL, "default: as in the weights, else 1000"),
    SAME("num_labels", "num_classes", CVT_CONFIG_HF),
    INTS("depths", depths, 1, 1000, "[3, 4, 6, 3]", "blocks of each stage"),
    SAME("layers", "depths", CVT_CONFIG_TIMM),
    CHOICE("layer_type", layer_type, layer_types, "'bottleneck'", "the kind of block"),
    INTS("hidden_sizes", hidden_sizes, 1, 65536, NULL,
         "channels of each stage; default: those of \"channels\", times 4 with bottlenecks"),
    INTS("channels", channels, 1, 65536, NULL, "channels within blocks; default: [64, 128, 256, 512]"),
    INT("base_width", base_width, 1, 65536, "64", "bottlenecks are wider by this / 64 inside"),
    CHOICE("stem_type", stem_type, stem_types, "''", "deep: three convolutions in place of one"),
    INT("stem_width", stem_width, 1, 32768, "64", "channels of the first convolutions of a deep stem"),
    INT("embedding_size", embedding_size, 1, 65536, NULL,
        "channels of the stem; default: 64, twice \"stem_width\" with a deep one"),
    CHOICE("hidden_act", activation, cvt_act_names, "'relu'", "the activation", .nullable = true),
    SAME("act_layer", "hidden_act", CVT_CONFIG_TIMM),
    BOOL("avg_down", avg_down, "false", "shortcuts take the mean of 2x2 pixels in place of a stride"),
    BOOL("downsample_in_first_stage", stride_first_stage, "false", "the first stage has a stride too"),
    BOOL("downsample_in_bottleneck", stride_first_conv, "false", "the stride is in the first convolution, a 1x1"),
    CHOICE("global_pool", global_pool, pools, "'avg'", "how the last map becomes a vector"),
    UNUSED_NUM("cardinality", 1, 1, "must be 1: there are no grouped convolutions"),
    UNUSED_NUM("block_reduce_first", 1, 1, "must be 1"),
    UNUSED_NUM("down_kernel_size", 1, 1, "must be 1"),
    UNUSED_NUM("output_stride", 32, 32, "must be 32: there is no dilation"),
    CVT_OFF_KEY("replace_stem_pool"),
    CVT_OFF_KEY("aa_layer"),
    CVT_OFF_KEY("norm_layer"),
    CVT_OFF_KEY("block_args"),
    UNUSED_BOOL("zero_init_last", "without effect: for training"),
    CVT_DROPOUT_KEY("drop_rate"),
    CVT_DROPOUT_KEY("drop_path_rate"),
    CVT_DROPOUT_KEY("drop_block_rate"),
    {0},
};

/* ---- names of weights: {n} is the number of a stage from 1 on ---- */

static const cvt_name_row timm_block[] = {{"shortcut.conv.*", "downsample.0.*"},
                                          {"shortcut.bn.*", "downsample.1.*"},
                                          {"pooled.conv.*", "downsample.1.*"},
                                          {"pooled.bn.*", "downsample.2.*"},
                                          {"*", "*"},
                                          {NULL, NULL}};
static const cvt_name_row timm[] = {{"stem.conv.*", "conv1.*"},
                                    {"stem.bn.*", "bn1.*"},
                                    {"stem.conv1.*", "conv1.0.*"},
                                    {"stem.bn1.*", "conv1.1.*"},
                                    {"stem.conv2.*", "conv1.3.*"},
                                    {"stem.bn2.*", "conv1.4.*"},
                                    {"stem.conv3.*", "conv1.6.*"},
                                    {"stem.bn3.*", "bn1.*"},
                                    {"stage{i}.block{j}.*", "layer{n}.{j}.*", .rows = timm_block},
                                    {"head.*", "fc.*"},
                                    {NULL, NULL}};

static const cvt_name_row hf_block[] = {{"conv1.*", "layer.0.convolution.*"},
                                        {"bn1.*", "layer.0.normalization.*"},
                                        {"conv2.*", "layer.1.convolution.*"},
                                        {"bn2.*", "layer.1.normalization.*"},
                                        {"conv3.*", "layer.2.convolution.*"},
                                        {"bn3.*", "layer.2.normalization.*"},
                                        {"shortcut.conv.*", "shortcut.convolution.*"},
                                        {"shortcut.bn.*", "shortcut.normalization.*"},
                                        {NULL, NULL}};
static const cvt_name_row hf[] = {{"stem.conv.*", "{}embedder.embedder.convolution.*"},
                                  {"stem.bn.*", "{}embedder.embedder.normalization.*"},
                                  {"stage{i}.block{j}.*", "{}encoder.stages.{i}.layers.{j}.*", .rows = hf_block},
                                  {"head.*", "classifier.1.*"},
                                  {NULL, NULL}};

static const cvt_dialect dialects[] = {{"native"}, {"timm", timm}, {"hf", hf, "resnet."}, {"hf_bare", hf, ""}, {NULL}};

/* ---- config ---- */

/* The default widths. Hugging Face's are those of bottlenecks for both kinds of blocks. */
static void resolve_widths(config *c, const cvt_hints *hints) {
    const cvt_ints usual = {4, {64, 128, 256, 512}};
    if (GIVEN(c, hidden_sizes)) return;
    if (!GIVEN(c, channels)) c->channels = usual;
    int factor = c->layer_type == BOTTLENECK || hints->config == CVT_CONFIG_HF ? 4 : 1;
    for (int i = 0; i < c->channels.n; i++) c->hidden_sizes.v[i] = factor * c->channels.v[i];
    c->hidden_sizes.n = c->channels.n;
}

/* The channels within a bottleneck of stage i. */
static int inner_width(const config *c, int i) {
    return (int)((int64_t)(c->hidden_sizes.v[i] / 4) * c->base_width / 64);
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    if (GIVEN(c, hidden_sizes) && GIVEN(c, channels))
        return cvt_fail(error, CVT_CONFIG, "\"hidden_sizes\" and \"channels\" exclude each other");
    resolve_widths(c, hints);
    if (c->hidden_sizes.n != c->depths.n)
        return cvt_fail(error, CVT_CONFIG, "\"%s\" has %d entries, \"%s\" has %d: one a stage",
                        GIVEN(c, channels) ? "channels" : "hidden_sizes", c->hidden_sizes.n, NAMED(c, depths),
                        c->depths.n);
    for (int i = 0; i < c->depths.n && c->layer_type == BOTTLENECK; i++)
        if (inner_width(c, i) < 1 || inner_width(c, i) > 65536)
            return cvt_fail(error, CVT_CONFIG, "\"base_width\" and the widths of stage %d make %d channels", i,
                            inner_width(c, i));
    if (c->layer_type == BASIC && c->base_width != 64)
        return cvt_fail(error, CVT_CONFIG, "\"base_width\" is for bottlenecks alone");
    if (!GIVEN(c, embedding_size)) c->embedding_size = c->stem_type == STEM_PLAIN ? 64 : 2 * c->stem_width;
    if (c->stem_type == STEM_TIERED && c->stem_width < 4)
        return cvt_fail(error, CVT_CONFIG, "\"stem_width\" = %d is less than 4", c->stem_width);
    c->relu_inside = hints->config == CVT_CONFIG_HF;
    cvt_resolve_head(&c->base, hints, "head.weight");
    return CVT_OK;
}

/* As torchvision prepares images for its first weights. */
static cvt_preprocess_spec preprocess_of(const void *p, const cvt_hints *hints) {
    const config *c = p;
    (void)hints;
    int size = c->base.size[0] ? c->base.size[0] : 224;
    cvt_preprocess_spec spec = cvt_preprocess_default(CVT_PREPROCESS_CENTER, size, 0.875);
    spec.filter = CVT_FILTER_BILINEAR;
    return spec;
}

/* ---- the forward pass ---- */

/* A convolution without bias, padded so that only the stride changes the size, and its norm. */
static cvt_value convolve(cvt_builder *b, cvt_value x, const char *conv, const char *bn, int out, int kernel,
                          int stride) {
    cvt_conv how = cvt_conv_square(out, kernel, stride, kernel / 2, false);
    return cvtb_batch_norm(b, cvtb_conv2d(b, x, conv, &how), bn, eps);
}

static cvt_value active(cvt_builder *b, const config *c, cvt_value x) {
    return cvtb_activation(b, x, cvt_acts_named[c->activation]);
}

/* Between the convolutions of a block. There Hugging Face's program takes relu, whatever hidden_act says. */
static cvt_value active_inside(cvt_builder *b, const config *c, cvt_value x) {
    return c->relu_inside ? cvtb_activation(b, x, CVT_ACT_RELU) : active(b, c, x);
}

static cvt_value stem(cvt_builder *b, const config *c, cvt_value x) {
    int width = c->stem_width, first = c->stem_type == STEM_TIERED ? 3 * (width / 4) : width;
    cvtb_open(b, "stem", 0, 0, NULL);
    if (c->stem_type == STEM_PLAIN) {
        x = convolve(b, x, "conv", "bn", c->embedding_size, 7, 2);
    } else {
        x = active(b, c, convolve(b, x, "conv1", "bn1", first, 3, 2));
        x = active(b, c, convolve(b, x, "conv2", "bn2", width, 3, 1));
        x = convolve(b, x, "conv3", "bn3", c->embedding_size, 3, 1);
    }
    x = cvtb_end(b, active(b, c, x));
    return cvtb_tap(b, cvtb_max_pool(b, x, 3, 2, 1), "embed");
}

/* What a block adds to its result. */
static cvt_value shortcut(cvt_builder *b, const config *c, cvt_value x, int out, int stride) {
    if (stride == 1 && cvtb_shape(b, x).d[0] == out) return x;
    cvtb_open(b, c->avg_down ? "pooled" : "shortcut", 0, 0, NULL);
    if (c->avg_down && stride > 1) x = cvtb_avg_pool(b, x, 2, stride, 0);
    x = convolve(b, x, "conv", "bn", out, 1, c->avg_down ? 1 : stride);
    cvtb_close(b);
    return x;
}

/* Block j of stage i; only the first one has a stride. */
static cvt_value block(cvt_builder *b, const config *c, cvt_value x, int i, int j) {
    int out = c->hidden_sizes.v[i], width = inner_width(c, i),
        stride = j == 0 && (i > 0 || c->stride_first_stage) ? 2 : 1;
    int before = c->stride_first_conv ? stride : 1;
    cvt_value y = x;
    cvtb_open(b, "block{j}", 'j', j, c->layer_type == BASIC ? "BasicBlock" : "Bottleneck");
    if (c->layer_type == BASIC) {
        y = active_inside(b, c, convolve(b, y, "conv1", "bn1", out, 3, stride));
        y = convolve(b, y, "conv2", "bn2", out, 3, 1);
    } else {
        y = active_inside(b, c, convolve(b, y, "conv1", "bn1", width, 1, before));
        y = active_inside(b, c, convolve(b, y, "conv2", "bn2", width, 3, stride / before));
        y = convolve(b, y, "conv3", "bn3", out, 1, 1);
    }
    return cvtb_end(b, active(b, c, cvtb_add(b, y, shortcut(b, c, x, out, stride))));
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    cvt_value x = stem(b, c, cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]));
    for (int i = 0; i < c->depths.n; i++) {
        cvtb_open(b, "stage{i}", 'i', i, NULL);
        cvtb_index(b, 'n', i + 1);
        for (int j = 0; j < c->depths.v[i] && !cvtb_failed(b); j++) x = block(b, c, x, i, j);
        x = cvtb_end(b, cvtb_alias(b, x));
    }
    x = cvtb_tap(b, cvtb_flatten(b, cvtb_mean(b, x)), "pool");
    return cvtb_classify(b, x, c->base.classes);
}

const cvt_arch cvt_arch_resnet = {
    .name = "resnet",
    .about = "ResNet (torchvision, timm, Hugging Face): bottlenecks or basic blocks",
    .traits = {"no", "overlapping (convolution)", "none", "yes"},
    .config_size = sizeof(config),
    .keys = keys,
    .hf_types = (const char *const[]){"resnet", NULL},
    .dialects = dialects,
    .classifier = "head.weight",
    .headless = true,
    .classes = 1000,
    .hf_classes = 2,
    .preprocess_of = preprocess_of,
    .resolve = resolve,
    .build = build,
};
