/* sse2.c - 4 lanes: SSE2, which every x86-64 has. No fused multiply-add: a product and a sum, each rounded.
 * 16 registers: 8 accumulators, 2 of B, 1 broadcast, 1 for the product. */
#include <emmintrin.h>
#include <string.h>

#include "base/num.h"
#include "kernels/int8.h"
#include "kernels/kernels.h"
#include "kernels/target.h"

#define VL 4
#define MR 4
#define NV 2
typedef __m128 vf;
typedef unsigned vu __attribute__((vector_size(16)));
typedef int vi __attribute__((vector_size(16)));

#define V_KEEP(x) __asm__ volatile("" : "+x"(x))
INLINE vf v_set(float x) { return _mm_set1_ps(x); }
INLINE vf v_load(const float *p) { return _mm_loadu_ps(p); }
INLINE void v_store(float *p, vf x) { _mm_storeu_ps(p, x); }
INLINE vf v_fma(vf a, vf b, vf c) { return a * b + c; }
INLINE __m128d d_fma(__m128d a, __m128d b, __m128d c) { return a * b + c; }
INLINE vf v_max(vf a, vf b) { return _mm_max_ps(a, b); }
INLINE vf v_min(vf a, vf b) { return _mm_min_ps(a, b); }
INLINE vu v_lanes(void) { return (vu){0, 1, 2, 3}; }

INLINE vf v_load_part(const float *p, size_t n) {
    float padded[VL] = {0};
    memcpy(padded, p, n * sizeof *p);
    return v_load(padded);
}

INLINE void v_store_part(float *p, vf x, size_t n) {
    float padded[VL];
    v_store(padded, x);
    memcpy(p, padded, n * sizeof *p);
}

INLINE float v_sum(vf x) {
    x += _mm_movehl_ps(x, x);
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)));
}

INLINE float v_largest(vf x) {
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_shuffle_ps(x, x, 1)));
}

INLINE float s_sqrt(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }

INLINE vf v_load_f16(const uint16_t *p) {
    return _mm_setr_ps(cvt_f16_to_f32(p[0]), cvt_f16_to_f32(p[1]), cvt_f16_to_f32(p[2]), cvt_f16_to_f32(p[3]));
}

INLINE vf v_load_bf16(const uint16_t *p) {
    __m128i half = _mm_loadl_epi64((const __m128i *)(const void *)p);
    return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), half));
}

INLINE vf v_load_rows4(const float *p, size_t ld) {
    (void)ld;
    return v_load(p);
}

INLINE void v_transpose4(vf x[4]) { _MM_TRANSPOSE4_PS(x[0], x[1], x[2], x[3]); }

#define DOT_GROUP 2
#define DOT_DEPTH 2
enum { DOT_OFFSET = 0 };
typedef int16_t dot_t;
#define v_dot(sum, a, b) ((sum) + (vi)_mm_madd_epi16((__m128i)(a), (__m128i)(b)))

#include "kernels/tmpl/all.h"
#include "kernels/tmpl/copy_pixels.h"
#include "kernels/tmpl/resample.h"

static const cvt_resample_kernels resample = {.vertical = resample_vertical, .horizontal = resample_horizontal};

CVT_KERNEL_TABLE(sse2, &product_f32, &product_f32, &product_int8, &attention_f32, &attention_f32, &attention_f32,
                 &resample)
