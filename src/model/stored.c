/* stored.c - how a converted file holds the weights of products where they are not floats: as int8 rows with scales, or
 * packed, as the panels that the kernels of one kind of machine read. The metadata of a packed file say how its panels
 * are laid out, and it can only be used by a run that would lay them out in the same way. */
#include <string.h>

#include "base/num.h"
#include "graph/op.h"
#include "model/model.h"
#include "ops/precision.h"

void cvt_packed_layout(cvt_str *to, const cvt_kernels *kernels, cvt_precision precision) {
    for (int i = 0; i <= (int)precision; i++) /* a product may run in a higher precision than the plan's */
        cvt_str_print(to, "%s%s", i ? ", " : "", kernels->product[i]->layout);
}

static cvt_status check_layout(const cvt_model *m, const char *layout, const cvt_kernels *kernels, cvt_error *error) {
    cvt_str ours = {0};
    cvt_packed_layout(&ours, kernels, m->precision);
    cvt_status status = ours.failed ? cvt_fail_memory(error) : CVT_OK;
    if (status == CVT_OK && (!cvt_dialect_is_native(m->names) || strcmp(layout, ours.data)))
        status = cvt_fail(error, CVT_WEIGHTS,
                          "%s: packed for other kernels or another precision, \"%.100s\", where this run needs \"%s\": "
                          "convert the original again",
                          cvt_weights_path(m->files.weights), layout, ours.data);
    cvt_str_free(&ours);
    return status;
}

/* Returns the bytes of the panels of the weight that the node multiplies by; SIZE_MAX where they do not fit in a
 * size_t. */
static size_t panel_bytes(const cvt_model *m, const cvt_node *node, const cvt_kernels *kernels) {
    const cvt_param *p = &m->graph->params[node->params[0]];
    const cvt_product_kernels *product = kernels->product[cvt_node_precision(m->graph, node, m->precision)];
    size_t n = (size_t)p->shape[0], nr = (size_t)kernels->nr, size;
    return cvt_mul_size((n + nr - 1) / nr, product->panel_size((int)(p->count / n)), &size) ? size : SIZE_MAX;
}

/* Finds out whether the file's weights are packed; fails where they are not packed as this run needs them. */
static cvt_status find_packed(bool *packed, const cvt_model *m, const cvt_kernels *kernels, cvt_error *error) {
    const char *layout = cvt_weights_metadata(m->files.weights, CVT_META_PACKED);
    *packed = layout != NULL;
    return layout ? check_layout(m, layout, kernels, error) : CVT_OK;
}

/* Is the file for int8? Then the weight of any product may be int8 in it, whatever this version itself would store
 * so. */
static bool is_int8(const cvt_model *m) {
    const char *precision = cvt_weights_metadata(m->files.weights, CVT_META_PRECISION);
    return cvt_dialect_is_native(m->names) && precision && cvt_precision_find(precision) == CVT_PRECISION_INT8;
}

cvt_status cvt_stored_forms(cvt_stored_form **forms, cvt_model *m, const cvt_kernels *kernels, cvt_error *error) {
    const bool int8 = is_int8(m);
    bool packed;
    TRY(find_packed(&packed, m, kernels, error));
    *forms = cvt_arena_array(&m->arena, (size_t)m->graph->n_params + 1, sizeof **forms);
    if (!*forms) return cvt_fail_memory(error);
    for (int i = 0; i < m->graph->n_nodes; i++) {
        const cvt_node *node = &m->graph->nodes[i];
        if (!node->op->product) continue;
        cvt_stored_form *form = &(*forms)[node->params[0]];
        form->int8 = int8;
        if (packed && cvt_graph_product_of(m->graph, node->params[0]) == node)
            form->panels = panel_bytes(m, node, kernels);
    }
    return CVT_OK;
}
