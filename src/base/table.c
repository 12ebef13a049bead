/* table.c - a hash table of names, each with a number. */
#include "base/table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

static size_t hash(const cvt_table *table, const char *name) {
    const uint64_t h = cvt_fnv1a((uintptr_t)table, name, strlen(name));
    return (size_t)(h ^ (h >> 32));
}

/* Returns the slot that holds the name, or the free slot where it belongs. */
static cvt_table_slot *slot_of(const cvt_table *table, const char *name) {
    size_t mask = table->n_slots - 1, i = hash(table, name) & mask;
    while (table->slots[i].name && strcmp(table->slots[i].name, name) != 0) i = (i + 1) & mask;
    return &table->slots[i];
}

static bool grow(cvt_table *table) {
    cvt_table_slot *old = table->slots;
    size_t n = table->n_slots, larger = n ? 2 * n : 512;
    if (larger > SIZE_MAX / sizeof *old) return false;
    cvt_table_slot *slots = calloc(larger, sizeof *slots);
    if (!slots) return false;
    table->slots = slots;
    table->n_slots = larger;
    for (size_t i = 0; i < n; i++)
        if (old[i].name) *slot_of(table, old[i].name) = old[i];
    free(old);
    return true;
}

void cvt_table_free(cvt_table *table) {
    free(table->slots);
    *table = (cvt_table){0};
}

const size_t *cvt_table_find(const cvt_table *table, const char *name) {
    if (!table->count) return NULL;
    const cvt_table_slot *slot = slot_of(table, name);
    return slot->name ? &slot->number : NULL;
}

bool cvt_table_add(cvt_table *table, const char *name, size_t number) {
    if (2 * table->count >= table->n_slots && !grow(table)) return false;
    *slot_of(table, name) = (cvt_table_slot){name, number};
    table->count++;
    return true;
}
