/* neon.c - all kernels for Advanced SIMD, which every AArch64 has; the levels with extensions share them,
 * with products of their own. */
#include <arm_neon.h>
#include <string.h>

#include "base/num.h"
#include "kernels/extensions.h"
#include "kernels/int8.h"
#include "kernels/kernels.h"
#include "kernels/target.h"

#include "kernels/arm/vectors_neon.h"

#define DOT_GROUP 2
#define DOT_DEPTH 2
enum { DOT_OFFSET = 0 };
typedef int16_t dot_t;
INLINE vi v_dot(vi sum, vi a, vi b) {
    const int16x8_t x = (int16x8_t)a, y = (int16x8_t)b;
    const int32x4_t low = vmull_s16(vget_low_s16(x), vget_low_s16(y)), high = vmull_high_s16(x, y);
    return sum + (vi)vpaddq_s32(low, high);
}

#include "kernels/tmpl/all.h"
#include "kernels/tmpl/copy_pixels.h"
#include "kernels/tmpl/resample.h"

static const cvt_resample_kernels resample = {.vertical = resample_vertical, .horizontal = resample_horizontal};

CVT_KERNEL_TABLE(neon, &product_f32, &product_f32, &product_int8, &attention_f32, &attention_f32, &attention_f32,
                 &resample)
CVT_KERNEL_TABLE(neondot, &product_f32, &product_f32, &cvt_product_int8_neondot, &attention_f32, &attention_f32,
                 &cvt_attention_int8_neondot, &resample)
CVT_KERNEL_TABLE(neonfp16, &cvt_product_f16_neonfp16, &product_f32, &cvt_product_int8_neondot, &attention_f32,
                 &attention_f32, &cvt_attention_int8_neondot, &resample)
CVT_KERNEL_TABLE(neonbf16, &cvt_product_f16_neonfp16, &cvt_product_bf16_neonbf16, &cvt_product_int8_neondot,
                 &attention_f32, &attention_f32, &cvt_attention_int8_neondot, &resample)
