/* batch.h - runs a model over many images. The next images are read and decoded while the forward passes of the
 * current ones run; results come in the order of the inputs; memory does not grow with their number.
 *
 * Every result is what the image would give alone. It does not depend on the number of threads, jobs or images in a
 * pass, nor on the other images. */
#ifndef CVT_BATCH_BATCH_H
#define CVT_BATCH_BATCH_H

#include "batch/done.h"
#include "batch/key.h"
#include "batch/list.h"

/* An image that is in the pipeline. */
typedef struct cvt_batch_image {
    const char *path;
    const unsigned char *bytes;
    size_t size;
} cvt_batch_image;

/* What makes the result of an image where it is no value of the model. make is called on a runner's thread, at once on
 * several, after a pass of this image alone. runner: its number, from 0 to jobs - 1. bytes: those of the image. It
 * fills `result`, of `size` floats; an error is one of the image, whose message does not name it. */
typedef struct cvt_batch_maker {
    size_t size;
    cvt_status (*make)(void *context, int runner, const cvt_session *session, const cvt_batch_image *image,
                       float *result, cvt_error *error);
    void *context;
} cvt_batch_maker;

/* A part of the upright image, in shares of its sides, which stands for the image; and whether it is mirrored. */
typedef struct cvt_batch_view {
    double left, top, side;
    bool mirrored;
} cvt_batch_view;

typedef struct cvt_batch_options {
    cvt_list_options inputs; /* the batch sets `wake` */
    cvt_shard shard;         /* only inputs of this shard are taken */
    cvt_done *done;          /* and none that are done; NULL: none are. The caller's to free, after the batch */
    cvt_image_options image;
    const cvt_batch_view *view;   /* NULL: the images as they are */
    int threads;                  /* threads inside a forward pass */
    int jobs;                     /* forward passes at the same time */
    int images;                   /* the most images of a pass */
    const char *tap;              /* the result is this tap; NULL: the model's output */
    bool embedding;               /* without a tap: the result is what the last linear layer reads */
    const cvt_batch_maker *maker; /* the result is what this makes; or NULL */
    size_t known;                 /* how many inputs there are; 0: not known */
    bool profile;                 /* measure what cvt_batch_measured tells */
} cvt_batch_options;

/* How long the stages of a run took: milliseconds, added up over the threads that were at it. */
typedef struct cvt_batch_times {
    double read;    /* of the bytes, waiting for them included */
    double decode;  /* to pixels */
    double resize;  /* all of preprocessing that comes behind it */
    double forward; /* in which several threads may have shared the work */
    double write;   /* what the sink did with results */
    size_t images;  /* inputs that came to the end, failed ones included */
    int readers, runners;
} cvt_batch_times;

/* The result of one input. It is valid until the callback returns. */
typedef struct cvt_batch_result {
    const char *path;
    bool entry;          /* the path is an entry's of an archive, no file's */
    const char *tar;     /* the archive, where it has a name; else NULL */
    const char *label;   /* of an archive's entry, where inputs.labels; NULL: none */
    cvt_status status;   /* CVT_OK: there is an output */
    const char *message; /* else why there is none, without the input's name */
    const char *warning; /* what was odd about an image that was read all the same, or NULL */
    const float *output; /* laid out as cvt_model_output, or as the value that the options ask for */
    int orientation;     /* of an image that was read: what EXIF says of it, 1 to 8 */
    const char *taken;   /* and when it was taken, or NULL */
} cvt_batch_result;

/* What the caller does with results, on its own thread. Each function ends the run by returning false. */
typedef struct cvt_batch_sink {
    bool (*result)(void *context, const cvt_batch_result *result);
    bool (*tick)(void *context); /* at least ten times a second */
    /* A line for people on a directory that gave no input. */
    void (*remark)(void *context, const char *path, const char *message);
    void *context;
} cvt_batch_sink;

typedef struct cvt_batch cvt_batch;

/* Says what the results are. */
cvt_status cvt_batch_value(cvt_tensor_info *out, const cvt_model *model, const cvt_batch_options *options,
                           cvt_error *error);

/* Starts to decode the first inputs. The model need not have its weights yet: loading and decoding do not wait for each
 * other. */
cvt_status cvt_batch_new(cvt_batch **out, const cvt_model *model, const cvt_batch_options *options, cvt_error *error);
/* Runs all inputs through the model, once. Fails before the first result, where no session can be made; and with
 * CVT_USAGE behind the last result: a list of names could not be read to its end. */
cvt_status cvt_batch_run(cvt_batch *batch, const cvt_batch_sink *sink, cvt_error *error);
/* How many inputs were passed over so far because they are done, and how many of these are done in that they failed.
 * Any thread may ask. */
size_t cvt_batch_passed_over(const cvt_batch *batch);
size_t cvt_batch_failed_before(const cvt_batch *batch);
/* What was measured, after cvt_batch_run. */
cvt_batch_times cvt_batch_measured(const cvt_batch *batch);
void cvt_batch_free(cvt_batch *batch);

#endif
