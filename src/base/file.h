/* file.h - files as bytes in memory. */
#ifndef CVT_BASE_FILE_H
#define CVT_BASE_FILE_H

#include <stdbool.h>

#include "base/error.h"

/* Is there something at path; is it a directory? Links are followed. */
bool cvt_file_exists(const char *path);
bool cvt_file_is_directory(const char *path);
/* Is it a link that leads to nothing? */
bool cvt_file_is_dangling(const char *path);

/* path is copied. data is NULL for an empty file. */
typedef struct cvt_file {
    char *path;
    const unsigned char *data;
    size_t size;
    bool mapped, borrowed; /* borrowed: the bytes are somebody else's */
} cvt_file;

/* Maps a regular file read-only. Anything else (directory, FIFO, device, socket) is CVT_UNREADABLE, said without
 * blocking; a missing one CVT_NOT_FOUND. Messages name the path. On failure *file is empty and needs no close. */
cvt_status cvt_file_map(cvt_file *file, const char *path, cvt_error *error);

/* The same of the regular file that a descriptor was opened for, which stays as it is; `name` is for messages. */
cvt_status cvt_file_map_fd(cvt_file *file, int fd, const char *name, cvt_error *error);

/* Bytes that outlive *file, as if they were a file of that name. */
cvt_status cvt_file_borrow(cvt_file *file, const void *bytes, size_t size, const char *name, cvt_error *error);

/* Reads a regular file, or standard input for "-", whole into memory, at most `limit` bytes (else CVT_TOO_LARGE).
 * A signal whose handler lets calls be interrupted ends the wait for standard input: CVT_UNREADABLE. */
cvt_status cvt_file_read(cvt_file *file, const char *path, size_t limit, cvt_error *error);
void cvt_file_close(cvt_file *file);

/* Tells the system that these bytes are not needed in memory for now: the whole pages within them are dropped and read
 * again when touched. Does nothing where they are not part of a mapped file. */
void cvt_file_drop(const cvt_file *file, const void *bytes, size_t n);

/* Writing: a temporary file beside `path`, which appears under its name only when `finish` succeeds. A link is followed
 * first: it stays, and the file that it leads to is replaced at once, so that a reader which has that file mapped keeps
 * the old bytes. A device, a FIFO and what lies in /dev or /proc are written in place; "-" is standard output. The data
 * are handed to the system, not forced to the disk.
 * Errors: CVT_OUTPUT, naming path. `abandon` is safe after any failure and after `finish`. */
typedef struct cvt_out {
    char *path, *temporary;
    void *stream;
    bool reader_gone; /* the failure was EPIPE */
} cvt_out;
cvt_status cvt_out_open(cvt_out *out, const char *path, cvt_error *error);
cvt_status cvt_out_write(cvt_out *out, const void *bytes, size_t n, cvt_error *error);
/* Writes over bytes that were written before, at `offset` from the beginning; CVT_OUTPUT where the output cannot go
 * back (a pipe). */
cvt_status cvt_out_patch(cvt_out *out, long offset, const void *bytes, size_t n, cvt_error *error);
/* Hands all bytes to the system, so that of `finish` only the change of the name is left: for files that belong
 * together. */
cvt_status cvt_out_flush(cvt_out *out, cvt_error *error);
cvt_status cvt_out_finish(cvt_out *out, cvt_error *error);
void cvt_out_abandon(cvt_out *out);

#endif
