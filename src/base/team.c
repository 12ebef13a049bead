/* team.c - teams of POSIX threads. OpenMP, which this takes the place of, ends the whole program where a thread cannot
 * be started or memory is short, and ThreadSanitizer does not see how its threads wait for each other.
 *
 * Members wait for the next round: first they look for a short time, as the next image often follows at once, then they
 * sleep. `round` and `busy` are atomic for those who look; the mutex and the condition are for those who sleep. */
#include "base/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct member {
    cvt_team *team;
    int index;
    pthread_t thread;
} member;

struct cvt_team {
    void (*work)(void *context, int thread); /* of this round; NULL: the team is freed */
    void *context;
    atomic_uint round;
    atomic_int busy; /* members that have not done this round yet */
    pthread_mutex_t lock;
    pthread_cond_t next;
    int n; /* members */
    member members[];
};

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
        atomic_fetch_sub_explicit(&team->busy, 1, memory_order_release);
    }
}

static void begin_round(cvt_team *team, void (*work)(void *context, int thread), void *context) {
    team->work = work;
    team->context = context;
    atomic_store_explicit(&team->busy, team->n, memory_order_relaxed);
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add_explicit(&team->round, 1, memory_order_release);
    pthread_cond_broadcast(&team->next);
    pthread_mutex_unlock(&team->lock);
}

cvt_team *cvt_team_new(int threads) {
    size_t n = threads > 1 ? (size_t)threads - 1 : 0;
    cvt_team *team = calloc(1, sizeof *team + n * sizeof team->members[0]);
    if (!team) return NULL;
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->next, NULL);
    for (; team->n + 1 < threads; team->n++) {
        member *m = &team->members[team->n];
        *m = (member){.team = team, .index = team->n + 1};
        if (pthread_create(&m->thread, NULL, serve, m) != 0) break;
    }
    return team;
}

void cvt_team_free(cvt_team *team) {
    if (!team) return;
    begin_round(team, NULL, NULL);
    for (int i = 0; i < team->n; i++) pthread_join(team->members[i].thread, NULL);
    pthread_cond_destroy(&team->next);
    pthread_mutex_destroy(&team->lock);
    free(team);
}

int cvt_team_size(const cvt_team *team) { return team ? team->n + 1 : 1; }

void cvt_team_run(cvt_team *team, void (*work)(void *context, int thread), void *context) {
    if (team && team->n) begin_round(team, work, context);
    work(context, 0);
    for (int i = 0; team && atomic_load_explicit(&team->busy, memory_order_acquire) > 0; i++)
        if (i >= LOOKS) sched_yield();
}

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
