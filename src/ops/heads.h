/* heads.h - what every attention begins with: keys and values cut into heads, each packed for products with blocks of
 * query rows. Heads are contiguous channel slices; tokens may come in `groups` runs that know nothing of each other. */
#ifndef CVT_OPS_HEADS_H
#define CVT_OPS_HEADS_H

#include "graph/op.h"
#include "ops/rows.h"

/* t, s, d, dv: queries, keys, channels of a key and of a value, of one head of one group. */
typedef struct cvt_heads {
    int heads, groups, t, s, d, dv;
    size_t keys_size, values_size; /* floats of a head's panels */
    cvt_ref q, k, v, panels;
} cvt_heads;

/* Of a node that reads q [T, C], k [S, C] and v [S, V] in this order. */
cvt_heads cvt_heads_of(const cvt_work *w, const cvt_graph *graph, const cvt_kernels *kernels, int heads, int groups);
/* Workspace of an image: the panels of all heads. */
size_t cvt_heads_floats(const cvt_heads *a);
/* Sets where q, k, v and the panels lie, and appends the step that packs. */
void cvt_heads_lower(cvt_heads *a, cvt_lowering *l, const cvt_work *w);

/* Head `head` of group `group` of an image: which rows and columns are its own. */
typedef struct cvt_head_place {
    int image, group, head;
} cvt_head_place;
/* index: image by image, group by group, head by head. */
cvt_head_place cvt_head_at(const cvt_heads *a, int index);

static inline const float *cvt_head_keys(const cvt_heads *a, const cvt_context *x, cvt_head_place p) {
    return cvt_at(x, a->panels, p.image) +
           ((size_t)p.group * (size_t)a->heads + (size_t)p.head) * (a->keys_size + a->values_size);
}
static inline const float *cvt_head_values(const cvt_heads *a, const cvt_context *x, cvt_head_place p) {
    return cvt_head_keys(a, x, p) + a->keys_size;
}
/* The first number of a head in a matrix of `rows` rows a group and `width` columns a head. */
static inline size_t cvt_head_start(const cvt_heads *a, cvt_head_place p, int rows, int width) {
    return ((size_t)p.group * (size_t)rows * (size_t)a->heads + (size_t)p.head) * (size_t)width;
}
/* The first number of a head in attention maps [groups * heads, t, s]. */
static inline size_t cvt_head_map(const cvt_heads *a, cvt_head_place p) {
    return ((size_t)p.group * (size_t)a->heads + (size_t)p.head) * (size_t)a->t * (size_t)a->s;
}

#endif
