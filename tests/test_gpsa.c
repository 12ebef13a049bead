/* test_gpsa.c - tests gated positional self-attention (ConViT) on grids that are not square, on every instruction set
 * that runs here, against the formula written out in double: the tokens, the mixed map, the content's map, the
 * position's map and the gate. */
#include <math.h>
#include <stdlib.h>

#include "ops/ops.h"
#include "test.h"
#include "trial.h"

enum { HEADS = 2, WIDTH = 3, CHANNELS = HEADS * WIDTH, MOST = 40 };
static const float scale = 0.7f;

/* One head, computed as the formula is written; all matrices are [n, n]. */
typedef struct expected {
    double content[MOST * MOST], position[MOST * MOST], map[MOST * MOST], out[MOST * WIDTH], gate;
} expected;

/* Not fmax: gcc 12 for AArch64 fails on it at -O3 (internal error). */
static double larger(double a, double b) { return b > a ? b : a; }

static void softmax(double *row, int n) {
    double most = -INFINITY, sum = 0;
    for (int i = 0; i < n; i++) most = larger(most, row[i]);
    for (int i = 0; i < n; i++) sum += row[i] = exp(row[i] - most);
    for (int i = 0; i < n; i++) row[i] /= sum;
}

/* Computes the expected result for x, tokens [n, CHANNELS], which are queries, keys and values. */
static void compute(expected *e, const float *x, int h, int w, int head, const float *weight, float bias, float gate) {
    const int n = h * w;
    e->gate = 1 / (1 + exp(-(double)gate));
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            double dot = 0, dx = j % w - i % w, dy = j / w - i / w;
            for (int c = 0; c < WIDTH; c++)
                dot += (double)x[i * CHANNELS + head * WIDTH + c] * (double)x[j * CHANNELS + head * WIDTH + c];
            e->content[i * n + j] = (double)scale * dot;
            e->position[i * n + j] = (double)weight[0] * dx + (double)weight[1] * dy +
                                     (double)weight[2] * (dx * dx + dy * dy) + (double)bias;
        }
        softmax(e->content + i * n, n);
        softmax(e->position + i * n, n);
        for (int c = 0; c < WIDTH; c++) e->out[i * WIDTH + c] = 0;
        for (int j = 0; j < n; j++) {
            double a = (1 - e->gate) * e->content[i * n + j] + e->gate * e->position[i * n + j];
            e->map[i * n + j] = a;
            for (int c = 0; c < WIDTH; c++) e->out[i * WIDTH + c] += a * (double)x[j * CHANNELS + head * WIDTH + c];
        }
    }
}

static double distance(const float *got, const double *wanted, int rows, int columns, int ld) {
    double most = 0;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
            most = test_larger(most, fabs((double)got[i * ld + j] - wanted[i * columns + j]));
    return most;
}

static double worst_of(const cvt_exec *exec, cvt_value tokens, cvt_value out, const cvt_source *sources, int h, int w) {
    static expected e;
    const float *x = cvt_exec_value(exec, tokens, 0), *weight = sources[0].data, *bias = sources[1].data;
    const float *gate = sources[2].data, *values[5];
    const int n = h * w;
    double most = 0;
    for (int i = 0; i < 5; i++) values[i] = cvt_exec_value(exec, out + i, 0);
    for (int head = 0; head < HEADS; head++) {
        const int start = head * n * n;
        compute(&e, x, h, w, head, weight + 3 * head, bias[head], gate[head]);
        most = test_larger(most, distance(values[0] + head * WIDTH, e.out, n, WIDTH, CHANNELS));
        most = test_larger(most, distance(values[1] + start, e.map, n, n, n));
        most = test_larger(most, distance(values[2] + start, e.content, n, n, n));
        most = test_larger(most, distance(values[3] + start, e.position, n, n, n));
        most = test_larger(most, fabs((double)values[4][head] - e.gate));
    }
    return most;
}

/* In bf16 a score is off by 2 * 2^-9 of at most 5 * scale, so the shares by twice that, and values by 3 * 2^-9. */
static void check(const cvt_kernels *kernels, cvt_precision precision, int h, int w) {
    const double allowed = precision == CVT_PRECISION_F32 ? 2e-6 : 0.045;
    char name[64];
    snprintf(name, sizeof name, "%d x %d cells on %s, %s", h, w, kernels->name, cvt_precision_name(precision));
    cvt_builder *b = cvt_builder_new();
    cvt_gpsa spec = {HEADS, h, w, scale};
    cvt_value tokens = cvtb_tokens(b, cvtb_input(b, CHANNELS, h, w));
    cvt_value out = cvtb_gpsa(b, tokens, tokens, tokens, &spec);
    float input[CHANNELS * MOST];
    for (int i = 0; i < CHANNELS * h * w; i++) input[i] = (float)((i * 37 + 11) % 64) / 24 - 1.3f;
    bool keep[16];
    for (int i = 0; i < 16; i++) keep[i] = true;
    cvt_plan_options options = {.kernels = kernels, .precision = precision, .retain = keep, .fuse = true};
    trial t;
    trial_run(&t, b, out, &options, input, 1, 1);
    double worst = t.ran ? worst_of(t.exec, tokens, out, t.sources, h, w) : INFINITY;
    test_case(worst < allowed, name, "%s, off by %g", t.error.message, worst);
    trial_free(&t);
}

int main(void) {
    static const int grids[][2] = {{3, 7}, {5, 2}, {1, 6}, {4, 1}, {4, 4}, {8, 5}};
    for (int i = 0; cvt_kernels_at(i); i++)
        for (size_t k = 0; k < sizeof grids / sizeof grids[0]; k++) {
            check(cvt_kernels_at(i), CVT_PRECISION_F32, grids[k][0], grids[k][1]);
            check(cvt_kernels_at(i), CVT_PRECISION_BF16, grids[k][0], grids[k][1]);
        }
    return test_end();
}
