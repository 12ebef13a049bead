/* precision.h - which precision a product runs in, and whose weights may be stored as its kernels read them. */
#ifndef CVT_OPS_PRECISION_H
#define CVT_OPS_PRECISION_H

#include "graph/graph.h"
#include "kernels/kernels.h"

/* What the node's product with its parameter 0 runs in if `asked` is asked for; where that is int8, the parameter may
 * be stored so. In f32 stay: what reads the network's input, whose 8 bits a channel are all there is; rows that stand
 * alone, as a classifier's; rows so short that rounding costs what it saves, and rows longer than the kernels' sums can
 * hold. In f16 instead of int8: what reads ReLU, whose values, all positive, make the errors of a weight's row add up.
 */
cvt_precision cvt_node_precision(const cvt_graph *graph, const cvt_node *node, cvt_precision asked);

/* The node that alone reads the parameter, multiplying by it, so that panels may be stored in its place; or NULL. */
const cvt_node *cvt_graph_product_of(const cvt_graph *graph, int param);

#endif
