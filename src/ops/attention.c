/* attention.c - softmax(scale q k^T) v for each head, over tiles of query rows. The matrix of T x S probabilities is
 * only stored where it is tapped. */
#include "ops/heads.h"
#include "ops/lowering.h"
#include "ops/ops.h"

typedef struct attr {
    int heads, groups;
    float scale;
} attr;

static void describe(cvt_describe *d) {
    const attr *a = d->attr;
    cvt_shape q = d->shapes[0], k = d->shapes[1], v = d->shapes[2];
    int t = q.d[0], s = k.d[0], c = q.d[1];
    if (k.d[1] != c || v.d[0] != s || a->heads < 1 || c % a->heads || v.d[1] % a->heads || t % a->groups ||
        s % a->groups) {
        cvtb_fail(d->builder, "attention with %d heads does not fit %d channels", a->heads, c);
        return;
    }
    d->macs = (int64_t)t * (s / a->groups) * (c + v.d[1]);
    cvt_describe_output(d, cvt_shape_tokens(t, v.d[1]));
    cvt_describe_output(d, cvt_shape_scores(a->groups * a->heads, t / a->groups, s / a->groups));
}

typedef struct args {
    cvt_heads heads;
    float scale;
    cvt_ref out, map;
} args;

static size_t workspace(const cvt_plan_node *w, const cvt_graph *g, const cvt_kernels *kernels) {
    const attr *a = w->node->attr;
    cvt_heads heads = cvt_heads_of(w, g, kernels, a->heads, a->groups);
    return cvt_heads_floats(&heads);
}

static int tiles(const void *p, int n) { return cvt_heads_tiles(&((const args *)p)->heads, n); }

static void run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    cvt_head_tile t = cvt_head_at(&a->heads, x, tile);
    cvt_attention g = {
        .scale = a->scale,
        .weight = 1,
        .out = cvt_at(x, a->out, t.image) + cvt_head_out(&a->heads, &t),
        .ldo = t.of.ldv,
        .map = cvt_ref_none(a->map) ? NULL : cvt_at(x, a->map, t.image) + cvt_head_map(&a->heads, &t),
        .ldm = (size_t)t.of.s,
    };
    cvt_head_attend(&a->heads, x, &t, &g);
}

static void lower(cvt_lowering *l, const cvt_plan_node *w) {
    const attr *r = w->node->attr;
    args a = {.heads = cvt_heads_of(w, l->graph, l->kernels, r->heads, r->groups), .scale = r->scale};
    a.out = l->refs[w->out];
    a.map = l->refs[w->node->out[1]];
    cvt_heads_lower(&a.heads, l, w);
    cvt_lowering_step(l, w, &a, sizeof a, tiles, run);
}

static const cvt_op op_attention = {.name = "attention",
                                    .attends = true,
                                    .attr_size = sizeof(attr),
                                    .describe = describe,
                                    .workspace = workspace,
                                    .lower = lower};

cvt_value cvtb_attention(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, int heads, float scale) {
    return cvtb_attention_groups(b, q, k, v, heads, 1, scale);
}

cvt_value cvtb_attention_groups(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, int heads, int groups,
                                float scale) {
    attr a = {heads, groups, scale};
    cvt_value in[] = {q, k, v};
    cvt_value out = cvt_graph_add(b, &op_attention, NULL, &a, in, 3);
    if (out != CVT_NO_VALUE) cvtb_tap(b, out + 1, "map");
    return out;
}
