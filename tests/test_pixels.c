/* test_pixels.c - tests the parts of the image path one by one: damage at every byte, limits, EXIF, geometry, windows
 * of a resized image. It starts from the images in tests/data/images. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <zlib.h>

#include "base/file.h"
#include "base/num.h"
#include "image/image.h"
#include "test.h"

/* What follows the last row of a PNG: the end of the deflate block, two checksums, IEND. */
enum { TAIL = 2 + 4 + 4 + 12 };

#define FOLDER "tests/data/images/"

static const cvt_decode_options defaults = {0};

/* A copy that can be damaged. Its memory is exactly as large, so that sanitizers see an access beyond it. */
typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes;

static bytes load(const char *name) {
    char path[256];
    cvt_file file;
    cvt_error error;
    snprintf(path, sizeof path, FOLDER "%s", name);
    bytes b = {0};
    if (!test_case(cvt_file_read(&file, path, 1 << 24, &error) == CVT_OK, name, "%s", error.message)) return b;
    b = (bytes){malloc(file.size), file.size};
    if (b.data) memcpy(b.data, file.data, file.size);
    cvt_file_close(&file);
    return b;
}

static cvt_status decode(cvt_preprocessor *p, const uint8_t *data, size_t size, const cvt_decode_options *options,
                         cvt_error *error) {
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact) return cvt_fail_memory(error);
    if (size) memcpy(exact, data, size);
    cvt_status status = cvt_image_decode(&p->decoded, &p->info, exact, size, options, error);
    free(exact);
    return status;
}

/* ---- damage ----------------------------------------------------------------------------------------------------- */

/* Tests that a file that lacks more than its last `tail` bytes ends early; with allow_truncated this is at most a
 * warning. */
static void check_cuts(cvt_preprocessor *p, const char *name, size_t tail) {
    const cvt_decode_options lenient = {.allow_truncated = true};
    bytes b = load(name);
    size_t wrong = 0, taken = 0, first = 0;
    char why[CVT_MESSAGE_MAX] = "";
    for (size_t size = 0; size + tail < b.size; size++) {
        cvt_error error = {0};
        const cvt_status status = decode(p, b.data, size, &defaults, &error);
        if (status != CVT_TRUNCATED && wrong++ == 0) {
            first = size;
            snprintf(why, sizeof why, "%s", status == CVT_OK ? "accepted" : error.message);
        }
        if (decode(p, b.data, size, &lenient, NULL) == CVT_OK) taken += p->info.warning[0] != 0;
    }
    char title[128];
    snprintf(title, sizeof title, "%s cut at every byte", name);
    test_case(b.size > tail && wrong == 0, title, "%zu of them wrong, first at %zu: %s", wrong, first, why);
    snprintf(title, sizeof title, "%s cut, most of it taken if allowed", name);
    test_case(taken > b.size / 4, title, "%zu of %zu", taken, b.size);
    free(b.data);
}

/* How many bytes zlib makes of the IDAT chunks in the first `size` bytes of a PNG, the last of which may be cut. */
static size_t inflated(uint8_t *data, size_t size) {
    static uint8_t all[1 << 16];
    z_stream z = {.next_out = all, .avail_out = sizeof all};
    if (inflateInit(&z) != Z_OK) return 0;
    for (size_t at = 8; at + 8 <= size;) {
        const size_t length = (size_t)data[at + 2] << 8 | data[at + 3], left = size - at - 8;
        if (memcmp(data + at + 4, "IDAT", 4) == 0) {
            z.next_in = data + at + 8;
            z.avail_in = (uInt)(length < left ? length : left);
            (void)inflate(&z, Z_SYNC_FLUSH);
        }
        at += length + 12;
    }
    const size_t n = z.total_out;
    inflateEnd(&z);
    return n;
}

/* Tests that of a PNG of 29 x 17 pixels without interlacing, a row of which has so many bytes, allow_truncated gives
 * every row of which the data is there, wherever the file is cut behind the header of its first IDAT chunk; the other
 * rows are black. */
static void check_rows_before_cut(cvt_preprocessor *p, const char *name, size_t row_bytes) {
    enum { WIDTH = 29, HEIGHT = 17, ROW = WIDTH * 3 };
    const cvt_decode_options lenient = {.allow_truncated = true};
    uint8_t whole[HEIGHT * ROW] = {0}, wanted[HEIGHT * ROW];
    size_t wrong = 0, first = 0, seen[HEIGHT + 1] = {0}, counts = 0;
    bytes b = load(name);
    bool ok = b.data && decode(p, b.data, b.size, &defaults, NULL) == CVT_OK && p->decoded.height == HEIGHT;
    if (ok) memcpy(whole, p->decoded.data, sizeof whole);
    size_t begin = 8;
    while (ok && begin + 8 < b.size && memcmp(b.data + begin + 4, "IDAT", 4) != 0) begin += 12u + b.data[begin + 3];
    for (size_t size = begin + 8; ok && size + TAIL < b.size; size++) {
        const size_t rows = inflated(b.data, size) / (row_bytes + 1); /* a byte that names the filter */
        memset(wanted, 0, sizeof wanted);
        memcpy(wanted, whole, rows * ROW);
        if (decode(p, b.data, size, &lenient, NULL) != CVT_OK || !p->info.warning[0] ||
            memcmp(p->decoded.data, wanted, sizeof wanted) != 0)
            if (wrong++ == 0) first = size;
        if (seen[rows]++ == 0) counts++;
    }
    char title[128];
    snprintf(title, sizeof title, "%s cut, every row that is there is taken", name);
    test_case(ok && wrong == 0 && counts > HEIGHT / 2, title, "%zu wrong, first at %zu; %zu counts of rows", wrong,
              first, counts);
    free(b.data);
}

static bool known(cvt_status status) {
    return status == CVT_OK || status == CVT_FORMAT || status == CVT_TRUNCATED || status == CVT_CORRUPT ||
           status == CVT_UNSUPPORTED || status == CVT_TOO_LARGE;
}

/* Gives every byte in turn a few other values. Whatever happens is a status, and a line that says what is wrong. */
static void check_flips(cvt_preprocessor *p, const char *name, size_t step) {
    static const uint8_t flips[] = {0x01, 0x80, 0xff};
    const cvt_decode_options small = {.max_pixels = 1000000},
                             lenient = {.max_pixels = 1000000, .allow_truncated = true};
    bytes b = load(name);
    size_t wrong = 0, refused = 0;
    for (size_t i = 0; i < b.size; i += step) {
        const uint8_t flip = flips[i % sizeof flips];
        cvt_error error = {0};
        b.data[i] ^= flip;
        const cvt_status status = decode(p, b.data, b.size, &small, &error);
        wrong += !known(status) || (status != CVT_OK && (!error.message[0] || strpbrk(error.message, "\r\n")));
        refused += status != CVT_OK;
        wrong += !known(decode(p, b.data, b.size, &lenient, NULL));
        b.data[i] ^= flip;
    }
    char title[128];
    snprintf(title, sizeof title, "%s with changed bytes", name);
    test_case(b.size > 0 && wrong == 0 && refused > 0, title, "%zu wrong, %zu refused", wrong, refused);
    free(b.data);
}

static void check_damage(cvt_preprocessor *p) {
    check_cuts(p, "jpeg_2x1_r.jpg", 0);
    check_cuts(p, "jpeg_2x2_a.jpg", 0);
    check_cuts(p, "jpeg_97x61_420_p_q75.jpg", 0);
    check_cuts(p, "jpeg_cmyk_adobe.jpg", 0);
    check_cuts(p, "png_6_16_i_29x17.png", TAIL); /* behind the last row */
    check_cuts(p, "png_trns_palette.png", TAIL);
    check_rows_before_cut(p, "png_2_8_29x17.png", 29 * 3);
    check_rows_before_cut(p, "png_2_16_29x17.png", 29 * 6);
    check_rows_before_cut(p, "png_0_2_29x17.png", 8);
    check_flips(p, "jpeg_2x1_r.jpg", 1);
    check_flips(p, "jpeg_97x61_420_p_q75.jpg", 3);
    check_flips(p, "jpeg_ycck.jpg", 2);
    check_flips(p, "exif_6.jpg", 1);
    check_flips(p, "png_3_4_i_29x17.png", 1);
    check_flips(p, "png_0_16_29x17.png", 1);
    check_flips(p, "png_trns_gama.png", 1);
}

/* ---- limits ----------------------------------------------------------------------------------------------------- */

static void expect(cvt_preprocessor *p, const char *title, bytes b, cvt_decode_options options, cvt_status want,
                   const char *word) {
    cvt_error error = {0};
    const cvt_status status = decode(p, b.data, b.size, &options, &error);
    test_case(status == want && (!word || strstr(error.message, word)), title, "%s: %s", cvt_status_code(status),
              error.message);
}

static void check_limits(cvt_preprocessor *p) {
    bytes jpeg = load("jpeg_97x61_420_p_q75.jpg"), png = load("png_2_8_29x17.png");
    expect(p, "JPEG of just as many pixels", jpeg, (cvt_decode_options){.max_pixels = 97 * 61}, CVT_OK, NULL);
    expect(p, "JPEG of one pixel too many", jpeg, (cvt_decode_options){.max_pixels = 97 * 61 - 1}, CVT_TOO_LARGE,
           "--max-pixels");
    expect(p, "PNG of just as many pixels", png, (cvt_decode_options){.max_pixels = 29 * 17}, CVT_OK, NULL);
    expect(p, "PNG of one pixel too many", png, (cvt_decode_options){.max_pixels = 29 * 17 - 1}, CVT_TOO_LARGE,
           "--max-pixels");
    /* Pillow writes the ten scans of jpeg_simple_progression */
    expect(p, "JPEG of just as many scans", jpeg, (cvt_decode_options){.max_scans = 10}, CVT_OK, NULL);
    expect(p, "JPEG of one scan too many", jpeg, (cvt_decode_options){.max_scans = 9}, CVT_TOO_LARGE, "--max-scans");
    free(jpeg.data);
    free(png.data);

    static const char *const lies[] = {"bad_jpeg_lie.jpg", "bad_jpeg_lie_p.jpg",
                                       "bad_png_lie.png"}; /* 81 million pixels */
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        bytes b = load(lies[i]);
        decode(p, b.data, b.size, &defaults, NULL);
        free(b.data);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    test_case(usage.ru_maxrss < 100000, "sizes that lie take no memory", "%ld kB at the peak", usage.ru_maxrss);
}

static void check_warnings(cvt_preprocessor *p) {
    bytes b = load("jpeg_extraneous_bytes.jpg");
    cvt_status status = decode(p, b.data, b.size, &defaults, NULL);
    test_case(status == CVT_OK && strstr(p->info.warning, "extraneous"), "a warning is passed on", "\"%s\"",
              p->info.warning);
    free(b.data);
    b = load("png_bad_pixels_crc.png");
    status = decode(p, b.data, b.size, &defaults, NULL);
    test_case(status == CVT_OK && strstr(p->info.warning, "CRC"), "a wrong checksum is told", "\"%s\"",
              p->info.warning);
    free(b.data);
    b = load("jpeg_gray.jpg");
    status = decode(p, b.data, b.size, &defaults, NULL);
    test_case(status == CVT_OK && !p->info.warning[0], "no warning without reason", "\"%s\"", p->info.warning);
    free(b.data);
}

static void check_names(cvt_preprocessor *p) {
    static const char *const formats[] = {"GIF", "BMP", "TIFF", "QOI", "PPM"};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "bad_other_%s.jpg", formats[i]);
        bytes b = load(name);
        cvt_error error = {0};
        cvt_status status = decode(p, b.data, b.size, &defaults, &error);
        test_case(status == CVT_UNSUPPORTED && strstr(error.message, formats[i]), formats[i], "%s", error.message);
        free(b.data);
    }
}

/* ---- EXIF ------------------------------------------------------------------------------------------------------- */

static int exif(const char *data, size_t size) {
    uint8_t *exact = malloc(size ? size : 1); /* so that sanitizers see a byte too far */
    if (!exact) return -1;
    memcpy(exact, data, size);
    const int orientation = cvt_exif_orientation(exact, size);
    free(exact);
    return orientation;
}
#define EXIF(text) exif(text, sizeof text - 1)

static void check_exif(void) {
#define LITTLE "II*\0\x08\0\0\0\x01\0"
#define BIG "MM\0*\0\0\0\x08\0\x01"
    static const struct {
        const char *name, *data;
        size_t size;
        int want;
    } cases[] = {
#define CASE(name, text, want) {name, text, sizeof text - 1, want}
        CASE("little endian", LITTLE "\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 6),
        CASE("big endian", BIG "\x01\x12\0\x03\0\0\0\x01\0\x08\0\0", 8),
        CASE("long", BIG "\x01\x12\0\x04\0\0\0\x01\0\0\0\x05", 5),
        CASE("behind the JPEG prefix", "Exif\0\0" LITTLE "\x12\x01\x03\0\x01\0\0\0\x03\0\0\0", 3),
        CASE("first of several", LITTLE "\x12\x01\x03\0\x02\0\0\0\x07\0\x03\0", 7),
        CASE("elsewhere", LITTLE "\x12\x01\x03\0\x03\0\0\0\x16\0\0\0\x04\0\x01\0\x01\0", 4),
        CASE("beyond the end", LITTLE "\x12\x01\x03\0\x03\0\0\0\x17\0\0\0\x04\0\x01\0\x01", 1),
        CASE("far beyond the end", LITTLE "\x12\x01\x04\0\xff\xff\xff\xff\xff\xff\xff\xff", 1),
        CASE("no number", LITTLE "\x12\x01\x02\0\x01\0\0\0\x06\0\0\0", 1),
        CASE("none of them", LITTLE "\x12\x01\x03\0\0\0\0\0\x06\0\0\0", 1),
        CASE("zero", LITTLE "\x12\x01\x03\0\x01\0\0\0\0\0\0\0", 1),
        CASE("nine", LITTLE "\x12\x01\x03\0\x01\0\0\0\x09\0\0\0", 1),
        CASE("65542", LITTLE "\x12\x01\x04\0\x01\0\0\0\x06\0\x01\0", 1),
        CASE("another tag", LITTLE "\x13\x01\x03\0\x01\0\0\0\x06\0\0\0", 1),
        CASE("directory beyond the end", "II*\0\xff\xff\xff\xff", 1),
        CASE("directory at the end", "II*\0\x08\0\0\0", 1),
        CASE("half a directory", LITTLE "\x12\x01\x03\0\x01\0\0", 1),
        CASE("not 42", "II+\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 1),
        CASE("no byte order", "IM*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 1),
        CASE("empty", "", 1),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int got = exif(cases[i].data, cases[i].size);
        char title[64];
        snprintf(title, sizeof title, "EXIF: %s", cases[i].name);
        test_case(got == cases[i].want, title, "%d, wanted %d", got, cases[i].want);
    }
}

/* ---- geometry --------------------------------------------------------------------------------------------------- */

/* Tests offsets against the formulas of torchvision and Hugging Face: round half to even of (h - size) / 2.0, and (h -
 * size) // 2. An image that is smaller than the crop is padded by (size - h) // 2 on the left or, in Hugging Face, one
 * more. */
static void check_geometry(void) {
    static const struct {
        int size, torch, hf;
    } offsets[] = {{224, 0, 0}, {225, 0, 0},  {226, 1, 1},   {227, 2, 1},  {229, 2, 2},
                   {231, 4, 3}, {223, 0, -1}, {222, -1, -1}, {219, -2, -3}};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        cvt_preprocess preprocess = {.resize = CVT_RESIZE_NONE, .crop_height = 224, .crop_width = 224};
        cvt_geometry hf, torch;
        cvt_preprocess_geometry(&hf, &preprocess, 300, offsets[i].size, NULL);
        preprocess.crop_half_even = true;
        cvt_preprocess_geometry(&torch, &preprocess, offsets[i].size, 300, NULL);
        test_case(hf.y == offsets[i].hf && torch.x == offsets[i].torch && hf.x == 38 && hf.full_width == 300,
                  "offset of a crop", "%d: %d, %d", offsets[i].size, hf.y, torch.x);
    }

    const cvt_preprocess shortest = {.resize = CVT_RESIZE_SHORTEST, .resize_height = 256, .resize_width = 256};
    cvt_geometry g;
    cvt_error error = {0};
    test_case(cvt_preprocess_geometry(&g, &shortest, 500, 375, NULL) == CVT_OK && g.full_width == 341 &&
                  g.full_height == 256 && g.width == 341 && g.height == 256,
              "the long side is rounded down", "%d x %d", g.full_width, g.full_height);
    test_case(cvt_preprocess_geometry(&g, &shortest, 1, 100000000, &error) == CVT_TOO_LARGE, "a resize beyond 2^31",
              "%s", error.message);
    const cvt_preprocess border = {.resize = CVT_RESIZE_BORDER, .resize_height = 224, .resize_width = 224};
    test_case(cvt_preprocess_geometry(&g, &border, 1000, 1, &error) == CVT_UNSUPPORTED, "a resize to nothing", "%s",
              error.message);
    /* timm's ResizeKeepRatio.get_params: 640 x 480 for (224, 320), longest 0 and 1 */
    cvt_preprocess keep = {.resize = CVT_RESIZE_KEEP, .resize_height = 224, .resize_width = 320};
    test_case(cvt_preprocess_geometry(&g, &keep, 640, 480, NULL) == CVT_OK && g.full_width == 320 &&
                  g.full_height == 240,
              "keep the ratio", "%d x %d", g.full_width, g.full_height);
    keep.resize = CVT_RESIZE_BORDER;
    test_case(cvt_preprocess_geometry(&g, &keep, 640, 480, NULL) == CVT_OK && g.full_width == 299 &&
                  g.full_height == 224,
              "keep the ratio inside", "%d x %d", g.full_width, g.full_height);
}

/* ---- resampling ------------------------------------------------------------------------------------------------- */

static void fill_noise(cvt_pixels *pixels, int width, int height) {
    uint32_t state = 1;
    if (cvt_pixels_resize(pixels, width, height, NULL) != CVT_OK) return;
    for (size_t i = 0; i < (size_t)width * (size_t)height * 3; i++) {
        state = state * 1664525u + 1013904223u;
        pixels->data[i] = (uint8_t)(state >> 24);
    }
}

static bool same_window(const cvt_pixels *part, const cvt_pixels *whole, int x, int y) {
    for (int row = 0; row < part->height; row++) {
        const uint8_t *a = part->data + (size_t)row * (size_t)part->width * 3;
        const uint8_t *b = whole->data + ((size_t)(y + row) * (size_t)whole->width + (size_t)x) * 3;
        if (memcmp(a, b, (size_t)part->width * 3) != 0) return false;
    }
    return true;
}

/* Tests that a window equals the same part of the whole, whichever axes change their size. One resampler serves all
 * sizes. */
static void check_windows(void) {
    static const int sizes[][4] = {{60, 40, 33, 21}, {21, 90, 30, 20}, {60, 40, 60, 21},
                                   {60, 40, 33, 40}, {5, 4, 70, 90},   {60, 40, 60, 40}};
    cvt_resampler *r = cvt_resampler_new(&cvt_kernels_ref);
    cvt_pixels in = {0}, whole = {0}, part = {0};
    for (size_t i = 0; r && i < sizeof sizes / sizeof sizes[0]; i++) {
        const int *s = sizes[i];
        int wrong = 0;
        fill_noise(&in, s[0], s[1]);
        for (int filter = CVT_FILTER_NEAREST; filter <= CVT_FILTER_LANCZOS; filter++) {
            const cvt_window all = {s[2], s[3], 0, 0, s[2], s[3]}, some = {s[2], s[3], 5, 3, s[2] - 11, s[3] - 10};
            wrong += cvt_resample(r, &whole, &in, (cvt_filter)filter, &all, NULL) != CVT_OK;
            wrong += cvt_resample(r, &part, &in, (cvt_filter)filter, &some, NULL) != CVT_OK;
            wrong += !same_window(&part, &whole, some.x, some.y);
        }
        test_case(wrong == 0, "a window of a resize", "%d x %d to %d x %d: %d wrong", s[0], s[1], s[2], s[3], wrong);
    }
    /* Pillow would need gigabytes for this: 25,600,000 x 256, of which a window is computed. */
    fill_noise(&in, 100000, 1);
    const cvt_window far = {25600000, 256, 12800000, 20, 224, 224};
    cvt_error error = {0};
    bool done = r && cvt_resample(r, &part, &in, CVT_FILTER_BICUBIC, &far, &error) == CVT_OK;
    test_case(done, "a very wide resize", "%s", error.message);
    int wrong = 0; /* column 128 lies in the middle of a pixel of the picture, and all rows are its one row */
    for (int y = 0; done && y < part.height; y++)
        for (int c = 0; c < 3; c++)
            wrong += abs(part.data[(y * part.width + 128) * 3 + c] - in.data[50000 * 3 + c]) > 1;
    test_case(done && wrong == 0, "and has the pixels", "%d wrong", wrong);
    cvt_pixels_free(&in);
    cvt_pixels_free(&whole);
    cvt_pixels_free(&part);
    cvt_resampler_free(r);
}

/* Tests that the kernels of a table give the bytes of the plain loops. Images of black and white reach the largest
 * sums. */
static void check_kernels(const cvt_kernels *kernels) {
    static const int sizes[][4] = {{1, 1, 5, 3},       {2, 3, 9, 7},    {5, 9, 3, 2},     {97, 61, 224, 141},
                                   {640, 33, 341, 17}, {63, 48, 62, 4}, {4032, 5, 17, 3}, {64001, 2, 1, 2},
                                   {333, 40, 100, 40}, {66, 17, 65, 16}};
    cvt_resampler *plain = cvt_resampler_new(&cvt_kernels_ref), *other = cvt_resampler_new(kernels);
    cvt_pixels in = {0}, expected = {0}, got = {0};
    int wrong = 0, resizes = 0;
    for (size_t i = 0; plain && other && i < sizeof sizes / sizeof sizes[0]; i++) {
        const int *s = sizes[i];
        for (int hard = 0; hard < 2; hard++) {
            fill_noise(&in, s[0], s[1]);
            for (size_t k = 0; hard && k < (size_t)s[0] * (size_t)s[1] * 3; k++)
                in.data[k] = in.data[k] < 128 ? 0 : 255;
            for (int filter = CVT_FILTER_BOX; filter <= CVT_FILTER_LANCZOS; filter++) {
                const cvt_window all = {s[2], s[3], 0, 0, s[2], s[3]};
                wrong += cvt_resample(plain, &expected, &in, (cvt_filter)filter, &all, NULL) != CVT_OK;
                wrong += cvt_resample(other, &got, &in, (cvt_filter)filter, &all, NULL) != CVT_OK;
                wrong += !same_window(&got, &expected, 0, 0);
                resizes++;
            }
        }
    }
    char name[80];
    snprintf(name, sizeof name, "%s resizes as plain loops do", kernels->name);
    test_case(resizes > 0 && wrong == 0, name, "%d wrong of %d", wrong, resizes);
    cvt_pixels_free(&got);
    cvt_pixels_free(&expected);
    cvt_pixels_free(&in);
    cvt_resampler_free(other);
    cvt_resampler_free(plain);
}

static void check_resize_limit(cvt_preprocessor *p) {
    bytes b = load("jpeg_97x61_420_q75.jpg");
    const cvt_preprocess preprocess = {.resize = CVT_RESIZE_SHORTEST,
                                       .resize_height = 1000,
                                       .resize_width = 1000,
                                       .filter = CVT_FILTER_BILINEAR,
                                       .crop_height = 224,
                                       .crop_width = 224,
                                       .channels = 3};
    const cvt_decode_options options = {.max_pixels = 1000000};
    const cvt_pixels *pixels;
    cvt_error error = {0};
    cvt_status status = cvt_preprocess_run(p, &preprocess, &options, b.data, b.size, CVT_STOP_RESIZE, &pixels, &error);
    test_case(status == CVT_TOO_LARGE && strstr(error.message, "--max-pixels"), "a resize over the limit", "%s",
              error.message);
    status = cvt_preprocess_run(p, &preprocess, &options, b.data, b.size, CVT_STOP_CROP, &pixels, &error);
    test_case(status == CVT_OK && pixels->width == 224, "of which a crop is taken all the same", "%s", error.message);
    free(b.data);
}

static void check_ignored_exif(cvt_preprocessor *p) {
    bytes b = load("exif_6.jpg"); /* 70 x 33 as it is stored */
    const cvt_preprocess preprocess = {.channels = 3};
    const cvt_pixels *pixels;
    cvt_status status = cvt_preprocess_run(p, &preprocess, &(cvt_decode_options){.ignore_exif = true}, b.data, b.size,
                                           CVT_STOP_ORIENT, &pixels, NULL);
    test_case(status == CVT_OK && pixels->width == 70 && p->info.orientation == 6, "EXIF is ignored on demand", "%d",
              pixels->width);
    free(b.data);
}

int main(void) {
    cvt_preprocessor p = {0};
    check_limits(&p); /* first, as it looks at the memory of the whole process */
    check_damage(&p);
    check_warnings(&p);
    check_names(&p);
    check_exif();
    check_geometry();
    check_windows();
    const cvt_kernels *kernels;
    for (int i = 0; (kernels = cvt_kernels_at(i)); i++) check_kernels(kernels);
    check_resize_limit(&p);
    check_ignored_exif(&p);
    cvt_preprocessor_free(&p);
    return test_end();
}
