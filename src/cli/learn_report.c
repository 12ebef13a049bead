/* learn_report.c - fits the last layer, and tells what came of it: duplicates, counts, doubtful labels. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/learn.h"
#include "cli/unknown.h"
#include "learn/doubts.h"
#include "learn/duplicates.h"
#include "report/json_out.h"
#include "report/record.h"

enum { SHOWN_PAIRS = 20, MAX_PAIRS = 10000 };
static const double near = 0.995;

/* ---- duplicates ------------------------------------------------------------------------------------------------ */

/* Have both files the same bytes? */
static bool same_bytes(void *context, size_t a, size_t b) {
    const learn *l = context;
    cvt_file one, two;
    if (cvt_file_map(&one, l->learns[a].path, NULL) != CVT_OK) return false;
    bool same = cvt_file_map(&two, l->learns[b].path, NULL) == CVT_OK;
    if (same) {
        same = one.size == two.size && one.size && memcmp(one.data, two.data, one.size) == 0;
        cvt_file_close(&two);
    }
    cvt_file_close(&one);
    return same;
}

static const char *name_of(const learn *l, int label) { return l->images.names[label]; }

static void say_pair(const learn *l, size_t a, size_t b, const char *what) {
    cvt_str line = {0};
    cvt_str_print(&line, "%s %s, under two labels: \"%s\" and \"%s\"", what, l->learns[b].path,
                  name_of(l, l->learns[a].label), name_of(l, l->learns[b].label));
    cvt_cli_say(l->learns[a].path, line.data ? line.data : what);
    cvt_str_free(&line);
}

static void say_more(size_t n, const char *what) {
    char line[128];
    if (n <= SHOWN_PAIRS) return;
    snprintf(line, sizeof line, "%s%zu more %s under two labels", n >= MAX_PAIRS ? "at least " : "", n - SHOWN_PAIRS,
             what);
    cvt_cli_say(NULL, line);
}

/* Says the images that are in two classes. l->twins becomes, of each image, the first one that is the same. */
static cvt_status find_duplicates(learn *l, const int *labels, cvt_error *error) {
    cvt_near_pair *pairs = calloc(MAX_PAIRS, sizeof *pairs);
    size_t n = 0, exact = 0;
    if (!pairs) return cvt_fail_memory(error);
    cvt_status status = cvt_find_twins(l->twins, l->features, l->n, l->d, same_bytes, l, error);
    for (size_t i = 0; status == CVT_OK && i < l->n; i++)
        if (labels[i] != labels[l->twins[i]] && exact++ < SHOWN_PAIRS)
            say_pair(l, l->twins[i], i, "has the same bytes as");
    say_more(exact, "images");
    if (status == CVT_OK)
        status = cvt_find_near(pairs, &n, MAX_PAIRS, l->features, l->n, l->d, labels, l->twins, near, error);
    for (size_t i = 0; i < n && i < SHOWN_PAIRS; i++) say_pair(l, pairs[i].a, pairs[i].b, "is nearly the same as");
    say_more(n, "pairs of nearly the same images");
    free(pairs);
    return status;
}

/* ---- the fit --------------------------------------------------------------------------------------------------- */

/* Says that the fit takes minutes, as far as that can be told from its size: some 300 times the loss of five folds and
 * its gradient, which is two products of the features and a probability for each label. */
static void say_long(const learn *l) {
    enum { EVALUATIONS = 300, A_PROBABILITY = 200 };
    const double speed = 2e10, rows = (double)l->n * (double)(l->n_views + 1), labels = l->images.n_names;
    const double seconds = rows * labels * (4 * (double)l->d + A_PROBABILITY) * EVALUATIONS / speed / l->threads;
    char line[128];
    if (seconds < 120) return;
    snprintf(line, sizeof line, "%d labels for %zu images: the fit may take some %.0f minutes", l->images.n_names, l->n,
             seconds / 60);
    cvt_cli_say(NULL, line);
}

static void check(learn *l) {
    for (size_t i = 0; i < l->n_checks; i++) {
        if (l->checks[i].label < 0) continue;
        const float *row = l->check_features + i * l->d;
        l->checked++;
        l->checked_right += cvt_learned_answer(&l->learned, row, l->d, l->images.n_names) == l->checks[i].label;
    }
    if (l->checked == l->n_checks) return;
    char line[96];
    snprintf(line, sizeof line, "%zu images have labels that are not learned: they are not checked with",
             l->n_checks - l->checked);
    cvt_cli_say(l->settings->val, line);
}

/* Twins go together only within a label: across labels one of the two labels is wrong, which is to be found out. */
static void part_twins(learn *l, const int *labels) {
    for (size_t i = 0; i < l->n; i++)
        if (labels[i] != labels[l->twins[i]]) l->twins[i] = i;
}

/* Fills l->doubts. */
static cvt_status find_doubts(learn *l, const cvt_lesson *lesson, cvt_error *error) {
    const size_t wanted = (size_t)l->settings->top;
    const cvt_suspects suspects = {.features = lesson->features,
                                   .n = l->n,
                                   .d = l->d,
                                   .labels = lesson->labels,
                                   .classes = lesson->classes,
                                   .own = l->learned.likely.own,
                                   .twins = l->twins,
                                   .team = lesson->team};
    l->n_doubts = wanted < l->n ? wanted : l->n;
    if (!l->n_doubts) return CVT_OK;
    l->doubts = cvt_arena_array(&l->arena, l->n_doubts, sizeof *l->doubts);
    return l->doubts ? cvt_find_doubts(l->doubts, l->n_doubts, &suspects, error) : cvt_fail_memory(error);
}

static cvt_status fit(learn *l, cvt_team *team, cvt_error *error) {
    int *labels = cvt_arena_array(&l->arena, l->n, sizeof *labels);
    l->twins = cvt_arena_array(&l->arena, l->n, sizeof *l->twins);
    if (!labels || !l->twins) return cvt_fail_memory(error);
    for (size_t i = 0; i < l->n; i++) labels[i] = l->learns[i].label;
    TRY(find_duplicates(l, labels, error));
    part_twins(l, labels);
    say_long(l);
    const cvt_lesson lesson = {.features = l->features,
                               .n = l->n,
                               .views = l->n_views + 1,
                               .d = l->d,
                               .labels = labels,
                               .classes = l->images.n_names,
                               .twins = l->twins,
                               .l2 = l->l2,
                               .balance = l->settings->balance,
                               .seed = (uint64_t)l->settings->seed,
                               .team = team};
    TRY(cvt_learn(&l->learned, &lesson, error));
    TRY(cvt_unknown_measure(l->quantiles, l->learned.unseen.surest, l->n, error));
    TRY(find_doubts(l, &lesson, error));
    if (!l->learned.converged) cvt_cli_say(NULL, "the fit ended before it was exact: the model may be a little worse");
    check(l);
    return CVT_OK;
}

cvt_status cvt_learn_fit(learn *l, cvt_error *error) {
    cvt_team *team = cvt_team_new(l->threads);
    cvt_status status = fit(l, team, error);
    cvt_team_free(team);
    return status;
}

/* ---- what the file keeps --------------------------------------------------------------------------------------- */

static void describe_share(cvt_str *to, const char *name, size_t right, size_t n) {
    double low, high;
    cvt_wilson(&low, &high, right, n);
    cvt_str_print(to, ",\"%s\":{\"images\":%zu,\"right\":%zu,\"top1\":", name, n, right);
    cvt_json_out_number(to, (double)right / (double)n);
    cvt_str_print(to, ",\"low\":");
    cvt_json_out_number(to, low);
    cvt_str_print(to, ",\"high\":");
    cvt_json_out_number(to, high);
    cvt_str_print(to, "}");
}

void cvt_learn_describe(const learn *l, cvt_str *to) {
    char date[32];
    const time_t now = time(NULL);
    struct tm day;
    cvt_str_print(to, "{\"cvt\":\"%s\",\"base\":{", cvt_version());
    cvt_model_provenance(l->base, to);
    cvt_str_print(to, "},\"labels\":%d,\"images\":%zu,\"counts\":[", l->images.n_names, l->n);
    for (int k = 0; k < l->images.n_names; k++) cvt_str_print(to, "%s%zu", k ? "," : "", l->counts[k]);
    cvt_str_print(to, "],\"augment\":\"%s\",\"balance\":%s,\"seed\":%lld,\"l2\":", l->settings->augment,
                  l->settings->balance ? "true" : "false", (long long)l->settings->seed);
    cvt_json_out_number(to, l->learned.l2);
    describe_share(to, "cross_validation", l->learned.right, l->n);
    for (int r = 0; r < CVT_RATES; r++) {
        cvt_str_print(to, r ? "," : ",\"%s\":[", CVT_LEARNED_QUANTILES);
        cvt_json_out_number(to, l->quantiles[r]);
    }
    cvt_str_print(to, "]");
    if (l->checked) describe_share(to, "validation", l->checked_right, l->checked);
    if (l->settings->date && gmtime_r(&now, &day) && strftime(date, sizeof date, "%Y-%m-%d", &day))
        cvt_str_print(to, ",\"date\":\"%s\"", date);
    cvt_str_print(to, "}");
}

/* ---- what people read ------------------------------------------------------------------------------------------ */

/* "86.2 % (82.2 to 89.5 %)" */
static void print_share(cvt_str *to, size_t right, size_t n) {
    double low, high;
    cvt_wilson(&low, &high, right, n);
    cvt_str_print(to, "%.1f %% (%.1f to %.1f %%)", 100.0 * (double)right / (double)n, 100 * low, 100 * high);
}

static void print_labels(const learn *l, cvt_str *to) {
    const int n = l->images.n_names;
    size_t *right = calloc((size_t)n, sizeof *right);
    if (!right) to->failed = true;
    for (size_t i = 0; right && i < l->n; i++)
        right[l->learns[i].label] += l->learned.unseen.answers[i] == l->learns[i].label;
    cvt_str_print(to, "images  named rightly  label\n");
    for (int k = 0; right && k < n; k++) {
        cvt_str_print(to, "%6zu  %11.1f %%  ", l->counts[k], 100.0 * (double)right[k] / (double)l->counts[k]);
        cvt_record_escape(to, name_of(l, k));
        cvt_str_print(to, "\n");
    }
    free(right);
}

/* The labels in l->doubts. */
static void print_doubtful(const learn *l, cvt_str *to) {
    cvt_str_print(to, "the labels that are most doubtful, and what the images look like:\n");
    for (size_t i = 0; i < l->n_doubts; i++) {
        const size_t image = l->doubts[i];
        cvt_str_print(to, "%8.4f %%  ", 100 * (double)l->learned.likely.own[image]);
        cvt_record_escape(to, name_of(l, l->learns[image].label));
        cvt_str_print(to, "\t%8.4f %%  ", 100 * (double)l->learned.likely.surest[image]);
        cvt_record_escape(to, name_of(l, l->learned.likely.answers[image]));
        cvt_str_print(to, "\t");
        cvt_record_escape(to, l->learns[image].path);
        cvt_str_print(to, "\n");
    }
}

void cvt_learn_report(learn *l) {
    cvt_str text = {0};
    const double seconds = (cvt_clock_ms() - l->start) * 1e-3;
    print_labels(l, &text);
    if (l->n_doubts) print_doubtful(l, &text);
    cvt_str_print(&text, "Learned %d labels from %zu images in %.1f s; the model is ", l->images.n_names, l->n,
                  seconds);
    cvt_record_escape(&text, l->settings->output);
    cvt_str_print(&text, ".\nOf images that it had not seen it named ");
    print_share(&text, l->learned.right, l->n);
    cvt_str_print(&text, " rightly when it learned from four fifths of them");
    if (l->checked) {
        cvt_str_print(&text, ", and of %zu images held back ", l->checked);
        print_share(&text, l->checked_right, l->checked);
    }
    cvt_str_print(&text, ".\n");
    cvt_cli_write_str(l->cli, &text);
}
