/* f16.h - what products in f16 share (the arithmetic is in kernels.h): the powers of two that bring rows into range. */
#ifndef CVT_KERNELS_F16_H
#define CVT_KERNELS_F16_H

#include "base/num.h"
#include "kernels/kernels.h"

typedef struct cvt_f16_scale {
    float to, from; /* 2^(3 - e), 2^(e - 3) */
} cvt_f16_scale;

/* The scale of a row whose largest magnitude is `max`, of exponent e; e is taken as at least -100. If a value of the
 * row is not finite, neither is `max`, and `from` is NaN. */
static inline cvt_f16_scale cvt_f16_scale_of(float max) {
    const uint32_t exponent = cvt_f32_to_bits(max) >> 23 & 255, e = exponent < 27 ? 27 : exponent;
    if (e == 255) return (cvt_f16_scale){1, cvt_bits_to_f32(0x7fc00000u)};
    return (cvt_f16_scale){cvt_bits_to_f32((257 - e) << 23), cvt_bits_to_f32((e - 3) << 23)};
}

#endif
