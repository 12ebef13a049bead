/* describe.c - what a model says of itself: shapes, counts, and the lines of its listings. An index that is out of
 * range gets a struct of zeros. */
#include <string.h>

#include "base/clock.h"
#include "model/model.h"

const char *cvt_model_arch(const cvt_model *m) { return m->config.arch->name; }
const char *cvt_model_dialect(const cvt_model *m) { return m->names ? m->names->name : ""; }
int cvt_model_inputs(const cvt_model *m) { return m->graph->n_inputs; }
int cvt_model_taps(const cvt_model *m) { return m->n_taps; }
int cvt_model_classes(const cvt_model *m) { return cvt_config_base(&m->config)->classes; }

bool cvt_model_batch_dependent(const cvt_model *m) { return m->graph->batch_dependent; }

cvt_tensor_info cvt_value_describe(const char *name, cvt_shape shape) {
    cvt_tensor_info info = {.name = name, .rank = cvt_shape_rank(shape)};
    for (int i = 0; i < info.rank; i++) info.shape[i] = shape.d[i];
    return info;
}

cvt_tensor_info cvt_model_input(const cvt_model *m, int index) {
    if (index < 0 || index >= m->graph->n_inputs) return (cvt_tensor_info){0};
    const cvt_value_info *v = &m->graph->values[m->graph->inputs[index]];
    return cvt_value_describe(v->input ? v->input : "input", v->shape);
}

cvt_tensor_info cvt_model_output(const cvt_model *m) {
    return cvt_value_describe("output", m->graph->values[m->graph->output].shape);
}

cvt_tensor_info cvt_model_tap(const cvt_model *m, int index) {
    if (index < 0 || index >= m->n_taps) return (cvt_tensor_info){0};
    const cvt_value_info *v = &m->graph->values[m->taps[index]];
    return cvt_value_describe(v->tap, v->shape);
}

int cvt_model_find_tap(const cvt_model *m, const char *name) {
    for (int i = 0; i < m->n_taps; i++)
        if (strcmp(m->graph->values[m->taps[i]].tap, name) == 0) return i;
    return -1;
}

cvt_tensor_info cvt_model_embedding(const cvt_model *m) {
    cvt_value v = m->graph->embedding;
    return v == CVT_NO_VALUE ? (cvt_tensor_info){0} : cvt_value_describe("embedding", m->graph->values[v].shape);
}

/* A counter of batches that the weights lack is not stored. */
static bool is_stored(const cvt_model *m, int p) {
    return !m->graph->params[p].ignored || !m->tensors || m->tensors[p];
}

static int64_t count_stored(const cvt_model *m, bool buffers) {
    int64_t n = 0;
    for (int i = 0; i < m->graph->n_params; i++)
        if (m->graph->params[i].buffer == buffers && is_stored(m, i)) n += (int64_t)m->graph->params[i].count;
    return n;
}

const char *cvt_model_isa(const cvt_model *m) { return m->plan ? m->plan->kernels->name : NULL; }

/* Where a CPU gains nothing from a precision, its kernels are those of f32. */
const char *cvt_model_precision(const cvt_model *m) {
    const cvt_kernels *kernels = m->plan ? m->plan->kernels : NULL;
    const bool f32 = kernels && kernels->product[m->precision] == kernels->product[CVT_PRECISION_F32];
    return cvt_precision_name(f32 ? CVT_PRECISION_F32 : m->precision);
}

int64_t cvt_model_parameters(const cvt_model *m) { return count_stored(m, false); }
int64_t cvt_model_buffers(const cvt_model *m) { return count_stored(m, true); }

int64_t cvt_model_macs(const cvt_model *m) {
    int64_t n = 0;
    for (int i = 0; i < m->graph->n_nodes; i++) n += m->graph->nodes[i].macs;
    return n;
}

int64_t cvt_model_bytes(const cvt_model *m) {
    const cvt_weights *weights = m->files.weights;
    if (!weights) return (int64_t)sizeof(float) * (cvt_model_parameters(m) + cvt_model_buffers(m));
    int64_t n = 0;
    for (size_t i = 0; i < cvt_weights_count(weights); i++) n += (int64_t)cvt_weights_at(weights, i)->bytes;
    return n;
}

const char *cvt_model_label(const cvt_model *m, int i) {
    return m->labels && i >= 0 && i < m->n_labels ? m->labels[i] : NULL;
}

/* ---- listings ---- */

/* Counts the parameters of a node. Those that are marked in `counted` (may be NULL) are left out; the others become
 * marked. */
static int64_t node_parameters(const cvt_graph *g, const cvt_node *node, bool *counted) {
    int64_t n = 0;
    for (int i = 0; i < node->n_params; i++) {
        int p = node->params[i];
        if (g->params[p].buffer || (counted && counted[p])) continue;
        if (counted) counted[p] = true;
        n += (int64_t)g->params[p].count;
    }
    return n;
}

/* The listing CVT_ROWS_CVT has a line for every node that has parameters or multiplies. */
cvt_status cvt_listing_make(cvt_model *m, cvt_error *error) {
    const cvt_graph *g = m->graph;
    bool *counted = cvt_arena_array(&m->arena, (size_t)g->n_params + 1, sizeof *counted);
    m->lines = cvt_arena_array(&m->arena, (size_t)g->n_nodes + 1, sizeof *m->lines);
    m->line_parameters = cvt_arena_array(&m->arena, (size_t)g->n_nodes + 1, sizeof *m->line_parameters);
    if (!counted || !m->lines || !m->line_parameters) return cvt_fail_memory(error);
    for (int i = 0; i < g->n_nodes; i++) {
        if (!g->nodes[i].n_params && !g->nodes[i].macs) continue;
        m->line_parameters[m->n_lines] = node_parameters(g, &g->nodes[i], counted);
        m->lines[m->n_lines++] = i;
    }
    return CVT_OK;
}

int cvt_model_rows(const cvt_model *m, cvt_row_style style) {
    return style == CVT_ROWS_TORCHSUMMARY ? m->graph->n_lines : m->n_lines;
}

static void set_shape(cvt_row *row, cvt_shape shape) {
    cvt_tensor_info info = cvt_value_describe(NULL, shape);
    row->rank = info.rank;
    memcpy(row->shape, info.shape, sizeof row->shape);
}

static cvt_row own_line(const cvt_model *m, int index) {
    const cvt_node *n = &m->graph->nodes[m->lines[index]];
    const char *type = n->op->type ? n->op->type(n->attr) : n->op->name;
    cvt_row row = {.name = n->name, .type = type, .parameters = m->line_parameters[index], .macs = n->macs};
    set_shape(&row, m->graph->values[n->out[0]].shape);
    return row;
}

cvt_row cvt_model_row(const cvt_model *m, cvt_row_style style, int index) {
    if (index < 0 || index >= cvt_model_rows(m, style)) return (cvt_row){0};
    if (style != CVT_ROWS_TORCHSUMMARY) return own_line(m, index);
    const cvt_graph *g = m->graph;
    const cvt_graph_line *line = &g->lines[index];
    cvt_row row = {.name = line->name, .type = line->type};
    set_shape(&row, g->values[line->value].shape);
    if (line->node >= 0) {
        row.parameters = node_parameters(g, &g->nodes[line->node], NULL);
        row.macs = g->nodes[line->node].macs;
    }
    return row;
}

/* ---- the machine ---- */

const char *cvt_version(void) { return CVT_VERSION; }

cvt_status cvt_isa(const char **name, cvt_error *error) {
    const cvt_kernels *kernels;
    *name = NULL;
    TRY(cvt_kernels_find(&kernels, NULL, error));
    *name = kernels->name;
    return CVT_OK;
}

double cvt_peak_macs(void) {
    enum { ROUNDS = 200000, TRIALS = 5 };
    const cvt_kernels *kernels;
    if (cvt_kernels_find(&kernels, NULL, NULL) != CVT_OK) return 0;
    double best = 0;
    for (int i = 0; i < TRIALS; i++) {
        const double start = cvt_clock_ms();
        double operations = kernels->peak(ROUNDS);
        const double seconds = (cvt_clock_ms() - start) * 1e-3;
        if (seconds > 0 && operations / 2 / seconds > best) best = operations / 2 / seconds;
    }
    return best;
}
