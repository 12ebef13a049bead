/* test_plan.c - tests the plan against its oracle, the plan without fusion on reference kernels. On networks of odd
 * shapes with random weights, and on every instruction set that runs here, the same bits must come out with and without
 * fusion, for any number of threads and images, and whether or not values are tapped. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/sanitize.h"
#include "model/model.h"
#include "networks.h"
#include "test.h"

enum { IMAGES = 3, NAME = 160 };

/* A model with random weights, its inputs, and the logits of the oracle. */
typedef struct subject {
    cvt_model *model;
    float *input, *expected;
    size_t in_size, out_size; /* of one image */
} subject;

static void fill(float *x, size_t n) {
    uint32_t state = 12345;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / (float)(1 << 23) - 1;
    }
}

static bool open_subject(subject *s, const char *config) {
    char path[] = "/tmp/cvt-plan-XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f) return false;
    fputs(config, f);
    fclose(f);
    cvt_error error;
    cvt_options options = {
        .size = sizeof options, .config = path, .random_weights = true, .seed = 7, .reference = true};
    cvt_status status = cvt_model_open(&s->model, NULL, &options, &error);
    remove(path);
    if (status != CVT_OK) return test_case(false, "a random model opens", "%s", error.message);
    const cvt_graph *g = s->model->graph;
    s->in_size = cvt_shape_count(g->values[g->inputs[0]].shape);
    s->out_size = cvt_shape_count(g->values[g->output].shape);
    s->input = malloc(IMAGES * s->in_size * sizeof(float));
    s->expected = malloc(IMAGES * s->out_size * sizeof(float));
    if (!s->input || !s->expected) return false;
    fill(s->input, IMAGES * s->in_size);
    return true;
}

static void close_subject(subject *s) {
    cvt_model_free(s->model);
    free(s->input);
    free(s->expected);
}

/* Runs a plan of the subject's graph over n images from `first`, twice where they fill the session, as the second run
 * must not see the first; copies the logits to out. */
static bool run_plan(const subject *s, const cvt_plan *plan, int first, int n, int capacity, int threads, float *out) {
    cvt_exec *exec;
    if (cvt_exec_new(&exec, plan, capacity, threads, NULL) != CVT_OK) return false;
    const float *in[] = {s->input + (size_t)first * s->in_size};
    for (int run = 0; run < 1 + (n == capacity); run++) cvt_exec_run(exec, in, n);
    for (int i = 0; i < n; i++)
        memcpy(out + (size_t)i * s->out_size, cvt_exec_value(exec, s->model->graph->output, i),
               s->out_size * sizeof *out);
    cvt_exec_free(exec);
    return true;
}

static double distance(const subject *s, const float *got) {
    double worst = 0;
    for (size_t i = 0; i < IMAGES * s->out_size; i++) {
        double d = fabs((double)got[i] - s->expected[i]) / (1e-4 + 1e-4 * fabs(s->expected[i]));
        worst = test_larger(worst, d);
    }
    return worst;
}

/* The options of a plan. */
typedef struct variant {
    bool fuse, ahead, tapped;
    cvt_precision precision;
    int packers;    /* threads that pack weights */
    int *n_dropped; /* counts the parameters that are not read again; NULL: nobody does */
} variant;

static void count_dropped(void *owner, int param) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    ((int *)owner)[param]++;
    pthread_mutex_unlock(&lock);
}

static cvt_plan *make_plan(const subject *s, const cvt_kernels *kernels, variant v) {
    const cvt_model *m = s->model;
    bool *keep = calloc((size_t)m->graph->n_values + 1, sizeof *keep);
    if (!keep) return NULL;
    for (int i = 0; v.tapped && i < m->n_taps; i++) keep[m->taps[i]] = true;
    cvt_plan_options options = {
        .kernels = kernels, .retain = keep, .fuse = v.fuse, .pack_ahead = v.ahead, .precision = v.precision};
    options.threads = v.packers;
    options.drop = v.n_dropped ? count_dropped : NULL;
    options.owner = v.n_dropped;
    cvt_plan *plan = NULL;
    if (cvt_plan_new(&plan, m->graph, m->sources, &options, NULL) != CVT_OK) plan = NULL;
    free(keep);
    return plan;
}

static const cvt_kernels *best; /* the last table of those that run here */

/* Tests one plan: its result is near the oracle's, and has the same bits for any threads, capacity and batch. `got`
 * receives the logits. */
static void check_plan(const subject *s, const cvt_plan *plan, const char *name, float *got, float *again) {
    size_t bytes = IMAGES * s->out_size * sizeof *got;
    bool ran = run_plan(s, plan, 0, IMAGES, IMAGES, 1, got);
    double d = ran ? distance(s, got) : INFINITY;
    test_case(d <= 1, name, "%g times the tolerance from the oracle", d);
    bool same = true;
    static const int counts[] = {1, 2, 3, 16, 64};
    const int n_counts = plan->kernels == best ? 5 : 3; /* so many threads take their time where there are two cores */
    for (int i = 0; i < n_counts; i++)
        same = same && run_plan(s, plan, 0, IMAGES, IMAGES + 1, counts[i], again) && memcmp(again, got, bytes) == 0;
    for (int i = 0; i < IMAGES; i++) same = same && run_plan(s, plan, i, 1, 1 + i, 2, again + (size_t)i * s->out_size);
    char title[NAME + 40];
    snprintf(title, sizeof title, "%s: any threads and batch, the same bits", name);
    test_case(same && memcmp(again, got, bytes) == 0, title, "differ");
}

/* Tests the plans of one instruction set. Fusion folds batch norms into weights and so rounds differently; packing
 * ahead and tapping change no bit. */
static void check_isa(const subject *s, int index, const cvt_kernels *kernels) {
    size_t count = IMAGES * s->out_size;
    float *base = malloc(count * sizeof *base), *got = malloc(count * sizeof *got),
          *again = malloc(count * sizeof *again);
    for (int bits = 0; base && got && again && bits < 8; bits++) {
        variant v = {.fuse = bits & 4, .ahead = bits & 1, .tapped = bits & 2};
        char name[NAME];
        snprintf(name, sizeof name, "network %d on %s,%s%s%s", index, kernels->name, v.fuse ? " fused" : "",
                 v.ahead ? " packed" : "", v.tapped ? " tapped" : "");
        cvt_plan *plan = make_plan(s, kernels, v);
        if (!test_case(plan != NULL, name, "no plan")) break;
        bool plain = !v.ahead && !v.tapped;
        if (plain) check_plan(s, plan, name, base, again);
        bool same = plain || (run_plan(s, plan, 0, IMAGES, IMAGES, 2, got) && !memcmp(base, got, count * sizeof *got));
        if (!plain) test_case(same, name, "other bits than the plain plan");
        cvt_plan_free(plan);
    }
    free(base);
    free(got);
    free(again);
}

/* Returns whether any threads and batch give the bits of `wanted`. */
static bool same_bits(const subject *s, const cvt_plan *plan, const float *wanted, float *again) {
    const size_t bytes = IMAGES * s->out_size * sizeof *wanted;
    bool same = plan != NULL;
    for (int threads = 1; threads <= 3; threads++)
        same = same && run_plan(s, plan, 0, IMAGES, IMAGES + 1, threads, again) && !memcmp(again, wanted, bytes);
    for (int i = 0; i < IMAGES; i++) same = same && run_plan(s, plan, i, 1, 1, 1 + i, again + (size_t)i * s->out_size);
    return same && !memcmp(again, wanted, bytes);
}

/* Tests the plans in less than f32: two products run as one step on few threads, unless what lies between them is
 * tapped, and must come to the same bits as two. */
static void check_precisions(const subject *s, int index, const cvt_kernels *kernels) {
    float *base = malloc(IMAGES * s->out_size * sizeof *base), *again = malloc(IMAGES * s->out_size * sizeof *again);
    for (cvt_precision p = CVT_PRECISION_F32 + 1; base && again && p < CVT_PRECISION_COUNT; p++) {
        if (kernels->product[p] == kernels->product[CVT_PRECISION_F32]) continue;
        cvt_plan *plain = make_plan(s, kernels, (variant){.fuse = true, .precision = p});
        cvt_plan *tapped = make_plan(s, kernels, (variant){.fuse = true, .precision = p, .tapped = true});
        const bool ran = plain && run_plan(s, plain, 0, IMAGES, IMAGES, 1, base);
        char name[NAME];
        snprintf(name, sizeof name, "network %d on %s in %s: any threads and batch, tapped or not, the same bits",
                 index, kernels->name, cvt_precision_name(p));
        test_case(ran && same_bits(s, plain, base, again) && same_bits(s, tapped, base, again), name, "differ");
        cvt_plan_free(plain);
        cvt_plan_free(tapped);
    }
    free(base);
    free(again);
}

/* Tests that every tap of the fused plan equals that of the oracle. */
static void check_taps(const subject *s, int index, const cvt_kernels *kernels) {
    const cvt_graph *g = s->model->graph;
    cvt_plan *oracle = make_plan(s, &cvt_kernels_ref, (variant){.tapped = true});
    cvt_plan *fused = make_plan(s, kernels, (variant){.tapped = true, .fuse = true});
    cvt_exec *a = NULL, *b = NULL;
    const float *in[] = {s->input};
    if (oracle && fused && cvt_exec_new(&a, oracle, 1, 1, NULL) == CVT_OK &&
        cvt_exec_new(&b, fused, 1, 2, NULL) == CVT_OK) {
        cvt_exec_run(a, in, 1);
        cvt_exec_run(b, in, 1);
        for (int i = 0; i < s->model->n_taps; i++) {
            cvt_value v = s->model->taps[i];
            size_t n = cvt_shape_count(g->values[v].shape);
            const float *x = cvt_exec_value(a, v, 0), *y = cvt_exec_value(b, v, 0);
            double square = 0, worst = 0;
            for (size_t k = 0; k < n; k++) square += (double)x[k] * x[k];
            double rms = sqrt(square / (double)n), scale = rms > 1 ? rms : 1;
            for (size_t k = 0; k < n; k++) {
                double d = fabs((double)x[k] - y[k]) / (1e-4 * scale + 1e-4 * fabs(x[k]));
                worst = test_larger(worst, d);
            }
            char name[NAME];
            snprintf(name, sizeof name, "network %d on %s, tap %s", index, kernels->name, g->values[v].tap);
            test_case(worst <= 1, name, "%g times the tolerance from the oracle", worst);
        }
    } else {
        test_case(false, "plans with taps", "cannot be made");
    }
    cvt_exec_free(a);
    cvt_exec_free(b);
    cvt_plan_free(oracle);
    cvt_plan_free(fused);
}

/* Tests that inputs of [n, H, W, C] give the same bits as those of [n, C, H, W]. */
static void check_interleaved(const subject *s, int index) {
    const cvt_graph *g = s->model->graph;
    cvt_shape shape = g->values[g->inputs[0]].shape;
    size_t channels = (size_t)cvt_shape_cols(shape), pixels = (size_t)cvt_shape_rows(shape);
    float *interleaved = malloc(IMAGES * s->in_size * sizeof *interleaved);
    for (size_t i = 0; interleaved && i < IMAGES * s->in_size; i++)
        interleaved[i] = s->input[i / s->in_size * s->in_size + i % channels * pixels + i % s->in_size / channels];
    const float *in[] = {interleaved};
    for (int threads = 1; interleaved && threads <= 2; threads++) {
        cvt_exec *exec = NULL;
        bool same = cvt_exec_new(&exec, s->model->plan, IMAGES, threads, NULL) == CVT_OK;
        if (same) cvt_exec_run_interleaved(exec, in, IMAGES);
        for (int i = 0; same && i < IMAGES; i++)
            same = memcmp(cvt_exec_value(exec, g->output, i), s->expected + (size_t)i * s->out_size,
                          s->out_size * sizeof *s->expected) == 0;
        char name[NAME];
        snprintf(name, sizeof name, "network %d, channels last, %d threads", index, threads);
        test_case(same, name, "differ from channels first");
        cvt_exec_free(exec);
    }
    free(interleaved);
}

/* Returns whether both plans have the same panels of all parameters, and some. */
static bool same_panels(const cvt_graph *g, const cvt_plan *a, const cvt_plan *b) {
    bool some = false;
    for (int p = 0; p < g->n_params; p++) {
        const cvt_panels x = a->panels[p], y = b->panels[p];
        if (!x.data != !y.data || x.size != y.size || (x.data && memcmp(x.data, y.data, x.size) != 0)) return false;
        some = some || x.data;
    }
    return some;
}

/* Tests that weights are packed to the same bytes by any number of threads, and each of them is let go of once. The
 * network has some millions of them, as for fewer no thread is started. */
static void check_packers(void) {
    static const char config[] = "{\"arch\":\"resnet\",\"num_classes\":7,\"depths\":[1,1],\"hidden_sizes\":[66,520],"
                                 "\"layer_type\":\"basic\",\"input_size\":[32,32]}";
    subject s = {0};
    if (!open_subject(&s, config)) {
        test_case(false, "a random model of many weights opens", "it does not");
        return;
    }
    const size_t n = (size_t)s.model->graph->n_params;
    int *dropped = calloc(2 * n, sizeof *dropped);
    for (cvt_precision p = 0; dropped && p < CVT_PRECISION_COUNT; p++) {
        memset(dropped, 0, 2 * n * sizeof *dropped);
        const variant v = {.fuse = true, .ahead = true, .precision = p};
        variant alone = v, together = v;
        alone.n_dropped = dropped;
        together.n_dropped = dropped + n;
        together.packers = 3;
        cvt_plan *a = make_plan(&s, best, alone), *b = make_plan(&s, best, together);
        char name[NAME];
        snprintf(name, sizeof name, "weights are packed by three threads as by one in %s", cvt_precision_name(p));
        test_case(a && b && same_panels(s.model->graph, a, b), name, "differ");
        snprintf(name, sizeof name, "and are let go of as often in %s", cvt_precision_name(p));
        test_case(memcmp(dropped, dropped + n, n * sizeof *dropped) == 0, name, "differ");
        cvt_plan_free(a);
        cvt_plan_free(b);
    }
    free(dropped);
    close_subject(&s);
}

/* With sanitizers, where this test took longest of all, a third of the networks is enough for each instruction set but
 * the best: kernels have tests of their own. */
static bool skips(int network, int isa, const cvt_kernels *kernels) {
#ifdef CVT_ADDRESS_SANITIZER
    return kernels != best && (network + isa) % 3;
#else
    (void)network, (void)isa, (void)kernels;
    return false;
#endif
}

int main(void) {
    for (int i = 0; cvt_kernels_at(i); i++) best = cvt_kernels_at(i);
    for (int c = 0; c < (int)(sizeof networks / sizeof networks[0]); c++) {
        subject s = {0};
        if (open_subject(&s, networks[c])) {
            bool ran = run_plan(&s, s.model->plan, 0, IMAGES, IMAGES, 1, s.expected);
            test_case(ran, "the oracle runs", "it does not");
            check_interleaved(&s, c);
            const cvt_kernels *kernels;
            for (int i = 0; (kernels = cvt_kernels_at(i)); i++) {
                if (skips(c, i, kernels)) continue;
                check_isa(&s, c, kernels);
                check_taps(&s, c, kernels);
                check_precisions(&s, c, kernels);
            }
        } else {
            test_case(false, "a random model opens", "it does not");
        }
        close_subject(&s);
    }
    check_packers();
    return test_end();
}
