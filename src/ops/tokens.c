/* tokens.c - stored tokens that are the same for every image, and concatenation of tokens. */
#include <string.h>

#include "ops/lowering.h"
#include "ops/ops.h"

/* ---- stored tokens: parameter [1, T, C] -> [T, C] ---- */

typedef struct token_attr {
    const char *name;
    int rows, c;
} token_attr;

static void describe_token(cvt_describe *d) {
    const token_attr *a = d->attr;
    int64_t shape[] = {1, a->rows, a->c};
    cvt_describe_param(d, a->name, CVT_PARAMETER, 3, shape);
    cvt_describe_output(d, cvt_shape_tokens(a->rows, a->c));
}

typedef struct copy_args {
    const float *from; /* stored tokens; NULL: the tokens come from `in` */
    cvt_ref in, out;
    size_t count;
} copy_args;

static void copy_run(const void *p, const cvt_context *x, int image) {
    const copy_args *a = p;
    memcpy(cvt_at(x, a->out, image), a->from ? a->from : cvt_at(x, a->in, image), a->count * sizeof(float));
}

static void token_lower(cvt_lowering *l, const cvt_plan_node *w) {
    const token_attr *t = w->node->attr;
    copy_args a = {.from = cvt_lowering_param(l, w->node->params[0]),
                   .out = l->refs[w->out],
                   .count = (size_t)t->rows * (size_t)t->c};
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_images, copy_run);
}

static const cvt_op op_token = {
    .name = "token", .attr_size = sizeof(token_attr), .describe = describe_token, .lower = token_lower};

cvt_value cvtb_stored_tokens(cvt_builder *b, const char *name, int rows, int c) {
    token_attr a = {name, rows, c};
    return cvt_graph_add(b, &op_token, NULL, &a, NULL, 0);
}

cvt_value cvtb_token(cvt_builder *b, const char *name, int c) { return cvtb_stored_tokens(b, name, 1, c); }

/* ---- concat: an input that the plan could not put in place is copied ---- */

static void describe_concat(cvt_describe *d) {
    if (d->shapes[0].layout == CVT_FEATURES) {
        int all = 0;
        for (int i = 0; i < d->n_in; i++) all += (int)cvt_shape_count(d->shapes[i]);
        cvt_describe_output(d, cvt_shape_features(all));
        return;
    }
    int rows = 0, c = cvt_shape_cols(d->shapes[0]);
    for (int i = 0; i < d->n_in; i++) {
        rows += cvt_shape_rows(d->shapes[i]);
        if (cvt_shape_cols(d->shapes[i]) != c)
            cvtb_fail(d->builder, "cannot put tokens of %d and %d channels together", c, cvt_shape_cols(d->shapes[i]));
    }
    cvt_describe_output(d, cvt_shape_tokens(rows, c));
}

static size_t concat_part(const cvt_node *node, const cvt_graph *graph, int i) {
    size_t start = 0;
    for (int j = 0; j < i; j++) start += cvt_shape_count(graph->values[node->in[j]].shape);
    return start;
}

static void concat_lower(cvt_lowering *l, const cvt_plan_node *w) {
    cvt_ref out = l->refs[w->out];
    for (int i = 0; i < w->node->n_in; i++) {
        cvt_ref in = l->refs[w->node->in[i]], part = out;
        part.start += concat_part(w->node, l->graph, i);
        if (in.buffer == part.buffer && in.start == part.start) continue;
        copy_args a = {.in = in, .out = part, .count = cvt_shape_count(l->graph->values[w->node->in[i]].shape)};
        cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_images, copy_run);
    }
}

const cvt_op cvt_op_concat = {
    .name = "concat", .describe = describe_concat, .part = concat_part, .lower = concat_lower};

cvt_value cvtb_concat(cvt_builder *b, cvt_value x, cvt_value y) {
    cvt_value in[] = {x, y};
    return cvt_graph_add(b, &cvt_op_concat, NULL, NULL, in, 2);
}
