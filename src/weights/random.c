/* random.c - random weights, the same on every machine: no function of libm is used, since those differ. */
#include <string.h>

#include "base/num.h"
#include "weights/bind.h"

/* Returns a number of mean 0 and variance 1: the sum of 12 uniform numbers, minus 6. */
static float normal(uint64_t *state) {
    uint32_t sum = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t r = cvt_random(state);
        sum +=
            (uint32_t)(r & 0xffff) + (uint32_t)(r >> 16 & 0xffff) + (uint32_t)(r >> 32 & 0xffff) + (uint32_t)(r >> 48);
    }
    return ((float)sum - 6 * 65535.0f) / 65536.0f;
}

static float uniform(uint64_t *state) { return (float)(cvt_random(state) >> 40) * 0x1p-24f; }

static float inverse_root(double x) { /* Newton's method from below gives the same bits everywhere */
    double y = 1;
    while (x * y * y > 1) y /= 2;
    for (int i = 0; i < 8; i++) y *= 1.5 - 0.5 * x * y * y;
    return (float)y;
}

static void fill(float *to, const cvt_param *p, uint64_t seed) {
    uint64_t state = seed;
    for (const char *s = p->name; *s; s++) state = cvt_random(&state) ^ (unsigned char)*s;
    const char *leaf = strrchr(p->name, '.') ? strrchr(p->name, '.') + 1 : p->name;
    bool variance = strcmp(leaf, "running_var") == 0, gain = p->rank == 1 && strcmp(leaf, "weight") == 0;
    size_t fan = p->rank > 1 ? p->count / (size_t)p->shape[0] : 1;
    float scale = p->rank > 1 ? inverse_root((double)fan) : 0.1f;
    for (size_t i = 0; i < p->count; i++)
        to[i] = variance ? 0.5f + uniform(&state) : (gain ? 1 : 0) + scale * normal(&state);
}

cvt_status cvt_bind_random(cvt_source **sources, const cvt_graph *graph, uint64_t seed, cvt_arena *arena,
                           cvt_error *error) {
    *sources = cvt_arena_array(arena, (size_t)graph->n_params + 1, sizeof **sources);
    if (!*sources) return cvt_fail_memory(error);
    for (int p = 0; p < graph->n_params; p++) {
        if (graph->params[p].ignored) continue;
        float *values = cvt_arena_array(arena, graph->params[p].count, sizeof *values);
        if (!values) return cvt_fail_memory(error);
        fill(values, &graph->params[p], seed);
        (*sources)[p] = (cvt_source){.data = values, .dtype = CVT_F32};
    }
    return CVT_OK;
}
