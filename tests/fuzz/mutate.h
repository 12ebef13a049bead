/* mutate.h - what the mutators share. */
#ifndef CVT_TESTS_FUZZ_MUTATE_H
#define CVT_TESTS_FUZZ_MUTATE_H

#include "fuzz.h"

/* Numbers of n bytes. */
void fuzz_put(uint8_t *to, uint64_t value, size_t n, bool big_endian);
uint64_t fuzz_get(const uint8_t *from, size_t n, bool big_endian);
/* A number that programs like to get wrong. */
uint64_t fuzz_any_number(fuzz_random *random);

#endif
