/* inputs.c - what the commands over many images share: which images, how many at once, and messages about them. */
#include "cli/inputs.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/threads.h"

static const char *const standard_input = "-";

cvt_status cvt_inputs_choose(cvt_batch_options *options, const cvt_settings *settings, char **operands,
                             cvt_error *error) {
    cvt_list_options *inputs = &options->inputs;
    *options = (cvt_batch_options){.image = cvt_settings_image(settings), .images = (int)settings->batch};
    *inputs = (cvt_list_options){.paths = (const char *const *)operands,
                                 .lists = settings->files_from.items,
                                 .n_lists = settings->files_from.n,
                                 .tars = settings->tars.items,
                                 .n_tars = settings->tars.n,
                                 .nul = settings->null,
                                 .recursive = settings->recursive};
    while (operands[inputs->n_paths]) inputs->n_paths++;
    if (settings->null && !inputs->n_lists) {
        if (inputs->n_paths)
            return cvt_fail(error, CVT_USAGE, "-0 is for lists: give --files-from too, or no operands");
        inputs->lists = &standard_input;
        inputs->n_lists = 1;
    }
    if (!inputs->n_paths && !inputs->n_lists && !inputs->n_tars)
        cvt_cli_say(NULL, "no images are named: give files or directories, --files-from or --tar");
    for (size_t k = 0; k < inputs->n_lists; k++)
        if (cvt_opt_is(inputs->lists[k], "-") && isatty(STDIN_FILENO))
            cvt_cli_say(NULL, settings->null ? "paths that end with NUL bytes are read from the terminal"
                                             : "paths are read from the terminal, a line each");
    options->shard = (cvt_shard){settings->shard.index, settings->shard.count};
    options->known = cvt_list_count(inputs);
    options->profile = settings->profile;
    cvt_threads threads;
    TRY(cvt_threads_choose(settings, options->known != 1, &threads, error));
    options->threads = threads.inside;
    options->jobs = threads.jobs;
    if (options->known == 1) options->image.threads = threads.inside; /* they have nothing else to do meanwhile */
    return CVT_OK;
}

int cvt_inputs_expected(const cvt_batch_options *options) {
    return options->known && options->known < INT_MAX ? (int)options->known : INT_MAX;
}

/* "cvt: FILE: message", or "cvt: ARCHIVE: ENTRY: message". */
static void say(const cvt_batch_result *result, const char *message) {
    cvt_str name = {0};
    if (result->tar) cvt_str_text(&name, result->tar);
    if (result->tar && *result->path) cvt_str_print(&name, ": %s", result->path);
    const bool unknown = !*result->path && result->status == CVT_NO_MEMORY; /* there was none for the name */
    cvt_cli_say(name.data && !name.failed ? name.data : unknown ? NULL : result->path, message);
    cvt_str_free(&name);
}

void cvt_inputs_note(cvt_progress *progress, const cvt_batch_result *result, const char *message) {
    char warning[CVT_MESSAGE_MAX];
    if (!message) message = result->message;
    progress->done++;
    progress->failed += message != NULL;
    if (!message && !result->warning) return;
    cvt_progress_clear(progress);
    if (!message) snprintf(warning, sizeof warning, "warning: %s", result->warning);
    say(result, message ? message : warning);
}

void cvt_inputs_remark(cvt_progress *progress, const char *path, const char *message) {
    cvt_progress_clear(progress);
    cvt_cli_say(path, message);
}

void cvt_inputs_profile(const cvt_settings *settings, const cvt_batch *batch) {
    if (!settings->profile) return;
    const cvt_batch_times t = cvt_batch_measured(batch);
    const struct {
        const char *name;
        double ms;
    } stages[] = {
        {"read", t.read}, {"decode", t.decode}, {"resize", t.resize}, {"forward", t.forward}, {"write", t.write}};
    enum { STAGES = sizeof stages / sizeof stages[0] };
    double total = 0;
    for (int i = 0; i < STAGES; i++) total += stages[i].ms;
    fprintf(stderr, "%-8s %12s %12s %7s\n", "stage", "ms", "ms an image", "share");
    for (int i = 0; i < STAGES; i++)
        fprintf(stderr, "%-8s %12.1f %12.3f %6.1f%%\n", stages[i].name, stages[i].ms,
                t.images ? stages[i].ms / (double)t.images : 0, total > 0 ? 100 * stages[i].ms / total : 0);
    fprintf(stderr, "%zu image%s; %d thread%s read and decoded, %d ran the model; times of a stage are added up\n",
            t.images, t.images == 1 ? "" : "s", t.readers, t.readers == 1 ? "" : "s", t.runners);
}

void cvt_inputs_say_beside(const char *data, size_t files, const char *whose) {
    char line[96];
    if (!files) return;
    snprintf(line, sizeof line, "%zu file%s beside the %s' directories: left out", files,
             files == 1 ? " lies" : "s lie", whose);
    cvt_cli_say(data, line);
}
