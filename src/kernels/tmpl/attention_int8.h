/* attention_int8.h - attention of one head by the products of int8.h: queries by keys, and probabilities by values, are
 * rounded as rows and weights of products are. Scores, softmax and sums are f32. The largest probability of a row
 * becomes 255, so those below 1/510 of it become 0. */

#include "kernels/tmpl/query_rows.h"

static size_t panels_size(size_t columns, int k) { return (columns + NR - 1) / NR * int8_panel_size(k); }

/* Panels of keys, panels of values, and room in which some columns of values become rows. */
static size_t attention_int8_panels(int s, int d, int dv) {
    return (panels_size((size_t)s, d) + panels_size((size_t)dv, s)) / sizeof(float) + NR * (size_t)s;
}

static void attention_int8_pack(float *panels, const cvt_attention_head *h) {
    const size_t s = (size_t)h->s, dv = (size_t)h->dv;
    char *to = (char *)panels;
    float *rows = panels + attention_int8_panels(h->s, h->d, h->dv) - NR * s;
    for (size_t j = 0; j < s; j += NR, to += int8_panel_size(h->d))
        int8_pack_b(to, h->k + j * h->ldk, CVT_F32, h->ldk, h->d, (int)(s - j < NR ? s - j : NR), NULL);
    for (size_t j = 0; j < dv; j += NR, to += int8_panel_size(h->s)) {
        const size_t n = dv - j < NR ? dv - j : NR;
        for (size_t i = 0; i < s; i++)
            for (size_t c = 0; c < n; c++) rows[c * s + i] = h->v[i * h->ldv + j + c];
        int8_pack_b(to, rows, CVT_F32, s, h->s, (int)n, NULL);
    }
}

/* Of one block of rows: the queries and then the probabilities as packed A, the scores, and a factor for each row. */
static size_t packed_rows_size(size_t rows, int s, int d) { return rows * int8_row_size(s > d ? s : d); }

static size_t attention_int8_scratch(int t, int s, int d) {
    const size_t lds = cvt_round_up((size_t)s, VL), rows = query_rows((size_t)t, lds);
    return packed_rows_size(rows, s, d) / sizeof(float) + rows * (lds + 1);
}

/* Multiplies a packed row by a factor. */
static void scale_packed_row(char *rows, size_t i, int k, float factor) {
    cvt_int8_row *row = cvt_int8_row_of(rows + i * int8_row_size(k), int8_row_size(k));
    row->scale *= factor;
    row->shift *= factor;
}

static void attention_int8(const cvt_attention *a) {
    const size_t t = (size_t)a->t, s = (size_t)a->s, lds = cvt_round_up(s, VL), max = query_rows(t, lds);
    const char *keys = (const char *)a->panels, *values = keys + panels_size(s, a->d);
    char *packed = (char *)a->scratch;
    float *scores = a->scratch + packed_rows_size(max, a->s, a->d) / sizeof(float), *factors = scores + max * lds;
    for (size_t row = 0, m; row < t; row += m) {
        m = t - row < max ? t - row : max;
        const cvt_gemm by_keys = {.m = (int)m,
                                  .n = a->s,
                                  .k = a->d,
                                  .a = packed,
                                  .b = keys,
                                  .c = scores,
                                  .ldc = lds,
                                  .residual = a->bias ? a->bias + row * a->ldb : NULL,
                                  .ldr = a->ldb};
        const cvt_gemm by_values = {.m = (int)m,
                                    .n = a->dv,
                                    .k = a->s,
                                    .a = packed,
                                    .b = values,
                                    .c = a->out + row * a->ldo,
                                    .ldc = a->ldo,
                                    .residual = a->residual ? a->residual + row * a->ldr : NULL,
                                    .ldr = a->ldr};
        int8_pack_a(packed, a->q + row * a->ldq, a->ldq, (int)m, a->d);
        for (size_t i = 0; i < m; i++) scale_packed_row(packed, i, a->d, a->scale);
        int8_gemm(&by_keys);
        exp_rows(scores, lds, m, s, factors);
        for (size_t i = 0; a->map && i < m; i++)
            row_scale(a->map + (row + i) * a->ldm, scores + i * lds, s, factors[i]);
        int8_pack_a(packed, scores, lds, (int)m, a->s);
        for (size_t i = 0; i < m; i++) scale_packed_row(packed, i, a->s, factors[i] * a->weight);
        int8_gemm(&by_values);
    }
}

/* Rounding keys and values pays where there are queries to read them and keys enough to be summed. */
enum { INT8_LEAST = 96 };

#define ATTENTION_INT8                                                                                   \
    {                                                                                                    \
        .panels = attention_int8_panels, .pack = attention_int8_pack, .scratch = attention_int8_scratch, \
        .run = attention_int8, .least = INT8_LEAST,                                                      \
    }
