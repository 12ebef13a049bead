/* peak.h - multiply-adds on registers alone, in as many chains as the micro-kernel has accumulators. */

static double peak(int rounds) {
    const vf shrink = v_set(0.5f), one = v_set(1);
    volatile float unknown = 1; /* nothing may be worked out ahead */
    const float start = unknown;
    vf c[MR][NV], sum = v_set(0);
    EACH(i, MR, MR) EACH(j, NV, NV) c[i][j] = v_set(start + (float)(i * NV + j));
    for (int round = 0; round < 2 * rounds; round++)
        EACH(i, MR, MR) EACH(j, NV, NV) c[i][j] = v_fma(c[i][j], shrink, one);
    EACH(i, MR, MR) EACH(j, NV, NV) sum += c[i][j];
    volatile float used = v_sum(sum);
    (void)used;
    return 4.0 * MR * NR * rounds;
}
