/* all.h - all kernels, written once over the vectors that the including file of x86/ or arm/ defines:
 *   vf, vu          a vector of VL floats; the unsigned integers of the same size
 *   MR, NV          rows of the GEMM's micro-tile, 4 or 6, and its vectors across, 2 or 4; NR = NV * VL columns
 *   v_set, v_load, v_store, v_fma, v_lanes (0, 1, 2 ...); d_fma, of doubles
 *   v_load_part, v_store_part: the first n lanes, 0 < n <= VL; a load sets the others to 0
 *   v_max, v_min    where either is NaN: the second operand, or NaN
 *   v_sum, v_largest, s_sqrt, v_load_f16, v_load_bf16
 *   v_load_rows4    4 floats from each of the VL / 4 rows p, p + 4 ld, p + 8 ld ..., a row in each 128-bit lane
 *   v_transpose4    4 x 4 transposed within each 128-bit lane
 *   V_KEEP          holds an accumulator in its register, where a compiler needs to be told
 *   v_dot and others: see int8.h and int8_rows.h
 * + - * / & ~ << < on vectors are the compiler's. No header may come after this one: all that follows is compiled for
 * the instruction set of the including file. */

#include "kernels/tmpl/vector.h"
#include "kernels/tmpl/math.h"
#include "kernels/tmpl/stored.h"
#include "kernels/tmpl/pack.h"
#include "kernels/tmpl/product.h"
#include "kernels/tmpl/gemm.h"
#include "kernels/tmpl/int8.h"
#include "kernels/tmpl/exp_rows.h"
#include "kernels/tmpl/rows.h"
#include "kernels/tmpl/attention.h"
#include "kernels/tmpl/dwconv.h"
#include "kernels/tmpl/doubles.h"
#include "kernels/tmpl/peak.h"

static size_t f32_panel_size(int k) { return (size_t)k * NR * sizeof(float); }
static size_t f32_row_size(int k) {
    (void)k;
    return 0;
}

static const cvt_product_kernels product_f32 = {.layout = "f32 " TEXT(NV) "x" TEXT(VL),
                                                .panel_size = f32_panel_size,
                                                .pack_b = pack_b,
                                                .packed_row_size = f32_row_size,
                                                .gemm = gemm};
static const cvt_product_kernels product_int8 = PRODUCT_INT8;

static const cvt_attention_kernels attention_f32 = {
    .panels = attention_panels, .pack = attention_pack, .scratch = attention_scratch, .run = attention};

/* Besides f32: products in f16, bf16 and int8; attention in the same three; and the passes of a resize. */
#define CVT_KERNEL_TABLE(isa, f16, bf16, int8, attention16, attention_bf16, attention8, resize) \
    extern const cvt_kernels cvt_kernels_##isa;                                                 \
    const cvt_kernels cvt_kernels_##isa = {                                                     \
        .name = #isa,                                                                           \
        .mr = MR,                                                                               \
        .nr = (int)NR,                                                                          \
        .pack_kn = pack_kn,                                                                     \
        .product = {&product_f32, f16, bf16, int8},                                             \
        .attention = {&attention_f32, attention16, attention_bf16, attention8},                 \
        .resample = resize,                                                                     \
        .dwconv = dwconv,                                                                       \
        .layer_norm = layer_norm,                                                               \
        .affine = affine,                                                                       \
        .add = add,                                                                             \
        .add_doubles = add_doubles,                                                             \
        .softmax = softmax,                                                                     \
        .exp = exp_all,                                                                         \
        .mean_rows = mean_rows,                                                                 \
        .peak = peak,                                                                           \
    };
