/* kernels_matrix.h - matrices of random values for the tests of kernels. Around them and between their rows is poison:
 * NaN, which a kernel must neither change nor let into its results. */
#ifndef CVT_TESTS_KERNELS_MATRIX_H
#define CVT_TESTS_KERNELS_MATRIX_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#if defined(__SANITIZE_ADDRESS__)
enum { GUARD = 0 }; /* the sanitizer watches the ends of the block itself */
#else
enum { GUARD = 80 };
#endif
static const uint32_t poison = 0x7fc0dead;

typedef struct matrix {
    float *block, *at;
    size_t total, lead, rows, columns, ld;
} matrix;

static uint32_t random_state = 1;

/* Returns a random number in [-1, 1). */
static float random_float(void) {
    random_state = random_state * 1664525u + 1013904223u;
    return (float)(int32_t)random_state * 0x1p-31f;
}

static size_t random_below(size_t n) {
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

static float *matrix_block(size_t n) {
    float *block = malloc((n ? n : 1) * sizeof *block);
    if (!block) abort();
    return block;
}

/* Makes a matrix: rows of `columns` values, with `gap` values of poison between them. It may begin at any float,
 * aligned or not. */
static inline matrix matrix_with_gap(size_t rows, size_t columns, size_t gap) {
    matrix m = {.rows = rows, .columns = columns, .lead = GUARD + random_below(8), .ld = columns + gap};
    m.total = m.lead + (rows ? (rows - 1) * m.ld + columns : 0) + GUARD;
    m.block = matrix_block(m.total);
    for (size_t i = 0; i < m.total; i++) m.block[i] = cvt_bits_to_f32(poison);
    m.at = m.block + m.lead;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) m.at[i * m.ld + j] = random_float();
    return m;
}

/* Makes a matrix; three of four have a gap between their rows. */
static matrix matrix_new(size_t rows, size_t columns) {
    return matrix_with_gap(rows, columns, random_below(4) ? 1 + random_below(9) : 0);
}

static inline matrix matrix_copy(const matrix *from) {
    matrix m = *from;
    m.block = matrix_block(m.total);
    memcpy(m.block, from->block, m.total * sizeof *m.block);
    m.at = m.block + m.lead;
    return m;
}

/* Frees a matrix; returns false if anything around it was written. */
static bool matrix_free(matrix *m) {
    bool clean = true;
    for (size_t i = 0; i < m->total; i++) {
        const size_t inside = i - m->lead;
        const bool used = i >= m->lead && inside / m->ld < m->rows && inside % m->ld < m->columns;
        if (!used && cvt_f32_to_bits(m->block[i]) != poison) clean = false;
    }
    free(m->block);
    return clean;
}

static float *value(const matrix *m, size_t i, size_t j) { return m->at + i * m->ld + j; }

/* Are these the same bits? All NaNs are equal here. */
static inline bool same(float a, float b) { return cvt_f32_to_bits(a) == cvt_f32_to_bits(b) || (isnan(a) && isnan(b)); }

#endif
