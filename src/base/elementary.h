/* elementary.h - exp, log, sin and cos in double, whose results have the same bits on every machine. Those of the C
 * library differ in the last bit between libraries, and with glibc even between CPUs. All are within 0.9 of the last
 * place of the exact value (sin and cos up to 2^20, NaN beyond), so that what is rounded to float afterwards is, but
 * for one case in some hundred million, what an exact function gives. NaN gives NaN. */
#ifndef CVT_BASE_ELEMENTARY_H
#define CVT_BASE_ELEMENTARY_H

double cvt_exp(double x);
/* The natural logarithm; minus infinity for 0, NaN below. x: not below the normal range. */
double cvt_log(double x);
/* base^y by exp(y log base), where the logarithm of the base is given in two parts, the first of them rounded to
 * double. */
double cvt_power(double y, double log_high, double log_low);
double cvt_sin(double x);
double cvt_cos(double x);

#endif
