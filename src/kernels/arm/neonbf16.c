/* neonbf16.c - products in bfloat16 by the matrix instructions of ARMv8.6: bfmmla, 2 rows by 2 columns by 4 neighbours
 * along k, 16 multiply-adds an instruction. Without FEAT_EBF16, which Linux leaves switched off, it ignores all modes
 * of rounding: for each pair of neighbours it adds the two products, and their sum to the accumulator, and both sums
 * are rounded to odd; what is below the normal range becomes 0. Source: Arm Architecture Reference Manual for
 * A-profile, the functions BFDotAdd and BFMatMulAdd. */
#include <arm_neon.h>
#include <string.h>

#include "base/num.h"
#include "kernels/extensions.h"
#include "kernels/target.h"

#ifdef __clang__
TARGET_BEGIN("bf16")
#else
TARGET_BEGIN("arch=armv8.2-a+bf16")
#endif

#include "kernels/arm/vectors_neon.h"

#include "kernels/tmpl/vector.h"
#include "kernels/tmpl/math.h"
#include "kernels/tmpl/stored.h"
#include "kernels/tmpl/pack.h"
#include "kernels/tmpl/product.h"

/* GROUP neighbours along k of a row are half a vector, and so are those of a column; a panel is lines of NR columns. */
enum { GROUP = 4, LINE = NR * GROUP, PAIRS = MR / 2, ACROSS = NR / 2 };

static size_t bf16_groups(int k) { return ((size_t)k + GROUP - 1) / GROUP; }
static size_t bf16_row_size(int k) { return (bf16_groups(k) * GROUP * sizeof(uint16_t) + 63) / 64 * 64; }
static size_t bf16_panel_size(int k) { return bf16_groups(k) * LINE * sizeof(uint16_t); }

/* ---- rows and panels -------------------------------------------------------------------------------------------- */

/* GROUP values in order. As assembly, like all that follows: clang before 16 has the intrinsics only where all of a
 * file is compiled for them. */
INLINE void round_group(uint16_t *to, vf x) {
    const vf largest = vabsq_f32(x);
    const vu flushed = (vu)x & ~(vu)(largest < v_set(0x1p-126f)); /* the instruction would keep what is subnormal */
    uint16x4_t rounded;
    __asm__("bfcvtn %0.4h, %1.4s" : "=w"(rounded) : "w"(flushed));
    vst1_u16(to, rounded);
}

static void bf16_pack_a(void *to, const float *a, size_t lda, int m, int k) {
    const size_t size = bf16_row_size(k), depth = (size_t)k;
    for (size_t i = 0; i < (size_t)m; i++, a += lda) {
        uint16_t *row = (uint16_t *)(void *)((char *)to + i * size);
        for (size_t j = 0; j < depth; j += GROUP)
            round_group(row + j, v_load_n(a + j, depth - j < GROUP ? depth - j : GROUP));
    }
}

static void bf16_pack_b(void *panel, const void *w, cvt_dtype dtype, size_t ldw, int k, int columns,
                        const float *scale) {
    float stage[STAGE * NR];
    uint16_t *line = panel;
    for (int done = 0; done < k; done += STAGE) {
        const int n = cvt_min_int(STAGE, k - done);
        if (n < STAGE) memset(stage, 0, sizeof stage);
        pack_b(stage, (const char *)w + (size_t)done * size_of(dtype), dtype, ldw, n, columns, scale);
        for (const float *from = stage; from < stage + (size_t)n * NR; from += GROUP * NR, line += LINE)
            for (size_t j = 0; j < NR; j += VL) {
                vf x[GROUP];
                for (size_t i = 0; i < GROUP; i++) x[i] = v_load(from + i * NR + j);
                v_transpose4(x);
                for (size_t i = 0; i < VL; i++) round_group(line + (j + i) * GROUP, x[i]);
            }
    }
}

/* ---- product --------------------------------------------------------------------------------------------------- */

/* The loads and the products stay in the order in which they stand here: gcc would load all columns of a line first,
 * and have no registers left for them. */
INLINE uint16x8_t load_columns(const uint16_t *p) {
    uint16x8_t x;
    __asm__ volatile("ldr %q0, %1" : "=w"(x) : "m"(*(const uint16x8_t *)p));
    return x;
}

/* c: row 0 by columns 0 and 1, row 1 by both. */
INLINE vf bf16_dot(vf c, uint16x8_t rows, uint16x8_t columns) {
    __asm__ volatile("bfmmla %0.4s, %1.8h, %2.8h" : "+w"(c) : "w"(rows), "w"(columns));
    return c;
}

INLINE vf halves(float64x2_t x, const float *bias) { return vreinterpretq_f32_f64(x) + v_load(bias); }

INLINE void multiply_bf16_tile(const packed_tile *t, size_t rows) {
    const uint16_t *b = (const void *)t->panel, *a[MR];
    const size_t pairs = (rows + 1) / 2;
    const char *ahead = t->ahead;
    vf c[PAIRS][ACROSS];
    /* an odd last row is its own partner */
    EACH(i, MR, 2 * pairs) a[i] = (const void *)(t->a + (i < rows ? i : i - 1) * t->size);
    EACH(p, PAIRS, pairs) EACH(j, ACROSS, ACROSS) c[p][j] = v_set(0);
    for (size_t g = 0; g < t->steps; g++, b += LINE) {
        uint16x8_t x[PAIRS];
        EACH(p, PAIRS, pairs) x[p] = vcombine_u16(vld1_u16(a[2 * p] + g * GROUP), vld1_u16(a[2 * p + 1] + g * GROUP));
        EACH(j, ACROSS, ACROSS) {
            const uint16x8_t y = load_columns(b + 2 * j * GROUP);
            EACH(p, PAIRS, pairs) c[p][j] = bf16_dot(c[p][j], x[p], y);
        }
        for (size_t i = 0; i < LINE * sizeof *b; i += 64) __builtin_prefetch(ahead + i, 0, 2);
        ahead += t->step;
    }
    EACH(p, PAIRS, pairs) EACH(j, ACROSS / 2, ACROSS / 2) {
        const float64x2_t x = vreinterpretq_f64_f32(c[p][2 * j]), y = vreinterpretq_f64_f32(c[p][2 * j + 1]);
        float *to = t->c + 2 * p * t->ldc + j * VL;
        v_store(to, halves(vzip1q_f64(x, y), t->bias + j * VL));
        if (2 * p + 1 < rows) v_store(to + t->ldc, halves(vzip2q_f64(x, y), t->bias + j * VL));
    }
}

/* bf16_tile_1 ... bf16_tile_6 */
#define BF16_TILE(rows) \
    static void bf16_tile_##rows(const packed_tile *t) { multiply_bf16_tile(t, rows); }
#define BF16_TILE_NAME(rows) bf16_tile_##rows,
TILE_ROWS(BF16_TILE)

static void run_bf16_tile(const packed_tile *t, size_t rows) {
    static void (*const tiles[MR])(const packed_tile *) = {TILE_ROWS(BF16_TILE_NAME)};
    tiles[rows - 1](t);
}

static void bf16_gemm(const cvt_gemm *g) {
    const packed_tile t = {.steps = bf16_groups(g->k), .size = bf16_row_size(g->k)};
    run_packed_tiles(g, t, bf16_panel_size(g->k), LINE * sizeof(uint16_t), MR, true, run_bf16_tile);
}

const cvt_product_kernels cvt_product_bf16_neonbf16 = {.layout = "bf16 " TEXT(NV) "x" TEXT(VL) "x4",
                                                       .panel_size = bf16_panel_size,
                                                       .pack_b = bf16_pack_b,
                                                       .packed_row_size = bf16_row_size,
                                                       .pack_a = bf16_pack_a,
                                                       .gemm = bf16_gemm};

TARGET_END
