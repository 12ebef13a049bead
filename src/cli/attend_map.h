/* attend_map.h - the map that cvt attend shows: which one the options mean, and its numbers after a pass. */
#ifndef CVT_CLI_ATTEND_MAP_H
#define CVT_CLI_ATTEND_MAP_H

#include "cli/command.h"

/* What is shown of every image. */
typedef struct cvt_attend {
    cvt_cli *cli;
    const cvt_settings *settings;
    cvt_model *model;
    int height, width; /* cells of the map */
    /* for a class activation map */
    bool by_class;
    int class_index; /* -1: the class with the largest logit */
    /* for attention */
    int tap; /* the tap that is shown */
    cvt_attention_info info;
    int head;      /* -1: the mean of all heads */
    int *chain, n; /* the taps that are multiplied, in this order */
} cvt_attend;

/* What one thread needs to make maps. Zero-initialise it. */
typedef struct cvt_attend_room {
    float *values; /* a buffer for one of the taps */
    size_t room;   /* floats in it */
    double *row;   /* for each head a row over the columns of the last tap; for rollout one over the tokens */
    double *next;  /* the same after the next tap */
} cvt_attend_room;

/* Chooses the map by the settings, and tells the model what to retain. cli, settings and model are set; the model has
 * no weights yet. Returns an exit status; what is wrong has been said. */
int cvt_attend_choose(cvt_attend *a);
void cvt_attend_free(cvt_attend *a);

/* Computes the map of the session's last pass, of one image: [height, width]. *class_index becomes the class that it
 * shows; -1: none. */
cvt_status cvt_attend_make(const cvt_attend *a, cvt_attend_room *room, const cvt_session *session, float *map,
                           int *class_index, cvt_error *error);
void cvt_attend_room_free(cvt_attend_room *room);

#endif
