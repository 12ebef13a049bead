/* test_measures.c - tests what cvt eval computes, against scikit-learn, scipy and timm on made-up logits (data/eval,
 * make_eval.py). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/eval_classes.h"
#include "learn/calibration.h"
#include "learn/measures.h"
#include "learn/pairs.h"
#include "test.h"

static const double allowed = 1e-9;

/* Both are the same, or both are not there. */
static bool near(double got, double want, double relative) {
    if (isnan(want)) return isnan(got);
    return fabs(got - want) <= relative * fmax(1, fabs(want));
}

typedef struct data {
    FILE *file;
    int n, classes;
    cvt_answer *answers;
    cvt_calibration calibration;
    cvt_measures measures;
} data;

static bool read_logits(data *d) {
    if (fscanf(d->file, "%d %d", &d->n, &d->classes) != 2 || d->n < 1 || d->classes < 2) return false;
    float *logits = calloc((size_t)d->classes, sizeof *logits);
    d->answers = calloc((size_t)d->n, sizeof *d->answers);
    bool good = logits && d->answers;
    for (int i = 0; good && i < d->n; i++) {
        int truth, best = 0;
        good = fscanf(d->file, "%d", &truth) == 1;
        for (int k = 0; good && k < d->classes; k++) good = fscanf(d->file, "%f", &logits[k]) == 1;
        for (int k = 1; good && k < d->classes; k++)
            if (logits[k] > logits[best]) best = k;
        if (!good) break;
        d->answers[i] = (cvt_answer){truth, best};
        cvt_calibration_add(&d->calibration, logits, d->classes, truth);
    }
    free(logits);
    return good;
}

/* A line of a class: its number and support, precision, recall, F1, and its row of the confusion matrix. */
static bool check_class(data *d, const int *seen, int n_seen, int row, size_t *cell, char why[200]) {
    const cvt_measures *m = &d->measures;
    size_t support;
    double p, r, f;
    int k;
    if (fscanf(d->file, "%d %zu %lf %lf %lf", &k, &support, &p, &r, &f) != 5) return false;
    const cvt_class_measures *c = &m->classes[k];
    snprintf(why, 200, "class %d: %zu images, %g %g %g", k, c->support, c->precision, c->recall, c->f1);
    bool good = k == seen[row] && c->support == support && near(c->precision, p, allowed) &&
                near(c->recall, r, allowed) && near(c->f1, f, allowed);
    for (int j = 0; j < n_seen; j++) {
        size_t want, got = 0;
        if (fscanf(d->file, "%zu", &want) != 1) return false;
        const cvt_answer_count *at = *cell < m->n_cells ? &m->cells[*cell] : NULL;
        if (at && at->truth == k && at->answer == seen[j]) got = at->n;
        *cell += got > 0;
        good = good && got == want;
    }
    return good;
}

static void check_values(data *d, const char *name) {
    enum { VALUES = 7 };
    const cvt_measures *m = &d->measures;
    double want[VALUES], loss, least;
    char why[200] = "", title[96];
    size_t right, cell = 0;
    int n_seen, found = 0;
    int *seen = calloc((size_t)d->classes, sizeof *seen);
    bool read = seen && fscanf(d->file, "%zu %d", &right, &n_seen) == 2;
    for (int i = 0; read && i < VALUES; i++) read = fscanf(d->file, "%lf", &want[i]) == 1;
    if (!test_case(read, name, "no expected values")) {
        free(seen);
        return;
    }
    const double temperature = cvt_calibration_temperature(&d->calibration, &loss, &least);
    const double got[VALUES] = {m->recall, m->precision, m->f1, cvt_calibration_error(&d->calibration),
                                loss,      temperature,  least};
    static const char *const names[VALUES] = {"mean accuracy", "mean precision", "mean F1",   "calibration error",
                                              "loss",          "temperature",    "least loss"};
    for (int i = 0; i < VALUES; i++) {
        const bool exact = i < 5; /* the temperature is interpolated */
        snprintf(title, sizeof title, "%s: %s", name, names[i]);
        test_case(near(got[i], want[i], exact ? allowed : 1e-6), title, "%.10g, not %.10g", got[i], want[i]);
    }
    snprintf(title, sizeof title, "%s: answers that are right", name);
    test_case(m->right == right && m->n == (size_t)d->n, title, "%zu of %zu, not %zu", m->right, m->n, right);
    for (int k = 0; k < d->classes; k++)
        if (m->classes[k].support || m->classes[k].answered) seen[found++] = k;
    bool good = found == n_seen;
    for (int i = 0; good && i < n_seen; i++) good = check_class(d, seen, n_seen, i, &cell, why);
    snprintf(title, sizeof title, "%s: each class and the confusion matrix", name);
    test_case(good && cell == m->n_cells, title, "%s; %d classes, not %d", why, found, n_seen);
    free(seen);
}

static void test_data(const char *folder, const char *name) {
    char path[512];
    data d = {0};
    cvt_error error = {0};
    snprintf(path, sizeof path, "%s/%s.txt", folder, name);
    d.file = fopen(path, "r");
    if (test_case(d.file && read_logits(&d), name, "%s cannot be read", path)) {
        /* answers in any order are the same answers */
        for (int i = 0; i < d.n / 2; i++) {
            const cvt_answer other = d.answers[i];
            d.answers[i] = d.answers[d.n - 1 - i];
            d.answers[d.n - 1 - i] = other;
        }
        test_case(cvt_measure(&d.measures, d.answers, (size_t)d.n, d.classes, &error) == CVT_OK, name, "%s",
                  error.message);
        if (d.measures.classes) check_values(&d, name);
    }
    if (d.file) fclose(d.file);
    free(d.answers);
    cvt_measures_free(&d.measures);
}

/* The order of natural_key of timm (re.split on digits, in small letters). */
static void test_order(void) {
    static const char *const sorted[] = {"1",    "2",    "10", "a",  "A1", "a2",  "a10",
                                         "a10b", "a10c", "B",  "b1", "n1", "n01b"};
    enum { N = sizeof sorted / sizeof sorted[0] };
    const char *names[N];
    for (size_t i = 0; i < N; i++) names[i] = sorted[(i * 5 + 3) % N];
    qsort(names, N, sizeof *names, cvt_compare_natural);
    size_t same = 0;
    while (same < N && strcmp(names[same], sorted[same]) == 0) same++;
    test_case(same == N, "natural order", "%s stands where %s belongs", names[same % N], sorted[same % N]);
}

/* By scipy.stats.binomtest(min(first, second), first + second).pvalue. */
static void test_pairs(void) {
    static const struct {
        size_t first, second;
        double chance;
    } cases[] = {{0, 0, 1},
                 {1, 0, 1},
                 {5, 5, 1},
                 {3, 9, 0.14599609375},
                 {10, 2, 0.03857421875},
                 {40, 71, 0.00419553418539},
                 {300, 401, 0.000154981763615},
                 {12000, 12500, 0.0014321425048},
                 {0, 900, 2.36610437233e-271},
                 {1, 1400, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const cvt_pairs of = {.first = cases[i].first, .second = cases[i].second};
        char name[64], why[64];
        snprintf(name, sizeof name, "McNemar's exact test: %zu and %zu", of.first, of.second);
        snprintf(why, sizeof why, "%.12g", cvt_pairs_chance(&of));
        test_case(fabs(cvt_pairs_chance(&of) - cases[i].chance) <= 1e-8 * cases[i].chance, name, "%s", why);
    }
    cvt_pairs pairs = {0};
    static const int answers[][3] = {{1, 1, 1}, {1, 1, 2}, {1, 0, 1}, {1, 0, 2}, {1, 0, 0}, {0, 0, 1}};
    for (size_t i = 0; i < 6; i++) cvt_pairs_add(&pairs, answers[i][0], answers[i][1], answers[i][2]);
    test_case(pairs.n == 6 && pairs.same == 2 && pairs.both == 1 && pairs.first == 2 && pairs.second == 1 &&
                  pairs.neither == 2,
              "pairs of answers are counted", "otherwise");
}

int main(void) {
    static const char *const names[] = {"five", "subset", "two", "right"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) test_data("tests/data/eval", names[i]);
    test_order();
    test_pairs();
    return test_end();
}
