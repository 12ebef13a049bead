/* heat.h - numbers over an image, for eyes: a heat map. */
#ifndef CVT_REPORT_HEAT_H
#define CVT_REPORT_HEAT_H

#include "image/image.h"

/* The colour of t, from 0 to 1 (what lies outside is cut, NaN is 0). Lightness rises evenly with t, so that the order
 * is seen by everybody and in print; the hue goes from blue over green to yellow and never needs telling red from
 * green. */
void cvt_heat_colour(float t, uint8_t rgb[3]);

/* Lays the map [rows, columns] over the part of the image that it covers, the view. At the centre of a cell stands
 * its value, between centres what lies smoothly between them. The larger a value, the more its colour covers the
 * image: at the least value the image is as it was. Where some values are above zero, those below it count as zero.
 * Values that are not finite do not set the scale. */
typedef struct cvt_heat {
    const uint8_t *pixels; /* [height, width, 3] */
    int height, width;
    const float *map;
    int rows, columns;
    cvt_view view;
} cvt_heat;
cvt_status cvt_heat_draw(cvt_pixels *out, const cvt_heat *heat, cvt_error *error);

#endif
