/* test_windows.c - tests attention with a bias: within windows of a map that is rolled and filled up (Swin), in both
 * orders of the two, and over all cells with a class token (BEiT). The expected values come from the formula written
 * out in double on the whole map, with the regions of the mask as the originals number them; on every instruction set
 * that runs here, and in every precision. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/ops.h"
#include "test.h"
#include "trial.h"

enum { HEADS = 2, WIDTH = 3, CHANNELS = HEADS * WIDTH, SIDE = 24, MOST = SIDE * SIDE, IMAGES = 2 };
static const float scale = 0.7f;

/* A case: a map of h x w and its windows. Windows of 0 x 0: attention over all cells and a class token. */
typedef struct shape {
    int h, w;
    cvt_windows windows;
} shape;

typedef struct network {
    cvt_value in, map, out; /* the result as a map, or as tokens */
} network;

static network build(cvt_builder *b, const shape *s, bool exact) {
    network n = {.in = cvtb_input(b, CHANNELS, s->h, s->w)};
    const cvt_windows *k = &s->windows;
    cvt_attention_form form = {.heads = HEADS, .groups = 1, .scale = scale, .exact = exact};
    cvt_relative_bias bias = {.heads = HEADS, .h = s->h, .w = s->w, .table_h = s->h, .table_w = s->w};
    if (k->h) {
        bias.h = bias.table_h = k->h;
        bias.w = bias.table_w = k->w;
        form.windows = *k;
        form.across = cvt_windows_across(k, s->w);
        form.groups = form.across * cvt_windows_down(k, s->h);
        form.mask = -100;
    } else {
        bias.class_token = true;
    }
    cvt_value t = k->h ? cvtb_windows(b, n.in, k) : cvtb_concat(b, cvtb_token(b, "class", CHANNELS), n.in);
    n.out = cvtb_attention_bias(b, t, t, t, cvtb_relative_bias(b, "table", &bias), &form);
    n.map = n.out + 1;
    if (k->h) n.out = cvtb_join_windows(b, n.out, k, s->h, s->w);
    return n;
}

/* ---- the formula ---- */

/* All tokens that attend: where each comes from (a cell of the map, -1: zeros, -2: the class token), its window, its
 * place there, and its region of the mask. */
typedef struct token {
    int cell, window, y, x, region;
} token;

static int region_of(int i, int n, int window, int shift) {
    if (!shift) return 0;
    return i < n - window ? 0 : i < n - shift ? 1 : 2;
}

/* Lists the tokens of a rolled map, row by row; returns how many. */
static int list_tokens(token *to, const shape *s) {
    const cvt_windows *k = &s->windows;
    int h = (s->h + k->h - 1) / k->h * k->h, w = (s->w + k->w - 1) / k->w * k->w, n = 0;
    int turn_h = k->pad_first ? h : s->h, turn_w = k->pad_first ? w : s->w; /* what is rolled */
    for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++) {
            int from_y = y < turn_h ? (y + k->shift_h) % turn_h : y,
                from_x = x < turn_w ? (x + k->shift_w) % turn_w : x;
            to[n++] = (token){.cell = from_y < s->h && from_x < s->w ? from_y * s->w + from_x : -1,
                              .window = y / k->h * SIDE + x / k->w,
                              .y = y % k->h,
                              .x = x % k->w,
                              .region = 3 * region_of(y, h, k->h, k->shift_h) + region_of(x, w, k->w, k->shift_w)};
        }
    }
    return n;
}

static int list_all(token *to, const shape *s) {
    int n = 1;
    to[0] = (token){.cell = -2};
    for (int i = 0; i < s->h * s->w; i++) to[n++] = (token){.cell = i, .y = i / s->w, .x = i % s->w};
    return n;
}

/* Returns the row of the table for a pair of tokens on a grid of h x w. */
static int row_of(const token *query, const token *key, int h, int w) {
    const int cells = (2 * h - 1) * (2 * w - 1);
    if (query->cell == -2) return key->cell == -2 ? cells + 2 : cells;
    if (key->cell == -2) return cells + 1;
    return (query->y - key->y + h - 1) * (2 * w - 1) + query->x - key->x + w - 1;
}

static double value_of(const token *t, int channel, const float *x, const float *class) {
    if (t->cell == -1) return 0;
    return (double)(t->cell == -2 ? class[channel] : x[t->cell * CHANNELS + channel]);
}

/* Computes one query's result for all channels. */
static void attend(double *out, const token *tokens, int n, int query, const shape *s, const float *x,
                   const float *class, const float *table) {
    static double p[MOST + 1];
    const token *q = &tokens[query];
    const int h = s->windows.h ? s->windows.h : s->h, w = s->windows.h ? s->windows.w : s->w;
    for (int head = 0; head < HEADS; head++) {
        double sum = 0;
        for (int j = 0; j < n; j++) {
            const token *k = &tokens[j];
            double score = 0;
            p[j] = 0;
            if (k->window != q->window) continue;
            for (int c = head * WIDTH; c < (head + 1) * WIDTH; c++)
                score += value_of(q, c, x, class) * value_of(k, c, x, class);
            score = score * (double)scale + (double)table[row_of(q, k, h, w) * HEADS + head];
            if (k->region != q->region) score -= 100;
            sum += p[j] = exp(score);
        }
        for (int c = head * WIDTH; c < (head + 1) * WIDTH; c++) {
            out[c] = 0;
            for (int j = 0; j < n; j++) out[c] += p[j] / sum * value_of(&tokens[j], c, x, class);
        }
    }
}

static double worst_of(const cvt_exec *exec, const network *net, const shape *s, const cvt_source *sources) {
    static token tokens[MOST + 1];
    const float *class = s->windows.h ? NULL : sources[0].data, *table = sources[s->windows.h ? 0 : 1].data;
    const int n = s->windows.h ? list_tokens(tokens, s) : list_all(tokens, s);
    double worst = 0;
    for (int image = 0; image < IMAGES; image++) {
        const float *x = cvt_exec_value(exec, net->in, image), *y = cvt_exec_value(exec, net->out, image);
        for (int i = 0; i < n; i++) {
            double expected[CHANNELS];
            if (tokens[i].cell == -1) continue;
            attend(expected, tokens, n, i, s, x, class, table);
            int row = s->windows.h ? tokens[i].cell : i;
            for (int c = 0; c < CHANNELS; c++)
                worst = test_larger(worst, fabs((double)y[row * CHANNELS + c] - expected[c]));
        }
    }
    return worst;
}

/* ---- the checks ---- */

static void check(const cvt_kernels *kernels, const shape *s, cvt_precision precision, bool exact) {
    static float input[IMAGES * CHANNELS * MOST];
    for (int i = 0; i < IMAGES * CHANNELS * s->h * s->w; i++) input[i] = (float)((i * 37 + 11) % 64) / 24 - 1.3f;
    kernels = cvt_kernels_for(kernels, precision);
    cvt_builder *b = cvt_builder_new();
    network net = build(b, s, exact);
    bool keep[16] = {false};
    keep[net.in] = keep[net.out] = keep[net.map] = true;
    cvt_plan_options options = {.kernels = kernels, .retain = keep, .fuse = true, .precision = precision};
    trial t;
    trial_run(&t, b, net.out, &options, input, IMAGES, 2);
    double worst = t.ran ? worst_of(t.exec, &net, s, t.sources) : INFINITY;
    char name[160];
    const cvt_windows *k = &s->windows;
    snprintf(name, sizeof name, "%d x %d in windows of %d x %d, rolled by %d and %d%s, on %s in %s%s", s->h, s->w, k->h,
             k->w, k->shift_h, k->shift_w, k->pad_first ? ", filled up first" : "", kernels->name,
             cvt_precision_name(precision), exact ? ", kept exact" : "");
    bool rounded = kernels->attention[precision] != kernels->attention[CVT_PRECISION_F32] && !exact;
    test_case(worst < (rounded ? 3e-2 : 2e-6), name, "%s, off by %g", t.error.message, worst);
    trial_free(&t);
}

int main(void) {
    static const shape shapes[] = {
        {8, 8, {4, 4, 0, 0, false, false}},  {8, 12, {4, 4, 2, 2, false, false}}, {6, 10, {3, 5, 1, 2, false, false}},
        {9, 9, {4, 4, 2, 2, false, false}},  {9, 9, {4, 4, 2, 2, true, false}},   {11, 6, {4, 6, 2, 0, true, false}},
        {11, 6, {4, 6, 2, 0, false, false}}, {4, 4, {4, 4, 0, 0, false, false}},  {7, 4, {7, 3, 0, 1, true, false}},
        {16, 16, {8, 8, 4, 4, true, false}}, {3, 5, {0, 0, 0, 0, false, false}},  {7, 7, {0, 0, 0, 0, false, false}},
    };
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        for (int i = 0; cvt_kernels_at(i); i++) {
            for (int p = 0; p < CVT_PRECISION_COUNT; p++) check(cvt_kernels_at(i), &shapes[k], (cvt_precision)p, false);
            check(cvt_kernels_at(i), &shapes[k], CVT_PRECISION_INT8, true);
        }
    }
    return test_end();
}
