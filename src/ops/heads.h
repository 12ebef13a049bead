/* heads.h - what every attention begins with: queries, keys and values cut into heads, and those into blocks of query
 * rows. Heads are contiguous channel slices; tokens may come in `groups` runs that know nothing of each other. */
#ifndef CVT_OPS_HEADS_H
#define CVT_OPS_HEADS_H

#include "ops/lowering.h"
#include "ops/rows.h"

/* t, s, d, dv: queries, keys, channels of a key and of a value, of one head of one group. */
typedef struct cvt_heads {
    int heads, groups, t, s, d, dv;
    const cvt_attention_kernels *kernels;
    cvt_rows queries;   /* of a head: its tiles */
    size_t panels_size; /* floats of a head */
    cvt_ref q, k, v, panels;
} cvt_heads;

/* Of a node that reads q [T, C], k [S, C] and v [S, V] in this order. */
cvt_heads cvt_heads_of(const cvt_plan_node *w, const cvt_graph *graph, const cvt_kernels *kernels, int heads,
                       int groups);
/* Workspace of an image: where several tiles share the panels of a head, those of all heads. */
size_t cvt_heads_floats(const cvt_heads *a);
/* Sets where q, k, v and panels lie; appends the step that packs what is shared; claims scratch for cvt_head_attend. */
void cvt_heads_lower(cvt_heads *a, cvt_lowering *l, const cvt_plan_node *w);
int cvt_heads_tiles(const cvt_heads *a, int n);

/* A block of query rows of head `head` of group `group` of an image, and what it reads. */
typedef struct cvt_head_tile {
    int image, group, head, first, count;
    const float *q;
    size_t ldq;
    cvt_attention_head of;
} cvt_head_tile;
/* tile: image by image, group by group, head by head. */
cvt_head_tile cvt_head_at(const cvt_heads *a, const cvt_context *x, int tile);
/* Sets sizes, q, panels (packed now where no tile shares them) and scratch of `to`, and runs it. */
void cvt_head_attend(const cvt_heads *a, const cvt_context *x, const cvt_head_tile *tile, cvt_attention *to);

/* The first number of a tile in an output [groups * t, heads * dv]. */
static inline size_t cvt_head_out(const cvt_heads *a, const cvt_head_tile *p) {
    size_t row = (size_t)p->group * (size_t)a->t + (size_t)p->first;
    return (row * (size_t)a->heads + (size_t)p->head) * (size_t)a->dv;
}
/* The first number of a tile in attention maps [groups * heads, t, s]. */
static inline size_t cvt_head_map(const cvt_heads *a, const cvt_head_tile *p) {
    size_t head = (size_t)p->group * (size_t)a->heads + (size_t)p->head;
    return (head * (size_t)a->t + (size_t)p->first) * (size_t)a->s;
}

#endif
