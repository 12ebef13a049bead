/* pages.c - large pieces of memory straight from the system. malloc cannot promise memory that is zero without being
 * written and begins at a multiple of a huge page. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, madvise */
#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/num.h"
#include "base/sanitize.h"

static const size_t huge = (size_t)1 << 21;

/* Rounds size up to whole pages; false where the result does not fit in a size_t. */
static bool whole_pages(size_t size, size_t *total) {
    long page_size = sysconf(_SC_PAGESIZE);
    size_t page = page_size > 0 ? (size_t)page_size : 4096;
    if (!cvt_add_size(size ? size : 1, page - 1, total)) return false;
    *total = *total / page * page;
    return true;
}

static char *map(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Maps more than is needed, and gives back what lies before and behind the part that is aligned to a huge page. */
static char *map_huge(size_t size) {
    size_t total;
    char *p = cvt_add_size(size, huge, &total) ? map(total) : NULL;
    if (!p) return NULL;
    size_t before = (huge - (uintptr_t)p % huge) % huge;
    if (before) munmap(p, before);
    p += before;
    if (huge > before) munmap(p + size, huge - before);
#ifdef MADV_HUGEPAGE
    madvise(p, size, MADV_HUGEPAGE);
#endif
    return p;
}

void *cvt_pages_alloc(size_t size) {
    size_t total;
    if (!whole_pages(size, &total)) return NULL;
    char *p = total < huge ? map(total) : map_huge(total);
    if (p) cvt_forbid(p + size, total - size);
    return p;
}

void cvt_pages_free(void *memory, size_t size) {
    size_t total;
    if (!memory || !whole_pages(size, &total)) return;
    cvt_allow(memory, total);
    munmap(memory, total);
}
