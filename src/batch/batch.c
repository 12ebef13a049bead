/* batch.c - runs a model over many images: the functions that pipeline.c calls for its stages.
 *
 *     next_input     on any reader, one at a time        takes a path (list.c); of an archive's entry the bytes too
 *     decode_input   on the readers, all at once         reads its bytes (input.c) and makes the tensor (cvt_image)
 *     run_inputs     on the runners, all at once         puts up to `images` of them through a forward pass
 *     write_result   on the caller's thread, in order    hands the result to the sink
 *
 * A reader is a thread that reads and decodes, a runner is one that has a session. */
#include "batch/batch.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/elementary.h"
#include "base/num.h"
#include "batch/input.h"
#include "batch/pipeline.h"
#include "model/interleaved.h"

enum {
    MAX_LATE = 256, /* may wait for an older one before all wait: 100 megapixels take seconds */
    MAX_READERS = 64,
};
static const size_t max_late_bytes = (size_t)64 << 20; /* bytes that their results may take */

/* The content of a slot of the pipeline: one input. */
typedef struct job {
    cvt_str path, warning, label;
    const char *tar; /* the archive that it lies in, or NULL */
    cvt_list_kind kind;
    cvt_error error;
    float *tensor; /* [H, W, C]; set from decoding to the end of the forward pass */
    float *output;
    int orientation;
    cvt_str taken;
    cvt_input bytes; /* of the image, up to the end of the forward pass; only for a maker */
    float *rest;     /* further tensors of a line of text or a page, back to back */
    int n_rest;
} job;

/* What one reader keeps from one input to the next. */
typedef struct reader {
    cvt_input input;
    cvt_image *image;
    cvt_image *part; /* of the image, where a view is wanted */
    double read_ms;  /* see cvt_batch_times */
} reader;

typedef struct runner {
    cvt_session *session;
    float *inputs;  /* the tensors of a pass with several images, back to back */
    float *outputs; /* their results, back to back, where they are not the model's output */
    double forward_ms;
} runner;

struct cvt_batch {
    cvt_batch_options options;
    const cvt_model *model;
    cvt_list *list;
    int wake[2]; /* a pipe; closing its second end wakes every reader that waits */
    cvt_pipeline *pipeline;
    reader *readers;
    runner *runners;
    int n_readers;
    const cvt_batch_sink *sink;
    size_t input_size, output_size; /* floats of one image */
    double write_ms;
    size_t n_written;

    atomic_size_t passed_over, failed_before;
    atomic_bool ending;   /* no more inputs are wanted */
    pthread_mutex_t lock; /* guards the spare tensors */
    float **tensors;
    size_t n_tensors;
};

/* A time to begin with, and the end of what is added to *sum; both do nothing where nothing is measured. */
static double begin_time(const cvt_batch *batch) { return batch->options.profile ? cvt_clock_ms() : 0; }

static void add_time(const cvt_batch *batch, double begin, double *sum) {
    if (batch->options.profile) *sum += cvt_clock_ms() - begin;
}

/* ---- decoding -------------------------------------------------------------------------------------------------- */

/* Is this an input of another shard, or one that is done? */
static bool is_passed_over(cvt_batch *batch, const job *it) {
    const char *path = it->path.data, *tar = it->tar || it->kind != CVT_LIST_ENTRY ? it->tar : "-";
    if (it->kind == CVT_LIST_REMARK || it->kind == CVT_LIST_FOLDER || !path || it->path.failed) return false;
    if (!cvt_shard_has(batch->options.shard, tar, path)) return true;
    bool failed;
    if (!cvt_done_take(batch->options.done, it->tar, path, &failed)) return false;
    atomic_fetch_add(&batch->passed_over, 1);
    if (failed) atomic_fetch_add(&batch->failed_before, 1);
    return true;
}

/* Reads the entry of an archive, which only one thread at a time can; false where it turns out to be none. */
static bool take_entry(cvt_batch *batch, reader *with, job *it) {
    if (it->kind != CVT_LIST_ENTRY || it->error.status != CVT_OK) return true;
    const double begin = begin_time(batch);
    with->input.max_pixels = batch->options.image.max_pixels;
    const bool taken = cvt_list_take(batch->list, &with->input, &it->error);
    add_time(batch, begin, &with->read_ms);
    return taken;
}

static bool next_input(void *context, int decoder, void *slot) {
    cvt_batch *batch = context;
    job *it = slot;
    cvt_str_clear(&it->warning);
    cvt_str_clear(&it->taken);
    do {
        if (!cvt_list_next(batch->list, &it->path, &it->error)) return false;
        it->kind = cvt_list_last(batch->list);
        it->tar = cvt_list_tar(batch->list);
        const char *label = cvt_list_label(batch->list);
        cvt_str_clear(&it->label);
        if (label) cvt_str_text(&it->label, label);
        if (it->label.failed) cvt_fail_memory(&it->error);
    } while (is_passed_over(batch, it) || !take_entry(batch, &batch->readers[decoder], it));
    return true;
}

size_t cvt_batch_passed_over(const cvt_batch *batch) { return atomic_load(&batch->passed_over); }
size_t cvt_batch_failed_before(const cvt_batch *batch) { return atomic_load(&batch->failed_before); }

/* Returns the tensor of an earlier input, for reuse, or NULL where there is none. At most so many are ever made as
 * inputs can be between decoding and the end of their pass, and one more for each reader. */
static float *take_spare(cvt_batch *batch) {
    pthread_mutex_lock(&batch->lock);
    float *tensor = batch->n_tensors ? batch->tensors[--batch->n_tensors] : NULL;
    pthread_mutex_unlock(&batch->lock);
    return tensor;
}

static void give_tensor(cvt_batch *batch, job *it) {
    pthread_mutex_lock(&batch->lock);
    batch->tensors[batch->n_tensors++] = it->tensor;
    pthread_mutex_unlock(&batch->lock);
    it->tensor = NULL;
}

/* Makes the tensor of a part of the image that was read as far as it is upright. */
static cvt_status read_part(cvt_batch *batch, reader *with, const cvt_batch_view *view, cvt_error *error) {
    int height, width;
    const uint8_t *pixels = cvt_image_pixels(with->image, &height, &width);
    const int h = cvt_max_int(1, (int)(view->side * height)), w = cvt_max_int(1, (int)(view->side * width));
    const int top = cvt_min_int((int)(view->top * height), height - h);
    const int left = cvt_min_int((int)(view->left * width), width - w);
    const size_t stride = 3 * (size_t)width;
    if (!with->part) TRY(cvt_image_new(&with->part, &batch->options.image, error));
    return cvt_image_read_pixels(with->part, batch->model, pixels + (size_t)top * stride + 3 * (size_t)left, h, w,
                                 stride, CVT_STOP_NONE, error);
}

static void mirror(float *tensor, cvt_tensor_info info) {
    const size_t c = (size_t)info.shape[0], rows = (size_t)info.shape[1], w = (size_t)info.shape[2];
    for (size_t r = 0; r < rows; r++)
        for (size_t x = 0; x < w / 2; x++)
            for (size_t k = 0; k < c; k++) {
                float *a = tensor + (r * w + x) * c + k, *b = tensor + (r * w + w - 1 - x) * c + k, value = *a;
                *a = *b;
                *b = value;
            }
}

/* Copies the tensors of the image besides its main one. */
static cvt_status keep_rest(const cvt_batch *batch, const cvt_image *image, job *it, cvt_error *error) {
    const float *rest = cvt_image_rest(image, &it->n_rest);
    if (!it->n_rest) return CVT_OK;
    const size_t bytes = (size_t)it->n_rest * batch->input_size * sizeof *rest;
    it->rest = malloc(bytes);
    if (!it->rest) return cvt_fail_memory(error);
    memcpy(it->rest, rest, bytes);
    return CVT_OK;
}

static cvt_status read_bytes(const cvt_batch *batch, reader *with, const job *it, cvt_error *error) {
    if (it->kind == CVT_LIST_ENTRY) return CVT_OK; /* they came with its name */
    const double begin = begin_time(batch);
    with->input.max_pixels = batch->options.image.max_pixels;
    cvt_status status = cvt_input_read(&with->input, it->path.data, it->kind == CVT_LIST_NAMED, batch->wake[0], error);
    add_time(batch, begin, &with->read_ms);
    return status;
}

static cvt_status make_image(const cvt_batch *batch, reader *with, cvt_error *error) {
    TRY(cvt_image_new(&with->image, &batch->options.image, error));
    if (batch->options.profile) cvt_image_measure(with->image);
    return CVT_OK;
}

/* Gives the memory of a large file back, which a forward pass has more use for. */
static void let_go(cvt_input *input) {
    enum { KEPT = 1 << 20 };
    if (input->capacity <= KEPT) return;
    free(input->data);
    *input = (cvt_input){0};
}

static cvt_status decode(cvt_batch *batch, reader *with, job *it) {
    cvt_error *error = &it->error;
    if (error->status != CVT_OK) return error->status;
    TRY(read_bytes(batch, with, it, error));
    if (!with->image) TRY(make_image(batch, with, error));
    const cvt_batch_view *view = batch->options.view;
    TRY(cvt_image_read_memory(with->image, batch->model, with->input.data, with->input.size,
                              view ? CVT_STOP_ORIENT : CVT_STOP_NONE, error));
    if (view) TRY(read_part(batch, with, view, error));
    const char *warning = cvt_image_warning(with->image), *taken = cvt_image_taken(with->image);
    if (warning) cvt_str_text(&it->warning, warning);
    if (taken) cvt_str_text(&it->taken, taken);
    it->orientation = cvt_image_orientation(with->image);
    if (batch->options.maker) {
        const cvt_input swapped = it->bytes;
        it->bytes = with->input;
        with->input = swapped;
    }
    let_go(&with->input);
    if (!it->output) it->output = calloc(batch->output_size, sizeof *it->output);
    if (!it->output) return cvt_fail_memory(error);
    if (!view && !batch->options.maker) TRY(keep_rest(batch, with->image, it, error));
    it->tensor = cvt_image_take(view ? with->part : with->image, take_spare(batch));
    if (view && view->mirrored) mirror(it->tensor, cvt_model_input(batch->model, 0));
    return CVT_OK;
}

static bool decode_input(void *context, int decoder, void *slot) {
    cvt_batch *batch = context;
    job *it = slot;
    it->error.status = decode(batch, &batch->readers[decoder], it);
    return it->error.status == CVT_OK;
}

/* ---- forward passes -------------------------------------------------------------------------------------------- */

/* Runs one forward pass of n images. *outputs becomes their results, back to back. */
static cvt_status run_pass(cvt_batch *batch, const runner *with, const float *inputs, int n, const float **outputs,
                           cvt_error *error) {
    const cvt_batch_options *options = &batch->options;
    size_t capacity = (size_t)options->images * batch->output_size;
    TRY(cvt_session_run_interleaved(with->session, &inputs, n, error));
    *outputs = with->outputs ? with->outputs : cvt_session_output(with->session);
    if (options->tap) return cvt_session_tap(with->session, options->tap, with->outputs, capacity, error);
    return options->embedding ? cvt_session_embedding(with->session, with->outputs, capacity, error) : CVT_OK;
}

static void run_one(cvt_batch *batch, const runner *with, job *it) {
    const cvt_batch_maker *maker = batch->options.maker;
    const float *outputs;
    it->error.status = run_pass(batch, with, it->tensor, 1, &outputs, &it->error);
    if (it->error.status != CVT_OK) return;
    if (!maker) {
        memcpy(it->output, outputs, batch->output_size * sizeof *it->output);
        return;
    }
    const cvt_batch_image image = {it->path.data, it->bytes.data, it->bytes.size};
    it->error.status =
        maker->make(maker->context, (int)(with - batch->runners), with->session, &image, it->output, &it->error);
}

/* Runs all inputs in one pass. Returns false if it fails, which does not tell which image was the cause. */
static bool run_together(cvt_batch *batch, const runner *with, void *const *slots, int n) {
    cvt_error ignored;
    const float *outputs;
    for (int i = 0; i < n; i++) {
        const job *it = slots[i];
        memcpy(with->inputs + (size_t)i * batch->input_size, it->tensor, batch->input_size * sizeof *it->tensor);
    }
    if (run_pass(batch, with, with->inputs, n, &outputs, &ignored) != CVT_OK) return false;
    for (int i = 0; i < n; i++) {
        job *it = slots[i];
        memcpy(it->output, outputs + (size_t)i * batch->output_size, batch->output_size * sizeof *it->output);
    }
    return true;
}

/* Are results logarithms of shares, up to a constant? */
static bool votes(const cvt_batch *batch) {
    return !batch->options.tap && !batch->options.embedding && cvt_model_score(batch->model) == CVT_SCORE_SOFTMAX;
}

/* Adds one tensor's result to the sum of an image: of scores the logarithm, else the value. */
static void add_to_sum(double *sum, const float *values, size_t n, bool vote) {
    double largest = -HUGE_VAL, all = 0;
    for (size_t i = 0; vote && i < n; i++)
        if ((double)values[i] > largest) largest = (double)values[i]; /* not fmax: see fill_axis of gpsa.c */
    for (size_t i = 0; vote && i < n; i++) all += cvt_exp((double)values[i] - largest);
    const double minus = vote ? largest + cvt_log(all) : 0;
    for (size_t i = 0; i < n; i++) sum[i] += (double)values[i] - minus;
}

/* Turns the result of the main tensor into the mean over all tensors of the image: for scores, that of their
 * logarithms. */
static cvt_status run_rest(cvt_batch *batch, const runner *with, job *it, cvt_error *error) {
    const size_t n = batch->output_size;
    const bool vote = votes(batch);
    double *sum = calloc(n, sizeof *sum);
    if (!sum) return cvt_fail_memory(error);
    add_to_sum(sum, it->output, n, vote);
    cvt_status status = CVT_OK;
    for (int i = 0; i < it->n_rest && status == CVT_OK;) {
        const float *outputs;
        const int k = cvt_min_int(it->n_rest - i, batch->options.images);
        status = run_pass(batch, with, it->rest + (size_t)i * batch->input_size, k, &outputs, error);
        for (int j = 0; j < k && status == CVT_OK; j++) add_to_sum(sum, outputs + (size_t)j * n, n, vote);
        i += k;
    }
    for (size_t i = 0; i < n && status == CVT_OK; i++) it->output[i] = (float)(sum[i] / (1 + it->n_rest));
    free(sum);
    return status;
}

static void free_rest(job *it) {
    free(it->rest);
    it->rest = NULL;
    it->n_rest = 0;
}

static void run_inputs(void *context, int worker, void *const *slots, int n) {
    cvt_batch *batch = context;
    runner *with = &batch->runners[worker];
    const double begin = begin_time(batch);
    if (n == 1 || !run_together(batch, with, slots, n))
        for (int i = 0; i < n; i++) run_one(batch, with, slots[i]);
    for (int i = 0; i < n; i++) {
        job *it = slots[i];
        give_tensor(batch, it);
        if (it->n_rest && it->error.status == CVT_OK) it->error.status = run_rest(batch, with, it, &it->error);
        free_rest(it);
    }
    add_time(batch, begin, &with->forward_ms);
}

/* ---- results --------------------------------------------------------------------------------------------------- */

static bool write_result(void *context, void *slot) {
    cvt_batch *batch = context;
    const job *it = slot;
    if (it->kind == CVT_LIST_REMARK) {
        batch->sink->remark(batch->sink->context, it->path.data, it->error.message);
        return true;
    }
    bool good = it->error.status == CVT_OK, warned = it->warning.data && it->warning.size > 0;
    cvt_batch_result result = {
        .path = it->path.data ? it->path.data : "",
        .entry = it->kind == CVT_LIST_ENTRY,
        .tar = it->tar,
        .label = it->label.size ? it->label.data : NULL,
        .status = it->error.status,
        .message = good ? NULL : it->error.message,
        .warning = good && warned ? it->warning.data : NULL,
        .output = good ? it->output : NULL,
        .orientation = it->orientation,
        .taken = good && it->taken.data && it->taken.size > 0 ? it->taken.data : NULL,
    };
    const double begin = begin_time(batch);
    const bool goes_on = batch->sink->result(batch->sink->context, &result);
    add_time(batch, begin, &batch->write_ms);
    batch->n_written++;
    return goes_on;
}

static bool tick(void *context) {
    cvt_batch *batch = context;
    return batch->sink->tick(batch->sink->context);
}

static void wake(void *context) {
    cvt_batch *batch = context;
    atomic_store(&batch->ending, true);
    close(batch->wake[1]); /* the first end becomes readable, and stays so */
    batch->wake[1] = -1;
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static int at_most(int n, size_t known) { return known && known < (size_t)n ? (int)known : n; }

static cvt_status start(cvt_batch *batch, cvt_error *error) {
    static const cvt_stages stages = {next_input, decode_input, run_inputs, write_result, tick, wake};
    cvt_batch_options *options = &batch->options;
    options->inputs.wake = batch->wake[0];
    options->inputs.remarks = true;
    options->inputs.max_pixels = options->image.max_pixels;
    options->inputs.ending = &batch->ending;
    TRY(cvt_list_new(&batch->list, &options->inputs, error));

    size_t known = options->known;
    options->jobs = at_most(options->jobs, known);
    options->images = at_most(options->images, known);
    /* As many readers as threads: where images are large and the model is small, decoding is most of the work. */
    int threads = cvt_min_int(options->threads, MAX_READERS) * cvt_min_int(options->jobs, MAX_READERS);
    batch->n_readers = at_most(cvt_min_int(threads, MAX_READERS), known);
    size_t passes = (size_t)options->jobs * (size_t)options->images;
    size_t late = max_late_bytes / (batch->output_size * sizeof(float));
    size_t busy = (size_t)batch->n_readers + 2 * passes, n_slots = busy + (late < MAX_LATE ? late : MAX_LATE);
    if (known && known < busy) busy = known;
    if (known && known < n_slots) n_slots = known;

    batch->readers = calloc((size_t)batch->n_readers, sizeof *batch->readers);
    batch->runners = calloc((size_t)options->jobs, sizeof *batch->runners);
    batch->tensors = calloc(busy, sizeof *batch->tensors);
    if (!batch->readers || !batch->runners || !batch->tensors) return cvt_fail_memory(error);
    cvt_pipeline_sizes sizes = {
        .decoders = batch->n_readers,
        .workers = options->jobs,
        .batch = options->images,
        .n_slots = n_slots,
        .busy = busy,
        .slot_size = sizeof(job),
    };
    return cvt_pipeline_start(&batch->pipeline, &sizes, &stages, batch, error);
}

cvt_status cvt_batch_value(cvt_tensor_info *out, const cvt_model *model, const cvt_batch_options *options,
                           cvt_error *error) {
    if (options->tap) {
        int index = cvt_model_find_tap(model, options->tap);
        if (index < 0) return cvt_fail(error, CVT_USAGE, "no tap is called \"%s\"", options->tap);
        *out = cvt_model_tap(model, index);
        return CVT_OK;
    }
    *out = options->embedding ? cvt_model_embedding(model) : cvt_model_output(model);
    return out->name ? CVT_OK : cvt_fail(error, CVT_UNSUPPORTED, "the model has no last linear layer");
}

cvt_status cvt_batch_new(cvt_batch **out, const cvt_model *model, const cvt_batch_options *options, cvt_error *error) {
    *out = NULL;
    if (cvt_model_inputs(model) != 1)
        return cvt_fail(error, CVT_CONFIG, "the model reads %d inputs, not one image", cvt_model_inputs(model));
    cvt_tensor_info value;
    TRY(cvt_model_reads_images(model, error));
    if (options->image.lines && !cvt_model_reads_lines(model))
        return cvt_fail(error, CVT_CONFIG, "the model looks at whole images, not at lines of text: leave out --lines");
    TRY(cvt_batch_value(&value, model, options, error));
    cvt_batch *batch = calloc(1, sizeof *batch);
    if (!batch) return cvt_fail_memory(error);
    batch->options = *options;
    batch->options.image.size = sizeof batch->options.image;
    if (cvt_model_batch_dependent(model) || options->maker)
        batch->options.images = 1; /* an image's result must not depend on its neighbours */
    batch->model = model;
    batch->input_size = cvt_tensor_count(cvt_model_input(model, 0));
    batch->output_size = options->maker ? options->maker->size : cvt_tensor_count(value);
    pthread_mutex_init(&batch->lock, NULL);
    cvt_status status = CVT_OK;
    if (pipe(batch->wake) != 0) {
        batch->wake[0] = batch->wake[1] = -1;
        status = cvt_fail(error, CVT_NO_MEMORY, "no pipe can be made");
    }
    if (status == CVT_OK) status = start(batch, error);
    if (status != CVT_OK) {
        cvt_batch_free(batch);
        return status;
    }
    *out = batch;
    return CVT_OK;
}

static cvt_status make_sessions(cvt_batch *batch, cvt_error *error) {
    const cvt_batch_options *options = &batch->options;
    for (int i = 0; i < options->jobs; i++) {
        runner *with = &batch->runners[i];
        TRY(cvt_session_new(&with->session, batch->model, options->images, options->threads, error));
        if (options->embedding || options->tap) {
            with->outputs = calloc((size_t)options->images * batch->output_size, sizeof *with->outputs);
            if (!with->outputs) return cvt_fail_memory(error);
        }
        if (options->images == 1) continue;
        with->inputs = calloc((size_t)options->images * batch->input_size, sizeof *with->inputs);
        if (!with->inputs) return cvt_fail_memory(error);
    }
    return CVT_OK;
}

cvt_status cvt_batch_run(cvt_batch *batch, const cvt_batch_sink *sink, cvt_error *error) {
    TRY(make_sessions(batch, error));
    batch->sink = sink;
    TRY(cvt_pipeline_run(batch->pipeline, error));
    const cvt_error *trouble = cvt_list_trouble(batch->list);
    if (trouble->status != CVT_OK && error) *error = *trouble;
    return trouble->status;
}

cvt_batch_times cvt_batch_measured(const cvt_batch *batch) {
    cvt_batch_times t = {.write = batch->write_ms, .images = batch->n_written};
    t.readers = batch->n_readers;
    t.runners = batch->options.jobs;
    for (int i = 0; i < batch->n_readers; i++) {
        const reader *r = &batch->readers[i];
        double decode = 0, resize = 0;
        if (r->image) cvt_image_times(r->image, &decode, &resize);
        t.read += r->read_ms;
        t.decode += decode;
        t.resize += resize;
    }
    for (int i = 0; i < t.runners; i++) t.forward += batch->runners[i].forward_ms;
    return t;
}

static void free_job(void *slot) {
    job *it = slot;
    cvt_str_free(&it->path);
    cvt_str_free(&it->warning);
    cvt_str_free(&it->label);
    cvt_str_free(&it->taken);
    free(it->bytes.data);
    free(it->tensor);
    free(it->output);
    free(it->rest);
}

void cvt_batch_free(cvt_batch *batch) {
    if (!batch) return;
    cvt_pipeline_free(batch->pipeline, free_job);
    cvt_list_free(batch->list);
    for (int i = 0; batch->readers && i < batch->n_readers; i++) {
        free(batch->readers[i].input.data);
        cvt_image_free(batch->readers[i].image);
        cvt_image_free(batch->readers[i].part);
    }
    for (int i = 0; batch->runners && i < batch->options.jobs; i++) {
        cvt_session_free(batch->runners[i].session);
        free(batch->runners[i].inputs);
        free(batch->runners[i].outputs);
    }
    for (size_t i = 0; i < batch->n_tensors; i++) free(batch->tensors[i]);
    for (int i = 0; i < 2; i++)
        if (batch->wake[i] >= 0) close(batch->wake[i]);
    pthread_mutex_destroy(&batch->lock);
    free(batch->readers);
    free(batch->runners);
    free(batch->tensors);
    free(batch);
}
