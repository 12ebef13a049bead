/* precision.h - decides what precision a product runs in, and whose weights may be stored as its kernels read them. */
#ifndef CVT_OPS_PRECISION_H
#define CVT_OPS_PRECISION_H

#include "graph/graph.h"
#include "kernels/kernels.h"

/* Returns what the product of the node with its parameter 0 runs in, if `asked` is asked for. Where the answer is int8,
 * the parameter may be stored as int8. These products stay in f32: those that read the network's input, of which 8 bits
 * a channel are all there is; those of a single row, as a classifier's; those whose rows are so short that rounding
 * costs as much as it saves, or longer than the sums of the kernels can hold.
 *
 * What reads ReLU runs in f16 instead of bf16 or int8: its values are never negative, so the errors of a weight's row
 * add up. In bf16 convolutions of 1 x 1 run in f16 too: networks of depth-wise convolutions are chains of them, and
 * with 8 bits for each factor the starter model gives another first class for 0.7 % of the images, in f16 for 0.2 %.
 * Neither is so in a ResNet, which loses little and gains most of its time: convolutions that read ReLU of a dense
 * convolution, or of a sum, run in what is asked for, unless there is nothing but convolutions between them and the
 * image. docs/speed.md has the figures. */
cvt_precision cvt_node_precision(const cvt_graph *graph, const cvt_node *node, cvt_precision asked);

/* Returns the only node that reads the parameter, if it multiplies by it, so that panels may be stored in its place;
 * else NULL. */
const cvt_node *cvt_graph_product_of(const cvt_graph *graph, int param);

#endif
