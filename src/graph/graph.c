/* graph.c - the builder, which appends nodes, values, parameters, scopes and the lines of the torchsummary listing as a
 * family writes its forward pass down. */
#include "graph/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/num.h"
#include "base/str.h"
#include "base/table.h"
#include "graph/op.h"

/* A graph with more nodes or parameters comes from a wrong config. */
enum { MAX_NODES = 1 << 16, MAX_PARAMS = 1 << 17 };
static const int64_t max_elements = INT64_C(1) << 31; /* elements of one value or parameter */
static const int64_t max_scores = INT64_C(1) << 46;   /* of attention maps: they exist only where tapped */

typedef struct scope {
    size_t path, pattern; /* the lengths of the two strings before the scope was opened */
    int n_indices;
    const char *type;
    cvt_grid grid;
} scope;

struct cvt_builder {
    cvt_graph *graph;
    cvt_error error;
    bool failed;
    cvt_str path, pattern; /* the open scopes, joined by dots */
    cvt_index indices[CVT_MAX_INDICES];
    int n_indices;
    bool left_out;
    scope *scopes;
    int n_scopes;
    cvt_grid grid;     /* where the keys of attention lie in the open scope */
    cvt_value last;    /* the newest value; the line of a container that closes shows its shape */
    cvt_table by_name; /* the index of a parameter by its name */
    /* What follows belongs to the node that is being described. */
    cvt_value *out;
    int n_out;
    int *params;
    int n_params;
};

/* Appends a zeroed element and returns it. Where there is no memory, it returns NULL and the builder has failed. */
#define APPEND(b, array, count) \
    (grow_by((b), (void **)&(array), &(count), sizeof *(array)) ? &(array)[(count)-1] : NULL)
static bool grow_by(cvt_builder *b, void **array, int *count, size_t size) {
    void *grown = b->failed || *count >= MAX_NODES * 4 ? NULL : cvt_grow(*array, (size_t)*count, size);
    if (!grown) {
        if (!b->failed) cvt_fail_memory(&b->error);
        b->failed = true;
        return false;
    }
    *array = grown;
    memset((char *)grown + (size_t)*count * size, 0, size);
    ++*count;
    return true;
}

static void *keep(cvt_builder *b, void *p) {
    if (!p && !b->failed) {
        cvt_fail_memory(&b->error);
        b->failed = true;
    }
    return p;
}

cvt_builder *cvt_builder_new(void) {
    cvt_builder *b = calloc(1, sizeof *b);
    if (!b) return NULL;
    b->graph = calloc(1, sizeof *b->graph);
    b->last = CVT_NO_VALUE;
    if (!b->graph) {
        free(b);
        return NULL;
    }
    b->graph->output = b->graph->embedding = CVT_NO_VALUE;
    return b;
}

void cvt_graph_free(cvt_graph *g) {
    if (!g) return;
    free(g->nodes);
    free(g->values);
    free(g->params);
    free(g->lines);
    free(g->inputs);
    cvt_arena_free(&g->arena);
    free(g);
}

cvt_status cvt_builder_finish(cvt_builder *b, cvt_graph **out, cvt_value output, cvt_error *error) {
    cvt_graph *g = b->graph;
    cvt_status status = b->failed ? b->error.status : CVT_OK;
    if (b->failed && error) *error = b->error;
    if (status == CVT_OK) {
        g->output = output;
        *out = g;
    } else {
        cvt_graph_free(g);
    }
    cvt_str_free(&b->path);
    cvt_str_free(&b->pattern);
    free(b->scopes);
    cvt_table_free(&b->by_name);
    free(b->out);
    free(b->params);
    free(b);
    return status;
}

bool cvtb_failed(const cvt_builder *b) { return b->failed; }

void cvtb_fail(cvt_builder *b, const char *format, ...) {
    if (b->failed) return;
    char text[CVT_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (b->path.size)
        cvt_fail(&b->error, CVT_CONFIG, "%s: %s", b->path.data, text);
    else
        cvt_fail(&b->error, CVT_CONFIG, "%s", text);
    b->failed = true;
}

/* ---- scopes ------------------------------------------------------------------------------------------------------ */

static void push_segment(cvt_builder *b, const char *segment, char letter, int index) {
    scope *s = APPEND(b, b->scopes, b->n_scopes);
    if (!s) return;
    s->path = b->path.size;
    s->pattern = b->pattern.size;
    s->n_indices = b->n_indices;
    s->grid = b->grid;
    const char *dot = b->path.size ? "." : "", *brace = letter ? strchr(segment, '{') : NULL;
    cvt_str_print(&b->pattern, "%s%s", dot, segment);
    if (brace)
        cvt_str_print(&b->path, "%s%.*s%d%s", dot, (int)(brace - segment), segment, index, brace + 3);
    else
        cvt_str_print(&b->path, "%s%s", dot, segment);
    if (letter) cvtb_index(b, letter, index);
    if (b->path.failed || b->pattern.failed) keep(b, NULL);
}

void cvtb_index(cvt_builder *b, char letter, int index) {
    if (b->failed) return;
    if (b->n_indices == CVT_MAX_INDICES)
        cvtb_fail(b, "scopes are nested too deep");
    else
        b->indices[b->n_indices++] = (cvt_index){letter, index};
}

void cvtb_open(cvt_builder *b, const char *segment, char letter, int index, const char *type) {
    if (b->failed) return;
    push_segment(b, segment, letter, index);
    if (!b->failed) b->scopes[b->n_scopes - 1].type = type;
}

static void add_line(cvt_builder *b, const char *type, cvt_value value, int node) {
    cvt_graph *g = b->graph;
    cvt_graph_line *line = APPEND(b, g->lines, g->n_lines);
    if (!line) return;
    const char *path = b->path.data ? b->path.data : "";
    *line = (cvt_graph_line){keep(b, cvt_arena_copy(&g->arena, path, strlen(path))), type, value, node};
}

void cvtb_close(cvt_builder *b) {
    if (b->failed) return;
    scope s = b->scopes[b->n_scopes - 1];
    if (s.type) add_line(b, s.type, b->last, -1);
    b->n_scopes--;
    b->path.data[b->path.size = s.path] = 0;
    b->pattern.data[b->pattern.size = s.pattern] = 0;
    b->n_indices = s.n_indices;
    b->grid = s.grid;
}

void cvtb_in_summary(cvt_builder *b, bool in_summary) { b->left_out = !in_summary; }

cvt_value cvtb_tap(cvt_builder *b, cvt_value v, const char *name) {
    if (b->failed) return CVT_NO_VALUE;
    const char *path = b->path.size ? b->path.data : "", *dot = b->path.size && name ? "." : "";
    b->graph->values[v].tap = keep(b, cvt_arena_print(&b->graph->arena, "%s%s%s", path, dot, name ? name : ""));
    return v;
}

cvt_value cvtb_end(cvt_builder *b, cvt_value v) {
    v = cvtb_tap(b, v, NULL);
    cvtb_close(b);
    return v;
}

bool cvtb_tapped(const cvt_builder *b, cvt_value v) { return !b->failed && v >= 0 && b->graph->values[v].tap; }

cvt_value cvtb_embedding(cvt_builder *b, cvt_value v) {
    b->graph->embedding = v;
    return v;
}

void cvtb_grid(cvt_builder *b, int prefix, int h, int w) { b->grid = (cvt_grid){prefix, h, w, false}; }

void cvtb_no_class_token(cvt_builder *b) { b->grid.classless = true; }

cvt_value cvtb_place(cvt_builder *b, cvt_value v, cvt_grid grid) {
    if (!b->failed) b->graph->values[v].place = grid;
    return v;
}

cvt_grid cvtb_placed(const cvt_builder *b, cvt_value v) {
    if (b->failed || v < 0) return (cvt_grid){0};
    cvt_shape s = b->graph->values[v].shape;
    return s.layout == CVT_MAP ? (cvt_grid){0, s.d[1], s.d[2], false} : b->graph->values[v].place;
}

void cvtb_name_input(cvt_builder *b, cvt_value v, const char *name) {
    if (!b->failed) b->graph->values[v].input = keep(b, cvt_arena_copy(&b->graph->arena, name, strlen(name)));
}

cvt_shape cvtb_shape(const cvt_builder *b, cvt_value v) {
    return b->failed || v < 0 ? cvt_shape_map(1, 1, 1) : b->graph->values[v].shape;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

cvt_value cvt_describe_output(cvt_describe *d, cvt_shape shape) {
    cvt_builder *b = d->builder;
    if (b->failed) return CVT_NO_VALUE;
    int64_t elements = 1;
    for (int i = 0; i < cvt_shape_rank(shape); i++) {
        int64_t max_count = shape.layout == CVT_SCORES && i == 2 ? max_scores : max_elements;
        if (shape.d[i] < 1 || !cvt_mul_i64(elements, shape.d[i], &elements) || elements >= max_count) {
            char text[48];
            cvtb_fail(b, "gives a value of shape %s: too large, or empty", cvt_shape_text(shape, text));
            return CVT_NO_VALUE;
        }
    }
    cvt_graph *g = b->graph;
    cvt_value_info *info = APPEND(b, g->values, g->n_values);
    cvt_value *out = APPEND(b, b->out, b->n_out);
    if (!info || !out) return CVT_NO_VALUE;
    *info = (cvt_value_info){.shape = shape, .node = g->n_nodes};
    if (shape.layout == CVT_SCORES && shape.d[2] == b->grid.prefix + b->grid.h * b->grid.w) info->keys = b->grid;
    return *out = b->last = g->n_values - 1;
}

static void describe_shared(cvt_builder *b, const cvt_param *old, int rank, const int64_t *shape) {
    bool same = old->rank == rank && memcmp(old->shape, shape, (size_t)rank * sizeof *shape) == 0;
    if (!same) cvtb_fail(b, "two layers share %s with different shapes", old->name);
}

void cvt_describe_param(cvt_describe *d, const char *name, cvt_param_kind kind, int rank, const int64_t *shape) {
    cvt_builder *b = d->builder;
    cvt_graph *g = b->graph;
    if (b->failed) return;
    const char *dot = b->path.size ? "." : "";
    char *full = keep(b, cvt_arena_print(&g->arena, "%s%s%s", b->path.size ? b->path.data : "", dot, name));
    int *use = APPEND(b, b->params, b->n_params);
    if (!full || !use) return;
    const size_t *known = cvt_table_find(&b->by_name, full);
    if (known) {
        *use = (int)*known;
        describe_shared(b, &g->params[*use], rank, shape);
        return;
    }
    int64_t count = 1;
    for (int i = 0; i < rank; i++) {
        if (shape[i] >= 1 && cvt_mul_i64(count, shape[i], &count) && count < max_elements) continue;
        cvtb_fail(b, "%s has too many elements", name);
        return;
    }
    cvt_param *p = APPEND(b, g->params, g->n_params);
    if (!p) return;
    *p = (cvt_param){.name = full, .rank = rank, .count = (size_t)count, .n_indices = b->n_indices};
    p->buffer = kind != CVT_PARAMETER;
    p->ignored = kind == CVT_IGNORED;
    p->pattern = keep(b, cvt_arena_print(&g->arena, "%s%s%s", b->pattern.size ? b->pattern.data : "", dot, name));
    memcpy(p->shape, shape, (size_t)rank * sizeof *shape);
    memcpy(p->indices, b->indices, sizeof b->indices);
    *use = g->n_params - 1;
    if (!cvt_table_add(&b->by_name, full, (size_t)*use)) keep(b, NULL);
}

static void *copy(cvt_builder *b, const void *from, size_t size) {
    void *to = keep(b, cvt_arena_alloc(&b->graph->arena, size ? size : 1));
    if (to && size) memcpy(to, from, size);
    return to;
}

cvt_value cvt_graph_add(cvt_builder *b, const cvt_op *op, const char *name, const void *attr, const cvt_value *in,
                        int n_in) {
    if (b->failed) return CVT_NO_VALUE;
    cvt_graph *g = b->graph;
    enum { MAX_INPUTS = 64 };
    cvt_shape shapes[MAX_INPUTS];
    if (n_in > MAX_INPUTS || g->n_nodes >= MAX_NODES || g->n_params >= MAX_PARAMS) {
        cvtb_fail(b, "the model is too large");
        return CVT_NO_VALUE;
    }
    for (int i = 0; i < n_in; i++) shapes[i] = cvtb_shape(b, in[i]);
    if (name) push_segment(b, name, 0, 0);
    cvt_describe d = {.builder = b, .attr = copy(b, attr, op->attr_size), .n_in = n_in, .in = in, .shapes = shapes};
    b->n_out = b->n_params = 0;
    if (!b->failed) op->describe(&d);
    cvt_node *node = APPEND(b, g->nodes, g->n_nodes);
    if (!node) return CVT_NO_VALUE;
    *node =
        (cvt_node){.op = op, .attr = d.attr, .n_in = n_in, .n_out = b->n_out, .n_params = b->n_params, .macs = d.macs};
    g->batch_dependent = g->batch_dependent || op->batch_dependent;
    node->in = copy(b, in, (size_t)n_in * sizeof *in);
    node->out = copy(b, b->out, (size_t)b->n_out * sizeof *b->out);
    node->params = copy(b, b->params, (size_t)b->n_params * sizeof *b->params);
    node->name = copy(b, b->path.data ? b->path.data : "", b->path.size + 1);
    if (b->failed) return CVT_NO_VALUE;
    const char *type = op->type ? op->type(attr) : NULL;
    b->last = node->out[0];
    if (type && !b->left_out) add_line(b, type, node->out[0], g->n_nodes - 1);
    if (name) cvtb_close(b);
    return b->failed ? CVT_NO_VALUE : g->nodes[g->n_nodes - 1].out[0];
}

int cvt_builder_inputs(const cvt_builder *b) { return b->graph->n_inputs; }

void cvt_builder_add_input(cvt_builder *b, cvt_value v) {
    cvt_value *input = APPEND(b, b->graph->inputs, b->graph->n_inputs);
    if (input) *input = v;
}
