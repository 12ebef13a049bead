/* int8.h - products in int8: the micro-kernel of gemm.h with sums of small integers in place of multiply-adds. Besides
 * what int8_rows.h asks for, the including file defines
 *   v_dot(sum, a, b)   sum + the products of a group, lane by lane; a holds the same group in every lane */

#include "kernels/tmpl/int8_rows.h"
#include "kernels/tmpl/int8_pack.h"

enum { DOT_LINE = NR * DOT_GROUP };

/* ---- product --------------------------------------------------------------------------------------------------- */

INLINE vi dot_word(const char *p) {
    float word;
    memcpy(&word, p, sizeof word);
    return (vi)v_set(word);
}

INLINE vi dot_load(const char *p) { return (vi)v_load((const float *)(const void *)p); }

INLINE void multiply_dot_tile(const packed_tile *t, size_t rows) {
    const char *b = cvt_int8_values(t->panel, NR), *ahead = t->ahead, *a[MR];
    const float *factors = (const float *)(const void *)t->panel, *sums = factors + NR;
    const size_t groups = t->steps, step = t->step;
    vi c[MR][NV];
    EACH(i, MR, rows) {
        a[i] = t->a + i * t->size;
        EACH(j, NV, NV) c[i][j] = (vi)v_set(0);
    }
    for (size_t g = 0; g < groups; g++, b += DOT_LINE * sizeof(dot_t)) {
        vi v[NV];
        EACH(j, NV, NV) v[j] = dot_load(b + j * VL * sizeof(int));
        EACH(i, MR, rows) {
            const vi x = dot_word(a[i] + g * sizeof(int));
            EACH(j, NV, NV) {
                c[i][j] = v_dot(c[i][j], x, v[j]);
                V_KEEP(c[i][j]);
            }
        }
        __builtin_prefetch(ahead, 0, 2);
        ahead += step;
    }
    EACH(i, MR, rows) {
        const cvt_int8_row *row = (const cvt_int8_row *)(const void *)(a[i] + t->size - 64);
        const vf scale = v_set(row->scale), shift = v_set(row->shift);
        EACH(j, NV, NV) {
            vf y = v_fma(__builtin_convertvector(c[i][j], vf), scale, shift * v_load(sums + j * VL));
            y = v_fma(y, v_load(factors + j * VL), v_load(t->bias + j * VL));
            v_store(t->c + i * t->ldc + j * VL, y);
        }
    }
}

/* dot_tile_1 ... dot_tile_6 */
#define DOT_TILE(rows) \
    static void dot_tile_##rows(const packed_tile *t) { multiply_dot_tile(t, rows); }
#define DOT_TILE_NAME(rows) dot_tile_##rows,
TILE_ROWS(DOT_TILE)

static void run_dot_tile(const packed_tile *t, size_t rows) {
    static void (*const tiles[MR])(const packed_tile *) = {TILE_ROWS(DOT_TILE_NAME)};
    tiles[rows - 1](t);
}

static void int8_gemm(const cvt_gemm *g) {
    const packed_tile t = {.steps = ((size_t)g->k + DOT_GROUP - 1) / DOT_GROUP, .size = int8_row_size(g->k)};
    run_packed_tiles(g, t, int8_panel_size(g->k), 64, MR, true, run_dot_tile);
}

#define PRODUCT_INT8                                                                                                   \
    {                                                                                                                  \
        .layout = INT8_LAYOUT, .panel_size = int8_panel_size, .pack_b = int8_pack_b, .packed_row_size = int8_row_size, \
        .pack_a = int8_pack_a, .pack_window = int8_pack_window, .window_floats = int8_window_floats,                   \
        .gemm = int8_gemm,                                                                                             \
    }
