/* table.h - a hash table of names, each with a number. */
#ifndef CVT_BASE_TABLE_H
#define CVT_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct cvt_table_slot {
    const char *name; /* NULL: the slot is free */
    size_t number;
} cvt_table_slot;

/* A hash table with open addressing. The number of slots is a power of two, and at most half of them are taken.
 * Zero-initialise it. A table must not be moved while it holds names: its address goes into the hash, so that nobody
 * can make a file whose names all fall into one slot. */
typedef struct cvt_table {
    cvt_table_slot *slots;
    size_t n_slots, count;
} cvt_table;

void cvt_table_free(cvt_table *table);

/* Returns a pointer to the number of a name, or NULL where the name is not in the table. The pointer is valid until the
 * next name is added. */
const size_t *cvt_table_find(const cvt_table *table, const char *name);

/* Adds a name that is not in the table yet. The name is not copied. Returns false when there is no memory; the table is
 * then unchanged. */
bool cvt_table_add(cvt_table *table, const char *name, size_t number);

#endif
