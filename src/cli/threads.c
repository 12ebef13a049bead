/* threads.c - chooses the number of threads. Neither libgomp nor libomp reads the CPU quota of a cgroup. In a container
 * that may use half a processor of a large machine, one thread for each processor makes a program tens of times slower;
 * so the quota is read here. Sources: Linux Documentation/admin-guide/cgroup-v2.rst (cpu.max), scheduler/sched-bwc.rst
 * (cpu.cfs_quota_us). */
#define _GNU_SOURCE /* sched_getaffinity */
#include "cli/threads.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"

/* ---- what there is --------------------------------------------------------------------------------------------- */

/* Returns the processors that this process may use; where the system does not tell, or has more of them than a
 * cpu_set_t holds, those that are there. */
static int affinity(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 && online < INT_MAX ? (int)online : 1;
}

/* Reads the first line of a small file, without its newline; false if there is none. */
static bool read_line(const char *path, char *line, int capacity) {
    FILE *file = fopen(path, "r");
    if (!file) return false;
    bool read = fgets(line, capacity, file) != NULL;
    fclose(file);
    if (read) line[strcspn(line, "\n")] = 0;
    return read;
}

/* Returns the processors that `quota` microseconds in every `period` allow, rounded up; INT_MAX: no limit. */
static int processors(long long quota, long long period) {
    if (quota <= 0 || period <= 0) return INT_MAX;
    long long n = quota / period + (quota % period != 0);
    return n < INT_MAX ? (int)n : INT_MAX;
}

/* Reads the quota of one directory of the hierarchy, in version 2 of cgroups. */
static int quota_v2(const char *folder) {
    char path[PATH_MAX + 16], line[64];
    long long quota, period;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (!read_line(path, line, sizeof line) || sscanf(line, "%lld %lld", &quota, &period) != 2) return INT_MAX;
    return processors(quota, period);
}

static int quota_v1(const char *folder) {
    char path[PATH_MAX + 32], line[64];
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!read_line(path, line, sizeof line)) return INT_MAX;
    long long quota = atoll(line);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    return read_line(path, line, sizeof line) ? processors(quota, atoll(line)) : INT_MAX;
}

/* Returns the smallest quota from our group up to the mount point, since each level limits all levels below it. In a
 * container the path of the group may not exist below the mount point; the files at the mount point are then the
 * container's. */
static int lowest_quota(const char *mount, const char *group, int (*quota)(const char *folder)) {
    char folder[PATH_MAX];
    size_t root = strlen(mount);
    int n = snprintf(folder, sizeof folder, "%s%s", mount, group), lowest = INT_MAX;
    if (n < 0 || (size_t)n >= sizeof folder) folder[root < sizeof folder ? root : 0] = 0;
    for (;;) {
        lowest = cvt_min_int(lowest, quota(folder));
        char *slash = strrchr(folder, '/');
        if (strlen(folder) <= root || !slash) return lowest;
        *slash = 0;
    }
}

static bool has_word(const char *list, const char *word) {
    size_t n = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += n)
        if ((at == list || at[-1] == ',') && (!at[n] || at[n] == ',')) return true;
    return false;
}

/* Returns the quota of this process. `groups` is a file of lines "ID:CONTROLLERS:/GROUP"; that of version 2 is
 * "0::/GROUP". */
static int cgroup_quota(const char *groups, const char *mount) {
    char line[PATH_MAX], folder[PATH_MAX];
    int lowest = INT_MAX;
    FILE *file = fopen(groups, "r");
    if (!file) return INT_MAX;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *group++ = 0;
        controllers++;
        if (!*controllers) {
            lowest = cvt_min_int(lowest, lowest_quota(mount, group, quota_v2));
        } else if (has_word(controllers, "cpu")) {
            int n = snprintf(folder, sizeof folder, "%s/%s", mount, controllers);
            if (n > 0 && (size_t)n < sizeof folder) lowest = cvt_min_int(lowest, lowest_quota(folder, group, quota_v1));
        }
    }
    fclose(file);
    return lowest;
}

int cvt_threads_available(void) { return cvt_min_int(affinity(), cgroup_quota("/proc/self/cgroup", "/sys/fs/cgroup")); }

/* ---- what is wanted -------------------------------------------------------------------------------------------- */

/* Returns the number with which the text begins, or 0. OMP_NUM_THREADS may be a list, with a number for each nesting
 * level. */
static int leading_number(const char *text) {
    char *end;
    long value = strtol(text, &end, 10);
    bool ends = *end == 0 || *end == ',' || *end == ' ';
    return end != text && ends && value >= 1 && value <= CVT_MAX_THREADS ? (int)value : 0;
}

static cvt_status total(int *out, cvt_error *error) {
    const char *ours = getenv("CVT_THREADS"), *openmp = getenv("OMP_NUM_THREADS");
    *out = ours && *ours ? leading_number(ours) : 0;
    if (ours && *ours && !*out)
        return cvt_fail(error, CVT_USAGE, "CVT_THREADS: '%s' is not a whole number from 1 to %d", ours,
                        CVT_MAX_THREADS);
    if (!*out && openmp) *out = leading_number(openmp);
    if (!*out) *out = cvt_threads_available();
    return CVT_OK;
}

cvt_status cvt_threads_choose(const cvt_settings *settings, bool many, cvt_threads *out, cvt_error *error) {
    int n = 1;
    if (!settings->threads && !settings->jobs) TRY(total(&n, error));
    out->inside = settings->threads ? (int)settings->threads : settings->jobs || many ? 1 : n;
    out->jobs = settings->jobs ? (int)settings->jobs : settings->threads || !many ? 1 : n;
    return CVT_OK;
}

int cvt_threads_loading(const cvt_settings *settings) {
    cvt_threads threads;
    return cvt_threads_choose(settings, false, &threads, NULL) == CVT_OK ? cvt_max_int(threads.inside, threads.jobs)
                                                                         : 1; /* the command will say why */
}
