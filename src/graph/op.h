/* op.h - what an op is: a kind of node, and a struct of functions that say how it behaves. Each op is one file in
 * ops/; there is no enum of ops and no switch over them.
 *
 *     describe  when a graph is built: sets output shapes, parameters and the count of multiply-adds
 *     lower     when a plan is made: folds and packs what the op needs, and appends steps (ops/lowering.h) */
#ifndef CVT_GRAPH_OP_H
#define CVT_GRAPH_OP_H

#include "graph/graph.h"

/* ---- describe --------------------------------------------------------------------------------------------------- */

typedef struct cvt_describe {
    cvt_builder *builder;
    const void *attr;
    int n_in;
    const cvt_value *in;
    const cvt_shape *shapes; /* shapes of the inputs */
    int64_t macs;            /* multiply-adds, which describe sets */
} cvt_describe;

/* Adds an output and returns its handle. */
cvt_value cvt_describe_output(cvt_describe *d, cvt_shape shape);
/* Adds a parameter called "<scope>.<name>". A parameter of that name that exists already is shared, and its shape must
 * be the same. */
typedef enum cvt_param_kind { CVT_PARAMETER, CVT_BUFFER, CVT_IGNORED } cvt_param_kind;
void cvt_describe_param(cvt_describe *d, const char *name, cvt_param_kind kind, int rank, const int64_t *shape);

/* What ops see when a plan is made. ops/lowering.h, ops/fold.h and kernels/kernels.h define these types. */
typedef struct cvt_lowering cvt_lowering;
typedef struct cvt_plan_node cvt_plan_node;
typedef struct cvt_fold cvt_fold;
typedef struct cvt_kernels cvt_kernels;

/* ---- the row ---------------------------------------------------------------------------------------------------- */

enum { CVT_FUSES_AFFINE = 1, CVT_FUSES_ACT = 2, CVT_FUSES_RESIDUAL = 4 };

struct cvt_op {
    const char *name;
    size_t attr_size;
    const char *(*type)(const void *attr); /* the class of the module in listings; NULL: no line */
    void (*describe)(cvt_describe *d);
    /* For an op that only looks at its input differently: the offset in floats at which its output begins in the input.
     * NULL for other ops. */
    size_t (*view)(const cvt_node *node, const cvt_graph *graph);
    /* For an op whose inputs may be written directly into its output (concatenation): the offset in floats at which
     * input i goes. NULL for other ops. */
    size_t (*part)(const cvt_node *node, const cvt_graph *graph, int i);
    /* For an op that makes each cell of a map from a window of its input, a map too: the first and the last cell of
     * that window along an axis (0: down, 1: across). They may lie outside of the input, where it is padded. NULL for
     * other ops. */
    void (*window)(const cvt_node *node, const cvt_graph *graph, int axis, int cell, int *first, int *last);
    /* How many floats of workspace an image needs while the node runs; NULL: none. */
    size_t (*workspace)(const cvt_plan_node *w, const cvt_graph *graph, const cvt_kernels *kernels);
    void (*lower)(cvt_lowering *l, const cvt_plan_node *w);
    /* For an op that multiplies each channel by a stored factor and adds a stored number: what it and the bias (or
     * NULL) before it come to, so that it can be folded into a product (CVT_FUSES_AFFINE). NULL for other ops. */
    cvt_fold (*fold)(cvt_lowering *l, const cvt_node *node, const float *bias);
    bool (*positive)(const cvt_node *node); /* are its results never negative? NULL: they may be */
    int fuses;                              /* the kinds of nodes that fusion (plan/passes.c) may fold in behind it */
    bool reads_rows;                        /* the rows of the product's factor are those of input 0 as they lie */
    bool writes_rows;     /* its output is made row by row, so that rows may be packed as they are made */
    bool product;         /* multiplies by parameter 0, [out, ...], whose rows may be stored rounded */
    bool attends;         /* its products of queries, keys and values may run in less than f32 */
    bool in_place;        /* its output may overwrite input 0 (or the residual) */
    bool batch_dependent; /* the result of an image depends on the others of its pass */
    /* Its one output depends on the weights alone. `lower` computes it into the plan's memory and tells where in
     * constants of ops/lowering.h; it has no step and no place among the values of an image, so that only ops that look
     * there can read it. */
    bool constant;
};

#endif
