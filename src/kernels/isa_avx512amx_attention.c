/* isa_avx512amx_attention.c - attention in bfloat16 by AMX: tdpbf16ps, a tile of 16 rows of 32 numbers by one of 16
 * columns, summed in f32.
 *
 * Panels: tiles of 16 x 16 pairs, 1 KB, column block by column block, each along the sum's axis: the keys, whose
 * columns are keys, then the values. Blocks of 16 query rows: queries * scale rounded, times the keys; softmax in f32;
 * probabilities, not yet divided by their sum, rounded, times the values; then weight / sum. What is beyond d and s is
 * 0. Source: as isa_avx512amx.c, and Intel's Architecture Instruction Set Extensions Programming Reference. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "base/num.h"
#include "kernels/finer.h"
#include "kernels/target.h"

TARGET_BEGIN("amx-tile,amx-bf16,avx512bf16,avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")

#include "kernels/vectors_avx512.h"

#include "kernels/tmpl_vector.h"
#include "kernels/tmpl_math.h"
#include "kernels/tmpl_exp_rows.h"

enum { SIDE = 16, DEPTH = 32, TILE_BYTES = 1024, TILE_FLOATS = TILE_BYTES / 4, ACROSS = 4 };

static size_t parts(int n, size_t part) { return ((size_t)n + part - 1) / part; }

/* Tiles of the keys, and of the values. */
static size_t key_tiles(int s, int d) { return parts(s, SIDE) * parts(d, DEPTH); }
static size_t value_tiles(int s, int dv) { return parts(dv, SIDE) * parts(s, DEPTH); }

static size_t bf16_panels(int s, int d, int dv) { return (key_tiles(s, d) + value_tiles(s, dv)) * TILE_FLOATS; }

INLINE __m256i bf16_of(vf x) { return (__m256i)_mm512_cvtneps_pbh(x); }

/* The pairs of one key's numbers d0 ... go down a column. */
static void pack_key_tile(uint32_t *tile, const float *k, size_t ldk, size_t keys, size_t n) {
    _Alignas(64) uint32_t rows[SIDE][SIDE];
    memset(rows, 0, sizeof rows);
    for (size_t j = 0; j < keys; j++, k += ldk) {
        _mm256_store_si256((__m256i *)(void *)rows[j], bf16_of(n > VL ? v_load(k) : v_load_n(k, n)));
        if (n > VL) _mm256_store_si256((__m256i *)(void *)(rows[j] + 8), bf16_of(v_load_n(k + VL, n - VL)));
    }
    const __m512i lanes = _mm512_mullo_epi32((__m512i)v_lanes(), _mm512_set1_epi32(SIDE));
    for (size_t p = 0; p < SIDE; p++)
        _mm512_storeu_si512(tile + p * SIDE, _mm512_i32gather_epi32(lanes, rows[0] + p, 4));
}

/* Rows two by two, the numbers of a column side by side. */
static void pack_value_tile(uint32_t *tile, const float *v, size_t ldv, size_t rows, size_t columns) {
    for (size_t p = 0; p < SIDE; p++, v += 2 * ldv) {
        __m512i pair = _mm512_setzero_si512();
        if (2 * p < rows) pair = _mm512_cvtepu16_epi32(bf16_of(v_load_n(v, columns)));
        if (2 * p + 1 < rows)
            pair = _mm512_or_si512(pair,
                                   _mm512_slli_epi32(_mm512_cvtepu16_epi32(bf16_of(v_load_n(v + ldv, columns))), 16));
        _mm512_storeu_si512(tile + p * SIDE, pair);
    }
}

INLINE size_t least(size_t a, size_t b) { return a < b ? a : b; }

static void bf16_pack(float *panels, const cvt_attention_head *h) {
    uint32_t *tile = (uint32_t *)(void *)panels;
    const size_t s = (size_t)h->s, d = (size_t)h->d, dv = (size_t)h->dv;
    for (size_t j = 0; j < s; j += SIDE)
        for (size_t i = 0; i < d; i += DEPTH, tile += TILE_FLOATS)
            pack_key_tile(tile, h->k + j * h->ldk + i, h->ldk, least(s - j, SIDE), least(d - i, DEPTH));
    for (size_t j = 0; j < dv; j += SIDE)
        for (size_t i = 0; i < s; i += DEPTH, tile += TILE_FLOATS)
            pack_value_tile(tile, h->v + i * h->ldv + j, h->ldv, least(s - i, DEPTH), least(dv - j, SIDE));
}

/* Bytes of a row of rounded queries, of rounded probabilities; floats of a row of scores. */
static size_t query_bytes(int d) { return parts(d, DEPTH) * 64; }
static size_t part_bytes(int s) { return parts(s, DEPTH) * 64; }
static size_t score_floats(int s) { return parts(s, DEPTH) * DEPTH; }

static size_t bf16_scratch(int t, int s, int d) {
    (void)t;
    return SIDE * (query_bytes(d) / 4 + part_bytes(s) / 4 + score_floats(s)) + SIDE * SIDE * ACROSS;
}

/* C[rows, columns * 16] = A B: `steps` tiles along the sum, c: rows ldc floats apart. The tiles are set for the rows.
 */
static void multiply_tiles(float *c, size_t ldc, const char *a, size_t lda, const char *b, size_t steps,
                           size_t columns) {
    for (size_t j = 0; j < columns; j += ACROSS, c += ACROSS * SIDE) {
        const size_t n = least(columns - j, ACROSS);
        const char *tile = b + j * steps * TILE_BYTES;
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        for (size_t i = 0; i < steps; i++, tile += TILE_BYTES) {
            _tile_loadd(4, a + i * 64, lda);
            _tile_loadd(5, tile, 64);
            _tile_dpbf16ps(0, 4, 5);
            if (n > 1) {
                _tile_loadd(6, tile + steps * TILE_BYTES, 64);
                _tile_dpbf16ps(1, 4, 6);
            }
            if (n > 2) {
                _tile_loadd(7, tile + 2 * steps * TILE_BYTES, 64);
                _tile_dpbf16ps(2, 4, 7);
            }
            if (n > 3) {
                _tile_loadd(5, tile + 3 * steps * TILE_BYTES, 64);
                _tile_dpbf16ps(3, 4, 5);
            }
        }
        _tile_stored(0, c, ldc * sizeof *c);
        if (n > 1) _tile_stored(1, c + SIDE, ldc * sizeof *c);
        if (n > 2) _tile_stored(2, c + 2 * SIDE, ldc * sizeof *c);
        if (n > 3) _tile_stored(3, c + 3 * SIDE, ldc * sizeof *c);
    }
}

/* n floats * factor, rounded, then 0 up to a whole line. */
static void round_row(char *to, const float *x, size_t n, float factor) {
    const vf scale = v_set(factor);
    for (size_t i = 0; i < (n + DEPTH - 1) / DEPTH * DEPTH; i += VL, to += 2 * VL) {
        const vf v = i + VL <= n ? v_load(x + i) : i < n ? v_load_n(x + i, n - i) : v_set(0);
        _mm256_storeu_si256((__m256i *)(void *)to, bf16_of(v * scale));
    }
}

static void set_rows(size_t rows) {
    struct {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } c = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        c.bytes[i] = 64;
        c.rows[i] = i < 5 ? (uint8_t)rows : SIDE;
    }
    _tile_loadconfig(&c);
}

/* The results of some rows, [rows, columns * 16], into place. */
static void write_rows(const cvt_attention *a, size_t row, size_t rows, const float *c, size_t column, size_t ldc,
                       const float *factors) {
    const size_t n = least((size_t)a->dv - column, ldc);
    for (size_t i = 0; i < rows; i++, c += ldc) {
        const vf factor = v_set(factors[i] * a->weight);
        float *out = a->out + (row + i) * a->ldo + column;
        for (size_t j = 0; j < n; j += VL) {
            vf x = v_load(c + j) * factor;
            if (a->residual) x += v_load_n(a->residual + (row + i) * a->ldr + column + j, least(n - j, VL));
            v_store_n(out + j, x, least(n - j, VL));
        }
    }
}

static void bf16_attention(const cvt_attention *a) {
    const size_t t = (size_t)a->t, s = (size_t)a->s, d = (size_t)a->d, lds = score_floats(a->s);
    const size_t ldq = query_bytes(a->d), ldp = part_bytes(a->s), blocks = parts(a->t, SIDE);
    const char *keys = (const char *)a->panels, *values = keys + key_tiles(a->s, a->d) * TILE_BYTES;
    char *queries = (char *)a->scratch, *chances = queries + SIDE * ldq;
    float *scores = (float *)(void *)(chances + SIDE * ldp), *sums = scores + SIDE * lds, factors[SIDE];
    size_t set = 0;
    for (size_t b = 0, row = 0, rows; b < blocks; b++, row += rows) {
        rows = t / blocks + (b < t % blocks);
        if (rows != set) set_rows(set = rows);
        for (size_t i = 0; i < rows; i++) round_row(queries + i * ldq, a->q + (row + i) * a->ldq, d, a->scale);
        multiply_tiles(scores, lds, queries, ldq, keys, parts(a->d, DEPTH), parts(a->s, SIDE));
        exp_rows(scores, lds, rows, s, factors);
        for (size_t i = 0; i < rows; i++) {
            if (a->map) row_scale(a->map + (row + i) * a->ldm, scores + i * lds, s, factors[i]);
            round_row(chances + i * ldp, scores + i * lds, s, 1);
        }
        for (size_t j = 0; j < (size_t)a->dv; j += ACROSS * SIDE) {
            const char *tile = values + j / SIDE * parts(a->s, DEPTH) * TILE_BYTES;
            const size_t across = least(parts(a->dv, SIDE) - j / SIDE, ACROSS);
            multiply_tiles(sums, ACROSS * SIDE, chances, ldp, tile, parts(a->s, DEPTH), across);
            write_rows(a, row, rows, sums, j, ACROSS * SIDE, factors);
        }
    }
    _tile_release();
}

const cvt_attention_kernels cvt_attention_avx512amx = {
    .panels = bf16_panels, .pack = bf16_pack, .scratch = bf16_scratch, .run = bf16_attention};

TARGET_END
#else
typedef int cvt_no_avx512amx_attention; /* ISO C wants a declaration in every file */
#endif
