/* extent.c - where an image ends in its file, found as far as the file has been read. What lies behind (another
 * image, a video, junk) need not be read, nor the data of an image that is refused for its size. */
#include <string.h>

#include "image/image.h"
#include "image/jpeg_markers.h"

static uint32_t big_endian(const uint8_t *bytes, int n) {
    uint32_t value = 0;
    for (int i = 0; i < n; i++) value = value << 8 | bytes[i];
    return value;
}

static void note_size(cvt_extent *extent, uint32_t width, uint32_t height) {
    const uint64_t limit = extent->max_pixels ? extent->max_pixels : CVT_MAX_PIXELS;
    if ((uint64_t)width * height > limit) extent->refused = true;
}

/* How much libjpeg may read of a segment that says to have so many bytes, before it finds that this is wrong: a table
 * of DQT, which has 128 bytes behind the first one, a pair of DAC, the fixed fields of the others. */
static size_t most_read(int code, size_t length) {
    enum { TABLE = 128, FIELDS = 8 };
    if (code == CVT_JPEG_DQT) return length + TABLE;
    if (code != CVT_JPEG_DAC && code != CVT_JPEG_SOS && !cvt_jpeg_begins_frame(code)) return length;
    return length < FIELDS ? FIELDS : length + 1;
}

/* Walks the markers as libjpeg does: it looks for 0xff with something behind it that is neither 0 nor 0xff, in the data
 * of scans too, and steps over segments by their length. */
bool cvt_jpeg_ends(cvt_extent *extent, const uint8_t *bytes, size_t size) {
    enum { SIZES = 9 };
    if (extent->at < 2) extent->at = 2;
    while (extent->at < size) {
        const uint8_t *mark = memchr(bytes + extent->at, 0xff, size - extent->at);
        extent->at = mark ? (size_t)(mark - bytes) : size;
        if (size - extent->at < 2) return false;
        const int code = mark[1];
        if (code == CVT_JPEG_EOI && extent->at >= extent->reach) return true;
        if (code == CVT_JPEG_EOI || code == 0 || code == 0xff || cvt_jpeg_stands_alone(code)) {
            extent->at += code == 0xff ? 1 : 2;
            continue;
        }
        if (size - extent->at < SIZES) return false;
        const size_t said = big_endian(mark + 2, 2), length = said < 2 ? 2 : said; /* libjpeg passes by APPn of 0 */
        if (cvt_jpeg_begins_frame(code)) note_size(extent, big_endian(mark + 7, 2), big_endian(mark + 5, 2));
        if (code == CVT_JPEG_SOS && extent->refused && size - extent->at >= 2 + length) return true;
        if (code == CVT_JPEG_SOS && extent->refused) return false;
        const size_t read = extent->at + 2 + most_read(code, length);
        if (read > extent->reach) extent->reach = read;
        extent->at += 2 + length;
    }
    return false;
}

/* Steps from chunk to chunk: length, type, data, checksum. */
bool cvt_png_ends(cvt_extent *extent, const uint8_t *bytes, size_t size) {
    enum { SIGNATURE = 8, HEADER = 16, AROUND = 12 };
    if (extent->at < SIGNATURE) extent->at = SIGNATURE;
    while (extent->at < size && size - extent->at >= HEADER) {
        const uint8_t *chunk = bytes + extent->at;
        if (memcmp(chunk + 4, "IHDR", 4) == 0) note_size(extent, big_endian(chunk + 8, 4), big_endian(chunk + 12, 4));
        const size_t whole = AROUND + (size_t)big_endian(chunk, 4);
        if (memcmp(chunk + 4, "IEND", 4) == 0) return size - extent->at >= whole; /* it may have data, wrongly */
        extent->at += whole;
        if (extent->refused) return size >= extent->at;
    }
    return false;
}

static uint32_t little_endian(const uint8_t *bytes, int n) {
    uint32_t value = 0;
    for (int i = n; i-- > 0;) value = value << 8 | bytes[i];
    return value;
}

/* The size of a RIFF file stands in its header. The first chunk tells that of the image: VP8X with an extended header,
 * VP8L without losses, VP8 with them. */
bool cvt_webp_ends(cvt_extent *extent, const uint8_t *bytes, size_t size) {
    enum { HEADER = 30, RIFF = 8, SIDE = 0x3fff };
    if (size < HEADER) return false;
    if (memcmp(bytes + 12, "VP8X", 4) == 0)
        note_size(extent, little_endian(bytes + 24, 3) + 1, little_endian(bytes + 27, 3) + 1);
    const uint32_t sides = little_endian(bytes + 21, 4);
    if (memcmp(bytes + 12, "VP8L", 4) == 0) note_size(extent, (sides & SIDE) + 1, (sides >> 14 & SIDE) + 1);
    if (memcmp(bytes + 12, "VP8 ", 4) == 0)
        note_size(extent, little_endian(bytes + 26, 2) & SIDE, little_endian(bytes + 28, 2) & SIDE);
    return extent->refused || size - RIFF >= little_endian(bytes + 4, 4);
}
