/* linear.c - the linear layer: y = x W^T + b over the last axis. */
#include "ops/lowering.h"
#include "ops/ops.h"
#include "ops/product.h"

typedef struct attr {
    int out;
    bool bias;
} attr;

static const char *type(const void *a) {
    (void)a;
    return "Linear";
}

static void describe(cvt_describe *d) {
    const attr *a = d->attr;
    cvt_shape s = d->shapes[0];
    int64_t in = cvt_shape_cols(s), out = a->out, weight[] = {out, in};
    cvt_describe_param(d, "weight", CVT_PARAMETER, 2, weight);
    if (a->bias) cvt_describe_param(d, "bias", CVT_PARAMETER, 1, &out);
    d->macs = cvt_shape_rows(s) * in * out;
    if (s.layout == CVT_MAP)
        cvt_describe_output(d, cvt_shape_map(a->out, s.d[1], s.d[2]));
    else
        cvt_describe_output(d, s.layout == CVT_TOKENS ? cvt_shape_tokens(s.d[0], a->out) : cvt_shape_features(a->out));
}

static void lower(cvt_lowering *l, const cvt_plan_node *w) {
    const attr *a = w->node->attr;
    int in = cvt_shape_cols(l->graph->values[w->node->in[0]].shape);
    const float *bias = a->bias ? cvt_lowering_param(l, w->node->params[1]) : NULL;
    cvt_lower_product(l, w, w->node->params[0], in, a->out, bias, NULL);
}

static size_t workspace(const cvt_plan_node *w, const cvt_graph *graph, const cvt_kernels *kernels) {
    return cvt_product_workspace(w, graph, kernels, false);
}

const cvt_op cvt_op_linear = {.name = "linear",
                              .product = true,
                              .reads_rows = true,
                              .attr_size = sizeof(attr),
                              .type = type,
                              .describe = describe,
                              .workspace = workspace,
                              .lower = lower,
                              .fuses = CVT_FUSES_AFFINE | CVT_FUSES_ACT | CVT_FUSES_RESIDUAL};

cvt_value cvtb_linear(cvt_builder *b, cvt_value x, const char *name, int out, bool bias) {
    attr a = {out, bias};
    return cvt_graph_add(b, &cvt_op_linear, name, &a, &x, 1);
}
