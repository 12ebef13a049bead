/* attention.c - softmax(scale q k^T + bias) v for each head, over tiles of query rows. The matrix of T x S
 * probabilities is only stored where it is tapped.
 *
 * The bias is a constant (relative_bias.c). Groups that are windows of a rolled map have a mask besides: the last row
 * of windows and the last column hold tokens of opposite borders of the map, which must not see each other. So there
 * are up to four kinds of groups, and a table of bias + mask for each is made with the plan. */
#include <string.h>

#include "ops/heads.h"
#include "ops/lowering.h"
#include "ops/ops.h"

typedef cvt_attention_form attr;

static bool is_rolled(const attr *a) { return a->windows.shift_h || a->windows.shift_w; }

/* The node reads its bias, if it has one, after q, k and v. */
static bool bias_fits(const cvt_describe *d) {
    const attr *a = d->attr;
    if (d->n_in == 3) return !is_rolled(a);
    bool windows = !is_rolled(a) ||
                   (a->across >= 1 && a->groups % a->across == 0 && d->shapes[3].d[1] == a->windows.h * a->windows.w);
    return windows && cvt_shape_equal(d->shapes[3], cvt_shape_scores(a->heads, d->shapes[0].d[0] / a->groups,
                                                                     d->shapes[1].d[0] / a->groups));
}

static void describe(cvt_describe *d) {
    const attr *a = d->attr;
    cvt_shape q = d->shapes[0], k = d->shapes[1], v = d->shapes[2];
    int t = q.d[0], s = k.d[0], c = q.d[1];
    if (k.d[1] != c || v.d[0] != s || a->heads < 1 || c % a->heads || v.d[1] % a->heads || t % a->groups ||
        s % a->groups || !bias_fits(d)) {
        cvtb_fail(d->builder, "attention with %d heads does not fit %d channels", a->heads, c);
        return;
    }
    d->macs = (int64_t)t * (s / a->groups) * (c + v.d[1]);
    cvt_describe_output(d, cvt_shape_tokens(t, v.d[1]));
    cvt_describe_output(d, cvt_shape_scores(a->groups * a->heads, t / a->groups, s / a->groups));
}

typedef struct args {
    cvt_heads heads;
    float scale;
    const float *bias; /* [kinds of groups, heads, T, ldb]; NULL: there is none */
    size_t ldb;
    cvt_windows windows;
    int across;
    cvt_ref out, map;
} args;

static size_t workspace(const cvt_plan_node *w, const cvt_graph *g, const cvt_kernels *kernels) {
    const attr *a = w->node->attr;
    cvt_heads heads = cvt_heads_of(w, g, kernels, a->heads, a->groups);
    return cvt_heads_floats(&heads);
}

static cvt_cut cut(const void *p, int n, int threads) { return cvt_heads_cut(&((const args *)p)->heads, n, threads); }

/* ---- bias and mask ---- */

enum { KINDS = 4, LAST_ROW = 1, LAST_COLUMN = 2 };

/* Returns the kind of a group: which borders of the map it lies across. */
static size_t kind_of(const args *a, int group) {
    bool row = a->windows.shift_h && group / a->across == a->heads.groups / a->across - 1;
    bool column = a->windows.shift_w && group % a->across == a->across - 1;
    return (size_t)((row ? LAST_ROW : 0) + (column ? LAST_COLUMN : 0));
}

/* Returns on which side of these borders token i of a window lies. */
static int side_of(const cvt_windows *s, size_t kind, int i) {
    int below = (kind & LAST_ROW) && i / s->w >= s->h - s->shift_h;
    int right = (kind & LAST_COLUMN) && i % s->w >= s->w - s->shift_w;
    return 2 * below + right;
}

/* Adds the mask of a kind of windows to the bias of a head, [h * w, ld]. */
static void add_mask(float *bias, size_t ld, const attr *a, size_t kind) {
    const int tokens = a->windows.h * a->windows.w;
    for (int i = 0; i < tokens; i++, bias += ld)
        for (int j = 0; j < tokens; j++)
            if (side_of(&a->windows, kind, i) != side_of(&a->windows, kind, j)) bias[j] += a->mask;
}

/* Sets the bias of all kinds of groups. */
static void make_bias(args *a, cvt_lowering *l, const cvt_plan_node *w) {
    const attr *f = w->node->attr;
    const float *bias = w->node->n_in > 3 ? l->constants[w->node->in[3]] : NULL;
    size_t head = (size_t)a->heads.t * a->ldb, count = (size_t)f->heads * head;
    a->bias = bias;
    if (!bias || !is_rolled(f)) return;
    a->windows = f->windows;
    a->across = f->across;
    float *all = cvt_lowering_floats(l, KINDS * count);
    for (size_t kind = 0; all && kind < KINDS; kind++) {
        memcpy(all + kind * count, bias, count * sizeof *all);
        for (size_t i = 0; i < (size_t)f->heads; i++) add_mask(all + kind * count + i * head, a->ldb, f, kind);
    }
    a->bias = all;
}

/* Returns the rows of the bias for a tile, or NULL. */
static const float *bias_at(const args *a, const cvt_head_tile *t) {
    size_t head = kind_of(a, t->group) * (size_t)a->heads.heads + (size_t)t->head;
    return a->bias ? a->bias + (head * (size_t)a->heads.t + (size_t)t->first) * a->ldb : NULL;
}

/* ---- the step ---- */

static void run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    cvt_head_tile t = cvt_head_at(&a->heads, x, tile);
    cvt_attention g = {
        .scale = a->scale,
        .weight = 1,
        .bias = bias_at(a, &t),
        .ldb = a->ldb,
        .out = cvt_at(x, a->out, t.image) + cvt_head_out(&a->heads, &t),
        .ldo = t.of.ldv,
        .map = cvt_ref_none(a->map) ? NULL : cvt_at(x, a->map, t.image) + cvt_head_map(&a->heads, &t),
        .ldm = (size_t)t.of.s,
    };
    cvt_head_attend(&a->heads, x, &t, &g);
}

static void lower(cvt_lowering *l, const cvt_plan_node *w) {
    const attr *r = w->node->attr;
    args a = {.heads = cvt_heads_of(w, l->graph, l->kernels, r->heads, r->groups), .scale = r->scale};
    a.ldb = cvt_bias_floats((size_t)a.heads.s);
    make_bias(&a, l, w);
    a.out = l->refs[w->out];
    a.map = l->refs[w->node->out[1]];
    cvt_heads_lower(&a.heads, l, w);
    cvt_lowering_step(l, w, &a, sizeof a, cut, run);
}

#define ATTENTION \
    .name = "attention", .attr_size = sizeof(attr), .describe = describe, .workspace = workspace, .lower = lower
static const cvt_op op_attention = {ATTENTION, .attends = true}, op_exact = {ATTENTION};

cvt_value cvtb_attention(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, int heads, float scale) {
    return cvtb_attention_groups(b, q, k, v, heads, 1, scale);
}

cvt_value cvtb_attention_groups(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, int heads, int groups,
                                float scale) {
    return cvtb_attention_bias(b, q, k, v, CVT_NO_VALUE,
                               &(cvt_attention_form){.heads = heads, .groups = groups, .scale = scale});
}

cvt_value cvtb_attention_bias(cvt_builder *b, cvt_value q, cvt_value k, cvt_value v, cvt_value bias,
                              const cvt_attention_form *form) {
    cvt_value in[] = {q, k, v, bias};
    int n_in = bias == CVT_NO_VALUE ? 3 : 4;
    cvt_value out = cvt_graph_add(b, form->exact ? &op_exact : &op_attention, NULL, form, in, n_in);
    if (out != CVT_NO_VALUE) cvtb_tap(b, out + 1, "map");
    return out;
}
