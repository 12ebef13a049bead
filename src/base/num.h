/* num.h - checked arithmetic on sizes from outside, the 16-bit float formats, random numbers, and a hash. */
#ifndef CVT_BASE_NUM_H
#define CVT_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Each sets *out and returns true if the result fits, else returns false. */
static inline bool cvt_add_size(size_t a, size_t b, size_t *out) { return !__builtin_add_overflow(a, b, out); }
static inline bool cvt_mul_size(size_t a, size_t b, size_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool cvt_mul_i64(int64_t a, int64_t b, int64_t *out) { return !__builtin_mul_overflow(a, b, out); }

static inline int cvt_min_int(int a, int b) { return a < b ? a : b; }
static inline int cvt_max_int(int a, int b) { return a > b ? a : b; }
/* How many parts of `part` make up `total`, of which the last may be smaller. */
static inline int cvt_div_up(int total, int part) { return (total + part - 1) / part; }
/* The least multiple of `unit` that is not below n. */
static inline size_t cvt_round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

static inline float cvt_bits_to_f32(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint32_t cvt_f32_to_bits(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static inline float cvt_bf16_to_f32(uint16_t h) { return cvt_bits_to_f32((uint32_t)h << 16); }

/* Conversions of 16-bit floats. Narrowing rounds to nearest, ties to even; NaN stays NaN. */
uint16_t cvt_f32_to_bf16(float f);
float cvt_f16_to_f32(uint16_t h);
uint16_t cvt_f32_to_f16(float f);

/* The next random number of splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014):
 * the same on every machine. `state` is any number at first. */
uint64_t cvt_random(uint64_t *state);

/* The 64-bit hash FNV-1a of n bytes, as its authors give it for a salt of 0; another salt makes it another hash. */
uint64_t cvt_fnv1a(uint64_t salt, const void *bytes, size_t n);

#endif
