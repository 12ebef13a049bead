/* mutate_pickle.c - mutates pickles opcode by opcode, and zip archives that hold one: members are changed and the
 * archive is written anew, with the right sizes and sums. Opcodes are those of CPython's pickletools. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "mutate.h"

enum { MOST_OPS = 4096 };

typedef struct op {
    size_t at, size;
} op;

/* How many bytes of argument follow an opcode: a number; LINE or LINES: text up to one newline, or two; -N: a length of
 * N bytes and so many bytes; NONE: it is no opcode. */
enum { LINE = 100, LINES, NONE };
static int argument(uint8_t code) {
    static const char plain[] = "(.012Nlade]})}tRbQsuou\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98";
    if (strchr(plain, code) && code) return 0;
    if (strchr("FILSVPgp", code)) return LINE;
    if (code == 'c' || code == 'i') return LINES;
    switch (code) {
    case 'K':
    case 'h':
    case 'q':
    case 0x80:
    case 0x82: return 1;
    case 'M':
    case 0x83: return 2;
    case 'J':
    case 'j':
    case 'r':
    case 0x84: return 4;
    case 'G':
    case 0x95: return 8;
    case 'U':
    case 'C':
    case 0x8a:
    case 0x8c: return -1;
    case 'X':
    case 'T':
    case 'B':
    case 0x8b: return -4;
    case 0x8d:
    case 0x8e:
    case 0x96: return -8;
    default: return NONE;
    }
}

static size_t line_size(const uint8_t *at, size_t left) {
    const uint8_t *end = memchr(at, '\n', left);
    return end ? (size_t)(end - at) + 1 : left;
}

/* The size of the opcode at `at` with its argument. What is none counts as one byte. */
static size_t op_size(const uint8_t *at, size_t left) {
    const int n = argument(*at);
    size_t size = 1;
    if (n == NONE) return 1;
    if (n == LINE || n == LINES) {
        for (int i = LINE; i <= n; i++) size += line_size(at + size, left - size);
    } else if (n < 0) {
        const size_t width = (size_t)-n;
        if (left < 1 + width) return left;
        const uint64_t said = fuzz_get(at + 1, width, false);
        size += width + (said < left - 1 - width ? (size_t)said : left - 1 - width);
    } else {
        size += (size_t)n;
    }
    return size < left ? size : left;
}

static size_t find_ops(op ops[MOST_OPS], const uint8_t *data, size_t size) {
    size_t n = 0;
    for (size_t at = 0; at < size && n < MOST_OPS; n++) {
        ops[n] = (op){at, op_size(data + at, size - at)};
        at += ops[n].size;
    }
    return n;
}

#define SNIPPET(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }
static const fuzz_word snippets[] = {
    SNIPPET("("),
    SNIPPET(")"),
    SNIPPET("}"),
    SNIPPET("]"),
    SNIPPET("R"),
    SNIPPET("b"),
    SNIPPET("u"),
    SNIPPET("s"),
    SNIPPET("e"),
    SNIPPET("a"),
    SNIPPET("t"),
    SNIPPET("Q"),
    SNIPPET("0"),
    SNIPPET("1"),
    SNIPPET("2"),
    SNIPPET("N"),
    SNIPPET("."),
    SNIPPET("\x81"),
    SNIPPET("\x85"),
    SNIPPET("\x86"),
    SNIPPET("\x87"),
    SNIPPET("\x88"),
    SNIPPET("\x89"),
    SNIPPET("\x8f"),
    SNIPPET("\x90"),
    SNIPPET("\x91"),
    SNIPPET("\x92"),
    SNIPPET("\x93"),
    SNIPPET("\x94"),
    SNIPPET("d"),
    SNIPPET("l"),
    SNIPPET("h\0"),
    SNIPPET("h\1"),
    SNIPPET("q\0"),
    SNIPPET("q\1"),
    SNIPPET("j\0\0\0\0"),
    SNIPPET("r\xff\xff\xff\xff"),
    SNIPPET("K\0"),
    SNIPPET("K\2"),
    SNIPPET("M\1\1"),
    SNIPPET("J\xff\xff\xff\xff"),
    SNIPPET("J\0\0\0\x80"),
    SNIPPET("J\6\0\0\0"),
    SNIPPET("\x8a\0"),
    SNIPPET("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"),
    SNIPPET("\x8a\x09\1\1\1\1\1\1\1\1\1"),
    SNIPPET("\x8b\1\0\0\0\5"),
    SNIPPET("G\0\0\0\0\0\0\0\0"),
    SNIPPET("I1\n"),
    SNIPPET("I01\n"),
    SNIPPET("L1L\n"),
    SNIPPET("F1.5\n"),
    SNIPPET("Vx\n"),
    SNIPPET("S'x'\n"),
    SNIPPET("U\1x"),
    SNIPPET("X\1\0\0\0w"),
    SNIPPET("X\7\0\0\0storage"),
    SNIPPET("X\1\0\0\0000"),
    SNIPPET("X\3\0\0\0cpu"),
    SNIPPET("X\2\0\0\0\xff\xfe"),
    SNIPPET("\x8c\4bias"),
    SNIPPET("\x8d\1\0\0\0\0\0\0\0b"),
    SNIPPET("B\1\0\0\0x"),
    SNIPPET("C\1x"),
    SNIPPET("\x8e\1\0\0\0\0\0\0\0b"),
    SNIPPET("\x80\2"),
    SNIPPET("\x80\5"),
    SNIPPET("\x95\4\0\0\0\0\0\0\0"),
    SNIPPET("ccollections\nOrderedDict\n"),
    SNIPPET("ctorch._utils\n_rebuild_tensor_v2\n"),
    SNIPPET("ctorch._utils\n_rebuild_parameter\n"),
    SNIPPET("ctorch\nFloatStorage\n"),
    SNIPPET("ctorch\nSize\n"),
    SNIPPET("ctorch\nHalfStorage\n"),
    SNIPPET("ctorch\nBoolStorage\n"),
    SNIPPET("cos\nsystem\n"),
    SNIPPET("cbuiltins\neval\n"),
    SNIPPET("cnumpy.core.multiarray\nscalar\n"),
    SNIPPET("cnumpy\ndtype\n"),
    SNIPPET("cargparse\nNamespace\n"),
    SNIPPET("X\10\0\0\0builtinsX\4\0\0\0eval\x93"),
    SNIPPET("P0\n"),
    SNIPPET("g0\n"),
    SNIPPET("p0\n"),
    SNIPPET("o"),
    SNIPPET("ios\nsystem\n"),
    SNIPPET("\x82\1"),
    SNIPPET("\x97"),
};

/* The argument of an opcode, where it is a number or a length. */
static void change_argument(uint8_t *at, fuzz_random *random) {
    const int n = argument(*at);
    if (n == NONE || n >= LINE || n == 0) return;
    const size_t width = (size_t)abs(n);
    const uint64_t old = fuzz_get(at + 1, width, false);
    fuzz_put(at + 1, fuzz_below(random, 2) ? fuzz_any_number(random) : old + fuzz_below(random, 9) - 4, width, false);
}

static size_t change_once(uint8_t *data, size_t size, size_t most, fuzz_random *random) {
    static op ops[MOST_OPS];
    const size_t n = find_ops(ops, data, size);
    if (!n) return size;
    const op one = ops[fuzz_below(random, n)], two = ops[fuzz_below(random, n)];
    const fuzz_word snippet = snippets[fuzz_below(random, sizeof snippets / sizeof snippets[0])];
    switch (fuzz_below(random, 8)) {
    case 0: return fuzz_replace(data, size, most, one.at, one.size, "", 0);
    case 1: return fuzz_replace(data, size, most, one.at, 0, data + two.at, two.size);
    case 2: return fuzz_replace(data, size, most, one.at, one.size, data + two.at, two.size);
    case 3: return fuzz_replace(data, size, most, one.at, 0, snippet.bytes, snippet.size);
    case 4: return fuzz_replace(data, size, most, one.at, one.size, snippet.bytes, snippet.size);
    case 5: { /* some opcodes once more, elsewhere */
        const size_t from = one.at < two.at ? one.at : two.at, to = one.at < two.at ? two.at : one.at;
        return fuzz_replace(data, size, most, ops[fuzz_below(random, n)].at, 0, data + from, to - from);
    }
    default:
        if (one.size > (size_t)abs(argument(data[one.at]) % LINE)) change_argument(data + one.at, random);
        return size;
    }
}

static size_t change_pickle(uint8_t *data, size_t size, size_t most, fuzz_random *random) {
    for (size_t n = 1 + fuzz_below(random, 4); n; n--) size = change_once(data, size, most, random);
    return size;
}

size_t mutate_pickle(uint8_t *data, size_t size, size_t most, fuzz_random *random) {
    if (!size || fuzz_below(random, 5) == 0) return fuzz_bytes(data, size, most, random);
    return change_pickle(data, size, most, random);
}

/* ---- zip -------------------------------------------------------------------------------------------------------- */

enum { MOST_MEMBERS = 32, LOCAL = 30, CENTRAL = 46, END = 22 };

typedef struct member {
    const uint8_t *name, *data;
    size_t name_size, size;
} member;

/* The members of an archive without ZIP64 that is whole; 0: it is none. */
static size_t find_members(member members[MOST_MEMBERS], const uint8_t *data, size_t size) {
    size_t end = size, n = 0;
    while (end >= END && memcmp(data + end - END, "PK\5\6", 4) != 0) end--;
    if (end < END) return 0;
    size_t at = (size_t)fuzz_get(data + end - END + 16, 4, false);
    while (n < MOST_MEMBERS && at < size && size - at >= CENTRAL && memcmp(data + at, "PK\1\2", 4) == 0) {
        const size_t bytes = (size_t)fuzz_get(data + at + 20, 4, false),
                     name = (size_t)fuzz_get(data + at + 28, 2, false);
        const size_t extra = (size_t)fuzz_get(data + at + 30, 2, false) + (size_t)fuzz_get(data + at + 32, 2, false);
        const size_t local = (size_t)fuzz_get(data + at + 42, 4, false);
        if (name > size - at - CENTRAL || local > size || size - local < LOCAL) break;
        const size_t skip =
            LOCAL + (size_t)fuzz_get(data + local + 26, 2, false) + (size_t)fuzz_get(data + local + 28, 2, false);
        if (skip > size - local || bytes > size - local - skip) break;
        members[n++] = (member){data + at + CENTRAL, data + local + skip, name, bytes};
        at += CENTRAL + name + extra;
    }
    return n;
}

typedef struct writer {
    uint8_t *data;
    size_t size, most;
    bool full;
} writer;

static void add(writer *w, const void *bytes, size_t n) {
    w->full = w->full || n > w->most - w->size;
    if (w->full || !n) return;
    memcpy(w->data + w->size, bytes, n);
    w->size += n;
}

static void add_number(writer *w, uint64_t value, size_t n) {
    uint8_t bytes[8];
    fuzz_put(bytes, value, n, false);
    add(w, bytes, n);
}

/* The part of a header that the local one and that of the directory share. */
static void add_header(writer *w, const member *m) {
    add(w, "\0\0\0\10\0\0\0\0\0\0", 10);
    add_number(w, crc32(crc32(0, NULL, 0), m->data, (uInt)m->size), 4);
    add_number(w, m->size, 4);
    add_number(w, m->size, 4);
    add_number(w, m->name_size, 2);
    add_number(w, 0, 2);
}

static size_t write_zip(uint8_t *to, size_t most, const member *members, size_t n) {
    writer w = {.data = to, .most = most};
    size_t starts[MOST_MEMBERS + 1];
    for (size_t i = 0; i < n; i++) {
        starts[i] = w.size;
        add(&w, "PK\3\4\0", 4);
        add_header(&w, &members[i]);
        add(&w, members[i].name, members[i].name_size);
        add(&w, members[i].data, members[i].size);
    }
    const size_t directory = w.size;
    for (size_t i = 0; i < n; i++) {
        add(&w, "PK\1\2\0\0", 6);
        add_header(&w, &members[i]);
        add(&w, "\0\0\0\0\0\0\0\0\0\0", 10);
        add_number(&w, starts[i], 4);
        add(&w, members[i].name, members[i].name_size);
    }
    const size_t end = w.size;
    add(&w, "PK\5\6\0\0\0\0", 8);
    add_number(&w, n, 2);
    add_number(&w, n, 2);
    add_number(&w, end - directory, 4);
    add_number(&w, directory, 4);
    add_number(&w, 0, 2);
    return w.full ? 0 : w.size;
}

static bool ends_with(const member *m, const char *text) {
    const size_t n = strlen(text);
    return m->name_size >= n && memcmp(m->name + m->name_size - n, text, n) == 0;
}

/* Changes one member. Its new name or data go to `room`, of `most` bytes. Returns how many members there are. */
static size_t change_members(member *members, size_t n, uint8_t *room, size_t most, fuzz_random *random) {
    size_t i = fuzz_below(random, n);
    const size_t what = fuzz_below(random, 12);
    if (what > 4) /* the pickle, if there is one */
        for (size_t k = 0; k < n; k++)
            if (ends_with(&members[k], ".pkl")) i = k;
    member *m = &members[i];
    if (what == 0) { /* one less */
        *m = members[n - 1];
        return n - 1;
    }
    if (what == 1 && n < MOST_MEMBERS) { /* one twice */
        members[n] = *m;
        return n + 1;
    }
    const bool name = what == 2;
    const size_t size = name ? m->name_size : m->size;
    memcpy(room, name ? m->name : m->data, size);
    if (name) {
        m->name_size = fuzz_bytes(room, size, size + 16, random);
        m->name = room;
    } else {
        m->size = ends_with(m, ".pkl") ? change_pickle(room, size, most, random) : fuzz_bytes(room, size, most, random);
        m->data = room;
    }
    return n;
}

size_t mutate_zip(uint8_t *data, size_t size, size_t most, fuzz_random *random) {
    member members[MOST_MEMBERS + 1];
    const size_t n = fuzz_below(random, 5) ? find_members(members, data, size) : 0;
    if (!n) return fuzz_bytes(data, size, most, random);
    uint8_t *room = malloc(2 * most + 64);
    if (!room) return size;
    const size_t left = change_members(members, n, room, most, random);
    const size_t made = write_zip(room + most + 64, most, members, left);
    if (made) memcpy(data, room + most + 64, made);
    free(room);
    return made ? made : size;
}
