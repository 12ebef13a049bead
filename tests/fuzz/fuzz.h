/* fuzz.h - what the fuzz targets share: the table of targets, scratch files, and the parts of which inputs are mutated.
 * A target is a function that is given the bytes of one hostile file. It may refuse them; it must not crash, hang,
 * leak, take more memory than the limits allow, or break what it promises, which it says by fuzz_must. */
#ifndef CVT_TESTS_FUZZ_H
#define CVT_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cvt.h"

/* ---- the table of targets (targets.def) ------------------------------------------------------------------------- */

typedef struct fuzz_random {
    uint64_t state;
} fuzz_random;

/* Changes an input in place, which has room for `most` bytes. Returns its new size. */
typedef size_t fuzz_mutator(uint8_t *data, size_t size, size_t most, fuzz_random *random);

typedef struct fuzz_target {
    const char *name;
    void (*run)(const uint8_t *bytes, size_t size);
    fuzz_mutator *mutate;
    const char *words;   /* the dictionary, dict/WORDS.dict */
    size_t longest;      /* the most bytes of an input */
    const char *sources; /* the files of the parser, whose lines `make coverage` counts */
} fuzz_target;

#define TARGET(name, function, mutator, words, longest, sources) \
    void fuzz_##function(const uint8_t *bytes, size_t size);     \
    fuzz_mutator mutator;
#include "targets.def"
#undef TARGET

extern const fuzz_target fuzz_targets[]; /* the last one has no name */
const fuzz_target *fuzz_find(const char *name);

/* ---- what targets need (support.c) ------------------------------------------------------------------------------ */

/* Ends the process where the condition does not hold: what a parser promises is broken. */
#define fuzz_must(condition)                                           \
    do {                                                               \
        if (!(condition)) fuzz_broken(#condition, __FILE__, __LINE__); \
    } while (0)
_Noreturn void fuzz_broken(const char *condition, const char *file, int line);

/* Writes a file of this name into a folder for scratch files and returns its path, which is valid for the next three
 * calls too. The process that has written the first file removes the folder at its end. */
const char *fuzz_file(const char *name, const void *bytes, size_t size);
/* The last byte of an input chooses among the options of what is tested: most formats do not mind what follows. */
static inline unsigned fuzz_choice(const uint8_t *bytes, size_t size) { return size ? bytes[size - 1] : 0; }
/* Reads every byte, so that a sanitizer sees one that may not be read. */
void fuzz_touch(const void *bytes, size_t size);
/* A message must be one line of valid UTF-8 without control characters, and not empty. */
void fuzz_must_tell(const cvt_error *error);
/* A small model without weights that takes images and has four classes. It is opened once. */
const cvt_model *fuzz_model(void);
/* The config of that model. */
extern const char fuzz_small_model[];

/* ---- mutation (mutate.c) ---------------------------------------------------------------------------------------- */

uint64_t fuzz_next(fuzz_random *random);
size_t fuzz_below(fuzz_random *random, size_t n); /* a number below n; 0 where n is 0 */

/* Mutates bytes without knowing what they are. libFuzzer puts its own function here. */
extern fuzz_mutator *fuzz_bytes;
fuzz_mutator fuzz_mutate_plain;

/* Puts m bytes in the place of the n bytes at `at`. Returns the new size, or the old one where there is no room. */
size_t fuzz_replace(uint8_t *data, size_t size, size_t most, size_t at, size_t n, const void *with, size_t m);

/* The words of the target's dictionary. */
typedef struct fuzz_word {
    const uint8_t *bytes;
    size_t size;
} fuzz_word;
void fuzz_read_words(const char *path);
fuzz_word fuzz_any_word(fuzz_random *random); /* size 0: there are none */

/* Mutators of inputs that are JSON, and parts of other mutators. */
size_t fuzz_mutate_text(uint8_t *data, size_t size, size_t most, fuzz_random *random);

#endif
