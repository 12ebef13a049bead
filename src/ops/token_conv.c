/* token_conv.c - depth-wise convolution along the tokens, with one kernel for all channels of a head. It runs as a
 * convolution of a map one pixel wide, for which the kernel of a head is repeated for each of its channels. */
#include "ops/conv.h"
#include "ops/lowering.h"
#include "ops/ops.h"
#include "ops/rows.h"

typedef struct attr {
    int heads, kernel;
} attr;

static const char *type(const void *a) {
    (void)a;
    return "Conv2d";
}

static void describe(cvt_describe *d) {
    const attr *a = d->attr;
    cvt_shape s = d->shapes[0];
    int64_t weight[] = {a->heads, 1, a->kernel, 1};
    if (a->kernel % 2 == 0) cvtb_fail(d->builder, "a kernel of %d has no middle", a->kernel);
    if (s.d[1] % a->heads) cvtb_fail(d->builder, "%d heads do not divide %d channels", a->heads, s.d[1]);
    cvt_describe_param(d, "weight", CVT_PARAMETER, 4, weight);
    d->macs = (int64_t)cvt_shape_count(s) * a->kernel;
    cvt_describe_output(d, s);
}

static void lower(cvt_lowering *l, const cvt_plan_node *w) {
    const attr *k = w->node->attr;
    cvt_shape s = l->graph->values[w->out].shape;
    size_t c = (size_t)s.d[1], each = c / (size_t)k->heads, positions = (size_t)k->kernel;
    const float *stored = cvt_lowering_param(l, w->node->params[0]);
    float *weight = cvt_lowering_floats(l, positions * c);
    if (l->failed) return;
    for (size_t t = 0; t < positions; t++)
        for (size_t j = 0; j < c; j++) weight[t * c + j] = stored[j / each * positions + t];
    cvt_dwconv conv = {.c = s.d[1],
                       .h = s.d[0],
                       .w = 1,
                       .oh = s.d[0],
                       .ow = 1,
                       .kh = k->kernel,
                       .kw = 1,
                       .stride_h = 1,
                       .stride_w = 1,
                       .pad_top = k->kernel / 2,
                       .ldx = c,
                       .weight = weight,
                       .ldy = c};
    cvt_lower_dwconv(l, w, &conv, cvt_rows_of(s));
}

static const cvt_op op_token_conv = {
    .name = "token_conv", .attr_size = sizeof(attr), .type = type, .describe = describe, .lower = lower};

cvt_value cvtb_token_conv(cvt_builder *b, cvt_value tokens, const char *name, int heads, int kernel) {
    attr a = {heads, kernel};
    return cvt_graph_add(b, &op_token_conv, name, &a, &tokens, 1);
}
