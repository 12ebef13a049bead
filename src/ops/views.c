/* views.c - ops that only look at their input differently. They have no step and no memory. */
#include "ops/lowering.h"
#include "ops/ops.h"

static size_t at_start(const cvt_node *node, const cvt_graph *graph) {
    (void)node, (void)graph;
    return 0;
}

static const char *rearrange(const void *attr) {
    (void)attr;
    return "Rearrange";
}

/* ---- tokens: [C,H,W] -> [H*W,C], token y*W + x ---- */

static void describe_tokens(cvt_describe *d) {
    cvt_shape s = d->shapes[0];
    cvt_describe_output(d, cvt_shape_tokens(cvt_shape_rows(s), cvt_shape_cols(s)));
}

static const cvt_op op_tokens = {.name = "tokens", .type = rearrange, .describe = describe_tokens, .view = at_start};

cvt_value cvtb_tokens(cvt_builder *b, cvt_value map) { return cvt_graph_add(b, &op_tokens, NULL, NULL, &map, 1); }

/* ---- map: [H*W,C] -> [C,H,W] ---- */

typedef struct map_attr {
    int h, w;
} map_attr;

static void describe_map(cvt_describe *d) {
    const map_attr *a = d->attr;
    if (cvt_shape_rows(d->shapes[0]) != a->h * a->w)
        cvtb_fail(d->builder, "%d tokens do not make a map of %d x %d", cvt_shape_rows(d->shapes[0]), a->h, a->w);
    cvt_describe_output(d, cvt_shape_map(cvt_shape_cols(d->shapes[0]), a->h, a->w));
}

static const cvt_op op_map = {
    .name = "map", .attr_size = sizeof(map_attr), .type = rearrange, .describe = describe_map, .view = at_start};

cvt_value cvtb_map(cvt_builder *b, cvt_value tokens, int h, int w) {
    map_attr a = {h, w};
    return cvt_graph_add(b, &op_map, NULL, &a, &tokens, 1);
}

/* ---- slice: tokens [first, first + count) ---- */

typedef struct slice_attr {
    int first, count;
} slice_attr;

static void describe_slice(cvt_describe *d) {
    const slice_attr *a = d->attr;
    cvt_describe_output(d, cvt_shape_tokens(a->count, cvt_shape_cols(d->shapes[0])));
}

static size_t slice_view(const cvt_node *node, const cvt_graph *graph) {
    const slice_attr *a = node->attr;
    return (size_t)a->first * (size_t)cvt_shape_cols(graph->values[node->in[0]].shape);
}

const cvt_op cvt_op_slice = {
    .name = "slice", .attr_size = sizeof(slice_attr), .describe = describe_slice, .view = slice_view};

cvt_value cvtb_slice(cvt_builder *b, cvt_value tokens, int first, int count) {
    slice_attr a = {first, count};
    return cvt_graph_add(b, &cvt_op_slice, NULL, &a, &tokens, 1);
}

/* ---- flatten: [1,C] -> [C] ---- */

static void describe_flatten(cvt_describe *d) {
    cvt_describe_output(d, cvt_shape_features((int)cvt_shape_count(d->shapes[0])));
}

static const cvt_op op_flatten = {.name = "flatten", .describe = describe_flatten, .view = at_start};

cvt_value cvtb_flatten(cvt_builder *b, cvt_value token) { return cvt_graph_add(b, &op_flatten, NULL, NULL, &token, 1); }

/* ---- regroup: [T,C] -> [T * C / c, c], the same numbers in the same order ---- */

typedef struct regroup_attr {
    int c;
} regroup_attr;

static void describe_regroup(cvt_describe *d) {
    const regroup_attr *a = d->attr;
    size_t count = cvt_shape_count(d->shapes[0]), c = (size_t)a->c;
    if (count % c)
        cvtb_fail(d->builder, "%d tokens of %d channels do not make tokens of %d", cvt_shape_rows(d->shapes[0]),
                  cvt_shape_cols(d->shapes[0]), a->c);
    cvt_describe_output(d, cvt_shape_tokens((int)(count / c), a->c));
}

static const cvt_op op_regroup = {.name = "regroup",
                                  .attr_size = sizeof(regroup_attr),
                                  .type = rearrange,
                                  .describe = describe_regroup,
                                  .view = at_start};

cvt_value cvtb_regroup(cvt_builder *b, cvt_value tokens, int c) {
    regroup_attr a = {c};
    return cvt_graph_add(b, &op_regroup, NULL, &a, &tokens, 1);
}

/* ---- alias: the same value once more ---- */

static void describe_alias(cvt_describe *d) { cvt_describe_output(d, d->shapes[0]); }

static const cvt_op op_alias = {.name = "alias", .describe = describe_alias, .view = at_start};

cvt_value cvtb_alias(cvt_builder *b, cvt_value x) { return cvt_graph_add(b, &op_alias, NULL, NULL, &x, 1); }
