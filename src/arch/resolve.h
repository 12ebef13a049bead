/* resolve.h - what the resolve() functions of several families share: checks whose messages name the keys, the sizes of
 * image and input, and the grids of tables of positions. */
#ifndef CVT_ARCH_RESOLVE_H
#define CVT_ARCH_RESOLVE_H

#include "arch/arch.h"

/* Checks that a part divides a whole. CVT_CONFIG: "heads" = 5 does not divide "dim" = 192. index: the entry of both
 * keys if they are lists, else -1. */
cvt_status cvt_check_divides(const char *part_key, int part, const char *whole_key, int whole, int index,
                             cvt_error *error);
/* Checks that `hidden`, the number of hidden channels that a ratio gives, is above 0. CVT_CONFIG: "mlp_ratio" = 0.001
 * leaves no hidden channel. */
cvt_status cvt_check_hidden(const char *ratio_key, double ratio, int hidden, int index, cvt_error *error);

/* Checks that all lists with an entry a stage are as long as the one at the offset `depth`. CVT_CONFIG: "embed_dim" has
 * 2 entries, "depth" has 3: one a stage. */
cvt_status cvt_check_stages(const cvt_base *base, size_t depth, cvt_error *error);

/* Finds the sizes of a family that has a table of positions. `image` is the size, [height, width], of the images that
 * the table was made for. If it is 0 because its key is not in the file, it becomes the size of the input; if that is
 * not known either, the size that the preprocessing makes; else `otherwise`. An input whose size is not known then gets
 * the size of `image`. */
void cvt_resolve_image(int *image, cvt_base *base, int otherwise);
/* Finds the input size of a family that takes any: `image`, the value of the family's own key, becomes the input size
 * unless the config's "input_size" or the preprocessing says another one. */
void cvt_resolve_input(cvt_base *base, const int *image);

/* For a family that runs without its classifier, whose weight has the pattern `classifier`: the model has 0 classes if
 * the config says so, or if it is Hugging Face's and the weights have no classifier, which are of a bare model then. */
void cvt_resolve_head(cvt_base *base, const cvt_hints *hints, const char *classifier);

/* Returns how many cells the stored table of positions [1, prefix + cells, C] has; 0 if there is no table. */
int64_t cvt_hints_cells(const cvt_hints *hints, const char *pattern, int prefix);
/* Returns the side of a square of so many cells; 0 if they make no square. */
int cvt_square_side(int64_t cells);
/* The multiple of 8 nearest to a number of channels, at least 8; the next one if that is less than 0.9 of the number:
 * make_divisible of timm. */
int cvt_divisible(double channels);
/* If the stored cells are another number than the grid has, and make a square, the grid becomes that square. */
void cvt_resolve_grid(int *grid, int64_t cells);

#endif
