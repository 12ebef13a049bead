/* inputs.h - what the commands over many images share: which images there are, how many run at once, and what is
 * reported about them. */
#ifndef CVT_CLI_INPUTS_H
#define CVT_CLI_INPUTS_H

#include "batch/batch.h"
#include "cli/command.h"
#include "cli/progress.h"

/* Fills the options from the command line, except for those that choose the result. */
cvt_status cvt_inputs_choose(cvt_batch_options *options, const cvt_settings *settings, char **operands,
                             cvt_error *error);

/* Returns how many images to expect, for cvt_options.images. */
int cvt_inputs_expected(const cvt_batch_options *options);

/* Counts a result, and prints what is wrong or odd about its image. `message` says why it failed; NULL: the result says
 * it. */
void cvt_inputs_note(cvt_progress *progress, const cvt_batch_result *result, const char *message);

/* Says what is worth saying of a directory that gave no input. */
void cvt_inputs_remark(cvt_progress *progress, const char *path, const char *message);

/* Prints on standard error how long the stages of a run took that has ended, where --profile asks for it. */
void cvt_inputs_profile(const cvt_settings *settings, const cvt_batch *batch);

/* Says that files lie beside the directories of labels, or of classes, and are left out. */
void cvt_inputs_say_beside(const char *data, size_t files, const char *whose);

#endif
