/* sandbox.c - Landlock and seccomp by their system calls, without a library.
 *
 * Landlock (landlock(7)): a set of rights that are handled, and for each path those that are granted; everything else
 * that is handled is refused. seccomp (seccomp(2)): a BPF program that looks at each system call. It lists what is
 * refused, not what is allowed: what libraries and their next versions call besides is none of its business, and a list
 * of what they may call would end runs that nobody attacks. */
#define _GNU_SOURCE /* syscall, dl_iterate_phdr, O_PATH */

#include "base/sandbox.h"

#include <stdlib.h>
#include <string.h>

#if defined(__linux__) && defined(__has_include)
#if __has_include(<linux/landlock.h>) && __has_include(<linux/seccomp.h>)
#define HAVE_SANDBOX
#endif
#endif

#ifndef HAVE_SANDBOX
const char *cvt_sandbox_obstacle(void) { return "this program was built without it"; }
int cvt_sandbox_enter(const cvt_sandbox *sandbox) {
    (void)sandbox;
    return 0;
}
#else

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- obstacles ------------------------------------------------------------------------------------------------- */

/* What sanitizers and the counters of coverage bring with them: they write files and start threads of their own kind
 * when the program ends. */
extern void __sanitizer_set_report_path(const char *path) __attribute__((weak));
extern void __gcov_init(void *) __attribute__((weak)); /* what __gcov_dump is in is not linked for a weak name */
extern int __llvm_profile_write_file(void) __attribute__((weak));
/* clang's OpenMP library makes a file in /dev/shm, and removes it at the end. */
extern void __kmpc_fork_call(void) __attribute__((weak));

const char *cvt_sandbox_obstacle(void) {
    const char *preloaded = getenv("LD_PRELOAD");
    if (&__sanitizer_set_report_path) return "this build has sanitizers";
    if (&__gcov_init || &__llvm_profile_write_file) return "this build counts what runs";
    if (&__kmpc_fork_call) return "clang's OpenMP library makes files of its own";
    if (preloaded && strstr(preloaded, "vgpreload")) return "valgrind runs this program";
    return NULL;
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
/* the numbers are the same on every architecture */
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 };

static const uint64_t read_rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t file_rights =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE;

/* All rights that version `version` knows, from LANDLOCK_ACCESS_FS_EXECUTE on. */
static uint64_t known_rights(long version) {
    const int bits = version >= 3 ? 15 : version == 2 ? 14 : 13;
    return (UINT64_C(1) << bits) - 1;
}

/* Grants rights at a path. A path at which nothing is, that this user cannot open, or that lies in no file system,
 * grants nothing. False where the system fails in another way: what is named would be refused later. */
static bool grant(int set, const char *path, uint64_t rights) {
    struct stat info;
    const int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == EACCES || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG;
    bool done = fstat(fd, &info) == 0;
    const uint64_t fitting = !done ? 0 : S_ISDIR(info.st_mode) ? rights : rights & file_rights;
    const struct landlock_path_beneath_attr rule = {.allowed_access = fitting, .parent_fd = fd};
    if (fitting) done = syscall(ADD_RULE, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 || errno == EBADFD;
    close(fd);
    return done;
}

typedef struct libraries {
    int set;
    bool done;       /* every grant was */
    char last[4096]; /* the directory that was granted last */
} libraries;

/* Grants a directory whose path has n bytes; most libraries lie where the one before does. */
static void grant_directory(libraries *l, const char *path, size_t n) {
    if (!n || n >= sizeof l->last || (strncmp(l->last, path, n) == 0 && !l->last[n])) return;
    memcpy(l->last, path, n);
    l->last[n] = 0;
    l->done = grant(l->set, l->last, read_rights) && l->done;
}

static int grant_library(struct dl_phdr_info *info, size_t size, void *context) {
    const char *slash = info->dlpi_name ? strrchr(info->dlpi_name, '/') : NULL;
    (void)size;
    if (slash) grant_directory(context, info->dlpi_name, (size_t)(slash - info->dlpi_name));
    return 0;
}

/* Libraries may still be loaded: from where those are that the program has, and from where the system keeps them. */
static bool grant_libraries(int set) {
    static const char *const places[] = {"/lib",       "/lib64",         "/usr/lib",
                                         "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"};
    libraries l = {.set = set, .done = true};
    const char *path = getenv("LD_LIBRARY_PATH");
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) l.done = grant(set, places[i], read_rights) && l.done;
    dl_iterate_phdr(grant_library, &l);
    while (path && *path) {
        const size_t n = strcspn(path, ":");
        grant_directory(&l, path, n);
        path += path[n] ? n + 1 : n;
    }
    return l.done;
}

static bool confine_files(const cvt_sandbox *s) {
    const long version = syscall(CREATE_RULESET, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) return false;
    uint64_t handled = known_rights(version);
    if (s->read_all) handled &= ~read_rights;
    const uint64_t write_rights = handled & (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |
                                             LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE);
    const struct landlock_ruleset_attr wanted = {.handled_access_fs = handled};
    /* the size of the first version: later fields are not used */
    const int set = (int)syscall(CREATE_RULESET, &wanted, sizeof wanted.handled_access_fs, 0);
    if (set < 0) return false;
    bool done = true;
    for (size_t i = 0; i < s->n; i++) {
        const bool reads = (s->rules[i].rights & CVT_SANDBOX_READ) && !s->read_all;
        const bool writes = s->rules[i].rights & CVT_SANDBOX_WRITE;
        done = grant(set, s->rules[i].path, (reads ? read_rights : 0) | (writes ? write_rights : 0)) && done;
    }
    if (!s->read_all) done = grant_libraries(set) && done;
    done = done && syscall(RESTRICT_SELF, set, 0) == 0;
    close(set);
    return done;
}

/* ---- system calls ---------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && defined(AUDIT_ARCH_RISCV64)
#define OWN_ARCH AUDIT_ARCH_RISCV64
#endif

#ifndef OWN_ARCH
static bool confine_calls(const cvt_sandbox *s) {
    (void)s;
    return false;
}
#else

/* Calls that end the process: programs and processes, networks, other processes, the system; and the ways around. */
static const unsigned forbidden[] = {
    SYS_execve,
    SYS_execveat,
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_listen,
    SYS_accept,
    SYS_accept4,
    SYS_sendto,
    SYS_sendmsg,
    SYS_sendmmsg,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_tkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_unshare,
    SYS_setns,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_open_by_handle_at,
    SYS_mknodat,
    SYS_symlinkat,
    SYS_linkat,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_fchown,
    SYS_fchownat,
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setgroups,
    SYS_capset,
    SYS_personality,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    SYS_shmget,
    SYS_msgget,
    SYS_semget,
#ifdef SYS_io_uring_setup
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
#endif
#ifdef SYS_pidfd_open
    SYS_pidfd_open,
    SYS_pidfd_send_signal,
#endif
#ifdef SYS_pidfd_getfd
    SYS_pidfd_getfd,
#endif
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
    SYS_mknod,
    SYS_symlink,
    SYS_link,
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_creat,
#endif
};

/* Calls whose arguments lie in memory, where no filter sees them: as if the system were too old for them, and callers
 * then use the older ones. */
static const unsigned unknown[] = {
#ifdef SYS_clone3
    SYS_clone3,
#endif
#ifdef SYS_openat2
    SYS_openat2,
#endif
    SYS_seccomp, /* keeps the list below short; nothing here calls it again */
};

enum { MAX_CODE = 300 /* instructions */ };

typedef struct program {
    struct sock_filter code[MAX_CODE];
    unsigned short n;
} program;

static void add(program *p, unsigned code, uint32_t k, unsigned char yes, unsigned char no) {
    if (p->n < MAX_CODE) p->code[p->n++] = (struct sock_filter){(uint16_t)code, yes, no, k};
}

static void load(program *p, size_t offset) { add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0); }

static void answer(program *p, uint32_t action) { add(p, BPF_RET | BPF_K, action, 0, 0); }

/* The lower half of an argument, which comes first: all that counts of those that are looked at. */
static size_t argument(int i) { return offsetof(struct seccomp_data, args) + (size_t)i * 8; }

/* If the number of the call, which is loaded, is this one, the answer is `action`. */
static void refuse(program *p, unsigned number, uint32_t action) {
    add(p, BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
    answer(p, action);
}

/* Ends the process at the call `number` if its argument i compares with k in this way, or with `other` if it does
 * not. */
static void refuse_argument(program *p, unsigned number, int i, unsigned comparison, uint32_t k, bool other) {
    add(p, BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4);
    load(p, argument(i));
    add(p, BPF_JMP | comparison | BPF_K, k, other ? 1 : 0, other ? 0 : 1);
    answer(p, SECCOMP_RET_KILL_PROCESS);
    load(p, offsetof(struct seccomp_data, nr));
}

static int by_number(const void *a, const void *b) {
    const unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return x < y ? -1 : x > y;
}

/* If the call is a forbidden one the process ends. The system walks through the program for every number when it is
 * installed, so parts of the list that end below a number are passed over at once. */
static void refuse_all(program *p) {
    enum { ALL = sizeof forbidden / sizeof forbidden[0], PART = 12 };
    unsigned sorted[ALL];
    memcpy(sorted, forbidden, sizeof sorted);
    qsort(sorted, ALL, sizeof *sorted, by_number);
    for (int first = 0; first < ALL; first += PART) {
        const int n = ALL - first < PART ? ALL - first : PART;
        add(p, BPF_JMP | BPF_JGT | BPF_K, sorted[first + n - 1], (unsigned char)(n + 2), 0);
        for (int i = 0; i < n; i++) add(p, BPF_JMP | BPF_JEQ | BPF_K, sorted[first + i], (unsigned char)(n - i), 0);
        add(p, BPF_JMP | BPF_JA, 1, 0, 0);
        answer(p, SECCOMP_RET_KILL_PROCESS);
    }
}

static void write_program(program *p, const cvt_sandbox *s) {
    const uint32_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
    load(p, offsetof(struct seccomp_data, arch));
    add(p, BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCH, 1, 0);
    answer(p, SECCOMP_RET_KILL_PROCESS);
    load(p, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    add(p, BPF_JMP | BPF_JGE | BPF_K, 0x40000000U, 0, 1); /* x32, whose numbers are others */
    answer(p, SECCOMP_RET_KILL_PROCESS);
#endif
    if (!s->open_later) refuse_argument(p, SYS_openat, 2, BPF_JSET, writing, false);
#ifdef SYS_open
    if (!s->open_later) refuse_argument(p, SYS_open, 1, BPF_JSET, writing, false);
#endif
    refuse_argument(p, SYS_clone, 0, BPF_JSET, CLONE_THREAD, true); /* threads, no processes */
    refuse_argument(p, SYS_kill, 0, BPF_JEQ, (uint32_t)getpid(), true);
    refuse_argument(p, SYS_tgkill, 0, BPF_JEQ, (uint32_t)getpid(), true);
    refuse_argument(p, SYS_ioctl, 1, BPF_JEQ, TIOCSTI, false); /* types at the terminal in the user's name */
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) refuse(p, unknown[i], SECCOMP_RET_ERRNO | ENOSYS);
    refuse_all(p);
    answer(p, SECCOMP_RET_ALLOW);
}

static bool confine_calls(const cvt_sandbox *s) {
    program p = {.n = 0};
    write_program(&p, s);
    const struct sock_fprog filter = {.len = p.n, .filter = p.code};
    if (p.n == MAX_CODE) return false;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0;
}

#endif

int cvt_sandbox_enter(const cvt_sandbox *sandbox) {
    if (cvt_sandbox_obstacle() || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 0;
    const int files = confine_files(sandbox) ? CVT_SANDBOX_FILES : 0;
    return files | (confine_calls(sandbox) ? CVT_SANDBOX_CALLS : 0);
}

#endif
