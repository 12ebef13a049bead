/* window.c - gathering and pooling windows of a map. */
#include "kernels/window.h"

#include <stdint.h>
#include <string.h>

#include "base/num.h"

/* One output pixel's row: kh runs of kw * c floats, each clipped to the map. */
static void gather(float *row, const float *x, const cvt_window_args *a, int y0, int x0) {
    size_t c = (size_t)a->c, run = (size_t)a->kw * c;
    int left = cvt_max_int(0, -x0), right = cvt_max_int(left, cvt_min_int(a->kw, a->w - x0));
    for (int u = 0; u < a->kh; u++, row += run) {
        int y = y0 + u;
        if (y < 0 || y >= a->h || left == right) {
            memset(row, 0, run * sizeof *row);
            continue;
        }
        size_t before = (size_t)left * c, inside = (size_t)(right - left) * c;
        if (before) memset(row, 0, before * sizeof *row);
        memcpy(row + before, x + ((size_t)y * (size_t)a->w + (size_t)(x0 + left)) * c, inside * sizeof *row);
        if (right < a->kw) memset(row + before + inside, 0, (run - before - inside) * sizeof *row);
    }
}

void cvt_im2col(float *rows, const float *x, const cvt_window_args *a, int first, int count) {
    const size_t k = (size_t)a->kh * (size_t)a->kw * (size_t)a->c, map = (size_t)a->h * (size_t)a->w * (size_t)a->c;
    for (int i = first; i < first + count; i++, rows += k) {
        const int oy = i / a->ow % a->oh, ox = i % a->ow;
        const float *of = x + (size_t)(i / a->ow / a->oh) * map;
        gather(rows, of, a, oy * a->stride_h - a->pad_top, ox * a->stride_w - a->pad_left);
    }
}

/* Sums up the pixels in rows [y0, y1) and columns [x0, x1) of a map that is w pixels wide. */
static void sum_up(float *sum, const float *x, size_t c, int w, int y0, int y1, int x0, int x1) {
    memset(sum, 0, c * sizeof *sum);
    for (int v = y0; v < y1; v++)
        for (int u = x0; u < x1; u++) {
            const float *p = x + ((size_t)v * (size_t)w + (size_t)u) * c;
            for (size_t j = 0; j < c; j++) sum[j] += p[j];
        }
}

void cvt_avg_pool(float *y, const float *x, const cvt_window_args *a, int first, int count) {
    size_t c = (size_t)a->c;
    for (int i = first; i < first + count; i++, y += c) {
        int y0 = i / a->ow * a->stride_h - a->pad_top, x0 = i % a->ow * a->stride_w - a->pad_left;
        int area =
            (cvt_min_int(y0 + a->kh, a->h + a->pad_top) - y0) * (cvt_min_int(x0 + a->kw, a->w + a->pad_left) - x0);
        sum_up(y, x, c, a->w, cvt_max_int(y0, 0), cvt_min_int(y0 + a->kh, a->h), cvt_max_int(x0, 0),
               cvt_min_int(x0 + a->kw, a->w));
        for (size_t j = 0; j < c; j++) y[j] /= (float)area;
    }
}

void cvt_max_pool(float *y, const float *x, const cvt_window_args *a, int first, int count) {
    size_t c = (size_t)a->c;
    for (int i = first; i < first + count; i++, y += c) {
        int y0 = i / a->ow * a->stride_h - a->pad_top, x0 = i % a->ow * a->stride_w - a->pad_left;
        int y1 = cvt_min_int(y0 + a->kh, a->h), x1 = cvt_min_int(x0 + a->kw, a->w);
        y0 = cvt_max_int(y0, 0);
        x0 = cvt_max_int(x0, 0);
        memcpy(y, x + ((size_t)y0 * (size_t)a->w + (size_t)x0) * c, c * sizeof *y);
        for (int v = y0; v < y1; v++)
            for (int u = x0; u < x1; u++) {
                const float *p = x + ((size_t)v * (size_t)a->w + (size_t)u) * c;
                for (size_t j = 0; j < c; j++) y[j] = p[j] > y[j] || p[j] != p[j] ? p[j] : y[j];
            }
    }
}

/* Bin i of m over n pixels begins at i n / m rounded down, and ends where the next one begins, rounded up. */
static int bin_start(int i, int m, int n) { return (int)((int64_t)i * n / m); }
static int bin_end(int i, int m, int n) { return (int)(((int64_t)(i + 1) * n + m - 1) / m); }

void cvt_avg_bins(float *y, const float *x, const cvt_bins_args *a, int row) {
    size_t c = (size_t)a->c;
    int y0 = bin_start(row, a->oh, a->h), y1 = bin_end(row, a->oh, a->h);
    for (int i = 0; i < a->ow; i++, y += c) {
        int x0 = bin_start(i, a->ow, a->w), x1 = bin_end(i, a->ow, a->w);
        float area = (float)((y1 - y0) * (x1 - x0));
        sum_up(y, x, c, a->w, y0, y1, x0, x1);
        for (size_t j = 0; j < c; j++) y[j] /= area;
    }
}
