/* nearest.h - picks the name that somebody may have meant from several candidates. */
#ifndef CVT_BASE_NEAREST_H
#define CVT_BASE_NEAREST_H

#include "base/str.h"

typedef struct cvt_nearest {
    const char *wanted, *name; /* name: the nearest one so far; NULL: none is near enough */
    size_t distance;
} cvt_nearest;

/* Begins a search. A name that differs from `wanted` by `limit` or more single-character edits is not near enough. */
static inline cvt_nearest cvt_nearest_to(const char *wanted, size_t limit) {
    return (cvt_nearest){wanted, NULL, limit};
}
/* Considers one candidate. Of several that are equally near the first one stays. */
static inline void cvt_nearest_try(cvt_nearest *nearest, const char *candidate) {
    size_t distance = cvt_str_distance(nearest->wanted, candidate, nearest->distance);
    if (distance >= nearest->distance) return;
    nearest->distance = distance;
    nearest->name = candidate;
}

/* The same for candidates that live only until the next one: the nearest one is a copy, which the caller frees. */
typedef struct cvt_nearest_copy {
    cvt_nearest nearest;
    cvt_str name; /* name.data: NULL where none is near enough */
} cvt_nearest_copy;

static inline void cvt_nearest_copy_try(cvt_nearest_copy *best, const char *candidate) {
    cvt_nearest_try(&best->nearest, candidate);
    if (best->nearest.name != candidate) return;
    cvt_str_clear(&best->name);
    cvt_str_text(&best->name, candidate);
    best->nearest.name = best->name.data;
}

#endif
