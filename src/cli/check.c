/* check.c - cvt check: checks config and weights, tensor by tensor, without running the model. */
#include "cli/models.h"

int cvt_command_check(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    (void)operands;
    cvt_model *model = NULL;
    cvt_error error;
    int status = cvt_models_open(cli, settings, NULL, &model);
    if (status != CVT_EXIT_OK) return status;
    if (cvt_model_check(model, &error) != CVT_OK) {
        status = cvt_cli_fail(settings->model, &error, CVT_EXIT_MODEL);
    } else {
        cvt_str text = {0};
        cvt_str_print(&text, "ok: %s with %s names, %lld parameters and %lld buffer values, all finite\n",
                      cvt_model_arch(model), cvt_model_dialect(model), (long long)cvt_model_parameters(model),
                      (long long)cvt_model_buffers(model));
        cvt_cli_write_str(cli, &text);
    }
    cvt_model_free(model);
    return status;
}
