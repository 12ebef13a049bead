/* mutate_json.c - mutates JSON as JSON: values, keys and members, also in lines of it and in text that is damaged; and
 * safetensors files, whose header is JSON, with golden data, which are JSON in a string of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mutate.h"

enum { MOST_TOKENS = 2048 };

/* A string with its quotes, a number or word, or one of {}[],: */
typedef struct token {
    size_t at, size;
} token;

typedef struct text {
    uint8_t *data;
    size_t size, most;
    token tokens[MOST_TOKENS];
    size_t n;
} text;

static bool is_plain(uint8_t c) { return c > ' ' && !strchr("{}[],:\"", c); }

static void find_tokens(text *t) {
    t->n = 0;
    for (size_t i = 0; i < t->size && t->n < MOST_TOKENS;) {
        const size_t start = i;
        if (t->data[i] == '"') {
            for (i++; i < t->size && t->data[i] != '"'; i++) i += t->data[i] == '\\';
            i = i < t->size ? i + 1 : t->size;
        } else if (is_plain(t->data[i])) {
            while (i < t->size && is_plain(t->data[i])) i++;
        } else {
            i++;
            if (t->data[start] <= ' ') continue;
        }
        t->tokens[t->n++] = (token){start, i - start};
    }
}

static uint8_t kind(const text *t, size_t i) { return i < t->n ? t->data[t->tokens[i].at] : 0; }

/* The token behind the value that begins with token i. */
static size_t value_end(const text *t, size_t i) {
    size_t depth = 0;
    for (; i < t->n; i++) {
        const uint8_t c = kind(t, i);
        if (c == '{' || c == '[') depth++;
        if ((c == '}' || c == ']') && depth) depth--;
        if (!depth) return i + 1;
    }
    return t->n;
}

static size_t offset(const text *t, size_t i) { return i < t->n ? t->tokens[i].at : t->size; }

static void put(text *t, size_t first, size_t behind, const void *with, size_t n) {
    const size_t at = offset(t, first);
    const size_t end = behind > first ? t->tokens[behind - 1].at + t->tokens[behind - 1].size : at;
    t->size = fuzz_replace(t->data, t->size, t->most, at, end - at, with, n);
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static void put_any_value(text *t, size_t i, fuzz_random *random) {
    static const char *const values[] = {"0",
                                         "-1",
                                         "1",
                                         "2",
                                         "3",
                                         "0.5",
                                         "1e308",
                                         "-0",
                                         "1e-320",
                                         "null",
                                         "true",
                                         "false",
                                         "\"\"",
                                         "[]",
                                         "{}",
                                         "[[]]",
                                         "1.0",
                                         "2147483647",
                                         "[0,0]",
                                         "[1,2,3,4]",
                                         "1e5",
                                         "65536",
                                         "4294967296",
                                         "NaN",
                                         "-Infinity",
                                         "1000000",
                                         "\"\\u0041\"",
                                         "9007199254740993",
                                         "-9223372036854775808",
                                         "18446744073709551616"};
    char number[32];
    const char *value = values[fuzz_below(random, sizeof values / sizeof values[0])];
    if (fuzz_below(random, 3) == 0) {
        snprintf(number, sizeof number, "%lld", (long long)fuzz_any_number(random));
        value = number;
    }
    put(t, i, value_end(t, i), value, strlen(value));
}

static void change_number(text *t, size_t i, fuzz_random *random) {
    char number[32];
    const uint64_t old = (uint64_t)strtoll((const char *)t->data + t->tokens[i].at, NULL, 10);
    const uint64_t changes[] = {old + 1, old - 1, old * 2, old / 2, 0 - old, old * 1000, old + 64};
    const size_t which = fuzz_below(random, sizeof changes / sizeof changes[0]);
    snprintf(number, sizeof number, "%lld", (long long)changes[which]);
    put(t, i, i + 1, number, strlen(number));
}

static void put_word(text *t, size_t i, fuzz_random *random) {
    const fuzz_word word = fuzz_any_word(random);
    put(t, i, i + 1, word.bytes, word.size);
}

/* A value in the place of another one. */
static void copy_value(text *t, size_t to, size_t from) {
    const size_t end = value_end(t, from);
    if (end == from) return;
    const size_t at = offset(t, from), n = t->tokens[end - 1].at + t->tokens[end - 1].size - at;
    put(t, to, value_end(t, to), t->data + at, n);
}

/* ---- members ---------------------------------------------------------------------------------------------------- */

/* The token behind the member of an object, or of a list, that begins with token i; the comma behind it is of it. */
static size_t member_end(const text *t, size_t i) {
    size_t end = value_end(t, i);
    if (kind(t, end) == ':') end = value_end(t, end + 1);
    return kind(t, end) == ',' ? end + 1 : end;
}

static void repeat_member(text *t, size_t i, size_t where) {
    const size_t end = member_end(t, i);
    if (end <= i || i >= t->n) return;
    const size_t at = offset(t, i), n = t->tokens[end - 1].at + t->tokens[end - 1].size - at;
    put(t, where, where, t->data + at, n);
}

static void add_member(text *t, size_t i, fuzz_random *random) {
    char member[512];
    const fuzz_word word = fuzz_any_word(random), value = fuzz_any_word(random);
    const bool whole = value.size && fuzz_below(random, 2);
    const int n = snprintf(member, sizeof member, "%.*s: %.*s,", (int)word.size, (const char *)word.bytes,
                           whole ? (int)value.size : 1, whole ? (const char *)value.bytes : "4");
    if (n > 0 && (size_t)n < sizeof member) put(t, i, i, member, (size_t)n);
}

static void wrap(text *t, size_t i) {
    const size_t end = value_end(t, i);
    if (i >= t->n) return;
    put(t, end, end, "]", 1);
    t->size = fuzz_replace(t->data, t->size, t->most, offset(t, i), 0, "[", 1);
}

static void change_once(text *t, fuzz_random *random) {
    find_tokens(t);
    const size_t i = fuzz_below(random, t->n), other = fuzz_below(random, t->n);
    const uint8_t c = kind(t, i);
    if (!t->n) return;
    switch (fuzz_below(random, 10)) {
    case 0: put_any_value(t, i, random); return;
    case 1: copy_value(t, i, other); return;
    case 2: put(t, i, member_end(t, i), "", 0); return;
    case 3: repeat_member(t, i, other); return;
    case 4: add_member(t, i, random); return;
    case 5: wrap(t, i); return;
    case 6:
    case 7:
        if (c == '-' || (c >= '0' && c <= '9')) change_number(t, i, random);
        if (c == '"') put_word(t, i, random);
        return;
    case 8:
        if (c == '"' || is_plain(c)) put_any_value(t, i, random);
        return;
    default:
        if (c == '"') { /* within a string */
            const size_t at = t->tokens[i].at + 1 + fuzz_below(random, t->tokens[i].size);
            const fuzz_word word = fuzz_any_word(random);
            t->size = fuzz_replace(t->data, t->size, t->most, at, 0, word.bytes, word.size);
        }
    }
}

size_t fuzz_mutate_text(uint8_t *data, size_t size, size_t most, fuzz_random *random) {
    text t = {.data = data, .size = size, .most = most};
    for (size_t n = 1 + fuzz_below(random, 4); n; n--) change_once(&t, random);
    return t.size;
}

size_t mutate_json(uint8_t *data, size_t size, size_t most, fuzz_random *random) {
    if (!size || fuzz_below(random, 4) == 0) return fuzz_bytes(data, size, most, random);
    return fuzz_mutate_text(data, size, most, random);
}

/* ---- safetensors ------------------------------------------------------------------------------------------------ */

/* Eight bytes say how long the header is; it is JSON; data follow. */
size_t mutate_safetensors(uint8_t *data, size_t size, size_t most, fuzz_random *random) {
    enum { PREFIX = 8 };
    const size_t what = fuzz_below(random, 16);
    if (size <= PREFIX || what == 0) return fuzz_bytes(data, size, most, random);
    const uint64_t said = fuzz_get(data, PREFIX, false);
    const size_t header = said < size - PREFIX ? (size_t)said : size - PREFIX, rest = size - PREFIX - header;
    if (what == 1) { /* the length alone */
        fuzz_put(data, fuzz_below(random, 2) ? fuzz_any_number(random) : said + fuzz_below(random, 17) - 8, PREFIX,
                 false);
        return size;
    }
    if (what == 2) { /* the data alone */
        const size_t room = most - PREFIX - header;
        return PREFIX + header + fuzz_bytes(data + PREFIX + header, rest, room, random);
    }
    uint8_t *json = malloc(most);
    if (!json) return size;
    memcpy(json, data + PREFIX, header);
    const size_t n = fuzz_mutate_text(json, header, most - PREFIX - rest, random);
    size = fuzz_replace(data, size, most, PREFIX, header, json, n);
    fuzz_put(data, size - PREFIX - rest, PREFIX, false);
    free(json);
    return size;
}

/* ---- golden data ------------------------------------------------------------------------------------------------ */

static const char golden_key[] = "\"cvt.golden\":\"";

/* Where the text of the golden data begins, behind its quote; size: the file has none. */
static size_t find_golden(const uint8_t *data, size_t size) {
    const size_t n = sizeof golden_key - 1;
    for (size_t i = 0; i + n <= size; i++)
        if (data[i] == golden_key[0] && memcmp(data + i, golden_key, n) == 0) return i + n;
    return size;
}

/* Takes the text of a string out of its quotes: *end is then that of the closing quote. Only quotes and backslashes
 * have a backslash in front where this is undone (quote). */
static size_t unquote(uint8_t *to, const uint8_t *data, size_t size, size_t at, size_t *end) {
    size_t n = 0;
    for (; at < size && data[at] != '"'; at++) {
        if (data[at] == '\\' && at + 1 < size && (data[at + 1] == '"' || data[at + 1] == '\\')) at++;
        to[n++] = data[at];
    }
    *end = at;
    return n;
}

static size_t quote(uint8_t *to, const uint8_t *from, size_t size) {
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        if (from[i] == '"' || from[i] == '\\') to[n++] = '\\';
        to[n++] = from[i];
    }
    return n;
}

/* Changes the golden data of a model, and the length of the header with them. */
size_t mutate_golden(uint8_t *data, size_t size, size_t most, fuzz_random *random) {
    enum { PREFIX = 8 };
    const size_t at = find_golden(data, size);
    if (at == size || size <= PREFIX || fuzz_below(random, 16) == 0)
        return mutate_safetensors(data, size, most, random);
    uint8_t *plain = malloc(most + size), *quoted = malloc(2 * most);
    if (plain && quoted) {
        size_t end, n = unquote(plain, data, size, at, &end);
        n = fuzz_below(random, 8) ? fuzz_mutate_text(plain, n, most, random) : fuzz_bytes(plain, n, most, random);
        const size_t m = quote(quoted, plain, n), changed = fuzz_replace(data, size, most, at, end - at, quoted, m);
        if (changed == size - (end - at) + m)
            fuzz_put(data, fuzz_get(data, PREFIX, false) + changed - size, PREFIX, false);
        size = changed;
    }
    free(plain);
    free(quoted);
    return size;
}
