/* bench.c - cvt bench: measures how fast a model runs on random input. After a warm-up, forward passes are timed one by
 * one; a pass of b images counts as b images of equal time. The times of the kinds of operations come from extra
 * passes, so that measuring them slows nothing else that is reported. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/grow.h"
#include "base/num.h"
#include "cli/models.h"
#include "cli/threads.h"
#include "report/json_out.h"

/* The warm-up and the profile take EXTRA_PASSES passes each, or fewer where a slow model would need more than
 * EXTRA_MS. */
enum { EXTRA_PASSES = 5, EXTRA_MS = 1000, MIN_PASSES = 3 };

typedef struct bench {
    const cvt_settings *settings;
    const cvt_model *model;
    cvt_session *session;
    float **inputs; /* one for each input of the model */
    int batch, threads;
    double *passes; /* the milliseconds an image of each pass; sorted at the end */
    size_t n;
    int profiled; /* passes that were made with profiling on */
} bench;

/* ---- input ----------------------------------------------------------------------------------------------------- */

/* Fills an array with numbers in [-2, 2), the same everywhere. Marsaglia's xorshift64, Journal of Statistical Software
 * 8(14), 2003. */
static void fill(float *data, size_t n) {
    uint64_t x = UINT64_C(88172645463325252);
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        data[i] = (float)(x >> 40) * 0x1p-22f - 2.0f;
    }
}

static cvt_status make_inputs(bench *b, cvt_error *error) {
    int n = cvt_model_inputs(b->model);
    b->inputs = calloc((size_t)n, sizeof *b->inputs);
    if (!b->inputs) return cvt_fail_memory(error);
    for (int i = 0; i < n; i++) {
        cvt_tensor_info info = cvt_model_input(b->model, i);
        int64_t count = b->batch;
        for (int k = 0; k < info.rank; k++)
            if (!cvt_mul_i64(count, info.shape[k], &count)) return cvt_fail_memory(error);
        b->inputs[i] = (uint64_t)count <= SIZE_MAX / sizeof(float) ? malloc((size_t)count * sizeof(float)) : NULL;
        if (!b->inputs[i]) return cvt_fail_memory(error);
        fill(b->inputs[i], (size_t)count);
    }
    return CVT_OK;
}

/* ---- measuring ------------------------------------------------------------------------------------------------- */

static cvt_status run_once(bench *b, cvt_error *error) {
    return cvt_session_run(b->session, (const float *const *)b->inputs, b->batch, error);
}

static cvt_status keep(bench *b, double ms, cvt_error *error) {
    double *passes = cvt_grow(b->passes, b->n, sizeof *passes);
    if (!passes) return cvt_fail_memory(error);
    b->passes = passes;
    b->passes[b->n++] = ms;
    return CVT_OK;
}

/* Is there more to do? True until --images, or else --seconds and a few passes, are reached. */
static bool go_on(const bench *b, double begin, double now) {
    if (b->settings->images) return (int64_t)b->n * b->batch < b->settings->images;
    return b->n < MIN_PASSES || now - begin < b->settings->seconds * 1e3;
}

static int ascending(const void *a, const void *b) {
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* Runs a few passes that are not timed one by one. *passes becomes their number. */
static cvt_status run_extra(bench *b, int *passes, cvt_error *error) {
    double begin = cvt_clock_ms();
    for (*passes = 0; *passes < EXTRA_PASSES && (*passes == 0 || cvt_clock_ms() - begin < EXTRA_MS); ++*passes)
        TRY(run_once(b, error));
    return CVT_OK;
}

static cvt_status measure(bench *b, cvt_error *error) {
    int warm_up;
    TRY(run_extra(b, &warm_up, error));
    double begin = cvt_clock_ms();
    for (double start = begin; go_on(b, begin, start);) {
        TRY(run_once(b, error));
        double end = cvt_clock_ms();
        TRY(keep(b, (end - start) / b->batch, error));
        start = end;
    }
    qsort(b->passes, b->n, sizeof *b->passes, ascending);
    cvt_session_profile(b->session, true);
    return run_extra(b, &b->profiled, error);
}

/* Returns the smallest time that p percent of the passes do not exceed. */
static double percentile(const bench *b, size_t p) {
    size_t rank = (b->n * p + 99) / 100;
    return b->passes[rank ? rank - 1 : 0];
}

/* ---- the report ------------------------------------------------------------------------------------------------ */

typedef struct figures {
    double p50, p90, p99, gmac_per_s, peak_share;
    long long images;
} figures;

static double gmac_per_s(int64_t macs, double ms) { return ms > 0 ? (double)macs / ms * 1e-6 : 0; }

static figures summarise(const bench *b) {
    figures f = {.p50 = percentile(b, 50), .p90 = percentile(b, 90), .p99 = percentile(b, 99)};
    double peak = cvt_peak_macs() * b->threads * 1e-9;
    f.gmac_per_s = gmac_per_s(cvt_model_macs(b->model), f.p50);
    f.peak_share = peak > 0 ? f.gmac_per_s / peak : 0;
    f.images = (long long)b->n * b->batch;
    return f;
}

/* Returns the milliseconds an image that one kind of operation takes. */
static double op_ms(const bench *b, const cvt_op_time *op) { return op->ms / b->profiled / b->batch; }

static void write_text(cvt_str *to, const bench *b, const figures *f) {
    const char *precision = cvt_model_precision(b->model);
    cvt_str_print(to, "%.2f ms an image (p90 %.2f, p99 %.2f) over %lld images: %s, %d thread%s, batch %d, %s\n", f->p50,
                  f->p90, f->p99, f->images, cvt_model_arch(b->model), b->threads, b->threads == 1 ? "" : "s", b->batch,
                  precision);
    if (b->settings->precision && strcmp(b->settings->precision, precision) != 0)
        cvt_str_print(to, "%s asked for: the kernels of this CPU, %s, would gain nothing from it\n",
                      b->settings->precision, cvt_model_isa(b->model));
    cvt_str_print(to, "%.1f GMAC/s, %.0f %% of the measured peak\n", f->gmac_per_s, 100 * f->peak_share);
    if (!b->settings->profile) return;
    cvt_str_print(to, "\n%-20s %6s %10s %7s %10s\n", "operation", "steps", "ms", "share", "GMAC/s");
    double total = 0;
    for (int i = 0; i < cvt_session_op_times(b->session); i++) {
        cvt_op_time op = cvt_session_op_time(b->session, i);
        total += op_ms(b, &op);
    }
    for (int i = 0; i < cvt_session_op_times(b->session); i++) {
        cvt_op_time op = cvt_session_op_time(b->session, i);
        double ms = op_ms(b, &op);
        cvt_str_print(to, "%-20s %6d %10.3f %6.1f%% %10.1f\n", op.op, op.steps, ms, total > 0 ? 100 * ms / total : 0,
                      gmac_per_s(op.macs, ms));
    }
}

static void append(cvt_str *to, const char *key, double value) {
    cvt_str_print(to, "\"%s\":", key);
    cvt_json_out_number(to, value);
    cvt_str_print(to, ",");
}

static void write_json(cvt_str *to, const bench *b, const figures *f) {
    cvt_str_print(to, "{");
    append(to, "ms_per_image", f->p50);
    cvt_str_print(to, "\"images\":%lld,", f->images);
    append(to, "p50", f->p50);
    append(to, "p90", f->p90);
    append(to, "p99", f->p99);
    cvt_str_print(to, "\"threads\":%d,\"batch\":%d,\"precision\":", b->threads, b->batch);
    cvt_json_out_string(to, cvt_model_precision(b->model));
    cvt_str_print(to, ",");
    append(to, "gmac_per_s", f->gmac_per_s);
    append(to, "peak_share", f->peak_share);
    cvt_str_print(to, "\"ops\":[");
    for (int i = 0; i < cvt_session_op_times(b->session); i++) {
        cvt_op_time op = cvt_session_op_time(b->session, i);
        double ms = op_ms(b, &op);
        cvt_str_print(to, "%s{\"op\":", i ? "," : "");
        cvt_json_out_string(to, op.op);
        cvt_str_print(to, ",\"steps\":%d,", op.steps);
        append(to, "ms", ms);
        cvt_str_print(to, "\"gmac_per_s\":");
        cvt_json_out_number(to, gmac_per_s(op.macs, ms));
        cvt_str_print(to, "}");
    }
    cvt_str_print(to, "]}\n");
}

static int report(cvt_cli *cli, const bench *b) {
    cvt_str text = {0};
    figures f = summarise(b);
    if (cvt_opt_is(b->settings->format, "json"))
        write_json(&text, b, &f);
    else
        write_text(&text, b, &f);
    cvt_cli_write_str(cli, &text);
    return CVT_EXIT_OK;
}

int cvt_command_bench(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    (void)operands;
    bench b = {.settings = settings, .batch = (int)settings->batch};
    cvt_options options = {.random_weights = settings->config && !settings->model, .images = CVT_MANY_IMAGES};
    cvt_threads threads;
    cvt_error error;
    if (cvt_threads_choose(settings, false, &threads, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    b.threads = threads.inside;
    cvt_model *model = NULL;
    int status = cvt_models_open(cli, settings, &options, &model);
    if (status != CVT_EXIT_OK) return status;
    b.model = model;
    cvt_status made = make_inputs(&b, &error);
    if (made == CVT_OK) made = cvt_session_new(&b.session, model, b.batch, b.threads, &error);
    if (made == CVT_OK) made = measure(&b, &error);
    status = made == CVT_OK ? report(cli, &b) : cvt_cli_fail(settings->model, &error, CVT_EXIT_MODEL);
    cvt_session_free(b.session);
    for (int i = 0; b.inputs && i < cvt_model_inputs(model); i++) free(b.inputs[i]);
    free(b.inputs);
    free(b.passes);
    cvt_model_free(model);
    return status;
}
