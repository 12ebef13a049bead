/* pipeline.c - the two stages of a pipeline, their threads, and the ring of slots between them.
 *
 * Input number i lives in slot i % n_slots. Its state goes EMPTY -> DECODING -> READY -> RUNNING -> DONE -> EMPTY, and
 * every change is made under `lock`. The thread that made the last change owns the content of the slot, without the
 * lock. The mutex `source` is held while `next` is called, so that numbers follow the order of the inputs. */
#include "batch/pipeline.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/num.h"

/* The clock by which a wait ends: on macOS there is one for waits only, which moves when somebody sets the time. */
#if defined(__APPLE__)
#define WAIT_CLOCK CLOCK_REALTIME
#else
#define WAIT_CLOCK CLOCK_MONOTONIC
#endif

enum { TICKS_A_SECOND = 10, NANOSECONDS = 1000 * 1000 * 1000 };

enum { EMPTY, DECODING, READY, RUNNING, DONE };

typedef struct member {
    cvt_pipeline *pipeline;
    int index; /* its number among the decoders, or among the workers */
    pthread_t thread;
} member;

struct cvt_pipeline {
    cvt_pipeline_sizes sizes;
    cvt_stages stages;
    void *context;
    char *slots;
    unsigned char *states;
    void **batches; /* [workers][batch]: the slots that each worker runs */
    member *decoders, *workers;
    int n_decoders, n_workers; /* how many of them were started */

    pthread_mutex_t source, lock;
    pthread_cond_t room, ready, done;  /* what the decoders, the workers and the writer wait for */
    size_t taken, written;             /* how many inputs came out of `next`, and went into `write` */
    size_t decoding, waiting, running; /* how many inputs are DECODING, READY, RUNNING */
    bool ended;                        /* `next` has no more inputs */
    bool stopped;                      /* the run ends early */
};

static void *slot_of(const cvt_pipeline *p, size_t number) {
    return p->slots + number % p->sizes.n_slots * p->sizes.slot_size;
}

static unsigned char *state_of(cvt_pipeline *p, size_t number) { return &p->states[number % p->sizes.n_slots]; }

/* ---- decoders -------------------------------------------------------------------------------------------------- */

static bool has_room(const cvt_pipeline *p) {
    return p->taken - p->written < p->sizes.n_slots && p->decoding + p->waiting + p->running < p->sizes.busy;
}

/* Takes the next input and sets *number to its number; false when there is none. The caller holds `source`. */
static bool take(cvt_pipeline *p, int decoder, size_t *number) {
    pthread_mutex_lock(&p->lock);
    while (!p->stopped && !p->ended && !has_room(p)) pthread_cond_wait(&p->room, &p->lock);
    bool open = !p->stopped && !p->ended;
    *number = p->taken;
    pthread_mutex_unlock(&p->lock);

    bool found = open && p->stages.next(p->context, decoder, slot_of(p, *number));

    pthread_mutex_lock(&p->lock);
    if (found) {
        *state_of(p, *number) = DECODING;
        p->taken++;
        p->decoding++;
    } else {
        p->ended = true;
        pthread_cond_broadcast(&p->ready);
        pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return found;
}

static void decoded(cvt_pipeline *p, size_t number, bool good) {
    pthread_mutex_lock(&p->lock);
    if (!p->stopped) *state_of(p, number) = good ? READY : DONE; /* else `wake` may be why it failed */
    p->decoding--;
    p->waiting += good;
    pthread_cond_signal(good ? &p->ready : &p->done);
    if (!good) pthread_cond_signal(&p->room);
    if (p->ended && p->decoding == 0) pthread_cond_broadcast(&p->ready);
    pthread_mutex_unlock(&p->lock);
}

static void *decoder(void *argument) {
    const member *self = argument;
    cvt_pipeline *p = self->pipeline;
    for (;;) {
        size_t number;
        pthread_mutex_lock(&p->source);
        bool found = take(p, self->index, &number);
        pthread_mutex_unlock(&p->source);
        if (!found) return NULL;
        decoded(p, number, p->stages.decode(p->context, self->index, slot_of(p, number)));
    }
}

/* ---- workers --------------------------------------------------------------------------------------------------- */

/* Marks the oldest READY inputs, at most a batch, as RUNNING. Returns how many. */
static int gather(cvt_pipeline *p, void **batch) {
    int n = 0;
    for (size_t i = p->written; p->waiting > 0 && n < p->sizes.batch; i++) {
        if (*state_of(p, i) != READY) continue;
        *state_of(p, i) = RUNNING;
        p->waiting--;
        p->running++;
        batch[n++] = slot_of(p, i);
    }
    return n;
}

static void *worker(void *argument) {
    const member *self = argument;
    cvt_pipeline *p = self->pipeline;
    void **batch = p->batches + (size_t)self->index * (size_t)p->sizes.batch;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->stopped && p->waiting == 0 && !(p->ended && p->decoding == 0))
            pthread_cond_wait(&p->ready, &p->lock);
        if (p->stopped || p->waiting == 0) break;
        int n = gather(p, batch);
        pthread_mutex_unlock(&p->lock);
        p->stages.forward(p->context, self->index, batch, n);
        pthread_mutex_lock(&p->lock);
        for (int i = 0; i < n; i++) p->states[(size_t)((char *)batch[i] - p->slots) / p->sizes.slot_size] = DONE;
        p->running -= (size_t)n;
        pthread_cond_signal(&p->room);
        pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* ---- starting and ending --------------------------------------------------------------------------------------- */

/* Starts `wanted` threads, or as many as the system allows. Returns how many. */
static int start_members(cvt_pipeline *p, member *members, int wanted, void *(*work)(void *)) {
    int n = 0;
    for (; n < wanted; n++) {
        members[n] = (member){.pipeline = p, .index = n};
        if (pthread_create(&members[n].thread, NULL, work, &members[n]) != 0) break;
    }
    return n;
}

static void init_locks(cvt_pipeline *p) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
#if !defined(__APPLE__)
    pthread_condattr_setclock(&monotonic, WAIT_CLOCK);
#endif
    pthread_mutex_init(&p->source, NULL);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->room, NULL);
    pthread_cond_init(&p->ready, NULL);
    pthread_cond_init(&p->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

cvt_status cvt_pipeline_start(cvt_pipeline **out, const cvt_pipeline_sizes *sizes, const cvt_stages *stages,
                              void *context, cvt_error *error) {
    *out = NULL;
    cvt_pipeline *p = calloc(1, sizeof *p);
    if (!p) return cvt_fail_memory(error);
    *p = (cvt_pipeline){.sizes = *sizes, .stages = *stages, .context = context};
    init_locks(p);
    p->slots = calloc(sizes->n_slots, sizes->slot_size);
    p->states = calloc(sizes->n_slots, 1);
    p->batches = calloc((size_t)sizes->workers * (size_t)sizes->batch, sizeof *p->batches);
    p->decoders = calloc((size_t)sizes->decoders, sizeof *p->decoders);
    p->workers = calloc((size_t)sizes->workers, sizeof *p->workers);
    cvt_status status = CVT_OK;
    if (!p->slots || !p->states || !p->batches || !p->decoders || !p->workers) {
        status = cvt_fail_memory(error);
    } else {
        p->n_decoders = start_members(p, p->decoders, sizes->decoders, decoder);
        if (!p->n_decoders) status = cvt_fail(error, CVT_NO_MEMORY, "no thread can be started");
    }
    if (status != CVT_OK) {
        cvt_pipeline_free(p, NULL);
        return status;
    }
    *out = p;
    return CVT_OK;
}

/* Ends all threads: those that wait at once, the others after the input that they work on. */
static void stop(cvt_pipeline *p) {
    if (!p->n_decoders && !p->n_workers) return;
    pthread_mutex_lock(&p->lock);
    p->stopped = true;
    pthread_cond_broadcast(&p->room);
    pthread_cond_broadcast(&p->ready);
    pthread_mutex_unlock(&p->lock);
    p->stages.wake(p->context);
    for (int i = 0; i < p->n_decoders; i++) pthread_join(p->decoders[i].thread, NULL);
    for (int i = 0; i < p->n_workers; i++) pthread_join(p->workers[i].thread, NULL);
    p->n_decoders = p->n_workers = 0;
}

void cvt_pipeline_free(cvt_pipeline *p, void (*each)(void *slot)) {
    if (!p) return;
    stop(p);
    for (size_t i = 0; each && i < p->sizes.n_slots; i++) each(slot_of(p, i));
    pthread_mutex_destroy(&p->source);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->room);
    pthread_cond_destroy(&p->ready);
    pthread_cond_destroy(&p->done);
    free(p->slots);
    free(p->states);
    free(p->batches);
    free(p->decoders);
    free(p->workers);
    free(p);
}

/* ---- the writer ------------------------------------------------------------------------------------------------ */

/* Is a tick due? If so, *due moves to a time after now. */
static bool tick_is_due(struct timespec *due) {
    struct timespec now;
    clock_gettime(WAIT_CLOCK, &now);
    if (now.tv_sec < due->tv_sec || (now.tv_sec == due->tv_sec && now.tv_nsec < due->tv_nsec)) return false;
    *due = now;
    due->tv_nsec += NANOSECONDS / TICKS_A_SECOND;
    due->tv_sec += due->tv_nsec / NANOSECONDS;
    due->tv_nsec %= NANOSECONDS;
    return true;
}

static bool next_is_done(cvt_pipeline *p) { return p->written < p->taken && *state_of(p, p->written) == DONE; }

/* Writes the next input, which is DONE. `lock` is held, and released while `write` runs. */
static bool write_next(cvt_pipeline *p) {
    pthread_mutex_unlock(&p->lock);
    bool goes_on = p->stages.write(p->context, slot_of(p, p->written));
    pthread_mutex_lock(&p->lock);
    *state_of(p, p->written) = EMPTY;
    p->written++;
    pthread_cond_signal(&p->room);
    return goes_on;
}

cvt_status cvt_pipeline_run(cvt_pipeline *p, cvt_error *error) {
    p->n_workers = start_members(p, p->workers, p->sizes.workers, worker);
    if (!p->n_workers) return cvt_fail(error, CVT_NO_MEMORY, "no thread can be started");
    struct timespec due = {0};
    bool writes = true, goes_on = true;
    pthread_mutex_lock(&p->lock);
    while (writes && goes_on && !(p->ended && p->written == p->taken)) {
        if (next_is_done(p))
            writes = write_next(p);
        else
            pthread_cond_timedwait(&p->done, &p->lock, &due);
        if (!tick_is_due(&due)) continue;
        pthread_mutex_unlock(&p->lock);
        goes_on = p->stages.tick(p->context);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    stop(p);
    pthread_mutex_lock(&p->lock);
    while (writes && next_is_done(p)) writes = write_next(p);
    pthread_mutex_unlock(&p->lock);
    return CVT_OK;
}
