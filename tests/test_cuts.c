/* test_cuts.c - tests how passes are cut for many threads. With `--bench` it measures instead. */
#include <string.h>

#include "cuts.h"
#include "cuts_bench.h"
#include "test.h"

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "--bench")) return bench_cuts(argc - 2, argv + 2);
    return test_end();
}
