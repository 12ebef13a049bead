/* zip.c - reads the central directory of a zip archive without compression. Source: PKWARE's APPNOTE.TXT 6.3, sections
 * 4.3 and 4.5.
 *
 * If two programs read the same archive in different ways, a checkpoint can show one content to a scanner and another
 * to a loader. So only one reading is accepted here: the end record is the end of the file, the directory ends where
 * the end record begins, and things that are written twice must agree. */
#include "weights/zip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/num.h"
#include "base/str.h"

enum {
    END_SIZE = 22,
    END64_SIZE = 56,
    LOCATOR_SIZE = 20,
    CENTRAL_SIZE = 46,
    LOCAL_SIZE = 30,
    MAX_COMMENT = 65535,
    FLAG_DESCRIPTOR = 1 << 3, /* CRC and sizes come after the data */
    FLAG_UTF8 = 1 << 11,
    EXTRA_ZIP64 = 1,
    DEFLATED = 8, /* a compression method */
};

static const char end_mark[] = "PK\5\6", end64_mark[] = "PK\6\6", locator_mark[] = "PK\6\7", central_mark[] = "PK\1\2",
                  local_mark[] = "PK\3\4", descriptor_mark[] = "PK\7\10";

static uint32_t u16(const unsigned char *b) { return b[0] | (uint32_t)b[1] << 8; }
static uint32_t u32(const unsigned char *b) { return u16(b) | u16(b + 2) << 16; }
static uint64_t u64(const unsigned char *b) { return u32(b) | (uint64_t)u32(b + 4) << 32; }
static bool marked(const unsigned char *b, const char *mark) { return memcmp(b, mark, 4) == 0; }

/* ---- the end records -------------------------------------------------------------------------------------------- */

/* Where the central directory is. */
typedef struct directory {
    uint64_t count, size, offset;
} directory;

static cvt_status fail_end(const cvt_file *file, const char *fact, cvt_error *error) {
    return cvt_fail(error, CVT_WEIGHTS, "%s: zip archive: %s", file->path, fact);
}

/* Returns the offset of the end record, whose comment reaches to the end of the file; the file's size if there is
 * none. */
static size_t find_end(const cvt_file *file) {
    size_t n = file->size;
    for (size_t comment = 0; comment <= MAX_COMMENT && n >= END_SIZE && comment <= n - END_SIZE; comment++) {
        const unsigned char *end = file->data + n - END_SIZE - comment;
        if (marked(end, end_mark) && u16(end + 20) == comment) return n - END_SIZE - comment;
    }
    return n;
}

/* Reads the ZIP64 end record, which stands right before its locator; *at becomes its offset. */
static cvt_status read_end64(const cvt_file *file, const unsigned char *locator, size_t *at, directory *out,
                             cvt_error *error) {
    size_t locator_at = (size_t)(locator - file->data);
    uint64_t offset = u64(locator + 8);
    if (u32(locator + 4) != 0 || u32(locator + 16) > 1) return fail_end(file, "it is one of several parts", error);
    bool inside = locator_at >= END64_SIZE && offset <= locator_at - END64_SIZE;
    const unsigned char *end = file->data + (inside ? offset : 0);
    if (!inside || !marked(end, end64_mark) || u64(end + 4) != locator_at - offset - 12)
        return fail_end(file, "the ZIP64 record is not where it should be", error);
    if (u32(end + 16) != 0 || u32(end + 20) != 0 || u64(end + 24) != u64(end + 32))
        return fail_end(file, "it is one of several parts", error);
    *out = (directory){.count = u64(end + 32), .size = u64(end + 40), .offset = u64(end + 48)};
    *at = (size_t)offset;
    return CVT_OK;
}

/* A field of the end record must equal its ZIP64 twin, unless all its bits are 1, which means "see there". */
static bool agree(uint64_t narrow, uint64_t all_ones, uint64_t wide) { return narrow == all_ones || narrow == wide; }

static cvt_status find_directory(const cvt_file *file, directory *out, cvt_error *error) {
    size_t at = find_end(file);
    if (at == file->size)
        return fail_end(file, "there is no end record: the file ends early, or something follows it", error);
    const unsigned char *end = file->data + at;
    if (u16(end + 4) != 0 || u16(end + 6) != 0 || u16(end + 8) != u16(end + 10))
        return fail_end(file, "it is one of several parts", error);
    const directory narrow = {.count = u16(end + 10), .size = u32(end + 12), .offset = u32(end + 16)};
    *out = narrow;
    if (at >= LOCATOR_SIZE && marked(end - LOCATOR_SIZE, locator_mark)) {
        TRY(read_end64(file, end - LOCATOR_SIZE, &at, out, error));
        if (!agree(narrow.count, UINT16_MAX, out->count) || !agree(narrow.size, UINT32_MAX, out->size) ||
            !agree(narrow.offset, UINT32_MAX, out->offset))
            return fail_end(file, "its two end records disagree", error);
    }
    if (out->size > at || out->offset != at - out->size)
        return fail_end(file, "the directory does not end at the end record", error);
    if (out->count > out->size / CENTRAL_SIZE)
        return fail_end(file, "the directory is too small for its entries", error);
    return CVT_OK;
}

/* ---- members ---------------------------------------------------------------------------------------------------- */

/* A member's entry in the directory, with what messages need to report it. */
typedef struct entry {
    const cvt_file *file;
    const unsigned char *bytes, *extra;
    size_t extra_size;
    uint64_t stored, size, offset;
    cvt_zip_member member;
} entry;

static cvt_status fail_member(const entry *e, const char *fact, cvt_error *error) {
    return cvt_fail(error, CVT_WEIGHTS, "%s: zip member \"%.*s\": %s", e->file->path, (int)e->member.name_size,
                    e->member.name, fact);
}

/* Is this a relative path of plain components, "a/b/c"? */
static bool is_plain_name(const char *name, size_t n) {
    if (n == 0 || !cvt_utf8_valid(name, n)) return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f || name[i] == '\\' || name[i] == ':') return false;
    for (size_t start = 0; start < n;) {
        const char *slash = memchr(name + start, '/', n - start);
        size_t length = slash ? (size_t)(slash - name) - start : n - start;
        const char *part = name + start;
        if (length == 0 || (length <= 2 && memcmp(part, "..", length) == 0)) return false;
        start += length + 1;
    }
    return true;
}

/* Returns the ZIP64 field of an extra area, or NULL; *size becomes its length. */
static const unsigned char *find_zip64(const unsigned char *extra, size_t n, size_t *size) {
    while (n >= 4) {
        size_t length = u16(extra + 2);
        if (length > n - 4) return NULL;
        *size = length;
        if (u16(extra) == EXTRA_ZIP64) return extra + 4;
        extra += 4 + length;
        n -= 4 + length;
    }
    return NULL;
}

/* Replaces those numbers of the entry that mean "see the ZIP64 field"; the field holds them in this order. */
static cvt_status widen_entry(entry *e, cvt_error *error) {
    size_t left = 0;
    const unsigned char *field = find_zip64(e->extra, e->extra_size, &left);
    uint64_t *const numbers[] = {&e->size, &e->stored, &e->offset};
    for (int i = 0; i < 3; i++) {
        if (*numbers[i] != UINT32_MAX) continue;
        if (!field || left < 8) return fail_member(e, "its ZIP64 field is missing", error);
        *numbers[i] = u64(field);
        field += 8;
        left -= 8;
    }
    return CVT_OK;
}

/* Reads the entry at e->bytes, of whose directory `left` bytes remain; *used becomes its length. */
static cvt_status read_entry(entry *e, size_t left, size_t *used, cvt_error *error) {
    const unsigned char *b = e->bytes;
    if (left < CENTRAL_SIZE || !marked(b, central_mark))
        return fail_end(e->file, "an entry of the directory is not one", error);
    size_t name_size = u16(b + 28);
    e->extra_size = u16(b + 30);
    *used = CENTRAL_SIZE + name_size + e->extra_size + u16(b + 32);
    if (*used > left) return fail_end(e->file, "an entry reaches out of the directory", error);
    const char *name = (const char *)b + CENTRAL_SIZE;
    e->member = (cvt_zip_member){.name = name, .name_size = (uint32_t)name_size, .crc = u32(b + 16)};
    e->extra = b + CENTRAL_SIZE + name_size;
    e->stored = u32(b + 20);
    e->size = u32(b + 24);
    e->offset = u32(b + 42);
    if (!is_plain_name(name, name_size)) return fail_member(e, "a name that is no plain relative path", error);
    if (u16(b + 8) & 1) return fail_member(e, "it is encrypted", error);
    if (u16(b + 10) != 0 && u16(b + 10) != DEFLATED) return fail_member(e, "a method that is not known", error);
    if (u16(b + 8) & ~(uint32_t)(FLAG_DESCRIPTOR | FLAG_UTF8))
        return fail_member(e, "it has flags that are not known", error);
    if (u16(b + 34) != 0) return fail_member(e, "it is in another part of the archive", error);
    TRY(widen_entry(e, error));
    e->member.compressed = u16(b + 10) != 0;
    if (!e->member.compressed && e->stored != e->size) return fail_member(e, "a stored member of two sizes", error);
    return CVT_OK;
}

/* Are CRC and sizes in the local header those of the directory, or absent where a data descriptor has them? */
static bool local_agrees(const entry *e, const unsigned char *local, const unsigned char *extra, size_t extra_size) {
    bool later = u16(local + 6) & FLAG_DESCRIPTOR;
    uint64_t crc = u32(local + 14), stored = u32(local + 18), size = u32(local + 22);
    size_t n = 0;
    const unsigned char *wide = find_zip64(extra, extra_size, &n);
    if (wide && n >= 16 && size == UINT32_MAX && stored == UINT32_MAX) {
        size = u64(wide);
        stored = u64(wide + 8);
    }
    return (crc == e->member.crc || (later && crc == 0)) && (size == e->size || (later && size == 0)) &&
           (stored == e->stored || (later && stored == 0));
}

/* Returns the length of the data descriptor at b, of which n bytes remain, or 0 if none there agrees with the
 * directory. Its signature is optional, and its sizes have 4 or 8 bytes. */
static size_t descriptor_length(const entry *e, const unsigned char *b, size_t n) {
    size_t mark = n >= 4 && marked(b, descriptor_mark) ? 4 : 0;
    for (;; mark = 0) {
        const unsigned char *d = b + mark;
        size_t left = n - mark;
        bool crc = left >= 4 && u32(d) == e->member.crc;
        if (crc && left >= 20 && u64(d + 4) == e->stored && u64(d + 12) == e->size) return mark + 20;
        if (crc && left >= 12 && u32(d + 4) == e->stored && u32(d + 8) == e->size) return mark + 12;
        if (mark == 0) return 0;
    }
}

/* Finds the data behind the local header. The directory begins at `limit`. */
static cvt_status read_local(entry *e, size_t limit, cvt_error *error) {
    if (e->offset > limit || limit - e->offset < LOCAL_SIZE)
        return fail_member(e, "it lies outside of the file", error);
    const unsigned char *local = e->file->data + e->offset;
    size_t name_size = u16(local + 26), extra_size = u16(local + 28), left = limit - (size_t)e->offset - LOCAL_SIZE;
    if (!marked(local, local_mark)) return fail_member(e, "its local header is not one", error);
    if (name_size + extra_size > left || e->stored > left - name_size - extra_size)
        return fail_member(e, "it reaches out of the file", error);
    left -= name_size + extra_size + (size_t)e->stored;
    const unsigned char *name = local + LOCAL_SIZE, *data = name + name_size + extra_size;
    bool same = name_size == e->member.name_size && memcmp(name, e->member.name, name_size) == 0 &&
                memcmp(local + 6, e->bytes + 8, 4) == 0 /* flags and method agree */ &&
                local_agrees(e, local, name + name_size, extra_size);
    if (!same) return fail_member(e, "its local header says otherwise than the directory", error);
    e->member.data = data;
    e->member.size = (size_t)e->stored;
    e->member.start = (size_t)e->offset;
    e->member.end = limit - left;
    if (!(u16(local + 6) & FLAG_DESCRIPTOR)) return CVT_OK;
    size_t descriptor = descriptor_length(e, data + e->stored, left);
    if (descriptor == 0) return fail_member(e, "its data descriptor says otherwise than the directory", error);
    e->member.end += descriptor;
    return CVT_OK;
}

static cvt_status read_members(cvt_zip *zip, const directory *d, cvt_error *error) {
    entry e = {.file = zip->file, .bytes = zip->file->data + d->offset};
    size_t left = (size_t)d->size;
    for (uint64_t i = 0; i < d->count; i++) {
        size_t used = 0;
        TRY(read_entry(&e, left, &used, error));
        TRY(read_local(&e, (size_t)d->offset, error));
        zip->members[zip->count++] = e.member;
        e.bytes += used;
        left -= used;
    }
    return left == 0 ? CVT_OK : fail_end(zip->file, "the directory is longer than its entries", error);
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static int by_name(const void *left, const void *right) {
    const cvt_zip_member *a = left, *b = right;
    return cvt_str_compare(a->name, a->name_size, b->name, b->name_size);
}

static int by_start(const void *left, const void *right) {
    const cvt_zip_member *a = left, *b = right;
    return (a->start > b->start) - (a->start < b->start);
}

/* Sorts the members by name and checks that no name is there twice and that members do not overlap. */
static cvt_status check_members(cvt_zip *zip, cvt_error *error) {
    cvt_zip_member *m = zip->members;
    qsort(m, zip->count, sizeof *m, by_start);
    for (size_t i = 1; i < zip->count; i++)
        if (m[i].start < m[i - 1].end)
            return cvt_fail(error, CVT_WEIGHTS, "%s: zip members \"%.*s\" and \"%.*s\" overlap", zip->file->path,
                            (int)m[i - 1].name_size, m[i - 1].name, (int)m[i].name_size, m[i].name);
    qsort(m, zip->count, sizeof *m, by_name);
    for (size_t i = 1; i < zip->count; i++)
        if (by_name(&m[i - 1], &m[i]) == 0)
            return cvt_fail(error, CVT_WEIGHTS, "%s: zip member \"%.*s\" is there twice", zip->file->path,
                            (int)m[i].name_size, m[i].name);
    return CVT_OK;
}

cvt_status cvt_zip_open(cvt_zip *out, const cvt_file *file, cvt_error *error) {
    *out = (cvt_zip){.file = file};
    directory d = {0};
    TRY(find_directory(file, &d, error));
    if (d.count == 0) return fail_end(file, "it is empty", error);
    out->members = calloc((size_t)d.count, sizeof *out->members); /* the directory has at least 46 bytes for each */
    if (!out->members) return cvt_fail_memory(error);
    cvt_status status = read_members(out, &d, error);
    if (status == CVT_OK) status = check_members(out, error);
    if (status != CVT_OK) cvt_zip_close(out);
    return status;
}

void cvt_zip_close(cvt_zip *zip) {
    free(zip->members);
    *zip = (cvt_zip){0};
}

const cvt_zip_member *cvt_zip_find(const cvt_zip *zip, const char *name, uint32_t name_size) {
    const cvt_zip_member wanted = {.name = name, .name_size = name_size};
    return bsearch(&wanted, zip->members, zip->count, sizeof wanted, by_name);
}

cvt_status cvt_zip_check(const cvt_zip *zip, const cvt_zip_member *m, cvt_error *error) {
    if (!m->compressed && crc32_z(0, m->data, m->size) == m->crc) return CVT_OK;
    return cvt_fail(error, CVT_WEIGHTS, "%s: zip member \"%.*s\" is %s", zip->file->path, (int)m->name_size, m->name,
                    m->compressed ? "compressed, which is not done in checkpoints" : "damaged: its CRC-32 differs");
}
