/* gpsa.c - gated positional self-attention of ConViT (arXiv 2103.10697; facebookresearch/convit, comvex): per head
 *
 *   content   C = softmax(scale q k^T)
 *   position  P[n, m] = softmax over m of weight . (dx, dy, dx^2 + dy^2), (dx, dy) = cell m - cell n
 *   map       (1 - g) C + g P, g = 1 / (1 + exp(-gate))
 *
 * and the map times the values. The rows of C and P sum to 1, so those of the map do: facebook's division by their sum
 * does nothing. The bias of the position is the same for all keys, so the softmax does not see it.
 *
 * The score of a position is a sum of a term in dx and a term in dy, hence P[n, m] = X[column n, column m] Y[row n,
 * row m], each a softmax along one axis of the grid: these two small tables are made once, in double, and maps exist
 * only for the block of queries at work. */
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "ops/heads.h"
#include "ops/ops.h"

enum { MAP = 1, CONTENT, POSITION, GATE }; /* outputs behind the tokens */

static void describe(cvt_describe *d) {
    const cvt_gpsa *a = d->attr;
    cvt_shape q = d->shapes[0], k = d->shapes[1], v = d->shapes[2];
    int t = q.d[0], c = q.d[1];
    bool fits = q.layout == CVT_TOKENS && cvt_shape_equal(q, k) && v.d[0] == t && a->heads >= 1 && c % a->heads == 0 &&
                v.d[1] % a->heads == 0 && (int64_t)a->h * a->w == t;
    if (!fits) {
        cvtb_fail(d->builder, "gated attention with %d heads over %d x %d cells does not fit %d tokens of %d channels",
                  a->heads, a->h, a->w, t, c);
        return;
    }
    int64_t heads = a->heads, weight[] = {heads, 3};
    cvt_describe_param(d, "pos_proj.weight", CVT_PARAMETER, 2, weight);
    cvt_describe_param(d, "pos_proj.bias", CVT_PARAMETER, 1, &heads);
    cvt_describe_param(d, "gate", CVT_PARAMETER, 1, &heads);
    cvt_describe_output(d, cvt_shape_tokens(t, v.d[1]));
    for (int i = MAP; i <= POSITION; i++) cvt_describe_output(d, cvt_shape_scores(a->heads, t, t));
    cvt_describe_output(d, cvt_shape_features(a->heads));
    if (!cvtb_failed(d->builder)) d->macs = (int64_t)t * t * (c + v.d[1] + 3 * heads);
}

typedef struct args {
    cvt_heads heads;
    cvt_rows queries;
    int h, w;
    float scale;
    const float *columns, *rows; /* X [heads, w, w], Y [heads, h, h] */
    const float *gate;           /* g [heads] */
    cvt_ref out[GATE + 1];
} args;

static size_t workspace(const cvt_work *w, const cvt_graph *g, const cvt_kernels *kernels) {
    const cvt_gpsa *a = w->node->attr;
    cvt_heads heads = cvt_heads_of(w, g, kernels, a->heads, 1);
    return cvt_heads_floats(&heads);
}

/* ---- once: the position, from weights alone ---- */

/* table[i, j] = softmax over j of linear * (j - i) + square * (j - i)^2. */
static void fill_axis(float *table, int n, double linear, double square) {
    for (int i = 0; i < n; i++, table += n) {
        double most = -INFINITY, sum = 0;
        for (int j = 0; j < n; j++) most = fmax(most, (linear + square * (j - i)) * (j - i));
        for (int j = 0; j < n; j++) sum += exp((linear + square * (j - i)) * (j - i) - most);
        for (int j = 0; j < n; j++) table[j] = (float)(exp((linear + square * (j - i)) * (j - i) - most) / sum);
    }
}

static void make_position(args *a, cvt_lowering *l, const cvt_work *w) {
    size_t heads = (size_t)a->heads.heads, columns = (size_t)a->w * (size_t)a->w, rows = (size_t)a->h * (size_t)a->h;
    const float *weight = cvt_lowering_param(l, w->node->params[0]), *gate = cvt_lowering_param(l, w->node->params[2]);
    float *x = cvt_lowering_floats(l, heads * columns), *y = cvt_lowering_floats(l, heads * rows);
    float *g = cvt_lowering_floats(l, heads);
    if (l->failed) return;
    for (size_t i = 0; i < heads; i++, weight += 3) {
        fill_axis(x + i * columns, a->w, (double)weight[0], (double)weight[2]);
        fill_axis(y + i * rows, a->h, (double)weight[1], (double)weight[2]);
        g[i] = (float)(1 / (1 + exp(-(double)gate[i])));
    }
    a->columns = x;
    a->rows = y;
    a->gate = g;
}

/* ---- per image ---- */

static int tiles(const void *p, int n) {
    const args *a = p;
    return n * a->heads.heads * cvt_rows_per_image(a->queries);
}

/* Row `cell` of P for a head. */
static void position_row(float *to, const args *a, int head, int cell) {
    size_t w = (size_t)a->w, h = (size_t)a->h, at = (size_t)head;
    const float *x = a->columns + (at * w + (size_t)(cell % a->w)) * w;
    const float *y = a->rows + (at * h + (size_t)(cell / a->w)) * h;
    for (size_t i = 0; i < h; i++)
        for (size_t j = 0; j < w; j++) *to++ = y[i] * x[j];
}

/* map = keep * map + gate * position */
static void blend(float *map, const float *position, size_t n, float keep, float gate) {
    for (size_t i = 0; i < n; i++) map[i] = keep * map[i] + gate * position[i];
}

/* Copies a block of rows to an output that somebody wants. */
static void show(const args *a, const cvt_context *x, int output, int image, size_t start, const float *from,
                 size_t count) {
    if (!cvt_ref_none(a->out[output])) memcpy(cvt_at(x, a->out[output], image) + start, from, count * sizeof *from);
}

static void run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    const cvt_heads *h = &a->heads;
    cvt_rows_tile t = cvt_rows_at(a->queries, tile);
    cvt_head_place at = cvt_head_at(h, t.image);
    size_t s = (size_t)h->s, first = (size_t)t.first, count = (size_t)t.count;
    size_t ldq = (size_t)h->heads * (size_t)h->d, ldo = (size_t)h->heads * (size_t)h->dv;
    size_t start = cvt_head_map(h, at) + first * s;
    float *map = x->scratch, *position = map + count * s, gate = a->gate[at.head];
    cvt_gemm by_keys = {.m = t.count, .n = h->s, .k = h->d, .lda = ldq, .c = map, .ldc = s};
    by_keys.a = cvt_at(x, h->q, at.image) + cvt_head_start(h, at, h->t, h->d) + first * ldq;
    by_keys.b = cvt_head_keys(h, x, at);
    cvt_gemm by_values = {.m = t.count, .n = h->dv, .k = h->s, .a = map, .lda = s, .ldc = ldo};
    by_values.b = cvt_head_values(h, x, at);
    by_values.c = cvt_at(x, a->out[0], at.image) + cvt_head_start(h, at, h->t, h->dv) + first * ldo;
    x->kernels->gemm(&by_keys);
    x->kernels->softmax(map, s, t.count, h->s, a->scale);
    show(a, x, CONTENT, at.image, start, map, count * s);
    for (int i = 0; i < t.count; i++) {
        position_row(position, a, at.head, t.first + i);
        show(a, x, POSITION, at.image, start + (size_t)i * s, position, s);
        blend(map + (size_t)i * s, position, s, 1 - gate, gate);
    }
    show(a, x, MAP, at.image, start, map, count * s);
    if (t.first == 0) show(a, x, GATE, at.image, (size_t)at.head, &gate, 1);
    x->kernels->gemm(&by_values);
}

enum { QUERIES = 32 }; /* of a tile */

static void lower(cvt_lowering *l, const cvt_work *w) {
    const cvt_gpsa *g = w->node->attr;
    args a = {.heads = cvt_heads_of(w, l->graph, l->kernels, g->heads, 1), .h = g->h, .w = g->w, .scale = g->scale};
    a.queries = (cvt_rows){a.heads.t, cvt_min_int(a.heads.t, QUERIES)};
    a.out[0] = l->refs[w->out];
    for (int i = MAP; i <= GATE; i++) a.out[i] = l->refs[w->node->out[i]];
    make_position(&a, l, w);
    cvt_heads_lower(&a.heads, l, w);
    cvt_lowering_scratch(l, ((size_t)a.queries.block + 1) * (size_t)a.heads.s);
    cvt_lowering_step(l, w, &a, sizeof a, tiles, run);
}

static const cvt_op op_gpsa = {
    .name = "gpsa", .attr_size = sizeof(cvt_gpsa), .describe = describe, .workspace = workspace, .lower = lower};

cvt_value cvtb_gpsa(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, const cvt_gpsa *gpsa) {
    cvt_value in[] = {q, k, v};
    cvt_value out = cvt_graph_add(b, &op_gpsa, NULL, gpsa, in, 3);
    static const char *const names[] = {"map", "content", "position", "gate"};
    for (int i = MAP; i <= GATE && out != CVT_NO_VALUE; i++) cvtb_tap(b, out + i, names[i - MAP]);
    return out;
}
