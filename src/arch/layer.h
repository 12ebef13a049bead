/* layer.h - a kind of layer that networks of "layers" (network.c) are made of: one row in layers.def. Families give
 * their blocks and stages away here, so that people can lay out networks of their own.
 *
 * A layer reads values (maps, tokens or features) by name and gives one. It is built in the scope of its own name, so
 * that its weights are called NAME.whatever; its output becomes the tap NAME, which it need not do itself. */
#ifndef CVT_ARCH_LAYER_H
#define CVT_ARCH_LAYER_H

#include "arch/config.h"
#include "graph/graph.h"

typedef struct cvt_layer {
    const char *type;  /* the value of "type" */
    const char *about; /* one line */
    const char *row;   /* the class of its row in torchsummary listings, where it is not all of the model; NULL: none */
    size_t config_size;  /* 0: it has no keys of its own */
    const cvt_key *keys; /* ends with name NULL; NULL: none */
    /* The layer is one stage of a family: config and keys are the family's, only keys marked .stage count, and lists
     * have one entry, of which file and default are single values. */
    bool stage;
    int inputs; /* how many values it reads */
    /* Checks keys against each other and against the shapes of `in`, and builds; errors by cvtb_fail, which name the
     * key to change and both shapes. Accepts maps and tokens alike where that makes sense: see below. */
    cvt_value (*build)(cvt_builder *b, const void *config, const cvt_value *in);
    /* Of a layer that gives a score a class: where its config has the number of classes, 0 for what the rows of
     * NAME.weight say. NULL: it gives something else. */
    int *(*classes)(void *config);
} cvt_layer;

/* A kind of layer that reads `reads` values; further fields may follow:
 *
 *     const cvt_layer cvt_layer_pool = CVT_LAYER("pool", 1, "the mean of tokens or pixels", .build = pool_build,
 *                                                CVT_LAYER_KEYS(pool_config, pool_keys)); */
#define CVT_LAYER(name, reads, words, ...) \
    { .type = name, .inputs = reads, .about = words, __VA_ARGS__ }
#define CVT_LAYER_KEYS(config, table) .config_size = sizeof(config), .keys = table

/* The kinds, in the order of layers.def; NULL past the end. */
const cvt_layer *cvt_layer_at(int index);

extern const char *const cvt_layer_activations[]; /* the choices of "activation", indices are a cvt_act */

/* ---- for build: values in the form that a block wants ------------------------------------------------------------ */

/* v as tokens, a map's in its own order, and where they lie (h 0: nobody said). */
cvt_value cvtb_as_tokens(cvt_builder *b, cvt_value v, cvt_grid *grid);
/* v as a map: of tokens those on their grid, without class tokens. */
cvt_value cvtb_as_map(cvt_builder *b, cvt_value v);
/* y, made of the tokens or the map of v one by one, in the form of v. */
cvt_value cvtb_like(cvt_builder *b, cvt_value y, cvt_value v);
/* Fails where v has not the channels that the config says under `key`; 0 there: whatever v has. */
void cvtb_check_channels(cvt_builder *b, cvt_value v, const char *key, int said);
/* Fails where v is not tokens, one class token first. */
void cvtb_check_class_token(cvt_builder *b, cvt_value v);
/* Fails where nobody has said on which grid the tokens lie. */
void cvtb_check_placed(cvt_builder *b, cvt_value tokens, cvt_grid grid);
/* Fails where heads do not divide channels, under the names of their keys. */
void cvtb_check_heads(cvt_builder *b, const char *heads_key, int heads, const char *channels_key, int channels);
/* Fails where `hidden`, what "mlp_ratio" makes, is 0. */
void cvtb_check_hidden(cvt_builder *b, double mlp_ratio, int hidden);

#endif
