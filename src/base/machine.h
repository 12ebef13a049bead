/* machine.h - what all sources rely on of the machine and the compiler: where that is missing, one line says so. It
 * includes nothing of the C library, so that the Makefile can ask a compiler alone, before it compiles anything. */
#ifndef CVT_MACHINE_H
#define CVT_MACHINE_H

#include <float.h>

#if !defined(__SIZE_MAX__) || __SIZE_MAX__ < 0xffffffffffffffff
#error "cvt needs a 64-bit machine: sizes of tensors have 64 bits"
#elif !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "cvt needs a little-endian machine: stored tensors are little-endian and are used as they lie"
#elif FLT_EVAL_METHOD != 0
#error "cvt needs float arithmetic in float: no -mfpmath=387"
#elif defined(__x86_64__) && (defined(__clang__) ? __clang_major__ < 14 : defined(__GNUC__) && __GNUC__ < 12)
#error "cvt needs gcc 12 or newer, or clang 14 or newer: this compiler does not know the instructions avx512fp16"
#endif

#endif
