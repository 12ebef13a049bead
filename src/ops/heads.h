/* heads.h - how every attention begins: queries, keys and values are cut into heads, and the queries of a head into
 * blocks of rows. A head is a contiguous slice of the channels. Tokens may come in `groups` runs; each run attends only
 * to itself. */
#ifndef CVT_OPS_HEADS_H
#define CVT_OPS_HEADS_H

#include "ops/lowering.h"
#include "ops/rows.h"

/* The sizes of one head of one group: t queries, s keys, d channels of a key, dv channels of a value. */
typedef struct cvt_heads {
    int heads, groups, t, s, d, dv;
    const cvt_attention_kernels *kernels;
    cvt_rows queries;   /* the queries of a head, cut into tiles for one thread or two */
    size_t panels_size; /* floats of the panels of a head */
    cvt_ref q, k, v, panels;
} cvt_heads;

/* Returns the heads of a node that reads q [T, C], k [S, C] and v [S, V], in this order. */
cvt_heads cvt_heads_of(const cvt_plan_node *w, const cvt_graph *graph, const cvt_kernels *kernels, int heads,
                       int groups);
/* Returns the floats of workspace that an image needs: the panels of all heads, for where several tiles share those of
 * a head. */
size_t cvt_heads_floats(const cvt_heads *a);
/* Sets where q, k, v and the panels lie, appends the step that packs shared panels, and claims the scratch that
 * cvt_head_attend needs. */
void cvt_heads_lower(cvt_heads *a, cvt_lowering *l, const cvt_plan_node *w);
cvt_cut cvt_heads_cut(const cvt_heads *a, int n, int threads);

/* A tile: a block of query rows of one head of one group of one image, and what they read. */
typedef struct cvt_head_tile {
    int image, group, head, first, count;
    const float *q;
    size_t ldq;
    cvt_attention_head of;
} cvt_head_tile;
/* Returns a tile by its number. Tiles are numbered image by image, group by group, head by head. */
cvt_head_tile cvt_head_at(const cvt_heads *a, const cvt_context *x, int tile);
/* Sets the sizes, q, panels and scratch of `to` and runs it. Panels that no other tile shares are packed here. */
void cvt_head_attend(const cvt_heads *a, const cvt_context *x, const cvt_head_tile *tile, cvt_attention *to);

/* Returns the offset of a tile in an output [groups * t, heads * dv]. */
static inline size_t cvt_head_out(const cvt_heads *a, const cvt_head_tile *p) {
    size_t row = (size_t)p->group * (size_t)a->t + (size_t)p->first;
    return (row * (size_t)a->heads + (size_t)p->head) * (size_t)a->dv;
}
/* Returns the offset of a tile in attention maps [groups * heads, t, s]. */
static inline size_t cvt_head_map(const cvt_heads *a, const cvt_head_tile *p) {
    size_t head = (size_t)p->group * (size_t)a->heads + (size_t)p->head;
    return (head * (size_t)a->t + (size_t)p->first) * (size_t)a->s;
}

#endif
