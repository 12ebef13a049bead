/* lowering.h - how ops become the steps of a plan. The plan goes through its nodes in order and calls each op's lower
 * with a cvt_lowering, which holds where values lie, the stored parameters and the list of steps; the op takes memory
 * for what it folds or packs and appends its steps. A step's run is pure arithmetic and cannot fail. */
#ifndef CVT_OPS_LOWERING_H
#define CVT_OPS_LOWERING_H

#include "graph/op.h"
#include "graph/source.h"
#include "kernels/kernels.h"

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
    const float *const *inputs; /* the caller's tensors, [n, C, H, W] */
    bool interleaved;           /* or, where this is true, [n, H, W, C] */
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

/* A growing list of steps; its owner frees `step`. */
typedef struct cvt_steps {
    cvt_step *step;
    int n, capacity;
} cvt_steps;

/* Panels made of a parameter. */
typedef struct cvt_panels {
    const void *data; /* NULL: none, or not read by one product alone */
    size_t size;
} cvt_panels;

/* A node as the plan runs it: with what passes have fused into it. */
struct cvt_plan_node {
    const cvt_node *node;
    cvt_value out;           /* where the result goes: that of the last node fused in */
    const cvt_node *norm;    /* batch norm folded into the weights, or NULL */
    cvt_act act;             /* behind the product and the norm */
    cvt_value residual;      /* added last, or CVT_NO_VALUE */
    cvt_precision precision; /* of the product with its weight, or of attention */
};

/* What a plan shows its ops while they are lowered, one after another. */
struct cvt_lowering {
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
    cvt_steps *steps; /* the plan's list, to which ops append theirs */
    bool failed;      /* out of memory, sticky */
};

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

#endif
