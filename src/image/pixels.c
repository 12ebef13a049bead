/* pixels.c - the pixels of an image in memory: their buffer, their limit, and turning them upright. */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "image/image.h"

void cvt_pixels_free(cvt_pixels *pixels) {
    free(pixels->data);
    *pixels = (cvt_pixels){0};
}

cvt_status cvt_pixels_resize(cvt_pixels *pixels, int width, int height, cvt_error *error) {
    size_t bytes;
    if (!cvt_mul_size((size_t)width, (size_t)height, &bytes) || !cvt_mul_size(bytes, 3, &bytes))
        return cvt_fail_memory(error);
    if (bytes > pixels->capacity) {
        cvt_pixels_free(pixels);
        pixels->data = malloc(bytes);
        if (!pixels->data) return cvt_fail_memory(error);
        pixels->capacity = bytes;
    }
    pixels->width = width;
    pixels->height = height;
    return CVT_OK;
}

cvt_status cvt_pixels_limit(uint64_t width, uint64_t height, const cvt_decode_options *options, cvt_error *error) {
    const uint64_t limit = options->max_pixels ? options->max_pixels : CVT_MAX_PIXELS;
    if (width == 0 || height <= limit / width) return CVT_OK;
    return cvt_fail(error, CVT_TOO_LARGE, "%llu x %llu pixels are more than %llu (--max-pixels)",
                    (unsigned long long)width, (unsigned long long)height, (unsigned long long)limit);
}

int cvt_band_rows(int width) {
    enum { ROWS = 16 /* which the kernels take side by side */, PIXELS = 1 << 20 };
    return cvt_max_int(1, cvt_min_int(ROWS, PIXELS / width));
}

void cvt_give_rows(const cvt_row_sink *sink, const cvt_part *part, int y, uint8_t *rgb, size_t stride, int n) {
    const int first = cvt_max_int(part->y - y, 0), end = cvt_min_int(n, part->y + part->height - y);
    if (first < end) sink->take(sink->context, rgb + (size_t)first * stride + (size_t)part->x * 3, stride, end - first);
}

void cvt_pixels_blend(uint8_t *rgb, const uint8_t *rgba, size_t n, cvt_alpha alpha) {
    const int back = alpha == CVT_ALPHA_WHITE ? 255 : 0;
    for (; n > 0; n--, rgb += 3, rgba += 4) {
        const int a = rgba[3];
        for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)((rgba[c] * a + back * (255 - a) + 127) / 255);
    }
}

/* Copies in tiles: a turned copy that ran along whole rows would miss the cache at every pixel. */
static void turn(cvt_pixels *out, const uint8_t *origin, ptrdiff_t step_x, ptrdiff_t step_y) {
    enum { TILE = 32 };
    const int width = out->width, height = out->height;
    for (int top = 0; top < height; top += TILE) {
        const int bottom = height - top < TILE ? height : top + TILE;
        for (int left = 0; left < width; left += TILE) {
            const int right = width - left < TILE ? width : left + TILE;
            for (int y = top; y < bottom; y++) {
                const uint8_t *from = origin + y * step_y + left * step_x;
                uint8_t *to = out->data + ((size_t)y * (size_t)width + (size_t)left) * 3;
                for (int x = left; x < right; x++, from += step_x, to += 3) memcpy(to, from, 3);
            }
        }
    }
}

cvt_turn cvt_orientation_turn(int orientation) {
    const int o = orientation;
    return (cvt_turn){.transposed = o >= 5 && o <= 8,
                      .x_back = o == 2 || o == 3 || o == 7 || o == 8,
                      .y_back = o == 3 || o == 4 || o == 6 || o == 7};
}

cvt_status cvt_pixels_orient(cvt_pixels *pixels, cvt_pixels *scratch, int orientation, cvt_error *error) {
    if (orientation < 2 || orientation > 8) return CVT_OK;
    const cvt_turn how = cvt_orientation_turn(orientation);
    const int width = pixels->width, height = pixels->height;
    TRY(cvt_pixels_resize(scratch, how.transposed ? height : width, how.transposed ? width : height, error));

    const ptrdiff_t row = (ptrdiff_t)width * 3, along_x = how.x_back ? -3 : 3, along_y = how.y_back ? -row : row;
    const uint8_t *origin = pixels->data + (how.x_back ? row - 3 : 0) + (how.y_back ? (height - 1) * row : 0);
    turn(scratch, origin, how.transposed ? along_y : along_x, how.transposed ? along_x : along_y);
    const cvt_pixels turned = *scratch;
    *scratch = *pixels;
    *pixels = turned;
    return CVT_OK;
}
