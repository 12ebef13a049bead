/* avx512amx.c - products in int8 by AMX: tdpbusd, a tile of 16 rows of 64 bytes by one of 16 columns, 16384
 * products an instruction. Panels are those of VNNI, padded along k to whole tiles.
 *
 * Up to 32 rows by 32 columns are summed at a time: tiles 0 to 3 hold the sums, 4 and 5 rows, 6 and 7 columns. They are
 * stored, and end as vectors. Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1,
 * chapter 18. */
#include <immintrin.h>
#include <string.h>

#include "base/num.h"
#include "kernels/extensions.h"
#include "kernels/int8.h"
#include "kernels/target.h"

TARGET_BEGIN("amx-tile,amx-int8,avx512vnni,avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")

#include "kernels/x86/vectors_avx512.h"
#include "kernels/x86/amx_tiles.h"

#define DOT_GROUP 4
#define DOT_DEPTH 64
enum { DOT_OFFSET = 0 };
typedef uint8_t dot_t;

#include "kernels/tmpl/vector.h"
#include "kernels/tmpl/math.h"
#include "kernels/tmpl/int8_rows.h"

enum { BLOCK = 2 * TILE, LINE = NR * DOT_GROUP, STEP = DOT_DEPTH / DOT_GROUP * LINE };

typedef struct block {
    const char *a, *b; /* rows, `size` bytes apart; columns, LINE bytes a group */
    size_t size, upper, lower, depth;
    int32_t *sums;     /* rows NR apart */
    const char *ahead; /* what to prefetch, `ahead_step` bytes a step of depth */
    size_t ahead_step;
} block;

static void sum_32_columns(const block *b) {
    const char *upper = b->a, *lower = b->a + b->upper * b->size, *columns = b->b, *ahead = b->ahead;
    _tile_zero(0);
    _tile_zero(1);
    if (b->lower) {
        _tile_zero(2);
        _tile_zero(3);
    }
    for (size_t k = 0; k < b->depth; k += DOT_DEPTH, columns += STEP, ahead += b->ahead_step) {
        _tile_loadd(6, columns, LINE);
        _tile_loadd(4, upper + k, b->size);
        _tile_dpbusd(0, 4, 6);
        _tile_loadd(7, columns + TILE * DOT_GROUP, LINE);
        _tile_dpbusd(1, 4, 7);
        if (b->lower) {
            _tile_loadd(5, lower + k, b->size);
            _tile_dpbusd(2, 5, 6);
            _tile_dpbusd(3, 5, 7);
        }
        for (size_t i = 0; i < b->ahead_step; i += 64) __builtin_prefetch(ahead + i, 0, 2);
    }
    _tile_stored(0, b->sums, NR * sizeof(int32_t));
    _tile_stored(1, b->sums + TILE, NR * sizeof(int32_t));
    if (b->lower) {
        _tile_stored(2, b->sums + b->upper * NR, NR * sizeof(int32_t));
        _tile_stored(3, b->sums + b->upper * NR + TILE, NR * sizeof(int32_t));
    }
}

/* What follows the sums of one row by one panel. A row is NV = WAYS vectors, NR columns. */
_Static_assert(WAYS == NV, "a row of a panel is one group of vectors");
INLINE void finish_row(const cvt_gemm *g, const int32_t *sums, const cvt_int8_row *row, const float *panel,
                       const float *bias, size_t i, size_t j) {
    const size_t columns = (size_t)g->n - j;
    const vf scale = v_set(row->scale), shift = v_set(row->shift);
    vf x[WAYS];
    for (size_t v = 0; v < NV; v++) {
        const vf sum = _mm512_cvtepi32_ps(_mm512_loadu_si512(sums + v * VL));
        x[v] = v_fma(sum, scale, shift * v_load(panel + NR + v * VL));
        x[v] = v_fma(x[v], v_load(panel + v * VL), v_load(bias + v * VL));
    }
    act_of(x, g->act);
    float *c = g->c + i * g->ldc + j;
    for (size_t v = 0; v < NV && v * VL < columns && g->residual; v++)
        x[v] += v_load_n(g->residual + i * g->ldr + j + v * VL, columns - v * VL);
    act_of(x, g->last);
    for (size_t v = 0; v < NV && v * VL < columns; v++) v_store_n(c + v * VL, x[v], columns - v * VL);
}

static void amx_gemm(const cvt_gemm *g) {
    const size_t m = (size_t)g->m, n = (size_t)g->n, size = int8_row_size(g->k), panel_size = int8_panel_size(g->k);
    const size_t blocks = (m + BLOCK - 1) / BLOCK, steps = ((size_t)g->k + DOT_DEPTH - 1) / DOT_DEPTH;
    _Alignas(64) int32_t sums[BLOCK * NR];
    _Alignas(64) float bias[NR];
    block b = {.size = size, .depth = steps * DOT_DEPTH, .sums = sums};
    for (size_t j = 0; j < n; j += NR) {
        const size_t columns = n - j < NR ? n - j : NR;
        const char *panel = (const char *)g->b + j / NR * panel_size;
        const char *next = j + NR < n ? panel + panel_size : g->next;
        memset(bias, 0, sizeof bias);
        if (g->bias) memcpy(bias, g->bias + j, columns * sizeof *bias);
        for (size_t i = 0, row = 0; i < blocks; i++) {
            const size_t rows = m / blocks + (i < m % blocks), upper = rows < TILE ? rows : (rows + 1) / 2;
            const size_t share = (panel_size / blocks / steps / 2 + 63) / 64 * 64;
            if (b.upper != upper || b.lower != rows - upper) set_tiles(b.upper = upper, b.lower = rows - upper);
            b.a = (const char *)g->a + row * size;
            for (size_t half = 0; half < columns; half += BLOCK) {
                b.b = (const char *)cvt_int8_values(panel, NR) + half * DOT_GROUP;
                b.sums = sums + half;
                b.ahead_step = next ? share : 0;
                b.ahead = next ? next + (2 * i + half / BLOCK) * share * steps : panel;
                sum_32_columns(&b);
            }
            for (size_t r = 0; r < rows; r++)
                finish_row(g, sums + r * NR, (const cvt_int8_row *)(const void *)(b.a + (r + 1) * size - 64),
                           (const float *)(const void *)panel, bias, row + r, j);
            row += rows;
        }
    }
    _tile_release();
}

const cvt_product_kernels cvt_product_int8_avx512amx = {.layout = INT8_LAYOUT,
                                                        .panel_size = int8_panel_size,
                                                        .pack_b = cvt_int8_pack_avx512vnni,
                                                        .packed_row_size = int8_row_size,
                                                        .pack_a = int8_pack_a,
                                                        .gemm = amx_gemm,
                                                        .tiles = true};

TARGET_END
