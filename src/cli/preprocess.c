/* preprocess.c - cvt preprocess: writes what a model would be fed of an image, or the pixels after a step before
 * that. */
#include <stdlib.h>

#include "batch/input.h"
#include "cli/models.h"
#include "cli/output.h"
#include "model/interleaved.h"
#include "report/npy.h"

static cvt_image_stop stop_of(const char *step) {
    static const struct {
        const char *name;
        cvt_image_stop stop;
    } steps[] = {
        {"decode", CVT_STOP_DECODE}, {"orient", CVT_STOP_ORIENT}, {"resize", CVT_STOP_RESIZE}, {"crop", CVT_STOP_CROP}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (cvt_opt_is(step, steps[i].name)) return steps[i].stop;
    return CVT_STOP_NONE;
}

static cvt_status read_image(cvt_image *image, const cvt_model *model, const char *path, uint64_t max_pixels,
                             cvt_image_stop stop, cvt_error *error) {
    cvt_input input = {.max_pixels = max_pixels};
    cvt_status status = cvt_input_read(&input, path, true, -1, error);
    if (status == CVT_OK) status = cvt_image_read_memory(image, model, input.data, input.size, stop, error);
    free(input.data);
    return status;
}

static cvt_status write_result(const cvt_image *image, const cvt_model *model, const char *path, cvt_image_stop stop,
                               cvt_error *error) {
    int64_t shape[1 + CVT_NPY_MAX_RANK] = {1};
    if (stop != CVT_STOP_NONE) {
        int height, width;
        const uint8_t *pixels = cvt_image_pixels(image, &height, &width);
        return cvt_npy_write(path, CVT_NPY_U8, pixels, 3, (int64_t[]){height, width, 3}, error);
    }
    cvt_tensor_info input = cvt_model_input(model, 0);
    for (int i = 0; i < input.rank; i++) shape[1 + i] = input.shape[i];
    return cvt_npy_write(path, CVT_NPY_F32, cvt_image_tensor(image), 1 + input.rank, shape, error);
}

static int preprocess(const cvt_settings *settings, const cvt_model *model, const char *path) {
    cvt_image_options options = cvt_settings_image(settings);
    const cvt_image_stop stop = stop_of(settings->stop);
    cvt_image *image = NULL;
    cvt_error error;
    int status = CVT_EXIT_OK;
    if (cvt_image_new(&image, &options, &error) != CVT_OK ||
        read_image(image, model, path, options.max_pixels, stop, &error) != CVT_OK) {
        status = cvt_cli_fail(path, &error, CVT_EXIT_INPUT);
    } else {
        if (cvt_image_warning(image)) cvt_cli_say(path, cvt_image_warning(image));
        cvt_cli_stop_softly(); /* a signal leaves a whole file or none */
        if (write_result(image, model, settings->output, stop, &error) != CVT_OK)
            status = cvt_cli_fail(settings->output, &error, CVT_EXIT_OUTPUT);
    }
    cvt_image_free(image);
    return status;
}

int cvt_command_preprocess(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    /* how an image is prepared may depend on whose names the weights have */
    const bool config_only = settings->config && !settings->model;
    const cvt_options options = {.no_weights = config_only, .weights_later = !config_only};
    cvt_model *model = NULL;
    int status = cvt_models_open(cli, settings, &options, &model);
    if (status != CVT_EXIT_OK) return status;
    cvt_error error;
    if (cvt_model_reads_images(model, &error) != CVT_OK)
        status = cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    else if (cvt_output_check(settings->output, CVT_OUTPUT_NPY, NULL, settings, operands, model, &error) != CVT_OK)
        status = cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    else
        status = preprocess(settings, model, operands[0]);
    cvt_model_free(model);
    return status;
}
