/* team.c - teams of threads: those of OpenMP's regions, or POSIX threads of the team's own. OpenMP keeps the threads of
 * a region for the next one of the same thread, but ends the program where it cannot start one. So a team has threads
 * of its own where the address space is limited, for there what other threads take meanwhile decides whether one more
 * can be started; in a build without OpenMP; and under ThreadSanitizer, which does not see how OpenMP's threads wait
 * for each other. */
#include "base/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/waiting.h"

/* A thread of the team's own. Members wait for the next round: first they look for a short time, as the next image
 * often follows at once, then they sleep. `round` is atomic for those who look; the mutex and the condition are for
 * those who sleep. */
typedef struct member {
    cvt_team *team;
    int index;
    pthread_t thread;
} member;

struct cvt_team {
    int size;     /* threads that the team counts, the caller with them */
    bool regions; /* its threads are those of OpenMP's regions, and there are no members */
    /* of regions */
    pthread_t owner; /* who called last */
    int startable;   /* threads that the owner's regions get: fewer than size where the system has refused some to it */
    /* of members */
    void (*work)(void *context, int thread); /* of this round; NULL: the team is freed */
    void *context;
    atomic_uint round;
    atomic_int done; /* members that have done this round */
    cvt_waiting end; /* of the round */
    pthread_mutex_t lock;
    pthread_cond_t next;
    member members[]; /* size - 1 */
};

int cvt_team_size(const cvt_team *team) { return team ? team->size : 1; }

/* ---- OpenMP's threads ------------------------------------------------------------------------------------------ */

#ifdef _OPENMP

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

/* How many threads a region gets, at most `threads`: those that are asked of OpenMP have been started on trial. */
static int start_region(int threads) {
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER; /* what is counted must still be free then */
    int n = 0;
    pthread_mutex_lock(&one_at_a_time);
    threads = threads > 1 ? 1 + count_startable(threads - 1) : 1;
    if (threads > 1) {
#pragma omp parallel num_threads(threads) reduction(+ : n)
        n += 1;
    }
    pthread_mutex_unlock(&one_at_a_time);
    return n > 1 ? n : 1;
}

static bool may_use_regions(void) {
    struct rlimit space;
    return getrlimit(RLIMIT_AS, &space) != 0 || space.rlim_cur == RLIM_INFINITY;
}

static void run_region(cvt_team *team, void (*work)(void *context, int thread), void *context) {
    if (!pthread_equal(team->owner, pthread_self())) {
        team->startable = start_region(team->size);
        team->owner = pthread_self();
    }
    const int n = team->size, threads = team->startable;
#pragma omp parallel for num_threads(threads) schedule(static, 1) if (threads > 1)
    for (int i = 0; i < n; i++) work(context, i);
}

#else

static int start_region(int threads) { return threads; }
static bool may_use_regions(void) { return false; }
static void run_region(cvt_team *team, void (*work)(void *context, int thread), void *context) {
    for (int i = 0; i < team->size; i++) work(context, i);
}

#endif

/* ---- a team's own threads -------------------------------------------------------------------------------------- */

enum { LOOKS = 2000 /* some tens of microseconds */ };

/* Waits for a round other than `last`, and returns it. */
static unsigned wait_for_round(cvt_team *team, unsigned last) {
    for (int i = 0; i < LOOKS; i++) {
        unsigned round = atomic_load_explicit(&team->round, memory_order_acquire);
        if (round != last) return round;
        if (i % 64 == 63) sched_yield();
    }
    pthread_mutex_lock(&team->lock);
    unsigned round;
    while ((round = atomic_load_explicit(&team->round, memory_order_acquire)) == last)
        pthread_cond_wait(&team->next, &team->lock);
    pthread_mutex_unlock(&team->lock);
    return round;
}

static void *serve(void *argument) {
    const member *self = argument;
    cvt_team *team = self->team;
    for (unsigned round = 0;;) {
        round = wait_for_round(team, round);
        if (!team->work) return NULL;
        team->work(team->context, self->index);
        cvt_waiting_count(&team->end, &team->done, 1, team->size - 1);
    }
}

static void begin_round(cvt_team *team, void (*work)(void *context, int thread), void *context) {
    team->work = work;
    team->context = context;
    atomic_store_explicit(&team->done, 0, memory_order_relaxed);
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add_explicit(&team->round, 1, memory_order_release);
    pthread_cond_broadcast(&team->next);
    pthread_mutex_unlock(&team->lock);
}

/* Starts members, or as many as the system allows. */
static void start_members(cvt_team *team, int threads) {
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->next, NULL);
    cvt_waiting_init(&team->end);
    for (; team->size < threads; team->size++) {
        member *m = &team->members[team->size - 1];
        *m = (member){.team = team, .index = team->size};
        if (pthread_create(&m->thread, NULL, serve, m) != 0) break;
    }
}

static void end_members(cvt_team *team) {
    begin_round(team, NULL, NULL);
    for (int i = 0; i < team->size - 1; i++) pthread_join(team->members[i].thread, NULL);
    cvt_waiting_end(&team->end);
    pthread_cond_destroy(&team->next);
    pthread_mutex_destroy(&team->lock);
}

static void run_members(cvt_team *team, void (*work)(void *context, int thread), void *context) {
    begin_round(team, work, context);
    work(context, 0);
    cvt_waiting_for(&team->end, &team->done, team->size - 1);
}

/* ---- either ---------------------------------------------------------------------------------------------------- */

cvt_team *cvt_team_new(int threads) {
    const bool regions = may_use_regions();
    const size_t members = !regions && threads > 1 ? (size_t)threads - 1 : 0;
    cvt_team *team = calloc(1, sizeof *team + members * sizeof team->members[0]);
    if (!team) return NULL;
    team->size = 1;
    team->regions = regions;
    if (regions) {
        team->size = team->startable = start_region(threads);
        team->owner = pthread_self();
    } else {
        start_members(team, threads);
    }
    return team;
}

void cvt_team_free(cvt_team *team) {
    if (team && !team->regions) end_members(team);
    free(team);
}

void cvt_team_run(cvt_team *team, void (*work)(void *context, int thread), void *context) {
    if (cvt_team_size(team) == 1)
        work(context, 0);
    else
        (team->regions ? run_region : run_members)(team, work, context);
}

/* ---- loops ----------------------------------------------------------------------------------------------------- */

typedef struct loop {
    size_t n, grain, threads;
    void (*work)(void *context, size_t i);
    void *context;
} loop;

static void run_share(void *context, int thread) {
    const loop *l = context;
    const size_t step = l->grain * l->threads;
    for (size_t first = (size_t)thread * l->grain; first < l->n; first += step)
        for (size_t i = first; i < l->n && i < first + l->grain; i++) l->work(l->context, i);
}

void cvt_team_each(cvt_team *team, size_t n, size_t grain, void (*work)(void *context, size_t i), void *context) {
    loop l = {.n = n, .grain = grain, .threads = (size_t)cvt_team_size(team), .work = work, .context = context};
    if (!grain) l.grain = n / l.threads + (n % l.threads != 0);
    if (n > 0) cvt_team_run(team, run_share, &l);
}
