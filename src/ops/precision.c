/* precision.c - decides which products run in int8 or f16, and which stay in f32. */
#include "ops/precision.h"

#include "graph/op.h"

static bool is_input(const cvt_graph *graph, cvt_value v) {
    for (int i = 0; i < graph->n_inputs; i++)
        if (graph->inputs[i] == v) return true;
    return false;
}

/* Is the value an input of the network, perhaps padded or unfolded, with no learned op in between? */
static bool is_image(const cvt_graph *graph, cvt_value v) {
    while (!is_input(graph, v)) {
        const cvt_node *producer = cvt_graph_producer(graph, v);
        if (producer->n_params || producer->n_in != 1) return false;
        v = producer->in[0];
    }
    return true;
}

static bool is_positive(const cvt_graph *graph, cvt_value v) {
    const cvt_node *producer = cvt_graph_producer(graph, v);
    return producer->op->positive && producer->op->positive(producer);
}

/* Is it the weight of a convolution by a window of 1 x 1? */
static bool is_pointwise(const cvt_param *weight) {
    return weight->rank == 4 && weight->shape[2] == 1 && weight->shape[3] == 1;
}

cvt_precision cvt_node_precision(const cvt_graph *graph, const cvt_node *node, cvt_precision asked) {
    enum { MIN_K = 48 };
    if (!node->op->product) return CVT_PRECISION_F32;
    const cvt_param *weight = &graph->params[node->params[0]];
    const size_t k = weight->count / (size_t)weight->shape[0];
    const bool alone = cvt_shape_rows(graph->values[node->out[0]].shape) == 1;
    if (alone || k < MIN_K || k > CVT_INT8_MAX_K || is_image(graph, node->in[0])) return CVT_PRECISION_F32;
    const bool fine = is_positive(graph, node->in[0]) || (asked == CVT_PRECISION_BF16 && is_pointwise(weight));
    return asked >= CVT_PRECISION_BF16 && fine ? CVT_PRECISION_F16 : asked;
}

const cvt_node *cvt_graph_product_of(const cvt_graph *graph, int param) {
    const cvt_node *reader = NULL;
    for (int i = 0; i < graph->n_nodes; i++) {
        const cvt_node *node = &graph->nodes[i];
        for (int k = 0; k < node->n_params; k++) {
            if (node->params[k] != param) continue;
            if (reader || k || !node->op->product) return NULL;
            reader = node;
        }
    }
    return reader;
}
