/* doubles.h - sums of products in double precision, for fits. */

typedef double vd __attribute__((vector_size(VL * sizeof(float))));
#define VD (VL / 2)

INLINE vd d_load(const double *p) {
    vd x;
    memcpy(&x, p, sizeof x);
    return x;
}

INLINE void d_store(double *p, vd x) { memcpy(p, &x, sizeof x); }

/* A tile of R rows and V vectors of c, which begins at c; always inlined, so that R and V are constants. */
INLINE void add_double_tile(const size_t R, const size_t V, double *c, size_t ldc, const double *a, size_t row,
                            size_t step, const double *b, size_t ldb, size_t steps) {
    vd chain[8][4];
    EACH(r, 8, R) EACH(v, 4, V) chain[r][v] = d_load(c + r * ldc + v * VD);
    for (size_t t = 0; t < steps; t++, a += step, b += ldb) {
        vd own[4];
        EACH(v, 4, V) own[v] = d_load(b + v * VD);
        EACH(r, 8, R) {
            const vd x = a[r * row] - (vd){0};
            EACH(v, 4, V) chain[r][v] = d_fma(x, own[v], chain[r][v]);
        }
    }
    EACH(r, 8, R) EACH(v, 4, V) d_store(c + r * ldc + v * VD, chain[r][v]);
}

/* V vectors of each row: 8 rows at a time where there are registers enough, so that b is read half as often. */
INLINE void add_double_rows(const size_t V, double *c, size_t ldc, const double *a, size_t row, size_t step,
                            const double *b, size_t ldb, size_t rows, size_t steps) {
    size_t r = 0;
    for (; VL == 16 && r + 8 <= rows; r += 8)
        add_double_tile(8, V, c + r * ldc, ldc, a + r * row, row, step, b, ldb, steps);
    for (; r < rows; r += 4) add_double_tile(4, V, c + r * ldc, ldc, a + r * row, row, step, b, ldb, steps);
}

static void add_doubles(double *c, size_t ldc, const double *a, size_t row, size_t step, const double *b, size_t ldb,
                        size_t rows, size_t columns, size_t steps) {
    size_t q = 0;
    for (; VL == 16 && q + 3 * VD <= columns; q += 3 * VD)
        add_double_rows(3, c + q, ldc, a, row, step, b + q, ldb, rows, steps);
    for (; q + 2 * VD <= columns; q += 2 * VD) add_double_rows(2, c + q, ldc, a, row, step, b + q, ldb, rows, steps);
    for (; VL == 16 && q < columns; q += VD) add_double_rows(1, c + q, ldc, a, row, step, b + q, ldb, rows, steps);
}
