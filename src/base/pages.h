/* pages.h - large memory straight from the system. */
#ifndef CVT_BASE_PAGES_H
#define CVT_BASE_PAGES_H

#include <stddef.h>

/* Zeroed memory that begins at a page, or NULL. From 2 MB on it is of huge pages where the system has some: one page
 * fault and one entry of the TLB instead of 512. Pages that are not touched cost nothing. */
void *cvt_pages_alloc(size_t size);
/* size: as it was asked for. NULL is nothing. */
void cvt_pages_free(void *memory, size_t size);

#endif
