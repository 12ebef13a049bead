/* exec.c - runs the steps of a plan. A forward pass is one round of a team. The threads claim the tiles of a step, or
 * of several that may run at the same time, one by one from counters, and the next begins when all of them are done. No
 * thread waits for a certain other thread: one that the system has put aside holds up at most the tile it was working
 * on. Each thread first works on a share of its own, the same part of every step, so that it mostly finds in its cache
 * what it wrote there; then it helps with the tiles that others have left. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/pages.h"
#include "base/team.h"
#include "base/waiting.h"
#include "plan/plan.h"

/* Of one step: tiles finished, and, of one thread's share of it, tiles handed out. A cache line each. */
typedef struct progress {
    _Alignas(64) atomic_int count;
} progress;

struct cvt_exec {
    const cvt_plan *plan;
    int threads;      /* wanted; from the first run on, as many as could be started */
    cvt_team *team;   /* NULL before that */
    bool interleaved; /* inputs are stored as values are */
    float *arena, *scratch;
    size_t arena_size, scratch_size; /* bytes */
    size_t scratch_each;
    double *times;             /* nanoseconds spent in every step, or NULL */
    cvt_cut *alone, *together; /* how every step is cut for one thread, and for all of them */
    int n_alone, n_together;   /* for how many images that is */
    /* For every step a counter of finished tiles, then one of each share; NULL: alone. Two sets, used in turn: in each
     * pass every thread clears its own counters for the next one. */
    progress *progress;
    int set; /* which of the two the next pass uses */
    cvt_waiting waiting;
};

/* Allocates count * times floats straight from the system; *size becomes the number of bytes. */
static float *alloc_floats(size_t count, size_t times, size_t *size) {
    if (!cvt_mul_size(count, times, &count) || !cvt_mul_size(count, sizeof(float), size)) return NULL;
    return cvt_pages_alloc(*size);
}

/* How many counters a set has. */
static size_t set_size(const cvt_exec *e) { return ((size_t)e->plan->n_steps + 1) * ((size_t)e->threads + 1); }

static bool make_progress(cvt_exec *e) {
    if (e->threads == 1) return true;
    size_t count = 2 * set_size(e);
    e->progress = aligned_alloc(64, count * sizeof *e->progress);
    for (size_t i = 0; e->progress && i < count; i++) atomic_init(&e->progress[i].count, 0);
    return e->progress != NULL;
}

cvt_status cvt_exec_new(cvt_exec **out, const cvt_plan *plan, int capacity, int threads, cvt_error *error) {
    cvt_exec *e = calloc(1, sizeof *e);
    if (!e) return cvt_fail_memory(error);
    cvt_waiting_init(&e->waiting);
    e->plan = plan;
    e->threads = threads;
    e->scratch_each = (plan->scratch / 16 + 1) * 16;
    e->alone = calloc((size_t)plan->n_steps + 1, sizeof *e->alone);
    e->together = calloc((size_t)plan->n_steps + 1, sizeof *e->together);
    bool made = make_progress(e) && e->alone && e->together;
    e->arena = alloc_floats(plan->floats, (size_t)capacity, &e->arena_size);
    e->scratch = alloc_floats(e->scratch_each, (size_t)threads, &e->scratch_size);
    if (!e->arena || !e->scratch || !made) {
        cvt_exec_free(e);
        return cvt_fail_memory(error);
    }
    *out = e;
    return CVT_OK;
}

void cvt_exec_free(cvt_exec *e) {
    if (!e) return;
    cvt_team_free(e->team);
    cvt_waiting_end(&e->waiting);
    cvt_pages_free(e->arena, e->arena_size);
    cvt_pages_free(e->scratch, e->scratch_size);
    free(e->times);
    free(e->progress);
    free(e->alone);
    free(e->together);
    free(e);
}

static double now(void) { return cvt_clock_ms() * 1e6; }

/* The context of thread `thread` of `threads`, for n images from `first` on. A thread that works alone computes all its
 * images in the same part of the arena. */
static cvt_context context_of(const cvt_exec *e, const float *const *inputs, int first, int n, int thread,
                              int threads) {
    float *scratch = e->scratch + (size_t)thread * e->scratch_each;
    return (cvt_context){.kernels = e->plan->kernels,
                         .arena = e->arena,
                         .inputs = inputs,
                         .interleaved = e->interleaved,
                         .scratch = scratch,
                         .first = first,
                         .part = threads == 1 ? thread : first,
                         .n = n,
                         .floats = e->plan->floats,
                         .kept = e->plan->kept,
                         .threads = threads};
}

/* Cuts every step for n images on some threads, unless that is how they are cut. */
static void cut_steps(cvt_cut *cuts, int *cut_for, const cvt_plan *plan, int n, int threads) {
    for (int i = 0; *cut_for != n && i < plan->n_steps; i++)
        cuts[i] = plan->steps[i].cut(plan->steps[i].args, n, threads);
    *cut_for = n;
}

/* Runs all steps for n images on one thread. */
static void run_alone(cvt_exec *e, const float *const *inputs, int first, int n, int thread) {
    cvt_context x = context_of(e, inputs, first, n, thread, 1);
    for (int i = 0; i < e->plan->n_steps; i++) {
        const cvt_step *s = &e->plan->steps[i];
        bool timed = e->times && thread == 0;
        double start = timed ? now() : 0;
        x.cut = e->alone[i];
        for (int t = 0; t < x.cut.tiles; t++) s->run(s->args, &x, t);
        if (timed) e->times[i] += now() - start;
    }
}

/* Runs a tile of some steps, whose tiles are numbered step by step. */
static void run_tile(const cvt_step *steps, const cvt_cut *cuts, cvt_context *x, int tile) {
    for (; tile >= cuts->tiles; cuts++, steps++) tile -= cuts->tiles;
    x->cut = *cuts;
    steps->run(steps->args, x, tile);
}

/* Some steps that run at the same time, and the counters of their finished tiles and of every share of them. */
typedef struct work {
    const cvt_step *steps;
    const cvt_cut *cuts;
    int tiles;
    progress *progress;
    cvt_waiting *waiting;
} work;

/* Runs what is left of a thread's share, and returns how many tiles that were. */
static int run_share(const work *w, cvt_context *x, int owner) {
    const int64_t first = (int64_t)w->tiles * owner / x->threads, last = (int64_t)w->tiles * (owner + 1) / x->threads;
    atomic_int *next = &w->progress[1 + owner].count;
    int mine = 0;
    if (atomic_load_explicit(next, memory_order_relaxed) >= last - first) return 0;
    for (int64_t t; (t = first + atomic_fetch_add_explicit(next, 1, memory_order_relaxed)) < last; mine++)
        run_tile(w->steps, w->cuts, x, (int)t);
    return mine;
}

/* Runs tiles until all are done, first those of this thread's share. */
static void run_work(const work *w, cvt_context *x, int thread) {
    atomic_int *done = &w->progress->count;
    for (int i = 0; i < x->threads && atomic_load_explicit(done, memory_order_relaxed) < w->tiles; i++) {
        const int mine = run_share(w, x, (thread + i) % x->threads);
        if (mine) cvt_waiting_count(w->waiting, done, mine, w->tiles);
    }
    cvt_waiting_for(w->waiting, done, w->tiles);
}

/* Clears a thread's counters in the set that the next pass uses. */
static void clear_counters(cvt_exec *e, int thread) {
    const size_t each = (size_t)e->threads + 1;
    progress *set = e->progress + (e->set ? 0 : set_size(e));
    for (size_t i = 0; i < (size_t)e->plan->n_steps; i++) {
        atomic_store_explicit(&set[i * each + 1 + (size_t)thread].count, 0, memory_order_relaxed);
        if (thread == 0) atomic_store_explicit(&set[i * each].count, 0, memory_order_relaxed);
    }
}

int cvt_plan_joined(const cvt_plan *plan, int first, bool alone) {
    int end = first + 1;
    while (!alone && end < plan->n_steps && plan->steps[end].joins) end++;
    return end;
}

/* Runs all steps for n images on all threads. While steps are timed, none joins another. */
static void run_together(cvt_exec *e, const float *const *inputs, int first, int n, int thread) {
    cvt_context x = context_of(e, inputs, first, n, thread, e->threads);
    progress *set = e->progress + (e->set ? set_size(e) : 0);
    clear_counters(e, thread);
    for (int i = 0, end; i < e->plan->n_steps; i = end) {
        work w = {&e->plan->steps[i], &e->together[i], 0, &set[(size_t)i * ((size_t)e->threads + 1)], &e->waiting};
        end = cvt_plan_joined(e->plan, i, e->times);
        for (int k = i; k < end; k++) w.tiles += e->together[k].tiles;
        double start = e->times && thread == 0 ? now() : 0;
        run_work(&w, &x, thread);
        if (e->times && thread == 0) e->times[i] += now() - start;
    }
}

/* One pass of all threads: those images that each thread takes alone through all steps, then the others. */
typedef struct pass {
    cvt_exec *exec;
    const float *const *inputs;
    int n, alone;
    progress images; /* how many of the first have been taken */
} pass;

static void run_member(void *context, int thread) {
    pass *p = context;
    for (int i; (i = atomic_fetch_add_explicit(&p->images.count, 1, memory_order_relaxed)) < p->alone;)
        run_alone(p->exec, p->inputs, i, 1, thread);
    if (p->alone < p->n) run_together(p->exec, p->inputs, p->alone, p->n - p->alone, thread);
}

static void run_team(cvt_exec *e, const float *const *inputs, int n) {
    const int alone = e->plan->graph->batch_dependent ? 0 : n / e->threads * e->threads;
    pass p = {.exec = e, .inputs = inputs, .n = n, .alone = alone};
    if (alone) cut_steps(e->alone, &e->n_alone, e->plan, 1, 1);
    if (alone < n) cut_steps(e->together, &e->n_together, e->plan, n - alone, e->threads);
    cvt_team_run(e->team, run_member, &p);
    if (alone < n) e->set = !e->set;
}

/* Threads are started when all memory is there: what they take of it is left then. */
static void start_team(cvt_exec *e) {
    if (!e->team) e->team = cvt_team_new(e->threads);
    e->threads = cvt_team_size(e->team);
}

static void run_all(cvt_exec *e, const float *const *inputs, int n) {
    if (e->threads > 1) start_team(e);
    if (e->threads > 1) {
        run_team(e, inputs, n);
        return;
    }
    int each = e->plan->graph->batch_dependent ? n : 1;
    cut_steps(e->alone, &e->n_alone, e->plan, each, 1);
    for (int i = 0; i < n; i += each) run_alone(e, inputs, i, each, 0);
}

void cvt_exec_run(cvt_exec *e, const float *const *inputs, int n) {
    e->interleaved = false;
    run_all(e, inputs, n);
}

void cvt_exec_run_interleaved(cvt_exec *e, const float *const *inputs, int n) {
    e->interleaved = true;
    run_all(e, inputs, n);
}

const float *cvt_exec_value(const cvt_exec *e, cvt_value value, int image) {
    cvt_context x = context_of(e, NULL, 0, 0, 0, 1);
    return cvt_at(&x, e->plan->refs[value], image);
}

void cvt_exec_profile(cvt_exec *e, bool on) {
    free(e->times);
    e->times = on ? calloc((size_t)e->plan->n_steps + 1, sizeof *e->times) : NULL;
}

const double *cvt_exec_times(const cvt_exec *e) { return e->times; }
