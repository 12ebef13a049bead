/* attention.c - softmax(scale q k^T) v per head, over tiles of query rows: the T x S matrix exists only where it is
 * tapped. A first step packs the keys and values of every head, a second one runs the tiles. */
#include "base/num.h"
#include "graph/op.h"
#include "ops/ops.h"
#include "ops/rows.h"

typedef struct attr {
    int heads;
    float scale;
} attr;

static void describe(cvt_describe *d) {
    const attr *a = d->attr;
    cvt_shape q = d->shapes[0], k = d->shapes[1], v = d->shapes[2];
    int t = q.d[0], s = k.d[0], c = q.d[1];
    if (k.d[1] != c || v.d[1] != c || v.d[0] != s || a->heads < 1 || c % a->heads)
        cvtb_fail(d->builder, "attention with %d heads does not fit %d channels", a->heads, c);
    d->macs = 2 * (int64_t)t * s * c;
    cvt_describe_output(d, cvt_shape_tokens(t, c));
    cvt_describe_output(d, cvt_shape_scores(a->heads, t, s));
}

typedef struct args {
    cvt_rows queries; /* of one head */
    int heads, t, s, d;
    float scale;
    size_t keys_size, values_size; /* floats of a head's panels */
    cvt_ref q, k, v, out, map, panels;
} args;

static size_t panels_of(int columns, int depth, int nr) {
    return (size_t)((columns + nr - 1) / nr) * (size_t)nr * (size_t)depth;
}

static args make_args(const cvt_work *w, const cvt_graph *g, const cvt_kernels *kernels) {
    const attr *a = w->node->attr;
    cvt_shape q = g->values[w->node->in[0]].shape, k = g->values[w->node->in[1]].shape;
    args x = {.heads = a->heads, .t = q.d[0], .s = k.d[0], .d = q.d[1] / a->heads, .scale = a->scale};
    x.keys_size = panels_of(x.s, x.d, kernels->nr);
    x.values_size = panels_of(x.d, x.s, kernels->nr);
    return x;
}

static size_t workspace(const cvt_work *w, const cvt_graph *g, const cvt_kernels *kernels) {
    args a = make_args(w, g, kernels);
    return (size_t)a.heads * (a.keys_size + a.values_size);
}

static int pack_tiles(const void *p, int n) { return n * ((const args *)p)->heads; }

static float *panels_at(const args *a, const cvt_context *x, int image, int head) {
    return cvt_at(x, a->panels, image) + (size_t)head * (a->keys_size + a->values_size);
}

static void pack_run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    int image = tile / a->heads, head = tile % a->heads, nr = x->kernels->nr;
    size_t ld = (size_t)a->heads * (size_t)a->d, first = (size_t)head * (size_t)a->d;
    const float *k = cvt_at(x, a->k, image) + first, *v = cvt_at(x, a->v, image) + first;
    float *keys = panels_at(a, x, image, head), *values = keys + a->keys_size;
    for (int j = 0; j < a->s; j += nr)
        x->kernels->pack_nk(keys + (size_t)j * (size_t)a->d, k + (size_t)j * ld, CVT_F32, ld, a->d,
                            cvt_min_int(nr, a->s - j), NULL);
    for (int j = 0; j < a->d; j += nr)
        x->kernels->pack_kn(values + (size_t)j * (size_t)a->s, v + j, ld, a->s, cvt_min_int(nr, a->d - j));
}

static int tiles(const void *p, int n) {
    const args *a = p;
    return n * a->heads * cvt_rows_per_image(a->queries);
}

static void run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->queries, tile);
    int image = t.image / a->heads, head = t.image % a->heads;
    size_t ld = (size_t)a->heads * (size_t)a->d, start = (size_t)t.first * ld + (size_t)head * (size_t)a->d;
    const float *keys = panels_at(a, x, image, head);
    size_t map_row = (size_t)head * (size_t)a->t + (size_t)t.first, s = (size_t)a->s;
    cvt_attention g = {
        .t = t.count,
        .s = a->s,
        .d = a->d,
        .dv = a->d,
        .q = cvt_at(x, a->q, image) + start,
        .ldq = ld,
        .keys = keys,
        .values = keys + a->keys_size,
        .scale = a->scale,
        .out = cvt_at(x, a->out, image) + start,
        .ldo = ld,
        .map = cvt_ref_none(a->map) ? NULL : cvt_at(x, a->map, image) + map_row * s,
        .ldm = s,
        .scratch = x->scratch,
    };
    x->kernels->attention(&g);
}

enum { QUERIES = 96 }; /* of a tile */

static void lower(cvt_lowering *l, const cvt_work *w) {
    args a = make_args(w, l->graph, l->kernels);
    const cvt_value *in = w->node->in;
    a.queries = (cvt_rows){a.t, cvt_min_int(a.t, QUERIES)};
    a.q = l->refs[in[0]];
    a.k = l->refs[in[1]];
    a.v = l->refs[in[2]];
    a.out = l->refs[w->out];
    a.map = l->refs[w->node->out[1]];
    a.panels = l->workspace;
    cvt_lowering_scratch(l, l->kernels->attention_scratch(a.queries.block, a.s));
    cvt_lowering_step(l, w, &a, sizeof a, pack_tiles, pack_run);
    cvt_lowering_step(l, w, &a, sizeof a, tiles, run);
}

static const cvt_op op_attention = {
    .name = "attention", .attr_size = sizeof(attr), .describe = describe, .workspace = workspace, .lower = lower};

cvt_value cvtb_attention(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, int heads, float scale) {
    attr a = {heads, scale};
    cvt_value in[] = {q, k, v};
    cvt_value out = cvt_graph_add(b, &op_attention, NULL, &a, in, 3);
    if (out != CVT_NO_VALUE) cvtb_tap(b, out + 1, "map");
    return out;
}
