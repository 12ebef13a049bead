/* relabel.c - a model with a new last layer: its config, with another number of classes; its graph, built anew; and the
 * weights of `base` for every parameter but those of the last layer.
 *
 * The last layer is found in the graph: the linear layer that gives the output and reads the embedding. Some families
 * have two, each of which reads its part of the embedding, and give their sum or mean. */
#include "model/relabel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "model/model.h"
#include "ops/ops.h"

enum { MAX_HEADS = 2 };

/* ---- the config ------------------------------------------------------------------------------------------------ */

/* As Python writes numbers. */
static void append_number(cvt_str *to, const cvt_json *value) {
    const size_t start = to->size;
    int64_t whole;
    double real = 0;
    if (cvt_json_integer(value, &whole)) {
        cvt_str_print(to, "%lld", (long long)whole);
        return;
    }
    cvt_json_number(value, &real);
    if (!isfinite(real)) {
        cvt_str_text(to, isnan(real) ? "NaN" : real > 0 ? "Infinity" : "-Infinity");
        return;
    }
    cvt_str_real(to, 0, real);
    if (!to->failed && !strpbrk(to->data + start, ".e")) cvt_str_print(to, ".0");
}

/* What is written in place of members of the config. */
typedef struct rewriting {
    const cvt_model *base;
    const char *const *labels;
    int n;
    bool headless;       /* the base ends with its embedding */
    const char *classes; /* the name of the key that holds their number */
    cvt_str *to;
} rewriting;

static bool is_one_of(const char *name, const char *const *names) {
    for (; *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

/* Members that say what the classes were. */
static bool is_old(const rewriting *r, const char *key) {
    static const char *const old[] = {"num_classes",        "num_labels",   "id2label", "label2id", "label_names",
                                      "label_descriptions", "problem_type", "labels",   NULL};
    return strcmp(key, r->classes) == 0 || is_one_of(key, old);
}

static void append_value(rewriting *r, const cvt_json *value, const char *path);

/* "ViTModel" becomes "ViTForImageClassification": what transformers calls the same model with a last layer. */
static void append_class(rewriting *r, const char *name) {
    static const char bare[] = "Model", ending[] = "ForImageClassification";
    const size_t n = strlen(name), k = sizeof bare - 1;
    cvt_str text = {0};
    cvt_str_append(&text, name, n > k && strcmp(name + n - k, bare) == 0 ? n - k : n);
    if (text.size < n) cvt_str_text(&text, ending);
    if (text.data) cvt_str_json(r->to, text.data, false);
    r->to->failed = r->to->failed || text.failed;
    cvt_str_free(&text);
}

static void append_members(rewriting *r, const cvt_json *value, const char *path) {
    bool first = true;
    for (const cvt_json *m = cvt_json_first(value); m; m = cvt_json_next(m)) {
        const char *key = cvt_json_key(m);
        const bool counted = strcmp(path, "") == 0 || strcmp(path, "model_args") == 0;
        if (key && counted && is_old(r, key)) continue;
        if (!first) cvt_str_print(r->to, ",");
        first = false;
        if (key) cvt_str_json(r->to, key, false);
        if (key) cvt_str_print(r->to, ":");
        append_value(r, m, key ? key : path);
    }
}

/* A layer of a network that gives scores of classes. */
static bool is_head(const rewriting *r, const cvt_json *value, const char *path) {
    const char *type = cvt_json_string(cvt_json_get(value, "type"));
    return r->base->config.dialect == CVT_CONFIG_NATIVE && strcmp(path, "layers") == 0 && type &&
           strcmp(type, "head") == 0;
}

/* path: the key that the value, or the list that it is in, has. */
static void append_value(rewriting *r, const cvt_json *value, const char *path) {
    bool flag = false;
    switch (cvt_json_kind_of(value)) {
    case CVT_JSON_NULL: cvt_str_print(r->to, "null"); return;
    case CVT_JSON_BOOL:
        cvt_json_bool(value, &flag);
        cvt_str_print(r->to, flag ? "true" : "false");
        return;
    case CVT_JSON_NUMBER: append_number(r->to, value); return;
    case CVT_JSON_STRING:
        if (r->headless && strcmp(path, "architectures") == 0)
            append_class(r, cvt_json_string(value));
        else
            cvt_str_json(r->to, cvt_json_string(value), false);
        return;
    case CVT_JSON_ARRAY:
        cvt_str_print(r->to, "[");
        append_members(r, value, path);
        cvt_str_print(r->to, "]");
        return;
    default:
        if (is_head(r, value, path)) {
            cvt_str_print(r->to, "{\"num_classes\":%d,", r->n);
            append_members(r, value, "");
        } else {
            cvt_str_print(r->to, "{");
            append_members(r, value, path);
        }
        cvt_str_print(r->to, "}");
    }
}

/* What the classes are now, as the dialect says it. */
static void append_classes(rewriting *r) {
    const cvt_config_dialect dialect = r->base->config.dialect;
    cvt_str *to = r->to;
    if (*r->classes && dialect != CVT_CONFIG_HF) cvt_str_print(to, ",\"%s\":%d", r->classes, r->n);
    if (dialect == CVT_CONFIG_NATIVE) return;
    cvt_str_print(to, ",\"problem_type\":\"single_label_classification\"");
    cvt_str_print(to, dialect == CVT_CONFIG_HF ? ",\"id2label\":{" : ",\"label_names\":[");
    for (int i = 0; i < r->n; i++) {
        cvt_str_print(to, i ? "," : "");
        if (dialect == CVT_CONFIG_HF) cvt_str_print(to, "\"%d\":", i);
        cvt_str_json(to, r->labels[i], false);
    }
    cvt_str_print(to, dialect == CVT_CONFIG_HF ? "},\"label2id\":{" : "]");
    for (int i = 0; dialect == CVT_CONFIG_HF && i < r->n; i++) {
        cvt_str_print(to, i ? "," : "");
        cvt_str_json(to, r->labels[i], false);
        cvt_str_print(to, ":%d", i);
    }
    if (dialect == CVT_CONFIG_HF) cvt_str_print(to, "}");
}

static bool is_headless(const cvt_graph *g) { return g->output == g->embedding; }

static void rewrite(cvt_str *to, const cvt_model *base, const char *const *labels, int n) {
    const cvt_given *given = &cvt_config_base(&base->config)->given;
    rewriting r = {.base = base,
                   .labels = labels,
                   .n = n,
                   .headless = is_headless(base->graph),
                   .classes = cvt_key_named(given, offsetof(cvt_base, classes)),
                   .to = to};
    const size_t start = to->size;
    cvt_str_print(to, "{");
    append_members(&r, cvt_json_root(base->document), "");
    const size_t members = to->size;
    append_classes(&r);
    if (members == start + 1 && to->size > members && !to->failed) to->data[members] = ' '; /* no comma */
    cvt_str_print(to, "}\n");
}

/* ---- the last layer -------------------------------------------------------------------------------------------- */

typedef struct head {
    const cvt_node *node;
    float scale;          /* what its output counts in the model's */
    size_t first, length; /* the part of the embedding that it reads */
} head;

typedef struct heads {
    int n;
    head of[MAX_HEADS];
} heads;

/* Adds the linear layers that v is a sum of. False: it is no such sum. */
static bool collect(heads *to, const cvt_graph *g, cvt_value v, float scale) {
    const cvt_node *node = cvt_graph_producer(g, v);
    if (node->op == &cvt_op_add) return collect(to, g, node->in[0], scale) && collect(to, g, node->in[1], scale);
    if (node->op == &cvt_op_scale) return collect(to, g, node->in[0], scale * cvt_scale_factor(node));
    if (node->op != &cvt_op_linear || node->n_params != 2 || to->n == MAX_HEADS) return false;
    to->of[to->n++] = (head){.node = node, .scale = scale};
    return true;
}

/* Finds the part of the embedding that a layer reads: all of it, or one side of a concatenation. */
static bool find_part(head *h, const cvt_graph *g) {
    const cvt_value read = h->node->in[0];
    const cvt_node *joined = cvt_graph_producer(g, g->embedding);
    h->length = cvt_shape_count(g->values[read].shape);
    if (read == g->embedding) return true;
    if (joined->op != &cvt_op_concat) return false;
    if (read == joined->in[1]) h->first = cvt_shape_count(g->values[joined->in[0]].shape);
    return read == joined->in[0] || read == joined->in[1];
}

static cvt_status find_heads(heads *to, const cvt_graph *g, cvt_error *error) {
    size_t covered = 0;
    *to = (heads){0};
    bool found = g->embedding != CVT_NO_VALUE && !is_headless(g) && collect(to, g, g->output, 1);
    for (int i = 0; found && i < to->n; i++) {
        found = find_part(&to->of[i], g);
        covered += to->of[i].length;
    }
    if (found && covered == cvt_shape_count(g->values[g->embedding].shape)) return CVT_OK;
    return cvt_fail(error, CVT_UNSUPPORTED,
                    "the model does not end with a linear layer with a bias, so it cannot get a new one");
}

/* ---- weights --------------------------------------------------------------------------------------------------- */

static bool is_of_heads(const heads *h, int p) {
    for (int i = 0; i < h->n; i++)
        if (h->of[i].node->params[0] == p || h->of[i].node->params[1] == p) return true;
    return false;
}

static int find_param(const cvt_graph *g, const cvt_param *like) {
    for (int p = 0; p < g->n_params; p++)
        if (strcmp(g->params[p].name, like->name) == 0 && g->params[p].count == like->count) return p;
    return -1;
}

/* Takes over the weights of the base; those of the last layer become zeros. */
static cvt_status take_weights(cvt_model *m, const cvt_model *base, const heads *h, cvt_error *error) {
    const cvt_graph *g = m->graph;
    m->sources = cvt_arena_array(&m->arena, (size_t)g->n_params, sizeof *m->sources);
    if (!m->sources) return cvt_fail_memory(error);
    for (int p = 0; p < g->n_params; p++) {
        const bool new = is_of_heads(h, p);
        const int q = new ? -1 : find_param(base->graph, &g->params[p]);
        if (new) {
            m->sources[p] =
                (cvt_source){.data = cvt_arena_array(&m->arena, g->params[p].count, sizeof(float)), .dtype = CVT_F32};
            if (!m->sources[p].data) return cvt_fail_memory(error);
        } else if (q < 0) {
            return cvt_fail(error, CVT_UNSUPPORTED, "with a last layer the model would need \"%s\", which it lacks",
                            g->params[p].name);
        } else {
            m->sources[p] = base->sources[q];
        }
        if (m->sources[p].packed)
            return cvt_fail(error, CVT_USAGE, "its weights are packed for one kind of machine: take the original");
    }
    return CVT_OK;
}

/* ---- the model ------------------------------------------------------------------------------------------------- */

static char *take_text(cvt_str *text) { return text->failed ? NULL : text->data; }

static char *copy_text(const char *text) {
    cvt_str copy = {0};
    if (text) cvt_str_text(&copy, text);
    return take_text(&copy);
}

/* A label that would not be read back as it is would name another class. */
static cvt_status check_labels(const cvt_model *m, const cvt_model *base, const char *const *labels, int n,
                               cvt_error *error) {
    if (cvt_config_base(&m->config)->classes != n || m->n_labels != n)
        return cvt_fail(error, CVT_UNSUPPORTED, "%s",
                        cvt_config_base(&base->config)->classes
                            ? "the number of classes of this model cannot be changed"
                            : "the model gives features, without a last layer, and cannot get a new one");
    for (int i = 0; i < n; i++)
        if (!m->labels[i] || strcmp(m->labels[i], labels[i]) != 0)
            return cvt_fail(error, CVT_USAGE, "the label \"%s\" cannot be kept in a model: rename it", labels[i]);
    return CVT_OK;
}

static cvt_status open_new(cvt_model **out, const cvt_model *base, const char *const *labels, int n, cvt_error *error) {
    cvt_bundle files = {.converted = true, .borrowed = true, .weights = base->files.weights};
    cvt_str config = {0}, lines = {0};
    rewrite(&config, base, labels, n);
    for (int i = 0; i < n; i++) cvt_str_print(&lines, "%s\n", labels[i]);
    files.config = take_text(&config);
    files.labels = take_text(&lines);
    files.config_origin = copy_text(base->files.config_origin);
    files.labels_origin = copy_text("labels");
    files.preprocessor = copy_text(base->files.preprocessor);
    files.preprocessor_origin = copy_text(base->files.preprocessor_origin);
    if (files.config && files.labels && files.config_origin && files.labels_origin)
        return cvt_model_open_bundle(
            out, &files, &(cvt_options){.size = sizeof(cvt_options), .weights_later = true, .score = "softmax"}, error);
    cvt_bundle_close(&files);
    return cvt_fail_memory(error);
}

cvt_status cvt_model_relabel(cvt_model **out, const cvt_model *base, const char *const *labels, int n,
                             cvt_error *error) {
    cvt_model *m;
    heads h;
    *out = NULL;
    if (!base->sources) return cvt_fail(error, CVT_USAGE, "the model has no weights yet");
    for (int i = 0; i < n; i++) {
        if (strpbrk(labels[i], "\r\n"))
            return cvt_fail(error, CVT_USAGE, "the label \"%s\" holds a line break: rename it", labels[i]);
        if (!cvt_utf8_valid(labels[i], strlen(labels[i])))
            return cvt_fail(error, CVT_USAGE, "the label \"%s\" is not UTF-8: rename it", labels[i]);
    }
    TRY(open_new(&m, base, labels, n, error));
    cvt_status status = check_labels(m, base, labels, n, error);
    if (status == CVT_OK) status = find_heads(&h, m->graph, error);
    if (status == CVT_OK) status = take_weights(m, base, &h, error);
    const cvt_graph *g = m->graph, *old = base->graph;
    if (status == CVT_OK && (old->embedding == CVT_NO_VALUE || cvt_shape_count(g->values[g->embedding].shape) !=
                                                                   cvt_shape_count(old->values[old->embedding].shape)))
        status = cvt_fail(error, CVT_UNSUPPORTED, "with a last layer the model would have other features");
    if (status == CVT_OK)
        *out = m;
    else
        cvt_model_free(m);
    return status;
}

cvt_status cvt_model_set_last_layer(cvt_model *m, const float *weight, const float *bias, const char *learned,
                                    cvt_error *error) {
    heads h;
    TRY(find_heads(&h, m->graph, error));
    const size_t all = cvt_shape_count(m->graph->values[m->graph->embedding].shape), rows = (size_t)m->n_labels;
    for (int i = 0; i < h.n; i++) {
        const head *own = &h.of[i];
        float *to = cvt_arena_array(&m->arena, rows * own->length, sizeof *to);
        float *offset = cvt_arena_array(&m->arena, rows, sizeof *offset);
        if (!to || !offset) return cvt_fail_memory(error);
        for (size_t k = 0; k < rows; k++) {
            for (size_t j = 0; j < own->length; j++)
                to[k * own->length + j] = weight[k * all + own->first + j] / own->scale;
            offset[k] = i == 0 ? bias[k] / own->scale : 0;
        }
        m->sources[own->node->params[0]].data = to;
        m->sources[own->node->params[1]].data = offset;
    }
    m->learned = cvt_arena_copy(&m->arena, learned, strlen(learned));
    return m->learned ? CVT_OK : cvt_fail_memory(error);
}

const char *cvt_model_learned(const cvt_model *m) {
    if (m->learned) return m->learned;
    return m->files.weights ? cvt_weights_metadata(m->files.weights, CVT_META_LEARNED) : NULL;
}
