/* collection.c - the file of records of a run, its beginning and its end. */
#include "cli/collection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/confine.h"
#include "cli/header.h"

/* ---- options --------------------------------------------------------------------------------------------------- */

/* What an option asks of the records, for the table of those that do not go with every format or place. */
static cvt_status check_options(const cvt_collection *run, cvt_error *error) {
    const cvt_settings *s = run->settings;
    const bool jsonl = cvt_opt_is(run->format->name, "jsonl");
    const struct {
        bool wrong;
        const char *why;
    } rules[] = {
        {s->resume && !jsonl, "--resume goes on with JSON Lines: -f jsonl"},
        {s->resume && !run->path, "--resume goes on with a file: name it with -o FILE"},
        {s->retry_errors && !s->resume, "--retry-errors is for --resume"},
        {s->header && !run->format->json, "--header is for -f jsonl and -f json"},
        {s->zero && !run->format->lines, "-z is for -f jsonl and -f tsv"},
        {s->exif_fields && cvt_opt_is(run->format->name, "text"), "--exif-fields is for -f jsonl, json, csv and tsv"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].wrong) return cvt_fail(error, CVT_USAGE, "%s", rules[i].why);
    return CVT_OK;
}

cvt_status cvt_collection_begin(cvt_collection *run, cvt_cli *cli, const cvt_settings *settings, const char *path,
                                const char *format, cvt_error *error) {
    *run = (cvt_collection){.cli = cli, .settings = settings};
    run->path = path && strcmp(path, "-") != 0 ? path : NULL;
    run->format = cvt_format_find(format);
    return check_options(run, error);
}

/* ---- the file -------------------------------------------------------------------------------------------------- */

static cvt_output_kind kind_of(const cvt_format *format) {
    int i = 0;
    while (cvt_format_at(i) != format) i++;
    return (cvt_output_kind)(CVT_OUTPUT_TEXT + i);
}

static char end_of_record(const cvt_collection *run) { return run->settings->zero ? 0 : '\n'; }

/* The header is made where it is asked for, and where there may be another to compare it with. */
static cvt_status make_header(cvt_collection *run, const cvt_model *model, cvt_error *error) {
    const cvt_settings *s = run->settings;
    if (!s->header && !s->resume && !s->verbose && !run->headed) return CVT_OK;
    cvt_header_make(&run->header, run->cli, s, model);
    if (run->header.failed) return cvt_fail_memory(error);
    if (s->verbose) cvt_cli_say(NULL, run->header.data);
    return CVT_OK;
}

/* An earlier run whose records are read. */
typedef struct earlier {
    cvt_collection *run;
    cvt_done_file file;
    bool compared; /* its header with ours */
    bool known;    /* a result was one of this command */
} earlier;

static cvt_status compare_header(earlier *e, cvt_error *error) {
    const cvt_collection *run = e->run;
    if (e->compared || !e->file.header.size) return CVT_OK;
    e->compared = true;
    return cvt_header_compare(e->file.header.data, run->header.data, run->cli->command->bit, error);
}

static bool has_word(const char *text, size_t n, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = text; n >= length && (at = memchr(at, *word, n - length + 1 - (size_t)(at - text))); at++)
        if (memcmp(at, word, length) == 0) return true;
    return false;
}

static bool has_member(const char *text, size_t n, const char *member) {
    char word[32];
    snprintf(word, sizeof word, "\"%s\"", member);
    return has_word(text, n, word);
}

/* Is the first result of another command? Within the strings of a record every quote has a backslash before it. */
static cvt_status check_member(earlier *e, const char *text, size_t n, cvt_error *error) {
    static const char *const members[] = {"top", "embedding", "values", "file"};
    const char *ours = e->run->member;
    if (e->known || !ours || has_member(text, n, "error")) return CVT_OK;
    e->known = true;
    if (has_member(text, n, ours)) return CVT_OK;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (has_member(text, n, members[i]))
            return cvt_fail(error, CVT_USAGE, "its records were made by another command: they have \"%s\", not \"%s\"",
                            members[i], ours);
    return CVT_OK;
}

static cvt_status hear_record(void *context, const char *text, size_t n, cvt_error *error) {
    earlier *e = context;
    const cvt_done_listener *to = &e->run->earlier;
    TRY(compare_header(e, error));
    TRY(check_member(e, text, n, error));
    return to->record ? to->record(to->context, text, n, error) : CVT_OK;
}

/* A run that goes on with a file says that another one has left something beside it. */
static void say_left(const cvt_collection *run) {
    cvt_str left = {0};
    cvt_str_print(&left, "%s.partial", run->out.path);
    if (!run->out.temporary && !left.failed && access(left.data, F_OK) == 0)
        cvt_cli_say(left.data, "left by another run, and not read: --resume goes on with the file without .partial");
    cvt_str_free(&left);
}

/* Reads the records that are there, and cuts off a half-written one. */
static cvt_status read_records(cvt_collection *run, int fd, cvt_error *error) {
    earlier before = {.run = run};
    const cvt_done_listener listener = {hear_record, &before};
    const cvt_done_file *file = &before.file;
    const char *name = cvt_out_name(&run->out);
    char line[CVT_MESSAGE_MAX];
    cvt_status status =
        cvt_done_read(&run->done, &before.file, fd, end_of_record(run), run->settings->retry_errors, &listener, error);
    if (status == CVT_OK) status = compare_header(&before, error);
    const bool headless = !file->header.size && file->size > 0;
    cvt_str_free(&before.file.header);
    if (status != CVT_OK) return cvt_fail_in(error, CVT_USAGE, "%s", name);
    TRY(cvt_out_cut(&run->out, file->size, error));
    run->resumes = file->size > 0;
    if (run->settings->resume) say_left(run);
    if (!run->resumes && !file->extra) return CVT_OK;
    snprintf(line, sizeof line, "goes on behind %zu records, %zu of them errors%s%s%s", file->ok + file->failed,
             file->failed, file->failed && run->settings->retry_errors ? ", which are tried again" : "",
             file->extra ? "; a half-written one is cut off" : "",
             headless ? "; it has no header, so nobody knows whether the same model made them" : "");
    cvt_cli_say(name, line);
    return CVT_OK;
}

static cvt_status open_file(cvt_collection *run, char *const *operands, const cvt_model *model, cvt_error *error) {
    const cvt_settings *s = run->settings;
    const cvt_out_start start = s->resume ? CVT_OUT_ON : s->force ? CVT_OUT_OVER : CVT_OUT_ANEW;
    int fd;
    TRY(cvt_output_check(run->path, kind_of(run->format), NULL, s, operands, model, error));
    run->replaces = access(run->path, F_OK) == 0;
    TRY(cvt_out_open_kept(&run->out, run->path, start, &fd, error));
    if (fd < 0) return CVT_OK;
    cvt_status status = read_records(run, fd, error);
    if (status != CVT_OK) run->out.kept = true;
    return status;
}

int cvt_collection_open(cvt_collection *run, cvt_batch_options *options, const cvt_record_style *style,
                        char *const *operands, const cvt_model *model) {
    const cvt_record_style plain = {0};
    const cvt_settings *s = run->settings;
    cvt_error error;
    cvt_cli_stop_softly(); /* before there is a file that a signal could leave behind */
    cvt_status status = make_header(run, model, &error);
    if (status == CVT_OK && run->path) status = open_file(run, operands, model, &error);
    if (status != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    const bool evaluates = run->cli->command->bit == CVT_CMD_EVAL;
    const cvt_confinement confinement = {.operands = operands,
                                         .lists = evaluates && operands[0] && !cvt_file_is_directory(operands[0]),
                                         .recursive = evaluates || s->recursive,
                                         .output = run->path ? cvt_out_name(&run->out) : NULL,
                                         .later = {s->confusion}};
    const int confined = cvt_cli_confine(s, &confinement);
    if (confined != CVT_EXIT_OK) return confined;
    options->done = run->done;
    cvt_record_style whole = style ? *style : plain;
    whole.exif = s->exif_fields;
    whole.zero = s->zero;
    if (run->resumes)
        run->records = (cvt_records){.format = run->format, .style = whole, .any = true};
    else
        cvt_records_begin(&run->records, run->format, &whole, &run->text);
    if (!run->resumes && (s->header || s->resume || run->headed))
        cvt_records_head(&run->records, run->header.data, &run->text);
    cvt_progress_begin(&run->progress, s, options);
    return CVT_EXIT_OK;
}

/* ---- records --------------------------------------------------------------------------------------------------- */

/* Writes the text and hands it to the system: a reader sees a record as soon as its image is done. */
static bool write_text(cvt_collection *run) {
    bool written = true;
    if (run->silent) {
        cvt_str_clear(&run->text);
        return true;
    }
    if (run->text.size || run->text.failed) cvt_progress_clear(&run->progress);
    if (run->path) {
        cvt_status status = run->text.failed ? cvt_fail_memory(&run->error) : CVT_OK;
        if (status == CVT_OK) status = cvt_out_write(&run->out, run->text.data, run->text.size, &run->error);
        if (status == CVT_OK) status = cvt_out_push(&run->out, &run->error);
        written = status == CVT_OK;
    } else {
        if (run->text.failed) run->cli->output_errno = ENOMEM;
        if (!run->text.failed && run->text.size) cvt_cli_write(run->cli, run->text.data, run->text.size);
        written = cvt_cli_flush(run->cli);
    }
    cvt_str_clear(&run->text);
    return written;
}

bool cvt_collection_add(cvt_collection *run, cvt_record *record, const cvt_batch_result *result) {
    /* what was found in a directory or in a list may turn out to be the file that the records take the place of */
    if (run->replaces && !result->entry && cvt_output_check_input(run->path, result->path, &run->error) != CVT_OK)
        return false;
    record->tar = result->tar;
    record->path = result->path;
    record->status = result->status;
    record->message = result->message;
    record->taken = result->taken;
    record->orientation = result->orientation;
    if (!run->silent) cvt_records_add(&run->records, record, &run->text);
    const bool written = write_text(run);
    run->written += written;
    if (run->said)
        run->progress.done++;
    else
        cvt_inputs_note(&run->progress, result, NULL);
    return written && !cvt_cli_stopped();
}

typedef struct pass {
    cvt_collection *run;
    cvt_batch *batch;
    bool (*result)(void *context, const cvt_batch_result *result);
    void *context;
} pass;

static bool pass_result(void *context, const cvt_batch_result *result) {
    const pass *p = context;
    return p->result(p->context, result);
}

static bool tick(void *context) {
    const pass *p = context;
    p->run->progress.passed_over = cvt_batch_passed_over(p->batch);
    cvt_progress_draw(&p->run->progress);
    return !cvt_cli_stopped();
}

static void remark(void *context, const char *path, const char *message) {
    const pass *p = context;
    if (p->run->said) return;
    cvt_inputs_remark(&p->run->progress, path, message);
}

/* Gives the file its name. */
static cvt_status finish(cvt_collection *run) {
    if (run->error.status != CVT_OK || !run->path || cvt_cli_stopped()) return run->error.status;
    TRY(cvt_out_flush(&run->out, &run->error));
    return cvt_out_finish(&run->out, &run->error);
}

/* Frees all but what the batch may still ask: a run that fails leaves its readers at work. */
static void end_output(cvt_collection *run) {
    if (run->path && run->out.path && run->written && (run->out.temporary || run->resumes)) {
        char line[CVT_MESSAGE_MAX];
        snprintf(line, sizeof line, "%zu records of a run that ended early%s", run->written,
                 cvt_opt_is(run->format->name, "jsonl") && !run->bare ? "; --resume goes on behind them" : "");
        cvt_progress_clear(&run->progress);
        cvt_cli_say(cvt_out_name(&run->out), line);
    }
    cvt_out_abandon(&run->out);
    if (run->records.format) cvt_progress_end(&run->progress);
    cvt_str_free(&run->header);
    cvt_str_free(&run->text);
    run->path = NULL;
    run->records.format = NULL;
}

int cvt_collection_run(cvt_collection *run, cvt_batch *batch,
                       bool (*result)(void *context, const cvt_batch_result *result), void *context) {
    pass p = {run, batch, result, context};
    const cvt_batch_sink sink = {.result = pass_result, .tick = tick, .remark = remark, .context = &p};
    cvt_error error;
    cvt_status status = write_text(run) ? cvt_batch_run(batch, &sink, &error) : CVT_OK;
    run->progress.passed_over = cvt_batch_passed_over(batch);
    if (status == CVT_OK || status == CVT_USAGE) {
        cvt_records_end(&run->records, &run->text);
        write_text(run);
    }
    if (status == CVT_OK) finish(run);
    /* as of a run that was not interrupted */
    int exit_status = run->progress.failed || cvt_batch_failed_before(batch) ? CVT_EXIT_INPUT : CVT_EXIT_OK;
    cvt_progress_clear(&run->progress);
    if (run->out.reader_gone)
        exit_status = CVT_EXIT_OK; /* a FIFO whose reader has seen what it wanted */
    else if (run->error.status != CVT_OK)
        exit_status = cvt_cli_fail(NULL, &run->error, CVT_EXIT_OUTPUT);
    else if (status != CVT_OK)
        exit_status = cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    end_output(run);
    cvt_inputs_profile(run->settings, batch);
    return exit_status;
}

void cvt_collection_end(cvt_collection *run) {
    end_output(run);
    cvt_done_free(run->done);
    run->done = NULL;
}
