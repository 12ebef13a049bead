/* image.h - from the bytes of a JPEG or PNG to the tensor a model is fed, bit for bit as Pillow 13 and the model's own
 * image processor make it. Knows nothing of models: a cvt_preprocess says what is wanted. */
#ifndef CVT_IMAGE_IMAGE_H
#define CVT_IMAGE_IMAGE_H

#include <stdint.h>

#include "base/error.h"
#include "kernels/kernels.h"

/* 8-bit RGB, [height, width, 3]. The buffer only grows; zero-initialise. */
typedef struct cvt_pixels {
    uint8_t *data;
    size_t capacity;
    int width, height;
} cvt_pixels;

void cvt_pixels_free(cvt_pixels *pixels);
/* Makes room for width x height; contents undefined. */
cvt_status cvt_pixels_resize(cvt_pixels *pixels, int width, int height, cvt_error *error);

typedef enum cvt_filter {
    CVT_FILTER_NEAREST,
    CVT_FILTER_BOX,
    CVT_FILTER_BILINEAR,
    CVT_FILTER_HAMMING,
    CVT_FILTER_BICUBIC,
    CVT_FILTER_LANCZOS
} cvt_filter;

typedef enum cvt_resize {
    CVT_RESIZE_NONE,
    CVT_RESIZE_SHORTEST, /* the shorter edge becomes resize_height (= resize_width), the other int(size * long / short)
                          */
    CVT_RESIZE_SQUASH,   /* to resize_height x resize_width, whatever the aspect */
    CVT_RESIZE_KEEP,     /* timm's ResizeKeepRatio, longest = 0: ratio = min(h / resize_height, w / resize_width) */
    CVT_RESIZE_BORDER,   /* timm's crop_mode border: ResizeKeepRatio, longest = 1 */
} cvt_resize;

/* The preprocessing of one model, as a plain description. */
typedef struct cvt_preprocess {
    cvt_resize resize;
    int resize_height, resize_width;
    cvt_filter filter;
    int crop_height, crop_width; /* 0: no crop */
    bool crop_half_even;         /* offset rounds half to even (torchvision, timm) instead of down (Hugging Face) */
    uint8_t fill[3];             /* colour of what a crop larger than the image adds */
    int channels;                /* 3, or 1: Pillow's L */
    bool rescale;                /* multiply by rescale_factor */
    double rescale_factor;       /* 1/255 */
    bool minus_one;              /* then 1 is subtracted */
    bool normalize;
    bool divide_again; /* then by std once more, as EfficientNetImageProcessor does */
    double mean[3], std[3];
} cvt_preprocess;

enum { CVT_MAX_PIXELS = 100000000, CVT_MAX_SCANS = 200 };

typedef struct cvt_decode_options {
    uint64_t max_pixels;  /* 0: CVT_MAX_PIXELS */
    int max_scans;        /* of one JPEG; 0: CVT_MAX_SCANS */
    bool ignore_exif;     /* cvt_preprocess leaves the pixels as they are stored */
    bool clip_gray16;     /* 16-bit grey as Pillow has it, min(v, 255), instead of round(v / 257) */
    bool allow_truncated; /* what is missing stays grey (JPEG) or black (PNG) */
} cvt_decode_options;

/* CVT_TOO_LARGE, naming the option, if width x height is over the limit. */
cvt_status cvt_pixels_limit(uint64_t width, uint64_t height, const cvt_decode_options *options, cvt_error *error);

/* What a decoder reports besides pixels. warning: "" or one line. */
typedef struct cvt_decoded {
    int orientation; /* EXIF 1..8, 1 where there is none or it is invalid */
    char warning[256];
} cvt_decoded;

enum { CVT_IMAGE_SIGNATURE = 16 };                     /* bytes: no signature reaches further */
static const size_t CVT_IMAGE_LIMIT = (size_t)1 << 30; /* bytes of an image file; 100 megapixels at 16 bits fit */

/* Do the bytes begin as a file does that cvt_image_decode decodes? */
bool cvt_image_is_known(const uint8_t *bytes, size_t size);

/* By content. Limits hold before anything is allocated. Errors: CVT_FORMAT, CVT_TRUNCATED, CVT_CORRUPT,
 * CVT_UNSUPPORTED, CVT_TOO_LARGE (naming the limit and its option), CVT_NO_MEMORY. An empty file, or no more than the
 * first bytes of a signature, is CVT_TRUNCATED; other formats are CVT_UNSUPPORTED by name. Messages do not name the
 * file. *info is set in any case, *out only on success. */
cvt_status cvt_image_decode(cvt_pixels *out, cvt_decoded *info, const uint8_t *bytes, size_t size,
                            const cvt_decode_options *options, cvt_error *error);
cvt_status cvt_jpeg_decode(cvt_pixels *out, cvt_decoded *info, const uint8_t *bytes, size_t size,
                           const cvt_decode_options *options, cvt_error *error);
cvt_status cvt_png_decode(cvt_pixels *out, cvt_decoded *info, const uint8_t *bytes, size_t size,
                          const cvt_decode_options *options, cvt_error *error);
/* Writes the pixels as an 8-bit RGB file, which appears when it is whole (cvt_out). Errors: CVT_OUTPUT. */
cvt_status cvt_png_write(const char *path, const cvt_pixels *pixels, cvt_error *error);
/* Orientation from an EXIF block ("II*\0..." or "MM\0*..."), 1 if there is none. Never reads outside it. */
int cvt_exif_orientation(const uint8_t *tiff, size_t size);

/* Turns pixels upright; orientations other than 2..8 leave them. scratch is swapped in. */
cvt_status cvt_pixels_orient(cvt_pixels *pixels, cvt_pixels *scratch, int orientation, cvt_error *error);

/* Pillow 13's Image.resize to full_width x full_height, of which only the window at (x, y), width x height, is
 * computed: it must lie inside and not be empty. Time and memory follow from the window and the source, not from the
 * full size. */
typedef struct cvt_window {
    int full_width, full_height;
    int x, y, width, height;
} cvt_window;
typedef struct cvt_resampler cvt_resampler; /* coefficient tables and the buffer between the passes, reused */
cvt_resampler *cvt_resampler_new(const cvt_kernels *kernels); /* NULL: out of memory */
void cvt_resampler_free(cvt_resampler *resampler);
cvt_status cvt_resample(cvt_resampler *resampler, cvt_pixels *out, const cvt_pixels *in, cvt_filter filter,
                        const cvt_window *window, cvt_error *error);

/* The geometry of the preprocessing for an image of width x height: the resize's full size, and the crop rectangle in
 * it (which may lie partly outside: that part is filled). CVT_UNSUPPORTED where the resize leaves nothing of one side,
 * CVT_TOO_LARGE where a side passes 2^31. Its sizes must be positive where its modes read them. */
typedef struct cvt_geometry {
    int full_width, full_height;
    int x, y, width, height;
} cvt_geometry;
cvt_status cvt_preprocess_geometry(cvt_geometry *out, const cvt_preprocess *preprocess, int width, int height,
                                   cvt_error *error);

/* Whole path, with every buffer it needs. */
typedef struct cvt_preprocessor {
    cvt_pixels decoded, scratch, cropped;
    const cvt_kernels *kernels; /* that resize; NULL: what cvt_kernels_find finds without a name */
    cvt_resampler *resampler;
    float *values; /* what the model is fed, as graphs store maps: [crop height, crop width, channels] */
    float *planes; /* room for the same as [channels, crop height, crop width] */
    size_t values_capacity, planes_capacity; /* bytes */
    int channels;
    bool planar; /* planes are made */
    cvt_decoded info;
} cvt_preprocessor;
void cvt_preprocessor_free(cvt_preprocessor *p);
/* p->values of the last run as [channels, crop height, crop width], which is what the world calls the tensor of an
 * image; made when it is first asked for. */
const float *cvt_preprocessor_tensor(cvt_preprocessor *p);
/* Hands p->values over, to be freed, and leaves `spare` in their place: NULL, or room for as many floats. */
float *cvt_preprocessor_take(cvt_preprocessor *p, float *spare);
/* stop: as in cvt.h. Results larger than options->max_pixels are CVT_TOO_LARGE. After CVT_STOP_NONE p->values are
 * made, else *pixels points at the pixels as they are then (after CVT_STOP_RESIZE the whole resized image, with
 * channels = 1 already grey). */
cvt_status cvt_preprocess_run(cvt_preprocessor *p, const cvt_preprocess *preprocess, const cvt_decode_options *options,
                              const uint8_t *bytes, size_t size, cvt_image_stop stop, const cvt_pixels **pixels,
                              cvt_error *error);
/* The same of pixels as cvt_image_read_pixels takes them, which are copied. */
cvt_status cvt_preprocess_pixels(cvt_preprocessor *p, const cvt_preprocess *preprocess,
                                 const cvt_decode_options *options, const uint8_t *rgb, int height, int width,
                                 size_t stride, cvt_image_stop stop, const cvt_pixels **pixels, cvt_error *error);

#endif
