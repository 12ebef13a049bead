/* test_products.c - tests products with constant weights in less than f32, on every table of kernels that runs here,
 * against the contract in kernels.h: every rounding is fixed, so results must be equal bit for bit. Sizes leave
 * remainders, and all epilogues (bias, activation, residual) and unusual values in rows and weights are tried. */
#include <fenv.h>
#include <float.h>

#include "kernels/int8.h"
#include "kernels/kernels.h"
#include "kernels_matrix.h"
#include "kernels_report.h"
#include "test.h"

static void expect(report *r, float got, float expected, const char *what, size_t i, size_t j) {
    if (!same(got, expected) && got != expected) /* 0 is -0 */
        wrong(r, "%s at %zu, %zu: %.9g, not %.9g", what, i, j, (double)got, (double)expected);
}

static bool signed_rows(const cvt_kernels *kernels) {
    return !strncmp(kernels->name, "neon", 4) && strcmp(kernels->name, "neon") != 0;
}

typedef struct how {
    cvt_act act;
    bool bias, residual, scale, stored, odd, huge;
    cvt_act last;
} how;

/* Computes one element of a product before the activation: row i of a times row j of w, which is scaled by `scale`. */
typedef float result(const cvt_kernels *kernels, const matrix *a, size_t i, const matrix *w, size_t j,
                     const float *scale, const float *bias);

/* ---- int8, as kernels.h says it -------------------------------------------------------------------------------- */

typedef struct rounded_row {
    int q[2000];
    float s;
    int z;
} rounded_row;

static void round_row(rounded_row *r, const float *a, size_t k) {
    float low = 0, high = 0;
    bool odd = false;
    for (size_t i = 0; i < k; i++) {
        low = fminf(low, a[i]);
        high = fmaxf(high, a[i]);
        odd |= !isfinite(a[i]);
    }
    const float width = high - low, inverse = width > 0 ? 255 / width : 0;
    r->s = odd ? NAN : width / 255;
    r->z = odd ? 0 : (int)nearbyintf(-low * inverse);
    for (size_t i = 0; i < k && !odd; i++) {
        volatile float scaled = a[i] * inverse; /* this must be rounded by itself */
        const double q = nearbyint((double)scaled + r->z);
        r->q[i] = (int)fmin(q, 255);
    }
}

static float round_weights(int *v, const float *w, size_t k) {
    float most = 0;
    for (size_t i = 0; i < k; i++) most = fmaxf(most, fabsf(w[i]));
    for (size_t i = 0; i < k; i++) v[i] = most > 0 ? (int)nearbyintf(w[i] * (127 / most)) : 0;
    return most / 127;
}

static void *aligned(size_t size) {
    void *p = aligned_alloc(64, (size + 63) / 64 * 64 + 64);
    if (!p) abort();
    memset(p, 0xa5, size + 64); /* the result must not depend on what is not written */
    return p;
}

static float int8_result(const cvt_kernels *kernels, const matrix *a, size_t i, const matrix *w, size_t j,
                         const float *scale, const float *bias) {
    static rounded_row row;
    static int v[2000];
    const size_t k = a->columns;
    if (j == 0) round_row(&row, value(a, i, 0), k);
    const float t = round_weights(v, value(w, j, 0), k) * (scale ? *scale : 1);
    long long sum = 0, total = 0;
    for (size_t kk = 0; kk < k; kk++) {
        sum += (long long)row.q[kk] * v[kk];
        total += v[kk];
    }
    const int offset = signed_rows(kernels) ? 128 : 0; /* in q and z alike */
    sum -= offset * total;
    float y = multiply_add(kernels, (float)sum, row.s, -(float)(row.z - offset) * row.s * (float)total);
    if (isnan(row.s)) y = NAN;
    return strcmp(kernels->name, "ref") || bias ? multiply_add(kernels, y, t, bias ? *bias : 0) : y * t;
}

/* ---- f16, as kernels.h says it --------------------------------------------------------------------------------- */

/* Returns the nearest half float. A sum of products of such numbers has no more than 64 bits, so long double holds it
 * exactly. */
static long double half(long double x) {
    int exponent;
    frexpl(x, &exponent);
    const long double place = ldexpl(1, exponent - 11 < -24 ? -24 : exponent - 11);
    return rintl(x / place) * place;
}

/* Scales and rounds k values; returns the factor that scales them back. */
static float round_halves(long double *to, const float *x, size_t k, float scale) {
    float most = 0;
    bool odd = false;
    for (size_t i = 0; i < k; i++) {
        most = fmaxf(most, fabsf(x[i] * scale));
        odd |= !isfinite(x[i]);
    }
    const int exponent = most < 0x1p-100f ? -100 : ilogbf(most);
    for (size_t i = 0; i < k && !odd; i++) to[i] = half(ldexpl(x[i] * scale, 3 - exponent));
    return odd ? NAN : ldexpf(1, exponent - 3);
}

static float f16_result(const cvt_kernels *kernels, const matrix *a, size_t i, const matrix *w, size_t j,
                        const float *scale, const float *bias) {
    static long double row[2000], column[2000];
    static float from;
    const size_t k = a->columns;
    if (j == 0) from = round_halves(row, value(a, i, 0), k, 1);
    const float factor = from * round_halves(column, value(w, j, 0), k, scale ? *scale : 1);
    float sum = 0;
    if (isnan(factor)) return NAN;
    for (size_t first = 0; first < k; first += 128) {
        long double block = 0;
        for (size_t begin = first; begin < k && begin < first + 128; begin += 32) {
            long double run = 0;
            for (size_t kk = begin; kk < k && kk < begin + 32; kk++) run = half(run + row[kk] * column[kk]);
            block = half(block + run);
        }
        sum += (float)block;
    }
    return multiply_add(kernels, sum, factor, bias ? *bias : 0);
}

/* ---- bf16, as kernels.h says it -------------------------------------------------------------------------------- */

static float flushed(float x) { return fabsf(x) < FLT_MIN ? 0 : x; }

/* Returns the nearest bfloat16, of even ones from halfway: a float without its last 16 bits. */
static float bfloat(float x) {
    if (!isfinite(x)) return x;
    int exponent;
    frexpf(x, &exponent);
    return fabsf(x) < FLT_MIN ? 0 : (float)ldexp(nearbyint(ldexp((double)x, 8 - exponent)), exponent - 8);
}

/* Returns a + b rounded to odd: cut off, and then the last bit set if anything was. As Arm's instructions for bfloat16
 * do it, which also turn what is below the normal range into 0. */
static float sum_to_odd(float a, float b) {
    const int before = fegetround();
    fesetround(FE_TOWARDZERO);
    feclearexcept(FE_ALL_EXCEPT);
    volatile float x = a, y = b, sum = x + y;
    const bool inexact = fetestexcept(FE_INEXACT), over = fetestexcept(FE_OVERFLOW);
    fesetround(before);
    if (over) return copysignf(INFINITY, sum);
    return flushed(inexact ? cvt_bits_to_f32(cvt_f32_to_bits(sum) | 1) : sum);
}

/* By tiles, and in the reference, two chains in each run of 32; by vectors one chain, the odd place of a pair first; by
 * Arm's matrix instructions one chain of the sums of pairs. */
static float bf16_result(const cvt_kernels *kernels, const matrix *a, size_t i, const matrix *w, size_t j,
                         const float *scale, const float *bias) {
    static float row[2016], column[2016];
    const size_t k = a->columns, padded = (k + 31) / 32 * 32;
    const bool vectors = !strcmp(kernels->name, "avx512bf16") || !strcmp(kernels->name, "avx512fp16");
    const bool pairs = !strcmp(kernels->name, "neonbf16");
    for (size_t kk = 0; kk < padded; kk++) {
        row[kk] = kk < k ? bfloat(*value(a, i, kk)) : 0;
        column[kk] = kk < k ? bfloat(*value(w, j, kk) * (scale ? *scale : 1)) : 0;
    }
    float sum = 0;
    for (size_t kk = 0; kk < padded && pairs; kk += 2)
        sum = sum_to_odd(sum, sum_to_odd(flushed(row[kk] * column[kk]), flushed(row[kk + 1] * column[kk + 1])));
    for (size_t first = 0; first < padded && !pairs; first += 32) {
        float chains[2] = {0, 0};
        for (size_t kk = first; kk < first + 32; kk++) {
            const size_t odd = kk % 2, at = vectors ? kk ^ 1 : kk;
            float *chain = vectors ? &sum : &chains[odd];
            *chain = flushed(fmaf(row[at], column[at], *chain));
        }
        if (!vectors) sum = flushed(sum + flushed(chains[0] + chains[1]));
    }
    return bias ? sum + *bias : sum;
}

/* ---- any precision --------------------------------------------------------------------------------------------- */

/* Packs weights [n, k]; with `stored` they are rounded first, as a file holds them. */
static void *pack_all(const cvt_kernels *kernels, cvt_precision precision, matrix *w, const float *scale, bool stored) {
    const cvt_product_kernels *p = kernels->product[precision];
    const size_t nr = (size_t)kernels->nr, n = w->rows, k = w->columns, size = p->panel_size((int)k);
    char *panels = aligned((n + nr - 1) / nr * size);
    int8_t *v = aligned(n * k);
    uint16_t *halves = aligned(n * k * sizeof *halves);
    const bool f16 = precision == CVT_PRECISION_F16;
    float *t = aligned(n * sizeof *t);
    for (size_t j = 0; j < n; j++) {
        t[j] = cvt_int8_round(v + j * k, value(w, j, 0), CVT_F32, k) * (scale ? scale[j] : 1);
        for (size_t i = 0; i < k && stored && precision != CVT_PRECISION_INT8; i++) {
            halves[j * k + i] = f16 ? cvt_f32_to_f16(*value(w, j, i)) : cvt_f32_to_bf16(*value(w, j, i));
            *value(w, j, i) = f16 ? cvt_f16_to_f32(halves[j * k + i]) : cvt_bf16_to_f32(halves[j * k + i]);
        }
    }
    for (size_t j = 0; j < n; j += nr) {
        const int columns = (int)(n - j < nr ? n - j : nr);
        void *panel = panels + j / nr * size;
        if (!stored)
            p->pack_b(panel, value(w, j, 0), CVT_F32, w->ld, (int)k, columns, scale ? scale + j : NULL);
        else if (precision == CVT_PRECISION_INT8)
            p->pack_b(panel, v + j * k, CVT_I8, k, (int)k, columns, t + j);
        else
            p->pack_b(panel, halves + j * k, f16 ? CVT_F16 : CVT_BF16, k, (int)k, columns, scale ? scale + j : NULL);
    }
    free(v), free(halves), free(t);
    return panels;
}

/* Puts unusual values into some rows: of one sign, all 0 and, if asked for, huge, tiny or not finite. */
static void make_odd(matrix *a, matrix *w, how h) {
    const size_t m = a->rows, n = w->rows, k = a->columns;
    for (size_t j = 0; j < k; j++) { /* rows of positive numbers, of negative numbers, and of zeros */
        if (m > 1) *value(a, 1, j) = fabsf(*value(a, 1, j));
        if (m > 2) *value(a, 2, j) = -3 * fabsf(*value(a, 2, j));
        if (m > 3) *value(a, 3, j) = 0;
        if (n > 2) *value(w, 2, j) = 0;
        if (h.huge && j % 3) *value(a, 0, j) *= 3e38f;
        if (h.huge && j % 5) *value(a, m - 1, j) *= 1e-36f;
        if (h.huge) *value(w, 0, j) *= j % 7 ? 1e-37f : 1e-3f;
        if (h.huge) *value(w, n - 1, j) *= j % 7 ? 1e30f : 1;
    }
    if (h.odd) *value(a, m / 2, k - 1) = m % 2 ? NAN : INFINITY; /* stays in its row */
}

/* Applies act to a row of n numbers as a product in that precision does: as the bias of a product by 0. */
static void act_row(const cvt_kernels *kernels, cvt_precision precision, float *y, size_t n, cvt_act act) {
    const cvt_product_kernels *p = kernels->product[precision];
    const float zero = 0;
    matrix w = matrix_new(n, 1), c = matrix_new(1, n);
    for (size_t j = 0; j < n; j++) *value(&w, j, 0) = 0;
    void *panels = pack_all(kernels, precision, &w, NULL, false), *row = aligned(p->packed_row_size(1));
    p->pack_a(row, &zero, 1, 1, 1);
    p->gemm(
        &(cvt_gemm){.m = 1, .n = (int)n, .k = 1, .a = row, .b = panels, .c = c.at, .ldc = c.ld, .bias = y, .act = act});
    memcpy(y, c.at, n * sizeof *y);
    matrix_free(&w), matrix_free(&c);
    free(panels), free(row);
}

/* Activations need only be as exact as the numbers of a product in bf16 or int8 are. */
static void test_low_activations(const cvt_kernels *kernels, cvt_precision precision) {
    enum { N = 4000 };
    static float x[N], y[N];
    report r = {0};
    for (size_t i = 0; i < N; i++) {
        const float u = (float)i / N * 2 - 1; /* dense near 0, and out to 100 */
        x[i] = i % 2 ? u * 8 : u * u * u * 100;
    }
    for (cvt_act act = CVT_ACT_RELU; act < CVT_ACT_COUNT; act++) {
        memcpy(y, x, sizeof y);
        act_row(kernels, precision, y, N, act);
        for (size_t i = 0; i < N; i++) {
            const double exact = act_double((double)x[i], act), size = fabs((double)x[i]);
            const double allowed = 1.1e-6 + 4.2e-4 * (size < 1 ? size : 1) + 2e-4 * fabs(exact);
            if (!(fabs((double)y[i] - exact) <= allowed))
                wrong(&r, "%s of %g is %g, not %g", cvt_act_name(act), (double)x[i], (double)y[i], exact);
        }
        float edges[] = {INFINITY, -INFINITY, 3e38f, -3e38f, 0, NAN, -NAN};
        const double far = act_double(1e30, act);
        act_row(kernels, precision, edges, 7, act);
        expect(&r, edges[0], far < 10 ? (float)far : INFINITY, cvt_act_name(act), 0, 0);
        for (size_t i = 1; i < 7; i += 2) /* -infinity, the largest negative number, NaN */
            if (i == 5 ? !isnan(edges[i]) : !(fabs((double)edges[i] - act_double(-1e30, act)) <= 4.2e-4))
                wrong(&r, "%s of edge %zu is %g", cvt_act_name(act), i, (double)edges[i]);
        if (!isnan(edges[6])) wrong(&r, "%s of NaN is %g", cvt_act_name(act), (double)edges[6]);
    }
    char name[80];
    snprintf(name, sizeof name, "%s %s activations", kernels->name, cvt_precision_name(precision));
    test_case(!r.failures, name, "%d wrong, the first: %s", r.failures, r.first);
}

/* Results that are written as rows of the next product are those that its pack_a makes of them. */
static void check_ready(const cvt_product_kernels *p, cvt_gemm g, report *r, const char *what) {
    const size_t size = p->packed_row_size(g.n), all = (size_t)g.m * size;
    char *ready = aligned(all), *packed = aligned(all);
    memset(ready, 0xff, all);
    memset(packed, 0xff, all); /* nobody writes what lies between rows */
    p->pack_a(packed, g.c, g.ldc, g.m, g.n);
    g.ready = ready;
    g.ready_size = size;
    g.c = NULL;
    p->gemm(&g);
    for (size_t i = 0; i < all; i++)
        if (ready[i] != packed[i]) {
            wrong(r, "%s: byte %zu of ready row %zu", what, i % size, i / size);
            break;
        }
    free(ready), free(packed);
}

static void check(const cvt_kernels *kernels, cvt_precision precision, report *r, size_t m, size_t n, size_t k, how h) {
    char what[120];
    snprintf(what, sizeof what, "%zu x %zu x %zu %s%s%s%s%s%s %s", m, n, k, cvt_act_name(h.act), h.bias ? " bias" : "",
             h.residual ? " residual" : "", h.scale ? " scale" : "", h.stored ? " stored" : "", h.huge ? " huge" : "",
             cvt_act_name(h.last));
    const cvt_product_kernels *p = kernels->product[precision];
    result *const results[] = {NULL, f16_result, bf16_result, int8_result}, *expected = results[precision];
    matrix a = matrix_new(m, k), w = matrix_new(n, k), c = matrix_new(m, n), other = matrix_new(m, n),
           bias = matrix_new(1, n), scale = matrix_new(1, n);
    make_odd(&a, &w, h);
    void *panels = pack_all(kernels, precision, &w, h.scale ? scale.at : NULL, h.stored);
    void *rows = aligned(m * p->packed_row_size((int)k));
    p->pack_a(rows, a.at, a.ld, (int)m, (int)k);
    const cvt_gemm g = {.m = (int)m,
                        .n = (int)n,
                        .k = (int)k,
                        .a = rows,
                        .b = panels,
                        .c = c.at,
                        .ldc = c.ld,
                        .bias = h.bias ? bias.at : NULL,
                        .act = h.act,
                        .residual = h.residual ? other.at : NULL,
                        .ldr = other.ld,
                        .last = h.last};
    p->gemm(&g);
    if (p->readies) check_ready(p, g, r, what);
    float *y = malloc(n * sizeof *y);
    if (!y) abort();
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++)
            y[j] = expected(kernels, &a, i, &w, j, h.scale ? value(&scale, 0, j) : NULL,
                            h.bias ? value(&bias, 0, j) : NULL);
        if (h.act != CVT_ACT_NONE) act_row(kernels, precision, y, n, h.act);
        for (size_t j = 0; j < n && h.residual; j++) y[j] += *value(&other, i, j);
        if (h.last != CVT_ACT_NONE) act_row(kernels, precision, y, n, h.last);
        for (size_t j = 0; j < n; j++) expect(r, *value(&c, i, j), y[j], what, i, j);
    }
    free(y);
    matrix *all[] = {&a, &w, &c, &other, &bias, &scale};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!matrix_free(all[i]) && !r->failures++) snprintf(r->first, sizeof r->first, "%s: written outside", what);
    free(panels), free(rows);
}

static void test_table(const cvt_kernels *kernels, cvt_precision precision) {
    static const size_t depths[] = {1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 130};
    const size_t nr = (size_t)kernels->nr, widths[] = {1, nr / 2 + 1, nr - 1, nr, nr + 1, 2 * nr, 2 * nr + 3};
    const bool f16 = precision == CVT_PRECISION_F16, halves = f16 || precision == CVT_PRECISION_BF16;
    report r = {0};
    unsigned turn = 0;
    for (size_t m = 1; m <= 14; m++)
        for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
            for (size_t j = 0; j < sizeof depths / sizeof *depths; j++, turn++) {
                if (f16 && (turn + m) % 3) continue; /* the emulation is slow */
                how h = {
                    (cvt_act)(turn % CVT_ACT_COUNT), turn % 3, turn % 5 > 2, turn % 7 > 3, turn % 2, turn % 11 == 0,
                    halves && turn % 13 == 0};
                if (h.residual && turn % 4) h.last = (cvt_act)(turn / 4 % CVT_ACT_COUNT);
                check(kernels, precision, &r, m, widths[i], depths[j], h);
            }
    check(kernels, precision, &r, 50, 2 * nr, 384, (how){.act = CVT_ACT_GELU_ERF, .bias = true});
    check(kernels, precision, &r, f16 ? 62 : 197, nr + 5, 96, (how){.bias = true, .residual = true, .scale = true});
    check(kernels, precision, &r, 33, nr, 1728, (how){.residual = true, .stored = true});
    if (halves) {
        for (size_t k = 30; k < 264; k += k % 32 == 0   ? 1
                                          : k % 32 == 1 ? 30
                                                        : 1) /* around the ends of runs and blocks */
            check(kernels, precision, &r, 25, nr, k, (how){.bias = true, .huge = k % 2});
    }
    char name[80];
    snprintf(name, sizeof name, "%s %s", kernels->name, cvt_precision_name(precision));
    test_case(!r.failures, name, "%d wrong, the first: %s", r.failures, r.first);
}

/* ---- panels in int8, byte by byte ------------------------------------------------------------------------------ */

/* Reads the layout that a table of kernels reports: "int8 4x16x4/64", "int8 4/16x4/64" where the lines of a panel have
 * only 16 columns, or "int8 ref". */
static cvt_int8_form form_of(const cvt_kernels *kernels) {
    cvt_int8_form form = {.nr = kernels->nr, .across = kernels->nr, .group = 1, .depth = 1};
    int vectors, lanes;
    char by;
    if (sscanf(kernels->product[CVT_PRECISION_INT8]->layout, "int8 %d%c%dx%d/%d", &vectors, &by, &lanes, &form.group,
               &form.depth) == 5) {
        form.wide = form.group == 2;
        if (by == '/') form.across = lanes;
    }
    return form;
}

/* Makes weights of each type; some are not finite, some tiny, some 0. */
static void make_weights(unsigned char *to, cvt_dtype dtype, size_t n, size_t k) {
    static const float odd[] = {INFINITY, NAN, 1e-40f, 0, 3e38f};
    for (size_t i = 0; i < n * k; i++) {
        const size_t row = i / k, kind = row % 11;
        float x = random_float();
        if (kind < 5 && (kind > 1 || i % k == k / 2)) x = odd[kind] * (i % 3 ? 1 : -1);
        const uint16_t half = dtype == CVT_F16 ? cvt_f32_to_f16(x) : cvt_f32_to_bf16(x);
        if (dtype == CVT_I8) to[i] = (unsigned char)(int8_t)fmaxf(-127, fminf(127, x * 127.5f));
        if (dtype == CVT_F32) memcpy(to + 4 * i, &x, sizeof x);
        if (dtype == CVT_F16 || dtype == CVT_BF16) memcpy(to + 2 * i, &half, sizeof half);
    }
}

static void check_panel(const cvt_kernels *kernels, report *r, cvt_dtype dtype, int k, int columns, bool scaled) {
    const cvt_int8_form form = form_of(kernels);
    const cvt_product_kernels *p = kernels->product[CVT_PRECISION_INT8];
    const size_t size = p->panel_size(k), count = (size_t)columns * (size_t)k;
    /* unaligned, and no more than what may be read */
    unsigned char *block = malloc(count * cvt_dtype_size(dtype) + 1);
    unsigned char *got = aligned(size), *expected = aligned(size);
    float scale[64];
    if (!block) abort();
    unsigned char *w = block + 1;
    for (int j = 0; j < columns; j++) scale[j] = random_float();
    make_weights(w, dtype, (size_t)columns, (size_t)k);
    p->pack_b(got, w, dtype, (size_t)k, k, columns, scaled ? scale : NULL);
    cvt_int8_pack(expected, form, w, dtype, (size_t)k, k, columns, scaled ? scale : NULL);
    size_t at = 0;
    while (at < size && got[at] == expected[at]) at++;
    if ((at < size || got[size] != 0xa5) && !r->failures++)
        snprintf(r->first, sizeof r->first, "%s [%d, %d]: byte %zu of %zu", cvt_dtype_name(dtype), columns, k, at,
                 size);
    free(block), free(got), free(expected);
}

static void test_panels(const cvt_kernels *kernels) {
    static const cvt_dtype dtypes[] = {CVT_I8, CVT_F32, CVT_F16, CVT_BF16};
    static const int depths[] = {1,  2,  3,  4,   7,   8,   15,  16,  17,  20,  48,
                                 63, 64, 65, 100, 128, 147, 255, 256, 257, 300, 592};
    report r = {0};
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        for (size_t d = 0; d < sizeof depths / sizeof *depths; d++)
            for (int columns = 1; columns <= kernels->nr; columns += columns % 5 ? 1 : 3)
                check_panel(kernels, &r, dtypes[i], depths[d], columns == kernels->nr - 1 ? kernels->nr : columns,
                            columns % 2);
    char name[80];
    snprintf(name, sizeof name, "%s panels in int8", kernels->name);
    test_case(!r.failures, name, "%d wrong, the first: %s", r.failures, r.first);
}

/* ---- rows of a convolution ------------------------------------------------------------------------------------- */

/* Gathers the row of one output pixel. */
static void gather(float *row, const float *maps, const cvt_window_args *w, int pixel) {
    const int y0 = pixel / w->ow % w->oh * w->stride_h - w->pad_top, x0 = pixel % w->ow * w->stride_w - w->pad_left;
    const float *map = maps + (size_t)(pixel / w->ow / w->oh * w->h * w->w * w->c);
    for (int y = y0; y < y0 + w->kh; y++)
        for (int x = x0; x < x0 + w->kw; x++)
            for (int c = 0; c < w->c; c++) {
                const bool inside = y >= 0 && y < w->h && x >= 0 && x < w->w;
                *row++ = inside ? map[(y * w->w + x) * w->c + c] : 0;
            }
}

/* Compares rows [first, first + count) with those that pack_a makes of what is gathered. */
static void check_window(const cvt_kernels *kernels, report *r, const float *maps, const cvt_window_args *w, int first,
                         int count) {
    const cvt_product_kernels *p = kernels->product[CVT_PRECISION_INT8];
    const int k = w->kh * w->kw * w->c;
    const size_t size = p->packed_row_size(k), used = (size_t)k * (form_of(kernels).wide ? 2 : 1);
    const size_t all = (size_t)count * size, floats = p->window_floats(w, count);
    float *row = aligned((size_t)k * sizeof *row), *scratch = aligned(floats * sizeof *scratch);
    unsigned char *got = aligned(all), *expected = aligned(size);
    memset(got, 0xff, all);
    p->pack_window(got, maps, w, first, count, scratch);
    for (int i = 0; i < count; i++) {
        const unsigned char *own = got + (size_t)i * size, *end = own + size - 64;
        gather(row, maps, w, first + i);
        p->pack_a(expected, row, (size_t)k, 1, k);
        const cvt_int8_row *says = (const void *)(expected + size - 64), *own_says = (const void *)end;
        /* a row that is not finite gives NaN whatever else it holds, and with whatever sign */
        const bool odd = isnan(says->scale) && isnan(own_says->scale);
        if (!odd && (memcmp(own, expected, used) || memcmp(own_says, says, sizeof *says)))
            wrong(r, "%d x %d of %d by %d, row %d", w->kh, w->kw, w->c, w->stride_h, first + i);
    }
    if (got[all] != 0xa5 || ((unsigned char *)scratch)[floats * sizeof *scratch] != 0xa5)
        wrong(r, "%d x %d of %d by %d: written outside", w->kh, w->kw, w->c, w->stride_h);
    free(row), free(scratch), free(got), free(expected);
}

static void test_windows(const cvt_kernels *kernels) {
    enum { MAPS = 2, MOST = MAPS * 9 * 7 * 67 };
    static const cvt_window_args windows[] = {
        {16, 9, 7, 9, 7, 3, 3, 1, 1, 1, 1}, {67, 9, 7, 5, 4, 3, 3, 2, 2, 1, 1}, {5, 9, 7, 9, 7, 5, 3, 1, 1, 2, 1},
        {33, 9, 7, 5, 4, 1, 1, 2, 2, 0, 0}, {3, 9, 7, 4, 3, 2, 2, 2, 2, 0, 0},  {17, 4, 3, 7, 6, 2, 2, 1, 1, 2, 2},
        {1, 2, 2, 4, 4, 7, 7, 1, 1, 4, 4},
    };
    report r = {0};
    float *maps = aligned(MOST * sizeof *maps);
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        const cvt_window_args *w = &windows[i];
        const int rows = MAPS * w->oh * w->ow, values = MAPS * w->h * w->w * w->c;
        for (int kind = 0; kind < 3; kind++) { /* of both signs, none negative, and with some that are not finite */
            for (int j = 0; j < values; j++) {
                maps[j] = random_float();
                if (kind == 1) maps[j] = fmaxf(maps[j], 0);
                if (kind == 2 && j % 97 == 5) maps[j] = j % 2 ? INFINITY : NAN;
            }
            check_window(kernels, &r, maps, w, 0, rows);
            for (int first = kind; first < rows; first += 5)
                check_window(kernels, &r, maps, w, first, rows - first < 11 ? rows - first : 11);
        }
    }
    free(maps);
    char name[80];
    snprintf(name, sizeof name, "%s rows of convolutions in int8", kernels->name);
    test_case(!r.failures, name, "%d wrong, the first: %s", r.failures, r.first);
}

/* Weights that are not finite, tiny, or 0. */
static void test_weights(void) {
    int8_t v[4];
    static const float odd[] = {1, NAN, 2, 3}, tiny[] = {1e-40f, -1e-38f, 0, 0}, plain[] = {-2, 1, 0.004f, 0.008f};
    test_case(isnan(cvt_int8_round(v, odd, CVT_F32, 4)), "NaN among weights makes the scale NaN", "it does not");
    test_case(cvt_int8_round(v, tiny, CVT_F32, 4) == 0 && !v[0] && !v[1], "weights near 0 become 0", "they do not");
    float t = cvt_int8_round(v, plain, CVT_F32, 4);
    test_case(same(t, 2.0f / 127) && v[0] == -127 && v[1] == 64 && v[2] == 0 && v[3] == 1, "weights are rounded",
              "%g %d %d %d %d", (double)t, v[0], v[1], v[2], v[3]);
}

int main(void) {
    const cvt_kernels *kernels;
    for (int i = 0; (kernels = cvt_kernels_at(i)); i++) {
        for (cvt_precision p = CVT_PRECISION_F16; p < CVT_PRECISION_COUNT; p++)
            if (kernels->product[p]->pack_a) {
                test_table(kernels, p);
                if (p != CVT_PRECISION_F16) test_low_activations(kernels, p);
            }
        test_panels(kernels);
        if (kernels->product[CVT_PRECISION_INT8]->pack_window) test_windows(kernels);
    }
    test_weights();
    return test_end();
}
