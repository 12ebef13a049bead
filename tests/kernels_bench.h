/* kernels_bench.h - what `test_kernels --bench` prints: for each table of kernels the peak of one core, measured on
 * registers alone, and what the kernels reach of it on one thread, over the shapes of CvT-13 at 224 x 224. The best of
 * several rounds counts. */
#ifndef CVT_TESTS_KERNELS_BENCH_H
#define CVT_TESTS_KERNELS_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/kernels.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double peak_rate(const cvt_kernels *kernels) {
    double begin = now(), operations = kernels->peak(3000);
    return operations / (now() - begin);
}

typedef struct timing {
    double seconds, peak;
} timing;

/* Times one call: the best of rounds over about 0.15 s, and the best peak among them. Clocks change, and other programs
 * come and go. */
static timing best_time(void (*call)(const cvt_kernels *, void *), const cvt_kernels *kernels, void *data) {
    timing best = {1e9, 0};
    double start = now();
    int repeat = 1;
    do {
        double peak = peak_rate(kernels), begin = now();
        for (int i = 0; i < repeat; i++) call(kernels, data);
        double each = (now() - begin) / repeat;
        if (each < best.seconds) best.seconds = each;
        if (peak > best.peak) best.peak = peak;
        if (each * repeat < 2e-4) repeat *= 2;
    } while (now() - start < 0.15);
    return best;
}

/* Aligned as a session's memory is. */
static float *bench_floats(size_t n) {
    float *p = aligned_alloc(64, (n * sizeof *p + 63) / 64 * 64);
    if (!p) abort();
    for (size_t i = 0; i < n; i++) p[i] = (float)((i * 2654435761u >> 16) % 2001) * 1e-3f - 1;
    return p;
}

static void call_dwconv(const cvt_kernels *kernels, void *data) { kernels->dwconv(data); }

typedef struct bench_rows {
    int rows, c;
    float *x, *y, *w;
    cvt_act act;
} bench_rows;

static void call_layer_norm(const cvt_kernels *kernels, void *data) {
    bench_rows *b = data;
    kernels->layer_norm(b->y, (size_t)b->c, b->x, (size_t)b->c, b->rows, b->c, b->w, b->w, 1e-5f);
}

static void call_affine(const cvt_kernels *kernels, void *data) {
    bench_rows *b = data;
    kernels->affine(b->y, (size_t)b->c, b->x, (size_t)b->c, b->rows, b->c, NULL, NULL, b->act);
}

static void call_softmax(const cvt_kernels *kernels, void *data) {
    bench_rows *b = data;
    kernels->softmax(b->x, (size_t)b->c, b->rows, b->c, 1);
}

static void call_pack(const cvt_kernels *kernels, void *data) {
    bench_rows *b = data;
    for (int j = 0; j < b->rows; j += kernels->nr)
        kernels->product[CVT_PRECISION_F32]->pack_b(b->y + (size_t)j * (size_t)b->c, b->x + (size_t)j * (size_t)b->c,
                                                    CVT_F32, (size_t)b->c, b->c,
                                                    b->rows - j < kernels->nr ? b->rows - j : kernels->nr, NULL);
}

static size_t panels(const cvt_kernels *kernels, int n) {
    return (size_t)((n + kernels->nr - 1) / kernels->nr) * (size_t)kernels->nr;
}

typedef struct bench_layer {
    cvt_gemm gemm;
    const cvt_product_kernels *kernels;
    int rows; /* rows that are packed at a time */
    void *packed;
} bench_layer;

static void call_layer(const cvt_kernels *kernels, void *data) {
    bench_layer *b = data;
    (void)kernels;
    for (int row = 0; row < b->gemm.m; row += b->rows) {
        cvt_gemm g = b->gemm;
        g.m = g.m - row < b->rows ? g.m - row : b->rows;
        const float *a = (const float *)g.a + (size_t)row * g.lda;
        g.c += (size_t)row * g.ldc;
        if (g.residual) g.residual += (size_t)row * g.ldr;
        if (b->kernels->pack_a) b->kernels->pack_a(b->packed, a, g.lda, g.m, g.k);
        g.a = b->kernels->pack_a ? b->packed : a;
        b->kernels->gemm(&g);
    }
}

/* Runs the product alone; its rows are packed before. */
static void call_product(const cvt_kernels *kernels, void *data) {
    bench_layer *b = data;
    cvt_gemm g = b->gemm;
    (void)kernels;
    if (b->kernels->pack_a) g.a = b->packed;
    b->kernels->gemm(&g);
}

static timing bench_product(const cvt_kernels *kernels, cvt_precision precision, int m, int n, int k, cvt_act act,
                            bool residual, void (*call)(const cvt_kernels *, void *)) {
    const cvt_product_kernels *p = kernels->product[precision];
    const int block = p->block ? 7 * p->block : 48; /* as product.c cuts for one thread */
    const int rows = p->pack_a && call == call_layer ? block : m;
    const size_t panel = p->panel_size(k), width = (size_t)k;
    float *a = bench_floats((size_t)m * width), *w = bench_floats(panels(kernels, n) * width);
    float *c = bench_floats((size_t)m * (size_t)n), *r = bench_floats((size_t)m * (size_t)n),
          *bias = bench_floats((size_t)n);
    char *b = aligned_alloc(64, panels(kernels, n) / (size_t)kernels->nr * panel + 64);
    void *packed = aligned_alloc(64, (size_t)rows * p->packed_row_size(k) + 64);
    if (!b || !packed) abort();
    for (int j = 0; j < n; j += kernels->nr)
        p->pack_b(b + (size_t)(j / kernels->nr) * panel, w + (size_t)j * width, CVT_F32, width, k,
                  n - j < kernels->nr ? n - j : kernels->nr, NULL);
    if (p->pack_a) p->pack_a(packed, a, width, rows < m ? rows : m, k);
    bench_layer layer = {.gemm = {m, n, k, a, width, b, NULL, c, (size_t)n, bias, act, residual ? r : NULL, (size_t)n},
                         .kernels = p,
                         .rows = rows,
                         .packed = packed};
    timing time = best_time(call, kernels, &layer);
    free(a), free(w), free(c), free(r), free(bias), free(b), free(packed);
    return time;
}

/* Returns how many times as many multiply-adds as in f32 one instruction for products does. The core can begin as many
 * of these instructions. */
static double products_rate(const cvt_kernels *kernels, cvt_precision precision) {
    static const struct {
        const char *table;
        double rate[CVT_PRECISION_COUNT]; /* f32, f16, bf16, int8 */
    } rates[] = {{"avx2vnni", {1, 1, 1, 4}},   {"avx512vnni", {1, 1, 1, 4}},  {"avx512bf16", {1, 1, 2, 4}},
                 {"avx512fp16", {1, 2, 2, 4}}, {"avx512amx", {1, 2, 16, 32}}, {"neondot", {1, 1, 1, 4}},
                 {"neonfp16", {1, 2, 1, 4}},   {"neonbf16", {1, 2, 4, 4}}};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        if (!strcmp(rates[i].table, kernels->name)) return rates[i].rate[precision];
    return 1; /* int8 elsewhere: twice as many an instruction, and one to add them */
}

typedef struct bench_head {
    cvt_attention attention;
    cvt_attention_head of;
    float *panels;
    cvt_precision precision;
} bench_head;

static void call_attention(const cvt_kernels *kernels, void *data) {
    bench_head *b = data;
    kernels->attention[b->precision]->pack(b->panels, &b->of);
    kernels->attention[b->precision]->run(&b->attention);
}

/* Measures one head of four, which lies between the others. */
static timing bench_attention(const cvt_kernels *kernels, int t, int s, int d, cvt_precision p) {
    const size_t ld = 4 * (size_t)d;
    float *q = bench_floats((size_t)t * ld), *k = bench_floats((size_t)s * ld), *v = bench_floats((size_t)s * ld);
    float *out = bench_floats((size_t)t * ld), *panels = bench_floats(kernels->attention[p]->panels(s, d, d));
    float *scratch = bench_floats(kernels->attention[p]->scratch(t, s, d));
    bench_head b = {.of = {s, d, d, k, v, ld, ld}, .panels = panels, .precision = p};
    b.attention = (cvt_attention){.t = t,
                                  .s = s,
                                  .d = d,
                                  .dv = d,
                                  .q = q,
                                  .ldq = ld,
                                  .panels = panels,
                                  .scale = 0.125f,
                                  .weight = 1,
                                  .out = out,
                                  .ldo = ld,
                                  .scratch = scratch};
    timing time = best_time(call_attention, kernels, &b);
    free(q), free(k), free(v), free(out), free(panels), free(scratch);
    return time;
}

static timing bench_dwconv(const cvt_kernels *kernels, int size, int c, int stride) {
    const int out = (size + stride - 1) / stride;
    float *x = bench_floats((size_t)(size * size) * (size_t)c), *y = bench_floats((size_t)(out * out) * (size_t)c);
    float *w = bench_floats(9 * (size_t)c);
    cvt_dwconv d = {c, size,      size, out, out,          3, 3,         stride, stride, 1, 1,
                    x, (size_t)c, w,    w,   CVT_ACT_NONE, y, (size_t)c, 0,      out};
    timing time = best_time(call_dwconv, kernels, &d);
    free(x), free(y), free(w);
    return time;
}

static timing bench_row_kernel(const cvt_kernels *kernels, void (*call)(const cvt_kernels *, void *), int rows, int c,
                               cvt_act act) {
    bench_rows b = {rows,
                    c,
                    bench_floats((size_t)rows * (size_t)c),
                    bench_floats(panels(kernels, rows) * (size_t)c),
                    bench_floats((size_t)c),
                    act};
    timing time = best_time(call, kernels, &b);
    free(b.x), free(b.y), free(b.w);
    return time;
}

static void print_rate(const char *what, double operations, timing t) {
    double rate = operations / t.seconds;
    printf("  %-40s %9.1f us %7.1f GFLOP/s %5.1f %%\n", what, 1e6 * t.seconds, 1e-9 * rate, 100 * rate / t.peak);
}

/* Adds `times` runs to a sum, whose peak is the mean of their peaks, weighted by time. */
static void add_time(timing *sum, timing t, int times) {
    double seconds = t.seconds * times;
    sum->peak = (sum->peak * sum->seconds + t.peak * seconds) / (sum->seconds + seconds);
    sum->seconds += seconds;
}

/* Measures the micro-kernel's share of the peak when all that it reads is in L1: the best of several numbers of
 * rows. */
static void bench_micro_kernel(const cvt_kernels *kernels, cvt_precision precision) {
    const cvt_product_kernels *p = kernels->product[precision];
    const int rows[] = {kernels->mr, 2 * kernels->mr, 32};
    int k = 16, m = 0;
    while (p->panel_size(2 * k) <= 24 << 10) k *= 2;
    timing best = {1, 1};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        timing t = bench_product(kernels, precision, rows[i], kernels->nr, k, CVT_ACT_NONE, false, call_product);
        if (m && rows[i] / t.seconds / t.peak <= m / best.seconds / best.peak) continue;
        best = t;
        m = rows[i];
    }
    char name[80];
    snprintf(name, sizeof name, "%s: %d x %d, k %d, in L1", cvt_precision_name(precision), m, kernels->nr, k);
    best.peak *= products_rate(kernels, precision);
    print_rate(name, 2.0 * m * kernels->nr * k, best);
}

static void bench_layers(const cvt_kernels *kernels, cvt_precision precision) {
    static const struct {
        int m, n, k;
        cvt_act act;
        bool residual;
        int times;
    } shapes[] = {
        {3136, 64, 147, CVT_ACT_NONE, false, 1},     {3136, 64, 64, CVT_ACT_NONE, true, 2},
        {784, 128, 64, CVT_ACT_NONE, false, 1},      {3136, 256, 64, CVT_ACT_GELU_ERF, false, 1},
        {3136, 64, 256, CVT_ACT_NONE, true, 1},      {784, 192, 576, CVT_ACT_NONE, false, 1},
        {784, 192, 192, CVT_ACT_NONE, true, 4},      {196, 384, 192, CVT_ACT_NONE, false, 2},
        {784, 768, 192, CVT_ACT_GELU_ERF, false, 2}, {784, 192, 768, CVT_ACT_NONE, true, 2},
        {196, 384, 1728, CVT_ACT_NONE, false, 1},    {197, 384, 384, CVT_ACT_NONE, true, 20},
        {50, 768, 384, CVT_ACT_NONE, false, 10},     {197, 1536, 384, CVT_ACT_GELU_ERF, false, 10},
        {197, 384, 1536, CVT_ACT_NONE, true, 10},    {1, 1000, 384, CVT_ACT_NONE, false, 1},
    };
    const char *of = cvt_precision_name(precision);
    timing total = {0, 0};
    double work = 0;
    char name[80];
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        snprintf(name, sizeof name, "%s: %d x %d x %d%s%s", of, shapes[i].m, shapes[i].n, shapes[i].k,
                 shapes[i].act ? " gelu" : "", shapes[i].residual ? " residual" : "");
        double flop = 2.0 * shapes[i].m * shapes[i].n * shapes[i].k;
        timing t = bench_product(kernels, precision, shapes[i].m, shapes[i].n, shapes[i].k, shapes[i].act,
                                 shapes[i].residual, call_layer);
        t.peak *= products_rate(kernels, precision);
        print_rate(name, flop, t);
        add_time(&total, t, shapes[i].times);
        work += shapes[i].times * flop;
    }
    snprintf(name, sizeof name, "%s: all linear layers of CvT-13", of);
    print_rate(name, work, total);
}

static void bench_table(const cvt_kernels *kernels) {
    /* tiles of CvT-13; of DeiT and ViT, ConViT-tiny, CrossViT-9's two branches */
    static const struct {
        int t, s, d, times;
    } heads[] = {{196, 784, 64, 16}, {196, 196, 64, 24}, {197, 50, 64, 60}, {198, 197, 64, 0},
                 {196, 196, 48, 0},  {204, 401, 32, 0},  {226, 226, 64, 0}};
    printf("%s\n", kernels->name);
    char name[80];
    double peak = 0;
    for (int i = 0; i < 100; i++) {
        double rate = peak_rate(kernels);
        if (rate > peak) peak = rate;
    }
    printf("  %-40s %12s %7.1f GFLOP/s\n", "registers only", "", 1e-9 * peak);
    for (cvt_precision p = CVT_PRECISION_F32; p < CVT_PRECISION_COUNT; p++) {
        if (p && kernels->product[p] == kernels->product[CVT_PRECISION_F32]) continue;
        bench_micro_kernel(kernels, p);
        bench_layers(kernels, p);
    }
    timing t, total = {0, 0};
    double work = 0;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        snprintf(name, sizeof name, "attention %d x %d x %d", heads[i].t, heads[i].s, heads[i].d);
        double flop = 4.0 * heads[i].d * heads[i].t * heads[i].s;
        t = bench_attention(kernels, heads[i].t, heads[i].s, heads[i].d, CVT_PRECISION_F32);
        print_rate(name, flop, t);
        add_time(&total, t, heads[i].times);
        work += heads[i].times * flop;
        if (kernels->attention[CVT_PRECISION_INT8] == kernels->attention[CVT_PRECISION_F32]) continue;
        t = bench_attention(kernels, heads[i].t, heads[i].s, heads[i].d, CVT_PRECISION_INT8);
        print_rate("  for int8", flop, t);
    }
    print_rate("all attention of CvT-13", work, total);
    print_rate("dwconv 56 x 56 x 64", 18.0 * 56 * 56 * 64, bench_dwconv(kernels, 56, 64, 1));
    print_rate("dwconv 56 x 56 x 64, stride 2", 18.0 * 28 * 28 * 64, bench_dwconv(kernels, 56, 64, 2));
    print_rate("dwconv 28 x 28 x 192", 18.0 * 28 * 28 * 192, bench_dwconv(kernels, 28, 192, 1));
    print_rate("dwconv 14 x 14 x 384", 18.0 * 14 * 14 * 384, bench_dwconv(kernels, 14, 384, 1));
    static const struct {
        const char *name;
        void (*call)(const cvt_kernels *, void *);
        int rows, c;
        cvt_act act;
    } rows[] = {
        {"layer norm 3136 x 64", call_layer_norm, 3136, 64, CVT_ACT_NONE},
        {"layer norm 197 x 384", call_layer_norm, 197, 384, CVT_ACT_NONE},
        {"softmax 24 x 784", call_softmax, 24, 784, CVT_ACT_NONE},
        {"relu 24 x 256", call_affine, 24, 256, CVT_ACT_RELU},
        {"gelu 24 x 256", call_affine, 24, 256, CVT_ACT_GELU_ERF},
        {"tanh gelu 24 x 256", call_affine, 24, 256, CVT_ACT_GELU_TANH},
        {"silu 24 x 256", call_affine, 24, 256, CVT_ACT_SILU},
        {"pack 384 x 384", call_pack, 384, 384, CVT_ACT_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        t = bench_row_kernel(kernels, rows[i].call, rows[i].rows, rows[i].c, rows[i].act);
        printf("  %-40s %9.1f us %7.2f ns a value\n", rows[i].name, 1e6 * t.seconds,
               1e9 * t.seconds / rows[i].rows / rows[i].c);
    }
}

#endif
