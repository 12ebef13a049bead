/* waiting.c - how a thread waits for others that will be ready in microseconds. It looks again and again for a while,
 * then yields its core between looks. That is fastest where each thread has a core of its own, for to wake one that
 * sleeps takes tens of microseconds. Where other programs want the core, one of them gets it for some milliseconds at
 * each yield; then threads sleep instead, and are back as soon as they are woken. */
#include "base/waiting.h"

#include <sched.h>
#include <stdbool.h>

#include "base/clock.h"

enum {
    LOOKS = 4000,  /* some microseconds */
    SLEEPS = 4096, /* some passes of a network: a try after them may cost a slice of another program's time */
};

/* A yield that takes longer has given the core to another program. */
static const double YIELD_MS = 0.3;

void cvt_waiting_init(cvt_waiting *w) {
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->woken, NULL);
    atomic_init(&w->sleepers, 0);
    atomic_init(&w->sleeps, 0);
}

void cvt_waiting_end(cvt_waiting *w) {
    pthread_cond_destroy(&w->woken);
    pthread_mutex_destroy(&w->lock);
}

void cvt_waiting_count(cvt_waiting *w, atomic_int *count, int n, int enough) {
    /* The last one sees a sleeper here, or the sleeper sees the count before it sleeps: these accesses are in one
     * order for all threads. */
    if (atomic_fetch_add(count, n) + n < enough || atomic_load(&w->sleepers) == 0) return;
    pthread_mutex_lock(&w->lock);
    pthread_cond_broadcast(&w->woken);
    pthread_mutex_unlock(&w->lock);
}

static void sleep_until(cvt_waiting *w, atomic_int *count, int enough) {
    pthread_mutex_lock(&w->lock);
    atomic_fetch_add(&w->sleepers, 1);
    while (atomic_load(count) < enough) pthread_cond_wait(&w->woken, &w->lock);
    atomic_fetch_sub(&w->sleepers, 1);
    pthread_mutex_unlock(&w->lock);
}

/* Lets others have the core; whether they took it. */
static bool yield(void) {
    const double start = cvt_clock_ms();
    sched_yield();
    return cvt_clock_ms() - start > YIELD_MS;
}

void cvt_waiting_for(cvt_waiting *w, atomic_int *count, int enough) {
    for (int i = 0; i < LOOKS; i++)
        if (atomic_load_explicit(count, memory_order_acquire) >= enough) return;
    while (atomic_load_explicit(count, memory_order_acquire) < enough) {
        if (atomic_load_explicit(&w->sleeps, memory_order_relaxed) > 0) {
            atomic_fetch_sub_explicit(&w->sleeps, 1, memory_order_relaxed);
            sleep_until(w, count, enough);
        } else if (yield()) {
            atomic_store_explicit(&w->sleeps, SLEEPS, memory_order_relaxed);
        }
    }
}
