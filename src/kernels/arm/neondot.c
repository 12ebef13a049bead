/* neondot.c - products in int8 by the dot product instructions of ARMv8.2: 16 products of bytes an instruction.
 * Both factors are signed, so that rows hold q - 128. */
#include <arm_neon.h>
#include <string.h>

#include "base/num.h"
#include "kernels/extensions.h"
#include "kernels/int8.h"
#include "kernels/target.h"

#ifdef __clang__
TARGET_BEGIN("dotprod")
#else
TARGET_BEGIN("arch=armv8.2-a+dotprod")
#endif

#include "kernels/arm/vectors_neon.h"

#define DOT_GROUP 4
#define DOT_DEPTH 4
enum { DOT_OFFSET = 128 };
typedef int8_t dot_t;

/* As assembly: clang before 16 has the intrinsic only where all of a file is compiled for it. */
INLINE vi v_dot(vi sum, vi a, vi b) {
    __asm__("sdot %0.4s, %1.16b, %2.16b" : "+w"(sum) : "w"(a), "w"(b));
    return sum;
}

#include "kernels/tmpl/vector.h"
#include "kernels/tmpl/math.h"
#include "kernels/tmpl/stored.h"
#include "kernels/tmpl/product.h"
#include "kernels/tmpl/int8.h"
#include "kernels/tmpl/exp_rows.h"
#include "kernels/tmpl/attention_int8.h"

const cvt_product_kernels cvt_product_int8_neondot = PRODUCT_INT8;
const cvt_attention_kernels cvt_attention_int8_neondot = ATTENTION_INT8;

TARGET_END
