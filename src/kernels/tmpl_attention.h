/* tmpl_attention.h - attention of one head over blocks of query rows: the scores of a block stay in cache through the
 * product with the keys, the softmax, and the product with the values, which divides by the sum last. */

enum { QUERIES = 4 * MR }; /* rows of scores at a time */

/* Scores of one block, rows a whole number of panels long, and the inverse of each row's sum. */
static size_t attention_scratch(int t, int s) {
    const size_t rows = t < QUERIES ? (size_t)t : QUERIES;
    return rows * (((size_t)s + NR - 1) / NR * NR + 1);
}

static void attention(const cvt_attention *a) {
    const size_t s = (size_t)a->s, lds = (s + NR - 1) / NR * NR;
    for (int first = 0, rows; first < a->t; first += rows) {
        rows = cvt_min_int(a->t - first, QUERIES);
        const size_t row = (size_t)first, m = (size_t)rows;
        float *scores = a->scratch, *inverse = scores + m * lds;
        const float *q = a->q + row * a->ldq;
        float *out = a->out + row * a->ldo;
        const cvt_gemm by_keys = {
            .m = rows, .n = (int)lds, .k = a->d, .a = q, .lda = a->ldq, .b = a->keys, .c = scores, .ldc = lds};
        const cvt_gemm by_values = {
            .m = rows, .n = a->dv, .k = a->s, .a = scores, .lda = lds, .b = a->values, .c = out, .ldc = a->ldo};
        multiply(&by_keys, NULL);
        for (size_t i = 0; i < m; i++) inverse[i] = 1 / row_exp(scores + i * lds, s, a->scale);
        multiply(&by_values, inverse);
        for (size_t i = 0; a->map && i < m; i++)
            row_scale(a->map + (row + i) * a->ldm, scores + i * lds, s, inverse[i]);
    }
}
