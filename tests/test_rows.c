/* test_rows.c - tests images that are resized while they are decoded: values, failures and warnings are those of
 * decoding the image whole, turning it upright and then preparing the pixels, which test_image.c holds to Pillow. The
 * images are large enough that blocks outside of a crop are passed over. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <jpeglib.h>

#include "base/file.h"
#include "base/sanitize.h"
#include "image/image.h"
#include "test.h"

#define IMAGES "tests/data/images"

enum { WIDTH = 431, HEIGHT = 387, SIDE = 7 };

#define TO(how, h, w, with) \
    .resize = CVT_RESIZE_##how, .resize_height = h, .resize_width = w, .filter = CVT_FILTER_##with
#define CROP(h, w) .crop_height = h, .crop_width = w
#define RGB .channels = 3

static const struct {
    cvt_preprocess preprocess;
    cvt_decode_options options;
    cvt_image_stop stop;
} recipes[] = {
    {{TO(SHORTEST, 60, 60, BICUBIC), CROP(24, 24), RGB}, {0}, CVT_STOP_NONE},
    {{TO(SHORTEST, 60, 60, BILINEAR), CROP(8, 52), .crop_half_even = true, RGB}, {0}, CVT_STOP_CROP},
    {{TO(SQUASH, 9, 200, LANCZOS), RGB}, {0}, CVT_STOP_NONE}, /* the height first */
    {{TO(SQUASH, 500, 40, HAMMING), CROP(33, 21), RGB}, {.ignore_exif = true}, CVT_STOP_NONE},
    {{TO(BORDER, 50, 70, BOX), CROP(50, 70), .fill = {9, 99, 199}, RGB}, {0}, CVT_STOP_NONE},
    {{TO(SHORTEST, 41, 41, BICUBIC), CROP(20, 20), .channels = 1}, {0}, CVT_STOP_NONE},
    {{TO(SHORTEST, 60, 60, BICUBIC), CROP(24, 24), RGB}, {.fast = true}, CVT_STOP_NONE},
    {{TO(KEEP, 300, 90, BILINEAR), CROP(30, 30), RGB}, {0}, CVT_STOP_RESIZE},
};
enum { RECIPES = sizeof recipes / sizeof recipes[0] };

/* What came out of one way to prepare an image. */
typedef struct result {
    cvt_preprocessor p;
    cvt_error error;
    const cvt_pixels *pixels;
} result;

static void free_result(result *r) { cvt_preprocessor_free(&r->p); }

/* Resized while it is decoded, where that can be done. */
static void run_rows(result *r, int recipe, const uint8_t *bytes, size_t size) {
    r->error = (cvt_error){0};
    r->p.info.warning[0] = 0;
    cvt_preprocess_run(&r->p, &recipes[recipe].preprocess, &recipes[recipe].options, bytes, size, recipes[recipe].stop,
                       &r->pixels, &r->error);
}

/* The steps one by one. */
static cvt_status run_whole(result *r, int recipe, const uint8_t *bytes, size_t size) {
    cvt_decode_options options = recipes[recipe].options;
    cvt_pixels whole = {0}, scratch = {0};
    cvt_decoded info;
    r->error = (cvt_error){0};
    options.draft = options.fast ? &recipes[recipe].preprocess : NULL;
    cvt_status status = cvt_image_decode(&whole, &info, bytes, size, &options, &r->error);
    if (status == CVT_OK && !options.ignore_exif)
        status = cvt_pixels_orient(&whole, &scratch, info.orientation, &r->error);
    if (status == CVT_OK)
        status = cvt_preprocess_pixels(&r->p, &recipes[recipe].preprocess, &recipes[recipe].options, whole.data,
                                       whole.height, whole.width, 3 * (size_t)whole.width, recipes[recipe].stop,
                                       &r->pixels, &r->error);
    r->p.info = info;
    cvt_pixels_free(&whole);
    cvt_pixels_free(&scratch);
    return status;
}

static bool same_values(const result *a, const result *b, int recipe) {
    if (a->pixels->width != b->pixels->width || a->pixels->height != b->pixels->height) return false;
    const size_t n = (size_t)a->pixels->width * (size_t)a->pixels->height;
    if (memcmp(a->pixels->data, b->pixels->data, 3 * n) != 0) return false;
    const size_t bytes = n * (size_t)recipes[recipe].preprocess.channels * sizeof(float);
    return recipes[recipe].stop != CVT_STOP_NONE || memcmp(a->p.values, b->p.values, bytes) == 0;
}

/* Prepares the bytes in both ways. Returns what differs, or NULL. */
static const char *compare(result *rows, result *whole, int recipe, const uint8_t *bytes, size_t size) {
    const bool good = run_whole(whole, recipe, bytes, size) == CVT_OK;
    run_rows(rows, recipe, bytes, size);
    if (rows->error.status != whole->error.status) return "the status";
    if (!good) return strcmp(rows->error.message, whole->error.message) == 0 ? NULL : "the message";
    if (strcmp(rows->p.info.warning, whole->p.info.warning) != 0) return "the warning";
    return same_values(rows, whole, recipe) ? NULL : "a value";
}

/* ---- JPEGs that are made here ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    int components, h, v; /* sampling factors of the first component; the others have 1 x 1 */
    int restart;          /* a marker every so many blocks; 0: none */
    bool progressive;
} kinds[] = {
    {"4:4:4", 3, 1, 1, 0, false},      {"4:2:2", 3, 2, 1, 0, false},
    {"4:2:0", 3, 2, 2, 0, false},      {"4:2:0 with restart markers", 3, 2, 2, 7, false},
    {"4:4:0", 3, 1, 2, 0, false},      {"4:1:1", 3, 4, 1, 0, false},
    {"4:1:0", 3, 4, 2, 0, false},      {"grey", 1, 1, 1, 0, false},
    {"CMYK", 4, 1, 1, 0, false},       {"YCCK 4:2:0", 4, 2, 2, 0, false},
    {"progressive", 3, 2, 2, 0, true}, {"progressive grey", 1, 1, 1, 5, true},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

typedef struct bytes {
    unsigned char *data;
    unsigned long size;
} bytes;

/* Makes a JPEG of one of the kinds, of squares of random colours, so many pixels wide and high. *bytes is to be freed.
 */
static void make_jpeg(bytes *to, int kind, int orientation, int width, int height, int side) {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char exif[] = "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x01\0\0\0";
    const int n = kinds[kind].components;
    unsigned char *row = malloc((size_t)(width * n));
    *to = (bytes){0};
    if (!row) return;
    exif[24] = (unsigned char)orientation;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &to->data, &to->size);
    jpeg.image_width = (JDIMENSION)width;
    jpeg.image_height = (JDIMENSION)height;
    jpeg.input_components = n;
    jpeg.in_color_space = n == 1 ? JCS_GRAYSCALE : n == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    if (n == 4 && kinds[kind].h > 1) jpeg_set_colorspace(&jpeg, JCS_YCCK);
    jpeg_set_quality(&jpeg, 60, TRUE);
    jpeg.comp_info[0].h_samp_factor = kinds[kind].h;
    jpeg.comp_info[0].v_samp_factor = kinds[kind].v;
    if (n == 4) { /* the black is as fine as the light */
        jpeg.comp_info[3].h_samp_factor = kinds[kind].h;
        jpeg.comp_info[3].v_samp_factor = kinds[kind].v;
    }
    if (kinds[kind].progressive) jpeg_simple_progression(&jpeg);
    jpeg.restart_interval = (unsigned)kinds[kind].restart;
    jpeg_start_compress(&jpeg, TRUE);
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, exif, sizeof exif - 1);
    for (int y = 0; y < height; y++) {
        JSAMPROW rows = row;
        for (int i = 0; i < width * n; i++) {
            const unsigned square = (unsigned)(y / side * 1009 + i / n / side * n + i % n);
            row[i] = (unsigned char)((square * 2654435761u) >> 24);
        }
        jpeg_write_scanlines(&jpeg, &rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(row);
}

/* A photo of 100 megapixels takes less than 30 MB, the file and this program included. Its pixels would be 300. */
static void check_memory(void) {
    bytes file;
    result rows = {0};
    struct rusage usage;
    make_jpeg(&file, 2, 1, 11552, 8664, 512);
    run_rows(&rows, 0, file.data, file.size);
    getrusage(RUSAGE_SELF, &usage);
#ifdef CVT_ADDRESS_SANITIZER
    const long most = 100000; /* what is freed it keeps for a while */
#else
    const long most = 30000;
#endif
    test_case(file.size > 0 && rows.error.status == CVT_OK && usage.ru_maxrss < most,
              "100 megapixels take little memory", "%s; %ld kB at the peak, %lu of them for the file",
              rows.error.message, usage.ru_maxrss, file.size / 1000);
    free_result(&rows);
    free(file.data);
}

/* One kind in all orientations, each prepared in two ways: with all kinds, every way meets every orientation. The image
 * itself must never have been in memory. */
static void check_kind(int kind) {
    const char *found = NULL;
    int where = 0;
    bool whole_seen = false;
    for (int orientation = 1; orientation <= 8; orientation++) {
        bytes file;
        make_jpeg(&file, kind, orientation, WIDTH, HEIGHT, SIDE);
        for (int k = 0; k < 2 && !found; k++) {
            const int i = (orientation + kind + 5 * k) % RECIPES;
            result rows = {0}, whole = {0};
            found = compare(&rows, &whole, i, file.data, file.size);
            if (!found && rows.error.status != CVT_OK) found = rows.error.message;
            if (!found && rows.p.info.orientation != orientation) found = "the orientation";
            if (rows.p.decoded.capacity >= (size_t)WIDTH * HEIGHT * 3) whole_seen = true;
            where = 10 * i + orientation;
            free_result(&rows);
            free_result(&whole);
        }
        free(file.data);
    }
    test_case(!found, kinds[kind].name, "recipe %d, orientation %d: %s", where / 10, where % 10, found);
    test_case(!whole_seen, "it was never in memory whole", "%s", kinds[kind].name);
}

/* A JPEG that is cut, or has a byte changed, at every so many bytes: fails as if it were decoded whole, and says the
 * same, or gives the same values. */
static void check_damage(int kind, size_t step) {
    bytes file;
    result rows = {0}, whole = {0};
    const char *found = NULL;
    size_t at = 0, failed = 0, warned = 0;
    make_jpeg(&file, kind, 6, WIDTH, HEIGHT, SIDE);
    for (; !found && at < file.size; at += step) {
        const unsigned char flip = (unsigned char)(1u << at % 8);
        found = compare(&rows, &whole, 0, file.data, at);
        if (found) break;
        file.data[at] ^= flip;
        found = compare(&rows, &whole, (int)(at / step) % 2, file.data, file.size);
        failed += whole.error.status != CVT_OK;
        warned += whole.error.status == CVT_OK && whole.p.info.warning[0];
        file.data[at] ^= flip;
    }
    char name[64];
    snprintf(name, sizeof name, "%s, damaged", kinds[kind].name);
    test_case(!found && failed > 0 && warned > 0, name, "%s at byte %zu; %zu failed, %zu warned",
              found ? found : "no difference", at, failed, warned);
    free_result(&rows);
    free_result(&whole);
    free(file.data);
}

/* ---- the images that test_image.c reads ------------------------------------------------------------------------- */

/* Every file of the folder in two ways: PNGs of all kinds, files that are refused. */
static void check_folder(void) {
    DIR *folder = opendir(IMAGES);
    int files = 0;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char path[512];
        cvt_file file;
        cvt_error error;
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, IMAGES "/%s", entry->d_name);
        if (cvt_file_read(&file, path, 1 << 24, &error) != CVT_OK) continue;
        result rows = {0}, whole = {0};
        const char *found = NULL;
        for (int i = 0; i < 2 && !found; i++)
            found = compare(&rows, &whole, (files + 5 * i) % RECIPES, file.data, file.size);
        if (found) test_case(false, entry->d_name, "%s differs", found);
        files++;
        free_result(&rows);
        free_result(&whole);
        cvt_file_close(&file);
    }
    if (folder) closedir(folder);
    test_case(files > 100, "images of all kinds", "%d", files);
}

int main(void) {
    check_memory(); /* first, as it looks at the memory of the whole process */
    for (int kind = 0; kind < KINDS; kind++) check_kind(kind);
    check_damage(2, 503);
    check_damage(3, 401);
    check_damage(10, 911);
    check_folder();
    return test_end();
}
