/* arena.c - memory that is freed all at once. An arena is a list of blocks, each twice as large as the one before, and
 * every allocation is cut from the front of what is left of the newest block. The system hands blocks out as zeros, and
 * a part of a block that was never touched costs no memory. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/pages.h"
#include "base/sanitize.h"

enum { ALIGNMENT = 64, FIRST = 1 << 16, LARGEST = 1 << 25 };

struct cvt_arena_block {
    cvt_arena_block *next;
    size_t used, size; /* bytes, this header included */
};

static const size_t header = (sizeof(cvt_arena_block) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

/* Puts a new block with room for `piece` bytes in front of the list. */
static bool grow(cvt_arena *arena, size_t piece) {
    cvt_arena_block *last = arena->blocks;
    size_t size = !last ? FIRST : last->size < LARGEST / 2 ? 2 * last->size : LARGEST, needed;
    if (!cvt_add_size(piece, header, &needed)) return false;
    if (size < needed) size = needed;
    cvt_arena_block *block = cvt_pages_alloc(size);
    if (!block) return false;
    *block = (cvt_arena_block){last, header, size};
    cvt_forbid((char *)block + header, size - header);
    arena->blocks = block;
    return true;
}

void *cvt_arena_alloc(cvt_arena *arena, size_t size) {
    size_t piece;
    if (!cvt_add_size(size, ALIGNMENT - 1 + cvt_gap, &piece)) return NULL;
    piece = piece / ALIGNMENT * ALIGNMENT;
    cvt_arena_block *block = arena->blocks;
    if ((!block || block->size - block->used < piece) && !grow(arena, piece)) return NULL;
    block = arena->blocks;
    void *p = (char *)block + block->used;
    block->used += piece;
    cvt_allow(p, size);
    return p;
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
        cvt_pages_free(arena->blocks, arena->blocks->size);
        arena->blocks = next;
    }
}
