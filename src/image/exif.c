/* exif.c - finds the orientation, and when the image was taken, in an EXIF block. The block is a TIFF file: byte order,
 * the number 42, the offset of the first directory. A directory is a 16-bit count, then entries of 12 bytes: tag, type,
 * count, and the value or its offset. Source: TIFF 6.0 section 2, Exif 2.32 section 4.6. */
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

/* Begins with a block; false where it is none. *directory becomes the offset of its first directory. */
static bool open_block(block *b, const uint8_t *tiff, size_t size, uint32_t *directory) {
    static const char prefix[6] = "Exif\0"; /* JPEG has it in front of the block; some files have it inside too */
    if (size >= sizeof prefix && memcmp(tiff, prefix, sizeof prefix) == 0) {
        tiff += sizeof prefix;
        size -= sizeof prefix;
    }
    if (size < 8 || tiff[0] != tiff[1] || (tiff[0] != 'I' && tiff[0] != 'M')) return false;
    uint32_t magic;
    *b = (block){tiff, size, tiff[0] == 'M'};
    return number(b, 2, 2, &magic) && magic == 42 && number(b, 4, 4, directory);
}

/* Returns the offset of the first entry with this tag in the directory; 0: there is none. */
static size_t find_entry(const block *b, uint32_t directory, uint32_t wanted) {
    enum { ENTRY = 12 };
    uint32_t count, tag;
    if (!number(b, directory, 2, &count)) return 0;
    for (uint32_t i = 0; i < count; i++) {
        const size_t at = (size_t)directory + 2 + (size_t)i * ENTRY;
        if (!number(b, at, 2, &tag)) return 0;
        if (tag == wanted) return at;
    }
    return 0;
}

/* Returns the n characters of the entry with this tag, which is of type ASCII and has at least as many; or NULL. */
static const char *find_text(const block *b, uint32_t directory, uint32_t tag, size_t n) {
    enum { ASCII = 2 };
    uint32_t type, count, where;
    const size_t at = find_entry(b, directory, tag);
    if (!at || !number(b, at + 2, 2, &type) || !number(b, at + 4, 4, &count) || !number(b, at + 8, 4, &where))
        return NULL;
    bool inside = type == ASCII && count >= n && count > 4 && where <= b->size && n <= b->size - where;
    return inside ? (const char *)b->bytes + where : NULL;
}

/* Does the text look like this: a digit for each 0, and the other characters as they are? */
static bool is_like(const char *text, const char *form) {
    for (; *form; text++, form++)
        if (*form == '0' ? *text < '0' || *text > '9' : *text != *form) return false;
    return true;
}

enum { ORIENTATION = 0x0112, EXIF = 0x8769, TAKEN = 0x9003, OFFSET = 0x9011 };

int cvt_exif_orientation(const uint8_t *tiff, size_t size) {
    block b;
    uint32_t directory;
    const size_t at = open_block(&b, tiff, size, &directory) ? find_entry(&b, directory, ORIENTATION) : 0;
    return at ? entry_value(&b, at) : 1;
}

/* "2026:11:30 12:34:56" and "+01:00" become "2026-11-30T12:34:56+01:00". A clock that was never set says 0000. */
static void read_taken(char *to, const block *b, uint32_t directory) {
    static const char form[] = "0000:00:00 00:00:00", zone[] = "00:00";
    const char *taken = find_text(b, directory, TAKEN, sizeof form - 1);
    const char *offset = find_text(b, directory, OFFSET, sizeof zone);
    if (!taken || !is_like(taken, form) || memcmp(taken, "0000", 4) == 0) return;
    memcpy(to, taken, sizeof form - 1);
    to[4] = to[7] = '-';
    to[10] = 'T';
    to += sizeof form - 1;
    if (offset && (*offset == '+' || *offset == '-') && is_like(offset + 1, zone)) memcpy(to, offset, sizeof zone);
}

void cvt_exif_read(cvt_decoded *info, const uint8_t *tiff, size_t size) {
    block b;
    uint32_t directory, inner;
    info->orientation = cvt_exif_orientation(tiff, size);
    if (!open_block(&b, tiff, size, &directory)) return;
    const size_t at = find_entry(&b, directory, EXIF);
    memset(info->taken, 0, sizeof info->taken);
    if (at && number(&b, at + 8, 4, &inner)) read_taken(info->taken, &b, inner);
}
