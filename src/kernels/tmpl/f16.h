/* f16.h - products in f16: runs of CVT_F16_RUN multiply-adds in registers of half floats, their sums in f32 aside.
 *
 * A tile is twice as many rows as in f32 by the same NR columns, two vectors of halves. Rows hold each half twice in a
 * 32-bit word: words are broadcast by the load itself, halves by a shuffle. The including file defines
 *   vh                 a vector of 2 VL halves
 *   h_zero, h_load, h_store, h_add
 *   vw, h_word         a word for h_fma(word, b, c) to multiply by in all lanes
 *   h_max, h_max_of    the larger of signed integers, lane by lane; the largest of a vector
 *   h_low, h_high      either half of a vector as f32
 *   h_round            of a vf, in the low 16 bits of its lanes
 * and has NV = 4. */

enum { HALF_ROWS = MAX_TILE_ROWS, HALF_LINE = NR * sizeof(uint16_t), TWO_WORDS = 2 * sizeof(uint32_t) };

static size_t f16_panel_size(int k) { return (NR * sizeof(float) + (size_t)k * HALF_LINE + 63) / 64 * 64; }
static size_t f16_row_size(int k) { return ((size_t)k * sizeof(uint32_t) + 63) / 64 * 64 + 64; }

/* ---- rows and panels -------------------------------------------------------------------------------------------- */

/* The largest magnitude of k values, found among their bits: there, infinity and NaN are larger than all numbers. */
static float largest_of(const float *a, size_t k) {
    vi max[2] = {(vi)v_set(0), (vi)v_set(0)};
    size_t i = 0;
    for (; i + 2 * VL <= k; i += 2 * VL) {
        max[0] = h_max(max[0], (vi)v_load(a + i) & 0x7fffffff);
        max[1] = h_max(max[1], (vi)v_load(a + i + VL) & 0x7fffffff);
    }
    for (; i < k; i += VL) max[0] = h_max(max[0], (vi)v_load_n(a + i, k - i < VL ? k - i : VL) & 0x7fffffff);
    return cvt_bits_to_f32((uint32_t)h_max_of(h_max(max[0], max[1])));
}

static void f16_row(void *row, size_t size, const float *a, size_t k) {
    const cvt_f16_scale scale = cvt_f16_scale_of(largest_of(a, k));
    const vf to = v_set(scale.to);
    float *words = row;
    for (size_t i = 0; i < k; i += VL) {
        const vu half = h_round(v_load_n(a + i, k - i < VL ? k - i : VL) * to);
        v_store(words + i, (vf)(half | half << 16));
    }
    memcpy((char *)row + size - 64, &scale.from, sizeof scale.from);
}

static void f16_pack_a(void *to, const float *a, size_t lda, int m, int k) {
    const size_t size = f16_row_size(k);
    for (size_t i = 0; i < (size_t)m; i++) f16_row((char *)to + i * size, size, a + i * lda, (size_t)k);
}

enum { HALF_STAGE = 64 }; /* steps of k that a panel takes through f32 */

/* The largest magnitude of k weights. */
static float largest_weight(const unsigned char *w, cvt_dtype dtype, size_t k) {
    if (dtype == CVT_F32) return largest_of((const float *)(const void *)w, k);
    float wide[HALF_STAGE], max[VL] = {0};
    for (size_t done = 0, n; done < k; done += n) {
        n = k - done < HALF_STAGE ? k - done : HALF_STAGE;
        widen(wide, w + done * size_of(dtype), dtype, n);
        max[1] = largest_of(wide, n);
        max[0] = largest_of(max, VL);
    }
    return max[0];
}

typedef uint16_t half_v __attribute__((vector_size(VL * sizeof(uint16_t))));

static void f16_pack_b(void *panel, const void *w, cvt_dtype dtype, size_t ldw, int k, int columns,
                       const float *scale) {
    const size_t element = size_of(dtype), depth = (size_t)k;
    float to[NR] = {0}, *from = panel, stage[NR * HALF_STAGE];
    uint16_t *values = (uint16_t *)(from + NR);
    memset(from, 0, NR * sizeof *from);
    for (size_t j = 0; j < (size_t)columns; j++) {
        const float factor = scale ? scale[j] : 1;
        const float max = largest_weight((const unsigned char *)w + j * ldw * element, dtype, depth) * factor;
        const cvt_f16_scale s = cvt_f16_scale_of(max < 0 ? -max : max);
        to[j] = factor * s.to;
        from[j] = s.from;
    }
    for (size_t done = 0, n; done < depth; done += n) {
        n = depth - done < HALF_STAGE ? depth - done : HALF_STAGE;
        pack_b(stage, (const unsigned char *)w + done * element, dtype, ldw, (int)n, columns, to);
        for (size_t i = 0; i < n * NR; i += VL) {
            const half_v half = __builtin_convertvector(h_round(v_load(stage + i)), half_v);
            memcpy(values + done * NR + i, &half, sizeof half);
        }
    }
}

/* ---- product --------------------------------------------------------------------------------------------------- */

INLINE vf half_row_scale(const packed_tile *t, size_t i) {
    float from;
    memcpy(&from, t->a + (i + 1) * t->size - 64, sizeof from);
    return v_set(from);
}

/* Scales a vector of sums back, columns j to j + VL of row i, and adds the bias. */
INLINE void half_result(const packed_tile *t, size_t i, size_t j, vf sum, vf scale) {
    const float *columns = (const float *)(const void *)t->panel;
    v_store(t->c + i * t->ldc + j, v_fma(sum, scale * v_load(columns + j), v_load(t->bias + j)));
}

/* Row i of A is i % 3 rows behind a[i / 3]: a pointer for each row would be more than there are registers. */
enum { HALF_POINTERS = HALF_ROWS / 3 };

INLINE void half_step(vh c[HALF_ROWS][2], const char *const a[HALF_POINTERS], size_t size, const char *b, size_t at,
                      size_t rows) {
    vh v[2];
    EACH(j, 2, 2) v[j] = h_load(b + at * HALF_LINE + j * HALF_LINE / 2);
    EACH(i, HALF_ROWS, rows) {
        const vw x = h_word(a[i / 3] + i % 3 * size + at * sizeof(uint32_t));
        EACH(j, 2, 2) c[i][j] = h_fma(x, v[j], c[i][j]);
    }
}

INLINE void multiply_half_tile(const packed_tile *t, size_t rows) {
    const size_t size = t->size, step = t->step, k = t->steps;
    const char *a[HALF_POINTERS], *b = t->panel + NR * sizeof(float), *ahead = t->ahead;
    EACH(p, HALF_POINTERS, HALF_POINTERS) a[p] = t->a + (3 * p < rows ? 3 * p * size : 0);
    for (size_t done = 0; done < k; done += CVT_F16_RUN) {
        size_t n = k - done < CVT_F16_RUN ? k - done : CVT_F16_RUN;
        vh c[HALF_ROWS][2];
        EACH(i, HALF_ROWS, rows) EACH(j, 2, 2) c[i][j] = h_zero();
        for (; n >= 2; n -= 2) {
            half_step(c, a, size, b, 0, rows);
            half_step(c, a, size, b, 1, rows);
            EACH(p, HALF_POINTERS, HALF_POINTERS) a[p] += TWO_WORDS;
            b += 2 * HALF_LINE;
            for (size_t line = 0; line < 2 * HALF_LINE; line += 64) __builtin_prefetch(ahead + line, 0, 2);
            ahead += 2 * step;
        }
        if (n) half_step(c, a, size, b, 0, rows);
        const bool first = done < CVT_F16_BLOCK, last = done + CVT_F16_RUN >= k;
        char *halves = t->halves;
        /* sums of runs, in f16: those before are added, and the sum is kept until the block ends */
        if (done % CVT_F16_BLOCK) EACH(i, HALF_ROWS, rows)
        EACH(j, 2, 2) c[i][j] = h_add(h_load(halves + (2 * i + j) * HALF_LINE / 2), c[i][j]);
        if (!last && (done + CVT_F16_RUN) % CVT_F16_BLOCK) {
            EACH(i, HALF_ROWS, rows) EACH(j, 2, 2) h_store(halves + (2 * i + j) * HALF_LINE / 2, c[i][j]);
            continue;
        }
        /* sums of blocks, in f32: those before are added, and the sum is kept or goes to C */
        EACH(i, HALF_ROWS, rows) {
            const vf scale = last ? half_row_scale(t, i) : v_set(0);
            EACH(j, 2, 2) {
                float *sums = t->sums + i * NR + j * NR / 2;
                vf low = h_low(c[i][j]), high = h_high(c[i][j]);
                if (!first) {
                    low += v_load(sums);
                    high += v_load(sums + VL);
                }
                if (last) {
                    half_result(t, i, j * NR / 2, low, scale);
                    half_result(t, i, j * NR / 2 + VL, high, scale);
                } else {
                    v_store(sums, low);
                    v_store(sums + VL, high);
                }
            }
        }
    }
}

/* half_tile_1 ... half_tile_12 */
#define HALF_TILE(rows) \
    static void half_tile_##rows(const packed_tile *t) { multiply_half_tile(t, rows); }
#define HALF_TILE_NAME(rows) half_tile_##rows,
#define HALF_TILE_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
HALF_TILE_ROWS(HALF_TILE)

static void run_half_tile(const packed_tile *t, size_t rows) {
    static void (*const tiles[HALF_ROWS])(const packed_tile *) = {HALF_TILE_ROWS(HALF_TILE_NAME)};
    tiles[rows - 1](t);
}

static void f16_gemm(const cvt_gemm *g) {
    _Alignas(64) float sums[HALF_ROWS * NR];
    _Alignas(64) char halves[HALF_ROWS * HALF_LINE];
    const packed_tile t = {.steps = (size_t)g->k, .size = f16_row_size(g->k), .sums = sums, .halves = halves};
    run_packed_tiles(g, t, f16_panel_size(g->k), HALF_LINE, HALF_ROWS, false, run_half_tile);
}

#define PRODUCT_F16                                                                                 \
    {                                                                                               \
        .layout = "f16 " TEXT(NV) "x" TEXT(VL), .panel_size = f16_panel_size, .pack_b = f16_pack_b, \
        .packed_row_size = f16_row_size, .pack_a = f16_pack_a, .gemm = f16_gemm,                    \
    }
