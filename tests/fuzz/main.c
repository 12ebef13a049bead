/* main.c - the targets without libFuzzer. It replays files, which is also how AFL++ calls it, and makes mutated inputs
 * of its own from a seed, without looking at coverage: enough for every run of the tests to try some thousands.
 *   fuzz list                      a line for each target: its name, its dictionary, the most bytes of an input, its
 *                                  sources
 *   fuzz replay NAME FILE...       runs a target on files, and on the files of folders
 *   fuzz check INPUTS SEED [NAME...]
 *                                  for each target its seeds and cases, then so many mutated inputs, which are the
 *                                  same for a seed on every machine; prints ok and not ok
 * Seeds, cases and dictionaries lie below the folder that CVT_FUZZ names, else below tests/fuzz. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

enum { LONGEST = 1 << 16, POOL = 512, KEPT = 64, SECONDS_OF_ONE = 20 };

typedef struct input {
    uint8_t *bytes;
    size_t size;
} input;

/* What the process that runs a target shares with the one that watches it: the input in hand. */
typedef struct shared {
    unsigned long files, mutated;
    size_t size;
    uint8_t bytes[LONGEST];
} shared;

static const char *folder(void) { return getenv("CVT_FUZZ") ? getenv("CVT_FUZZ") : "tests/fuzz"; }

static void *need(void *memory) {
    if (!memory) {
        fputs("fuzz: no memory\n", stderr);
        exit(1);
    }
    return memory;
}

/* Runs a copy, which ends where its memory ends. */
static void run(const fuzz_target *target, const uint8_t *bytes, size_t size) {
    uint8_t *copy = need(malloc(size ? size : 1));
    if (size) memcpy(copy, bytes, size);
    target->run(copy, size);
    free(copy);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static bool read_file(const char *path, input *to) {
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    to->bytes = need(malloc(LONGEST));
    to->size = fread(to->bytes, 1, LONGEST, f);
    fclose(f);
    return true;
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Calls `take` for the file at the path, or for each file of a folder, in the order of their names. A path where
 * nothing is has none. */
static void each_file(const char *path, void (*take)(void *context, const char *file), void *context) {
    DIR *d = opendir(path);
    char *names[1024];
    size_t n = 0;
    if (!d) {
        if (access(path, R_OK) == 0) take(context, path);
        return;
    }
    for (struct dirent *item; n < sizeof names / sizeof names[0] && (item = readdir(d));)
        if (item->d_name[0] != '.') names[n++] = need(strdup(item->d_name));
    closedir(d);
    qsort(names, n, sizeof *names, compare);
    for (size_t i = 0; i < n; i++) {
        char file[1024];
        snprintf(file, sizeof file, "%s/%s", path, names[i]);
        take(context, file);
        free(names[i]);
    }
}

static void replay_file(void *context, const char *file) {
    input in;
    if (!read_file(file, &in)) return;
    run(context, in.bytes, in.size);
    free(in.bytes);
}

/* ---- a target, in a process of its own -------------------------------------------------------------------------- */

typedef struct trial {
    const fuzz_target *target;
    shared *now;
    input pool[POOL];
    size_t n, n_files; /* n_files of them are files, the others mutated before */
} trial;

static void run_one(trial *t, const uint8_t *bytes, size_t size) {
    t->now->size = size;
    if (size) memcpy(t->now->bytes, bytes, size);
    alarm(SECONDS_OF_ONE);
    run(t->target, bytes, size);
    alarm(0);
}

static void add_file(void *context, const char *file) {
    trial *t = context;
    if (t->n == POOL - KEPT || !read_file(file, &t->pool[t->n])) return;
    const input *in = &t->pool[t->n++];
    run_one(t, in->bytes, in->size);
    t->now->files++;
}

/* Now and then a mutated input is kept, so that changes add up. */
static void keep(trial *t, const uint8_t *bytes, size_t size, fuzz_random *random) {
    size_t place = t->n < t->n_files + KEPT ? t->n++ : t->n_files + fuzz_below(random, KEPT);
    free(t->pool[place].bytes);
    t->pool[place] = (input){need(malloc(size ? size : 1)), size};
    if (size) memcpy(t->pool[place].bytes, bytes, size);
}

static void mutate(trial *t, unsigned long inputs, uint64_t seed) {
    static uint8_t bytes[LONGEST];
    fuzz_random random = {seed * 0x9e3779b97f4a7c15u + 1};
    const size_t most = t->target->longest < LONGEST ? t->target->longest : LONGEST;
    t->n_files = t->n;
    while (t->n && t->now->mutated < inputs) {
        const input *from = &t->pool[fuzz_below(&random, t->n)];
        size_t size = from->size < most ? from->size : most;
        if (size) memcpy(bytes, from->bytes, size);
        for (size_t n = 1 + fuzz_below(&random, 3); n; n--) size = t->target->mutate(bytes, size, most, &random);
        run_one(t, bytes, size);
        t->now->mutated++;
        if (fuzz_below(&random, 8) == 0) keep(t, bytes, size, &random);
    }
}

static int try_target(const fuzz_target *target, shared *now, unsigned long inputs, uint64_t seed) {
    static trial t;
    char path[1024];
    t = (trial){.target = target, .now = now};
    snprintf(path, sizeof path, "%s/dict/%s.dict", folder(), target->words);
    fuzz_read_words(path);
    snprintf(path, sizeof path, "%s/seeds/%s", folder(), target->name);
    each_file(path, add_file, &t);
    snprintf(path, sizeof path, "%s/cases/%s", folder(), target->name);
    each_file(path, add_file, &t);
    mutate(&t, inputs, seed);
    for (size_t i = 0; i < t.n; i++) free(t.pool[i].bytes);
    fuzz_read_words("");
    return 0;
}

/* ---- the watching process --------------------------------------------------------------------------------------- */

static const char *save(const char *program, const fuzz_target *target, const shared *now) {
    static char path[1024];
    snprintf(path, sizeof path, "%s-failed-%s", program, target->name);
    FILE *f = fopen(path, "wb");
    if (!f) return "not saved";
    fwrite(now->bytes, 1, now->size, f);
    return fclose(f) == 0 ? path : "not saved";
}

static bool check(const char *program, const fuzz_target *target, unsigned long inputs, uint64_t seed) {
    int status;
    shared *now = mmap(NULL, sizeof *now, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (now == MAP_FAILED) return printf("not ok %s: no memory\n", target->name), false;
    fuzz_file("begin", "", 0); /* this process removes the folder, however the other one ends */
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) exit(try_target(target, now, inputs, seed));
    if (child < 0 || waitpid(child, &status, 0) != child) return printf("not ok %s: no process\n", target->name), false;
    const bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0 && now->files;
    if (ok)
        printf("ok %s: %lu files, %lu mutated inputs\n", target->name, now->files, now->mutated);
    else if (!now->files && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        printf("not ok %s: it has no seeds\n", target->name);
    else
        printf("not ok %s: %s %d after %lu files and %lu mutated inputs of seed %llu; the last input: %s\n",
               target->name, WIFSIGNALED(status) ? "signal" : "status",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), now->files, now->mutated,
               (unsigned long long)seed, save(program, target, now));
    munmap(now, sizeof *now);
    return ok;
}

int main(int argc, char **argv) {
    bool ok = true;
    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        for (const fuzz_target *t = fuzz_targets; t->name; t++)
            printf("%s %s %zu %s\n", t->name, t->words, t->longest, t->sources);
        return 0;
    }
    if (argc >= 4 && strcmp(argv[1], "replay") == 0 && fuzz_find(argv[2])) {
        const fuzz_target *target = fuzz_find(argv[2]);
        for (int i = 3; i < argc; i++) each_file(argv[i], replay_file, (void *)(uintptr_t)target);
        return 0;
    }
    if (argc >= 4 && strcmp(argv[1], "check") == 0) {
        for (const fuzz_target *t = fuzz_targets; t->name; t++) {
            bool wanted = argc == 4;
            for (int i = 4; i < argc; i++) wanted = wanted || strcmp(argv[i], t->name) == 0;
            if (wanted) ok = check(argv[0], t, strtoul(argv[2], NULL, 10), strtoull(argv[3], NULL, 10)) && ok;
        }
        return ok ? 0 : 1;
    }
    fputs("usage: fuzz list | fuzz replay NAME FILE... | fuzz check INPUTS SEED [NAME...]\n", stderr);
    return 2;
}
