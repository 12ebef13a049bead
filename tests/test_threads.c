/* test_threads.c - tests how many threads are chosen, by made-up trees of cgroup files and by the variables that people
 * set. The expected numbers follow from the kernel's documents: quota / period processors, and each level limits all
 * below it. */
#include "cli/threads.c"

#include <sys/stat.h>

#include "test.h"

static char root[] = "/tmp/cvt-test-threads-XXXXXX";

/* Writes a file below root, making the directories on the way. */
static void put(const char *name, const char *text) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(path, 0777);
    }
    test_put_text(path, text);
}

static void expect_quota(const char *name, const char *groups, const char *mount, int expected) {
    char groups_path[PATH_MAX], mount_path[PATH_MAX];
    put("groups", groups);
    snprintf(groups_path, sizeof groups_path, "%s/groups", root);
    snprintf(mount_path, sizeof mount_path, "%s/%s", root, mount);
    int got = cgroup_quota(groups_path, mount_path);
    test_case(got == expected, name, "%d, expected %d", got, expected);
}

static void test_quotas(void) {
    put("v2/cpu.max", "max 100000\n");
    put("v2/user/cpu.max", "150000 100000\n");
    put("v2/user/job/cpu.max", "400000 100000\n");
    put("v2/free/cpu.max", "max 100000\n");
    put("v2/small/cpu.max", "1000 100000\n");
    expect_quota("threads v2 quota is rounded up", "0::/user\n", "v2", 2);
    expect_quota("threads v2 parent limits", "0::/user/job\n", "v2", 2);
    expect_quota("threads v2 max is no limit", "0::/free\n", "v2", INT_MAX);
    expect_quota("threads v2 less than one", "0::/small\n", "v2", 1);
    expect_quota("threads v2 root", "0::/\n", "v2", INT_MAX);
    expect_quota("threads v2 group that is not mounted", "0::/docker/0123/x\n", "v2/user", 2);
    put("v1/cpu,cpuacct/box/cpu.cfs_quota_us", "250000\n");
    put("v1/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
    put("v1/cpu,cpuacct/open/cpu.cfs_quota_us", "-1\n");
    put("v1/cpu,cpuacct/open/cpu.cfs_period_us", "100000\n");
    expect_quota("threads v1 quota", "4:memory:/box\n3:cpu,cpuacct:/box\n", "v1", 3);
    expect_quota("threads v1 no quota", "3:cpu,cpuacct:/open\n", "v1", INT_MAX);
    expect_quota("threads v1 other controllers", "3:cpuset:/box\n", "v1", INT_MAX);
    expect_quota("threads lines that are none", "junk\n::\n\n", "v2", INT_MAX);
    int none = cgroup_quota("/nonexistent", "/nonexistent");
    test_case(none == INT_MAX, "threads no cgroups", "%d", none);
}

typedef struct choice {
    const char *name, *ours, *openmp;
    int64_t threads, jobs;
    bool many;
    int inside, at_once; /* 0: an error is expected */
} choice;

static void set_variable(const char *name, const char *value) {
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static void test_choices(void) {
    static const choice choices[] = {
        {"threads one input", "6", "3", 0, 0, false, 6, 1},
        {"threads more inputs", "6", "3", 0, 0, true, 1, 6},
        {"threads OMP_NUM_THREADS", NULL, "3", 0, 0, false, 3, 1},
        {"threads OMP_NUM_THREADS list", NULL, "5,2", 0, 0, true, 1, 5},
        {"threads -t", "6", NULL, 2, 0, true, 2, 1},
        {"threads -j", "6", NULL, 0, 4, false, 1, 4},
        {"threads -t -j", "x", NULL, 2, 4, true, 2, 4},
        {"threads bad CVT_THREADS", "x", "3", 0, 0, false, 0, 0},
        {"threads zero CVT_THREADS", "0", "3", 0, 0, false, 0, 0},
        {"threads empty CVT_THREADS", "", "3", 0, 0, false, 3, 1},
    };
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        const choice *c = &choices[i];
        cvt_settings settings = {.threads = c->threads, .jobs = c->jobs};
        cvt_threads got = {0};
        cvt_error error;
        set_variable("CVT_THREADS", c->ours);
        set_variable("OMP_NUM_THREADS", c->openmp);
        cvt_status status = cvt_threads_choose(&settings, c->many, &got, &error);
        bool ok =
            c->inside ? status == CVT_OK && got.inside == c->inside && got.jobs == c->at_once : status == CVT_USAGE;
        test_case(ok, c->name, "status %d, %d inside, %d at once", status, got.inside, got.jobs);
    }
}

/* Tests that a process that may use one processor only finds one, whatever the machine has. */
static void test_affinity(void) {
    cpu_set_t before, one;
    sched_getaffinity(0, sizeof before, &before);
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &before)) {
            CPU_SET(i, &one);
            break;
        }
    sched_setaffinity(0, sizeof one, &one);
    int got = cvt_threads_available();
    sched_setaffinity(0, sizeof before, &before);
    test_case(got == 1, "threads affinity", "%d", got);
}

int main(void) {
    if (!mkdtemp(root)) return 1;
    test_quotas();
    test_choices();
    test_affinity();
    char command[sizeof root + 16];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command) == 0 ? test_end() : 1;
}
