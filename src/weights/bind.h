/* bind.h - binds weights to a graph: every parameter of the graph finds its tensor and every tensor its parameter, or
 * loading fails and says which one did not. */
#ifndef CVT_WEIGHTS_BIND_H
#define CVT_WEIGHTS_BIND_H

#include "graph/source.h"
#include "weights/names.h"

/* Beside an I8 tensor NAME the file has a tensor NAME.scale: F32, one number for each index of the first axis of
 * NAME. */
#define CVT_INT8_SCALE ".scale"

/* How a file may hold a parameter other than as floats. */
typedef struct cvt_stored_form {
    bool int8;     /* as I8, with scales beside it */
    size_t panels; /* as panels of so many bytes, U8; 0: not as panels */
} cvt_stored_form;

/* Binds a file. `forms` says for every parameter how the file may hold it. In `arena` it makes sources[p] and
 * tensors[p] for every parameter p of the graph. Tensors that are known not to matter for inference (counters of
 * batches, index buffers) are passed over. Errors: CVT_WEIGHTS, naming the file, the tensor, both shapes, or the
 * nearest name. */
cvt_status cvt_bind(cvt_source **sources, const cvt_tensor ***tensors, const cvt_graph *graph,
                    const cvt_weights *weights, const cvt_dialect *dialect, const cvt_stored_form *forms,
                    cvt_arena *arena, cvt_error *error);

/* Makes random values for every parameter. For the same seed and names they are the same on every machine. Weights are
 * normal / sqrt(fan in), weights of norms about 1, variances 0.5 to 1.5, the rest small. */
cvt_status cvt_bind_random(cvt_source **sources, const cvt_graph *graph, uint64_t seed, cvt_arena *arena,
                           cvt_error *error);

#endif
