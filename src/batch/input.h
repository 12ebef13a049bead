/* input.h - reads the bytes of one input, from a file or standard input, and never waits on something that is no
 * file. */
#ifndef CVT_BATCH_INPUT_H
#define CVT_BATCH_INPUT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* The bytes of an input. The buffer only grows, so reuse it. Zero-initialise it, and free(data) at the end. */
typedef struct cvt_input {
    unsigned char *data;
    size_t size, capacity;
} cvt_input;

/* Reads a whole regular file, or standard input where path is "-". Anything else (a directory, FIFO, device or socket)
 * is refused with CVT_UNREADABLE and not even opened: opening a FIFO would let its writer go on. Of data that do not
 * begin like an image only the beginning is read. Messages do not name the file. wake: a descriptor, or -1; as soon as
 * it is readable, waiting for standard input ends. */
cvt_status cvt_input_read(cvt_input *input, const char *path, int wake, cvt_error *error);

/* Does the file at path begin like an image that can be decoded? False also for anything but a regular file. */
bool cvt_input_file_is_image(const char *path);

/* Does what read(2) does, but goes on after signals, and waits in poll(2), where `wake` can end it with ECANCELED. */
ssize_t cvt_input_wait_read(int fd, void *to, size_t n, int wake);

/* Fills error with the text of a system error. CVT_NOT_FOUND where the file is not there, else CVT_UNREADABLE. */
cvt_status cvt_input_fail(cvt_error *error, int number);

#endif
