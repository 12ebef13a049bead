/* check.c - are all values of a model's weights finite? This includes the scales of int8 weights and those numbers of
 * panels that are floats. */
#include <math.h>

#include "model/model.h"
#include "ops/precision.h"

/* Checks `count` elements of the tensor of parameter p, or of the tensor that has `ending` behind its name. The first
 * of them is element `first` of the tensor. */
static cvt_status check_values(const cvt_model *m, int p, const char *ending, const void *data, cvt_dtype dtype,
                               size_t count, size_t first, cvt_error *error) {
    enum { BLOCK = 4096 };
    float values[BLOCK];
    for (size_t done = 0; done < count; done += BLOCK) {
        size_t n = count - done < BLOCK ? count - done : BLOCK;
        cvt_dtype_widen(values, (const char *)data + done * cvt_dtype_size(dtype), dtype, n);
        for (size_t i = 0; i < n; i++)
            if (!isfinite(values[i]))
                return cvt_fail(error, CVT_WEIGHTS,
                                "%s: tensor \"%s%s\" has a value that is not finite, at element %zu of \"%s%s\"",
                                m->tensors[p]->file, m->tensors[p]->name, ending, first + done + i,
                                m->graph->params[p].name, ending);
    }
    return CVT_OK;
}

/* Checks panels: in f32 they hold floats only; in int8 each begins with floats. */
static cvt_status check_panels(const cvt_model *m, int p, cvt_error *error) {
    const cvt_param *param = &m->graph->params[p];
    const cvt_kernels *kernels = m->plan->kernels;
    cvt_precision precision = cvt_node_precision(m->graph, cvt_graph_product_of(m->graph, p), m->precision);
    const char *panels = m->sources[p].data;
    size_t bytes = m->tensors[p]->bytes;
    if (precision == CVT_PRECISION_F32) return check_values(m, p, "", panels, CVT_F32, bytes / sizeof(float), 0, error);
    size_t k = param->count / (size_t)param->shape[0], panel = kernels->product[precision]->panel_size((int)k);
    for (size_t at = 0; precision == CVT_PRECISION_INT8 && at < bytes; at += panel)
        TRY(check_values(m, p, "", panels + at, CVT_F32, 2 * (size_t)kernels->nr, at / sizeof(float), error));
    return CVT_OK;
}

cvt_status cvt_model_check(const cvt_model *m, cvt_error *error) {
    for (int p = 0; m->tensors && p < m->graph->n_params; p++) {
        const cvt_param *param = &m->graph->params[p];
        cvt_source source = m->sources[p]; /* the source may be a part of the tensor, in another order */
        if (param->ignored) continue;
        if (source.packed)
            TRY(check_panels(m, p, error));
        else
            TRY(check_values(m, p, "", source.data, source.dtype, param->count, 0, error));
        if (source.scales)
            TRY(check_values(m, p, CVT_INT8_SCALE, source.scales, CVT_F32, (size_t)param->shape[0], 0, error));
    }
    return CVT_OK;
}
