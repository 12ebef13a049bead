/* trial.h - a small graph of a test, built, bound to random weights, planned and run over some images. */
#ifndef CVT_TESTS_TRIAL_H
#define CVT_TESTS_TRIAL_H

#include "plan/plan.h"
#include "weights/bind.h"

/* `ran` says whether the values and sources are there; else the error says why not. */
typedef struct trial {
    cvt_graph *graph;
    cvt_source *sources;
    cvt_plan *plan;
    cvt_exec *exec;
    cvt_arena arena;
    cvt_error error;
    bool ran;
} trial;

/* Runs what b has built, whose output is `output`, over the images of its one input. Fills *t, for trial_free. */
static void trial_run(trial *t, cvt_builder *b, cvt_value output, const cvt_plan_options *options, const float *input,
                      int images, int threads) {
    const float *const inputs[] = {input};
    *t = (trial){.ran = false};
    cvt_status status = cvt_builder_finish(b, &t->graph, output, &t->error);
    if (status == CVT_OK) status = cvt_bind_random(&t->sources, t->graph, 5, &t->arena, &t->error);
    if (status == CVT_OK) status = cvt_plan_new(&t->plan, t->graph, t->sources, options, &t->error);
    if (status == CVT_OK) status = cvt_exec_new(&t->exec, t->plan, images, threads, &t->error);
    if (status != CVT_OK) return;
    cvt_exec_run(t->exec, inputs, images);
    t->ran = true;
}

static void trial_free(trial *t) {
    cvt_exec_free(t->exec);
    cvt_plan_free(t->plan);
    cvt_graph_free(t->graph);
    cvt_arena_free(&t->arena);
}

#endif
