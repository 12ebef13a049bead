/* kernels_report.h - what the tests of kernels share: they count failures, and apply a table of kernels to single
 * numbers. */
#ifndef CVT_TESTS_KERNELS_REPORT_H
#define CVT_TESTS_KERNELS_REPORT_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels/kernels.h"

/* Counts failures and keeps the first one. */
typedef struct report {
    int failures;
    char first[256];
} report;

__attribute__((format(printf, 2, 3))) static inline void wrong(report *r, const char *format, ...) {
    if (r->failures++) return;
    va_list args;
    va_start(args, format);
    vsnprintf(r->first, sizeof r->first, format, args);
    va_end(args);
}

/* Does the table round a * b + c once? */
static inline bool fused(const cvt_kernels *kernels) {
    return strcmp(kernels->name, "ref") && strcmp(kernels->name, "sse2");
}

/* Computes a * b + c as the table does, with one rounding or two. */
static inline float multiply_add(const cvt_kernels *kernels, float a, float b, float c) {
    if (fused(kernels)) return fmaf(a, b, c);
    volatile float product = a * b; /* or the compiler may fuse it where the machine can */
    return product + c;
}

/* Computes act(x) with the table's own kernel for rows, with which every other place must agree to the bit. */
static inline float act_one(const cvt_kernels *kernels, float x, cvt_act act) {
    if (act != CVT_ACT_NONE) kernels->affine(&x, 1, &x, 1, 1, 1, NULL, NULL, act);
    return x;
}

/* Computes act(x) in double. */
static inline double act_double(double x, cvt_act act) {
    switch (act) {
    case CVT_ACT_RELU: return x < 0 ? 0 : x;
    case CVT_ACT_RELU6: return x < 0 ? 0 : x > 6 ? 6 : x;
    case CVT_ACT_GELU_ERF: return 0.5 * x * erfc(-x * sqrt(0.5));
    case CVT_ACT_GELU_TANH: return x / (1 + exp(-2 * sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    case CVT_ACT_QUICK_GELU: return x / (1 + exp(-1.702 * x));
    case CVT_ACT_SILU: return x / (1 + exp(-x));
    case CVT_ACT_TANH: return tanh(x);
    case CVT_ACT_SIGMOID: return 1 / (1 + exp(-x));
    case CVT_ACT_NONE:
    case CVT_ACT_COUNT: break;
    }
    return x;
}

#endif
