/* key_cells.h - which tokens the keys of an attention are made from, where they are not as many as its tokens: in CvT
 * and PVT keys come from a map that a convolution with a stride, or pooling, has made smaller. The program uses these
 * functions; the library does not export them. */
#ifndef CVT_MODEL_KEY_CELLS_H
#define CVT_MODEL_KEY_CELLS_H

#include "cvt.h"

/* Keys are `prefix` class tokens, which are tokens themselves, then a grid of key_rows x key_columns. Key (i, j) is
 * made from the tokens of rows down[i].first to down[i].last and columns across[j].first to across[j].last of a grid of
 * rows x columns. rows 0: each key is a token. Zero-initialise it. */
typedef struct cvt_key_span {
    int first, last;
} cvt_key_span;
typedef struct cvt_key_cells {
    int prefix, rows, columns, key_rows, key_columns;
    cvt_key_span *down, *across;
} cvt_key_cells;
void cvt_key_cells_free(cvt_key_cells *cells);

/* What the keys of a map are made from. CVT_USAGE where that is not known. */
cvt_status cvt_key_cells_find(cvt_key_cells *out, const cvt_model *model, int tap, cvt_error *error);

/* Finds the chain that cvt_model_rollout finds, but also through maps [heads, T, S] whose keys are not as many as the
 * queries, where cvt_key_cells_find tells what they are made from. */
cvt_status cvt_rollout_find(const cvt_model *model, int tap, int *to, int capacity, int *n, cvt_error *error);

/* Spreads numbers of keys over the tokens that they are made from, each evenly, and adds them to `tokens`. */
void cvt_key_cells_spread(double *tokens, const cvt_key_cells *cells, const double *keys);

#endif
