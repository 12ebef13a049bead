/* source.c - turns the stored values of a parameter into f32. */
#include "graph/source.h"

void cvt_source_widen(float *to, cvt_source source, const cvt_param *param) {
    cvt_dtype_widen(to, source.data, source.dtype, param->count);
    if (!source.scales) return;
    size_t rows = (size_t)param->shape[0], each = param->count / rows;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < each; j++) to[i * each + j] *= source.scales[i];
}
