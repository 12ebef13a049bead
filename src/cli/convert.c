/* convert.c - cvt convert and cvt init, which both write a model as one self-contained file. */
#include "cli/models.h"
#include "cli/output.h"
#include "cli/threads.h"
#include "model/golden.h"

static cvt_status write_model(const cvt_model *model, const cvt_settings *s, cvt_error *error) {
    const cvt_golden_plan plan = {(int)s->golden, (uint64_t)s->seed, cvt_threads_available(), cvt_cli_stopped};
    if (!s->golden) return cvt_model_save(model, s->output, s->dtype, s->names, s->pack, error);
    return cvt_model_save_golden(model, s->output, s->dtype, s->names, &plan, error);
}

/* Saves and frees the model. A signal leaves either the whole file or none. */
static int save(cvt_model *model, const cvt_settings *settings, char *const *operands) {
    cvt_error error;
    int status = CVT_EXIT_OK;
    cvt_cli_stop_softly();
    if (cvt_output_check(settings->output, CVT_OUTPUT_SAFETENSORS, NULL, settings, operands, model, &error) != CVT_OK)
        status = cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    else if (write_model(model, settings, &error) != CVT_OK && !cvt_cli_stopped()) /* main has the status of a signal */
        status =
            cvt_cli_fail(settings->output, &error, error.status == CVT_NON_FINITE ? CVT_EXIT_MODEL : CVT_EXIT_OUTPUT);
    cvt_model_free(model);
    return status;
}

int cvt_command_convert(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    cvt_settings source = *settings;
    source.model = operands[0];
    if (settings->golden && settings->pack)
        return cvt_cli_usage(cli, "--golden and --pack: golden data are for weights that every machine can read");
    if (cvt_opt_is(settings->dtype, "int8")) source.precision = "int8";
    cvt_options options = {.images = settings->pack ? CVT_MANY_IMAGES : 0};
    cvt_model *model = NULL;
    int status = cvt_models_open(cli, &source, &options, &model);
    return status == CVT_EXIT_OK ? save(model, settings, operands) : status;
}

int cvt_command_init(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    cvt_options options = {.random_weights = true, .seed = (uint64_t)settings->seed};
    cvt_model *model = NULL;
    int status = cvt_models_open(cli, settings, &options, &model);
    return status == CVT_EXIT_OK ? save(model, settings, operands) : status;
}
