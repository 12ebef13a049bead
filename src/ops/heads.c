/* heads.c - cuts queries, keys and values into heads, and makes tiles of query rows and panels of keys and values.
 *
 * A head that is one tile packs its own keys and values. Where several tiles share a head, a step before them packs
 * the panels of all heads. A head is split into tiles where it is long, or where the number of heads is odd: an even
 * number of tiles suits two threads; and for more threads as finely as lets all of them end soonest. */
#include "ops/heads.h"

#include "base/num.h"

enum { QUERIES = 208, MIN_SPLIT = 48 };

static cvt_rows blocks_of(const cvt_heads *a, int mr) {
    int blocks = cvt_div_up(a->t, QUERIES);
    if (blocks % 2 && a->heads % 2 && a->groups % 2 && a->t >= MIN_SPLIT) blocks++;
    int block = cvt_div_up(a->t, blocks);
    return (cvt_rows){a->t, cvt_div_up(block, mr) * mr};
}

cvt_heads cvt_heads_of(const cvt_plan_node *w, const cvt_graph *graph, const cvt_kernels *kernels, int heads,
                       int groups) {
    const cvt_value *in = w->node->in;
    cvt_shape q = graph->values[in[0]].shape, k = graph->values[in[1]].shape, v = graph->values[in[2]].shape;
    cvt_heads a = {.heads = heads, .groups = groups, .t = q.d[0] / groups, .s = k.d[0] / groups};
    a.d = q.d[1] / heads;
    a.dv = v.d[1] / heads;
    a.queries = blocks_of(&a, kernels->mr);
    a.kernels = kernels->attention[w->precision];
    if (a.s > CVT_INT8_MAX_K || cvt_min_int(a.t, a.s) < a.kernels->least)
        a.kernels = kernels->attention[CVT_PRECISION_F32];
    a.panels_size = a.kernels->panels(a.s, a.d, a.dv);
    return a;
}

/* ---- how heads are cut for many threads ------------------------------------------------------------------------- */

/* A model of what a tile costs, in multiply-adds of f32. */
enum {
    EXPONENT = 8,    /* what a score costs besides its products */
    PACKING = 3,     /* packing an element of the keys and values */
    ARRIVAL = 6,     /* panels come from memory in the time that so many rows take */
    LEAST = 12,      /* the fewest rows of a tile */
    FINEST = 8,      /* the most tiles a thread */
    MAX_SHARED = 64, /* of more heads than that, all groups together, none is cut for many threads */
};

/* Do several tiles share a head's panels on one thread or two? */
static bool is_long(const cvt_heads *a) { return cvt_rows_per_image(a->queries) > 1; }

static bool can_share(const cvt_heads *a) {
    return is_long(a) || (a->t >= 2 * LEAST && (int64_t)a->groups * a->heads <= MAX_SHARED);
}

size_t cvt_heads_floats(const cvt_heads *a) {
    return can_share(a) ? (size_t)a->groups * (size_t)a->heads * a->panels_size : 0;
}

cvt_cut cvt_heads_cut(const cvt_heads *a, int n, int threads) {
    const int heads = n * a->groups * a->heads;
    cvt_cut cut = cvt_rows_cut(a->queries, heads, threads);
    cut.shared = is_long(a);
    if (threads <= 2 || !can_share(a)) return cut;
    const int64_t both = a->d + a->dv, row = (both + EXPONENT) * a->s, packing = both * PACKING * a->s;
    const int64_t rounds = cvt_div_up(heads, threads);
    int64_t best = INT64_MAX;
    const int first = cvt_rows_per_image(a->queries);
    for (int count = first; count == first || (count <= a->t / LEAST && heads * count <= FINEST * threads); count++) {
        const int rows = cvt_div_up(a->t, count), tiles = heads * cvt_div_up(a->t, rows);
        const int64_t tile = (rows + ARRIVAL) * row, together = cvt_div_up(tiles, threads) * tile;
        const int64_t cost = together + rounds * packing + (count > 1 ? CVT_BARRIER_MACS : 0);
        if (cost >= best) continue;
        cut = (cvt_cut){.tiles = tiles, .rows = rows, .shared = count > 1};
        best = cost;
    }
    return cut;
}

cvt_head_tile cvt_head_at(const cvt_heads *a, const cvt_context *x, int tile) {
    cvt_rows_tile rows = cvt_rows_at(a->queries, x, tile);
    int index = rows.image; /* the number of the head among all heads */
    cvt_head_tile p = {.head = index % a->heads, .first = rows.first, .count = rows.count};
    p.group = index / a->heads % a->groups;
    p.image = index / a->heads / a->groups;
    p.ldq = (size_t)a->heads * (size_t)a->d;
    p.of =
        (cvt_attention_head){.s = a->s, .d = a->d, .dv = a->dv, .ldk = p.ldq, .ldv = (size_t)a->heads * (size_t)a->dv};
    size_t query = (size_t)p.group * (size_t)a->t + (size_t)p.first, key = (size_t)p.group * (size_t)a->s;
    p.q = cvt_at(x, a->q, p.image) + query * p.ldq + (size_t)p.head * (size_t)a->d;
    p.of.k = cvt_at(x, a->k, p.image) + key * p.of.ldk + (size_t)p.head * (size_t)a->d;
    p.of.v = cvt_at(x, a->v, p.image) + key * p.of.ldv + (size_t)p.head * (size_t)a->dv;
    return p;
}

static float *panels_at(const cvt_heads *a, const cvt_context *x, const cvt_head_tile *p) {
    return cvt_at(x, a->panels, p->image) + ((size_t)p->group * (size_t)a->heads + (size_t)p->head) * a->panels_size;
}

/* The step that packs the panels of all heads, where tiles share them. */
static cvt_cut pack_cut(const void *p, int n, int threads) {
    const cvt_heads *a = p;
    if (!cvt_heads_cut(a, n, threads).shared) return (cvt_cut){0};
    return (cvt_cut){.tiles = n * a->groups * a->heads, .rows = a->t};
}

static void pack_run(const void *p, const cvt_context *x, int tile) {
    const cvt_heads *a = p;
    cvt_head_tile t = cvt_head_at(a, x, tile);
    a->kernels->pack(panels_at(a, x, &t), &t.of);
}

void cvt_heads_lower(cvt_heads *a, cvt_lowering *l, const cvt_plan_node *w) {
    const cvt_value *in = w->node->in;
    a->q = l->refs[in[0]];
    a->k = l->refs[in[1]];
    a->v = l->refs[in[2]];
    a->panels = l->workspace;
    if (can_share(a)) cvt_lowering_step(l, w, a, sizeof *a, pack_cut, pack_run);
    cvt_lowering_scratch(l, (is_long(a) ? 0 : a->panels_size) + a->kernels->scratch(a->queries.block, a->s, a->d));
}

void cvt_head_attend(const cvt_heads *a, const cvt_context *x, const cvt_head_tile *tile, cvt_attention *to) {
    to->t = tile->count;
    to->s = a->s;
    to->d = a->d;
    to->dv = a->dv;
    to->q = tile->q;
    to->ldq = tile->ldq;
    const bool shared = x->cut.shared;
    to->panels = shared ? panels_at(a, x, tile) : x->scratch;
    to->scratch = shared ? x->scratch : x->scratch + a->panels_size;
    if (!shared) a->kernels->pack(x->scratch, &tile->of);
    a->kernels->run(to);
}
