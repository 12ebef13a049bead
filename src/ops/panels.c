/* panels.c - packs matrices into panels, the order in which the kernels read them. Panels of stored weights go into the
 * plan's memory, those of matrices that are computed into the caller's. Stored weights are noted while the plan is
 * lowered and packed when it stands, by several threads: that is most of the work of loading a model. */
#include "ops/panels.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/team.h"

size_t cvt_panels_floats(const cvt_kernels *kernels, int depth, int columns) {
    return (size_t)cvt_div_up(columns, kernels->nr) * (size_t)kernels->nr * (size_t)depth;
}

void cvt_panels_make(float *panels, const cvt_kernels *kernels, const float *matrix, size_t ld, int depth,
                     int columns) {
    for (int j = 0; j < columns; j += kernels->nr)
        kernels->pack_kn(panels + (size_t)j * (size_t)depth, matrix + j, ld, depth,
                         cvt_min_int(kernels->nr, columns - j));
}

void cvt_panels_make_transposed(float *panels, const cvt_kernels *kernels, const float *matrix, size_t ld, int depth,
                                int columns) {
    for (int j = 0; j < columns; j += kernels->nr)
        kernels->product[CVT_PRECISION_F32]->pack_b(panels + (size_t)j * (size_t)depth, matrix + (size_t)j * ld,
                                                    CVT_F32, ld, depth, cvt_min_int(kernels->nr, columns - j), NULL);
}

/* Reorders [n][c][positions] into [n][positions][c], for either type. */
#define PERMUTE(name, type)                                                              \
    static void name(type *to, const type *from, size_t n, size_t c, size_t positions) { \
        for (size_t i = 0; i < n; i++, from += c * positions)                            \
            for (size_t t = 0; t < positions; t++)                                       \
                for (size_t j = 0; j < c; j++) *to++ = from[j * positions + t];          \
    }
PERMUTE(permute_f32, float)
PERMUTE(permute_i8, int8_t)

/* Returns `columns` rows of k elements, reordered. I8 stays I8, all other types become F32. `buffer` has room for 2 *
 * columns * k floats. */
static cvt_source permuted(cvt_source w, int columns, size_t k, size_t positions, float *buffer) {
    size_t n = (size_t)columns;
    if (w.dtype == CVT_I8) {
        permute_i8((int8_t *)buffer, w.data, n, k / positions, positions);
        w.data = buffer;
        return w;
    }
    float *wide = buffer + n * k;
    cvt_dtype_widen(wide, w.data, w.dtype, n * k);
    permute_f32(buffer, wide, n, k / positions, positions);
    return (cvt_source){.data = buffer, .dtype = CVT_F32};
}

/* ---- stored weights -------------------------------------------------------------------------------------------- */

/* A stored weight, and where its panels go. */
typedef struct cvt_packing {
    const cvt_product_kernels *kernels;
    cvt_source source;
    int k, n, positions;
    const float *scale;
    char *panels;
    size_t panel;    /* bytes of one */
    int count;       /* of panels */
    int param;       /* whose source is not read again when all are made; NO_PARAM: none */
    atomic_int made; /* panels */
    struct cvt_packing *next;
} cvt_packing;

enum { NO_PARAM = -1 };

/* Makes a panel of nr columns; `buffer` has room for 2 * nr * k floats where positions > 1. This is done panel by
 * panel: reordering everything at once would spend more time on page faults than on the rest. */
static void pack(const cvt_packing *p, int index, int nr, float *buffer) {
    const int first = index * nr, columns = cvt_min_int(nr, p->n - first);
    const size_t row = (size_t)p->k * cvt_dtype_size(p->source.dtype);
    cvt_source part = {.data = (const char *)p->source.data + (size_t)first * row, .dtype = p->source.dtype};
    if (p->positions > 1) part = permuted(part, columns, (size_t)p->k, (size_t)p->positions, buffer);
    p->kernels->pack_b(p->panels + (size_t)index * p->panel, part.data, part.dtype, (size_t)p->k, p->k, columns,
                       p->scale ? p->scale + first : NULL);
}

/* Notes a weight; returns where its panels will be. */
static const void *note(cvt_lowering *l, const cvt_product_kernels *kernels, cvt_source w, int k, int n, int positions,
                        const float *scale, int param) {
    const int count = cvt_div_up(n, l->kernels->nr);
    const size_t panel = kernels->panel_size(k);
    size_t size;
    scale = cvt_lowering_scales(l, w, n, scale);
    if (!cvt_mul_size(panel, (size_t)count, &size)) l->failed = true;
    char *panels = l->failed ? NULL : cvt_lowering_alloc(l, size);
    cvt_packing *p = panels ? cvt_lowering_alloc(l, sizeof *p) : NULL;
    if (!p) return NULL;
    *p = (cvt_packing){kernels, w, k, n, positions, scale, panels, panel, count, .param = param};
    atomic_init(&p->made, 0);
    *(l->last_packing ? &l->last_packing->next : &l->packings) = p;
    l->last_packing = p;
    return panels;
}

const void *cvt_pack_weight(cvt_lowering *l, const cvt_product_kernels *kernels, cvt_source w, int k, int n,
                            const float *scale) {
    return note(l, kernels, w, k, n, 1, scale, NO_PARAM);
}

const void *cvt_pack_param(cvt_lowering *l, const cvt_product_kernels *kernels, int param, int k, int n, int positions,
                           const float *scale) {
    cvt_source w = l->sources[param];
    size_t size = kernels->panel_size(k) * (size_t)cvt_div_up(n, l->kernels->nr);
    if (w.packed) return w.data;
    if (w.dtype == CVT_F64) w = (cvt_source){.data = cvt_lowering_param(l, param), .dtype = CVT_F32};
    const void *panels = w.data ? note(l, kernels, w, k, n, positions, scale, param) : NULL;
    l->panels[param] = (cvt_panels){panels, panels ? size : 0};
    return panels;
}

/* What the threads that pack share. */
typedef struct packers {
    cvt_lowering *lowering;
    size_t floats;       /* of a buffer that any weight needs */
    atomic_size_t next;  /* panel, counted over all weights, that nobody makes yet */
    atomic_bool starved; /* a thread had no memory for its buffer */
} packers;

static void pack_some(void *context, int thread) {
    packers *all = context;
    cvt_lowering *l = all->lowering;
    float *buffer = all->floats ? malloc(all->floats * sizeof *buffer) : NULL;
    cvt_packing *p = l->packings;
    (void)thread;
    if (all->floats && !buffer) {
        atomic_store(&all->starved, true);
        return;
    }
    for (size_t before = 0; p;) {
        const size_t index = atomic_fetch_add(&all->next, 1);
        for (; p && index - before >= (size_t)p->count; p = p->next) before += (size_t)p->count;
        if (!p) break;
        pack(p, (int)(index - before), l->kernels->nr, buffer);
        if (atomic_fetch_add(&p->made, 1) + 1 == p->count && p->param != NO_PARAM) cvt_lowering_drop(l, p->param);
    }
    free(buffer);
}

void cvt_pack_noted(cvt_lowering *l, int threads) {
    enum { WORTH_A_THREAD = 1 << 20 }; /* elements, which take about as long as starting it */
    packers all = {.lowering = l};
    size_t elements = 0;
    for (const cvt_packing *p = l->packings; p; p = p->next) {
        const size_t floats = p->positions > 1 ? 2 * (size_t)l->kernels->nr * (size_t)p->k : 0;
        if (floats > all.floats) all.floats = floats;
        elements += (size_t)p->n * (size_t)p->k;
    }
    if (elements / WORTH_A_THREAD < (size_t)threads) threads = (int)(elements / WORTH_A_THREAD);
    cvt_team *team = threads > 1 ? cvt_team_new(threads) : NULL;
    cvt_team_run(team, pack_some, &all);
    cvt_team_free(team);
    if (atomic_load(&all.starved)) l->failed = true;
}
