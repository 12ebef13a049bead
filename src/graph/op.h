/* op.h - what an op is: a row of functions. One file in ops/ each; no enum, no switch.
 *
 *   describe  at build time: output shapes, parameters and multiply-adds, from the same locals
 *   lower     at plan time: folds and packs what it needs, appends steps (ops/lowering.h)
 */
#ifndef CVT_GRAPH_OP_H
#define CVT_GRAPH_OP_H

#include "graph/graph.h"

/* ---- describe --------------------------------------------------------------------------------------------------- */

typedef struct cvt_describe {
    cvt_builder *builder;
    const void *attr;
    int n_in;
    const cvt_value *in;
    const cvt_shape *shapes; /* of the inputs */
    int64_t macs;            /* to be set */
} cvt_describe;

/* Adds an output; returns its handle. */
cvt_value cvt_describe_output(cvt_describe *d, cvt_shape shape);
/* Adds a parameter "<scope>.<name>"; a name that exists already is shared, its shape must agree. */
typedef enum cvt_param_kind { CVT_PARAMETER, CVT_BUFFER, CVT_IGNORED } cvt_param_kind;
void cvt_describe_param(cvt_describe *d, const char *name, cvt_param_kind kind, int rank, const int64_t *shape);

/* What ops see when a plan is made: ops/lowering.h and kernels/kernels.h have them. */
typedef struct cvt_lowering cvt_lowering;
typedef struct cvt_plan_node cvt_plan_node;
typedef struct cvt_kernels cvt_kernels;

/* ---- the row ---------------------------------------------------------------------------------------------------- */

enum { CVT_FUSES_NORM = 1, CVT_FUSES_ACT = 2, CVT_FUSES_RESIDUAL = 4 };

struct cvt_op {
    const char *name;
    size_t attr_size;
    const char *(*type)(const void *attr); /* module class for listings; NULL: no row */
    void (*describe)(cvt_describe *d);
    /* Of an op that only looks at its input differently: the distance in floats of the output's start. Else NULL. */
    size_t (*view)(const cvt_node *node, const cvt_graph *graph);
    /* Of an op whose inputs may be written into its output directly (concatenation): distance of input i. Else NULL. */
    size_t (*part)(const cvt_node *node, const cvt_graph *graph, int i);
    /* Floats of workspace an image, alive while the node runs; NULL: none. */
    size_t (*workspace)(const cvt_plan_node *w, const cvt_graph *graph, const cvt_kernels *kernels);
    void (*lower)(cvt_lowering *l, const cvt_plan_node *w);
    bool (*positive)(const cvt_node *node); /* does it give no negative values? NULL: it may */
    int fuses;                              /* what passes may fold in behind it */
    bool product;         /* multiplies by parameter 0, [out, ...], which may be rounded to less than f32 row by row */
    bool attends;         /* products of queries, keys and values may run in less than f32 */
    bool in_place;        /* the output may lie where input 0 (or the residual) lay */
    bool batch_dependent; /* looks at all images of a pass */
};

#endif
