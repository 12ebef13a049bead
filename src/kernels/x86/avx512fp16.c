/* avx512fp16.c - products in f16 by AVX512-FP16: 32 multiply-adds of halves an instruction. */
#include <immintrin.h>
#include <string.h>

#include "kernels/f16.h"
#include "kernels/extensions.h"
#include "kernels/target.h"

TARGET_BEGIN("avx512fp16,avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")

#include "kernels/x86/vectors_avx512.h"

typedef __m512i vh, vw;

INLINE vh h_zero(void) { return _mm512_setzero_si512(); }
INLINE vh h_load(const void *p) { return _mm512_loadu_si512(p); }
INLINE vf h_low(vh x) { return _mm512_cvtph_ps(_mm512_castsi512_si256(x)); }
INLINE vf h_high(vh x) { return _mm512_cvtph_ps(_mm512_extracti64x4_epi64(x, 1)); }
INLINE vi h_max(vi a, vi b) { return (vi)_mm512_max_epi32((__m512i)a, (__m512i)b); }
INLINE int h_max_of(vi x) { return _mm512_reduce_max_epi32((__m512i)x); }
INLINE void h_store(void *p, vh x) { _mm512_storeu_si512(p, x); }
INLINE vu h_round(vf x) { return (vu)_mm512_cvtepu16_epi32(_mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT)); }

INLINE vw h_word(const void *p) {
    int word;
    memcpy(&word, p, sizeof word);
    return _mm512_set1_epi32(word);
}

/* As assembly: no type of half floats is needed, and no compiler moves the accumulators to and fro. */
INLINE vh h_fma(vw a, vh b, vh c) {
    __asm__("vfmadd231ph %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
    return c;
}

INLINE vh h_add(vh a, vh b) {
    __asm__("vaddph %0, %1, %0" : "+v"(b) : "v"(a));
    return b;
}

#include "kernels/tmpl/vector.h"
#include "kernels/tmpl/math.h"
#include "kernels/tmpl/stored.h"
#include "kernels/tmpl/pack.h"
#include "kernels/tmpl/product.h"
#include "kernels/tmpl/f16.h"

const cvt_product_kernels cvt_product_f16_avx512fp16 = PRODUCT_F16;

TARGET_END
