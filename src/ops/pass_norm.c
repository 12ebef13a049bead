/* pass_norm.c - batch norm with the statistics of the forward pass, as in training: mean and biased variance of each
 * channel over all images, rows and columns that run together. So the result of one image depends on the others.
 *
 * A first step finds mean and variance in double. Each of its tiles takes some channels, image after image and row
 * after row, so that the order of the sums is the same for any number of threads. A second step computes (x - mean) *
 * scale + shift. It does not use x * scale + shift', because of a few equal pixels the variance is next to 0 and the
 * scale about 300: rounding errors would be magnified. */
#include <math.h>

#include "base/num.h"
#include "ops/lowering.h"
#include "ops/ops.h"
#include "ops/rows.h"

static const char *type(const void *attr) {
    (void)attr;
    return "BatchNorm2d";
}

typedef struct attr {
    float eps;
} attr;

/* The running statistics are parameters because files store them, but they are not read. */
static void describe(cvt_describe *d) {
    int64_t c = cvt_shape_cols(d->shapes[0]);
    cvt_describe_param(d, "weight", CVT_PARAMETER, 1, &c);
    cvt_describe_param(d, "bias", CVT_PARAMETER, 1, &c);
    cvt_describe_param(d, "running_mean", CVT_BUFFER, 1, &c);
    cvt_describe_param(d, "running_var", CVT_BUFFER, 1, &c);
    cvt_describe_output(d, d->shapes[0]);
}

typedef struct args {
    cvt_rows rows;
    int c;
    double eps;
    const float *weight, *bias;
    cvt_ref in, out, moments; /* moments: mean, scale and shift of every channel, in the place of the first image */
} args;

static size_t workspace(const cvt_plan_node *w, const cvt_graph *g, const cvt_kernels *kernels) {
    (void)kernels;
    return 3 * (size_t)cvt_shape_cols(g->values[w->out].shape);
}

enum { CHANNELS = 16 }; /* channels of a tile */

static cvt_cut moment_cut(const void *p, int n, int threads) {
    (void)n;
    (void)threads;
    return (cvt_cut){.tiles = cvt_div_up(((const args *)p)->c, CHANNELS)};
}

/* Adds up x - mean[j], or its square if `squared`, of channel first + j over the whole pass into sum[j]. */
static void add_up(double *sum, const args *a, const cvt_context *x, int first, int count, const double *mean,
                   bool squared) {
    for (int image = 0; image < x->n; image++) {
        const float *row = cvt_at(x, a->in, image) + first;
        for (int r = 0; r < a->rows.rows; r++, row += a->c)
            for (int j = 0; j < count; j++) {
                double d = row[j] - mean[j];
                sum[j] += squared ? d * d : d;
            }
    }
}

static void moment_run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    int first = tile * CHANNELS, count = cvt_min_int(CHANNELS, a->c - first);
    double mean[CHANNELS] = {0}, sum[CHANNELS] = {0}, squares[CHANNELS] = {0};
    double pixels = (double)x->n * a->rows.rows;
    float *centre = cvt_at(x, a->moments, 0) + first, *scale = centre + a->c, *shift = scale + a->c;
    add_up(sum, a, x, first, count, mean, false);
    for (int j = 0; j < count; j++) mean[j] = sum[j] / pixels;
    add_up(squares, a, x, first, count, mean, true);
    for (int j = 0; j < count; j++) {
        double s = a->weight[first + j] / sqrt(squares[j] / pixels + a->eps);
        centre[j] = (float)mean[j];
        scale[j] = (float)s;
        shift[j] = (float)(a->bias[first + j] + (centre[j] - mean[j]) * s);
    }
}

static void run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->rows, x, tile);
    size_t c = (size_t)a->c, first = (size_t)t.first * c;
    const float *centre = cvt_at(x, a->moments, 0), *scale = centre + c, *shift = scale + c;
    const float *in = cvt_at(x, a->in, t.image) + first;
    float *out = cvt_at(x, a->out, t.image) + first;
    for (int r = 0; r < t.count; r++, in += c, out += c)
        for (size_t j = 0; j < c; j++) out[j] = (in[j] - centre[j]) * scale[j] + shift[j];
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
              .moments = l->workspace};
    cvt_lowering_step(l, w, &a, sizeof a, moment_cut, moment_run);
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_rows, run);
}

static const cvt_op op_pass_norm = {.name = "pass_norm",
                                    .attr_size = sizeof(attr),
                                    .type = type,
                                    .describe = describe,
                                    .workspace = workspace,
                                    .lower = lower,
                                    .in_place = true,
                                    .batch_dependent = true};

cvt_value cvtb_pass_norm(cvt_builder *b, cvt_value map, const char *name, float eps) {
    attr a = {eps};
    return cvt_graph_add(b, &op_pass_norm, name, &a, &map, 1);
}
