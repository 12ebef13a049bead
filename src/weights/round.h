/* round.h - weights of products in int8, as files hold them and products read them. */
#ifndef CVT_WEIGHTS_ROUND_H
#define CVT_WEIGHTS_ROUND_H

#include "graph/op.h"

/* Makes sources int8, in arena, where cvt_node_rounds tells of their products and they are not yet: all of them, or only
 * those that are not just rounded to the nearest, which products do on their own. */
cvt_status cvt_round_weights(cvt_source *sources, const cvt_graph *graph, bool all, cvt_arena *arena, cvt_error *error);

#endif
