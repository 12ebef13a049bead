/* image.h - makes the tensor that a model is fed from the bytes of an image file, bit for bit as Pillow 13 and the
 * model's own image processor do. Nothing here knows models: a cvt_preprocess describes what is wanted. */
#ifndef CVT_IMAGE_IMAGE_H
#define CVT_IMAGE_IMAGE_H

#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "kernels/kernels.h"

/* An image of 8-bit RGB, [height, width, 3]. Its buffer only grows. Zero-initialise it. */
typedef struct cvt_pixels {
    uint8_t *data;
    size_t capacity;
    int width, height;
} cvt_pixels;

void cvt_pixels_free(cvt_pixels *pixels);
/* Makes room for width x height pixels, whose values are undefined. */
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
    CVT_RESIZE_SHORTEST, /* shorter edge: resize_height (= resize_width); other: int(size * long / short) */
    CVT_RESIZE_SQUASH,   /* to resize_height x resize_width; the aspect may change */
    CVT_RESIZE_KEEP,     /* timm's ResizeKeepRatio, longest = 0: ratio = min(h / resize_height, w / resize_width) */
    CVT_RESIZE_BORDER,   /* timm's crop_mode border: ResizeKeepRatio, longest = 1 */
    CVT_RESIZE_HEIGHT,   /* the height becomes resize_height; width: rint(width * resize_height / height), at least 1 */
} cvt_resize;

/* The preprocessing of one model, as a plain description. */
typedef struct cvt_preprocess {
    cvt_resize resize;
    int resize_height, resize_width;
    cvt_filter filter;
    int crop_height, crop_width; /* 0: no crop */
    bool crop_half_even;         /* a crop's offset .5 rounds to even (torchvision, timm), not down (Hugging Face) */
    uint8_t fill[3];             /* the colour around the image where the crop is larger than it */
    bool windows;                /* a resized image that is wider than the crop is read in several windows */
    int channels;                /* 3, or 1 for grey (Pillow's mode L) */
    bool rescale;                /* multiply by rescale_factor */
    double rescale_factor;       /* 1/255 */
    bool minus_one;              /* then 1 is subtracted */
    bool normalize;
    bool divide_again; /* then by std once more, as EfficientNetImageProcessor does */
    double mean[3], std[3];
} cvt_preprocess;

enum {
    CVT_MAX_PIXELS = 178956970 /* where Pillow 13 refuses */,
    CVT_MAX_SCANS = 200,
    CVT_PIECE_PIXELS = 1 << 18 /* take some milliseconds */
};

typedef struct cvt_decoded cvt_decoded;

/* A rectangle of an image. */
typedef struct cvt_part {
    int x, y, width, height;
} cvt_part;

/* Takes the rows of an image as they are decoded, so that it is never in memory whole. A decoder that cannot give rows
 * in their order (WebP, HEIF, an interlaced PNG) passes over it, and so do all where allow_truncated is set. */
typedef struct cvt_row_sink {
    /* Called before the first row, with the size of what is decoded and the orientation in *info. True: rows are
     * wanted, those in *part; false: the pixels go to memory all the same. */
    bool (*begin)(void *context, const cvt_decoded *info, int width, int height, cvt_part *part);
    /* Called with the next n rows of the part, from the top down; `stride` bytes from one to the next. They may be
     * changed. If decoding succeeds, all rows have come. */
    void (*take)(void *context, uint8_t *rgb, size_t stride, int n);
    void *context;
} cvt_row_sink;

typedef struct cvt_decode_options {
    uint64_t max_pixels;  /* 0: CVT_MAX_PIXELS */
    int max_scans;        /* the most scans of one JPEG; 0: CVT_MAX_SCANS */
    bool ignore_exif;     /* do not turn the image upright */
    bool clip_gray16;     /* a 16-bit grey value v becomes min(v, 255), as in Pillow, instead of round(v / 257) */
    bool allow_truncated; /* accept files that end early; what is missing is grey (JPEG) or black (PNG) */
    cvt_alpha alpha;      /* what becomes of transparency */
    bool fast;            /* cvt_preprocess_run: decode a JPEG only as large as resizing needs it */
    const cvt_preprocess *draft; /* whose resizing that is; cvt_preprocess_run sets it. NULL: decode it whole */
    bool lines;                  /* the image is a page: its lines of text are read, each as an image of its own */
    const cvt_row_sink *sink;    /* takes the rows; cvt_preprocess_run sets it. NULL: they go to memory */
    int threads;      /* cvt_preprocess_run: so many may decode and resize a JPEG in pieces; 0 or 1: the caller's */
    int piece_pixels; /* a piece of fewer is not worth a thread; 0: CVT_PIECE_PIXELS */
} cvt_decode_options;

/* Fails with CVT_TOO_LARGE, and names the option, if width x height is over the limit. */
cvt_status cvt_pixels_limit(uint64_t width, uint64_t height, const cvt_decode_options *options, cvt_error *error);

/* Lays n pixels of four bytes over the colour that `alpha` names, not CVT_ALPHA_DROP: (c a + b (255 - a)) / 255,
 * rounded. `rgb` may be where `rgba` is. */
void cvt_pixels_blend(uint8_t *rgb, const uint8_t *rgba, size_t n, cvt_alpha alpha);

/* For decoders: how many rows of that width to give at once; and gives those of n rows from row y of the image on that
 * lie in the part. */
int cvt_band_rows(int width);
void cvt_give_rows(const cvt_row_sink *sink, const cvt_part *part, int y, uint8_t *rgb, size_t stride, int n);

/* What a decoder reports besides the pixels. `warning` is empty or one line. */
enum { CVT_TAKEN_SIZE = 32 };
struct cvt_decoded {
    int orientation;            /* as EXIF has it, 1 to 8; 1 where there is none or it is invalid */
    char taken[CVT_TAKEN_SIZE]; /* as EXIF has it, "2026-11-30T12:34:56", with "+01:00" behind it where it says so; or
                                   empty */
    char warning[256];
};

enum { CVT_IMAGE_SIGNATURE = 16 };                     /* bytes: no signature reaches further */
static const size_t CVT_IMAGE_LIMIT = (size_t)1 << 30; /* bytes of an image file; that many at 16 bits fit */

/* Do the bytes begin like a file that cvt_image_decode can decode? */
bool cvt_image_is_known(const uint8_t *bytes, size_t size);
/* The name of the format that the bytes begin as, decoded here or not; NULL: not known. */
const char *cvt_image_format(const uint8_t *bytes, size_t size);

/* The names of the formats that are decoded here, with `word` before the last: "JPEG and PNG". */
void cvt_image_formats(char *to, size_t capacity, const char *word);

/* How far an image file must be read. Begin with zeros and max_pixels as in cvt_decode_options. */
typedef struct cvt_extent {
    uint64_t max_pixels;
    size_t at;    /* up to where it has been looked at */
    size_t reach; /* JPEG: up to where libjpeg reads a segment that it then finds too short */
    bool refused; /* it is larger than max_pixels: its headers are enough to say so */
} cvt_extent;
/* True if `size` bytes from the beginning of the file are all that decoding looks at. Call it again with more. */
bool cvt_extent_ends(cvt_extent *extent, const uint8_t *bytes, size_t size);
/* The same for one format each; cvt_extent_ends calls them. */
bool cvt_jpeg_ends(cvt_extent *extent, const uint8_t *bytes, size_t size);
bool cvt_png_ends(cvt_extent *extent, const uint8_t *bytes, size_t size);
bool cvt_webp_ends(cvt_extent *extent, const uint8_t *bytes, size_t size);

/* Decodes a file, whose format is found by its content. Limits are checked before anything is allocated. Errors:
 * CVT_FORMAT, CVT_TRUNCATED, CVT_CORRUPT, CVT_UNSUPPORTED, CVT_TOO_LARGE (naming the limit and its option),
 * CVT_NO_MEMORY. An empty file, or one that ends within its signature, is CVT_TRUNCATED; a format that is known
 * but not decoded here is CVT_UNSUPPORTED, and named. Messages do not name the file. *info is always set, *out
 * only on success. */
cvt_status cvt_image_decode(cvt_pixels *out, cvt_decoded *info, const uint8_t *bytes, size_t size,
                            const cvt_decode_options *options, cvt_error *error);
cvt_status cvt_jpeg_decode(cvt_pixels *out, cvt_decoded *info, const uint8_t *bytes, size_t size,
                           const cvt_decode_options *options, cvt_error *error);
cvt_status cvt_png_decode(cvt_pixels *out, cvt_decoded *info, const uint8_t *bytes, size_t size,
                          const cvt_decode_options *options, cvt_error *error);
/* A piece of a JPEG, as if it were a file of its own; it has no EXIF (image/jpeg_pieces.h). */
struct cvt_jpeg_piece;
cvt_status cvt_jpeg_decode_piece(cvt_pixels *out, cvt_decoded *info, struct cvt_jpeg_piece *piece,
                                 const cvt_decode_options *options, cvt_error *error);
/* Reads the first APP1 segment before the image that is EXIF. */
void cvt_jpeg_read_exif(cvt_decoded *info, const uint8_t *bytes, size_t size);
/* Only where the build has found their libraries. */
cvt_status cvt_webp_decode(cvt_pixels *out, cvt_decoded *info, const uint8_t *bytes, size_t size,
                           const cvt_decode_options *options, cvt_error *error);
cvt_status cvt_heif_decode(cvt_pixels *out, cvt_decoded *info, const uint8_t *bytes, size_t size,
                           const cvt_decode_options *options, cvt_error *error);
/* Writes the pixels as a PNG file of 8-bit RGB, which appears only when it is whole (see cvt_out). Errors:
 * CVT_OUTPUT. */
cvt_status cvt_png_write(const char *path, const cvt_pixels *pixels, cvt_error *error);
/* Appends the same file to *to. */
cvt_status cvt_png_encode(cvt_str *to, const cvt_pixels *pixels, cvt_error *error);
/* Appends the pixels as a JPEG file of this quality, from 1 to 100. */
cvt_status cvt_jpeg_encode(cvt_str *to, const cvt_pixels *pixels, int quality, cvt_error *error);
/* Returns the orientation that an EXIF block ("II*\0..." or "MM\0*...") holds, or 1 if it holds none. Never reads
 * outside of the block. */
int cvt_exif_orientation(const uint8_t *tiff, size_t size);

/* Sets info->orientation and info->taken (the Exif tags DateTimeOriginal and OffsetTimeOriginal) from such a block. */
void cvt_exif_read(cvt_decoded *info, const uint8_t *tiff, size_t size);

/* What an orientation does: in which direction x and y of the stored image run in the upright one, and whether they
 * change places. Orientations other than 2 to 8 do nothing. */
typedef struct cvt_turn {
    bool transposed, x_back, y_back;
} cvt_turn;
cvt_turn cvt_orientation_turn(int orientation);

/* Turns the pixels upright. Orientations other than 2 to 8 change nothing. `scratch` is a second buffer, which may
 * change places with that of `pixels`. */
cvt_status cvt_pixels_orient(cvt_pixels *pixels, cvt_pixels *scratch, int orientation, cvt_error *error);

/* Resizes as Pillow 13's Image.resize does to full_width x full_height, but computes only the window of width x height
 * at (x, y), which must lie inside and not be empty. Time and memory depend on the window and the source, not on the
 * full size. */
typedef struct cvt_window {
    int full_width, full_height;
    int x, y, width, height;
} cvt_window;
typedef struct cvt_resampler cvt_resampler;                   /* its tables and buffers, for reuse */
cvt_resampler *cvt_resampler_new(const cvt_kernels *kernels); /* NULL: no memory */
void cvt_resampler_free(cvt_resampler *resampler);
cvt_status cvt_resample(cvt_resampler *resampler, cvt_pixels *out, const cvt_pixels *in, cvt_filter filter,
                        const cvt_window *window, cvt_error *error);

/* The same for an image of width x height, as it is stored, whose rows come one after another from the top down. The
 * window is one of the upright image. The first function is true if that can be done, which needs both axes to change
 * their size; *part becomes what must come. The second function takes the next n rows of the part, the third one makes
 * the window, still lying as the image is stored: cvt_pixels_orient turns it. */
bool cvt_resample_begin(cvt_resampler *resampler, cvt_filter filter, const cvt_window *window, int width, int height,
                        int orientation, cvt_part *part);
void cvt_resample_take(cvt_resampler *resampler, const uint8_t *rgb, size_t stride, int n);
cvt_status cvt_resample_end(cvt_resampler *resampler, cvt_pixels *out, cvt_error *error);

/* What the preprocessing does to the shape of an image of width x height: the full size after resizing, and the crop's
 * rectangle in it, which may lie partly outside (that part is filled). CVT_UNSUPPORTED where resizing leaves a side of
 * 0 pixels, CVT_TOO_LARGE where a side is 2^31 pixels or more. The sizes in cvt_preprocess that its modes read must be
 * positive. */
typedef struct cvt_geometry {
    int full_width, full_height;
    int x, y, width, height;
} cvt_geometry;
cvt_status cvt_preprocess_geometry(cvt_geometry *out, const cvt_preprocess *preprocess, int width, int height,
                                   cvt_error *error);

/* The windows of an image that is `full` pixels wide, of which each shows `width`: as few as show all of it, at most
 * CVT_MAX_WINDOWS, from the left edge to the right one at equal distances. The middle one, number n / 2, is the main
 * one: it is what a caller sees who asks for one tensor. */
enum { CVT_MAX_WINDOWS = 32 };
int cvt_windows_count(int full, int width);
int cvt_windows_place(int full, int width, int n, int i); /* the first pixel that window i of n shows */

/* The lines of text of a page, from the top down; rectangles in its pixels. */
enum { CVT_MAX_LINES = 64 };
typedef struct cvt_line {
    int x, y, width, height;
} cvt_line;
typedef struct cvt_lines {
    cvt_line line[CVT_MAX_LINES];
    int n;
} cvt_lines;
/* Cuts a page into lines by its projection: rows that have ink are lines, rows that have none lie between them. It must
 * be upright to about a degree; a second column counts as further lines; of more than CVT_MAX_LINES, some at equal
 * distances are taken. CVT_UNSUPPORTED where there is no line. */
cvt_status cvt_lines_find(cvt_lines *out, const cvt_pixels *page, cvt_error *error);

/* Everything that preprocessing one image after another needs: all buffers, and the tables of the resampler. */
typedef struct cvt_preprocessor {
    cvt_pixels decoded, scratch, cropped;
    const cvt_kernels *kernels; /* whose resampling is used; NULL: those that cvt_kernels_find returns for no name */
    cvt_resampler *resampler;
    float *values; /* what the model is fed, laid out as graphs store maps: [crop height, crop width, channels] */
    float *planes; /* room for the same numbers as [channels, crop height, crop width] */
    size_t values_capacity, planes_capacity; /* bytes */
    cvt_pixels line;                         /* the line of text that is being prepared */
    float *rest;          /* laid out as `values`: the windows of all lines but the main one, back to back */
    size_t rest_capacity; /* bytes */
    int n_rest;
    int n_pieces; /* in how many the last JPEG was decoded; 0: as a whole */
    int channels;
    bool planar; /* `planes` holds the values of the last run */
    bool timed;  /* set it to have the next two measured: milliseconds since it was set, failed runs included */
    double decode_ms, resize_ms; /* decoding; all steps behind it */
    cvt_decoded info;
} cvt_preprocessor;
void cvt_preprocessor_free(cvt_preprocessor *p);
/* Returns p->values of the last run as [channels, crop height, crop width], the layout in which other programs hold the
 * tensor of an image. It is made when it is first asked for; NULL: no memory. */
const float *cvt_preprocessor_tensor(cvt_preprocessor *p);
/* Hands p->values to the caller, who frees them, and puts `spare` in their place: NULL, or a buffer of the same
 * size. */
float *cvt_preprocessor_take(cvt_preprocessor *p, float *spare);
/* Prepares an image up to the step `stop` of cvt.h. A result larger than options->max_pixels is CVT_TOO_LARGE. After
 * CVT_STOP_NONE p->values are set. After another step *pixels points at the pixels as that step left them (after
 * CVT_STOP_RESIZE the whole resized image; with channels = 1 it is grey by then). */
cvt_status cvt_preprocess_run(cvt_preprocessor *p, const cvt_preprocess *preprocess, const cvt_decode_options *options,
                              const uint8_t *bytes, size_t size, cvt_image_stop stop, const cvt_pixels **pixels,
                              cvt_error *error);
/* The same for pixels in memory, as cvt_image_read_pixels takes them; they are copied. */
cvt_status cvt_preprocess_pixels(cvt_preprocessor *p, const cvt_preprocess *preprocess,
                                 const cvt_decode_options *options, const uint8_t *rgb, int height, int width,
                                 size_t stride, cvt_image_stop stop, const cvt_pixels **pixels, cvt_error *error);

#endif
