/* exp_rows.h - the softmax of rows in two parts: exp(x - the largest of the row), and the factor that makes the sum 1.
 */

/* These take one vector of each of `rows` rows, a constant, so that the steps of their exp interleave. */
INLINE void largest_of_rows(vf *max, const float *x, size_t ldx, size_t rows, size_t lanes) {
    for (size_t i = 0; i < rows; i++) {
        vf v = v_load_n(x + i * ldx, lanes);
        if (lanes < VL) v = v_first(lanes, v, max[i]);
        max[i] = v_max(max[i], v);
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
    vf max[WAYS], sum[WAYS];
    for (size_t i = 0; i < rows; i++) max[i] = v_set(-__builtin_inff()), sum[i] = v_set(0);
    for (size_t j = 0; j < whole; j += VL) largest_of_rows(max, x + j, ldx, rows, VL);
    if (whole < n) largest_of_rows(max, x + whole, ldx, rows, n - whole);
    for (size_t i = 0; i < rows; i++) max[i] = v_set(v_largest(max[i]));
    for (size_t j = 0; j < whole; j += VL) exp_of_rows(sum, x + j, ldx, rows, max, VL);
    if (whole < n) exp_of_rows(sum, x + whole, ldx, rows, max, n - whole);
    for (size_t i = 0; i < rows; i++) inverse[i] = 1 / v_sum(sum[i]);
}

/* x = exp(x - the largest of its row) in place; inverse gets 1 / the sum of each row. */
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
