/* file.c - reads files and directories, and writes files that appear only when they are whole.
 *
 * Weights are mapped: they are large, are used where they lie, and are needed as long as the model lives. But when
 * somebody truncates a mapped file, the next access to a lost page raises SIGBUS, and a library may not catch signals.
 * So images and configs, which come from many sources, are read instead: a truncated one then only ends early. */
#define _DEFAULT_SOURCE /* madvise: posix_madvise ignores DONTNEED in glibc */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- paths and directories ------------------------------------------------------------------------------------- */

bool cvt_file_exists(const char *path) {
    struct stat info;
    if (stat(path, &info) == 0) return true;
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case EACCES:
    case ELOOP:
    case ENAMETOOLONG: return false;
    default: return true; /* the system could not look: whoever opens it will tell */
    }
}

const char *cvt_file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void cvt_file_folder(cvt_str *to, const char *path) {
    const size_t n = (size_t)(cvt_file_name(path) - path);
    cvt_str_append(to, n ? path : ".", n > 1 ? n - 1 : 1); /* without the slash, but for "/" */
}

bool cvt_file_is_directory(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool cvt_file_is_same(const char *a, const char *b) {
    struct stat x, y;
    return a && b && stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool cvt_file_is_dangling(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode) && !cvt_file_exists(path);
}

static int is_not_hidden(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static int by_bytes(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

bool cvt_entries_read(cvt_entries *entries, const char *directory) {
    *entries = (cvt_entries){0};
    const int n = scandir(directory, &entries->of, is_not_hidden, by_bytes);
    if (n > 0) entries->n = n;
    return n >= 0;
}

void cvt_entries_free(cvt_entries *entries) {
    for (int i = 0; i < entries->n; i++) free(entries->of[i]);
    free(entries->of);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* Fails with the message "PATH: FACT: what errno says". */
static cvt_status fail_system(cvt_error *error, cvt_status status, const char *path, const char *fact) {
    int number = errno;
    char reason[256];
    if (strerror_r(number, reason, sizeof reason)) snprintf(reason, sizeof reason, "error %d", number);
    return cvt_fail(error, status, "%s: %s: %s", path, fact, reason);
}

static const char *kind_name(mode_t mode) {
    return S_ISDIR(mode) ? "a directory" : S_ISFIFO(mode) ? "a FIFO" : S_ISSOCK(mode) ? "a socket" : "a device";
}

static cvt_status require_regular(const struct stat *info, const char *path, cvt_error *error) {
    if (S_ISREG(info->st_mode)) return CVT_OK;
    return cvt_fail(error, CVT_UNREADABLE, "%s: %s, not a file", path, kind_name(info->st_mode));
}

static cvt_status fail_open(cvt_error *error, const char *path) {
    if (errno == ENOENT || errno == ENOTDIR) return cvt_fail(error, CVT_NOT_FOUND, "%s: no such file", path);
    return fail_system(error, CVT_UNREADABLE, path, "cannot be opened");
}

/* Sets *size to the size of the regular file behind a descriptor; refuses anything that is no regular file. */
static cvt_status examine(size_t *size, int fd, const char *path, cvt_error *error) {
    struct stat info;
    if (fstat(fd, &info)) return fail_system(error, CVT_UNREADABLE, path, "cannot be examined");
    TRY(require_regular(&info, path, error));
    if ((uintmax_t)info.st_size > PTRDIFF_MAX)
        return cvt_fail(error, CVT_TOO_LARGE, "%s: larger than the address space", path);
    *size = (size_t)info.st_size;
    return CVT_OK;
}

/* Opens a regular file; sets *descriptor and *size. */
static cvt_status open_regular(int *descriptor, size_t *size, const char *path, cvt_error *error) {
    struct stat info;
    /* Opening a device or a FIFO may have an effect on it, so its kind is examined first. O_NONBLOCK and the second
     * examination cover a path that changes between the two calls. */
    if (stat(path, &info)) return fail_open(error, path);
    TRY(require_regular(&info, path, error));
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return fail_open(error, path);
    cvt_status status = examine(size, fd, path, error);
    if (status == CVT_OK)
        *descriptor = fd;
    else
        close(fd);
    return status;
}

/* Gives a file whose bytes are in place its name; closes the file where there is no memory for the name. */
static cvt_status set_path(cvt_file *file, const char *path, cvt_error *error) {
    file->path = strdup(path);
    if (file->path) return CVT_OK;
    cvt_file_close(file);
    return cvt_fail_memory(error);
}

static cvt_status map(cvt_file *file, int fd, size_t size, const char *path, cvt_error *error) {
    void *data = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (data == MAP_FAILED) return fail_system(error, CVT_UNREADABLE, path, "cannot be mapped");
    *file = (cvt_file){.data = data, .size = size, .mapped = data != NULL};
    return set_path(file, path, error);
}

cvt_status cvt_file_map(cvt_file *file, const char *path, cvt_error *error) {
    *file = (cvt_file){0};
    int fd = -1;
    size_t size = 0;
    TRY(open_regular(&fd, &size, path, error));
    cvt_status status = map(file, fd, size, path, error);
    close(fd);
    return status;
}

cvt_status cvt_file_map_fd(cvt_file *file, int fd, const char *name, cvt_error *error) {
    *file = (cvt_file){0};
    size_t size = 0;
    TRY(examine(&size, fd, name, error));
    return map(file, fd, size, name, error);
}

cvt_status cvt_file_borrow(cvt_file *file, const void *bytes, size_t size, const char *name, cvt_error *error) {
    *file = (cvt_file){.data = bytes, .size = size, .borrowed = true};
    return set_path(file, name, error);
}

/* Does one read(2) as soon as there is something to read, even where another program made standard input non-blocking.
 * A signal ends the wait (whoever installs a handler that does not restart system calls wants to get out of them), but
 * not the reading of what is there. */
static ssize_t read_some(int fd, unsigned char *to, size_t n) {
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, -1) < 0) return -1;
        ssize_t got = read(fd, to, n);
        if (got >= 0 || (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)) return got;
    }
}

/* Reads up to the end of fd, whatever size the system reported. The buffer never grows beyond limit + 1 bytes. */
static cvt_status read_all(cvt_file *file, int fd, size_t expected, size_t limit, const char *path, cvt_error *error) {
    /* one byte more than is allowed, to see that there is more */
    size_t max_size = limit < PTRDIFF_MAX ? limit + 1 : limit;
    size_t capacity = expected < max_size ? expected + 1 : max_size, used = 0;
    unsigned char *data = malloc(capacity);
    if (!data) return cvt_fail_memory(error);
    for (ssize_t got = 1; got > 0;) {
        if (used == capacity && capacity < max_size) {
            capacity = capacity < max_size / 2 ? 2 * capacity : max_size;
            unsigned char *larger = realloc(data, capacity);
            if (!larger) {
                free(data);
                return cvt_fail_memory(error);
            }
            data = larger;
        }
        got = used < capacity ? read_some(fd, data + used, capacity - used) : 0;
        if (got < 0) {
            free(data);
            return fail_system(error, CVT_UNREADABLE, path, "cannot be read");
        }
        used += (size_t)got;
    }
    if (used > limit) {
        free(data);
        return cvt_fail(error, CVT_TOO_LARGE, "%s: more than %zu bytes", path, limit);
    }
    if (used == 0) {
        free(data);
        data = NULL;
    }
    file->data = data;
    file->size = used;
    return CVT_OK;
}

cvt_status cvt_file_read(cvt_file *file, const char *path, size_t limit, cvt_error *error) {
    enum { FIRST_GUESS = 1 << 16 };
    *file = (cvt_file){0};
    bool standard_input = strcmp(path, "-") == 0;
    int fd = STDIN_FILENO;
    size_t size = FIRST_GUESS;
    if (!standard_input) TRY(open_regular(&fd, &size, path, error));
    cvt_status status = CVT_OK;
    if (!standard_input && size > limit)
        status = cvt_fail(error, CVT_TOO_LARGE, "%s: %zu bytes, more than %zu", path, size, limit);
    else
        status = read_all(file, fd, size, limit, path, error);
    if (!standard_input) close(fd);
    TRY(status);
    return set_path(file, path, error);
}

/* The bytes as a pointer that munmap and free accept: those take no pointer to const. */
static void *owned(const cvt_file *file) { return (void *)(uintptr_t)file->data; }

void cvt_file_close(cvt_file *file) {
    if (file->mapped)
        munmap(owned(file), file->size);
    else if (!file->borrowed)
        free(owned(file));
    free(file->path);
    *file = (cvt_file){0};
}

void cvt_file_drop(const cvt_file *file, const void *bytes, size_t n) {
    uintptr_t start = (uintptr_t)file->data, first = (uintptr_t)bytes;
    if (!file->mapped || first < start || first - start > file->size || n > file->size - (first - start)) return;
    long page_size = sysconf(_SC_PAGESIZE);
    if (page_size <= 0) return;
    size_t page = (size_t)page_size;
    size_t skipped = (page - first % page) % page;
    if (n < skipped + page) return;
    size_t whole = (n - skipped) / page * page;
    madvise((void *)(first + skipped), whole, MADV_DONTNEED);
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static cvt_status fail_output(cvt_out *out, cvt_error *error) {
    out->reader_gone = errno == EPIPE;
    return fail_system(error, CVT_OUTPUT, out->path, "cannot be written");
}

bool cvt_file_is_of_streams(const char *path) {
    return strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
}

/* Replaces *path by the file that the link at *path leads to, link after link, so that the link stays and the file
 * behind it is replaced. That file need not exist yet. On failure it returns false and sets errno. */
static bool follow_links(char **path) {
    enum { MAX_LINKS = 40 }; /* Linux follows as many */
    for (int i = 0; !cvt_file_is_of_streams(*path); i++) {
        struct stat info;
        char target[PATH_MAX];
        if (lstat(*path, &info) || !S_ISLNK(info.st_mode)) return true;
        ssize_t n = i < MAX_LINKS ? readlink(*path, target, sizeof target) : (errno = ELOOP, -1);
        if (n < 0 || (size_t)n == sizeof target) return false;
        int folder = target[0] == '/' ? 0 : (int)(cvt_file_name(*path) - *path);
        size_t capacity = (size_t)folder + (size_t)n + 1;
        char *next = malloc(capacity);
        if (!next) return false;
        snprintf(next, capacity, "%.*s%.*s", folder, *path, (int)n, target);
        free(*path);
        *path = next;
    }
    return true;
}

/* Is there something other than a regular file at `path`? Renaming a file over it would replace a device or a FIFO. */
static bool is_special(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 && !S_ISREG(info.st_mode);
}

/* Creates a new file beside `path`, with the permissions that any new file gets. Returns its descriptor and sets *name,
 * or returns -1 and sets errno. */
static int create_beside(char **name, const char *path) {
    int folder = (int)(cvt_file_name(path) - path);
    size_t capacity = strlen(path) + 64;
    char *temporary = malloc(capacity);
    if (!temporary) return -1;
    int fd = -1;
    errno = EEXIST;
    for (unsigned attempt = 0; fd < 0 && errno == EEXIST && attempt < 1000; attempt++) {
        snprintf(temporary, capacity, "%.*s.cvt-%ld-%u.tmp", folder, path, (long)getpid(), attempt);
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    if (fd < 0)
        free(temporary);
    else
        *name = temporary;
    return fd;
}

cvt_status cvt_out_open(cvt_out *out, const char *path, cvt_error *error) {
    *out = (cvt_out){.path = strdup(path)};
    if (!out->path) return cvt_fail_memory(error);
    if (strcmp(path, "-") == 0) {
        out->stream = stdout;
        return CVT_OK;
    }
    int fd = -1;
    if (follow_links(&out->path))
        fd = is_special(out->path) ? open(out->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666)
                                   : create_beside(&out->temporary, out->path);
    if (fd >= 0 && !(out->stream = fdopen(fd, "wb"))) close(fd);
    if (out->stream) return CVT_OK;
    cvt_status status = fail_output(out, error);
    cvt_out_abandon(out);
    return status;
}

cvt_status cvt_out_write(cvt_out *out, const void *bytes, size_t n, cvt_error *error) {
    if (n == 0 || fwrite(bytes, 1, n, out->stream) == n) return CVT_OK;
    return fail_output(out, error);
}

cvt_status cvt_out_patch(cvt_out *out, long offset, const void *bytes, size_t n, cvt_error *error) {
    FILE *stream = out->stream;
    if (fseek(stream, offset, SEEK_SET) == 0 && fwrite(bytes, 1, n, stream) == n && fseek(stream, 0, SEEK_END) == 0)
        return CVT_OK;
    return fail_output(out, error);
}

/* Hands the buffered bytes to the system and closes the stream. Returns true if all bytes were taken. */
static bool close_stream(cvt_out *out) {
    FILE *stream = out->stream;
    out->stream = NULL;
    if (!stream) return true;
    if (stream == stdout) return fflush(stdout) == 0;
    return fclose(stream) == 0;
}

cvt_status cvt_out_flush(cvt_out *out, cvt_error *error) {
    return close_stream(out) ? CVT_OK : fail_output(out, error);
}

cvt_status cvt_out_finish(cvt_out *out, cvt_error *error) {
    cvt_status status = CVT_OK;
    if (!close_stream(out) || (out->temporary && rename(out->temporary, out->path))) status = fail_output(out, error);
    if (status == CVT_OK) {
        free(out->temporary);
        out->temporary = NULL;
    }
    cvt_out_abandon(out);
    return status;
}

void cvt_out_abandon(cvt_out *out) {
    if (out->stream) close_stream(out);
    struct stat info;
    bool worth = out->kept && out->temporary && stat(out->temporary, &info) == 0 && info.st_size > 0;
    if (out->temporary && !worth) unlink(out->temporary);
    free(out->temporary);
    free(out->path);
    *out = (cvt_out){.reader_gone = out->reader_gone};
}

cvt_status cvt_out_save(const char *path, const cvt_str *text, cvt_error *error) {
    cvt_out out;
    if (text->failed) return cvt_fail_memory(error);
    TRY(cvt_out_open(&out, path, error));
    cvt_status status = cvt_out_write(&out, text->data, text->size, error);
    if (status == CVT_OK) status = cvt_out_finish(&out, error);
    cvt_out_abandon(&out);
    return status;
}

/* ---- outputs that are kept ------------------------------------------------------------------------------------- */

const char *cvt_out_name(const cvt_out *out) { return out->temporary ? out->temporary : out->path; }

/* Locks the file, which must still have its name: another run may have renamed it before it let go of the lock. */
static cvt_status lock(cvt_out *out, int fd, struct stat *info, bool *moved, cvt_error *error) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat there;
    const char *name = cvt_out_name(out);
    *moved = false;
    if (fcntl(fd, F_SETLK, &whole) != 0 && (errno == EACCES || errno == EAGAIN))
        return cvt_fail(error, CVT_USAGE, "%s: another run is writing to it", name);
    if (fstat(fd, info) != 0) return fail_output(out, error);
    if (!S_ISREG(info->st_mode))
        return cvt_fail(error, CVT_USAGE, "%s: %s, not a file", name, kind_name(info->st_mode));
    *moved = stat(name, &there) != 0 || there.st_ino != info->st_ino || there.st_dev != info->st_dev;
    return CVT_OK;
}

/* Opens the file that the output goes to, and locks it. */
static cvt_status open_locked(cvt_out *out, cvt_out_start start, int *fd, struct stat *info, cvt_error *error) {
    for (int attempt = 0; attempt < 100; attempt++) {
        bool moved, there = start == CVT_OUT_ON && stat(out->path, info) == 0;
        free(out->temporary);
        out->temporary = NULL;
        if (!there) {
            size_t capacity = strlen(out->path) + sizeof ".partial";
            out->temporary = malloc(capacity);
            if (!out->temporary) return cvt_fail_memory(error);
            snprintf(out->temporary, capacity, "%s.partial", out->path);
        }
        *fd = open(cvt_out_name(out), O_RDWR | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | (there ? 0 : O_CREAT), 0666);
        if (*fd < 0 && there && errno == ENOENT) continue;
        if (*fd < 0) return fail_output(out, error);
        TRY(lock(out, *fd, info, &moved, error));
        if (!moved) return CVT_OK;
        close(*fd);
        *fd = -1;
    }
    errno = EBUSY;
    return fail_output(out, error);
}

static cvt_status open_kept(cvt_out *out, cvt_out_start start, int *fd, cvt_error *error) {
    struct stat info;
    if (!follow_links(&out->path)) return fail_output(out, error);
    if (is_special(out->path)) {
        if (start == CVT_OUT_ON) return cvt_fail(error, CVT_USAGE, "%s: not a file that could go on", out->path);
        *fd = open(out->path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);
        return *fd < 0 ? fail_output(out, error) : CVT_OK;
    }
    TRY(open_locked(out, start, fd, &info, error));
    if (start == CVT_OUT_ANEW && info.st_size > 0)
        return cvt_fail(error, CVT_USAGE,
                        "%s: what an earlier run has left: --resume goes on with it, --force writes over it",
                        out->temporary);
    return start == CVT_OUT_OVER && ftruncate(*fd, 0) != 0 ? fail_output(out, error) : CVT_OK;
}

cvt_status cvt_out_open_kept(cvt_out *out, const char *path, cvt_out_start start, int *fd, cvt_error *error) {
    *fd = -1;
    *out = (cvt_out){.path = strdup(path), .kept = true};
    if (!out->path) return cvt_fail_memory(error);
    if (strcmp(path, "-") == 0) {
        out->stream = stdout;
        return CVT_OK;
    }
    cvt_status status = open_kept(out, start, fd, error);
    if (status == CVT_OK && !(out->stream = fdopen(*fd, "wb"))) status = fail_output(out, error);
    if (status != CVT_OK) {
        struct stat info;
        bool ours = status == CVT_OUTPUT && *fd >= 0 && out->temporary && fstat(*fd, &info) == 0 && info.st_size == 0;
        if (ours) unlink(out->temporary); /* it was made here, or holds nothing */
        if (*fd >= 0) close(*fd);
        *fd = -1;
        free(out->temporary); /* another run's */
        out->temporary = NULL;
        cvt_out_abandon(out);
    }
    if (start != CVT_OUT_ON) *fd = -1;
    return status;
}

cvt_status cvt_out_cut(cvt_out *out, int64_t size, cvt_error *error) {
    const int fd = fileno(out->stream);
    return ftruncate(fd, (off_t)size) == 0 && lseek(fd, (off_t)size, SEEK_SET) >= 0 ? CVT_OK : fail_output(out, error);
}

cvt_status cvt_out_push(cvt_out *out, cvt_error *error) {
    return fflush(out->stream) == 0 ? CVT_OK : fail_output(out, error);
}
