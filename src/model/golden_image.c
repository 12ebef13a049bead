/* golden_image.c - a JPEG that is written as its coefficients, so that no cosine transform, and no encoder of another
 * library, has a say in its bytes.
 *
 * Every block has a mean (DC) that wanders from block to block, and a few random frequencies (AC). All quantisers
 * are 8, so that a DC of d makes the mean 128 + d. The codes are the shortest table that the format allows: all of one
 * length, 4 bits for the sizes of DC and 8 for the symbols of AC, in the order of the symbols. Source: ITU-T T.81. */
#include "model/golden_image.h"

#include <stdbool.h>

#include "base/num.h"

enum {
    DC_SIZES = 12,
    DC_BITS = 4,
    AC_SIZES = 10,
    AC_RUNS = 16,
    AC_SYMBOLS = AC_SIZES * AC_RUNS + 2, /* and: the block ends; sixteen zeros */
    AC_BITS = 8,
    END_OF_BLOCK = 0x00,
    WAVES = 12, /* how many frequencies a block may have, of 63 */
};

/* A number from 0 to n - 1. */
static int below(uint64_t *state, int n) { return (int)(cvt_random(state) >> 33) % n; }

/* A number from -n to n. */
static int within(uint64_t *state, int n) { return below(state, 2 * n + 1) - n; }

/* ---- bits ------------------------------------------------------------------------------------------------------ */

typedef struct writer {
    cvt_str *to;
    uint32_t bits; /* the last `n` of them are not written yet */
    int n;
} writer;

static void put_byte(cvt_str *to, unsigned value) {
    const char byte = (char)(unsigned char)value;
    cvt_str_append(to, &byte, 1);
}

static void put_16(cvt_str *to, unsigned value) {
    put_byte(to, value >> 8 & 255);
    put_byte(to, value & 255);
}

/* Writes the last n <= 16 bits of a number. A byte of ones is followed by one of zeros. */
static void put_bits(writer *w, unsigned value, int n) {
    w->bits = w->bits << n | (value & ((1U << n) - 1));
    for (w->n += n; w->n >= 8; w->n -= 8) {
        const unsigned byte = w->bits >> (w->n - 8) & 255;
        put_byte(w->to, byte);
        if (byte == 255) put_byte(w->to, 0);
    }
}

/* The bits of a number after its size is said: those of a negative one are those of the positive one, inverted. */
static void put_value(writer *w, int value, int size) {
    put_bits(w, (unsigned)(value < 0 ? value + (1 << size) - 1 : value), size);
}

static int size_of(int value) {
    int size = 0;
    for (int left = value < 0 ? -value : value; left; left >>= 1) size++;
    return size;
}

/* ---- blocks ---------------------------------------------------------------------------------------------------- */

static unsigned ac_symbol(int place) {
    if (place == 0) return END_OF_BLOCK;
    if (place == AC_SYMBOLS - 1) return 0xf0;
    return (unsigned)((place - 1) / AC_SIZES << 4 | ((place - 1) % AC_SIZES + 1));
}

/* Writes a block whose mean lies near that of the one before. */
static void put_block(writer *w, uint64_t *random, int *mean, int most) {
    int next = *mean + within(random, 24), run = 0;
    if (next > most || next < -most) next = *mean;
    const int step = next - *mean, size = size_of(step);
    put_bits(w, (unsigned)size, DC_BITS);
    put_value(w, step, size);
    *mean = next;
    for (int i = 0; i < WAVES; i++, run++) {
        if (below(random, 4)) continue;
        int value = within(random, 8);
        if (!value) value = 1;
        const int wide = size_of(value);
        put_bits(w, (unsigned)(1 + run * AC_SIZES + wide - 1), AC_BITS);
        put_value(w, value, wide);
        run = -1;
    }
    put_bits(w, 0, AC_BITS); /* the block ends */
}

/* ---- the file -------------------------------------------------------------------------------------------------- */

static void put_segment(cvt_str *to, unsigned marker, unsigned size) {
    put_16(to, 0xff00 | marker);
    put_16(to, size + 2);
}

/* EXIF data that hold one field, the orientation. */
static void put_orientation(cvt_str *to, int orientation) {
    static const char head[] = "Exif\0\0MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1";
    put_segment(to, 0xe1, sizeof head - 1 + 8);
    cvt_str_append(to, head, sizeof head - 1);
    put_16(to, (unsigned)orientation);
    for (int i = 0; i < 6; i++) put_byte(to, 0);
}

static void put_tables(cvt_str *to) {
    put_segment(to, 0xdb, 65);
    put_byte(to, 0);
    for (int i = 0; i < 64; i++) put_byte(to, 8);
    put_segment(to, 0xc4, 17 + DC_SIZES);
    put_byte(to, 0x00);
    for (int length = 1; length <= 16; length++) put_byte(to, length == DC_BITS ? DC_SIZES : 0);
    for (unsigned i = 0; i < DC_SIZES; i++) put_byte(to, i);
    put_segment(to, 0xc4, 17 + AC_SYMBOLS);
    put_byte(to, 0x10);
    for (int length = 1; length <= 16; length++) put_byte(to, length == AC_BITS ? AC_SYMBOLS : 0);
    for (int i = 0; i < AC_SYMBOLS; i++) put_byte(to, ac_symbol(i));
}

static void put_frame(cvt_str *to, int height, int width) {
    static const unsigned char sampling[3] = {0x22, 0x11, 0x11};
    put_segment(to, 0xc0, 15);
    put_byte(to, 8);
    put_16(to, (unsigned)height);
    put_16(to, (unsigned)width);
    put_byte(to, 3);
    for (unsigned i = 0; i < 3; i++) {
        put_byte(to, i + 1);
        put_byte(to, sampling[i]);
        put_byte(to, 0);
    }
    put_segment(to, 0xda, 10);
    put_byte(to, 3);
    for (unsigned i = 0; i < 3; i++) put_16(to, (i + 1) << 8);
    put_byte(to, 0);
    put_byte(to, 63);
    put_byte(to, 0);
}

void cvt_golden_image(cvt_str *to, uint64_t seed, int index) {
    uint64_t random = seed;
    random = cvt_random(&random) + (uint64_t)index;
    const int height = 300 + below(&random, 256), width = 300 + below(&random, 256);
    int means[3] = {0};
    put_16(to, 0xffd8);
    put_orientation(to, index % 8 + 1);
    put_tables(to);
    put_frame(to, height, width);
    writer w = {.to = to};
    for (int i = 0; i < (height + 15) / 16 * ((width + 15) / 16); i++) {
        for (int k = 0; k < 4; k++) put_block(&w, &random, &means[0], 100);
        for (int c = 1; c < 3; c++) put_block(&w, &random, &means[c], 60);
    }
    put_bits(&w, 0x7f, 7); /* to the end of a byte */
    put_16(to, 0xffd9);
}
