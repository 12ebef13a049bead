/* done.h - which inputs a file of records already answers, so that a run can go on where another one ended. Of each
 * input a hash is kept, not its name: a million take 64 MB at most. */
#ifndef CVT_BATCH_DONE_H
#define CVT_BATCH_DONE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

typedef struct cvt_done cvt_done;

/* What a file of records holds. Free `header` with cvt_str_free. */
typedef struct cvt_done_file {
    int64_t size;  /* bytes up to the end of the last whole record */
    int64_t extra; /* bytes of a half-written one behind it */
    size_t ok, failed;
    cvt_str header; /* the first record, if it is one of what made the others; else empty */
} cvt_done_file;

/* Is told each record that is read, [n] bytes without what ends it. An error ends the reading. */
typedef struct cvt_done_listener {
    cvt_status (*record)(void *context, const char *text, size_t n, cvt_error *error);
    void *context;
} cvt_done_listener;

/* Reads JSON Lines from where the descriptor stands to the end of its file; each record ends with `end`, a newline or a
 * NUL. With `retry` inputs that failed do not count as done. listener: may be NULL. Errors, of which none names the
 * file: CVT_UNREADABLE; CVT_USAGE where a line is no record, or records end with the other character: then it is
 * another kind of file. */
cvt_status cvt_done_read(cvt_done **out, cvt_done_file *file, int fd, char end, bool retry,
                         const cvt_done_listener *listener, cvt_error *error);
void cvt_done_free(cvt_done *done);

/* Is the input done? It is so once for each record that it has: of a path that is named twice, and has one record, the
 * second is still to be done. *failed: its last record says that it failed. `done` may be NULL: nothing is. */
bool cvt_done_take(cvt_done *done, const char *tar, const char *path, bool *failed);

#endif
