/* cuts.h - runs the tiles of a plan one after another on one thread, and works out when many threads would be done with
 * them. A caller's meter says what each tile costs: the time that passes, or work that is counted. */
#ifndef CVT_TESTS_CUTS_H
#define CVT_TESTS_CUTS_H

#include <stdlib.h>

#include "base/pages.h"
#include "plan/plan.h"

enum { CUTS_THREADS = 64 }; /* the most threads */

/* Memory for passes of up to n images over a plan, without the threads of a cvt_exec. */
typedef struct rig {
    const cvt_plan *plan;
    cvt_context x;
    float *input;
    const float *inputs[8];
    size_t arena_size, scratch_size;
    double meter_cost; /* what a look at the meter adds to the cost of a tile */
} rig;

static void rig_free(rig *r) {
    cvt_pages_free(r->x.arena, r->arena_size);
    cvt_pages_free(r->x.scratch, r->scratch_size);
    free(r->input);
}

/* Its inputs are numbers that depend on their place alone. Returns false without memory. */
static bool rig_new(rig *r, const cvt_plan *plan, int n) {
    const cvt_graph *g = plan->graph;
    size_t most = 0;
    for (int i = 0; i < g->n_inputs; i++) {
        size_t size = (size_t)n * cvt_shape_count(g->values[g->inputs[i]].shape);
        most = size > most ? size : most;
    }
    *r = (rig){.plan = plan};
    r->arena_size = (plan->floats * (size_t)n + 16) * sizeof(float);
    r->scratch_size = (plan->scratch + 16) * sizeof(float);
    r->input = malloc((most + 1) * sizeof *r->input);
    for (size_t i = 0; r->input && i < most; i++) r->input[i] = (float)((uint32_t)i * 2654435761u >> 16) * 0x1p-15f - 1;
    for (size_t i = 0; i < sizeof r->inputs / sizeof *r->inputs; i++) r->inputs[i] = r->input;
    r->x = (cvt_context){.kernels = plan->kernels,
                         .arena = cvt_pages_alloc(r->arena_size),
                         .scratch = cvt_pages_alloc(r->scratch_size),
                         .inputs = r->inputs,
                         .interleaved = true,
                         .floats = plan->floats,
                         .kept = plan->kept};
    if (r->x.arena && r->x.scratch && r->input) return true;
    rig_free(r);
    return false;
}

/* Returns how many tiles a pass of n images has on so many threads. */
static size_t count_tiles(const cvt_plan *plan, int n, int threads) {
    size_t count = 0;
    for (int i = 0; i < plan->n_steps; i++) count += (size_t)plan->steps[i].cut(plan->steps[i].args, n, threads).tiles;
    return count;
}

/* Runs a pass of n images, cut for so many threads. costs[] gets what each tile cost by the meter, unless what stands
 * there is less; NULL: it is not asked. */
static void run_cut(rig *r, int n, int threads, double (*meter)(void), double *costs) {
    r->x.n = n;
    r->x.threads = threads;
    for (int i = 0; i < r->plan->n_steps; i++) {
        const cvt_step *s = &r->plan->steps[i];
        r->x.cut = s->cut(s->args, n, threads);
        for (int t = 0; t < r->x.cut.tiles; t++) {
            double begin = costs ? meter() : 0;
            s->run(s->args, &r->x, t);
            double cost = costs ? meter() - begin - r->meter_cost : 0;
            if (costs && cost < *costs) *costs = cost;
            if (costs) costs++;
        }
    }
}

/* Returns when the last of some threads is done with the tiles of a step, as plan/exec.c hands them out: a share to
 * each, and then those that others have left. */
static double schedule(const double *costs, int tiles, int threads) {
    double time[CUTS_THREADS] = {0}, last = 0;
    int handed[CUTS_THREADS] = {0};
    for (int left = tiles; left; left--) {
        int thread = 0, owner = 0;
        for (int i = 1; i < threads; i++)
            if (time[i] < time[thread]) thread = i;
        for (int i = 0, first, end; i < threads; i++) {
            owner = (thread + i) % threads;
            first = (int)((int64_t)tiles * owner / threads);
            end = (int)((int64_t)tiles * (owner + 1) / threads);
            if (first + handed[owner] < end) break;
        }
        int tile = (int)((int64_t)tiles * owner / threads) + handed[owner]++;
        time[thread] += costs[tile];
        if (time[thread] > last) last = time[thread];
    }
    return last;
}

/* What a pass comes to on some threads: by step, where by_step is not NULL. Tiles cost what run_cut has found. */
static double schedule_pass(const cvt_plan *plan, int n, int threads, double barrier, const double *costs,
                            double *by_step) {
    double sum = 0;
    for (int i = 0, end, all; i < plan->n_steps; i = end) {
        end = cvt_plan_joined(plan, i, false);
        all = 0;
        for (int k = i; k < end; k++) all += plan->steps[k].cut(plan->steps[k].args, n, threads).tiles;
        double time = all ? schedule(costs, all, threads) + (threads > 1 ? barrier : 0) : 0, work = 0;
        for (int t = 0; t < all; t++) work += costs[t];
        for (int k = i; by_step && k < end; k++) { /* what they took together goes by what their tiles cost */
            by_step[k] = 0;
            for (int t = plan->steps[k].cut(plan->steps[k].args, n, threads).tiles; t > 0; t--)
                by_step[k] += *costs++ / work * time;
        }
        if (!by_step) costs += all;
        sum += time;
    }
    return sum;
}

/* Runs a pass `rounds` times and schedules it. Returns its cost, or -1 without memory. Of more images than threads,
 * each thread takes as many whole ones as there are for all; that is scheduled as plan/exec.c does it. */
static double cost_of(rig *r, int n, int threads, double barrier, int rounds, double (*meter)(void), double *by_step) {
    int alone = n / threads * threads, left = n - alone;
    size_t count = count_tiles(r->plan, alone ? 1 : n, alone ? 1 : threads);
    double sum = 0, *costs = malloc((count + 1) * sizeof *costs);
    if (alone && left) sum = cost_of(r, left, threads, barrier, rounds, meter, NULL);
    for (size_t i = 0; costs && i < count; i++) costs[i] = 1e30;
    for (int i = 0; costs && i < rounds; i++) run_cut(r, alone ? 1 : n, alone ? 1 : threads, meter, costs);
    if (costs)
        sum += alone ? alone / threads * schedule_pass(r->plan, 1, 1, barrier, costs, by_step)
                     : schedule_pass(r->plan, n, threads, barrier, costs, by_step);
    free(costs);
    return costs ? sum : -1;
}

#endif
