/* pages.h - large pieces of memory straight from the system. */
#ifndef CVT_BASE_PAGES_H
#define CVT_BASE_PAGES_H

#include <stddef.h>

/* Returns zeroed memory that begins at a page, or NULL. From 2 MB on the system is asked for huge pages: one of them
 * costs one page fault and one entry of the TLB instead of 512. Pages that are never touched cost nothing. */
void *cvt_pages_alloc(size_t size);
/* Gives the memory back; `size` must be the size that was asked for. `memory` may be NULL. */
void cvt_pages_free(void *memory, size_t size);

#endif
