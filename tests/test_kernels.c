/* test_kernels.c - tests every table of kernels that runs here against the contract in kernels.h.
 *
 * Where the contract fixes each rounding (packing, products, convolutions, sums), results must be equal bit for bit,
 * for any sizes, remainders, leading dimensions and alignment. Elsewhere they are compared with double and libm. With
 * `--bench` it measures instead. With the name of a table it only uses that one. */
#include "kernels/kernels.h"
#include "kernels_bench.h"
#include "kernels_matrix.h"
#include "kernels_report.h"
#include "test.h"

static void expect(report *r, float got, float expected, const char *what, size_t i, size_t j) {
    if (!same(got, expected)) wrong(r, "%s at %zu, %zu: %.9g, not %.9g", what, i, j, (double)got, (double)expected);
}

static void release(report *r, matrix *m, const char *what) {
    if (!matrix_free(m)) wrong(r, "%s: written outside", what);
}

static void near(report *r, float got, double expected, double tolerance, const char *what, size_t i, size_t j) {
    if (!(fabs((double)got - expected) <= tolerance))
        wrong(r, "%s at %zu, %zu: %.9g, not %.9g", what, i, j, (double)got, expected);
}

/* ---- packing --------------------------------------------------------------------------------------------------- */

static float widened(const unsigned char *w, cvt_dtype dtype, size_t i) {
    float single;
    uint16_t half;
    if (dtype == CVT_F32) {
        memcpy(&single, w + 4 * i, 4);
        return single;
    }
    memcpy(&half, w + 2 * i, 2);
    return dtype == CVT_F16 ? cvt_f16_to_f32(half) : cvt_bf16_to_f32(half);
}

static void check_pack_b(const cvt_kernels *kernels, report *r, size_t k, size_t columns, cvt_dtype dtype,
                         const float *scale) {
    const size_t nr = (size_t)kernels->nr, size = dtype == CVT_F32 ? 4 : 2, ldw = k + random_below(5);
    const size_t bytes = columns ? ((columns - 1) * ldw + k) * size : 0, shift = 1 + random_below(3);
    unsigned char *block = malloc(bytes + shift), *w = block ? block + shift : NULL; /* it may begin at any byte */
    if (!w) abort();
    for (size_t i = 0; i < bytes; i++)
        w[i] = (unsigned char)random_below(256); /* any bits: NaN, infinity, subnormals */
    matrix panel = matrix_with_gap(k, nr, 0);
    kernels->product[CVT_PRECISION_F32]->pack_b(panel.at, w, dtype, ldw, (int)k, (int)columns, scale);
    for (size_t kk = 0; kk < k; kk++) {
        for (size_t j = 0; j < nr; j++) {
            float expected = j < columns ? widened(w, dtype, j * ldw + kk) : 0;
            if (j < columns && scale) expected *= scale[j];
            expect(r, *value(&panel, kk, j), expected, "pack_b", kk, j);
        }
    }
    release(r, &panel, "pack_b");
    free(block);
}

static void test_packing(const cvt_kernels *kernels, report *r) {
    static const size_t lengths[] = {1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 70, 130};
    const size_t nr = (size_t)kernels->nr;
    matrix scale = matrix_new(1, nr);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (size_t columns = 1; columns <= nr; columns += columns < 20 || columns + 8 > nr ? 1 : 7) {
            for (cvt_dtype dtype = CVT_F32; dtype <= CVT_BF16; dtype++)
                check_pack_b(kernels, r, lengths[i], columns, dtype, columns % 2 ? scale.at : NULL);
            matrix b = matrix_new(lengths[i], columns), panel = matrix_with_gap(lengths[i], nr, 0);
            kernels->pack_kn(panel.at, b.at, b.ld, (int)lengths[i], (int)columns);
            for (size_t kk = 0; kk < lengths[i]; kk++)
                for (size_t j = 0; j < nr; j++)
                    expect(r, *value(&panel, kk, j), j < columns ? *value(&b, kk, j) : 0, "pack_kn", kk, j);
            release(r, &panel, "pack_kn");
            release(r, &b, "pack_kn's source");
        }
    }
    release(r, &scale, "scale");
}

/* Packs b, [k, n], into panels. */
static matrix panels_of(const cvt_kernels *kernels, const matrix *b) {
    const size_t nr = (size_t)kernels->nr, k = b->rows, n = b->columns;
    matrix packed = matrix_with_gap((n + nr - 1) / nr, nr * k, 0);
    for (size_t j = 0; j < n; j += nr)
        kernels->pack_kn(packed.at + j * k, value(b, 0, j), b->ld, (int)k, (int)(n - j < nr ? n - j : nr));
    return packed;
}

/* ---- matrix product -------------------------------------------------------------------------------------------- */

typedef struct epilogue {
    cvt_act act, last;
    bool bias, residual, in_place;
} epilogue;

static void check_gemm(const cvt_kernels *kernels, report *r, size_t m, size_t n, size_t k, epilogue e) {
    char what[100];
    snprintf(what, sizeof what, "%zu x %zu x %zu %s%s%s %s", m, n, k, cvt_act_name(e.act), e.bias ? " bias" : "",
             e.residual ? " residual" : "", cvt_act_name(e.last));
    matrix a = matrix_new(m, k), b = matrix_new(k, n), c = matrix_new(m, n), other = matrix_new(m, n),
           bias = matrix_new(1, n);
    matrix packed = panels_of(kernels, &b), before = matrix_copy(e.in_place ? &c : &other);
    if (e.act == CVT_ACT_GELU_TANH && m > 1) *value(&a, m / 2, 0) = NAN; /* it must stay in its row */
    const matrix *residual = e.in_place ? &c : &other;
    kernels->product[CVT_PRECISION_F32]->gemm(&(cvt_gemm){.m = (int)m,
                                                          .n = (int)n,
                                                          .k = (int)k,
                                                          .a = a.at,
                                                          .lda = a.ld,
                                                          .b = packed.at,
                                                          .c = c.at,
                                                          .ldc = c.ld,
                                                          .bias = e.bias ? bias.at : NULL,
                                                          .act = e.act,
                                                          .residual = e.residual ? residual->at : NULL,
                                                          .ldr = residual->ld,
                                                          .last = e.last});
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            float sum = 0;
            for (size_t kk = 0; kk < k; kk++) sum = multiply_add(kernels, *value(&a, i, kk), *value(&b, kk, j), sum);
            if (e.bias) sum += *value(&bias, 0, j);
            sum = act_one(kernels, sum, e.act);
            if (e.residual) sum += *value(&before, i, j);
            expect(r, *value(&c, i, j), act_one(kernels, sum, e.last), what, i, j);
        }
    }
    matrix *all[] = {&a, &b, &c, &other, &bias, &packed, &before};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) release(r, all[i], what);
}

static void test_gemm(const cvt_kernels *kernels, report *r) {
    static const size_t depths[] = {1, 2, 3, 4, 5, 7, 8, 33, 70};
    const size_t nr = (size_t)kernels->nr,
                 widths[] = {1, nr / 4, nr / 2 + 1, nr - 1, nr, nr + 1, nr + nr / 2, 2 * nr + 3};
    unsigned turn = 0;
    for (size_t m = 1; m <= 20; m++) {
        for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
            for (size_t j = 0; j < sizeof depths / sizeof *depths; j++, turn++) {
                epilogue e = {(cvt_act)(turn % CVT_ACT_COUNT), CVT_ACT_NONE, turn % 3, turn % 5 > 1, turn % 5 > 3};
                check_gemm(kernels, r, m, widths[i], depths[j], e);
                if (!e.residual) continue; /* then sums with an activation, of which ReLU has a way of its own */
                e.last = turn % 2 ? CVT_ACT_RELU : (cvt_act)(turn / 3 % CVT_ACT_COUNT);
                if (turn % 4) e.act = CVT_ACT_NONE;
                check_gemm(kernels, r, m, widths[i], depths[j], e);
            }
        }
    }
    /* rows in blocks, several panels, k beyond caches */
    check_gemm(kernels, r, 197, 100, 384, (epilogue){CVT_ACT_NONE, CVT_ACT_RELU, true, true, true});
    check_gemm(kernels, r, 50, 2 * nr, 1728, (epilogue){CVT_ACT_GELU_ERF, CVT_ACT_NONE, true, false, false});
    check_gemm(kernels, r, 1100, nr + 5, 64, (epilogue){CVT_ACT_NONE, CVT_ACT_NONE, false, true, false});
    matrix c = matrix_new(0, 4);
    kernels->product[CVT_PRECISION_F32]->gemm(&(cvt_gemm){.m = 0, .n = 4, .k = 4, .c = c.at, .ldc = c.ld});
    release(r, &c, "no rows");
}

/* ---- attention ------------------------------------------------------------------------------------------------- */

/* Computes the probabilities of one query in double. */
static void attend(double *p, const float *q, const matrix *k, double scale, const float *bias) {
    double largest = -INFINITY, sum = 0;
    for (size_t s = 0; s < k->rows; s++) {
        p[s] = 0;
        for (size_t i = 0; i < k->columns; i++) p[s] += (double)q[i] * (double)*value(k, s, i);
        p[s] = p[s] * scale + (bias ? (double)bias[s] : 0);
        if (p[s] > largest) largest = p[s];
    }
    for (size_t s = 0; s < k->rows; s++) sum += p[s] = exp(p[s] - largest);
    for (size_t s = 0; s < k->rows; s++) p[s] /= sum;
}

static void check_attention(const cvt_kernels *kernels, report *r, size_t t, size_t s, size_t d, size_t dv,
                            float scale) {
    char what[100];
    snprintf(what, sizeof what, "t %zu s %zu d %zu dv %zu", t, s, d, dv);
    matrix q = matrix_new(t, d), k = matrix_new(s, d), v = matrix_new(s, dv), out = matrix_new(t, dv),
           alone = matrix_new(1, dv);
    matrix map = matrix_new(t, s), residual = matrix_new(t, dv);
    matrix bias = matrix_new(t, cvt_bias_floats(s));
    const bool biased = (t + s) % 3 == 0;
    matrix scratch = matrix_with_gap(1, kernels->attention[0]->scratch((int)t, (int)s, (int)d), 0);
    matrix panels = matrix_with_gap(1, kernels->attention[0]->panels((int)s, (int)d, (int)dv), 0);
    const float weight = t % 2 ? 1 : 0.75f;
    cvt_attention a = {.t = (int)t,
                       .s = (int)s,
                       .d = (int)d,
                       .dv = (int)dv,
                       .q = q.at,
                       .ldq = q.ld,
                       .panels = panels.at,
                       .scale = scale,
                       .weight = weight,
                       .bias = biased ? bias.at : NULL,
                       .ldb = bias.ld,
                       .residual = t % 2 ? NULL : residual.at,
                       .ldr = residual.ld,
                       .out = out.at,
                       .ldo = out.ld,
                       .map = map.at,
                       .ldm = map.ld,
                       .scratch = scratch.at};
    kernels->attention[0]->pack(panels.at, &(cvt_attention_head){(int)s, (int)d, (int)dv, k.at, v.at, k.ld, v.ld});
    kernels->attention[0]->run(&a);
    double *p = calloc(s, sizeof *p);
    const double tolerance = 1e-6 + 1e-7 * (double)scale * (double)d; /* of a score, and so of a probability */
    if (!p) abort();
    for (size_t i = 0; i < t; i++) {
        attend(p, value(&q, i, 0), &k, (double)scale, biased ? value(&bias, i, 0) : NULL);
        for (size_t j = 0; j < s; j++) near(r, *value(&map, i, j), p[j], tolerance, "map", i, j);
        for (size_t j = 0; j < dv; j++) {
            double sum = 0;
            for (size_t l = 0; l < s; l++) sum += p[l] * (double)*value(&v, l, j);
            if (a.residual) sum = sum * (double)weight + (double)*value(&residual, i, j);
            near(r, *value(&out, i, j), sum, tolerance, what, i, j);
        }
        a.t = 1;
        a.q = value(&q, i, 0);
        if (biased) a.bias = value(&bias, i, 0);
        if (a.residual) a.residual = value(&residual, i, 0);
        a.out = alone.at;
        a.map = NULL;
        kernels->attention[0]->run(&a);
        for (size_t j = 0; j < dv; j++) expect(r, *value(&out, i, j), *value(&alone, 0, j), "a query alone", i, j);
    }
    free(p);
    matrix *all[] = {&q, &k, &v, &out, &alone, &map, &bias, &residual, &scratch, &panels};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) release(r, all[i], what);
}

static void test_attention(const cvt_kernels *kernels, report *r) {
    static const size_t queries[] = {1, 2, 5, 6, 7, 23, 24, 25, 49}, keys[] = {1, 2, 7, 8, 15, 16, 17, 50, 64, 65, 100};
    static const size_t sizes[][2] = {{1, 1}, {3, 5}, {8, 16}, {64, 64}, {32, 70}};
    size_t turn = 0;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        for (size_t j = 0; j < sizeof keys / sizeof *keys; j++, turn++) {
            const size_t *size = sizes[turn % 5];
            check_attention(kernels, r, queries[i], keys[j], size[0], size[1], turn % 3 ? 0.125f : 8.0f);
        }
    }
    /* few rows of scores at a time */
    check_attention(kernels, r, 50, 401, 32, 32, 0.25f);
    check_attention(kernels, r, 26, 1500, 8, 48, 0.25f);
    check_attention(kernels, r, 4, 30, 8, 16, -1);
}

/* ---- depth-wise convolution ------------------------------------------------------------------------------------ */

static float convolved(const cvt_kernels *kernels, const cvt_dwconv *d, int oy, int ox, int c) {
    float sum = 0;
    for (int u = 0; u < d->kh; u++) {
        for (int v = 0; v < d->kw; v++) {
            const int y = oy * d->stride_h - d->pad_top + u, x = ox * d->stride_w - d->pad_left + v;
            if (y < 0 || y >= d->h || x < 0 || x >= d->w) continue;
            sum = multiply_add(kernels, d->x[(size_t)(y * d->w + x) * d->ldx + (size_t)c],
                               d->weight[(u * d->kw + v) * d->c + c], sum);
        }
    }
    return act_one(kernels, d->bias ? sum + d->bias[c] : sum, d->act);
}

static void check_dwconv(const cvt_kernels *kernels, report *r, cvt_dwconv d) {
    char what[100];
    snprintf(what, sizeof what, "%d x %d x %d, %d x %d stride %d pad %d, %d", d.h, d.w, d.c, d.kh, d.kw, d.stride_w,
             d.pad_top, d.pad_left);
    matrix x = matrix_new((size_t)(d.h * d.w), (size_t)d.c), y = matrix_new((size_t)(d.oh * d.ow), (size_t)d.c);
    matrix weight = matrix_with_gap((size_t)(d.kh * d.kw), (size_t)d.c, 0), bias = matrix_new(1, (size_t)d.c),
           before = matrix_copy(&y);
    d.x = x.at, d.ldx = x.ld, d.y = y.at, d.ldy = y.ld, d.weight = weight.at;
    if (d.bias) d.bias = bias.at;
    d.row0 = d.oh / 3;
    d.row1 = d.oh - d.oh / 4;
    kernels->dwconv(&d);
    for (int p = 0; p < d.oh * d.ow; p++) {
        const int row = p / d.ow;
        for (int c = 0; c < d.c; c++) {
            const float expected = row < d.row0 || row >= d.row1 ? *value(&before, (size_t)p, (size_t)c)
                                                                 : convolved(kernels, &d, row, p % d.ow, c);
            expect(r, *value(&y, (size_t)p, (size_t)c), expected, what, (size_t)p, (size_t)c);
        }
    }
    matrix *all[] = {&x, &y, &weight, &bias, &before};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) release(r, all[i], what);
}

static void test_dwconv(const cvt_kernels *kernels, report *r) {
    static const int channels[] = {1, 3, 7, 8, 9, 16, 20, 33, 64, 70}, sides[] = {1, 2, 3, 5, 9, 14};
    static const int sizes[][2] = {{3, 3}, {5, 5}, {1, 1}, {2, 3}, {7, 7}};
    static const float some = 0; /* stands for "with a bias" */
    int turn = 0;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        for (size_t j = 0; j < sizeof sides / sizeof *sides; j++) {
            for (int stride = 1; stride < 4; stride++, turn++) {
                const int *k = sizes[turn % 5], h = sides[j], w = sides[(j + (size_t)turn) % 6];
                /* pad_top, pad_left from none to more than the kernel reaches; what is below and right follows */
                cvt_dwconv d = {.c = channels[i],
                                .h = h,
                                .w = w,
                                .kh = k[0],
                                .kw = k[1],
                                .stride_h = stride,
                                .stride_w = stride,
                                .pad_top = turn % 4 ? k[0] / 2 : turn % 3,
                                .pad_left = turn % 7 ? k[1] / 2 : turn % 4,
                                .bias = turn % 2 ? &some : NULL,
                                .act = turn % 3 ? CVT_ACT_NONE : (cvt_act)(turn % CVT_ACT_COUNT)};
                d.oh = (h + stride - 1) / stride;
                d.ow = (w + stride - 1) / stride;
                check_dwconv(kernels, r, d);
            }
        }
    }
}

/* ---- resizing --------------------------------------------------------------------------------------------------- */

/* Positions and weights that no filter has: many different starts, up to `stride` terms, and weights of both signs. The
 * magnitudes of the weights add up to as much as digits can hold, so some outputs are below 0 or above 255. */
typedef struct plan {
    cvt_resample_axis axis;
    int first[40], terms[40];
    int32_t weights[40 * 40];
    int8_t digits[40 * 12 * 4 * 3];
} plan;

static void make_plan(plan *p, int length, int count, int stride) {
    p->axis = (cvt_resample_axis){count, length, p->first, p->terms, p->weights, (size_t)stride, p->digits};
    for (int o = 0; o < count; o++) {
        const int terms = 1 + (int)random_below((size_t)(length < stride ? length : stride));
        p->terms[o] = terms;
        p->first[o] = (int)random_below((size_t)(length - terms + 1));
        for (int j = 0; j < stride; j++) {
            const int32_t most = 8355711 / terms;
            const int32_t w = o % 3 ? (int32_t)(random_float() * (float)most) : most;
            p->weights[o * stride + j] = j >= terms ? 1 << 30 : o % 5 == 4 ? -w : w; /* those beyond do not count */
        }
    }
    cvt_resample_split(p->digits, &p->axis);
}

/* Computes a byte of the result; position first[o] + j lies at from[(first[o] + j) * step]. */
static int resized(const cvt_resample_axis *a, int o, const uint8_t *from, size_t step) {
    double sum = 0;
    for (int j = 0; j < a->terms[o]; j++)
        sum += (double)a->weights[(size_t)o * a->stride + (size_t)j] * from[(size_t)(a->first[o] + j) * step];
    const double whole = floor(sum / (1 << 22) + 0.5);
    return whole < 0 ? 0 : whole > 255 ? 255 : (int)whole;
}

/* Returns exactly `size` bytes at any address: noise or, if `hard`, only black and white. */
static uint8_t *make_bytes(size_t size, bool hard) {
    uint8_t *p = malloc(size);
    if (!p) abort();
    for (size_t i = 0; i < size; i++) p[i] = (uint8_t)(hard ? 255 * random_below(2) : random_below(256));
    return p;
}

static void check_resample(const cvt_kernels *kernels, report *r, int length, int count, int stride, int other,
                           bool vertical, bool hard) {
    static plan p;
    make_plan(&p, length, count, stride);
    const size_t n = 3 * (size_t)(vertical ? other : length), rows = (size_t)(vertical ? length : other);
    const size_t to_n = 3 * (size_t)(vertical ? other : count), to_rows = (size_t)(vertical ? count : other);
    const size_t ld = n + random_below(5), to_ld = to_n + random_below(5), gap = to_ld - to_n;
    uint8_t *from = make_bytes((rows - 1) * ld + n, hard), *to = make_bytes(to_rows * to_ld - gap, false);
    const size_t scratch_size = (size_t)(length + CVT_RESAMPLE_QUAD + count) * CVT_RESAMPLE_LANES;
    uint8_t *before = malloc(to_rows * to_ld - gap), *scratch = make_bytes(scratch_size, false);
    if (!before) abort();
    memcpy(before, to, to_rows * to_ld - gap);
    if (vertical)
        kernels->resample->vertical(&p.axis, to, to_ld, from, ld, n);
    else
        kernels->resample->horizontal(&p.axis, to, to_ld, from, ld, other, scratch);
    for (size_t i = 0; i < to_rows * to_ld - gap; i++) {
        const size_t row = i / to_ld, at = i % to_ld;
        int expected = before[i]; /* between the rows */
        if (at < to_n && vertical) expected = resized(&p.axis, (int)row, from + at, ld);
        if (at < to_n && !vertical) expected = resized(&p.axis, (int)(at / 3), from + row * ld + at % 3, 3);
        if (to[i] != expected)
            wrong(r, "%s of %d to %d by %d: %zu, %zu is %d, not %d", vertical ? "vertical" : "horizontal", length,
                  count, stride, row, at, to[i], expected);
    }
    free(from), free(to), free(before), free(scratch);
}

static void test_resample(const cvt_kernels *kernels, report *r) {
    static const int lengths[] = {1, 2, 3, 4, 5, 7, 8, 16, 33, 90},
                     others[] = {1, 2, 7, 15, 16, 17, 21, 22, 43, 64, 65};
    unsigned turn = 0;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (size_t j = 0; j < sizeof others / sizeof *others; j++, turn++)
            for (int k = 0; k < 4; k++)
                check_resample(kernels, r, lengths[i], 1 + (int)(turn % 40), 1 + (int)(turn * 7 % 40), others[j], k % 2,
                               k / 2);
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

static void check_layer_norm(const cvt_kernels *kernels, report *r, size_t rows, size_t c, float offset, int turn) {
    matrix x = matrix_new(rows, c), gamma = matrix_new(1, c), beta = matrix_new(1, c), y = matrix_new(rows, c);
    const float *g = turn % 3 ? gamma.at : NULL, *b = turn % 5 ? beta.at : NULL, eps = 1e-5f;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < c; j++) *value(&x, i, j) += offset;
    kernels->layer_norm(y.at, y.ld, x.at, x.ld, (int)rows, (int)c, g, b, eps);
    for (size_t i = 0; i < rows; i++) {
        double mean = 0, variance = 0;
        for (size_t j = 0; j < c; j++) mean += (double)*value(&x, i, j) / (double)c;
        for (size_t j = 0; j < c; j++) variance += pow((double)*value(&x, i, j) - mean, 2) / (double)c;
        const double inverse = 1 / sqrt(variance + (double)eps);
        /* With a single value only rounding errors are left, and they are multiplied. */
        for (size_t j = 0; j < c; j++)
            near(r, *value(&y, i, j),
                 ((double)*value(&x, i, j) - mean) * inverse * (g ? (double)g[j] : 1) + (b ? (double)b[j] : 0),
                 (1 + fabs((double)offset)) * (3e-7 * inverse + 3e-6), "layer norm", c, j);
    }
    matrix whole = matrix_copy(&y);
    kernels->layer_norm(x.at, x.ld, x.at, x.ld, (int)rows, (int)c, g, b, eps);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < c; j++) expect(r, *value(&x, i, j), *value(&whole, i, j), "layer norm in place", i, j);
    matrix *all[] = {&x, &gamma, &beta, &y, &whole};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) release(r, all[i], "layer norm");
}

static void check_softmax(const cvt_kernels *kernels, report *r, size_t rows, size_t n, float scale, float offset) {
    matrix x = matrix_new(rows, n);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++) *value(&x, i, j) += offset;
    matrix before = matrix_copy(&x);
    const double size = (double)scale * (1 + fabs((double)offset)), tolerance = 4e-7 + 2e-7 * size + 1e-9 * (double)n;
    kernels->softmax(x.at, x.ld, (int)rows, (int)n, scale);
    for (size_t i = 0; i < rows; i++) {
        double sum = 0;
        for (size_t j = 0; j < n; j++) sum += exp((double)scale * ((double)*value(&before, i, j) - (double)offset));
        for (size_t j = 0; j < n; j++) {
            const double p = exp((double)scale * ((double)*value(&before, i, j) - (double)offset)) / sum;
            near(r, *value(&x, i, j), p, tolerance * p + 1e-37, "softmax", n, j);
        }
        matrix alone = matrix_with_gap(1, n, 0);
        memcpy(alone.at, value(&before, i, 0), n * sizeof(float));
        kernels->softmax(alone.at, alone.ld, 1, (int)n, scale);
        for (size_t j = 0; j < n; j++) expect(r, *value(&x, i, j), *value(&alone, 0, j), "a row alone", i, j);
        release(r, &alone, "softmax");
    }
    release(r, &x, "softmax");
    release(r, &before, "softmax");
}

static void check_plain_rows(const cvt_kernels *kernels, report *r, size_t rows, size_t c, int turn) {
    matrix a = matrix_new(rows, c), b = matrix_new(rows, c), y = matrix_new(rows, c), scale = matrix_new(1, c),
           mean = matrix_new(1, c);
    const cvt_act act = (cvt_act)(turn % CVT_ACT_COUNT);
    const float *factor = turn % 3 ? scale.at : NULL, *shift = turn % 4 ? b.at : NULL;
    kernels->add(y.at, y.ld, a.at, a.ld, b.at, b.ld, (int)rows, (int)c);
    kernels->mean_rows(mean.at, a.at, a.ld, (int)rows, (int)c);
    for (size_t j = 0; j < c; j++) {
        float sum = 0;
        for (size_t i = 0; i < rows; i++) {
            expect(r, *value(&y, i, j), *value(&a, i, j) + *value(&b, i, j), "add", i, j);
            sum += *value(&a, i, j);
        }
        expect(r, *value(&mean, 0, j), sum / (float)rows, "mean", rows, j);
    }
    kernels->affine(y.at, y.ld, a.at, a.ld, (int)rows, (int)c, factor, shift, act);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < c; j++) {
            float x = *value(&a, i, j);
            if (factor) x *= factor[j];
            if (shift) x += shift[j];
            expect(r, *value(&y, i, j), act_one(kernels, x, act), "affine", i, j);
        }
    }
    matrix *all[] = {&a, &b, &y, &scale, &mean};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) release(r, all[i], "rows");
}

static void test_rows(const cvt_kernels *kernels, report *r) {
    int turn = 0;
    for (size_t c = 1; c < 140; c += c < 70 ? 1 : 23, turn++) {
        check_layer_norm(kernels, r, 1 + c % 5, c, turn % 4 ? 0 : 100, turn);
        check_softmax(kernels, r, 1 + c % 4, c, turn % 2 ? 1 : 30, turn % 3 ? 0 : -500);
        check_plain_rows(kernels, r, 1 + c % 6, c, turn);
    }
    check_layer_norm(kernels, r, 2, 768, 0, 1);
    check_softmax(kernels, r, 2, 784, 1, 0);
}

/* ---- activations ----------------------------------------------------------------------------------------------- */

static void test_activations(const cvt_kernels *kernels, report *r) {
    enum { N = 40000 };
    static float x[N], y[N];
    for (size_t i = 0; i < N; i++) {
        const float u = (float)i / N * 2 - 1; /* dense near 0, and out to 100 */
        x[i] = i % 2 ? u * 8 : u * u * u * 100;
    }
    for (cvt_act act = CVT_ACT_RELU; act < CVT_ACT_COUNT; act++) {
        const char *name = cvt_act_name(act);
        kernels->affine(y, N, x, N, 1, N, NULL, NULL, act);
        for (size_t i = 0; i < N; i++) {
            const double exact = act_double((double)x[i], act);
            near(r, y[i], exact, 1.1e-6 + 3e-7 * fabs(exact), name, i, 0);
        }
        const double far = act_double(1e30, act), least = act_double(-1e30, act);
        expect(r, act_one(kernels, INFINITY, act), far < 10 ? (float)far : INFINITY, name, 0, 1);
        near(r, act_one(kernels, -INFINITY, act), least, 1.1e-6, name, 0, 2);
        near(r, act_one(kernels, -3e38f, act), least, 1.1e-6, name, 0, 3);
        near(r, act_one(kernels, 0, act), act_double(0, act), 0, name, 0, 4);
        near(r, act_one(kernels, 3e38f, act), far < 10 ? far : 3e38, 1e-6 * fabs(far < 10 ? far : 3e38), name, 0, 5);
        /* NaN of any payload and sign */
        static const uint32_t nans[] = {0x7fc00000, 0xffc00000, 0x7fc00001, 0xffffffff, 0x7f800001};
        for (size_t i = 0; i < sizeof nans / sizeof *nans; i++)
            expect(r, act_one(kernels, cvt_bits_to_f32(nans[i]), act), NAN, name, i, 6);
    }
    /* exp alone: the odds of two scores */
    for (int i = 0; i < 8600; i++) {
        float pair[2] = {0, -(float)i / 100};
        const double exact = exp((double)pair[1]);
        kernels->softmax(pair, 2, 1, 2, 1);
        near(r, pair[1] / pair[0], exact, 4.5e-7 * exact, "exp", (size_t)i, 0);
    }
    for (size_t i = 0; i < N; i++) x[i] = y[i] = (float)i / N * 175 - 87;
    kernels->exp(y, N);
    for (size_t i = 0; i < N; i++) near(r, y[i], exp((double)x[i]), 4.5e-7 * exp((double)x[i]), "exp", i, 1);
    float edges[] = {0, -INFINITY, -200, INFINITY, 3e38f, NAN, 7};
    const float wanted[] = {1, 0, 0, INFINITY, INFINITY, NAN, 1096.6331f};
    kernels->exp(edges, 6);
    edges[6] = wanted[6];
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) expect(r, edges[i], wanted[i], "exp", i, 2);
    float scores[3][3] = {{0, -INFINITY, -1000}, {1, NAN, 2}, {0, INFINITY, 0}};
    kernels->softmax(scores[0], 3, 3, 3, 1);
    for (size_t j = 0; j < 3; j++) {
        expect(r, scores[0][j], j == 0, "softmax of minus infinity", 0, j);
        expect(r, scores[1][j], NAN, "softmax of NaN", 1, j);
    }
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*run)(const cvt_kernels *, report *);
    } tests[] = {{"packing", test_packing},        {"gemm", test_gemm},         {"attention", test_attention},
                 {"dwconv", test_dwconv},          {"resample", test_resample}, {"rows", test_rows},
                 {"activations", test_activations}};
    const bool bench = argc > 1 && !strcmp(argv[1], "--bench");
    const char *only = argc > 1 + bench ? argv[1 + bench] : NULL;
    const cvt_kernels *kernels;
    for (int i = 0; (kernels = cvt_kernels_at(i)); i++) {
        if (only && strcmp(only, kernels->name)) continue;
        if (bench) {
            bench_table(kernels);
            continue;
        }
        for (size_t j = 0; j < sizeof tests / sizeof *tests; j++) {
            report r = {0};
            char name[80];
            tests[j].run(kernels, &r);
            snprintf(name, sizeof name, "%s %s", kernels->name, tests[j].name);
            test_case(!r.failures, name, "%d wrong, the first: %s", r.failures, r.first);
        }
    }
    if (bench) return 0;
    return test_end();
}
