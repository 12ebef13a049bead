/* interleaved.h - what the program needs besides cvt.h: above all the way from an image to a forward pass without
 * transposing it. A graph stores maps as [H, W, C], and decoders give pixels in this order too; cvt.h has the usual
 * [C, H, W]. The library does not export these functions. */
#ifndef CVT_MODEL_INTERLEAVED_H
#define CVT_MODEL_INTERLEAVED_H

#include "cvt.h"

/* How many floats one image has of a value. */
static inline size_t cvt_tensor_count(cvt_tensor_info info) {
    size_t count = 1; /* of a value of the graph, whose size was checked */
    for (int i = 0; i < info.rank; i++) count *= (size_t)info.shape[i];
    return count;
}

/* Hands what the model is fed to the caller, as [H, W, C], after a read up to CVT_STOP_NONE. The caller frees it.
 * `spare` takes its place: NULL, or what was taken for the same model before. The image has no tensor until the next
 * read. */
float *cvt_image_take(cvt_image *image, float *spare);

/* What EXIF says of the image that was read last: its orientation, 1 to 8 (1: nothing), and when it was taken, as
 * "2026-11-30T12:34:56" (NULL: nothing). */
int cvt_image_orientation(const cvt_image *image);
const char *cvt_image_taken(const cvt_image *image);

/* Begins to measure how long reads take. The second function returns the milliseconds since then: of decoding, and of
 * all steps behind it. */
void cvt_image_measure(cvt_image *image);
void cvt_image_times(const cvt_image *image, double *decode_ms, double *resize_ms);

/* The further tensors of an image that is more than one: the windows of a long line, the lines of a page. *n of them,
 * as [H, W, C], back to back; valid until the next read. To be asked for before cvt_image_take. */
const float *cvt_image_rest(const cvt_image *image, int *n);

/* Does what cvt_session_run does, on inputs of [n, H, W, C]. */
cvt_status cvt_session_run_interleaved(cvt_session *session, const float *const *inputs, int n, cvt_error *error);

/* CVT_UNSUPPORTED where the model reads no images (several inputs, other channels), whatever the image. */
cvt_status cvt_model_reads_images(const cvt_model *model, cvt_error *error);

#endif
