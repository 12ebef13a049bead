/* bind.h - every parameter of a graph finds its tensor, every tensor its parameter; or the load fails, saying which. */
#ifndef CVT_WEIGHTS_BIND_H
#define CVT_WEIGHTS_BIND_H

#include "graph/source.h"
#include "weights/names.h"

/* An I8 tensor NAME has a tensor NAME.scale beside it, F32, one number for each index of its first axis. */
#define CVT_INT8_SCALE ".scale"

/* How a file may hold a parameter where it does not hold floats. */
typedef struct cvt_stored_form {
    bool int8;     /* as I8, with scales beside it */
    size_t panels; /* as panels, U8, of so many bytes; 0: not so */
} cvt_stored_form;

/* forms: of every parameter.
 *
 * sources[p], tensors[p]: of every parameter p of the graph, in arena. Tensors known to carry nothing for inference
 * (batch counters, index buffers) are passed over. Errors: CVT_WEIGHTS, naming the file, the tensor, both shapes, or
 * the nearest name. */
cvt_status cvt_bind(cvt_source **sources, const cvt_tensor ***tensors, const cvt_graph *graph,
                    const cvt_weights *weights, const cvt_dialect *dialect, const cvt_stored_form *forms,
                    cvt_arena *arena, cvt_error *error);

/* Random values for every parameter, the same for the same seed and names on every machine: weights normal / sqrt(fan
 * in), norm weights about 1, variances 0.5 to 1.5, the rest small. */
cvt_status cvt_bind_random(cvt_source **sources, const cvt_graph *graph, uint64_t seed, cvt_arena *arena,
                           cvt_error *error);

#endif
