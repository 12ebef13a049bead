/* png.c - decodes PNG to RGB, and writes it. This is the only file that uses libpng, by its full interface.
 *
 * Pixels become RGB as in Pillow: palettes are looked up; grey of 1, 2 and 4 bits is scaled to 0..255 and repeated in
 * all channels; alpha and transparent colours are dropped, or laid over a colour; 16 bits lose their lower half; gamma,
 * colour profiles and all other chunks are ignored. One thing differs: 16-bit grey without alpha becomes round(v /
 * 257), or min(v, 255) with clip_gray16. A wrong checksum of a chunk before the pixels is an error. In and behind the
 * pixels it is ignored, since zlib has a checksum of its own over them. An image is complete with its last row; what
 * follows may be missing. libpng reports errors by calling a function that must not return: it jumps back to guarded().
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "base/file.h"
#include "base/num.h"
#include "image/image.h"

enum { SIGNATURE = 8, MAX_SIDE = 1000000, TAIL = 1 << 16 };

typedef struct reader {
    png_structp png;
    png_infop png_info;
    jmp_buf leave;
    const uint8_t *bytes;
    size_t size, at;
    const cvt_decode_options *options;
    cvt_pixels *out;
    cvt_decoded *info;
    cvt_error *error;
    cvt_status status;
    uint32_t width, height;
    bool cut;                     /* the file ends inside a chunk */
    bool gray16;                  /* rows are read as 16-bit grey and converted at the end */
    int clear;                    /* the 16-bit grey value that is transparent and laid over a colour; -1: none */
    bool blend;                   /* rows have alpha, and are laid over a colour */
    bool reading;                 /* rows are being read, not the header */
    uint64_t rows_due;            /* rows still to come, over all passes of an interlaced file */
    cvt_part part;                /* what the sink wants, where rows go there; else its height is 0 */
    uint8_t *band;                /* rows on their way to the sink, band_rows of them or fewer */
    uint32_t band_top, band_rows; /* band_top: the row of the image that is the first in it */
    bool ended, no_memory, damaged;
} reader;

/* ---- what libpng calls ------------------------------------------------------------------------------------------ */

static _Noreturn void leave(reader *r, cvt_status status) {
    r->status = status;
    longjmp(r->leave, 1);
}

static void warn(reader *r, const char *text) {
    if (!r->info->warning[0]) snprintf(r->info->warning, sizeof r->info->warning, "PNG: %s", text);
}

static _Noreturn void on_error(png_structp png, const char *text) {
    reader *r = png_get_error_ptr(png);
    const bool complete = r->reading && r->rows_due == 0 && !r->damaged;
    if (r->no_memory) leave(r, cvt_fail_memory(r->error));
    if (complete || (r->reading && r->options->allow_truncated)) {
        warn(r, r->ended ? "data ends early" : text);
        leave(r, CVT_OK);
    }
    if (r->ended) leave(r, cvt_fail(r->error, CVT_TRUNCATED, "PNG data ends early"));
    leave(r, cvt_fail(r->error, CVT_CORRUPT, "PNG: %s", text));
}

/* The checksum of zlib over the pixels comes last. libpng only warns where it is wrong; here that is an error. */
static void on_warning(png_structp png, const char *text) {
    reader *r = png_get_error_ptr(png);
    warn(r, text);
    if (strstr(text, "incorrect data check")) {
        r->damaged = true;
        png_error(png, text);
    }
}

static void on_read(png_structp png, png_bytep to, size_t n) {
    reader *r = png_get_io_ptr(png);
    if (n > r->size - r->at) {
        r->ended = true;
        png_error(png, "data ends early");
    }
    memcpy(to, r->bytes + r->at, n);
    r->at += n;
}

static void on_row(png_structp png, png_row_infop row_info, png_bytep row) {
    reader *r = png_get_user_transform_ptr(png);
    r->rows_due--;
    if (r->blend && row_info->channels == 4) cvt_pixels_blend(row, row, row_info->width, r->options->alpha);
}

static png_voidp on_alloc(png_structp png, png_alloc_size_t size) {
    reader *r = png_get_mem_ptr(png);
    void *p = malloc(size);
    if (!p) r->no_memory = true;
    return p;
}

static void on_free(png_structp png, png_voidp p) {
    (void)png;
    free(p);
}

/* ---- chunks that are read without libpng ------------------------------------------------------------------------ */

static uint32_t big_endian(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Reads the size from IHDR, so that limits are checked before libpng allocates anything. */
static cvt_status read_size(reader *r) {
    if (r->size < SIGNATURE + 16) return cvt_fail(r->error, CVT_TRUNCATED, "PNG data ends early");
    if (memcmp(r->bytes + SIGNATURE + 4, "CgBI", 4) == 0)
        return cvt_fail(r->error, CVT_UNSUPPORTED,
                        "PNG in Apple's own form (CgBI), as programs for iPhones hold it: save it as a standard PNG");
    r->width = big_endian(r->bytes + SIGNATURE + 8);
    r->height = big_endian(r->bytes + SIGNATURE + 12);
    if (memcmp(r->bytes + SIGNATURE + 4, "IHDR", 4) != 0 || r->width == 0 || r->height == 0)
        return cvt_fail(r->error, CVT_CORRUPT, "PNG without a size");
    if (r->width > INT32_MAX || r->height > INT32_MAX)
        return cvt_fail(r->error, CVT_CORRUPT, "PNG of an impossible size, %u x %u", r->width, r->height);
    TRY(cvt_pixels_limit(r->width, r->height, r->options, r->error));
    if (r->width > MAX_SIDE || r->height > MAX_SIDE)
        return cvt_fail(r->error, CVT_TOO_LARGE, "PNG of %u x %u pixels, a side may have %d", r->width, r->height,
                        MAX_SIDE);
    return CVT_OK;
}

/* Looks for the chunk eXIf, which may stand before or behind the pixels, and checks whether the file ends inside a
 * chunk. */
static void walk_chunks(reader *r) {
    bool found = false;
    for (size_t at = SIGNATURE; r->size - at >= 8;) {
        const size_t length = big_endian(r->bytes + at), left = r->size - at - 8;
        r->cut = length > left || left - length < 4;
        if (r->cut || memcmp(r->bytes + at + 4, "IEND", 4) == 0) return;
        if (!found && memcmp(r->bytes + at + 4, "eXIf", 4) == 0) {
            cvt_exif_read(r->info, r->bytes + at + 8, length);
            found = true;
        }
        at += length + 12;
    }
}

/* ---- pixels ----------------------------------------------------------------------------------------------------- */

static void set_limits(reader *r) {
    png_set_user_limits(r->png, MAX_SIDE, MAX_SIDE);
    png_set_chunk_malloc_max(r->png, 8000000);
    png_set_chunk_cache_max(r->png, 128);
    /* libpng interprets only IHDR, PLTE, tRNS, IDAT and IEND */
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_benign_errors(r->png, 1);
    png_set_crc_action(r->png, PNG_CRC_ERROR_QUIT,
                       r->options->allow_truncated ? PNG_CRC_QUIET_USE : PNG_CRC_ERROR_QUIT);
}

static void set_transforms(reader *r) {
    const int type = png_get_color_type(r->png, r->png_info), depth = png_get_bit_depth(r->png, r->png_info);
    r->gray16 = type == PNG_COLOR_TYPE_GRAY && depth == 16;
    png_set_read_user_transform_fn(r->png, on_row);
    const bool keep = r->options->alpha != CVT_ALPHA_DROP;
    const bool clear = keep && png_get_valid(r->png, r->png_info, PNG_INFO_tRNS);
    png_color_16p colour = NULL;
    if (r->gray16 && clear) png_get_tRNS(r->png, r->png_info, NULL, NULL, &colour);
    r->clear = colour ? colour->gray : -1;
    r->blend = !r->gray16 && (clear || (keep && (type & PNG_COLOR_MASK_ALPHA)));
    png_set_user_transform_info(r->png, r, r->blend ? 8 : 0, r->blend ? 3 : 0);
    if (r->gray16) return;
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(r->png);
    if (type == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(r->png);
    if (depth == 16) png_set_strip_16(r->png);
    if (!(type & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(r->png);
    if (clear) png_set_tRNS_to_alpha(r->png);
    if (!r->blend) png_set_strip_alpha(r->png);
}

static uint64_t rows_of_all_passes(const reader *r) {
    if (png_get_interlace_type(r->png, r->png_info) == PNG_INTERLACE_NONE) return r->height;
    uint64_t rows = 0;
    for (int pass = 0; pass < PNG_INTERLACE_ADAM7_PASSES; pass++)
        if (PNG_PASS_COLS((int)r->width, pass) > 0) rows += (uint64_t)PNG_PASS_ROWS((int)r->height, pass);
    return rows;
}

/* Converts n pixels in place. The 16-bit pixels fill the first two thirds of the buffer, so the last pixel is converted
 * first. */
static void expand_gray16(const reader *r, uint8_t *data, size_t n) {
    const bool clip = r->options->clip_gray16;
    const int back = r->options->alpha == CVT_ALPHA_WHITE ? 255 : 0;
    for (size_t i = n; i-- > 0;) {
        const int v = data[2 * i] << 8 | data[2 * i + 1];
        const int gray = v == r->clear ? back : clip ? cvt_min_int(v, 255) : (v + 128) / 257;
        data[3 * i] = data[3 * i + 1] = data[3 * i + 2] = (uint8_t)gray;
    }
}

/* Does the sink want the rows, and is there room for a band of them? */
static bool begin_rows(reader *r) {
    const cvt_row_sink *sink = r->options->sink;
    if (!sink || r->options->allow_truncated || png_get_interlace_type(r->png, r->png_info) != PNG_INTERLACE_NONE)
        return false;
    r->band_rows = (uint32_t)cvt_band_rows((int)r->width);
    r->band = malloc((size_t)r->band_rows * r->width * 3);
    return r->band && sink->begin(sink->context, r->info, (int)r->width, (int)r->height, &r->part);
}

/* Hands the sink the rows of the band, which end where row `end` of the image begins. */
static void give_band(reader *r, uint32_t end) {
    const uint32_t n = end - r->band_top;
    if (r->gray16) expand_gray16(r, r->band, (size_t)n * r->width);
    cvt_give_rows(r->options->sink, &r->part, (int)r->band_top, r->band, (size_t)r->width * 3, (int)n);
    r->band_top = end;
}

static void read_rows(reader *r) {
    const size_t stride = (size_t)r->width * (r->gray16 ? 2 : 3);
    const int passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->png_info);
    if (png_get_rowbytes(r->png, r->png_info) != stride) png_error(r->png, "rows of an unexpected size");
    if (!begin_rows(r)) {
        cvt_status status = cvt_pixels_resize(r->out, (int)r->width, (int)r->height, r->error);
        if (status != CVT_OK) leave(r, status);
        if (r->options->allow_truncated) memset(r->out->data, 0, stride * r->height);
    }
    r->rows_due = rows_of_all_passes(r);
    r->reading = true;
    for (int pass = 0; pass < passes; pass++) {
        for (uint32_t y = 0; y < r->height; y++) {
            /* libpng reads pieces of 8 KiB and drops one that is not whole; where it reads byte by byte, nothing is
             * lost */
            if (r->cut && r->size - r->at < TAIL) png_set_compression_buffer_size(r->png, 1);
            if (r->part.height && y - r->band_top == r->band_rows) give_band(r, y);
            png_read_row(r->png, r->part.height ? r->band + (y - r->band_top) * stride : r->out->data + y * stride,
                         NULL);
        }
    }
}

static void read_pixels(reader *r) {
    r->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, r, on_error, on_warning, r, on_alloc, on_free);
    if (r->png) r->png_info = png_create_info_struct(r->png);
    if (!r->png_info) leave(r, cvt_fail_memory(r->error));
    set_limits(r);
    png_set_read_fn(r->png, r, on_read);
    png_read_info(r->png, r->png_info);
    png_set_crc_action(r->png, PNG_CRC_WARN_USE, PNG_CRC_QUIET_USE);
    set_transforms(r);
    read_rows(r);
}

/* This is a function of its own because a jump back to it must not find local variables that have changed. */
static cvt_status guarded(reader *r) {
    if (setjmp(r->leave) == 0) read_pixels(r);
    png_destroy_read_struct(&r->png, &r->png_info, NULL);
    return r->status;
}

cvt_status cvt_png_decode(cvt_pixels *out, cvt_decoded *info, const uint8_t *bytes, size_t size,
                          const cvt_decode_options *options, cvt_error *error) {
    *info = (cvt_decoded){.orientation = 1};
    reader r = {.bytes = bytes, .size = size, .options = options, .out = out, .info = info, .error = error};
    TRY(read_size(&r));
    walk_chunks(&r);
    cvt_status status = guarded(&r);
    /* libpng may have left in its last row, which is there all the same */
    if (status == CVT_OK && r.part.height) give_band(&r, r.height);
    if (status == CVT_OK && !r.part.height && r.gray16) expand_gray16(&r, out->data, (size_t)r.width * r.height);
    free(r.band);
    return status;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

typedef struct writer {
    png_structp png;
    png_infop png_info;
    jmp_buf leave;
    cvt_out out;
    cvt_str *to; /* NULL: the file */
    const cvt_pixels *pixels;
    cvt_error *error;
    cvt_status status;
} writer;

/* The functions that libpng calls have reported their own failures; what remains is that libpng itself lacks memory. */
static _Noreturn void on_write_error(png_structp png, const char *text) {
    writer *w = png_get_error_ptr(png);
    const char *name = w->to ? "a picture" : w->out.path;
    if (w->status == CVT_OK) w->status = cvt_fail(w->error, CVT_OUTPUT, "%s: PNG: %s", name, text);
    longjmp(w->leave, 1);
}

static void on_write_warning(png_structp png, const char *text) { (void)png, (void)text; }

static void on_write(png_structp png, png_bytep bytes, size_t n) {
    writer *w = png_get_io_ptr(png);
    if (w->to) cvt_str_append(w->to, (const char *)bytes, n);
    if (w->to && w->to->failed) w->status = cvt_fail_memory(w->error);
    if (!w->to) w->status = cvt_out_write(&w->out, bytes, n, w->error);
    if (w->status != CVT_OK) png_error(png, "output");
}

static void on_flush(png_structp png) { (void)png; }

static void write_pixels(writer *w) {
    const cvt_pixels *p = w->pixels;
    w->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, w, on_write_error, on_write_warning);
    if (w->png) w->png_info = png_create_info_struct(w->png);
    if (!w->png_info) {
        w->status = cvt_fail_memory(w->error);
        return;
    }
    png_set_write_fn(w->png, w, on_write, on_flush);
    png_set_IHDR(w->png, w->png_info, (png_uint_32)p->width, (png_uint_32)p->height, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(w->png, w->png_info);
    for (int y = 0; y < p->height; y++) png_write_row(w->png, p->data + (size_t)y * (size_t)p->width * 3);
    png_write_end(w->png, w->png_info);
}

static cvt_status guarded_write(writer *w) {
    if (setjmp(w->leave) == 0) write_pixels(w);
    png_destroy_write_struct(&w->png, &w->png_info);
    return w->status;
}

cvt_status cvt_png_write(const char *path, const cvt_pixels *pixels, cvt_error *error) {
    writer w = {.pixels = pixels, .error = error};
    TRY(cvt_out_open(&w.out, path, error));
    cvt_status status = guarded_write(&w);
    if (status == CVT_OK) return cvt_out_finish(&w.out, error);
    cvt_out_abandon(&w.out);
    return status;
}

cvt_status cvt_png_encode(cvt_str *to, const cvt_pixels *pixels, cvt_error *error) {
    writer w = {.to = to, .pixels = pixels, .error = error};
    return guarded_write(&w);
}
