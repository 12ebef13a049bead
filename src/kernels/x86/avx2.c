/* avx2.c - all kernels for AVX2, FMA and F16C; the level with an extension shares them, with products of its own. */
#include <immintrin.h>
#include <string.h>

#include "base/num.h"
#include "kernels/extensions.h"
#include "kernels/int8.h"
#include "kernels/kernels.h"
#include "kernels/target.h"

TARGET_BEGIN("avx2,fma,f16c")

#include "kernels/x86/vectors_avx2.h"

#define DOT_GROUP 2
#define DOT_DEPTH 2
enum { DOT_OFFSET = 0 };
typedef int16_t dot_t;
#define v_dot(sum, a, b) ((sum) + (vi)_mm256_madd_epi16((__m256i)(a), (__m256i)(b)))

#include "kernels/tmpl/all.h"
#include "kernels/tmpl/copy_pixels.h"
#include "kernels/tmpl/resample.h"

const cvt_resample_kernels cvt_resample_avx2 = {.vertical = resample_vertical, .horizontal = resample_horizontal};

void cvt_resample_vertical_avx2(const cvt_resample_axis *a, uint8_t *to, size_t to_ld, const uint8_t *from,
                                size_t from_ld, size_t n) {
    resample_vertical(a, to, to_ld, from, from_ld, n);
}

CVT_KERNEL_TABLE(avx2, &product_f32, &product_f32, &product_int8, &attention_f32, &attention_f32, &attention_f32,
                 &cvt_resample_avx2)
CVT_KERNEL_TABLE(avx2vnni, &product_f32, &product_f32, &cvt_product_int8_avx2vnni, &attention_f32, &attention_f32,
                 &cvt_attention_int8_avx2vnni, &cvt_resample_avx2)

TARGET_END
