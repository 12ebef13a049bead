/* thumbnail.h - makes a small JPEG of an image file, for people to look at. */
#ifndef CVT_REPORT_THUMBNAIL_H
#define CVT_REPORT_THUMBNAIL_H

#include "image/image.h"

/* The buffers, for reuse. Zero-initialise it. */
typedef struct cvt_thumbnailer {
    cvt_pixels decoded, scratch, small;
    cvt_resampler *resampler;
} cvt_thumbnailer;
void cvt_thumbnailer_free(cvt_thumbnailer *t);

/* Appends a JPEG file: the image upright, transparency over white, its longer side at most `side` pixels. Errors are
 * those of cvt_image_decode. */
cvt_status cvt_thumbnail_make(cvt_thumbnailer *t, cvt_str *jpeg, const uint8_t *bytes, size_t size, int side,
                              cvt_error *error);

/* Makes an image smaller whose longer side is more than `side` pixels. *out becomes it, valid until the next call, or
 * `in` where that is small enough. */
cvt_status cvt_thumbnail_shrink(cvt_thumbnailer *t, const cvt_pixels **out, const cvt_pixels *in, int side,
                                cvt_error *error);

/* Appends a JPEG file of a thumbnail's quality. */
cvt_status cvt_thumbnail_encode(cvt_str *jpeg, const cvt_pixels *pixels, cvt_error *error);

#endif
