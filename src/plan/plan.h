/* plan.h - how a graph runs: nodes fused, values placed in one arena, weights folded and packed, a list of steps.
 * A plan is immutable and shared by sessions; an exec is one session's memory over it. */
#ifndef CVT_PLAN_PLAN_H
#define CVT_PLAN_PLAN_H

#include "ops/lowering.h"

typedef struct cvt_plan {
    const cvt_graph *graph;
    const cvt_kernels *kernels;
    cvt_arena arena;
    cvt_step *steps;
    int n_steps;
    cvt_ref *refs;      /* of every value of the graph */
    cvt_panels *panels; /* of every parameter */
    bool pack_ahead;
    size_t floats;  /* of a session's arena, for one image */
    size_t scratch; /* floats of a thread */
} cvt_plan;

typedef struct cvt_plan_options {
    const cvt_kernels *kernels;
    const bool *retain;                   /* of every value: it must be readable after a run */
    bool fuse;                            /* run the passes; without them the plan is the oracle of the one with them */
    cvt_precision precision;              /* of attention, and of products as cvt_node_precision tells */
    bool pack_ahead;                      /* pack all weights now */
    void (*drop)(void *owner, int param); /* told of parameters whose source is not read again; NULL: nobody */
    void *owner;
} cvt_plan_options;

/* sources: the stored data of every parameter of the graph; they and the graph outlive the plan. */
cvt_status cvt_plan_new(cvt_plan **out, const cvt_graph *graph, const cvt_source *sources,
                        const cvt_plan_options *options, cvt_error *error);
void cvt_plan_free(cvt_plan *plan);

/* ---- between the files of plan/ ---- */

/* The nodes to run, in order; an entry whose node is NULL was fused into another. */
typedef struct cvt_plan_nodes {
    cvt_plan_node *node;
    int n;
    int *producer; /* of every value: index of the entry whose result it is, or -1 */
} cvt_plan_nodes;

/* passes.c: each folds one kind of node into the product before it where nobody else wants the value between. */
void cvt_pass_run(cvt_plan_nodes *nodes, const int *uses, const bool *retain);

/* passes.c: attention runs in `precision`, products as cvt_node_precision tells. */
void cvt_pass_precision(cvt_plan_nodes *nodes, const cvt_graph *graph, cvt_precision precision);

/* memory.c: places every wanted value; sets refs[value] and workspaces[entry], returns the floats of one image. */
cvt_status cvt_memory_place(cvt_ref *refs, cvt_ref *workspaces, size_t *floats, const cvt_plan_nodes *nodes,
                            const cvt_graph *graph, const int *uses, const bool *retain, const cvt_kernels *kernels,
                            cvt_error *error);

/* ---- exec.c ---- */

typedef struct cvt_exec cvt_exec;

cvt_status cvt_exec_new(cvt_exec **out, const cvt_plan *plan, int capacity, int threads, cvt_error *error);
void cvt_exec_free(cvt_exec *exec);
/* Runs every step for n <= capacity images; cannot fail. inputs: one NCHW tensor each, n images. */
void cvt_exec_run(cvt_exec *exec, const float *const *inputs, int n);
/* The same with inputs of [n, H, W, C], as values are stored. */
void cvt_exec_run_interleaved(cvt_exec *exec, const float *const *inputs, int n);
/* A value of the last run, [rows, cols] of image i. */
const float *cvt_exec_value(const cvt_exec *exec, cvt_value value, int image);

/* Nanoseconds spent in every step since it was switched on, or NULL. */
void cvt_exec_profile(cvt_exec *exec, bool on);
const double *cvt_exec_times(const cvt_exec *exec);

#endif
