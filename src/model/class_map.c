/* class_map.c - class activation maps: how much each place of the image speaks for a class.
 *
 * Let the classifier be a linear layer that reads the mean of a map. For a class it has a row of weights. Multiplying
 * the channels at one place of the map by this row gives a number, and the mean of these numbers over all places, plus
 * the bias, is the logit of the class. The numbers themselves are the class activation map (Zhou et al., "Learning
 * Deep Features for Discriminative Localization", 2016). The map and the row are found in the graph, not by names. */
#include <stdlib.h>

#include "graph/source.h"
#include "model/model.h"
#include "ops/ops.h"
#include "ops/precision.h"

/* What class activation maps are made from. */
typedef struct head {
    const cvt_node *classifier; /* NULL: the classifier does not read the mean of a map */
    cvt_value features;         /* the map, stored as [height * width, channels] */
    int height, width;
} head;

/* Goes back through ops that only look at their input differently, as long as they look at all of it. */
static cvt_value behind_views(const cvt_graph *g, cvt_value v) {
    for (;;) {
        const cvt_node *node = cvt_graph_producer(g, v);
        if (!node->op->view || cvt_shape_count(g->values[node->in[0]].shape) != cvt_shape_count(g->values[v].shape))
            return v;
        v = node->in[0];
    }
}

/* Finds where the rows of v lie on the image: v must be a map, or tokens each of which was made from one pixel of a
 * map. */
static bool find_grid(const cvt_graph *g, cvt_value v, head *to) {
    const int rows = cvt_shape_rows(g->values[v].shape);
    for (;;) {
        const cvt_value_info *info = &g->values[v];
        const cvt_node *node = cvt_graph_producer(g, v);
        if (info->shape.layout == CVT_MAP) {
            to->height = info->shape.d[1];
            to->width = info->shape.d[2];
            return true;
        }
        if (node->n_in == 0 || cvt_shape_rows(g->values[node->in[0]].shape) != rows) return false;
        v = node->in[0];
    }
}

static head find_head(const cvt_model *m) {
    const cvt_graph *g = m->graph;
    const cvt_node *classifier = cvt_graph_producer(g, g->output);
    head h = {0};
    if (classifier->op != &cvt_op_linear || cvt_shape_rows(g->values[g->output].shape) != 1) return h;
    cvt_value mean = behind_views(g, classifier->in[0]);
    if (cvt_graph_producer(g, mean)->op != &cvt_op_mean || cvt_shape_rows(g->values[mean].shape) != 1) return h;
    h.features = cvt_graph_producer(g, mean)->in[0];
    if (find_grid(g, h.features, &h)) h.classifier = classifier;
    return h;
}

cvt_tensor_info cvt_model_class_map(const cvt_model *m) {
    head h = find_head(m);
    if (!h.classifier) return (cvt_tensor_info){0};
    return (cvt_tensor_info){.name = "class map", .rank = 2, .shape = {h.height, h.width}};
}

cvt_status cvt_model_retain_class_map(cvt_model *m, cvt_error *error) {
    head h = find_head(m);
    if (!h.classifier)
        return cvt_fail(error, CVT_UNSUPPORTED,
                        "the model has no class activation maps: its classifier does not read "
                        "the mean of a map");
    if (m->plan) return cvt_fail(error, CVT_USAGE, "the model is loaded: what its runs retain can no longer change");
    m->retain[h.features] = true;
    return CVT_OK;
}

/* Reads row `index` of the classifier's weight, [channels], into `to`. */
static cvt_status read_row(float *to, const cvt_model *m, const cvt_node *classifier, int index, cvt_error *error) {
    const int p = classifier->params[0];
    const cvt_source *weight = &m->sources[p];
    const size_t channels = (size_t)m->graph->params[p].shape[1], row = (size_t)index;
    if (!weight->packed) {
        const cvt_param one = {.rank = 2, .shape = {1, m->graph->params[p].shape[1]}, .count = channels};
        cvt_source source = {.dtype = weight->dtype, .scales = weight->scales ? weight->scales + row : NULL};
        source.data = (const char *)weight->data + row * channels * cvt_dtype_size(weight->dtype);
        cvt_source_widen(to, source, &one);
        return CVT_OK;
    }
    /* The file holds panels. In f32 they are [channels][nr] for each nr rows. */
    if (cvt_node_precision(m->graph, classifier, m->precision) != CVT_PRECISION_F32)
        return cvt_fail(error, CVT_UNSUPPORTED, "the classifier's weights are packed in less than f32");
    const size_t nr = (size_t)m->plan->kernels->nr;
    const float *panel = (const float *)weight->data + row / nr * channels * nr + row % nr;
    for (size_t c = 0; c < channels; c++) to[c] = panel[c * nr];
    return CVT_OK;
}

cvt_status cvt_class_map_make(float *to, const cvt_model *m, const cvt_exec *exec, int n, int index, cvt_error *error) {
    head h = find_head(m);
    if (!h.classifier || !m->retain[h.features])
        return cvt_fail(error, CVT_USAGE, "the model was not told to retain what class activation maps are made of");
    const int classes = cvt_shape_cols(m->graph->values[m->graph->output].shape);
    if (index < 0 || index >= classes)
        return cvt_fail(error, CVT_USAGE, "there is no class %d: they are 0 to %d", index, classes - 1);
    const size_t channels = (size_t)cvt_shape_cols(m->graph->values[h.features].shape);
    const size_t cells = (size_t)h.height * (size_t)h.width;
    float *row = calloc(channels, sizeof *row);
    if (!row) return cvt_fail_memory(error);
    cvt_status status = read_row(row, m, h.classifier, index, error);
    for (int i = 0; status == CVT_OK && i < n; i++) {
        const float *features = cvt_exec_value(exec, h.features, i);
        for (size_t cell = 0; cell < cells; cell++, features += channels) {
            double sum = 0;
            for (size_t c = 0; c < channels; c++) sum += (double)row[c] * (double)features[c];
            *to++ = (float)sum;
        }
    }
    free(row);
    return status;
}
