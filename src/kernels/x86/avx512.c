/* avx512.c - all kernels for AVX-512 F, VL, BW and DQ; the levels with extensions share them, with
 * products of their own. */
#include <immintrin.h>
#include <string.h>

#include "base/num.h"
#include "kernels/extensions.h"
#include "kernels/int8.h"
#include "kernels/kernels.h"
#include "kernels/target.h"

TARGET_BEGIN("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")

#include "kernels/x86/vectors_avx512.h"

#define DOT_GROUP 2
#define DOT_DEPTH 2
enum { DOT_OFFSET = 0 };
typedef int16_t dot_t;
#define v_dot(sum, a, b) ((sum) + (vi)_mm512_madd_epi16((__m512i)(a), (__m512i)(b)))

#include "kernels/tmpl/all.h"

CVT_KERNEL_TABLE(avx512, &product_f32, &product_f32, &product_int8, &attention_f32, &attention_f32, &attention_f32,
                 &cvt_resample_avx2)
CVT_KERNEL_TABLE(avx512vnni, &product_f32, &product_f32, &cvt_product_int8_avx512vnni, &attention_f32, &attention_f32,
                 &cvt_attention_int8_avx512vnni, &cvt_resample_avx512vnni)
CVT_KERNEL_TABLE(avx512bf16, &product_f32, &cvt_product_bf16_avx512bf16, &cvt_product_int8_avx512vnni, &attention_f32,
                 &attention_f32, &cvt_attention_int8_avx512vnni, &cvt_resample_avx512vnni)
CVT_KERNEL_TABLE(avx512fp16, &cvt_product_f16_avx512fp16, &cvt_product_bf16_avx512bf16, &cvt_product_int8_avx512vnni,
                 &attention_f32, &attention_f32, &cvt_attention_int8_avx512vnni, &cvt_resample_avx512vnni)
CVT_KERNEL_TABLE(avx512amx, &cvt_product_f16_avx512fp16, &cvt_product_bf16_avx512amx, &cvt_product_int8_avx512amx,
                 &attention_f32, &cvt_attention_avx512amx, &cvt_attention_avx512amx, &cvt_resample_avx512vnni)

TARGET_END
