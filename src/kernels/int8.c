/* int8.c - weights rounded to int8, and their panels, in plain C: what files store, and the oracle of every table. */
#include "kernels/int8.h"

#include <string.h>

#include "base/num.h"

enum { PIECE = 256 };

/* Weights [first, first + n) as f32, in `room`. */
static const float *piece_of(float *room, const void *w, cvt_dtype dtype, size_t first, size_t n) {
    cvt_dtype_widen(room, (const char *)w + first * cvt_dtype_size(dtype), dtype, n);
    return room;
}

/* The largest |w|, as the bits of a float: as integers, NaN and infinity are larger than all numbers. */
static uint32_t largest(const void *w, cvt_dtype dtype, size_t k) {
    float room[PIECE];
    int32_t max = 0;
    for (size_t first = 0; first < k; first += PIECE) {
        const size_t n = k - first < PIECE ? k - first : PIECE;
        const float *x = piece_of(room, w, dtype, first, n);
        for (size_t i = 0; i < n; i++) {
            const int32_t bits = (int32_t)(cvt_f32_to_bits(x[i]) & 0x7fffffffu);
            max = bits > max ? bits : max;
        }
    }
    return (uint32_t)max;
}

float cvt_int8_round(int8_t *v, const void *w, cvt_dtype dtype, size_t k) {
    float room[PIECE];
    const float max = cvt_bits_to_f32(largest(w, dtype, k));
    const bool finite = max <= 0x1.fffffep127f, zero = !(max > 1e-30f); /* 127 / max would not be finite */
    const float inverse = finite && !zero ? 127 / max : 0;
    for (size_t first = 0; first < k; first += PIECE) {
        const size_t n = k - first < PIECE ? k - first : PIECE;
        const float *x = piece_of(room, w, dtype, first, n);
        for (size_t i = 0; i < n; i++) {
            const float shifter = 0x1.8p23f; /* adding it rounds to an integer, to even from halfway */
            v[first + i] = finite ? (int8_t)(int32_t)((x[i] * inverse + shifter) - shifter) : 0;
        }
    }
    return finite ? zero ? 0 : max / 127 : cvt_bits_to_f32(0x7fc00000u);
}

static size_t depth_of(cvt_int8_form form, int k) { return cvt_round_up((size_t)k, (size_t)form.depth); }

static size_t whole_lines(size_t size) { return cvt_round_up(size, 64); }

size_t cvt_int8_panel_size(cvt_int8_form form, int k) {
    const size_t nr = (size_t)form.nr, element = form.wide ? 2 : 1;
    return whole_lines(2 * nr * sizeof(float) + depth_of(form, k) * nr * element);
}

size_t cvt_int8_row_size(cvt_int8_form form, int k) {
    return cvt_odd_lines(depth_of(form, k) * (form.wide ? 2 : 1) + 64);
}

/* Writes n weights as column j of a panel. */
static void place(void *values, cvt_int8_form form, size_t j, const int8_t *v, size_t n) {
    const size_t group = (size_t)form.group, across = (size_t)form.across;
    const size_t first = j / across * across * depth_of(form, (int)n) + j % across * group;
    for (size_t i = 0; i < n; i++) {
        const size_t at = first + i / group * across * group + i % group;
        if (form.wide)
            ((int16_t *)values)[at] = v[i];
        else
            ((int8_t *)values)[at] = v[i];
    }
}

void cvt_int8_pack(void *panel, cvt_int8_form form, const void *w, cvt_dtype dtype, size_t ldw, int k, int columns,
                   const float *scale) {
    int8_t room[CVT_INT8_MAX_K];
    const size_t depth = (size_t)k, size = cvt_dtype_size(dtype);
    float *t = panel, *sums = t + form.nr;
    memset(panel, 0, cvt_int8_panel_size(form, k));
    for (size_t j = 0; j < (size_t)columns; j++) {
        const void *row = (const char *)w + j * ldw * size;
        const int8_t *v = dtype == CVT_I8 ? row : room;
        t[j] = dtype == CVT_I8 ? 1 : cvt_int8_round(room, row, dtype, depth);
        if (scale) t[j] *= scale[j];
        int32_t sum = 0;
        for (size_t i = 0; i < depth; i++) sum += v[i];
        sums[j] = (float)sum;
        place(sums + form.nr, form, j, v, depth);
    }
}
