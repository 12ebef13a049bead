/* lowering.h - how ops become the steps of a plan. To lower a node is to turn it into steps. The plan goes through its
 * nodes in order and calls each op's `lower` with a cvt_lowering, which holds the places of values, the stored
 * parameters and the list of steps. The op takes memory for what it folds or packs, and appends its steps. Running a
 * step is pure arithmetic and cannot fail. */
#ifndef CVT_OPS_LOWERING_H
#define CVT_OPS_LOWERING_H

#include "graph/op.h"
#include "graph/source.h"
#include "kernels/kernels.h"

/* Where a value lies in the part of a session's arena that an image has: in a buffer, from the float `start` on. */
typedef struct cvt_ref {
    size_t buffer, start;
} cvt_ref;
#define CVT_NO_REF ((cvt_ref){SIZE_MAX, 0})
static inline bool cvt_ref_none(cvt_ref r) { return r.buffer == SIZE_MAX; }

/* How a step is cut into tiles for some images on some threads. The op that cuts gives `rows` and `columns` a meaning:
 * how many of its output a tile has, at most. */
typedef struct cvt_cut {
    int tiles, rows, columns;
    bool shared; /* what several tiles read was made ready by the step before, and not by each tile for itself */
} cvt_cut;

/* Multiply-adds of f32 that a core does while a barrier lasts: what one more step must save, where ops model it. */
enum { CVT_BARRIER_MACS = 1 << 17 };

/* What a step knows when it runs. */
typedef struct cvt_context {
    const cvt_kernels *kernels;
    float *arena;
    const float *const *inputs; /* the caller's tensors, [n, C, H, W] */
    bool interleaved;           /* true: the caller's tensors are [n, H, W, C] instead */
    float *scratch;             /* this thread's own memory, which lasts for one tile */
    int first, n;               /* the step runs for n images; `first` is the index of the first of them */
    int part;                   /* the part of the arena that the first of them computes in */
    size_t floats, kept;        /* floats of a part; values in the first `kept` of them are each image's own */
    int threads;                /* the threads that share the tiles */
    cvt_cut cut;                /* how the step is cut */
} cvt_context;

static inline float *cvt_at(const cvt_context *c, cvt_ref r, int image) {
    const int part = (r.buffer < c->kept ? c->first : c->part) + image;
    return c->arena + (size_t)part * c->floats + r.buffer + r.start;
}

/* A step is cut into tiles, which may run at the same time. cut(args, n, threads) says how n images are cut so that
 * `threads` threads have about the same to do, and run(args, context, tile) runs one of the tiles of that cut. No cut
 * changes a bit of the result. A step whose cut has no tiles is left out. */
typedef struct cvt_step {
    const cvt_node *node;
    const void *args;
    cvt_cut (*cut)(const void *args, int n, int threads);
    void (*run)(const void *args, const cvt_context *context, int tile);
    int64_t macs; /* the node's multiply-adds; only the last of its steps has them */
    bool joins;   /* the step may run at the same time as those before it, up to one that does not join */
} cvt_step;

/* A growing list of steps. Its owner frees `step`. */
typedef struct cvt_steps {
    cvt_step *step;
    int n;
} cvt_steps;

/* The panels that were made of a parameter: its columns as the kernels read them (ops/panels.h). */
typedef struct cvt_panels {
    const void *data; /* NULL: there are none, or more than one product reads the parameter */
    size_t size;
} cvt_panels;

/* A plan node: a node with all that fusion has folded into it. */
struct cvt_plan_node {
    const cvt_node *node;
    cvt_value out;             /* where the result goes: the output of the last node that was folded in */
    const cvt_node *affine;    /* a batch norm or LayerScale that is folded into the weights, or NULL */
    cvt_act act;               /* the activation after the product and that */
    cvt_value residual;        /* a value that is added then, or CVT_NO_VALUE */
    cvt_act last;              /* the activation of the sum with the residual */
    cvt_precision precision;   /* what the product with its weight, or its attention, runs in */
    const cvt_plan_node *from; /* for a product: the product that gives its input, which nobody else reads; or NULL */
    /* The products that alone read `out` take its rows packed: the node writes them so. NULL: it writes floats. */
    const cvt_product_kernels *readies;
    bool given; /* for a product: the rows of its input are packed already */
};

/* What a plan offers its ops while they are lowered, one after another. */
struct cvt_lowering {
    const cvt_kernels *kernels;
    const cvt_graph *graph;
    const cvt_ref *refs;                  /* the place of every value; CVT_NO_REF for one that nobody reads */
    const cvt_source *sources;            /* the stored data of every parameter */
    cvt_panels *panels;                   /* the panels of every parameter, as far as they are made */
    const float **constants;              /* for every value that an op with `constant` has made: its numbers */
    cvt_ref workspace;                    /* the workspace of the node that is being lowered */
    cvt_arena *arena;                     /* the plan's memory */
    bool pack_ahead;                      /* many images are expected: pack large weights while loading */
    size_t scratch;                       /* the most floats of scratch that a step so far needs */
    void (*drop)(void *owner, int param); /* called for parameters whose source is not read again; may be NULL */
    void *owner;
    const struct cvt_half *half;                 /* the last product whose rows are packed (ops/pair.h), or NULL */
    struct cvt_packing *packings, *last_packing; /* stored weights that are still to be packed (ops/panels.h) */
    cvt_steps *steps;                            /* the plan's list, to which ops append their steps */
    bool failed;                                 /* there was no memory; once true, it stays so */
};

void *cvt_lowering_alloc(cvt_lowering *l, size_t size); /* memory of the plan; NULL, and `failed`, when there is none */
float *cvt_lowering_floats(cvt_lowering *l, size_t count);
/* Returns the parameter as f32, in plan memory. */
const float *cvt_lowering_param(cvt_lowering *l, int param);
/* Returns the factors by which the n rows of a stored weight are to be multiplied: `scale` (or NULL) times the scales
 * of the source. NULL where all are 1. */
const float *cvt_lowering_scales(cvt_lowering *l, cvt_source w, int n, const float *scale);
void cvt_lowering_scratch(cvt_lowering *l, size_t floats);
/* Copies args (size bytes) into plan memory and appends a step of the node that is being lowered. */
void cvt_lowering_step(cvt_lowering *l, const cvt_plan_node *w, const void *args, size_t size,
                       cvt_cut (*cut)(const void *, int, int), void (*run)(const void *, const cvt_context *, int));
/* A cut for steps: a tile an image. rows.h has the one for steps over rows. */
cvt_cut cvt_cut_by_images(const void *args, int n, int threads);
/* Says that the parameter was copied or packed: its mapped source is not read again. Any thread may. */
void cvt_lowering_drop(cvt_lowering *l, int param);

#endif
