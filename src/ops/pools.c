/* pools.c - the mean over all tokens or over runs of them, the maximum over all tokens, average and maximum pooling of
 * a map, and adaptive average pooling. */
#include "base/num.h"
#include "kernels/window.h"
#include "ops/lowering.h"
#include "ops/ops.h"
#include "ops/rows.h"

/* ---- mean of runs of tokens ---- */

typedef struct mean_attr {
    int run;
} mean_attr;

static void describe_mean(cvt_describe *d) {
    int rows = cvt_shape_rows(d->shapes[0]), run = ((const mean_attr *)d->attr)->run;
    if (run < 1 || rows % run) {
        cvtb_fail(d->builder, "%d tokens do not fall into runs of %d", rows, run);
        return;
    }
    cvt_describe_output(d, cvt_shape_tokens(rows / run, cvt_shape_cols(d->shapes[0])));
}

typedef struct mean_args {
    cvt_rows means;
    int run, c;
    cvt_ref in, out;
} mean_args;

static void mean_run(const void *p, const cvt_context *x, int tile) {
    const mean_args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->means, x, tile);
    size_t c = (size_t)a->c, run = (size_t)a->run * c;
    for (size_t i = (size_t)t.first; i < (size_t)(t.first + t.count); i++)
        x->kernels->mean_rows(cvt_at(x, a->out, t.image) + i * c, cvt_at(x, a->in, t.image) + i * run, c, a->run, a->c);
}

static void mean_lower(cvt_lowering *l, const cvt_plan_node *w) {
    cvt_shape s = l->graph->values[w->out].shape;
    int run = ((const mean_attr *)w->node->attr)->run, c = s.d[1];
    int block = cvt_max_int(8192 / cvt_max_int(c, 1) / run, 1);
    mean_args a = {{s.d[0], block}, run, c, l->refs[w->node->in[0]], l->refs[w->out]};
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_rows, mean_run);
}

const cvt_op cvt_op_mean = {
    .name = "mean", .attr_size = sizeof(mean_attr), .describe = describe_mean, .lower = mean_lower};

cvt_value cvtb_mean_runs(cvt_builder *b, cvt_value tokens, int run) {
    mean_attr a = {run};
    return cvt_graph_add(b, &cvt_op_mean, NULL, &a, &tokens, 1);
}

cvt_value cvtb_mean(cvt_builder *b, cvt_value tokens) {
    return cvtb_mean_runs(b, tokens, cvt_shape_rows(cvtb_shape(b, tokens)));
}

/* ---- the maximum over tokens: NaN wins, as in torch ---- */

static void describe_max(cvt_describe *d) { cvt_describe_output(d, cvt_shape_tokens(1, cvt_shape_cols(d->shapes[0]))); }

typedef struct max_args {
    size_t rows, c;
    cvt_ref in, out;
} max_args;

static void max_run(const void *p, const cvt_context *x, int image) {
    const max_args *a = p;
    const float *in = cvt_at(x, a->in, image);
    float *out = cvt_at(x, a->out, image);
    for (size_t j = 0; j < a->c; j++) out[j] = in[j];
    for (size_t i = 1; i < a->rows; i++)
        for (size_t j = 0; j < a->c; j++) {
            float value = in[i * a->c + j];
            if (value > out[j] || value != value) out[j] = value;
        }
}

static void max_lower(cvt_lowering *l, const cvt_plan_node *w) {
    cvt_shape s = l->graph->values[w->node->in[0]].shape;
    max_args a = {(size_t)cvt_shape_rows(s), (size_t)cvt_shape_cols(s), l->refs[w->node->in[0]], l->refs[w->out]};
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_images, max_run);
}

static const cvt_op op_max = {.name = "max", .describe = describe_max, .lower = max_lower};

cvt_value cvtb_max(cvt_builder *b, cvt_value tokens) { return cvt_graph_add(b, &op_max, NULL, NULL, &tokens, 1); }

/* ---- pooling by windows ---- */

typedef struct pool_attr {
    int kernel, stride, padding;
    bool max; /* the maximum: windows that begin inside, but do not end there, are left out */
} pool_attr;

static const char *pool_type(const void *attr) { return ((const pool_attr *)attr)->max ? "MaxPool2d" : "AvgPool2d"; }

/* Returns the output size along one axis. The last window must begin inside the map or in its leading padding. */
static int pooled(int n, const pool_attr *a) {
    int room = n + 2 * a->padding - a->kernel + (a->max ? 0 : a->stride - 1);
    if (room < 0) return 0;
    int out = room / a->stride + 1;
    return (out - 1) * a->stride >= n + a->padding ? out - 1 : out;
}

static void describe_pool(cvt_describe *d) {
    const pool_attr *a = d->attr;
    cvt_shape s = d->shapes[0];
    int h = pooled(s.d[1], a), w = pooled(s.d[2], a);
    if (h < 1 || w < 1)
        cvtb_fail(d->builder, "a pooling window of %d does not fit a map of %d x %d", a->kernel, s.d[1], s.d[2]);
    cvt_describe_output(d, cvt_shape_map(s.d[0], h, w));
}

typedef struct pool_args {
    cvt_rows pixels;
    cvt_window_args window;
    void (*pool)(float *y, const float *x, const cvt_window_args *a, int first, int count);
    cvt_ref in, out;
} pool_args;

static void pool_run(const void *p, const cvt_context *x, int tile) {
    const pool_args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->pixels, x, tile);
    float *out = cvt_at(x, a->out, t.image) + (size_t)t.first * (size_t)a->window.c;
    a->pool(out, cvt_at(x, a->in, t.image), &a->window, t.first, t.count);
}

static void pool_lower(cvt_lowering *l, const cvt_plan_node *w) {
    const pool_attr *p = w->node->attr;
    cvt_shape in = l->graph->values[w->node->in[0]].shape, out = l->graph->values[w->out].shape;
    pool_args a = {
        .pixels = cvt_rows_of(out),
        .pool = p->max ? cvt_max_pool : cvt_avg_pool,
        .in = l->refs[w->node->in[0]],
        .out = l->refs[w->out],
        .window = {in.d[0], in.d[1], in.d[2], out.d[1], out.d[2], p->kernel, p->kernel, p->stride, p->stride,
                   p->padding, p->padding},
    };
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_rows, pool_run);
}

static void pool_window(const cvt_node *node, const cvt_graph *graph, int axis, int cell, int *first, int *last) {
    const pool_attr *a = node->attr;
    (void)graph;
    (void)axis;
    *first = cell * a->stride - a->padding;
    *last = *first + a->kernel - 1;
}

static const cvt_op op_pool = {.name = "pool",
                               .attr_size = sizeof(pool_attr),
                               .type = pool_type,
                               .describe = describe_pool,
                               .window = pool_window,
                               .lower = pool_lower};

cvt_value cvtb_avg_pool(cvt_builder *b, cvt_value map, int kernel, int stride, int padding) {
    pool_attr a = {kernel, stride, padding, false};
    return cvt_graph_add(b, &op_pool, NULL, &a, &map, 1);
}

cvt_value cvtb_max_pool(cvt_builder *b, cvt_value map, int kernel, int stride, int padding) {
    pool_attr a = {kernel, stride, padding, true};
    return cvt_graph_add(b, &op_pool, NULL, &a, &map, 1);
}

/* ---- adaptive average pooling ---- */

typedef struct bins_attr {
    int h, w;
} bins_attr;

static const char *bins_type(const void *attr) {
    (void)attr;
    return "AdaptiveAvgPool2d";
}

static void describe_bins(cvt_describe *d) {
    const bins_attr *a = d->attr;
    cvt_describe_output(d, cvt_shape_map(d->shapes[0].d[0], a->h, a->w));
}

typedef struct bins_args {
    cvt_bins_args bins;
    cvt_ref in, out;
} bins_args;

static cvt_cut bins_cut(const void *p, int n, int threads) {
    (void)threads;
    return (cvt_cut){.tiles = n * ((const bins_args *)p)->bins.oh};
}

/* Runs a tile: one row of bins. */
static void bins_run(const void *p, const cvt_context *x, int tile) {
    const bins_args *a = p;
    int image = tile / a->bins.oh, row = tile % a->bins.oh;
    float *out = cvt_at(x, a->out, image) + (size_t)row * (size_t)a->bins.ow * (size_t)a->bins.c;
    cvt_avg_bins(out, cvt_at(x, a->in, image), &a->bins, row);
}

static void bins_lower(cvt_lowering *l, const cvt_plan_node *w) {
    cvt_shape in = l->graph->values[w->node->in[0]].shape, out = l->graph->values[w->out].shape;
    bins_args a = {
        .bins = {in.d[0], in.d[1], in.d[2], out.d[1], out.d[2]}, .in = l->refs[w->node->in[0]], .out = l->refs[w->out]};
    cvt_lowering_step(l, w, &a, sizeof a, bins_cut, bins_run);
}

static void bins_window(const cvt_node *node, const cvt_graph *graph, int axis, int cell, int *first, int *last) {
    const bins_attr *a = node->attr;
    const int64_t n = graph->values[node->in[0]].shape.d[axis + 1], m = axis ? a->w : a->h;
    *first = (int)(cell * n / m);
    *last = (int)(((cell + 1) * n + m - 1) / m) - 1;
}

static const cvt_op op_bins = {.name = "adaptive_avg_pool",
                               .attr_size = sizeof(bins_attr),
                               .type = bins_type,
                               .describe = describe_bins,
                               .window = bins_window,
                               .lower = bins_lower};

cvt_value cvtb_adaptive_avg_pool(cvt_builder *b, cvt_value map, int h, int w) {
    bins_attr a = {h, w};
    return cvt_graph_add(b, &op_bins, NULL, &a, &map, 1);
}
