/* attention.c - softmax(scale q k^T) v per head, over tiles of query rows: the T x S matrix exists only where it is
 * tapped. A first step packs the keys and values of every head, a second one runs the tiles. */
#include "base/num.h"
#include "graph/op.h"
#include "ops/ops.h"
#include "ops/rows.h"

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

/* t, s, d, dv: of one head of one group. */
typedef struct args {
    cvt_rows queries;
    int heads, groups, t, s, d, dv;
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
    cvt_shape v = g->values[w->node->in[2]].shape;
    args x = {.heads = a->heads, .groups = a->groups, .t = q.d[0] / a->groups, .s = k.d[0] / a->groups};
    x.d = q.d[1] / a->heads;
    x.dv = v.d[1] / a->heads;
    x.scale = a->scale;
    x.keys_size = panels_of(x.s, x.d, kernels->nr);
    x.values_size = panels_of(x.dv, x.s, kernels->nr);
    return x;
}

static size_t workspace(const cvt_work *w, const cvt_graph *g, const cvt_kernels *kernels) {
    args a = make_args(w, g, kernels);
    return (size_t)a.groups * (size_t)a.heads * (a.keys_size + a.values_size);
}

/* Head `head` of group `group` of an image: which rows and columns are its own. */
typedef struct place {
    int image, group, head;
} place;

static place place_of(const args *a, int index) {
    return (place){index / a->heads / a->groups, index / a->heads % a->groups, index % a->heads};
}

static float *panels_at(const args *a, const cvt_context *x, place p) {
    return cvt_at(x, a->panels, p.image) +
           ((size_t)p.group * (size_t)a->heads + (size_t)p.head) * (a->keys_size + a->values_size);
}

/* The first number of a head in a matrix of `rows` rows a group and `width` columns a head. */
static size_t start_of(const args *a, place p, int rows, int width) {
    return ((size_t)p.group * (size_t)rows * (size_t)a->heads + (size_t)p.head) * (size_t)width;
}

static int pack_tiles(const void *p, int n) {
    const args *a = p;
    return n * a->groups * a->heads;
}

static void pack_run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    place at = place_of(a, tile);
    int nr = x->kernels->nr;
    size_t ldk = (size_t)a->heads * (size_t)a->d, ldv = (size_t)a->heads * (size_t)a->dv;
    const float *k = cvt_at(x, a->k, at.image) + start_of(a, at, a->s, a->d);
    const float *v = cvt_at(x, a->v, at.image) + start_of(a, at, a->s, a->dv);
    float *keys = panels_at(a, x, at), *values = keys + a->keys_size;
    for (int j = 0; j < a->s; j += nr)
        x->kernels->pack_nk(keys + (size_t)j * (size_t)a->d, k + (size_t)j * ldk, CVT_F32, ldk, a->d,
                            cvt_min_int(nr, a->s - j), NULL);
    for (int j = 0; j < a->dv; j += nr)
        x->kernels->pack_kn(values + (size_t)j * (size_t)a->s, v + j, ldv, a->s, cvt_min_int(nr, a->dv - j));
}

static int tiles(const void *p, int n) {
    const args *a = p;
    return n * a->groups * a->heads * cvt_rows_per_image(a->queries);
}

static void run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->queries, tile);
    place at = place_of(a, t.image);
    size_t ldq = (size_t)a->heads * (size_t)a->d, ldo = (size_t)a->heads * (size_t)a->dv, first = (size_t)t.first;
    size_t map_row = ((size_t)at.group * (size_t)a->heads + (size_t)at.head) * (size_t)a->t + first, s = (size_t)a->s;
    const float *keys = panels_at(a, x, at);
    cvt_attention g = {
        .t = t.count,
        .s = a->s,
        .d = a->d,
        .dv = a->dv,
        .q = cvt_at(x, a->q, at.image) + start_of(a, at, a->t, a->d) + first * ldq,
        .ldq = ldq,
        .keys = keys,
        .values = keys + a->keys_size,
        .scale = a->scale,
        .out = cvt_at(x, a->out, at.image) + start_of(a, at, a->t, a->dv) + first * ldo,
        .ldo = ldo,
        .map = cvt_ref_none(a->map) ? NULL : cvt_at(x, a->map, at.image) + map_row * s,
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
