/* table.c - a hash table of names, each with a number. */
#include "base/table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The hash is FNV-1a. */
static size_t hash(const cvt_table *table, const char *name) {
    uint64_t h = 0xcbf29ce484222325u ^ (uint64_t)(uintptr_t)table;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 0x100000001b3u;
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
