/* verify.c - cvt verify: tells whether a model gives here what it gave where its file was made. */
#include "cli/models.h"
#include "cli/threads.h"
#include "model/golden.h"

static void say(void *context, const char *line) { cvt_cli_say(context, line); }

static int verify(cvt_cli *cli, const cvt_settings *settings, const cvt_model *model, char *name) {
    cvt_golden_found found;
    cvt_threads threads;
    cvt_error error;
    cvt_str text = {0};
    if (cvt_threads_choose(settings, false, &threads, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    if (cvt_golden_verify(&found, model, threads.inside, settings->repro, say, name, &error) != CVT_OK)
        return cvt_cli_fail(name, &error, CVT_EXIT_MODEL);
    if (found.differences) return CVT_EXIT_INPUT;
    cvt_str_print(&text, "ok: every byte is as converted, and %d golden input%s as prepared then; ", found.inputs,
                  found.inputs == 1 ? " is" : "s are");
    if (settings->repro)
        cvt_str_print(&text, "the outputs are the same bits\n");
    else
        cvt_str_print(&text, "the outputs are off by %.2g at most (%s kernels)\n", found.largest, found.kernels);
    cvt_cli_write_str(cli, &text);
    return CVT_EXIT_OK;
}

int cvt_command_verify(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    (void)operands;
    cvt_model *model = NULL;
    cvt_str name = {0};
    int status = cvt_models_open(cli, settings, NULL, &model);
    if (status != CVT_EXIT_OK) return status;
    cvt_models_name(cli, settings, &name);
    status = verify(cli, settings, model, name.data);
    cvt_str_free(&name);
    cvt_model_free(model);
    return status;
}
