/* avx512bf16.c - products in bfloat16 by AVX512-BF16: vdpbf16ps, 32 multiply-adds an instruction, each word of two
 * neighbours along k times another, the odd product first. It is the micro-kernel of f32 over words. The packing of
 * both factors serves AMX too. Source: Intel's Architecture Instruction Set Extensions Programming Reference. */
#include <immintrin.h>
#include <string.h>

#include "base/num.h"
#include "kernels/extensions.h"
#include "kernels/target.h"

TARGET_BEGIN("avx512bf16,avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")

#include "kernels/x86/vectors_avx512.h"

/* As assembly: gcc 12 moves the accumulators of the intrinsic to and fro. */
INLINE vf v_dot_words(vf a, vf b, vf c) {
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
    return c;
}
#define V_STEP v_dot_words
#define LOW_TILES true

#include "kernels/tmpl/vector.h"
#include "kernels/tmpl/math.h"
#include "kernels/tmpl/stored.h"
#include "kernels/tmpl/pack.h"
#include "kernels/tmpl/product.h"
#include "kernels/tmpl/gemm.h"
#include "kernels/x86/bf16.h"

/* ---- rows and panels -------------------------------------------------------------------------------------------- */

/* 32 values in order; those from n on are 0. */
INLINE void round_run(char *to, const float *x, size_t n) {
    const vf low = v_load_n(x, n < VL ? n : VL);
    const vf high = n > VL ? v_load_n(x + VL, n - VL < VL ? n - VL : VL) : v_set(0);
    _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

void cvt_bf16_pack_a_avx512bf16(void *to, const float *a, size_t lda, int m, int k) {
    const size_t size = bf16_row_size(k), whole = (size_t)k / CVT_BF16_RUN * CVT_BF16_RUN;
    char *row = to;
    for (size_t i = 0; i < (size_t)m; i++, a += lda, row += size) {
        for (size_t j = 0; j < whole; j += CVT_BF16_RUN) round_run(row + 2 * j, a + j, CVT_BF16_RUN);
        if (whole < (size_t)k) round_run(row + 2 * whole, a + whole, (size_t)k - whole);
    }
}

/* 2 steps of k of VL columns, side by side in words. */
INLINE void round_words(char *to, const float *even, const float *odd) {
    const vu low = (vu)_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(v_load(even)));
    const vu high = (vu)_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(v_load(odd)));
    _mm512_storeu_si512(to, (__m512i)(low | high << 16));
}

/* `line`, `next`: bytes from a line of words to the next one, and from VL columns to the next ones. */
static void bf16_pack_b(char *panel, size_t line, size_t next, const void *w, cvt_dtype dtype, size_t ldw, int k,
                        int columns, const float *scale) {
    float stage[CVT_BF16_RUN * NR];
    for (int done = 0; done < k; done += CVT_BF16_RUN) {
        const int n = cvt_min_int(CVT_BF16_RUN, k - done);
        if (n < CVT_BF16_RUN) memset(stage, 0, sizeof stage);
        pack_b(stage, (const char *)w + (size_t)done * size_of(dtype), dtype, ldw, n, columns, scale);
        for (const float *at = stage; at < stage + CVT_BF16_RUN * NR; at += 2 * NR, panel += line)
            for (size_t j = 0; j < NV; j++) round_words(panel + j * next, at + j * VL, at + NR + j * VL);
    }
}

static void bf16_pack_panel(void *panel, const void *w, cvt_dtype dtype, size_t ldw, int k, int columns,
                            const float *scale) {
    bf16_pack_b(panel, NR * WORD, VL * WORD, w, dtype, ldw, k, columns, scale);
}

void cvt_bf16_pack_b_avx512amx(void *panel, const void *w, cvt_dtype dtype, size_t ldw, int k, int columns,
                               const float *scale) {
    bf16_pack_b(panel, VL * WORD, bf16_words(k) * VL * WORD, w, dtype, ldw, k, columns, scale);
}

/* ---- product --------------------------------------------------------------------------------------------------- */

static void bf16_gemm(const cvt_gemm *g) {
    cvt_gemm words = *g;
    words.k = (int)bf16_words(g->k);
    words.lda = bf16_row_size(g->k) / WORD;
    gemm(&words);
}

const cvt_product_kernels cvt_product_bf16_avx512bf16 = {.layout = BF16_LAYOUT,
                                                         .panel_size = bf16_panel_size,
                                                         .pack_b = bf16_pack_panel,
                                                         .packed_row_size = bf16_row_size,
                                                         .pack_a = cvt_bf16_pack_a_avx512bf16,
                                                         .gemm = bf16_gemm};

TARGET_END
