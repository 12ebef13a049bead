/* pipeline.h - many inputs through two stages on threads, and out again in the order they came.
 *
 *     next -> decode (decoders) -> forward (workers, up to `batch` at a time) -> write (the caller's thread, in order)
 *
 * An input lives in a slot of a ring of `window` slots from `next` to `write`, so memory is bounded: when the oldest is
 * late, the others wait. Of these slots at most `busy` are between `next` and the end of `forward`, which bounds what
 * these stages hold. A worker takes what is ready, without waiting to fill its batch: nothing is held back from a
 * reader that waits for an answer before it gives the next input. */
#ifndef CVT_BATCH_PIPELINE_H
#define CVT_BATCH_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct cvt_stages {
    /* The next input into the slot; false at the end. May block. One call at a time, on any decoder. */
    bool (*next)(void *context, void *slot);
    /* True: goes on to forward; false: to write, as it is. */
    bool (*decode)(void *context, int decoder, void *slot);
    void (*forward)(void *context, int worker, void *const *slots, int n);
    /* False ends the run. */
    bool (*write)(void *context, void *slot);
    /* On the caller's thread, at least ten times a second. False ends the run. */
    bool (*tick)(void *context);
    /* Called when the run ends, from whatever thread ends it: makes a blocked `next` or `decode` return. */
    void (*wake)(void *context);
} cvt_stages;

typedef struct cvt_pipeline_sizes {
    int decoders, workers, batch;
    size_t window, busy;
    size_t slot; /* bytes of a slot; they start as zeros and are handed to `next` again as `write` left them */
} cvt_pipeline_sizes;

typedef struct cvt_pipeline cvt_pipeline;

/* Starts the decoders. With fewer threads than wanted a pipeline goes on, if there is one for each stage. */
cvt_status cvt_pipeline_start(cvt_pipeline **out, const cvt_pipeline_sizes *sizes, const cvt_stages *stages,
                              void *context, cvt_error *error);

/* Starts the workers, and writes until the end of the inputs or until write or tick says so. When it ends early, inputs
 * whose forward pass has begun are finished, and those of them that are next in order are written (unless it was
 * `write` that ended it). No thread is left when this returns. Fails only where no worker can be started. */
cvt_status cvt_pipeline_run(cvt_pipeline *pipeline, cvt_error *error);

/* Stops the threads if they still run. each, unless NULL, is called for every slot, to free what it holds. */
void cvt_pipeline_free(cvt_pipeline *pipeline, void (*each)(void *slot));

#endif
