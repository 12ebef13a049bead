/* peak.h - multiply-adds on registers alone, in as many chains as the micro-kernel has accumulators. */

#define PEAK_ROW(i) VECTORS(PEAK_DECLARE, i)
#define PEAK_DECLARE(i, j) vf c##i##j = v_set(start + (float)(i * NV + j));
#define PEAK_STEP_ROW(i) VECTORS(PEAK_STEP, i)
#define PEAK_STEP(i, j) c##i##j = v_fma(c##i##j, shrink, one);
#define PEAK_SUM_ROW(i) VECTORS(PEAK_SUM, i)
#define PEAK_SUM(i, j) sum += c##i##j;
#define PEAK_ROWS JOIN(ROWS_, MR)

static double peak(int rounds) {
    const vf shrink = v_set(0.5f), one = v_set(1);
    volatile float unknown = 1; /* nothing may be worked out ahead */
    const float start = unknown;
    PEAK_ROWS(PEAK_ROW)
    for (int i = 0; i < rounds; i++) {
        PEAK_ROWS(PEAK_STEP_ROW) PEAK_ROWS(PEAK_STEP_ROW)
    }
    vf sum = v_set(0);
    PEAK_ROWS(PEAK_SUM_ROW)
    volatile float used = v_sum(sum);
    (void)used;
    return 4.0 * MR * NR * rounds;
}
