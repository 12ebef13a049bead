/* avx512amx.c - products in int8 by AMX: tdpbusd, a tile of 16 rows of 64 bytes by one of 16 columns, 16384
 * products an instruction. Panels are those of VNNI in another order, padded along k to whole tiles. Source: Intel 64
 * and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18. */
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

typedef int32_t sum_t;
#define TILE_DOT _tile_dpbusd
#define TILE_ROW_SIZE int8_row_size
#define TILE_PANEL_SIZE int8_panel_size
#define TILE_STEPS(k) (((size_t)(k) + DOT_DEPTH - 1) / DOT_DEPTH)
#define TILE_COLUMNS(panel) ((const char *)cvt_int8_values(panel, NR))
#define TILE_NEXT(k) (TILE_STEPS(k) * TILE * DOT_DEPTH)

INLINE void row_of(vf x[NV], const sum_t *sums, const char *a, size_t size, const char *panel, const float *bias) {
    const cvt_int8_row *row = (const cvt_int8_row *)(const void *)(a + size - 64);
    const float *factors = (const float *)(const void *)panel;
    const vf scale = v_set(row->scale), shift = v_set(row->shift);
    for (size_t v = 0; v < NV; v++) {
        const vf sum = _mm512_cvtepi32_ps(_mm512_loadu_si512(sums + v * VL));
        x[v] = v_fma(sum, scale, shift * v_load(factors + NR + v * VL));
        x[v] = v_fma(x[v], v_load(factors + v * VL), v_load(bias + v * VL));
    }
}

#define TILE_READIES 0 /* a row's scale is known when all its columns are */
#define make_ready(row, column, x, columns) (void)(row)

#include "kernels/x86/amx_product.h"

const cvt_product_kernels cvt_product_int8_avx512amx = {.layout = INT8_TILE_LAYOUT,
                                                        .panel_size = int8_panel_size,
                                                        .pack_b = cvt_int8_pack_b_avx512amx,
                                                        .packed_row_size = int8_row_size,
                                                        .pack_a = int8_pack_a,
                                                        .gemm = amx_gemm,
                                                        .pack_window = int8_pack_window,
                                                        .window_floats = int8_window_floats,
                                                        .tiles = true,
                                                        .block = BLOCK};

TARGET_END
