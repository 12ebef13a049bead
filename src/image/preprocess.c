/* preprocess.c - makes the tensor of a model from the bytes of a file: decode, orient, resize, crop, normalise.
 *
 * Sizes and offsets are those of torchvision (Resize, CenterCrop), timm (ResizeKeepRatio, CenterCropOrPad) and the
 * PIL-backed processors of transformers. A value v becomes (v / 255 - mean) / std in f32, which is looked up in a
 * table. Sources: torchvision 0.28 transforms/functional.py, timm 1.0.31 data/transforms.py, transformers 5.23
 * image_transforms.py, Pillow 13.0.0. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/team.h"
#include "image/image.h"
#include "image/jpeg_pieces.h"

/* ---- geometry --------------------------------------------------------------------------------------------------- */

static cvt_status full_size(cvt_geometry *g, double width, double height, const cvt_preprocess *preprocess,
                            cvt_error *error) {
    if (width < 1 || height < 1)
        return cvt_fail(error, CVT_UNSUPPORTED,
                        "the image is too narrow: nothing is left of it after the resize to %d x %d",
                        preprocess->resize_width, preprocess->resize_height);
    if (width > INT_MAX || height > INT_MAX)
        return cvt_fail(error, CVT_TOO_LARGE, "the image is too narrow: the resize would make it %.0f x %.0f", width,
                        height);
    g->full_width = (int)width;
    g->full_height = (int)height;
    return CVT_OK;
}

/* Returns the offset of a centred crop. It is negative where the crop is larger than the image. */
static int offset(int size, int crop, bool half_even) {
    const int margin = size - crop, half = margin / 2;
    if (margin % 2 == 0) return half;
    if (half_even) return margin > 0 ? half + half % 2 : half;
    return margin > 0 ? half : half - 1;
}

cvt_status cvt_preprocess_geometry(cvt_geometry *out, const cvt_preprocess *preprocess, int width, int height,
                                   cvt_error *error) {
    const int64_t w = width, h = height, to_w = preprocess->resize_width, to_h = preprocess->resize_height;
    const double ratio_h = (double)h / (double)to_h, ratio_w = (double)w / (double)to_w;
    double ratio;
    *out = (cvt_geometry){0};
    switch (preprocess->resize) {
    case CVT_RESIZE_NONE: TRY(full_size(out, width, height, preprocess, error)); break;
    case CVT_RESIZE_SQUASH: TRY(full_size(out, (double)to_w, (double)to_h, preprocess, error)); break;
    case CVT_RESIZE_SHORTEST:
        if (w <= h)
            TRY(full_size(out, (double)to_w, (double)(to_w * h / w), preprocess, error));
        else
            TRY(full_size(out, (double)(to_w * w / h), (double)to_w, preprocess, error));
        break;
    case CVT_RESIZE_HEIGHT:
        TRY(full_size(out, fmax(1, rint((double)(w * to_h) / (double)h)), (double)to_h, preprocess, error));
        break;
    case CVT_RESIZE_KEEP:
    case CVT_RESIZE_BORDER:
        ratio = preprocess->resize == CVT_RESIZE_KEEP ? fmin(ratio_h, ratio_w) : fmax(ratio_h, ratio_w);
        TRY(full_size(out, rint(width / ratio), rint(height / ratio), preprocess, error)); /* .5 to even */
        break;
    }
    const bool crop = preprocess->crop_width > 0 && preprocess->crop_height > 0;
    out->width = crop ? preprocess->crop_width : out->full_width;
    out->height = crop ? preprocess->crop_height : out->full_height;
    out->x = offset(out->full_width, out->width, preprocess->crop_half_even);
    out->y = offset(out->full_height, out->height, preprocess->crop_half_even);
    const int n = preprocess->windows ? cvt_windows_count(out->full_width, out->width) : 1;
    if (n > 1) out->x = cvt_windows_place(out->full_width, out->width, n, n / 2);
    return CVT_OK;
}

int cvt_windows_count(int full, int width) {
    const int n = full / width + (full % width != 0);
    return cvt_max_int(1, cvt_min_int(n, CVT_MAX_WINDOWS));
}

int cvt_windows_place(int full, int width, int n, int i) { return (int)((int64_t)(full - width) * i / (n - 1)); }

/* ---- the image in the making ------------------------------------------------------------------------------------- */

/* What all steps share. */
typedef struct job {
    cvt_preprocessor *p;
    const cvt_preprocess *preprocess;
    const cvt_decode_options *options;
    cvt_image_stop stop;
    /* of an image that is resized while it is decoded: */
    bool begun;
    cvt_geometry g;
    int orientation; /* 1 where EXIF is ignored */
    int columns;     /* of the rows that come */
} job;

/* ---- pixels ----------------------------------------------------------------------------------------------------- */

/* Writes the grey value of Pillow's mode L into all three channels of n pixels. */
static void make_gray(uint8_t *p, size_t n) {
    for (; n > 0; n--, p += 3)
        p[0] = p[1] = p[2] = (uint8_t)((p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16);
}

static void fill(cvt_pixels *pixels, const uint8_t colour[3]) {
    uint8_t *p = pixels->data;
    for (size_t n = (size_t)pixels->width * (size_t)pixels->height; n > 0; n--, p += 3) memcpy(p, colour, 3);
}

static void paste(cvt_pixels *onto, const cvt_pixels *part, int x, int y) {
    const size_t stride = (size_t)onto->width * 3, bytes = (size_t)part->width * 3;
    for (int i = 0; i < part->height; i++)
        memcpy(onto->data + (size_t)(y + i) * stride + (size_t)x * 3, part->data + (size_t)i * bytes, bytes);
}

/* The part of the crop that lies inside the resized image. */
static cvt_window window_of(const cvt_geometry *g) {
    const int left = cvt_max_int(g->x, 0), top = cvt_max_int(g->y, 0);
    const int right = cvt_min_int(g->x + g->width, g->full_width),
              bottom = cvt_min_int(g->y + g->height, g->full_height);
    return (cvt_window){g->full_width, g->full_height, left, top, right - left, bottom - top};
}

/* Makes p->cropped of p->scratch, which holds that part. */
static cvt_status finish_crop(const job *j, const cvt_geometry *g, cvt_error *error) {
    cvt_preprocessor *p = j->p;
    const cvt_pixels part = p->scratch;
    if (part.width == g->width && part.height == g->height) {
        p->scratch = p->cropped;
        p->cropped = part;
        return CVT_OK;
    }
    TRY(cvt_pixels_resize(&p->cropped, g->width, g->height, error));
    fill(&p->cropped, j->preprocess->fill);
    paste(&p->cropped, &part, cvt_max_int(-g->x, 0), cvt_max_int(-g->y, 0));
    return CVT_OK;
}

static cvt_status find_resampler(cvt_preprocessor *p, cvt_error *error) {
    if (!p->kernels) TRY(cvt_kernels_find(&p->kernels, NULL, error));
    if (!p->resampler) p->resampler = cvt_resampler_new(p->kernels);
    return p->resampler ? CVT_OK : cvt_fail_memory(error);
}

/* Resizes and crops `from` into p->cropped. Only the pixels inside the crop are computed. */
static cvt_status resize_and_crop(const job *j, const cvt_pixels *from, const cvt_geometry *g, cvt_error *error) {
    const cvt_window window = window_of(g);
    TRY(find_resampler(j->p, error));
    TRY(cvt_resample(j->p->resampler, &j->p->scratch, from, j->preprocess->filter, &window, error));
    return finish_crop(j, g, error);
}

/* ---- tensor ----------------------------------------------------------------------------------------------------- */

static void fill_table(float table[256], const cvt_preprocess *preprocess, int channel) {
    const float mean = (float)preprocess->mean[channel], std = (float)preprocess->std[channel];
    for (int v = 0; v < 256; v++) {
        table[v] = preprocess->rescale ? (float)(v * preprocess->rescale_factor) : (float)v;
        if (preprocess->minus_one) table[v] -= 1;
        if (preprocess->normalize) table[v] = (table[v] - mean) / std;
        if (preprocess->divide_again) table[v] /= std;
    }
}

/* Makes room for so many bytes; what the buffer held is lost. */
static cvt_status reserve(float **buffer, size_t *capacity, size_t bytes, cvt_error *error) {
    if (bytes <= *capacity) return CVT_OK;
    free(*buffer);
    *capacity = 0;
    *buffer = malloc(bytes);
    if (!*buffer) return cvt_fail_memory(error);
    *capacity = bytes;
    return CVT_OK;
}

/* Returns how many values each channel has. */
static size_t count_of(const cvt_preprocessor *p) { return (size_t)p->cropped.width * (size_t)p->cropped.height; }

static void write_values(float *to, const cvt_pixels *pixels, const cvt_preprocess *preprocess) {
    const int channels = preprocess->channels;
    float tables[3][256];
    for (int c = 0; c < channels; c++) fill_table(tables[c], preprocess, c);
    const uint8_t *from = pixels->data;
    for (size_t n = (size_t)pixels->width * (size_t)pixels->height; n > 0; n--, from += 3)
        for (int c = 0; c < channels; c++) *to++ = tables[c][from[c]];
}

static cvt_status make_values(const job *j, cvt_error *error) {
    cvt_preprocessor *p = j->p;
    const size_t n = count_of(p), channels = (size_t)j->preprocess->channels;
    size_t bytes;
    if (!cvt_mul_size(n, channels * sizeof(float), &bytes)) return cvt_fail_memory(error);
    TRY(reserve(&p->values, &p->values_capacity, bytes, error));
    TRY(reserve(&p->planes, &p->planes_capacity, bytes, error));
    write_values(p->values, &p->cropped, j->preprocess);
    p->channels = j->preprocess->channels;
    p->planar = false;
    return CVT_OK;
}

const float *cvt_preprocessor_tensor(cvt_preprocessor *p) {
    const size_t n = count_of(p), channels = (size_t)p->channels;
    const float *from = p->values;
    for (size_t i = 0; !p->planar && i < n; i++)
        for (size_t c = 0; c < channels; c++) p->planes[c * n + i] = *from++;
    p->planar = true;
    return p->planes;
}

float *cvt_preprocessor_take(cvt_preprocessor *p, float *spare) {
    float *values = p->values;
    p->values = spare;
    p->values_capacity = spare ? count_of(p) * (size_t)p->channels * sizeof *spare : 0;
    return values;
}

/* ---- windows and lines: more than one tensor of an image ---- */

/* Appends the values of p->cropped to p->rest. */
static cvt_status add_to_rest(const job *j, cvt_error *error) {
    cvt_preprocessor *p = j->p;
    const size_t count = count_of(p) * (size_t)j->preprocess->channels;
    size_t have, bytes;
    if (!cvt_mul_size(count, (size_t)p->n_rest * sizeof(float), &have) ||
        !cvt_mul_size(count, ((size_t)p->n_rest + 1) * sizeof(float), &bytes))
        return cvt_fail_memory(error);
    if (bytes > p->rest_capacity) {
        float *grown = realloc(p->rest, 2 * bytes);
        if (!grown) return cvt_fail_memory(error);
        p->rest = grown;
        p->rest_capacity = 2 * bytes;
    }
    write_values(p->rest + have / sizeof(float), &p->cropped, j->preprocess);
    p->n_rest++;
    return CVT_OK;
}

/* Adds the windows of one image, or of one line of a page, to p->rest: all, or all but the main one. */
static cvt_status add_windows(const job *j, const cvt_pixels *from, bool all, cvt_error *error) {
    cvt_geometry g;
    TRY(cvt_preprocess_geometry(&g, j->preprocess, from->width, from->height, error));
    const int n = j->preprocess->windows ? cvt_windows_count(g.full_width, g.width) : 1;
    for (int i = 0; i < n; i++) {
        if (i == n / 2 && !all) continue;
        if (n > 1) g.x = cvt_windows_place(g.full_width, g.width, n, i);
        TRY(resize_and_crop(j, from, &g, error));
        TRY(add_to_rest(j, error));
    }
    return CVT_OK;
}

static cvt_status cut(cvt_pixels *out, const cvt_pixels *page, const cvt_line *line, cvt_error *error) {
    TRY(cvt_pixels_resize(out, line->width, line->height, error));
    const size_t bytes = (size_t)line->width * 3, stride = (size_t)page->width * 3;
    for (int y = 0; y < line->height; y++)
        memcpy(out->data + (size_t)y * bytes, page->data + (size_t)(line->y + y) * stride + (size_t)line->x * 3, bytes);
    return CVT_OK;
}

/* Adds all lines of the page but the middle one to p->rest, and leaves that in p->line. */
static cvt_status read_lines(const job *j, cvt_error *error) {
    cvt_preprocessor *p = j->p;
    cvt_lines lines;
    TRY(cvt_lines_find(&lines, &p->decoded, error));
    const int middle = lines.n / 2;
    for (int i = 0; i < lines.n && j->stop == CVT_STOP_NONE; i++) {
        if (i == middle) continue;
        TRY(cut(&p->line, &p->decoded, &lines.line[i], error));
        TRY(add_windows(j, &p->line, true, error));
    }
    return cut(&p->line, &p->decoded, &lines.line[middle], error);
}

/* ---- rows, and the steps behind decoding ------------------------------------------------------------------------ */

void cvt_preprocessor_free(cvt_preprocessor *p) {
    cvt_pixels_free(&p->decoded);
    cvt_pixels_free(&p->scratch);
    cvt_pixels_free(&p->cropped);
    cvt_pixels_free(&p->line);
    cvt_resampler_free(p->resampler);
    free(p->values);
    free(p->planes);
    free(p->rest);
    *p = (cvt_preprocessor){0};
}

/* The resized image and the crop in it that the last step wants of an image of width x height. */
static cvt_status geometry_at(cvt_geometry *g, const job *j, int width, int height, cvt_error *error) {
    TRY(cvt_preprocess_geometry(g, j->preprocess, width, height, error));
    if (j->stop == CVT_STOP_RESIZE)
        *g = (cvt_geometry){g->full_width, g->full_height, 0, 0, g->full_width, g->full_height};
    return cvt_pixels_limit((uint64_t)g->width, (uint64_t)g->height, j->options, error);
}

/* Does all steps after decoding. */
static cvt_status prepare(const job *j, const cvt_pixels **pixels, cvt_error *error) {
    cvt_preprocessor *p = j->p;
    const cvt_preprocess *preprocess = j->preprocess;
    const cvt_pixels *from = &p->decoded;
    *pixels = from;
    p->n_rest = 0;
    if (j->stop == CVT_STOP_DECODE) return CVT_OK;
    if (!j->options->ignore_exif) TRY(cvt_pixels_orient(&p->decoded, &p->scratch, p->info.orientation, error));
    if (j->stop == CVT_STOP_ORIENT) return CVT_OK;

    if (preprocess->channels == 1) make_gray(p->decoded.data, (size_t)p->decoded.width * (size_t)p->decoded.height);
    if (j->options->lines) {
        TRY(read_lines(j, error));
        from = &p->line;
    }
    cvt_geometry g;
    TRY(geometry_at(&g, j, from->width, from->height, error));
    *pixels = &p->cropped;
    if (j->stop == CVT_STOP_NONE && preprocess->windows) TRY(add_windows(j, from, false, error));
    TRY(resize_and_crop(j, from, &g, error)); /* last: the pixels that the caller sees */
    return j->stop == CVT_STOP_NONE ? make_values(j, error) : CVT_OK;
}

static double time_of(const cvt_preprocessor *p) { return p->timed ? cvt_clock_ms() : 0; }

/* Where this returns false the whole image is decoded, and what is wrong here shows again, in its place. */
static bool begin_rows(void *context, const cvt_decoded *info, int width, int height, cvt_part *part) {
    job *j = context;
    cvt_preprocessor *p = j->p;
    j->orientation = j->options->ignore_exif ? 1 : info->orientation;
    const bool transposed = cvt_orientation_turn(j->orientation).transposed;
    if (find_resampler(p, NULL) != CVT_OK ||
        geometry_at(&j->g, j, transposed ? height : width, transposed ? width : height, NULL) != CVT_OK)
        return false;
    const cvt_window window = window_of(&j->g);
    j->begun = cvt_resample_begin(p->resampler, j->preprocess->filter, &window, width, height, j->orientation, part);
    j->columns = part->width;
    return j->begun;
}

static void take_rows(void *context, uint8_t *rgb, size_t stride, int n) {
    const job *j = context;
    const double start = time_of(j->p);
    for (int i = 0; j->preprocess->channels == 1 && i < n; i++) make_gray(rgb + (size_t)i * stride, (size_t)j->columns);
    cvt_resample_take(j->p->resampler, rgb, stride, n);
    const double took = time_of(j->p) - start;
    j->p->resize_ms += took;
    j->p->decode_ms -= took;
}

/* Does the steps after p->scratch, which is the window of the crop as the image is stored. */
static cvt_status finish_rows(const job *j, const cvt_pixels **pixels, cvt_error *error) {
    cvt_preprocessor *p = j->p;
    p->n_rest = 0;
    TRY(cvt_pixels_orient(&p->scratch, &p->decoded, j->orientation, error));
    TRY(finish_crop(j, &j->g, error));
    *pixels = &p->cropped;
    return j->stop == CVT_STOP_NONE ? make_values(j, error) : CVT_OK;
}

/* Does the steps after decoding, where the rows have been taken. */
static cvt_status end_rows(const job *j, const cvt_pixels **pixels, cvt_error *error) {
    TRY(cvt_resample_end(j->p->resampler, &j->p->scratch, error));
    return finish_rows(j, pixels, error);
}

/* ---- in pieces -------------------------------------------------------------------------------------------------- */

enum { MAX_PIECES = 16 };

/* A JPEG of which several threads decode and resize a piece each: one below the other, as it is stored. */
typedef struct pieces {
    const job *whole;
    cvt_jpeg_cuts cuts;
    int n;
    struct piece {
        cvt_preprocessor own; /* resampler, decoded and times of this piece */
        job mine;             /* whose p is own */
        cvt_part part;        /* what the resampler needs of the image; from begin on, of the units */
        int first, last;      /* units */
        bool whole;           /* it was decoded, and there is nothing to say about it */
    } piece[MAX_PIECES];
} pieces;

static bool begin_piece(void *context, const cvt_decoded *info, int width, int height, cvt_part *part) {
    struct piece *piece = context;
    (void)info, (void)width, (void)height;
    *part = piece->part;
    return true;
}

static void take_piece(void *context, uint8_t *rgb, size_t stride, int n) {
    struct piece *piece = context;
    take_rows(&piece->mine, rgb, stride, n);
}

/* Begins piece i: chooses the outputs that it makes, the rows that these need, and so the units. Neighbours overlap, so
 * that each finds the rows beside its own, for upsampling, and each begins and ends within another: libjpeg only sees
 * that too many bytes lie before a restart marker where it goes on behind it. */
static bool begin_one(pieces *all, int i) {
    struct piece *piece = &all->piece[i];
    const job *j = all->whole;
    const cvt_turn turn = cvt_orientation_turn(j->orientation);
    cvt_window window = window_of(&j->g);
    int *start = turn.transposed ? &window.x : &window.y, *count = turn.transposed ? &window.width : &window.height;
    const int from = (int)((int64_t)*count * i / all->n), to = (int)((int64_t)*count * (i + 1) / all->n);
    *start += turn.y_back ? *count - to : from;
    *count = to - from;
    piece->mine = *j;
    piece->mine.p = &piece->own;
    piece->own.kernels = j->p->kernels;
    piece->own.timed = j->p->timed;
    if (to == from || find_resampler(&piece->own, NULL) != CVT_OK ||
        !cvt_resample_begin(piece->own.resampler, j->preprocess->filter, &window, all->cuts.width, all->cuts.height,
                            j->orientation, &piece->part))
        return false;
    piece->mine.columns = piece->part.width;
    piece->first = i ? cvt_max_int(piece->part.y / all->cuts.rows - 1, 0) : 0;
    piece->last = cvt_min_int((piece->part.y + piece->part.height - 1) / all->cuts.rows + 2, all->cuts.n);
    if (i + 1 == all->n) piece->last = all->cuts.n;
    piece->part.y -= piece->first * all->cuts.rows;
    struct piece *before = i ? piece - 1 : NULL;
    if (before && before->last <= piece->first) before->last = piece->first + 1;
    return true;
}

static void run_piece(void *context, size_t i) {
    pieces *all = context;
    struct piece *piece = &all->piece[i];
    cvt_decode_options how = *all->whole->options;
    const cvt_row_sink sink = {begin_piece, take_piece, piece};
    how.sink = &sink;
    how.draft = NULL;
    cvt_jpeg_piece file = cvt_jpeg_piece_of(&all->cuts, piece->first, piece->last);
    const double start = time_of(&piece->own);
    const cvt_status status = cvt_jpeg_decode_piece(&piece->own.decoded, &piece->own.info, &file, &how, NULL);
    piece->own.decode_ms += time_of(&piece->own) - start;
    piece->whole = status == CVT_OK && !piece->own.info.warning[0] &&
                   cvt_resample_end(piece->own.resampler, &piece->own.scratch, NULL) == CVT_OK;
}

/* Puts what the pieces have made one below the other into p->scratch. */
static bool join(const pieces *all) {
    cvt_preprocessor *p = all->whole->p;
    int height = 0;
    for (int i = 0; i < all->n; i++) {
        if (!all->piece[i].whole) return false;
        height += all->piece[i].own.scratch.height;
    }
    if (cvt_pixels_resize(&p->scratch, all->piece[0].own.scratch.width, height, NULL) != CVT_OK) return false;
    uint8_t *to = p->scratch.data;
    for (int i = 0; i < all->n; i++) {
        const cvt_preprocessor *own = &all->piece[i].own;
        const size_t bytes = (size_t)own->scratch.width * (size_t)own->scratch.height * 3;
        memcpy(to, own->scratch.data, bytes);
        to += bytes;
        p->decode_ms += own->decode_ms;
        p->resize_ms += own->resize_ms;
    }
    return true;
}

/* Decodes and resizes a JPEG in pieces, on several threads, into p->scratch. False where that cannot be done, or
 * anything at all is wrong with one of them: then the image is decoded as a whole, which says what. */
static bool run_pieces(job *j, const uint8_t *bytes, size_t size) {
    cvt_preprocessor *p = j->p;
    cvt_part part;
    pieces *all = calloc(1, sizeof *all);
    if (!all) return false;
    all->whole = j;
    bool done = cvt_jpeg_cut(&all->cuts, bytes, size);
    const uint64_t width = (uint64_t)all->cuts.width, height = (uint64_t)all->cuts.height;
    const int least = j->options->piece_pixels ? j->options->piece_pixels : CVT_PIECE_PIXELS;
    const uint64_t worth = width * height / (uint64_t)least;
    all->n = cvt_min_int(worth < MAX_PIECES ? (int)worth : MAX_PIECES, j->options->threads);
    done = done && all->n > 1 && cvt_pixels_limit(width, height, j->options, NULL) == CVT_OK;
    p->info = (cvt_decoded){.orientation = 1};
    if (done) cvt_jpeg_read_exif(&p->info, bytes, size);
    done = done && begin_rows(j, &p->info, all->cuts.width, all->cuts.height, &part);
    for (int i = 0; done && i < all->n; i++) done = begin_one(all, i);
    if (done) {
        cvt_team *team = cvt_team_new(all->n);
        cvt_team_each(team, (size_t)all->n, 1, run_piece, all);
        cvt_team_free(team);
        done = join(all);
    }
    for (int i = 0; i < all->n; i++) cvt_preprocessor_free(&all->piece[i].own);
    cvt_jpeg_cuts_free(&all->cuts);
    p->n_pieces = done ? all->n : 0;
    j->begun = false;
    free(all);
    return done;
}

/* ---- the whole path --------------------------------------------------------------------------------------------- */

cvt_status cvt_preprocess_run(cvt_preprocessor *p, const cvt_preprocess *preprocess, const cvt_decode_options *options,
                              const uint8_t *bytes, size_t size, cvt_image_stop stop, const cvt_pixels **pixels,
                              cvt_error *error) {
    cvt_decode_options how = *options;
    job j = {.p = p, .preprocess = preprocess, .options = options, .stop = stop};
    const cvt_row_sink sink = {begin_rows, take_rows, &j};
    const bool resized = stop == CVT_STOP_RESIZE || stop == CVT_STOP_CROP || stop == CVT_STOP_NONE;
    how.draft = options->fast ? preprocess : NULL;
    how.sink = resized && !options->lines && !preprocess->windows && !options->allow_truncated ? &sink : NULL;
    if (how.sink && options->threads > 1 && !options->fast && run_pieces(&j, bytes, size)) {
        const double begin = time_of(p);
        cvt_status status = finish_rows(&j, pixels, error);
        p->resize_ms += time_of(p) - begin;
        return status;
    }
    p->n_pieces = 0;
    const double start = time_of(p);
    cvt_status status = cvt_image_decode(&p->decoded, &p->info, bytes, size, &how, error);
    const double decoded = time_of(p);
    p->decode_ms += decoded - start;
    if (status != CVT_OK) return status;
    status = j.begun ? end_rows(&j, pixels, error) : prepare(&j, pixels, error);
    p->resize_ms += time_of(p) - decoded;
    return status;
}

cvt_status cvt_preprocess_pixels(cvt_preprocessor *p, const cvt_preprocess *preprocess,
                                 const cvt_decode_options *options, const uint8_t *rgb, int height, int width,
                                 size_t stride, cvt_image_stop stop, const cvt_pixels **pixels, cvt_error *error) {
    p->info = (cvt_decoded){.orientation = 1};
    if (height < 1 || width < 1) return cvt_fail(error, CVT_USAGE, "an image cannot be %d x %d", width, height);
    size_t row, last;
    if (!cvt_mul_size((size_t)width, 3, &row) || stride < row)
        return cvt_fail(error, CVT_USAGE, "rows of %d pixels cannot be %zu bytes apart", width, stride);
    if (!cvt_mul_size((size_t)height - 1, stride, &last) || last > PTRDIFF_MAX - row)
        return cvt_fail(error, CVT_USAGE, "%d rows, %zu bytes apart, do not fit into memory", height, stride);
    TRY(cvt_pixels_limit((uint64_t)width, (uint64_t)height, options, error));
    TRY(cvt_pixels_resize(&p->decoded, width, height, error));
    for (size_t y = 0; y < (size_t)height; y++) memcpy(p->decoded.data + y * row, rgb + y * stride, row);
    const job j = {.p = p, .preprocess = preprocess, .options = options, .stop = stop};
    return prepare(&j, pixels, error);
}
