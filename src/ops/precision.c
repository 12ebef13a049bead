/* precision.c - decides which products run in int8 or f16, and which stay in f32. */
#include "ops/precision.h"

#include "graph/op.h"
#include "ops/ops.h"

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

/* Returns what made v, views of it left out; NULL: v is an input. */
static const cvt_node *producer_of(const cvt_graph *graph, cvt_value v) {
    while (!is_input(graph, v)) {
        const cvt_node *producer = cvt_graph_producer(graph, v);
        if (!producer->op->view) return producer;
        v = producer->in[0];
    }
    return NULL;
}

static bool is_positive(const cvt_graph *graph, cvt_value v) {
    const cvt_node *producer = producer_of(graph, v);
    return producer && producer->op->positive && producer->op->positive(producer);
}

/* Returns what made v, and the activations and normalisations of each channel behind it left out. */
static const cvt_node *maker_of(const cvt_graph *graph, cvt_value v) {
    const cvt_node *producer = producer_of(graph, v);
    while (producer && (producer->op->fold || producer->op == &cvt_op_activation))
        producer = producer_of(graph, producer->in[0]);
    return producer;
}

/* Is v made of the image by dense products alone, as what the first convolutions of a network give? */
static bool is_stem(const cvt_graph *graph, cvt_value v) {
    const cvt_node *maker = maker_of(graph, v);
    for (; maker && maker->op->product; maker = maker_of(graph, v)) v = maker->in[0];
    return !maker || is_image(graph, v);
}

/* Does each channel of v come of a sum over all channels before it: of a dense product, or of a sum with one? */
static bool is_mixed(const cvt_graph *graph, cvt_value v) {
    const cvt_node *maker = maker_of(graph, v);
    return maker && (maker->op->product || maker->op == &cvt_op_add);
}

static bool is_convolution(const cvt_param *weight) { return weight->rank == 4; }

/* Is it the weight of a convolution by a window of 1 x 1? */
static bool is_pointwise(const cvt_param *weight) {
    return is_convolution(weight) && weight->shape[2] == 1 && weight->shape[3] == 1;
}

/* Must the product be finer than bf16 and int8? */
static bool is_fine(const cvt_graph *graph, const cvt_node *node, const cvt_param *weight, cvt_precision asked) {
    const cvt_value v = node->in[0];
    if (is_positive(graph, v)) return !is_convolution(weight) || !is_mixed(graph, v) || is_stem(graph, v);
    return asked == CVT_PRECISION_BF16 && is_pointwise(weight);
}

cvt_precision cvt_node_precision(const cvt_graph *graph, const cvt_node *node, cvt_precision asked) {
    enum { MIN_K = 48 };
    if (!node->op->product) return CVT_PRECISION_F32;
    const cvt_param *weight = &graph->params[node->params[0]];
    const size_t k = weight->count / (size_t)weight->shape[0];
    const bool alone = cvt_shape_rows(graph->values[node->out[0]].shape) == 1;
    if (alone || k < MIN_K || k > CVT_INT8_MAX_K || is_image(graph, node->in[0])) return CVT_PRECISION_F32;
    return asked >= CVT_PRECISION_BF16 && is_fine(graph, node, weight, asked) ? CVT_PRECISION_F16 : asked;
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
