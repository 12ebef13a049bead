/* key_cells.c - which tokens the keys of an attention are made from.
 *
 * The way goes back from the keys to the tokens that the queries are made from. Ops that leave the number of rows as it
 * is are taken to leave each where it is, as attention rollout does. An op that makes a map smaller says which cells of
 * its input a cell is made from (`window` of cvt_op); several of them after each other make the window of a window.
 * Class tokens are parted from the map before, and joined to it behind. */
#include "model/key_cells.h"

#include <stdlib.h>

#include "base/num.h"
#include "model/model.h"
#include "ops/ops.h"

void cvt_key_cells_free(cvt_key_cells *cells) {
    free(cells->down);
    free(cells->across);
    *cells = (cvt_key_cells){0};
}

static int rows_of(const cvt_graph *g, cvt_value v) { return cvt_shape_rows(g->values[v].shape); }

/* The input of a node with the most rows. */
static cvt_value largest_input(const cvt_graph *g, const cvt_node *node) {
    cvt_value largest = node->in[0];
    for (int i = 1; i < node->n_in; i++)
        if (rows_of(g, node->in[i]) > rows_of(g, largest)) largest = node->in[i];
    return largest;
}

/* Widens spans over a map's cells to the cells of the map that a node has made it from. */
static void widen(cvt_key_span *spans, int n, const cvt_node *node, const cvt_graph *g, int axis) {
    const int size = g->values[node->in[0]].shape.d[axis + 1];
    for (int i = 0; i < n; i++) {
        int first, last, unused;
        node->op->window(node, g, axis, spans[i].first, &first, &unused);
        node->op->window(node, g, axis, spans[i].last, &unused, &last);
        spans[i] = (cvt_key_span){cvt_max_int(first, 0), cvt_min_int(last, size - 1)};
    }
}

static cvt_key_span *new_spans(int n) {
    cvt_key_span *spans = calloc((size_t)n, sizeof *spans);
    for (int i = 0; spans && i < n; i++) spans[i] = (cvt_key_span){i, i};
    return spans;
}

/* Goes from the value v, of the keys, back to one of `tokens` rows. False where an op on the way is not known. */
static bool go_back(cvt_key_cells *to, const cvt_graph *g, cvt_value v, int tokens) {
    while (rows_of(g, v) != tokens) {
        const cvt_node *node = cvt_graph_producer(g, v);
        if (node->n_in == 0) return false;
        const cvt_value before = largest_input(g, node);
        const int rows = rows_of(g, v), then = rows_of(g, before);
        const bool joined = node->op == &cvt_op_concat && rows - then == to->prefix;
        const bool parted = node->op == &cvt_op_slice && then - rows == to->prefix;
        const bool map = node->op->window && g->values[before].shape.layout == CVT_MAP;
        if (map && then != rows) {
            widen(to->down, to->key_rows, node, g, 0);
            widen(to->across, to->key_columns, node, g, 1);
            to->rows = g->values[before].shape.d[1];
            to->columns = g->values[before].shape.d[2];
        } else if (then != rows && !joined && !parted) {
            return false;
        }
        v = before;
    }
    return true;
}

static bool are_whole(const cvt_key_span *spans, int n) {
    for (int i = 0; i < n; i++)
        if (spans[i].first > spans[i].last) return false;
    return true;
}

cvt_status cvt_key_cells_find(cvt_key_cells *out, const cvt_model *m, int tap, cvt_error *error) {
    const cvt_graph *g = m->graph;
    const cvt_value_info *map = &g->values[m->taps[tap]];
    const cvt_node *node = &g->nodes[map->node];
    const int tokens = map->shape.d[1], keys = map->shape.d[2];
    char shape[48];
    *out = (cvt_key_cells){0};
    if (tokens == keys) return CVT_OK;
    cvt_key_cells c = {.prefix = map->keys.prefix, .key_rows = map->keys.h, .key_columns = map->keys.w};
    bool known = node->n_in > 1 && c.key_rows > 0 && c.prefix + c.key_rows * c.key_columns == keys;
    if (known) {
        c.down = new_spans(c.key_rows);
        c.across = new_spans(c.key_columns);
        if (!c.down || !c.across) {
            cvt_key_cells_free(&c);
            return cvt_fail_memory(error);
        }
        known = go_back(&c, g, node->in[1], tokens) && c.rows > 0 && c.prefix + c.rows * c.columns == tokens &&
                are_whole(c.down, c.key_rows) && are_whole(c.across, c.key_columns);
    }
    if (known) {
        *out = c;
        return CVT_OK;
    }
    cvt_key_cells_free(&c);
    return cvt_fail(error, CVT_USAGE,
                    "no rollout: \"%s\" is %s (heads, queries, keys), and from which tokens its keys are made is not "
                    "known",
                    map->tap, cvt_shape_text(map->shape, shape));
}

void cvt_key_cells_spread(double *tokens, const cvt_key_cells *cells, const double *keys) {
    for (int i = 0; i < cells->prefix; i++) tokens[i] += keys[i];
    tokens += cells->prefix;
    keys += cells->prefix;
    for (int i = 0; i < cells->key_rows; i++)
        for (int j = 0; j < cells->key_columns; j++) {
            const cvt_key_span down = cells->down[i], across = cells->across[j];
            const int n = (down.last - down.first + 1) * (across.last - across.first + 1);
            const double share = *keys++ / n;
            for (int y = down.first; y <= down.last; y++)
                for (int x = across.first; x <= across.last; x++)
                    tokens[(size_t)y * (size_t)cells->columns + (size_t)x] += share;
        }
}
