/* attend_map.h - the maps that cvt attend shows: which ones the options mean, and their numbers after a pass. */
#ifndef CVT_CLI_ATTEND_MAP_H
#define CVT_CLI_ATTEND_MAP_H

#include "cli/command.h"
#include "model/key_cells.h"

/* What maps of an image are made from: a layer of attention, or a class. */
typedef struct cvt_attend_layer {
    int height, width; /* cells of a map */
    int number;        /* of the layer, as --layer counts; of classes: 0 is the best one, or the only one */
    /* for attention */
    int tap; /* the tap that is shown */
    cvt_attention_info info;
    int *chain, n; /* the taps that are multiplied, in this order */
    /* for rollout: what the keys of each of them are made from */
    cvt_key_cells *cells;
    int tokens, prefix; /* of the sequence: prefix of them have no place on the image */
    bool spreads;       /* some keys are fewer than tokens */
    int first, last;    /* the heads that are shown, one map each; -1: the mean of all heads */
} cvt_attend_layer;

/* What is shown of every image: each head of each layer. */
typedef struct cvt_attend {
    cvt_cli *cli;
    const cvt_settings *settings;
    cvt_model *model;
    cvt_attend_layer *layers;
    int n_layers;
    int left_out;    /* layers that have no place on a sheet, since their keys have none on the image */
    bool by_class;   /* class activation maps */
    int class_index; /* -1: the classes with the largest logits */
} cvt_attend;

/* What one thread needs to make maps. Zero-initialise it. */
typedef struct cvt_attend_room {
    float *values; /* a buffer for one of the taps */
    size_t room;   /* floats in it */
    double *row;   /* for each head a row over the columns of the last tap; for rollout one over the tokens */
    double *next;  /* the same after the next tap */
    double *keys;  /* for rollout: what the keys of a layer get */
    float *map;    /* a map of any layer */
} cvt_attend_room;

/* One map: [height, width] of its layer. */
typedef struct cvt_attend_map {
    const float *values; /* valid until the next call for the same room */
    int height, width;
    double level;    /* what each place has where all are alike; 0: there is no such number */
    int class_index; /* that it is of; -1: of none */
} cvt_attend_map;

/* Chooses the maps by the settings, and tells the model what to retain. cli, settings and model are set; the model has
 * no weights yet. Returns an exit status; what is wrong has been said. */
int cvt_attend_choose(cvt_attend *a);
void cvt_attend_free(cvt_attend *a);
/* Is there a rollout through layers with fewer keys than tokens? */
bool cvt_attend_spreads(const cvt_attend *a);

/* Computes what all maps of a layer are taken from, after the session's last pass, of one image. */
cvt_status cvt_attend_compute(const cvt_attend *a, cvt_attend_room *room, const cvt_session *session, int layer,
                              cvt_error *error);
/* Takes one of them, of this head, or of the mean of all heads (-1). */
cvt_attend_map cvt_attend_take(const cvt_attend *a, cvt_attend_room *room, const cvt_session *session, int layer,
                               int head);
void cvt_attend_room_free(cvt_attend_room *room);

#endif
