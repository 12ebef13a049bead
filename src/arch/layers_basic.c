/* layers_basic.c - layers of networks that belong to no family: convolution, activation, norm, linear, sum, resizing,
 * tokens and maps, class token, table of positions, pooling, classifier. Keys are called as PyTorch's modules do. */
#include "arch/layer.h"
#include "ops/ops.h"

const char *const cvt_layer_activations[] = {
#define X(id, name, torch) name,
#include "kernels/activations.def"
#undef X
    NULL,
};

/* In the order of cvt_interpolation. */
static const char *const interpolations[] = {"none",    "bilinear_corners",  "bilinear",
                                             "bicubic", "bicubic_antialias", NULL};

/* A key that has no default. */
static bool is_missing(cvt_builder *b, const char *key, int value) {
    if (value < 1) cvtb_fail(b, "\"%s\" is missing", key);
    return value < 1;
}

/* ---- conv: weights conv.*, bn.* ---- */

enum { SYMMETRIC, SAME }; /* pad_type */
static const char *const pad_types[] = {"", "same", NULL};

typedef struct conv_config {
    int out_channels, kernel_size[2], stride[2], padding[2], pad_type, activation;
    bool depthwise, bias, batch_norm;
    double eps;
} conv_config;

#define AT(field) offsetof(conv_config, field)
static const cvt_key conv_keys[] = {
    {.name = "out_channels", .type = CVT_KEY_INT, .offset = AT(out_channels), .min = 1, .max = 65536},
    {.name = "kernel_size", .type = CVT_KEY_SIZE, .offset = AT(kernel_size), .min = 1, .max = 256},
    {.name = "stride", .type = CVT_KEY_SIZE, .offset = AT(stride), .min = 1, .max = 256},
    {.name = "padding", .type = CVT_KEY_SIZE, .offset = AT(padding), .min = 0, .max = 256},
    {.name = "pad_type", .type = CVT_KEY_CHOICE, .offset = AT(pad_type), .choices = pad_types},
    {.name = "depthwise", .type = CVT_KEY_BOOL, .offset = AT(depthwise)},
    {.name = "bias", .type = CVT_KEY_BOOL, .offset = AT(bias)},
    {.name = "batch_norm", .type = CVT_KEY_BOOL, .offset = AT(batch_norm)},
    {.name = "eps", .type = CVT_KEY_NUMBER, .offset = AT(eps), .min = 1e-12, .max = 1},
    {.name = "activation", .type = CVT_KEY_CHOICE, .offset = AT(activation), .choices = cvt_layer_activations},
    {0},
};
#undef AT

static void conv_defaults(void *p) {
    *(conv_config *)p = (conv_config){.kernel_size = {3, 3}, .stride = {1, 1}, .bias = true, .eps = 1e-5};
}

static cvt_value conv_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const conv_config *c = p;
    cvt_value map = cvtb_as_map(b, in[0]);
    cvt_shape s = cvtb_shape(b, map);
    char text[48];
    if (c->depthwise && c->out_channels && c->out_channels != s.d[0])
        cvtb_fail(b, "a depth-wise convolution of %s cannot give \"out_channels\" = %d", cvt_shape_text(s, text),
                  c->out_channels);
    if (!c->depthwise && is_missing(b, "out_channels", c->out_channels)) return CVT_NO_VALUE;
    cvt_conv conv = {.out = c->out_channels,
                     .kh = c->kernel_size[0],
                     .kw = c->kernel_size[1],
                     .stride_h = c->stride[0],
                     .stride_w = c->stride[1],
                     .pad_top = c->padding[0],
                     .pad_bottom = c->padding[0],
                     .pad_left = c->padding[1],
                     .pad_right = c->padding[1],
                     .bias = c->bias};
    if (c->pad_type == SAME) conv = cvt_conv_same(conv, s.d[1], s.d[2]);
    map = c->depthwise ? cvtb_dwconv2d(b, map, "conv", &conv) : cvtb_conv2d(b, map, "conv", &conv);
    if (c->batch_norm) map = cvtb_batch_norm(b, map, "bn", (float)c->eps);
    return c->activation == CVT_ACT_NONE ? map : cvtb_activation(b, map, (cvt_act)c->activation);
}

const cvt_layer cvt_layer_conv = {.type = "conv",
                                  .about = "convolution, batch norm if wanted, activation if wanted",
                                  .config_size = sizeof(conv_config),
                                  .defaults = conv_defaults,
                                  .keys = conv_keys,
                                  .inputs = 1,
                                  .build = conv_build};

/* ---- activation ---- */

typedef struct activation_config {
    int activation;
} activation_config;

static const cvt_key activation_keys[] = {
    {.name = "activation",
     .type = CVT_KEY_CHOICE,
     .offset = offsetof(activation_config, activation),
     .choices = cvt_layer_activations},
    {0},
};

static void activation_defaults(void *p) { ((activation_config *)p)->activation = CVT_ACT_GELU_ERF; }

static cvt_value activation_build(cvt_builder *b, const void *p, const cvt_value *in) {
    cvt_value y = cvtb_activation(b, in[0], (cvt_act)((const activation_config *)p)->activation);
    return cvtb_like(b, y, in[0]);
}

const cvt_layer cvt_layer_activation = {.type = "activation",
                                        .about = "element by element",
                                        .config_size = sizeof(activation_config),
                                        .defaults = activation_defaults,
                                        .keys = activation_keys,
                                        .inputs = 1,
                                        .build = activation_build};

/* ---- norm: weight, bias ---- */

typedef struct norm_config {
    double eps;
    bool bias;
} norm_config;

static const cvt_key norm_keys[] = {
    {.name = "eps", .type = CVT_KEY_NUMBER, .offset = offsetof(norm_config, eps), .min = 1e-12, .max = 1},
    {.name = "bias", .type = CVT_KEY_BOOL, .offset = offsetof(norm_config, bias)},
    {0},
};

static void norm_defaults(void *p) { *(norm_config *)p = (norm_config){1e-5, true}; }

static cvt_value norm_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const norm_config *c = p;
    float eps = (float)c->eps;
    cvt_value y = c->bias ? cvtb_layer_norm(b, in[0], NULL, eps) : cvtb_layer_norm_scale(b, in[0], NULL, eps);
    return cvtb_like(b, y, in[0]);
}

const cvt_layer cvt_layer_norm = {.type = "norm",
                                  .about = "layer norm over the channels of each token or pixel",
                                  .config_size = sizeof(norm_config),
                                  .defaults = norm_defaults,
                                  .keys = norm_keys,
                                  .inputs = 1,
                                  .build = norm_build};

/* ---- linear: weight, bias ---- */

typedef struct linear_config {
    int out_features;
    bool bias;
} linear_config;

static const cvt_key linear_keys[] = {
    {.name = "out_features",
     .type = CVT_KEY_INT,
     .offset = offsetof(linear_config, out_features),
     .min = 1,
     .max = 65536},
    {.name = "bias", .type = CVT_KEY_BOOL, .offset = offsetof(linear_config, bias)},
    {0},
};

static void linear_defaults(void *p) { ((linear_config *)p)->bias = true; }

static cvt_value linear_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const linear_config *c = p;
    cvt_grid grid;
    if (is_missing(b, "out_features", c->out_features)) return CVT_NO_VALUE;
    bool features = cvtb_shape(b, in[0]).layout == CVT_FEATURES;
    cvt_value x = features ? in[0] : cvtb_as_tokens(b, in[0], &grid);
    return cvtb_like(b, cvtb_linear(b, x, NULL, c->out_features, c->bias), in[0]);
}

const cvt_layer cvt_layer_linear = {.type = "linear",
                                    .about = "linear over the channels of each token or pixel, or over features",
                                    .config_size = sizeof(linear_config),
                                    .defaults = linear_defaults,
                                    .keys = linear_keys,
                                    .inputs = 1,
                                    .build = linear_build};

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

const cvt_layer cvt_layer_add = {.type = "add", .about = "sum of two values", .inputs = 2, .build = add_build};

/* ---- resize ---- */

typedef struct resize_config {
    int size[2], interpolation;
} resize_config;

static const cvt_key resize_keys[] = {
    {.name = "size", .type = CVT_KEY_SIZE, .offset = offsetof(resize_config, size), .min = 1, .max = 65535},
    {.name = "interpolation",
     .type = CVT_KEY_CHOICE,
     .offset = offsetof(resize_config, interpolation),
     .choices = interpolations + 1},
    {0},
};

static cvt_value resize_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const resize_config *c = p;
    if (is_missing(b, "size", c->size[0])) return CVT_NO_VALUE;
    cvt_interpolation how = (cvt_interpolation)(c->interpolation + 1);
    return cvtb_resize(b, cvtb_as_map(b, in[0]), c->size[0], c->size[1], how);
}

const cvt_layer cvt_layer_resize = {.type = "resize",
                                    .about = "a map at another size",
                                    .config_size = sizeof(resize_config),
                                    .keys = resize_keys,
                                    .inputs = 1,
                                    .build = resize_build};

/* ---- tokens, map ---- */

static cvt_value tokens_build(cvt_builder *b, const void *p, const cvt_value *in) {
    (void)p;
    cvt_grid grid;
    return cvtb_as_tokens(b, in[0], &grid);
}

const cvt_layer cvt_layer_tokens = {
    .type = "tokens", .about = "a map as tokens, row by row", .inputs = 1, .build = tokens_build};

static cvt_value map_build(cvt_builder *b, const void *p, const cvt_value *in) {
    (void)p;
    return cvtb_as_map(b, in[0]);
}

const cvt_layer cvt_layer_map = {
    .type = "map", .about = "tokens back on their grid, without class tokens", .inputs = 1, .build = map_build};

/* ---- class_token: cls_token [1, 1, C] ---- */

static cvt_value class_token_build(cvt_builder *b, const void *p, const cvt_value *in) {
    (void)p;
    cvt_grid grid;
    cvt_value x = cvtb_as_tokens(b, in[0], &grid);
    x = cvtb_concat(b, cvtb_token(b, "cls_token", cvt_shape_cols(cvtb_shape(b, x))), x);
    grid.prefix++;
    return cvtb_place(b, x, grid);
}

const cvt_layer cvt_layer_class_token = {
    .type = "class_token", .about = "a stored token above the others", .inputs = 1, .build = class_token_build};

/* ---- position: pos_embed [1, T, C] ---- */

typedef struct position_config {
    int grid[2], interpolation;
} position_config;

static const cvt_key position_keys[] = {
    {.name = "grid", .type = CVT_KEY_SIZE, .offset = offsetof(position_config, grid), .min = 1, .max = 65535},
    {.name = "interpolation",
     .type = CVT_KEY_CHOICE,
     .offset = offsetof(position_config, interpolation),
     .choices = interpolations},
    {0},
};

static void position_defaults(void *p) { ((position_config *)p)->interpolation = CVT_INTERPOLATE_BICUBIC; }

static cvt_value position_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const position_config *c = p;
    cvt_grid grid;
    cvt_value x = cvtb_as_tokens(b, in[0], &grid);
    cvtb_check_placed(b, x, grid);
    if (cvtb_failed(b)) return CVT_NO_VALUE;
    cvt_position at = {.prefix = grid.prefix,
                       .h = c->grid[0] ? c->grid[0] : grid.h,
                       .w = c->grid[1] ? c->grid[1] : grid.w,
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

const cvt_layer cvt_layer_position = {.type = "position",
                                      .about = "a stored table of positions, added",
                                      .config_size = sizeof(position_config),
                                      .defaults = position_defaults,
                                      .keys = position_keys,
                                      .inputs = 1,
                                      .build = position_build};

/* ---- pool ---- */

enum { MEAN, CLS };
static const char *const pools[] = {"mean", "cls", NULL};

typedef struct pool_config {
    int pool;
} pool_config;

static const cvt_key pool_keys[] = {
    {.name = "pool", .type = CVT_KEY_CHOICE, .offset = offsetof(pool_config, pool), .choices = pools},
    {0},
};

static cvt_value pool_build(cvt_builder *b, const void *p, const cvt_value *in) {
    cvt_grid grid;
    cvt_value x = cvtb_as_tokens(b, in[0], &grid);
    if (((const pool_config *)p)->pool == CLS) {
        char text[48];
        if (!cvtb_failed(b) && grid.prefix < 1)
            cvtb_fail(b, "\"pool\" is \"cls\" and %s has no class token", cvt_shape_text(cvtb_shape(b, in[0]), text));
        return cvtb_flatten(b, cvtb_slice(b, x, 0, 1));
    }
    return cvtb_flatten(b, cvtb_mean(b, x));
}

const cvt_layer cvt_layer_pool = {.type = "pool",
                                  .about = "features: the mean of tokens or pixels, or the class token",
                                  .config_size = sizeof(pool_config),
                                  .keys = pool_keys,
                                  .inputs = 1,
                                  .build = pool_build};

/* ---- head: weight, bias ---- */

typedef struct head_config {
    int num_classes;
    bool bias;
} head_config;

static const cvt_key head_keys[] = {
    {.name = "num_classes",
     .type = CVT_KEY_INT,
     .offset = offsetof(head_config, num_classes),
     .min = 1,
     .max = 1000000},
    {.name = "bias", .type = CVT_KEY_BOOL, .offset = offsetof(head_config, bias)},
    {0},
};

static void head_defaults(void *p) { ((head_config *)p)->bias = true; }

static cvt_value head_build(cvt_builder *b, const void *p, const cvt_value *in) {
    const head_config *c = p;
    char text[48];
    cvt_shape s = cvtb_shape(b, in[0]);
    if (s.layout != CVT_FEATURES)
        cvtb_fail(b, "reads features; \"inputs\" names %s: put a layer of type \"pool\" between",
                  cvt_shape_text(s, text));
    if (is_missing(b, "num_classes", c->num_classes)) return CVT_NO_VALUE;
    return cvtb_linear(b, cvtb_embedding(b, in[0]), NULL, c->num_classes, c->bias);
}

static int *head_classes(void *p) { return &((head_config *)p)->num_classes; }

const cvt_layer cvt_layer_head = {.type = "head",
                                  .about = "scores of classes from features",
                                  .config_size = sizeof(head_config),
                                  .defaults = head_defaults,
                                  .keys = head_keys,
                                  .inputs = 1,
                                  .build = head_build,
                                  .classes = head_classes};
