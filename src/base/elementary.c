/* elementary.c - elementary functions by their series, after a reduction that is exact: constants are split into a part
 * with so few bits that its multiples are exact, and the rest. The largest term is added last, with what it loses.
 *
 *     exp(x)    2^n exp(r), |r| <= ln 2 / 2: Taylor to r^13
 *     log(x)    n ln 2 + log(m), m from sqrt 1/2 to sqrt 2: 2 atanh(s), s = (m - 1) / (m + 1), to s^23
 *     sin, cos  of x - n pi / 2, at most pi / 4: Taylor to r^17 and r^18
 *
 * Every operation is one of IEEE 754, rounded as it is written (-ffp-contract=off). */
#include "base/elementary.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* The bits of ln 2 and of pi / 2 come in parts of at most 33 bits, the last but for its rounding. */
static const double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
static const double quarter_high = 0x1.921fb544p+0, quarter_mid = 0x1.0b4611a6p-34, quarter_low = 0x1.3198a2e037073p-69;

/* 2^n, for n in the normal range. */
static double power_of_2(int n) {
    const uint64_t bits = (uint64_t)(n + 1023) << 52;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* exp(x + low), |low| far below |x|. */
static double exp_of(double x, double low) {
    if (x != x) return x;
    if (x > 709.79) return HUGE_VAL;
    if (x < -746) return 0;
    const double steps = x * 0x1.71547652b82fep+0;
    const int n = (int)(steps < 0 ? steps - 0.5 : steps + 0.5);
    const double high = x - n * ln2_high, below = n * ln2_low, r = high - below;
    const double lost = (high - r) - below + low; /* r + lost is the whole of it */
    double sum = 1 + r / 14;
    for (int i = 13; i > 2; i--) sum = 1 + sum * r / i;
    const double rest = r * r * 0.5 * sum, first = 1 + r;
    const double whole = first + (((1 - first) + r) + (rest + lost + lost * r));
    const int half = n / 2; /* in two steps, for results at the ends of the range */
    return whole * power_of_2(half) * power_of_2(n - half);
}

double cvt_exp(double x) { return exp_of(x, 0); }

double cvt_log(double x) {
    uint64_t bits;
    if (!(x > 0)) return x == 0 ? -HUGE_VAL : NAN;
    if (x > 0x1.fffffffffffffp+1023) return x;
    memcpy(&bits, &x, sizeof bits);
    int n = (int)(bits >> 52) - 1023;
    bits = (bits & UINT64_C(0xfffffffffffff)) | UINT64_C(0x3ff0000000000000);
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        n++;
    }
    /* log m = f - f^2 / 2 + s (f^2 / 2 + tail), with f = m - 1 and s = f / (2 + f) */
    const double f = m - 1, s = f / (2 + f), z = s * s, half = 0.5 * f * f;
    double tail = 0;
    for (int i = 23; i >= 3; i -= 2) tail = (tail + 2.0 / i) * z;
    const double small = s * (half + tail) + n * ln2_low;
    return n ? n * ln2_high - ((half - small) - f) : f - (half - small);
}

double cvt_power(double y, double log_high, double log_low) {
    const double split = 0x1p27 + 1, product = y * log_high;
    const double y_high = y * split - (y * split - y), y_low = y - y_high;
    const double l_high = log_high * split - (log_high * split - log_high), l_low = log_high - l_high;
    const double lost = ((y_high * l_high - product) + y_high * l_low + y_low * l_high) + y_low * l_low;
    return exp_of(product, lost + y * log_low);
}

/* sin(r + low) and cos(r + low), |r| <= pi / 4. */
static double sine(double r, double low) {
    const double z = r * r;
    double sum = 1;
    for (int i = 16; i > 2; i -= 2) sum = 1 - sum * z / (i * (i + 1));
    return r - (r * z / 6 * sum - low * (1 - 0.5 * z));
}

static double cosine(double r, double low) {
    const double z = r * r, half = 0.5 * z, first = 1 - half;
    double sum = 1;
    for (int i = 17; i > 3; i -= 2) sum = 1 - sum * z / (i * (i + 1));
    return first + (((1 - first) - half) + (z * z / 24 * sum - r * low));
}

/* Sets *low to what the result has lost, and *n to the quarter turns that were taken off, modulo 4. */
static double reduce(double x, double *low, int *n) {
    const double steps = x * 0x1.45f306dc9c883p-1;
    const int whole = (int)(steps < 0 ? steps - 0.5 : steps + 0.5);
    const double high = x - whole * quarter_high, mid = whole * quarter_mid, first = high - mid;
    const double below = whole * quarter_low - ((high - first) - mid), r = first - below;
    *low = (first - r) - below;
    *n = whole & 3;
    return r;
}

double cvt_sin(double x) {
    double low;
    int n;
    if (!(fabs(x) < 0x1p20)) return NAN;
    const double r = reduce(x, &low, &n), value = n & 1 ? cosine(r, low) : sine(r, low);
    return n & 2 ? -value : value;
}

double cvt_cos(double x) {
    double low;
    int n;
    if (!(fabs(x) < 0x1p20)) return NAN;
    const double r = reduce(x, &low, &n), value = n & 1 ? sine(r, low) : cosine(r, low);
    return n == 1 || n == 2 ? -value : value;
}
