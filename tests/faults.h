/* faults.h - what the preload library of faults.c and the program of faults_run.c, which runs commands with it, share:
 * one page of memory, mapped from the file that the variable FAULTS_PAGE names. */
#ifndef CVT_TESTS_FAULTS_H
#define CVT_TESTS_FAULTS_H

#include <stdatomic.h>
#include <stdint.h>

enum { FAULTS_FRAMES = 24, FAULTS_NAME = 32 };

typedef enum faults_mode {
    FAULTS_COUNT, /* nothing fails */
    FAULTS_ONCE,  /* the call number `at` fails, as the real call would */
    FAULTS_SHORT, /* reads and writes give 1 to 7 bytes, and every other one is interrupted before it (EINTR) */
} faults_mode;

typedef struct faults_page {
    /* set before the run */
    faults_mode mode;
    int64_t at;
    /* found after it */
    _Atomic int64_t calls;    /* that could have failed, from 1 on */
    _Atomic int64_t blocks;   /* of memory: allocated, less freed */
    char name[FAULTS_NAME];   /* the call that failed; "" where none did */
    char caller[FAULTS_NAME]; /* the file of the program or library that made it */
    int writes;               /* it would have written to an output */
    int depth;
    uintptr_t frame[FAULTS_FRAMES], base; /* who made it, and where the program lies in memory */
} faults_page;

#endif
