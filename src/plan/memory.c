/* memory.c - decides where values lie. Values share a buffer if they are views of one another, if a concatenation joins
 * them, or if one may overwrite another that is not read again. Buffers that are in use at different times share
 * memory. Those that are readable after a run come first and share with none, so that the images that a thread takes
 * one after another may compute in the same memory, which is in its cache. */
#include <stdlib.h>

#include "base/num.h"
#include "plan/plan.h"

/* The place of a value: `start` floats into the place of `parent`, or a buffer of its own. */
typedef struct place {
    cvt_value parent;
    size_t start;
    int first, last; /* for a buffer: the first and the last plan node that use it */
    bool wanted;
} place;

typedef struct buffer {
    size_t size, offset;
    int first, last; /* the first and the last group of nodes that use it */
    bool kept;       /* it is readable after a run */
    int owner;       /* a value, or ~i for the workspace of plan node i */
} buffer;

typedef struct layout {
    place *places;
    const cvt_plan_nodes *nodes;
    const cvt_graph *graph;
    const int *uses;
    const bool *retain;
} layout;

static cvt_value root_of(const place *places, cvt_value v, size_t *start) {
    *start = 0;
    for (; places[v].parent != CVT_NO_VALUE; v = places[v].parent) *start += places[v].start;
    return v;
}

static void share(layout *l, cvt_value v, cvt_value with, size_t start) {
    l->places[v].parent = with;
    l->places[v].start = start;
}

/* Returns the value that is computed in the place of v, if nobody else looks at it and v is all of it; else
 * CVT_NO_VALUE. */
static cvt_value computed_alone(const layout *l, cvt_value v) {
    const size_t count = cvt_shape_count(l->graph->values[v].shape);
    while (l->uses[v] == 1 && l->places[v].parent != CVT_NO_VALUE && l->places[v].start == 0) v = l->places[v].parent;
    int producer = l->nodes->producer[v];
    bool computed = producer >= 0 && !l->nodes->node[producer].node->op->view && l->places[v].parent == CVT_NO_VALUE;
    return computed && l->uses[v] == 1 && cvt_shape_count(l->graph->values[v].shape) == count ? v : CVT_NO_VALUE;
}

/* Gives a view the place of its input, and the parts of a concatenation places in its output. */
static void share_views(layout *l) {
    for (int i = 0; i < l->nodes->n; i++) {
        const cvt_node *node = l->nodes->node[i].node;
        if (!node) continue;
        if (node->op->view) share(l, node->out[0], node->in[0], node->op->view(node, l->graph));
        for (int k = 0; node->op->part && k < node->n_in; k++) {
            cvt_value v = computed_alone(l, node->in[k]);
            if (v != CVT_NO_VALUE) share(l, v, node->out[0], node->op->part(node, l->graph, k));
        }
    }
}

static bool is_constant(const layout *l, cvt_value v) { return cvt_graph_producer(l->graph, v)->op->constant; }

static void touch(layout *l, cvt_value v, int entry) {
    size_t start;
    if (is_constant(l, v)) return; /* its numbers lie in the plan's memory */
    place *p = &l->places[root_of(l->places, v, &start)];
    if (!p->wanted || entry < p->first) p->first = entry;
    if (!p->wanted || entry > p->last) p->last = entry;
    p->wanted = true;
}

static void find_lifetimes(layout *l) {
    for (int i = 0; i < l->nodes->n; i++) {
        const cvt_plan_node *w = &l->nodes->node[i];
        if (!w->node) continue;
        for (int k = 0; k < w->node->n_in; k++) touch(l, w->node->in[k], i);
        if (w->residual != CVT_NO_VALUE) touch(l, w->residual, i);
        if (w->from) touch(l, w->from->node->in[0], i); /* both products may run in one step */
        touch(l, w->out, i);
        for (int k = 1; k < w->node->n_out; k++)
            if (l->uses[w->node->out[k]] || l->retain[w->node->out[k]]) touch(l, w->node->out[k], i);
    }
    for (int v = 0; v < l->graph->n_values; v++)
        if (l->retain[v]) touch(l, v, l->nodes->n);
}

static bool whole_buffer(const layout *l, cvt_value v, cvt_value *root) {
    size_t start;
    *root = root_of(l->places, v, &start);
    return start == 0 && cvt_shape_count(l->graph->values[v].shape) == cvt_shape_count(l->graph->values[*root].shape);
}

/* Is plan node i the only one of its group? What it reads is then read by no other at the same time. */
static bool is_alone(const layout *l, int i) {
    const int *group = l->nodes->group;
    for (int step = -1; step <= 1; step += 2)
        for (int j = i + step; j >= 0 && j < l->nodes->n && group[j] == group[i]; j += step)
            if (l->nodes->node[j].node && !l->nodes->node[j].node->op->view) return false;
    return true;
}

/* Returns the floats that v takes: packed rows have another size. */
static size_t size_of(const layout *l, cvt_value v) {
    const cvt_shape s = l->graph->values[v].shape;
    const cvt_product_kernels *kernels = cvt_plan_packed_for(l->nodes, v);
    if (!kernels) return cvt_shape_count(s);
    return (size_t)cvt_shape_rows(s) * kernels->packed_row_size(cvt_shape_cols(s)) / sizeof(float);
}

/* Lets plan node i overwrite `v`, if the buffer of v is not read after it and the result is just as large. */
static bool overwrite(layout *l, int i, cvt_value v) {
    const cvt_plan_node *w = &l->nodes->node[i];
    cvt_value from, to;
    if (!is_alone(l, i) || w->readies) return false;
    if (!whole_buffer(l, v, &from) || !whole_buffer(l, w->out, &to) || to != w->out || from == to) return false;
    if (l->places[from].last != i || l->places[to].first != i) return false;
    if (cvt_shape_count(l->graph->values[from].shape) != cvt_shape_count(l->graph->values[to].shape)) return false;
    share(l, to, from, 0);
    l->places[from].last = l->places[to].last;
    return true;
}

static void share_in_place(layout *l) {
    for (int i = 0; i < l->nodes->n; i++) {
        const cvt_plan_node *w = &l->nodes->node[i];
        if (!w->node) continue;
        if (w->residual != CVT_NO_VALUE) {
            size_t start;
            cvt_value in = root_of(l->places, w->node->in[0], &start),
                      residual = root_of(l->places, w->residual, &start);
            if (in != residual) overwrite(l, i, w->residual);
        } else if (w->node->op->in_place) {
            overwrite(l, i, w->node->in[0]);
        }
    }
}

static int kept_and_larger_first(const void *a, const void *b) {
    const buffer *x = a, *y = b;
    if (x->kept != y->kept) return x->kept ? -1 : 1;
    if (x->size != y->size) return x->size < y->size ? 1 : -1;
    return x->owner < y->owner ? -1 : 1;
}

static int lower_first(const void *a, const void *b) {
    const buffer *x = *(buffer *const *)a, *y = *(buffer *const *)b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Places the buffers: those that are kept, then the largest first, each into the first gap behind these that the
 * buffers in use at the same time leave. */
static bool place_buffers(buffer *buffers, int n, size_t *total, size_t *kept) {
    const buffer **busy = malloc((size_t)(n + 1) * sizeof *busy);
    if (!busy) return false;
    qsort(buffers, (size_t)n, sizeof *buffers, kept_and_larger_first);
    *total = *kept = 0;
    for (int i = 0; i < n; i++) {
        buffer *b = &buffers[i];
        size_t n_busy = 0, offset = b->kept ? 0 : *kept;
        for (int j = 0; j < i; j++)
            if (buffers[j].first <= b->last && b->first <= buffers[j].last) busy[n_busy++] = &buffers[j];
        qsort(busy, n_busy, sizeof *busy, lower_first);
        for (size_t j = 0; j < n_busy && offset + b->size > busy[j]->offset; j++)
            if (busy[j]->offset + busy[j]->size > offset) offset = busy[j]->offset + busy[j]->size;
        b->offset = offset;
        if (offset + b->size > *total) *total = offset + b->size;
        if (b->kept) *kept = *total;
    }
    free(busy);
    return true;
}

/* Collects one buffer for every value that is wanted and has its own, and for every workspace. */
static int collect(const layout *l, buffer *buffers, const cvt_kernels *kernels) {
    const size_t unit = 16; /* floats in a cache line */
    const int *group = l->nodes->group;
    int n = 0;
    for (int v = 0; v < l->graph->n_values; v++) {
        const place *p = &l->places[v];
        if (!p->wanted || p->parent != CVT_NO_VALUE) continue;
        size_t size = size_of(l, v);
        buffers[n++] = (buffer){.size = cvt_round_up(size, unit),
                                .first = group[p->first],
                                .last = group[p->last],
                                .kept = p->last == l->nodes->n,
                                .owner = v};
    }
    for (int i = 0; i < l->nodes->n; i++) {
        const cvt_plan_node *w = &l->nodes->node[i];
        if (!w->node || !w->node->op->workspace) continue;
        size_t size = w->node->op->workspace(w, l->graph, kernels);
        buffers[n++] = (buffer){.size = cvt_round_up(size, unit), .first = group[i], .last = group[i], .owner = ~i};
    }
    return n;
}

static void set_refs(cvt_ref *refs, cvt_ref *workspaces, const layout *l, const buffer *buffers, int n) {
    for (int i = 0; i < n; i++) {
        if (buffers[i].owner < 0)
            workspaces[~buffers[i].owner] = (cvt_ref){buffers[i].offset, 0};
        else
            refs[buffers[i].owner] = (cvt_ref){buffers[i].offset, 0};
    }
    for (int v = 0; v < l->graph->n_values; v++) {
        size_t start;
        cvt_value root = root_of(l->places, v, &start);
        if (root == v) continue;
        refs[v] = refs[root];
        refs[v].start = start;
    }
}

cvt_status cvt_memory_place(cvt_ref *refs, cvt_ref *workspaces, size_t *floats, size_t *kept,
                            const cvt_plan_nodes *nodes, const cvt_graph *graph, const int *uses, const bool *retain,
                            const cvt_kernels *kernels, cvt_error *error) {
    layout l = {.nodes = nodes, .graph = graph, .uses = uses, .retain = retain};
    l.places = calloc((size_t)graph->n_values + 1, sizeof *l.places);
    buffer *buffers = malloc((size_t)(graph->n_values + nodes->n + 1) * sizeof *buffers);
    bool ok = l.places && buffers;
    if (ok) {
        for (int v = 0; v < graph->n_values; v++) {
            l.places[v].parent = CVT_NO_VALUE;
            refs[v] = CVT_NO_REF;
        }
        share_views(&l);
        find_lifetimes(&l);
        share_in_place(&l);
        int n = collect(&l, buffers, kernels);
        ok = place_buffers(buffers, n, floats, kept);
        if (ok) set_refs(refs, workspaces, &l, buffers, n);
    }
    free(l.places);
    free(buffers);
    return ok ? CVT_OK : cvt_fail_memory(error);
}
