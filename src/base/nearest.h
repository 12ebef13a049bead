/* nearest.h - which of several names somebody may have meant. */
#ifndef CVT_BASE_NEAREST_H
#define CVT_BASE_NEAREST_H

#include "base/str.h"

typedef struct cvt_nearest {
    const char *wanted, *name; /* name: the nearest so far; NULL: none is near enough */
    size_t distance;
} cvt_nearest;

/* limit: so many single-character edits are too many. */
static inline cvt_nearest cvt_nearest_to(const char *wanted, size_t limit) {
    return (cvt_nearest){wanted, NULL, limit};
}
/* The first of equals stays. */
static inline void cvt_nearest_try(cvt_nearest *nearest, const char *candidate) {
    size_t distance = cvt_str_distance(nearest->wanted, candidate, nearest->distance);
    if (distance >= nearest->distance) return;
    nearest->distance = distance;
    nearest->name = candidate;
}

#endif
