/* int8_pack.h - panels of weights in int8, as cvt_int8_pack makes them: a group of neighbours along k is a 32-bit
 * word, and words are transposed like the floats of pack.h, VL columns by 4 words at a time. The sums of columns
 * are products by 1. Rows that are not int8 yet, or not in whole words, pass through a buffer. */

enum { INT8_STAGE = 256 }; /* steps of k in that buffer; a multiple of DOT_DEPTH, VL and 4 words */
#if DOT_GROUP == 4
typedef int8_t weight_t;
enum { DOT_ONES = 0x01010101 };
#else
typedef int16_t weight_t;
enum { DOT_ONES = 0x00010001 };
#endif
typedef weight_t weight_v __attribute__((vector_size(VL * sizeof(weight_t))));

/* n weights of a row as f32. They stay where they lie if they are f32, else they are copied to `room`. */
INLINE const float *weights_at(float *room, const unsigned char *row, cvt_dtype dtype, size_t first, size_t n) {
    row += first * size_of(dtype);
    if (dtype == CVT_F32) return (const float *)(const void *)row;
    widen(room, row, dtype, n);
    return room;
}

/* Returns t of a row, and sets 1 / t, or 0 if all of v is 0. */
static float weight_scale(float *inverse, const unsigned char *row, cvt_dtype dtype, size_t k) {
    *inverse = 1;
    if (dtype == CVT_I8) return 1;
    const size_t piece = dtype == CVT_F32 ? k : INT8_STAGE;
    float room[INT8_STAGE];
    range r = NO_RANGE;
    for (size_t first = 0; first < k; first += piece) {
        const size_t n = k - first < piece ? k - first : piece;
        range_add(&r, weights_at(room, row, dtype, first, n), n);
    }
    const float max = v_largest(v_max(r.high, -r.low)), odd = v_sum(r.odd);
    const bool counts = odd == 0 && max > 1e-30f; /* odd is NaN where a weight is not finite */
    *inverse = counts ? 127 / max : 0;
    return odd == 0 ? counts ? max / 127 : 0 : cvt_bits_to_f32(0x7fc00000u);
}

/* Sets v of n weights of a row, and 0 from there up to INT8_STAGE. */
static void stage_weights(weight_t *to, const unsigned char *row, cvt_dtype dtype, float inverse, size_t first,
                          size_t n) {
    const vf shifter = v_set(0x1.8p23f); /* adding it rounds to an integer, to even from halfway */
    float room[INT8_STAGE];
    memset(to + n, 0, (INT8_STAGE - n) * sizeof *to);
    if (dtype == CVT_I8) {
        for (size_t i = 0; i < n; i++) to[i] = ((const int8_t *)row)[first + i];
        return;
    }
    if (inverse == 0) {
        memset(to, 0, n * sizeof *to);
        return;
    }
    const float *w = weights_at(room, row, dtype, first, n);
    for (size_t i = 0; i < n; i += VL) {
        const vf x = v_load_n(w + i, n - i < VL ? n - i : VL) * v_set(inverse) + shifter;
        const weight_v v = __builtin_convertvector((vu)x - (vu)shifter, weight_v);
        memcpy(to + i, &v, sizeof v);
    }
}

/* dst[word * line + j] = rows[j * ld + word] for j < VL; returns `sums` plus the sums of the columns. Words are read by
 * fours, so up to 3 words after the last one of a row are read. */
INLINE vi transpose_words(float *dst, size_t line, const float *rows, size_t ld, size_t words, vi sums) {
    const vi ones = (vi)((vu){0} + (unsigned)DOT_ONES);
    for (size_t first = 0; first < words; first += 4) {
        vf x[4];
        for (size_t i = 0; i < 4; i++) x[i] = v_load_rows4(rows + i * ld + first, ld);
        v_transpose4(x);
        for (size_t i = 0; i < 4 && first + i < words; i++) {
            v_store(dst + (first + i) * line, x[i]);
            sums = v_dot(sums, ones, (vi)x[i]);
        }
    }
    return sums;
}

/* VL columns of a panel, of which the first `columns` exist: their factors at `panel`, their words from `values` on,
 * `line` words apart. */
static void int8_pack_columns(float *panel, float *values, size_t line, const unsigned char *w, cvt_dtype dtype,
                              size_t ldw, size_t k, size_t columns, const float *scale) {
    const size_t row = ldw * size_of(dtype), depth = cvt_round_up(k, DOT_DEPTH);
    float t[VL] = {0}, inverse[VL];
    for (size_t j = 0; j < columns; j++)
        t[j] = weight_scale(&inverse[j], w + j * row, dtype, k) * (scale ? scale[j] : 1);
    v_store(panel, v_load(t));
    vi sums = (vi)v_set(0);
    size_t done = 0;
    if (dtype == CVT_I8 && DOT_GROUP == 4 && columns == VL && ldw % 4 == 0) {
        done = k / 16 * 16;
        sums = transpose_words(values, line, (const float *)(const void *)w, ldw / 4, done / 4, sums);
    }
    weight_t stage[VL * INT8_STAGE];
    memset(stage, 0, done < depth ? sizeof stage : 0);
    for (size_t n; done < depth; done += n) {
        n = depth - done < INT8_STAGE ? depth - done : INT8_STAGE;
        const size_t stored = done > k ? 0 : k - done < n ? k - done : n;
        for (size_t j = 0; j < columns; j++)
            stage_weights(stage + j * INT8_STAGE, w + j * row, dtype, inverse[j], done, stored);
        sums = transpose_words(values + done / DOT_GROUP * line, line, (const float *)(const void *)stage,
                               INT8_STAGE / DOT_GROUP, n / DOT_GROUP, sums);
    }
    v_store(panel + NR, __builtin_convertvector(sums, vf));
}

/* Packs a panel whose lines have words of `across` columns: NR or VL. */
static void int8_pack_across(float *panel, size_t across, const unsigned char *w, cvt_dtype dtype, size_t ldw, int k,
                             size_t columns, const float *scale) {
    const size_t words = cvt_round_up((size_t)k, DOT_DEPTH) / DOT_GROUP, used = (2 + words) * NR;
    for (size_t j = 0; j < NR; j += VL) {
        const size_t n = j >= columns ? 0 : columns - j < VL ? columns - j : VL;
        const unsigned char *rows = w + (n ? j * ldw * size_of(dtype) : 0);
        float *values = panel + 2 * NR + (across == VL ? j * words : j);
        int8_pack_columns(panel + j, values, across, rows, dtype, ldw, (size_t)k, n, scale && n ? scale + j : NULL);
    }
    memset(panel + used, 0, int8_panel_size(k) - used * sizeof(float));
}

static void int8_pack_b(void *panel, const void *w, cvt_dtype dtype, size_t ldw, int k, int columns,
                        const float *scale) {
    int8_pack_across(panel, NR, w, dtype, ldw, k, (size_t)columns, scale);
}
