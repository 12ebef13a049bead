/* grow.h - arrays that grow by an element at a time, in linear time, without a field for how many elements fit. */
#ifndef CVT_BASE_GROW_H
#define CVT_BASE_GROW_H

#include <stdlib.h>

#include "base/num.h"

/* Returns the array of n elements, perhaps moved, with room for one more. NULL: no memory, and the array is as it was.
 * Room is made where n is a power of two, for twice as many; so all that grow an array must do it by this function. */
static inline void *cvt_grow(void *array, size_t n, size_t size) {
    size_t bytes = size;
    if (n & (n - 1)) return array;
    return n && !cvt_mul_size(2 * n, size, &bytes) ? NULL : realloc(array, bytes);
}

#endif
