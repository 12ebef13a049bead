/* rows.h - kernels that go along one row at a time: layer norm, softmax, exp, scale and shift, sum, mean.
 *
 * A row is taken by groups of WAYS vectors, then by one, and the rest under a mask, so the order of a sum follows from
 * the length of the row alone. The *_vector functions do the work of one vector; lanes is the constant VL but in the
 * last. */

enum { GROUP = WAYS * VL };

INLINE void activate_group(float *x, cvt_act act) {
    vf v[WAYS];
    for (int i = 0; i < WAYS; i++) v[i] = v_load(x + i * VL);
    act_of(v, act);
    for (int i = 0; i < WAYS; i++) v_store(x + i * VL, v[i]);
}

/* n floats in place. */
static void activate(float *x, size_t n, cvt_act act) {
    if (act == CVT_ACT_NONE) return;
    for (; n >= WAYS * VL; n -= WAYS * VL, x += WAYS * VL) activate_group(x, act);
    if (!n) return;
    float padded[WAYS * VL] = {0};
    memcpy(padded, x, n * sizeof *x);
    activate_group(padded, act);
    memcpy(x, padded, n * sizeof *x);
}

typedef struct sums {
    vf part[WAYS];
} sums;

INLINE sums sums_zero(void) { return (sums){{v_set(0), v_set(0), v_set(0), v_set(0)}}; }

INLINE float sums_total(const sums *s) { return v_sum((s->part[0] + s->part[1]) + (s->part[2] + s->part[3])); }

INLINE void sum_vector(vf *sum, const float *x, size_t lanes) { *sum += v_load_n(x, lanes); }

static float row_sum(const float *x, size_t n) {
    sums s = sums_zero();
    size_t i = 0;
    for (; i + GROUP <= n; i += GROUP)
        for (size_t j = 0; j < WAYS; j++) sum_vector(&s.part[j], x + i + j * VL, VL);
    for (; i + VL <= n; i += VL) sum_vector(&s.part[0], x + i, VL);
    if (i < n) sum_vector(&s.part[1], x + i, n - i);
    return sums_total(&s);
}

INLINE void square_vector(vf *sum, const float *x, vf center, size_t lanes) {
    vf d = v_load_n(x, lanes) - center;
    if (lanes < VL) d = v_first(lanes, d, v_set(0));
    *sum = v_fma(d, d, *sum);
}

/* The sum of (x - center)^2. */
static float row_squares(const float *x, size_t n, vf center) {
    sums s = sums_zero();
    size_t i = 0;
    for (; i + GROUP <= n; i += GROUP)
        for (size_t j = 0; j < WAYS; j++) square_vector(&s.part[j], x + i + j * VL, center, VL);
    for (; i + VL <= n; i += VL) square_vector(&s.part[0], x + i, center, VL);
    if (i < n) square_vector(&s.part[1], x + i, center, n - i);
    return sums_total(&s);
}

INLINE void norm_vector(float *y, const float *x, vf center, vf factor, const float *gamma, const float *beta, size_t i,
                        size_t lanes) {
    vf v = (v_load_n(x + i, lanes) - center) * factor;
    if (gamma) v *= v_load_n(gamma + i, lanes);
    if (beta) v += v_load_n(beta + i, lanes);
    v_store_n(y + i, v, lanes);
}

static void layer_norm(float *y, size_t ldy, const float *x, size_t ldx, int rows, int c, const float *gamma,
                       const float *beta, float eps) {
    const size_t n = (size_t)c, whole = n - n % VL;
    const float part = 1 / (float)c;
    for (int left = rows, m; left > 0; left -= m) { /* a row waits for its sums while others are summed up */
        float center[WAYS], factor[WAYS];
        m = left < WAYS ? left : WAYS;
        for (int r = 0; r < m; r++) center[r] = row_sum(x + (size_t)r * ldx, n) * part;
        for (int r = 0; r < m; r++)
            factor[r] = 1 / s_sqrt(row_squares(x + (size_t)r * ldx, n, v_set(center[r])) * part + eps);
        for (int r = 0; r < m; r++, y += ldy, x += ldx) {
            const vf by = v_set(factor[r]), from = v_set(center[r]);
            for (size_t i = 0; i < whole; i += VL) norm_vector(y, x, from, by, gamma, beta, i, VL);
            if (whole < n) norm_vector(y, x, from, by, gamma, beta, whole, n - whole);
        }
    }
}

INLINE void affine_vector(float *y, const float *x, const float *scale, const float *shift, size_t i, size_t lanes) {
    vf v = v_load_n(x + i, lanes);
    if (scale) v *= v_load_n(scale + i, lanes);
    if (shift) v += v_load_n(shift + i, lanes);
    v_store_n(y + i, v, lanes);
}

static void affine(float *y, size_t ldy, const float *x, size_t ldx, int rows, int c, const float *scale,
                   const float *shift, cvt_act act) {
    const size_t n = (size_t)c, whole = n - n % VL;
    for (int r = 0; r < rows; r++, y += ldy, x += ldx) {
        for (size_t i = 0; i < whole; i += VL) affine_vector(y, x, scale, shift, i, VL);
        if (whole < n) affine_vector(y, x, scale, shift, whole, n - whole);
        activate(y, n, act);
    }
}

INLINE void add_vector(float *y, const float *a, const float *b, size_t lanes) {
    v_store_n(y, v_load_n(a, lanes) + v_load_n(b, lanes), lanes);
}

static void add(float *y, size_t ldy, const float *a, size_t lda, const float *b, size_t ldb, int rows, int c) {
    const size_t n = (size_t)c, whole = n - n % VL;
    for (int r = 0; r < rows; r++, y += ldy, a += lda, b += ldb) {
        for (size_t i = 0; i < whole; i += VL) add_vector(y + i, a + i, b + i, VL);
        if (whole < n) add_vector(y + whole, a + whole, b + whole, n - whole);
    }
}

static void softmax(float *x, size_t ldx, int rows, int n, float scale) {
    for (size_t i = 0, m, all = (size_t)rows; i < all; i += m, x += m * ldx) {
        float inverse[WAYS];
        m = all - i < WAYS ? all - i : WAYS;
        for (size_t j = 0; j < m; j++) row_scale(x + j * ldx, x + j * ldx, (size_t)n, scale);
        exp_rows(x, ldx, m, (size_t)n, inverse);
        for (size_t j = 0; j < m; j++) row_scale(x + j * ldx, x + j * ldx, (size_t)n, inverse[j]);
    }
}

INLINE void exp_group(float *x) {
    vf v[WAYS];
    for (size_t j = 0; j < WAYS; j++) v[j] = v_min(v_set(89), v_load(x + j * VL)); /* 89 gives infinity */
    exp_of(v, WAYS);
    for (size_t j = 0; j < WAYS; j++) v_store(x + j * VL, v[j]);
}

static void exp_all(float *x, size_t n) {
    for (; n >= GROUP; n -= GROUP, x += GROUP) exp_group(x);
    if (!n) return;
    float padded[GROUP] = {0};
    memcpy(padded, x, n * sizeof *x);
    exp_group(padded);
    memcpy(x, padded, n * sizeof *x);
}

INLINE void mean_vector(float *y, const float *x, size_t ldx, size_t rows, size_t lanes) {
    vf s = v_set(0);
    for (size_t r = 0; r < rows; r++) s += v_load_n(x + r * ldx, lanes);
    v_store_n(y, s / v_set((float)rows), lanes);
}

static void mean_rows(float *y, const float *x, size_t ldx, int rows, int c) {
    const size_t n = (size_t)c, whole = n - n % VL;
    for (size_t i = 0; i < whole; i += VL) mean_vector(y + i, x + i, ldx, (size_t)rows, VL);
    if (whole < n) mean_vector(y + whole, x + whole, ldx, (size_t)rows, n - whole);
}
