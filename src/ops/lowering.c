/* lowering.c - functions that ops call while they are lowered: they give memory of the plan, parameters as f32, and
 * steps. */
#include "ops/lowering.h"

#include <string.h>

#include "base/grow.h"
#include "base/num.h"
#include "ops/rows.h"

void *cvt_lowering_alloc(cvt_lowering *l, size_t size) {
    void *p = l->failed ? NULL : cvt_arena_alloc(l->arena, size ? size : 1);
    if (!p) l->failed = true;
    return p;
}

float *cvt_lowering_floats(cvt_lowering *l, size_t count) {
    size_t size;
    if (!cvt_mul_size(count, sizeof(float), &size)) l->failed = true;
    return l->failed ? NULL : cvt_lowering_alloc(l, size);
}

const float *cvt_lowering_param(cvt_lowering *l, int param) {
    size_t count = l->graph->params[param].count;
    float *wide = cvt_lowering_floats(l, count);
    if (wide) cvt_source_widen(wide, l->sources[param], &l->graph->params[param]);
    return wide;
}

const float *cvt_lowering_scales(cvt_lowering *l, cvt_source w, int n, const float *scale) {
    if (!w.scales || !scale) return w.scales ? w.scales : scale;
    float *both = cvt_lowering_floats(l, (size_t)n);
    for (int i = 0; both && i < n; i++) both[i] = w.scales[i] * scale[i];
    return both;
}

void cvt_lowering_scratch(cvt_lowering *l, size_t floats) {
    if (floats > l->scratch) l->scratch = floats;
}

/* A tile costs its rows, and a quarter of the fewest rows for being claimed. The largest tiles are chosen that let all
 * threads end soonest. */
cvt_cut cvt_rows_cut(cvt_rows r, int n, int threads) {
    enum { FINEST = 8 }; /* the most tiles a thread */
    cvt_cut cut = {.tiles = n * cvt_rows_per_image(r), .rows = r.block};
    if (threads <= 2 || !r.least) return cut;
    int64_t best = INT64_MAX;
    const int first = cvt_rows_per_image(r);
    for (int count = first; count == first || (count <= r.rows / r.least && n * count <= FINEST * threads); count++) {
        const int rows = cvt_div_up(r.rows, count), tiles = n * cvt_div_up(r.rows, rows);
        const int64_t cost = (int64_t)cvt_div_up(tiles, threads) * (4 * (int64_t)rows + r.least);
        if (cost >= best) continue;
        cut.tiles = tiles;
        cut.rows = rows;
        best = cost;
    }
    return cut;
}

cvt_cut cvt_cut_by_rows(const void *args, int n, int threads) {
    return cvt_rows_cut(*(const cvt_rows *)args, n, threads);
}

cvt_cut cvt_cut_by_images(const void *args, int n, int threads) {
    (void)args;
    (void)threads;
    return (cvt_cut){.tiles = n};
}

void cvt_lowering_drop(cvt_lowering *l, int param) {
    if (l->drop) l->drop(l->owner, param);
}

void cvt_lowering_step(cvt_lowering *l, const cvt_plan_node *w, const void *args, size_t size,
                       cvt_cut (*cut)(const void *, int, int), void (*run)(const void *, const cvt_context *, int)) {
    cvt_steps *steps = l->steps;
    void *kept = cvt_lowering_alloc(l, size);
    if (l->failed) return;
    memcpy(kept, args, size);
    cvt_step *grown = cvt_grow(steps->step, (size_t)steps->n, sizeof *grown);
    if (!grown) {
        l->failed = true;
        return;
    }
    steps->step = grown;
    if (steps->n && steps->step[steps->n - 1].node == w->node) steps->step[steps->n - 1].macs = 0;
    steps->step[steps->n++] = (cvt_step){w->node, kept, cut, run, w->node->macs, false};
}
