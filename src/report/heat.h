/* heat.h - draws numbers over an image as a heat map. */
#ifndef CVT_REPORT_HEAT_H
#define CVT_REPORT_HEAT_H

#include "image/image.h"

/* The colour of t, from 0 to 1; what lies outside is cut, and NaN counts as 0. Lightness rises evenly with t, so that
 * the order can be seen by everybody, and in print. The hue goes from blue over green to yellow; nobody has to tell red
 * from green. */
void cvt_heat_colour(float t, uint8_t rgb[3]);
/* How much of what is below it this colour covers, from 0 at t = 0 to about 0.7 at 1. */
float cvt_heat_cover(float t);
/* Where the scale of a map of n numbers ends: at its largest finite number, or at 0 where that is below. */
float cvt_heat_top(const float *map, size_t n);

/* Lays the map [rows, columns] over the part of the image that it covers, the view. The centre of a cell has its value;
 * in between, values change smoothly. The scale goes from 0 to cvt_heat_top: the larger a value, the more of the image
 * its colour covers; at 0 and below, the image stays as it is. Values that are not finite do not count for the scale.
 */
typedef struct cvt_heat {
    const uint8_t *pixels; /* [height, width, 3] */
    int height, width;
    const float *map;
    int rows, columns;
    cvt_view view;
} cvt_heat;
cvt_status cvt_heat_draw(cvt_pixels *out, const cvt_heat *heat, cvt_error *error);

#endif
