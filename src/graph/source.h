/* source.h - where the values of a parameter are stored, and in which type. */
#ifndef CVT_GRAPH_SOURCE_H
#define CVT_GRAPH_SOURCE_H

#include "base/dtype.h"
#include "graph/graph.h"

/* The stored data of a parameter. I8 data have a scale for each index of their first axis; the values are scale *
 * data. */
typedef struct cvt_source {
    const void *data;
    cvt_dtype dtype;
    const float *scales; /* for I8; else NULL */
    bool packed;         /* the data are packed panels (dtype U8), as the node that reads them would make them */
} cvt_source;

/* Writes all values of the parameter as f32. */
void cvt_source_widen(float *to, cvt_source source, const cvt_param *param);

#endif
