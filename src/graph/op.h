/* op.h - what an op is: a row of functions. One file in ops/ each; no enum, no switch.
 *
 *   describe  at build time: output shapes, parameters and multiply-adds, from the same locals
 *   lower     at plan time: folds and packs what it needs, appends steps. A step's run is pure arithmetic, cannot fail
 */
#ifndef CVT_GRAPH_OP_H
#define CVT_GRAPH_OP_H

#include "graph/graph.h"
#include "kernels/kernels.h"

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

/* ---- lower ------------------------------------------------------------------------------------------------------ */

/* Where a value lives in an image's part of a session's arena, in floats: in its buffer at `start`. */
typedef struct cvt_ref {
    size_t buffer, start;
} cvt_ref;
#define CVT_NO_REF ((cvt_ref){SIZE_MAX, 0})
static inline bool cvt_ref_none(cvt_ref r) { return r.buffer == SIZE_MAX; }

/* What a step sees when it runs. */
typedef struct cvt_context {
    const cvt_kernels *kernels;
    float *arena;
    const float *const *inputs; /* the caller's tensors */
    float *scratch;             /* this thread's own */
    int first, n;               /* the images that a step is for: image 0 of theirs is the first */
    size_t floats;              /* of an image's part of the arena */
    int threads;                /* of the team that shares the tiles */
} cvt_context;

static inline float *cvt_at(const cvt_context *c, cvt_ref r, int image) {
    return c->arena + (size_t)(c->first + image) * c->floats + r.buffer + r.start;
}

/* tiles(args, n): independent pieces of work for n images; run(args, context, tile). */
typedef struct cvt_step {
    const cvt_node *node;
    const void *args;
    int (*tiles)(const void *args, int n);
    void (*run)(const void *args, const cvt_context *context, int tile);
    int64_t macs; /* the node's, in the last of its steps */
} cvt_step;

/* The stored data of a parameter. I8 has a scale for each index of its first axis: it stands for scale * data. */
typedef struct cvt_source {
    const void *data;
    cvt_dtype dtype;
    const float *scales; /* NULL but for I8 */
    bool packed;         /* data are panels, as the node that reads them makes them, and dtype is U8 */
} cvt_source;

/* Panels made of a parameter. */
typedef struct cvt_panels {
    const void *data; /* NULL: none, or not read by one product alone */
    size_t size;
} cvt_panels;

/* All values of the parameter as f32. */
void cvt_source_widen(float *to, cvt_source source, const cvt_param *param);

/* A node as the plan runs it: with what passes have fused into it. */
typedef struct cvt_plan_node {
    const cvt_node *node;
    cvt_value out;           /* where the result goes: that of the last node fused in */
    const cvt_node *norm;    /* batch norm folded into the weights, or NULL */
    cvt_act act;             /* behind the product and the norm */
    cvt_value residual;      /* added last, or CVT_NO_VALUE */
    cvt_precision precision; /* of the product with its weight, or of attention */
} cvt_plan_node;

typedef struct cvt_lowering {
    const cvt_kernels *kernels;
    const cvt_graph *graph;
    const cvt_ref *refs;                  /* of every value; CVT_NO_REF for one that nobody wants */
    const cvt_source *sources;            /* of every parameter */
    cvt_panels *panels;                   /* of every parameter: those made so far */
    cvt_ref workspace;                    /* of the node in hand */
    cvt_arena *arena;                     /* the plan's */
    bool pack_ahead;                      /* long life expected: pack large weights at load */
    size_t scratch;                       /* floats a thread needs, largest so far */
    void (*drop)(void *owner, int param); /* told of sources that are not read again; NULL: nobody */
    void *owner;
    void *steps; /* the plan's list */
    bool failed; /* out of memory, sticky */
} cvt_lowering;

void *cvt_lowering_alloc(cvt_lowering *l, size_t size); /* plan memory; NULL and failed when there is none */
float *cvt_lowering_floats(cvt_lowering *l, size_t count);
/* The parameter widened to f32, in plan memory. */
const float *cvt_lowering_param(cvt_lowering *l, int param);
/* What the rows [n] of a stored weight are to be multiplied by: `scale` (or NULL) and what belongs to the source. */
const float *cvt_lowering_scales(cvt_lowering *l, cvt_source w, int n, const float *scale);
void cvt_lowering_scratch(cvt_lowering *l, size_t floats);
/* Copies args (size bytes) into plan memory and appends a step of the node in hand. */
void cvt_lowering_step(cvt_lowering *l, const cvt_plan_node *w, const void *args, size_t size,
                       int (*tiles)(const void *, int), void (*run)(const void *, const cvt_context *, int));
/* The parameter was copied or packed: its mapped source is not read again. */
void cvt_lowering_drop(cvt_lowering *l, int param);

/* What the node's product with its parameter 0 runs in if `asked` is asked for; where that is int8, the parameter may
 * be stored so. In f32 stay: what reads the network's input, whose 8 bits a channel are all there is; rows that stand
 * alone, as a classifier's; rows so short that rounding costs what it saves, and rows longer than the kernels' sums can
 * hold. In f16 instead of int8: what reads ReLU, whose values, all positive, make the errors of a weight's row add up.
 */
cvt_precision cvt_node_precision(const cvt_graph *graph, const cvt_node *node, cvt_precision asked);

/* The node that alone reads the parameter, multiplying by it, so that panels may be stored in its place; or NULL. */
const cvt_node *cvt_graph_product_of(const cvt_graph *graph, int param);

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
