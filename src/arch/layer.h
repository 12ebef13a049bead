/* layer.h - a kind of layer that networks of "layers" (network.c) are made of: one row in layers.def. Families give
 * their blocks and stages away here, so that people can lay out networks of their own.
 *
 * A layer reads values (maps or tokens) by name and gives one. It is built in the scope of its own name, so that its
 * weights are called NAME.whatever. */
#ifndef CVT_ARCH_LAYER_H
#define CVT_ARCH_LAYER_H

#include "arch/config.h"
#include "graph/graph.h"

typedef struct cvt_layer {
    const char *type; /* the value of "type" */
    size_t config_size;
    void (*defaults)(void *config); /* NULL: zeros */
    const cvt_key *keys;            /* ends with name NULL */
    int inputs;                     /* how many values it reads */
    /* Checks keys against each other and against the shapes of `in`, and builds; errors by cvtb_fail, which name the
     * key to change and both shapes. Accepts maps and tokens alike where that makes sense. */
    cvt_value (*build)(cvt_builder *b, const void *config, const cvt_value *in);
} cvt_layer;

#endif
