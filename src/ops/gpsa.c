/* gpsa.c - gated positional self-attention of ConViT (arXiv 2103.10697; facebookresearch/convit, comvex). Each head
 * has
 *
 *     content   C = softmax(scale q k^T)
 *     position  P[n, m] = softmax over m of weight . (dx, dy, dx^2 + dy^2), (dx, dy) = cell m - cell n
 *     map       (1 - g) C + g P, g = 1 / (1 + exp(-gate))
 *
 * and its result is the map times the values. The rows of C and of P sum to 1, so the rows of the map do, and
 * facebook's division by their sum changes nothing. The bias of the position is the same for all keys, so the softmax
 * cancels it.
 *
 * The score of a position is a term in dx plus a term in dy, so P[n, m] = X[column n, column m] Y[row n, row m], where
 * X and Y are softmaxes along one axis of the grid: two small tables, made once, in double. So g P v is a product
 * along the rows of the grid and one along its columns, to which (1 - g) C v is added. Kernels of less than f32 may
 * multiply g P by v themselves, as they do with C (`positions` of kernels.h). The maps are only stored where they are
 * tapped. */
#include <math.h>

#include "base/elementary.h"
#include "base/num.h"
#include "ops/heads.h"
#include "ops/ops.h"
#include "ops/panels.h"

enum { MAP = 1, CONTENT, POSITION, GATE }; /* the outputs after the tokens */

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
    int h, w;
    float scale;
    const float *columns, *rows, *gated; /* X [heads, w, w], Y and g Y [heads, h, h] */
    const float *gate;                   /* g [heads] */
    cvt_ref out[GATE + 1], positioned;   /* g P v [heads, T, dv], where the kernels do not take `positions` */
    const cvt_positions *positions;      /* X and g Y of every head, from each column and row to every cell; or NULL */
} args;

static args make_args(const cvt_plan_node *w, const cvt_graph *graph, const cvt_kernels *kernels) {
    const cvt_gpsa *g = w->node->attr;
    return (args){.heads = cvt_heads_of(w, graph, kernels, g->heads, 1), .h = g->h, .w = g->w, .scale = g->scale};
}

static size_t positioned_floats(const args *a) {
    return a->heads.kernels->positions ? 0 : (size_t)a->heads.heads * (size_t)a->heads.t * (size_t)a->heads.dv;
}

static size_t workspace(const cvt_plan_node *w, const cvt_graph *graph, const cvt_kernels *kernels) {
    args a = make_args(w, graph, kernels);
    return cvt_heads_floats(&a.heads) + positioned_floats(&a);
}

/* ---- once: the position, from weights alone ---- */

/* Sets table[i, j] = softmax over j of linear * (j - i) + square * (j - i)^2, and times[i, j] = factor * table[i,
 * j]. */
static void fill_axis(float *table, float *times, double factor, int n, double linear, double square) {
    for (int i = 0; i < n; i++, table += n, times += n) {
        double highest = -INFINITY, sum = 0;
        for (int j = 0; j < n; j++) {
            const double score = (linear + square * (j - i)) * (j - i);
            if (score > highest) highest = score; /* not fmax: gcc 12 for AArch64 fails on it at -O3 (internal error) */
        }
        for (int j = 0; j < n; j++) sum += cvt_exp((linear + square * (j - i)) * (j - i) - highest);
        for (int j = 0; j < n; j++) {
            double share = cvt_exp((linear + square * (j - i)) * (j - i) - highest) / sum;
            times[j] = (float)(factor * share);
            table[j] = (float)share;
        }
    }
}

static void make_position(args *a, cvt_lowering *l, const cvt_plan_node *w) {
    size_t heads = (size_t)a->heads.heads;
    size_t columns = (size_t)a->w * (size_t)a->w, rows = (size_t)a->h * (size_t)a->h;
    const float *weight = cvt_lowering_param(l, w->node->params[0]), *gate = cvt_lowering_param(l, w->node->params[2]);
    float *x = cvt_lowering_floats(l, heads * columns), *y = cvt_lowering_floats(l, heads * rows);
    float *gated = cvt_lowering_floats(l, heads * rows), *g = cvt_lowering_floats(l, heads);
    if (l->failed) return;
    for (size_t i = 0; i < heads; i++, weight += 3) {
        double share = 1 / (1 + cvt_exp(-(double)gate[i]));
        fill_axis(x + i * columns, x + i * columns, 1, a->w, (double)weight[0], (double)weight[2]);
        fill_axis(y + i * rows, gated + i * rows, share, a->h, (double)weight[1], (double)weight[2]);
        g[i] = (float)share;
    }
    a->columns = x;
    a->rows = y;
    a->gated = gated;
    a->gate = g;
}

/* Returns a table [n, ld] whose row i has, for every cell of the grid, table[i, its place along the axis]. Shares that
 * are next to nothing are 0: processors take long for products below the normal range. */
static const float *spread(cvt_lowering *l, const args *a, const float *table, int n, size_t ld, bool along_rows) {
    float *all = cvt_lowering_floats(l, (size_t)n * ld), *to = all;
    for (int i = 0; all && i < n; i++, table += n, to += ld)
        for (int cell = 0; cell < (int)ld; cell++) {
            const float share = cell < a->heads.t ? table[along_rows ? cell / a->w : cell % a->w] : 0;
            to[cell] = share < 0x1p-60f ? 0 : share;
        }
    return all;
}

static void make_positions(args *a, cvt_lowering *l) {
    const size_t heads = (size_t)a->heads.heads, w = (size_t)a->w, h = (size_t)a->h;
    const size_t ld = (size_t)cvt_div_up(a->heads.t, CVT_POSITIONS_UNIT) * CVT_POSITIONS_UNIT;
    cvt_positions *all = cvt_lowering_alloc(l, heads * sizeof *all);
    for (size_t i = 0; all && i < heads; i++)
        all[i] = (cvt_positions){.columns = spread(l, a, a->columns + i * w * w, a->w, ld, false),
                                 .rows = spread(l, a, a->gated + i * h * h, a->h, ld, true),
                                 .ld = ld,
                                 .width = a->w};
    a->positions = all;
}

/* ---- per image: g P v of a head ---- */

static cvt_cut place_cut(const void *p, int n, int threads) {
    (void)threads;
    return (cvt_cut){.tiles = n * ((const args *)p)->heads.heads};
}

/* Computes c [m, n] = a [m, k] b [k, n]; the rows of b are ldb apart. */
static void product(const cvt_kernels *kernels, float *c, const float *a, const float *b, size_t ldb, int m, int n,
                    int k, float *panels) {
    cvt_panels_make(panels, kernels, b, ldb, k, n);
    cvt_gemm g = {.m = m, .n = n, .k = k, .a = a, .lda = (size_t)k, .b = panels, .c = c, .ldc = (size_t)n};
    kernels->product[CVT_PRECISION_F32]->gemm(&g);
}

static size_t placing_floats(const args *a, const cvt_kernels *kernels) {
    size_t along_w = cvt_panels_floats(kernels, a->w, a->heads.dv);
    size_t along_h = cvt_panels_floats(kernels, a->h, a->w * a->heads.dv);
    return (size_t)a->heads.t * (size_t)a->heads.dv + (along_w > along_h ? along_w : along_h);
}

static void place_run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    const cvt_heads *h = &a->heads;
    int image = tile / h->heads;
    size_t dv = (size_t)h->dv, line = (size_t)a->w * dv, ldv = (size_t)h->heads * dv, head = (size_t)(tile % h->heads);
    const float *v = cvt_at(x, h->v, image) + head * dv;
    const float *columns = a->columns + head * (size_t)a->w * (size_t)a->w;
    const float *gated = a->gated + head * (size_t)a->h * (size_t)a->h;
    float *along = x->scratch, *panels = along + (size_t)h->t * dv;
    float *to = cvt_at(x, a->positioned, image) + head * (size_t)h->t * dv;
    for (size_t y = 0; y < (size_t)a->h; y++)
        product(x->kernels, along + y * line, columns, v + y * (size_t)a->w * ldv, ldv, a->w, h->dv, a->w, panels);
    product(x->kernels, to, gated, along, line, a->h, (int)line, a->h, panels);
}

/* ---- per image: (1 - g) C v, and the sum ---- */

static cvt_cut cut(const void *p, int n, int threads) { return cvt_heads_cut(&((const args *)p)->heads, n, threads); }

/* Writes row `cell` of P for one head. */
static void position_row(float *to, const args *a, int head, int cell) {
    size_t w = (size_t)a->w, h = (size_t)a->h, at = (size_t)head;
    const float *x = a->columns + (at * w + (size_t)(cell % a->w)) * w;
    const float *y = a->rows + (at * h + (size_t)(cell / a->w)) * h;
    for (size_t i = 0; i < h; i++)
        for (size_t j = 0; j < w; j++) to[i * w + j] = y[i] * x[j];
}

/* Returns where the rows of an output go, or NULL where nobody reads it. */
static float *wanted(const args *a, const cvt_context *x, int output, int image, size_t start) {
    return cvt_ref_none(a->out[output]) ? NULL : cvt_at(x, a->out[output], image) + start;
}

/* Writes the outputs after the content: P, and the map, which may overwrite the content. */
static void write_maps(const args *a, const cvt_context *x, const cvt_head_tile *t, const float *content) {
    size_t s = (size_t)a->heads.s, start = cvt_head_map(&a->heads, t);
    float *map = wanted(a, x, MAP, t->image, start), *position = wanted(a, x, POSITION, t->image, start);
    float *gate = wanted(a, x, GATE, t->image, (size_t)t->head), g = a->gate[t->head];
    if (gate && t->first == 0) *gate = g;
    for (int i = 0; (map || position) && i < t->count; i++) {
        float *row = position ? position + (size_t)i * s : x->scratch;
        position_row(row, a, t->head, t->first + i);
        for (size_t j = (size_t)i * s, end = j + s; map && j < end; j++) map[j] = (1 - g) * content[j] + g * *row++;
    }
}

static void run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    const cvt_heads *h = &a->heads;
    cvt_head_tile t = cvt_head_at(h, x, tile);
    size_t dv = (size_t)h->dv, start = cvt_head_map(h, &t), row = (size_t)t.head * (size_t)h->t + (size_t)t.first;
    float *content = wanted(a, x, CONTENT, t.image, start);
    cvt_attention c = {
        .scale = a->scale,
        .weight = 1 - a->gate[t.head],
        .residual = a->positions ? NULL : cvt_at(x, a->positioned, t.image) + row * dv,
        .ldr = dv,
        .positions = a->positions ? a->positions + t.head : NULL,
        .first = t.first,
        .out = cvt_at(x, a->out[0], t.image) + cvt_head_out(h, &t),
        .ldo = t.of.ldv,
        .map = content ? content : wanted(a, x, MAP, t.image, start),
        .ldm = (size_t)h->s,
    };
    cvt_head_attend(h, x, &t, &c);
    write_maps(a, x, &t, c.map);
}

static void lower(cvt_lowering *l, const cvt_plan_node *w) {
    args a = make_args(w, l->graph, l->kernels);
    for (int i = 0; i <= GATE; i++) a.out[i] = l->refs[w->node->out[i]];
    a.positioned = l->workspace;
    a.positioned.start += cvt_heads_floats(&a.heads);
    make_position(&a, l, w);
    cvt_heads_lower(&a.heads, l, w);
    if (a.heads.kernels->positions) {
        if (!l->failed) make_positions(&a, l);
    } else {
        cvt_lowering_scratch(l, placing_floats(&a, l->kernels));
        cvt_lowering_step(l, w, &a, sizeof a, place_cut, place_run);
    }
    cvt_lowering_scratch(l, (size_t)a.heads.s);
    cvt_lowering_step(l, w, &a, sizeof a, cut, run);
}

static const cvt_op op_gpsa = {.name = "gpsa",
                               .attends = true,
                               .attr_size = sizeof(cvt_gpsa),
                               .describe = describe,
                               .workspace = workspace,
                               .lower = lower};

cvt_value cvtb_gpsa(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, const cvt_gpsa *gpsa) {
    cvt_value in[] = {q, k, v};
    cvt_value out = cvt_graph_add(b, &op_gpsa, NULL, gpsa, in, 3);
    static const char *const names[] = {"map", "content", "position", "gate"};
    for (int i = MAP; i <= GATE && out != CVT_NO_VALUE; i++) cvtb_tap(b, out + i, names[i - MAP]);
    return out;
}
