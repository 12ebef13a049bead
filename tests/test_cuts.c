/* test_cuts.c - tests how the steps of a pass are cut into tiles for many threads: how evenly, by a model that asks no
 * clock, and that no cut changes a byte. With `--bench` it measures instead: cuts_bench.h says what. */
#include <string.h>

#include "cuts.h"
#include "cuts_bench.h"
#include "cuts_bytes.h"
#include "cuts_model.h"
#include "test.h"

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "--bench")) return bench_cuts(argc - 2, argv + 2);
    test_promise();
    test_bytes();
    return test_end();
}
