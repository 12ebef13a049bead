/* elementwise.c - activation, add, multiply and scale as ops of their own. Fusion (plan/passes.c) folds most
 * activations and additions into the product before them, and they have no step then. */
#include "ops/lowering.h"
#include "ops/ops.h"
#include "ops/rows.h"

/* ---- activation ---- */

typedef struct act_attr {
    cvt_act act;
} act_attr;

static const char *act_type(const void *attr) { return cvt_act_torch(((const act_attr *)attr)->act); }

static void describe_act(cvt_describe *d) { cvt_describe_output(d, d->shapes[0]); }

typedef struct act_args {
    cvt_rows rows;
    int c;
    cvt_act act;
    cvt_ref in, out;
} act_args;

static void act_run(const void *p, const cvt_context *x, int tile) {
    const act_args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->rows, x, tile);
    size_t c = (size_t)a->c, first = (size_t)t.first * c;
    x->kernels->affine(cvt_at(x, a->out, t.image) + first, c, cvt_at(x, a->in, t.image) + first, c, t.count, a->c, NULL,
                       NULL, a->act);
}

static void act_lower(cvt_lowering *l, const cvt_plan_node *w) {
    cvt_shape s = l->graph->values[w->out].shape;
    act_args a = {cvt_rows_of(s), cvt_shape_cols(s), cvt_op_activation_act(w->node), l->refs[w->node->in[0]],
                  l->refs[w->out]};
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_rows, act_run);
}

static bool act_positive(const cvt_node *node) {
    const cvt_act act = cvt_op_activation_act(node);
    return act == CVT_ACT_RELU || act == CVT_ACT_RELU6;
}

const cvt_op cvt_op_activation = {.name = "activation",
                                  .attr_size = sizeof(act_attr),
                                  .type = act_type,
                                  .describe = describe_act,
                                  .lower = act_lower,
                                  .positive = act_positive,
                                  .in_place = true};

cvt_act cvt_op_activation_act(const cvt_node *node) { return ((const act_attr *)node->attr)->act; }

cvt_value cvtb_activation(cvt_builder *b, cvt_value x, cvt_act act) {
    act_attr a = {act};
    return cvt_graph_add(b, &cvt_op_activation, NULL, &a, &x, 1);
}

/* ---- add ---- */

static void describe_pair(cvt_describe *d) {
    char one[48], two[48];
    if (!cvt_shape_equal(d->shapes[0], d->shapes[1]))
        cvtb_fail(d->builder, "cannot put values of shapes %s and %s together", cvt_shape_text(d->shapes[0], one),
                  cvt_shape_text(d->shapes[1], two));
    cvt_describe_output(d, d->shapes[0]);
}

typedef struct pair_args {
    cvt_rows rows;
    int c;
    cvt_ref one, two, out;
} pair_args;

static pair_args make_pair(const cvt_lowering *l, const cvt_plan_node *w) {
    cvt_shape s = l->graph->values[w->out].shape;
    return (pair_args){cvt_rows_of(s), cvt_shape_cols(s), l->refs[w->node->in[0]], l->refs[w->node->in[1]],
                       l->refs[w->out]};
}

static void add_run(const void *p, const cvt_context *x, int tile) {
    const pair_args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->rows, x, tile);
    size_t c = (size_t)a->c, first = (size_t)t.first * c;
    x->kernels->add(cvt_at(x, a->out, t.image) + first, c, cvt_at(x, a->one, t.image) + first, c,
                    cvt_at(x, a->two, t.image) + first, c, t.count, a->c);
}

static void add_lower(cvt_lowering *l, const cvt_plan_node *w) {
    pair_args a = make_pair(l, w);
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_rows, add_run);
}

const cvt_op cvt_op_add = {.name = "add", .describe = describe_pair, .lower = add_lower, .in_place = true};

cvt_value cvtb_add(cvt_builder *b, cvt_value x, cvt_value y) {
    cvt_value in[] = {x, y};
    return cvt_graph_add(b, &cvt_op_add, NULL, NULL, in, 2);
}

/* ---- multiply: one rounding an element, the same on every instruction set ---- */

static void multiply_run(const void *p, const cvt_context *x, int tile) {
    const pair_args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->rows, x, tile);
    size_t c = (size_t)a->c, first = (size_t)t.first * c, count = (size_t)t.count * c;
    const float *one = cvt_at(x, a->one, t.image) + first, *two = cvt_at(x, a->two, t.image) + first;
    float *out = cvt_at(x, a->out, t.image) + first;
    for (size_t i = 0; i < count; i++) out[i] = one[i] * two[i];
}

static void multiply_lower(cvt_lowering *l, const cvt_plan_node *w) {
    pair_args a = make_pair(l, w);
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_rows, multiply_run);
}

static const cvt_op op_multiply = {
    .name = "multiply", .describe = describe_pair, .lower = multiply_lower, .in_place = true};

cvt_value cvtb_multiply(cvt_builder *b, cvt_value x, cvt_value y) {
    cvt_value in[] = {x, y};
    return cvt_graph_add(b, &op_multiply, NULL, NULL, in, 2);
}

/* ---- scale ---- */

typedef struct scale_attr {
    float factor;
} scale_attr;

typedef struct scale_args {
    cvt_rows rows;
    int c;
    float factor;
    cvt_ref in, out;
} scale_args;

static void scale_run(const void *p, const cvt_context *x, int tile) {
    const scale_args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->rows, x, tile);
    size_t first = (size_t)t.first * (size_t)a->c, count = (size_t)t.count * (size_t)a->c;
    const float *in = cvt_at(x, a->in, t.image) + first;
    float *out = cvt_at(x, a->out, t.image) + first;
    for (size_t i = 0; i < count; i++) out[i] = in[i] * a->factor;
}

static void scale_lower(cvt_lowering *l, const cvt_plan_node *w) {
    cvt_shape s = l->graph->values[w->out].shape;
    scale_args a = {cvt_rows_of(s), cvt_shape_cols(s), ((const scale_attr *)w->node->attr)->factor,
                    l->refs[w->node->in[0]], l->refs[w->out]};
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_rows, scale_run);
}

const cvt_op cvt_op_scale = {
    .name = "scale", .attr_size = sizeof(scale_attr), .describe = describe_act, .lower = scale_lower, .in_place = true};

float cvt_scale_factor(const cvt_node *node) { return ((const scale_attr *)node->attr)->factor; }

cvt_value cvtb_scale(cvt_builder *b, cvt_value x, float factor) {
    scale_attr a = {factor};
    return cvt_graph_add(b, &cvt_op_scale, NULL, &a, &x, 1);
}
