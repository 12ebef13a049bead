/* targets.c - the table of fuzz targets as an array. */
#include <string.h>

#include "fuzz.h"

const fuzz_target fuzz_targets[] = {
#define TARGET(name, function, mutator, words, longest, sources) \
    {#name, fuzz_##function, mutator, words, longest, sources},
#include "targets.def"
#undef TARGET
    {0},
};

const fuzz_target *fuzz_find(const char *name) {
    for (const fuzz_target *t = fuzz_targets; t->name; t++)
        if (strcmp(t->name, name) == 0) return t;
    return NULL;
}
