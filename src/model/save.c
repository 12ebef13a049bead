/* save.c - writes a model as one self-contained safetensors file: weights under the names of a dialect, config,
 * preprocessing, labels, and the name of the dialect whose defaults count. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "kernels/int8.h"
#include "model/golden_store.h"
#include "model/relabel.h"
#include "ops/precision.h"

typedef struct saving {
    const cvt_model *model;
    const cvt_dialect *names;
    cvt_dtype dtype; /* CVT_DTYPE_COUNT: keep the types; CVT_I8: only for what int8 products read, other types stay */
    bool pack;       /* write panels in place of the weights of products */
    bool *rounded;   /* for every parameter: is it written as I8? */
    cvt_arena arena; /* holds names and converted data */
    cvt_tensor *tensors;
    void **shared; /* the data of those tensors that are put together from several parameters */
    size_t n_tensors;
    const cvt_golden_plan *plan; /* the golden data that go with it; NULL: none */
} saving;

/* Returns CVT_F32 for "f32", and so on; CVT_DTYPE_COUNT for an unknown name. */
static cvt_dtype find_dtype(const char *name) {
    static const struct {
        const char *name;
        cvt_dtype dtype;
    } known[] = {{"f32", CVT_F32}, {"f16", CVT_F16}, {"bf16", CVT_BF16}, {"int8", CVT_I8}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].name, name) == 0) return known[i].dtype;
    return CVT_DTYPE_COUNT;
}

/* Converts *source to `dtype` after subtracting `plus`, which is added when the file is read again (weights/names.h). A
 * finite value that the type cannot hold is an error. */
static cvt_status convert(saving *s, const cvt_param *param, cvt_dtype dtype, float plus, cvt_source *source,
                          cvt_error *error) {
    if (dtype == source->dtype && plus == 0) return CVT_OK;
    float *wide = cvt_arena_array(&s->arena, param->count, sizeof *wide);
    if (!wide) return cvt_fail_memory(error);
    cvt_source_widen(wide, *source, param);
    for (size_t i = 0; plus != 0 && i < param->count; i++) wide[i] -= plus;
    *source = (cvt_source){.data = wide, .dtype = dtype};
    if (dtype == CVT_F32) return CVT_OK;
    unsigned char *narrow = (unsigned char *)wide; /* in place: what is written never gets ahead of what is read */
    uint16_t infinite = dtype == CVT_F16 ? 0x7c00 : 0x7f80;
    for (size_t i = 0; i < param->count; i++) {
        float f = wide[i];
        uint16_t h = dtype == CVT_F16 ? cvt_f32_to_f16(f) : cvt_f32_to_bf16(f);
        if ((h & infinite) == infinite && isfinite(f))
            return cvt_fail(error, CVT_WEIGHTS, "\"%s\" holds %g, which %s cannot", param->name, (double)f,
                            cvt_dtype_name(dtype));
        memcpy(narrow + 2 * i, &h, sizeof h);
    }
    return CVT_OK;
}

/* Returns the tensor of that name: where several parameters share one, the tensor that was begun already, else a new
 * one. */
static cvt_tensor *tensor_of(saving *s, const char *name, bool shared) {
    for (size_t i = 0; shared && i < s->n_tensors; i++)
        if (strcmp(s->tensors[i].name, name) == 0) return &s->tensors[i];
    return &s->tensors[s->n_tensors++];
}

/* Copies a parameter into its tensor as the dialect lays it out. */
static cvt_status place(saving *s, const cvt_param *param, const cvt_name_row *row, const char *name, cvt_source source,
                        cvt_error *error) {
    cvt_tensor_form form = cvt_tensor_form_of(row, param);
    cvt_tensor *t = tensor_of(s, name, row->parts > 0);
    size_t size = cvt_dtype_size(source.dtype);
    if (t->name && t->dtype != source.dtype)
        return cvt_fail(error, CVT_USAGE, "parts of \"%s\" are of different types; say which one with --dtype", name);
    if (form.plain && !row->parts) {
        *t = (cvt_tensor){.data = source.data};
    } else {
        void *data = t->name ? s->shared[t - s->tensors] : cvt_arena_array(&s->arena, form.count, size);
        if (!data) return cvt_fail_memory(error);
        cvt_tensor_form_write(&form, param, source.data, data, size);
        s->shared[t - s->tensors] = data;
        t->data = data;
    }
    t->name = name;
    t->dtype = source.dtype;
    t->rank = form.rank;
    t->bytes = form.count * size;
    memcpy(t->shape, form.shape, sizeof form.shape);
    return CVT_OK;
}

static bool rounds(const saving *s) {
    for (int p = 0; p < s->model->graph->n_params; p++)
        if (s->rounded[p]) return true;
    return false;
}

/* Adds the two tensors of a parameter in int8: its values, and the scales of its rows. */
static cvt_status save_rounded(saving *s, const cvt_param *param, cvt_source source, cvt_error *error) {
    size_t rows = (size_t)param->shape[0], k = param->count / rows, n = strlen(param->name);
    float *wide = cvt_arena_array(&s->arena, param->count, sizeof *wide);
    float *scales = cvt_arena_array(&s->arena, rows, sizeof *scales);
    char *name = cvt_arena_alloc(&s->arena, n + sizeof CVT_INT8_SCALE);
    if (!wide || !scales || !name) return cvt_fail_memory(error);
    memcpy(name, param->name, n);
    memcpy(name + n, CVT_INT8_SCALE, sizeof CVT_INT8_SCALE);
    int8_t *values = (int8_t *)wide; /* in place: what is written never gets ahead of what is read */
    if (source.scales) {
        memcpy(values, source.data, param->count);
        memcpy(scales, source.scales, rows * sizeof *scales);
    } else {
        cvt_source_widen(wide, source, param);
        for (size_t i = 0; i < rows; i++) scales[i] = cvt_int8_round(values + i * k, wide + i * k, CVT_F32, k);
    }
    cvt_tensor t = {.name = param->name, .dtype = CVT_I8, .rank = param->rank, .data = values, .bytes = param->count};
    memcpy(t.shape, param->shape, sizeof param->shape);
    s->tensors[s->n_tensors++] = t;
    s->tensors[s->n_tensors++] = (cvt_tensor){.name = name,
                                              .dtype = CVT_F32,
                                              .rank = 1,
                                              .shape = {param->shape[0]},
                                              .data = scales,
                                              .bytes = rows * sizeof *scales};
    return CVT_OK;
}

/* Is the parameter written as panels? */
static bool packs(const saving *s, int p) {
    const cvt_model *m = s->model;
    return s->pack && cvt_graph_product_of(m->graph, p) && (m->plan->panels[p].data || m->sources[p].packed);
}

static cvt_status save_panels(saving *s, int p, cvt_error *error) {
    const cvt_model *m = s->model;
    cvt_panels panels = m->plan->panels[p];
    if (m->sources[p].packed) panels = (cvt_panels){m->sources[p].data, m->tensors[p]->bytes};
    char *name = cvt_arena_copy(&s->arena, m->graph->params[p].name, strlen(m->graph->params[p].name));
    if (!name) return cvt_fail_memory(error);
    s->tensors[s->n_tensors++] = (cvt_tensor){.name = name,
                                              .dtype = CVT_U8,
                                              .rank = 1,
                                              .shape = {(int64_t)panels.size},
                                              .data = panels.data,
                                              .bytes = panels.size};
    return CVT_OK;
}

static cvt_status save_one(saving *s, int p, cvt_error *error) {
    const cvt_param *param = &s->model->graph->params[p];
    cvt_source source = s->model->sources[p];
    if (packs(s, p)) return save_panels(s, p, error);
    if (source.packed)
        return cvt_fail(error, CVT_USAGE, "the weights are packed for one kind of machine: convert the original");
    if (s->rounded[p]) return save_rounded(s, param, source, error);
    cvt_dtype dtype = s->dtype == CVT_DTYPE_COUNT || s->dtype == CVT_I8 ? source.dtype : s->dtype;
    cvt_str name = {0};
    const cvt_name_row *row = cvt_name_expand(&name, s->names, param);
    bool full = name.failed;
    char *kept = row ? cvt_arena_copy(&s->arena, name.data, name.size) : NULL;
    cvt_str_free(&name);
    if (!row && !full)
        return cvt_fail(error, CVT_USAGE, "\"%s\" has no name in the dialect \"%s\"", param->name, s->names->name);
    if (!kept) return cvt_fail_memory(error);
    /* `plus` was added in f32 when the file was read, so its type is lost */
    if (row->plus != 0 && s->dtype == CVT_DTYPE_COUNT) dtype = CVT_F32;
    TRY(convert(s, param, dtype, row->plus, &source, error));
    return place(s, param, row, kept, source, error);
}

static cvt_status join_labels(cvt_str *text, const cvt_model *m, cvt_error *error) {
    for (int i = 0; i < m->n_labels; i++) {
        if (m->labels[i] && strchr(m->labels[i], '\n'))
            return cvt_fail(error, CVT_CONFIG, "label %d holds a line break and cannot be saved", i);
        if (m->labels[i])
            cvt_str_print(text, "%s\n", m->labels[i]);
        else
            cvt_str_print(text, "%d\n", i);
    }
    return text->failed ? cvt_fail_memory(error) : CVT_OK;
}

/* Returns the precision that the file is for, which its metadata say; NULL: f32. For int8 they must say it because not
 * only weights run in int8: attention does too. */
static const char *choose_precision(const saving *s) {
    const cvt_model *m = s->model;
    if (s->pack) return m->precision == CVT_PRECISION_F32 ? NULL : cvt_precision_name(m->precision);
    if (s->dtype == CVT_I8) return cvt_precision_name(CVT_PRECISION_INT8);
    return s->dtype == CVT_DTYPE_COUNT && m->files.weights ? cvt_weights_metadata(m->files.weights, CVT_META_PRECISION)
                                                           : NULL;
}

/* The metadata of a file, and what some of its strings point to. */
typedef struct describing {
    cvt_metadata rows[10];
    size_t n;
    cvt_str labels, layout;
} describing;

static void add(describing *d, const char *key, const char *value) {
    if (value) d->rows[d->n++] = (cvt_metadata){key, value};
}

static cvt_status describe(describing *d, const saving *s, cvt_error *error) {
    const cvt_model *m = s->model;
    TRY(join_labels(&d->labels, m, error));
    if (s->pack) cvt_packed_layout(&d->layout, m->plan->kernels, m->precision);
    if (d->layout.failed) return cvt_fail_memory(error);
    add(d, "format", "pt");
    add(d, CVT_META_CONFIG, m->files.config);
    add(d, CVT_META_PACKED, d->layout.data);
    add(d, CVT_META_PRECISION, choose_precision(s));
    add(d, CVT_META_ORIGIN, m->origin ? m->origin->name : NULL);
    add(d, CVT_META_PREPROCESSOR, m->files.preprocessor);
    add(d, CVT_META_SCORE, cvt_score_kept(m));
    add(d, CVT_META_LEARNED, cvt_model_learned(m));
    add(d, CVT_META_LABELS, m->n_labels ? d->labels.data : NULL);
    return CVT_OK;
}

/* Makes the golden data of the file that is to be written: it is formed in memory and opened from there. */
static cvt_status make_golden(cvt_str *golden, const saving *s, const describing *d, const char *path,
                              cvt_error *error) {
    const cvt_options options = {.size = sizeof options, .reference = true};
    cvt_model *written = NULL;
    cvt_str bytes = {0};
    cvt_status status = cvt_safetensors_form(&bytes, path, s->tensors, s->n_tensors, d->rows, d->n, error);
    if (status == CVT_OK) status = cvt_model_open_memory(&written, bytes.data, bytes.size, &options, error);
    if (status == CVT_OK) status = cvt_golden_make(golden, written, s->plan, error);
    cvt_model_free(written);
    cvt_str_free(&bytes);
    return status;
}

static cvt_status write_all(saving *s, const char *path, cvt_error *error) {
    describing d = {.n = 0};
    cvt_str golden = {0};
    cvt_status status = describe(&d, s, error);
    if (status == CVT_OK && s->plan) status = make_golden(&golden, s, &d, path, error);
    add(&d, CVT_META_GOLDEN, golden.data);
    if (status == CVT_OK) status = cvt_safetensors_write(path, s->tensors, s->n_tensors, d.rows, d.n, error);
    cvt_str_free(&d.labels);
    cvt_str_free(&d.layout);
    cvt_str_free(&golden);
    return status;
}

static bool in_int8(const cvt_graph *g, const cvt_node *node) {
    return cvt_node_precision(g, node, CVT_PRECISION_INT8) == CVT_PRECISION_INT8;
}

/* Chooses the parameters that are written as int8. */
static cvt_status choose_rounded(saving *s, cvt_error *error) {
    const cvt_graph *g = s->model->graph;
    const bool kept = s->dtype == CVT_DTYPE_COUNT || s->dtype == CVT_I8;
    for (int p = 0; p < g->n_params; p++) s->rounded[p] = kept && s->model->sources[p].scales;
    for (int i = 0; s->dtype == CVT_I8 && i < g->n_nodes; i++)
        if (in_int8(g, &g->nodes[i])) s->rounded[g->nodes[i].params[0]] = true;
    if ((rounds(s) || s->pack) && !cvt_dialect_is_native(s->names))
        return cvt_fail(error, CVT_USAGE, "%s weights go under native names, not those of \"%s\"",
                        s->pack ? "packed" : "int8", s->names->name);
    return CVT_OK;
}

static cvt_status save_all(saving *s, const char *path, cvt_error *error) {
    int n = s->model->graph->n_params;
    size_t max_tensors = 2 * (size_t)n + 1; /* int8 makes two tensors of one */
    s->tensors = cvt_arena_array(&s->arena, max_tensors, sizeof *s->tensors);
    s->shared = cvt_arena_array(&s->arena, max_tensors, sizeof *s->shared);
    s->rounded = cvt_arena_array(&s->arena, max_tensors, sizeof *s->rounded);
    if (!s->tensors || !s->shared || !s->rounded) return cvt_fail_memory(error);
    TRY(choose_rounded(s, error));
    for (int p = 0; p < n; p++)
        if (!s->model->graph->params[p].ignored) TRY(save_one(s, p, error));
    return write_all(s, path, error);
}

/* Has the dialect a name for every parameter that is stored? */
static bool names_all(const cvt_dialect *d, const cvt_graph *g) {
    bool all = true;
    cvt_str name = {0};
    for (int p = 0; all && p < g->n_params; p++) {
        cvt_str_clear(&name);
        all = g->params[p].ignored || cvt_name_expand(&name, d, &g->params[p]);
    }
    cvt_str_free(&name);
    return all;
}

static cvt_status fail_names(const cvt_model *m, const char *names, cvt_error *error) {
    cvt_str known = {0};
    for (const cvt_dialect *d = m->config.arch->dialects; d->name; d++)
        cvt_str_print(&known, "%s%s", known.size ? ", " : "", d->name);
    cvt_status status = known.failed ? cvt_fail_memory(error)
                                     : cvt_fail(error, CVT_USAGE, "%s has no weight names called \"%s\", only %s",
                                                m->config.arch->name, names, known.data);
    cvt_str_free(&known);
    return status;
}

/* Finds the dialect called `name`, which may also stand for several, NAME_this and NAME_that. Of several it takes the
 * one that the model came from, else the first that has a name for every parameter, else the first of all, which will
 * then report what it lacks. NULL: there is none. */
static const cvt_dialect *choose_names(const cvt_model *m, const char *name) {
    const cvt_dialect *first = cvt_dialect_find(m->config.arch->dialects, name);
    size_t n = strlen(name);
    if (!first && m->origin && strncmp(m->origin->name, name, n) == 0 && m->origin->name[n] == '_') return m->origin;
    for (const cvt_dialect *d = m->config.arch->dialects; d->name && !(first && names_all(first, m->graph)); d++) {
        if (strncmp(d->name, name, n) != 0 || d->name[n] != '_') continue;
        if (!first || names_all(d, m->graph)) first = d;
    }
    return first;
}

static const cvt_dialect *find_native(const cvt_model *m) {
    const cvt_dialect *d = m->config.arch->dialects;
    while (d->name && !cvt_dialect_is_native(d)) d++;
    return d->name ? d : m->config.arch->dialects;
}

static cvt_status save(const cvt_model *m, const char *path, const char *dtype, const char *names, bool pack,
                       const cvt_golden_plan *plan, cvt_error *error) {
    saving s = {.model = m, .names = m->names ? m->names : m->config.arch->dialects, .dtype = CVT_DTYPE_COUNT};
    s.plan = plan;
    if (!m->sources) return cvt_fail(error, CVT_USAGE, "the model was opened without weights");
    if (dtype && (s.dtype = find_dtype(dtype)) == CVT_DTYPE_COUNT)
        return cvt_fail(error, CVT_USAGE, "dtype \"%s\" is not known; it is f32, f16, bf16 or int8", dtype);
    if (pack && !m->plan->pack_ahead)
        return cvt_fail(error, CVT_USAGE, "a model is packed when it was opened for many images");
    if (pack && (s.dtype == CVT_F16 || s.dtype == CVT_BF16))
        return cvt_fail(error, CVT_USAGE, "packed weights are in f32 or int8, not in %s", dtype);
    if (pack && (s.dtype == CVT_I8) != (m->precision == CVT_PRECISION_INT8) && s.dtype != CVT_DTYPE_COUNT)
        return cvt_fail(error, CVT_USAGE, "packed weights are of the precision that the model was opened for: %s",
                        cvt_precision_name(m->precision));
    s.pack = pack;
    if ((s.dtype == CVT_I8 || pack) && !names) s.names = find_native(m);
    if (names && !(s.names = choose_names(m, names))) return fail_names(m, names, error);
    cvt_status status = save_all(&s, path, error);
    cvt_arena_free(&s.arena);
    return status;
}

cvt_status cvt_model_save(const cvt_model *m, const char *path, const char *dtype, const char *names, bool pack,
                          cvt_error *error) {
    return save(m, path, dtype, names, pack, NULL, error);
}

cvt_status cvt_model_save_golden(const cvt_model *m, const char *path, const char *dtype, const char *names,
                                 const cvt_golden_plan *plan, cvt_error *error) {
    if (plan->n < 1 || plan->n > CVT_GOLDEN_MAX || plan->threads < 1)
        return cvt_fail(error, CVT_USAGE, "%d golden inputs: 1 to %d, and a thread at least", plan->n,
                        (int)CVT_GOLDEN_MAX);
    return save(m, path, dtype, names, false, plan, error);
}
