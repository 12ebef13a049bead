/* dispatch.c - which table of kernels this machine runs.
 *
 * The compiler's runtime reads the CPU's features, and whether the system saves the registers they need, once before
 * main; asking for one is a test of a bit. So there is no state here, and threads may ask at any time. */
#define _DEFAULT_SOURCE /* syscall */
#include <stdbool.h>
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

#if defined(__x86_64__)
/* Not among the names that every compiler's __builtin_cpu_supports knows. The registers are those of AVX. */
static bool has_f16c(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
}

static bool has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c(); }

static bool has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}

static bool has_avxvnni(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 4 & 1);
}

static bool has_fp16(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx >> 23 & 1);
}

/* Tiles with int8 and bfloat16, and the system's leave to use them, which a process must ask for: they make its threads
 * larger to switch (arch_prctl(2), ARCH_REQ_XCOMP_PERM for XTILEDATA). */
static bool has_amx(void) {
#if defined(__linux__) && defined(SYS_arch_prctl)
    unsigned eax, ebx, ecx, edx;
    const unsigned tiles = 1u << 24 | 1u << 25 | 1u << 22, vectors = 1u << 5;
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || (edx & tiles) != tiles) return false;
    if (!__get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) || (eax & vectors) == 0) return false;
    return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
    return false;
#endif
}
#endif

#if defined(__aarch64__)
enum { ARM_HALF = 1 << 10, ARM_DOT = 1 << 20 }; /* HWCAP_ASIMDHP, HWCAP_ASIMDDP */

static bool has_arm(unsigned long bits) {
#if defined(__linux__)
    return (getauxval(AT_HWCAP) & bits) == bits;
#else
    return bits == 0;
#endif
}
#endif

const cvt_kernels *cvt_kernels_at(int i) {
#define X(isa, runs) \
    if ((runs) && i-- == 0) return &cvt_kernels_##isa;
#include "kernels/isa.def"
#undef X
    return NULL;
}

/* CVT_ISA names no table, or one that cannot run here. */
static cvt_status refuse(const char *name, cvt_error *error) {
    cvt_str list = {0};
    const cvt_kernels *kernels;
    for (int i = 0; (kernels = cvt_kernels_at(i)); i++) cvt_str_print(&list, "%s%s", i ? ", " : "", kernels->name);
    cvt_status status = cvt_fail_memory(error);
    if (!list.failed)
        status = cvt_fail(error, CVT_USAGE, "CVT_ISA=%s cannot run here: this machine runs %s", name, list.data);
    cvt_str_free(&list);
    return status;
}

cvt_status cvt_kernels_get(const cvt_kernels **out, cvt_error *error) {
    const char *name = getenv("CVT_ISA");
    const cvt_kernels *kernels, *best = NULL;
    for (int i = 0; (kernels = cvt_kernels_at(i)); i++) {
        best = kernels;
        if (name && !strcmp(name, kernels->name)) break;
    }
    if (name && *name && !kernels) return refuse(name, error);
    *out = best;
    return CVT_OK;
}
