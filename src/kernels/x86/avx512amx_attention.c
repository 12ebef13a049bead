/* avx512amx_attention.c - attention with factors in bfloat16 by AMX: tdpbf16ps, a tile of 16 rows of 32 values by
 * one of 16 columns, summed in f32.
 *
 * Rounded are the queries (scaled first, so that scores are exponents of 2), the keys, the values and the powers of 2
 * that weigh them, not their sums. Blocks of 32 query rows, 32 columns at a time: tiles 0 to 3 hold the sums, 4 and 5
 * rows, 6 and 7 columns. Between the products a block's scores pass through vectors, which takes most of the time.
 * Source: as avx512amx.c, and Intel's Architecture Instruction Set Extensions Programming Reference. */
#include <immintrin.h>
#include <string.h>

#include "base/num.h"
#include "kernels/extensions.h"
#include "kernels/target.h"

TARGET_BEGIN("amx-tile,amx-bf16,avx512bf16,avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")

#include "kernels/x86/vectors_avx512.h"
#include "kernels/x86/amx_tiles.h"

#include "kernels/tmpl/vector.h"

/* Tiles: 16 rows, of columns 16 f32 or 32 bf16 wide. A tile of a packed operand is 16 pairs of neighbours along the
 * depth, each pair side by side in one column. */
enum { DEPTH = 32, BLOCK = 32, TILE_FLOATS = 256, WAYS = 4 };
#define LOG2_E 1.44269504f

static size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }
static size_t keys_floats(int s, int d) { return round_up((size_t)s, BLOCK) * round_up((size_t)d, DEPTH) / 2; }

static size_t panels_floats(int s, int d, int dv) {
    return keys_floats(s, d) + round_up((size_t)dv, BLOCK) * round_up((size_t)s, DEPTH) / 2;
}

/* ---- packing --------------------------------------------------------------------------------------------------- */

/* 32 values, `n` of which exist, as bf16 in order. */
INLINE void round_32(float *to, const float *x, size_t n, vf scale) {
    const vf low = n ? v_load_n(x, n < VL ? n : VL) : v_set(0);
    const vf high = n > VL ? v_load_n(x + VL, n - VL < VL ? n - VL : VL) : v_set(0);
    v_store(to, (vf)_mm512_cvtne2ps_pbh(high * scale, low * scale));
}

/* Keys [16, 32] as a tile: 16 columns of pairs. */
static void pack_keys(float *tile, const float *k, size_t ld, size_t keys, size_t depth) {
    _Alignas(64) float rows[TILE][TILE] = {{0}};
    for (size_t i = 0; i < keys; i++) round_32(rows[i], k + i * ld, depth, v_set(1));
    for (size_t pair = 0; pair < TILE; pair += 4) {
        vf x[4];
        for (size_t i = 0; i < 4; i++) x[i] = v_load_rows4(rows[i] + pair, TILE);
        v_transpose4(x);
        for (size_t i = 0; i < 4; i++) v_store(tile + (pair + i) * TILE, x[i]);
    }
}

/* bf16 in the lower half of each lane */
INLINE vu bf16_of(vf x) { return (vu)_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x)); }

/* Values [32, 16] as a tile. */
static void pack_values(float *tile, const float *v, size_t ld, size_t keys, size_t columns) {
    for (size_t i = 0; i < DEPTH; i += 2) {
        const vf even = i < keys ? v_load_n(v + i * ld, columns) : v_set(0);
        const vf odd = i + 1 < keys ? v_load_n(v + (i + 1) * ld, columns) : v_set(0);
        v_store(tile + i / 2 * TILE, (vf)(bf16_of(even) | bf16_of(odd) << 16));
    }
}

static size_t part(size_t total, size_t first, size_t max) {
    return first >= total ? 0 : total - first < max ? total - first : max;
}

static void pack(float *panels, const cvt_attention_head *h) {
    const size_t s = (size_t)h->s, d = (size_t)h->d, dv = (size_t)h->dv;
    float *tile = panels;
    for (size_t j = 0; j < round_up(s, BLOCK); j += TILE)
        for (size_t i = 0; i < d; i += DEPTH, tile += TILE_FLOATS)
            pack_keys(tile, h->k + j * h->ldk + i, h->ldk, part(s, j, TILE), part(d, i, DEPTH));
    for (size_t j = 0; j < round_up(dv, BLOCK); j += TILE)
        for (size_t i = 0; i < s; i += DEPTH, tile += TILE_FLOATS)
            if (j < dv)
                pack_values(tile, h->v + i * h->ldv + j, h->ldv, part(s, i, DEPTH), part(dv, j, TILE));
            else
                memset(tile, 0, TILE_FLOATS * sizeof *tile);
}

/* ---- products -------------------------------------------------------------------------------------------------- */

/* c [32, 32] = a [32, depth] b, or only 16 rows of it; rows of a are depth / 2 floats apart, those of c ldc. */
static void multiply(float *c, size_t ldc, const float *a, const float *b, size_t depth, bool lower) {
    const size_t panel = depth / DEPTH * TILE_FLOATS, lda = depth / 2;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (size_t k = 0; k < depth / DEPTH; k++, a += TILE, b += TILE_FLOATS) {
        _tile_loadd(4, a, lda * sizeof *a);
        _tile_loadd(6, b, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, b + panel, 64);
        _tile_dpbf16ps(1, 4, 7);
        if (!lower) continue;
        _tile_loadd(5, a + TILE * lda, lda * sizeof *a);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, ldc * sizeof *c);
    _tile_stored(1, c + TILE, ldc * sizeof *c);
    if (!lower) return;
    _tile_stored(2, c + TILE * ldc, ldc * sizeof *c);
    _tile_stored(3, c + TILE * ldc + TILE, ldc * sizeof *c);
}

/* ---- softmax --------------------------------------------------------------------------------------------------- */

/* 2^x for x <= 0, to 8e-5: bf16 keeps 4e-3 of it. 0 below -127. */
INLINE void exp2_of(vf *x) {
    const vf shifter = v_set(0x1.8p23f + 127);
    vf power[WAYS], r[WAYS], p[WAYS];
    for (int i = 0; i < WAYS; i++) x[i] = v_max(v_set(-127), x[i]);
    for (int i = 0; i < WAYS; i++) power[i] = x[i] + shifter;
    for (int i = 0; i < WAYS; i++) r[i] = x[i] - (power[i] - shifter);
    for (int i = 0; i < WAYS; i++) p[i] = v_fma(v_set(0.05517166936f), r[i], v_set(0.2426111314f));
    for (int i = 0; i < WAYS; i++) p[i] = v_fma(p[i], r[i], v_set(0.6932609862f));
    for (int i = 0; i < WAYS; i++) p[i] = v_fma(p[i], r[i], v_set(0.9999280730f));
    for (int i = 0; i < WAYS; i++) x[i] = p[i] * (vf)((vu)power[i] << 23);
}

/* Turns n scores of each of 4 rows into 2^(x - the largest of the row), 0 from n to ld: in place, and as bf16 in
 * `rounded`. inverse gets 1 / the sum of each row. */
static void weigh_rows(float *x, float *rounded, size_t ld, size_t n, float *inverse) {
    vf max[WAYS], sum[WAYS];
    for (size_t i = 0; i < WAYS; i++) max[i] = v_set(-__builtin_inff()), sum[i] = v_set(0);
    for (size_t j = 0; j < n; j += VL)
        for (size_t i = 0; i < WAYS; i++) {
            const vf v = v_load(x + i * ld + j);
            max[i] = v_max(max[i], n - j < VL ? v_first(n - j, v, max[i]) : v);
        }
    for (size_t i = 0; i < WAYS; i++) max[i] = v_set(v_largest(max[i]));
    for (size_t j = 0; j < ld; j += VL) {
        const size_t lanes = part(n, j, VL);
        vf v[WAYS];
        for (size_t i = 0; i < WAYS; i++) v[i] = v_load(x + i * ld + j) - max[i];
        exp2_of(v);
        if (lanes < VL)
            for (size_t i = 0; i < WAYS; i++) v[i] = v_first(lanes, v[i], v_set(0));
        for (size_t i = 0; i < WAYS; i++) {
            sum[i] += v[i];
            v_store(x + i * ld + j, v[i]);
            _mm256_storeu_si256((__m256i *)(void *)(rounded + (i * ld + j) / 2), (__m256i)_mm512_cvtneps_pbh(v[i]));
        }
    }
    for (size_t i = 0; i < WAYS; i++) inverse[i] = 1 / v_sum(sum[i]);
}

/* ---- attention ------------------------------------------------------------------------------------------------- */

/* What one block needs: the queries, the scores, the scores rounded, 32 columns of results, and a factor for each row.
 */
static size_t scratch_floats(int t, int s, int d) {
    (void)t;
    const size_t n = round_up((size_t)s, BLOCK);
    return BLOCK * (round_up((size_t)d, DEPTH) / 2 + n + n / 2 + BLOCK + 1);
}

/* Writes columns [j, j + 32) of a row of the result. */
static void finish_row(const cvt_attention *a, size_t row, size_t j, const float *sums, float factor) {
    const size_t n = part((size_t)a->dv, j, BLOCK);
    const float *residual = a->residual ? a->residual + row * a->ldr + j : NULL;
    float *out = a->out + row * a->ldo + j;
    for (size_t i = 0; i < n; i += VL) {
        vf x = v_load(sums + i) * v_set(factor * a->weight);
        if (residual) x += v_load_n(residual + i, n - i);
        v_store_n(out + i, x, n - i);
    }
}

static void show_row(float *map, const float *x, size_t n, float factor) {
    for (size_t j = 0; j < n; j += VL) v_store_n(map + j, v_load(x + j) * v_set(factor), n - j);
}

/* Adds the bias to a row of n scores, which are exponents of 2. */
static void add_bias(float *scores, const float *bias, size_t n) {
    const vf scale = v_set(LOG2_E);
    for (size_t j = 0; j < n; j += VL) v_store(scores + j, v_fma(v_load(bias + j), scale, v_load(scores + j)));
}

static void attend(const cvt_attention *a) {
    const size_t s = (size_t)a->s, d = (size_t)a->d, n = round_up(s, BLOCK), depth = round_up(d, DEPTH);
    const float *values = a->panels + keys_floats(a->s, a->d);
    float *queries = a->scratch, *scores = queries + BLOCK * depth / 2, *rounded = scores + BLOCK * n;
    float *sums = rounded + BLOCK * n / 2, *factors = sums + BLOCK * BLOCK;
    const vf scale = v_set(a->scale * LOG2_E);
    set_tiles(TILE, TILE);
    memset(queries, 0, BLOCK * depth / 2 * sizeof *queries);
    for (size_t row = 0; row < (size_t)a->t; row += BLOCK) {
        const size_t m = part((size_t)a->t, row, BLOCK);
        const bool lower = m > TILE;
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < d; j += DEPTH)
                round_32(queries + (i * depth + j) / 2, a->q + (row + i) * a->ldq + j, part(d, j, DEPTH), scale);
        for (size_t j = 0; j < n; j += BLOCK) multiply(scores + j, n, queries, a->panels + j * depth / 2, depth, lower);
        for (size_t i = 0; a->bias && i < m; i++) add_bias(scores + i * n, a->bias + (row + i) * a->ldb, s);
        for (size_t i = 0; i < m; i += WAYS) weigh_rows(scores + i * n, rounded + i * n / 2, n, s, factors + i);
        for (size_t j = 0; j < (size_t)a->dv; j += BLOCK) {
            multiply(sums, BLOCK, rounded, values + j * n / 2, n, lower);
            for (size_t i = 0; i < m; i++) finish_row(a, row + i, j, sums + i * BLOCK, factors[i]);
        }
        for (size_t i = 0; a->map && i < m; i++) show_row(a->map + (row + i) * a->ldm, scores + i * n, s, factors[i]);
    }
    _tile_release();
}

const cvt_attention_kernels cvt_attention_avx512amx = {
    .panels = panels_floats, .pack = pack, .scratch = scratch_floats, .run = attend, .tiles = true};

TARGET_END
