/* dwconv2d.c - depth-wise convolution: each channel has a kernel of its own. */
#include <stdlib.h>

#include "base/num.h"
#include "ops/conv.h"
#include "ops/fold.h"
#include "ops/lowering.h"
#include "ops/ops.h"
#include "ops/rows.h"

static const char *type(const void *a) {
    (void)a;
    return "Conv2d";
}

static void describe(cvt_describe *d) {
    const cvt_conv *a = d->attr;
    int64_t c = d->shapes[0].d[0], weight[] = {c, 1, a->kh, a->kw};
    cvt_describe_param(d, "weight", CVT_PARAMETER, 4, weight);
    if (a->bias) cvt_describe_param(d, "bias", CVT_PARAMETER, 1, &c);
    cvt_shape s = cvt_conv_shape(d, a, (int)c);
    cvt_describe_output(d, s);
    if (!cvtb_failed(d->builder)) d->macs = (int64_t)cvt_shape_rows(s) * c * a->kh * a->kw;
}

typedef struct args {
    cvt_rows rows; /* rows of the output map */
    cvt_dwconv conv;
    cvt_ref in, out;
} args;

static void run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->rows, x, tile);
    cvt_dwconv conv = a->conv;
    conv.x = cvt_at(x, a->in, t.image);
    conv.y = cvt_at(x, a->out, t.image);
    conv.row0 = t.first;
    conv.row1 = t.first + t.count;
    x->kernels->dwconv(&conv);
}

void cvt_lower_dwconv(cvt_lowering *l, const cvt_plan_node *w, const cvt_dwconv *conv, cvt_rows rows) {
    args a = {.rows = rows, .conv = *conv, .in = l->refs[w->node->in[0]], .out = l->refs[w->out]};
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_rows, run);
}

enum { TILE_FLOATS = 1 << 15 }; /* floats of output in a tile */

static void lower(cvt_lowering *l, const cvt_plan_node *w) {
    const cvt_conv *c = w->node->attr;
    cvt_shape in = l->graph->values[w->node->in[0]].shape, out = l->graph->values[w->out].shape;
    const float *bias = c->bias ? cvt_lowering_param(l, w->node->params[1]) : NULL;
    cvt_fold fold = cvt_fold_affine(l, w->affine, bias);
    size_t channels = (size_t)in.d[0], positions = (size_t)c->kh * (size_t)c->kw;
    const float *stored = cvt_lowering_param(l, w->node->params[0]);
    float *weight = cvt_lowering_floats(l, positions * channels);
    if (l->failed) return;
    for (size_t t = 0; t < positions; t++) /* [c][positions] -> [positions][c] */
        for (size_t j = 0; j < channels; j++)
            weight[t * channels + j] = stored[j * positions + t] * (fold.scale ? fold.scale[j] : 1);
    int tiles = cvt_div_up(out.d[1] * out.d[2] * out.d[0], TILE_FLOATS);
    tiles += tiles % 2; /* an even number suits two threads */
    int block = cvt_div_up(out.d[1], tiles);
    cvt_dwconv conv = {.c = in.d[0],
                       .h = in.d[1],
                       .w = in.d[2],
                       .oh = out.d[1],
                       .ow = out.d[2],
                       .kh = c->kh,
                       .kw = c->kw,
                       .stride_h = c->stride_h,
                       .stride_w = c->stride_w,
                       .pad_top = c->pad_top,
                       .pad_left = c->pad_left,
                       .ldx = channels,
                       .weight = weight,
                       .bias = fold.shift,
                       .act = w->act,
                       .ldy = channels};
    cvt_lower_dwconv(l, w, &conv, (cvt_rows){out.d[1], block, 1});
}

static void window(const cvt_node *node, const cvt_graph *graph, int axis, int cell, int *first, int *last) {
    (void)graph;
    cvt_conv_window(node->attr, axis, cell, first, last);
}

static const cvt_op op_dwconv2d = {.name = "dwconv2d",
                                   .attr_size = sizeof(cvt_conv),
                                   .type = type,
                                   .describe = describe,
                                   .window = window,
                                   .lower = lower,
                                   .fuses = CVT_FUSES_AFFINE | CVT_FUSES_ACT};

cvt_value cvtb_dwconv2d(cvt_builder *b, cvt_value map, const char *name, const cvt_conv *conv) {
    return cvt_graph_add(b, &op_dwconv2d, name, conv, &map, 1);
}
