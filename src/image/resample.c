/* resample.c - Image.resize of Pillow 13 on 8-bit RGB, exact to the bit, of which only a window is computed.
 *
 * The image is resized along one axis, then along the other. Along an axis of `in` pixels that becomes one of `out`,
 * the output pixel o is a weighted sum over input pixels j:
 *     scale = in / out, fs = max(scale, 1), s = support fs, c = (o + 0.5) scale
 *     j from max(0, (int)(c - s + 0.5)) up to min(in, (int)(c + s + 0.5)),  weight_j = f((j - c + 0.5) / fs) / sum
 * The weights are in fixed point of 22 bits, and results are rounded and clamped to 8 bits after each axis. An axis
 * that keeps its size is left out. The horizontal axis comes first, except (new in Pillow 13) where the height shrinks
 * much more than the width: h > H and h - H > 2 (w - W). The filter `nearest` takes the pixel under c. Source: the
 * behaviour of Pillow 13.0.0 as measured.
 *
 * This file works out positions and weights; the sums are kernels (kernels/resample.h). */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/elementary.h"
#include "base/num.h"
#include "image/image.h"
#include "kernels/kernels.h"

static const double pi = 3.14159265358979323846;

/* ---- filters ---------------------------------------------------------------------------------------------------- */

static double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

static double bilinear(double x) {
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double sinc(double x) { return x == 0.0 ? 1.0 : cvt_sin(pi * x) / (pi * x); }

/* The two constants are floats because Pillow writes them so, and its pixels depend on it. */
static double hamming(double x) {
    x = fabs(x);
    return x < 1.0 ? sinc(x) * ((double)0.54f + (double)0.46f * cvt_cos(pi * x)) : 0.0;
}

/* The cubic convolution of Keys (1981) with a = -0.5. */
static double bicubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

static double lanczos(double x) { return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0; }

typedef struct shape {
    double (*weight)(double x);
    double support;
} shape;

static const shape shapes[] = {
    [CVT_FILTER_BOX] = {box, 0.5},         [CVT_FILTER_BILINEAR] = {bilinear, 1.0},
    [CVT_FILTER_HAMMING] = {hamming, 1.0}, [CVT_FILTER_BICUBIC] = {bicubic, 2.0},
    [CVT_FILTER_LANCZOS] = {lanczos, 3.0},
};

/* ---- the weights of one axis ------------------------------------------------------------------------------------ */

/* A buffer that only grows. */
typedef struct room {
    void *data;
    size_t bytes;
} room;

static cvt_status make_room(room *r, size_t count, size_t size, cvt_error *error) {
    size_t bytes;
    if (!cvt_mul_size(count, size, &bytes)) return cvt_fail_memory(error);
    if (bytes <= r->bytes) return CVT_OK;
    free(r->data);
    *r = (room){.data = calloc(1, bytes)}; /* zeroed: not every byte of a band is written */
    if (!r->data) return cvt_fail_memory(error);
    r->bytes = bytes;
    return CVT_OK;
}

/* The outputs start .. start + count - 1 along an axis of `in` pixels that becomes one of `out`. */
typedef struct span {
    cvt_filter filter;
    int in, out, start, count;
    bool back; /* the pixels lie, and the outputs are wanted, in the opposite order */
} span;

/* The tables of a span. Positions in them count from the source position `lo`. */
typedef struct axis {
    span span;
    int lo;
    cvt_resample_axis sums;
    bool splits; /* the kernels also read the weights as digits */
    room first_room, terms_room, weights_room, exact_room, digits_room;
} axis;

static void axis_free(axis *a) {
    free(a->first_room.data);
    free(a->terms_room.data);
    free(a->weights_room.data);
    free(a->exact_room.data);
    free(a->digits_room.data);
}

static int32_t fixed(double weight) {
    double scaled = weight * (1 << CVT_RESAMPLE_FRACTION);
    return (int32_t)(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

/* Stores the weights once more, as digits. No weight comes near 2: the largest is 1.29, of Lanczos at the edge of two
 * pixels. */
static cvt_status axis_split(axis *a, size_t count, cvt_error *error) {
    size_t digits = cvt_resample_quads(a->sums.stride) * CVT_RESAMPLE_DIGITS * CVT_RESAMPLE_QUAD;
    if (!cvt_mul_size(count, digits, &digits)) return cvt_fail_memory(error);
    TRY(make_room(&a->digits_room, digits, 1, error));
    cvt_resample_split(a->digits_room.data, &a->sums);
    a->sums.digits = a->digits_room.data;
    return CVT_OK;
}

static bool same_span(const span *a, const span *b) {
    return a->filter == b->filter && a->in == b->in && a->out == b->out && a->start == b->start &&
           a->count == b->count && a->back == b->back;
}

static void swap_ints(int *a, int *b) {
    const int value = *a;
    *a = *b;
    *b = value;
}

/* Turns the tables of n outputs of an axis of `in` pixels round: what was said of pixel j holds of pixel in - 1 - j,
 * and what was said of output o of output n - 1 - o. */
static void turn_round(int *first, int *terms, int32_t *weights, int n, size_t stride, int in) {
    for (int o = 0; o < n; o++) {
        int32_t *w = weights + (size_t)o * stride;
        first[o] = in - first[o] - terms[o];
        for (int j = 0, k = terms[o] - 1; j < k; j++, k--) swap_ints(&w[j], &w[k]);
    }
    for (int o = 0, p = n - 1; o < p; o++, p--) {
        swap_ints(&first[o], &first[p]);
        swap_ints(&terms[o], &terms[p]);
        for (size_t j = 0; j < stride; j++)
            swap_ints(&weights[(size_t)o * stride + j], &weights[(size_t)p * stride + j]);
    }
}

/* Fills the tables; there is nothing to do where the last call was for the same span. */
static cvt_status axis_prepare(axis *a, const span *s, cvt_error *error) {
    if (same_span(&a->span, s)) return CVT_OK;
    a->span = (span){0};
    const shape *f = &shapes[s->filter];
    const double scale = (double)s->in / s->out, stretch = fmax(scale, 1.0), support = f->support * stretch;
    const size_t n = (size_t)s->count, stride = (size_t)ceil(support) * 2 + 1;
    size_t size;
    if (!cvt_mul_size(n, stride, &size)) return cvt_fail_memory(error);
    TRY(make_room(&a->first_room, n, sizeof(int), error));
    TRY(make_room(&a->terms_room, n, sizeof(int), error));
    TRY(make_room(&a->weights_room, size, sizeof(int32_t), error));
    TRY(make_room(&a->exact_room, stride, sizeof(double), error));
    int *first = a->first_room.data, *terms = a->terms_room.data;
    int32_t *weights = a->weights_room.data;
    double *exact = a->exact_room.data;

    for (int o = 0; o < s->count; o++) {
        const double center = (s->start + o + 0.5) * scale;
        const int lo = cvt_max_int(0, (int)(center - support + 0.5));
        const int hi = cvt_min_int(s->in, (int)(center + support + 0.5));
        double sum = 0.0;
        for (int j = lo; j < hi; j++) sum += exact[j - lo] = f->weight((j - center + 0.5) * (1.0 / stretch));
        int32_t *w = weights + (size_t)o * stride;
        for (int j = 0; j < hi - lo; j++) w[j] = fixed(sum != 0.0 ? exact[j] / sum : exact[j]);
        first[o] = lo;
        terms[o] = hi - lo;
    }
    if (s->back) turn_round(first, terms, weights, s->count, stride, s->in);
    /* from one output to the next both ends only move to the right */
    const int length = first[s->count - 1] + terms[s->count - 1] - first[0];
    a->lo = first[0];
    for (int o = 0; o < s->count; o++) first[o] -= a->lo;
    a->sums = (cvt_resample_axis){s->count, length, first, terms, weights, stride, NULL};
    if (a->splits) TRY(axis_split(a, n, error));
    a->span = *s;
    return CVT_OK;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

/* Rows of bytes, `stride` bytes from one to the next. */
typedef struct rows {
    uint8_t *data;
    size_t stride;
} rows;
typedef struct const_rows {
    const uint8_t *data;
    size_t stride;
} const_rows;

struct cvt_resampler {
    const cvt_resample_kernels *kernels;
    axis x, y;
    room between, scratch; /* between: the pixels after the first axis; scratch: for the horizontal axis */
    /* Of an image whose rows come one by one: the last rows, behind the horizontal axis where that comes first, are
     * held until no output needs them. */
    bool across_first;
    room held;
    int held_from, n_held, most_held; /* held_from: which it begins with, of those that the outputs need */
    int made;                         /* outputs of the vertical axis */
};

cvt_resampler *cvt_resampler_new(const cvt_kernels *kernels) {
    cvt_resampler *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->kernels = kernels->resample;
    r->x.splits = r->kernels->digits;
    return r;
}

void cvt_resampler_free(cvt_resampler *r) {
    if (!r) return;
    axis_free(&r->x);
    axis_free(&r->y);
    free(r->held.data);
    free(r->between.data);
    free(r->scratch.data);
    free(r);
}

static const_rows part(const cvt_pixels *in, int x, int y) {
    const size_t stride = (size_t)in->width * 3;
    return (const_rows){in->data + (size_t)y * stride + (size_t)x * 3, stride};
}

static void vertical(cvt_resampler *r, rows to, const_rows from, size_t n) {
    r->kernels->vertical(&r->y.sums, to.data, to.stride, from.data, from.stride, n);
}

static cvt_status make_scratch(cvt_resampler *r, cvt_error *error) {
    const cvt_resample_axis *a = &r->x.sums;
    size_t pixels = (size_t)a->length + CVT_RESAMPLE_QUAD + (size_t)a->count;
    return make_room(&r->scratch, pixels, CVT_RESAMPLE_LANES, error);
}

static cvt_status horizontal(cvt_resampler *r, rows to, const_rows from, int height, cvt_error *error) {
    TRY(make_scratch(r, error));
    r->kernels->horizontal(&r->x.sums, to.data, to.stride, from.data, from.stride, height, r->scratch.data);
    return CVT_OK;
}

static cvt_status horizontal_first(cvt_resampler *r, rows to, const cvt_pixels *in, const cvt_window *w,
                                   cvt_error *error) {
    const size_t stride = (size_t)w->width * 3;
    const int height = r->y.sums.length;
    TRY(make_room(&r->between, (size_t)height, stride, error));
    rows between = {r->between.data, stride};
    TRY(horizontal(r, between, part(in, r->x.lo, r->y.lo), height, error));
    vertical(r, to, (const_rows){between.data, stride}, stride);
    return CVT_OK;
}

static cvt_status vertical_first(cvt_resampler *r, rows to, const cvt_pixels *in, const cvt_window *w,
                                 cvt_error *error) {
    const size_t stride = (size_t)r->x.sums.length * 3;
    TRY(make_room(&r->between, (size_t)w->height, stride, error));
    rows between = {r->between.data, stride};
    vertical(r, between, part(in, r->x.lo, r->y.lo), stride);
    return horizontal(r, to, (const_rows){between.data, stride}, w->height, error);
}

static void copy_window(rows to, const cvt_pixels *in, const cvt_window *w) {
    const_rows from = part(in, w->x, w->y);
    for (int y = 0; y < w->height; y++)
        memcpy(to.data + (size_t)y * to.stride, from.data + (size_t)y * from.stride, to.stride);
}

/* Fills the positions for `nearest`; -1 stands for no pixel. They advance by repeated addition, as in Pillow: its
 * rounding decides which pixel is taken. */
static cvt_status nearest_positions(axis *a, int in, int out, int start, int count, cvt_error *error) {
    TRY(make_room(&a->first_room, (size_t)count, sizeof(int), error));
    int *first = a->first_room.data;
    a->span = (span){0};
    const double scale = (double)in / out;
    double position = scale * 0.5;
    for (int o = 0; o < start + count; o++, position += scale)
        if (o >= start) first[o - start] = (int)position < in ? (int)position : -1;
    return CVT_OK;
}

static cvt_status nearest(cvt_resampler *r, rows to, const cvt_pixels *in, const cvt_window *w, cvt_error *error) {
    TRY(nearest_positions(&r->x, in->width, w->full_width, w->x, w->width, error));
    TRY(nearest_positions(&r->y, in->height, w->full_height, w->y, w->height, error));
    const int *columns = r->x.first_room.data, *lines = r->y.first_room.data;
    for (int y = 0; y < w->height; y++) {
        uint8_t *out = to.data + (size_t)y * to.stride;
        for (int x = 0; x < w->width; x++, out += 3) {
            if (columns[x] >= 0 && lines[y] >= 0)
                memcpy(out, part(in, columns[x], lines[y]).data, 3);
            else
                memset(out, 0, 3);
        }
    }
    return CVT_OK;
}

/* Is an image of width x height resized along the vertical axis first? */
static bool columns_first(int width, int height, const cvt_window *w) {
    const int64_t shorter = (int64_t)height - w->full_height, narrower = (int64_t)width - w->full_width;
    return shorter > 0 && shorter > 2 * narrower;
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
    if (!down) return horizontal(r, to, part(in, r->x.lo, w->y), w->height, error);
    if (!across) {
        vertical(r, to, part(in, w->x, r->y.lo), to.stride);
        return CVT_OK;
    }
    return columns_first(in->width, in->height, w) ? vertical_first(r, to, in, w, error)
                                                   : horizontal_first(r, to, in, w, error);
}

/* ---- row by row -------------------------------------------------------------------------------------------------- */

enum { AT_ONCE = 16 /* rows that are taken in one go */ };

/* Bytes of a row that the vertical axis reads, and makes. */
static size_t row_bytes(const cvt_resampler *r) {
    return (size_t)(r->across_first ? r->x.sums.count : r->x.sums.length) * 3;
}

/* Makes room for the rows that are held, and for what the vertical axis makes of them. */
static cvt_status make_rooms(cvt_resampler *r) {
    TRY(make_scratch(r, NULL));
    TRY(make_room(&r->held, (size_t)r->most_held, row_bytes(r), NULL));
    return make_room(&r->between, (size_t)r->y.sums.count, row_bytes(r), NULL);
}

bool cvt_resample_begin(cvt_resampler *r, cvt_filter filter, const cvt_window *w, int width, int height,
                        int orientation, cvt_part *part) {
    const cvt_turn turn = cvt_orientation_turn(orientation);
    const int wide = turn.transposed ? height : width, high = turn.transposed ? width : height;
    if (filter == CVT_FILTER_NEAREST || wide == w->full_width || high == w->full_height) return false;
    /* the axes of the upright image, and whether they are stored backwards */
    const span across = {filter, wide, w->full_width, w->x, w->width, turn.transposed ? turn.y_back : turn.x_back};
    const span down = {filter, high, w->full_height, w->y, w->height, turn.transposed ? turn.x_back : turn.y_back};
    if (axis_prepare(&r->x, turn.transposed ? &down : &across, NULL) != CVT_OK ||
        axis_prepare(&r->y, turn.transposed ? &across : &down, NULL) != CVT_OK)
        return false;
    const cvt_resample_axis *x = &r->x.sums, *y = &r->y.sums;
    r->across_first = columns_first(wide, high, w) == turn.transposed;
    r->held_from = r->n_held = r->made = 0;
    /* at most y->stride rows are needed for an output; with room for as many again, few are ever moved */
    const size_t most = 2 * y->stride + AT_ONCE;
    r->most_held = most < (size_t)y->length ? (int)most : y->length;
    if (make_rooms(r) != CVT_OK) return false;
    *part = (cvt_part){r->x.lo, r->y.lo, x->length, y->length};
    return true;
}

/* Makes those outputs of the vertical axis whose rows have all come. */
static void make_outputs(cvt_resampler *r) {
    const cvt_resample_axis *y = &r->y.sums;
    const size_t n = row_bytes(r);
    uint8_t *to = r->between.data;
    for (; r->made < y->count && y->first[r->made] + y->terms[r->made] <= r->held_from + r->n_held; r->made++) {
        const int o = r->made, first = y->first[o] - r->held_from;
        const int32_t *weights = y->weights + (size_t)o * y->stride;
        const cvt_resample_axis one = {1, first + y->terms[o], &first, &y->terms[o], weights, y->stride, NULL};
        r->kernels->vertical(&one, to + (size_t)o * n, n, r->held.data, n, n);
    }
}

/* Lets go of the rows that no output needs any more. */
static void let_go(cvt_resampler *r) {
    const cvt_resample_axis *y = &r->y.sums;
    const size_t n = row_bytes(r);
    const int needed = r->made < y->count ? y->first[r->made] - r->held_from : r->n_held;
    const int gone = cvt_min_int(needed, r->n_held);
    uint8_t *data = r->held.data;
    memmove(data, data + (size_t)gone * n, (size_t)(r->n_held - gone) * n);
    r->held_from += gone;
    r->n_held -= gone;
}

/* Holds n rows, for which there is room. */
static void hold(cvt_resampler *r, const uint8_t *rgb, size_t stride, int n) {
    const size_t bytes = row_bytes(r);
    uint8_t *to = (uint8_t *)r->held.data + (size_t)r->n_held * bytes;
    r->n_held += n;
    if (r->across_first)
        r->kernels->horizontal(&r->x.sums, to, bytes, rgb, stride, n, r->scratch.data);
    else
        for (int i = 0; i < n; i++) memcpy(to + (size_t)i * bytes, rgb + (size_t)i * stride, bytes);
}

void cvt_resample_take(cvt_resampler *r, const uint8_t *rgb, size_t stride, int n) {
    while (n > 0) {
        if (n > r->most_held - r->n_held) let_go(r);
        const int fit = cvt_min_int(n, r->most_held - r->n_held);
        assert(fit > 0);
        hold(r, rgb, stride, fit);
        make_outputs(r);
        rgb += (size_t)fit * stride;
        n -= fit;
    }
}

cvt_status cvt_resample_end(cvt_resampler *r, cvt_pixels *out, cvt_error *error) {
    const cvt_resample_axis *x = &r->x.sums, *y = &r->y.sums;
    const size_t bytes = row_bytes(r), wanted = (size_t)x->count * 3;
    assert(r->made == y->count);
    TRY(cvt_pixels_resize(out, x->count, y->count, error));
    if (!r->across_first)
        return horizontal(r, (rows){out->data, wanted}, (const_rows){r->between.data, bytes}, y->count, error);
    memcpy(out->data, r->between.data, (size_t)y->count * wanted);
    return CVT_OK;
}
