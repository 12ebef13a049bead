/* table.h - finding things by name: a set of names, each with a number. */
#ifndef CVT_BASE_TABLE_H
#define CVT_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct cvt_table_slot {
    const char *name; /* NULL: free */
    size_t number;
} cvt_table_slot;

/* Open addressing in a power of two of slots, of which at most half are taken. Zero-initialise. A table stays where it
 * is as long as it holds names: its hash begins at its address, so that no file can be made whose names all fall into
 * one slot. */
typedef struct cvt_table {
    cvt_table_slot *slots;
    size_t n_slots, count;
} cvt_table;

void cvt_table_free(cvt_table *table);

/* The number of a name, or NULL where it is not there; valid until the next name is added. */
const size_t *cvt_table_find(const cvt_table *table, const char *name);

/* Adds a name that is not there; it is not copied. False without memory, with the table as it was. */
bool cvt_table_add(cvt_table *table, const char *name, size_t number);

#endif
