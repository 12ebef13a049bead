/* input.h - reads the bytes of one input, from a file or standard input, and never waits on something that is no
 * file. */
#ifndef CVT_BATCH_INPUT_H
#define CVT_BATCH_INPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

/* The bytes of an input. The buffer only grows, so reuse it. Zero-initialise it, and free(data) at the end. */
typedef struct cvt_input {
    unsigned char *data;
    size_t size, capacity;
    uint64_t max_pixels; /* of a larger image little more than the headers is read; 0: CVT_MAX_PIXELS */
} cvt_input;

/* True for "-" and, of what was named on the command line, for the links by which the system shows standard input. */
bool cvt_input_is_stdin(const char *path, bool named);

/* Reads a regular file whole, or standard input for "-"; if `named` on the command line, a FIFO too, and by its other
 * names standard input. Anything else (directory, device, socket) is CVT_UNREADABLE and is not even opened: opening a
 * FIFO would let its writer go on. A FIFO that nobody writes to is given up after some seconds. Of data that do not
 * begin like an image only the beginning is read; of a large file, what belongs to the image. Messages do not name the
 * file. wake: a descriptor that ends waiting once it is readable, or -1. */
cvt_status cvt_input_read(cvt_input *input, const char *path, bool named, int wake, cvt_error *error);

/* Where bytes come from: `read` is as read(2), but fills *error where it returns -1. */
typedef struct cvt_input_source {
    ssize_t (*read)(void *context, void *to, size_t n, cvt_error *error);
    void *context;
} cvt_input_source;

/* Reads on behind the input->size bytes that are there, as cvt_input_read does. `expected` bytes are likely; 0: not
 * known. */
cvt_status cvt_input_read_from(cvt_input *input, const cvt_input_source *source, uint64_t expected, cvt_error *error);

/* Opens what was named on the command line and is read as a stream: a file, a FIFO or standard input. What had to be
 * read to see that a FIFO has a writer is appended to *first. */
cvt_status cvt_input_open(int *fd, const char *path, cvt_input *first, int wake, cvt_error *error);

/* Reads a text that was named on the command line, as a list of images, to its end: from a file, a FIFO or standard
 * input. A byte order mark of UTF-8 is left out. CVT_TOO_LARGE beyond `limit` bytes, CVT_USAGE for UTF-16. Messages do
 * not name the file. */
cvt_status cvt_input_read_text(cvt_str *to, const char *path, size_t limit, cvt_error *error);
/* Is that how a text in UTF-16 begins? Its byte order mark or, unless NUL bytes may stand in it, every other byte
 * NUL. */
bool cvt_input_is_utf16(const char *text, size_t n, bool nul);

/* Looks at the beginning of the file at path. *known: it begins as an image that can be decoded; *format: the name of
 * its format where that is known, or NULL. What is no regular file has neither. Fails where the file cannot be opened
 * or read. */
cvt_status cvt_input_look(const char *path, bool *known, const char **format, cvt_error *error);

/* No name that a system accepts is as long; those of lists and archives that are longer are not read. */
enum { CVT_LONGEST_NAME = 64 << 10 };

/* Is the last part of a path an image's name: *.jpg *.jpeg *.jpe *.jfif *.png, in any case? */
bool cvt_input_is_named_image(const char *name);

/* Does what read(2) does, but goes on after signals, and waits in poll(2), where `wake` can end it with ECANCELED. */
ssize_t cvt_input_wait_read(int fd, void *to, size_t n, int wake);

/* Fills error with the text of a system error. CVT_NOT_FOUND where the file is not there, else CVT_UNREADABLE. */
cvt_status cvt_input_fail(cvt_error *error, int number);

#endif
