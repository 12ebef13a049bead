/* window.h - kernels over windows of a map [h, w, c] that need no instruction set of their own: gathering the rows of a
 * convolution's product, and pooling. */
#ifndef CVT_KERNELS_WINDOW_H
#define CVT_KERNELS_WINDOW_H

#include <stddef.h>

typedef struct cvt_window_args {
    int c, h, w, oh, ow, kh, kw, stride_h, stride_w, pad_top, pad_left;
} cvt_window_args;

/* Rows [first, first + count) of the matrix [oh*ow, kh*kw*c] that times the weights [kh*kw*c, n] is the convolution:
 * what lies outside the map is 0. x: [h, w, c]; rows: at row 0 of what is gathered. Where x holds several maps, one
 * after another, the rows of the next map follow those of the one before. */
void cvt_im2col(float *rows, const float *x, const cvt_window_args *a, int first, int count);

/* AvgPool2d, output pixels [first, first + count): the sum over what lies inside the map divided by the size of the
 * window clipped to the padded map (torch's ceil_mode with count_include_pad). pad on all four sides is pad_top,
 * pad_left. */
void cvt_avg_pool(float *y, const float *x, const cvt_window_args *a, int first, int count);

/* MaxPool2d, output pixels [first, first + count): the largest of what lies inside the map; NaN where one of them is.
 * Each window must have a pixel inside. */
void cvt_max_pool(float *y, const float *x, const cvt_window_args *a, int first, int count);

/* AdaptiveAvgPool2d, row `row` of the output [oh, ow, c]: the mean of each bin. */
typedef struct cvt_bins_args {
    int c, h, w, oh, ow;
} cvt_bins_args;
void cvt_avg_bins(float *y, const float *x, const cvt_bins_args *a, int row);

#endif
