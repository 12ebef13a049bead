/* bind.h - every parameter of a graph finds its tensor, every tensor its parameter; or the load fails, saying which. */
#ifndef CVT_WEIGHTS_BIND_H
#define CVT_WEIGHTS_BIND_H

#include "graph/source.h"
#include "kernels/kernels.h"
#include "weights/names.h"

/* The metadata of a file whose products' weights may be int8: each NAME, I8, has a tensor NAME.scale, F32, one for each
 * index of its first axis; names are native. */
#define CVT_META_PRECISION "cvt.precision"
#define CVT_INT8_SCALE ".scale"

/* The metadata of a file that holds panels, U8, in place of the weights that one product alone reads: their layouts. */
#define CVT_META_PACKED "cvt.packed"
/* The layouts of a plan's panels: "f32 4x16, f16 4x16, int8 4x16x4/64". */
void cvt_packed_layout(cvt_str *to, const cvt_kernels *kernels, cvt_precision precision);

/* kernels, precision: what the plan will use, which panels in the file must be for.
 *
 * sources[p], tensors[p]: of every parameter p of the graph, in arena. Tensors known to carry nothing for inference
 * (batch counters, index buffers) are passed over. Errors: CVT_WEIGHTS, naming the file, the tensor, both shapes, or
 * the nearest name. */
cvt_status cvt_bind(cvt_source **sources, const cvt_tensor ***tensors, const cvt_graph *graph,
                    const cvt_weights *weights, const cvt_dialect *dialect, const cvt_kernels *kernels,
                    cvt_precision precision, cvt_arena *arena, cvt_error *error);

/* Random values for every parameter, the same for the same seed and names on every machine: weights normal / sqrt(fan
 * in), norm weights about 1, variances 0.5 to 1.5, the rest small. */
cvt_status cvt_bind_random(cvt_source **sources, const cvt_graph *graph, uint64_t seed, cvt_arena *arena,
                           cvt_error *error);

#endif
