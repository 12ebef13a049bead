/* product.h - what the micro-kernels of all precisions share: how their loops are written, and what follows a product.
 */

/* The accumulators of a tile are an array c[rows][vectors] that must never lie in memory. They stay in registers where
 * every index is a constant after inlining: so the micro-kernels are INLINE, their sizes are constants at every call,
 * and all loops over rows and vectors are EACH. Of the largest number `max` it does the first n. Without the pragma
 * nothing fails, but a tile runs at half its speed; tests/test_tiles.sh looks for accumulators in memory. clang does
 * not know gcc's pragma, and both want a number of rounds that is known where the loop stands, hence `max`. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define EACH(i, max, n) UNROLL for (size_t i = 0; i < (max); i++) if (i < (n))

/* A file whose products are in bf16 defines LOW_TILES as true: activations need only be as exact as its numbers are. */
#ifndef LOW_TILES
#define LOW_TILES false
#endif

/* X(rows) for each number of rows of a tile, X(rows, vectors) for each size. */
#if MR == 6
#define TILE_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6)
#define TILE_ROWS_BY(X, n) X(1, n) X(2, n) X(3, n) X(4, n) X(5, n) X(6, n)
#else
#define TILE_ROWS(X) X(1) X(2) X(3) X(4)
#define TILE_ROWS_BY(X, n) X(1, n) X(2, n) X(3, n) X(4, n)
#endif
#if NV == 4
#define TILE_SIZES(X) TILE_ROWS_BY(X, 1) TILE_ROWS_BY(X, 2) TILE_ROWS_BY(X, 3) TILE_ROWS_BY(X, 4)
#else
#define TILE_SIZES(X) TILE_ROWS_BY(X, 1) TILE_ROWS_BY(X, 2)
#endif

/* Adds the residual to act(x) of a tile in a buffer. */
INLINE void add_residual(float *aside, size_t vectors, size_t rows, size_t columns, cvt_act act, bool low,
                         const float *residual, size_t ldr) {
    for (size_t first = 0; first < rows * vectors; first += WAYS) {
        vf x[WAYS];
        for (size_t i = 0; i < WAYS; i++) x[i] = v_load(aside + (first + i) * VL);
        apply(x, act, low);
        for (size_t i = 0; i < WAYS; i++) v_store(aside + (first + i) * VL, x[i]);
    }
    for (size_t i = 0; i < rows; i++, aside += vectors * VL, residual += ldr)
        for (size_t j = 0; j < columns; j += VL)
            v_store(aside + j, v_load(aside + j) + v_load_n(residual + j, columns - j));
}

/* Activations, residual, and the way to C of a tile in a buffer: rows of `vectors` vectors, with room for NR more
 * floats. In C the tile begins in row `top`, column `left`. */
INLINE void finish_tile(float *aside, size_t vectors, size_t rows, size_t columns, const cvt_gemm *g, size_t top,
                        size_t left, bool low) {
    const size_t all = rows * vectors, ldc = g->ldc, ldr = g->ldr;
    const float *residual = g->residual ? g->residual + top * ldr + left : NULL;
    float *c = g->c + top * ldc + left;
    cvt_act act = g->act;
    for (size_t j = 0; j < NR; j += VL) v_store(aside + all * VL + j, v_set(0)); /* the last group may read them */
    if (g->last != CVT_ACT_NONE) { /* what is left to be done then is an activation without a residual */
        add_residual(aside, vectors, rows, columns, act, low, residual, ldr);
        act = g->last;
        residual = NULL;
    }
    for (size_t first = 0, row = 0, j = 0; first < all; first += WAYS) {
        vf x[WAYS];
        for (size_t i = 0; i < WAYS; i++) x[i] = v_load(aside + (first + i) * VL);
        apply(x, act, low);
        for (size_t i = 0; i < WAYS && row < rows; i++) {
            if (j < columns) {
                if (residual) x[i] += v_load_n(residual + row * ldr + j, columns - j);
                v_store_n(c + row * ldc + j, x[i], columns - j);
            }
            j += VL;
            if (j == vectors * VL) row++, j = 0;
        }
    }
}

/* ---- products in less than f32 ---- */

/* A tile of one: rows of packed A by a panel. */
typedef struct packed_tile {
    size_t steps;  /* words of a row, each of which is multiplied by a line of the panel */
    const char *a; /* the rows */
    size_t size;   /* bytes of a row */
    const char *panel;
    const float *bias; /* of all NR columns, as c */
    float *c;
    size_t ldc;
    const char *ahead; /* what to prefetch, */
    size_t step;       /* and how much of it at each step; 0: nothing new */
    /* of products in f16 alone, [rows][NR]: the sums of the blocks before, and, in f16, those of the runs before in
     * this block */
    float *sums;
    char *halves;
} packed_tile;

enum { MAX_TILE_ROWS = 12 };

/* Multiplies packed rows by packed panels of `panel` bytes, tile by tile. t has what is the same for all tiles;
 * run(t, rows) multiplies a tile of at most `most` rows, and prefetches `line` bytes of the next panel at each step. */
INLINE void run_packed_tiles(const cvt_gemm *g, packed_tile t, size_t panel, size_t line, size_t most, bool low,
                             void (*run)(const packed_tile *t, size_t rows)) {
    const size_t m = (size_t)g->m, n = (size_t)g->n, tiles = (m + most - 1) / most;
    _Alignas(64) float aside[(MAX_TILE_ROWS + 1) * NR], bias[NR];
    t.bias = bias;
    for (size_t j = 0; j < n; j += NR) {
        const size_t columns = n - j < NR ? n - j : NR;
        memset(bias, 0, sizeof bias);
        if (g->bias) memcpy(bias, g->bias + j, columns * sizeof *bias);
        t.panel = (const char *)g->b + j / NR * panel;
        const char *next = j + NR < n ? t.panel + panel : g->next;
        for (size_t i = 0, row = 0; i < tiles; i++) {
            const size_t rows = m / tiles + (i < m % tiles), fetched = i * t.steps * line;
            const bool straight = g->act == CVT_ACT_NONE && columns == NR && !g->residual;
            t.a = (const char *)g->a + row * t.size;
            t.c = straight ? g->c + row * g->ldc + j : aside;
            t.ldc = straight ? g->ldc : NR;
            t.step = next && fetched < panel ? line : 0;
            t.ahead = t.step ? next + fetched : t.panel;
            run(&t, rows);
            if (!straight) finish_tile(aside, NV, rows, columns, g, row, j, low);
            row += rows;
        }
    }
}
