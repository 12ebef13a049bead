/* team.h - threads of OpenMP that are there when they are asked for. */
#ifndef CVT_PLAN_TEAM_H
#define CVT_PLAN_TEAM_H

/* Starts the threads that parallel regions of the calling thread run on, up to `threads` with itself, and tells how
 * many a region may ask for: at least 1. OpenMP ends the whole program where a thread cannot be started (too little
 * memory, too many processes), so each is first tried here. */
int cvt_team_start(int threads);

#endif
