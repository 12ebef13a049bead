/* shape.c - the shape of a value for one image. */
#include <stdio.h>

#include "graph/graph.h"

int cvt_shape_rank(cvt_shape s) { return s.layout == CVT_FEATURES ? 1 : s.layout == CVT_TOKENS ? 2 : 3; }

int cvt_shape_rows(cvt_shape s) {
    switch (s.layout) {
    case CVT_MAP: return s.d[1] * s.d[2];
    case CVT_TOKENS: return s.d[0];
    case CVT_SCORES: return s.d[0] * s.d[1];
    default: return 1;
    }
}

int cvt_shape_cols(cvt_shape s) { return s.layout == CVT_TOKENS ? s.d[1] : s.layout == CVT_SCORES ? s.d[2] : s.d[0]; }

size_t cvt_shape_count(cvt_shape s) { return (size_t)cvt_shape_rows(s) * (size_t)cvt_shape_cols(s); }

bool cvt_shape_equal(cvt_shape a, cvt_shape b) {
    if (a.layout != b.layout) return false;
    for (int i = 0; i < cvt_shape_rank(a); i++)
        if (a.d[i] != b.d[i]) return false;
    return true;
}

const char *cvt_shape_text(cvt_shape s, char *text) {
    int rank = cvt_shape_rank(s);
    if (rank == 1) snprintf(text, 48, "[%d]", s.d[0]);
    if (rank == 2) snprintf(text, 48, "[%d, %d]", s.d[0], s.d[1]);
    if (rank == 3) snprintf(text, 48, "[%d, %d, %d]", s.d[0], s.d[1], s.d[2]);
    return text;
}
