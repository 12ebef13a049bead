/* avx512amx_attention.c - attention with factors in bfloat16 by AMX: tdpbf16ps, a tile of 16 rows of 32 values by
 * one of 16 columns, summed in f32.
 *
 * Rounded are the queries (scaled first, so that scores are exponents of 2), the keys, the values and the powers of 2
 * that weigh them, not their sums. Blocks of 32 query rows, 32 columns at a time: tiles 0 to 3 hold the sums, 4 and 5
 * rows, 6 and 7 columns. Between the products a block's scores pass through vectors, 32 keys at a time: this takes most
 * of the time.
 *
 * The powers of a row are 2^(score - shift), and the shift cancels out. It is 0 where no score of the row can be beyond
 * +-MAX_SCORE, because the query and the keys are short enough (Cauchy and Schwarz), and else the largest score. So
 * most rows need no search for that. Source: as avx512amx.c, and Intel's Architecture Instruction Set Extensions
 * Programming Reference. */
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
#define MAX_SCORE 64.0f

static size_t keys_floats(int s, int d) { return cvt_round_up((size_t)s, BLOCK) * cvt_round_up((size_t)d, DEPTH) / 2; }

/* The keys, the values, and the square of the length of the longest key. */
static size_t values_floats(int s, int dv) {
    return cvt_round_up((size_t)dv, BLOCK) * cvt_round_up((size_t)s, DEPTH) / 2;
}
static size_t panels_floats(int s, int d, int dv) { return keys_floats(s, d) + values_floats(s, dv) + VL; }

/* ---- packing --------------------------------------------------------------------------------------------------- */

/* 32 values, `n` of which exist, as bf16 in order. */
INLINE vf round_32(float *to, const float *x, size_t n, vf scale) {
    const vf low = n ? v_load_n(x, n < VL ? n : VL) : v_set(0);
    const vf high = n > VL ? v_load_n(x + VL, n - VL < VL ? n - VL : VL) : v_set(0);
    const vf pairs = (vf)_mm512_cvtne2ps_pbh(high * scale, low * scale);
    v_store(to, pairs);
    return pairs;
}

/* sum + the squares of both of a pair, lane by lane */
INLINE vf add_squares(vf sum, vf pairs) { return _mm512_dpbf16_ps(sum, (__m512bh)pairs, (__m512bh)pairs); }

/* Keys [16, 32] as a tile: 16 columns of pairs. Returns `squares` + the sum of the squares of each key. */
static vf pack_keys(float *tile, const float *k, size_t ld, size_t keys, size_t depth, vf squares) {
    _Alignas(64) float rows[TILE][TILE] = {{0}};
    for (size_t i = 0; i < keys; i++) round_32(rows[i], k + i * ld, depth, v_set(1));
    for (size_t pair = 0; pair < TILE; pair += 4) {
        vf x[4];
        for (size_t i = 0; i < 4; i++) x[i] = v_load_rows4(rows[i] + pair, TILE);
        v_transpose4(x);
        for (size_t i = 0; i < 4; i++) {
            v_store(tile + (pair + i) * TILE, x[i]);
            squares = add_squares(squares, x[i]);
        }
    }
    return squares;
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
    vf longest = v_set(0);
    for (size_t j = 0; j < cvt_round_up(s, BLOCK); j += TILE) {
        vf squares = v_set(0);
        for (size_t i = 0; i < d; i += DEPTH, tile += TILE_FLOATS)
            squares = pack_keys(tile, h->k + j * h->ldk + i, h->ldk, part(s, j, TILE), part(d, i, DEPTH), squares);
        longest = v_max(squares, longest); /* of NaN it keeps none: such a key makes NaN of every row by itself */
    }
    for (size_t j = 0; j < cvt_round_up(dv, BLOCK); j += TILE)
        for (size_t i = 0; i < s; i += DEPTH, tile += TILE_FLOATS)
            if (j < dv)
                pack_values(tile, h->v + i * h->ldv + j, h->ldv, part(s, i, DEPTH), part(dv, j, TILE));
            else
                memset(tile, 0, TILE_FLOATS * sizeof *tile);
    v_store(tile, v_set(v_largest(longest)));
}

/* ---- softmax --------------------------------------------------------------------------------------------------- */

/* 2^x to 8e-5, of which bf16 keeps 2e-3: the integer below x goes into the exponent, and the polynomial of what is
 * left, in [0, 1), is a minimax fit. Minus infinity gives 0. */
INLINE void exp2_of(vf *x) {
    vf r[WAYS], p[WAYS];
    for (int i = 0; i < WAYS; i++) r[i] = _mm512_reduce_ps(x[i], _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    for (int i = 0; i < WAYS; i++) p[i] = v_fma(v_set(0.07802452f), r[i], v_set(0.22606716f));
    for (int i = 0; i < WAYS; i++) p[i] = v_fma(p[i], r[i], v_set(0.69583354f));
    for (int i = 0; i < WAYS; i++) p[i] = v_fma(p[i], r[i], v_set(0.99992522f));
    for (int i = 0; i < WAYS; i++) x[i] = _mm512_scalef_ps(p[i], x[i]);
}

/* ---- attention ------------------------------------------------------------------------------------------------- */

/* What the scores of a block of 32 queries pass through, in the scratch of a call. */
typedef struct score_block {
    const cvt_attention *a;
    size_t row, m;         /* the first query, and how many there are */
    size_t n, depth;       /* keys and channels, rounded up */
    float *queries;        /* rounded */
    float *scores[2];      /* of 32 keys, and of the 32 before */
    float *kept;           /* all scores, [n / 32, 32, 32], where the largest of each row must be found first */
    float *rounded;        /* the powers of 2, [32, n], as bf16 */
    float *sums;           /* the sums of these, [32, VL]; before that the largest scores, or squares of queries */
    float *shift, *factor; /* of each row: see above, and 1 / the sum */
} score_block;

static size_t scratch_floats(int t, int s, int d) {
    (void)t;
    const size_t keys = cvt_round_up((size_t)s, BLOCK);
    return BLOCK * (cvt_round_up((size_t)d, DEPTH) / 2 + keys / 2 + 2 * BLOCK + VL + 2 + keys);
}

static score_block block_in(const cvt_attention *a) {
    score_block b = {.a = a, .n = cvt_round_up((size_t)a->s, BLOCK), .depth = cvt_round_up((size_t)a->d, DEPTH)};
    b.queries = a->scratch;
    b.rounded = b.queries + BLOCK * b.depth / 2;
    b.scores[0] = b.rounded + BLOCK * b.n / 2;
    b.scores[1] = b.scores[0] + BLOCK * BLOCK;
    b.sums = b.scores[1] + BLOCK * BLOCK;
    b.shift = b.sums + BLOCK * VL;
    b.factor = b.shift + BLOCK;
    b.kept = b.factor + BLOCK;
    return b;
}

/* Rounds the queries of a block. Returns whether all of them are so short that no score is beyond MAX_SCORE. */
static bool take_queries(score_block *b, float longest) {
    const cvt_attention *a = b->a;
    const size_t d = (size_t)a->d;
    const vf scale = v_set(a->scale * LOG2_E);
    vf most = v_set(0);
    for (size_t i = 0; i < b->m; i++) {
        const float *q = a->q + (b->row + i) * a->ldq;
        vf squares = v_set(0);
        for (size_t j = 0; j < d; j += DEPTH)
            squares =
                add_squares(squares, round_32(b->queries + (i * b->depth + j) / 2, q + j, part(d, j, DEPTH), scale));
        v_store(b->sums + i * VL, squares);
        most = v_max(squares, most);
    }
    return v_sum(most) * longest <= MAX_SCORE * MAX_SCORE;
}

/* The scores of 32 keys, [32, 32]. */
typedef struct key_scores {
    float *scores;
    size_t j, keys; /* the first key, and how many exist */
} key_scores;

/* Writes the powers of 2 of row i to the map, where one is asked for. */
INLINE void show(const score_block *b, const key_scores *of, size_t i, const vf *x, size_t keys) {
    const cvt_attention *a = b->a;
    float *map = a->map + (b->row + i) * a->ldm + of->j;
    for (size_t k = 0; i < b->m && k < keys; k += VL) v_store_n(map + k, x[k / VL], part(keys, k, VL));
}

/* Turns the scores into powers of 2, two rows at a time, and adds these up. `keys` and `shifted`, which says whether
 * the shift of any row is not 0, are constants where that is possible. Behind an odd last row nothing is used. */
INLINE void weigh_rows(const score_block *b, const key_scores *of, size_t keys, bool shifted) {
    for (size_t i = 0; i < b->m; i += 2) {
        vf x[WAYS];
        for (size_t k = 0; k < WAYS; k++) x[k] = v_load(of->scores + i * BLOCK + k * VL);
        for (size_t k = 0; shifted && k < WAYS; k++) x[k] -= v_set(b->shift[i + k / 2]);
        exp2_of(x);
        for (size_t k = 0; keys < BLOCK && k < WAYS; k++) x[k] = v_first(part(keys, k % 2 * VL, VL), x[k], v_set(0));
        for (size_t k = 0; k < 2; k++) {
            float *sum = b->sums + (i + k) * VL;
            v_store(sum, v_load(sum) + (x[2 * k] + x[2 * k + 1]));
            v_store(b->rounded + ((i + k) * b->n + of->j) / 2, (vf)_mm512_cvtne2ps_pbh(x[2 * k + 1], x[2 * k]));
        }
        if (b->a->map) {
            show(b, of, i, x, keys);
            show(b, of, i + 1, x + 2, keys);
        }
    }
}

static void weigh(const score_block *b, const key_scores *of, bool shifted) {
    if (of->keys < BLOCK)
        weigh_rows(b, of, of->keys, true);
    else if (shifted)
        weigh_rows(b, of, BLOCK, true);
    else
        weigh_rows(b, of, BLOCK, false);
}

/* ---- products -------------------------------------------------------------------------------------------------- */

/* c [32, 32] = a [32, depth] b, or only 16 rows of it; rows of a are depth / 2 floats apart. What is read of b does not
 * push a out of the first cache. */
static void multiply(float *c, const float *a, const float *b, size_t depth, bool lower) {
    const size_t panel = depth / DEPTH * TILE_FLOATS, lda = depth / 2;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (size_t k = 0; k < depth / DEPTH; k++, a += TILE, b += TILE_FLOATS) {
        _tile_loadd(4, a, lda * sizeof *a);
        _tile_stream_loadd(6, b, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_stream_loadd(7, b + panel, 64);
        _tile_dpbf16ps(1, 4, 7);
        if (!lower) continue;
        _tile_loadd(5, a + TILE * lda, lda * sizeof *a);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, BLOCK * sizeof *c);
    _tile_stored(1, c + TILE, BLOCK * sizeof *c);
    if (!lower) return;
    _tile_stored(2, c + TILE * BLOCK, BLOCK * sizeof *c);
    _tile_stored(3, c + TILE * BLOCK + TILE, BLOCK * sizeof *c);
}

/* Computes the scores of keys [j, j + 32). */
static key_scores score_keys(const score_block *b, size_t j, float *scores) {
    multiply(scores, b->queries, b->a->panels + j * b->depth / 2, b->depth, b->m > TILE);
    return (key_scores){scores, j, part((size_t)b->a->s, j, BLOCK)};
}

/* Adds the bias to the scores, which are exponents of 2, and notes the largest of each row in `sums`. */
static void note_largest(const score_block *b, const key_scores *of) {
    const cvt_attention *a = b->a;
    for (size_t i = 0; i < b->m; i++) {
        const float *bias = a->bias ? a->bias + (b->row + i) * a->ldb + of->j : NULL;
        float *at = of->scores + i * BLOCK, *most = b->sums + i * VL;
        vf max = v_load(most);
        for (size_t k = 0; k < of->keys; k += VL) {
            vf x = v_load(at + k);
            if (bias) {
                v_store(at + k, x = v_fma(v_load(bias + k), v_set(LOG2_E), x));
                __builtin_prefetch(bias + k + BLOCK * a->ldb); /* of the next block of queries, or of the next head */
            }
            max = v_max(max, of->keys - k < VL ? v_first(of->keys - k, x, max) : x);
        }
        v_store(most, max);
    }
}

/* Computes all scores of a block, with their bias, and finds the shift of each row. */
static void find_shifts(const score_block *b, float longest) {
    for (size_t i = 0; i < b->m; i++) {
        const bool low = v_sum(v_load(b->sums + i * VL)) * longest <= MAX_SCORE * MAX_SCORE;
        b->shift[i] = low && !b->a->bias ? 0 : 1;
        v_store(b->sums + i * VL, v_set(-__builtin_inff()));
    }
    key_scores before = score_keys(b, 0, b->kept);
    for (size_t j = BLOCK; j < b->n; j += BLOCK) {
        const key_scores now = score_keys(b, j, b->kept + j * BLOCK);
        note_largest(b, &before);
        before = now;
    }
    note_largest(b, &before);
    for (size_t i = 0; i < b->m; i++)
        if (b->shift[i] > 0) b->shift[i] = v_largest(v_load(b->sums + i * VL));
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

static void scale_map(float *map, size_t n, float factor) {
    for (size_t j = 0; j < n; j += VL) v_store_n(map + j, v_load_n(map + j, n - j) * v_set(factor), n - j);
}

/* What the tiles store is read a turn later, when it has arrived. */
static void weigh_as_scored(const score_block *b) {
    key_scores before = score_keys(b, 0, b->scores[0]);
    for (size_t j = BLOCK; j < b->n; j += BLOCK) {
        const key_scores now = score_keys(b, j, b->scores[j / BLOCK % 2]);
        weigh(b, &before, false);
        before = now;
    }
    weigh(b, &before, false);
}

static void weigh_kept(const score_block *b) {
    for (size_t j = 0; j < b->n; j += BLOCK) {
        const key_scores of = {b->kept + j * BLOCK, j, part((size_t)b->a->s, j, BLOCK)};
        weigh(b, &of, true);
    }
}

/* Rounds the rows of the map of positions of a block. */
static void round_positions(const score_block *b) {
    const cvt_positions *p = b->a->positions;
    for (size_t i = 0; i < b->m; i++) {
        const size_t cell = (size_t)b->a->first + b->row + i, width = (size_t)p->width;
        const float *column = p->columns + cell % width * p->ld, *row = p->rows + cell / width * p->ld;
        float *to = b->rounded + i * b->n / 2;
        for (size_t j = 0; j < b->n; j += DEPTH) {
            const vf low = v_load(column + j) * v_load(row + j), high = v_load(column + j + VL) * v_load(row + j + VL);
            v_store(to + j / 2, (vf)_mm512_cvtne2ps_pbh(high, low));
        }
    }
}

/* Adds the values by the map of positions to the result of a block. */
static void add_positions(const score_block *b, const float *values) {
    cvt_attention a = *b->a;
    a.residual = a.out;
    a.ldr = a.ldo;
    a.weight = 1;
    round_positions(b);
    for (size_t j = 0; j < (size_t)a.dv; j += BLOCK) {
        multiply(b->scores[0], b->rounded, values + j * b->n / 2, b->n, b->m > TILE);
        for (size_t i = 0; i < b->m; i++) finish_row(&a, b->row + i, j, b->scores[0] + i * BLOCK, 1);
    }
}

/* One block of queries. */
static void attend_block(score_block *b, const float *values, float longest) {
    const cvt_attention *a = b->a;
    const bool shifted = !take_queries(b, longest) || a->bias;
    memset(b->shift, 0, BLOCK * sizeof *b->shift);
    if (shifted) find_shifts(b, longest);
    memset(b->sums, 0, BLOCK * VL * sizeof *b->sums);
    if (shifted)
        weigh_kept(b);
    else
        weigh_as_scored(b);
    for (size_t i = 0; i < b->m; i++) b->factor[i] = 1 / v_sum(v_load(b->sums + i * VL));
    for (size_t j = 0; j < (size_t)a->dv; j += BLOCK) {
        multiply(b->scores[0], b->rounded, values + j * b->n / 2, b->n, b->m > TILE);
        for (size_t i = 0; i < b->m; i++) finish_row(a, b->row + i, j, b->scores[0] + i * BLOCK, b->factor[i]);
    }
    if (a->positions) add_positions(b, values);
    for (size_t i = 0; a->map && i < b->m; i++) scale_map(a->map + (b->row + i) * a->ldm, (size_t)a->s, b->factor[i]);
}

static void attend(const cvt_attention *a) {
    const float *values = a->panels + keys_floats(a->s, a->d), *longest = values + values_floats(a->s, a->dv);
    score_block b = block_in(a);
    set_tiles(TILE, TILE);
    memset(b.queries, 0, BLOCK * b.depth / 2 * sizeof *b.queries);
    for (; b.row < (size_t)a->t; b.row += BLOCK) {
        b.m = part((size_t)a->t, b.row, BLOCK);
        attend_block(&b, values, *longest);
    }
    _tile_release();
}

const cvt_attention_kernels cvt_attention_avx512amx = {
    .panels = panels_floats, .pack = pack, .scratch = scratch_floats, .run = attend, .tiles = true, .positions = true};

TARGET_END
