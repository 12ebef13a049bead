/* num.c - the 16-bit float formats, IEEE binary16 and bfloat16; random numbers; and a hash. */
#include "base/num.h"

uint16_t cvt_f32_to_bf16(float f) {
    uint32_t bits = cvt_f32_to_bits(f);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)((bits >> 16) | 0x40u);
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

float cvt_f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = (h >> 10) & 31u, mantissa = h & 0x3ffu;
    if (exponent == 31u) return cvt_bits_to_f32(sign | 0x7f800000u | (mantissa << 13));
    if (exponent) return cvt_bits_to_f32(sign | ((exponent + 112u) << 23) | (mantissa << 13));
    float magnitude = (float)mantissa * 0x1p-24f; /* zero or subnormal */
    return cvt_bits_to_f32(sign | cvt_f32_to_bits(magnitude));
}

uint16_t cvt_f32_to_f16(float f) {
    uint32_t bits = cvt_f32_to_bits(f), sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);
    if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* 65536 or more: infinity */
    if (magnitude < 0x38800000u) {                                   /* subnormal: adding 0.5 rounds at the bit 2^-24 */
        float rounded = cvt_bits_to_f32(magnitude) + 0.5f;
        return (uint16_t)(sign | (cvt_f32_to_bits(rounded) - 0x3f000000u));
    }
    uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
    return (uint16_t)(sign | ((rounded - 0x38000000u) >> 13));
}

uint64_t cvt_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t cvt_fnv1a(uint64_t salt, const void *bytes, size_t n) {
    const unsigned char *s = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ salt;
    for (size_t i = 0; i < n; i++) hash = (hash ^ s[i]) * UINT64_C(0x100000001b3);
    return hash;
}
