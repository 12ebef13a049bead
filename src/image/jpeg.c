/* jpeg.c - decodes JPEG to RGB. This is the only file that uses libjpeg(-turbo).
 *
 * The defaults of libjpeg-turbo are kept, as Pillow keeps them: slow integer DCT, fancy upsampling, block smoothing.
 * Grey is repeated in all three channels. Files of four components are decoded as CMYK and taken as inverted, whether
 * or not they have an Adobe marker: C = 255 - c, ..., w = 255 - K, R = w - C w / 255 (rounded), and so on. This
 * decoder is stricter than Pillow: a segment or a file that ends early is an error unless allow_truncated is set.
 * libjpeg reports errors by calling error_exit or emit_message, which must not return: they jump back to guarded(). */
#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "image/image.h"

typedef struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf leave;
    const cvt_decode_options *options;
    cvt_pixels *out;
    cvt_decoded *info;
    cvt_error *error;
    cvt_status status;
} reader;

/* ---- how libjpeg reports ---------------------------------------------------------------------------------------- */

static _Noreturn void leave(reader *r, cvt_status status) {
    r->status = status;
    longjmp(r->leave, 1);
}

static cvt_status status_of(int code) {
    switch (code) {
    case JERR_OUT_OF_MEMORY: return CVT_NO_MEMORY;
    case JERR_NO_SOI: return CVT_FORMAT;
    case JERR_INPUT_EMPTY:
    case JERR_INPUT_EOF: return CVT_TRUNCATED;
    case JERR_IMAGE_TOO_BIG:
    case JERR_WIDTH_OVERFLOW:
    case JERR_NO_BACKING_STORE: return CVT_TOO_LARGE;
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_ARITH_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_NOTIMPL: return CVT_UNSUPPORTED;
    default: return CVT_CORRUPT;
    }
}

static void on_error(j_common_ptr jpeg) {
    reader *r = jpeg->client_data;
    const cvt_status status = status_of(jpeg->err->msg_code);
    if (status == CVT_NO_MEMORY) leave(r, cvt_fail_memory(r->error));
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    leave(r, cvt_fail(r->error, status, "JPEG: %s", text));
}

/* Keeps the first warning. A warning that means missing data ends the reading. */
static void on_message(j_common_ptr jpeg, int level) {
    if (level >= 0) return;
    reader *r = jpeg->client_data;
    const int code = jpeg->err->msg_code;
    jpeg->err->num_warnings++;
    if (!r->options->allow_truncated) {
        const bool at_end = code == JWRN_JPEG_EOF || (code == JWRN_HIT_MARKER && r->jpeg.unread_marker == JPEG_EOI);
        if (at_end) leave(r, cvt_fail(r->error, CVT_TRUNCATED, "JPEG data ends early"));
        if (code == JWRN_HIT_MARKER)
            leave(r, cvt_fail(r->error, CVT_CORRUPT, "JPEG data is damaged: a segment ends early"));
    }
    if (r->info->warning[0]) return;
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    snprintf(r->info->warning, sizeof r->info->warning, "JPEG: %s", text);
}

/* libjpeg calls this between pieces of a scan, and after the header of a scan, before its data. */
static void on_progress(j_common_ptr jpeg) {
    reader *r = jpeg->client_data;
    const int limit = r->options->max_scans ? r->options->max_scans : CVT_MAX_SCANS;
    if (r->jpeg.input_scan_number > limit)
        leave(r, cvt_fail(r->error, CVT_TOO_LARGE, "JPEG of more than %d scans (--max-scans)", limit));
}

/* ---- EXIF ------------------------------------------------------------------------------------------------------- */

/* Finds the orientation in the first APP1 segment before the image that is EXIF. The segments are walked without
 * libjpeg, which would keep copies of all of them. */
static int orientation(const uint8_t *bytes, size_t size) {
    enum { SOI = 0xd8, EOI = 0xd9, SOS = 0xda, APP1 = 0xe1, TEM = 0x01, RST0 = 0xd0 };
    static const char exif[6] = "Exif\0";
    size_t at = 2;
    while (at + 4 <= size) {
        const uint8_t marker = bytes[at + 1];
        if (bytes[at] != 0xff || marker == 0 || marker == 0xff) {
            at++;
            continue;
        }
        if (marker == SOS || marker == EOI) break;
        at += 2;
        if (marker == TEM || (marker >= RST0 && marker <= SOI)) continue;
        const size_t length = (size_t)bytes[at] << 8 | bytes[at + 1];
        if (length < 2 || length > size - at) break;
        if (marker == APP1 && length >= 2 + sizeof exif && memcmp(bytes + at + 2, exif, sizeof exif) == 0)
            return cvt_exif_orientation(bytes + at + 2 + sizeof exif, length - 2 - sizeof exif);
        at += length;
    }
    return 1;
}

/* ---- pixels ----------------------------------------------------------------------------------------------------- */

static void read_rgb(reader *r) {
    enum { ROWS = 16 };
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    const size_t stride = (size_t)jpeg->output_width * 3;
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW rows[ROWS];
        const JDIMENSION left = jpeg->output_height - jpeg->output_scanline, n = left < ROWS ? left : ROWS;
        for (JDIMENSION i = 0; i < n; i++) rows[i] = r->out->data + (jpeg->output_scanline + i) * stride;
        jpeg_read_scanlines(jpeg, rows, n);
    }
}

/* Returns a b / 255, rounded. */
static int scaled(int a, int b) {
    const int t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

static void read_cmyk(reader *r) {
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    JSAMPARRAY row = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, jpeg->output_width * 4, 1);
    uint8_t *to = r->out->data;
    while (jpeg->output_scanline < jpeg->output_height) {
        jpeg_read_scanlines(jpeg, row, 1);
        const uint8_t *from = row[0];
        for (JDIMENSION x = 0; x < jpeg->output_width; x++, from += 4, to += 3) {
            const int white = from[3]; /* 255 - K: from[] holds 255 minus each ink */
            for (int c = 0; c < 3; c++) to[c] = (uint8_t)(white - scaled(255 - from[c], white));
        }
    }
}

static void read_pixels(reader *r, const uint8_t *bytes, size_t size) {
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &r->progress;
    jpeg_mem_src(jpeg, bytes, size);
    jpeg_read_header(jpeg, TRUE);
    const int n = jpeg->num_components;
    if (n != 1 && n != 3 && n != 4) leave(r, cvt_fail(r->error, CVT_UNSUPPORTED, "JPEG of %d components", n));
    cvt_status status = cvt_pixels_limit(jpeg->image_width, jpeg->image_height, r->options, r->error);
    if (status != CVT_OK) leave(r, status);
    jpeg->out_color_space = n == 4 ? JCS_CMYK : JCS_RGB;

    /* The memory that a file of many scans may take: four components of 16 bits a pixel, and what blocks add at the
     * edges. */
    const uint64_t limit = r->options->max_pixels ? r->options->max_pixels : CVT_MAX_PIXELS;
    jpeg->mem->max_memory_to_use = limit < LONG_MAX / 16 ? (long)limit * 8 + (64 << 20) : LONG_MAX;
    jpeg_start_decompress(jpeg);
    status = cvt_pixels_resize(r->out, (int)jpeg->output_width, (int)jpeg->output_height, r->error);
    if (status != CVT_OK) leave(r, status);
    if (n == 4)
        read_cmyk(r);
    else
        read_rgb(r);
    jpeg_finish_decompress(jpeg); /* reads up to the end marker: otherwise a missing one would go unnoticed */
}

/* This is a function of its own because a jump back to it must not find local variables that have changed. */
static cvt_status guarded(reader *r, const uint8_t *bytes, size_t size) {
    if (setjmp(r->leave) == 0) read_pixels(r, bytes, size);
    jpeg_destroy_decompress(&r->jpeg);
    return r->status;
}

cvt_status cvt_jpeg_decode(cvt_pixels *out, cvt_decoded *info, const uint8_t *bytes, size_t size,
                           const cvt_decode_options *options, cvt_error *error) {
    *info = (cvt_decoded){.orientation = orientation(bytes, size)};
    reader r = {.options = options, .out = out, .info = info, .error = error};
    r.jpeg.err = jpeg_std_error(&r.errors);
    r.jpeg.client_data = &r;
    r.errors.error_exit = on_error;
    r.errors.emit_message = on_message;
    r.progress.progress_monitor = on_progress;
    return guarded(&r, bytes, size);
}
