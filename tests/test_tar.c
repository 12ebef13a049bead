/* test_tar.c - what is found in tar archives, good ones and hostile ones. The archives are written here, byte by byte,
 * from the formats' descriptions (POSIX pax, the manual of GNU tar), without a library. A case says what must come out,
 * in order: "NAME:BYTES" for an image, "NAME!CODE" for one that cannot be read, "!CODE" for an archive, "?WORD" for a
 * line to people. The program is run over archives in test_tar.sh. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/str.h"
#include "batch/archive.h"
#include "batch/key.h"
#include "batch/list.h"
#include "test.h"

enum { BLOCK = 512, HEADER_SIZE = 124, CHECKSUM = 148, TYPE = 156, MAGIC = 257, PREFIX = 345 };

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void zeros(cvt_str *to, size_t n) {
    static const char none[BLOCK];
    for (; n > BLOCK; n -= BLOCK) cvt_str_append(to, none, BLOCK);
    cvt_str_append(to, none, n);
}

static void set_checksum(unsigned char *header) {
    unsigned sum = 0;
    memset(header + CHECKSUM, ' ', 8);
    for (int i = 0; i < BLOCK; i++) sum += header[i];
    snprintf((char *)header + CHECKSUM, 8, "%06o", sum);
}

/* A header of ustar; `size` as it is to stand there. */
static void header(cvt_str *to, const char *name, char type, const char *size) {
    unsigned char h[BLOCK] = {0};
    memcpy(h, name, strlen(name) < 100 ? strlen(name) : 100);
    memcpy(h + 100,
           "0000644\0"
           "0000000\0"
           "0000000",
           23);
    memcpy(h + HEADER_SIZE, size, strlen(size) < 12 ? strlen(size) : 12);
    memcpy(h + 136, "00000000000", 11);
    h[TYPE] = (unsigned char)type;
    memcpy(h + MAGIC,
           "ustar\0"
           "00",
           8);
    set_checksum(h);
    cvt_str_append(to, (const char *)h, BLOCK);
}

static unsigned char *last_header(cvt_str *to) { return (unsigned char *)to->data + to->size - BLOCK; }

static void data(cvt_str *to, const char *bytes, size_t n) {
    cvt_str_append(to, bytes, n);
    zeros(to, (BLOCK - n % BLOCK) % BLOCK);
}

static void file(cvt_str *to, const char *name, char type, const char *bytes, size_t n) {
    char size[32];
    snprintf(size, sizeof size, "%011zo", n);
    header(to, name, type, size);
    data(to, bytes, n);
}

/* What begins as a JPEG, of n bytes. */
static void image(cvt_str *to, const char *name, size_t n) {
    char bytes[4096];
    memset(bytes, 0x55, sizeof bytes);
    memcpy(bytes, "\xff\xd8\xff\xe0", 4);
    file(to, name, '0', bytes, n);
}

static void text(cvt_str *to, const char *name) { file(to, name, '0', "some text", 9); }
static void finish(cvt_str *to) { zeros(to, 2 * BLOCK); }

static void pax(cvt_str *to, char type, const char *key, const char *value, size_t n) {
    char front[64];
    cvt_str record = {0};
    size_t length = strlen(key) + n + 3, digits = 1;
    while (snprintf(front, sizeof front, "%zu", length + digits) != (int)digits) digits++;
    cvt_str_print(&record, "%zu %s=", length + digits, key);
    cvt_str_append(&record, value, n);
    cvt_str_append(&record, "\n", 1);
    file(to, "PaxHeader", type, record.data, record.size);
    cvt_str_free(&record);
}

static void pax_text(cvt_str *to, const char *key, const char *value) { pax(to, 'x', key, value, strlen(value)); }

/* ---- archives ---------------------------------------------------------------------------------------------------- */

static void two(cvt_str *to) {
    image(to, "a.jpg", 100);
    image(to, "b/c.png", 513);
}

static void plain(cvt_str *to) { two(to), finish(to); }

static void v7(cvt_str *to) {
    image(to, "a.jpg", 100);
    unsigned char *h = (unsigned char *)to->data;
    memset(h + MAGIC, 0, BLOCK - MAGIC);
    h[TYPE] = 0;
    set_checksum(h);
    finish(to);
}

static void gnu_magic(cvt_str *to) {
    image(to, "a.jpg", 100);
    memcpy(to->data + MAGIC, "ustar  ", 8);
    set_checksum((unsigned char *)to->data);
    finish(to);
}

static void prefix(cvt_str *to) {
    image(to, "a.jpg", 100);
    memcpy(to->data + PREFIX, "deep/down", 9);
    set_checksum((unsigned char *)to->data);
    finish(to);
}

static void long_name(cvt_str *to, size_t n, bool ended) {
    char *name = malloc(n + 1);
    memset(name, 'n', n);
    name[n] = 0;
    file(to, "././@LongLink", 'L', name, n + ended);
    free(name);
}

static void gnu_long(cvt_str *to) { long_name(to, 300, true), image(to, "short", 7), finish(to); }
static void gnu_long_unended(cvt_str *to) { long_name(to, 300, false), image(to, "short", 7), finish(to); }
static void gnu_long_thrice(cvt_str *to) {
    long_name(to, 101, true), long_name(to, 102, true), long_name(to, 300, true), image(to, "short", 7), finish(to);
}
static void gnu_long_then_end(cvt_str *to) { image(to, "a.jpg", 9), long_name(to, 300, true), finish(to); }
static void gnu_long_torn(cvt_str *to) { image(to, "a.jpg", 9), long_name(to, 300, true); }
static void name_of_70000(cvt_str *to) {
    long_name(to, 70000, true), image(to, "short", 7), image(to, "b.jpg", 8), finish(to);
}
static void name_of_2_mib(cvt_str *to) {
    image(to, "a.jpg", 9), long_name(to, 2 << 20, true), image(to, "b.jpg", 8), finish(to);
}

static void pax_path(cvt_str *to) { pax_text(to, "path", "from/pax.jpg"), image(to, "short", 7), finish(to); }
static void pax_utf8(cvt_str *to) { pax_text(to, "path", "\xc3\xa9.jpg"), image(to, "short", 7), finish(to); }
static void pax_bytes(cvt_str *to) { pax_text(to, "path", "\xff\xe9.jpg"), image(to, "short.jpg", 7), finish(to); }
static void pax_nul(cvt_str *to) { pax(to, 'x', "path", "a.jpg\0b", 7), image(to, "short.jpg", 7), finish(to); }
static void pax_size(cvt_str *to) {
    pax_text(to, "size", "600"), header(to, "a.jpg", '0', "00000000000"), data(to, "\xff\xd8\xff\xe0", 4),
        zeros(to, BLOCK), image(to, "b.jpg", 5), finish(to);
}
static void pax_global(cvt_str *to) { pax(to, 'g', "comment", "of all", 6), two(to), finish(to); }
static void pax_length(cvt_str *to, const char *record) {
    image(to, "a.jpg", 9), file(to, "PaxHeader", 'x', record, strlen(record)), image(to, "b.jpg", 8), finish(to);
}
static void pax_too_long(cvt_str *to) { pax_length(to, "9999 path=x.jpg\n"); }
static void pax_no_number(cvt_str *to) { pax_length(to, "x path=x.jpg\n"); }
static void pax_zero(cvt_str *to) { pax_length(to, "0 path=x.jpg\n"); }
static void pax_huge_number(cvt_str *to) { pax_length(to, "99999999999999999999999 path=x.jpg\n"); }
static void pax_sparse(cvt_str *to) {
    pax_text(to, "GNU.sparse.map", "0,4,1000000,4"), image(to, "s.jpg", 8), image(to, "b.jpg", 8), finish(to);
}

static void gnu_sparse(cvt_str *to) {
    image(to, "s.jpg", 8);
    unsigned char *h = (unsigned char *)to->data;
    h[TYPE] = 'S';
    memcpy(h + MAGIC, "ustar  ", 8);
    memcpy(h + 386,
           "00000001000\0"
           "00000000010",
           23);                         /* 8 bytes at 512 */
    memcpy(h + 483, "77777777777", 11); /* of 8 GiB */
    set_checksum(h);
    image(to, "b.jpg", 8), finish(to);
}

static void others(cvt_str *to) {
    static const char types[] = {'1', '2', '3', '4', '5', '6'};
    for (size_t i = 0; i < sizeof types; i++) {
        header(to, "odd.jpg", types[i], "00000000000");
        memcpy(last_header(to) + 157, "a.jpg", 5);
        set_checksum(last_header(to));
    }
    image(to, "a.jpg", 5), finish(to);
}

static void link_with_size(cvt_str *to) { header(to, "l.jpg", '2', "00000001000"), image(to, "a.jpg", 5), finish(to); }

static void labels(cvt_str *to) {
    text(to, "x.cls"), image(to, "x.jpg", 4), text(to, "x.json"), text(to, "x.txt"), finish(to);
}
static void kinds(cvt_str *to) {
    text(to, "notes"), text(to, "junk.JPG"), image(to, "photo", 30), image(to, ".hidden.jpg", 4),
        image(to, "d/._a.jpg", 4);
    file(to, "empty.jpg", '0', "", 0), finish(to);
}
static void twice(cvt_str *to) {
    image(to, "a.jpg", 4), image(to, "a.jpg", 5), image(to, "b.jpg", 6), image(to, "b.jpg", 7), finish(to);
}
static void apart(cvt_str *to) { image(to, "a.jpg", 4), image(to, "b.jpg", 5), image(to, "a.png", 6), finish(to); }
static void together(cvt_str *to) {
    image(to, "a.jpg", 4), image(to, "a.seg.png", 5), image(to, "d.x/a", 5), finish(to);
}

static void concatenated(cvt_str *to) { plain(to), image(to, "d.jpg", 8), finish(to); }
static void padded(cvt_str *to) { plain(to), zeros(to, 10240), image(to, "d.jpg", 8), finish(to), zeros(to, 8192); }
static void open_end(cvt_str *to) { two(to); }
static void half_end(cvt_str *to) { two(to), zeros(to, BLOCK); }
static void torn_header(cvt_str *to) { plain(to), to->size = 3 * BLOCK - 12; }
static void torn_data(cvt_str *to) { two(to), image(to, "c.jpg", 2000), to->size -= 1000; }
static void torn_padding(cvt_str *to) { two(to), to->size -= 1; }
static void torn_text(cvt_str *to) { image(to, "a.jpg", 100), text(to, "notes"), to->size -= 100; }

static void damaged(cvt_str *to) {
    image(to, "a.jpg", 100), image(to, "b.jpg", 100), image(to, "c.jpg", 100), finish(to);
    to->data[2 * BLOCK + 3] ^= 1;
}
static void damaged_first(cvt_str *to) { plain(to), to->data[3] ^= 1; }
static void junk_behind(cvt_str *to) { plain(to), cvt_str_print(to, "%0512d", 7); }
static void sized(cvt_str *to, const char *size) {
    image(to, "a.jpg", 9), header(to, "s.jpg", '0', size), image(to, "b.jpg", 8), finish(to);
}
static void size_junk(cvt_str *to) { sized(to, "zzzzzzzzzzz"); }
static void size_8_gib(cvt_str *to) { sized(to, "77777777777"); }
static void size_base256(cvt_str *to) {
    sized(to, "0");
    unsigned char *h = (unsigned char *)to->data + 2 * BLOCK;
    memset(h + HEADER_SIZE, 0x7f, 12), h[HEADER_SIZE] = 0x80,
                                       h[HEADER_SIZE + 1] = h[HEADER_SIZE + 2] = h[HEADER_SIZE + 3] = 0;
    set_checksum(h);
}
static void size_negative(cvt_str *to) {
    sized(to, "0");
    unsigned char *h = (unsigned char *)to->data + 2 * BLOCK;
    memset(h + HEADER_SIZE, 0xff, 12);
    set_checksum(h);
}
static void no_name(cvt_str *to) { image(to, "", 9), image(to, "b.jpg", 8), finish(to); }
static void paths(cvt_str *to) {
    image(to, "./a.jpg", 4), image(to, "../b.jpg", 4), image(to, "/c.jpg", 4), image(to, "d\n\x1b.jpg", 4), finish(to);
}
static void compressed(cvt_str *to) { cvt_str_append(to, "\x1f\x8b\x08\0", 4), zeros(to, 2000); }
static void zstd(cvt_str *to) { cvt_str_append(to, "\x28\xb5\x2f\xfd", 4), zeros(to, 2000); }
static void zip(cvt_str *to) { cvt_str_append(to, "PK\3\4", 4), zeros(to, 2000); }
static void nothing(cvt_str *to) { cvt_str_append(to, "", 0); }
static void words(cvt_str *to) { cvt_str_print(to, "%04000d", 1); }
static void few_words(cvt_str *to) { cvt_str_print(to, "not tar"); }
static void only_zeros(cvt_str *to) { zeros(to, 10240); }
static void only_text(cvt_str *to) { text(to, "notes"), finish(to); }
static void no_checksum(cvt_str *to) { plain(to), memset(to->data + CHECKSUM, 0, 8); }
static void minus_checksum(cvt_str *to) { plain(to), memset(to->data + CHECKSUM, '-', 8); }

#define N100 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
#define BOTH "a.jpg:100 b/c.png:513 "

static const struct {
    const char *title;
    void (*write)(cvt_str *to);
    const char *wanted;
} cases[] = {
    {"ustar", plain, BOTH},
    {"an old tar, without a magic", v7, "a.jpg:100 "},
    {"GNU tar", gnu_magic, "a.jpg:100 "},
    {"a name in two fields", prefix, "deep/down/a.jpg:100 "},
    {"a long name of GNU tar", gnu_long, N100 N100 N100 ":7 "},
    {"a long name without its NUL", gnu_long_unended, N100 N100 N100 ":7 "},
    {"three long names: the last one counts", gnu_long_thrice, N100 N100 N100 ":7 "},
    {"a long name of nothing", gnu_long_then_end, "a.jpg:9 !truncated "},
    {"a long name, then the end of the file", gnu_long_torn, "a.jpg:9 !truncated "},
    {"a name of 70,000 bytes is shown in part", name_of_70000, N100 N100 "!too_large b.jpg:8 "},
    {"a name of 2 MiB is not read", name_of_2_mib, "a.jpg:9 !corrupt "},
    {"a path of pax", pax_path, "from/pax.jpg:7 "},
    {"a path of pax in UTF-8", pax_utf8, "\xc3\xa9.jpg:7 "},
    {"a path of pax of other bytes", pax_bytes, "\xff\xe9.jpg:7 "},
    {"a path of pax with a NUL ends there", pax_nul, "a.jpg:7 "},
    {"a size of pax", pax_size, "a.jpg:600 b.jpg:5 "},
    {"records of pax for all", pax_global, BOTH},
    {"a record of pax that is too long", pax_too_long, "a.jpg:9 b.jpg:8 "},
    {"one without a length", pax_no_number, "a.jpg:9 b.jpg:8 "},
    {"one of no length", pax_zero, "a.jpg:9 b.jpg:8 "},
    {"one of a length of 23 digits", pax_huge_number, "a.jpg:9 b.jpg:8 "},
    {"a sparse file of pax", pax_sparse, "s.jpg!unsupported b.jpg:8 "},
    {"a sparse file of GNU tar", gnu_sparse, "s.jpg!unsupported b.jpg:8 "},
    {"links, devices, a directory, a FIFO are passed by", others, "a.jpg:5 "},
    {"a link with a size", link_with_size, "a.jpg:5 "},
    {"labels are no images", labels, "x.jpg:4 "},
    {"by content, or by name; nothing that begins with a dot", kinds, "junk.JPG:9 photo:30 empty.jpg:0 "},
    {"names that come twice are told once", twice, "a.jpg:4 a.jpg:5 b.jpg:6 b.jpg:7 ?twice "},
    {"keys that come back are told", apart, "a.jpg:4 b.jpg:5 a.png:6 ?apart "},
    {"entries of a key that stand together are not", together, "a.jpg:4 a.seg.png:5 d.x/a:5 "},
    {"two archives behind each other", concatenated, BOTH "d.jpg:8 "},
    {"with zeros between them", padded, BOTH "d.jpg:8 "},
    {"an archive without an end", open_end, BOTH "?open "},
    {"with half an end", half_end, BOTH "?open "},
    {"torn in a header", torn_header, "a.jpg:100 !truncated "},
    {"torn in an image", torn_data, BOTH "!truncated "},
    {"torn behind an image", torn_padding, BOTH "!truncated "},
    {"torn in a file that is no image", torn_text, "a.jpg:100 !truncated "},
    {"a damaged header: what stands behind it is read", damaged, "a.jpg:100 c.jpg:100 !corrupt "},
    {"a damaged first header", damaged_first, "!format "},
    {"junk behind the end", junk_behind, BOTH "!corrupt "},
    {"a size that is no number", size_junk, "a.jpg:9 s.jpg:0 b.jpg:8 "},
    {"a size of 8 GiB", size_8_gib, "a.jpg:9 s.jpg!too_large !truncated "},
    {"a size of 2^63", size_base256, "a.jpg:9 s.jpg!too_large !truncated "},
    {"a negative size", size_negative, "a.jpg:9 !corrupt "},
    {"an entry without a name", no_name, "!corrupt b.jpg:8 "},
    {"paths stay as they are: nothing is unpacked", paths, "./a.jpg:4 ../b.jpg:4 /c.jpg:4 d\n\x1b.jpg:4 "},
    {"gzip", compressed, "!unsupported "},
    {"zstd", zstd, "!unsupported "},
    {"ZIP", zip, "!unsupported "},
    {"an empty file", nothing, "!truncated "},
    {"some digits", words, "!format "},
    {"a few letters", few_words, "!format "},
    {"zeros: an archive of nothing", only_zeros, "?none "},
    {"no image", only_text, "?none "},
    {"without a checksum", no_checksum, "!format "},
    {"a checksum of no number", minus_checksum, "!format "},
};

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/test_tar.XXXXXX";

static void save(const char *name, const cvt_str *bytes, char path[64]) {
    snprintf(path, 64, "%s/%s", folder, name);
    unlink(path); /* writing over a file can make file systems wait for the disk */
    test_put(path, bytes->size ? bytes->data : "", bytes->size);
}

static const char *word_of(const char *message) {
    return strstr(message, "before")        ? "twice"
           : strstr(message, "again")       ? "apart"
           : strstr(message, "no images")   ? "none"
           : strstr(message, "no end mark") ? "open"
                                            : message;
}

/* Goes through archives; what comes out is appended to `to`. */
static void read_tars(const char *const *tars, size_t n, cvt_str *to) {
    const cvt_list_options options = {.tars = tars, .n_tars = n, .remarks = true, .wake = -1};
    cvt_list *list;
    cvt_str path = {0};
    cvt_input input = {0};
    cvt_error problem = {0};
    if (cvt_list_new(&list, &options, &problem) != CVT_OK) {
        cvt_str_print(to, "%s", problem.message);
        return;
    }
    while (cvt_list_next(list, &path, &problem)) {
        const cvt_list_kind kind = cvt_list_last(list);
        if (kind == CVT_LIST_REMARK) {
            cvt_str_print(to, "?%s ", word_of(problem.message));
            continue;
        }
        if (kind == CVT_LIST_ENTRY && problem.status == CVT_OK && !cvt_list_take(list, &input, &problem)) continue;
        if (kind == CVT_LIST_ENTRY) cvt_str_append(to, path.data, path.size);
        if (problem.status == CVT_OK)
            cvt_str_print(to, ":%zu ", input.size);
        else if (strstr(problem.message, "byte -"))
            cvt_str_print(to, "%s ", problem.message); /* no place in a file */
        else
            cvt_str_print(to, "!%s ", cvt_status_code(problem.status));
    }
    cvt_list_free(list);
    cvt_str_free(&path);
    free(input.data);
}

static void check_cases(void) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cvt_str archive = {0}, found = {0};
        char path[64];
        cases[i].write(&archive);
        save("case.tar", &archive, path);
        read_tars(&(const char *const){path}, 1, &found);
        test_case(found.data && strcmp(found.data, cases[i].wanted) == 0, cases[i].title, "found \"%s\", wanted \"%s\"",
                  found.data ? found.data : "", cases[i].wanted);
        cvt_str_free(&archive);
        cvt_str_free(&found);
    }
}

/* The entries of a prefix of an archive are the first ones of the whole; and it ends with an error or a remark. */
static void check_prefixes(void) {
    cvt_str archive = {0};
    char path[64];
    two(&archive), image(&archive, "d.jpg", 8);
    const size_t whole = archive.size;
    static const char all[] = BOTH "d.jpg:8 ";
    int wrong = 0;
    for (size_t n = 1; n < whole; n++) {
        cvt_str found = {0};
        archive.size = n;
        save("prefix.tar", &archive, path);
        read_tars(&(const char *const){path}, 1, &found);
        const char *end = found.data ? strpbrk(found.data, "!?") : NULL;
        const size_t good = end ? (size_t)(end - found.data) : 0;
        wrong += !end || good > sizeof all - 1 || memcmp(found.data, all, good) != 0 || strchr(end, ':');
        cvt_str_free(&found);
    }
    test_case(wrong == 0, "every prefix of an archive", "%d of %zu are wrong", wrong, whole);
    cvt_str_free(&archive);
}

/* Whatever byte of a header is changed, with its checksum made right or not, reading ends. */
static void check_damage(void) {
    cvt_str archive = {0};
    char path[64];
    int items = 0;
    for (int i = 0; i < BLOCK; i++)
        for (int kind = 0; kind < 4; kind++) {
            static const unsigned char values[] = {0xff, 0, '9', 0x80};
            cvt_str found = {0};
            cvt_str_clear(&archive);
            image(&archive, "z.jpg", 5), plain(&archive);
            unsigned char *h = (unsigned char *)archive.data + (kind % 2 ? 0 : 2 * BLOCK);
            h[i] = values[kind];
            if (kind < 2) set_checksum(h);
            save("damage.tar", &archive, path);
            read_tars(&(const char *const){path}, 1, &found);
            items += found.size > 0;
            cvt_str_free(&found);
        }
    test_case(items == 4 * BLOCK, "every byte of a header changed", "%d of %d say something", items, 4 * BLOCK);
    cvt_str_free(&archive);
}

static void check_several(void) {
    cvt_str archive = {0}, found = {0};
    char path[64];
    plain(&archive);
    save("good.tar", &archive, path);
    const char *const tars[] = {path, "nowhere.tar", folder, path};
    read_tars(tars, 4, &found);
    test_case(found.data && strcmp(found.data, BOTH "!not_found !unreadable " BOTH) == 0,
              "an archive that is missing does not stop the others", "%s", found.data ? found.data : "");
    cvt_str_free(&found);
    cvt_str_free(&archive);
}

static long peak(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* More names than are remembered: memory does not grow, and a name that comes back soon is still noticed. */
static void check_many(void) {
    cvt_str piece = {0}, found = {0}, nothing_yet = {0};
    char path[64], name[32];
    save("many.tar", &nothing_yet, path);
    FILE *out = fopen(path, "ab");
    for (int i = 0; out && i <= 100000; i++) {
        snprintf(name, sizeof name, "%d", i < 100000 ? i : 90000);
        cvt_str_clear(&piece);
        text(&piece, name);
        fwrite(piece.data, 1, piece.size, out);
    }
    cvt_str_clear(&piece);
    image(&piece, "z.jpg", 4), finish(&piece);
    if (out) fwrite(piece.data, 1, piece.size, out), fclose(out);
    const long before = peak();
    read_tars(&(const char *const){path}, 1, &found);
    const long grown = peak() - before;
    test_case(found.data && strcmp(found.data, "z.jpg:4 ?twice ?apart ") == 0, "100,000 entries", "%s",
              found.data ? found.data : "");
    test_case(grown < 3000, "memory does not grow with them", "%ld kB", grown);
    cvt_str_free(&found);
    cvt_str_free(&piece);
}

static void check_key(const char *path, size_t wanted) {
    test_case(cvt_key_length(path) == wanted, "a key", "%s: %zu bytes, wanted %zu", path, cvt_key_length(path), wanted);
}

int main(void) {
    if (!cvt_tar_is_built()) {
        printf("skip archives: built without libarchive\n");
        return test_end();
    }
    if (!mkdtemp(folder)) return 1;
    check_cases();
    check_prefixes();
    check_damage();
    check_several();
    check_many();
    check_key("a/b.c/d.e.f", 7);
    check_key("name", 4);
    check_key("x.jpg", 1);
    check_key("a/.jpg", 2);
    static const char *const left[] = {"case", "prefix", "damage", "good", "many"};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%s.tar", folder, left[i]);
        unlink(path);
    }
    rmdir(folder);
    return test_end();
}
