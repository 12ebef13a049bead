/* test_learn.c - tests what cvt learn computes: weights against scikit-learn's (data/learn, make_learn.py), folds,
 * intervals, duplicates, from which probability on an answer is believed, and sums of products in double precision on
 * every instruction set. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "learn/doubts.h"
#include "learn/duplicates.h"
#include "learn/learn.h"
#include "learn/unknown.h"
#include "test.h"

static void check(const char *name, bool ok, const char *why) { test_case(ok, name, "%s", why); }

typedef struct data {
    int n, d, classes;
    double l2;
    int *labels;
    size_t *twins;
    float *features, *copy;
    double *weights; /* [classes, d + 1], the biases last */
} data;

static bool read_data(data *to, const char *folder, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s.txt", folder, name);
    FILE *file = fopen(path, "r");
    *to = (data){0};
    if (!file) return false;
    bool good = fscanf(file, "%d %d %d %lf", &to->n, &to->d, &to->classes, &to->l2) == 4 && to->n > 0 && to->d > 0;
    const size_t n = good ? (size_t)to->n : 0, d = good ? (size_t)to->d : 0, k = good ? (size_t)to->classes : 0;
    to->labels = calloc(n + 1, sizeof *to->labels);
    to->twins = calloc(n + 1, sizeof *to->twins);
    to->features = calloc(n * d + 1, sizeof *to->features);
    to->copy = calloc(n * d + 1, sizeof *to->copy);
    to->weights = calloc(k * (d + 1) + 1, sizeof *to->weights);
    for (size_t i = 0; good && i < n; i++) {
        good = fscanf(file, "%d", &to->labels[i]) == 1;
        to->twins[i] = i;
        for (size_t j = 0; good && j < d; j++) good = fscanf(file, "%f", &to->features[i * d + j]) == 1;
    }
    for (size_t i = 0; good && i < k * (d + 1); i++) good = fscanf(file, "%lf", &to->weights[i]) == 1;
    memcpy(to->copy, to->features, n * d * sizeof *to->copy);
    fclose(file);
    return good;
}

static void free_data(data *of) {
    free(of->labels);
    free(of->twins);
    free(of->features);
    free(of->copy);
    free(of->weights);
}

static cvt_lesson lesson_of(const data *of, cvt_team *team) {
    memcpy(of->features, of->copy, (size_t)of->n * (size_t)of->d * sizeof *of->copy);
    return (cvt_lesson){.features = of->features,
                        .n = (size_t)of->n,
                        .views = 1,
                        .d = (size_t)of->d,
                        .labels = of->labels,
                        .classes = of->classes,
                        .twins = of->twins,
                        .l2 = of->l2,
                        .team = team};
}

/* The largest difference of weights, in units of the largest weight; of biases less their mean, which is free. */
static double difference(const cvt_learned *got, const data *want) {
    const size_t d = (size_t)want->d, k = (size_t)want->classes;
    double most = 0, largest = 0;
    for (size_t c = 0; c < k; c++)
        for (size_t j = 0; j < d; j++) {
            const double w = want->weights[c * (d + 1) + j], off = fabs((double)got->weight[c * d + j] - w);
            if (off > most) most = off; /* gcc 12 for AArch64 does not bear fmax here */
            if (fabs(w) > largest) largest = fabs(w);
        }
    for (size_t c = 1; c < k; c++) {
        const double w = want->weights[c * (d + 1) + d] - want->weights[d];
        const double off = fabs((double)got->bias[c] - (double)got->bias[0] - w) / 50;
        if (off > most) most = off;
    }
    return most / largest;
}

static void test_weights(const char *folder) {
    static const char *const names[] = {"tall", "wide", "two"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        data of;
        cvt_error error = {0};
        cvt_learned one, two;
        char name[64];
        snprintf(name, sizeof name, "weights are scikit-learn's: %s", names[i]);
        if (!read_data(&of, folder, names[i])) {
            check(name, false, "no data");
            continue;
        }
        cvt_lesson lesson = lesson_of(&of, NULL);
        check(name, cvt_learn(&one, &lesson, &error) == CVT_OK, error.message);
        const double off = difference(&one, &of);
        char why[64];
        snprintf(why, sizeof why, "off by %g", off);
        check(name, one.converged && off < 2e-4, why);
        cvt_team *team = cvt_team_new(3);
        lesson = lesson_of(&of, team);
        check(name, cvt_learn(&two, &lesson, &error) == CVT_OK, error.message);
        cvt_team_free(team);
        snprintf(name, sizeof name, "the same bytes from three threads: %s", names[i]);
        const size_t bytes = (size_t)of.d * (size_t)of.classes * sizeof(float);
        check(name, memcmp(one.weight, two.weight, bytes) == 0, "other weights");
        cvt_learned_free(&one);
        cvt_learned_free(&two);
        free_data(&of);
    }
}

/* ---- the penalty ------------------------------------------------------------------------------------------------ */

/* Features of three labels that overlap, from a generator of Knuth's (MMIX). */
static void make_examples(float *x, int *labels, size_t n, size_t d, uint64_t state) {
    for (size_t i = 0; i < n; i++) {
        labels[i] = (int)(i % 3);
        for (size_t j = 0; j < d; j++) {
            double sum = 0;
            for (int k = 0; k < 4; k++) {
                state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                sum += (double)(state >> 40) / (1 << 24) - 0.5;
            }
            x[i * d + j] = (float)(sum + (j % 3 == i % 3 && j < 12 ? 0.5 : 0));
        }
    }
}

/* `auto` tries penalties down to the fourth behind that of the least loss in cross-validation, and takes the weakest of
 * those with which at most 0.5 % of the images fewer are right than with any. What each gives is asked for one by one.
 */
static void test_penalty(void) {
    enum { N = 180, D = 24, LAST = 12, WEAKER = 4 };
    static float x[N * D];
    static int labels[N];
    static size_t twins[N];
    double loss[LAST + 1] = {0};
    size_t right[LAST + 1], most = 0;
    int least = 0, best = 0;
    cvt_learned learned;
    cvt_error error = {0};
    cvt_lesson lesson = {.features = x, .n = N, .views = 1, .d = D, .labels = labels, .classes = 3, .twins = twins};
    for (size_t i = 0; i < N; i++) twins[i] = i;
    for (int step = 0; step <= LAST; step++) {
        make_examples(x, labels, N, D, 4);
        lesson.l2 = pow(10, 1 - 0.5 * step);
        check("a penalty that is given", cvt_learn(&learned, &lesson, &error) == CVT_OK, error.message);
        for (size_t i = 0; i < N; i++) loss[step] -= log((double)learned.unseen.own[i]);
        right[step] = learned.right;
        cvt_learned_free(&learned);
        if (loss[step] < loss[least]) least = step;
    }
    check("the least loss is behind the first penalty, 0.1", least > 4 && least + WEAKER < LAST, "it is not");
    for (int step = 4; step <= least + WEAKER; step++) most = right[step] > most ? right[step] : most;
    for (int step = 4; step <= least + WEAKER; step++)
        if ((double)right[step] >= (double)most - 0.005 * N) best = step;
    check("the best penalty is not that of the least loss", best != least, "it is");
    make_examples(x, labels, N, D, 4);
    lesson.l2 = 0;
    check("a penalty is chosen", cvt_learn(&learned, &lesson, &error) == CVT_OK, error.message);
    char why[96];
    snprintf(why, sizeof why, "%g instead of %g", learned.l2, pow(10, 1 - 0.5 * best));
    check("it is the best", fabs(learned.l2 / pow(10, 1 - 0.5 * best) - 1) < 1e-9, why);
    cvt_learned_free(&learned);
}

/* ---- folds and intervals --------------------------------------------------------------------------------------- */

static void test_folds(void) {
    enum { N = 47 };
    int labels[N], folds[N], other[N], counts[3][CVT_FOLDS] = {{0}}, dealt[CVT_FOLDS] = {0};
    size_t twins[N];
    for (int i = 0; i < N; i++) {
        labels[i] = i < 2 ? 0 : i < 20 ? 1 : 2;
        twins[i] = (size_t)i;
    }
    twins[40] = 21; /* the same image twice */
    cvt_lesson lesson = {.n = N, .labels = labels, .classes = 3, .twins = twins, .seed = 7};
    check("folds are dealt", cvt_deal_folds(folds, &lesson, NULL) == CVT_OK, "");
    bool even = true;
    for (int i = 0; i < N; i++) {
        counts[labels[i]][folds[i]]++;
        dealt[folds[i]]++;
    }
    for (int c = 0; c < 3; c++)
        for (int f = 0; f < CVT_FOLDS; f++)
            for (int g = 0; g < CVT_FOLDS; g++) even = even && abs(counts[c][f] - counts[c][g]) <= 2;
    check("folds have even shares of every label", even && counts[0][folds[0]] == 1, "uneven");
    check("twins are in one fold", folds[40] == folds[21], "apart");
    lesson.seed = 8;
    cvt_deal_folds(other, &lesson, NULL);
    check("another seed deals otherwise", memcmp(folds, other, sizeof folds) != 0, "the same");
    twins[1] = 0; /* a class of one image and its copy */
    cvt_deal_folds(folds, &lesson, NULL);
    check("a label that has nothing but twins is in two folds", folds[0] != folds[1], "together");
}

/* By the formula of Wilson 1927, worked out in Python. */
static void test_interval(void) {
    double low, high;
    cvt_wilson(&low, &high, 269, 372);
    check("Wilson's interval", fabs(low - 0.6755429609) < 1e-9 && fabs(high - 0.7661326341) < 1e-9, "other bounds");
    cvt_wilson(&low, &high, 0, 10);
    check("Wilson's interval of none", low == 0 && fabs(high - 0.2775327999) < 1e-9, "other bounds");
    cvt_wilson(&low, &high, 10, 10);
    check("Wilson's interval of all", fabs(low - 0.7224672001) < 1e-9 && high == 1, "other bounds");
}

/* ---- duplicates ------------------------------------------------------------------------------------------------ */

static bool all_same(void *context, size_t a, size_t b) {
    (void)context;
    return a != 3 && b != 3;
}

/* Against all pairs, one by one. */
static void test_duplicates(void) {
    enum { N = 300, D = 19 };
    static float x[N * D];
    static cvt_near_pair pairs[1000];
    static int labels[N];
    static size_t twins[N];
    size_t n_pairs = 0, wanted = 0, missing = 0;
    uint64_t state = 5;
    for (size_t i = 0; i < N; i++) {
        labels[i] = (int)(i % 3);
        for (size_t j = 0; j < D; j++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            const float noise = (float)(state >> 40) / (float)(1 << 24);
            x[i * D + j] = i >= N / 2 ? x[(i - N / 2) * D + j] + noise * 0.4f : noise;
        }
    }
    memcpy(x + 7 * D, x + 2 * D, D * sizeof *x);
    memcpy(x + 9 * D, x + 2 * D, D * sizeof *x);
    memcpy(x + 5 * D, x + 3 * D, D * sizeof *x);
    check("twins are found", cvt_find_twins(twins, x, N, D, all_same, NULL, NULL) == CVT_OK, "");
    check("twins: the first of the same rows", twins[7] == 2 && twins[9] == 2 && twins[2] == 2, "another");
    check("twins: rows that are not the same image", twins[5] == 5, "taken for the same");
    cvt_find_near(pairs, &n_pairs, 1000, x, N, D, labels, twins, 0.96, NULL);
    for (size_t a = 0; a < N; a++)
        for (size_t b = a + 1; b < N; b++) {
            double ab = 0, aa = 0, bb = 0;
            for (size_t j = 0; j < D; j++) {
                const double p = (double)x[a * D + j], q = (double)x[b * D + j];
                ab += p * q;
                aa += p * p;
                bb += q * q;
            }
            if (labels[a] == labels[b] || twins[a] == twins[b] || ab / sqrt(aa * bb) < 0.96) continue;
            bool found = false;
            for (size_t i = 0; i < n_pairs; i++) found = found || (pairs[i].a == a && pairs[i].b == b);
            missing += !found;
            wanted++;
        }
    char why[96];
    snprintf(why, sizeof why, "%zu found, %zu wanted, %zu missing", n_pairs, wanted, missing);
    check("near pairs are those of all pairs", wanted > 5 && n_pairs == wanted && !missing, why);
}

/* ---- doubts ---------------------------------------------------------------------------------------------------- */

/* Two directions, 30 images of label 0 and 10 of label 1, all with a probability of 0.6. Image 5 lies among those of
 * the other label: with 0.6 / 0.75 * 0.05 / 0.75 it is first. Image 35 has a smaller probability, 0.3: with 0.3 / 0.25
 * * (0.8 + 0.05) / 0.25 it comes after all of label 0, 0.6 / 0.75 * 1.05 / 0.75, of which the first is image 0. Its
 * twin, image 36, does not speak for it: 8 others of its label are left, and image 5. */
static void test_doubts(void) {
    enum { N = 40, D = 2 };
    float features[N * D], own[N];
    int labels[N];
    size_t twins[N], doubts[N];
    cvt_error error;
    for (size_t i = 0; i < N; i++) {
        labels[i] = i >= 30;
        const bool second = labels[i] || i == 5;
        features[i * D] = (float)(second ? 0.01 * (double)(i % 7) : 1);
        features[i * D + 1] = (float)(second ? 1 : 0.01 * (double)(i % 7));
        own[i] = i == 35 || i == 36 ? 0.3f : 0.6f;
        twins[i] = i == 36 ? 35 : i;
    }
    cvt_team *team = cvt_team_new(2);
    const cvt_suspects suspects = {
        .features = features, .n = N, .d = D, .labels = labels, .classes = 2, .own = own, .twins = twins, .team = team};
    const bool found = cvt_find_doubts(doubts, N, &suspects, &error) == CVT_OK;
    cvt_team_free(team);
    check("doubts: an image among those of another label", found && doubts[0] == 5, "another");
    check("doubts: equal ones by their order", found && doubts[1] == 0 && doubts[2] == 1, "another order");
    check("doubts: a label of few images counts more", found && doubts[30] == 35 && doubts[31] == 36, "other images");
}

/* ---- images of no label ---------------------------------------------------------------------------------------- */

/* By numpy.quantile(..., method="weibull"). */
static void test_quantiles(void) {
    static const float seven[] = {0.31f, 0.9f, 0.55f, 0.99f, 0.42f, 0.78f, 0.55f}, one[] = {0.25f};
    static const double wanted[][2] = {{0, 0.31},    {0.1, 0.31},    {0.125, 0.31},
                                       {0.2, 0.376}, {0.33, 0.5032}, {0.5, 0.55}};
    double of_seven[CVT_RATES], of_one[CVT_RATES];
    bool good = cvt_unknown_measure(of_seven, seven, 7, NULL) == CVT_OK &&
                cvt_unknown_measure(of_one, one, 1, NULL) == CVT_OK && cvt_unknown_threshold(of_one, 0.3) == 0.25;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        good = good && fabs(cvt_unknown_threshold(of_seven, wanted[i][0]) - wanted[i][1]) < 1e-7;
    check("quantiles are numpy's", good, "others");
}

enum { KNOWN = 1000, ASKED = 2000, WIDE = 12, CLUSTERS = 6 };

/* Sums of twelve numbers, evenly spread: nearly normal. */
static float make_noise(uint64_t *state) {
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        sum += (double)(*state >> 11) / (double)(UINT64_C(1) << 53);
    }
    return (float)sum;
}

/* Images of a label lie around a place of its own; strangers around the middle of all of them. */
static void make_images(float *to, int *labels, int n, bool strangers, uint64_t *state) {
    for (int i = 0; i < n; i++) {
        labels[i] = i % CLUSTERS;
        for (int j = 0; j < WIDE; j++)
            to[i * WIDE + j] = make_noise(state) + (strangers ? 0.5f : j % CLUSTERS == labels[i] ? 3 : 0);
    }
}

/* The share of images whose best class has less than the threshold, by the formula of softmax. */
static double share_below(const float *features, int n, const cvt_learned *learned, double threshold) {
    int below = 0;
    for (int i = 0; i < n; i++) {
        double logits[CLUSTERS], most = -INFINITY, sum = 0;
        for (int k = 0; k < CLUSTERS; k++) {
            logits[k] = (double)learned->bias[k];
            for (int j = 0; j < WIDE; j++)
                logits[k] += (double)learned->weight[k * WIDE + j] * (double)features[i * WIDE + j];
            most = fmax(most, logits[k]);
        }
        for (int k = 0; k < CLUSTERS; k++) sum += exp(logits[k] - most);
        below += 1 / sum < threshold;
    }
    return (double)below / n;
}

/* What cross-validation measures holds for images that nobody has seen. */
static void test_unknown(void) {
    static float known[KNOWN * WIDE], asked[ASKED * WIDE], strange[ASKED * WIDE];
    static int labels[KNOWN], others[ASKED];
    static size_t twins[KNOWN];
    uint64_t state = 11;
    make_images(known, labels, KNOWN, false, &state);
    make_images(asked, others, ASKED, false, &state);
    make_images(strange, others, ASKED, true, &state);
    for (size_t i = 0; i < KNOWN; i++) twins[i] = i;
    const cvt_lesson lesson = {.features = known,
                               .n = KNOWN,
                               .views = 1,
                               .d = WIDE,
                               .labels = labels,
                               .classes = CLUSTERS,
                               .twins = twins,
                               .team = NULL};
    cvt_learned learned;
    double quantiles[CVT_RATES];
    const bool made = cvt_learn(&learned, &lesson, NULL) == CVT_OK &&
                      cvt_unknown_measure(quantiles, learned.unseen.surest, KNOWN, NULL) == CVT_OK;
    check("images of known labels and strangers", made, "not learned");
    for (int percent = 5; made && percent <= 50; percent *= 2) {
        char name[64], why[96];
        const double rate = percent / 100.0, least = cvt_unknown_threshold(quantiles, rate);
        const double wrong = share_below(asked, ASKED, &learned, least);
        const double found = share_below(strange, ASKED, &learned, least);
        snprintf(name, sizeof name, "unknown: %d %% false alarms, and many more strangers", percent);
        snprintf(why, sizeof why, "%.2f %% of the known, %.2f %% of the strangers", 100 * wrong, 100 * found);
        check(name, fabs(wrong - rate) < 0.3 * rate && found > 2 * rate, why);
    }
    if (made) cvt_learned_free(&learned);
}

/* ---- sums of products ------------------------------------------------------------------------------------------ */

/* A product and its sum are rounded together, or one after the other: either, but for all sums alike. */
static void test_doubles(const cvt_kernels *kernels) {
    enum { STEPS = 37, ROWS = 12, ROW = 3, STEP = 41, LDB = 61, COLUMNS = 56, LDC = 59 };
    static double a[ROWS * ROW + STEPS * STEP], b[STEPS * LDB], c[ROWS * LDC], together[ROWS * LDC], apart[ROWS * LDC];
    uint64_t state = 3;
    double *const all[] = {a, b, c};
    const size_t sizes[] = {sizeof a / sizeof *a, sizeof b / sizeof *b, sizeof c / sizeof *c};
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < sizes[k]; i++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            all[k][i] = (double)(int64_t)state / 1e18;
        }
    memcpy(together, c, sizeof c);
    memcpy(apart, c, sizeof c);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t q = 0; q < COLUMNS; q++)
            for (size_t t = 0; t < STEPS; t++) {
                const double x = a[r * ROW + t * STEP], y = b[t * LDB + q];
                const volatile double product = x * y;
                together[r * LDC + q] = fma(x, y, together[r * LDC + q]);
                apart[r * LDC + q] += product;
            }
    kernels->add_doubles(c, LDC, a, ROW, STEP, b, LDB, ROWS, COLUMNS, STEPS);
    char name[96];
    snprintf(name, sizeof name, "sums of products in double: %s", kernels->name);
    check(name, memcmp(c, together, sizeof c) == 0 || memcmp(c, apart, sizeof c) == 0, "other bits");
}

int main(void) {
    test_weights("tests/data/learn");
    test_penalty();
    test_folds();
    test_interval();
    test_duplicates();
    test_doubts();
    test_quantiles();
    test_unknown();
    for (int i = 0; cvt_kernels_at(i); i++) test_doubles(cvt_kernels_at(i));
    return test_end();
}
