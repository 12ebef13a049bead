/* avx2vnni.c - products in int8 by AVX-VNNI: vpdpbusd, 32 products of bytes an instruction. */
#include <immintrin.h>
#include <string.h>

#include "base/num.h"
#include "kernels/extensions.h"
#include "kernels/int8.h"
#include "kernels/target.h"

TARGET_BEGIN("avxvnni,avx2,fma,f16c")

#include "kernels/x86/vectors_avx2.h"

#define DOT_GROUP 4
#define DOT_DEPTH 4
enum { DOT_OFFSET = 0 };
typedef uint8_t dot_t;

/* As assembly: gcc 12 moves the accumulators of the intrinsic to and fro. {vex}: not the encoding of AVX-512. */
INLINE vi v_dot(vi sum, vi a, vi b) {
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
    return sum;
}

#include "kernels/tmpl/vector.h"
#include "kernels/tmpl/math.h"
#include "kernels/tmpl/stored.h"
#include "kernels/tmpl/product.h"
#include "kernels/tmpl/int8.h"
#include "kernels/tmpl/exp_rows.h"
#include "kernels/tmpl/attention_int8.h"

const cvt_product_kernels cvt_product_int8_avx2vnni = PRODUCT_INT8;
const cvt_attention_kernels cvt_attention_int8_avx2vnni = ATTENTION_INT8;

TARGET_END
