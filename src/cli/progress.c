/* progress.c - the line "  412 of 1000 images, 2 failed, 17.3/s, 0:34 left", which is drawn over itself. */
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char clear_line[] = "\r\x1b[K";

void cvt_progress_begin(cvt_progress *progress, size_t total, bool records) {
    const char *terminal = getenv("TERM");
    bool understands = isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
    *progress = (cvt_progress){.total = total, .wanted = understands && !(records && isatty(STDOUT_FILENO))};
    clock_gettime(CLOCK_MONOTONIC, &progress->start);
}

static double seconds_since(const struct timespec *start) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + 1e-9 * (double)(now.tv_nsec - start->tv_nsec);
}

void cvt_progress_draw(cvt_progress *progress) {
    if (!progress->wanted) return;
    double seconds = seconds_since(&progress->start);
    if (seconds < 0.5) return;
    char line[160];
    size_t n = 0;
    double rate = (double)progress->done / seconds;
    n += (size_t)snprintf(line + n, sizeof line - n, "%s  %zu", clear_line, progress->done);
    if (progress->total) n += (size_t)snprintf(line + n, sizeof line - n, " of %zu", progress->total);
    n += (size_t)snprintf(line + n, sizeof line - n, " images");
    if (progress->failed) n += (size_t)snprintf(line + n, sizeof line - n, ", %zu failed", progress->failed);
    n += (size_t)snprintf(line + n, sizeof line - n, ", %.1f/s", rate);
    if (progress->total && progress->done) {
        unsigned long left = (unsigned long)((double)(progress->total - progress->done) / rate + 0.5);
        n += (size_t)snprintf(line + n, sizeof line - n, ", %lu:%02lu left", left / 60, left % 60);
    }
    fwrite(line, 1, n, stderr);
    progress->shown = true;
}

void cvt_progress_clear(cvt_progress *progress) {
    if (!progress->shown) return;
    fputs(clear_line, stderr);
    progress->shown = false;
}
