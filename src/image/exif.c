/* exif.c - finds the orientation in an EXIF block. The block is a TIFF file: byte order, the number 42, the offset of
 * the first directory. A directory is a 16-bit count, then entries of 12 bytes: tag, type, count, and the value or its
 * offset. Source: TIFF 6.0 section 2, Exif 2.32 section 4.6. */
#include <string.h>

#include "image/image.h"

typedef struct block {
    const uint8_t *bytes;
    size_t size;
    bool big_endian;
} block;

/* Reads n bytes at offset `at` as a number; false where they do not all lie inside the block. */
static bool number(const block *b, size_t at, size_t n, uint32_t *out) {
    if (at > b->size || n > b->size - at) return false;
    *out = 0;
    for (size_t i = 0; i < n; i++) *out = *out << 8 | b->bytes[b->big_endian ? at + i : at + n - 1 - i];
    return true;
}

/* Returns the value of the entry at offset `at`; where it has several, the first one. */
static int entry_value(const block *b, size_t at) {
    enum { SHORT = 3, LONG = 4, SIGNED_SHORT = 8, SIGNED_LONG = 9 };
    uint32_t type, count, value, where = (uint32_t)(at + 8);
    if (!number(b, at + 2, 2, &type) || !number(b, at + 4, 4, &count) || count == 0) return 1;
    uint32_t size = type == SHORT || type == SIGNED_SHORT ? 2 : type == LONG || type == SIGNED_LONG ? 4 : 0;
    if (size == 0) return 1;
    if (count > 4 / size && !number(b, at + 8, 4, &where)) return 1;
    if (!number(b, where, size, &value)) return 1;
    return value >= 1 && value <= 8 ? (int)value : 1;
}

int cvt_exif_orientation(const uint8_t *tiff, size_t size) {
    enum { ORIENTATION = 0x0112, ENTRY = 12 };
    static const char prefix[6] = "Exif\0"; /* JPEG has it in front of the block; some files have it inside too */
    if (size >= sizeof prefix && memcmp(tiff, prefix, sizeof prefix) == 0) {
        tiff += sizeof prefix;
        size -= sizeof prefix;
    }
    if (size < 8 || tiff[0] != tiff[1] || (tiff[0] != 'I' && tiff[0] != 'M')) return 1;
    const block b = {tiff, size, tiff[0] == 'M'};
    uint32_t magic, directory, count, tag;
    if (!number(&b, 2, 2, &magic) || magic != 42) return 1;
    if (!number(&b, 4, 4, &directory) || !number(&b, directory, 2, &count)) return 1;
    for (uint32_t i = 0; i < count; i++) {
        const size_t at = (size_t)directory + 2 + (size_t)i * ENTRY;
        if (!number(&b, at, 2, &tag)) return 1;
        if (tag == ORIENTATION) return entry_value(&b, at);
    }
    return 1;
}
