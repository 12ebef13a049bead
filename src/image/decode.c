/* decode.c - finds the format of a file by its first bytes. The table of signatures stands here and nowhere else. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "image/image.h"

typedef struct signature {
    const char *name;
    size_t at, size;
    const char *bytes;
    cvt_status (*decode)(cvt_pixels *out, cvt_decoded *info, const uint8_t *bytes, size_t size,
                         const cvt_decode_options *options, cvt_error *error); /* NULL: it is not decoded here */
    bool (*ends)(cvt_extent *extent, const uint8_t *bytes, size_t size);       /* NULL: with the file */
    const char *library; /* what would decode it, had the build found it */
} signature;

/* What stands in the rows of formats by libraries that need not be here. */
#ifdef CVT_WITH_WEBP
#define WEBP cvt_webp_decode, cvt_webp_ends, NULL
#else
#define WEBP NULL, NULL, "libwebp"
#endif
#ifdef CVT_WITH_HEIF
#define HEIF cvt_heif_decode, NULL, NULL
#else
#define HEIF NULL, NULL, "libheif"
#endif

#define BYTES(text) sizeof text - 1, text

static const signature signatures[] = {
    {"JPEG", 0, BYTES("\xff\xd8\xff"), cvt_jpeg_decode, cvt_jpeg_ends},
    {"PNG", 0, BYTES("\x89PNG\r\n\x1a\n"), cvt_png_decode, cvt_png_ends},
    {"GIF", 0, BYTES("GIF8")},
    {"WebP", 8, BYTES("WEBP"), WEBP},
    {"BMP", 0, BYTES("BM")},
    {"TIFF", 0, BYTES("II*\0")},
    {"TIFF", 0, BYTES("MM\0*")},
    {"TIFF", 0, BYTES("II+\0")},
    {"TIFF", 0, BYTES("MM\0+")},
    {"AVIF", 4, BYTES("ftypavi"), HEIF},
    {"HEIC", 4, BYTES("ftyphe"), HEIF},
    {"HEIC", 4, BYTES("ftypmif1"), HEIF},
    {"HEIC", 4, BYTES("ftypmsf1"), HEIF},
    {"JPEG XL", 0, BYTES("\xff\x0a")},
    {"JPEG XL", 4, BYTES("JXL \r\n\x87\n")},
    {"JPEG 2000", 4, BYTES("jP  \r\n\x87\n")},
    {"JPEG 2000", 0, BYTES("\xff\x4f\xff\x51")},
    {"PBM", 0, BYTES("P1\n")},
    {"PGM", 0, BYTES("P2\n")},
    {"PPM", 0, BYTES("P3\n")},
    {"PBM", 0, BYTES("P4\n")},
    {"PGM", 0, BYTES("P5\n")},
    {"PPM", 0, BYTES("P6\n")},
    {"PAM", 0, BYTES("P7\n")},
    {"PFM", 0, BYTES("PF\n")},
    {"icon", 0, BYTES("\0\0\1\0")},
    {"Photoshop", 0, BYTES("8BPS")},
    {"QOI", 0, BYTES("qoif")},
    {"OpenEXR", 0, BYTES("\x76\x2f\x31\x01")},
    {"Radiance", 0, BYTES("#?RADIANCE")},
    {"DDS", 0, BYTES("DDS ")},
    {"MNG", 0, BYTES("\x8aMNG\r\n\x1a\n")},
    {"PDF", 0, BYTES("%PDF")},
    {"SVG", 0, BYTES("<svg")},
};

static bool starts(const signature *s, const uint8_t *bytes, size_t size) {
    return size >= s->at + s->size && memcmp(bytes + s->at, s->bytes, s->size) == 0;
}

/* Do the bytes end before the signature of a format that is decoded here does, and agree with it so far? */
static bool begins(const signature *s, const uint8_t *bytes, size_t size) {
    return s->decode && s->at == 0 && size < s->size && memcmp(bytes, s->bytes, size) == 0;
}

/* The row that the bytes begin as, or NULL. */
static const signature *find(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++)
        if (starts(&signatures[i], bytes, size)) return &signatures[i];
    return NULL;
}

bool cvt_image_is_known(const uint8_t *bytes, size_t size) {
    const signature *s = find(bytes, size);
    return s && s->decode;
}

const char *cvt_image_format(const uint8_t *bytes, size_t size) {
    const signature *s = find(bytes, size);
    return s ? s->name : NULL;
}

bool cvt_extent_ends(cvt_extent *extent, const uint8_t *bytes, size_t size) {
    const signature *s = find(bytes, size);
    return s && s->ends && s->ends(extent, bytes, size);
}

void cvt_image_formats(char *to, size_t capacity, const char *word) {
    const char *names[sizeof signatures / sizeof signatures[0]];
    size_t n = 0, used = 0;
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++)
        if (signatures[i].decode && (!n || strcmp(names[n - 1], signatures[i].name) != 0))
            names[n++] = signatures[i].name;
    for (size_t i = 0; i < n && used < capacity; i++) {
        const char *between = i == 0 ? "" : i + 1 < n ? ", " : " ";
        const int more = snprintf(to + used, capacity - used, "%s%s%s%s", between, i && i + 1 == n ? word : "",
                                  i && i + 1 == n ? " " : "", names[i]);
        used += more > 0 ? (size_t)more : 0;
    }
}

cvt_status cvt_image_decode(cvt_pixels *out, cvt_decoded *info, const uint8_t *bytes, size_t size,
                            const cvt_decode_options *options, cvt_error *error) {
    *info = (cvt_decoded){.orientation = 1};
    if (size == 0) return cvt_fail(error, CVT_TRUNCATED, "empty file");
    const signature *known = find(bytes, size);
    if (known && known->decode) return known->decode(out, info, bytes, size, options, error);
    char formats[64];
    cvt_image_formats(formats, sizeof formats, "and");
    if (known && known->library)
        return cvt_fail(error, CVT_UNSUPPORTED, "%s images are not supported: this program was built without %s",
                        known->name, known->library);
    if (known) return cvt_fail(error, CVT_UNSUPPORTED, "%s images are not supported, only %s", known->name, formats);
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++)
        if (begins(&signatures[i], bytes, size))
            return cvt_fail(error, CVT_TRUNCATED, "%s data ends early", signatures[i].name);
    static const struct {
        const char *start, *what;
    } others[] = {{"version https://git-lfs.github.com/", "a Git LFS pointer, not the image: run \"git lfs pull\""},
                  {"<!doctype html", "a web page (HTML), not an image: fetch the image itself"},
                  {"<html", "a web page (HTML), not an image: fetch the image itself"}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (size >= strlen(others[i].start) &&
            strncasecmp((const char *)bytes, others[i].start, strlen(others[i].start)) == 0)
            return cvt_fail(error, CVT_FORMAT, "%s", others[i].what);
    cvt_image_formats(formats, sizeof formats, "nor");
    return cvt_fail(error, CVT_FORMAT, "not an image: neither %s", formats);
}
