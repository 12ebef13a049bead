/* target.h - what a file of x86/ or arm/ needs before its templates: the right to use its instructions, for that file
 * alone.
 *
 * TARGET_BEGIN("avx2,fma") ... TARGET_END enclose all functions; headers come before. The feature list is the only
 * place where an instruction set is switched on: no compiler flag does it, so no other code can use it by accident. */
#ifndef CVT_KERNELS_TARGET_H
#define CVT_KERNELS_TARGET_H

#define TARGET_PRAGMA(text) _Pragma(#text)
#ifdef __clang__
#define TARGET_BEGIN(features) \
    TARGET_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define TARGET_END TARGET_PRAGMA(clang attribute pop)
#else
#define TARGET_BEGIN(features) TARGET_PRAGMA(GCC push_options) TARGET_PRAGMA(GCC target(features))
#define TARGET_END TARGET_PRAGMA(GCC pop_options)
#endif

#define INLINE static inline __attribute__((always_inline))

#endif
