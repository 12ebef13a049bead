/* test_layer_scale.c - LayerScale against the formula in double: folded into the linear layer before it, in every
 * precision and on every instruction set that runs here, and as a step of its own. */
#include <math.h>

#include "ops/ops.h"
#include "test.h"
#include "trial.h"

enum { IMAGES = 2, C = 52, OUT = 37, SIDE = 7, ROWS = SIDE * SIDE };

/* What a case computes: gamma * x, or gamma * (W norm(x) + b), in so many steps when fused. The norm stands before the
 * linear layer since products of the input itself stay in f32. */
typedef struct subject {
    bool linear;
    int param; /* the index of gamma */
} subject;

static const double tolerances[] = {
    [CVT_PRECISION_F32] = 1e-5, [CVT_PRECISION_F16] = 4e-3, [CVT_PRECISION_BF16] = 2e-2, [CVT_PRECISION_INT8] = 4e-2};

/* What one output element is, from the values that the layers read. */
static double expected(const subject *s, const cvt_source *params, const float *row, int c) {
    const float *gamma = params[s->param].data;
    if (!s->linear) return (double)gamma[c] * row[c];
    const float *weight = params[2].data, *bias = params[3].data;
    double sum = bias[c];
    for (int i = 0; i < C; i++) sum += (double)weight[c * C + i] * row[i];
    return gamma[c] * sum;
}

/* The largest difference between the output and the formula, as a part of the largest value. */
static double worst_of(const subject *s, const cvt_exec *exec, cvt_value x, cvt_value y, const cvt_source *params) {
    double worst = 0, largest = 1e-9;
    int columns = s->linear ? OUT : C;
    for (int image = 0; image < IMAGES; image++) {
        const float *in = cvt_exec_value(exec, x, image), *out = cvt_exec_value(exec, y, image);
        for (int i = 0; i < ROWS * columns; i++) {
            double want = expected(s, params, in + i / columns * C, i % columns);
            worst = test_larger(worst, fabs(want - (double)out[i]));
            largest = test_larger(largest, fabs(want));
        }
    }
    return worst / largest;
}

static void check(const cvt_kernels *kernels, bool linear, bool fuse, cvt_precision precision) {
    static float input[IMAGES * C * ROWS];
    for (int i = 0; i < IMAGES * C * ROWS; i++) input[i] = (float)((i * 37 + 11) % 64) / 24 - 1.3f;
    subject s = {linear, linear ? 4 : 2};
    cvt_builder *b = cvt_builder_new();
    cvt_value x = cvtb_layer_norm(b, cvtb_tokens(b, cvtb_input(b, C, SIDE, SIDE)), "norm", 1e-6f), y = x;
    if (linear) y = cvtb_linear(b, y, "fc", OUT, true);
    y = cvtb_layer_scale(b, y, "ls");
    bool retain[8] = {false};
    retain[x] = true;
    cvt_plan_options options = {.kernels = kernels, .retain = retain, .fuse = fuse, .precision = precision};
    trial t;
    trial_run(&t, b, y, &options, input, IMAGES, 2);
    double worst = t.ran ? worst_of(&s, t.exec, x, y, t.sources) : INFINITY;
    int steps = 0; /* those that have something to do */
    for (int i = 0; t.plan && i < t.plan->n_steps; i++)
        steps += t.plan->steps[i].cut(t.plan->steps[i].args, 1, 1).tiles > 0;
    char name[96];
    snprintf(name, sizeof name, "%s%s in %s on %s", linear ? "behind a linear layer" : "alone", fuse ? ", folded" : "",
             cvt_precision_name(precision), kernels->name);
    test_case(worst < tolerances[linear ? precision : CVT_PRECISION_F32], name, "%s, off by %g", t.error.message,
              worst);
    if (linear) {
        int want = fuse ? 3 : 4; /* input, norm, linear; LayerScale where it is not folded */
        test_case(steps == want, "as many steps as fusion leaves", "%s: %d, not %d", name, steps, want);
    }
    trial_free(&t);
}

int main(void) {
    for (int i = 0; cvt_kernels_at(i); i++)
        for (int precision = 0; precision < CVT_PRECISION_COUNT; precision++) {
            check(cvt_kernels_at(i), true, true, (cvt_precision)precision);
            check(cvt_kernels_at(i), true, false, (cvt_precision)precision);
            check(cvt_kernels_at(i), false, true, (cvt_precision)precision);
        }
    return test_end();
}
