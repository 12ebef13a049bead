/* progress.h - a line on standard error that says how far a run is, if somebody can see it. */
#ifndef CVT_CLI_PROGRESS_H
#define CVT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

typedef struct cvt_progress {
    bool shown; /* the line is on the screen now */
    bool wanted;
    size_t done, failed, total; /* total: 0 where it is not known */
    struct timespec start;
} cvt_progress;

/* Begins. The line is only drawn where standard error is a terminal that can redraw a line, and where records, if there
 * are any, go elsewhere. */
void cvt_progress_begin(cvt_progress *progress, size_t total, bool records);
/* Draws the line anew. Nothing is drawn in the first half second, so that short runs stay silent. */
void cvt_progress_draw(cvt_progress *progress);
/* Clears the line. Call it before anything else goes to standard error, and at the end. */
void cvt_progress_clear(cvt_progress *progress);

#endif
