/* jpeg.c - decodes JPEG to RGB, and makes small JPEGs. This is the only file that uses libjpeg(-turbo).
 *
 * libjpeg-turbo's defaults are kept, as Pillow keeps them: slow integer DCT, fancy upsampling, block smoothing. Grey is
 * repeated in all three channels. Four components are asked for as CMYK and taken for inverted, with Adobe marker or
 * without: C = 255 - c, ..., w = 255 - K, R = w - C w / 255 (rounded) and so on.
 * Stricter than Pillow: a segment or a file that ends early is an error unless allow_truncated. With that it is as with
 * Pillow's LOAD_TRUNCATED_IMAGES: behind the data one end marker is made up, which a segment that is cut may swallow;
 * where libjpeg then wants more, or finds damage, the rows that it has given stay and the others are black (white where
 * the image is CMYK), all of them if it is progressive.
 * With a draft the inverse DCT gives 1/2, 1/4 or 1/8 of the size, as after Pillow's Image.draft.
 * libjpeg leaves through error_exit or emit_message, which must not return: they jump back to guarded(). */
#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "base/num.h"
#include "image/image.h"
#include "image/jpeg_markers.h"
#include "image/jpeg_pieces.h"

typedef struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    struct jpeg_source_mgr source; /* with allow_truncated, and of a piece */
    cvt_jpeg_piece *piece;         /* what is read; NULL: the whole file */
    JOCTET *chunk;                 /* the next bytes of a piece */
    bool ended;                    /* the end marker has been made up */
    int width, height, components; /* with allow_truncated: of an image that Pillow would open; else 0 */
    bool sized;                    /* out has the image's size */
    JSAMPARRAY inks;               /* a row of four components, where the image is CMYK */
    jmp_buf leave;
    const cvt_decode_options *options;
    cvt_pixels *out;
    cvt_decoded *info;
    cvt_error *error;
    cvt_status status;
} reader;

static const char early[] = "JPEG data ends early";
enum { ROWS = 16 }; /* that are asked for at once */

/* ---- the size ---------------------------------------------------------------------------------------------------- */

/* By which of 1, 2, 4 and 8 an image of width x height, as it is stored, may be divided so that it is not smaller than
 * the draft's preprocessing resizes it to, upright. */
static int divisor(const reader *r, int width, int height) {
    const cvt_preprocess *draft = r->options->draft;
    const bool turned = r->info->orientation >= 5 && !r->options->ignore_exif;
    cvt_geometry g;
    if (!draft || draft->resize == CVT_RESIZE_NONE ||
        cvt_preprocess_geometry(&g, draft, turned ? height : width, turned ? width : height, NULL) != CVT_OK)
        return 1;
    const int across = width / (turned ? g.full_height : g.full_width);
    const int down = height / (turned ? g.full_width : g.full_height), scale = cvt_min_int(across, down);
    return scale >= 8 ? 8 : scale >= 4 ? 4 : scale >= 2 ? 2 : 1;
}

/* ---- how libjpeg reports ---------------------------------------------------------------------------------------- */

static _Noreturn void leave(reader *r, cvt_status status) {
    r->status = status;
    longjmp(r->leave, 1);
}

/* With allow_truncated: leaves with what rows there are, the others blank; fails where the image may not be so large.
 */
static _Noreturn void leave_incomplete(reader *r, const char *text) {
    if (!r->options->allow_truncated) leave(r, cvt_fail(r->error, CVT_TRUNCATED, "%s", text));
    if (!r->sized) {
        const int by = divisor(r, r->width, r->height);
        const int width = (r->width + by - 1) / by, height = (r->height + by - 1) / by;
        cvt_status status = cvt_pixels_limit((uint64_t)r->width, (uint64_t)r->height, r->options, r->error);
        if (status == CVT_OK) status = cvt_pixels_resize(r->out, width, height, r->error);
        if (status != CVT_OK) leave(r, status);
        memset(r->out->data, r->components == 4 ? 255 : 0, (size_t)width * (size_t)height * 3);
    }
    if (!r->info->warning[0]) snprintf(r->info->warning, sizeof r->info->warning, "%s", text);
    leave(r, CVT_OK);
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
    char text[JMSG_LENGTH_MAX], line[JMSG_LENGTH_MAX + 8];
    jpeg->err->format_message(jpeg, text);
    snprintf(line, sizeof line, "JPEG: %s", text);
    if (r->width && (status == CVT_CORRUPT || status == CVT_TRUNCATED)) leave_incomplete(r, line);
    leave(r, cvt_fail(r->error, status, "%s", line));
}

/* Keeps the first warning. A warning that means missing data ends the reading. */
static void on_message(j_common_ptr jpeg, int level) {
    if (level >= 0) return;
    reader *r = jpeg->client_data;
    const int code = jpeg->err->msg_code;
    jpeg->err->num_warnings++;
    if (!r->options->allow_truncated) {
        const bool at_end = code == JWRN_JPEG_EOF || (code == JWRN_HIT_MARKER && r->jpeg.unread_marker == JPEG_EOI);
        if (at_end) leave(r, cvt_fail(r->error, CVT_TRUNCATED, "%s", early));
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

/* The segments are walked without libjpeg, which would keep copies of all of them. */
void cvt_jpeg_read_exif(cvt_decoded *info, const uint8_t *bytes, size_t size) {
    static const char exif[6] = "Exif\0";
    size_t at = 2;
    while (at + 4 <= size) {
        const uint8_t marker = bytes[at + 1];
        if (bytes[at] != 0xff || marker == 0 || marker == 0xff) {
            at++;
            continue;
        }
        if (marker == CVT_JPEG_SOS || marker == CVT_JPEG_EOI) break;
        at += 2;
        if (cvt_jpeg_stands_alone(marker)) continue;
        const size_t length = (size_t)bytes[at] << 8 | bytes[at + 1];
        if (length < 2 || length > size - at) break;
        if (marker == CVT_JPEG_APP1 && length >= 2 + sizeof exif && memcmp(bytes + at + 2, exif, sizeof exif) == 0) {
            cvt_exif_read(info, bytes + at + 2 + sizeof exif, length - 2 - sizeof exif);
            return;
        }
        at += length;
    }
}

/* ---- sources of our own: a file that ends early, a piece of a file ----------------------------------------------- */

static void begin_source(j_decompress_ptr jpeg) { (void)jpeg; }

static boolean fill_source(j_decompress_ptr jpeg) {
    static const JOCTET end[] = {0xff, JPEG_EOI};
    reader *r = jpeg->client_data;
    r->source.next_input_byte = end;
    r->source.bytes_in_buffer = r->ended ? 0 : sizeof end;
    bool filled = !r->ended;
    r->ended = true;
    if (!r->info->warning[0]) snprintf(r->info->warning, sizeof r->info->warning, "%s", early);
    return filled;
}

static void skip_source(j_decompress_ptr jpeg, long n) {
    reader *r = jpeg->client_data;
    while (n > 0 && (size_t)n > r->source.bytes_in_buffer) {
        n -= (long)r->source.bytes_in_buffer;
        if (!r->source.fill_input_buffer(jpeg)) return;
    }
    if (n <= 0) return;
    r->source.next_input_byte += n;
    r->source.bytes_in_buffer -= (size_t)n;
}

static void end_source(j_decompress_ptr jpeg) { (void)jpeg; }

/* Reads the next bytes of a piece into the buffer that the first call makes. */
static boolean fill_piece(j_decompress_ptr jpeg) {
    enum { CHUNK = 64 << 10 };
    reader *r = jpeg->client_data;
    if (!r->chunk) r->chunk = jpeg->mem->alloc_large((j_common_ptr)jpeg, JPOOL_PERMANENT, CHUNK);
    r->source.next_input_byte = r->chunk;
    r->source.bytes_in_buffer = cvt_jpeg_piece_read(r->piece, r->chunk, CHUNK);
    return TRUE;
}

static void set_source(reader *r, const uint8_t *bytes, size_t size, boolean (*fill)(j_decompress_ptr)) {
    r->source = (struct jpeg_source_mgr){.next_input_byte = bytes,
                                         .bytes_in_buffer = size,
                                         .init_source = begin_source,
                                         .fill_input_buffer = fill,
                                         .skip_input_data = skip_source,
                                         .resync_to_restart = jpeg_resync_to_restart,
                                         .term_source = end_source};
    r->jpeg.src = &r->source;
}

/* Notes the size where all segments in front of the data of the first scan are there, as Pillow wants them to open an
 * image. */
static void look_ahead(reader *r, const uint8_t *bytes, size_t size) {
    int width = 0, height = 0, components = 0;
    for (size_t at = 2; at + 2 <= size;) {
        const uint8_t code = bytes[at + 1], *segment = bytes + at + 4;
        if (bytes[at] != 0xff || code == 0 || code == 0xff) {
            at++;
            continue;
        }
        if (code == CVT_JPEG_EOI || size - at < 4) return;
        if (cvt_jpeg_stands_alone(code)) {
            at += 2;
            continue;
        }
        const size_t length = (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (length < 2 || length > size - at - 2) return;
        if (code == CVT_JPEG_SOS) {
            r->width = width;
            r->height = height;
            r->components = components;
            return;
        }
        if (cvt_jpeg_begins_frame(code) && length >= 8) {
            height = segment[1] << 8 | segment[2];
            width = segment[3] << 8 | segment[4];
            components = segment[5];
            bool good = segment[0] == 8 && width && height && (components == 1 || components == 3 || components == 4);
            if (!good) return;
        }
        at += 2 + length;
    }
}

/* ---- pixels ----------------------------------------------------------------------------------------------------- */

/* Reads the next n rows, back to back. */
static void read_rgb(reader *r, uint8_t *to, JDIMENSION n) {
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    const size_t stride = (size_t)jpeg->output_width * 3;
    while (n > 0) {
        JSAMPROW rows[ROWS];
        const JDIMENSION most = n < ROWS ? n : ROWS;
        for (JDIMENSION i = 0; i < most; i++) rows[i] = to + i * stride;
        const JDIMENSION got = jpeg_read_scanlines(jpeg, rows, most);
        if (!got) leave_incomplete(r, early);
        to += got * stride;
        n -= got;
    }
}

/* Returns a b / 255, rounded. */
static int scaled(int a, int b) {
    const int t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

/* The same of CMYK. */
static void read_cmyk(reader *r, uint8_t *to, JDIMENSION n) {
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    for (; n > 0; n--) {
        if (!jpeg_read_scanlines(jpeg, r->inks, 1)) leave_incomplete(r, early);
        const uint8_t *from = r->inks[0];
        for (JDIMENSION x = 0; x < jpeg->output_width; x++, from += 4, to += 3) {
            const int white = from[3]; /* 255 - K: from[] holds 255 minus each ink */
            for (int c = 0; c < 3; c++) to[c] = (uint8_t)(white - scaled(255 - from[c], white));
        }
    }
}

static void read_rows(reader *r, uint8_t *to, JDIMENSION n) {
    if (r->jpeg.out_color_space == JCS_CMYK)
        read_cmyk(r, to, n);
    else
        read_rgb(r, to, n);
}

static void read_whole(reader *r) {
    const int width = (int)r->jpeg.output_width, height = (int)r->jpeg.output_height;
    cvt_status status = cvt_pixels_resize(r->out, width, height, r->error);
    if (status != CVT_OK) leave(r, status);
    if (r->options->allow_truncated)
        memset(r->out->data, r->jpeg.out_color_space == JCS_CMYK ? 255 : 0, (size_t)width * (size_t)height * 3);
    r->sized = true;
    read_rows(r, r->out->data, r->jpeg.output_height);
}

/* Blocks that lie outside of what is wanted need not become pixels. Their bits are read all the same, and with them all
 * that can be wrong with them. This works in files of one scan. MARGIN: where a cut is, upsampling does not see its
 * neighbours beyond; it is more than a block of any kind. */
#if LIBJPEG_TURBO_VERSION_NUMBER >= 2001000
enum { MARGIN = 64 };

/* Leaves out columns, as far as libjpeg can; part->x is counted from the first that stays. */
static void skip_columns(reader *r, cvt_part *part) {
    const int right = cvt_min_int(part->x + part->width + MARGIN, (int)r->jpeg.output_width);
    JDIMENSION left = (JDIMENSION)cvt_max_int(part->x - MARGIN, 0), width = (JDIMENSION)right - left;
    if (jpeg_has_multiple_scans(&r->jpeg)) return;
    jpeg_crop_scanline(&r->jpeg, &left, &width);
    part->x -= (int)left;
}

/* Leaves out the rows up to row `end`, but for the last few. */
static void skip_rows(reader *r, int end) {
    const int n = end - MARGIN - (int)r->jpeg.output_scanline;
    if (n > 0 && !jpeg_has_multiple_scans(&r->jpeg)) jpeg_skip_scanlines(&r->jpeg, (JDIMENSION)n);
}
#else
static void skip_columns(reader *r, cvt_part *part) { (void)r, (void)part; }
static void skip_rows(reader *r, int end) { (void)r, (void)end; }
#endif

/* Reads the rows up to row `end`, a band at a time, and gives the sink those of the part. */
static void give_rows(reader *r, const cvt_part *part, uint8_t *band, int end) {
    const int width = (int)r->jpeg.output_width, most = cvt_band_rows(width);
    for (int y = (int)r->jpeg.output_scanline; y < end; y = (int)r->jpeg.output_scanline) {
        const int n = cvt_min_int(most, end - y);
        read_rows(r, band, (JDIMENSION)n);
        cvt_give_rows(r->options->sink, part, y, band, (size_t)width * 3, n);
    }
}

static void read_part(reader *r, cvt_part part) {
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    const int height = (int)jpeg->output_height;
    skip_columns(r, &part);
    const size_t row = (size_t)jpeg->output_width * 3, rows = (size_t)cvt_band_rows((int)jpeg->output_width);
    uint8_t *band = jpeg->mem->alloc_large((j_common_ptr)jpeg, JPOOL_IMAGE, row * rows);
    skip_rows(r, part.y);
    give_rows(r, &part, band, part.y + part.height);
    skip_rows(r, height);
    give_rows(r, &part, band, height);
}

static void read_pixels(reader *r, const uint8_t *bytes, size_t size) {
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &r->progress;
    if (r->piece) {
        set_source(r, NULL, 0, fill_piece);
    } else if (r->options->allow_truncated) {
        look_ahead(r, bytes, size);
        set_source(r, bytes, size, fill_source);
    } else {
        jpeg_mem_src(jpeg, bytes, size);
    }
    if (jpeg_read_header(jpeg, TRUE) == JPEG_SUSPENDED) {
        if (r->width) leave_incomplete(r, early);
        leave(r, cvt_fail(r->error, CVT_TRUNCATED, "%s", early));
    }
    const int n = jpeg->num_components;
    if (n != 1 && n != 3 && n != 4) leave(r, cvt_fail(r->error, CVT_UNSUPPORTED, "JPEG of %d components", n));
    cvt_status status = cvt_pixels_limit(jpeg->image_width, jpeg->image_height, r->options, r->error);
    if (status != CVT_OK) leave(r, status);
    jpeg->out_color_space = n == 4 ? JCS_CMYK : JCS_RGB;
    jpeg->scale_num = 1;
    jpeg->scale_denom = (unsigned)divisor(r, (int)jpeg->image_width, (int)jpeg->image_height);

    /* The memory that a file of many scans may take: four components of 16 bits a pixel, and what blocks add at the
     * edges. */
    const uint64_t limit = r->options->max_pixels ? r->options->max_pixels : CVT_MAX_PIXELS;
    jpeg->mem->max_memory_to_use = limit < LONG_MAX / 16 ? (long)limit * 8 + (64 << 20) : LONG_MAX;
    if (!jpeg_start_decompress(jpeg)) leave_incomplete(r, early);
    const cvt_row_sink *sink = r->options->allow_truncated ? NULL : r->options->sink;
    cvt_part part;
    if (n == 4) r->inks = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, jpeg->output_width * 4, 1);
    if (sink && sink->begin(sink->context, r->info, (int)jpeg->output_width, (int)jpeg->output_height, &part))
        read_part(r, part);
    else
        read_whole(r);
    jpeg_finish_decompress(jpeg); /* reads up to the end marker: otherwise a missing one would go unnoticed */
}

/* This is a function of its own because a jump back to it must not find local variables that have changed. */
static cvt_status guarded(reader *r, const uint8_t *bytes, size_t size) {
    if (setjmp(r->leave) == 0) read_pixels(r, bytes, size);
    jpeg_destroy_decompress(&r->jpeg);
    return r->status;
}

static cvt_status decode(reader *r, const uint8_t *bytes, size_t size) {
    r->jpeg.err = jpeg_std_error(&r->errors);
    r->jpeg.client_data = r;
    r->errors.error_exit = on_error;
    r->errors.emit_message = on_message;
    r->progress.progress_monitor = on_progress;
    return guarded(r, bytes, size);
}

cvt_status cvt_jpeg_decode(cvt_pixels *out, cvt_decoded *info, const uint8_t *bytes, size_t size,
                           const cvt_decode_options *options, cvt_error *error) {
    *info = (cvt_decoded){.orientation = 1};
    cvt_jpeg_read_exif(info, bytes, size);
    reader r = {.options = options, .out = out, .info = info, .error = error};
    return decode(&r, bytes, size);
}

cvt_status cvt_jpeg_decode_piece(cvt_pixels *out, cvt_decoded *info, cvt_jpeg_piece *piece,
                                 const cvt_decode_options *options, cvt_error *error) {
    *info = (cvt_decoded){.orientation = 1};
    reader r = {.options = options, .out = out, .info = info, .error = error, .piece = piece};
    return decode(&r, NULL, 0);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

typedef struct writer {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf leave;
    unsigned char *data;
    unsigned long size;
    const cvt_pixels *pixels;
    cvt_error *error;
    cvt_status status;
} writer;

static void on_write_error(j_common_ptr jpeg) {
    writer *w = jpeg->client_data;
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    w->status = jpeg->err->msg_code == JERR_OUT_OF_MEMORY ? cvt_fail_memory(w->error)
                                                          : cvt_fail(w->error, CVT_UNSUPPORTED, "JPEG: %s", text);
    longjmp(w->leave, 1);
}

static void write_pixels(writer *w, int quality) {
    jpeg_create_compress(&w->jpeg);
    jpeg_mem_dest(&w->jpeg, &w->data, &w->size);
    w->jpeg.image_width = (JDIMENSION)w->pixels->width;
    w->jpeg.image_height = (JDIMENSION)w->pixels->height;
    w->jpeg.input_components = 3;
    w->jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&w->jpeg);
    jpeg_set_quality(&w->jpeg, quality, TRUE);
    w->jpeg.optimize_coding = TRUE;
    jpeg_start_compress(&w->jpeg, TRUE);
    const size_t stride = (size_t)w->pixels->width * 3;
    while (w->jpeg.next_scanline < w->jpeg.image_height) {
        JSAMPROW row = w->pixels->data + w->jpeg.next_scanline * stride;
        jpeg_write_scanlines(&w->jpeg, &row, 1);
    }
    jpeg_finish_compress(&w->jpeg);
}

/* As guarded(). */
static cvt_status guarded_write(writer *w, int quality) {
    if (setjmp(w->leave) == 0) write_pixels(w, quality);
    jpeg_destroy_compress(&w->jpeg);
    return w->status;
}

cvt_status cvt_jpeg_encode(cvt_str *to, const cvt_pixels *pixels, int quality, cvt_error *error) {
    writer w = {.pixels = pixels, .error = error};
    w.jpeg.err = jpeg_std_error(&w.errors);
    w.jpeg.client_data = &w;
    w.errors.error_exit = on_write_error;
    cvt_status status = guarded_write(&w, quality);
    if (status == CVT_OK) cvt_str_append(to, (const char *)w.data, w.size);
    free(w.data);
    return status == CVT_OK && to->failed ? cvt_fail_memory(error) : status;
}
