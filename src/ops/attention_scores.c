/* attention_scores.c - attention whose scores, before the softmax, are a value of their own. The scores of the layer
 * before are added to them: this is the residual attention of RealFormer (arXiv:2012.11747) and x-transformers.
 *
 *     scores = scale * q k^T + scores before;   out = softmax(scores) v */
#include <string.h>

#include "ops/heads.h"
#include "ops/ops.h"
#include "ops/panels.h"

typedef struct attr {
    int heads;
    float scale;
} attr;

enum { SCORES = 1, MAP, OUTPUTS }; /* the outputs after the tokens */

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
    float scale;
    size_t panels; /* floats of scratch that the panels of keys or values take, before the scores */
    cvt_ref before, out[OUTPUTS];
} args;

/* Each tile packs the keys and values of its head, so heads are not cut finer for many threads. */
static cvt_cut cut(const void *p, int n, int threads) {
    const cvt_heads *h = &((const args *)p)->heads;
    return cvt_rows_cut(h->queries, n * h->heads, threads);
}

static void add_scores(float *x, size_t n, float scale, const float *before) {
    if (before)
        for (size_t i = 0; i < n; i++) x[i] = scale * x[i] + before[i];
    else
        for (size_t i = 0; i < n; i++) x[i] *= scale;
}

/* Copies a block of rows to an output, where somebody reads it. */
static void show(const args *a, const cvt_context *x, int output, int image, size_t start, const float *from,
                 size_t count) {
    if (!cvt_ref_none(a->out[output])) memcpy(cvt_at(x, a->out[output], image) + start, from, count * sizeof *from);
}

static void run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    const cvt_heads *h = &a->heads;
    cvt_head_tile t = cvt_head_at(h, x, tile);
    size_t s = (size_t)h->s, count = (size_t)t.count * s, start = cvt_head_map(h, &t);
    float *panels = x->scratch, *scores = panels + a->panels, *out = cvt_at(x, a->out[0], t.image);
    cvt_gemm by_keys = {.m = t.count, .n = h->s, .k = h->d, .a = t.q, .lda = t.ldq, .b = panels, .c = scores, .ldc = s};
    cvt_gemm by_values = {.m = t.count, .n = h->dv, .k = h->s, .a = scores, .lda = s, .b = panels, .ldc = t.of.ldv};
    by_values.c = out + cvt_head_out(h, &t);
    cvt_panels_make_transposed(panels, x->kernels, t.of.k, t.of.ldk, h->d, h->s);
    x->kernels->product[CVT_PRECISION_F32]->gemm(&by_keys);
    add_scores(scores, count, a->scale, cvt_ref_none(a->before) ? NULL : cvt_at(x, a->before, t.image) + start);
    show(a, x, SCORES, t.image, start, scores, count);
    x->kernels->softmax(scores, s, t.count, h->s, 1);
    show(a, x, MAP, t.image, start, scores, count);
    cvt_panels_make(panels, x->kernels, t.of.v, t.of.ldv, h->s, h->dv);
    x->kernels->product[CVT_PRECISION_F32]->gemm(&by_values);
}

static void lower(cvt_lowering *l, const cvt_plan_node *w) {
    const attr *t = w->node->attr;
    args a = {.heads = cvt_heads_of(w, l->graph, l->kernels, t->heads, 1), .scale = t->scale, .before = CVT_NO_REF};
    cvt_heads *h = &a.heads;
    size_t keys = cvt_panels_floats(l->kernels, h->d, h->s), values = cvt_panels_floats(l->kernels, h->s, h->dv);
    a.panels = keys > values ? keys : values;
    h->q = l->refs[w->node->in[0]];
    h->k = l->refs[w->node->in[1]];
    h->v = l->refs[w->node->in[2]];
    if (w->node->n_in > 3) a.before = l->refs[w->node->in[3]];
    a.out[0] = l->refs[w->out];
    for (int i = SCORES; i < OUTPUTS; i++) a.out[i] = l->refs[w->node->out[i]];
    cvt_lowering_scratch(l, a.panels + (size_t)h->queries.block * (size_t)h->s);
    cvt_lowering_step(l, w, &a, sizeof a, cut, run);
}

static const cvt_op op_attention_scores = {
    .name = "attention_scores", .attr_size = sizeof(attr), .describe = describe, .lower = lower};

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
