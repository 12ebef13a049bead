/* progress.h - a line on standard error that says how far a run is, if somebody can see it, and one that says at the
 * end what there was. */
#ifndef CVT_CLI_PROGRESS_H
#define CVT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/count.h"
#include "cli/settings.h"

/* How many images there were at some time. */
typedef struct cvt_progress_sample {
    double seconds; /* since the start */
    size_t done;
} cvt_progress_sample;

enum { CVT_PROGRESS_SAMPLES = 50 /* ten a second: the last five seconds */ };

typedef struct cvt_progress {
    bool wanted;   /* the line is drawn */
    bool asked;    /* for: at once, else behind the first half second */
    bool terminal; /* over itself; else it is a new line now and then */
    bool closing;  /* a line at the end is wanted */
    bool shown;    /* the line is on the screen now */
    size_t done, failed;
    size_t passed_over;      /* inputs that were done before */
    size_t total;            /* 0 where it is not known */
    struct cvt_count *count; /* counts it; or NULL */
    double start;            /* cvt_clock_ms */
    double said;             /* when a new line was written */
    cvt_progress_sample samples[CVT_PROGRESS_SAMPLES];
    size_t n_samples;
} cvt_progress;

/* Begins. By default the line is only drawn where standard error is a terminal that can redraw a line. */
void cvt_progress_begin(cvt_progress *progress, const cvt_settings *settings, const cvt_batch_options *options);
/* Draws the line anew, within the terminal's width. Nothing is drawn in the first half second, so that short runs stay
 * silent, unless it is asked for. */
void cvt_progress_draw(cvt_progress *progress);
/* Clears the line. Call it before anything else goes to a terminal. */
void cvt_progress_clear(cvt_progress *progress);
/* Clears the line, says what there was, and frees what counts. It may be called again, and then does nothing. */
void cvt_progress_end(cvt_progress *progress);

#endif
