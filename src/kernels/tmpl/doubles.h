/* doubles.h - sums of products in double precision, for fits. A product and a sum are rounded one after the other: so
 * every table gives the same bits. */

typedef double vd __attribute__((vector_size(VL * sizeof(float))));
#define VD (VL / 2)

INLINE vd d_load(const double *p) {
    vd x;
    memcpy(&x, p, sizeof x);
    return x;
}

INLINE void d_store(double *p, vd x) { memcpy(p, &x, sizeof x); }

/* 4 rows of c, 16 columns as 2 vectors at a time. */
static void add_doubles(double *c, size_t ldc, const double *a, size_t row, size_t step, const double *b, size_t ldb,
                        int columns, size_t steps) {
    for (size_t q = 0; q < (size_t)columns; q += 2 * VD) {
        vd chain[4][2];
        const double *bt = b + q;
        EACH(r, 4, 4) EACH(v, 2, 2) chain[r][v] = d_load(c + r * ldc + q + v * VD);
        for (size_t t = 0; t < steps; t++, bt += ldb) {
            const vd first = d_load(bt), second = d_load(bt + VD);
            const double *at = a + t * step;
            EACH(r, 4, 4) {
                const vd x = at[r * row] - (vd){0};
                chain[r][0] += x * first;
                chain[r][1] += x * second;
            }
        }
        EACH(r, 4, 4) EACH(v, 2, 2) d_store(c + r * ldc + q + v * VD, chain[r][v]);
    }
}
