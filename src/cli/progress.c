/* progress.c - the line "  412 of 1000 images [####......], 2 failed, 17.3/s, 0:34 left", which is drawn over itself,
 * and the last one, "1000 images, 2 failed, 57.8 s, 17 images/s". */
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/text_table.h"

static const char clear_line[] = "\r\x1b[K";

void cvt_progress_begin(cvt_progress *progress, const cvt_settings *settings, const cvt_batch_options *options) {
    const char *name = getenv("TERM");
    const bool redraws = isatty(STDERR_FILENO) && name && strcmp(name, "dumb") != 0;
    const bool asked = cvt_opt_is(settings->progress, "always"), never = cvt_opt_is(settings->progress, "never");
    *progress = (cvt_progress){.terminal = redraws, .asked = asked};
    progress->wanted = !settings->quiet && !never && (redraws || asked);
    progress->closing = !settings->quiet && (settings->verbose || isatty(STDERR_FILENO));
    if (options->known && !options->shard.count)
        progress->total = options->known;
    else if (progress->wanted)
        progress->count = cvt_count_start(options);
    progress->start = cvt_clock_ms();
}

static double seconds_since(double start) { return (cvt_clock_ms() - start) * 1e-3; }

/* Returns images a second: of the last seconds, for what went before may have been larger, or in the cache. */
static double rate_of(cvt_progress *p, double seconds) {
    const size_t at = p->n_samples % CVT_PROGRESS_SAMPLES;
    const cvt_progress_sample oldest = p->n_samples < CVT_PROGRESS_SAMPLES ? (cvt_progress_sample){0} : p->samples[at];
    p->samples[at] = (cvt_progress_sample){seconds, p->done};
    p->n_samples++;
    return seconds > oldest.seconds ? (double)(p->done - oldest.done) / (seconds - oldest.seconds) : 0;
}

/* ---- the line -------------------------------------------------------------------------------------------------- */

enum { LINE = 160, BAR = 20 };

/* The pieces that a line can do without, the dearest first. */
enum { WITH_LEFT = 1, WITH_FAILED = 2, WITH_RATE = 4, WITH_WORD = 8, WITH_BAR = 16, WITH_ALL = 31 };

typedef struct state {
    size_t done, failed, total;
    bool all; /* the total is known */
    double rate;
} state;

static void add_left(char *line, const state *s) {
    const size_t n = strlen(line);
    if (!s->all || s->rate <= 0 || s->total < s->done) return;
    const double seconds = (double)(s->total - s->done) / s->rate + 0.5;
    const unsigned long left = seconds < 1e9 ? (unsigned long)seconds : 1000000000;
    if (left < 3600)
        snprintf(line + n, LINE - n, ", %lu:%02lu left", left / 60, left % 60);
    else if (left < 360000)
        snprintf(line + n, LINE - n, ", %lu:%02lu:%02lu left", left / 3600, left / 60 % 60, left % 60);
    else
        snprintf(line + n, LINE - n, ", %lu h left", left / 3600);
}

static void add_bar(char *line, const state *s) {
    const size_t n = strlen(line);
    if (!s->all || !s->total) return;
    const size_t filled = s->done < s->total ? (size_t)BAR * s->done / s->total : (size_t)BAR;
    char bar[BAR + 1];
    memset(bar, '.', BAR);
    memset(bar, '#', filled);
    bar[BAR] = 0;
    snprintf(line + n, LINE - n, " [%s]", bar);
}

static void form(char *line, const state *s, int with) {
    size_t n = (size_t)snprintf(line, LINE, "  %zu", s->done);
    if (s->total) n += (size_t)snprintf(line + n, LINE - n, " of %zu%s", s->total, s->all ? "" : "+");
    if (with & WITH_WORD) n += (size_t)snprintf(line + n, LINE - n, " images");
    if (with & WITH_BAR) add_bar(line, s);
    n = strlen(line);
    if ((with & WITH_FAILED) && s->failed) n += (size_t)snprintf(line + n, LINE - n, ", %zu failed", s->failed);
    if (with & WITH_RATE) snprintf(line + n, LINE - n, ", %.1f/s", s->rate);
    if (with & WITH_LEFT) add_left(line, s);
}

void cvt_progress_draw(cvt_progress *p) {
    const double seconds = seconds_since(p->start), between = p->said > 0 ? 10 : 0.5;
    char line[LINE];
    if (!p->wanted) return;
    state s = {.failed = p->failed, .total = p->total, .all = p->total > 0, .rate = rate_of(p, seconds)};
    s.done = p->done + p->passed_over;
    if (p->count) s.total = cvt_count_so_far(p->count, &s.all);
    if (s.total < s.done) s.total = 0;
    if (p->terminal ? seconds < 0.5 && !p->asked : seconds - p->said < between) return;
    int width = p->terminal ? cvt_terminal_width(STDERR_FILENO) : LINE;
    for (int with = WITH_ALL;; with >>= 1) {
        form(line, &s, with);
        if (with == 0 || strlen(line) < (size_t)width) break;
    }
    if (strlen(line) >= (size_t)width) line[width - 1] = 0; /* the last column would move to the next line */
    if (p->terminal)
        fprintf(stderr, "%s%s", clear_line, line);
    else
        fprintf(stderr, "%s\n", line + 2);
    p->shown = p->terminal;
    p->said = seconds;
}

void cvt_progress_clear(cvt_progress *progress) {
    if (!progress->shown) return;
    fputs(clear_line, stderr);
    progress->shown = false;
}

void cvt_progress_end(cvt_progress *p) {
    const double seconds = seconds_since(p->start), rate = seconds > 0 ? (double)p->done / seconds : 0;
    char before[64] = "";
    cvt_progress_clear(p);
    if (p->passed_over) snprintf(before, sizeof before, "; %zu done before", p->passed_over);
    if (p->closing || (p->wanted && !p->terminal))
        fprintf(stderr, "%zu image%s, %zu failed, %.1f s, %.*f images/s%s\n", p->done, p->done == 1 ? "" : "s",
                p->failed, seconds, rate < 10 ? 1 : 0, rate, before);
    cvt_count_end(p->count);
    *p = (cvt_progress){.done = p->done, .failed = p->failed};
}
