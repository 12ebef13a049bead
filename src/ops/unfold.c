/* unfold.c - makes a token of each window of a map. */
#include "base/num.h"
#include "kernels/window.h"
#include "ops/lowering.h"
#include "ops/ops.h"
#include "ops/rows.h"

static const char *type(const void *attr) {
    (void)attr;
    return "Rearrange";
}

static void describe(cvt_describe *d) {
    const cvt_unfold *a = d->attr;
    cvt_shape s = d->shapes[0];
    int h = s.d[1] + 2 * a->padding - a->kernel_h, w = s.d[2] + 2 * a->padding - a->kernel_w;
    int64_t columns = (int64_t)s.d[0] * a->kernel_h * a->kernel_w;
    int64_t rows = ((int64_t)h / a->stride_h + 1) * (w / a->stride_w + 1);
    if (s.layout != CVT_MAP || h < 0 || w < 0 || columns > INT32_MAX || rows > INT32_MAX) {
        char text[48];
        cvtb_fail(d->builder, "windows of %d x %d do not fit the padded map %s", a->kernel_h, a->kernel_w,
                  cvt_shape_text(s, text));
        return;
    }
    cvt_describe_output(d, cvt_shape_tokens((int)rows, (int)columns));
}

typedef struct args {
    cvt_rows windows;
    cvt_window_args window;
    bool channels_slowest;
    cvt_ref in, out;
} args;

/* Reorders [positions][c] into [c][positions]. */
static void transpose(float *to, const float *from, size_t positions, size_t c) {
    for (size_t t = 0; t < positions; t++)
        for (size_t j = 0; j < c; j++) to[j * positions + t] = *from++;
}

static void run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->windows, x, tile);
    size_t positions = (size_t)a->window.kh * (size_t)a->window.kw, c = (size_t)a->window.c;
    float *out = cvt_at(x, a->out, t.image) + (size_t)t.first * positions * c;
    const float *in = cvt_at(x, a->in, t.image);
    if (!a->channels_slowest) {
        cvt_im2col(out, in, &a->window, t.first, t.count);
        return;
    }
    cvt_im2col(x->scratch, in, &a->window, t.first, t.count);
    for (size_t i = 0; i < (size_t)t.count; i++)
        transpose(out + i * positions * c, x->scratch + i * positions * c, positions, c);
}

static void lower(cvt_lowering *l, const cvt_plan_node *w) {
    const cvt_unfold *u = w->node->attr;
    cvt_shape in = l->graph->values[w->node->in[0]].shape, out = l->graph->values[w->out].shape;
    int oh = (in.d[1] + 2 * u->padding - u->kernel_h) / u->stride_h + 1;
    int ow = (in.d[2] + 2 * u->padding - u->kernel_w) / u->stride_w + 1;
    args a = {
        .windows = cvt_rows_of(out),
        .window = {in.d[0], in.d[1], in.d[2], oh, ow, u->kernel_h, u->kernel_w, u->stride_h, u->stride_w, u->padding,
                   u->padding},
        .channels_slowest = u->channels_slowest,
        .in = l->refs[w->node->in[0]],
        .out = l->refs[w->out],
    };
    if (u->channels_slowest) cvt_lowering_scratch(l, (size_t)a.windows.block * (size_t)cvt_shape_cols(out));
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_rows, run);
}

static const cvt_op op_unfold = {
    .name = "unfold", .attr_size = sizeof(cvt_unfold), .type = type, .describe = describe, .lower = lower};

cvt_value cvtb_unfold(cvt_builder *b, cvt_value map, const cvt_unfold *unfold) {
    return cvt_graph_add(b, &op_unfold, NULL, unfold, &map, 1);
}

cvt_value cvtb_patches(cvt_builder *b, cvt_value map, int h, int w) {
    cvt_unfold u = {.kernel_h = h, .kernel_w = w, .stride_h = h, .stride_w = w};
    return cvtb_unfold(b, map, &u);
}
