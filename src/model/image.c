/* image.c - cvt_image: reads an image as a model's preprocessing wants it. */
#include <stdlib.h>
#include <string.h>

#include "image/image.h"
#include "model/interleaved.h"
#include "model/model.h"

struct cvt_image {
    cvt_preprocessor *prepare; /* behind a pointer, so that a const image can still make its tensor */
    cvt_decode_options options;
    const cvt_pixels *pixels; /* the pixels of the last read, NULL if it failed */
    bool whole;               /* the last read went through all steps, and made the tensor */
};

cvt_status cvt_image_new(cvt_image **out, const cvt_image_options *options, cvt_error *error) {
    cvt_image_options o;
    *out = NULL;
    TRY(cvt_image_options_take(&o, options, error));
    cvt_image *image = calloc(1, sizeof *image);
    if (!image) return cvt_fail_memory(error);
    image->prepare = calloc(1, sizeof *image->prepare);
    if (!image->prepare) {
        free(image);
        return cvt_fail_memory(error);
    }
    image->options = (cvt_decode_options){
        .max_pixels = o.max_pixels,
        .max_scans = o.max_scans,
        .ignore_exif = o.ignore_exif,
        .clip_gray16 = o.clip_gray16,
        .allow_truncated = o.allow_truncated,
        .fast = o.fast,
        .alpha = o.alpha,
        .lines = o.lines,
        .threads = o.threads,
    };
    *out = image;
    return CVT_OK;
}

void cvt_image_free(cvt_image *image) {
    if (!image) return;
    cvt_preprocessor_free(image->prepare);
    free(image->prepare);
    free(image);
}

cvt_status cvt_model_reads_images(const cvt_model *model, cvt_error *error) {
    if (model->no_preprocess.status != CVT_OK && error) *error = model->no_preprocess;
    return model->no_preprocess.status;
}

bool cvt_model_reads_lines(const cvt_model *model) {
    return model->no_preprocess.status == CVT_OK && model->preprocess.windows;
}

/* A page is cut into lines only for a model that reads lines. */
static cvt_status check_lines(const cvt_image *image, const cvt_model *model, cvt_error *error) {
    if (!image->options.lines || cvt_model_reads_lines(model)) return CVT_OK;
    return cvt_fail(error, CVT_CONFIG, "the model looks at whole images, not at lines of text");
}

/* Forgets the image that was read before, and checks that the model takes images. */
static cvt_status begin(cvt_image *image, const cvt_model *model, cvt_error *error) {
    image->pixels = NULL;
    image->whole = false;
    image->prepare->info.warning[0] = 0;
    TRY(cvt_model_reads_images(model, error));
    return check_lines(image, model, error);
}

static cvt_status end(cvt_image *image, const cvt_pixels *pixels, cvt_image_stop stop, cvt_status status) {
    if (status != CVT_OK) return status;
    image->pixels = pixels;
    image->whole = stop == CVT_STOP_NONE;
    return CVT_OK;
}

cvt_status cvt_image_read_memory(cvt_image *image, const cvt_model *model, const void *bytes, size_t size,
                                 cvt_image_stop stop, cvt_error *error) {
    const cvt_pixels *pixels = NULL;
    TRY(begin(image, model, error));
    cvt_status status =
        cvt_preprocess_run(image->prepare, &model->preprocess, &image->options, bytes, size, stop, &pixels, error);
    return end(image, pixels, stop, status);
}

cvt_status cvt_image_read_pixels(cvt_image *image, const cvt_model *model, const uint8_t *rgb, int height, int width,
                                 size_t stride, cvt_image_stop stop, cvt_error *error) {
    const cvt_pixels *pixels = NULL;
    TRY(begin(image, model, error));
    cvt_status status = cvt_preprocess_pixels(image->prepare, &model->preprocess, &image->options, rgb, height, width,
                                              stride, stop, &pixels, error);
    return end(image, pixels, stop, status);
}

cvt_status cvt_image_read(cvt_image *image, const cvt_model *model, const char *path, cvt_image_stop stop,
                          cvt_error *error) {
    cvt_file file;
    TRY(begin(image, model, error));
    TRY(cvt_file_read(&file, path, CVT_IMAGE_LIMIT, error));
    cvt_status status = cvt_image_read_memory(image, model, file.data, file.size, stop, error);
    if (status != CVT_OK) status = cvt_fail_in(error, status, "%s", file.path);
    cvt_file_close(&file);
    return status;
}

const float *cvt_image_tensor(const cvt_image *image) {
    return image->whole ? cvt_preprocessor_tensor(image->prepare) : NULL;
}

void cvt_image_measure(cvt_image *image) {
    image->prepare->timed = true;
    image->prepare->decode_ms = image->prepare->resize_ms = 0;
}

void cvt_image_times(const cvt_image *image, double *decode_ms, double *resize_ms) {
    *decode_ms = image->prepare->decode_ms;
    *resize_ms = image->prepare->resize_ms;
}

const float *cvt_image_rest(const cvt_image *image, int *n) {
    *n = image->whole ? image->prepare->n_rest : 0;
    return image->prepare->rest;
}

float *cvt_image_take(cvt_image *image, float *spare) {
    image->whole = false;
    return cvt_preprocessor_take(image->prepare, spare);
}

const uint8_t *cvt_image_pixels(const cvt_image *image, int *height, int *width) {
    *height = image->pixels ? image->pixels->height : 0;
    *width = image->pixels ? image->pixels->width : 0;
    return image->pixels ? image->pixels->data : NULL;
}

cvt_status cvt_model_view(const cvt_model *model, int height, int width, cvt_view *out, cvt_error *error) {
    cvt_geometry g;
    *out = (cvt_view){0};
    TRY(cvt_model_reads_images(model, error));
    if (height < 1 || width < 1) return cvt_fail(error, CVT_USAGE, "an image without pixels");
    TRY(cvt_preprocess_geometry(&g, &model->preprocess, width, height, error));
    const double across = (double)width / g.full_width, down = (double)height / g.full_height;
    *out = (cvt_view){g.x * across, g.y * down, g.width * across, g.height * down};
    return CVT_OK;
}

int cvt_image_orientation(const cvt_image *image) { return image->prepare->info.orientation; }

const char *cvt_image_taken(const cvt_image *image) {
    return image->prepare->info.taken[0] ? image->prepare->info.taken : NULL;
}

const char *cvt_image_warning(const cvt_image *image) {
    return image->prepare->info.warning[0] ? image->prepare->info.warning : NULL;
}
