/* waiting.h - threads that wait until others have counted up to a number. */
#ifndef CVT_BASE_WAITING_H
#define CVT_BASE_WAITING_H

#include <pthread.h>
#include <stdatomic.h>

/* Of threads that work together. */
typedef struct cvt_waiting {
    pthread_mutex_t lock;
    pthread_cond_t woken;
    atomic_int sleepers; /* threads that sleep, or are about to */
    atomic_int sleeps;   /* waits that are still to be slept through; 0: threads yield instead */
} cvt_waiting;

void cvt_waiting_init(cvt_waiting *w);
void cvt_waiting_end(cvt_waiting *w);

/* Adds n to the count. Who brings it to `enough` wakes those that wait for that; what was written before is seen by
 * them. All who count and wait name the same number. */
void cvt_waiting_count(cvt_waiting *w, atomic_int *count, int n, int enough);

/* Returns when the count is at least `enough`. */
void cvt_waiting_for(cvt_waiting *w, atomic_int *count, int enough);

#endif
