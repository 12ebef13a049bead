/* dtype.c - element types, and how stored floats are widened to f32. */
#include "base/dtype.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/machine.h"
#include "base/num.h"

static const struct dtype {
    const char *name;
    size_t size;
    bool is_float;
} dtypes[CVT_DTYPE_COUNT] = {
#define X(id, name, bytes, is_float) [id] = {name, bytes, is_float},
    CVT_DTYPES(X)
#undef X
};

const char *cvt_dtype_name(cvt_dtype dtype) { return dtypes[dtype].name; }
size_t cvt_dtype_size(cvt_dtype dtype) { return dtypes[dtype].size; }
bool cvt_dtype_is_float(cvt_dtype dtype) { return dtypes[dtype].is_float; }

/* Does what cvt_f16_to_f32 does, without branches, so that the compiler can turn the loop over it into vector code. */
static inline float widen_f16(uint16_t half) {
    uint32_t magnitude = half & 0x7fffu, sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t special = magnitude >= 0x7c00u ? 112u << 23 : 0; /* infinity and NaN: the greatest exponent of f32 */
    uint32_t normal = (magnitude << 13) + (112u << 23) + special;
    uint32_t subnormal = cvt_f32_to_bits((float)(int32_t)magnitude * 0x1p-24f);
    uint32_t small = 0u - (magnitude < 0x400u); /* all ones or 0: gcc 12 does not vectorise a conditional */
    return cvt_bits_to_f32(sign | (subnormal & small) | (normal & ~small));
}

static void widen_f16s(float *to, const unsigned char *from, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, from + 2 * i, sizeof half);
        to[i] = widen_f16(half);
    }
}

static void widen_bf16s(float *to, const unsigned char *from, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, from + 2 * i, sizeof half);
        to[i] = cvt_bf16_to_f32(half);
    }
}

static void narrow_f64s(float *to, const unsigned char *from, size_t count) {
    for (size_t i = 0; i < count; i++) {
        double value;
        memcpy(&value, from + 8 * i, sizeof value);
        to[i] = (float)value;
    }
}

void cvt_dtype_widen(float *to, const void *from, cvt_dtype dtype, size_t count) {
    if (count == 0) return;
    switch (dtype) {
    case CVT_F32: memcpy(to, from, count * sizeof *to); break;
    case CVT_F16: widen_f16s(to, from, count); break;
    case CVT_BF16: widen_bf16s(to, from, count); break;
    case CVT_F64: narrow_f64s(to, from, count); break;
    case CVT_I8:
        for (size_t i = 0; i < count; i++) to[i] = (float)((const int8_t *)from)[i];
        break;
    default: assert(false && "a float type, or I8");
    }
}
