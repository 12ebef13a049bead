/* resample.c - the weights of a resize as digits, for kernels that multiply bytes. */
#include "kernels/resample.h"

#include <assert.h>
#include <string.h>

enum { QUAD = CVT_RESAMPLE_QUAD, DIGITS = CVT_RESAMPLE_DIGITS };

void cvt_resample_split(int8_t *digits, const cvt_resample_axis *a) {
    const size_t line = cvt_resample_quads(a->stride) * DIGITS * QUAD;
    memset(digits, 0, (size_t)a->count * line);
    for (int o = 0; o < a->count; o++, digits += line) {
        for (int j = 0; j < a->terms[o]; j++) {
            int32_t rest = a->weights[(size_t)o * a->stride + (size_t)j];
            const size_t at = (size_t)(a->first[o] % QUAD + j);
            int8_t *digit = digits + at / QUAD * DIGITS * QUAD + at % QUAD;
            for (int d = 0; d < DIGITS; d++, digit += QUAD) {
                *digit = (int8_t)(((rest + 128) & 255) - 128);
                rest = (rest - *digit) / 256;
            }
            assert(rest == 0);
        }
    }
}
