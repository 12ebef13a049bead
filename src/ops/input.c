/* input.c - an input of the network: copies the caller's tensor into the form of every map, [H*W, C]. */
#include <string.h>

#include "ops/lowering.h"
#include "ops/ops.h"
#include "ops/rows.h"

typedef struct attr {
    int index, c, h, w;
} attr;

static void describe(cvt_describe *d) {
    const attr *a = d->attr;
    cvt_describe_output(d, cvt_shape_map(a->c, a->h, a->w));
}

typedef struct args {
    cvt_rows pixels;
    int index, c;
    cvt_ref out;
} args;

enum { PIXELS = 4096, LEAST_PIXELS = 512 }; /* pixels of a tile */

static void run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    const cvt_rows_tile t = cvt_rows_at(a->pixels, x, tile);
    const int first = t.first, end = t.first + t.count, image = t.image;
    size_t c = (size_t)a->c, pixels = (size_t)a->pixels.rows;
    const float *from = x->inputs[a->index] + (size_t)(x->first + image) * c * pixels;
    float *to = cvt_at(x, a->out, image);
    if (x->interleaved) {
        memcpy(to + (size_t)first * c, from + (size_t)first * c, (size_t)(end - first) * c * sizeof *to);
        return;
    }
    for (size_t i = (size_t)first; i < (size_t)end; i++)
        for (size_t j = 0; j < c; j++) to[i * c + j] = from[j * pixels + i];
}

static void lower(cvt_lowering *l, const cvt_plan_node *w) {
    const attr *a = w->node->attr;
    args s = {{a->h * a->w, PIXELS, LEAST_PIXELS}, a->index, a->c, l->refs[w->out]};
    cvt_lowering_step(l, w, &s, sizeof s, cvt_cut_by_rows, run);
}

const cvt_op cvt_op_input = {.name = "input", .attr_size = sizeof(attr), .describe = describe, .lower = lower};

cvt_value cvtb_input(cvt_builder *b, int c, int h, int w) {
    attr a = {cvt_builder_inputs(b), c, h, w};
    cvt_value v = cvt_graph_add(b, &cvt_op_input, NULL, &a, NULL, 0);
    cvt_builder_add_input(b, v);
    return v;
}
