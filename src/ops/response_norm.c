/* response_norm.c - global response norm of ConvNeXt V2 (Woo et al. 2023): g[c] = sqrt(sum of x[t, c]^2 over all rows),
 * n[c] = g[c] / (mean of g + eps), y = x + weight[c] * (x * n[c]) + bias[c]. The norms are per image. Three steps: the
 * sums, the factor 1 + weight * n of each channel, and y = x * factor + bias. */
#include <math.h>

#include "base/num.h"
#include "ops/lowering.h"
#include "ops/ops.h"
#include "ops/rows.h"

enum { CHANNELS = 64, ROWS = 16 }; /* channels of a tile of sums; rows that are summed in f32, before double */

typedef struct attr {
    float eps;
} attr;

static const char *type(const void *a) {
    (void)a;
    return "GlobalResponseNorm";
}

static void describe(cvt_describe *d) {
    int64_t c = cvt_shape_cols(d->shapes[0]);
    cvt_describe_param(d, "weight", CVT_PARAMETER, 1, &c);
    cvt_describe_param(d, "bias", CVT_PARAMETER, 1, &c);
    cvt_describe_output(d, d->shapes[0]);
}

/* The workspace of an image: a number for each channel, g first and its factor then. */
static size_t workspace(const cvt_plan_node *w, const cvt_graph *graph, const cvt_kernels *kernels) {
    (void)kernels;
    return (size_t)cvt_shape_cols(graph->values[w->out].shape);
}

typedef struct args {
    cvt_rows rows;
    int c;
    float eps;
    const float *weight, *bias;
    cvt_ref in, out, factors;
} args;

static int blocks(const args *a) { return cvt_div_up(a->c, CHANNELS); }

static cvt_cut sum_cut(const void *p, int n, int threads) {
    (void)threads;
    return (cvt_cut){.tiles = n * blocks(p)};
}

static void sum_run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    int image = tile / blocks(a), first = tile % blocks(a) * CHANNELS, count = cvt_min_int(CHANNELS, a->c - first);
    const float *in = cvt_at(x, a->in, image) + first;
    double sum[CHANNELS] = {0};
    for (int row = 0, end; row < a->rows.rows; row = end) {
        float part[CHANNELS] = {0};
        end = cvt_min_int(row + ROWS, a->rows.rows);
        for (int i = row; i < end; i++, in += a->c)
            for (int j = 0; j < count; j++) part[j] += in[j] * in[j];
        for (int j = 0; j < count; j++) sum[j] += (double)part[j];
    }
    float *norms = cvt_at(x, a->factors, image) + first;
    for (int j = 0; j < count; j++) norms[j] = (float)sqrt(sum[j]);
}

static void factor_run(const void *p, const cvt_context *x, int image) {
    const args *a = p;
    float *factors = cvt_at(x, a->factors, image);
    double sum = 0;
    for (int j = 0; j < a->c; j++) sum += (double)factors[j];
    const double divisor = sum / a->c + (double)a->eps;
    for (int j = 0; j < a->c; j++) factors[j] = (float)(1 + (double)a->weight[j] * ((double)factors[j] / divisor));
}

static void row_run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->rows, x, tile);
    size_t c = (size_t)a->c, first = (size_t)t.first * c;
    x->kernels->affine(cvt_at(x, a->out, t.image) + first, c, cvt_at(x, a->in, t.image) + first, c, t.count, a->c,
                       cvt_at(x, a->factors, t.image), a->bias, CVT_ACT_NONE);
}

static void lower(cvt_lowering *l, const cvt_plan_node *w) {
    cvt_shape s = l->graph->values[w->out].shape;
    args a = {.rows = cvt_rows_of(s),
              .c = cvt_shape_cols(s),
              .eps = ((const attr *)w->node->attr)->eps,
              .weight = cvt_lowering_param(l, w->node->params[0]),
              .bias = cvt_lowering_param(l, w->node->params[1]),
              .in = l->refs[w->node->in[0]],
              .out = l->refs[w->out],
              .factors = l->workspace};
    cvt_lowering_step(l, w, &a, sizeof a, sum_cut, sum_run);
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_images, factor_run);
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_rows, row_run);
}

static const cvt_op op_response_norm = {.name = "response_norm",
                                        .attr_size = sizeof(attr),
                                        .type = type,
                                        .describe = describe,
                                        .workspace = workspace,
                                        .lower = lower,
                                        .in_place = true};

cvt_value cvtb_response_norm(cvt_builder *b, cvt_value x, const char *name, float eps) {
    attr a = {eps};
    return cvt_graph_add(b, &op_response_norm, name, &a, &x, 1);
}
