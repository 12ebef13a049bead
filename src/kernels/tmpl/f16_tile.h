/* f16_tile.h - the micro-kernel for ROWS rows, of the steps that f16.h defines, which includes it for each
 * count. */

static void JOIN(half_tile_, ROWS)(const half_tile *t) {
    const size_t size = t->size, step = t->step;
    const char *a0 = t->a, *a3 = a0 + (ROWS > 3 ? 3 * size : 0), *a6 = a0 + (ROWS > 6 ? 6 * size : 0),
               *a9 = a0 + (ROWS > 9 ? 9 * size : 0);
    const char *b = t->panel + NR * sizeof(float), *ahead = t->ahead;
    for (size_t done = 0; done < t->k; done += CVT_F16_RUN) {
        size_t n = t->k - done < CVT_F16_RUN ? t->k - done : CVT_F16_RUN;
        TILE_ROWS(HALF_ZERO_ROW)
        for (; n >= 2; n -= 2) {
            HALF_STEP(0)
            HALF_STEP(1)
            a0 += TWO_WORDS, a3 += TWO_WORDS, a6 += TWO_WORDS, a9 += TWO_WORDS, b += 2 * HALF_LINE;
            for (size_t line = 0; line < 2 * HALF_LINE; line += 64) __builtin_prefetch(ahead + line, 0, 2);
            ahead += 2 * step;
        }
        if (n) HALF_STEP(0)
        if (done % CVT_F16_BLOCK) {
            TILE_ROWS(HALF_JOIN_ROW)
        }
        if (done + CVT_F16_RUN < t->k) {
            if ((done + CVT_F16_RUN) % CVT_F16_BLOCK) {
                TILE_ROWS(HALF_KEEP_ROW)
            } else if (done < CVT_F16_BLOCK) {
                TILE_ROWS(HALF_FIRST_ROW)
            } else {
                TILE_ROWS(HALF_NEXT_ROW)
            }
        } else if (t->k <= CVT_F16_BLOCK) {
            TILE_ROWS(HALF_ONLY_ROW)
        } else {
            TILE_ROWS(HALF_LAST_ROW)
        }
    }
    (void)a3, (void)a6, (void)a9;
}

#undef ROWS
