/* cuts_bench.h - what `test_cuts --bench CONFIG [PRECISION ...]` prints: how a pass would go on 1 to 64 threads.
 * Nobody needs so many cores for it: every tile is timed alone, on one thread, the least of several passes, and the
 * tiles are scheduled as plan/exec.c does it, with a barrier behind each step that costs what it costs here between two
 * threads. So it is an upper bound: that cores share a cache and the way to memory, and that barriers of many threads
 * cost more, is left out. */
#ifndef CVT_TESTS_CUTS_BENCH_H
#define CVT_TESTS_CUTS_BENCH_H

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cuts.h"
#include "model/model.h"
#include "ops/ops.h"
#include "trial.h"

static double microseconds(void) { return cvt_clock_ms() * 1e3; }

/* The time that this thread has had: other programs take none of it. */
static double own_microseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

/* What a look at that clock takes at least. */
static double look_time(void) {
    double best = 1e30;
    for (int i = 0; i < 1000; i++) {
        double begin = own_microseconds(), time = own_microseconds() - begin;
        if (time < best) best = time;
    }
    return best;
}

/* The fastest of many passes over a chain of steps of two tiles, on one thread or two, in microseconds a step. */
static double small_step(int threads) {
    enum { STEPS = 20, PASSES = 2000, FLOATS = 8192 /* of a tile */ };
    static const float zeros[2 * FLOATS] = {0};
    const float *const inputs[] = {zeros};
    cvt_builder *b = cvt_builder_new();
    cvt_value v = cvtb_input(b, FLOATS, 2, 1);
    for (int i = 0; i < STEPS; i++) v = cvtb_scale(b, v, 1);
    trial t;
    double best = 1e30;
    trial_run(&t, b, v, &(cvt_plan_options){.kernels = &cvt_kernels_ref}, zeros, 1, threads);
    for (int i = 0; t.ran && i < PASSES; i++) {
        double begin = microseconds();
        cvt_exec_run(t.exec, inputs, 1);
        double time = (microseconds() - begin) / STEPS;
        if (time < best) best = time;
    }
    trial_free(&t);
    return best;
}

/* What a barrier between two threads takes: both have one of two tiles to do, and whatever that takes longer than half
 * of both tiles. The other thread may be late, but never early, so the fastest pass counts. */
static double measure_barrier(void) {
    double barrier = small_step(2) - small_step(1) / 2;
    return barrier > 0 ? barrier : 0;
}

/* What the steps of one op come to. */
typedef struct op_sum {
    const char *name;
    int steps, fewest, most; /* tiles of a step */
    double alone, together;  /* on one thread, on many */
} op_sum;

static int by_loss(const void *a, const void *b) {
    const op_sum *x = a, *y = b;
    double d = (y->together - y->alone) - (x->together - x->alone);
    return d < 0 ? -1 : d > 0;
}

/* Prints what limits a pass on so many threads: of each op its share of the time that is lost. `alone` holds the time
 * of every step on one thread, `together` that on all. */
static void print_limits(const cvt_plan *plan, int n, int threads, const double *alone, const double *together) {
    op_sum ops[64] = {{0}};
    int n_ops = 0;
    double lost = 0;
    for (int i = 0; i < plan->n_steps; i++) {
        const cvt_step *s = &plan->steps[i];
        int k = 0, tiles = s->cut(s->args, n, threads).tiles;
        while (k < n_ops && strcmp(ops[k].name, s->node->op->name) != 0) k++;
        if (k == n_ops && n_ops == 64) return;
        if (k == n_ops) ops[n_ops++] = (op_sum){.name = s->node->op->name, .fewest = tiles};
        ops[k].steps += tiles > 0;
        if (tiles && (tiles < ops[k].fewest || !ops[k].fewest)) ops[k].fewest = tiles;
        if (tiles > ops[k].most) ops[k].most = tiles;
        ops[k].alone += alone[i] / threads;
        ops[k].together += together[i];
        lost += together[i] - alone[i] / threads;
    }
    qsort(ops, (size_t)n_ops, sizeof *ops, by_loss);
    printf("what limits %d threads:   lost   efficiency   steps   tiles of a step\n", threads);
    for (int i = 0; i < n_ops && i < 6; i++)
        printf("  %-20s %7.0f %%   %10.2f   %5d   %d to %d\n", ops[i].name,
               100 * (ops[i].together - ops[i].alone) / lost, ops[i].alone / ops[i].together, ops[i].steps,
               ops[i].fewest, ops[i].most);
}

static int bench_plan(const cvt_plan *plan, int n, int limits_at, double barrier) {
    enum { ROUNDS = 7 };
    rig r;
    double *alone = calloc((size_t)plan->n_steps + 1, sizeof *alone), *by_step = calloc((size_t)plan->n_steps + 1, 8);

    bool ready = alone && by_step && rig_new(&r, plan, n);
    if (ready) r.meter_cost = look_time();
    printf("a barrier takes %.2f us\nthreads       ms   speed-up   efficiency\n", barrier);
    double first = 0;
    for (int threads = 1; ready && threads <= CUTS_THREADS; threads *= 2) {
        double time = cost_of(&r, n, threads, barrier, ROUNDS, own_microseconds, threads == 1 ? alone : by_step);
        if (threads == 1) first = time;
        printf("%7d %8.2f   %8.2f   %10.2f\n", threads, time * 1e-3, first / time, first / time / threads);
        for (int i = 0; threads == 1 && i < plan->n_steps; i++) alone[i] *= n;
        if (threads == limits_at && threads > n) print_limits(plan, n, threads, alone, by_step);
    }
    printf("An upper bound: that cores share caches and memory is left out.\n");
    if (ready) rig_free(&r);
    free(alone);
    free(by_step);
    return ready ? 0 : 1;
}

/* The program's arguments after --bench: a config, a precision, images, for how many threads to say what limits, and
 * what a barrier takes in microseconds, where it is not to be measured. */
static int bench_cuts(int argc, char **argv) {
    cvt_error error;
    cvt_model *model;
    const int n = argc > 2 ? atoi(argv[2]) : 1, limits_at = argc > 3 ? atoi(argv[3]) : 16;
    const double barrier = argc > 4 ? atof(argv[4]) : measure_barrier();
    cvt_options options;
    cvt_options_init(&options, sizeof options);
    options.random_weights = true;
    options.images = 1000;
    options.precision = argc > 1 ? argv[1] : NULL;
    options.config = argc > 0 ? argv[0] : NULL;
    if (argc < 1 || n < 1 || cvt_model_open(&model, NULL, &options, &error) != CVT_OK) {
        fprintf(stderr, "%s\n",
                argc < 1 || n < 1 ? "test_cuts --bench CONFIG [PRECISION [IMAGES [THREADS [BARRIER]]]]"
                                  : error.message);
        return 2;
    }
    printf("%s, %s on %s, %d image%s\n", argv[0], cvt_precision_name(model->precision), model->plan->kernels->name, n,
           n > 1 ? "s" : "");
    int status = bench_plan(model->plan, n, limits_at, barrier);
    cvt_model_free(model);
    return status;
}

#endif
