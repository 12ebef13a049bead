/* inputs.h - what the commands over many images share: which images there are, how many are in work at once, and what
 * is said of them. */
#ifndef CVT_CLI_INPUTS_H
#define CVT_CLI_INPUTS_H

#include "batch/batch.h"
#include "cli/command.h"
#include "cli/progress.h"

/* Fills the options from the command line, all but what the results are. */
cvt_status cvt_inputs_choose(cvt_batch_options *options, const cvt_settings *settings, char **operands,
                             cvt_error *error);

/* How many images to expect, for cvt_options.images. */
int cvt_inputs_expected(const cvt_batch_options *options);

/* Counts a result, and says what is wrong or odd about its image. message: why it failed, or NULL: what the result
 * says. */
void cvt_inputs_note(cvt_progress *progress, const cvt_batch_result *result, const char *message);

/* Says what is worth saying of a directory that gave no input. */
void cvt_inputs_remark(cvt_progress *progress, const char *path, const char *message);

#endif
