/* target_image.c - image files through the public interface, whatever their format: how they are decoded, turned,
 * resized and made a tensor; and what the reader of files promises, that what lies behind the end of an image changes
 * nothing. The EXIF block alone. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "image/image.h"

enum { MOST_PIXELS = 1 << 18, MOST_SCANS = 20 };

/* By the last byte of the input. */
static cvt_image_options options_of(unsigned choice) {
    cvt_image_options options = {.size = sizeof options, .max_pixels = MOST_PIXELS, .max_scans = MOST_SCANS};
    options.allow_truncated = choice & 1;
    options.clip_gray16 = choice & 2;
    options.alpha = choice & 4 ? CVT_ALPHA_WHITE : choice & 8 ? CVT_ALPHA_BLACK : CVT_ALPHA_DROP;
    options.fast = choice & 16 ? 1 : 0;
    options.ignore_exif = choice & 32;
    return options;
}

static cvt_image_stop stop_of(unsigned choice) {
    static const cvt_image_stop stops[] = {CVT_STOP_ORIENT, CVT_STOP_NONE, CVT_STOP_DECODE, CVT_STOP_RESIZE};
    return stops[choice >> 6];
}

/* What reading has given: a status, and the pixels. */
typedef struct result {
    cvt_status status;
    int height, width;
    uint64_t hash;
} result;

static result read_image(const uint8_t *bytes, size_t size, unsigned choice) {
    const cvt_image_options options = options_of(choice);
    cvt_image *image;
    cvt_error error;
    result r = {.hash = 14695981039346656037u};
    fuzz_must(cvt_image_new(&image, &options, &error) == CVT_OK);
    r.status = cvt_image_read_memory(image, fuzz_model(), bytes, size, stop_of(choice), &error);
    const uint8_t *pixels = cvt_image_pixels(image, &r.height, &r.width);
    if (r.status != CVT_OK) {
        fuzz_must(error.status == r.status && !pixels && !r.height && !r.width);
        fuzz_must_tell(&error);
    } else {
        fuzz_must(pixels && r.height > 0 && r.width > 0 && (uint64_t)r.height * (uint64_t)r.width <= MOST_PIXELS * 4u);
        for (size_t i = 0, n = (size_t)r.height * (size_t)r.width * 3; i < n; i++)
            r.hash = (r.hash ^ pixels[i]) * 1099511628211u;
        if (stop_of(choice) == CVT_STOP_NONE) {
            const float *values = cvt_image_tensor(image);
            fuzz_must(values);
            fuzz_touch(values, sizeof *values * 3 * 24 * 32);
        }
    }
    cvt_image_free(image);
    return r;
}

/* The first size at which the reader of files says that it has all, when the file comes in parts; or all of it.
 * *refused: since the image is too large. */
static size_t find_end(const uint8_t *bytes, size_t size, bool *refused) {
    cvt_extent extent = {.max_pixels = MOST_PIXELS};
    *refused = false;
    for (size_t n = size < 64 ? size : 64; n < size; n += n / 4 + 1)
        if (cvt_extent_ends(&extent, bytes, n)) return *refused = extent.refused, n;
    return size;
}

void fuzz_image(const uint8_t *bytes, size_t size) {
    const unsigned choice = fuzz_choice(bytes, size);
    const result whole = read_image(bytes, size, choice);
    bool refused;
    const size_t end = find_end(bytes, size, &refused);
    if (end == size) return;
    uint8_t *part = malloc(end ? end : 1); /* ends where its memory ends */
    if (!part) return;
    memcpy(part, bytes, end);
    const result same = read_image(part, end, choice);
    /* one that is too large may be damaged too, in another way where it is not whole; or before its size counts */
    fuzz_must(refused ? (same.status == CVT_OK) == (whole.status == CVT_OK) : same.status == whole.status);
    fuzz_must(same.height == whole.height && same.width == whole.width && same.hash == whole.hash);
    free(part);
}

void fuzz_exif(const uint8_t *bytes, size_t size) {
    cvt_decoded info = {.orientation = 1};
    cvt_exif_read(&info, bytes, size);
    fuzz_must(info.orientation >= 1 && info.orientation <= 8);
    fuzz_must(info.orientation == cvt_exif_orientation(bytes, size));
    const size_t n = strnlen(info.taken, sizeof info.taken);
    fuzz_must(n == 0 || n == 19 || n == 25);
    for (size_t i = 0; i < n; i++) fuzz_must(strchr("0123456789-+:T", info.taken[i]));
}

/* A JPEG that is decoded in pieces gives what it gives as a whole, to the last byte. */
void fuzz_pieces(const uint8_t *bytes, size_t size) {
    const unsigned choice = fuzz_choice(bytes, size);
    const cvt_preprocess recipe = {.resize = CVT_RESIZE_SHORTEST,
                                   .resize_height = 20,
                                   .resize_width = 20,
                                   .filter = choice & 1 ? CVT_FILTER_BICUBIC : CVT_FILTER_BOX,
                                   .crop_height = 16,
                                   .crop_width = 16,
                                   .channels = choice & 2 ? 1 : 3};
    cvt_preprocessor p[2] = {0};
    cvt_error error[2] = {0};
    cvt_status status[2];
    const cvt_pixels *pixels[2];
    for (int i = 0; i < 2; i++) {
        const cvt_decode_options options = {
            .max_pixels = MOST_PIXELS, .max_scans = MOST_SCANS, .threads = i ? 3 : 1, .piece_pixels = 1};
        status[i] = cvt_preprocess_run(&p[i], &recipe, &options, bytes, size, CVT_STOP_CROP, &pixels[i], &error[i]);
    }
    fuzz_must(status[0] == status[1] && strcmp(error[0].message, error[1].message) == 0);
    fuzz_must(strcmp(p[0].info.warning, p[1].info.warning) == 0 && p[0].info.orientation == p[1].info.orientation);
    if (status[0] == CVT_OK) {
        const size_t n = (size_t)pixels[0]->width * (size_t)pixels[0]->height * 3;
        fuzz_must(pixels[0]->width == pixels[1]->width && pixels[0]->height == pixels[1]->height);
        fuzz_must(memcmp(pixels[0]->data, pixels[1]->data, n) == 0);
    }
    for (int i = 0; i < 2; i++) cvt_preprocessor_free(&p[i]);
}
