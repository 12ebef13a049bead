/* pad.c - puts rows of zeros in front of tokens. */
#include <string.h>

#include "ops/lowering.h"
#include "ops/ops.h"

typedef struct attr {
    int rows;
} attr;

static void describe(cvt_describe *d) {
    const attr *a = d->attr;
    cvt_shape s = d->shapes[0];
    int rows;
    if (a->rows < 0 || __builtin_add_overflow(s.d[0], a->rows, &rows)) {
        cvtb_fail(d->builder, "%d tokens cannot be padded by %d", s.d[0], a->rows);
        return;
    }
    cvt_describe_output(d, cvt_shape_tokens(rows, s.d[1]));
}

/* The input is written behind the zeros directly, where the plan can place it so. */
static size_t part(const cvt_node *node, const cvt_graph *graph, int i) {
    (void)i;
    return (size_t)((const attr *)node->attr)->rows * (size_t)cvt_shape_cols(graph->values[node->in[0]].shape);
}

typedef struct args {
    size_t zeros, count; /* floats */
    bool copy;
    cvt_ref in, out;
} args;

static void run(const void *p, const cvt_context *x, int image) {
    const args *a = p;
    float *out = cvt_at(x, a->out, image);
    memset(out, 0, a->zeros * sizeof *out);
    if (a->copy) memcpy(out + a->zeros, cvt_at(x, a->in, image), a->count * sizeof *out);
}

static void lower(cvt_lowering *l, const cvt_plan_node *w) {
    cvt_value in = w->node->in[0];
    args a = {.zeros = part(w->node, l->graph, 0),
              .count = cvt_shape_count(l->graph->values[in].shape),
              .in = l->refs[in],
              .out = l->refs[w->out]};
    a.copy = a.in.buffer != a.out.buffer || a.in.start != a.out.start + a.zeros;
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_images, run);
}

static const cvt_op op_pad = {
    .name = "pad", .attr_size = sizeof(attr), .describe = describe, .part = part, .lower = lower};

cvt_value cvtb_pad_front(cvt_builder *b, cvt_value tokens, int rows) {
    attr a = {rows};
    return rows ? cvt_graph_add(b, &op_pad, NULL, &a, &tokens, 1) : tokens;
}
