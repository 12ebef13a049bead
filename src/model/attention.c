/* attention.c - which taps hold attention, where their keys lie on the image, and which maps an attention rollout
 * multiplies.
 *
 * Landmark attention never computes a map. The map is the product of "scatter" [h, T, m], the pseudo-inverse of the
 * map of the m landmarks [h, m, m], and "gather" [h, m, T].
 *
 * Attention rollout (Abnar and Zuidema, 2020, arXiv:2005.00928) needs, for the map A_L of a layer, the maps A_1 ..
 * A_L-1 by which the layers before it mixed the same tokens. They are found by walking the graph backwards, not by
 * names. The walk starts at the queries of A_L and follows the tokens through ops that treat each token by itself. At
 * a residual sum it follows the operand that did not go through the layer; the other operand is what the layer made of
 * the tokens, and if an attention map lies on that way, it is the map of that layer. Where other tokens are joined to
 * the sequence (the class token), the walk follows the larger part. Where the number of tokens changes in another way,
 * the sequence begins. */
#include <stdlib.h>
#include <string.h>

#include "model/key_cells.h"
#include "model/model.h"
#include "ops/ops.h"

/* Is `name` the last segment of the tap's name? */
static bool is_called(const char *tap, const char *name) {
    size_t n = strlen(tap), k = strlen(name);
    return n >= k && strcmp(tap + n - k, name) == 0 && (n == k || tap[n - k - 1] == '.');
}

static bool is_map(const char *tap) { return is_called(tap, "map"); }

/* Returns the tap of attention in the same scope that is called `name`, or -1. */
static int find_beside(const cvt_model *m, int tap, const char *name) {
    const char *own = m->graph->values[m->taps[tap]].tap, *dot = strrchr(own, '.');
    size_t scope = dot ? (size_t)(dot - own) + 1 : 0;
    for (int i = 0; i < m->n_taps; i++) {
        const cvt_value_info *v = &m->graph->values[m->taps[i]];
        if (v->shape.layout == CVT_SCORES && strncmp(v->tap, own, scope) == 0 && strcmp(v->tap + scope, name) == 0)
            return i;
    }
    return -1;
}

static void set_keys(cvt_attention_info *info, const cvt_value_info *v) {
    info->keys = v->shape.d[2];
    info->prefix = v->keys.prefix;
    info->height = v->keys.h;
    info->width = v->keys.w;
}

cvt_attention_info cvt_model_attention(const cvt_model *m, int tap) {
    if (tap < 0 || tap >= m->n_taps) return (cvt_attention_info){0};
    const cvt_value_info *v = &m->graph->values[m->taps[tap]];
    if (v->shape.layout != CVT_SCORES) return (cvt_attention_info){0};
    cvt_attention_info info = {.heads = v->shape.d[0], .queries = v->shape.d[1], .map = is_map(v->tap)};
    set_keys(&info, v);
    bool asks = info.prefix > 0 && !v->keys.classless;
    info.class_query = asks && !is_called(v->tap, "gather") ? 0 : -1;
    info.factors[0] = info.factors[1] = -1;
    if (!is_called(v->tap, "scatter")) return info;
    int inverse = find_beside(m, tap, "landmarks_inverse"), gather = find_beside(m, tap, "gather");
    if (inverse < 0 || gather < 0) return info;
    set_keys(&info, &m->graph->values[m->taps[gather]]);
    info.class_query = info.prefix - 1; /* zero tokens may stand before the class token */
    info.map = true;
    info.factors[0] = inverse;
    info.factors[1] = gather;
    return info;
}

/* ---- rollout ---- */

typedef struct walk {
    const cvt_model *model;
    const cvt_graph *graph;
    int tokens;              /* tokens of the map that is asked for */
    bool spreads;            /* keys may be fewer than tokens, where it is known which tokens they are made from */
    bool *skip, *added, *of; /* marks on every value */
    int *chain, n;           /* the maps found, last to first */
    cvt_error *error;
} walk;

/* Marks a value and everything that it is computed from. */
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

static bool makes_one_of(const cvt_node *node, const bool *of) {
    for (int k = 0; k < node->n_out; k++)
        if (of[node->out[k]]) return true;
    return false;
}

static const cvt_node *producer(const walk *w, cvt_value v) { return cvt_graph_producer(w->graph, v); }
static int rows_of(const walk *w, cvt_value v) { return cvt_shape_rows(w->graph->values[v].shape); }
static bool is_sum(const walk *w, cvt_value v) { return producer(w, v)->op == &cvt_op_add; }

/* Returns what the tokens v were before the op that made them (for a sum: its first operand), or CVT_NO_VALUE where the
 * sequence begins. */
static cvt_value step_back(const walk *w, cvt_value v) {
    const cvt_node *node = producer(w, v);
    if (node->n_in == 0) return CVT_NO_VALUE;
    cvt_value before = node->in[0];
    for (int i = 1; i < node->n_in; i++)
        if (rows_of(w, node->in[i]) > rows_of(w, before)) before = node->in[i];
    int rows = rows_of(w, v), then = rows_of(w, before);
    bool joined = node->op == &cvt_op_concat && then < rows;
    bool parted = node->op == &cvt_op_slice && then > rows && then <= w->tokens;
    return then == rows || joined || parted ? before : CVT_NO_VALUE;
}

/* Checks that a map can be multiplied: its keys must be the tokens of its queries, as many or with known places among
 * them, and made from the same sum or the same beginning. */
static cvt_status require_own_keys(const walk *w, int tap) {
    const cvt_value_info *map = &w->graph->values[w->model->taps[tap]];
    const cvt_node *node = &w->graph->nodes[map->node];
    char shape[48];
    const bool square = map->shape.d[1] == map->shape.d[2];
    if (!square && w->spreads) {
        cvt_key_cells cells;
        TRY(cvt_key_cells_find(&cells, w->model, tap, w->error));
        cvt_key_cells_free(&cells);
    } else if (!square) {
        return cvt_fail(w->error, CVT_USAGE,
                        "no rollout: \"%s\" is %s (heads, queries, keys), and the maps of layers can be multiplied "
                        "only where the keys are as many as the queries",
                        map->tap, cvt_shape_text(map->shape, shape));
    }
    cvt_value own = node->in[0], before;
    while (!is_sum(w, own) && (before = step_back(w, own)) != CVT_NO_VALUE) own = before;
    for (int i = 1; i < node->n_in; i++) {
        mark(w->graph, node->in[i], w->of);
        bool scores = w->graph->values[node->in[i]].shape.layout == CVT_SCORES; /* the scores of an earlier layer */
        if (!w->of[own] && !scores)
            return cvt_fail(w->error, CVT_USAGE, "no rollout: the keys of \"%s\" are other tokens than its queries",
                            map->tap);
    }
    return CVT_OK;
}

static cvt_status fail_landmarks(const walk *w, const char *name) {
    return cvt_fail(w->error, CVT_USAGE,
                    "no rollout: \"%s\" is part of landmark attention, whose rows are no probabilities", name);
}

/* Adds the map of the layer that lies between the operands of a sum of `rows` tokens, if there is one. */
static cvt_status add_layer(walk *w, int rows) {
    for (int i = 0; i < w->model->n_taps; i++) {
        const cvt_value_info *v = &w->graph->values[w->model->taps[i]];
        const cvt_node *node = &w->graph->nodes[v->node];
        bool scatter = is_called(v->tap, "scatter"), map = is_map(v->tap) && v->shape.d[1] == rows;
        if (v->shape.layout != CVT_SCORES || !(map || scatter)) continue;
        if (!makes_one_of(node, w->added) || makes_one_of(node, w->skip)) continue;
        if (scatter) return fail_landmarks(w, v->tap);
        TRY(require_own_keys(w, i));
        w->chain[w->n++] = i;
        return CVT_OK;
    }
    return CVT_OK;
}

/* Finds the operand of a sum that did not go through the layer, after looking for the layer's map in the other
 * operand. */
static cvt_status pass_sum(walk *w, cvt_value v, cvt_value *before) {
    const cvt_node *sum = producer(w, v);
    for (int i = 0; i < 2; i++) {
        mark(w->graph, sum->in[i], w->skip);
        mark(w->graph, sum->in[!i], w->added);
        if (!w->added[sum->in[i]]) continue;
        *before = sum->in[i];
        return add_layer(w, rows_of(w, v));
    }
    *before = sum->in[0]; /* neither operand is made from the other: positions are added */
    return CVT_OK;
}

static bool has_scores(const walk *w, const cvt_value *values, int n) {
    for (int i = 0; i < n; i++)
        if (w->graph->values[values[i]].shape.layout == CVT_SCORES) return true;
    return false;
}

/* Walks back from the queries of a map to where the sequence begins. */
static cvt_status follow(walk *w, cvt_value v) {
    while (v != CVT_NO_VALUE) {
        const cvt_node *node = producer(w, v);
        if (has_scores(w, node->in, node->n_in) || has_scores(w, node->out, node->n_out))
            return cvt_fail(w->error, CVT_USAGE,
                            "no rollout: tokens pass through the attention in \"%s\" only, not past it", node->name);
        cvt_value before = step_back(w, v);
        if (is_sum(w, v)) TRY(pass_sum(w, v, &before));
        v = before;
    }
    return CVT_OK;
}

static cvt_status find_chain(walk *w, int tap) {
    cvt_value v = w->model->taps[tap];
    const cvt_value_info *map = &w->graph->values[v];
    if (cvt_model_attention(w->model, tap).factors[0] >= 0) return fail_landmarks(w, map->tap);
    if (map->shape.layout != CVT_SCORES || !is_map(map->tap))
        return cvt_fail(w->error, CVT_USAGE, "no rollout: \"%s\" is not the attention map of a layer", map->tap);
    w->tokens = map->shape.d[1];
    while (w->graph->values[v].shape.layout == CVT_SCORES) v = producer(w, v)->in[0];
    if (rows_of(w, v) != w->tokens)
        return cvt_fail(w->error, CVT_USAGE, "no rollout: \"%s\" attends within groups of tokens, not to all",
                        map->tap);
    TRY(require_own_keys(w, tap));
    w->chain[w->n++] = tap;
    return follow(w, v);
}

static cvt_status find(const cvt_model *m, int tap, bool spreads, int *to, int capacity, int *n, cvt_error *error) {
    *n = 0;
    if (tap < 0 || tap >= m->n_taps) return cvt_fail(error, CVT_USAGE, "the model has no tap of index %d", tap);
    size_t values = (size_t)m->graph->n_values;
    bool *marks = calloc(3 * values, sizeof *marks);
    int *chain = calloc((size_t)m->n_taps, sizeof *chain);
    if (!marks || !chain) {
        free(marks);
        free(chain);
        return cvt_fail_memory(error);
    }
    walk w = {.model = m, .graph = m->graph, .spreads = spreads, .chain = chain, .error = error};
    w.skip = marks;
    w.added = marks + values;
    w.of = marks + 2 * values;
    cvt_status status = find_chain(&w, tap);
    if (status == CVT_OK && w.n > capacity)
        status = cvt_fail(error, CVT_USAGE, "the rollout multiplies %d taps, there is room for %d", w.n, capacity);
    for (int i = 0; status == CVT_OK && i < w.n; i++) to[i] = chain[w.n - 1 - i];
    if (status == CVT_OK) *n = w.n;
    free(marks);
    free(chain);
    return status;
}

cvt_status cvt_model_rollout(const cvt_model *m, int tap, int *to, int capacity, int *n, cvt_error *error) {
    return find(m, tap, false, to, capacity, n, error);
}

cvt_status cvt_rollout_find(const cvt_model *m, int tap, int *to, int capacity, int *n, cvt_error *error) {
    return find(m, tap, true, to, capacity, n, error);
}
