/* sanitize.h - tells AddressSanitizer which bytes of a block of ours must not be touched. In other builds these
 * functions do nothing. */
#ifndef CVT_BASE_SANITIZE_H
#define CVT_BASE_SANITIZE_H

#include <stddef.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define CVT_ADDRESS_SANITIZER 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define CVT_ADDRESS_SANITIZER 1
#endif

#ifdef CVT_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
static const size_t cvt_gap = 64; /* bytes that stay unused between two allocations */
static inline void cvt_forbid(const void *memory, size_t size) { __asan_poison_memory_region(memory, size); }
static inline void cvt_allow(const void *memory, size_t size) { __asan_unpoison_memory_region(memory, size); }
#else
static const size_t cvt_gap = 0;
static inline void cvt_forbid(const void *memory, size_t size) {
    (void)memory;
    (void)size;
}
static inline void cvt_allow(const void *memory, size_t size) {
    (void)memory;
    (void)size;
}
#endif

#endif
