/* bf16.h - how products in bfloat16 by AVX512-BF16 and by AMX lay out their factors: in words of two neighbours along
 * k, padded with 0 to runs of CVT_BF16_RUN. A row of packed A is so many words, a panel as many lines of NR words; for
 * AMX, which reads VL columns at a time, it is NV times as many lines of VL words. Rows are an odd number of cache
 * lines apart. */

enum { RUN_WORDS = CVT_BF16_RUN / 2, WORD = 4 };
#define BF16_LAYOUT "bf16 " TEXT(NV) "x" TEXT(VL)
#define BF16_TILE_LAYOUT "bf16 " TEXT(NV) "/" TEXT(VL)

static size_t bf16_words(int k) { return ((size_t)k + CVT_BF16_RUN - 1) / CVT_BF16_RUN * RUN_WORDS; }
static size_t bf16_row_size(int k) { return cvt_odd_lines(bf16_words(k) * WORD); }
static size_t bf16_panel_size(int k) { return bf16_words(k) * WORD * NR; }
