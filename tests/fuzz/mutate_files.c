/* mutate_files.c - mutates files whose parts carry sums: PNG and tar. The sums are made right again, most of the time,
 * so that what lies behind them is reached. */
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "mutate.h"

/* ---- PNG -------------------------------------------------------------------------------------------------------- */

enum { SIGNATURE = 8, MOST_CHUNKS = 64 };

typedef struct chunk {
    size_t at, size; /* with its length, type and sum */
} chunk;

static size_t find_chunks(chunk chunks[MOST_CHUNKS], const uint8_t *data, size_t size) {
    size_t n = 0;
    for (size_t at = SIGNATURE; at < size && size - at >= 12 && n < MOST_CHUNKS; n++) {
        const uint64_t said = fuzz_get(data + at, 4, true);
        if (said > size - at - 12) break;
        chunks[n] = (chunk){at, (size_t)said + 12};
        at += chunks[n].size;
    }
    return n;
}

static void mend_chunks(uint8_t *data, size_t size) {
    chunk chunks[MOST_CHUNKS];
    for (size_t i = 0, n = find_chunks(chunks, data, size); i < n; i++) {
        uint8_t *at = data + chunks[i].at;
        const size_t covered = chunks[i].size - 8;
        fuzz_put(at + 4 + covered, crc32(crc32(0, NULL, 0), at + 4, (uInt)covered), 4, true);
    }
}

/* Changes the data of a chunk, and its length with them. */
static size_t change_chunk(uint8_t *data, size_t size, size_t most, const chunk *c, fuzz_random *random) {
    enum { ROOM = 1 << 16 };
    static uint8_t room[ROOM];
    const size_t n = c->size - 12;
    if (n > ROOM / 2) return fuzz_bytes(data, size, most, random);
    memcpy(room, data + c->at + 8, n);
    const size_t m = fuzz_bytes(room, n, ROOM, random), changed = fuzz_replace(data, size, most, c->at + 8, n, room, m);
    if (changed == size - n + m) fuzz_put(data + c->at, m, 4, true);
    return changed;
}

size_t mutate_png(uint8_t *data, size_t size, size_t most, fuzz_random *random) {
    chunk chunks[MOST_CHUNKS];
    const size_t n = find_chunks(chunks, data, size);
    if (!n) return fuzz_bytes(data, size, most, random);
    const chunk one = chunks[fuzz_below(random, n)], two = chunks[fuzz_below(random, n)];
    switch (fuzz_below(random, 8)) {
    case 0: return fuzz_bytes(data, size, most, random); /* with wrong sums */
    case 1: return fuzz_replace(data, size, most, one.at, one.size, "", 0);
    case 2: return fuzz_replace(data, size, most, one.at, 0, data + two.at, two.size);
    case 3: size = fuzz_bytes(data, size, most, random); break;
    default: size = change_chunk(data, size, most, &one, random);
    }
    mend_chunks(data, size);
    return size;
}

/* ---- tar -------------------------------------------------------------------------------------------------------- */

enum { BLOCK = 512, SUM = 148, SUM_SIZE = 8 };

static void mend_headers(uint8_t *data, size_t size) {
    for (size_t at = 0; at + BLOCK <= size; at += BLOCK) {
        uint8_t *header = data + at;
        unsigned sum = 0;
        char text[16];
        if (memcmp(header + 257, "ustar", 5) != 0) continue;
        memset(header + SUM, ' ', SUM_SIZE);
        for (size_t i = 0; i < BLOCK; i++) sum += header[i];
        snprintf(text, sizeof text, "%06o", sum % (1u << 18));
        memcpy(header + SUM, text, 7);
    }
}

/* Changes a field of a header. */
static void change_field(uint8_t *header, fuzz_random *random) {
    static const char types[] = "0012345670xgLKSDNVA";
    char text[32];
    const fuzz_word word = fuzz_any_word(random);
    switch (fuzz_below(random, 6)) {
    case 0: header[156] = (uint8_t)types[fuzz_below(random, sizeof types)]; return;
    case 1: /* the size, in octal */
        snprintf(text, sizeof text, "%011llo", (unsigned long long)fuzz_any_number(random) & 077777777777u);
        memcpy(header + 124, text, 12);
        return;
    case 2: /* the size as a binary number */
        fuzz_put(header + 124, fuzz_any_number(random), 8, false);
        fuzz_put(header + 128, fuzz_any_number(random), 8, true);
        header[124] = (uint8_t)(fuzz_below(random, 2) ? 0x80 : 0xff);
        return;
    case 3:
        memcpy(header + 257,
               fuzz_below(random, 2) ? "ustar  "
                                     : "ustar\0"
                                       "00",
               8);
        return;
    case 4: memcpy(header + fuzz_below(random, 99), word.bytes, word.size < 100 ? word.size : 100); return;
    default: header[fuzz_below(random, BLOCK)] = (uint8_t)fuzz_next(random);
    }
}

size_t mutate_tar(uint8_t *data, size_t size, size_t most, fuzz_random *random) {
    const size_t blocks = size / BLOCK, one = fuzz_below(random, blocks), two = fuzz_below(random, blocks);
    switch (blocks ? fuzz_below(random, 8) : 0) {
    case 0: return fuzz_bytes(data, size, most, random);
    case 1: size = fuzz_replace(data, size, most, one * BLOCK, BLOCK, "", 0); break;
    case 2: size = fuzz_replace(data, size, most, one * BLOCK, 0, data + two * BLOCK, BLOCK); break;
    case 3: size = fuzz_bytes(data, size, most, random); break;
    default:
        for (size_t i = 0, at = one; i < blocks; i++, at = (at + 1) % blocks)
            if (memcmp(data + at * BLOCK + 257, "ustar", 5) == 0) {
                change_field(data + at * BLOCK, random);
                break;
            }
    }
    mend_headers(data, size);
    return size;
}
