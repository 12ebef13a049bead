/* product.h - what the micro-kernels of all precisions share: how they are written, and how a tile ends. */

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
#define ROWS_7(X) ROWS_6(X) X(6)
#define ROWS_8(X) ROWS_7(X) X(7)
#define ROWS_9(X) ROWS_8(X) X(8)
#define ROWS_10(X) ROWS_9(X) X(9)
#define ROWS_11(X) ROWS_10(X) X(10)
#define ROWS_12(X) ROWS_11(X) X(11)
#define TILE_ROWS JOIN(ROWS_, ROWS)
#define VECTORS_1(X, i) X(i, 0)
#define VECTORS_2(X, i) VECTORS_1(X, i) X(i, 1)
#define VECTORS_3(X, i) VECTORS_2(X, i) X(i, 2)
#define VECTORS_4(X, i) VECTORS_3(X, i) X(i, 3)
#if NV == 2
#define VECTORS VECTORS_2
#else
#define VECTORS VECTORS_4
#endif

/* Activation, residual, and the way to C of a tile that lies aside, in rows of `vectors`, with room for NR more floats.
 */
static void finish_tile(float *aside, size_t vectors, size_t rows, size_t columns, cvt_act act, float *c, size_t ldc,
                        const float *residual, size_t ldr) {
    const size_t all = rows * vectors;
    for (size_t j = 0; j < NR; j += VL) v_store(aside + all * VL + j, v_set(0)); /* the last group may overlap it */
    for (size_t first = 0, row = 0, j = 0; first < all; first += WAYS) {
        vf x[WAYS];
        for (size_t i = 0; i < WAYS; i++) x[i] = v_load(aside + (first + i) * VL);
        act_of(x, act);
        for (size_t i = 0; i < WAYS && row < rows; i++) {
            if (j < columns) {
                if (residual) x[i] += v_load_n(residual + row * ldr + j, columns - j);
                v_store_n(c + row * ldc + j, x[i], columns - j);
            }
            j += VL;
            if (j == vectors * VL) row++, j = 0;
        }
    }
}
