/* batch.h - a model over many images: reading and decoding of the next ones overlaps the forward passes of the current
 * ones, results come in the order of the inputs, and memory does not grow with their number.
 *
 * Every result is what the image would give alone: it does not depend on threads, jobs, images a pass, neighbours. */
#ifndef CVT_BATCH_BATCH_H
#define CVT_BATCH_BATCH_H

#include "batch/list.h"

typedef struct cvt_batch_options {
    cvt_list_options inputs; /* `wake` is set by the batch */
    cvt_image_options image;
    int threads;     /* inside a forward pass */
    int jobs;        /* forward passes at once */
    int images;      /* most images of a pass */
    const char *tap; /* the result is this tap of the model; NULL: its output */
    bool embedding;  /* without a tap: the result is what the last linear layer reads */
    size_t known;    /* how many inputs there are, 0 if that is not known */
} cvt_batch_options;

/* One input. Valid until the callback returns. */
typedef struct cvt_batch_result {
    const char *path;
    cvt_status status;   /* CVT_OK: output is there */
    const char *message; /* else why not; does not name the input */
    const char *warning; /* what was odd about an image that passed all the same, or NULL */
    const float *output; /* cvt_model_output, or the value that the options ask for */
} cvt_batch_result;

/* What the caller does with results, on its own thread. False from either ends the run. */
typedef struct cvt_batch_sink {
    bool (*result)(void *context, const cvt_batch_result *result);
    bool (*tick)(void *context); /* at least ten times a second */
    /* A line for people on a directory that gave no input. */
    void (*remark)(void *context, const char *path, const char *message);
    void *context;
} cvt_batch_sink;

typedef struct cvt_batch cvt_batch;

/* What the results are. */
cvt_status cvt_batch_value(cvt_tensor_info *out, const cvt_model *model, const cvt_batch_options *options,
                           cvt_error *error);

/* Starts decoding the first inputs, for which the model need not have its weights yet: neither waits for the other. */
cvt_status cvt_batch_new(cvt_batch **out, const cvt_model *model, const cvt_batch_options *options, cvt_error *error);
/* Runs all inputs through the model, once. Fails before the first result, where no session can be made; and with
 * CVT_USAGE behind the last result: a list of names could not be read to its end. */
cvt_status cvt_batch_run(cvt_batch *batch, const cvt_batch_sink *sink, cvt_error *error);
void cvt_batch_free(cvt_batch *batch);

#endif
