/* dispatch.c - which tables of kernels this machine runs, and which of them a caller gets.
 *
 * The CPU is asked once in a process, at the first call: the instructions behind such a question (cpuid) take some 20
 * microseconds each in a virtual machine. The list of tables is constant from then on.
 *
 * Source for tiles: Linux, Documentation/arch/x86/xstate.rst. */
#define _DEFAULT_SOURCE /* syscall */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "base/str.h"
#include "kernels/kernels.h"

#define X(isa, runs) extern const cvt_kernels cvt_kernels_##isa;
#include "kernels/isa.def"
#undef X

/* ---- the CPU --------------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
/* What not every compiler's __builtin_cpu_supports knows by name: registers of the leaves 1, 7.0 and 7.1 of cpuid. */
static struct { unsigned ecx1, edx70, eax71; } leaves;

static void ask_cpu(void) {
    unsigned eax, ebx, ecx, edx;
    const unsigned last = (unsigned)__get_cpuid_max(0, NULL);
    if (last < 7) return;
    __cpuid(1, eax, ebx, leaves.ecx1, edx);
    __cpuid_count(7, 0, eax, ebx, ecx, leaves.edx70);
    if (eax >= 1) __cpuid_count(7, 1, leaves.eax71, ebx, ecx, edx);
}

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && leaves.ecx1 & bit_F16C;
}

static bool has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}

static bool has_avxvnni(void) { return leaves.eax71 >> 4 & 1; }
static bool has_bf16(void) { return leaves.eax71 >> 5 & 1; }
static bool has_fp16(void) { return leaves.edx70 >> 23 & 1; }

#if defined(__linux__) && defined(SYS_arch_prctl)
enum { TILE_DATA = 18, GET_SUPPORTED = 0x1021, REQUEST = 0x1023 }; /* ARCH_GET_XCOMP_SUPP, ARCH_REQ_XCOMP_PERM */

/* Can the system save the tiles of a thread? This only asks which processes might be permitted to use them. */
static bool system_has_tiles(void) {
    uint64_t supported = 0;
    return syscall(SYS_arch_prctl, GET_SUPPORTED, &supported) == 0 && (supported >> TILE_DATA & 1);
}

static bool request_tiles(void) { return syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0; }
#else
static bool system_has_tiles(void) { return false; }
static bool request_tiles(void) { return false; }
#endif

/* Tiles with products of int8 and of bfloat16. */
static bool has_amx(void) {
    const unsigned tiles = 1u << 24 | 1u << 25 | 1u << 22;
    return (leaves.edx70 & tiles) == tiles && system_has_tiles();
}
#else
static void ask_cpu(void) {}
static bool request_tiles(void) { return false; }
#endif

#if defined(__aarch64__)
enum { ARM_HALF = 1 << 10, ARM_DOT = 1 << 20, ARM_BF16 = 1 << 14 }; /* HWCAP_ASIMDHP, HWCAP_ASIMDDP, HWCAP2_BF16 */

static bool has_arm(unsigned long bits) {
#if defined(__linux__)
    return (getauxval(AT_HWCAP) & bits) == bits;
#else
    return bits == 0;
#endif
}

static bool has_arm_bf16(void) {
#if defined(__linux__)
    return getauxval(AT_HWCAP2) & ARM_BF16;
#else
    return false;
#endif
}
#endif

/* ---- the tables that this machine runs ------------------------------------------------------------------------- */

enum {
#define X(isa, runs) INDEX_##isa,
#include "kernels/isa.def"
#undef X
    TABLES
};

static const cvt_kernels *runnable[TABLES + 1]; /* lowest first; NULL ends them */
static pthread_once_t probed = PTHREAD_ONCE_INIT;

static void probe(void) {
    int n = 0;
    ask_cpu();
#define X(isa, runs) \
    if (runs) runnable[n++] = &cvt_kernels_##isa;
#include "kernels/isa.def"
#undef X
}

static const cvt_kernels *const *tables(void) {
    pthread_once(&probed, probe);
    return runnable;
}

/* `isa` is the caller's word, or NULL where `name` is that of the environment. */
static cvt_status refuse(const char *isa, const char *name, cvt_error *error) {
    cvt_str list = {0};
    const cvt_kernels *const *all = tables();
    for (int i = 0; all[i]; i++) cvt_str_print(&list, "%s%s", i ? ", " : "", all[i]->name);
    cvt_status status = cvt_fail_memory(error);
    if (!list.failed)
        status = cvt_fail(error, CVT_USAGE, "%s=%s cannot run here: this machine runs %s", isa ? "isa" : "CVT_ISA",
                          name, list.data);
    cvt_str_free(&list);
    return status;
}

cvt_status cvt_kernels_find(const cvt_kernels **out, const char *isa, cvt_error *error) {
    const cvt_kernels *const *all = tables(), *best = NULL;
    if (isa && !*isa) isa = NULL;
    const char *name = isa ? isa : getenv("CVT_ISA");
    const bool named = name && *name;
    for (int i = 0; all[i]; i++)
        if (!named || !strcmp(name, all[i]->name)) best = all[i];
    if (!best) return refuse(isa, name, error);
    *out = best;
    return CVT_OK;
}

/* ---- permission to use tiles ----------------------------------------------------------------------------------- */

static bool permitted;
static pthread_once_t requested = PTHREAD_ONCE_INIT;

static void request(void) { permitted = request_tiles(); }

/* Does any product or attention of a run in that precision use tiles? Some of its products run in a finer one. */
static bool needs_tiles(const cvt_kernels *kernels, cvt_precision precision) {
    for (int p = 0; p <= (int)precision; p++)
        if (kernels->product[p]->tiles || kernels->attention[p]->tiles) return true;
    return false;
}

const cvt_kernels *cvt_kernels_for(const cvt_kernels *kernels, cvt_precision precision) {
    if (!needs_tiles(kernels, precision)) return kernels;
    pthread_once(&requested, request);
    if (permitted) return kernels;
    const cvt_kernels *const *all = tables(), *lower = kernels;
    for (int i = 0; all[i] && all[i] != kernels; i++)
        if (all[i]->product[CVT_PRECISION_F32] == kernels->product[CVT_PRECISION_F32] &&
            !needs_tiles(all[i], precision))
            lower = all[i];
    return lower;
}

const cvt_kernels *cvt_kernels_at(int i) {
    const cvt_kernels *const *all = tables();
    while (i > 0 && *all) all++, i--;
    return *all ? cvt_kernels_for(*all, CVT_PRECISION_INT8) : NULL;
}
