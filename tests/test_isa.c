/* test_isa.c - tests which table of kernels a caller gets: by the CPU, by CVT_ISA, by its own choice; and that the
 * system is only asked for permission to use AMX tiles where a run needs them. */
#define _DEFAULT_SOURCE /* syscall */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__linux__) && defined(__x86_64__)
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#endif
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "test.h"

/* Does the system allow this process to use AMX tiles? Asks Linux on x86 with ARCH_GET_XCOMP_PERM,
 * XFEATURE_XTILEDATA. */
static bool tiles_permitted(void) {
#if defined(__linux__) && defined(SYS_arch_prctl)
    uint64_t features = 0;
    return syscall(SYS_arch_prctl, 0x1022, &features) == 0 && (features >> 18 & 1);
#else
    return false;
#endif
}

/* Tests that the permission for tiles is asked for where a run needs it, and not before. It runs before all tests that
 * ask. */
static void test_permission(void) {
    const cvt_kernels *best = NULL, *f32 = NULL, *int8 = NULL;
    unsetenv("CVT_ISA");
    if (cvt_kernels_find(&best, NULL, NULL) != CVT_OK) abort();
    f32 = cvt_kernels_for(best, CVT_PRECISION_F32);
    test_case(f32 == best && !tiles_permitted(), "a run in f32 asks for no permission", "%s of %s", f32->name,
              best->name);
    const bool needed = best->product[CVT_PRECISION_INT8]->tiles || best->attention[CVT_PRECISION_INT8]->tiles;
    int8 = cvt_kernels_for(best, CVT_PRECISION_INT8);
    const bool uses = int8->product[CVT_PRECISION_INT8]->tiles || int8->attention[CVT_PRECISION_INT8]->tiles;
    test_case(tiles_permitted() == uses && (needed || int8 == best), "a run in int8 asks for tiles where it uses them",
              "%s of %s", int8->name, best->name);
    bool same_layouts = int8->product[CVT_PRECISION_F32] == best->product[CVT_PRECISION_F32];
    for (int p = 0; p < CVT_PRECISION_COUNT; p++)
        same_layouts = same_layouts && !strcmp(int8->product[p]->layout, best->product[p]->layout);
    test_case(same_layouts, "the table of a run in int8 has the same kernels in f32", "%s of %s", int8->name,
              best->name);
}

#if defined(__linux__) && defined(__x86_64__) && defined(SYS_arch_prctl)
/* Makes arch_prctl fail in this process from here on, by a filter of system calls (seccomp(2)). */
static bool forbid_arch_prctl(void) {
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_arch_prctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x1023, 0, 1), /* ARCH_REQ_XCOMP_PERM */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof steps / sizeof *steps, steps};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Tests, in a child process whose system refuses tiles, that int8 falls back to a table of kernels without tiles that
 * has the same kernels in f32. Its panels are laid out in another way, and say so: a file of panels for tiles is
 * refused then. */
static void test_refusal(void) {
    const cvt_kernels *best = NULL;
    if (cvt_kernels_find(&best, NULL, NULL) != CVT_OK) abort();
    if (!best->product[CVT_PRECISION_INT8]->tiles) return;
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) abort();
    if (child == 0) {
        if (!forbid_arch_prctl()) _exit(2);
        const cvt_kernels *lower = cvt_kernels_for(best, CVT_PRECISION_INT8);
        bool good = lower != best && cvt_kernels_for(best, CVT_PRECISION_F32) == best;
        for (int p = 0; p < CVT_PRECISION_COUNT; p++) {
            const bool same_panels = lower->product[p]->pack_b == best->product[p]->pack_b;
            const bool same_layout = !strcmp(lower->product[p]->layout, best->product[p]->layout);
            good = good && !lower->product[p]->tiles && !lower->attention[p]->tiles && same_panels == same_layout;
        }
        _exit(good && lower->product[CVT_PRECISION_F32] == best->product[CVT_PRECISION_F32] ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        printf("skip without permission int8 runs without tiles: no filter of system calls here\n");
    else
        test_case(status == 0, "without permission int8 runs without tiles", "status %d", status);
}
#else
static void test_refusal(void) {}
#endif

static void *choose(void *out) { return cvt_kernels_find(out, NULL, NULL) == CVT_OK ? out : NULL; }

/* Tests the first calls of the process: all threads find the CPU not probed yet. */
static void test_threads(void) {
    const cvt_kernels *best = NULL, *chosen[4] = {NULL};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, choose, &chosen[i])) abort();
    bool agreed = cvt_kernels_find(&best, NULL, NULL) == CVT_OK;
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        agreed = agreed && chosen[i] == best;
    }
    test_case(agreed, "four threads get the best table at once", "one got another");
}

static void test_dispatch(void) {
    const cvt_kernels *kernels = NULL, *best = NULL, *chosen = NULL;
    cvt_error error;
    bool forced = true;
    char runs[256] = "this machine runs";
    for (int i = 0; (kernels = cvt_kernels_at(i)); i++) {
        snprintf(runs + strlen(runs), sizeof runs - strlen(runs), "%s %s", i ? "," : "", kernels->name);
        setenv("CVT_ISA", kernels->name, 1);
        forced = forced && cvt_kernels_find(&best, NULL, &error) == CVT_OK && best == kernels;
        forced = forced && cvt_kernels_find(&best, "", &error) == CVT_OK && best == kernels;
        best = kernels;
    }
    test_case(forced, "CVT_ISA forces each table", "another came");
    setenv("CVT_ISA", "ref", 1);
    for (int i = 0; (kernels = cvt_kernels_at(i)); i++)
        forced = forced && cvt_kernels_find(&chosen, kernels->name, &error) == CVT_OK && chosen == kernels;
    test_case(forced, "the caller's word goes before CVT_ISA", "another came");
    chosen = NULL;
    const bool spurned = cvt_kernels_find(&chosen, "z80", &error) == CVT_USAGE && !chosen;
    test_case(spurned && strstr(error.message, "isa=z80"), "a caller's word that names none is refused", "%s",
              error.message);
    setenv("CVT_ISA", "z80", 1);
    const bool refused = cvt_kernels_find(&kernels, NULL, &error) == CVT_USAGE && error.status == CVT_USAGE;
    test_case(refused && strstr(error.message, "z80") && strstr(error.message, runs),
              "an unknown CVT_ISA lists what runs here", "%s", error.message);
    unsetenv("CVT_ISA");
}

static void test_names(void) {
    bool found = cvt_act_find("gelu") == CVT_ACT_COUNT && cvt_act_find("gelu_erf") == CVT_ACT_GELU_ERF;
    for (cvt_act act = CVT_ACT_NONE; act < CVT_ACT_COUNT; act++)
        found = found && cvt_act_find(cvt_act_name(act)) == act;
    test_case(found && !strcmp(cvt_act_torch(CVT_ACT_SILU), "SiLU"), "activations have names",
              "one is not found by its name");
}

int main(void) {
    unsetenv("CVT_ISA");
    test_threads();
    test_refusal();
    test_permission();
    test_dispatch();
    test_names();
    return test_end();
}
