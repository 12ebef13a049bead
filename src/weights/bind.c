/* bind.c - binds tensors to parameters: every parameter must have its tensor, and every tensor its parameter. */
#include "weights/bind.h"

#include <string.h>

#include "base/nearest.h"

typedef struct binding {
    const cvt_graph *graph;
    const cvt_weights *weights;
    const cvt_dialect *dialect;
    char **names; /* the name of every parameter in the dialect */
    const cvt_name_row **rows;
    bool *used; /* for every tensor: does a parameter have it? */
    const cvt_tensor **tensors;
    const cvt_tensor **scales;    /* the scales of those parameters that are I8, else NULL */
    const cvt_stored_form *forms; /* how the file may hold every parameter */
} binding;

/* Tensors that carry nothing for inference: their names, or what stands behind the last dot of them. */
static const char *const inert[] = {
    "num_batches_tracked", /* of batch norms */
    "n_averaged",          /* of torch's AveragedModel */
    "total_ops",
    "total_params", /* of the profiler thop */
    "relative_position_index",
    "relative_coords_table",
    "attn_mask",    /* which a Swin computes */
    "position_ids", /* 0, 1, 2, ... */
};

static bool ignored(const cvt_dialect *dialect, const cvt_tensor *t) {
    if (t->unneeded || cvt_name_unread(dialect, t->name)) return true;
    const char *dot = strrchr(t->name, '.'), *last = dot ? dot + 1 : t->name;
    for (size_t i = 0; i < sizeof inert / sizeof inert[0]; i++)
        if (strcmp(last, inert[i]) == 0) return true;
    return false;
}

static void append_shape(cvt_str *s, int rank, const int64_t *shape) {
    cvt_str_print(s, "[");
    for (int i = 0; i < rank; i++) cvt_str_print(s, "%s%lld", i ? ", " : "", (long long)shape[i]);
    cvt_str_print(s, "]");
}

enum { FAR = 64 }; /* names that differ by more edits are no likely slip */

/* Returns the name of the tensor that no parameter has and whose name is nearest; of all tensors if all are taken. */
static const char *nearest_tensor(const binding *b, const char *name) {
    cvt_nearest nearest = cvt_nearest_to(name, FAR);
    const char *stored = NULL;
    for (int any = 0; any < 2 && !nearest.name; any++)
        for (size_t i = 0; i < cvt_weights_count(b->weights); i++) {
            const cvt_tensor *t = cvt_weights_at(b->weights, i);
            if (any || !b->used[i]) cvt_nearest_try(&nearest, t->name);
            if (nearest.name == t->name) stored = t->stored;
        }
    return stored;
}

static const char *nearest_param(const binding *b, const char *name) {
    cvt_nearest nearest = cvt_nearest_to(name, FAR);
    for (int any = 0; any < 2 && !nearest.name; any++)
        for (int p = 0; p < b->graph->n_params; p++)
            if (any || (!b->tensors[p] && !b->graph->params[p].ignored)) cvt_nearest_try(&nearest, b->names[p]);
    return nearest.name;
}

/* torch's weight_norm and its like keep two factors of a weight in place of it. NULL: there is none of them. */
static const cvt_tensor *find_parametrized(const cvt_weights *weights) {
    for (size_t i = 0; i < cvt_weights_count(weights); i++) {
        const cvt_tensor *t = cvt_weights_at(weights, i);
        size_t n = strlen(t->name);
        if (strstr(t->name, "parametrizations.") || (n > 9 && strcmp(t->name + n - 9, ".weight_g") == 0)) return t;
    }
    return NULL;
}

/* No tensor has a name of this model: what there is, so that one can see whose it is. */
static cvt_status nothing_fits(const binding *b, cvt_error *error) {
    enum { SHOWN = 5 };
    const size_t n = cvt_weights_count(b->weights);
    cvt_str list = {0};
    for (size_t i = 0; i < n && i < SHOWN; i++) {
        const cvt_tensor *t = cvt_weights_at(b->weights, i);
        cvt_str_print(&list, "%s\"%.80s\" ", i ? ", " : "", t->stored);
        append_shape(&list, t->rank, t->shape);
    }
    if (n > SHOWN) cvt_str_print(&list, " and %zu more", n - SHOWN);
    int p = 0;
    while (p + 1 < b->graph->n_params && b->graph->params[p].ignored) p++;
    cvt_status status =
        list.failed ? cvt_fail_memory(error)
                    : cvt_fail(error, CVT_WEIGHTS,
                               "%s: no tensor has a name of this model, as \"%s\" of the dialect \"%s\" is; there %s%s",
                               cvt_weights_path(b->weights), b->names[p], b->dialect->name, n ? "are " : "is none",
                               n ? list.data : "");
    cvt_str_free(&list);
    return status;
}

static cvt_status missing(const binding *b, const char *name, cvt_error *error) {
    const cvt_tensor *factor = find_parametrized(b->weights);
    if (factor)
        return cvt_fail(error, CVT_WEIGHTS,
                        "%s: tensor \"%s\" is missing, and \"%s\" is one of two factors that weight_norm makes of a "
                        "weight: take it off before saving, by "
                        "torch.nn.utils.parametrize.remove_parametrizations(module, \"weight\")",
                        cvt_weights_path(b->weights), name, factor->stored);
    const char *nearest = nearest_tensor(b, name), *path = cvt_weights_path(b->weights);
    if (!nearest) return cvt_fail(error, CVT_WEIGHTS, "%s: tensor \"%s\" is missing", path, name);
    return cvt_fail(error, CVT_WEIGHTS, "%s: tensor \"%s\" is missing; the nearest name there is \"%s\"", path, name,
                    nearest);
}

static cvt_status unexpected(const binding *b, const cvt_tensor *t, cvt_error *error) {
    const char *nearest = nearest_param(b, t->name);
    return cvt_fail(error, CVT_WEIGHTS, "%s: tensor \"%s\" is not expected; the nearest expected name is \"%s\"",
                    t->file, t->stored, nearest ? nearest : "");
}

static cvt_status misshapen(const cvt_tensor *t, const cvt_tensor_form *form, cvt_error *error) {
    if (t->bytes == 0 && form->count > 0)
        return cvt_fail(error, CVT_WEIGHTS,
                        "%s: tensor \"%s\" is empty: DeepSpeed ZeRO-3 keeps the values elsewhere; its zero_to_fp32.py "
                        "makes a whole checkpoint of them",
                        t->file, t->stored);
    cvt_str has = {0}, needs = {0};
    append_shape(&has, t->rank, t->shape);
    append_shape(&needs, form->rank, form->shape);
    cvt_status status = has.failed || needs.failed
                            ? cvt_fail_memory(error)
                            : cvt_fail(error, CVT_WEIGHTS, "%s: tensor \"%s\" is %s, the model needs %s", t->file,
                                       t->stored, has.data, needs.data);
    cvt_str_free(&has);
    cvt_str_free(&needs);
    return status;
}

static cvt_status check_shape(const cvt_tensor *t, const cvt_tensor_form *form, cvt_error *error) {
    bool same = t->rank == form->rank;
    for (int i = 0; same && i < t->rank; i++) same = t->shape[i] == form->shape[i];
    return same ? CVT_OK : misshapen(t, form, error);
}

/* Finds the scales of an int8 tensor and checks both. */
static cvt_status bind_scales(const binding *b, int index, cvt_error *error) {
    const cvt_tensor *t = b->tensors[index], *scales = b->scales[index];
    cvt_tensor_form form = cvt_tensor_form_of(b->rows[index], &b->graph->params[index]);
    TRY(check_shape(t, &form, error));
    if (scales->dtype != CVT_F32 || (uintptr_t)scales->data % sizeof(float))
        return cvt_fail(error, CVT_WEIGHTS, "%s: tensor \"%s\" must be F32, aligned", scales->file, scales->name);
    form.rank = 1;
    return check_shape(scales, &form, error);
}

/* Checks panels that stand in place of a weight. */
static cvt_status bind_panels(const cvt_tensor *t, size_t size, cvt_error *error) {
    if (t->bytes != size)
        return cvt_fail(error, CVT_WEIGHTS, "%s: tensor \"%s\" has %zu bytes of panels, the model needs %zu", t->file,
                        t->name, t->bytes, size);
    if ((uintptr_t)t->data % 64)
        return cvt_fail(error, CVT_WEIGHTS, "%s: tensor \"%s\" does not start at a multiple of 64 bytes", t->file,
                        t->name);
    return CVT_OK;
}

static cvt_status bind_one(const binding *b, int index, cvt_error *error) {
    const cvt_param *p = &b->graph->params[index];
    const cvt_tensor *t = b->tensors[index];
    if (p->ignored) return CVT_OK;
    if (!t) return missing(b, b->names[index], error);
    if (b->scales[index]) return bind_scales(b, index, error);
    if (b->forms[index].panels && t->dtype == CVT_U8) return bind_panels(t, b->forms[index].panels, error);
    if (!cvt_dtype_is_float(t->dtype))
        return cvt_fail(error, CVT_WEIGHTS, "%s: tensor \"%s\" is %s, the model needs a float type", t->file, t->name,
                        cvt_dtype_name(t->dtype));
    cvt_tensor_form form = cvt_tensor_form_of(b->rows[index], p);
    return check_shape(t, &form, error);
}

/* Sets *source to the parameter's values: where they lie in the file, or a copy in the parameter's own order. */
static cvt_status take(cvt_source *source, const binding *b, int index, cvt_arena *arena, cvt_error *error) {
    const cvt_param *p = &b->graph->params[index];
    const cvt_tensor *t = b->tensors[index];
    const cvt_name_row *row = b->rows[index];
    cvt_tensor_form form = cvt_tensor_form_of(row, p);
    size_t size = cvt_dtype_size(t->dtype);
    *source = (cvt_source){.data = (const char *)t->data + form.start * size, .dtype = t->dtype};
    source->packed = t->dtype == CVT_U8;
    if (source->packed) return CVT_OK;
    if (b->scales[index]) source->scales = b->scales[index]->data;
    if (!form.plain) {
        char *copy = cvt_arena_array(arena, p->count, size);
        if (!copy) return cvt_fail_memory(error);
        cvt_tensor_form_read(&form, p, copy, t->data, size);
        source->data = copy;
    }
    if (row->plus == 0) return CVT_OK;
    float *sum = cvt_arena_array(arena, p->count, sizeof *sum);
    if (!sum) return cvt_fail_memory(error);
    cvt_dtype_widen(sum, source->data, source->dtype, p->count);
    for (size_t i = 0; i < p->count; i++) sum[i] += row->plus;
    *source = (cvt_source){.data = sum, .dtype = CVT_F32};
    return CVT_OK;
}

static cvt_status name_all(binding *b, cvt_arena *arena, cvt_error *error) {
    cvt_str name = {0};
    cvt_status status = CVT_OK;
    for (int p = 0; p < b->graph->n_params && status == CVT_OK; p++) {
        const cvt_param *param = &b->graph->params[p];
        cvt_str_clear(&name);
        b->rows[p] = cvt_name_expand(&name, b->dialect, param);
        if (!b->rows[p]) {
            status = name.failed ? cvt_fail_memory(error)
                                 : cvt_fail(error, CVT_WEIGHTS, "%s: \"%s\" has no name in the dialect \"%s\"",
                                            cvt_weights_path(b->weights), param->name, b->dialect->name);
            break;
        }
        b->names[p] = cvt_arena_copy(arena, name.data, name.size);
        if (!b->names[p]) status = cvt_fail_memory(error);
    }
    cvt_str_free(&name);
    return status;
}

static size_t index_of(const cvt_weights *w, const cvt_tensor *t) { return (size_t)(t - cvt_weights_at(w, 0)); }

static cvt_status find_scales(binding *b, int index, cvt_error *error) {
    cvt_str name = {0};
    cvt_str_print(&name, "%s" CVT_INT8_SCALE, b->names[index]);
    if (!name.failed) b->scales[index] = cvt_weights_find(b->weights, name.data);
    cvt_status status = name.failed ? cvt_fail_memory(error) : b->scales[index] ? CVT_OK : missing(b, name.data, error);
    cvt_str_free(&name);
    if (b->scales[index]) b->used[index_of(b->weights, b->scales[index])] = true;
    return status;
}

static cvt_status bind_all(binding *b, cvt_error *error) {
    bool found = false;
    for (int p = 0; p < b->graph->n_params; p++) {
        b->tensors[p] = cvt_weights_find(b->weights, b->names[p]);
        if (!b->tensors[p]) continue;
        found = true;
        b->used[index_of(b->weights, b->tensors[p])] = true;
        if (b->forms[p].int8 && b->tensors[p]->dtype == CVT_I8) TRY(find_scales(b, p, error));
    }
    if (!found && b->graph->n_params > 0 && !find_parametrized(b->weights)) return nothing_fits(b, error);
    for (int p = 0; p < b->graph->n_params; p++) TRY(bind_one(b, p, error));
    for (size_t i = 0; i < cvt_weights_count(b->weights); i++)
        if (!b->used[i] && !ignored(b->dialect, cvt_weights_at(b->weights, i)))
            return unexpected(b, cvt_weights_at(b->weights, i), error);
    return CVT_OK;
}

cvt_status cvt_bind(cvt_source **sources, const cvt_tensor ***tensors, const cvt_graph *graph,
                    const cvt_weights *weights, const cvt_dialect *dialect, const cvt_stored_form *forms,
                    cvt_arena *arena, cvt_error *error) {
    size_t n = (size_t)graph->n_params + 1;
    binding b = {.graph = graph, .weights = weights, .dialect = dialect, .forms = forms};
    b.names = cvt_arena_array(arena, n, sizeof *b.names);
    b.rows = cvt_arena_array(arena, n, sizeof *b.rows);
    b.used = cvt_arena_array(arena, cvt_weights_count(weights) + 1, sizeof *b.used);
    b.tensors = cvt_arena_array(arena, n, sizeof *b.tensors);
    b.scales = cvt_arena_array(arena, n, sizeof *b.scales);
    *sources = cvt_arena_array(arena, n, sizeof **sources);
    if (!b.names || !b.rows || !b.used || !b.tensors || !b.scales || !*sources) return cvt_fail_memory(error);
    TRY(name_all(&b, arena, error));
    TRY(bind_all(&b, error));
    for (int p = 0; p < graph->n_params; p++)
        if (b.tensors[p] && !graph->params[p].ignored) TRY(take(&(*sources)[p], &b, p, arena, error));
    *tensors = b.tensors;
    return CVT_OK;
}
