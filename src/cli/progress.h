/* progress.h - a line on standard error that says how far a run is, where somebody is there to see it. */
#ifndef CVT_CLI_PROGRESS_H
#define CVT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

typedef struct cvt_progress {
    bool shown; /* a line stands there now */
    bool wanted;
    size_t done, failed, total; /* total: 0 if not known */
    struct timespec start;
} cvt_progress;

/* The line is wanted only if standard error is a terminal that understands it and records, if there are any, go
 * elsewhere. */
void cvt_progress_begin(cvt_progress *progress, size_t total, bool records);
/* Draws it anew; not in the first half second, so that short runs stay silent. */
void cvt_progress_draw(cvt_progress *progress);
/* Takes it away: before anything else is said on standard error, and at the end. */
void cvt_progress_clear(cvt_progress *progress);

#endif
