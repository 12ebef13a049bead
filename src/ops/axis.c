/* axis.c - tables of weights for resizing along one axis, as in PyTorch (aten/native UpSample): half-pixel centres,
 * bicubic with A = -0.75, antialias with A = -0.5 as in Pillow, align_corners. */
#include "ops/axis.h"

#include <math.h>

#include "base/num.h"

/* The cubic convolution of Keys (1981) with parameter `a`. */
static double cubic(double t, double a) {
    t = fabs(t);
    if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}

static int clamp(int i, int n) { return cvt_min_int(cvt_max_int(i, 0), n - 1); }

static int terms_of(cvt_interpolation how, int n, int m) {
    if (how == CVT_INTERPOLATE_BICUBIC) return 4;
    if (how != CVT_INTERPOLATE_BICUBIC_ANTIALIAS) return 2;
    return 2 * (int)ceil(2 * fmax((double)n / m, 1)) + 1;
}

/* Sets the weights of linear interpolation between two neighbours. */
static void linear_terms(double source, int n, int *index, float *weight) {
    int first = (int)source;
    index[0] = clamp(first, n);
    index[1] = clamp(first + 1, n);
    weight[1] = (float)(source - first);
    weight[0] = (float)(1 - (source - first));
}

static void cubic_terms(double source, int n, int *index, float *weight) {
    int first = (int)floor(source);
    for (int k = 0; k < 4; k++) {
        index[k] = clamp(first - 1 + k, n);
        weight[k] = (float)cubic(source - (first - 1 + k), -0.75);
    }
}

static void wide_terms(double centre, double stretch, int n, int terms, int *index, float *weight) {
    int first = cvt_max_int((int)(centre - 2 * stretch + 0.5), 0);
    int count = cvt_min_int((int)(centre + 2 * stretch + 0.5), n) - first;
    double sum = 0;
    for (int k = 0; k < count; k++) sum += cubic((first + k - centre + 0.5) / stretch, -0.5);
    for (int k = 0; k < terms; k++) {
        index[k] = clamp(first + k, n);
        weight[k] = k < count ? (float)(cubic((first + k - centre + 0.5) / stretch, -0.5) / sum) : 0;
    }
}

cvt_axis cvt_axis_make(cvt_lowering *l, cvt_interpolation how, int n, int m) {
    int terms = terms_of(how, n, m);
    size_t count = (size_t)terms * (size_t)m;
    cvt_axis a = {terms, cvt_lowering_alloc(l, count * sizeof(int)), cvt_lowering_floats(l, count)};
    for (int i = 0; !l->failed && i < m; i++) {
        int *index = a.index + (size_t)i * (size_t)terms;
        float *weight = a.weight + (size_t)i * (size_t)terms;
        double half = (i + 0.5) * n / m;
        if (how == CVT_INTERPOLATE_BILINEAR_CORNERS)
            linear_terms(m > 1 ? (double)i * (n - 1) / (m - 1) : 0, n, index, weight);
        else if (how == CVT_INTERPOLATE_BILINEAR)
            linear_terms(fmax(half - 0.5, 0), n, index, weight);
        else if (how == CVT_INTERPOLATE_BICUBIC)
            cubic_terms(half - 0.5, n, index, weight);
        else
            wide_terms(half, fmax((double)n / m, 1), n, terms, index, weight);
    }
    return a;
}
