/* sandbox.h - takes away from this process, for good, what decoding images does not need: starting programs,
 * sockets, reaching other processes, files other than those that are named. A fault in a decoder that a hostile image
 * makes use of can then do little. Linux only: Landlock for files, seccomp for system calls. */
#ifndef CVT_BASE_SANDBOX_H
#define CVT_BASE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

/* What may be done at a path: the file, or everything in and below the directory. */
enum {
    CVT_SANDBOX_READ = 1,
    CVT_SANDBOX_WRITE = 2, /* write; in a directory also make, rename and remove files */
};

typedef struct cvt_sandbox_rule {
    const char *path; /* links are followed; a path at which nothing is gives nothing */
    int rights;
} cvt_sandbox_rule;

typedef struct cvt_sandbox {
    const cvt_sandbox_rule *rules;
    size_t n;
    bool read_all;   /* every file may be read, whatever the rules say */
    bool open_later; /* files will be opened for writing; else such an open ends the process */
} cvt_sandbox;

/* What holds afterwards. */
enum {
    CVT_SANDBOX_FILES = 1, /* Landlock: a file outside the rules cannot be opened (EACCES) */
    CVT_SANDBOX_CALLS = 2, /* seccomp: the calls above end the process by SIGSYS */
};

/* Why this process cannot have a sandbox although the system may know it, a phrase; NULL: it can. */
const char *cvt_sandbox_obstacle(void);

/* Enters the sandbox. Files that are open stay open, and shared libraries can still be loaded. Landlock holds for the
 * calling thread and those that it starts, so enter before there are others. Returns what holds, 0 where the system
 * has neither or where there is an obstacle. Files are not confined where a rule cannot be made, as with too many open
 * files: what the rule names would be refused. */
int cvt_sandbox_enter(const cvt_sandbox *sandbox);

#endif
