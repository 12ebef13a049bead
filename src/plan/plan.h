/* plan.h - how a graph runs. To make a plan is to fuse nodes, place values in one arena, fold and pack weights, and
 * list the steps. A plan does not change, and sessions share it. An exec is the memory of one session over it. */
#ifndef CVT_PLAN_PLAN_H
#define CVT_PLAN_PLAN_H

#include "ops/lowering.h"

typedef struct cvt_plan {
    const cvt_graph *graph;
    const cvt_kernels *kernels;
    cvt_arena arena;
    cvt_step *steps;
    int n_steps;
    cvt_ref *refs;      /* the place of every value of the graph */
    cvt_panels *panels; /* the panels of every parameter */
    bool pack_ahead;
    size_t floats;  /* floats of a session's arena that one image takes */
    size_t kept;    /* the first of them, with all values that are readable after a run and no others */
    size_t scratch; /* floats of scratch that one thread needs */
} cvt_plan;

typedef struct cvt_plan_options {
    const cvt_kernels *kernels;
    const bool *retain;                   /* for every value: must it be readable after a run? */
    bool fuse;                            /* fuse nodes; tests compare with the plan that does not */
    cvt_precision precision;              /* what attention runs in, and products, if cvt_node_precision allows it */
    bool pack_ahead;                      /* pack all weights now */
    int threads;                          /* that may pack weights; 0: one */
    void (*drop)(void *owner, int param); /* called for parameters whose source is not read again, on any of these
                                             threads; may be NULL */
    void *owner;
} cvt_plan_options;

/* Makes a plan. `sources` holds the stored data of every parameter of the graph. The sources and the graph must outlive
 * the plan. */
cvt_status cvt_plan_new(cvt_plan **out, const cvt_graph *graph, const cvt_source *sources,
                        const cvt_plan_options *options, cvt_error *error);
void cvt_plan_free(cvt_plan *plan);

/* ---- between the files of plan/ ---- */

/* The plan nodes in the order in which they run. Where `node` is NULL, the node was folded into another one. */
typedef struct cvt_plan_nodes {
    cvt_plan_node *node;
    int n;
    int *producer; /* for every value: the index of the plan node that makes it, or -1 */
    int *group;    /* for every plan node, and for the end, the number of its group: they rise */
} cvt_plan_nodes;

/* passes.c: fuses nodes. Each is folded into the product before it where nobody else reads the value between them. */
void cvt_plan_fuse(cvt_plan_nodes *nodes, const int *uses, const bool *retain);

/* passes.c: sets the precision of every plan node. Attention runs in `precision`, products as cvt_node_precision
 * says. */
void cvt_plan_choose_precision(cvt_plan_nodes *nodes, const cvt_graph *graph, cvt_precision precision);

/* groups.c: orders the nodes and sets their groups. The nodes of a group may run at the same time. Returns false
 * without memory. */
bool cvt_plan_group(cvt_plan_nodes *nodes, int n_values);

/* passes.c: sets `from` of every product in less than f32 whose input is made, row by row, by a product of the same
 * precision, and read by nobody else. */
void cvt_plan_pair(cvt_plan_nodes *nodes, const cvt_graph *graph, const int *uses, const bool *retain);

/* passes.c: finds the values that only products in the same precision read, by their rows, and whose producers can
 * write these rows as the products want them: layer norms, and products whose kernels do. So no pass over floats in
 * memory lies between the two, and products that read the same rows share them. Sets `readies` and `given`. Returns
 * false without memory. */
bool cvt_plan_ready(cvt_plan_nodes *nodes, int n_values, const bool *retain, const cvt_kernels *kernels);

/* The kernels that the rows of v are packed for; NULL: they are floats. */
static inline const cvt_product_kernels *cvt_plan_packed_for(const cvt_plan_nodes *nodes, cvt_value v) {
    const int i = nodes->producer[v];
    return i >= 0 && nodes->node[i].node && nodes->node[i].out == v ? nodes->node[i].readies : NULL;
}

/* memory.c: places every value that is wanted. Sets refs[value] and workspaces[plan node], *floats to the floats of one
 * image, and *kept to those of them that hold the values of `retain`. */
cvt_status cvt_memory_place(cvt_ref *refs, cvt_ref *workspaces, size_t *floats, size_t *kept,
                            const cvt_plan_nodes *nodes, const cvt_graph *graph, const int *uses, const bool *retain,
                            const cvt_kernels *kernels, cvt_error *error);

/* ---- exec.c ---- */

/* Returns the end of the steps that run at the same time as step `first`, with which they begin; if `alone`, none
 * does. */
int cvt_plan_joined(const cvt_plan *plan, int first, bool alone);

typedef struct cvt_exec cvt_exec;

cvt_status cvt_exec_new(cvt_exec **out, const cvt_plan *plan, int capacity, int threads, cvt_error *error);
void cvt_exec_free(cvt_exec *exec);
/* Runs every step for n <= capacity images; cannot fail. `inputs` has an NCHW tensor of n images for each input. */
void cvt_exec_run(cvt_exec *exec, const float *const *inputs, int n);
/* The same with inputs laid out as [n, H, W, C], as values are stored. */
void cvt_exec_run_interleaved(cvt_exec *exec, const float *const *inputs, int n);
/* Returns a value of the last run for image i, [rows, cols]. */
const float *cvt_exec_value(const cvt_exec *exec, cvt_value value, int image);

/* Begins to measure the time of every step, or stops. The second function returns the nanoseconds spent in each step
 * since then, or NULL. */
void cvt_exec_profile(cvt_exec *exec, bool on);
const double *cvt_exec_times(const cvt_exec *exec);

#endif
