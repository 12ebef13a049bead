/* file.h - paths and directories, reading files into memory, and writing files so that a half-written one is never
 * seen under its name. */
#ifndef CVT_BASE_FILE_H
#define CVT_BASE_FILE_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/* Does anything exist at `path`, and is it a directory? Links are followed. Where the system fails to look, something
 * does: a file that is left out because of that would be silent. */
bool cvt_file_exists(const char *path);
bool cvt_file_is_directory(const char *path);
/* The last part of a path, what follows its last slash: a place within `path`. */
const char *cvt_file_name(const char *path);
/* Appends the directory that a path lies in: "." for a name alone. */
void cvt_file_folder(cvt_str *to, const char *path);
/* Do both paths lead to the same file, by whatever names? NULL leads to none. */
bool cvt_file_is_same(const char *a, const char *b);
/* Is it a link that leads to nothing? */
bool cvt_file_is_dangling(const char *path);
/* Does the path lie where links show a process its own streams, below /dev or /proc? What such a link leads to was
 * opened by someone else. */
bool cvt_file_is_of_streams(const char *path);

/* The entries of a directory whose names do not begin with a dot, in the order of their bytes. Free them with
 * cvt_entries_free. false, and none, where it cannot be read. */
typedef struct cvt_entries {
    struct dirent **of;
    int n;
} cvt_entries;
bool cvt_entries_read(cvt_entries *entries, const char *directory);
void cvt_entries_free(cvt_entries *entries);

/* The bytes of one file. `path` is a copy, for messages. `data` is NULL for an empty file. */
typedef struct cvt_file {
    char *path;
    const unsigned char *data;
    size_t size;
    bool mapped, borrowed; /* borrowed: the caller owns the bytes, and they are not freed here */
} cvt_file;

/* Maps a regular file read-only. Anything else (a directory, FIFO, device or socket) is refused with CVT_UNREADABLE
 * without blocking, and a missing file with CVT_NOT_FOUND. Messages name the path. After a failure *file is empty and
 * need not be closed. */
cvt_status cvt_file_map(cvt_file *file, const char *path, cvt_error *error);

/* Maps the regular file that the descriptor was opened for. The descriptor is not moved and not closed. `name` stands
 * for the path in messages. */
cvt_status cvt_file_map_fd(cvt_file *file, int fd, const char *name, cvt_error *error);

/* Makes *file from bytes in memory, as if they were a file called `name`. The bytes must outlive *file. */
cvt_status cvt_file_borrow(cvt_file *file, const void *bytes, size_t size, const char *name, cvt_error *error);

/* Reads a whole regular file, or standard input where path is "-", into memory. More than `limit` bytes are refused
 * with CVT_TOO_LARGE. A signal whose handler interrupts system calls ends the wait for standard input with
 * CVT_UNREADABLE. */
cvt_status cvt_file_read(cvt_file *file, const char *path, size_t limit, cvt_error *error);
void cvt_file_close(cvt_file *file);

/* Tells the system that these bytes are not needed in memory for now. The whole pages among them are dropped, and read
 * again when they are touched. Nothing happens where the bytes are not part of a mapped file. */
void cvt_file_drop(const cvt_file *file, const void *bytes, size_t n);

/* An output file. It is written to a temporary file beside `path`, which takes the name `path` only when cvt_out_finish
 * succeeds. Where `path` is a link, the link stays and the file that it leads to is replaced in one step; a program
 * that has the old file mapped keeps the old bytes. A device, a FIFO and whatever lies under /dev or /proc is written
 * in place, and "-" is standard output. The data are handed to the system but not forced to the disk. Errors are
 * CVT_OUTPUT and name the path. cvt_out_abandon may be called after any failure and after cvt_out_finish. */
typedef struct cvt_out {
    char *path, *temporary;
    void *stream;
    bool reader_gone; /* writing failed because nobody reads the pipe any more (EPIPE) */
    bool kept;        /* opened by cvt_out_open_kept */
} cvt_out;
cvt_status cvt_out_open(cvt_out *out, const char *path, cvt_error *error);
cvt_status cvt_out_write(cvt_out *out, const void *bytes, size_t n, cvt_error *error);
/* Overwrites bytes that were written before, at `offset` from the beginning of the file. CVT_OUTPUT where the output
 * cannot be moved back, as a pipe. */
cvt_status cvt_out_patch(cvt_out *out, long offset, const void *bytes, size_t n, cvt_error *error);
/* Hands all bytes to the system, so that cvt_out_finish only has to rename the file. Call it for each of several files
 * that belong together before the first of them is finished. */
cvt_status cvt_out_flush(cvt_out *out, cvt_error *error);
cvt_status cvt_out_finish(cvt_out *out, cvt_error *error);
void cvt_out_abandon(cvt_out *out);
/* All of it, for a file that holds one text. CVT_NO_MEMORY where the text has failed. */
cvt_status cvt_out_save(const char *path, const cvt_str *text, cvt_error *error);

/* An output that is worth keeping half-written. Its temporary file is called PATH.partial, and stays where it holds
 * anything: after cvt_out_abandon, and if the program is killed. Two runs cannot write to it at once: it is locked. */
typedef enum cvt_out_start {
    CVT_OUT_ANEW, /* CVT_USAGE where PATH.partial holds something: another run has left it */
    CVT_OUT_OVER, /* what is in PATH.partial goes */
    CVT_OUT_ON,   /* PATH goes on in place, or else PATH.partial; CVT_USAGE for what is no regular file */
} cvt_out_start;
/* With CVT_OUT_ON *fd becomes a descriptor that stands at the beginning of what there is, to be read before
 * cvt_out_cut, which goes on behind the first `size` bytes and drops the others; else it becomes -1. */
cvt_status cvt_out_open_kept(cvt_out *out, const char *path, cvt_out_start start, int *fd, cvt_error *error);
cvt_status cvt_out_cut(cvt_out *out, int64_t size, cvt_error *error);
/* Hands what was written so far to the system. */
cvt_status cvt_out_push(cvt_out *out, cvt_error *error);
/* The name that the file has now. */
const char *cvt_out_name(const cvt_out *out);

#endif
