/* f16.h - products in f16: runs of CVT_F16_RUN multiply-adds in registers of half floats, their sums in f32 aside.
 *
 * A tile is twice as many rows as in f32 by the same NR columns, two vectors of halves. Rows hold each half twice in a
 * 32-bit word: words are broadcast by the load itself, halves by a shuffle. The including file defines
 *   vh                 a vector of 2 VL halves
 *   h_zero, h_load, h_store, h_add
 *   vw, h_word         a word for h_fma(word, b, c) to multiply by in all lanes
 *   h_most, h_most_of  the larger of signed integers, lane by lane; the largest of a vector
 *   h_low, h_high      either half of a vector as f32
 *   h_round            of a vf, in the low 16 bits of its lanes
 * NV is 4. */

enum { HALF_ROWS = 12, HALF_LINE = NR * sizeof(uint16_t), TWO_WORDS = 2 * sizeof(uint32_t) };

static size_t f16_panel_size(int k) { return (NR * sizeof(float) + (size_t)k * HALF_LINE + 63) / 64 * 64; }
static size_t f16_row_size(int k) { return ((size_t)k * sizeof(uint32_t) + 63) / 64 * 64 + 64; }

/* ---- rows and panels -------------------------------------------------------------------------------------------- */

/* As bits: infinity and NaN are larger than all numbers. */
static float largest_of(const float *a, size_t k) {
    vi most[2] = {(vi)v_set(0), (vi)v_set(0)};
    size_t i = 0;
    for (; i + 2 * VL <= k; i += 2 * VL) {
        most[0] = h_most(most[0], (vi)v_load(a + i) & 0x7fffffff);
        most[1] = h_most(most[1], (vi)v_load(a + i + VL) & 0x7fffffff);
    }
    for (; i < k; i += VL) most[0] = h_most(most[0], (vi)v_load_n(a + i, k - i < VL ? k - i : VL) & 0x7fffffff);
    return cvt_bits_to_f32((uint32_t)h_most_of(h_most(most[0], most[1])));
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
    float wide[HALF_STAGE], most[VL] = {0};
    for (size_t done = 0, n; done < k; done += n) {
        n = k - done < HALF_STAGE ? k - done : HALF_STAGE;
        widen(wide, w + done * size_of(dtype), dtype, n);
        most[1] = largest_of(wide, n);
        most[0] = largest_of(most, VL);
    }
    return most[0];
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
        const float most = largest_weight((const unsigned char *)w + j * ldw * element, dtype, depth) * factor;
        const cvt_f16_scale s = cvt_f16_scale_of(most < 0 ? -most : most);
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

typedef struct half_tile {
    size_t k;
    const char *a; /* packed A */
    size_t size;
    const char *panel;
    const float *bias;
    float *c; /* all NR columns */
    size_t ldc;
    float *sums;       /* rows of NR: of blocks before */
    char *halves;      /* of runs before, in f16 */
    const char *ahead; /* what to prefetch, as much a step as a step reads */
    size_t step;
} half_tile;

/* Row i of A is i % 3 rows behind one of four pointers: one for each row would be more than there are registers. */
#define HALF_AT(i) ((i < 3 ? a0 : i < 6 ? a3 : i < 9 ? a6 : a9) + i % 3 * size)
#define HALF_ZERO_ROW(i) VECTORS_2(HALF_ZERO, i)
#define HALF_ZERO(i, j) vh c##i##j = h_zero();
#define HALF_MULTIPLY_ROW(i)                                          \
    {                                                                 \
        const vw x = h_word(HALF_AT(i) + STEP_AT * sizeof(uint32_t)); \
        VECTORS_2(HALF_MULTIPLY, i)                                   \
    }
#define HALF_MULTIPLY(i, j) c##i##j = h_fma(x, b##j, c##i##j);
#define HALF_LOAD(i, j) const vh b##j = h_load(b + STEP_AT * HALF_LINE + j * HALF_LINE / 2);
#define HALF_STEP(at)                \
    {                                \
        enum { STEP_AT = at };       \
        VECTORS_2(HALF_LOAD, 0)      \
        TILE_ROWS(HALF_MULTIPLY_ROW) \
    }

/* Sums of runs, in f16: those before are added, or the sum is kept for the next. */
#define HALF_JOIN_ROW(i) VECTORS_2(HALF_JOIN, i)
#define HALF_JOIN(i, j) c##i##j = h_add(h_load(t->halves + (2 * i + j) * HALF_LINE / 2), c##i##j);
#define HALF_KEEP_ROW(i) VECTORS_2(HALF_KEEP, i)
#define HALF_KEEP(i, j) h_store(t->halves + (2 * i + j) * HALF_LINE / 2, c##i##j);
/* Sums of blocks: kept aside, the first or another; and the last one, or the only one, on its way to C. */
#define HALF_SUM(i, j) (t->sums + i * NR + j * NR / 2)
#define HALF_FIRST_ROW(i) VECTORS_2(HALF_FIRST, i)
#define HALF_FIRST(i, j)                     \
    v_store(HALF_SUM(i, j), h_low(c##i##j)); \
    v_store(HALF_SUM(i, j) + VL, h_high(c##i##j));
#define HALF_NEXT_ROW(i) VECTORS_2(HALF_NEXT, i)
#define HALF_NEXT(i, j)                                               \
    v_store(HALF_SUM(i, j), v_load(HALF_SUM(i, j)) + h_low(c##i##j)); \
    v_store(HALF_SUM(i, j) + VL, v_load(HALF_SUM(i, j) + VL) + h_high(c##i##j));
#define HALF_ONLY_ROW(i)                       \
    {                                          \
        const vf scale = half_row_scale(t, i); \
        VECTORS_2(HALF_ONLY, i)                \
    }
#define HALF_ONLY(i, j)                                  \
    half_result(t, i, j *NR / 2, h_low(c##i##j), scale); \
    half_result(t, i, j *NR / 2 + VL, h_high(c##i##j), scale);
#define HALF_LAST_ROW(i)                       \
    {                                          \
        const vf scale = half_row_scale(t, i); \
        VECTORS_2(HALF_LAST, i)                \
    }
#define HALF_LAST(i, j)                                                           \
    half_result(t, i, j *NR / 2, v_load(HALF_SUM(i, j)) + h_low(c##i##j), scale); \
    half_result(t, i, j *NR / 2 + VL, v_load(HALF_SUM(i, j) + VL) + h_high(c##i##j), scale);

INLINE vf half_row_scale(const half_tile *t, size_t i) {
    float from;
    memcpy(&from, t->a + (i + 1) * t->size - 64, sizeof from);
    return v_set(from);
}

/* A vector of sums from column j on, scaled back, + bias. */
INLINE void half_result(const half_tile *t, size_t i, size_t j, vf sum, vf scale) {
    const float *columns = (const float *)(const void *)t->panel;
    v_store(t->c + i * t->ldc + j, v_fma(sum, scale * v_load(columns + j), v_load(t->bias + j)));
}

#define ROWS 1
#include "kernels/tmpl/f16_tile.h"
#define ROWS 2
#include "kernels/tmpl/f16_tile.h"
#define ROWS 3
#include "kernels/tmpl/f16_tile.h"
#define ROWS 4
#include "kernels/tmpl/f16_tile.h"
#define ROWS 5
#include "kernels/tmpl/f16_tile.h"
#define ROWS 6
#include "kernels/tmpl/f16_tile.h"
#define ROWS 7
#include "kernels/tmpl/f16_tile.h"
#define ROWS 8
#include "kernels/tmpl/f16_tile.h"
#define ROWS 9
#include "kernels/tmpl/f16_tile.h"
#define ROWS 10
#include "kernels/tmpl/f16_tile.h"
#define ROWS 11
#include "kernels/tmpl/f16_tile.h"
#define ROWS 12
#include "kernels/tmpl/f16_tile.h"

static void run_half_tile(const half_tile *t, size_t rows) {
    static void (*const tiles[HALF_ROWS])(const half_tile *) = {
        half_tile_1, half_tile_2, half_tile_3, half_tile_4,  half_tile_5,  half_tile_6,
        half_tile_7, half_tile_8, half_tile_9, half_tile_10, half_tile_11, half_tile_12,
    };
    tiles[rows - 1](t);
}

static void f16_gemm(const cvt_gemm *g) {
    const size_t m = (size_t)g->m, n = (size_t)g->n, panel = f16_panel_size(g->k);
    const size_t tiles = (m + HALF_ROWS - 1) / HALF_ROWS;
    _Alignas(64) float aside[(HALF_ROWS + 1) * NR], sums[HALF_ROWS * NR], bias[NR];
    _Alignas(64) char halves[HALF_ROWS * HALF_LINE];
    half_tile t = {.k = (size_t)g->k, .size = f16_row_size(g->k), .bias = bias, .sums = sums, .halves = halves};
    for (size_t j = 0; j < n; j += NR) {
        const size_t columns = n - j < NR ? n - j : NR;
        memset(bias, 0, sizeof bias);
        if (g->bias) memcpy(bias, g->bias + j, columns * sizeof *bias);
        t.panel = (const char *)g->b + j / NR * panel;
        const char *next = j + NR < n ? t.panel + panel : g->next;
        for (size_t i = 0, row = 0; i < tiles; i++) {
            const size_t rows = m / tiles + (i < m % tiles), fetched = i * t.k * HALF_LINE;
            const bool straight = g->act == CVT_ACT_NONE && columns == NR && !g->residual;
            float *c = g->c + row * g->ldc + j;
            t.a = (const char *)g->a + row * t.size;
            t.step = next && fetched < panel ? HALF_LINE : 0;
            t.ahead = t.step ? next + fetched : t.panel;
            t.c = straight ? c : aside;
            t.ldc = straight ? g->ldc : NR;
            run_half_tile(&t, rows);
            if (!straight)
                finish_tile(aside, NV, rows, columns, g->act, c, g->ldc,
                            g->residual ? g->residual + row * g->ldr + j : NULL, g->ldr);
            row += rows;
        }
    }
}

#define PRODUCT_F16                                                                                 \
    {                                                                                               \
        .layout = "f16 " TEXT(NV) "x" TEXT(VL), .panel_size = f16_panel_size, .pack_b = f16_pack_b, \
        .packed_row_size = f16_row_size, .pack_a = f16_pack_a, .gemm = f16_gemm,                    \
    }
