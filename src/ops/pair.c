/* pair.c - two products as one step, over tiles of rows. A tile packs its rows, multiplies them by all panels of the
 * first product into scratch, packs what came out, and multiplies it by all panels of the second. So what lies between
 * the two, which is wide, stays in cache. Every row gets what it gets by two steps, to the bit: rows are packed one by
 * one. */
#include "ops/pair.h"

#include "base/num.h"
#include "ops/rows.h"

enum {
    SCRATCH = 1 << 18, /* floats: so rows and what lies between stay in the second cache, beside weights */
    MAX_ROWS = 112,
    MAX_PANELS = 2 << 20 /* bytes: each tile reads all panels of both, so these must come from the second cache */
};

typedef struct pair {
    cvt_half one, two;
    size_t packed; /* floats of scratch that packed rows take, before the values between the products */
    int most;      /* rows of a tile */
} pair;

static int blocks(int total, int block) { return (total + block - 1) / block; }

static cvt_cut cut(const void *p, int n, int threads) {
    const pair *a = p;
    if (!cvt_half_is_done(a->one.paired, threads)) return (cvt_cut){0};
    int count = blocks(a->one.rows, a->most);
    if (threads > 1 && n % 2 && count % 2) count++; /* an even number suits two threads */
    const int rows = blocks(a->one.rows, count);
    return (cvt_cut){.tiles = n * blocks(a->one.rows, rows), .rows = rows};
}

/* Packs m rows and multiplies them; c has n columns. */
static void multiply(const cvt_half *h, void *packed, const float *rows, int m, float *c, const float *residual,
                     const void *next) {
    h->kernels->pack_a(packed, rows, (size_t)h->k, m, h->k);
    h->kernels->gemm(&(cvt_gemm){.m = m,
                                 .n = h->n,
                                 .k = h->k,
                                 .a = packed,
                                 .lda = (size_t)h->k,
                                 .b = h->panels,
                                 .next = next,
                                 .c = c,
                                 .ldc = (size_t)h->n,
                                 .bias = h->bias,
                                 .act = h->act,
                                 .residual = residual,
                                 .ldr = (size_t)h->n,
                                 .last = h->last});
}

static void run(const void *p, const cvt_context *x, int tile) {
    const pair *a = p;
    const cvt_rows_tile t = cvt_rows_at((cvt_rows){a->one.rows, a->most}, x, tile);
    const size_t first = (size_t)t.first, from = first * (size_t)a->one.k, to = first * (size_t)a->two.n;
    const float *residual = cvt_ref_none(a->two.residual) ? NULL : cvt_at(x, a->two.residual, t.image) + to;
    float *between = x->scratch + a->packed;
    multiply(&a->one, x->scratch, cvt_at(x, a->one.in, t.image) + from, t.count, between, NULL, a->two.panels);
    multiply(&a->two, x->scratch, between, t.count, cvt_at(x, a->two.out, t.image) + to, residual, a->one.panels);
}

static size_t packed_floats(const cvt_half *h) { return h->kernels->packed_row_size(h->k) / sizeof(float); }

static void lower(cvt_lowering *l, const cvt_half *one, const cvt_half *two) {
    const size_t packed = packed_floats(one) > packed_floats(two) ? packed_floats(one) : packed_floats(two);
    const size_t row = packed + (size_t)one->n;
    pair a = {.one = *one, .two = *two};
    a.most = cvt_min_int(cvt_max_int((int)(SCRATCH / row), 1), MAX_ROWS);
    a.most = blocks(one->rows, blocks(one->rows, a.most));
    a.packed = (size_t)a.most * packed;
    *one->paired = *two->paired = true;
    cvt_lowering_scratch(l, (size_t)a.most * row);
    cvt_lowering_step(l, two->node, &a, sizeof a, cut, run);
}

static size_t panels_size(const cvt_lowering *l, const cvt_half *h) {
    return (size_t)blocks(h->n, l->kernels->nr) * h->kernels->panel_size(h->k);
}

void cvt_lower_pair(cvt_lowering *l, const cvt_half *half) {
    if (!half->kernels->pack_a) return;
    cvt_half *kept = cvt_lowering_alloc(l, sizeof *kept);
    if (!kept) return;
    *kept = *half;
    const bool follows = l->half && half->node->from == l->half->node;
    if (follows && panels_size(l, l->half) + panels_size(l, kept) <= MAX_PANELS) lower(l, l->half, kept);
    l->half = kept;
}
