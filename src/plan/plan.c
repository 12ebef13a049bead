/* plan.c - makes a list of steps from a graph: it fuses nodes, groups them, places values, and lowers each node. */
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "ops/ops.h"
#include "ops/panels.h"

/* Tables that are only used while planning. */
typedef struct tables {
    int *uses; /* how many nodes read each value */
    cvt_plan_nodes nodes;
    cvt_ref *workspaces;
    const float **constants; /* for every value that depends on the weights alone: its numbers */
} tables;

static bool make_tables(tables *t, const cvt_graph *g) {
    size_t values = (size_t)g->n_values + 1, nodes = (size_t)g->n_nodes + 1;
    t->uses = calloc(values, sizeof *t->uses);
    t->nodes.node = calloc(nodes, sizeof *t->nodes.node);
    t->nodes.producer = malloc(values * sizeof *t->nodes.producer);
    t->workspaces = calloc(nodes, sizeof *t->workspaces);
    t->constants = calloc(values, sizeof *t->constants);
    t->nodes.group = calloc(nodes, sizeof *t->nodes.group);
    if (!t->nodes.group || !t->uses || !t->nodes.node || !t->nodes.producer || !t->workspaces || !t->constants)
        return false;
    for (size_t v = 0; v < values; v++) t->nodes.producer[v] = -1;
    t->nodes.n = g->n_nodes;
    for (int i = 0; i < g->n_nodes; i++) {
        const cvt_node *node = &g->nodes[i];
        t->nodes.node[i] = (cvt_plan_node){.node = node, .out = node->out[0], .residual = CVT_NO_VALUE};
        for (int k = 0; k < node->n_in; k++) t->uses[node->in[k]]++;
        for (int k = 0; k < node->n_out; k++) t->nodes.producer[node->out[k]] = i;
    }
    return true;
}

static void free_tables(tables *t) {
    free(t->uses);
    free(t->nodes.node);
    free(t->nodes.producer);
    free(t->nodes.group);
    free(t->workspaces);
    free(t->constants);
}

/* Returns the group that makes v, -1 for what is there from the beginning. */
static int group_of(const tables *t, cvt_value v) {
    int i = t->nodes.producer[v];
    while (i >= 0 && t->nodes.node[i].node && t->nodes.node[i].node->op->view)
        i = t->nodes.producer[t->nodes.node[i].node->in[0]];
    return i < 0 ? -1 : t->nodes.group[i];
}

/* Can a concatenation copy what is not in place yet while the group before it computes what is? */
static bool copies_early(const tables *t, const cvt_plan *plan, int i) {
    const cvt_node *node = t->nodes.node[i].node;
    bool placed = false;
    for (int k = 0; k < node->n_in; k++) {
        cvt_ref in = plan->refs[node->in[k]], part = plan->refs[node->out[0]];
        part.start += node->op->part(node, plan->graph, k);
        const int made = group_of(t, node->in[k]);
        if (in.buffer == part.buffer && in.start == part.start)
            placed = placed || made >= 0;
        else if (made >= t->nodes.group[i] - 1)
            return false;
    }
    return placed;
}

/* Where a step goes among those of its group: `stage` rises. */
typedef struct step_place {
    int group, stage;
} step_place;

/* Notes the places of steps [first, last), which plan node i was lowered to. Of several steps the last ones of all
 * nodes of the group go together, as do those before them. */
static void note_places(step_place *places, const tables *t, const cvt_plan *plan, int i, int first, int last) {
    const bool copies = t->nodes.node[i].node->op->part != NULL, early = copies && copies_early(t, plan, i);
    for (int s = first; s < last; s++)
        places[s] = (step_place){t->nodes.group[i] - (early ? 1 : 0), copies ? 0 : s - last + 1};
}

/* Puts the steps of each group in order of their stages, and says which may run at the same time. */
static void arrange(cvt_step *steps, step_place *places, int n) {
    for (int i = 1; i < n; i++) {
        const cvt_step step = steps[i];
        const step_place place = places[i];
        int j = i;
        for (; j > 0 && (places[j - 1].group > place.group ||
                         (places[j - 1].group == place.group && places[j - 1].stage > place.stage));
             j--) {
            steps[j] = steps[j - 1];
            places[j] = places[j - 1];
        }
        steps[j] = step;
        places[j] = place;
    }
    for (int i = 1; i < n; i++)
        steps[i].joins = places[i].group == places[i - 1].group && places[i].stage == places[i - 1].stage;
}

static bool lower_all(cvt_plan *plan, const tables *t, const cvt_source *sources, const cvt_plan_options *options) {
    cvt_steps list = {0};
    step_place *places = NULL;
    cvt_lowering l = {.kernels = plan->kernels,
                      .graph = plan->graph,
                      .refs = plan->refs,
                      .sources = sources,
                      .panels = plan->panels,
                      .constants = t->constants,
                      .arena = &plan->arena,
                      .pack_ahead = options->pack_ahead,
                      .drop = options->drop,
                      .owner = options->owner,
                      .steps = &list};
    for (int i = 0; i < t->nodes.n && !l.failed; i++) {
        const cvt_plan_node *w = &t->nodes.node[i];
        if (!w->node || w->node->op->view) continue;
        const int first = list.n;
        l.workspace = t->workspaces[i];
        w->node->op->lower(&l, w);
        step_place *grown = realloc(places, (size_t)(list.n + 1) * sizeof *places);
        if (!grown) l.failed = true;
        if (grown) places = grown;
        if (!l.failed) note_places(places, t, plan, i, first, list.n);
    }
    if (!l.failed) arrange(list.step, places, list.n);
    if (!l.failed) cvt_pack_noted(&l, options->threads);
    free(places);
    plan->steps = list.step;
    plan->n_steps = list.n;
    plan->scratch = l.scratch;
    return !l.failed;
}

/* Returns a copy of `retain` to which the graph's output is added. */
static bool *copy_retain(const cvt_graph *g, const bool *retain) {
    bool *copy = calloc((size_t)g->n_values + 1, sizeof *copy);
    if (!copy) return NULL;
    if (retain) memcpy(copy, retain, (size_t)g->n_values * sizeof *copy);
    copy[g->output] = true;
    return copy;
}

cvt_status cvt_plan_new(cvt_plan **out, const cvt_graph *graph, const cvt_source *sources,
                        const cvt_plan_options *options, cvt_error *error) {
    tables t = {0};
    cvt_plan *plan = calloc(1, sizeof *plan);
    bool *retain = copy_retain(graph, options->retain), ok = plan && retain && make_tables(&t, graph);
    if (ok) {
        plan->graph = graph;
        plan->kernels = options->kernels;
        plan->pack_ahead = options->pack_ahead;
        plan->refs = cvt_arena_array(&plan->arena, (size_t)graph->n_values + 1, sizeof *plan->refs);
        plan->panels = cvt_arena_array(&plan->arena, (size_t)graph->n_params + 1, sizeof *plan->panels);
        ok = plan->refs && plan->panels;
    }
    cvt_status status = CVT_OK;
    if (ok) {
        if (options->fuse) cvt_plan_fuse(&t.nodes, t.uses, retain);
        cvt_plan_choose_precision(&t.nodes, graph, options->precision);
        ok = cvt_plan_group(&t.nodes, graph->n_values);
        if (ok && options->fuse) { /* nodes stay where they are now */
            cvt_plan_pair(&t.nodes, graph, t.uses, retain);
            ok = cvt_plan_ready(&t.nodes, graph->n_values, retain, plan->kernels);
        }
        if (ok)
            status = cvt_memory_place(plan->refs, t.workspaces, &plan->floats, &plan->kept, &t.nodes, graph, t.uses,
                                      retain, plan->kernels, error);
        ok = ok && status == CVT_OK && lower_all(plan, &t, sources, options);
    }
    free_tables(&t);
    free(retain);
    if (ok) {
        *out = plan;
        return CVT_OK;
    }
    cvt_plan_free(plan);
    return status == CVT_OK ? cvt_fail_memory(error) : status;
}

void cvt_plan_free(cvt_plan *plan) {
    if (!plan) return;
    free(plan->steps);
    cvt_arena_free(&plan->arena);
    free(plan);
}
