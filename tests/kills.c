/* kills.c - kills a run over a collection again and again, at random times, and has it go on, until it is whole; then
 * the records must be those of a clean run, each once. Then all begins anew, until there were so many kills. Usage:
 * kills N FILE WANTED COMMAND...: the command writes FILE, or FILE.partial until it is whole, and goes on with it;
 * WANTED holds the records of a clean run; a line {"cvt"... is no record.
 * Prints "ok kills: ..." or "not ok kills: why", and "total kills ..." */
#define _DEFAULT_SOURCE /* usleep, environ */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct lines {
    char *text, **line;
    size_t n;
} lines;

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The records of a file, sorted; the caller frees both. */
static bool read_lines(lines *l, const char *path) {
    FILE *file = fopen(path, "rb");
    *l = (lines){0};
    if (!file) return false;
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    rewind(file);
    l->text = malloc((size_t)size + 1);
    l->line = malloc(((size_t)size + 1) * sizeof *l->line);
    if (!l->text || !l->line || fread(l->text, 1, (size_t)size, file) != (size_t)size) abort();
    fclose(file);
    l->text[size] = 0;
    for (char *at = l->text, *end; (end = strchr(at, '\n')); at = end + 1) {
        *end = 0;
        if (strncmp(at, "{\"cvt\"", 6) != 0) l->line[l->n++] = at;
    }
    qsort(l->line, l->n, sizeof *l->line, compare);
    return true;
}

static bool same(const char *path, const lines *wanted) {
    lines got;
    bool is = read_lines(&got, path) && got.n == wanted->n;
    for (size_t i = 0; is && i < got.n; i++) is = strcmp(got.line[i], wanted->line[i]) == 0;
    free(got.text);
    free(got.line);
    return is;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Runs the command, and kills it after so many microseconds; 0: never. Returns its status as waitpid(2) tells it. */
static int run(char **command, useconds_t pause) {
    extern char **environ;
    posix_spawn_file_actions_t files;
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", 1, 0);
    if (posix_spawn(&pid, command[0], &files, NULL, command, environ) != 0) return -1;
    posix_spawn_file_actions_destroy(&files);
    if (pause) usleep(pause);
    if (pause) kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return status;
}

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    const long wanted_kills = atol(argv[1]);
    const char *file = argv[2];
    char partial[4096];
    lines wanted;
    long kills = 0, runs = 0, collections = 0;
    uint64_t seed = 1;
    if (!read_lines(&wanted, argv[3]) || wanted.n == 0) return 2;
    snprintf(partial, sizeof partial, "%s.partial", file);
    const double start = now();
    if (run(argv + 4, 0) != 0 || !same(file, &wanted)) {
        printf("not ok kills: the clean run has other records\n");
        return 1;
    }
    const double clean = now() - start;
    remove(file);
    for (bool last = false; !last;) {
        last = kills >= wanted_kills;
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        const double share = (double)(seed >> 33) / (double)(1U << 31);
        const int status = run(argv + 4, last ? 0 : (useconds_t)(1 + share * clean * 0.7e6));
        runs++;
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
            kills++;
            continue;
        }
        if (status != 0 || !same(file, &wanted) || access(partial, F_OK) == 0) {
            printf("not ok kills: after %ld kills, in collection %ld: status %d, %s\n", kills, collections, status,
                   status == 0 ? "other records" : "it does not end well");
            return 1;
        }
        collections++;
        remove(file);
    }
    printf("ok kills: %ld, and the records of %ld collections are those of a clean run\n", kills, collections);
    printf("total kills: kills %ld runs %ld collections %ld records %zu\n", kills, runs, collections, wanted.n);
    free(wanted.text);
    free(wanted.line);
    return 0;
}
