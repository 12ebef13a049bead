/* panels.c - packs matrices into panels, the order in which the kernels read them. Panels of stored weights go into the
 * plan's memory, those of matrices that are computed into the caller's. */
#include "ops/panels.h"

#include <stdlib.h>

#include "base/num.h"

/* Returns how many panels of nr columns hold so many columns. */
static int panels_of(int columns, int nr) { return (columns + nr - 1) / nr; }

size_t cvt_panels_floats(const cvt_kernels *kernels, int depth, int columns) {
    return (size_t)panels_of(columns, kernels->nr) * (size_t)kernels->nr * (size_t)depth;
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

const void *cvt_pack_weight(cvt_lowering *l, const cvt_product_kernels *kernels, cvt_source w, int k, int n,
                            int positions, const float *scale) {
    int nr = l->kernels->nr;
    size_t row = (size_t)k * cvt_dtype_size(w.dtype), panel = kernels->panel_size(k), size;
    scale = cvt_lowering_scales(l, w, n, scale);
    if (!cvt_mul_size(panel, (size_t)panels_of(n, nr), &size)) l->failed = true;
    char *panels = l->failed ? NULL : cvt_lowering_alloc(l, size);
    /* this is done panel by panel: reordering everything at once would spend more time on page faults than on the
     * rest */
    float *buffer = positions > 1 ? malloc(2 * (size_t)nr * (size_t)k * sizeof *buffer) : NULL;
    if (positions > 1 && !buffer) l->failed = true;
    char *to = panels;
    for (int j = 0; !l->failed && j < n; j += nr, to += panel) {
        int columns = cvt_min_int(nr, n - j);
        cvt_source part = {.data = (const char *)w.data + (size_t)j * row, .dtype = w.dtype};
        if (positions > 1) part = permuted(part, columns, (size_t)k, (size_t)positions, buffer);
        kernels->pack_b(to, part.data, part.dtype, (size_t)k, k, columns, scale ? scale + j : NULL);
    }
    free(buffer);
    return panels;
}

const void *cvt_pack_param(cvt_lowering *l, const cvt_product_kernels *kernels, int param, int k, int n, int positions,
                           const float *scale) {
    cvt_source w = l->sources[param];
    size_t size = kernels->panel_size(k) * (size_t)panels_of(n, l->kernels->nr);
    if (w.packed) return w.data;
    if (w.dtype == CVT_F64) w = (cvt_source){.data = cvt_lowering_param(l, param), .dtype = CVT_F32};
    const void *panels = w.data ? cvt_pack_weight(l, kernels, w, k, n, positions, scale) : NULL;
    l->panels[param] = (cvt_panels){panels, panels ? size : 0};
    cvt_lowering_drop(l, param);
    return panels;
}
