/* test_elementary.c - exp, log, sin, cos and powers against the C library's in long double, which on x86 has 11 more
 * bits and elsewhere 60: the error in units of the last place, over points drawn in several ranges; and the ends of the
 * ranges. That the bits are the same on every machine is tests/check_machines.sh's to show. */
#include "base/elementary.h"

#include <float.h>
#include <stdint.h>

#include "test.h"

static uint64_t state = 1;

/* A number from low to high. */
static double draw(double low, double high) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return low + (high - low) * (double)(state >> 11) * 0x1p-53;
}

static double error_of(double got, long double want) {
    int exponent;
    frexp((double)want, &exponent);
    return (double)fabsl(got - want) / ldexp(1, exponent - 53);
}

typedef struct function {
    const char *name;
    double (*ours)(double x);
    long double (*exact)(long double x);
    double low, high;
} function;

static void test_function(const function *f) {
    enum { POINTS = 100000 };
    double most = 0, at = 0;
    for (int i = 0; i < POINTS; i++) {
        const double x = draw(f->low, f->high), error = error_of(f->ours(x), f->exact((long double)x));
        if (error > most) at = x;
        most = test_larger(most, error);
    }
    test_case(most < 0.9, f->name, "%g last places at %a", most, at);
}

static void test_power(void) {
    double most = 0;
    for (int c = 2; c < 400; c += 2)
        for (int j = 0; j < c; j += 2)
            most = test_larger(most, error_of(cvt_power((double)j / c, 0x1.26bb1bbb55516p+3, -0x1.f48ad494ea3e9p-51),
                                              powl(10000, (long double)((double)j / c))));
    test_case(most < 1.3, "powers of 10000", "%g last places", most);
}

static void test_ends(void) {
    const struct {
        const char *name;
        double got, want;
    } ends[] = {
        {"exp 0", cvt_exp(0), 1},
        {"exp of what is too large", cvt_exp(710), INFINITY},
        {"exp of infinity", cvt_exp(INFINITY), INFINITY},
        {"exp of minus infinity", cvt_exp(-INFINITY), 0},
        {"exp below the normal range", cvt_exp(-745), 0x1p-1074},
        {"log 1", cvt_log(1), 0},
        {"log 0", cvt_log(0), -INFINITY},
        {"log of infinity", cvt_log(INFINITY), INFINITY},
        {"sin 0", cvt_sin(0), 0},
        {"cos 0", cvt_cos(0), 1},
    };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        test_case(!(ends[i].got < ends[i].want) && !(ends[i].got > ends[i].want), ends[i].name, "%a", ends[i].got);
    const double none[] = {cvt_exp(NAN), cvt_log(NAN), cvt_log(-1), cvt_sin(NAN), cvt_sin(INFINITY), cvt_cos(0x1p21)};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        test_case(isnan(none[i]), "what is none gives NaN", "%zu gives %a", i, none[i]);
}

int main(void) {
    const function functions[] = {
        {"exp, small", cvt_exp, expl, -1, 1},         {"exp, all", cvt_exp, expl, -708, 709},
        {"log near 1", cvt_log, logl, 0.5, 2},        {"log, large", cvt_log, logl, 1, 1e15},
        {"log, small", cvt_log, logl, DBL_MIN, 1e-3}, {"sin, small", cvt_sin, sinl, -4, 4},
        {"sin, large", cvt_sin, sinl, -1e5, 1e5},     {"cos, small", cvt_cos, cosl, -4, 4},
        {"cos, large", cvt_cos, cosl, -1e5, 1e5},
    };
    if (LDBL_MANT_DIG <= DBL_MANT_DIG)
        printf("skip errors: long double is double here\n");
    else
        for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) test_function(&functions[i]);
    if (LDBL_MANT_DIG > DBL_MANT_DIG) test_power();
    test_ends();
    return test_end();
}
