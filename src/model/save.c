/* save.c - a model as one self-contained safetensors file: weights under the names of a dialect, config, preprocessing,
 * labels, and the dialect whose defaults count. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "model/model.h"

typedef struct saving {
    const cvt_model *model;
    const cvt_dialect *names;
    cvt_dtype dtype; /* CVT_DTYPE_COUNT: as stored */
    cvt_arena arena; /* names and converted data */
    cvt_tensor *tensors;
    size_t n_tensors;
} saving;

/* "f32" -> CVT_F32; CVT_DTYPE_COUNT if unknown. */
static cvt_dtype find_dtype(const char *name) {
    static const struct {
        const char *name;
        cvt_dtype dtype;
    } known[] = {{"f32", CVT_F32}, {"f16", CVT_F16}, {"bf16", CVT_BF16}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].name, name) == 0) return known[i].dtype;
    return CVT_DTYPE_COUNT;
}

/* *data: the parameter in the wanted type. A finite value that the type cannot hold is an error. */
static cvt_status convert(saving *s, const cvt_param *param, cvt_source source, const void **data, cvt_error *error) {
    float *wide = cvt_arena_array(&s->arena, param->count, sizeof *wide);
    if (!wide) return cvt_fail_memory(error);
    cvt_dtype_widen(wide, source.data, source.dtype, param->count);
    *data = wide;
    if (s->dtype == CVT_F32) return CVT_OK;
    unsigned char *narrow = (unsigned char *)wide; /* in place: each is written behind what is read */
    uint16_t infinite = s->dtype == CVT_F16 ? 0x7c00 : 0x7f80;
    for (size_t i = 0; i < param->count; i++) {
        float f = wide[i];
        uint16_t h = s->dtype == CVT_F16 ? cvt_f32_to_f16(f) : cvt_f32_to_bf16(f);
        if ((h & infinite) == infinite && isfinite(f))
            return cvt_fail(error, CVT_WEIGHTS, "\"%s\" holds %g, which %s cannot", param->name, (double)f,
                            cvt_dtype_name(s->dtype));
        memcpy(narrow + 2 * i, &h, sizeof h);
    }
    return CVT_OK;
}

static cvt_status save_one(saving *s, int p, cvt_error *error) {
    const cvt_param *param = &s->model->graph->params[p];
    cvt_source source = s->model->sources[p];
    cvt_dtype dtype = s->dtype == CVT_DTYPE_COUNT ? source.dtype : s->dtype;
    cvt_str name = {0};
    bool named = cvt_name_expand(&name, s->names, param);
    bool full = name.failed;
    char *kept = named ? cvt_arena_copy(&s->arena, name.data, name.size) : NULL;
    cvt_str_free(&name);
    if (!named && !full)
        return cvt_fail(error, CVT_USAGE, "\"%s\" has no name in the dialect \"%s\"", param->name, s->names->name);
    if (!kept) return cvt_fail_memory(error);
    const void *data = source.data;
    if (dtype != source.dtype) TRY(convert(s, param, source, &data, error));
    cvt_tensor *t = &s->tensors[s->n_tensors++];
    *t = (cvt_tensor){
        .name = kept, .dtype = dtype, .rank = param->rank, .data = data, .bytes = param->count * cvt_dtype_size(dtype)};
    memcpy(t->shape, param->shape, (size_t)param->rank * sizeof *t->shape);
    return CVT_OK;
}

static cvt_status join_labels(cvt_str *text, const cvt_model *m, cvt_error *error) {
    for (int i = 0; i < m->n_labels; i++) {
        const char *label = m->labels[i] ? m->labels[i] : "";
        if (strchr(label, '\n'))
            return cvt_fail(error, CVT_CONFIG, "label %d holds a line break and cannot be saved", i);
        cvt_str_print(text, "%s\n", label);
    }
    return text->failed ? cvt_fail_memory(error) : CVT_OK;
}

static cvt_status write_all(saving *s, const char *path, cvt_error *error) {
    const cvt_model *m = s->model;
    cvt_str labels = {0};
    cvt_metadata metadata[8] = {{"format", "pt"}, {CVT_META_CONFIG, m->files.config}};
    size_t n = 2;
    cvt_status status = join_labels(&labels, m, error);
    if (m->origin) metadata[n++] = (cvt_metadata){CVT_META_ORIGIN, m->origin->name};
    if (m->files.preprocessor) metadata[n++] = (cvt_metadata){CVT_META_PREPROCESSOR, m->files.preprocessor};
    if (m->n_labels) metadata[n++] = (cvt_metadata){CVT_META_LABELS, labels.data};
    if (status == CVT_OK) status = cvt_safetensors_write(path, s->tensors, s->n_tensors, metadata, n, error);
    cvt_str_free(&labels);
    return status;
}

static cvt_status save_all(saving *s, const char *path, cvt_error *error) {
    int n = s->model->graph->n_params;
    s->tensors = cvt_arena_array(&s->arena, (size_t)n + 1, sizeof *s->tensors);
    if (!s->tensors) return cvt_fail_memory(error);
    for (int p = 0; p < n; p++)
        if (!s->model->graph->params[p].inert) TRY(save_one(s, p, error));
    return write_all(s, path, error);
}

cvt_status cvt_model_save(const cvt_model *m, const char *path, const char *dtype, const char *names,
                          cvt_error *error) {
    saving s = {.model = m, .names = m->names ? m->names : m->config.arch->dialects, .dtype = CVT_DTYPE_COUNT};
    if (!m->sources) return cvt_fail(error, CVT_USAGE, "the model was opened without weights");
    if (dtype && (s.dtype = find_dtype(dtype)) == CVT_DTYPE_COUNT)
        return cvt_fail(error, CVT_USAGE, "dtype \"%s\" is not known; it is f32, f16 or bf16", dtype);
    if (names && !(s.names = cvt_dialect_find(m->config.arch->dialects, names)))
        return cvt_fail(error, CVT_USAGE, "%s has no weight names called \"%s\"", m->config.arch->name, names);
    cvt_status status = save_all(&s, path, error);
    cvt_arena_free(&s.arena);
    return status;
}
