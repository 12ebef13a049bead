/* attention.h - attention of one head: keys are transposed into panels, values copied into panels, and then query rows
 * are taken by blocks. The scores of a block stay in cache through the product with the keys, the softmax, and the
 * product with the values, which divides by the sum last. */

#include "kernels/tmpl/query_rows.h"

static size_t keys_floats(int s, int d) { return cvt_round_up((size_t)s, NR) * (size_t)d; }

static size_t attention_panels(int s, int d, int dv) {
    return keys_floats(s, d) + cvt_round_up((size_t)dv, NR) * (size_t)s;
}

static void attention_pack(float *panels, const cvt_attention_head *h) {
    float *values = panels + keys_floats(h->s, h->d);
    for (int j = 0; j < h->s; j += (int)NR)
        pack_b(panels + (size_t)j * (size_t)h->d, h->k + (size_t)j * h->ldk, CVT_F32, h->ldk, h->d,
               cvt_min_int(h->s - j, (int)NR), NULL);
    for (int j = 0; j < h->dv; j += (int)NR)
        pack_kn(values + (size_t)j * (size_t)h->s, h->v + j, h->ldv, h->s, cvt_min_int(h->dv - j, (int)NR));
}

/* What one block of rows needs: copies of the queries, the scores, and a factor for each row. */
static size_t attention_scratch(int t, int s, int d) {
    const size_t lds = cvt_round_up((size_t)s, VL), rows = query_rows((size_t)t, lds);
    return rows * (lds + 1) + cvt_round_up(rows * (size_t)d, LINE);
}

/* Queries are copied first: they are scaled on the way, and rows far apart in memory would share few sets of L1. */
static void attention(const cvt_attention *a) {
    const size_t t = (size_t)a->t, s = (size_t)a->s, d = (size_t)a->d, lds = cvt_round_up(s, VL),
                 max = query_rows(t, lds);
    const float *keys = a->panels, *values = keys + keys_floats(a->s, a->d);
    float *queries = a->scratch, *scores = queries + cvt_round_up(max * d, LINE), *factors = scores + max * lds;
    for (size_t row = 0, m; row < t; row += m) {
        m = t - row < max ? t - row : max;
        const cvt_gemm by_keys = {.m = (int)m,
                                  .n = (int)lds,
                                  .k = a->d,
                                  .a = queries,
                                  .lda = d,
                                  .b = keys,
                                  .c = scores,
                                  .ldc = lds,
                                  .residual = a->bias ? a->bias + row * a->ldb : NULL,
                                  .ldr = a->ldb};
        const cvt_gemm by_values = {.m = (int)m,
                                    .n = a->dv,
                                    .k = a->s,
                                    .a = scores,
                                    .lda = lds,
                                    .b = values,
                                    .c = a->out + row * a->ldo,
                                    .ldc = a->ldo,
                                    .residual = a->residual ? a->residual + row * a->ldr : NULL,
                                    .ldr = a->ldr};
        for (size_t i = 0; i < m; i++) row_scale(queries + i * d, a->q + (row + i) * a->ldq, d, a->scale);
        multiply(&by_keys, NULL);
        exp_rows(scores, lds, m, s, factors);
        for (size_t i = 0; a->map && i < m; i++)
            row_scale(a->map + (row + i) * a->ldm, scores + i * lds, s, factors[i]);
        for (size_t i = 0; i < m; i++) factors[i] *= a->weight;
        multiply(&by_values, factors);
    }
}
