/* resample.h - the passes of a resize as plain loops over LANES bytes side by side, which the compiler turns into the
 * vectors of the including file. */

enum {
    LANES = CVT_RESAMPLE_LANES,
    PIXEL = 4,            /* bytes of a pixel in scratch: three, and one without meaning that makes copying fast */
    BAND = LANES / PIXEL, /* rows that the horizontal pass takes at once */
};

INLINE uint8_t resample_rounded(int32_t sum) {
    const int32_t value = sum >> CVT_RESAMPLE_FRACTION;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* to[i] = the sum over j of weights[j] * from[j * step + i]. Sums stay below 2^31, as the weights do below 2^23. */
INLINE void resample_lanes(uint8_t *to, const uint8_t *from, size_t step, const int32_t *weights, int n) {
    int32_t sum[LANES];
    for (int i = 0; i < LANES; i++) sum[i] = 1 << (CVT_RESAMPLE_FRACTION - 1);
    for (int j = 0; j < n; j++, from += step)
        for (int i = 0; i < LANES; i++) sum[i] += weights[j] * from[i];
    for (int i = 0; i < LANES; i++) to[i] = resample_rounded(sum[i]);
}

INLINE uint8_t resample_one(const uint8_t *from, size_t step, const int32_t *weights, int n) {
    int32_t sum = 1 << (CVT_RESAMPLE_FRACTION - 1);
    for (int j = 0; j < n; j++, from += step) sum += weights[j] * *from;
    return resample_rounded(sum);
}

static void resample_vertical(const cvt_resample_axis *a, uint8_t *to, size_t to_ld, const uint8_t *from,
                              size_t from_ld, size_t n) {
    for (int o = 0; o < a->count; o++, to += to_ld) {
        const uint8_t *top = from + (size_t)a->first[o] * from_ld;
        const int32_t *weights = a->weights + (size_t)o * a->stride;
        size_t at = 0;
        for (; at + LANES <= n; at += LANES) resample_lanes(to + at, top + at, from_ld, weights, a->terms[o]);
        for (; at < n; at++) to[at] = resample_one(top + at, from_ld, weights, a->terms[o]);
    }
}

/* Rows are taken in bands, scratch[x][row][PIXEL], so that the sums of all rows of a band run side by side. */
static void resample_horizontal(const cvt_resample_axis *a, uint8_t *to, size_t to_ld, const uint8_t *from,
                                size_t from_ld, int height, uint8_t *scratch) {
    const size_t width = (size_t)a->length, count = (size_t)a->count;
    uint8_t *results = scratch + width * LANES;
    for (int y = 0; y < height; y += BAND) {
        uint8_t *out = to + (size_t)y * to_ld;
        const uint8_t *in = from + (size_t)y * from_ld;
        const size_t n = (size_t)cvt_min_int(BAND, height - y);
        for (size_t r = 0; r < n; r++) copy_pixels(scratch + r * PIXEL, LANES, in + r * from_ld, 3, width);
        for (size_t o = 0; o < count; o++)
            resample_lanes(results + o * LANES, scratch + (size_t)a->first[o] * LANES, LANES,
                           a->weights + o * a->stride, a->terms[o]);
        for (size_t r = 0; r < n; r++) copy_pixels(out + r * to_ld, 3, results + r * PIXEL, LANES, count);
    }
}
