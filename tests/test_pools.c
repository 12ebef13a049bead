/* test_pools.c - maximum and average pooling and global response norm against plain loops in double, on every
 * instruction set that runs here, with three images, windows that stick out of the map, and a NaN. */
#include <math.h>

#include "ops/ops.h"
#include "test.h"
#include "trial.h"

enum { IMAGES = 3, MOST = 3 * 19 * 16 * 67 };

typedef struct map {
    int c, h, w;
} map;

/* An op to be tested: how it is built, and its value at pixel (y, x) and channel j of the map, from the input
 * [h * w, c] and its parameters. */
typedef struct subject {
    const char *name;
    cvt_value (*build)(cvt_builder *b, cvt_value x);
    double (*value)(const float *in, const cvt_source *p, map m, int y, int x, int j);
    int (*size)(int n);
    bool nan;
} subject;

static cvt_value build_max(cvt_builder *b, cvt_value x) { return cvtb_max_pool(b, x, 3, 2, 1); }
static cvt_value build_mean(cvt_builder *b, cvt_value x) { return cvtb_avg_pool(b, x, 2, 2, 0); }
static cvt_value build_norm(cvt_builder *b, cvt_value x) { return cvtb_response_norm(b, x, "grn", 1e-6f); }

static double max_at(const float *in, const cvt_source *p, map m, int y, int x, int j) {
    (void)p;
    double largest = -INFINITY;
    for (int v = 2 * y - 1; v < 2 * y + 2; v++)
        for (int u = 2 * x - 1; u < 2 * x + 2; u++) {
            if (v < 0 || u < 0 || v >= m.h || u >= m.w) continue;
            double here = (double)in[(v * m.w + u) * m.c + j];
            largest = isnan(here) || here > largest ? here : largest;
            if (isnan(here)) return here;
        }
    return largest;
}

static double mean_at(const float *in, const cvt_source *p, map m, int y, int x, int j) {
    (void)p;
    double sum = 0;
    int n = 0;
    for (int v = 2 * y; v < 2 * y + 2 && v < m.h; v++)
        for (int u = 2 * x; u < 2 * x + 2 && u < m.w; u++, n++) sum += (double)in[(v * m.w + u) * m.c + j];
    return sum / n;
}

static double norm_of(const float *in, map m, int j) {
    double sum = 0;
    for (int i = 0; i < m.h * m.w; i++) sum += (double)in[i * m.c + j] * (double)in[i * m.c + j];
    return sqrt(sum);
}

static double response_at(const float *in, const cvt_source *p, map m, int y, int x, int j) {
    const float *weight = p[0].data, *bias = p[1].data;
    double here = (double)in[(y * m.w + x) * m.c + j], mean = 0;
    for (int i = 0; i < m.c; i++) mean += norm_of(in, m, i) / m.c;
    return here + (double)weight[j] * here * norm_of(in, m, j) / (mean + 1e-6) + (double)bias[j];
}

static int halved(int n) { return (n + 1) / 2; }
static int kept(int n) { return n; }

static const subject subjects[] = {
    {"maximum", build_max, max_at, halved, true},
    {"mean", build_mean, mean_at, halved, false},
    {"global response norm", build_norm, response_at, kept, false},
};

/* The largest difference over all images; INFINITY where one is NaN and the other is not. */
static double worst_of(const subject *s, const cvt_exec *exec, cvt_value x, cvt_value y, const cvt_source *p, map m) {
    double worst = 0;
    int h = s->size(m.h), w = s->size(m.w);
    for (int i = 0; i < IMAGES * h * w * m.c; i++) {
        int image = i / (h * w * m.c), at = i % (h * w * m.c), j = at % m.c, pixel = at / m.c;
        double want = s->value(cvt_exec_value(exec, x, image), p, m, pixel / w, pixel % w, j);
        double got = (double)cvt_exec_value(exec, y, image)[at];
        worst = isnan(want) != isnan(got) ? INFINITY : isnan(want) ? worst : test_larger(worst, fabs(want - got));
    }
    return worst;
}

static void check(const cvt_kernels *kernels, const subject *s, map m) {
    static float input[MOST];
    for (int i = 0; i < IMAGES * m.c * m.h * m.w; i++) input[i] = (float)((i * 37 + 11) % 64) / 24 - 1.3f;
    if (s->nan) input[m.c * m.h * m.w / 2] = NAN;
    cvt_builder *b = cvt_builder_new();
    cvt_value x = cvtb_input(b, m.c, m.h, m.w), y = s->build(b, x);
    bool retain[] = {true, true};
    cvt_plan_options options = {.kernels = kernels, .retain = retain, .fuse = true};
    trial t;
    trial_run(&t, b, y, &options, input, IMAGES, 2);
    double worst = t.ran ? worst_of(s, t.exec, x, y, t.sources, m) : INFINITY;
    char name[96];
    snprintf(name, sizeof name, "%s of [%d, %d, %d] on %s", s->name, m.c, m.h, m.w, kernels->name);
    test_case(worst < 2e-6, name, "%s, off by %g", t.error.message, worst);
    trial_free(&t);
}

int main(void) {
    static const map maps[] = {{1, 1, 1}, {5, 3, 4}, {16, 2, 2}, {67, 19, 16}};
    for (int i = 0; cvt_kernels_at(i); i++)
        for (int k = 0; k < 12; k++) check(cvt_kernels_at(i), &subjects[k / 4], maps[k % 4]);
    return test_end();
}
