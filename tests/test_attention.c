/* test_attention.c - tests attention in less than f32, on every table of kernels that runs here, against the exact
 * result in double: the error is no larger than that of factors of 8 bits, and nothing is read or written outside.
 * test_kernels.c tests attention in f32. */
#include "kernels/kernels.h"
#include "kernels_matrix.h"
#include "kernels_report.h"
#include "test.h"

static void near(report *r, double got, double expected, double allowed, const char *what, size_t i, size_t j) {
    if (!(fabs(got - expected) <= allowed)) wrong(r, "%s at %zu, %zu: %g, not %g", what, i, j, got, expected);
}

typedef struct size {
    size_t t, s, d, dv;
    float scale;
} size;

/* Computes the probabilities of one query in double; bias may be NULL. */
static void exact(double *p, const matrix *q, const matrix *k, const matrix *bias, size_t i, size z) {
    double most = -INFINITY, sum = 0;
    for (size_t s = 0; s < z.s; s++) {
        p[s] = 0;
        for (size_t d = 0; d < z.d; d++) p[s] += (double)*value(q, i, d) * (double)*value(k, s, d);
        p[s] = p[s] * (double)z.scale + (bias ? (double)*value(bias, i, s) : 0);
        most = fmax(most, p[s]);
    }
    for (size_t s = 0; s < z.s; s++) sum += p[s] = exp(p[s] - most);
    for (size_t s = 0; s < z.s; s++) p[s] /= sum;
}

static void check(const cvt_attention_kernels *kernels, report *r, size z, bool more) {
    char what[100];
    snprintf(what, sizeof what, "%zu x %zu, %zu and %zu%s", z.t, z.s, z.d, z.dv,
             more ? " with bias, residual and map" : "");
    matrix q = matrix_new(z.t, z.d), k = matrix_new(z.s, z.d), v = matrix_new(z.s, z.dv), out = matrix_new(z.t, z.dv);
    matrix map = matrix_new(z.t, z.s), before = matrix_copy(&out);
    matrix bias = matrix_new(z.t, cvt_bias_floats(z.s));
    size_t n_panels = kernels->panels((int)z.s, (int)z.d, (int)z.dv),
           n_scratch = kernels->scratch((int)z.t, (int)z.s, (int)z.d);
    float *panels = aligned_alloc(64, (n_panels / 16 + 1) * 64),
          *scratch = aligned_alloc(64, (n_scratch / 16 + 1) * 64);
    double *p = malloc(z.s * sizeof *p);
    if (!panels || !scratch || !p) abort();
    for (size_t i = 0; i < n_panels; i++) panels[i] = NAN; /* the result must not depend on what is not written */
    for (size_t i = 0; i < n_scratch; i++) scratch[i] = NAN;
    kernels->pack(panels, &(cvt_attention_head){(int)z.s, (int)z.d, (int)z.dv, k.at, v.at, k.ld, v.ld});
    const float weight = more ? 0.75f : 1;
    kernels->run(&(cvt_attention){.t = (int)z.t,
                                  .s = (int)z.s,
                                  .d = (int)z.d,
                                  .dv = (int)z.dv,
                                  .q = q.at,
                                  .ldq = q.ld,
                                  .panels = panels,
                                  .scale = z.scale,
                                  .weight = weight,
                                  .bias = more ? bias.at : NULL,
                                  .ldb = bias.ld,
                                  .residual = more ? out.at : NULL,
                                  .ldr = out.ld,
                                  .out = out.at,
                                  .ldo = out.ld,
                                  .map = more ? map.at : NULL,
                                  .ldm = map.ld,
                                  .scratch = scratch});
    /* |q| and |k| are below 1, so a score is off by at most 2 * 2^-9 scale sum |q k|, and p by that times p. Rounding
     * changes a weight by up to 2^-8 of itself, and a value, below 1 too, by up to 2^-9. */
    const double score = 2 * 0x1p-9 * (double)z.scale * (double)z.d / 2, rounding = 3 * 0x1p-9, exponentials = 2e-4;
    for (size_t i = 0; i < z.t; i++) {
        exact(p, &q, &k, more ? &bias : NULL, i, z);
        for (size_t j = 0; j < z.dv; j++) {
            double sum = 0;
            for (size_t s = 0; s < z.s; s++) sum += p[s] * (double)*value(&v, s, j);
            if (more) sum = sum * (double)weight + (double)*value(&before, i, j);
            near(r, (double)*value(&out, i, j), sum, 2 * score + rounding + 1e-6, what, i, j);
        }
        for (size_t s = 0; more && s < z.s; s++)
            near(r, (double)*value(&map, i, s), p[s], p[s] * (2 * score + exponentials) + 1e-6, what, i, s);
    }
    free(panels), free(scratch), free(p);
    matrix *all[] = {&q, &k, &v, &out, &map, &before, &bias};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!matrix_free(all[i])) wrong(r, "%s: written outside", what);
}

/* A query so long that its scores are treated otherwise changes no bit of the rows beside it, nor do they of its own.
 */
static void check_neighbours(const cvt_attention_kernels *kernels, report *r, size_t s, float factor) {
    enum { T = 37, D = 24, LONG = 7 };
    matrix q = matrix_new(T, D), k = matrix_new(s, D), v = matrix_new(s, D), plain = matrix_new(T, D),
           mixed = matrix_new(T, D), alone = matrix_new(1, D);
    float *panels = malloc(kernels->panels((int)s, D, D) * sizeof *panels),
          *scratch = malloc(kernels->scratch(T, (int)s, D) * sizeof *scratch);
    if (!panels || !scratch) abort();
    cvt_attention a = {.t = T,
                       .s = (int)s,
                       .d = D,
                       .dv = D,
                       .q = q.at,
                       .ldq = q.ld,
                       .panels = panels,
                       .scale = 0.25f,
                       .weight = 1,
                       .out = plain.at,
                       .ldo = plain.ld,
                       .scratch = scratch};
    kernels->pack(panels, &(cvt_attention_head){(int)s, D, D, k.at, v.at, k.ld, v.ld});
    kernels->run(&a);
    for (size_t d = 0; d < D; d++) *value(&q, LONG, d) *= factor;
    a.out = mixed.at;
    a.ldo = mixed.ld;
    kernels->run(&a);
    a.t = 1;
    a.q = value(&q, LONG, 0);
    a.out = alone.at;
    kernels->run(&a);
    for (size_t i = 0; i < T; i++)
        for (size_t d = 0; d < D; d++) {
            const float got = *value(&mixed, i, d), wanted = *value(i == LONG ? &alone : &plain, i == LONG ? 0 : i, d);
            if (!same(got, wanted))
                wrong(r, "beside a long query: row %zu is %a, not %a", i, (double)got, (double)wanted);
            if (!(fabsf(got) <= 1 + 0x1p-7f)) wrong(r, "beside a long query: row %zu is %g", i, (double)got);
        }
    free(panels), free(scratch);
    matrix *all[] = {&q, &k, &v, &plain, &mixed, &alone};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!matrix_free(all[i])) wrong(r, "a long query: written outside");
}

static void check_all(const cvt_attention_kernels *kernels, report *r) {
    static const size_t queries[] = {1, 2, 5, 15, 16, 17, 33, 50}, keys[] = {1, 2, 15, 16, 17, 31, 33, 50, 65, 130};
    static const size_t heads[][2] = {{64, 64}, {32, 32}, {8, 48}, {65, 17}, {1, 1}, {24, 100}, {96, 64}};
    unsigned turn = 0;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        for (size_t j = 0; j < sizeof keys / sizeof *keys; j++)
            for (size_t h = 0; h < sizeof heads / sizeof *heads; h++)
                check(kernels, r, (size){queries[i], keys[j], heads[h][0], heads[h][1], 0.125f}, turn++ % 2);
    check(kernels, r, (size){40, 784, 64, 64, 0.125f}, false);
    check(kernels, r, (size){35, 70, 3, 20, 60}, false); /* scores of some hundreds */
    check(kernels, r, (size){35, 70, 3, 20, 60}, true);
    for (size_t s = 30; s < 70; s += 17)
        for (float factor = 100; factor < 1e9f; factor *= 1000) check_neighbours(kernels, r, s, factor);
}

int main(void) {
    const cvt_kernels *kernels;
    int tested = 0;
    for (int i = 0; (kernels = cvt_kernels_at(i)); i++) {
        for (int p = CVT_PRECISION_F32 + 1; p < CVT_PRECISION_COUNT; p++) {
            report r = {0};
            char name[80];
            if (kernels->attention[p] == kernels->attention[CVT_PRECISION_F32]) continue;
            check_all(kernels->attention[p], &r);
            snprintf(name, sizeof name, "%s attention in %s", kernels->name, cvt_precision_name((cvt_precision)p));
            test_case(!r.failures, name, "%d wrong, the first: %s", r.failures, r.first);
            tested++;
        }
    }
    if (!tested) printf("skip attention in less than f32: no table here has one\n");
    return test_end();
}
