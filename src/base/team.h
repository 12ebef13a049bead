/* team.h - threads that do one thing together, again and again: the parts of one forward pass, of one fit. */
#ifndef CVT_BASE_TEAM_H
#define CVT_BASE_TEAM_H

#include <stddef.h>

typedef struct cvt_team cvt_team;

/* Starts the threads of a team, up to `threads` with the one that will call cvt_team_run; NULL where there is no
 * memory. Where the system refuses some (too little memory, too many processes), the team is smaller. */
cvt_team *cvt_team_new(int threads);
void cvt_team_free(cvt_team *team);

/* How many threads the team has, the caller with them: at least 1. NULL is a team of one. */
int cvt_team_size(const cvt_team *team);

/* Runs work(context, i) once for each i below cvt_team_size, at the same time, number 0 on the calling thread, and
 * waits for all. Any thread may call it, one at a time. */
void cvt_team_run(cvt_team *team, void (*work)(void *context, int thread), void *context);

/* Calls work(context, i) once for each i below n, at the same time. Each thread has the same i in every call with the
 * same n and grain: with grain 0 one range, else each run of `grain` numbers goes to the next thread. */
void cvt_team_each(cvt_team *team, size_t n, size_t grain, void (*work)(void *context, size_t i), void *context);

#endif
