/* tile.h - the micro-kernel for ROWS rows by ACROSS vectors, of the steps that gemm.h defines; tiles.h
 * includes it for each count. */

static void TILE_NAME(ROWS, ACROSS)(const tile *t) {
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
    if (t->scale) {
        TILE_ROWS(TILE_SCALE_ROW)
    }
    if (t->bias) {
        TILE_ROWS(TILE_BIAS_ROW)
    }
    if (t->residual) {
        TILE_ROWS(TILE_RESIDUAL_ROW)
    }
    TILE_ROWS(TILE_STORE_ROW)
}

#undef ROWS
