/* libfuzzer.c - the targets as libFuzzer calls them. The environment says which one: CVT_FUZZ_TARGET=NAME, and
 * CVT_FUZZ_WORDS names its dictionary, for mutators that put words where they belong. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

static const fuzz_target *target;

static size_t mutate_by_libfuzzer(uint8_t *data, size_t size, size_t most, fuzz_random *random) {
    (void)random;
    return most ? LLVMFuzzerMutate(data, size, most) : size;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    const char *name = getenv("CVT_FUZZ_TARGET"), *words = getenv("CVT_FUZZ_WORDS");
    (void)argc;
    (void)argv;
    target = name ? fuzz_find(name) : NULL;
    if (!target) {
        fprintf(stderr, "CVT_FUZZ_TARGET names no target\n");
        exit(1);
    }
    if (words) fuzz_read_words(words);
    fuzz_bytes = mutate_by_libfuzzer;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (size <= target->longest) target->run(bytes, size);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    fuzz_random random = {seed * 2654435761u + 1u};
    return target->mutate(data, size, most, &random);
}
