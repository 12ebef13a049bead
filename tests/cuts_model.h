/* cuts_model.h - the part of test_cuts.c that keeps a promise: how well the passes of two networks are spread over many
 * threads. No clock is asked. The plans run on kernels that compute nothing and count what they are given to do, by a
 * fixed model in nanoseconds, which was taken from an AVX-512 core with AMX: so the result is the same everywhere. What
 * a clock says to the same passes, `test_cuts --bench` prints. */
#ifndef CVT_TESTS_CUTS_MODEL_H
#define CVT_TESTS_CUTS_MODEL_H

#include "cuts.h"
#include "model/model.h"
#include "test.h"

static double counted; /* nanoseconds so far */

/* Handing out a tile takes some time too. */
static double count_so_far(void) { return counted += 30; }

static const double model_barrier = 2000;

/* ---- what each kernel takes, in nanoseconds -------------------------------------------------------------------- */

enum { MODEL_NR = 64, MODEL_MR = 6 };

static size_t round_64(size_t n) { return (n + 63) / 64 * 64; }

static double of_activation(cvt_act act) { return act == CVT_ACT_NONE ? 0 : act == CVT_ACT_RELU ? 0.02 : 0.25; }

/* A product whose core does `rate` multiply-adds a nanosecond; weights of `bytes` bytes come at 25 bytes a nanosecond
 * while it works. Rows go by `tile` rows at a time, and in f32 a tile that is not full takes as long as half a row
 * more. */
static void count_product(const cvt_gemm *g, double rate, double bytes, int tile) {
    const double panels = (g->n + MODEL_NR - 1) / MODEL_NR, tiles = (g->m + tile - 1) / tile;
    const double multiplying = (g->m + tiles / 2) * g->k * MODEL_NR / rate, arriving = g->k * MODEL_NR * bytes / 25;
    counted += panels * (multiplying > arriving ? multiplying : arriving);
    counted += (double)g->m * g->n * (0.08 + of_activation(g->act) + of_activation(g->last)) + 50;
}

static void count_gemm_f32(const cvt_gemm *g) { count_product(g, 80, 4, MODEL_MR); }
static void count_gemm_bf16(const cvt_gemm *g) { count_product(g, 700, 2, 16); }
static void count_gemm_int8(const cvt_gemm *g) { count_product(g, 1400, 1, 16); }

static size_t panel_f32(int k) { return MODEL_NR * (size_t)k * 4; }
static size_t panel_bf16(int k) { return MODEL_NR * round_64((size_t)k) * 2; }
static size_t panel_int8(int k) { return MODEL_NR * round_64((size_t)k) + 512; }
static size_t row_f32(int k) { return (void)k, 0; }
static size_t row_bf16(int k) { return round_64((size_t)k * 2); }
static size_t row_int8(int k) { return round_64((size_t)k) + 64; }

static void count_pack_b(void *panel, const void *w, cvt_dtype dtype, size_t ldw, int k, int columns,
                         const float *scale) {
    (void)panel, (void)w, (void)dtype, (void)ldw, (void)scale;
    counted += 0.1 * k * columns;
}

static void count_pack_a(void *to, const float *a, size_t lda, int m, int k) {
    (void)to, (void)a, (void)lda;
    counted += 0.2 * m * k;
}

static void count_pack_kn(float *panel, const float *b, size_t ldb, int k, int columns) {
    (void)panel, (void)b, (void)ldb;
    counted += 0.05 * k * columns;
}

static size_t attention_panels(int s, int d, int dv) { return round_64((size_t)s) * (size_t)(d + dv); }
static size_t attention_scratch(int t, int s, int d) { return (size_t)t * (size_t)(s + d); }
static void count_attention_pack(float *panels, const cvt_attention_head *h) {
    (void)panels;
    counted += 0.1 * h->s * (h->d + h->dv);
}

static void count_attention(const cvt_attention *a, double rate) {
    counted += (double)(a->t + 1) * a->s * ((a->d + a->dv) / rate + 0.3) + 50;
}
static void count_attention_f32(const cvt_attention *a) { count_attention(a, 65); }
static void count_attention_narrow(const cvt_attention *a) { count_attention(a, 400); }

static void count_dwconv(const cvt_dwconv *d) {
    counted += 0.03 * (d->row1 - d->row0) * d->ow * d->c * d->kh * d->kw + 50;
}

static void count_layer_norm(float *y, size_t ldy, const float *x, size_t ldx, int rows, int c, const float *gamma,
                             const float *beta, float eps) {
    (void)y, (void)ldy, (void)x, (void)ldx, (void)gamma, (void)beta, (void)eps;
    counted += 0.1 * rows * c + 20;
}

static void count_affine(float *y, size_t ldy, const float *x, size_t ldx, int rows, int c, const float *scale,
                         const float *shift, cvt_act act) {
    (void)y, (void)ldy, (void)x, (void)ldx, (void)scale, (void)shift;
    counted += (0.06 + of_activation(act)) * rows * c + 20;
}

static void count_add(float *y, size_t ldy, const float *a, size_t lda, const float *b, size_t ldb, int rows, int c) {
    (void)y, (void)ldy, (void)a, (void)lda, (void)b, (void)ldb;
    counted += 0.06 * rows * c + 20;
}

static const cvt_product_kernels model_f32 = {"model", panel_f32, count_pack_b, row_f32, NULL, count_gemm_f32, false},
                                 model_bf16 = {"model",      panel_bf16,      count_pack_b, row_bf16,
                                               count_pack_a, count_gemm_bf16, false},
                                 model_int8 = {"model",      panel_int8,      count_pack_b, row_int8,
                                               count_pack_a, count_gemm_int8, false};

static const cvt_attention_kernels model_attention = {attention_panels, count_attention_pack, attention_scratch,
                                                      count_attention_f32, false},
                                   model_narrow = {attention_panels, count_attention_pack, attention_scratch,
                                                   count_attention_narrow, false};

/* The kernels that a pass over the networks below calls. */
static const cvt_kernels model_kernels = {
    .name = "model",
    .mr = MODEL_MR,
    .nr = MODEL_NR,
    .product = {[CVT_PRECISION_F32] = &model_f32,
                [CVT_PRECISION_F16] = &model_bf16,
                [CVT_PRECISION_BF16] = &model_bf16,
                [CVT_PRECISION_INT8] = &model_int8},
    .attention = {[CVT_PRECISION_F32] = &model_attention,
                  [CVT_PRECISION_F16] = &model_narrow,
                  [CVT_PRECISION_BF16] = &model_narrow,
                  [CVT_PRECISION_INT8] = &model_narrow},
    .pack_kn = count_pack_kn,
    .dwconv = count_dwconv,
    .layer_norm = count_layer_norm,
    .affine = count_affine,
    .add = count_add,
};

/* ---- the promise ----------------------------------------------------------------------------------------------- */

/* Weights that nobody reads: all of them are the same zeros, as f32 or as panels. */
static cvt_source *make_sources(const cvt_graph *g, void **zeros) {
    cvt_source *sources = calloc((size_t)g->n_params + 1, sizeof *sources);
    size_t most = 1;
    for (int i = 0; i < g->n_params; i++) most = g->params[i].count > most ? g->params[i].count : most;
    *zeros = calloc(2 * most, sizeof(float));
    for (int i = 0; sources && i < g->n_params; i++) {
        sources[i] = (cvt_source){.data = *zeros, .dtype = CVT_F32};
        for (int k = 0; k < g->n_nodes; k++)
            if (g->nodes[k].op->product && g->nodes[k].params[0] == i) sources[i].packed = true;
    }
    return sources;
}

/* How many times as fast a pass of n images is on so many threads, divided by their number. */
static double efficiency_of(const cvt_graph *g, const cvt_source *sources, cvt_precision precision, int n,
                            int threads) {
    cvt_plan_options options = {.kernels = &model_kernels, .fuse = true, .precision = precision, .pack_ahead = true};
    cvt_plan *plan;
    rig r;
    if (cvt_plan_new(&plan, g, sources, &options, NULL) != CVT_OK) return 0;
    double efficiency = 0;
    if (rig_new(&r, plan, n)) {
        double one = cost_of(&r, n, 1, model_barrier, 1, count_so_far, NULL);
        double many = cost_of(&r, n, threads, model_barrier, 1, count_so_far, NULL);
        efficiency = one / many / threads;
        rig_free(&r);
    }
    cvt_plan_free(plan);
    return efficiency;
}

static void test_promise(void) {
    static const struct {
        const char *config;
        cvt_precision precision;
        int images, threads;
        double least;
    } promises[] = {
        {"vit-base-patch16-224", CVT_PRECISION_F32, 1, 16, 0.75}, {"cvt-13", CVT_PRECISION_F32, 1, 16, 0.65},
        {"vit-base-patch16-224", CVT_PRECISION_INT8, 1, 16, 0.6}, {"cvt-13", CVT_PRECISION_INT8, 1, 16, 0.42},
        {"vit-base-patch16-224", CVT_PRECISION_BF16, 1, 16, 0.6}, {"cvt-13", CVT_PRECISION_BF16, 1, 16, 0.42},
        {"vit-base-patch16-224", CVT_PRECISION_F32, 8, 64, 0.8},  {"cvt-13", CVT_PRECISION_F32, 8, 64, 0.8},
        {"vit-base-patch16-224", CVT_PRECISION_INT8, 8, 64, 0.8}, {"cvt-13", CVT_PRECISION_INT8, 8, 64, 0.75},
        {"vit-base-patch16-224", CVT_PRECISION_BF16, 8, 64, 0.8}, {"cvt-13", CVT_PRECISION_BF16, 8, 64, 0.8},
    };
    for (size_t i = 0; i < sizeof promises / sizeof *promises; i++) {
        char path[100], name[160];
        snprintf(path, sizeof path, "configs/%s.json", promises[i].config);
        snprintf(name, sizeof name, "%s in %s, %d image%s: efficiency of %d threads at least %.2f", promises[i].config,
                 cvt_precision_name(promises[i].precision), promises[i].images, promises[i].images > 1 ? "s" : "",
                 promises[i].threads, promises[i].least);
        cvt_options options = {.size = sizeof options, .config = path, .no_weights = true};
        cvt_error error;
        cvt_model *m;
        if (cvt_model_open(&m, NULL, &options, &error) != CVT_OK) {
            test_case(false, name, "%s", error.message);
            continue;
        }
        void *zeros;
        cvt_source *sources = make_sources(m->graph, &zeros);
        double e = sources && zeros ? efficiency_of(m->graph, sources, promises[i].precision, promises[i].images,
                                                    promises[i].threads)
                                    : 0;
        test_case(e >= promises[i].least, name, "%.3f", e);
        free(sources);
        free(zeros);
        cvt_model_free(m);
    }
}

#endif
