/* embed.c - cvt embed: writes what the last linear layer reads of each image, or any tap, as rows of one .npy file, and
 * the names of the rows into a text file beside it; or as records of JSON Lines. Rows are written as they come. */
#include <stdlib.h>
#include <string.h>

#include "cli/collection.h"
#include "cli/confine.h"
#include "cli/models.h"
#include "model/interleaved.h"
#include "report/npy.h"

/* A run that writes rows. */
typedef struct run {
    const cvt_settings *settings;
    char *const *operands;
    const cvt_model *model;
    const char *path; /* of the rows */
    cvt_str names_path;
    cvt_npy_rows rows;
    cvt_out names;
    cvt_progress progress;
    cvt_error error; /* the first error of the output, which ends the run */
} run;

/* ---- rows ------------------------------------------------------------------------------------------------------ */

static cvt_status add_row(run *r, const cvt_batch_result *result) {
    TRY(cvt_npy_rows_add(&r->rows, result->output, &r->error));
    TRY(cvt_out_write(&r->names, result->path, strlen(result->path), &r->error));
    return cvt_out_write(&r->names, "\n", 1, &r->error);
}

/* An image that was found in a directory or in a list may turn out to be what is to be written over. */
static cvt_status check_input(run *r, const char *path) {
    TRY(cvt_output_check_input(r->path, path, &r->error));
    return cvt_output_check_input(r->names_path.data, path, &r->error);
}

static bool add_result(void *context, const cvt_batch_result *result) {
    run *r = context;
    const char *message = NULL;
    if (result->status == CVT_OK && strchr(result->path, '\n'))
        message = "its name holds a line break, and the rows' names are lines";
    if (!result->entry && check_input(r, result->path) != CVT_OK) return false;
    if (result->status == CVT_OK && !message && add_row(r, result) != CVT_OK) return false;
    cvt_inputs_note(&r->progress, result, message);
    return !cvt_cli_stopped();
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

/* ---- the two files --------------------------------------------------------------------------------------------- */

/* Makes the path of the names: "e.npy" becomes "e.txt", another path gets ".txt" behind it. */
static void form_names_path(cvt_str *to, const char *path) {
    size_t n = strlen(path);
    if (n > 4 && strcmp(path + n - 4, ".npy") == 0) n -= 4;
    cvt_str_append(to, path, n);
    cvt_str_print(to, ".txt");
}

static cvt_status open_files(run *r, const cvt_tensor_info *value) {
    if (cvt_opt_is(r->path, "-"))
        return cvt_fail(&r->error, CVT_USAGE, "-: rows and names are two files: they cannot go to standard output");
    if (r->names_path.failed) return cvt_fail_memory(&r->error);
    const char *names = r->names_path.data;
    TRY(cvt_output_check(r->path, CVT_OUTPUT_NPY, NULL, r->settings, r->operands, r->model, &r->error));
    TRY(cvt_output_check(names, CVT_OUTPUT_NAMES, r->path, r->settings, r->operands, r->model, &r->error));
    TRY(cvt_npy_rows_open(&r->rows, r->path, value->rank, value->shape, &r->error));
    return cvt_out_open(&r->names, names, &r->error);
}

/* Gives both files their names, once the bytes of both are there. */
static cvt_status finish_files(run *r) {
    TRY(cvt_npy_rows_flush(&r->rows, &r->error));
    TRY(cvt_out_flush(&r->names, &r->error));
    TRY(cvt_out_finish(&r->names, &r->error));
    return cvt_npy_rows_finish(&r->rows, &r->error);
}

static void abandon_files(run *r) {
    cvt_npy_rows_abandon(&r->rows);
    cvt_out_abandon(&r->names);
}

static int embed(run *r, const cvt_batch_options *options, cvt_batch *batch, cvt_model *model) {
    cvt_batch_sink sink = {.result = add_result, .tick = tick, .remark = remark, .context = r};
    cvt_tensor_info value;
    cvt_error error;
    if (cvt_batch_value(&value, model, options, &error) != CVT_OK || cvt_model_load(model, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    cvt_cli_stop_softly(); /* before there is a file that a signal could leave behind */
    if (open_files(r, &value) != CVT_OK) return cvt_cli_fail(NULL, &r->error, CVT_EXIT_OUTPUT);
    if (cvt_batch_run(batch, &sink, &error) != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    cvt_progress_end(&r->progress);
    if (r->error.status != CVT_OK || finish_files(r) != CVT_OK) return cvt_cli_fail(NULL, &r->error, CVT_EXIT_OUTPUT);
    return r->progress.failed ? CVT_EXIT_INPUT : CVT_EXIT_OK;
}

static int write_rows(const cvt_settings *settings, char *const *operands, const cvt_batch_options *options,
                      cvt_model *model) {
    cvt_error error;
    cvt_batch *batch;
    run r = {.settings = settings, .operands = operands, .model = model, .path = settings->output};
    form_names_path(&r.names_path, r.path);
    const cvt_confinement confinement = {
        .operands = operands, .recursive = settings->recursive, .later = {r.path, r.names_path.data}};
    int status = cvt_cli_confine(settings, &confinement);
    if (status == CVT_EXIT_OK && cvt_batch_new(&batch, model, options, &error) != CVT_OK)
        status = cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    if (status != CVT_EXIT_OK) {
        cvt_str_free(&r.names_path);
        return status;
    }
    cvt_progress_begin(&r.progress, settings, options);
    status = embed(&r, options, batch, model);
    cvt_progress_end(&r.progress);
    cvt_inputs_profile(settings, batch);
    cvt_batch_free(batch);
    abandon_files(&r);
    cvt_str_free(&r.names_path);
    return status;
}

/* ---- records --------------------------------------------------------------------------------------------------- */

/* A run that writes records. */
typedef struct recorder {
    cvt_collection to;
    bool tap;
    cvt_tensor_info value;
    size_t n; /* its floats */
} recorder;

static bool add_record(void *context, const cvt_batch_result *result) {
    recorder *r = context;
    cvt_record record = {.values = result->output, .n_values = r->n};
    record.values_name = r->tap ? "values" : "embedding";
    record.values_shape = r->tap ? &r->value : NULL;
    return cvt_collection_add(&r->to, &record, result);
}

static int record(recorder *r, char *const *operands, cvt_batch_options *options, cvt_batch **batch, cvt_model *model) {
    cvt_error error;
    if (cvt_batch_value(&r->value, model, options, &error) != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    r->n = cvt_tensor_count(r->value);
    r->to.member = r->tap ? "values" : "embedding";
    int status = cvt_collection_open(&r->to, options, NULL, operands, model);
    if (status != CVT_EXIT_OK) return status;
    if (cvt_batch_new(batch, model, options, &error) != CVT_OK || cvt_model_load(model, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    return cvt_collection_run(&r->to, *batch, add_record, r);
}

static int write_records(recorder *r, char *const *operands, cvt_batch_options *options, cvt_model *model) {
    cvt_batch *batch = NULL;
    r->tap = options->tap != NULL;
    int status = record(r, operands, options, &batch, model);
    cvt_batch_free(batch);
    cvt_collection_end(&r->to);
    return status;
}

/* ---- the command ----------------------------------------------------------------------------------------------- */

/* Chooses between rows and records, and checks that the options fit. */
static int choose(recorder *r, cvt_cli *cli, const cvt_settings *settings, bool *rows) {
    const char *format = settings->format ? settings->format : cvt_output_format(settings->output);
    cvt_error error;
    *rows = !cvt_opt_is(format, "jsonl");
    if (!*rows) {
        if (cvt_collection_begin(&r->to, cli, settings, settings->output, "jsonl", &error) == CVT_OK)
            return CVT_EXIT_OK;
        return cvt_cli_usage(cli, "%s", error.message);
    }
    const bool wants_records =
        settings->resume || settings->header || settings->retry_errors || settings->zero || settings->exif_fields;
    if (!settings->output) return cvt_cli_usage(cli, "option '-o FILE' is missing");
    if (wants_records)
        return cvt_cli_usage(cli, "--header, --resume, --retry-errors, -z and --exif-fields are for -f jsonl");
    return CVT_EXIT_OK;
}

int cvt_command_embed(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    cvt_error error;
    cvt_batch_options options;
    recorder r = {0};
    bool rows;
    int status = choose(&r, cli, settings, &rows);
    if (status != CVT_EXIT_OK) return status;
    if (cvt_inputs_choose(&options, settings, operands, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    if (cvt_opt_is(settings->tap, "all")) return cvt_cli_usage(cli, "--tap: one value, not all");
    options.tap = settings->tap;
    options.embedding = !settings->tap;
    cvt_options opening = {.images = cvt_inputs_expected(&options), .weights_later = true};
    opening.taps = &settings->tap;
    opening.n_taps = settings->tap != NULL;
    opening.embedding = options.embedding;
    cvt_model *model = NULL;
    status = cvt_models_open(cli, settings, &opening, &model);
    if (status != CVT_EXIT_OK) return status;
    status = rows ? write_rows(settings, operands, &options, model) : write_records(&r, operands, &options, model);
    cvt_model_free(model);
    return status;
}
