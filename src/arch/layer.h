/* layer.h - the kinds of layers from which people lay out networks of their own (network.c). Each is a cvt_layer and a
 * line in layers.def. Families offer their blocks and stages here.
 *
 * A layer reads values (maps, tokens or features) by name and gives one value. It is built in a scope of its own name,
 * so its weights are called NAME.whatever. network.c makes its output the tap NAME. */
#ifndef CVT_ARCH_LAYER_H
#define CVT_ARCH_LAYER_H

#include "arch/config.h"
#include "graph/graph.h"

typedef struct cvt_layer {
    const char *type;    /* the value of "type" */
    const char *about;   /* one line for the schema */
    const char *row;     /* the class of its line in torchsummary listings; NULL: it has no line */
    size_t config_size;  /* 0: it has no keys of its own */
    const cvt_key *keys; /* the table ends with name NULL; NULL: no keys */
    /* True if the layer is one stage of a family. Then config and keys are the family's and only keys marked .stage
     * count. Where the family has a list with an entry a stage, the layer's file has a single value, and its config a
     * list of one entry. */
    bool stage;
    int inputs; /* how many values it reads */
    /* Checks the keys against each other and against the shapes of `in`, then builds. Errors go to cvtb_fail, with
     * messages that name the key to change and both shapes. A layer reads maps and tokens alike where that makes sense,
     * by the functions below. */
    cvt_value (*build)(cvt_builder *b, const void *config, const cvt_value *in);
    /* For a layer that gives a score a class: returns the address of the number of classes in its config. If the number
     * is 0, it becomes the number of rows of NAME.weight. NULL: the layer gives something else. */
    int *(*classes)(void *config);
} cvt_layer;

/* The initializer of a kind of layer that reads `reads` values. Further fields may follow:
 *
 *     const cvt_layer cvt_layer_pool = CVT_LAYER("pool", 1, "the mean of tokens or pixels", .build = pool_build,
 *                                                CVT_LAYER_KEYS(pool_config, pool_keys)); */
#define CVT_LAYER(name, reads, words, ...) \
    { .type = name, .inputs = reads, .about = words, __VA_ARGS__ }
#define CVT_LAYER_KEYS(config, table) .config_size = sizeof(config), .keys = table

/* Returns a kind, in the order of layers.def; NULL past the end. */
const cvt_layer *cvt_layer_at(int index);

extern const char *const cvt_layer_activations[]; /* the choices of "activation", indices are a cvt_act */

/* ---- for build: values in the form that a block reads ------------------------------------------------------------ */

/* Returns v as tokens: a map's pixels row by row. *grid becomes where they lie; its h is 0 if that is not known. */
cvt_value cvtb_as_tokens(cvt_builder *b, cvt_value v, cvt_grid *grid);
/* Returns v as a map. Of tokens, those that lie on the grid make it; class tokens are left out. */
cvt_value cvtb_as_map(cvt_builder *b, cvt_value v);
/* Returns y in the form of v: as a map of the same height and width if v is a map, as tokens that lie where those of v
 * lie if v is tokens. y must have as many tokens or pixels as v: a layer calls this at its end, when it has worked on
 * its input as tokens and its user expects the form that the input had. */
cvt_value cvtb_like(cvt_builder *b, cvt_value y, cvt_value v);
/* Fails unless v has as many channels as the config says under `key`; if that says 0, any number passes. */
void cvtb_check_channels(cvt_builder *b, cvt_value v, const char *key, int said);
/* Fails unless v is tokens of which the first, and no other, is a class token. */
void cvtb_check_class_token(cvt_builder *b, cvt_value v);
/* Fails if it is not known on which grid the tokens lie. */
void cvtb_check_placed(cvt_builder *b, cvt_value tokens, cvt_grid grid);
/* Fails unless heads divide channels. The message has the names of both keys. */
void cvtb_check_heads(cvt_builder *b, const char *heads_key, int heads, const char *channels_key, int channels);
/* Fails if `hidden`, the number of hidden channels that "mlp_ratio" gives, is 0. */
void cvtb_check_hidden(cvt_builder *b, double mlp_ratio, int hidden);

#endif
