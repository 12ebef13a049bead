/* threads.h - chooses how many threads there are, and what they do. */
#ifndef CVT_CLI_THREADS_H
#define CVT_CLI_THREADS_H

#include "cli/settings.h"

/* Returns how many processors this process may use: the smaller of the affinity mask and the cgroup quota, rounded
 * up. */
int cvt_threads_available(void);

typedef struct cvt_threads {
    int inside; /* -t: threads inside an image */
    int jobs;   /* -j: images at once */
} cvt_threads;

/* Chooses the threads. `many`: more than one input is known or likely. The number of all threads is that of
 * CVT_THREADS, else OMP_NUM_THREADS, else cvt_threads_available. With neither -t nor -j they all work on the one image,
 * or (many) each on an image of its own. With one of the two, the other is 1. CVT_USAGE if CVT_THREADS is no number. */
cvt_status cvt_threads_choose(const cvt_settings *settings, bool many, cvt_threads *out, cvt_error *error);

/* How many threads may load the weights: all that will work on images. */
int cvt_threads_loading(const cvt_settings *settings);

#endif
