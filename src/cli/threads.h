/* threads.h - how many threads, and for what. */
#ifndef CVT_CLI_THREADS_H
#define CVT_CLI_THREADS_H

#include "cli/settings.h"

/* The processors that this process may use: the smaller of the affinity mask and the cgroup quota, rounded up. */
int cvt_threads_available(void);

typedef struct cvt_threads {
    int inside; /* -t: threads inside an image */
    int jobs;   /* -j: images at once */
} cvt_threads;

/* many: more than one input is known or likely. Neither -t nor -j: all threads inside the one image, or an image a
 * thread. One of them: the other is 1. How many there are: CVT_THREADS, OMP_NUM_THREADS, cvt_threads_available.
 * CVT_USAGE if CVT_THREADS is no number. */
cvt_status cvt_threads_choose(const cvt_settings *settings, bool many, cvt_threads *out, cvt_error *error);

#endif
