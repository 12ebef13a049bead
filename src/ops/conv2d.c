/* conv2d.c - dense convolution. The pixels under the kernel are gathered into rows, and the convolution is the product
 * of these rows with the weights; 1x1 with stride 1 is a product without gathering. The input is one map, or many small
 * maps that follow each other as tokens, of which each has its own borders. */
#include "base/num.h"
#include "kernels/window.h"
#include "ops/conv.h"
#include "ops/lowering.h"
#include "ops/ops.h"
#include "ops/product.h"

cvt_conv cvt_conv_square(int out, int kernel, int stride, int padding, bool bias) {
    return (cvt_conv){out, kernel, kernel, stride, stride, padding, padding, padding, padding, bias};
}

static void same_axis(int n, int kernel, int stride, int *before, int *after) {
    int out = (n + stride - 1) / stride, total = cvt_max_int((out - 1) * stride + kernel - n, 0);
    *before = total / 2;
    *after = total - *before;
}

cvt_conv cvt_conv_same(cvt_conv conv, int h, int w) {
    same_axis(h, conv.kh, conv.stride_h, &conv.pad_top, &conv.pad_bottom);
    same_axis(w, conv.kw, conv.stride_w, &conv.pad_left, &conv.pad_right);
    return conv;
}

cvt_shape cvt_conv_shape(cvt_describe *d, const cvt_conv *a, int out) {
    cvt_shape s = d->shapes[0];
    int h = s.d[1] + a->pad_top + a->pad_bottom - a->kh, w = s.d[2] + a->pad_left + a->pad_right - a->kw;
    if (s.layout != CVT_MAP || h < 0 || w < 0) {
        char text[48];
        cvtb_fail(d->builder, "a kernel of %d x %d does not fit the padded map %s", a->kh, a->kw,
                  cvt_shape_text(s, text));
        return cvt_shape_map(1, 1, 1);
    }
    return cvt_shape_map(out, h / a->stride_h + 1, w / a->stride_w + 1);
}

void cvt_conv_window(const cvt_conv *conv, int axis, int cell, int *first, int *last) {
    *first = axis ? cell * conv->stride_w - conv->pad_left : cell * conv->stride_h - conv->pad_top;
    *last = *first + (axis ? conv->kw : conv->kh) - 1;
}

typedef struct attr {
    cvt_conv conv;
    int h, w; /* the size of each map, where tokens hold several; 0: the input is one map */
} attr;

static const char *type(const void *a) {
    (void)a;
    return "Conv2d";
}

static void describe(cvt_describe *d) {
    const attr *t = d->attr;
    const cvt_conv *a = &t->conv;
    cvt_shape given = d->shapes[0], map = given;
    if (t->h) {
        map = cvt_shape_map(cvt_shape_cols(given), t->h, t->w);
        if (cvt_shape_rows(given) % (t->h * t->w))
            cvtb_fail(d->builder, "%d tokens do not make maps of %d x %d", cvt_shape_rows(given), t->h, t->w);
    }
    int64_t in = map.d[0], out = a->out, weight[] = {out, in, a->kh, a->kw};
    cvt_describe_param(d, "weight", CVT_PARAMETER, 4, weight);
    if (a->bias) cvt_describe_param(d, "bias", CVT_PARAMETER, 1, &out);
    const cvt_shape *const inputs = d->shapes;
    d->shapes = &map;
    cvt_shape s = cvt_conv_shape(d, a, a->out);
    d->shapes = inputs;
    if (t->h) s = cvt_shape_tokens(cvt_shape_rows(given) / (t->h * t->w) * cvt_shape_rows(s), a->out);
    cvt_describe_output(d, s);
    if (!cvtb_failed(d->builder)) d->macs = (int64_t)cvt_shape_rows(s) * in * out * a->kh * a->kw;
}

/* Is the convolution a product of the input's own rows? */
static bool is_plain(const cvt_conv *c) {
    bool unpadded = !c->pad_top && !c->pad_bottom && !c->pad_left && !c->pad_right;
    return c->kh == 1 && c->kw == 1 && c->stride_h == 1 && c->stride_w == 1 && unpadded;
}

static size_t workspace(const cvt_plan_node *w, const cvt_graph *graph, const cvt_kernels *kernels) {
    const attr *t = w->node->attr;
    return cvt_product_workspace(w, graph, kernels, !is_plain(&t->conv));
}

static void lower(cvt_lowering *l, const cvt_plan_node *w) {
    const attr *t = w->node->attr;
    const cvt_conv *c = &t->conv;
    cvt_shape in = l->graph->values[w->node->in[0]].shape;
    if (t->h) in = cvt_shape_map(cvt_shape_cols(in), t->h, t->w);
    int oh = (in.d[1] + c->pad_top + c->pad_bottom - c->kh) / c->stride_h + 1;
    int ow = (in.d[2] + c->pad_left + c->pad_right - c->kw) / c->stride_w + 1;
    const float *bias = c->bias ? cvt_lowering_param(l, w->node->params[1]) : NULL;
    int k = in.d[0] * c->kh * c->kw, weight = w->node->params[0];
    if (is_plain(c)) {
        cvt_lower_product(l, w, weight, k, c->out, bias, NULL);
        return;
    }
    cvt_window_args *window = cvt_lowering_alloc(l, sizeof *window);
    if (!window) return;
    *window = (cvt_window_args){in.d[0], in.d[1],     in.d[2],     oh,         ow,         c->kh,
                                c->kw,   c->stride_h, c->stride_w, c->pad_top, c->pad_left};
    cvt_lower_product(l, w, weight, k, c->out, bias, window);
}

static void window(const cvt_node *node, const cvt_graph *graph, int axis, int cell, int *first, int *last) {
    (void)graph;
    cvt_conv_window(&((const attr *)node->attr)->conv, axis, cell, first, last);
}

static const cvt_op op_conv2d = {.name = "conv2d",
                                 .product = true,
                                 .attr_size = sizeof(attr),
                                 .type = type,
                                 .describe = describe,
                                 .workspace = workspace,
                                 .window = window,
                                 .lower = lower,
                                 .fuses = CVT_FUSES_AFFINE | CVT_FUSES_ACT | CVT_FUSES_RESIDUAL};

cvt_value cvtb_conv2d(cvt_builder *b, cvt_value map, const char *name, const cvt_conv *conv) {
    attr a = {.conv = *conv};
    return cvt_graph_add(b, &op_conv2d, name, &a, &map, 1);
}

cvt_value cvtb_conv2d_maps(cvt_builder *b, cvt_value tokens, const char *name, const cvt_conv *conv, int h, int w) {
    attr a = {*conv, h, w};
    return cvt_graph_add(b, &op_conv2d, name, &a, &tokens, 1);
}
