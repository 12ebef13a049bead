/* relative_bias.c - biases of attention that depend on where a key lies from its query: a number for each head and each
 * pair of tokens, made of the weights once, when the plan is made. Attention adds them to its scores. With the tokens
 * on a grid of h x w cells, query (yi, xi) and key (yj, xj):
 *
 *     bias[head, i, j] = table[(yi - yj + h - 1) (2w - 1) + xi - xj + w - 1, head]
 *
 * A stored table is that of Swin (arXiv:2103.14030; timm/models/swin_transformer.py) and, with a class token, of BEiT
 * (arXiv:2106.08254; timm/models/beit.py, Hugging Face's modeling_beit.py), which has three more rows: for the class
 * token as query, as key, and for itself. A table for another grid is resized.
 *
 * A continuous one is that of Swin v2 (arXiv:2111.09883; timm/models/swin_transformer_v2.py): a small network makes the
 * table of the logarithms of the distances. */
#include <math.h>
#include <string.h>

#include "base/elementary.h"
#include "ops/axis.h"
#include "ops/ops.h"

enum { HIDDEN = 512, LARGEST = 1 << 28 }; /* of the small network; floats of a bias */

/* Describes the bias of all pairs of `tokens` tokens. */
static void describe_bias(cvt_describe *d, int heads, int64_t tokens) {
    if (tokens > 1 << 15 || (int64_t)cvt_bias_floats((size_t)tokens) * tokens * heads > LARGEST)
        cvtb_fail(d->builder, "a bias for %lld tokens and %d heads is too large", (long long)tokens, heads);
    else
        cvt_describe_output(d, cvt_shape_scores(heads, (int)tokens, (int)tokens));
}

static int64_t offsets(int h, int w) { return (2 * (int64_t)h - 1) * (2 * (int64_t)w - 1); }

/* Returns room for the bias of a node, [heads, tokens, ld], and tells readers where it is. */
static float *make_room(cvt_lowering *l, const cvt_plan_node *w) {
    cvt_shape s = l->graph->values[w->out].shape;
    size_t count = cvt_shape_count(cvt_shape_scores(s.d[0], s.d[1], 1)) * cvt_bias_floats((size_t)s.d[1]);
    float *bias = cvt_lowering_floats(l, count);
    if (bias) memset(bias, 0, count * sizeof *bias);
    l->constants[w->out] = bias;
    return bias;
}

/* Fills in the bias of the cells, which come after `prefix` tokens without a place. */
static void fill_cells(float *bias, const float *table, int heads, int h, int w, int prefix) {
    size_t tokens = (size_t)(prefix + h * w), ld = cvt_bias_floats(tokens);
    for (int head = 0; head < heads; head++) {
        for (int i = 0; i < h * w; i++) {
            float *row = bias + ((size_t)head * tokens + (size_t)(prefix + i)) * ld + prefix;
            for (int j = 0; j < h * w; j++) {
                int dy = i / w - j / w + h - 1, dx = i % w - j % w + w - 1;
                row[j] = table[((size_t)dy * (size_t)(2 * w - 1) + (size_t)dx) * (size_t)heads + (size_t)head];
            }
        }
    }
}

/* ---- a stored table, [(2h - 1) (2w - 1), heads], and 3 more rows with a class token ---- */

typedef struct stored_attr {
    const char *name;
    cvt_relative_bias r;
} stored_attr;

static void describe_stored(cvt_describe *d) {
    const stored_attr *a = d->attr;
    const cvt_relative_bias *r = &a->r;
    int64_t table[] = {offsets(r->table_h, r->table_w) + (r->class_token ? 3 : 0), r->heads};
    cvt_describe_param(d, a->name, CVT_PARAMETER, 2, table);
    describe_bias(d, r->heads, r->class_token + (int64_t)r->h * r->w);
}

/* Returns the rows of the table for the grid in use. */
static const float *fit_table(cvt_lowering *l, const cvt_relative_bias *r, const float *stored) {
    if (l->failed || (r->h == r->table_h && r->w == r->table_w)) return stored;
    cvt_resize_sizes sizes = {2 * r->table_h - 1, 2 * r->table_w - 1, 2 * r->h - 1, 2 * r->w - 1, r->heads};
    return cvt_resize_table(l, r->resize, stored, &sizes);
}

/* Fills in the pairs that the class token, the first of the tokens, is one of. */
static void fill_class(float *bias, const float *rows, int heads, size_t tokens) {
    size_t ld = cvt_bias_floats(tokens);
    for (int head = 0; head < heads; head++, bias += tokens * ld) {
        for (size_t i = 1; i < tokens; i++) {
            bias[i] = rows[head];              /* the class token is the query */
            bias[i * ld] = rows[heads + head]; /* it is the key */
        }
        bias[0] = rows[2 * heads + head];
    }
}

static void lower_stored(cvt_lowering *l, const cvt_plan_node *w) {
    const cvt_relative_bias *r = &((const stored_attr *)w->node->attr)->r;
    const float *stored = cvt_lowering_param(l, w->node->params[0]), *cells = fit_table(l, r, stored);
    float *bias = make_room(l, w);
    if (l->failed) return;
    fill_cells(bias, cells, r->heads, r->h, r->w, r->class_token);
    const float *more = stored + (size_t)offsets(r->table_h, r->table_w) * (size_t)r->heads;
    if (r->class_token) fill_class(bias, more, r->heads, 1 + (size_t)r->h * (size_t)r->w);
}

static const cvt_op op_stored = {.name = "relative_bias",
                                 .attr_size = sizeof(stored_attr),
                                 .describe = describe_stored,
                                 .lower = lower_stored,
                                 .constant = true};

cvt_value cvtb_relative_bias(cvt_builder *b, const char *name, const cvt_relative_bias *bias) {
    stored_attr a = {name, *bias};
    return cvt_graph_add(b, &op_stored, NULL, &a, NULL, 0);
}

/* ---- a continuous one: 16 sigmoid(fc2(relu(fc1(g)))), g(dy, dx) = sign(t) log2(|t| + 1) / 3, t = 8 d / (side - 1)
 * ---- */

static void describe_continuous(cvt_describe *d) {
    const cvt_continuous_bias *c = d->attr;
    int64_t first[] = {HIDDEN, 2}, bias = HIDDEN, second[] = {c->heads, HIDDEN};
    cvt_describe_param(d, "fc1.weight", CVT_PARAMETER, 2, first);
    cvt_describe_param(d, "fc1.bias", CVT_PARAMETER, 1, &bias);
    cvt_describe_param(d, "fc2.weight", CVT_PARAMETER, 2, second);
    describe_bias(d, c->heads, (int64_t)c->h * c->w);
    d->macs = offsets(c->h, c->w) * HIDDEN * (2 + c->heads); /* the originals make the table for every image */
}

static const double ln_8 = 0x1.0a2b23f3bab73p+1;

/* Returns the coordinate of a distance along a side. Both originals divide 0 by 0 for a side of 1. */
static double coordinate(int distance, int side) {
    double t = side > 1 ? 8.0 * distance / (side - 1) : 0;
    return copysign(cvt_log(fabs(t) + 1) / ln_8, t);
}

/* Computes a row of the table, of `heads` numbers. `second` is the weight of the second layer, transposed. */
static void make_row(float *row, double *sums, double y, double x, const float *first, const float *bias,
                     const float *second, int heads) {
    for (int i = 0; i < heads; i++) sums[i] = 0;
    for (int k = 0; k < HIDDEN; k++) {
        double hidden = y * (double)first[2 * k] + x * (double)first[2 * k + 1] + (double)bias[k];
        if (hidden <= 0) continue;
        for (int i = 0; i < heads; i++) sums[i] += hidden * (double)second[(size_t)k * (size_t)heads + (size_t)i];
    }
    for (int i = 0; i < heads; i++) row[i] = (float)(16 / (1 + cvt_exp(-sums[i])));
}

static void lower_continuous(cvt_lowering *l, const cvt_plan_node *w) {
    const cvt_continuous_bias *c = w->node->attr;
    const size_t heads = (size_t)c->heads, wide = 2 * (size_t)c->w - 1;
    const float *first = cvt_lowering_param(l, w->node->params[0]), *bias = cvt_lowering_param(l, w->node->params[1]);
    const float *second = cvt_lowering_param(l, w->node->params[2]);
    float *table = cvt_lowering_floats(l, (size_t)offsets(c->h, c->w) * heads);
    float *turned = cvt_lowering_floats(l, heads * HIDDEN), *to = make_room(l, w);
    double *sums = cvt_lowering_alloc(l, heads * sizeof *sums);
    if (l->failed) return;
    for (size_t i = 0; i < heads; i++)
        for (size_t k = 0; k < HIDDEN; k++) turned[k * heads + i] = second[i * HIDDEN + k];
    for (int dy = 1 - c->h; dy < c->h; dy++)
        for (int dx = 1 - c->w; dx < c->w; dx++) {
            size_t at = (size_t)(dy + c->h - 1) * wide + (size_t)(dx + c->w - 1);
            make_row(table + at * heads, sums, coordinate(dy, c->side_h), coordinate(dx, c->side_w), first, bias,
                     turned, c->heads);
        }
    fill_cells(to, table, c->heads, c->h, c->w, 0);
}

static const cvt_op op_continuous = {.name = "continuous_bias",
                                     .attr_size = sizeof(cvt_continuous_bias),
                                     .describe = describe_continuous,
                                     .lower = lower_continuous,
                                     .constant = true};

cvt_value cvtb_continuous_bias(cvt_builder *b, const char *name, const cvt_continuous_bias *bias) {
    return cvt_graph_add(b, &op_continuous, name, bias, NULL, 0);
}
