/* inputs.c - what the commands over many images share: which images, how many at once, and messages about them. */
#include "cli/inputs.h"

#include <limits.h>
#include <stdio.h>

#include "cli/threads.h"

cvt_status cvt_inputs_choose(cvt_batch_options *options, const cvt_settings *settings, char **operands,
                             cvt_error *error) {
    cvt_list_options *inputs = &options->inputs;
    *options = (cvt_batch_options){.image = cvt_settings_image(settings), .images = (int)settings->batch};
    *inputs = (cvt_list_options){.paths = (const char *const *)operands,
                                 .files_from = settings->files_from,
                                 .nul = settings->null,
                                 .recursive = settings->recursive};
    while (operands[inputs->n_paths]) inputs->n_paths++;
    if (settings->null && !settings->files_from) {
        if (inputs->n_paths)
            return cvt_fail(error, CVT_USAGE, "-0 is for lists: give --files-from too, or no operands");
        inputs->files_from = "-";
    }
    options->known = cvt_list_count(inputs);
    cvt_threads threads;
    TRY(cvt_threads_choose(settings, options->known != 1, &threads, error));
    options->threads = threads.inside;
    options->jobs = threads.jobs;
    return CVT_OK;
}

int cvt_inputs_expected(const cvt_batch_options *options) {
    return options->known && options->known < INT_MAX ? (int)options->known : INT_MAX;
}

void cvt_inputs_note(cvt_progress *progress, const cvt_batch_result *result, const char *message) {
    char warning[CVT_MESSAGE_MAX];
    if (!message) message = result->message;
    progress->done++;
    progress->failed += message != NULL;
    if (!message && !result->warning) return;
    cvt_progress_clear(progress);
    if (!message) snprintf(warning, sizeof warning, "warning: %s", result->warning);
    cvt_cli_say(result->path, message ? message : warning);
}
