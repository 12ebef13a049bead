/* attention.c - where attention maps lie among the taps, and which of them a rollout multiplies.
 *
 * Attention rollout (Abnar and Zuidema, 2020, arXiv:2005.00928) needs, for the map A_L of a layer, the maps A_1 ..
 * A_L-1 by which the layers before it mixed the same tokens. They are found in the graph, not by names: from the
 * queries of A_L the tokens are followed backwards, through what treats each token by itself and past residual sums;
 * such a sum adds to the tokens what a layer has made of them, and if an attention map lies in there, that is the
 * layer's. Where tokens are joined (the class token) the others are followed; where their number changes otherwise,
 * the sequence begins. */
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "ops/ops.h"

static bool is_map(const char *name) {
    size_t n = strlen(name);
    return n >= 3 && strcmp(name + n - 3, "map") == 0 && (n == 3 || name[n - 4] == '.');
}

cvt_attention_info cvt_model_attention(const cvt_model *m, int tap) {
    const cvt_value_info *v = &m->graph->values[m->taps[tap]];
    if (v->shape.layout != CVT_SCORES) return (cvt_attention_info){0};
    return (cvt_attention_info){.heads = v->shape.d[0],
                                .queries = v->shape.d[1],
                                .keys = v->shape.d[2],
                                .prefix = v->keys.prefix,
                                .height = v->keys.h,
                                .width = v->keys.w,
                                .map = is_map(v->tap)};
}

/* ---- rollout ---- */

/* What is made of what: `of` marks a value and all that it is computed from. */
typedef struct walk {
    const cvt_model *model;
    const cvt_graph *graph;
    int tokens;         /* of the map in question */
    bool *skip, *added; /* of every value: the operands of a sum */
    int *chain, n;      /* last to first */
    cvt_error *error;
} walk;

static void mark(const cvt_graph *g, cvt_value v, bool *of) {
    memset(of, 0, (size_t)g->n_values * sizeof *of);
    of[v] = true;
    for (int i = g->values[v].node; i >= 0; i--) {
        const cvt_node *node = &g->nodes[i];
        bool used = false;
        for (int k = 0; k < node->n_out; k++) used = used || of[node->out[k]];
        for (int k = 0; used && k < node->n_in; k++) of[node->in[k]] = true;
    }
}

static bool made_by_one_of(const cvt_node *node, const bool *of) {
    for (int k = 0; k < node->n_out; k++)
        if (of[node->out[k]]) return true;
    return false;
}

static cvt_status fail_kind(const walk *w, int tap, cvt_error *error) {
    const cvt_value_info *v = &w->graph->values[w->model->taps[tap]];
    return cvt_fail(error, CVT_USAGE,
                    "no rollout: \"%s\" attends from %d tokens to %d others, and only layers that attend to the tokens "
                    "themselves can be multiplied",
                    v->tap, v->shape.d[1], v->shape.d[2]);
}

/* Adds the map of the layer that lies between the operands of a sum of `rows` tokens, if there is one. */
static cvt_status add_layer(walk *w, int rows) {
    for (int i = 0; i < w->model->n_taps; i++) {
        const cvt_value_info *v = &w->graph->values[w->model->taps[i]];
        const cvt_node *node = &w->graph->nodes[v->node];
        if (v->shape.layout != CVT_SCORES || !is_map(v->tap) || v->shape.d[1] != rows) continue;
        if (!made_by_one_of(node, w->added) || made_by_one_of(node, w->skip)) continue;
        if (v->shape.d[2] != rows) return fail_kind(w, i, w->error);
        w->chain[w->n++] = i;
        return CVT_OK;
    }
    return CVT_OK;
}

/* The operand of a sum that went past the layer, after looking for the layer's map in the other one. */
static cvt_status pass_sum(walk *w, const cvt_node *sum, int rows, cvt_value *before) {
    for (int i = 0; i < 2; i++) {
        mark(w->graph, sum->in[i], w->skip);
        mark(w->graph, sum->in[!i], w->added);
        if (!w->added[sum->in[i]]) continue;
        *before = sum->in[i];
        return add_layer(w, rows);
    }
    *before = sum->in[0]; /* neither is made of the other: positions */
    return CVT_OK;
}

static bool has_scores(const cvt_graph *g, const cvt_value *values, int n) {
    for (int i = 0; i < n; i++)
        if (g->values[values[i]].shape.layout == CVT_SCORES) return true;
    return false;
}

static cvt_value most_rows(const cvt_graph *g, const cvt_node *node) {
    cvt_value most = node->in[0];
    for (int i = 1; i < node->n_in; i++)
        if (cvt_shape_rows(g->values[node->in[i]].shape) > cvt_shape_rows(g->values[most].shape)) most = node->in[i];
    return most;
}

/* Goes back from the queries of a map of w->tokens tokens to where the sequence begins. */
static cvt_status follow(walk *w, cvt_value v) {
    const cvt_graph *g = w->graph;
    for (;;) {
        const cvt_node *node = &g->nodes[g->values[v].node];
        int rows = cvt_shape_rows(g->values[v].shape);
        if (node->n_in == 0) return CVT_OK;
        if (has_scores(g, node->in, node->n_in) || has_scores(g, node->out, node->n_out))
            return cvt_fail(w->error, CVT_USAGE, "no rollout: tokens pass through the attention of \"%s\" alone, not past it",
                            node->name);
        cvt_value before = node->in[0];
        if (node->op == &cvt_op_add)
            TRY(pass_sum(w, node, rows, &before));
        else if (node->n_in > 1)
            before = most_rows(g, node);
        int then = cvt_shape_rows(g->values[before].shape);
        bool joined = node->op == &cvt_op_concat && then < rows;
        bool parted = node->op == &cvt_op_slice && then > rows && then <= w->tokens;
        if (then != rows && !joined && !parted) return CVT_OK;
        v = before;
    }
}

static cvt_status find_chain(walk *w, int tap) {
    cvt_value v = w->model->taps[tap];
    const cvt_graph *g = w->graph;
    cvt_shape shape = g->values[v].shape;
    if (shape.layout != CVT_SCORES)
        return cvt_fail(w->error, CVT_USAGE, "\"%s\" is no attention map", g->values[v].tap);
    if (shape.d[1] != shape.d[2]) return fail_kind(w, tap, w->error);
    w->tokens = shape.d[1];
    w->chain[w->n++] = tap;
    while (g->values[v].shape.layout == CVT_SCORES) v = g->nodes[g->values[v].node].in[0];
    if (cvt_shape_rows(g->values[v].shape) != w->tokens)
        return cvt_fail(w->error, CVT_USAGE, "no rollout: \"%s\" attends within %d groups of tokens, not to all",
                        g->values[w->model->taps[tap]].tap, cvt_shape_rows(g->values[v].shape) / w->tokens);
    return follow(w, v);
}

cvt_status cvt_model_rollout(const cvt_model *m, int tap, int *chain, int *n, cvt_error *error) {
    size_t values = (size_t)m->graph->n_values;
    walk w = {.model = m, .graph = m->graph, .chain = chain, .error = error};
    w.skip = calloc(values, sizeof *w.skip);
    w.added = calloc(values, sizeof *w.added);
    cvt_status status = w.skip && w.added ? find_chain(&w, tap) : cvt_fail_memory(error);
    free(w.skip);
    free(w.added);
    for (int i = 0; i < w.n / 2; i++) {
        int last = chain[w.n - 1 - i];
        chain[w.n - 1 - i] = chain[i];
        chain[i] = last;
    }
    *n = w.n;
    return status;
}
