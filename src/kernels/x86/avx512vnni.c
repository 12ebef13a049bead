/* avx512vnni.c - products in int8 by AVX-512 VNNI: vpdpbusd, 64 products of bytes an instruction. */
#include <immintrin.h>
#include <string.h>

#include "base/num.h"
#include "kernels/extensions.h"
#include "kernels/int8.h"
#include "kernels/target.h"

TARGET_BEGIN("avx512vnni,avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")

#include "kernels/x86/vectors_avx512.h"

#define DOT_GROUP 4
#define DOT_DEPTH 64
enum { DOT_OFFSET = 0 };
typedef uint8_t dot_t;

/* As assembly: gcc 12 moves the accumulators of the intrinsic to and fro. */
INLINE vi v_dot(vi sum, vi a, vi b) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
}

#include "kernels/tmpl/vector.h"
#include "kernels/tmpl/math.h"
#include "kernels/tmpl/stored.h"
#include "kernels/tmpl/product.h"
#include "kernels/tmpl/int8.h"
#include "kernels/tmpl/exp_rows.h"
#include "kernels/tmpl/attention_int8.h"

const cvt_product_kernels cvt_product_int8_avx512vnni = PRODUCT_INT8;
const cvt_attention_kernels cvt_attention_int8_avx512vnni = ATTENTION_INT8;

void cvt_int8_pack_b_avx512amx(void *panel, const void *w, cvt_dtype dtype, size_t ldw, int k, int columns,
                               const float *scale) {
    int8_pack_across(panel, VL, w, dtype, ldw, k, (size_t)columns, scale);
}

TARGET_END
