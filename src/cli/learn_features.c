/* learn_features.c - reads the features of the images that cvt learn learns from, and of those that it checks with. */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cli/learn.h"
#include "cli/threads.h"
#include "model/interleaved.h"

/* A run over images, whose rows of features are stored one behind the other. */
typedef struct run {
    learn *l;
    const learn_image *items; /* in the order of the inputs */
    size_t at;                /* the next result's */
    size_t n_learns;          /* items that are learned from; those to check with come behind them */
    float *checks;            /* [items - n_learns, d]; NULL: the run is over a view */
    float *view;              /* [n, d], filled with the features of the images themselves; NULL: it is not */
    cvt_progress progress;
} run;

/* ---- which images ---------------------------------------------------------------------------------------------- */

/* A hash of the path and the seed: what decides which images are held back, whatever their number. */
static uint64_t draw(const char *path, int64_t seed) {
    const uint64_t hash = cvt_fnv1a((uint64_t)seed * UINT64_C(0x9e3779b97f4a7c15), path, strlen(path));
    return hash ^ hash >> 32;
}

typedef struct lot {
    uint64_t drawn;
    size_t image;
} lot;

static int compare_lots(const void *a, const void *b) {
    const lot *one = a, *two = b;
    if (one->drawn != two->drawn) return one->drawn < two->drawn ? -1 : 1;
    return one->image < two->image ? -1 : one->image > two->image;
}

/* Marks the share of each label's images that is held back; two of a label are always learned from. */
static cvt_status hold_back(bool *held, const learn *l, cvt_error *error) {
    const cvt_labelled *set = &l->images;
    lot *lots = calloc(set->n, sizeof *lots);
    if (!lots) return cvt_fail_memory(error);
    for (size_t first = 0, count; first < set->n; first += count) {
        count = set->counts[set->labels[first]];
        for (size_t i = 0; i < count; i++) lots[i] = (lot){draw(set->paths[first + i], l->settings->seed), first + i};
        qsort(lots, count, sizeof *lots, compare_lots);
        const size_t wanted = (size_t)(l->settings->val_share * (double)count + 0.5);
        for (size_t i = 0; i < wanted && i + 2 < count; i++) held[lots[i].image] = true;
    }
    free(lots);
    return CVT_OK;
}

/* The label of an image to check with, by its name; -1: it is not learned. */
static int find_label(const cvt_labelled *set, const char *name) {
    int low = 0, high = set->n_names;
    while (low < high) {
        const int middle = low + (high - low) / 2, order = strcmp(set->names[middle], name);
        if (order == 0) return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

/* Fills l->learns and l->checks, which lie in one array. */
static cvt_status choose(learn *l, cvt_error *error) {
    const cvt_labelled *set = &l->images, *others = &l->others;
    bool *held = cvt_arena_array(&l->arena, set->n + 1, sizeof *held);
    l->learns = cvt_arena_array(&l->arena, set->n + others->n + 1, sizeof *l->learns);
    l->counts = cvt_arena_array(&l->arena, (size_t)set->n_names, sizeof *l->counts);
    if (!held || !l->learns || !l->counts) return cvt_fail_memory(error);
    TRY(hold_back(held, l, error));
    for (size_t i = 0; i < set->n; i++)
        if (!held[i]) l->learns[l->n++] = (learn_image){set->paths[i], set->labels[i]};
    l->checks = l->learns + l->n;
    for (size_t i = 0; i < set->n; i++)
        if (held[i]) l->checks[l->n_checks++] = (learn_image){set->paths[i], set->labels[i]};
    for (size_t i = 0; i < others->n; i++)
        l->checks[l->n_checks++] = (learn_image){others->paths[i], find_label(set, others->names[others->labels[i]])};
    return CVT_OK;
}

/* ---- results --------------------------------------------------------------------------------------------------- */

static void store(run *r, const float *row) {
    learn *l = r->l;
    const learn_image *it = &r->items[r->at];
    if (r->at >= r->n_learns) {
        memcpy(r->checks + l->n_checks * l->d, row, l->d * sizeof *row);
        l->checks[l->n_checks++] = *it;
        return;
    }
    memcpy(l->features + l->n * l->d, row, l->d * sizeof *row);
    l->learns[l->n++] = *it;
    l->counts[it->label]++;
}

static bool add_result(void *context, const cvt_batch_result *result) {
    run *r = context;
    const bool good = result->status == CVT_OK;
    if (r->view && good)
        memcpy(r->view + r->at * r->l->d, result->output, r->l->d * sizeof *r->view);
    else if (good)
        store(r, result->output);
    if (!r->view || !good) cvt_inputs_note(&r->progress, result, NULL);
    if (r->view && good) r->progress.done++;
    r->at++;
    return true;
}

static void remark(void *context, const char *path, const char *message) {
    run *r = context;
    cvt_inputs_remark(&r->progress, path, message);
}

static bool tick(void *context) {
    run *r = context;
    cvt_progress_draw(&r->progress);
    return true;
}

/* Runs the n items. */
static cvt_status run_items(run *r, size_t n, const cvt_batch_view *view, cvt_error *error) {
    const cvt_settings *s = r->l->settings;
    cvt_batch *batch;
    cvt_threads threads;
    const char **paths = calloc(n + 1, sizeof *paths);
    if (!paths) return cvt_fail_memory(error);
    for (size_t i = 0; i < n; i++) paths[i] = r->items[i].path;
    cvt_status status = cvt_threads_choose(s, true, &threads, error);
    const cvt_batch_options options = {.inputs = {.paths = paths, .n_paths = n, .plain = true, .wake = -1},
                                       .image = cvt_settings_image(s),
                                       .view = view,
                                       .threads = threads.inside,
                                       .jobs = threads.jobs,
                                       .images = (int)s->batch,
                                       .embedding = true,
                                       .known = n};
    r->l->threads = threads.inside * threads.jobs;
    if (status == CVT_OK) status = cvt_batch_new(&batch, r->l->base, &options, error);
    if (status == CVT_OK) {
        const cvt_batch_sink sink = {.result = add_result, .tick = tick, .remark = remark, .context = r};
        cvt_progress_begin(&r->progress, s, &options);
        status = cvt_batch_run(batch, &sink, error);
        cvt_progress_end(&r->progress);
        cvt_batch_free(batch);
    }
    free(paths);
    return status;
}

/* ---- all of them ----------------------------------------------------------------------------------------------- */

/* The images as they are. */
static cvt_status run_images(learn *l, cvt_error *error) {
    run r = {.l = l, .n_learns = l->n};
    const size_t n = l->n + l->n_checks, rows = (l->n_views + 1) * l->n;
    size_t row, all;
    if (!cvt_mul_size(l->d, sizeof *l->features, &row) || !cvt_mul_size(rows + l->n_checks, row, &all))
        return cvt_fail_memory(error);
    learn_image *items = cvt_arena_array(&l->arena, n, sizeof *items);
    l->features = malloc(all);
    if (!items || !l->features) return cvt_fail_memory(error);
    memcpy(items, l->learns, n * sizeof *items);
    r.items = items;
    r.checks = l->features + rows * l->d;
    l->check_features = r.checks;
    l->n = l->n_checks = 0; /* counted again: of those that can be read */
    TRY(run_items(&r, n, NULL, error));
    l->failed = r.progress.failed;
    return CVT_OK;
}

static cvt_status read_all(learn *l, cvt_error *error) {
    cvt_tensor_info info;
    TRY(cvt_batch_value(&info, l->base, &(cvt_batch_options){.embedding = true}, error));
    l->d = cvt_tensor_count(info);
    TRY(choose(l, error));
    TRY(run_images(l, error));
    for (size_t v = 0; v < l->n_views; v++) {
        run r = {.l = l, .items = l->learns, .n_learns = l->n, .view = l->features + (v + 1) * l->n * l->d};
        memcpy(r.view, l->features, l->n * l->d * sizeof *r.view);
        TRY(run_items(&r, l->n, &l->views[v], error));
    }
    return CVT_OK;
}

int cvt_learn_features(learn *l) {
    cvt_error error;
    return read_all(l, &error) == CVT_OK ? CVT_EXIT_OK : cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
}
