/* landmarks.c - the middle part of landmark attention (Nystromformer, arXiv:2102.03902, as the package
 * nystrom-attention computes it): y = Z w for each head. Z is the pseudo-inverse, found by iteration, of A =
 * softmax(scale q k^T), the attention between m landmarks, which are means of tokens.
 *
 *     Z = A^T / (largest sum of a row * largest sum of a column), both over all heads of the image
 *     `iterations` times: S = A Z,  Z = Z/4 (13 I - S (15 I - S (7 I - S)))
 *
 * The package takes the two maxima over a whole batch. Here each image is computed as the package computes a batch of
 * one. Each product is a step, whose tiles are some columns of a head. */
#include <string.h>

#include "base/num.h"
#include "ops/lowering.h"
#include "ops/ops.h"
#include "ops/panels.h"

typedef struct attr {
    int heads, iterations, queries;
    float scale;
} attr;

static void describe(cvt_describe *d) {
    const attr *a = d->attr;
    cvt_shape q = d->shapes[0], k = d->shapes[1], w = d->shapes[2];
    const int64_t max_floats = INT64_C(1) << 31; /* of the matrices of all heads */
    int64_t m = q.d[0], c = q.d[1], h = a->heads, all = h * m * m;
    if (h < 1 || k.d[0] != m || k.d[1] != c || w.d[0] != m || c % h || w.d[1] % h || m > 1 << 20 || all >= max_floats) {
        cvtb_fail(d->builder, "%lld landmarks of %lld channels do not fit %lld heads", (long long)m, (long long)c,
                  (long long)h);
        return;
    }
    d->macs = m * m * c + 4 * m * all * a->iterations + a->queries * all;
    cvt_describe_output(d, cvt_shape_tokens((int)m, w.d[1]));
    cvt_describe_output(d, cvt_shape_scores((int)h, (int)m, (int)m));
    cvt_describe_output(d, cvt_shape_scores((int)h, (int)m, (int)m));
}

/* The workspace holds A, then four matrices that the iteration uses in turn, then both maxima of each head. */
enum { A, SLOTS = 5 };

typedef struct args {
    int heads, m, d, dv; /* d, dv: channels of a head */
    float scale;
    cvt_ref q, k, w, out, map, inverse, space;
} args;

static args make_args(const cvt_plan_node *w, const cvt_graph *g) {
    const attr *a = w->node->attr;
    cvt_shape q = g->values[w->node->in[0]].shape, v = g->values[w->node->in[2]].shape;
    return (args){.heads = a->heads, .m = q.d[0], .d = q.d[1] / a->heads, .dv = v.d[1] / a->heads, .scale = a->scale};
}

static size_t square(const args *a) { return (size_t)a->m * (size_t)a->m; }

static size_t workspace(const cvt_plan_node *w, const cvt_graph *g, const cvt_kernels *kernels) {
    (void)kernels;
    args a = make_args(w, g);
    return (size_t)a.heads * (SLOTS * square(&a) + 2);
}

static float *matrix(const args *a, const cvt_context *x, int image, int slot, int head) {
    return cvt_at(x, a->space, image) + ((size_t)slot * (size_t)a->heads + (size_t)head) * square(a);
}

static float *maxima(const args *a, const cvt_context *x, int image) { return matrix(a, x, image, SLOTS, 0); }

static cvt_cut cut_heads(const void *p, int n, int threads) {
    (void)threads;
    return (cvt_cut){.tiles = n * ((const args *)p)->heads};
}

/* ---- A and the sums of its rows and columns ---- */

static float largest(const float *x, size_t n) {
    float highest = 0;
    for (size_t i = 0; i < n; i++)
        if (x[i] > highest) highest = x[i];
    return highest;
}

static void find_maxima(const float *matrix, size_t m, float *sums, float *out) {
    for (size_t i = 0; i < m; i++) {
        sums[i] = 0;
        for (size_t j = 0; j < m; j++) sums[i] += matrix[i * m + j];
    }
    out[0] = largest(sums, m);
    memset(sums, 0, m * sizeof *sums);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++) sums[j] += matrix[i * m + j];
    out[1] = largest(sums, m);
}

static void attend_run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    int image = tile / a->heads, head = tile % a->heads;
    size_t ld = (size_t)a->heads * (size_t)a->d, start = (size_t)head * (size_t)a->d, m = (size_t)a->m;
    const float *k = cvt_at(x, a->k, image) + start;
    float *to = matrix(a, x, image, A, head);
    cvt_panels_make_transposed(x->scratch, x->kernels, k, ld, a->d, a->m);
    cvt_gemm g = {.m = a->m,
                  .n = a->m,
                  .k = a->d,
                  .a = cvt_at(x, a->q, image) + start,
                  .lda = ld,
                  .b = x->scratch,
                  .c = to,
                  .ldc = m};
    x->kernels->product[CVT_PRECISION_F32]->gemm(&g);
    x->kernels->softmax(to, m, a->m, a->m, a->scale);
    find_maxima(to, m, x->scratch, maxima(a, x, image) + 2 * head);
}

/* ---- the inverse to begin with ---- */

typedef struct start_args {
    args all;
    int to;
} start_args;

static void start_run(const void *p, const cvt_context *x, int tile) {
    const start_args *s = p;
    const args *a = &s->all;
    int image = tile / a->heads, head = tile % a->heads;
    size_t m = (size_t)a->m;
    const float *each = maxima(a, x, image), *from = matrix(a, x, image, A, head);
    float rows = 0, columns = 0, *to = matrix(a, x, image, s->to, head);
    for (int i = 0; i < a->heads; i++) {
        if (each[2 * i] > rows) rows = each[2 * i];
        if (each[2 * i + 1] > columns) columns = each[2 * i + 1];
    }
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++) to[j * m + i] = from[i * m + j] / (rows * columns);
}

/* ---- one product of the iteration: to = left B, B = right, or factor * (diagonal I - right) ---- */

enum { COLUMNS = 64 }; /* columns of a tile, about */

typedef struct product_args {
    args all;
    int left, right, to;
    int columns; /* columns of a tile: a whole number of panels */
    float diagonal, factor;
} product_args;

static int blocks_of(const product_args *s) { return cvt_div_up(s->all.m, s->columns); }

static cvt_cut product_cut(const void *p, int n, int threads) {
    const product_args *s = p;
    (void)threads;
    return (cvt_cut){.tiles = n * s->all.heads * blocks_of(s)};
}

static void subtract(float *panel, const product_args *s, int first, int nr, int columns) {
    for (int kk = 0; kk < s->all.m; kk++, panel += nr)
        for (int j = 0; j < columns; j++) panel[j] = s->factor * ((kk == first + j ? s->diagonal : 0) - panel[j]);
}

static void product_run(const void *p, const cvt_context *x, int tile) {
    const product_args *s = p;
    const args *a = &s->all;
    int blocks = blocks_of(s), first = tile % blocks * s->columns, n = cvt_min_int(s->columns, a->m - first);
    int head = tile / blocks % a->heads, image = tile / blocks / a->heads, nr = x->kernels->nr;
    size_t m = (size_t)a->m;
    const float *right = matrix(a, x, image, s->right, head) + first;
    for (int j = 0; j < n; j += nr) {
        float *panel = x->scratch + (size_t)j * m;
        int columns = cvt_min_int(nr, n - j);
        x->kernels->pack_kn(panel, right + j, m, a->m, columns);
        if (s->factor != 0) subtract(panel, s, first + j, nr, columns);
    }
    cvt_gemm g = {.m = a->m,
                  .n = n,
                  .k = a->m,
                  .a = matrix(a, x, image, s->left, head),
                  .lda = m,
                  .b = x->scratch,
                  .c = matrix(a, x, image, s->to, head) + first,
                  .ldc = m};
    x->kernels->product[CVT_PRECISION_F32]->gemm(&g);
}

/* ---- Z w ---- */

static void apply_run(const void *p, const cvt_context *x, int tile) {
    const start_args *s = p;
    const args *a = &s->all;
    int image = tile / a->heads, head = tile % a->heads;
    size_t ld = (size_t)a->heads * (size_t)a->dv, start = (size_t)head * (size_t)a->dv, m = (size_t)a->m;
    const float *w = cvt_at(x, a->w, image) + start;
    cvt_panels_make(x->scratch, x->kernels, w, ld, a->m, a->dv);
    cvt_gemm g = {.m = a->m,
                  .n = a->dv,
                  .k = a->m,
                  .a = matrix(a, x, image, s->to, head),
                  .lda = m,
                  .b = x->scratch,
                  .c = cvt_at(x, a->out, image) + start,
                  .ldc = ld};
    x->kernels->product[CVT_PRECISION_F32]->gemm(&g);
    size_t at = (size_t)head * square(a), size = square(a) * sizeof(float);
    if (!cvt_ref_none(a->map)) memcpy(cvt_at(x, a->map, image) + at, matrix(a, x, image, A, head), size);
    if (!cvt_ref_none(a->inverse)) memcpy(cvt_at(x, a->inverse, image) + at, matrix(a, x, image, s->to, head), size);
}

static void lower(cvt_lowering *l, const cvt_plan_node *w) {
    const attr *t = w->node->attr;
    args a = make_args(w, l->graph);
    int nr = l->kernels->nr;
    a.q = l->refs[w->node->in[0]];
    a.k = l->refs[w->node->in[1]];
    a.w = l->refs[w->node->in[2]];
    a.out = l->refs[w->out];
    a.map = l->refs[w->node->out[1]];
    a.inverse = l->refs[w->node->out[2]];
    a.space = l->workspace;
    start_args s = {a, 1};
    product_args p = {.all = a, .columns = cvt_div_up(COLUMNS, nr) * nr};
    cvt_lowering_scratch(l, cvt_panels_floats(l->kernels, a.d, a.m));
    cvt_lowering_scratch(l, (size_t)a.m);
    cvt_lowering_scratch(l, cvt_panels_floats(l->kernels, a.m, p.columns));
    cvt_lowering_scratch(l, cvt_panels_floats(l->kernels, a.m, a.dv));
    cvt_lowering_step(l, w, &a, sizeof a, cut_heads, attend_run);
    cvt_lowering_step(l, w, &s, sizeof s, cut_heads, start_run);
    for (int i = 0; i < t->iterations; i++) {
        int z = s.to, next = 3 - z; /* S lies where the next Z will be */
        const struct {
            int left, right, to;
            float diagonal, factor;
        } products[] = {{A, z, next, 0, 0}, {next, next, 3, 7, 1}, {next, 3, 4, 15, 1}, {z, 4, next, 13, 0.25f}};
        for (int k = 0; k < 4; k++) {
            p.left = products[k].left;
            p.right = products[k].right;
            p.to = products[k].to;
            p.diagonal = products[k].diagonal;
            p.factor = products[k].factor;
            cvt_lowering_step(l, w, &p, sizeof p, product_cut, product_run);
        }
        s.to = next;
    }
    cvt_lowering_step(l, w, &s, sizeof s, cut_heads, apply_run);
}

static const cvt_op op_landmarks = {
    .name = "landmarks", .attr_size = sizeof(attr), .describe = describe, .workspace = workspace, .lower = lower};

cvt_value cvtb_landmarks(cvt_builder *b, cvt_value q, cvt_value k, cvt_value w, const cvt_landmarks *landmarks) {
    attr a = {landmarks->heads, landmarks->iterations, landmarks->queries, landmarks->scale};
    cvt_value in[] = {q, k, w};
    cvt_value out = cvt_graph_add(b, &op_landmarks, NULL, &a, in, 3);
    if (out != CVT_NO_VALUE) {
        cvtb_tap(b, out + 1, "landmarks");
        cvtb_tap(b, out + 2, "landmarks_inverse");
    }
    return out;
}
