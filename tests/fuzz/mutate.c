/* mutate.c - random numbers, dictionaries, and mutation of bytes whose meaning is not known. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "mutate.h"

fuzz_mutator *fuzz_bytes = fuzz_mutate_plain;

/* ---- random numbers: xorshift64* (Marsaglia 2003, Vigna 2016) --------------------------------------------------- */

uint64_t fuzz_next(fuzz_random *random) {
    uint64_t x = random->state ? random->state : 88172645463325252u;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    random->state = x;
    return x * 2685821657736338717u;
}

size_t fuzz_below(fuzz_random *random, size_t n) { return n ? (size_t)(fuzz_next(random) >> 11) % n : 0; }

/* ---- dictionaries ----------------------------------------------------------------------------------------------- */

enum { MOST_WORDS = 4096 };
static fuzz_word words[MOST_WORDS];
static size_t n_words;

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads a line of a dictionary, [NAME=]"TEXT" with \xNN, \\ and \" in it. */
static void read_word(const char *line) {
    uint8_t bytes[256];
    size_t n = 0;
    const char *at = strchr(line, '"'), *end = strrchr(line, '"');
    if (line[0] == '#' || !at || at == end || n_words == MOST_WORDS) return;
    for (at++; at < end && n < sizeof bytes; at++) {
        if (*at == '\\' && at[1] == 'x' && hex_digit(at[2]) >= 0 && hex_digit(at[3]) >= 0) {
            bytes[n++] = (uint8_t)(hex_digit(at[2]) << 4 | hex_digit(at[3]));
            at += 3;
        } else {
            at += *at == '\\';
            bytes[n++] = (uint8_t)*at;
        }
    }
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy) return;
    memcpy(copy, bytes, n);
    words[n_words++] = (fuzz_word){copy, n};
}

void fuzz_read_words(const char *path) {
    char line[1024];
    FILE *f = fopen(path, "r");
    while (n_words) free((void *)(uintptr_t)words[--n_words].bytes);
    if (!f) return;
    while (fgets(line, sizeof line, f)) read_word(line);
    fclose(f);
}

fuzz_word fuzz_any_word(fuzz_random *random) {
    return n_words ? words[fuzz_below(random, n_words)] : (fuzz_word){(const uint8_t *)"", 0};
}

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

size_t fuzz_replace(uint8_t *data, size_t size, size_t most, size_t at, size_t n, const void *with, size_t m) {
    if (at > size || n > size - at || m > most || size - n > most - m) return size;
    uint8_t *copy = malloc(m ? m : 1); /* what is put in may be a part of the data */
    if (!copy) return size;
    if (m) memcpy(copy, with, m);
    memmove(data + at + m, data + at + n, size - at - n);
    if (m) memcpy(data + at, copy, m);
    free(copy);
    return size - n + m;
}

void fuzz_put(uint8_t *to, uint64_t value, size_t n, bool big_endian) {
    for (size_t i = 0; i < n; i++) to[big_endian ? n - 1 - i : i] = (uint8_t)(value >> (8 * i));
}

uint64_t fuzz_get(const uint8_t *from, size_t n, bool big_endian) {
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++) value |= (uint64_t)from[big_endian ? n - 1 - i : i] << (8 * i);
    return value;
}

uint64_t fuzz_any_number(fuzz_random *random) {
    static const uint64_t edges[] = {
        0,         1,     2,     4,       8,       127,      128,        255,        256,         32767,
        32768,     65535, 65536, 1 << 24, 1 << 30, 1u << 31, 0x7fffffff, 0xffffffff, 0x100000000, UINT64_MAX >> 1,
        UINT64_MAX};
    const uint64_t edge = edges[fuzz_below(random, sizeof edges / sizeof edges[0])];
    switch (fuzz_below(random, 4)) {
    case 0: return edge + fuzz_below(random, 5) - 2;
    case 1: return (uint64_t)1 << fuzz_below(random, 64);
    case 2: return fuzz_below(random, 300);
    default: return edge;
    }
}

/* Changes a number of 1, 2, 4 or 8 bytes. */
static size_t change_number(uint8_t *data, size_t size, fuzz_random *random) {
    const size_t n = (size_t)1 << fuzz_below(random, 4);
    const bool big_endian = fuzz_below(random, 2);
    if (size < n) return size;
    uint8_t *at = data + fuzz_below(random, size - n + 1);
    const uint64_t old = fuzz_get(at, n, big_endian);
    fuzz_put(at, fuzz_below(random, 2) ? fuzz_any_number(random) : old + fuzz_below(random, 33) - 16, n, big_endian);
    return size;
}

static size_t change_once(uint8_t *data, size_t size, size_t most, fuzz_random *random) {
    const size_t at = fuzz_below(random, size + 1), left = size - at, n = fuzz_below(random, left < 64 ? left + 1 : 64);
    const fuzz_word word = fuzz_any_word(random);
    switch (fuzz_below(random, 9)) {
    case 0: /* a bit */
        if (left) data[at] = (uint8_t)(data[at] ^ 1 << fuzz_below(random, 8));
        return size;
    case 1: /* a byte */
        if (left) data[at] = (uint8_t)fuzz_next(random);
        return size;
    case 2: return change_number(data, size, random);
    case 3: return fuzz_replace(data, size, most, at, n, "", 0);
    case 4: /* a part once more, elsewhere */
        return fuzz_replace(data, size, most, fuzz_below(random, size + 1), fuzz_below(random, 2) ? 0 : n, data + at,
                            n);
    case 5: return fuzz_replace(data, size, most, at, 0, word.bytes, word.size);
    case 6: return fuzz_replace(data, size, most, at, word.size < left ? word.size : left, word.bytes, word.size);
    case 7: return fuzz_below(random, 8) ? size : at; /* it ends early */
    default: {
        const uint8_t byte = (uint8_t)fuzz_next(random);
        return fuzz_replace(data, size, most, at, 0, &byte, 1);
    }
    }
}

size_t fuzz_mutate_plain(uint8_t *data, size_t size, size_t most, fuzz_random *random) {
    for (size_t n = 1 + fuzz_below(random, 4); n; n--) size = change_once(data, size, most, random);
    return size;
}

size_t mutate_bytes(uint8_t *data, size_t size, size_t most, fuzz_random *random) {
    return fuzz_bytes(data, size, most, random);
}
