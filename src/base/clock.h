/* clock.h - how long something takes. */
#ifndef CVT_BASE_CLOCK_H
#define CVT_BASE_CLOCK_H

/* The time in milliseconds since some moment in the past, by a clock that nobody sets. */
double cvt_clock_ms(void);

#endif
