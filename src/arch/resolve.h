/* resolve.h - what the resolve() of several families have in common: checks whose messages name the keys, the sizes of
 * image and input, and the grids of tables of positions. */
#ifndef CVT_ARCH_RESOLVE_H
#define CVT_ARCH_RESOLVE_H

#include "arch/arch.h"

/* CVT_CONFIG, "heads" = 5 does not divide "dim" = 192. index: the entry of both keys, or -1 where they are no lists. */
cvt_status cvt_check_divides(const char *part_key, int part, const char *whole_key, int whole, int index,
                             cvt_error *error);
/* CVT_CONFIG, "mlp_ratio" = 0.001 leaves no hidden channel, where `hidden`, what the ratio makes, is 0. */
cvt_status cvt_check_hidden(const char *ratio_key, double ratio, int hidden, int index, cvt_error *error);

/* CVT_CONFIG, "embed_dim" has 2 entries, "depth" has 3: one a stage, where a list that has an entry a stage is not as
 * long as the one at this offset. */
cvt_status cvt_check_stages(const cvt_base *base, size_t depth, cvt_error *error);

/* The image that a table of positions is for: where its key says nothing as large as the input, else as the
 * preprocessing's, else `otherwise`. The input is as large where nobody says more. */
void cvt_resolve_image(int *image, cvt_base *base, int otherwise);
/* A family of any input size: that of its key, unless the caller or the preprocessing says another. */
void cvt_resolve_input(cvt_base *base, const int *image);

/* Cells of a stored table of positions [1, prefix + cells, C]; 0: there is none. */
int64_t cvt_hints_cells(const cvt_hints *hints, const char *pattern, int prefix);
/* The side of a square of so many cells; 0: they make none. */
int cvt_square_side(int64_t cells);
/* Makes the grid of a table that of the stored cells, where these are another number and a square. */
void cvt_resolve_grid(int *grid, int64_t cells);

#endif
