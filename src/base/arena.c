/* arena.c - memory that is freed all at once. Large requests get a block of their own, small ones share one. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

enum { ALIGNMENT = 64, BLOCK = 1 << 16 };

struct cvt_arena_block {
    cvt_arena_block *next;
    size_t used, size;
};

static const size_t header = (sizeof(cvt_arena_block) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

void *cvt_arena_alloc(cvt_arena *arena, size_t size) {
    size_t rounded;
    if (!cvt_add_size(size, ALIGNMENT - 1, &rounded)) return NULL;
    rounded = rounded / ALIGNMENT * ALIGNMENT;
    cvt_arena_block *block = arena->blocks;
    if (!block || block->size - block->used < rounded) {
        size_t body = rounded > BLOCK / 4 ? rounded : BLOCK, total;
        if (!cvt_add_size(body, header, &total) || total > SIZE_MAX / 2) return NULL;
        block = aligned_alloc(ALIGNMENT, (total + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
        if (!block) return NULL;
        *block = (cvt_arena_block){.used = 0, .size = body};
        if (body > BLOCK && arena->blocks) { /* keep the shared block in front */
            block->next = arena->blocks->next;
            arena->blocks->next = block;
        } else {
            block->next = arena->blocks;
            arena->blocks = block;
        }
    }
    void *p = (char *)block + header + block->used;
    block->used += rounded;
    return memset(p, 0, size);
}

void *cvt_arena_array(cvt_arena *arena, size_t count, size_t size) {
    size_t total;
    return cvt_mul_size(count, size, &total) ? cvt_arena_alloc(arena, total) : NULL;
}

char *cvt_arena_copy(cvt_arena *arena, const char *text, size_t n) {
    char *copy = n < SIZE_MAX ? cvt_arena_alloc(arena, n + 1) : NULL;
    if (copy) memcpy(copy, text, n);
    return copy;
}

char *cvt_arena_print(cvt_arena *arena, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : cvt_arena_alloc(arena, (size_t)n + 1);
    if (text) vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

void cvt_arena_free(cvt_arena *arena) {
    while (arena->blocks) {
        cvt_arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}
