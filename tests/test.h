/* test.h - what the unit tests share. A test program prints "ok NAME" or "not ok NAME: why" for each case, and ends
 * with status 1 if one failed; tests/check.sh counts the lines. */
#ifndef CVT_TESTS_TEST_H
#define CVT_TESTS_TEST_H

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int test_failures;

/* Reports one case. The format says what was found, for a case that failed. */
__attribute__((format(printf, 3, 4))) static inline bool test_case(bool ok, const char *name, const char *format, ...) {
    if (ok) {
        printf("ok %s\n", name);
    } else {
        va_list args;
        va_start(args, format);
        printf("not ok %s: ", name);
        vprintf(format, args);
        printf("\n");
        va_end(args);
        test_failures++;
    }
    return ok;
}

/* Returns the larger of the largest difference so far and the next one. NaN counts as infinitely large: fmax and `>`
 * would forget it, and the next difference would take its place. */
static inline double test_larger(double most, double next) {
    if (isnan(next)) return INFINITY;
    return next > most ? next : most;
}

/* Ends the test if something that it needs is not there. */
static inline void test_need(bool there, const char *what) {
    if (there) return;
    test_case(false, what, "not there");
    exit(1);
}

/* Writes a small file that cases need. */
static inline void test_put(const char *path, const void *bytes, size_t n) {
    FILE *file = fopen(path, "wb");
    test_need(file && fwrite(bytes, 1, n, file) == n && fclose(file) == 0, path);
}

static inline void test_put_text(const char *path, const char *text) { test_put(path, text, strlen(text)); }

static inline int test_end(void) { return test_failures ? 1 : 0; }

#endif
