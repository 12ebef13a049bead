/* pipeline.h - takes many inputs through two stages on threads, and out again in the order in which they came.
 *
 *     next -> decode (decoders) -> forward (workers, up to `batch` at a time) -> write (the caller's thread, in order)
 *
 * From `next` to `write` an input lives in one of `n_slots` slots, which form a ring. So memory is bounded: when the
 * oldest input is late, the others wait. At most `busy` inputs are between `next` and the end of `forward`, which
 * bounds what these stages hold. A worker takes what is ready and does not wait until its batch is full: a program
 * that waits for an answer before it sends the next input gets it. */
#ifndef CVT_BATCH_PIPELINE_H
#define CVT_BATCH_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct cvt_stages {
    /* Puts the next input into the slot; false at the end. It may block. It is called once at a time, on the decoder
     * that then decodes the input. */
    bool (*next)(void *context, int decoder, void *slot);
    /* Returns true if the input goes on to `forward`, false if it goes to `write` as it is. */
    bool (*decode)(void *context, int decoder, void *slot);
    void (*forward)(void *context, int worker, void *const *slots, int n);
    /* Returns false to end the run. */
    bool (*write)(void *context, void *slot);
    /* Called on the caller's thread at least ten times a second. Returns false to end the run. */
    bool (*tick)(void *context);
    /* Called when the run ends, from the thread that ends it. It makes a blocked `next` or `decode` return. */
    void (*wake)(void *context);
} cvt_stages;

typedef struct cvt_pipeline_sizes {
    int decoders, workers, batch;
    size_t n_slots, busy;
    size_t slot_size; /* in bytes; slots begin as zeros, and `next` gets them as `write` left them */
} cvt_pipeline_sizes;

typedef struct cvt_pipeline cvt_pipeline;

/* Starts the decoders. If the system starts fewer threads than wanted, the pipeline goes on, as long as each stage has
 * one. */
cvt_status cvt_pipeline_start(cvt_pipeline **out, const cvt_pipeline_sizes *sizes, const cvt_stages *stages,
                              void *context, cvt_error *error);

/* Starts the workers, and writes until the inputs end or until `write` or `tick` ends the run. When it ends early,
 * inputs whose forward pass has begun are finished, and those of them that come next in order are written (unless
 * `write` ended the run). No thread is left when this returns. It only fails where no worker can be started. */
cvt_status cvt_pipeline_run(cvt_pipeline *pipeline, cvt_error *error);

/* Stops the threads if they still run. `each` may be NULL; it is called for every slot, to free what the slot holds. */
void cvt_pipeline_free(cvt_pipeline *pipeline, void (*each)(void *slot));

#endif
