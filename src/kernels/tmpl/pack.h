/* pack.h - panels of NR columns for the GEMM: [k][NR], transposed from rows of weights or copied from a matrix.
 *
 * The transpose takes VL columns by 4 steps of k: four loads bring 4 floats of VL / 4 rows each, a row in each 128-bit
 * lane, and a 4 x 4 transpose within the lanes puts the columns in order. Rows that are no full vector of floats
 * (16-bit types, the last columns, the last steps of k) pass through a small buffer first. */

enum { STAGE = 64 }; /* steps of k in that buffer; a multiple of 4 */

/* dst[kk][0..VL) = scale * rows[j * ld + kk] for kk < n <= 4; 4 floats of each row are read. */
INLINE void transpose_step(float *dst, const float *rows, size_t ld, size_t n, vf scale) {
    vf x[4];
    for (size_t i = 0; i < 4; i++) x[i] = v_load_rows4(rows + i * ld, ld);
    v_transpose4(x);
    for (size_t i = 0; i < n; i++) v_store(dst + i * NR, x[i] * scale);
}

/* The same for kk < k. */
INLINE void transpose(float *dst, const float *rows, size_t ld, size_t k, vf scale) {
    for (; k >= 4; k -= 4, dst += 4 * NR, rows += 4) transpose_step(dst, rows, ld, 4, scale);
    if (k) transpose_step(dst, rows, ld, k, scale);
}

/* VL columns of a panel, of which the first `columns` exist. */
static void pack_columns(float *dst, const unsigned char *w, cvt_dtype dtype, size_t ldw, size_t k, size_t columns,
                         vf scale) {
    size_t done = 0;
    if (!columns)
        for (; done < k; done++) v_store(dst + done * NR, v_set(0));
    if (dtype == CVT_F32 && columns == VL) {
        done = k / 4 * 4;
        transpose(dst, (const float *)(const void *)w, ldw, done, scale);
    }
    if (done == k) return;
    float stage[VL * STAGE] = {0};
    while (done < k) {
        const size_t n = k - done < STAGE ? k - done : STAGE;
        for (size_t j = 0; j < columns; j++) widen(stage + j * STAGE, w + (j * ldw + done) * size_of(dtype), dtype, n);
        transpose(dst + done * NR, stage, STAGE, n, scale);
        done += n;
    }
}

static void pack_b(void *panel, const void *w, cvt_dtype dtype, size_t ldw, int k, int columns, const float *scale) {
    const size_t all = (size_t)columns;
    float *dst = panel;
    for (size_t j = 0; j < NR; j += VL) {
        const size_t n = j >= all ? 0 : all - j < VL ? all - j : VL;
        const unsigned char *rows = (const unsigned char *)w + (n ? j * ldw * size_of(dtype) : 0);
        const vf factor = scale && n ? v_load_part(scale + j, n) : v_set(1);
        pack_columns(dst + j, rows, dtype, ldw, (size_t)k, n, factor);
    }
}

static inline void pack_kn(float *dst, const float *b, size_t ldb, int k, int columns) {
    const size_t n = (size_t)columns;
    for (size_t kk = 0; kk < (size_t)k; kk++, dst += NR, b += ldb) {
        for (size_t j = 0; j < NR; j += VL) {
            const vf x = j + VL <= n ? v_load(b + j) : j < n ? v_load_part(b + j, n - j) : v_set(0);
            v_store(dst + j, x);
        }
    }
}
