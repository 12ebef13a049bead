/* decode.c - finds the format of a file by its first bytes. The table of signatures stands here and nowhere else. */
#include <string.h>
#include <strings.h>

#include "image/image.h"

typedef struct signature {
    const char *name;
    size_t at, size;
    const char *bytes;
    cvt_status (*decode)(cvt_pixels *out, cvt_decoded *info, const uint8_t *bytes, size_t size,
                         const cvt_decode_options *options, cvt_error *error); /* NULL: it is not decoded here */
} signature;

#define BYTES(text) sizeof text - 1, text

static const signature signatures[] = {
    {"JPEG", 0, BYTES("\xff\xd8\xff"), cvt_jpeg_decode},
    {"PNG", 0, BYTES("\x89PNG\r\n\x1a\n"), cvt_png_decode},
    {"GIF", 0, BYTES("GIF8"), NULL},
    {"WebP", 8, BYTES("WEBP"), NULL},
    {"BMP", 0, BYTES("BM"), NULL},
    {"TIFF", 0, BYTES("II*\0"), NULL},
    {"TIFF", 0, BYTES("MM\0*"), NULL},
    {"TIFF", 0, BYTES("II+\0"), NULL},
    {"TIFF", 0, BYTES("MM\0+"), NULL},
    {"AVIF", 4, BYTES("ftypavi"), NULL},
    {"HEIC", 4, BYTES("ftyphe"), NULL},
    {"HEIC", 4, BYTES("ftypmif1"), NULL},
    {"HEIC", 4, BYTES("ftypmsf1"), NULL},
    {"JPEG XL", 0, BYTES("\xff\x0a"), NULL},
    {"JPEG XL", 4, BYTES("JXL \r\n\x87\n"), NULL},
    {"JPEG 2000", 4, BYTES("jP  \r\n\x87\n"), NULL},
    {"JPEG 2000", 0, BYTES("\xff\x4f\xff\x51"), NULL},
    {"PBM", 0, BYTES("P1\n"), NULL},
    {"PGM", 0, BYTES("P2\n"), NULL},
    {"PPM", 0, BYTES("P3\n"), NULL},
    {"PBM", 0, BYTES("P4\n"), NULL},
    {"PGM", 0, BYTES("P5\n"), NULL},
    {"PPM", 0, BYTES("P6\n"), NULL},
    {"PAM", 0, BYTES("P7\n"), NULL},
    {"PFM", 0, BYTES("PF\n"), NULL},
    {"icon", 0, BYTES("\0\0\1\0"), NULL},
    {"Photoshop", 0, BYTES("8BPS"), NULL},
    {"QOI", 0, BYTES("qoif"), NULL},
    {"OpenEXR", 0, BYTES("\x76\x2f\x31\x01"), NULL},
    {"Radiance", 0, BYTES("#?RADIANCE"), NULL},
    {"DDS", 0, BYTES("DDS "), NULL},
    {"MNG", 0, BYTES("\x8aMNG\r\n\x1a\n"), NULL},
    {"PDF", 0, BYTES("%PDF"), NULL},
    {"SVG", 0, BYTES("<svg"), NULL},
};

static bool starts(const signature *s, const uint8_t *bytes, size_t size) {
    return size >= s->at + s->size && memcmp(bytes + s->at, s->bytes, s->size) == 0;
}

/* Do the bytes end before the signature of a format that is decoded here does, and agree with it so far? */
static bool begins(const signature *s, const uint8_t *bytes, size_t size) {
    return s->decode && size < s->size && memcmp(bytes, s->bytes, size) == 0;
}

bool cvt_image_is_known(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++)
        if (signatures[i].decode && starts(&signatures[i], bytes, size)) return true;
    return false;
}

const char *cvt_image_format(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++)
        if (starts(&signatures[i], bytes, size)) return signatures[i].name;
    return NULL;
}

cvt_status cvt_image_decode(cvt_pixels *out, cvt_decoded *info, const uint8_t *bytes, size_t size,
                            const cvt_decode_options *options, cvt_error *error) {
    *info = (cvt_decoded){.orientation = 1};
    if (size == 0) return cvt_fail(error, CVT_TRUNCATED, "empty file");
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        const signature *s = &signatures[i];
        if (begins(s, bytes, size)) return cvt_fail(error, CVT_TRUNCATED, "%s data ends early", s->name);
        if (!starts(s, bytes, size)) continue;
        if (!s->decode)
            return cvt_fail(error, CVT_UNSUPPORTED, "%s images are not supported, only JPEG and PNG", s->name);
        return s->decode(out, info, bytes, size, options, error);
    }
    static const struct {
        const char *start, *what;
    } others[] = {{"version https://git-lfs.github.com/", "a Git LFS pointer, not the image: run \"git lfs pull\""},
                  {"<!doctype html", "a web page (HTML), not an image: fetch the image itself"},
                  {"<html", "a web page (HTML), not an image: fetch the image itself"}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (size >= strlen(others[i].start) &&
            strncasecmp((const char *)bytes, others[i].start, strlen(others[i].start)) == 0)
            return cvt_fail(error, CVT_FORMAT, "%s", others[i].what);
    return cvt_fail(error, CVT_FORMAT, "not an image: neither JPEG nor PNG");
}
