/* attention_scores.c - attention whose scores, before the softmax, are a value of their own and are added to those of
 * the layer before: the residual attention of RealFormer (arXiv:2012.11747) and x-transformers.
 *
 *   scores = scale * q k^T + scores before;   out = softmax(scores) v */
#include <string.h>

#include "base/num.h"
#include "ops/heads.h"
#include "ops/ops.h"

typedef struct attr {
    int heads;
    float scale;
} attr;

enum { SCORES = 1, MAP, OUTPUTS }; /* outputs behind the tokens */

static void describe(cvt_describe *d) {
    const attr *a = d->attr;
    cvt_shape q = d->shapes[0], k = d->shapes[1], v = d->shapes[2], own = cvt_shape_scores(a->heads, q.d[0], k.d[0]);
    int c = q.d[1];
    bool fits = k.d[1] == c && v.d[0] == k.d[0] && a->heads >= 1 && c % a->heads == 0 && v.d[1] % a->heads == 0;
    if (!fits || (d->n_in > 3 && !cvt_shape_equal(d->shapes[3], own))) {
        cvtb_fail(d->builder, "attention with %d heads does not fit %d channels or the scores before it", a->heads, c);
        return;
    }
    d->macs = (int64_t)q.d[0] * k.d[0] * (c + v.d[1]);
    cvt_describe_output(d, cvt_shape_tokens(q.d[0], v.d[1]));
    cvt_describe_output(d, own);
    cvt_describe_output(d, own);
}

typedef struct args {
    cvt_heads heads;
    cvt_rows queries;
    float scale;
    cvt_ref before, out[OUTPUTS];
} args;

static size_t workspace(const cvt_work *w, const cvt_graph *g, const cvt_kernels *kernels) {
    cvt_heads heads = cvt_heads_of(w, g, kernels, ((const attr *)w->node->attr)->heads, 1);
    return cvt_heads_floats(&heads);
}

static int tiles(const void *p, int n) {
    const args *a = p;
    return n * a->heads.heads * cvt_rows_per_image(a->queries);
}

static void add_scores(float *x, size_t n, float scale, const float *before) {
    if (before)
        for (size_t i = 0; i < n; i++) x[i] = scale * x[i] + before[i];
    else
        for (size_t i = 0; i < n; i++) x[i] *= scale;
}

/* Copies a block of rows to an output that somebody wants. */
static void show(const args *a, const cvt_context *x, int output, int image, size_t start, const float *from,
                 size_t count) {
    if (!cvt_ref_none(a->out[output])) memcpy(cvt_at(x, a->out[output], image) + start, from, count * sizeof *from);
}

static void run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    const cvt_heads *h = &a->heads;
    cvt_rows_tile t = cvt_rows_at(a->queries, tile);
    cvt_head_place at = cvt_head_at(h, t.image);
    size_t s = (size_t)h->s, first = (size_t)t.first, count = (size_t)t.count * s;
    size_t ldq = (size_t)h->heads * (size_t)h->d, ldo = (size_t)h->heads * (size_t)h->dv;
    size_t start = cvt_head_map(h, at) + first * s;
    float *scores = x->scratch;
    cvt_gemm by_keys = {.m = t.count, .n = h->s, .k = h->d, .lda = ldq, .c = scores, .ldc = s};
    by_keys.a = cvt_at(x, h->q, at.image) + cvt_head_start(h, at, h->t, h->d) + first * ldq;
    by_keys.b = cvt_head_keys(h, x, at);
    cvt_gemm by_values = {.m = t.count, .n = h->dv, .k = h->s, .a = scores, .lda = s, .ldc = ldo};
    by_values.b = cvt_head_values(h, x, at);
    by_values.c = cvt_at(x, a->out[0], at.image) + cvt_head_start(h, at, h->t, h->dv) + first * ldo;
    x->kernels->gemm(&by_keys);
    add_scores(scores, count, a->scale, cvt_ref_none(a->before) ? NULL : cvt_at(x, a->before, at.image) + start);
    show(a, x, SCORES, at.image, start, scores, count);
    x->kernels->softmax(scores, s, t.count, h->s, 1);
    show(a, x, MAP, at.image, start, scores, count);
    x->kernels->gemm(&by_values);
}

enum { QUERIES = 48 }; /* of a tile */

static void lower(cvt_lowering *l, const cvt_work *w) {
    const attr *t = w->node->attr;
    args a = {.heads = cvt_heads_of(w, l->graph, l->kernels, t->heads, 1), .scale = t->scale, .before = CVT_NO_REF};
    a.queries = (cvt_rows){a.heads.t, cvt_min_int(a.heads.t, QUERIES)};
    if (w->node->n_in > 3) a.before = l->refs[w->node->in[3]];
    a.out[0] = l->refs[w->out];
    for (int i = SCORES; i < OUTPUTS; i++) a.out[i] = l->refs[w->node->out[i]];
    cvt_heads_lower(&a.heads, l, w);
    cvt_lowering_scratch(l, (size_t)a.queries.block * (size_t)a.heads.s);
    cvt_lowering_step(l, w, &a, sizeof a, tiles, run);
}

static const cvt_op op_attention_scores = {.name = "attention_scores",
                                           .attr_size = sizeof(attr),
                                           .describe = describe,
                                           .workspace = workspace,
                                           .lower = lower};

cvt_value cvtb_attention_scores(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, int heads, float scale,
                                cvt_value *scores) {
    attr a = {heads, scale};
    cvt_value in[] = {q, k, v, *scores};
    cvt_value out = cvt_graph_add(b, &op_attention_scores, NULL, &a, in, *scores == CVT_NO_VALUE ? 3 : 4);
    if (out == CVT_NO_VALUE) return out;
    *scores = cvtb_tap(b, out + SCORES, "scores");
    cvtb_tap(b, out + MAP, "map");
    return out;
}
