/* input.c - reads the bytes of inputs. base/file.c serves weights and configs; this file differs in four things: the
 * buffer is reused, waiting can be ended, data that are no image are not read to their end, and messages do not name
 * the file. */
#include "batch/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "image/image.h"

enum {
    CHUNK = 64 << 10, /* a look at the beginning */
    STEP = 4 << 20,
    WRITER_MS = 10000, /* to wait for who opens a FIFO to write */
};

bool cvt_input_is_named_image(const char *name) {
    static const char *const endings[] = {".jpg", ".jpeg", ".jpe", ".jfif", ".png"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(dot, endings[i]) == 0) return true;
    return false;
}

cvt_status cvt_input_fail(cvt_error *error, int number) {
    char text[128];
    if (strerror_r(number, text, sizeof text) != 0) memcpy(text, "unknown error", 14);
    bool absent = number == ENOENT || number == ENOTDIR;
    return cvt_fail(error, absent ? CVT_NOT_FOUND : CVT_UNREADABLE, "%s", text);
}

ssize_t cvt_input_wait_read(int fd, void *to, size_t n, int wake) {
    for (;;) {
        struct pollfd wait[2] = {{.fd = fd, .events = POLLIN}, {.fd = wake, .events = POLLIN}};
        int ready = poll(wait, 2, -1);
        if (ready > 0 && wait[1].revents) {
            errno = ECANCELED;
            return -1;
        }
        ssize_t got = ready < 0 ? -1 : read(fd, to, n);
        if (got >= 0 || (errno != EINTR && errno != EAGAIN)) return got;
    }
}

/* Makes room for `capacity` bytes. */
static cvt_status reserve(cvt_input *input, size_t capacity, cvt_error *error) {
    if (capacity <= input->capacity) return CVT_OK;
    unsigned char *data = realloc(input->data, capacity);
    if (!data) return cvt_fail_memory(error);
    input->data = data;
    input->capacity = capacity;
    return CVT_OK;
}

cvt_status cvt_input_read_from(cvt_input *input, const cvt_input_source *source, uint64_t expected, cvt_error *error) {
    cvt_extent extent = {.max_pixels = input->max_pixels};
    size_t likely = expected < STEP ? (size_t)expected + 1 : STEP; /* one more, to see the end */
    TRY(reserve(input, likely < CHUNK ? CHUNK : likely, error));
    for (;;) {
        if (input->size == input->capacity) TRY(reserve(input, 2 * input->capacity, error));
        size_t room = input->capacity - input->size, step = input->size < CHUNK ? CHUNK : STEP;
        ssize_t got = source->read(source->context, input->data + input->size, room < step ? room : step, error);
        if (got < 0) return error->status;
        input->size += (size_t)got;
        if (got == 0 || (input->size >= CHUNK && !cvt_image_is_known(input->data, input->size))) return CVT_OK;
        if (input->size >= CHUNK && cvt_extent_ends(&extent, input->data, input->size)) return CVT_OK;
        if (input->size > CVT_IMAGE_LIMIT)
            return cvt_fail(error, CVT_TOO_LARGE, "more than %zu bytes", CVT_IMAGE_LIMIT);
    }
}

/* A descriptor, and the one that ends waiting for it. */
typedef struct stream {
    int fd, wake;
} stream;

static ssize_t read_stream(void *context, void *to, size_t n, cvt_error *error) {
    const stream *from = context;
    ssize_t got = cvt_input_wait_read(from->fd, to, n, from->wake);
    if (got < 0) cvt_input_fail(error, errno);
    return got;
}

/* Reads up to the end of the file or, step by step, of the image in it. `expected` bytes are likely. */
static cvt_status read_all(cvt_input *input, int fd, size_t expected, int wake, cvt_error *error) {
    stream from = {fd, wake};
    return cvt_input_read_from(input, &(cvt_input_source){read_stream, &from}, expected, error);
}

static cvt_status not_a_file(mode_t mode, cvt_error *error) {
    const char *kind = S_ISDIR(mode)    ? "a directory"
                       : S_ISFIFO(mode) ? "a FIFO"
                       : S_ISSOCK(mode) ? "a socket"
                       : S_ISCHR(mode)  ? "a character device"
                                        : "a block device";
    return cvt_fail(error, CVT_UNREADABLE, "is %s, not a file", kind);
}

static cvt_status open_regular(int *fd, struct stat *about, const char *path, cvt_error *error) {
    if (stat(path, about) != 0) return cvt_input_fail(error, errno);
    if (!S_ISREG(about->st_mode)) return not_a_file(about->st_mode, error);
    /* O_NONBLOCK: what was a file a moment ago may be a FIFO now */
    *fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (*fd < 0) return cvt_input_fail(error, errno);
    const int number = fstat(*fd, about) == 0 ? 0 : errno;
    if (number == 0 && S_ISREG(about->st_mode)) return CVT_OK;
    close(*fd);
    return number ? cvt_input_fail(error, number) : not_a_file(about->st_mode, error);
}

bool cvt_input_is_stdin(const char *path, bool named) {
    struct stat link, there, ours;
    if (strcmp(path, "-") == 0) return true;
    if (!named || !cvt_file_is_of_streams(path) || lstat(path, &link) != 0 || !S_ISLNK(link.st_mode)) return false;
    bool known = stat(path, &there) == 0 && fstat(STDIN_FILENO, &ours) == 0;
    return known && there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
}

/* Waits until a FIFO has data or an end. While nobody has opened its other end, poll(2) tells nothing and read(2) an
 * end of file. */
static cvt_status wait_for_writer(cvt_input *input, int fd, int wake, cvt_error *error) {
    TRY(reserve(input, CHUNK, error));
    for (;;) {
        struct pollfd wait[2] = {{.fd = fd, .events = POLLIN}, {.fd = wake, .events = POLLIN}};
        if (poll(wait, 2, WRITER_MS) != 0) return CVT_OK; /* reading will tell */
        ssize_t got = read(fd, input->data, 1);
        if (got == 0) return cvt_fail(error, CVT_UNREADABLE, "is a FIFO that nobody writes to");
        input->size = got > 0;
        if (got > 0 || errno != EAGAIN) return CVT_OK;
    }
}

static cvt_status open_fifo(int *fd, const char *path, cvt_input *first, int wake, cvt_error *error) {
    *fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (*fd < 0) return cvt_input_fail(error, errno);
    cvt_status status = wait_for_writer(first, *fd, wake, error);
    if (status != CVT_OK) close(*fd);
    return status;
}

static cvt_status read_fifo(cvt_input *input, const char *path, int wake, cvt_error *error) {
    int fd;
    TRY(open_fifo(&fd, path, input, wake, error));
    cvt_status status = read_all(input, fd, 0, wake, error);
    close(fd);
    return status;
}

cvt_status cvt_input_open(int *fd, const char *path, cvt_input *first, int wake, cvt_error *error) {
    struct stat about;
    *fd = STDIN_FILENO;
    if (cvt_input_is_stdin(path, true)) return CVT_OK;
    if (stat(path, &about) == 0 && S_ISFIFO(about.st_mode)) return open_fifo(fd, path, first, wake, error);
    return open_regular(fd, &about, path, error);
}

bool cvt_input_is_utf16(const char *s, size_t n, bool nul) {
    if (n < 2) return false;
    if (memcmp(s, "\xff\xfe", 2) == 0 || memcmp(s, "\xfe\xff", 2) == 0) return true;
    return !nul && n >= 4 && ((!s[0] && s[1] && !s[2] && s[3]) || (s[0] && !s[1] && s[2] && !s[3]));
}

/* Reads on to the end of a text. */
static cvt_status read_text(cvt_str *to, int fd, size_t limit, cvt_error *error) {
    char *piece = malloc(CHUNK);
    ssize_t got = 1;
    while (piece && got > 0 && to->size <= limit && !to->failed) {
        got = cvt_input_wait_read(fd, piece, CHUNK, -1);
        if (got > 0) cvt_str_append(to, piece, (size_t)got);
    }
    const int number = errno;
    const bool made = piece && !to->failed;
    free(piece);
    if (!made) return cvt_fail_memory(error);
    if (got < 0) return cvt_input_fail(error, number);
    if (to->size > limit) return cvt_fail(error, CVT_TOO_LARGE, "more than %zu bytes", limit);
    if (to->size && cvt_input_is_utf16(to->data, to->size, false))
        return cvt_fail(error, CVT_USAGE, "a list in UTF-16: save it as UTF-8");
    if (to->size < 3 || memcmp(to->data, "\xef\xbb\xbf", 3) != 0) return CVT_OK;
    to->size -= 3;
    memmove(to->data, to->data + 3, to->size + 1);
    return CVT_OK;
}

cvt_status cvt_input_read_text(cvt_str *to, const char *path, size_t limit, cvt_error *error) {
    cvt_input first = {0};
    int fd;
    cvt_status status = cvt_input_open(&fd, path, &first, -1, error);
    cvt_str_append(to, (const char *)first.data, first.size);
    free(first.data);
    TRY(status);
    status = read_text(to, fd, limit, error);
    if (fd != STDIN_FILENO) close(fd);
    return status;
}

cvt_status cvt_input_read(cvt_input *input, const char *path, bool named, int wake, cvt_error *error) {
    struct stat about;
    int fd = -1;
    input->size = 0;
    if (cvt_input_is_stdin(path, named)) return read_all(input, STDIN_FILENO, 0, wake, error);
    if (named && stat(path, &about) == 0 && S_ISFIFO(about.st_mode)) return read_fifo(input, path, wake, error);
    TRY(open_regular(&fd, &about, path, error));
    bool plausible = about.st_size < (off_t)CVT_IMAGE_LIMIT;
    cvt_status status = read_all(input, fd, plausible ? (size_t)about.st_size : 0, wake, error);
    close(fd);
    return status;
}

cvt_status cvt_input_look(const char *path, bool *known, const char **format, cvt_error *error) {
    struct stat about;
    int fd = -1;
    *known = false;
    *format = NULL;
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) return CVT_OK;
    TRY(open_regular(&fd, &about, path, error));
    unsigned char start[CVT_IMAGE_SIGNATURE];
    ssize_t got = cvt_input_wait_read(fd, start, sizeof start, -1);
    cvt_status status = got < 0 ? cvt_input_fail(error, errno) : CVT_OK;
    close(fd);
    if (got > 0) *known = cvt_image_is_known(start, (size_t)got);
    if (got > 0) *format = cvt_image_format(start, (size_t)got);
    return status;
}
