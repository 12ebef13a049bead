/* extensions.h - kernels by instructions that only some CPUs of a level have. Each has a file of its own in x86/ or
 * arm/; the file of the level, which has all other kernels, puts them into the tables of the levels with extensions in
 * isa.def. */
#ifndef CVT_KERNELS_EXTENSIONS_H
#define CVT_KERNELS_EXTENSIONS_H

#include "kernels/kernels.h"

extern const cvt_product_kernels cvt_product_f16_avx512fp16, cvt_product_f16_neonfp16;
extern const cvt_product_kernels cvt_product_bf16_avx512bf16, cvt_product_bf16_avx512amx, cvt_product_bf16_neonbf16;
extern const cvt_product_kernels cvt_product_int8_avx2vnni, cvt_product_int8_avx512vnni, cvt_product_int8_avx512amx,
    cvt_product_int8_neondot;
/* The panels of products by AMX, which the files of VNNI and AVX512-BF16 make. In bfloat16 the rows are those of
 * products by AVX512-BF16. */
void cvt_int8_pack_b_avx512amx(void *panel, const void *w, cvt_dtype dtype, size_t ldw, int k, int columns,
                               const float *scale);
void cvt_bf16_pack_a_avx512bf16(void *to, const float *a, size_t lda, int m, int k);
void cvt_bf16_pack_b_avx512amx(void *panel, const void *w, cvt_dtype dtype, size_t ldw, int k, int columns,
                               const float *scale);

/* The passes of a resize by AVX2, for the tables of AVX-512 too; by VNNI the horizontal one only. */
extern const cvt_resample_kernels cvt_resample_avx2, cvt_resample_avx512vnni;
void cvt_resample_vertical_avx2(const cvt_resample_axis *a, uint8_t *to, size_t to_ld, const uint8_t *from,
                                size_t from_ld, size_t n);

extern const cvt_attention_kernels cvt_attention_avx512amx; /* in bfloat16 */
extern const cvt_attention_kernels cvt_attention_int8_avx2vnni, cvt_attention_int8_avx512vnni,
    cvt_attention_int8_neondot;

#endif
