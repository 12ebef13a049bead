/* ref.c - the oracle of all other tables: plain loops in float, one value at a time, no libm.
 *
 * exp: 2^n times the Taylor series to r^7, |r| <= ln 2 / 2.
 * erfc (Abramowitz and Stegun 7.1.6 and 7.1.14), x >= 0, with x^2 split so that exp gets it exactly:
 *   below 2: 1 - 2 / sqrt pi * exp(-x^2) * sum of 2^n x^(2n+1) / (1 3 5 ... (2n+1))
 *   from 2: exp(-x^2) / sqrt pi / (x + 1/2 / (x + 2/2 / (x + 3/2 / ...)))
 * gelu_erf(x) = x / 2 erfc(-x / sqrt 2) */
#include <string.h>

#include "base/num.h"
#include "kernels/f16.h"
#include "kernels/int8.h"
#include "kernels/kernels.h"

enum { NR = 8 };

/* ---- element-wise ---------------------------------------------------------------------------------------------- */

static float exp_of(float x) {
    if (x > 89) x = 89;     /* infinity */
    if (x < -104) x = -104; /* 0 */
    if (x != x) return x;
    const float steps = x * 0x1.715476p+0f;
    const int n = (int)(steps < 0 ? steps - 0.5f : steps + 0.5f);
    const float r = x - (float)n * 0.693359375f + (float)n * 2.12194440e-4f;
    float sum = 1 + r / 7;
    for (int i = 6; i > 0; i--) sum = 1 + sum * r / (float)i;
    /* in two steps, for results below the normal range */
    const int half = n / 2;
    return sum * cvt_bits_to_f32((uint32_t)(half + 127) << 23) * cvt_bits_to_f32((uint32_t)(n - half + 127) << 23);
}

static float erfc_of(float x) {
    if (x < 0) return 2 - erfc_of(-x);
    if (x > 12) return 0;
    const float head = cvt_bits_to_f32(cvt_f32_to_bits(x) & 0xfffff000u);
    const float decay = exp_of(-head * head) * exp_of(-(x - head) * (x + head));
    if (x < 2) {
        float term = x, sum = x;
        for (int n = 1; n < 40; n++) {
            term *= 2 * x * x / (float)(2 * n + 1);
            sum += term;
        }
        return 1 - 1.1283791671f * decay * sum;
    }
    float below = x;
    for (int n = 60; n > 0; n--) below = x + 0.5f * (float)n / below;
    return 0.5641895835f * decay / below;
}

static float logistic(float x) { return 1 / (1 + exp_of(-x)); }

static float activation(float x, cvt_act act) {
    const float min = -100; /* below it the smooth ones are at their limit; minus infinity would give NaN */
    const float h = x < min ? min : x;
    switch (act) {
    case CVT_ACT_RELU: return x < 0 ? 0 : x;
    case CVT_ACT_RELU6: return x < 0 ? 0 : x > 6 ? 6 : x;
    case CVT_ACT_GELU_ERF: return 0.5f * h * erfc_of(h * -0.70710678f);
    case CVT_ACT_GELU_TANH: return h * logistic(1.5957691216f * (h + 0.044715f * h * h * h));
    case CVT_ACT_QUICK_GELU: return h * logistic(1.702f * h);
    case CVT_ACT_SILU: return h * logistic(h);
    case CVT_ACT_TANH: return 2 * logistic(2 * h) - 1;
    case CVT_ACT_SIGMOID: return logistic(h);
    case CVT_ACT_NONE:
    case CVT_ACT_COUNT: break;
    }
    return x;
}

/* Newton's method from a guess that halves the exponent. */
static float sqrt_of(float x) {
    if (!(x > 0) || x > 3e38f) return x;
    float root = cvt_bits_to_f32((cvt_f32_to_bits(x) >> 1) + 0x1fc00000u);
    for (int i = 0; i < 5; i++) root = 0.5f * (root + x / root);
    return root;
}

/* ---- matrix product -------------------------------------------------------------------------------------------- */

static float element(const unsigned char *w, cvt_dtype dtype, size_t i) {
    float value;
    uint16_t half;
    if (dtype == CVT_F32) {
        memcpy(&value, w + i * sizeof value, sizeof value);
        return value;
    }
    if (dtype == CVT_I8) return ((const int8_t *)w)[i];
    memcpy(&half, w + i * sizeof half, sizeof half);
    return dtype == CVT_F16 ? cvt_f16_to_f32(half) : cvt_bf16_to_f32(half);
}

static void pack_b(void *panel, const void *w, cvt_dtype dtype, size_t ldw, int k, int columns, const float *scale) {
    float *dst = panel;
    for (int kk = 0; kk < k; kk++) {
        for (int j = 0; j < NR; j++, dst++) {
            *dst = j < columns ? element(w, dtype, (size_t)j * ldw + (size_t)kk) : 0;
            if (j < columns && scale) *dst *= scale[j];
        }
    }
}

static void pack_kn(float *dst, const float *b, size_t ldb, int k, int columns) {
    for (int kk = 0; kk < k; kk++, b += ldb)
        for (int j = 0; j < NR; j++) *dst++ = j < columns ? b[j] : 0;
}

/* sum[j] = the product of the row with column j of the panel. */
static void dot_panel(float sum[NR], const float *row, const float *panel, int k) {
    for (int j = 0; j < NR; j++) sum[j] = 0;
    for (int kk = 0; kk < k; kk++, panel += NR)
        for (int j = 0; j < NR; j++) sum[j] += row[kk] * panel[j];
}

/* Bias, activations and residual of some elements of a row, and their way to C. */
static void finish(const cvt_gemm *g, size_t row, int n0, int columns, float *sum) {
    for (int j = 0; j < columns; j++) {
        if (g->bias) sum[j] += g->bias[n0 + j];
        sum[j] = activation(sum[j], g->act);
        if (g->residual) sum[j] += g->residual[row * g->ldr + (size_t)(n0 + j)];
        g->c[row * g->ldc + (size_t)(n0 + j)] = activation(sum[j], g->last);
    }
}

static void gemm(const cvt_gemm *g) {
    for (int n0 = 0; n0 < g->n; n0 += NR) {
        const int columns = cvt_min_int(g->n - n0, NR);
        for (int i = 0; i < g->m; i++) {
            const size_t row = (size_t)i;
            float sum[NR];
            dot_panel(sum, (const float *)g->a + row * g->lda, (const float *)g->b + (size_t)n0 * (size_t)g->k, g->k);
            finish(g, row, n0, columns, sum);
        }
    }
}

static size_t f32_panel_size(int k) { return (size_t)k * NR * sizeof(float); }
static size_t f32_row_size(int k) {
    (void)k;
    return 0;
}
static const cvt_product_kernels product_f32 = {
    .layout = "f32 ref", .panel_size = f32_panel_size, .pack_b = pack_b, .packed_row_size = f32_row_size, .gemm = gemm};

/* ---- product in int8 ------------------------------------------------------------------------------------------- */

static const cvt_int8_form int8_form = {NR, NR, 1, 1, false};

static size_t int8_panel_size(int k) { return cvt_int8_panel_size(int8_form, k); }
static size_t int8_row_size(int k) { return cvt_int8_row_size(int8_form, k); }

static void int8_pack_b(void *panel, const void *w, cvt_dtype dtype, size_t ldw, int k, int columns,
                        const float *scale) {
    cvt_int8_pack(panel, int8_form, w, dtype, ldw, k, columns, scale);
}

static void int8_row(uint8_t *q, const float *a, int k, cvt_int8_row *row) {
    float low = 0, high = 0, odd = 0;
    for (int i = 0; i < k; i++) {
        low = a[i] < low ? a[i] : low;
        high = a[i] > high ? a[i] : high;
        odd += a[i] - a[i];
    }
    const float width = high - low, shifter = 0x1.8p23f; /* adding it rounds to an integer */
    odd += width - width;
    const bool empty = !(width > 1e-30f) || odd != odd;
    const float inverse = empty ? 0 : 255 / width, zero = (shifter - low * inverse) - shifter;
    for (int i = 0; i < k; i++) {
        const float whole = (a[i] * inverse + (shifter + zero)) - shifter;
        q[i] = empty ? 0 : whole > 255 ? 255 : (uint8_t)whole;
    }
    row->scale = (empty ? 0 : width / 255) + odd;
    row->shift = -zero * row->scale;
}

static void int8_pack_a(void *to, const float *a, size_t lda, int m, int k) {
    const size_t size = int8_row_size(k);
    for (size_t i = 0; i < (size_t)m; i++) {
        void *row = (char *)to + i * size;
        int8_row(row, a + i * lda, k, cvt_int8_row_of(row, size));
    }
}

static void int8_gemm(const cvt_gemm *g) {
    const size_t size = int8_row_size(g->k), panel_size = int8_panel_size(g->k);
    for (int n0 = 0; n0 < g->n; n0 += NR) {
        const char *panel = (const char *)g->b + (size_t)(n0 / NR) * panel_size;
        const float *factors = (const float *)(const void *)panel, *sums = cvt_int8_sums(panel, NR);
        const int8_t *values = cvt_int8_values(panel, NR);
        for (size_t i = 0; i < (size_t)g->m; i++) {
            const uint8_t *q = (const uint8_t *)g->a + i * size;
            const cvt_int8_row *row = (const cvt_int8_row *)(const void *)(q + size - 64);
            float result[NR];
            for (int j = 0; j < NR; j++) {
                int32_t sum = 0;
                for (int kk = 0; kk < g->k; kk++) sum += q[kk] * values[kk * NR + j];
                result[j] = ((float)sum * row->scale + row->shift * sums[j]) * factors[j];
            }
            finish(g, i, n0, cvt_min_int(g->n - n0, NR), result);
        }
    }
}

static const cvt_product_kernels product_int8 = {.layout = "int8 ref",
                                                 .panel_size = int8_panel_size,
                                                 .pack_b = int8_pack_b,
                                                 .packed_row_size = int8_row_size,
                                                 .pack_a = int8_pack_a,
                                                 .gemm = int8_gemm};

/* ---- product in f16 -------------------------------------------------------------------------------------------- */

static uint64_t bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The nearest half float, |x| < 2^15: adding 1.5 2^52 last places rounds to such a place, to even from halfway. */
static double round_f16(double x) {
    const uint64_t exponent = bits_of(x) >> 52 & 2047, min = 1023 - 14;
    const double shifter = double_of(((exponent < min ? min : exponent) - 10 + 52) << 52) * 1.5;
    return (x + shifter) - shifter;
}

/* a b + c of numbers whose product is exact in double, to be rounded to fewer bits than 52. If the sum is not exact,
 * its last bit is made odd, so that rounding it cannot take it for a value halfway between two results. */
static double fma_odd(double a, double b, double c) {
    const double product = a * b, sum = product + c, part = sum - product;
    const double lost = (product - (sum - part)) + (c - part);
    uint64_t bits = bits_of(sum);
    if ((lost > 0 || lost < 0) && !(bits & 1)) bits = (lost > 0) == (sum > 0) ? bits + 1 : bits - 1;
    return double_of(bits);
}

/* Panel: the factors that scale columns back, [k][NR] values; row: k values, and at its end that factor. */
static size_t f16_panel_size(int k) { return (((size_t)k + 1) * NR * sizeof(float) + 63) / 64 * 64; }
static size_t f16_row_size(int k) { return ((size_t)k * sizeof(float) + 63) / 64 * 64 + 64; }

/* Scales and rounds `count` values that are `step` apart, in place; returns the factor that scales them back. */
static float f16_round(float *x, size_t count, size_t step) {
    uint32_t max = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = cvt_f32_to_bits(x[i * step]) & 0x7fffffffu;
        max = bits > max ? bits : max;
    }
    const cvt_f16_scale scale = cvt_f16_scale_of(cvt_bits_to_f32(max));
    for (size_t i = 0; i < count; i++) x[i * step] = cvt_f16_to_f32(cvt_f32_to_f16(x[i * step] * scale.to));
    return scale.from;
}

static void f16_pack_b(void *panel, const void *w, cvt_dtype dtype, size_t ldw, int k, int columns,
                       const float *scale) {
    float *from = panel, *values = from + NR;
    pack_b(values, w, dtype, ldw, k, columns, scale);
    for (int j = 0; j < NR; j++) from[j] = f16_round(values + j, (size_t)k, NR);
}

static void f16_pack_a(void *to, const float *a, size_t lda, int m, int k) {
    const size_t size = f16_row_size(k), count = (size_t)k;
    for (size_t i = 0; i < (size_t)m; i++) {
        float *row = (float *)(void *)((char *)to + i * size);
        memcpy(row, a + i * lda, count * sizeof *row);
        row[size / sizeof *row - 16] = f16_round(row, count, 1);
    }
}

/* The product of a row with a column, before either is scaled back. */
static float f16_dot(const float *row, const float *column, int k) {
    float sum = 0;
    double block = 0;
    for (int first = 0; first < k; first += CVT_F16_RUN) {
        const int end = cvt_min_int(first + CVT_F16_RUN, k);
        double run = 0;
        for (int kk = first; kk < end; kk++) run = round_f16(fma_odd(row[kk], column[kk * NR], run));
        block = first % CVT_F16_BLOCK ? round_f16(block + run) : run;
        if (end % CVT_F16_BLOCK == 0 || end == k) sum += (float)block;
    }
    return sum;
}

static void f16_gemm(const cvt_gemm *g) {
    const size_t size = f16_row_size(g->k), panel_size = f16_panel_size(g->k);
    for (int n0 = 0; n0 < g->n; n0 += NR) {
        const float *from = (const float *)(const void *)((const char *)g->b + (size_t)(n0 / NR) * panel_size);
        for (size_t i = 0; i < (size_t)g->m; i++) {
            const float *row = (const float *)(const void *)((const char *)g->a + i * size);
            float result[NR];
            for (int j = 0; j < NR; j++)
                result[j] = f16_dot(row, from + NR + j, g->k) * (row[size / sizeof *row - 16] * from[j]);
            finish(g, i, n0, cvt_min_int(g->n - n0, NR), result);
        }
    }
}

static const cvt_product_kernels product_f16 = {.layout = "f16 ref",
                                                .panel_size = f16_panel_size,
                                                .pack_b = f16_pack_b,
                                                .packed_row_size = f16_row_size,
                                                .pack_a = f16_pack_a,
                                                .gemm = f16_gemm};

/* ---- product in bf16 ------------------------------------------------------------------------------------------- */

/* Instructions for bfloat16 take and give 0 for what is below the normal range. */
static float flush(float x) { return x < 0x1p-126f && x > -0x1p-126f ? 0 : x; }

static float round_bf16(float x) { return cvt_bf16_to_f32(cvt_f32_to_bf16(flush(x))); }

/* Panels are those of f32, rounded; so are rows. */
static size_t bf16_panel_size(int k) { return ((size_t)k * NR * sizeof(float) + 63) / 64 * 64; }
static size_t bf16_row_size(int k) { return ((size_t)k * sizeof(float) + 63) / 64 * 64; }

static void bf16_pack_b(void *panel, const void *w, cvt_dtype dtype, size_t ldw, int k, int columns,
                        const float *scale) {
    float *values = panel;
    pack_b(values, w, dtype, ldw, k, columns, scale);
    for (size_t i = 0; i < (size_t)k * NR; i++) values[i] = round_bf16(values[i]);
}

static void bf16_pack_a(void *to, const float *a, size_t lda, int m, int k) {
    const size_t size = bf16_row_size(k);
    for (size_t i = 0; i < (size_t)m; i++)
        for (size_t kk = 0; kk < (size_t)k; kk++)
            ((float *)(void *)((char *)to + i * size))[kk] = round_bf16(a[i * lda + kk]);
}

static float bf16_dot(const float *row, const float *column, int k) {
    float sum = 0;
    for (int first = 0; first < k; first += CVT_BF16_RUN) {
        const int end = cvt_min_int(first + CVT_BF16_RUN, k);
        float chains[2] = {0, 0};
        for (int kk = first; kk < end; kk++)
            chains[kk % 2] = flush((float)fma_odd(row[kk], column[kk * NR], chains[kk % 2]));
        sum = flush(sum + flush(chains[0] + chains[1]));
    }
    return sum;
}

static void bf16_gemm(const cvt_gemm *g) {
    const size_t size = bf16_row_size(g->k), panel_size = bf16_panel_size(g->k);
    for (int n0 = 0; n0 < g->n; n0 += NR) {
        const float *panel = (const float *)(const void *)((const char *)g->b + (size_t)(n0 / NR) * panel_size);
        for (size_t i = 0; i < (size_t)g->m; i++) {
            float result[NR];
            for (int j = 0; j < NR; j++)
                result[j] = bf16_dot((const float *)(const void *)((const char *)g->a + i * size), panel + j, g->k);
            finish(g, i, n0, cvt_min_int(g->n - n0, NR), result);
        }
    }
}

static const cvt_product_kernels product_bf16 = {.layout = "bf16 ref",
                                                 .panel_size = bf16_panel_size,
                                                 .pack_b = bf16_pack_b,
                                                 .packed_row_size = bf16_row_size,
                                                 .pack_a = bf16_pack_a,
                                                 .gemm = bf16_gemm};

/* ---- softmax and attention ------------------------------------------------------------------------------------- */

/* x = exp(scale * x - the largest of these); returns the sum. */
static float exp_row(float *x, int n, float scale) {
    float largest = scale * x[0], sum = 0;
    for (int i = 1; i < n; i++) largest = scale * x[i] > largest ? scale * x[i] : largest;
    for (int i = 0; i < n; i++) sum += x[i] = exp_of(scale * x[i] - largest);
    return sum;
}

static void softmax(float *x, size_t ldx, int rows, int n, float scale) {
    for (int r = 0; r < rows; r++, x += ldx) {
        const float inverse = 1 / exp_row(x, n, scale);
        for (int i = 0; i < n; i++) x[i] *= inverse;
    }
}

static size_t attention_panels(int s, int d, int dv) { return (size_t)s * ((size_t)d + (size_t)dv); }

/* The keys as they are, row by row, then the values. */
static void attention_pack(float *panels, const cvt_attention_head *h) {
    for (size_t s = 0; s < (size_t)h->s; s++)
        for (size_t i = 0; i < (size_t)h->d; i++) *panels++ = h->k[s * h->ldk + i];
    for (size_t s = 0; s < (size_t)h->s; s++)
        for (size_t i = 0; i < (size_t)h->dv; i++) *panels++ = h->v[s * h->ldv + i];
}

static size_t attention_scratch(int t, int s, int d) {
    (void)t, (void)d;
    return (size_t)s;
}

static void attention(const cvt_attention *a) {
    const size_t d = (size_t)a->d, dv = (size_t)a->dv;
    const float *keys = a->panels, *values = keys + (size_t)a->s * d;
    float *scores = a->scratch;
    for (size_t t = 0; t < (size_t)a->t; t++) {
        for (size_t s = 0; s < (size_t)a->s; s++) {
            scores[s] = 0;
            for (size_t i = 0; i < d; i++) scores[s] += a->q[t * a->ldq + i] * keys[s * d + i];
            if (a->bias) scores[s] = a->scale * scores[s] + a->bias[t * a->ldb + s];
        }
        const float inverse = 1 / exp_row(scores, a->s, a->bias ? 1 : a->scale);
        for (size_t j = 0; j < dv; j++) {
            float sum = 0;
            for (size_t s = 0; s < (size_t)a->s; s++) sum += scores[s] * values[s * dv + j];
            sum *= inverse * a->weight;
            a->out[t * a->ldo + j] = a->residual ? sum + a->residual[t * a->ldr + j] : sum;
        }
        for (size_t s = 0; a->map && s < (size_t)a->s; s++) a->map[t * a->ldm + s] = scores[s] * inverse;
    }
}

static const cvt_attention_kernels attention_f32 = {
    .panels = attention_panels, .pack = attention_pack, .scratch = attention_scratch, .run = attention};

/* ---- depth-wise convolution ------------------------------------------------------------------------------------ */

static float dwconv_at(const cvt_dwconv *d, int oy, int ox, int c) {
    float sum = 0;
    for (int u = 0; u < d->kh; u++) {
        for (int v = 0; v < d->kw; v++) {
            const int y = oy * d->stride_h - d->pad_top + u, x = ox * d->stride_w - d->pad_left + v;
            if (y < 0 || y >= d->h || x < 0 || x >= d->w) continue;
            sum += d->x[((size_t)y * (size_t)d->w + (size_t)x) * d->ldx + (size_t)c] *
                   d->weight[(size_t)(u * d->kw + v) * (size_t)d->c + (size_t)c];
        }
    }
    return activation(d->bias ? sum + d->bias[c] : sum, d->act);
}

static void dwconv(const cvt_dwconv *d) {
    for (int oy = d->row0; oy < d->row1; oy++)
        for (int ox = 0; ox < d->ow; ox++)
            for (int c = 0; c < d->c; c++)
                d->y[((size_t)oy * (size_t)d->ow + (size_t)ox) * d->ldy + (size_t)c] = dwconv_at(d, oy, ox, c);
}

/* ---- resizing --------------------------------------------------------------------------------------------------- */

/* Output o of an axis whose positions are `step` bytes apart. */
static uint8_t resample_one(const cvt_resample_axis *a, int o, const uint8_t *from, size_t step) {
    int64_t sum = 1 << (CVT_RESAMPLE_FRACTION - 1);
    for (int j = 0; j < a->terms[o]; j++)
        sum += (int64_t)a->weights[(size_t)o * a->stride + (size_t)j] * from[(size_t)(a->first[o] + j) * step];
    const int64_t value = sum >> CVT_RESAMPLE_FRACTION;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void resample_vertical(const cvt_resample_axis *a, uint8_t *to, size_t to_ld, const uint8_t *from,
                              size_t from_ld, size_t n) {
    for (int o = 0; o < a->count; o++)
        for (size_t i = 0; i < n; i++) to[(size_t)o * to_ld + i] = resample_one(a, o, from + i, from_ld);
}

static void resample_horizontal(const cvt_resample_axis *a, uint8_t *to, size_t to_ld, const uint8_t *from,
                                size_t from_ld, int height, uint8_t *scratch) {
    (void)scratch;
    for (size_t y = 0; y < (size_t)height; y++)
        for (int o = 0; o < a->count; o++)
            for (size_t c = 0; c < 3; c++)
                to[y * to_ld + (size_t)o * 3 + c] = resample_one(a, o, from + y * from_ld + c, 3);
}

static const cvt_resample_kernels resample = {.vertical = resample_vertical, .horizontal = resample_horizontal};

/* ---- rows ------------------------------------------------------------------------------------------------------ */

static void layer_norm(float *y, size_t ldy, const float *x, size_t ldx, int rows, int c, const float *gamma,
                       const float *beta, float eps) {
    for (int r = 0; r < rows; r++, y += ldy, x += ldx) {
        float sum = 0, squares = 0;
        for (int i = 0; i < c; i++) sum += x[i];
        const float mean = sum / (float)c;
        for (int i = 0; i < c; i++) squares += (x[i] - mean) * (x[i] - mean);
        const float deviation = sqrt_of(squares / (float)c + eps);
        for (int i = 0; i < c; i++) y[i] = (x[i] - mean) / deviation * (gamma ? gamma[i] : 1) + (beta ? beta[i] : 0);
    }
}

static void affine(float *y, size_t ldy, const float *x, size_t ldx, int rows, int c, const float *scale,
                   const float *shift, cvt_act act) {
    for (int r = 0; r < rows; r++, y += ldy, x += ldx)
        for (int i = 0; i < c; i++) y[i] = activation(x[i] * (scale ? scale[i] : 1) + (shift ? shift[i] : 0), act);
}

static void add(float *y, size_t ldy, const float *a, size_t lda, const float *b, size_t ldb, int rows, int c) {
    for (int r = 0; r < rows; r++, y += ldy, a += lda, b += ldb)
        for (int i = 0; i < c; i++) y[i] = a[i] + b[i];
}

static void exp_all(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = exp_of(x[i]);
}

static void mean_rows(float *y, const float *x, size_t ldx, int rows, int c) {
    for (int i = 0; i < c; i++) {
        float sum = 0;
        for (int r = 0; r < rows; r++) sum += x[(size_t)r * ldx + (size_t)i];
        y[i] = sum / (float)rows;
    }
}

static void add_doubles(double *c, size_t ldc, const double *a, size_t row, size_t step, const double *b, size_t ldb,
                        size_t rows, size_t columns, size_t steps) {
    for (size_t r = 0; r < rows; r++, c += ldc, a += row)
        for (size_t q = 0; q < columns; q++)
            for (size_t t = 0; t < steps; t++) c[q] += a[t * step] * b[t * ldb + q];
}

static double peak(int rounds) {
    volatile float unknown = 1; /* nothing may be worked out ahead */
    float chain[NR];
    for (int j = 0; j < NR; j++) chain[j] = unknown + (float)j;
    for (int i = 0; i < rounds; i++)
        for (int j = 0; j < NR; j++) chain[j] = chain[j] * 0.5f + 1;
    for (int j = 0; j < NR; j++) unknown += chain[j];
    return 2.0 * NR * rounds;
}

const cvt_kernels cvt_kernels_ref = {
    .name = "ref",
    .mr = 1,
    .nr = NR,
    .pack_kn = pack_kn,
    .product = {&product_f32, &product_f16, &product_bf16, &product_int8},
    .attention = {&attention_f32, &attention_f32, &attention_f32, &attention_f32},
    .resample = &resample,
    .dwconv = dwconv,
    .layer_norm = layer_norm,
    .affine = affine,
    .add = add,
    .softmax = softmax,
    .exp = exp_all,
    .mean_rows = mean_rows,
    .add_doubles = add_doubles,
    .peak = peak,
};
