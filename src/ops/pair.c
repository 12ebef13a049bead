/* pair.c - two products as one step, over tiles of rows. A tile packs its rows, multiplies them by all panels of the
 * first product into scratch, packs what came out, unless the kernels have written it so, and multiplies it by all
 * panels of the second. So what lies between the two, which is wide, stays in cache. Every row gets what it gets by two
 * steps, to the bit: rows are packed one by one. */
#include "ops/pair.h"

#include "base/num.h"
#include "ops/rows.h"

enum {
    SCRATCH = 1 << 18, /* floats: so rows and what lies between stay in the second cache, beside weights */
    MAX_ROWS = 112,
    BLOCK_SCRATCH = 7 << 16, /* both where gemm takes rows in blocks, on processors that have 2 MiB of that cache */
    MAX_BLOCK_ROWS = 224,
    MAX_PANELS = 2 << 20 /* bytes: if each tile reads all panels of both, these must come from the second cache */
};

typedef struct pair {
    cvt_half one, two;
    size_t packed; /* floats of scratch that packed rows take, before the values between the products */
    int most;      /* rows of a tile */
} pair;

static cvt_cut cut(const void *p, int n, int threads) {
    const pair *a = p;
    if (!cvt_half_is_done(a->one.paired, threads)) return (cvt_cut){0};
    int rows = a->most, count = cvt_div_up(a->one.rows, rows);
    if (threads > 1 && n % 2 && count % 2) count++; /* an even number suits two threads */
    if (threads > 1 || !a->one.kernels->block) rows = cvt_div_up(a->one.rows, count);
    return (cvt_cut){.tiles = n * cvt_div_up(a->one.rows, rows), .rows = rows};
}

/* Multiplies m packed rows. The results go to c, which has n columns, or become packed rows themselves. */
static void multiply(const cvt_half *h, const void *packed, int m, float *c, void *ready, const float *residual,
                     const void *next) {
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
                                 .last = h->last,
                                 .ready = ready,
                                 .ready_size = h->kernels->packed_row_size(h->n)});
}

static void pack(const cvt_half *h, void *packed, const float *rows, int m) {
    h->kernels->pack_a(packed, rows, (size_t)h->k, m, h->k);
}

static void run(const void *p, const cvt_context *x, int tile) {
    const pair *a = p;
    const cvt_rows_tile t = cvt_rows_at((cvt_rows){a->one.rows, a->most}, x, tile);
    const size_t first = (size_t)t.first, from = first * (size_t)a->one.k, to = first * (size_t)a->two.n;
    const float *residual = cvt_ref_none(a->two.residual) ? NULL : cvt_at(x, a->two.residual, t.image) + to;
    float *packed = x->scratch, *between = packed + a->packed;
    const bool readies = a->one.kernels->readies > 0;
    const void *rows = packed;
    if (a->one.given)
        rows = (const char *)cvt_at(x, a->one.in, t.image) + first * a->one.kernels->packed_row_size(a->one.k);
    else
        pack(&a->one, packed, cvt_at(x, a->one.in, t.image) + from, t.count);
    multiply(&a->one, rows, t.count, between, readies ? between : NULL, NULL, a->two.panels);
    if (!readies) pack(&a->two, packed, between, t.count);
    multiply(&a->two, readies ? between : packed, t.count, cvt_at(x, a->two.out, t.image) + to, NULL, residual,
             a->one.panels);
}

static size_t packed_floats(const cvt_half *h) { return h->kernels->packed_row_size(h->k) / sizeof(float); }

static size_t panels_size(const cvt_lowering *l, const cvt_half *h) {
    return (size_t)cvt_div_up(h->n, l->kernels->nr) * h->kernels->panel_size(h->k);
}

/* Lowers both products to one step, if that pays. */
static void lower(cvt_lowering *l, const cvt_half *one, const cvt_half *two) {
    const size_t first = packed_floats(one), second = packed_floats(two);
    const size_t packed = one->kernels->readies || first > second ? first : second;
    const size_t row = packed + (one->kernels->readies ? second : (size_t)one->n);
    const int block = cvt_max_int(one->kernels->block, 1), most = block > 1 ? MAX_BLOCK_ROWS : MAX_ROWS;
    pair a = {.one = *one, .two = *two};
    a.most = cvt_min_int((int)((block > 1 ? BLOCK_SCRATCH : SCRATCH) / row), most);
    a.most = cvt_max_int(a.most / block, 1) * block;
    if (a.most < one->rows && panels_size(l, one) + panels_size(l, two) > MAX_PANELS) return;
    a.most = cvt_div_up(cvt_div_up(one->rows, cvt_div_up(one->rows, a.most)), block) * block;
    a.packed = (size_t)a.most * packed;
    *one->paired = *two->paired = true;
    cvt_lowering_scratch(l, (size_t)a.most * row);
    cvt_lowering_step(l, two->node, &a, sizeof a, cut, run);
}

void cvt_lower_pair(cvt_lowering *l, const cvt_half *half) {
    if (!half->kernels->pack_a) return;
    cvt_half *kept = cvt_lowering_alloc(l, sizeof *kept);
    if (!kept) return;
    *kept = *half;
    if (l->half && half->node->from == l->half->node) lower(l, l->half, kept);
    l->half = kept;
}
