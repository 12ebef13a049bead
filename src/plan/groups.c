/* groups.c - puts nodes together that may run at the same time: the projections of q, k and v, the branches of
 * CrossViT. The steps of a group have one barrier behind all of them, so that a thread that finds nothing to do in one
 * step helps with the next. A node is moved up to one of the same op if all that it reads was made before that one's
 * group. */
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

enum { WINDOW = 16 }; /* nodes are looked for so far ahead: what they make is kept for longer */

typedef struct state {
    const cvt_plan_nodes *nodes;
    int *order, *group; /* the nodes in their new order, and for every node by its old number its group; -1: none yet */
    int n;              /* nodes that are in `order` */
} state;

static bool is_view(const cvt_plan_node *w) { return w->node && w->node->op->view; }

/* Was v made by a group before this one? */
static bool is_made(const state *s, cvt_value v, int group) {
    int i = s->nodes->producer[v];
    while (i >= 0 && is_view(&s->nodes->node[i])) i = s->nodes->producer[s->nodes->node[i].node->in[0]];
    return i < 0 || (s->group[i] >= 0 && s->group[i] < group);
}

static bool can_join(const state *s, const cvt_plan_node *w, int group) {
    for (int k = 0; k < w->node->n_in; k++)
        if (!is_made(s, w->node->in[k], group)) return false;
    return w->residual == CVT_NO_VALUE || is_made(s, w->residual, group);
}

/* Appends a node, and before it the views that it reads. */
static void append(state *s, int i, int group) {
    const cvt_plan_node *w = &s->nodes->node[i];
    for (int k = 0; w->node && k < w->node->n_in; k++) {
        int producer = s->nodes->producer[w->node->in[k]];
        if (producer >= 0 && is_view(&s->nodes->node[producer]) && s->group[producer] < 0) append(s, producer, group);
    }
    s->group[i] = group;
    s->order[s->n++] = i;
}

/* Puts the nodes into their new order. */
static bool reorder(cvt_plan_nodes *nodes, const state *s, int n_values) {
    cvt_plan_node *moved = malloc((size_t)(nodes->n + 1) * sizeof *moved);
    int *place = malloc((size_t)(nodes->n + 1) * sizeof *place);
    bool ok = moved && place;
    for (int i = 0; ok && i < nodes->n; i++) {
        moved[i] = nodes->node[s->order[i]];
        nodes->group[i] = s->group[s->order[i]];
        place[s->order[i]] = i;
    }
    if (ok) memcpy(nodes->node, moved, (size_t)nodes->n * sizeof *moved);
    for (int v = 0; ok && v < n_values; v++)
        if (nodes->producer[v] >= 0) nodes->producer[v] = place[nodes->producer[v]];
    free(moved);
    free(place);
    return ok;
}

bool cvt_plan_group(cvt_plan_nodes *nodes, int n_values) {
    const int n = nodes->n;
    state s = {.nodes = nodes,
               .order = malloc((size_t)(n + 1) * sizeof *s.order),
               .group = malloc((size_t)(n + 1) * sizeof *s.group)};
    bool ok = s.order && s.group;
    int groups = 0;
    for (int i = 0; ok && i < n; i++) s.group[i] = -1;
    for (int i = 0; ok && i < n; i++) {
        if (s.group[i] >= 0) continue;
        const cvt_plan_node *first = &nodes->node[i];
        append(&s, i, groups);
        if (!first->node || is_view(first)) continue;
        for (int j = i + 1; j < n && j < i + WINDOW; j++) {
            const cvt_plan_node *w = &nodes->node[j];
            if (s.group[j] < 0 && w->node && w->node->op == first->node->op && can_join(&s, w, groups))
                append(&s, j, groups);
        }
        groups++;
    }
    ok = ok && reorder(nodes, &s, n_values);
    nodes->group[n] = groups;
    free(s.order);
    free(s.group);
    return ok;
}
