/* rows.h - how a step over the rows of a value is cut into tiles. */
#ifndef CVT_OPS_ROWS_H
#define CVT_OPS_ROWS_H

#include "base/num.h"
#include "ops/lowering.h"

/* The rows of one image in blocks of at most `block`. Tiles are numbered image by image. */
typedef struct cvt_rows {
    int rows, block;
    int least; /* blocks may be smaller, for many threads, but not below this; 0: they are always of `block` rows */
} cvt_rows;

static inline int cvt_rows_per_image(cvt_rows r) { return cvt_div_up(r.rows, r.block); }

typedef struct cvt_rows_tile {
    int image, first, count;
} cvt_rows_tile;

/* lowering.c: how the rows of n images are cut for some threads. */
cvt_cut cvt_rows_cut(cvt_rows r, int n, int threads);
/* The cut of a step whose args begin with the cvt_rows that it goes over. */
cvt_cut cvt_cut_by_rows(const void *args, int n, int threads);

/* A tile of such a cut. */
static inline cvt_rows_tile cvt_rows_at(cvt_rows r, const cvt_context *x, int tile) {
    int block = x->cut.rows, per_image = cvt_div_up(r.rows, block), first = tile % per_image * block;
    int left = r.rows - first;
    return (cvt_rows_tile){tile / per_image, first, left < block ? left : block};
}

/* Cuts the rows of a value so that a tile has about 32 KB of f32, and at least 4 KB for many threads. */
static inline cvt_rows cvt_rows_of(cvt_shape s) {
    int block = 8192 / cvt_shape_cols(s);
    return (cvt_rows){cvt_shape_rows(s), block > 1 ? block : 1, block > 8 ? block / 8 : 1};
}

#endif
