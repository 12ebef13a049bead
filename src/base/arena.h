/* arena.h - memory that is freed all at once: everything of a model lives in one. */
#ifndef CVT_BASE_ARENA_H
#define CVT_BASE_ARENA_H

#include <stddef.h>

typedef struct cvt_arena_block cvt_arena_block;
typedef struct cvt_arena {
    cvt_arena_block *blocks;
} cvt_arena;

/* Returns zeroed memory aligned to 64 bytes, or NULL where there is none. Zero-initialise the arena before the first
 * call. */
void *cvt_arena_alloc(cvt_arena *arena, size_t size);
/* The same for an array of `count` elements of `size` bytes. NULL also where count * size does not fit in a size_t. */
void *cvt_arena_array(cvt_arena *arena, size_t count, size_t size);
char *cvt_arena_copy(cvt_arena *arena, const char *text, size_t n);
__attribute__((format(printf, 2, 3))) char *cvt_arena_print(cvt_arena *arena, const char *format, ...);
void cvt_arena_free(cvt_arena *arena);

#endif
