/* thumbnail.c - makes a small JPEG of an image file. A large JPEG is decoded only as large as it is needed. */
#include "report/thumbnail.h"

#include "base/num.h"

enum { QUALITY = 80 };

void cvt_thumbnailer_free(cvt_thumbnailer *t) {
    cvt_pixels_free(&t->decoded);
    cvt_pixels_free(&t->scratch);
    cvt_pixels_free(&t->small);
    cvt_resampler_free(t->resampler);
    *t = (cvt_thumbnailer){0};
}

/* `length` of an image whose longer side is `longer`, once that is `side`; at least 1. */
static int scaled(int length, int longer, int side) {
    const int64_t to = ((int64_t)length * side + longer / 2) / longer;
    return to < 1 ? 1 : (int)to;
}

cvt_status cvt_thumbnail_shrink(cvt_thumbnailer *t, const cvt_pixels **out, const cvt_pixels *in, int side,
                                cvt_error *error) {
    const int width = in->width, height = in->height, longer = width > height ? width : height;
    const cvt_kernels *kernels;
    *out = in;
    if (longer <= side) return CVT_OK;
    TRY(cvt_kernels_find(&kernels, NULL, error));
    if (!t->resampler) t->resampler = cvt_resampler_new(kernels);
    if (!t->resampler) return cvt_fail_memory(error);
    const int w = scaled(width, longer, side), h = scaled(height, longer, side);
    const cvt_window window = {w, h, 0, 0, w, h};
    *out = &t->small;
    return cvt_resample(t->resampler, &t->small, in, CVT_FILTER_BICUBIC, &window, error);
}

cvt_status cvt_thumbnail_encode(cvt_str *jpeg, const cvt_pixels *pixels, cvt_error *error) {
    return cvt_jpeg_encode(jpeg, pixels, QUALITY, error);
}

cvt_status cvt_thumbnail_make(cvt_thumbnailer *t, cvt_str *jpeg, const uint8_t *bytes, size_t size, int side,
                              cvt_error *error) {
    const cvt_preprocess draft = {.resize = CVT_RESIZE_BORDER, .resize_height = side, .resize_width = side};
    const cvt_decode_options options = {.alpha = CVT_ALPHA_WHITE, .draft = &draft};
    cvt_decoded info;
    TRY(cvt_image_decode(&t->decoded, &info, bytes, size, &options, error));
    TRY(cvt_pixels_orient(&t->decoded, &t->scratch, info.orientation, error));
    const cvt_pixels *small;
    TRY(cvt_thumbnail_shrink(t, &small, &t->decoded, side, error));
    return cvt_thumbnail_encode(jpeg, small, error);
}
