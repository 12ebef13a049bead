/* team.c - how many threads OpenMP can start here. OpenMP keeps the threads of a region for the next one of the same
 * thread; so it is enough to make room for them once. */
#include "plan/team.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

/* What OMP_STACKSIZE says of the stack of a thread, in bytes; 0: nothing. OpenMP 5.2, section 21.2.2. */
static size_t stack_size(void) {
    static const struct {
        char letter;
        unsigned shift;
    } units[] = {{'B', 0}, {'K', 10}, {'M', 20}, {'G', 30}};
    const char *text = getenv("OMP_STACKSIZE");
    char *end;
    unsigned long n = text ? strtoul(text, &end, 10) : 0;
    unsigned shift = 10;
    if (!n) return 0;
    while (*end == ' ') end++;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if ((*end & ~0x20) == units[i].letter) shift = units[i].shift;
    return n > SIZE_MAX >> shift ? 0 : (size_t)n << shift;
}

static void *wait_at(void *gate) {
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

/* How many threads, at most `wanted`, can run at the same time beside those that do. */
static int count_startable(int wanted) {
    pthread_t *threads = calloc((size_t)wanted, sizeof *threads);
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_attr_t attributes;
    int n = 0;
    if (!threads || pthread_attr_init(&attributes) != 0) {
        free(threads);
        return 0;
    }
    if (stack_size()) pthread_attr_setstacksize(&attributes, stack_size());
    pthread_mutex_lock(&gate);
    while (n < wanted && pthread_create(&threads[n], &attributes, wait_at, &gate) == 0) n++;
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < n; i++) pthread_join(threads[i], NULL);
    pthread_attr_destroy(&attributes);
    free(threads);
    return n;
}

int cvt_team_start(int threads) {
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER; /* what is counted must still be free then */
    int n = 0;
    pthread_mutex_lock(&one_at_a_time);
    threads = 1 + count_startable(threads - 1);
#ifdef _OPENMP
#pragma omp parallel num_threads(threads) reduction(+ : n)
#endif
    n += 1;
    pthread_mutex_unlock(&one_at_a_time);
    return n > 0 ? threads : 1;
}
