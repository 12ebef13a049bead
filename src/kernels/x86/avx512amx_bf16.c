/* avx512amx_bf16.c - products in bfloat16 by AMX: tdpbf16ps, a tile of 16 rows of 32 values by one of 16 columns, 8192
 * multiply-adds an instruction, summed in f32 as kernels.h says. Source: as avx512amx.c, and Intel's Architecture
 * Instruction Set Extensions Programming Reference. */
#include <immintrin.h>
#include <string.h>

#include "kernels/extensions.h"
#include "kernels/target.h"

TARGET_BEGIN("amx-tile,amx-bf16,avx512bf16,avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")

#include "kernels/x86/vectors_avx512.h"
#include "kernels/x86/amx_tiles.h"

#include "kernels/tmpl/vector.h"
#include "kernels/tmpl/math.h"
#include "kernels/x86/bf16.h"

typedef float sum_t;
#define TILE_DOT _tile_dpbf16ps
#define TILE_ROW_SIZE bf16_row_size
#define TILE_PANEL_SIZE bf16_panel_size
#define TILE_STEPS(k) (bf16_words(k) / RUN_WORDS)
#define TILE_COLUMNS(panel) ((const char *)(panel))
#define TILE_NEXT(k) (bf16_words(k) * WORD * TILE)

INLINE void row_of(vf x[NV], const sum_t *sums, const char *a, size_t size, const char *panel, const float *bias) {
    (void)a, (void)size, (void)panel;
    for (size_t v = 0; v < NV; v++) x[v] = v_load(sums + v * VL) + v_load(bias + v * VL);
}

#define TILE_READIES 2
INLINE void make_ready(char *row, size_t column, const vf x[NV], size_t columns) {
    for (size_t j = 0; j < NR && j < columns; j += 2 * VL) {
        vf low = x[j / VL], high = x[j / VL + 1];
        if (columns - j < 2 * VL) { /* the rest of the run is 0 */
            low = v_first(columns - j, low, v_set(0));
            high = columns - j > VL ? v_first(columns - j - VL, high, v_set(0)) : v_set(0);
        }
        _mm512_storeu_si512(row + 2 * (column + j), (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
}

#include "kernels/x86/amx_product.h"

const cvt_product_kernels cvt_product_bf16_avx512amx = {.layout = BF16_TILE_LAYOUT,
                                                        .panel_size = bf16_panel_size,
                                                        .pack_b = cvt_bf16_pack_b_avx512amx,
                                                        .packed_row_size = bf16_row_size,
                                                        .pack_a = cvt_bf16_pack_a_avx512bf16,
                                                        .gemm = amx_gemm,
                                                        .tiles = true,
                                                        .block = BLOCK,
                                                        .readies = TILE_READIES};

TARGET_END
