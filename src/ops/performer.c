/* performer.c - attention in linear time by positive random features (Choromanski et al., "Rethinking attention with
 * performers"), with one head, as T2T-ViT's token performer (yitu-opensource/T2T-ViT, models/token_performer.py) has
 * it:
 *
 *     phi(t) = exp(w t - |t|^2 / 2) / sqrt(m)                        m features
 *     S = sum over keys of phi(k) [v, 1]                             [m, e + 1]
 *     y = phi(q) S: the first e columns, divided by the last + eps
 *
 * No maximum is subtracted before exp: eps is absolute, and the sums may be as small as it is. phi is computed as one
 * product: -|t|^2 / 2 is one more column of the input, whose weights are 1, and -ln(m) / 2 is the bias of the
 * exponent.
 *
 * There are three steps: S of every fixed block of keys; the sum of these in their order; y of every block of queries.
 */
#include <math.h>
#include <string.h>

#include "base/elementary.h"
#include "ops/lowering.h"
#include "ops/ops.h"
#include "ops/panels.h"
#include "ops/rows.h"

typedef struct attr {
    int features;
    float eps;
} attr;

static void describe(cvt_describe *d) {
    const attr *a = d->attr;
    cvt_shape q = d->shapes[0], k = d->shapes[1], v = d->shapes[2];
    int64_t w[] = {a->features, q.d[1]}, t = q.d[0], s = k.d[0], c = q.d[1], e = v.d[1], m = a->features;
    if (k.d[1] != q.d[1] || v.d[0] != k.d[0])
        cvtb_fail(d->builder, "queries of %d channels, %d keys of %d and %d values do not fit", q.d[1], k.d[0], k.d[1],
                  v.d[0]);
    cvt_describe_param(d, "w", CVT_PARAMETER, 2, w);
    d->macs = (t + s) * c * m + s * m * e + t * m * (e + 1);
    cvt_describe_output(d, cvt_shape_tokens(q.d[0], v.d[1]));
}

/* c and e are the channels of keys and values; m is the number of features. */
typedef struct args {
    cvt_rows keys, queries;
    int c, e, m;
    float eps;
    const float *features; /* the panels of [w, 1], [c + 1, m] */
    const float *bias;     /* [m] */
    size_t sum, panels;    /* floats of S of a block, and of the panels of the total */
    cvt_ref q, k, v, out, workspace;
} args;

enum { ROWS = 64 }; /* rows of a block; the order of the sum over keys depends on it */

static args make_args(const cvt_plan_node *w, const cvt_graph *g, const cvt_kernels *kernels) {
    const attr *t = w->node->attr;
    cvt_shape q = g->values[w->node->in[0]].shape, v = g->values[w->node->in[2]].shape;
    args a = {.keys = {v.d[0], ROWS}, .queries = {q.d[0], ROWS}, .c = q.d[1], .e = v.d[1], .m = t->features};
    a.eps = t->eps;
    a.sum = (size_t)a.m * (size_t)(a.e + 1);
    a.panels = cvt_panels_floats(kernels, a.m, a.e + 1);
    return a;
}

/* The workspace holds the panels of the total S, the total, and S of every block. */
static size_t workspace(const cvt_plan_node *w, const cvt_graph *g, const cvt_kernels *kernels) {
    args a = make_args(w, g, kernels);
    return a.panels + a.sum * (size_t)(1 + cvt_rows_per_image(a.keys));
}

static float *total_at(const args *a, const cvt_context *x, int image) {
    return cvt_at(x, a->workspace, image) + a->panels;
}

/* Computes phi of `rows` rows of t [rows, c] into to [rows, m]. `wide` is scratch of rows * (c + 1) floats. */
static void features(float *to, const args *a, const cvt_context *x, const float *t, int rows, float *wide) {
    size_t c = (size_t)a->c;
    for (size_t i = 0; i < (size_t)rows; i++) {
        float *row = wide + i * (c + 1);
        float squares = 0;
        memcpy(row, t + i * c, c * sizeof *row);
        for (size_t j = 0; j < c; j++) squares += row[j] * row[j];
        row[c] = -0.5f * squares;
    }
    cvt_gemm g = {
        .m = rows,
        .n = a->m,
        .k = a->c + 1,
        .a = wide,
        .lda = c + 1,
        .b = a->features,
        .c = to,
        .ldc = (size_t)a->m,
        .bias = a->bias,
    };
    x->kernels->product[CVT_PRECISION_F32]->gemm(&g);
    x->kernels->exp(to, (size_t)rows * (size_t)a->m);
}

/* The scratch of both steps: phi, then either its input or what is made from it. */
static size_t scratch_of(const args *a, const cvt_kernels *kernels) {
    size_t wide = (size_t)ROWS * (size_t)(a->c + 1), values = (size_t)ROWS * (size_t)(a->e + 1);
    return 2 * (size_t)ROWS * (size_t)a->m + wide + values + cvt_panels_floats(kernels, ROWS, a->e + 1);
}

/* Computes S of a block: phi^T [m, rows] times [v, 1] [rows, e + 1]. */
static void key_run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->keys, x, tile);
    size_t rows = (size_t)t.count, m = (size_t)a->m, c = (size_t)a->c, e = (size_t)a->e, first = (size_t)t.first;
    float *phi = x->scratch, *transposed = phi + ROWS * m, *wide = transposed + ROWS * m,
          *values = wide + ROWS * (c + 1);
    float *panels = values + ROWS * (e + 1);
    const float *v = cvt_at(x, a->v, t.image) + first * e;
    features(phi, a, x, cvt_at(x, a->k, t.image) + first * c, t.count, wide);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < m; j++) transposed[j * rows + i] = phi[i * m + j];
        memcpy(values + i * (e + 1), v + i * e, e * sizeof *v);
        values[i * (e + 1) + e] = 1;
    }
    cvt_panels_make(panels, x->kernels, values, e + 1, t.count, a->e + 1);
    cvt_gemm g = {
        .m = a->m,
        .n = a->e + 1,
        .k = t.count,
        .a = transposed,
        .lda = rows,
        .b = panels,
        .c = total_at(a, x, t.image) + a->sum * (size_t)(1 + t.first / ROWS),
        .ldc = e + 1,
    };
    x->kernels->product[CVT_PRECISION_F32]->gemm(&g);
}

static void total_run(const void *p, const cvt_context *x, int image) {
    const args *a = p;
    float *total = total_at(a, x, image);
    const float *part = total + a->sum;
    memcpy(total, part, a->sum * sizeof *total);
    for (int i = 1; i < cvt_rows_per_image(a->keys); i++) {
        part += a->sum;
        for (size_t j = 0; j < a->sum; j++) total[j] += part[j];
    }
    cvt_panels_make(cvt_at(x, a->workspace, image), x->kernels, total, (size_t)a->e + 1, a->m, a->e + 1);
}

static cvt_cut query_cut(const void *p, int n, int threads) {
    return cvt_rows_cut(((const args *)p)->queries, n, threads);
}

static void query_run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->queries, x, tile);
    size_t m = (size_t)a->m, c = (size_t)a->c, e = (size_t)a->e, first = (size_t)t.first;
    float *phi = x->scratch, *wide = phi + 2 * ROWS * m, *sums = wide + ROWS * (c + 1);
    features(phi, a, x, cvt_at(x, a->q, t.image) + first * c, t.count, wide);
    cvt_gemm g = {
        .m = t.count,
        .n = a->e + 1,
        .k = a->m,
        .a = phi,
        .lda = m,
        .b = cvt_at(x, a->workspace, t.image),
        .c = sums,
        .ldc = e + 1,
    };
    x->kernels->product[CVT_PRECISION_F32]->gemm(&g);
    float *out = cvt_at(x, a->out, t.image) + first * e;
    for (size_t i = 0; i < (size_t)t.count; i++, sums += e + 1, out += e)
        for (size_t j = 0; j < e; j++) out[j] = sums[j] / (sums[e] + a->eps);
}

/* Packs the panels of [w, 1], [m, c + 1], as those of a linear layer's weight. */
static const float *make_features(cvt_lowering *l, const float *w, int c, int m) {
    size_t width = (size_t)c;
    float *wide = cvt_lowering_floats(l, (size_t)m * (width + 1));
    if (!wide || !w) return NULL;
    for (size_t i = 0; i < (size_t)m; i++) {
        memcpy(wide + i * (width + 1), w + i * width, width * sizeof *w);
        wide[i * (width + 1) + width] = 1;
    }
    return cvt_pack_weight(l, l->kernels->product[CVT_PRECISION_F32], (cvt_source){.data = wide}, c + 1, m, NULL);
}

static void lower(cvt_lowering *l, const cvt_plan_node *w) {
    args a = make_args(w, l->graph, l->kernels);
    const cvt_value *in = w->node->in;
    float *bias = cvt_lowering_floats(l, (size_t)a.m);
    for (int i = 0; bias && i < a.m; i++) bias[i] = (float)(-0.5 * cvt_log(a.m));
    a.bias = bias;
    a.features = make_features(l, cvt_lowering_param(l, w->node->params[0]), a.c, a.m);
    a.q = l->refs[in[0]];
    a.k = l->refs[in[1]];
    a.v = l->refs[in[2]];
    a.out = l->refs[w->out];
    a.workspace = l->workspace;
    cvt_lowering_scratch(l, scratch_of(&a, l->kernels));
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_rows, key_run);
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_images, total_run);
    cvt_lowering_step(l, w, &a, sizeof a, query_cut, query_run);
}

static const cvt_op op_performer = {
    .name = "performer", .attr_size = sizeof(attr), .describe = describe, .workspace = workspace, .lower = lower};

cvt_value cvtb_performer(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, int features, float eps) {
    attr a = {features, eps};
    cvt_value in[] = {q, k, v};
    return cvt_graph_add(b, &op_performer, NULL, &a, in, 3);
}
