/* neonfp16.c - products in f16 by the half floats of ARMv8.2: 8 multiply-adds an instruction. */
#include <arm_neon.h>
#include <string.h>

#include "kernels/f16.h"
#include "kernels/extensions.h"
#include "kernels/target.h"

#ifdef __clang__
TARGET_BEGIN("fullfp16")
#else
TARGET_BEGIN("arch=armv8.2-a+fp16")
#endif

#include "kernels/arm/vectors_neon.h"

typedef float16x8_t vh;
typedef vf vw; /* its first lane is enough: a multiply-add takes one of either factor */

INLINE vh h_zero(void) { return vreinterpretq_f16_u16(vdupq_n_u16(0)); }
INLINE vh h_load(const void *p) { return vreinterpretq_f16_u16(vld1q_u16(p)); }
INLINE void h_store(void *p, vh x) { vst1q_u16(p, vreinterpretq_u16_f16(x)); }
INLINE vf h_low(vh x) { return vcvt_f32_f16(vget_low_f16(x)); }
INLINE vf h_high(vh x) { return vcvt_high_f32_f16(x); }
INLINE vu h_round(vf x) { return (vu)vmovl_u16(vreinterpret_u16_f16(vcvt_f16_f32(x))); }
INLINE vi h_max(vi a, vi b) { return (vi)vmaxq_s32((int32x4_t)a, (int32x4_t)b); }
INLINE int h_max_of(vi x) { return vmaxvq_s32((int32x4_t)x); }

/* As assembly: clang before 16 has the intrinsics only where all of a file is compiled for them, and gcc 12 would copy
 * words into all lanes. */
INLINE vw h_word(const void *p) {
    vw word;
    __asm__("ldr %s0, %1" : "=x"(word) : "m"(*(const uint32_t *)p));
    return word;
}

INLINE vh h_add(vh a, vh b) {
    __asm__("fadd %0.8h, %1.8h, %0.8h" : "+w"(b) : "w"(a));
    return b;
}

INLINE vh h_fma(vw a, vh b, vh c) {
    __asm__("fmla %0.8h, %2.8h, %1.h[0]" : "+w"(c) : "x"(a), "w"(b));
    return c;
}

#include "kernels/tmpl/vector.h"
#include "kernels/tmpl/math.h"
#include "kernels/tmpl/stored.h"
#include "kernels/tmpl/pack.h"
#include "kernels/tmpl/product.h"
#include "kernels/tmpl/f16.h"

const cvt_product_kernels cvt_product_f16_neonfp16 = PRODUCT_F16;

TARGET_END
