/* test_pieces.c - a JPEG with restart markers that is decoded and resized in pieces must give what it gives as a whole:
 * the same pixels, whatever the sampling, the distance of the markers, the orientation and the resizing; and where it
 * is damaged the same error, warning or pixels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "image/image.h"
#include "image/jpeg_pieces.h"
#include "test.h"

enum { WIDTH = 150, HEIGHT = 211 };

typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes;

/* How an image is stored. */
typedef struct form {
    const char *name;
    int components, across, down; /* sampling of the first component */
    unsigned rows, blocks;        /* from one restart marker to the next, in rows of MCUs or in MCUs */
    bool cuts;                    /* it can be cut */
} form;

static const form forms[] = {
    {"4:2:0, each row", 3, 2, 2, 1, 0, true},
    {"4:2:0, two rows", 3, 2, 2, 2, 0, true},
    {"4:2:0, each MCU", 3, 2, 2, 0, 1, true},
    {"4:2:0, 4 MCUs of 10", 3, 2, 2, 0, 4, true},
    {"4:2:2, each row", 3, 2, 1, 1, 0, true},
    {"4:4:0, each row", 3, 1, 2, 1, 0, true},
    {"4:4:4, three rows", 3, 1, 1, 3, 0, true},
    {"grey, each row", 1, 1, 1, 1, 0, true},
    {"4:2:0, no row that begins so", 3, 2, 2, 0, 17, false},
    {"4:2:0, no markers", 3, 2, 2, 0, 0, false},
};

/* Encodes a smooth image with some noise; the orientation goes into an EXIF segment. */
static bytes encode(const form *f, int orientation) {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL, exif[] = "Exif\0\0MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\0\0\0\0\0\0\0";
    unsigned long size = 0;
    uint8_t row[WIDTH * 3];
    uint32_t state = 1;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &data, &size);
    jpeg.image_width = WIDTH;
    jpeg.image_height = HEIGHT;
    jpeg.input_components = f->components;
    jpeg.in_color_space = f->components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg.comp_info[0].h_samp_factor = f->across;
    jpeg.comp_info[0].v_samp_factor = f->down;
    jpeg.restart_in_rows = (int)f->rows;
    jpeg.restart_interval = f->blocks;
    jpeg_start_compress(&jpeg, TRUE);
    exif[6 + 8 + 2 + 9] = (unsigned char)orientation;
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, exif, sizeof exif - 1);
    while (jpeg.next_scanline < HEIGHT) {
        JSAMPROW rows[] = {row};
        for (int i = 0; i < WIDTH * f->components; i++) {
            state = state * 1664525u + 1013904223u;
            row[i] = (uint8_t)(i * (i % 3 + 1) / 3 + (int)jpeg.next_scanline * 2 + (int)(state >> 27));
        }
        jpeg_write_scanlines(&jpeg, rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return (bytes){data, size};
}

#define RESIZE(how, h, w, with) \
    .resize = CVT_RESIZE_##how, .resize_height = h, .resize_width = w, .filter = CVT_FILTER_##with
static const cvt_preprocess recipes[] = {
    {RESIZE(SHORTEST, 64, 64, BICUBIC), .crop_height = 12, .crop_width = 48, .channels = 3},
    {RESIZE(SQUASH, 90, 50, BILINEAR), .channels = 3},
    {RESIZE(SHORTEST, 256, 256, BOX), .crop_height = 224, .crop_width = 224, .channels = 1},
    {RESIZE(SQUASH, 20, 400, LANCZOS), .channels = 3}, /* the vertical axis first */
};
enum { RECIPES = sizeof recipes / sizeof recipes[0] };

/* Reads the image whole into *a and on some threads into *b. Returns whether both are the same. */
static bool same(cvt_preprocessor *a, cvt_preprocessor *b, bytes image, const cvt_preprocess *recipe, int threads,
                 cvt_image_stop stop) {
    const cvt_decode_options whole = {0}, pieces = {.threads = threads, .piece_pixels = 1};
    const cvt_pixels *x = NULL, *y = NULL;
    cvt_error why_a = {0}, why_b = {0};
    const cvt_status status = cvt_preprocess_run(a, recipe, &whole, image.data, image.size, stop, &x, &why_a);
    if (cvt_preprocess_run(b, recipe, &pieces, image.data, image.size, stop, &y, &why_b) != status) return false;
    if (strcmp(why_a.message, why_b.message) != 0 || strcmp(a->info.warning, b->info.warning) != 0) return false;
    if (status != CVT_OK) return true;
    if (b->n_pieces && b->info.warning[0]) return false;
    return x->width == y->width && x->height == y->height && a->info.orientation == b->info.orientation &&
           memcmp(x->data, y->data, (size_t)x->width * (size_t)x->height * 3) == 0;
}

static void check_form(cvt_preprocessor *a, cvt_preprocessor *b, const form *f) {
    int differ = 0, uncut = 0, runs = 0;
    for (int orientation = 1; orientation <= (f == forms ? 8 : 1); orientation++) {
        const bytes image = encode(f, orientation);
        for (int r = 0; r < RECIPES; r++) {
            static const int threads[] = {2, 3, 5};
            for (int t = 0; t < 3; t++, runs++) {
                differ += !same(a, b, image, &recipes[r], threads[t], t ? CVT_STOP_CROP : CVT_STOP_RESIZE);
                uncut += b->n_pieces != (f->cuts ? threads[t] : 0);
                if (a->info.orientation != orientation) differ++;
            }
        }
        free(image.data);
    }
    char name[96];
    snprintf(name, sizeof name, "%s: pixels of pieces are those of the whole", f->name);
    test_case(differ == 0, name, "%d of %d differ", differ, runs);
    snprintf(name, sizeof name, "%s: it is %s", f->name, f->cuts ? "cut" : "not cut");
    test_case(uncut == 0, name, "%d of %d times not so", uncut, runs);
}

/* Changes bytes one after another in the ways that matter to markers. */
static void check_damage(cvt_preprocessor *a, cvt_preprocessor *b, const form *f) {
    static const uint8_t values[] = {0xff, 0xd0, 0xd9, 0x00, 0xda};
    const bytes image = encode(f, 1);
    int differ = 0, failed = 0, cut = 0, runs = 0;
    for (size_t at = 2; at < image.size; at += at < 700 ? 11 : 61, runs++) {
        const uint8_t kept = image.data[at];
        image.data[at] = (uint8_t)(runs % 2 ? values[at % sizeof values] : kept ^ 1 << at % 8);
        differ += !same(a, b, image, &recipes[0], 3, CVT_STOP_CROP);
        cut += b->n_pieces > 0;
        image.data[at] = kept;
    }
    for (size_t size = image.size; size > 4; size -= size / 5 + 1, runs++) {
        differ += !same(a, b, (bytes){image.data, size}, &recipes[0], 3, CVT_STOP_CROP);
        failed += b->n_pieces == 0;
    }
    char name[96];
    snprintf(name, sizeof name, "%s: damaged, it gives what the whole gives", f->name);
    test_case(differ == 0, name, "%d of %d differ", differ, runs);
    test_case(cut > 0 && failed > 1, "some damage leaves pieces, a cut does not", "%d and %d", cut, failed);
    free(image.data);
}

/* Puts n bytes in front of each marker in turn. libjpeg warns of more than it reads ahead; where it has them in its
 * buffer already, it warns at a later marker, or never. */
static void check_extra(cvt_preprocessor *a, cvt_preprocessor *b, const form *f, size_t n, int threads) {
    const bytes image = encode(f, 1);
    static const uint8_t extra[10] = "\x12\x34\x56";
    uint8_t *longer = malloc(image.size + n);
    int differ = 0, warned = 0, markers = 0;
    for (size_t at = 700; longer && at + 1 < image.size; at++) {
        if (image.data[at] != 0xff || image.data[at + 1] == 0) continue;
        memcpy(longer, image.data, at);
        memcpy(longer + at, extra, n);
        memcpy(longer + at + n, image.data + at, image.size - at);
        differ += !same(a, b, (bytes){longer, image.size + n}, &recipes[1], threads, CVT_STOP_CROP);
        warned += a->info.warning[0] != 0;
        markers++;
    }
    char name[96];
    snprintf(name, sizeof name, "%s: %zu bytes before a marker are seen by %d threads", f->name, n, threads);
    test_case(differ == 0 && markers > 8 && warned > (n == 2 ? 0 : markers - 1), name, "%d of %d differ, %d warn",
              differ, markers, warned);
    free(longer);
    free(image.data);
}

/* A piece, read in small parts, is a file of its own. */
static void check_piece(cvt_preprocessor *p) {
    const bytes image = encode(&forms[0], 1);
    cvt_jpeg_cuts cuts;
    bool good = cvt_jpeg_cut(&cuts, image.data, image.size);
    test_case(good && cuts.n == 14 && cuts.rows == 16, "a row of MCUs is a unit", "%d of %d rows", cuts.n, cuts.rows);
    for (size_t step = 8; good && step < 40; step += 5) {
        cvt_jpeg_piece piece = cvt_jpeg_piece_of(&cuts, 3, 14);
        uint8_t *file = calloc(1, image.size + 64);
        size_t size = 0;
        while (size < image.size && !(size > 700 && file[size - 2] == 0xff && file[size - 1] == 0xd9))
            size += cvt_jpeg_piece_read(&piece, file + size, step);
        good = cvt_image_decode(&p->decoded, &p->info, file, size, &(cvt_decode_options){0}, NULL) == CVT_OK &&
               p->decoded.height == HEIGHT - 48 && !p->info.warning[0];
        free(file);
    }
    test_case(good, "a piece is a file of its own", "it is not");
    cvt_jpeg_cuts_free(&cuts);
    free(image.data);
}

int main(void) {
    cvt_preprocessor a = {0}, b = {0};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) check_form(&a, &b, &forms[i]);
    check_damage(&a, &b, &forms[0]);
    check_damage(&a, &b, &forms[3]);
    check_extra(&a, &b, &forms[0], 10, 3);
    check_extra(&a, &b, &forms[0], 2, 3);
    check_extra(&a, &b, &forms[2], 2, 3);
    check_extra(&a, &b, &forms[3], 2, 4);
    check_piece(&a);
    cvt_preprocessor_free(&a);
    cvt_preprocessor_free(&b);
    return test_end();
}
