/* session.c - the forward passes of one thread over a model. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/interleaved.h"
#include "model/model.h"

struct cvt_session {
    const cvt_model *model;
    cvt_exec *exec;
    float *output;    /* [max_batch, output shape], in the order that cvt.h promises */
    int max_batch, n; /* n: the images of the last run, 0 before the first */
};

cvt_status cvt_session_new(cvt_session **out, const cvt_model *model, int max_batch, int threads, cvt_error *error) {
    *out = NULL;
    if (!model->plan) return cvt_fail(error, CVT_USAGE, "the model was opened without weights");
    if (max_batch < 1 || threads < 1)
        return cvt_fail(error, CVT_USAGE, "a session needs at least one image and one thread");
    cvt_session *s = calloc(1, sizeof *s);
    if (!s) return cvt_fail_memory(error);
    s->model = model;
    s->max_batch = max_batch;
    size_t each = cvt_shape_count(model->graph->values[model->graph->output].shape);
    s->output = calloc((size_t)max_batch, each * sizeof *s->output);
    cvt_status status =
        s->output ? cvt_exec_new(&s->exec, model->plan, max_batch, threads, error) : cvt_fail_memory(error);
    if (status == CVT_OK)
        *out = s;
    else
        cvt_session_free(s);
    return status;
}

void cvt_session_free(cvt_session *s) {
    if (!s) return;
    cvt_exec_free(s->exec);
    free(s->output);
    free(s);
}

void cvt_value_export(float *to, const float *stored, cvt_shape shape) {
    size_t rows = (size_t)cvt_shape_rows(shape), cols = (size_t)cvt_shape_cols(shape);
    if (shape.layout != CVT_MAP) {
        memcpy(to, stored, rows * cols * sizeof *to);
        return;
    }
    for (size_t c = 0; c < cols; c++)
        for (size_t r = 0; r < rows; r++) to[c * rows + r] = stored[r * cols + c];
}

/* Returns the floats of a value for all images of the last run. */
static size_t count_of(const cvt_session *s, cvt_value v) {
    return (size_t)s->n * cvt_shape_count(s->model->graph->values[v].shape);
}

static void export_all(float *to, const cvt_session *s, cvt_value v) {
    cvt_shape shape = s->model->graph->values[v].shape;
    for (int i = 0; i < s->n; i++)
        cvt_value_export(to + (size_t)i * cvt_shape_count(shape), cvt_exec_value(s->exec, v, i), shape);
}

/* Reports a value that is not finite, and where it comes from: an input that has such a value too, else the weights. */
static cvt_status fail_non_finite(const cvt_session *s, const float *const *inputs, bool interleaved,
                                  cvt_error *error) {
    const cvt_graph *g = s->model->graph;
    for (int i = 0; i < g->n_inputs; i++) {
        cvt_shape shape = g->values[g->inputs[i]].shape;
        size_t each = cvt_shape_count(shape), c = (size_t)cvt_shape_cols(shape), pixels = each / c;
        for (size_t k = 0; k < count_of(s, g->inputs[i]); k++)
            if (!isfinite(inputs[i][k]))
                return cvt_fail(error, CVT_NON_FINITE,
                                "input %d holds a value that is not finite: value %zu of image %zu", i,
                                interleaved ? k % c * pixels + k % each / c : k % each, k / each);
    }
    return cvt_fail(error, CVT_NON_FINITE, "weights give non-finite output");
}

static cvt_status run(cvt_session *s, const float *const *inputs, bool interleaved, int n, cvt_error *error) {
    if (n < 1 || n > s->max_batch)
        return cvt_fail(error, CVT_USAGE, "%d images in a session made for %d", n, s->max_batch);
    for (int i = 0; i < s->model->graph->n_inputs; i++)
        if (!inputs[i]) return cvt_fail(error, CVT_USAGE, "input %d is not there: its pointer is NULL", i);
    cvt_value v = s->model->graph->output;
    s->n = n;
    if (interleaved)
        cvt_exec_run_interleaved(s->exec, inputs, n);
    else
        cvt_exec_run(s->exec, inputs, n);
    export_all(s->output, s, v);
    for (size_t i = 0; i < count_of(s, v); i++)
        if (!isfinite(s->output[i])) return fail_non_finite(s, inputs, interleaved, error);
    return CVT_OK;
}

cvt_status cvt_session_run(cvt_session *s, const float *const *inputs, int n, cvt_error *error) {
    return run(s, inputs, false, n, error);
}

cvt_status cvt_session_run_interleaved(cvt_session *s, const float *const *inputs, int n, cvt_error *error) {
    return run(s, inputs, true, n, error);
}

const float *cvt_session_output(const cvt_session *s) { return s->n ? s->output : NULL; }

/* Fails with CVT_USAGE where there was no run yet, or where `capacity` is less than `count`. */
static cvt_status check_room(const cvt_session *s, size_t count, size_t capacity, cvt_error *error) {
    if (!s->n) return cvt_fail(error, CVT_USAGE, "the session has not run yet");
    if (count <= capacity) return CVT_OK;
    return cvt_fail(error, CVT_USAGE, "%zu floats do not fit where there is room for %zu", count, capacity);
}

/* Copies a value of the last run to `to`, which has room for `capacity` floats. */
static cvt_status hand_out(const cvt_session *s, cvt_value v, float *to, size_t capacity, cvt_error *error) {
    TRY(check_room(s, count_of(s, v), capacity, error));
    export_all(to, s, v);
    return CVT_OK;
}

cvt_status cvt_session_tap(const cvt_session *s, const char *name, float *to, size_t capacity, cvt_error *error) {
    const cvt_model *m = s->model;
    int index = cvt_model_find_tap(m, name);
    if (index < 0 || !m->retain[m->taps[index]])
        return cvt_fail(error, CVT_USAGE, "\"%s\" is no tap that the model was opened with", name);
    return hand_out(s, m->taps[index], to, capacity, error);
}

cvt_status cvt_session_embedding(const cvt_session *s, float *to, size_t capacity, cvt_error *error) {
    const cvt_model *m = s->model;
    if (!m->options.embedding) return cvt_fail(error, CVT_USAGE, "the model was not opened to keep its embedding");
    return hand_out(s, m->graph->embedding, to, capacity, error);
}

cvt_status cvt_session_class_map(const cvt_session *s, int class_index, float *to, size_t capacity, cvt_error *error) {
    const cvt_tensor_info map = cvt_model_class_map(s->model);
    if (map.rank) TRY(check_room(s, (size_t)s->n * (size_t)map.shape[0] * (size_t)map.shape[1], capacity, error));
    return cvt_class_map_make(to, s->model, s->exec, s->n, class_index, error);
}

/* ---- profile: steps of one op are added up ---- */

void cvt_session_profile(cvt_session *s, bool on) { cvt_exec_profile(s->exec, on); }

static const cvt_op *op_of(const cvt_plan *plan, int step) { return plan->steps[step].node->op; }

/* Is step i the first one of its kind of operation? */
static bool first_of_op(const cvt_plan *plan, int i) {
    for (int k = 0; k < i; k++)
        if (op_of(plan, k) == op_of(plan, i)) return false;
    return true;
}

int cvt_session_op_times(const cvt_session *s) {
    const cvt_plan *plan = s->model->plan;
    int n = 0;
    for (int i = 0; cvt_exec_times(s->exec) && i < plan->n_steps; i++) n += first_of_op(plan, i);
    return n;
}

cvt_op_time cvt_session_op_time(const cvt_session *s, int index) {
    const cvt_plan *plan = s->model->plan;
    const double *times = cvt_exec_times(s->exec);
    if (index < 0 || index >= cvt_session_op_times(s)) return (cvt_op_time){0};
    int first = 0;
    for (int left = index; !first_of_op(plan, first) || left-- > 0;) first++;
    cvt_op_time t = {.op = op_of(plan, first)->name};
    for (int i = first; i < plan->n_steps; i++) {
        if (op_of(plan, i) != op_of(plan, first)) continue;
        t.ms += times[i] * 1e-6;
        t.macs += plan->steps[i].macs;
        t.steps += plan->steps[i].cut(plan->steps[i].args, 1, 1).tiles > 0; /* not those for many threads alone */
    }
    return t;
}
