/* tmpl_tile.h - the micro-kernel for ROWS rows; tmpl_gemm.h includes it once for each count. */

#define TILE_ROW(i) const float *a##i = t->a + i * t->lda; VECTORS(TILE_ZERO, i)
#define TILE_ZERO(i, j) vf c##i##j = v_set(0);
#define TILE_LOAD(i, j) const vf b##j = v_load(b + j * VL);
#define TILE_MULTIPLY_ROW(i)            \
    {                                   \
        const vf x = v_set(a##i[kk]);   \
        VECTORS(TILE_MULTIPLY, i)       \
    }
#define TILE_MULTIPLY(i, j)             \
    c##i##j = v_fma(x, b##j, c##i##j);  \
    V_KEEP(c##i##j);
#define TILE_STEP                       \
    {                                   \
        VECTORS(TILE_LOAD, 0)           \
        TILE_ROWS(TILE_MULTIPLY_ROW)    \
        kk++, b += NR;                  \
    }
#define TILE_SCALE_ROW(i) VECTORS(TILE_SCALE, i)
#define TILE_SCALE(i, j) c##i##j *= v_set(t->scale[i]);
#define TILE_BIAS_ROW(i) VECTORS(TILE_BIAS, i)
#define TILE_BIAS(i, j) c##i##j += v_load(t->bias + j * VL);
#define TILE_RESIDUAL_ROW(i) VECTORS(TILE_RESIDUAL, i)
#define TILE_RESIDUAL(i, j) c##i##j += v_load(t->residual + i * t->ldr + j * VL);
#define TILE_STORE_ROW(i) VECTORS(TILE_STORE, i)
#define TILE_STORE(i, j) v_store(t->c + i * t->ldc + j * VL, c##i##j);
#define TILE_ROWS JOIN(ROWS_, ROWS)

static void JOIN(tile_, ROWS)(const tile *t) {
    const float *b = t->b, *ahead = t->ahead;
    const size_t k = t->k, step = t->step;
    TILE_ROWS(TILE_ROW)
    size_t kk = 0;
    while (kk + 4 <= k) {
        TILE_STEP
        TILE_STEP
        TILE_STEP
        TILE_STEP
        for (size_t line = 0; line < AHEAD; line += LINE) __builtin_prefetch(ahead + line, 0, 2);
        ahead += step;
    }
    while (kk < k) TILE_STEP
    if (t->scale) { TILE_ROWS(TILE_SCALE_ROW) }
    if (t->bias) { TILE_ROWS(TILE_BIAS_ROW) }
    if (t->residual) { TILE_ROWS(TILE_RESIDUAL_ROW) }
    TILE_ROWS(TILE_STORE_ROW)
}

#undef ROWS
#undef TILE_ROW
#undef TILE_ZERO
#undef TILE_LOAD
#undef TILE_MULTIPLY_ROW
#undef TILE_MULTIPLY
#undef TILE_STEP
#undef TILE_SCALE_ROW
#undef TILE_SCALE
#undef TILE_BIAS_ROW
#undef TILE_BIAS
#undef TILE_RESIDUAL_ROW
#undef TILE_RESIDUAL
#undef TILE_STORE_ROW
#undef TILE_STORE
#undef TILE_ROWS
