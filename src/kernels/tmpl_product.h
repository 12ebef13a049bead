/* tmpl_product.h - what the micro-kernels of all precisions share: how they are written, and how a tile ends. */

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

/* X(row) for each row of a tile; X(row, vector) for each vector of a row. Compilers keep single variables in registers,
 * arrays not always. */
#define ROWS_1(X) X(0)
#define ROWS_2(X) ROWS_1(X) X(1)
#define ROWS_3(X) ROWS_2(X) X(2)
#define ROWS_4(X) ROWS_3(X) X(3)
#define ROWS_5(X) ROWS_4(X) X(4)
#define ROWS_6(X) ROWS_5(X) X(5)
#define TILE_ROWS JOIN(ROWS_, ROWS)
#if NV == 2
#define VECTORS(X, i) X(i, 0) X(i, 1)
#else
#define VECTORS(X, i) X(i, 0) X(i, 1) X(i, 2) X(i, 3)
#endif

/* Activation, residual, and the way to C of a tile that lies aside, rows NR apart, with room for one more. */
static void finish_tile(float *aside, size_t rows, size_t columns, cvt_act act, float *c, size_t ldc,
                        const float *residual, size_t ldr) {
    for (size_t j = 0; j < NR; j += VL) v_store(aside + rows * NR + j, v_set(0)); /* the last group may overlap it */
    const size_t vectors = rows * NV;
    for (size_t first = 0; first < vectors; first += WAYS) {
        vf x[WAYS];
        for (size_t i = 0; i < WAYS; i++) x[i] = v_load(aside + (first + i) * VL);
        act_of(x, act);
        for (size_t i = 0; i < WAYS; i++) {
            const size_t row = (first + i) / NV, j = (first + i) % NV * VL;
            if (row >= rows || j >= columns) continue;
            if (residual) x[i] += v_load_n(residual + row * ldr + j, columns - j);
            v_store_n(c + row * ldc + j, x[i], columns - j);
        }
    }
}
