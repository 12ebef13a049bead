/* folds.c - deals images into the folds of cross-validation, and the interval of a share. */
#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "learn/learn.h"

static void shuffle(size_t *items, size_t n, uint64_t *state) {
    for (size_t left = n; left > 1; left--) {
        const size_t other = (size_t)(cvt_random(state) % left), item = items[left - 1];
        items[left - 1] = items[other];
        items[other] = item;
    }
}

/* Collects the images of a class: those that are no later twins, or, if there is only one of them, all. */
static size_t collect(size_t *items, const cvt_lesson *l, const size_t *of_class, size_t n) {
    size_t distinct = 0;
    for (size_t i = 0; i < n; i++)
        if (l->twins[of_class[i]] == of_class[i]) items[distinct++] = of_class[i];
    if (distinct > 1) return distinct;
    for (size_t i = 0; i < n; i++) items[i] = of_class[i];
    return n;
}

/* starts: [classes + 1]; sorted: the images, class by class. */
static void sort_by_class(size_t *starts, size_t *sorted, const cvt_lesson *l) {
    for (size_t i = 0; i < l->n; i++) starts[l->labels[i] + 1]++;
    for (int c = 0; c < l->classes; c++) starts[c + 1] += starts[c];
    for (size_t i = 0; i < l->n; i++) sorted[starts[l->labels[i]]++] = i;
    for (int c = l->classes; c > 0; c--) starts[c] = starts[c - 1];
    starts[0] = 0;
}

static void deal(int *folds, size_t *starts, size_t *sorted, size_t *items, const cvt_lesson *l) {
    uint64_t state = l->seed;
    size_t dealt = 0;
    sort_by_class(starts, sorted, l);
    for (size_t i = 0; i < l->n; i++) folds[i] = -1;
    for (int c = 0; c < l->classes; c++) {
        const size_t n = collect(items, l, sorted + starts[c], starts[c + 1] - starts[c]);
        shuffle(items, n, &state);
        for (size_t i = 0; i < n; i++) folds[items[i]] = (int)(dealt++ % CVT_FOLDS);
    }
    for (size_t i = 0; i < l->n; i++)
        if (folds[i] < 0) folds[i] = folds[l->twins[i]];
}

cvt_status cvt_deal_folds(int *folds, const cvt_lesson *l, cvt_error *error) {
    size_t *starts = calloc((size_t)l->classes + 1, sizeof *starts);
    size_t *sorted = calloc(l->n, sizeof *sorted), *items = calloc(l->n, sizeof *items);
    const bool made = starts && sorted && items;
    if (made) deal(folds, starts, sorted, items, l);
    free(starts);
    free(sorted);
    free(items);
    return made ? CVT_OK : cvt_fail_memory(error);
}

void cvt_wilson(double *low, double *high, size_t right, size_t n) {
    const double z = 1.959963984540054, count = (double)n, p = n ? (double)right / count : 0;
    *low = 0;
    *high = 1;
    if (!n) return;
    const double below = 1 + z * z / count, centre = p + z * z / (2 * count);
    const double reach = z * sqrt(p * (1 - p) / count + z * z / (4 * count * count));
    *low = right ? (centre - reach) / below : 0;
    *high = right < n ? (centre + reach) / below : 1;
}
