/* resample.c - Image.resize of Pillow 13 on 8-bit RGB, exact to the bit, of which only a window is computed.
 *
 * Each axis is a pass of its own. Output o of a pass from `in` to `out` positions is a weighted sum over positions j,
 *   scale = in / out, fs = max(scale, 1), s = support fs, c = (o + 0.5) scale
 *   j from max(0, (int)(c - s + 0.5)) up to min(in, (int)(c + s + 0.5)),  weight_j = f((j - c + 0.5) / fs) / sum
 * with the weights in fixed point of 22 bits, and results rounded and clamped to 8 bits after each pass. A pass that
 * keeps the size is left out. Horizontal comes first, but (new in Pillow 13) vertical where the height shrinks much
 * more than the width: h > H and h - H > 2 (w - W). The filter `nearest` takes the pixel under c. Source: the behaviour
 * of Pillow 13.0.0 as measured. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "base/num.h"
#include "image/image.h"

enum {
    FRACTION = 22,        /* bits of the weights behind the point */
    LANES = 64,           /* samples that are summed side by side */
    PIXEL = 4,            /* bytes of a pixel in a band: three, and one without meaning that makes copying fast */
    BAND = LANES / PIXEL, /* rows that the horizontal pass takes at once */
    QUAD = 4,             /* samples that a dot product of bytes adds up */
    DIGITS = 3,           /* bytes of a weight */
};

static const double pi = 3.14159265358979323846;

/* ---- filters ---------------------------------------------------------------------------------------------------- */

static double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

static double bilinear(double x) {
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double sinc(double x) { return x == 0.0 ? 1.0 : sin(pi * x) / (pi * x); }

/* Pillow writes the two constants as floats, and its pixels depend on it. */
static double hamming(double x) {
    x = fabs(x);
    return x < 1.0 ? sinc(x) * ((double)0.54f + (double)0.46f * cos(pi * x)) : 0.0;
}

/* Keys' cubic with a = -0.5 */
static double bicubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

static double lanczos(double x) { return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0; }

typedef struct kernel {
    double (*weight)(double x);
    double support;
} kernel;

static const kernel kernels[] = {
    [CVT_FILTER_BOX] = {box, 0.5},         [CVT_FILTER_BILINEAR] = {bilinear, 1.0},
    [CVT_FILTER_HAMMING] = {hamming, 1.0}, [CVT_FILTER_BICUBIC] = {bicubic, 2.0},
    [CVT_FILTER_LANCZOS] = {lanczos, 3.0},
};

/* ---- the weights of one axis ------------------------------------------------------------------------------------ */

/* Memory that grows. */
typedef struct room {
    void *data;
    size_t bytes;
} room;

static cvt_status make_room(room *r, size_t count, size_t size, cvt_error *error) {
    size_t bytes;
    if (!cvt_mul_size(count, size, &bytes)) return cvt_fail_memory(error);
    if (bytes <= r->bytes) return CVT_OK;
    free(r->data);
    *r = (room){.data = calloc(1, bytes)}; /* zeroed, as not every byte of a band is written */
    if (!r->data) return cvt_fail_memory(error);
    r->bytes = bytes;
    return CVT_OK;
}

/* Outputs start .. start + count - 1 of a pass from `in` to `out` positions. */
typedef struct span {
    cvt_filter filter;
    int in, out, start, count;
} span;

/* lo, hi: the source positions [lo, hi) that are read. first[o] counts from lo. */
typedef struct axis {
    span span;
    int lo, hi;
    int *first, *taps; /* [count] */
    int32_t *weights;  /* [count, stride] */
    size_t stride;
    bool splits;    /* digits are wanted */
    int8_t *digits; /* the weights in bytes, [count, quads, DIGITS, QUAD], from position first / QUAD * QUAD */
    size_t quads;
    room firsts, tapses, weightses, exacts, digitses;
} axis;

static void axis_free(axis *a) {
    free(a->firsts.data);
    free(a->tapses.data);
    free(a->weightses.data);
    free(a->exacts.data);
    free(a->digitses.data);
}

static int32_t fixed(double weight) {
    double scaled = weight * (1 << FRACTION);
    return (int32_t)(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

/* Weights are c + 256 b + 65536 a with three signed bytes: none comes near 2. The largest is 1.29, of Lanczos at the
 * edge of two pixels. */
static cvt_status axis_split(axis *a, size_t count, cvt_error *error) {
    size_t digits;
    a->quads = (a->stride + 2 * (QUAD - 1)) / QUAD;
    if (!cvt_mul_size(count, a->quads * DIGITS * QUAD, &digits)) return cvt_fail_memory(error);
    TRY(make_room(&a->digitses, digits, 1, error));
    int8_t *to = memset(a->digitses.data, 0, digits);
    for (size_t o = 0; o < count; o++, to += a->quads * DIGITS * QUAD)
        for (int j = 0; j < a->taps[o]; j++) {
            int32_t rest = a->weights[o * a->stride + (size_t)j];
            size_t at = (size_t)(a->first[o] % QUAD + j);
            int8_t *digit = to + at / QUAD * DIGITS * QUAD + at % QUAD;
            for (int d = 0; d < DIGITS; d++, rest = (rest - digit[-QUAD]) / 256) {
                *digit = (int8_t)(((rest + 128) & 255) - 128);
                digit += QUAD;
            }
            assert(rest == 0);
        }
    a->digits = a->digitses.data;
    return CVT_OK;
}

static bool same_span(const span *a, const span *b) {
    return a->filter == b->filter && a->in == b->in && a->out == b->out && a->start == b->start && a->count == b->count;
}

/* Fills the tables; nothing to do where they are those of the call before. */
static cvt_status axis_prepare(axis *a, const span *s, cvt_error *error) {
    if (same_span(&a->span, s)) return CVT_OK;
    a->span = (span){0};
    const kernel *f = &kernels[s->filter];
    const double scale = (double)s->in / s->out, stretch = fmax(scale, 1.0), support = f->support * stretch;
    a->stride = (size_t)ceil(support) * 2 + 1;
    size_t n = (size_t)s->count, weights;
    if (!cvt_mul_size(n, a->stride, &weights)) return cvt_fail_memory(error);
    TRY(make_room(&a->firsts, n, sizeof *a->first, error));
    TRY(make_room(&a->tapses, n, sizeof *a->taps, error));
    TRY(make_room(&a->weightses, weights, sizeof *a->weights, error));
    TRY(make_room(&a->exacts, a->stride, sizeof(double), error));
    a->first = a->firsts.data;
    a->taps = a->tapses.data;
    a->weights = a->weightses.data;
    double *exact = a->exacts.data;

    for (int o = 0; o < s->count; o++) {
        const double center = (s->start + o + 0.5) * scale;
        const int lo = cvt_max_int(0, (int)(center - support + 0.5));
        const int hi = cvt_min_int(s->in, (int)(center + support + 0.5));
        double sum = 0.0;
        for (int j = lo; j < hi; j++) sum += exact[j - lo] = f->weight((j - center + 0.5) * (1.0 / stretch));
        int32_t *w = a->weights + (size_t)o * a->stride;
        for (int j = 0; j < hi - lo; j++) w[j] = fixed(sum != 0.0 ? exact[j] / sum : exact[j]);
        a->first[o] = lo;
        a->taps[o] = hi - lo;
    }
    /* both ends only move to the right */
    a->lo = a->first[0];
    a->hi = a->first[s->count - 1] + a->taps[s->count - 1];
    for (int o = 0; o < s->count; o++) a->first[o] -= a->lo;
    if (a->splits) TRY(axis_split(a, n, error));
    a->span = *s;
    return CVT_OK;
}

/* ---- the two passes --------------------------------------------------------------------------------------------- */

/* Rows of bytes, `stride` apart. */
typedef struct rows {
    uint8_t *data;
    size_t stride;
} rows;
typedef struct const_rows {
    const uint8_t *data;
    size_t stride;
} const_rows;

#define INLINE static inline __attribute__((always_inline))

INLINE uint8_t rounded(int32_t sum) {
    int32_t value = sum >> FRACTION;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* to[i] = sum over j of weights[j] * from[j * step + i]. The sums stay below 2^31: weights add up to 2^22, and those
 * below zero never to as much. */
INLINE void weigh(uint8_t *to, const uint8_t *from, size_t step, const int32_t *weights, int taps) {
    int32_t sums[LANES];
    for (int i = 0; i < LANES; i++) sums[i] = 1 << (FRACTION - 1);
    for (int j = 0; j < taps; j++, from += step)
        for (int i = 0; i < LANES; i++) sums[i] += weights[j] * from[i];
    for (int i = 0; i < LANES; i++) to[i] = rounded(sums[i]);
}

INLINE uint8_t weigh_one(const uint8_t *from, size_t step, const int32_t *weights, int taps) {
    int32_t sum = 1 << (FRACTION - 1);
    for (int j = 0; j < taps; j++, from += step) sum += weights[j] * *from;
    return rounded(sum);
}

/* `from` starts at row a->lo; n bytes of each row. */
INLINE void vertical(const axis *a, rows to, const_rows from, size_t n) {
    for (int o = 0; o < a->span.count; o++) {
        const uint8_t *top = from.data + (size_t)a->first[o] * from.stride;
        const int32_t *weights = a->weights + (size_t)o * a->stride;
        uint8_t *out = to.data + (size_t)o * to.stride;
        size_t at = 0;
        for (; at + LANES <= n; at += LANES) weigh(out + at, top + at, from.stride, weights, a->taps[o]);
        for (; at < n; at++) out[at] = weigh_one(top + at, from.stride, weights, a->taps[o]);
    }
}

/* Copies n pixels of three bytes between runs of pixels that are `to_step` and `from_step` bytes apart. A fourth byte
 * is copied along but for the last pixel: one move instead of two. */
INLINE void copy_pixels(uint8_t *to, size_t to_step, const uint8_t *from, size_t from_step, size_t n) {
    for (size_t i = 0; i + 1 < n; i++) memcpy(to + i * to_step, from + i * from_step, PIXEL);
    memcpy(to + (n - 1) * to_step, from + (n - 1) * from_step, 3);
}

/* `from` starts at column a->lo. Rows are taken in bands, band[x][row][PIXEL], so that the sums of all its rows run
 * side by side. band: room for (a->hi - a->lo + QUAD + count) * LANES bytes. */
INLINE void horizontal(const axis *a, rows to, const_rows from, int height, uint8_t *band) {
    const size_t width = (size_t)(a->hi - a->lo), count = (size_t)a->span.count;
    uint8_t *results = band + width * LANES;
    for (int y = 0; y < height; y += BAND) {
        const int n = cvt_min_int(BAND, height - y);
        for (int r = 0; r < n; r++)
            copy_pixels(band + r * PIXEL, LANES, from.data + (size_t)(y + r) * from.stride, 3, width);
        for (size_t o = 0; o < count; o++)
            weigh(results + o * LANES, band + (size_t)a->first[o] * LANES, LANES, a->weights + o * a->stride,
                  a->taps[o]);
        for (int r = 0; r < n; r++)
            copy_pixels(to.data + (size_t)(y + r) * to.stride, 3, results + r * PIXEL, LANES, count);
    }
}

/* The same loops compiled for what every machine has and, on x86, for AVX2; and one with dot products of bytes. CVT_ISA
 * can forbid them. */
typedef struct passes {
    void (*vertical)(const axis *a, rows to, const_rows from, size_t n);
    void (*horizontal)(const axis *a, rows to, const_rows from, int height, uint8_t *band);
    bool splits; /* horizontal reads digits */
} passes;

static void vertical_any(const axis *a, rows to, const_rows from, size_t n) { vertical(a, to, from, n); }
static void horizontal_any(const axis *a, rows to, const_rows from, int height, uint8_t *band) {
    horizontal(a, to, from, height, band);
}

#ifdef __x86_64__
#define AVX2 __attribute__((target("avx2")))
AVX2 static void vertical_avx2(const axis *a, rows to, const_rows from, size_t n) { vertical(a, to, from, n); }
AVX2 static void horizontal_avx2(const axis *a, rows to, const_rows from, int height, uint8_t *band) {
    horizontal(a, to, from, height, band);
}
#endif

#ifdef __x86_64__
#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

/* Pixels of n rows into a band of quads, band[x / QUAD][row][channel][QUAD]. */
VNNI static void deal(uint8_t *band, const_rows from, size_t width, int n) {
    const __m128i order = _mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1);
    for (size_t x = 0; x < width; x += QUAD, band += LANES * QUAD) {
        const uint8_t *at = from.data + x * 3;
        uint8_t last[16] = {0};
        const bool inside = (width - x) * 3 >= sizeof last;
        for (int r = 0; r < n; r++, at += from.stride) {
            if (!inside) memcpy(last, at, 3 * (width - x < QUAD ? width - x : QUAD));
            __m128i four = _mm_loadu_si128((const void *)(inside ? at : last));
            _mm_storeu_si128((void *)(band + r * PIXEL * QUAD), _mm_shuffle_epi8(four, order));
        }
    }
}

/* LANES sums over quads: the dot products of bytes of each digit, exact modulo 2^32, put together. */
VNNI static void weigh_quads(uint8_t *to, const uint8_t *from, const int8_t *digits, size_t quads) {
    enum { VECTORS = LANES / 16 };
    __m512i sums[DIGITS][VECTORS];
    for (int d = 0; d < DIGITS; d++)
        for (int v = 0; v < VECTORS; v++) sums[d][v] = _mm512_set1_epi32(d == 0 ? 1 << (FRACTION - 1) : 0);
    for (size_t q = 0; q < quads; q++, from += LANES * QUAD, digits += DIGITS * QUAD)
        for (int d = 0; d < DIGITS; d++) {
            int32_t four;
            memcpy(&four, digits + d * QUAD, sizeof four);
            for (int v = 0; v < VECTORS; v++)
                sums[d][v] =
                    _mm512_dpbusd_epi32(sums[d][v], _mm512_loadu_si512(from + v * 64), _mm512_set1_epi32(four));
        }
    for (int v = 0; v < VECTORS; v++) {
        __m512i high = _mm512_add_epi32(_mm512_slli_epi32(sums[2][v], 8), sums[1][v]);
        __m512i sum = _mm512_srai_epi32(_mm512_add_epi32(_mm512_slli_epi32(high, 8), sums[0][v]), FRACTION);
        sum = _mm512_max_epi32(sum, _mm512_setzero_si512());
        _mm_storeu_si128((void *)(to + v * 16), _mm512_cvtusepi32_epi8(sum));
    }
}

/* horizontal() with dot products of bytes; quads of it are as large as positions there. */
VNNI static void horizontal_vnni(const axis *a, rows to, const_rows from, int height, uint8_t *band) {
    const size_t width = (size_t)(a->hi - a->lo), count = (size_t)a->span.count;
    uint8_t *results = band + (width + QUAD) * LANES;
    for (int y = 0; y < height; y += BAND) {
        const int n = cvt_min_int(BAND, height - y);
        deal(band, (const_rows){from.data + (size_t)y * from.stride, from.stride}, width, n);
        for (size_t o = 0; o < count; o++) {
            const int first = a->first[o] / QUAD, end = (a->first[o] + a->taps[o] + QUAD - 1) / QUAD;
            weigh_quads(results + o * LANES, band + (size_t)first * LANES * QUAD,
                        a->digits + o * a->quads * DIGITS * QUAD, (size_t)(end - first));
        }
        for (int r = 0; r < n; r++)
            copy_pixels(to.data + (size_t)(y + r) * to.stride, 3, results + r * PIXEL, LANES, count);
    }
}
#endif

static passes best_passes(void) {
#ifdef __x86_64__
    const char *isa = getenv("CVT_ISA");
    const bool any = !isa || !*isa, low = !any && (strcmp(isa, "ref") == 0 || strcmp(isa, "sse2") == 0);
    const bool dot = any || (strncmp(isa, "avx512", 6) == 0 && isa[6]); /* VNNI and finer */
    if (dot && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        return (passes){vertical_avx2, horizontal_vnni, true};
    if (!low && __builtin_cpu_supports("avx2")) return (passes){vertical_avx2, horizontal_avx2, false};
#endif
    return (passes){vertical_any, horizontal_any, false};
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

struct cvt_resampler {
    axis x, y;
    passes passes;
    room between, band; /* the pixels between the passes; see horizontal() */
};

cvt_resampler *cvt_resampler_new(void) {
    cvt_resampler *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->passes = best_passes();
    r->x.splits = r->passes.splits;
    return r;
}

void cvt_resampler_free(cvt_resampler *r) {
    if (!r) return;
    axis_free(&r->x);
    axis_free(&r->y);
    free(r->between.data);
    free(r->band.data);
    free(r);
}

static const_rows part(const cvt_pixels *in, int x, int y) {
    const size_t stride = (size_t)in->width * 3;
    return (const_rows){in->data + (size_t)y * stride + (size_t)x * 3, stride};
}

static cvt_status band_for(cvt_resampler *r, cvt_error *error) {
    size_t pixels = (size_t)(r->x.hi - r->x.lo) + QUAD + (size_t)r->x.span.count;
    return make_room(&r->band, pixels, LANES, error);
}

static cvt_status horizontal_only(cvt_resampler *r, rows to, const cvt_pixels *in, const cvt_window *w,
                                  cvt_error *error) {
    TRY(band_for(r, error));
    r->passes.horizontal(&r->x, to, part(in, r->x.lo, w->y), w->height, r->band.data);
    return CVT_OK;
}

static cvt_status horizontal_first(cvt_resampler *r, rows to, const cvt_pixels *in, const cvt_window *w,
                                   cvt_error *error) {
    const size_t stride = (size_t)w->width * 3;
    const int height = r->y.hi - r->y.lo;
    TRY(band_for(r, error));
    TRY(make_room(&r->between, (size_t)height, stride, error));
    rows between = {r->between.data, stride};
    r->passes.horizontal(&r->x, between, part(in, r->x.lo, r->y.lo), height, r->band.data);
    r->passes.vertical(&r->y, to, (const_rows){between.data, stride}, stride);
    return CVT_OK;
}

static cvt_status vertical_first(cvt_resampler *r, rows to, const cvt_pixels *in, const cvt_window *w,
                                 cvt_error *error) {
    const size_t stride = (size_t)(r->x.hi - r->x.lo) * 3;
    TRY(band_for(r, error));
    TRY(make_room(&r->between, (size_t)w->height, stride, error));
    rows between = {r->between.data, stride};
    r->passes.vertical(&r->y, between, part(in, r->x.lo, r->y.lo), stride);
    r->passes.horizontal(&r->x, to, (const_rows){between.data, stride}, w->height, r->band.data);
    return CVT_OK;
}

static void copy_window(rows to, const cvt_pixels *in, const cvt_window *w) {
    const_rows from = part(in, w->x, w->y);
    for (int y = 0; y < w->height; y++)
        memcpy(to.data + (size_t)y * to.stride, from.data + (size_t)y * from.stride, to.stride);
}

/* Positions advance by repeated addition, as they do in Pillow: its rounding decides which pixel is hit. -1: none. */
static cvt_status nearest_positions(axis *a, int in, int out, int start, int count, cvt_error *error) {
    TRY(make_room(&a->firsts, (size_t)count, sizeof *a->first, error));
    a->first = a->firsts.data;
    a->span = (span){0};
    const double scale = (double)in / out;
    double position = scale * 0.5;
    for (int o = 0; o < start + count; o++, position += scale)
        if (o >= start) a->first[o - start] = (int)position < in ? (int)position : -1;
    return CVT_OK;
}

static cvt_status nearest(cvt_resampler *r, rows to, const cvt_pixels *in, const cvt_window *w, cvt_error *error) {
    TRY(nearest_positions(&r->x, in->width, w->full_width, w->x, w->width, error));
    TRY(nearest_positions(&r->y, in->height, w->full_height, w->y, w->height, error));
    for (int y = 0; y < w->height; y++) {
        uint8_t *out = to.data + (size_t)y * to.stride;
        for (int x = 0; x < w->width; x++, out += 3) {
            bool hit = r->x.first[x] >= 0 && r->y.first[y] >= 0;
            if (hit)
                memcpy(out, part(in, r->x.first[x], r->y.first[y]).data, 3);
            else
                memset(out, 0, 3);
        }
    }
    return CVT_OK;
}

cvt_status cvt_resample(cvt_resampler *r, cvt_pixels *out, const cvt_pixels *in, cvt_filter filter, const cvt_window *w,
                        cvt_error *error) {
    assert(w->x >= 0 && w->y >= 0 && w->width > 0 && w->height > 0);
    assert(w->width <= w->full_width - w->x && w->height <= w->full_height - w->y);
    TRY(cvt_pixels_resize(out, w->width, w->height, error));
    const rows to = {out->data, (size_t)w->width * 3};
    const bool across = w->full_width != in->width, down = w->full_height != in->height;
    if (!across && !down) {
        copy_window(to, in, w);
        return CVT_OK;
    }
    if (filter == CVT_FILTER_NEAREST) return nearest(r, to, in, w, error);

    if (across) TRY(axis_prepare(&r->x, &(span){filter, in->width, w->full_width, w->x, w->width}, error));
    if (down) TRY(axis_prepare(&r->y, &(span){filter, in->height, w->full_height, w->y, w->height}, error));
    if (!down) return horizontal_only(r, to, in, w, error);
    if (!across) {
        r->passes.vertical(&r->y, to, part(in, w->x, r->y.lo), to.stride);
        return CVT_OK;
    }
    const int64_t shorter = (int64_t)in->height - w->full_height, narrower = (int64_t)in->width - w->full_width;
    const bool columns = shorter > 0 && shorter > 2 * narrower;
    return columns ? vertical_first(r, to, in, w, error) : horizontal_first(r, to, in, w, error);
}
