/* faults_run.c - runs a command as often as it makes calls that can fail, each time with another one failing
 * (faults.c), and judges what it does.
 *
 * A run is right where it ends by itself, in time, with a status of the contract: 1 to 4, and 4 where writing failed;
 * or where the fault made no difference at all to what is written and to the status. Standard error then has at most
 * three lines, all of them cvt's. What was written is the beginning of what is written without faults, or else, with
 * -r, its records, of which some may be records of inputs that failed, and with -l its lines, of which some may be
 * missing; with -x it may be anything with status 1 (results that are taken from all inputs), with -k anything with
 * status 0 and a line. Each file in the folder of outputs is as before, or as without faults, or as above, and there is
 * no other. No more blocks of memory are left than without faults. Where the call was made by a library that then ends
 * the program itself, this is told as "skip": cvt cannot mend it.
 *
 * Usage: faults_run [-rlxk] [-s SAMPLES] [-m short] [-d FOLDER] [-i STDIN] [-v] [-n N] LIBRARY PAGE NAME COMMAND...
 * With -s it tries so many calls, spread over all, in place of all; with -m short it does one run with short reads and
 * writes. What is in the folder of -d is put back before each run. -v tells of each run; -n tries that call alone.
 * Prints "ok NAME: ..." or "not ok NAME: ..." for each call that is judged wrong, and "total ..." */
#define _GNU_SOURCE /* memfd_create, environ */
#include "faults.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 60, MOST_FILES = 256, MOST_WRONG = 10, MOST_SAID = 64 };

typedef struct bytes {
    char *data;
    size_t n;
} bytes;

/* The files of a folder. */
typedef struct folder {
    int n;
    char *name[MOST_FILES];
    bytes content[MOST_FILES];
} folder;

/* What a run has left. */
typedef struct outcome {
    int status; /* -1: a signal */
    int signal;
    bytes out, err;
    folder files;
    int64_t blocks;
} outcome;

typedef struct task {
    bool records, lines, fewer, degrades, verbose;
    const char *name, *directory, *input, *library;
    char **command;
    faults_page *page;
    int out, err; /* what standard output and standard error go to */
} task;

static void give_up(const char *what) {
    printf("not ok %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- bytes and files -------------------------------------------------------------------------------------------- */

static bytes read_all(int fd) {
    struct stat info;
    if (fstat(fd, &info) != 0 || lseek(fd, 0, SEEK_SET) != 0) give_up("reading");
    bytes b = {malloc((size_t)info.st_size + 1), (size_t)info.st_size};
    if (!b.data || read(fd, b.data, b.n) != (ssize_t)b.n) give_up("reading");
    b.data[b.n] = 0;
    return b;
}

static bool same(bytes a, bytes b) { return a.n == b.n && memcmp(a.data, b.data, a.n) == 0; }

static folder read_folder(const char *path) {
    folder f = {0};
    DIR *directory = path ? opendir(path) : NULL;
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        const int fd = openat(dirfd(directory), entry->d_name, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || f.n == MOST_FILES) give_up(entry->d_name);
        f.name[f.n] = strdup(entry->d_name);
        f.content[f.n++] = read_all(fd);
        close(fd);
    }
    if (directory) closedir(directory);
    return f;
}

static void free_folder(folder *f) {
    for (int i = 0; i < f->n; i++) {
        free(f->name[i]);
        free(f->content[i].data);
    }
    f->n = 0;
}

static const bytes *find(const folder *f, const char *name) {
    for (int i = 0; i < f->n; i++)
        if (strcmp(f->name[i], name) == 0) return &f->content[i];
    return NULL;
}

static bool same_folder(const folder *a, const folder *b) {
    bool is = a->n == b->n;
    for (int i = 0; is && i < a->n; i++) {
        const bytes *other = find(b, a->name[i]);
        is = other && same(a->content[i], *other);
    }
    return is;
}

/* Makes the folder as it was at first. */
static void restore(const task *t, const folder *first) {
    if (!t->directory) return;
    folder now = read_folder(t->directory);
    const int at = open(t->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < now.n; i++) {
        const bytes *old = find(first, now.name[i]);
        if (!old || !same(*old, now.content[i])) unlinkat(at, now.name[i], 0);
    }
    for (int i = 0; i < first->n; i++) {
        const bytes *there = find(&now, first->name[i]);
        if (there && same(*there, first->content[i])) continue;
        const int fd = openat(at, first->name[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (fd < 0 || write(fd, first->content[i].data, first->content[i].n) != (ssize_t)first->content[i].n)
            give_up(first->name[i]);
        close(fd);
    }
    close(at);
    free_folder(&now);
}

/* Makes all durations, "in 0.3 s", the same one. */
static void hide_seconds(bytes *text) {
    char *to = text->data;
    for (const char *at = text->data; at < text->data + text->n;) {
        const size_t n = strncmp(at, "in ", 3) == 0 ? strspn(at + 3, "0123456789.") : 0;
        const bool is = n > 0 && strncmp(at + 3 + n, " s", 2) == 0;
        const size_t copied = is ? 3 : 1;
        memmove(to, at, copied);
        to += copied;
        at += copied + (is ? n : 0);
    }
    text->n = (size_t)(to - text->data);
    *to = 0;
}

/* ---- a run ------------------------------------------------------------------------------------------------------ */

static volatile pid_t running;

static void kill_it(int number) {
    (void)number;
    if (running > 0) kill(running, SIGKILL);
}

static outcome run(const task *t, faults_mode mode, int64_t at) {
    posix_spawn_file_actions_t files;
    outcome o = {.status = -1};
    pid_t pid;
    int status;
    memset(t->page, 0, sizeof *t->page);
    t->page->mode = mode;
    t->page->at = at;
    if (ftruncate(t->out, 0) || ftruncate(t->err, 0)) give_up("emptying");
    lseek(t->out, 0, SEEK_SET), lseek(t->err, 0, SEEK_SET);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, t->input ? t->input : "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, t->out, 1);
    posix_spawn_file_actions_adddup2(&files, t->err, 2);
    setenv("LD_PRELOAD", t->library, 1);
    if (posix_spawn(&pid, t->command[0], &files, NULL, t->command, environ) != 0) give_up(t->command[0]);
    unsetenv("LD_PRELOAD");
    posix_spawn_file_actions_destroy(&files);
    running = pid;
    alarm(SECONDS);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) give_up("waiting");
    alarm(0);
    running = 0;
    if (WIFEXITED(status)) o.status = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) o.signal = WTERMSIG(status);
    o.out = read_all(t->out);
    o.err = read_all(t->err);
    hide_seconds(&o.out);
    o.files = read_folder(t->directory);
    o.blocks = t->page->blocks;
    return o;
}

static void free_outcome(outcome *o) {
    free(o->out.data);
    free(o->err.data);
    free_folder(&o->files);
}

/* ---- judging ---------------------------------------------------------------------------------------------------- */

/* The record's path, with its quotes: what stands before its "ok"; n is the length of the line. */
static size_t path_of(const char *line, size_t n) {
    const char *at = memmem(line, n, ",\"ok\":", 6);
    return at ? (size_t)(at - line) : n;
}

/* Is the record one of a failure: of the same input as `right`, or of a directory or an archive that `right` lies in?
 */
static bool is_failure(const char *line, size_t n, const char *right) {
    static const char named[] = "{\"path\":", entry[] = "{\"tar\":";
    const size_t path = path_of(line, n), shared = path > 0 ? path - 1 : 0; /* but for the last quote */
    if (n < path + 11 || memcmp(line + path, ",\"ok\":false", 11) != 0) return false;
    const bool archive = strncmp(line, named, sizeof named - 1) == 0 && strncmp(right, entry, sizeof entry - 1) == 0;
    if (!archive) return strncmp(line, right, shared) == 0;
    return strncmp(line + sizeof named - 1, right + sizeof entry - 1, path - (sizeof named - 1)) == 0;
}

/* Is it a record of a failed directory or archive in which the other record's input lies? */
static bool is_below(const char *line, const char *right) {
    return line && is_failure(line, strcspn(line, "\n"), right);
}

/* Are the lines those that are right, in their order, but that some are missing (-l), or are records of failures (-r)?
 * The last one may be torn. */
static bool are_lines(const task *t, bytes text, bytes right) {
    const char *b = right.data, *failed = NULL, *last = NULL; /* failed: the last record */
    for (const char *a = text.data; *a;) {
        const size_t n = strcspn(a, "\n");
        if (a[n] != '\n') return true;
        /* beside the others: a failure of which no memory was left to say where, or at the end of an archive */
        bool found = t->records && memmem(a, n, "\"path\":\"\",\"ok\":false", 20);
        while (*b && !found) {
            const size_t m = strcspn(b, "\n");
            found = (n == m && memcmp(a, b, n) == 0) || (t->records && is_failure(a, n, b));
            if (!found && !t->lines && !is_below(failed, b)) break;
            last = b;
            b += m + (b[m] == '\n');
        }
        found = found || (t->records && last && is_failure(a, n, last));
        if (!found) return false;
        if (t->records) failed = a;
        a += n + 1;
    }
    return true;
}

/* Is the text the beginning of what is right, or its lines? */
static bool begins(const task *t, bytes text, bytes right) {
    if (t->records || t->lines) return are_lines(t, text, right);
    return text.n <= right.n && memcmp(text.data, right.data, text.n) == 0;
}

static const char *judge_files(const task *t, const outcome *o, const folder *first, const outcome *clean) {
    static char why[200];
    for (int i = 0; i < o->files.n; i++) {
        char name[100];
        snprintf(name, sizeof name, "%s", o->files.name[i]);
        const size_t n = strlen(name);
        bool partial = false;
        partial = (t->records || t->fewer) && n > 8 && strcmp(name + n - 8, ".partial") == 0;
        if (partial) name[n - 8] = 0;
        const bytes *old = find(first, name), *right = find(&clean->files, name), got = o->files.content[i];
        if ((old && same(*old, got)) || (right && same(*right, got)) ||
            (right && (t->records || (partial && got.n)) && begins(t, got, *right)) ||
            (right && t->fewer && o->status == 1))
            continue;
        snprintf(why, sizeof why, old || right ? "the output %.100s is neither old nor new" : "%.100s is left", name);
        return why;
    }
    for (int i = 0; i < first->n; i++)
        if (!find(&o->files, first->name[i])) return "the old output is gone";
    return NULL;
}

/* Why is the run wrong? NULL: it is right. */
static const char *judge(const task *t, const outcome *o, const folder *first, const outcome *clean, bool *swallowed) {
    static char why[200];
    int lines = 0;
    *swallowed = o->status == clean->status && same(o->out, clean->out) && same_folder(&o->files, &clean->files);
    if (o->signal == SIGKILL) return "it does not end";
    if (o->signal) {
        snprintf(why, sizeof why, "signal %d", o->signal);
        return why;
    }
    for (const char *at = o->err.data; *at; lines++) {
        const size_t n = strcspn(at, "\n");
        if (strncmp(at, "cvt: ", 5) != 0 || n < 10) return "a line of standard error that is not cvt's";
        at += n + (at[n] == '\n');
    }
    /* what a library holds when it leaves by an exception cannot be freed: see heif.c */
    if (o->blocks > clean->blocks && !strstr(o->err.data, "libheif gave up")) {
        snprintf(why, sizeof why, "%lld blocks leak", (long long)(o->blocks - clean->blocks));
        return why;
    }
    if (*swallowed) return NULL;
    if (t->degrades && o->status == 0 && lines > 0) return NULL;
    if (o->status == clean->status && o->status == 0) return "status 0 and another result";
    if (o->status < 1 || o->status > 4) return "a status that is not of the contract";
    if (t->page->writes && o->status != 4) return "writing failed, but the status is not 4";
    if (lines < 1 || lines > 3) return "not one line of standard error";
    if (!(t->fewer && o->status == 1) && !begins(t, o->out, clean->out))
        return "standard output has what is not the result";
    return judge_files(t, o, first, clean);
}

/* ---- all runs --------------------------------------------------------------------------------------------------- */

static void tell(const task *t, int64_t n, const outcome *o, const char *why) {
    printf("not ok %s: call %lld, %s: %s; status %d, \"%.*s\"; at", t->name, (long long)n, t->page->name, why,
           o->status, (int)strcspn(o->err.data, "\n"), o->err.data);
    for (int i = 2; i < t->page->depth && i < 12; i++)
        printf(" %llx", (unsigned long long)(t->page->frame[i] - t->page->base));
    printf("\n");
}

/* Judges a run in which reads and writes are short and interrupted. */
static int run_short(const task *t, const folder *first, const outcome *clean) {
    outcome o = run(t, FAULTS_SHORT, 0);
    const bool right = o.status == clean->status && same(o.out, clean->out) && same_folder(&o.files, &clean->files) &&
                       same(o.err, clean->err);
    printf("%s %s: short and interrupted reads and writes", right ? "ok" : "not ok", t->name);
    if (right)
        printf("\n");
    else
        printf(": status %d, %s\n", o.status, o.err.data);
    free_outcome(&o);
    restore(t, first);
    return right ? 0 : 1;
}

/* Is there a line that is not the program's? */
static bool has_other_line(const char *text) {
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
        if (strncmp(text, "cvt: ", 5) != 0) return true;
    return false;
}

/* Was it another library that did not bear its own call's failure? */
static bool is_foreign(const task *t, const outcome *o, const char *why) {
    static const char *const libraries[] = {"libarchive.", "libheif.", "libwebp.", "libaom.", "libde265.",
                                            "libdav1d.",   "libgomp.", "libomp.",  "ld-linux"};
    bool known = false;
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        known = known || strncmp(t->page->caller, libraries[i], strlen(libraries[i])) == 0;
    return known && (o->signal || has_other_line(o->err.data) || strstr(why, "blocks leak"));
}

static int run_all(const task *t, const folder *first, const outcome *clean, int64_t samples, int64_t only) {
    const int64_t calls = t->page->calls;
    int64_t tried = 0, swallowed = 0, wrong = 0, foreign = 0, by_status[5] = {0};
    const int64_t n_samples = samples && samples < calls ? samples : calls;
    for (int64_t k = 0; k < n_samples; k++) {
        const int64_t from = calls * k / n_samples, to = calls * (k + 1) / n_samples;
        const int64_t n = only ? only : from + 1 + (to > from ? (k + 1) * 7919 % (to - from) : 0);
        bool same_result;
        outcome o = run(t, FAULTS_ONCE, n);
        const char *why = judge(t, &o, first, clean, &same_result);
        if (t->verbose)
            printf("run %s: call %lld, %s: status %d%s: %.*s\n", t->name, (long long)n, t->page->name, o.status,
                   same_result ? ", no difference" : "", (int)strcspn(o.err.data, "\n"), o.err.data);
        const bool theirs = why && is_foreign(t, &o, why);
        if (theirs && !foreign)
            printf("skip %s: call %lld, %s, made by %s, ends the program: %s\n", t->name, (long long)n, t->page->name,
                   t->page->caller, why);
        if (why && !theirs && wrong < MOST_WRONG) tell(t, n, &o, why);
        foreign += theirs;
        wrong += why && !theirs;
        tried++;
        swallowed += !why && same_result;
        if (!why && !same_result) by_status[o.status]++;
        free_outcome(&o);
        restore(t, first);
        if (only) break;
    }
    if (!wrong)
        printf("ok %s: %lld of %lld calls failed once: %lld made no difference, %lld were refused\n", t->name,
               (long long)tried, (long long)calls, (long long)swallowed, (long long)(tried - swallowed));
    printf("total %s: calls %lld tried %lld swallowed %lld status1 %lld status2 %lld status3 %lld status4 %lld foreign "
           "%lld wrong "
           "%lld\n",
           t->name, (long long)calls, (long long)tried, (long long)swallowed, (long long)by_status[1],
           (long long)by_status[2], (long long)by_status[3], (long long)by_status[4], (long long)foreign,
           (long long)wrong);
    return wrong > 0;
}

int main(int argc, char **argv) {
    task t = {0};
    int64_t samples = 0, only = 0;
    bool brief = false;
    for (int c; (c = getopt(argc, argv, "+rlxkvm:s:d:i:n:")) > 0;) {
        if (c == 'r') t.records = true;
        if (c == 'l') t.lines = true;
        if (c == 'x') t.fewer = true;
        if (c == 'k') t.degrades = true;
        if (c == 'v') t.verbose = true;
        if (c == 'm') brief = strcmp(optarg, "short") == 0;
        if (c == 's') samples = atoll(optarg);
        if (c == 'n') only = atoll(optarg);
        if (c == 'd') t.directory = optarg;
        if (c == 'i') t.input = optarg;
    }
    if (argc - optind < 4) return 2;
    t.library = argv[optind];
    t.name = argv[optind + 2];
    t.command = argv + optind + 3;
    setvbuf(stdout, NULL, _IOLBF, 0);
    const int fd = open(argv[optind + 1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *t.page)) give_up(argv[optind + 1]);
    t.page = mmap(NULL, sizeof *t.page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (t.page == MAP_FAILED) give_up("mapping");
    setenv("FAULTS_PAGE", argv[optind + 1], 1);
    t.out = memfd_create("out", MFD_CLOEXEC);
    t.err = memfd_create("err", MFD_CLOEXEC);
    if (t.out < 0 || t.err < 0) give_up("memfd_create");
    signal(SIGALRM, kill_it);

    folder first = read_folder(t.directory);
    outcome clean = run(&t, FAULTS_COUNT, 0);
    const int64_t calls = t.page->calls;
    restore(&t, &first);
    if (clean.status != 0 || calls == 0) {
        printf("not ok %s: without faults: status %d, %lld calls, %s\n", t.name, clean.status, (long long)calls,
               clean.err.data);
        return 1;
    }
    if (t.verbose)
        printf("run %s: %lld calls, %lld blocks are left\n", t.name, (long long)calls, (long long)clean.blocks);
    t.page->calls = calls;
    const int failed = brief ? run_short(&t, &first, &clean) : run_all(&t, &first, &clean, samples, only);
    free_outcome(&clean);
    free_folder(&first);
    return failed;
}
