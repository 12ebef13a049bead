/* layer_scale.c - LayerScale, y = x * gamma with a stored gamma for each channel ("Going deeper with image
 * transformers", Touvron et al. 2021). Behind a linear layer or a convolution it is folded into the weights when the
 * plan is made, and has no step then. */
#include "ops/fold.h"
#include "ops/lowering.h"
#include "ops/ops.h"
#include "ops/rows.h"

static const char *type(const void *attr) {
    (void)attr;
    return "LayerScale";
}

static void describe(cvt_describe *d) {
    int64_t c = cvt_shape_cols(d->shapes[0]);
    cvt_describe_param(d, "gamma", CVT_PARAMETER, 1, &c);
    cvt_describe_output(d, d->shapes[0]);
}

static cvt_fold fold(cvt_lowering *l, const cvt_node *node, const float *bias) {
    const float *gamma = cvt_lowering_param(l, node->params[0]);
    size_t c = l->graph->params[node->params[0]].count;
    float *shift = bias ? cvt_lowering_floats(l, c) : NULL;
    if (l->failed) return (cvt_fold){NULL, NULL};
    for (size_t i = 0; shift && i < c; i++) shift[i] = (float)((double)bias[i] * (double)gamma[i]);
    return (cvt_fold){gamma, shift};
}

typedef struct args {
    cvt_rows rows;
    int c;
    const float *gamma;
    cvt_ref in, out;
} args;

static void run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->rows, x, tile);
    size_t c = (size_t)a->c, first = (size_t)t.first * c;
    x->kernels->affine(cvt_at(x, a->out, t.image) + first, c, cvt_at(x, a->in, t.image) + first, c, t.count, a->c,
                       a->gamma, NULL, CVT_ACT_NONE);
}

static void lower(cvt_lowering *l, const cvt_plan_node *w) {
    cvt_shape s = l->graph->values[w->out].shape;
    args a = {cvt_rows_of(s), cvt_shape_cols(s), cvt_lowering_param(l, w->node->params[0]), l->refs[w->node->in[0]],
              l->refs[w->out]};
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_rows, run);
}

static const cvt_op op_layer_scale = {
    .name = "layer_scale", .type = type, .describe = describe, .lower = lower, .fold = fold, .in_place = true};

cvt_value cvtb_layer_scale(cvt_builder *b, cvt_value x, const char *name) {
    return cvt_graph_add(b, &op_layer_scale, name, NULL, &x, 1);
}
