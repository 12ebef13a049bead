/* norms.c - batch norm with running statistics, and layer norm. */
#include <math.h>

#include "base/num.h"
#include "ops/fold.h"
#include "ops/lowering.h"
#include "ops/ops.h"
#include "ops/rows.h"

typedef struct norm_attr {
    float eps;
    bool bias; /* a layer norm has a bias */
} norm_attr;

/* The arguments of both steps: rows of c numbers, and two vectors of c. */
typedef struct norm_args {
    cvt_rows rows;
    int c;
    float eps;
    const float *scale, *shift;
    cvt_act act;
    cvt_ref in, out;
    const cvt_product_kernels *readies; /* packs the rows; NULL: they stay floats */
} norm_args;

static norm_args make_args(const cvt_lowering *l, const cvt_plan_node *w, const float *scale, const float *shift) {
    cvt_shape s = l->graph->values[w->out].shape;
    float eps = ((const norm_attr *)w->node->attr)->eps;
    return (norm_args){cvt_rows_of(s),          cvt_shape_cols(s), eps,       scale, shift, w->act,
                       l->refs[w->node->in[0]], l->refs[w->out],   w->readies};
}

/* ---- batch norm: parameters weight, bias, running_mean, running_var, in this order, and an ignored counter ---- */

static const char *batch_type(const void *attr) {
    (void)attr;
    return "BatchNorm2d";
}

static void describe_batch(cvt_describe *d) {
    int64_t c = cvt_shape_cols(d->shapes[0]);
    cvt_describe_param(d, "weight", CVT_PARAMETER, 1, &c);
    cvt_describe_param(d, "bias", CVT_PARAMETER, 1, &c);
    cvt_describe_param(d, "running_mean", CVT_BUFFER, 1, &c);
    cvt_describe_param(d, "running_var", CVT_BUFFER, 1, &c);
    cvt_describe_param(d, "num_batches_tracked", CVT_IGNORED, 0, &c);
    cvt_describe_output(d, d->shapes[0]);
}

/* scale = weight / sqrt(running_var + eps), shift = (the bias before it - running_mean) * scale + bias, in double. */
static cvt_fold batch_fold(cvt_lowering *l, const cvt_node *norm, const float *bias) {
    const float *weight = cvt_lowering_param(l, norm->params[0]), *offset = cvt_lowering_param(l, norm->params[1]);
    const float *mean = cvt_lowering_param(l, norm->params[2]), *var = cvt_lowering_param(l, norm->params[3]);
    double eps = ((const norm_attr *)norm->attr)->eps;
    size_t c = l->graph->params[norm->params[0]].count;
    float *scale = cvt_lowering_floats(l, c), *shift = cvt_lowering_floats(l, c);
    if (l->failed) return (cvt_fold){NULL, NULL};
    for (size_t i = 0; i < c; i++) {
        double s = weight[i] / sqrt(var[i] + eps);
        scale[i] = (float)s;
        shift[i] = (float)(((bias ? (double)bias[i] : 0) - mean[i]) * s + offset[i]);
    }
    return (cvt_fold){scale, shift};
}

static void batch_run(const void *p, const cvt_context *x, int tile) {
    const norm_args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->rows, x, tile);
    size_t c = (size_t)a->c, first = (size_t)t.first * c;
    x->kernels->affine(cvt_at(x, a->out, t.image) + first, c, cvt_at(x, a->in, t.image) + first, c, t.count, a->c,
                       a->scale, a->shift, a->act);
}

static void batch_lower(cvt_lowering *l, const cvt_plan_node *w) {
    cvt_fold fold = batch_fold(l, w->node, NULL);
    norm_args a = make_args(l, w, fold.scale, fold.shift);
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_rows, batch_run);
}

const cvt_op cvt_op_batch_norm = {.name = "batch_norm",
                                  .attr_size = sizeof(norm_attr),
                                  .type = batch_type,
                                  .describe = describe_batch,
                                  .lower = batch_lower,
                                  .fold = batch_fold,
                                  .fuses = CVT_FUSES_ACT,
                                  .in_place = true};

cvt_value cvtb_batch_norm(cvt_builder *b, cvt_value map, const char *name, float eps) {
    norm_attr a = {.eps = eps};
    return cvt_graph_add(b, &cvt_op_batch_norm, name, &a, &map, 1);
}

/* ---- layer norm: weight, bias ---- */

static const char *layer_type(const void *attr) {
    (void)attr;
    return "LayerNorm";
}

static void describe_layer(cvt_describe *d) {
    int64_t c = cvt_shape_cols(d->shapes[0]);
    cvt_describe_param(d, "weight", CVT_PARAMETER, 1, &c);
    if (((const norm_attr *)d->attr)->bias) cvt_describe_param(d, "bias", CVT_PARAMETER, 1, &c);
    cvt_describe_output(d, d->shapes[0]);
}

/* Rows that are packed lie in scratch meanwhile, a few at a time. */
enum { FEW = 2048 /* floats */ };
static int few_rows(int c) { return c < FEW ? FEW / c : 1; }

/* Normalizes some rows, and packs them. */
static void pack_normal(const norm_args *a, const cvt_context *x, cvt_rows_tile t) {
    const size_t c = (size_t)a->c, size = a->readies->packed_row_size(a->c);
    const float *in = cvt_at(x, a->in, t.image);
    char *to = (char *)cvt_at(x, a->out, t.image);
    for (int row = t.first, m; row < t.first + t.count; row += m) {
        m = cvt_min_int(t.first + t.count - row, few_rows(a->c));
        x->kernels->layer_norm(x->scratch, c, in + (size_t)row * c, c, m, a->c, a->scale, a->shift, a->eps);
        a->readies->pack_a(to + (size_t)row * size, x->scratch, c, m, a->c);
    }
}

static void layer_run(const void *p, const cvt_context *x, int tile) {
    const norm_args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->rows, x, tile);
    size_t c = (size_t)a->c, first = (size_t)t.first * c;
    if (a->readies) {
        pack_normal(a, x, t);
        return;
    }
    x->kernels->layer_norm(cvt_at(x, a->out, t.image) + first, c, cvt_at(x, a->in, t.image) + first, c, t.count, a->c,
                           a->scale, a->shift, a->eps);
}

static void layer_lower(cvt_lowering *l, const cvt_plan_node *w) {
    bool bias = ((const norm_attr *)w->node->attr)->bias;
    const float *gamma = cvt_lowering_param(l, w->node->params[0]);
    const float *beta = bias ? cvt_lowering_param(l, w->node->params[1]) : NULL;
    norm_args a = make_args(l, w, gamma, beta);
    if (a.readies) cvt_lowering_scratch(l, (size_t)few_rows(a.c) * (size_t)a.c);
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_rows, layer_run);
}

static const cvt_op op_layer_norm = {.name = "layer_norm",
                                     .attr_size = sizeof(norm_attr),
                                     .type = layer_type,
                                     .describe = describe_layer,
                                     .lower = layer_lower,
                                     .writes_rows = true,
                                     .in_place = true};

cvt_value cvtb_layer_norm(cvt_builder *b, cvt_value x, const char *name, float eps) {
    norm_attr a = {eps, true};
    return cvt_graph_add(b, &op_layer_norm, name, &a, &x, 1);
}

cvt_value cvtb_layer_norm_scale(cvt_builder *b, cvt_value x, const char *name, float eps) {
    norm_attr a = {eps, false};
    return cvt_graph_add(b, &op_layer_norm, name, &a, &x, 1);
}
