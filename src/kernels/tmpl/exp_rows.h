/* exp_rows.h - the softmax of rows in two parts: exp less the largest of each row, and what to multiply by. */

/* One vector of each of `rows` rows, a constant, so that their exp runs interleaved. */
INLINE void largest_of_rows(vf *most, const float *x, size_t ldx, size_t rows, size_t lanes) {
    for (size_t i = 0; i < rows; i++) {
        vf v = v_load_n(x + i * ldx, lanes);
        if (lanes < VL) v = v_first(lanes, v, most[i]);
        most[i] = v_max(most[i], v);
    }
}

INLINE void exp_of_rows(vf *sum, float *x, size_t ldx, size_t rows, const vf *largest, size_t lanes) {
    vf v[WAYS];
    for (size_t i = 0; i < rows; i++) v[i] = v_load_n(x + i * ldx, lanes) - largest[i];
    exp_of(v, (int)rows);
    for (size_t i = 0; i < rows; i++) {
        v_store_n(x + i * ldx, v[i], lanes);
        if (lanes < VL) v[i] = v_first(lanes, v[i], v_set(0));
        sum[i] += v[i];
    }
}

INLINE void exp_some_rows(float *x, size_t ldx, size_t rows, size_t n, float *inverse) {
    const size_t whole = n - n % VL;
    vf most[WAYS], sum[WAYS];
    for (size_t i = 0; i < rows; i++) most[i] = v_set(-__builtin_inff()), sum[i] = v_set(0);
    for (size_t j = 0; j < whole; j += VL) largest_of_rows(most, x + j, ldx, rows, VL);
    if (whole < n) largest_of_rows(most, x + whole, ldx, rows, n - whole);
    for (size_t i = 0; i < rows; i++) most[i] = v_set(v_largest(most[i]));
    for (size_t j = 0; j < whole; j += VL) exp_of_rows(sum, x + j, ldx, rows, most, VL);
    if (whole < n) exp_of_rows(sum, x + whole, ldx, rows, most, n - whole);
    for (size_t i = 0; i < rows; i++) inverse[i] = 1 / v_sum(sum[i]);
}

/* x = exp(x - the largest of its row) in place, row by row; the inverse of each sum. */
static void exp_rows(float *x, size_t ldx, size_t rows, size_t n, float *inverse) {
    for (; rows >= WAYS; rows -= WAYS, x += WAYS * ldx, inverse += WAYS) exp_some_rows(x, ldx, WAYS, n, inverse);
    if (rows == 3) exp_some_rows(x, ldx, 3, n, inverse);
    if (rows == 2) exp_some_rows(x, ldx, 2, n, inverse);
    if (rows == 1) exp_some_rows(x, ldx, 1, n, inverse);
}

INLINE void scale_vector(float *y, const float *x, vf scale, size_t lanes) {
    v_store_n(y, v_load_n(x, lanes) * scale, lanes);
}

static void row_scale(float *y, const float *x, size_t n, float factor) {
    const size_t whole = n - n % VL;
    const vf scale = v_set(factor);
    for (size_t i = 0; i < whole; i += VL) scale_vector(y + i, x + i, scale, VL);
    if (whole < n) scale_vector(y + whole, x + whole, scale, n - whole);
}
