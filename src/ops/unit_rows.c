/* unit_rows.c - the rows of each head divided by their length, as cosine attention needs its queries and keys (Swin v2,
 * arXiv:2111.09883): y = x / max(|x|, 1e-12), for queries times exp(min(s, ln 100)) with a stored s for each head. */
#include <math.h>

#include "base/elementary.h"
#include "base/num.h"
#include "ops/ops.h"
#include "ops/rows.h"

typedef struct attr {
    const char *scale; /* the name of s; NULL: there is none */
    int heads;
} attr;

static void describe(cvt_describe *d) {
    const attr *a = d->attr;
    cvt_shape s = d->shapes[0];
    int64_t scale[] = {a->heads, 1, 1};
    if (s.layout != CVT_TOKENS || a->heads < 1 || s.d[1] % a->heads) {
        cvtb_fail(d->builder, "%d heads do not divide %d channels", a->heads, cvt_shape_cols(s));
        return;
    }
    if (a->scale) cvt_describe_param(d, a->scale, CVT_PARAMETER, 3, scale);
    cvt_describe_output(d, s);
}

typedef struct args {
    cvt_rows rows;
    int heads, width; /* channels of a head */
    const float *scale;
    cvt_ref in, out;
} args;

/* Returns the sum of the squares, in LANES parts, which a compiler can add up at once. */
static float square_of(const float *x, int n) {
    enum { LANES = 16 };
    float part[LANES] = {0}, sum = 0;
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++) part[k] += x[i + k] * x[i + k];
    for (int k = 0; k < LANES; k++) sum += part[k];
    for (; i < n; i++) sum += x[i] * x[i];
    return sum;
}

static void run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->rows, x, tile);
    size_t start = (size_t)t.first * (size_t)a->heads * (size_t)a->width;
    const float *in = cvt_at(x, a->in, t.image) + start;
    float *out = cvt_at(x, a->out, t.image) + start;
    for (int i = 0; i < t.count * a->heads; i++, in += a->width, out += a->width) {
        float length = sqrtf(square_of(in, a->width)), factor = 1 / (length > 1e-12f ? length : 1e-12f);
        if (a->scale) factor *= a->scale[i % a->heads];
        for (int k = 0; k < a->width; k++) out[k] = in[k] * factor;
    }
}

/* Returns exp(min(s, ln 100)) for each head. */
static const float *scales(cvt_lowering *l, int param, int heads) {
    const float *stored = cvt_lowering_param(l, param);
    float *scale = cvt_lowering_floats(l, (size_t)heads);
    for (int i = 0; !l->failed && i < heads; i++) scale[i] = (float)cvt_exp(fmin((double)stored[i], cvt_log(100)));
    return scale;
}

static void lower(cvt_lowering *l, const cvt_plan_node *w) {
    const attr *t = w->node->attr;
    cvt_shape s = l->graph->values[w->out].shape;
    args a = {.rows = cvt_rows_of(s),
              .heads = t->heads,
              .width = s.d[1] / t->heads,
              .in = l->refs[w->node->in[0]],
              .out = l->refs[w->out]};
    if (t->scale) a.scale = scales(l, w->node->params[0], t->heads);
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_rows, run);
}

static const cvt_op op_unit_rows = {
    .name = "unit_rows", .attr_size = sizeof(attr), .describe = describe, .lower = lower, .in_place = true};

cvt_value cvtb_unit_rows(cvt_builder *b, cvt_value tokens, int heads, const char *scale) {
    attr a = {scale, heads};
    return cvt_graph_add(b, &op_unit_rows, NULL, &a, &tokens, 1);
}
