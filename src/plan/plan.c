/* plan.c - makes a list of steps from a graph: it fuses nodes, places values, and lowers each node. */
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "ops/ops.h"

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
    if (!t->uses || !t->nodes.node || !t->nodes.producer || !t->workspaces || !t->constants) return false;
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
    free(t->workspaces);
    free(t->constants);
}

static bool lower_all(cvt_plan *plan, const tables *t, const cvt_source *sources, const cvt_plan_options *options) {
    cvt_steps list = {0};
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
        l.workspace = t->workspaces[i];
        w->node->op->lower(&l, w);
    }
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
        if (options->fuse) cvt_plan_pair(&t.nodes, graph, t.uses, retain);
        status = cvt_memory_place(plan->refs, t.workspaces, &plan->floats, &t.nodes, graph, t.uses, retain,
                                  plan->kernels, error);
        ok = status == CVT_OK && lower_all(plan, &t, sources, options);
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
