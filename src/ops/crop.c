/* crop.c - cuts a window out of a map. */
#include <string.h>

#include "ops/lowering.h"
#include "ops/ops.h"

typedef struct attr {
    int top, left, h, w;
} attr;

static void describe(cvt_describe *d) {
    const attr *a = d->attr;
    cvt_shape s = d->shapes[0];
    bool inside = a->top >= 0 && a->left >= 0 && a->h <= s.d[1] - a->top && a->w <= s.d[2] - a->left;
    if (!inside)
        cvtb_fail(d->builder, "a window of %d x %d at (%d, %d) is not within a map of %d x %d", a->h, a->w, a->top,
                  a->left, s.d[1], s.d[2]);
    cvt_describe_output(d, cvt_shape_map(s.d[0], a->h, a->w));
}

typedef struct args {
    attr window;
    size_t c, w; /* channels and width of the whole map */
    cvt_ref in, out;
} args;

static cvt_cut cut(const void *p, int n, int threads) {
    (void)threads;
    return (cvt_cut){.tiles = n * ((const args *)p)->window.h};
}

static void run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    int image = tile / a->window.h, y = tile % a->window.h;
    size_t row = (size_t)a->window.w * a->c, from = (size_t)(a->window.top + y) * a->w + (size_t)a->window.left;
    memcpy(cvt_at(x, a->out, image) + (size_t)y * row, cvt_at(x, a->in, image) + from * a->c, row * sizeof(float));
}

static void lower(cvt_lowering *l, const cvt_plan_node *w) {
    cvt_shape s = l->graph->values[w->node->in[0]].shape;
    args a = {.window = *(const attr *)w->node->attr,
              .c = (size_t)s.d[0],
              .w = (size_t)s.d[2],
              .in = l->refs[w->node->in[0]],
              .out = l->refs[w->out]};
    cvt_lowering_step(l, w, &a, sizeof a, cut, run);
}

static const cvt_op op_crop = {.name = "crop", .attr_size = sizeof(attr), .describe = describe, .lower = lower};

cvt_value cvtb_crop(cvt_builder *b, cvt_value map, int top, int left, int h, int w) {
    cvt_shape s = cvtb_shape(b, map);
    if (s.d[1] == h && s.d[2] == w) return map;
    attr a = {top, left, h, w};
    return cvt_graph_add(b, &op_crop, NULL, &a, &map, 1);
}
