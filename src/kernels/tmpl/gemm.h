/* gemm.h - the matrix product: one micro-kernel for each number of rows up to MR and of vectors across up to NV,
 * and the loops around it.
 *
 * A tile of rows x NR outputs, or fewer vectors across in a last panel, stays in registers for one pass over all of k:
 * a row of a panel of B times scalars broadcast from the rows of A, which need no packing. All rows are taken by one
 * panel, while the next is prefetched into L2, spread over the tiles; the caller chooses as many rows as stay in cache
 * meanwhile. Rows are split evenly into tiles, 197 into 32 of 6 and one of 5, not into full ones and a rest.
 *
 * A file may define V_STEP(a, b, c), what a step of k makes of c in place of a multiply-add. */
#ifndef V_STEP
#define V_STEP v_fma
#endif

/* c[i][j] = relu((sum a[i][kk] b[kk][j]) * scale[i] + bias[j] + residual[i][j]), columns of whole vectors; NULL or
 * false leaves a step out. */
typedef struct tile {
    size_t k;
    const float *a;
    size_t lda;
    const float *b;
    float *c;
    size_t ldc;
    const float *scale, *bias, *residual;
    size_t ldr;
    bool relu;
    const float *ahead; /* what to prefetch */
    size_t step;        /* by how much at a time: AHEAD floats, or 0 to stay */
} tile;

/* AHEAD is how many floats are prefetched in 4 steps of k. 4 to 8 tiles then bring the whole next panel. */
enum { LINE = 16, AHEAD = NR < 64 ? LINE : NR / 2 };

/* One step of k: a row of the panel times a value of each row of A. */
INLINE void tile_step(vf c[MR][NV], const float *const a[MR], size_t kk, const float *b, size_t rows, size_t across) {
    vf v[NV];
    EACH(j, NV, across) v[j] = v_load(b + j * VL);
    EACH(i, MR, rows) {
        const vf x = v_set(a[i][kk]);
        EACH(j, NV, across) {
            c[i][j] = V_STEP(x, v[j], c[i][j]);
            V_KEEP(c[i][j]);
        }
    }
}

/* The micro-kernel for `rows` rows by `across` vectors. */
INLINE void multiply_tile(const tile *t, size_t rows, size_t across) {
    const float *b = t->b, *ahead = t->ahead, *a[MR];
    const size_t k = t->k, step = t->step;
    vf c[MR][NV];
    EACH(i, MR, rows) {
        a[i] = t->a + i * t->lda;
        EACH(j, NV, across) c[i][j] = v_set(0);
    }
    size_t kk = 0;
    for (; kk + 4 <= k; kk += 4) {
        EACH(i, 4, 4) tile_step(c, a, kk + i, b + i * NR, rows, across);
        b += 4 * NR;
        for (size_t line = 0; line < AHEAD; line += LINE) __builtin_prefetch(ahead + line, 0, 2);
        ahead += step;
    }
    for (; kk < k; kk++, b += NR) tile_step(c, a, kk, b, rows, across);
    if (t->scale) EACH(i, MR, rows) EACH(j, NV, across) c[i][j] *= v_set(t->scale[i]);
    if (t->bias) EACH(i, MR, rows) EACH(j, NV, across) c[i][j] += v_load(t->bias + j * VL);
    if (t->residual) EACH(i, MR, rows) EACH(j, NV, across) c[i][j] += v_load(t->residual + i * t->ldr + j * VL);
    if (t->relu) EACH(i, MR, rows) EACH(j, NV, across) c[i][j] = v_max(v_set(0), c[i][j]);
    EACH(i, MR, rows) EACH(j, NV, across) v_store(t->c + i * t->ldc + j * VL, c[i][j]);
}

/* tile_1x1 ... tile_6x4: multiply_tile for each number of rows and vectors. */
#define TILE(rows, across) \
    static void tile_##rows##x##across(const tile *t) { multiply_tile(t, rows, across); }
#define TILE_NAME(rows, across) tile_##rows##x##across,
TILE_SIZES(TILE)

static void run_tile(const tile *t, size_t rows, size_t vectors) {
    static void (*const tiles[NV * MR])(const tile *) = {TILE_SIZES(TILE_NAME)};
    tiles[(vectors - 1) * MR + rows - 1](t);
}

/* A tile that cannot go straight to C, because an activation other than ReLU follows or the last vector is not full,
 * goes through a buffer. */
static void run_tile_aside(const tile *t, size_t rows, size_t columns, const cvt_gemm *g, size_t top, size_t left) {
    _Alignas(64) float aside[(MR + 1) * NR];
    const size_t vectors = (columns + VL - 1) / VL;
    tile raw = *t;
    raw.c = aside;
    raw.ldc = vectors * VL;
    raw.residual = NULL;
    raw.relu = false;
    run_tile(&raw, rows, vectors);
    finish_tile(aside, vectors, rows, columns, g, top, left, LOW_TILES);
}

/* Can the activations be done in registers? They are none, or one ReLU that comes last. */
static bool is_straight(const cvt_gemm *g) {
    if (g->residual) return g->act == CVT_ACT_NONE && (g->last == CVT_ACT_NONE || g->last == CVT_ACT_RELU);
    return g->act == CVT_ACT_NONE || g->act == CVT_ACT_RELU;
}

/* Multiplies all m rows, as `tiles` tiles, by one panel, of the columns from `left` on. t describes the tile at row 0;
 * next is the panel that follows, or NULL. */
static void run_panel(tile t, const cvt_gemm *g, size_t tiles, size_t left, const float *next) {
    const size_t each = t.k / 4 * AHEAD, panel = t.k * NR, m = (size_t)g->m, n = (size_t)g->n;
    const size_t columns = n - left < NR ? n - left : NR;
    const bool straight = is_straight(g) && columns % VL == 0;
    for (size_t i = 0, fetched = 0, top = 0; i < tiles; i++, fetched += each) {
        const size_t rows = m / tiles + (i < m % tiles);
        t.step = next && fetched < panel ? AHEAD : 0;
        t.ahead = t.step ? next + fetched : t.b;
        if (straight)
            run_tile(&t, rows, columns / VL);
        else
            run_tile_aside(&t, rows, columns, g, top, left);
        top += rows;
        t.a += rows * t.lda;
        t.c += rows * t.ldc;
        if (t.scale) t.scale += rows;
        if (t.residual) t.residual += rows * t.ldr;
    }
}

/* The product in f32, its rows multiplied by scale[m] (or NULL) before anything else follows. */
static void multiply(const cvt_gemm *g, const float *scale) {
    const size_t m = (size_t)g->m, n = (size_t)g->n, k = (size_t)g->k, tiles = (m + MR - 1) / MR;
    const float *b = g->b;
    float last_bias[NR] = {0};
    if (g->bias) memcpy(last_bias, g->bias + n / NR * NR, n % NR * sizeof *last_bias);
    tile t = {.k = k,
              .a = g->a,
              .lda = g->lda,
              .c = g->c,
              .ldc = g->ldc,
              .scale = scale,
              .residual = g->residual,
              .ldr = g->ldr,
              .relu = (g->residual ? g->last : g->act) == CVT_ACT_RELU};
    for (size_t j = 0; j < n; j += NR) {
        const size_t columns = n - j;
        t.b = b + j * k;
        t.c = g->c + j;
        if (g->residual) t.residual = g->residual + j;
        if (g->bias) t.bias = columns < NR ? last_bias : g->bias + j;
        run_panel(t, g, tiles, j, columns > NR ? t.b + k * NR : g->next);
    }
}

static void gemm(const cvt_gemm *g) { multiply(g, NULL); }
