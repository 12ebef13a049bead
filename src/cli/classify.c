/* classify.c - cvt classify: tells what is in images. */
#include <errno.h>
#include <stdlib.h>

#include "cli/inputs.h"
#include "cli/models.h"
#include "report/record.h"

/* One run, in which results become records. */
typedef struct run {
    cvt_cli *cli;
    const cvt_model *model;
    int k;
    cvt_score *scores; /* room for k */
    cvt_rank *ranks;
    cvt_records records;
    cvt_str text; /* what is to be written next */
    cvt_progress progress;
} run;

/* Writes the text and flushes it: a reader sees a record as soon as its image is done. */
static bool write_text(run *r) {
    bool made = !r->text.failed;
    if (!made) r->cli->output_errno = ENOMEM;
    bool written = made && (r->text.size == 0 || cvt_cli_write(r->cli, r->text.data, r->text.size));
    cvt_str_clear(&r->text);
    return written && cvt_cli_flush(r->cli);
}

static bool add_result(void *context, const cvt_batch_result *result) {
    run *r = context;
    cvt_record record = {
        .tar = result->tar, .path = result->path, .status = result->status, .message = result->message};
    if (result->status == CVT_OK) {
        cvt_model_top_k(r->model, result->output, r->scores, r->k);
        for (int i = 0; i < r->k; i++) {
            int class_index = r->scores[i].index;
            r->ranks[i] = (cvt_rank){class_index, cvt_model_label(r->model, class_index), r->scores[i].score};
        }
        record.ranks = r->ranks;
        record.n = r->k;
        record.kind = cvt_model_score(r->model);
    }
    cvt_records_add(&r->records, &record, &r->text);
    bool written = write_text(r);
    cvt_inputs_note(&r->progress, result, NULL);
    return written && !cvt_cli_stopped();
}

static void remark(void *context, const char *path, const char *message) {
    run *r = context;
    cvt_inputs_remark(&r->progress, path, message);
}

static bool tick(void *context) {
    run *r = context;
    cvt_progress_draw(&r->progress);
    return !cvt_cli_stopped();
}

static bool prepare(run *r, const cvt_settings *settings) {
    r->k = (int)(settings->top_k < cvt_model_classes(r->model) ? settings->top_k : cvt_model_classes(r->model));
    r->scores = calloc((size_t)r->k, sizeof *r->scores);
    r->ranks = calloc((size_t)r->k, sizeof *r->ranks);
    return r->scores && r->ranks;
}

/* Loads the model's weights while the first images are decoded, and runs all images. */
static cvt_status classify(run *r, const cvt_settings *settings, cvt_batch *batch, cvt_model *model, cvt_error *error) {
    cvt_batch_sink sink = {.result = add_result, .tick = tick, .remark = remark, .context = r};
    TRY(cvt_model_load(model, error));
    r->model = model;
    if (!prepare(r, settings)) return cvt_fail_memory(error);
    cvt_cli_stop_softly();
    cvt_records_begin(&r->records, cvt_format_find(settings->format), &r->text);
    cvt_status status = cvt_batch_run(batch, &sink, error);
    cvt_progress_clear(&r->progress);
    if (status != CVT_OK && status != CVT_USAGE) return status;
    cvt_records_end(&r->records, &r->text);
    write_text(r);
    return status;
}

static int run_model(cvt_cli *cli, const cvt_settings *settings, const cvt_batch_options *options, cvt_model *model) {
    cvt_error error;
    cvt_batch *batch;
    if (cvt_batch_new(&batch, model, options, &error) != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    run r = {.cli = cli};
    cvt_progress_begin(&r.progress, options->known, true);
    cvt_status status = classify(&r, settings, batch, model, &error);
    cvt_batch_free(batch);
    free(r.scores);
    free(r.ranks);
    cvt_str_free(&r.text);
    if (status != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    return r.progress.failed ? CVT_EXIT_INPUT : CVT_EXIT_OK;
}

int cvt_command_classify(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    cvt_error error;
    cvt_batch_options options;
    if (cvt_inputs_choose(&options, settings, operands, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    cvt_options opening = {.images = cvt_inputs_expected(&options), .weights_later = true};
    cvt_model *model = NULL;
    int status = cvt_models_open(cli, settings, &opening, &model);
    if (status != CVT_EXIT_OK) return status;
    if (cvt_model_classes(model) < 1) {
        cvt_fail(&error, CVT_CONFIG, "the model gives no scores of classes; `cvt run` writes what it gives");
        status = cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    }
    if (status == CVT_EXIT_OK) status = run_model(cli, settings, &options, model);
    cvt_model_free(model);
    return status;
}
