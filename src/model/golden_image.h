/* golden_image.h - the images of `cvt convert --golden`, which are made from a seed, so that a file that is to be
 * verified need not hold them. */
#ifndef CVT_MODEL_GOLDEN_IMAGE_H
#define CVT_MODEL_GOLDEN_IMAGE_H

#include <stdint.h>

#include "base/str.h"

/* Appends the bytes of image `index` of this seed: a baseline JPEG in colour, with half as many colours as pixels in
 * either direction (4:2:0), of 300 to 555 pixels a side, and an EXIF orientation. The same on every machine, as it is
 * made of whole numbers alone. */
void cvt_golden_image(cvt_str *to, uint64_t seed, int index);

#endif
