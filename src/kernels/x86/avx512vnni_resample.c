/* avx512vnni_resample.c - the horizontal pass of a resize by AVX-512 VNNI: dot products of unsigned bytes of pixels by
 * signed bytes of weights, exact modulo 2^32, put together as the digits of a number are. */
#include <immintrin.h>
#include <string.h>

#include "base/num.h"
#include "kernels/extensions.h"
#include "kernels/target.h"

TARGET_BEGIN("avx512f,avx512bw,avx512vl,avx512vnni")

#include "kernels/tmpl/copy_pixels.h"

enum {
    LANES = CVT_RESAMPLE_LANES,
    QUAD = CVT_RESAMPLE_QUAD,
    DIGITS = CVT_RESAMPLE_DIGITS,
    PIXEL = 4,            /* bytes of a pixel in scratch; the last has no meaning */
    BAND = LANES / PIXEL, /* rows that are taken at once */
    VECTORS = LANES / 16,
};

/* Pixels of n rows into a band of quads, band[x / QUAD][row][channel][QUAD]. */
static void deal(uint8_t *band, const uint8_t *from, size_t from_ld, size_t width, size_t n) {
    const __m128i order = _mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1);
    for (size_t x = 0; x < width; x += QUAD, band += LANES * QUAD) {
        const uint8_t *at = from + x * 3;
        uint8_t last[16] = {0};
        const bool inside = (width - x) * 3 >= sizeof last;
        for (size_t r = 0; r < n; r++, at += from_ld) {
            if (!inside) memcpy(last, at, 3 * (width - x < QUAD ? width - x : QUAD));
            const __m128i four = _mm_loadu_si128((const void *)(inside ? at : last));
            _mm_storeu_si128((void *)(band + r * PIXEL * QUAD), _mm_shuffle_epi8(four, order));
        }
    }
}

/* LANES sums over quads. */
static void weigh(uint8_t *to, const uint8_t *from, const int8_t *digits, size_t quads) {
    __m512i sums[DIGITS][VECTORS];
    for (int d = 0; d < DIGITS; d++)
        for (int v = 0; v < VECTORS; v++) sums[d][v] = _mm512_set1_epi32(d == 0 ? 1 << (CVT_RESAMPLE_FRACTION - 1) : 0);
    for (size_t q = 0; q < quads; q++, from += LANES * QUAD, digits += DIGITS * QUAD)
        for (int d = 0; d < DIGITS; d++) {
            int32_t four;
            memcpy(&four, digits + d * QUAD, sizeof four);
            for (int v = 0; v < VECTORS; v++)
                sums[d][v] =
                    _mm512_dpbusd_epi32(sums[d][v], _mm512_loadu_si512(from + v * 64), _mm512_set1_epi32(four));
        }
    for (int v = 0; v < VECTORS; v++) {
        const __m512i high = _mm512_add_epi32(_mm512_slli_epi32(sums[2][v], 8), sums[1][v]);
        __m512i sum = _mm512_add_epi32(_mm512_slli_epi32(high, 8), sums[0][v]);
        sum = _mm512_max_epi32(_mm512_srai_epi32(sum, CVT_RESAMPLE_FRACTION), _mm512_setzero_si512());
        _mm_storeu_si128((void *)(to + v * 16), _mm512_cvtusepi32_epi8(sum));
    }
}

static void horizontal(const cvt_resample_axis *a, uint8_t *to, size_t to_ld, const uint8_t *from, size_t from_ld,
                       int height, uint8_t *scratch) {
    const size_t width = (size_t)a->length, count = (size_t)a->count;
    const size_t line = cvt_resample_quads(a->stride) * DIGITS * QUAD;
    uint8_t *results = scratch + (width + QUAD) * LANES;
    for (int y = 0; y < height; y += BAND) {
        uint8_t *out = to + (size_t)y * to_ld;
        const uint8_t *in = from + (size_t)y * from_ld;
        const size_t n = (size_t)cvt_min_int(BAND, height - y);
        deal(scratch, in, from_ld, width, n);
        for (size_t o = 0; o < count; o++) {
            const int first = a->first[o] / QUAD, end = (a->first[o] + a->terms[o] + QUAD - 1) / QUAD;
            weigh(results + o * LANES, scratch + (size_t)first * LANES * QUAD, a->digits + o * line,
                  (size_t)(end - first));
        }
        for (size_t r = 0; r < n; r++) copy_pixels(out + r * to_ld, 3, results + r * PIXEL, LANES, count);
    }
}

const cvt_resample_kernels cvt_resample_avx512vnni = {
    .digits = true, .vertical = cvt_resample_vertical_avx2, .horizontal = horizontal};

TARGET_END
