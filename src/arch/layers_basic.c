/* layers_basic.c - layers of networks that belong to no family: convolution, activation, norm, linear, sum, resizing,
 * tokens and maps, class token, table of positions, pooling, classifier. Keys have the names of PyTorch's arguments. */
#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/layer.h"

const char *const cvt_layer_activations[] = {
#define X(id, name, torch) name,
#include "kernels/activations.def"
#undef X
    NULL,
};

/* In the order of cvt_interpolation. */
static const char *const interpolations[] = {"none",    "bilinear_corners",  "bilinear",
                                             "bicubic", "bicubic_antialias", NULL};

/* The keys of all layers here; each layer has some of them. A field without a default begins as 0. */
typedef struct config {
    int channels; /* of the output */
    int kernel_size[2], stride[2], padding[2], pad_type;
    int activation, interpolation, pool, classes;
    int size[2]; /* of the map, or of a table of positions */
    bool depthwise, bias, batch_norm;
    double eps;
} config;
#define KEYS_OF config

/* ---- conv: weights conv.*, bn.* ---- */

enum { PAD_SYMMETRIC, PAD_SAME }; /* pad_type */
static const char *const pad_types[] = {"", "same", NULL};

static const cvt_key conv_keys[] = {
    INT("out_channels", channels, 1, 65536, NULL, "needed unless it is depth-wise"),
    SIZE("kernel_size", kernel_size, 1, 256, "3", NULL),
    SIZE("stride", stride, 1, 256, "1", NULL),
    SIZE("padding", padding, 0, 256, "0", "zeros on all sides"),
    CHOICE("pad_type", pad_type, pad_types, "''", "same: as TensorFlow and Flax pad, whatever padding says"),
    BOOL("depthwise", depthwise, "false", "each channel has a kernel of its own"),
    BOOL("bias", bias, "true", NULL),
    BOOL("batch_norm", batch_norm, "false", "it follows, with running statistics"),
    NUM("eps", eps, 1e-12, 1, "1e-5", "of the batch norm"),
    CHOICE("activation", activation, cvt_layer_activations, "'none'", "what follows"),
    {0},
};

static cvt_value conv_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const config *c = p;
    cvt_value map = cvtb_as_map(b, in[0]);
    cvt_shape s = cvtb_shape(b, map);
    char text[48];
    if (c->depthwise && c->channels && c->channels != s.d[0])
        cvtb_fail(b, "a depth-wise convolution of %s cannot give \"out_channels\" = %d", cvt_shape_text(s, text),
                  c->channels);
    if (!c->depthwise && !c->channels) cvtb_fail(b, "\"out_channels\" is missing");
    if (cvtb_failed(b)) return CVT_NO_VALUE;
    cvt_conv conv = {.out = c->channels,
                     .kh = c->kernel_size[0],
                     .kw = c->kernel_size[1],
                     .stride_h = c->stride[0],
                     .stride_w = c->stride[1],
                     .pad_top = c->padding[0],
                     .pad_bottom = c->padding[0],
                     .pad_left = c->padding[1],
                     .pad_right = c->padding[1],
                     .bias = c->bias};
    if (c->pad_type == PAD_SAME) conv = cvt_conv_same(conv, s.d[1], s.d[2]);
    map = c->depthwise ? cvtb_dwconv2d(b, map, "conv", &conv) : cvtb_conv2d(b, map, "conv", &conv);
    if (c->batch_norm) map = cvtb_batch_norm(b, map, "bn", (float)c->eps);
    return c->activation == CVT_ACT_NONE ? map : cvtb_activation(b, map, (cvt_act)c->activation);
}

const cvt_layer cvt_layer_conv = CVT_LAYER("conv", 1, "convolution, batch norm if wanted, activation if wanted",
                                           .build = conv_build, CVT_LAYER_KEYS(config, conv_keys));

/* ---- activation ---- */

static const cvt_key activation_keys[] = {
    CHOICE("activation", activation, cvt_layer_activations, "'gelu_erf'", NULL),
    {0},
};

static cvt_value activation_build(cvt_builder *b, const void *p, const cvt_value *in) {
    cvt_value y = cvtb_activation(b, in[0], (cvt_act)((const config *)p)->activation);
    return cvtb_like(b, y, in[0]);
}

const cvt_layer cvt_layer_activation = CVT_LAYER("activation", 1, "element by element", .build = activation_build,
                                                 CVT_LAYER_KEYS(config, activation_keys));

/* ---- norm: weight, bias ---- */

static const cvt_key norm_keys[] = {
    NUM("eps", eps, 1e-12, 1, "1e-5", NULL),
    BOOL("bias", bias, "true", NULL),
    {0},
};

static cvt_value norm_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const config *c = p;
    float eps = (float)c->eps;
    cvt_value y = c->bias ? cvtb_layer_norm(b, in[0], NULL, eps) : cvtb_layer_norm_scale(b, in[0], NULL, eps);
    return cvtb_like(b, y, in[0]);
}

const cvt_layer cvt_layer_norm = CVT_LAYER("norm", 1, "layer norm over the channels of each token or pixel",
                                           .build = norm_build, CVT_LAYER_KEYS(config, norm_keys));

/* ---- linear: weight, bias ---- */

static const cvt_key linear_keys[] = {
    INT("out_features", channels, 1, 65536, NULL, NULL, .required = true),
    BOOL("bias", bias, "true", NULL),
    {0},
};

static cvt_value linear_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const config *c = p;
    cvt_grid grid;
    bool features = cvtb_shape(b, in[0]).layout == CVT_FEATURES;
    cvt_value x = features ? in[0] : cvtb_as_tokens(b, in[0], &grid);
    return cvtb_like(b, cvtb_linear(b, x, NULL, c->channels, c->bias), in[0]);
}

const cvt_layer cvt_layer_linear =
    CVT_LAYER("linear", 1, "linear over the channels of each token or pixel, or over features", .build = linear_build,
              CVT_LAYER_KEYS(config, linear_keys));

/* ---- add ---- */

static cvt_value add_build(cvt_builder *b, const void *p, const cvt_value *in) {
    (void)p;
    char one[48], two[48];
    cvt_shape s = cvtb_shape(b, in[0]), t = cvtb_shape(b, in[1]);
    cvt_value x = in[0], y = in[1];
    if (s.layout == CVT_MAP && t.layout == CVT_TOKENS) y = cvtb_as_map(b, y);
    if (s.layout == CVT_TOKENS && t.layout == CVT_MAP) y = cvtb_tokens(b, y);
    if (!cvt_shape_equal(s, cvtb_shape(b, y)))
        cvtb_fail(b, "adds %s and %s; name values of one shape in \"inputs\"", cvt_shape_text(s, one),
                  cvt_shape_text(t, two));
    return cvtb_like(b, cvtb_add(b, x, y), in[0]);
}

const cvt_layer cvt_layer_add = CVT_LAYER("add", 2, "sum of two values", .build = add_build);

/* ---- resize ---- */

static const cvt_key resize_keys[] = {
    SIZE("size", size, 1, 65535, NULL, "of the output", .required = true),
    CHOICE("interpolation", interpolation, interpolations + 1, "'bilinear_corners'", NULL),
    {0},
};

static cvt_value resize_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const config *c = p;
    cvt_interpolation how = (cvt_interpolation)(c->interpolation + 1);
    return cvtb_resize(b, cvtb_as_map(b, in[0]), c->size[0], c->size[1], how);
}

const cvt_layer cvt_layer_resize =
    CVT_LAYER("resize", 1, "a map at another size", .build = resize_build, CVT_LAYER_KEYS(config, resize_keys));

/* ---- tokens, map ---- */

static cvt_value tokens_build(cvt_builder *b, const void *p, const cvt_value *in) {
    (void)p;
    cvt_grid grid;
    return cvtb_as_tokens(b, in[0], &grid);
}

const cvt_layer cvt_layer_tokens = CVT_LAYER("tokens", 1, "a map as tokens, row by row", .build = tokens_build);

static cvt_value map_build(cvt_builder *b, const void *p, const cvt_value *in) {
    (void)p;
    return cvtb_as_map(b, in[0]);
}

const cvt_layer cvt_layer_map =
    CVT_LAYER("map", 1, "tokens back on their grid, without class tokens", .build = map_build);

/* ---- class_token: cls_token [1, 1, C] ---- */

static cvt_value class_token_build(cvt_builder *b, const void *p, const cvt_value *in) {
    (void)p;
    cvt_grid grid;
    cvt_value x = cvtb_as_tokens(b, in[0], &grid);
    x = cvtb_class_token(b, x);
    grid.prefix++;
    return cvtb_place(b, x, grid);
}

const cvt_layer cvt_layer_class_token =
    CVT_LAYER("class_token", 1, "a stored token above the others", .build = class_token_build);

/* ---- position: pos_embed [1, T, C] ---- */

static const cvt_key position_keys[] = {
    SIZE("grid", size, 1, 65535, NULL, "of the table; default: that of the tokens"),
    CHOICE("interpolation", interpolation, interpolations, "'bicubic'", "for tokens on another grid"),
    {0},
};

static cvt_value position_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const config *c = p;
    cvt_grid grid;
    cvt_value x = cvtb_as_tokens(b, in[0], &grid);
    cvtb_check_placed(b, x, grid);
    if (cvtb_failed(b)) return CVT_NO_VALUE;
    cvt_position at = {.prefix = grid.prefix,
                       .h = c->size[0] ? c->size[0] : grid.h,
                       .w = c->size[1] ? c->size[1] : grid.w,
                       .to_h = grid.h,
                       .to_w = grid.w,
                       .resize = (cvt_interpolation)c->interpolation};
    bool same = at.h == at.to_h && at.w == at.to_w;
    if (at.resize == CVT_INTERPOLATE_NONE && !same)
        cvtb_fail(b, "\"grid\" is [%d, %d] and tokens lie on [%d, %d]; \"interpolation\" is \"none\"", at.h, at.w,
                  at.to_h, at.to_w);
    if ((int64_t)at.h * at.w > INT32_MAX / 2) cvtb_fail(b, "\"grid\" is too large: [%d, %d]", at.h, at.w);
    if (cvtb_failed(b)) return CVT_NO_VALUE;
    return cvtb_like(b, cvtb_position(b, x, "pos_embed", &at), in[0]);
}

const cvt_layer cvt_layer_position = CVT_LAYER("position", 1, "a stored table of positions, added",
                                               .build = position_build, CVT_LAYER_KEYS(config, position_keys));

/* ---- pool ---- */

enum { MEAN, CLS };
static const char *const pools[] = {"mean", "cls", NULL};

static const cvt_key pool_keys[] = {
    CHOICE("pool", pool, pools, "'mean'", NULL),
    {0},
};

static cvt_value pool_build(cvt_builder *b, const void *p, const cvt_value *in) {
    cvt_grid grid;
    cvt_value x = cvtb_as_tokens(b, in[0], &grid);
    if (((const config *)p)->pool == CLS) {
        char text[48];
        if (!cvtb_failed(b) && grid.prefix < 1)
            cvtb_fail(b, "\"pool\" is \"cls\" and %s has no class token", cvt_shape_text(cvtb_shape(b, in[0]), text));
        return cvtb_flatten(b, cvtb_slice(b, x, 0, 1));
    }
    return cvtb_flatten(b, cvtb_mean(b, x));
}

const cvt_layer cvt_layer_pool = CVT_LAYER("pool", 1, "features: the mean of tokens or pixels, or the class token",
                                           .build = pool_build, CVT_LAYER_KEYS(config, pool_keys));

/* ---- head: weight, bias ---- */

static const cvt_key head_keys[] = {
    INT("num_classes", classes, 1, 1000000, NULL, "default: as in the weights"),
    BOOL("bias", bias, "true", NULL),
    {0},
};

static cvt_value head_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const config *c = p;
    char text[48];
    cvt_shape s = cvtb_shape(b, in[0]);
    if (s.layout != CVT_FEATURES)
        cvtb_fail(b, "reads features; \"inputs\" names %s: put a layer of type \"pool\" between",
                  cvt_shape_text(s, text));
    if (!c->classes) cvtb_fail(b, "\"num_classes\" is missing");
    return cvtb_linear(b, cvtb_embedding(b, in[0]), NULL, c->classes, c->bias);
}

static int *head_classes(void *p) { return &((config *)p)->classes; }

const cvt_layer cvt_layer_head = CVT_LAYER("head", 1, "scores of classes from features", .build = head_build,
                                           CVT_LAYER_KEYS(config, head_keys), .classes = head_classes);
