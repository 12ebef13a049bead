/* eval.c - cvt eval: tells how good a model is on images whose class is known. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/grow.h"
#include "cli/eval.h"
#include "cli/models.h"
#include "cli/output.h"

/* ---- answers --------------------------------------------------------------------------------------------------- */

static cvt_status keep(eval_run *r, int truth, int answer, cvt_error *error) {
    cvt_answer *answers = cvt_grow(r->answers, r->n_answers, sizeof *answers);
    if (!answers) return cvt_fail_memory(error);
    r->answers = answers;
    r->answers[r->n_answers++] = (cvt_answer){truth, answer};
    return CVT_OK;
}

static cvt_status keep_outcome(eval *e, eval_outcome outcome, cvt_error *error) {
    eval_run *r = e->run;
    if (e->n_runs < 2) return CVT_OK;
    eval_outcome *outcomes = cvt_grow(r->outcomes, r->n_outcomes, sizeof *outcomes);
    if (!outcomes) return cvt_fail_memory(error);
    r->outcomes = outcomes;
    r->outcomes[r->n_outcomes++] = outcome;
    return CVT_OK;
}

/* The best classes of an image, at most EVAL_TOP; *logits, *n: those of the classes that the model chooses among, and
 * *truth its place among them. */
static int answer(eval *e, cvt_score top[EVAL_TOP], const float *output, const float **logits, int *n, int *truth) {
    const int k = e->n_chosen && e->n_chosen < EVAL_TOP ? e->n_chosen : EVAL_TOP;
    *logits = output;
    *n = e->classes;
    if (!e->chosen) return cvt_model_top_k(e->model, output, top, k);
    int place = 0;
    for (int i = 0; i < e->n_chosen; i++) {
        e->logits[i] = output[e->numbers[i]];
        if (e->numbers[i] == *truth) place = i;
    }
    *logits = e->logits;
    *n = e->n_chosen;
    *truth = place;
    const int found = cvt_top_k(e->logits, e->n_chosen, top, k);
    for (int i = 0; i < found; i++) top[i].index = e->numbers[top[i].index];
    return found;
}

cvt_status cvt_eval_count(eval *e, const float *output, int truth, cvt_score top[EVAL_TOP], int *n, cvt_error *error) {
    const float *logits;
    int n_logits, place = truth;
    *n = answer(e, top, output, &logits, &n_logits, &place);
    if (truth < 0) return CVT_OK;
    for (int i = 0; i < *n; i++) e->run->among += top[i].index == truth;
    cvt_calibration_add(&e->run->calibration, logits, n_logits, place);
    return keep(e->run, truth, top[0].index, error);
}

/* The class of an image. *problem: why there is none, or NULL. False: no memory. */
static bool truth_of(eval *e, const cvt_batch_result *result, int *truth, const char **problem) {
    *truth = -1;
    *problem = NULL;
    if (e->data) {
        *truth = e->settings->resume ? cvt_eval_take(e, result->path) : e->truths[e->at++];
        return true;
    }
    if (result->status != CVT_OK) return true;
    if (!result->label) {
        *problem = "the archive has no .cls, .txt or .json with a label beside it";
        return true;
    }
    const eval_name *name = cvt_eval_label(e, result->label);
    if (!name) return false;
    *truth = name->index;
    if (*truth < 0 && e->run == e->runs) e->left_out++;
    if (name->how == CVT_MATCHED_TWICE) *problem = "several classes of the model have the name of its label";
    return true;
}

/* Has the first run said already what is wrong or odd about this input? */
static bool was_said(const eval *e, bool failed) {
    const eval_run *first = e->runs;
    const size_t at = e->run->n_outcomes;
    return e->run != first && at < first->n_outcomes && first->outcomes[at].failed == failed;
}

static bool add_result(void *context, const cvt_batch_result *given) {
    eval *e = context;
    cvt_batch_result result = *given;
    cvt_record record = {.kind = cvt_model_score(e->model)};
    cvt_score top[EVAL_TOP];
    cvt_rank ranks[EVAL_TOP], shown;
    const char *problem;
    int truth;
    cvt_status status = truth_of(e, &result, &truth, &problem) ? CVT_OK : cvt_fail_memory(&e->to.error);
    if (problem) {
        result.status = CVT_NOT_FOUND;
        result.message = problem;
    }
    const bool failed = result.status != CVT_OK;
    e->run->failed += failed;
    e->to.said = was_said(e, failed);
    if (status == CVT_OK && !failed) status = cvt_eval_count(e, result.output, truth, top, &record.n, &e->to.error);
    if (status == CVT_OK)
        status = keep_outcome(e, (eval_outcome){truth, record.n ? top[0].index : -1, failed}, &e->to.error);
    if (status != CVT_OK) return false;
    for (int i = 0; i < record.n; i++)
        ranks[i] = (cvt_rank){top[i].index, cvt_model_label(e->model, top[i].index), top[i].score};
    record.ranks = ranks;
    if (truth >= 0) {
        shown = (cvt_rank){.index = truth, .label = cvt_model_label(e->model, truth)};
        record.truth = &shown;
    }
    if (e->settings->resume && !failed) { /* a later run needs them */
        record.logits = result.output;
        record.n_logits = (size_t)e->classes;
        record.called = e->data ? NULL : result.label;
    }
    return cvt_collection_add(&e->to, &record, &result);
}

/* ---- the command ----------------------------------------------------------------------------------------------- */

/* --precision: one, or two with a comma between them. */
static cvt_status read_precisions(eval *e, cvt_error *error) {
    const char *given = e->settings->precision, *comma = given ? strchr(given, ',') : NULL;
    e->n_runs = comma ? 2 : 1;
    e->precisions[0] = given;
    if (!comma) return CVT_OK;
    e->precisions[0] = cvt_arena_copy(&e->arena, given, (size_t)(comma - given));
    e->precisions[1] = comma + 1;
    return e->precisions[0] ? CVT_OK : cvt_fail_memory(error);
}

static bool reads_a_pipe(const cvt_settings *s) {
    for (size_t i = 0; i < s->tars.n; i++)
        if (cvt_opt_is(s->tars.items[i], "-")) return true;
    return false;
}

/* What the options must be like, before anything is opened. */
static cvt_status check_options(const eval *e, char *const *operands, cvt_error *error) {
    const cvt_settings *s = e->settings;
    const struct {
        bool wrong;
        const char *why;
    } rules[] = {
        {!operands[0] && !s->tars.n,
         "DATA is missing: a directory with a directory for each class, or a list; or --tar"},
        {operands[0] && s->tars.n, "DATA and --tar: give one of them"},
        {cvt_opt_is(s->records, "-"), "--records: the results go to standard output, so name a file for the records"},
        {cvt_opt_is(s->confusion, "-"), "--confusion: the results go to standard output, so name a file"},
        {s->header && !s->records, "--header is for --records"},
        {s->zero && !s->records, "-z is for --records"},
        {s->exif_fields && !s->records, "--exif-fields is for --records"},
        {s->resume && !s->records,
         "--resume goes on with the records of an earlier run: name them with --records FILE"},
        {e->n_runs > 1 && s->records, "--records is for one --precision: evaluate each by itself"},
        {e->n_runs > 1 && s->confusion, "--confusion is for one --precision: evaluate each by itself"},
        {e->n_runs > 1 && reads_a_pipe(s), "--tar -: for two precisions the archive must be read twice: name a file"},
        {s->subset && s->tars.n, "--subset: which classes an archive has is known only at its end: give DATA"},
        {s->classes && s->tars.n, "--classes is for DATA; the labels in archives name or number the model's classes"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].wrong) return cvt_fail(error, CVT_USAGE, "%s", rules[i].why);
    return CVT_OK;
}

/* What the model must be like. */
static cvt_status check_model(const eval *e, cvt_error *error) {
    const cvt_score_kind kind = cvt_model_score(e->model);
    if (e->classes < 2 || kind == CVT_SCORE_NONE)
        return cvt_fail(error, CVT_CONFIG,
                        "the model does not choose among classes: there is nothing to be right about");
    if (kind == CVT_SCORE_SIGMOID)
        return cvt_fail(error, CVT_CONFIG,
                        "the model gives each class a probability by itself; this command is for images of one class "
                        "each (--score softmax takes it for such a model)");
    return CVT_OK;
}

/* Whether the confusion matrix may be written: the images of DATA may be of its kind too. */
static cvt_status check_confusion(const eval *e, char *const *operands, cvt_error *error) {
    const char *path = e->settings->confusion;
    TRY(cvt_output_check(path, cvt_eval_confusion_kind(path), NULL, e->settings, operands, e->model, error));
    if (access(path, F_OK) != 0) return CVT_OK;
    for (size_t i = 0; i < e->set.n; i++) TRY(cvt_output_check_input(path, e->set.paths[i], error));
    return CVT_OK;
}

static int run_batch(eval *e, cvt_batch_options *options, cvt_batch **batch, char *const *operands) {
    const cvt_record_style style = {.ranks = EVAL_TOP};
    cvt_error error;
    if (e->settings->confusion && check_confusion(e, operands, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    int status = cvt_collection_open(&e->to, options, &style, operands, e->model);
    if (status != CVT_EXIT_OK) return status;
    if (cvt_batch_new(batch, e->run->model, options, &error) != CVT_OK ||
        cvt_model_load(e->run->model, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    return cvt_collection_run(&e->to, *batch, add_result, e);
}

/* Asks about all images. */
static int run_images(eval *e, char **operands) {
    static char *nothing[] = {NULL};
    cvt_error error;
    cvt_batch_options options;
    cvt_batch *batch = NULL;
    char **paths = e->data && e->n ? e->paths : nothing;
    if (e->data && !e->n) {
        cvt_fail(&error, CVT_USAGE, "%s: has no images%s", e->called,
                 e->left_out || e->settings->shard.count > 1 ? " of a class here" : "");
        return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    }
    if (cvt_inputs_choose(&options, e->settings, paths, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    options.inputs.labels = !e->data;
    options.inputs.plain = e->data != NULL;
    if (e->data) {
        options.shard = (cvt_shard){0};
        options.known = e->n;
    }
    int status = run_batch(e, &options, &batch, operands);
    cvt_batch_free(batch);
    return status;
}

/* Begins to ask the model in another precision. */
static cvt_status begin_run(eval *e, int i, cvt_error *error) {
    e->run = &e->runs[i];
    e->model = e->run->model;
    e->at = 0;
    TRY(cvt_collection_begin(&e->to, e->cli, e->settings, e->settings->records, "jsonl", error));
    e->to.silent = !e->settings->records;
    e->to.said = i > 0;
    e->to.bare = !e->settings->resume;
    return e->settings->resume ? cvt_eval_resume_begin(e, error) : CVT_OK;
}

/* Asks about all images, in each precision, then says how good the answers were. */
static int run_data(eval *e, char **operands) {
    cvt_error error;
    int status = CVT_EXIT_OK;
    for (int i = 0; i < e->n_runs && status <= CVT_EXIT_INPUT && !cvt_cli_stopped(); i++) {
        if (begin_run(e, i, &error) != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
        const int ended = run_images(e, operands);
        status = ended > status ? ended : status;
    }
    if (status > CVT_EXIT_INPUT || cvt_cli_stopped()) return status;
    if (!e->data) cvt_eval_say_matched(e);
    if (status == CVT_EXIT_OK && e->run->failed) status = CVT_EXIT_INPUT; /* in an earlier run */
    const int reported = cvt_eval_report(e);
    return reported != CVT_EXIT_OK ? reported : status;
}

/* Opens the model in each precision. Of a precision that gains nothing on this CPU another one is taken. */
static int open_models(eval *e) {
    const cvt_options opening = {.images = CVT_MANY_IMAGES, .weights_later = true};
    cvt_error error;
    for (int i = 0; i < e->n_runs; i++) {
        cvt_settings settings = *e->settings;
        settings.precision = e->precisions[i];
        const int status = cvt_models_open(e->cli, &settings, &opening, &e->runs[i].model);
        if (status != CVT_EXIT_OK) return status;
    }
    e->model = e->runs[0].model;
    const char *used = cvt_model_precision(e->model);
    if (e->n_runs < 2 || strcmp(used, cvt_model_precision(e->runs[1].model)) != 0) return CVT_EXIT_OK;
    cvt_fail(&error, CVT_USAGE, "--precision %s: both would be computed in %s here", e->settings->precision, used);
    return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
}

static int run_model(eval *e, char **operands) {
    cvt_error error;
    e->classes = cvt_model_classes(e->model);
    if (check_model(e, &error) != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    if (cvt_eval_read(e, &error) != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    return run_data(e, operands);
}

static cvt_status prepare(eval *e, char **operands, cvt_error *error) {
    TRY(read_precisions(e, error));
    TRY(check_options(e, operands, error));
    e->data = operands[0];
    e->called = e->data ? e->data : e->settings->tars.n == 1 ? e->settings->tars.items[0] : "the archives";
    e->tree = e->data && cvt_file_is_directory(e->data);
    if (!e->data) return CVT_OK;
    TRY(cvt_labelled_read(&e->set, e->data, e->settings->recursive, true, error));
    return e->set.n ? CVT_OK : cvt_fail(error, CVT_USAGE, "%s: its directories have no images", e->data);
}

static void release(eval *e) {
    cvt_collection_end(&e->to);
    for (int i = 0; i < e->n_runs; i++) {
        eval_run *r = &e->runs[i];
        cvt_measures_free(&r->measures);
        cvt_model_free(r->model);
        free(r->answers);
        free(r->outcomes);
    }
    cvt_eval_resume_end(e);
    cvt_finder_free(e->finder);
    cvt_table_free(&e->table);
    cvt_labelled_free(&e->set);
    cvt_arena_free(&e->arena);
    free(e->names);
}

int cvt_command_eval(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    eval e = {.cli = cli, .settings = settings};
    cvt_error error;
    int status = CVT_EXIT_OK;
    if (prepare(&e, operands, &error) != CVT_OK) status = cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    if (status == CVT_EXIT_OK) status = open_models(&e);
    if (status == CVT_EXIT_OK) status = run_model(&e, operands);
    release(&e);
    return status;
}
