/* about.c - what a model says of itself: shapes, counts, rows of a listing. */
#include <string.h>
#include <time.h>

#include "model/model.h"

const char *cvt_model_arch(const cvt_model *m) { return m->config.arch->name; }
const char *cvt_model_dialect(const cvt_model *m) { return m->names ? m->names->name : ""; }
int cvt_model_inputs(const cvt_model *m) { return m->graph->n_inputs; }
int cvt_model_taps(const cvt_model *m) { return m->n_taps; }
int cvt_model_classes(const cvt_model *m) { return cvt_config_base(&m->config)->classes; }

cvt_tensor_info cvt_value_describe(const char *name, cvt_shape shape) {
    cvt_tensor_info info = {.name = name, .rank = cvt_shape_rank(shape)};
    for (int i = 0; i < info.rank; i++) info.shape[i] = shape.d[i];
    return info;
}

cvt_tensor_info cvt_model_input(const cvt_model *m, int index) {
    return cvt_value_describe("input", m->graph->values[m->graph->inputs[index]].shape);
}

cvt_tensor_info cvt_model_output(const cvt_model *m) {
    return cvt_value_describe("output", m->graph->values[m->graph->output].shape);
}

cvt_tensor_info cvt_model_tap(const cvt_model *m, int index) {
    const cvt_value_info *v = &m->graph->values[m->taps[index]];
    return cvt_value_describe(v->tap, v->shape);
}

static int64_t count_stored(const cvt_model *m, bool buffers) {
    int64_t n = 0;
    for (int i = 0; i < m->graph->n_params; i++)
        if (m->graph->params[i].buffer == buffers) n += (int64_t)m->graph->params[i].count;
    return n;
}

int64_t cvt_model_parameters(const cvt_model *m) { return count_stored(m, false); }
int64_t cvt_model_buffers(const cvt_model *m) { return count_stored(m, true); }

int64_t cvt_model_macs(const cvt_model *m) {
    int64_t n = 0;
    for (int i = 0; i < m->graph->n_nodes; i++) n += m->graph->nodes[i].macs;
    return n;
}

const char *cvt_model_label(const cvt_model *m, int i) {
    return m->labels && i >= 0 && i < m->n_labels ? m->labels[i] : NULL;
}

/* ---- rows ---- */

/* Parameters of a node; with `first_only`, those that an earlier node has already counted are left out. */
static int64_t node_parameters(const cvt_graph *g, int node, bool first_only) {
    int64_t n = 0;
    for (int i = 0; i < g->nodes[node].n_params; i++) {
        int p = g->nodes[node].params[i];
        bool counted = g->params[p].buffer;
        for (int k = 0; first_only && !counted && k < node; k++)
            for (int j = 0; j < g->nodes[k].n_params; j++) counted |= g->nodes[k].params[j] == p;
        if (!counted) n += (int64_t)g->params[p].count;
    }
    return n;
}

/* The own style has a row for every node that holds parameters or multiplies. */
static bool has_row(const cvt_node *node) { return node->n_params > 0 || node->macs > 0; }

int cvt_model_rows(const cvt_model *m, cvt_row_style style) {
    if (style == CVT_ROWS_TORCHSUMMARY) return m->graph->n_rows;
    int n = 0;
    for (int i = 0; i < m->graph->n_nodes; i++) n += has_row(&m->graph->nodes[i]);
    return n;
}

static void set_shape(cvt_row *row, cvt_shape shape) {
    cvt_tensor_info info = cvt_value_describe(NULL, shape);
    row->rank = info.rank;
    memcpy(row->shape, info.shape, sizeof row->shape);
}

static cvt_row own_row(const cvt_graph *g, int node) {
    const cvt_node *n = &g->nodes[node];
    const char *type = n->op->type ? n->op->type(n->attr) : n->op->name;
    cvt_row row = {.name = n->name, .type = type, .parameters = node_parameters(g, node, true), .macs = n->macs};
    set_shape(&row, g->values[n->out[0]].shape);
    return row;
}

cvt_row cvt_model_row(const cvt_model *m, cvt_row_style style, int index) {
    const cvt_graph *g = m->graph;
    if (style == CVT_ROWS_CVT) {
        int node = 0;
        for (int left = index; !has_row(&g->nodes[node]) || left-- > 0;) node++;
        return own_row(g, node);
    }
    const cvt_graph_row *r = &g->rows[index];
    cvt_row row = {.name = r->name, .type = r->type};
    set_shape(&row, g->values[r->value].shape);
    if (r->node >= 0) {
        row.parameters = node_parameters(g, r->node, false);
        row.macs = g->nodes[r->node].macs;
    }
    return row;
}

/* ---- the machine ---- */

cvt_status cvt_isa(const char **name, cvt_error *error) {
    const cvt_kernels *kernels;
    TRY(cvt_kernels_get(&kernels, error));
    *name = kernels->name;
    return CVT_OK;
}

double cvt_peak_macs(void) {
    enum { ROUNDS = 200000, TRIALS = 5 };
    const cvt_kernels *kernels;
    if (cvt_kernels_get(&kernels, NULL) != CVT_OK) return 0;
    double best = 0;
    for (int i = 0; i < TRIALS; i++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        double operations = kernels->peak(ROUNDS);
        clock_gettime(CLOCK_MONOTONIC, &end);
        double seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) * 1e-9;
        if (seconds > 0 && operations / 2 / seconds > best) best = operations / 2 / seconds;
    }
    return best;
}
