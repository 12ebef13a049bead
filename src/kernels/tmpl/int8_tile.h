/* int8_tile.h - the micro-kernel for ROWS rows, of the steps that int8.h defines, which includes it for each
 * count. */

static void JOIN(dot_tile_, ROWS)(const dot_tile *t) {
    const char *b = cvt_int8_values(t->panel, NR), *ahead = t->ahead;
    const float *factors = (const float *)(const void *)t->panel, *sums = factors + NR;
    const size_t groups = t->groups, step = t->step;
    TILE_ROWS(DOT_ROW)
    for (size_t g = 0; g < groups; g++, b += DOT_LINE * sizeof(dot_t)) {
        VECTORS(DOT_LOAD, 0)
        TILE_ROWS(DOT_MULTIPLY_ROW)
        __builtin_prefetch(ahead, 0, 2);
        ahead += step;
    }
    TILE_ROWS(DOT_FINISH_ROW)
}

#undef ROWS
