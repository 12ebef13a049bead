/* faults.c - a library for LD_PRELOAD (Linux with glibc) under which one call of a program fails: the number `at` of
 * all calls that may fail, in the order in which they are made. What fails is not done, and errno is what the system
 * would say. Streams that write are made anew over cookies, so that it is the write(2) of a stream that fails, in the
 * call that makes it, as on a full disk. It also counts the blocks of memory that are never freed. */
#define _GNU_SOURCE /* RTLD_NEXT, fopencookie, scandir */
#include "faults.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static faults_page before, *page = &before; /* before the constructor nothing fails */
static _Thread_local int inside;            /* what fails or is counted once, by the call that is made */
static _Thread_local int own;               /* memory of this library */

/* ---- which call fails ------------------------------------------------------------------------------------------- */

static void note(const char *name, bool writes) {
    inside++;
    snprintf(page->name, sizeof page->name, "%s", name);
    page->writes = writes;
    void *frames[FAULTS_FRAMES];
    page->depth = backtrace(frames, FAULTS_FRAMES);
    for (int i = 0; i < page->depth; i++) page->frame[i] = (uintptr_t)frames[i];
    Dl_info info;
    page->caller[0] = 0;
    for (int i = 2; i < page->depth; i++) { /* the C library calls for others */
        if (!dladdr(frames[i], &info) || !info.dli_fname) continue;
        const char *slash = strrchr(info.dli_fname, '/');
        snprintf(page->caller, sizeof page->caller, "%s", slash ? slash + 1 : info.dli_fname);
        if (strncmp(page->caller, "libc.", 5) != 0 && strncmp(page->caller, "libstdc++.", 10) != 0) break;
    }
    inside--;
}

/* Is this call to fail? If so, errno becomes `number`. */
static bool fails(const char *name, int number, bool writes) {
    if (page == &before || inside) return false;
    const int64_t n = atomic_fetch_add(&page->calls, 1) + 1;
    if (page->mode != FAULTS_ONCE || n != page->at) return false;
    note(name, writes);
    errno = number;
    return true;
}

/* With FAULTS_SHORT: is this call interrupted, and how many bytes does it give else? */
static bool interrupts(size_t *n) {
    static _Atomic unsigned calls;
    if (page->mode != FAULTS_SHORT || inside) return false;
    const unsigned k = atomic_fetch_add(&calls, 1);
    if (k % 2 == 0) {
        errno = EINTR;
        return true;
    }
    const size_t most = 1 + k / 2 % 7;
    if (*n > most) *n = most;
    return false;
}

/* The function of this name that the program would have called. */
#define REAL(name)               \
    (((union {                   \
         void *found;            \
         __typeof__(name) *call; \
     }){real(#name)})            \
         .call)

static void *real(const char *name) {
    inside++;
    void *found = dlsym(RTLD_NEXT, name);
    inside--;
    return found;
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static void *counted(void *p) {
    if (p && !own) atomic_fetch_add(&page->blocks, 1);
    return p;
}

void *malloc(size_t n) { return fails("malloc", ENOMEM, false) ? NULL : counted(__libc_malloc(n)); }

void *calloc(size_t n, size_t each) { return fails("calloc", ENOMEM, false) ? NULL : counted(__libc_calloc(n, each)); }

void *realloc(void *p, size_t n) {
    if (fails("realloc", ENOMEM, false)) return NULL;
    void *larger = __libc_realloc(p, n);
    if (!p) counted(larger);
    if (!larger && p && !n && !own) atomic_fetch_sub(&page->blocks, 1);
    return larger;
}

void *aligned_alloc(size_t alignment, size_t n) {
    return fails("aligned_alloc", ENOMEM, false) ? NULL : counted(__libc_memalign(alignment, n));
}

void *memalign(size_t alignment, size_t n) { return aligned_alloc(alignment, n); }

int posix_memalign(void **p, size_t alignment, size_t n) {
    void *made = aligned_alloc(alignment, n);
    if (made) *p = made;
    return made ? 0 : ENOMEM;
}

void free(void *p) {
    if (p && !own) atomic_fetch_sub(&page->blocks, 1);
    __libc_free(p);
}

void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset) {
    if (fails("mmap", ENOMEM, false)) return MAP_FAILED;
    return (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *), void *argument) {
    if (fails("pthread_create", EAGAIN, false)) return EAGAIN;
    inside++; /* what the system takes for a thread is part of this call */
    const int result = REAL(pthread_create)(thread, attributes, work, argument);
    inside--;
    return result;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static bool for_writing(int flags) { return (flags & O_ACCMODE) != O_RDONLY; }

static int open_with(const char *path, int flags, mode_t mode) {
    if (fails("open", for_writing(flags) ? ENOSPC : EMFILE, for_writing(flags))) return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_with(path, flags, mode);
}

int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags) { return open_with(path, flags, 0); }

ssize_t read(int fd, void *to, size_t n) {
    if (fails("read", EIO, false) || interrupts(&n)) return -1;
    return syscall(SYS_read, fd, to, n);
}

ssize_t pread(int fd, void *to, size_t n, off_t offset) {
    if (fails("pread", EIO, false) || interrupts(&n)) return -1;
    return syscall(SYS_pread64, fd, to, n, offset);
}

ssize_t write(int fd, const void *bytes, size_t n) {
    if (fails("write", ENOSPC, true) || interrupts(&n)) return -1;
    return syscall(SYS_write, fd, bytes, n);
}

off_t lseek(int fd, off_t offset, int whence) {
    return fails("lseek", EIO, true) ? -1 : (off_t)syscall(SYS_lseek, fd, offset, whence);
}

int ftruncate(int fd, off_t size) { return fails("ftruncate", EIO, true) ? -1 : (int)syscall(SYS_ftruncate, fd, size); }

int fsync(int fd) { return fails("fsync", EIO, true) ? -1 : (int)syscall(SYS_fsync, fd); }

int rename(const char *from, const char *to) {
    return fails("rename", EIO, true) ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int mkdir(const char *path, mode_t mode) {
    return fails("mkdir", ENOSPC, true) ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

/* Of stat and its relatives EIO: neither "no such file" nor "it is there". */
int stat(const char *path, struct stat *info) { return fails("stat", EIO, false) ? -1 : REAL(stat)(path, info); }

int lstat(const char *path, struct stat *info) { return fails("lstat", EIO, false) ? -1 : REAL(lstat)(path, info); }

int fstat(int fd, struct stat *info) { return fails("fstat", EIO, false) ? -1 : REAL(fstat)(fd, info); }

int fstatat(int fd, const char *path, struct stat *info, int flags) {
    return fails("fstatat", EIO, false) ? -1 : REAL(fstatat)(fd, path, info, flags);
}

ssize_t readlink(const char *path, char *to, size_t n) {
    return fails("readlink", EIO, false) ? -1 : REAL(readlink)(path, to, n);
}

char *realpath(const char *path, char *to) { return fails("realpath", EIO, false) ? NULL : REAL(realpath)(path, to); }

int pipe(int ends[2]) { return fails("pipe", EMFILE, false) ? -1 : REAL(pipe)(ends); }

int poll(struct pollfd *wait, nfds_t n, int milliseconds) {
    return fails("poll", ENOMEM, false) ? -1 : REAL(poll)(wait, n, milliseconds);
}

DIR *opendir(const char *path) { return fails("opendir", EMFILE, false) ? NULL : REAL(opendir)(path); }

DIR *fdopendir(int fd) { return fails("fdopendir", ENOMEM, false) ? NULL : REAL(fdopendir)(fd); }

struct dirent *readdir(DIR *folder) {
    return fails("readdir", EIO, false) ? NULL : REAL(readdir)(folder);
}

int scandir(const char *path, struct dirent ***names, int (*wanted)(const struct dirent *),
            int (*order)(const struct dirent **, const struct dirent **)) {
    return fails("scandir", EIO, false) ? -1 : REAL(scandir)(path, names, wanted, order);
}

void *dlopen(const char *name, int flags) {
    if (fails("dlopen", 0, false)) return NULL;
    inside++; /* the loader and the constructors of what it loads */
    void *handle = REAL(dlopen)(name, flags);
    inside--;
    return handle;
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

FILE *fopen(const char *path, const char *mode) {
    return fails("fopen", EMFILE, false) ? NULL : REAL(fopen)(path, mode);
}

enum { MOST_STREAMS = 16 };
static struct {
    FILE *stream;
    int fd;
    char buffer[BUFSIZ];
} streams[MOST_STREAMS];

static ssize_t cookie_write(void *cookie, const char *bytes, size_t n) {
    const int fd = *(int *)cookie;
    for (size_t at = 0; at < n;) { /* as a stream of glibc does */
        if (fails("write (of a stream)", ENOSPC, true)) return 0;
        const ssize_t done = syscall(SYS_write, fd, bytes + at, n - at);
        if (done < 0) return 0;
        at += (size_t)done;
    }
    return (ssize_t)n;
}

static int cookie_seek(void *cookie, off64_t *offset, int whence) {
    const off_t at = lseek(*(int *)cookie, *offset, whence);
    *offset = at;
    return at < 0 ? -1 : 0;
}

static int cookie_close(void *cookie) {
    int *fd = cookie;
    const bool wrong = fails("close (of a stream)", EIO, true);
    const int result = close(*fd);
    *fd = -1;
    for (int i = 0; i < MOST_STREAMS; i++)
        if (&streams[i].fd == fd) streams[i].stream = NULL;
    atomic_fetch_add(&page->blocks, 1); /* the stream, which will be freed, was not counted */
    if (wrong) errno = EIO;
    return wrong ? -1 : result;
}

static FILE *stream_of(int fd) {
    static const cookie_io_functions_t functions = {.write = cookie_write, .seek = cookie_seek, .close = cookie_close};
    int i = 0;
    while (i < MOST_STREAMS && streams[i].stream) i++;
    if (i == MOST_STREAMS) return NULL;
    streams[i].fd = fd;
    inside++, own++;
    streams[i].stream = fopencookie(&streams[i].fd, "w", functions);
    if (streams[i].stream) setvbuf(streams[i].stream, streams[i].buffer, _IOFBF, sizeof streams[i].buffer);
    inside--, own--;
    return streams[i].stream;
}

FILE *fdopen(int fd, const char *mode) {
    if (fails("fdopen", ENOMEM, false)) return NULL;
    return mode[0] == 'w' ? stream_of(fd) : REAL(fdopen)(fd, mode);
}

int fileno(FILE *stream) {
    for (int i = 0; i < MOST_STREAMS; i++)
        if (streams[i].stream == stream) return streams[i].fd;
    return REAL(fileno)(stream);
}

/* ---- beginning -------------------------------------------------------------------------------------------------- */

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULTS_PAGE");
    const int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    if (fd < 0) return;
    faults_page *shared = (void *)syscall(SYS_mmap, NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if ((void *)shared == MAP_FAILED) return;
    inside++;
    void *frames[2];
    backtrace(frames, 2); /* it loads a library the first time */
    stdout = stream_of(STDOUT_FILENO);
    unsetenv("LD_PRELOAD");
    inside--;
    FILE *maps = REAL(fopen)("/proc/self/maps", "re");
    unsigned long first = 0;
    if (maps && fscanf(maps, "%lx", &first) == 1) shared->base = first;
    if (maps) fclose(maps);
    atomic_store(&shared->blocks, atomic_load(&before.blocks));
    page = shared;
}
