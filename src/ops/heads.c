/* heads.c - packs the keys and values of every head. */
#include "ops/heads.h"

#include "ops/product.h"

cvt_heads cvt_heads_of(const cvt_work *w, const cvt_graph *g, const cvt_kernels *kernels, int heads, int groups) {
    const cvt_value *in = w->node->in;
    cvt_shape q = g->values[in[0]].shape, k = g->values[in[1]].shape, v = g->values[in[2]].shape;
    cvt_heads a = {.heads = heads, .groups = groups, .t = q.d[0] / groups, .s = k.d[0] / groups};
    a.d = q.d[1] / heads;
    a.dv = v.d[1] / heads;
    a.keys_size = cvt_panels_floats(kernels, a.d, a.s);
    a.values_size = cvt_panels_floats(kernels, a.s, a.dv);
    return a;
}

size_t cvt_heads_floats(const cvt_heads *a) {
    return (size_t)a->groups * (size_t)a->heads * (a->keys_size + a->values_size);
}

cvt_head_place cvt_head_at(const cvt_heads *a, int index) {
    return (cvt_head_place){index / a->heads / a->groups, index / a->heads % a->groups, index % a->heads};
}

static int pack_tiles(const void *p, int n) {
    const cvt_heads *a = p;
    return n * a->groups * a->heads;
}

static void pack_run(const void *p, const cvt_context *x, int tile) {
    const cvt_heads *a = p;
    cvt_head_place at = cvt_head_at(a, tile);
    size_t ldk = (size_t)a->heads * (size_t)a->d, ldv = (size_t)a->heads * (size_t)a->dv;
    const float *k = cvt_at(x, a->k, at.image) + cvt_head_start(a, at, a->s, a->d);
    const float *v = cvt_at(x, a->v, at.image) + cvt_head_start(a, at, a->s, a->dv);
    float *keys = cvt_at(x, a->panels, at.image) +
                  ((size_t)at.group * (size_t)a->heads + (size_t)at.head) * (a->keys_size + a->values_size);
    cvt_panels_make_turned(keys, x->kernels, k, ldk, a->d, a->s);
    cvt_panels_make(keys + a->keys_size, x->kernels, v, ldv, a->s, a->dv);
}

void cvt_heads_lower(cvt_heads *a, cvt_lowering *l, const cvt_work *w) {
    const cvt_value *in = w->node->in;
    a->q = l->refs[in[0]];
    a->k = l->refs[in[1]];
    a->v = l->refs[in[2]];
    a->panels = l->workspace;
    cvt_lowering_step(l, w, a, sizeof *a, pack_tiles, pack_run);
}
