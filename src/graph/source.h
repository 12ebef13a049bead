/* source.h - where the values of a parameter are stored, and as what. */
#ifndef CVT_GRAPH_SOURCE_H
#define CVT_GRAPH_SOURCE_H

#include "base/dtype.h"
#include "graph/graph.h"

/* The stored data of a parameter. I8 has a scale for each index of its first axis: it stands for scale * data. */
typedef struct cvt_source {
    const void *data;
    cvt_dtype dtype;
    const float *scales; /* NULL but for I8 */
    bool packed;         /* data are panels, as the node that reads them makes them, and dtype is U8 */
} cvt_source;

/* All values of the parameter as f32. */
void cvt_source_widen(float *to, cvt_source source, const cvt_param *param);

#endif
