/* input.h - the bytes of one input, from a file or standard input, without ever hanging on what is no file. */
#ifndef CVT_BATCH_INPUT_H
#define CVT_BATCH_INPUT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* The buffer only grows, so reuse it; zero-initialise, free(data). */
typedef struct cvt_input {
    unsigned char *data;
    size_t size, capacity;
} cvt_input;

/* Reads a regular file whole, or standard input for "-". Anything else (directory, FIFO, device, socket) is
 * CVT_UNREADABLE and is not even opened: opening a FIFO would let its writer go on. Of data that do not begin like an
 * image only the beginning is read. Messages do not name the file.
 * wake: a descriptor that ends waiting for standard input once it is readable, or -1. */
cvt_status cvt_input_read(cvt_input *input, const char *path, int wake, cvt_error *error);

/* Whether the file at path begins as an image that can be decoded; false also for what is no regular file. */
bool cvt_input_file_is_image(const char *path);

/* read(2) that goes on after signals and waits in poll(2), where `wake` can end it with ECANCELED. */
ssize_t cvt_input_wait_read(int fd, void *to, size_t n, int wake);

/* Fills error with the text of a system error: CVT_NOT_FOUND where the file is not there, else CVT_UNREADABLE. */
cvt_status cvt_input_fail(cvt_error *error, int number);

#endif
