/* count.h - counts the inputs of a run ahead of it, on a thread of its own, for the progress bar. */
#ifndef CVT_CLI_COUNT_H
#define CVT_CLI_COUNT_H

#include "batch/batch.h"

typedef struct cvt_count cvt_count;

/* Begins to count the inputs that these options mean. NULL where a list of names is no file, which could be read only
 * once, or where no thread can be started. The options' strings must outlive the count. */
cvt_count *cvt_count_start(const cvt_batch_options *options);
/* How many there are so far; *all: there are no more. */
size_t cvt_count_so_far(const cvt_count *count, bool *all);
/* Ends the thread. NULL is allowed. */
void cvt_count_end(cvt_count *count);

#endif
