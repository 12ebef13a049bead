/* golden_verify.c - compares a model with the golden data of its file, cause by cause: the bytes of the file, what the
 * inputs are prepared to, what the model gives for them. Where one differs, the next ones are not looked at, because
 * they would differ too.
 *
 * How near outputs must be: in f32 to 1e-4 plus 1e-4 of the golden value, as the tests are with the original programs
 * (tests/oracle/README.md). In f16, bf16 and int8, where machines may round differently, the norm of the difference may
 * be a share of the output's norm, that of tests/test_precision.sh. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "model/golden_store.h"
#include "ops/precision.h"

static const double near_enough = 1e-4;
static const double share_of_norm[CVT_PRECISION_COUNT] = {
    [CVT_PRECISION_F16] = 0.012, [CVT_PRECISION_BF16] = 0.03, [CVT_PRECISION_INT8] = 0.08};

typedef struct comparison {
    const cvt_model *model;
    const cvt_json *golden;
    cvt_golden_found *found;
    bool exact;
    void (*say)(void *context, const char *line);
    void *context;
} comparison;

__attribute__((format(printf, 2, 3))) static void differs(comparison *c, const char *format, ...) {
    char line[CVT_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    c->found->differences++;
    c->say(c->context, line);
}

static cvt_status unreadable(const comparison *c, const char *what, cvt_error *error) {
    return cvt_fail(error, CVT_WEIGHTS, "%s: its golden data cannot be read: %s",
                    cvt_weights_path(c->model->files.weights), what);
}

static bool same(const char *hash, const cvt_json *golden) {
    const char *text = cvt_json_string(golden);
    return text && strcmp(hash, text) == 0;
}

/* ---- bytes ----------------------------------------------------------------------------------------------------- */

static void compare_texts(comparison *c) {
    const cvt_weights *w = c->model->files.weights;
    const cvt_json *texts = cvt_json_get(c->golden, "metadata");
    char hash[CVT_SHA256_TEXT];
    cvt_golden_hash_text(c->model->files.config, hash);
    if (!same(hash, cvt_json_get(c->golden, "config")))
        differs(c, "the config is another than the one that was converted");
    for (const char *const *key = cvt_golden_metadata; *key; key++) {
        const char *text = cvt_weights_metadata(w, *key);
        const cvt_json *kept = cvt_json_get(texts, *key);
        if (text) cvt_golden_hash_text(text, hash);
        if (text ? !same(hash, kept) : kept != NULL)
            differs(c, "the metadata \"%s\" are others than those that were converted", *key);
    }
}

/* Golden data name the tensors in the order of the file. */
static void compare_tensors(comparison *c) {
    enum { SHOWN = 5 };
    const cvt_weights *w = c->model->files.weights;
    const cvt_json *tensors = cvt_json_get(c->golden, "tensors"), *kept = tensors ? cvt_json_first(tensors) : NULL;
    char hash[CVT_SHA256_TEXT];
    size_t wrong = 0, i = 0;
    for (; i < cvt_weights_count(w) && kept; i++, kept = cvt_json_next(kept)) {
        const cvt_tensor *t = cvt_weights_at(w, i);
        const char *name = cvt_json_key(kept);
        if (!name || strcmp(name, t->stored) != 0) break;
        cvt_golden_hash_tensor(t, hash);
        if (same(hash, kept)) continue;
        if (wrong++ < SHOWN)
            differs(
                c,
                "tensor \"%.200s\" is another than the one that was converted: its SHA-256 is %.16s..., not %.16s...",
                t->stored, hash, cvt_json_string(kept) ? cvt_json_string(kept) : "");
    }
    if (wrong > SHOWN) differs(c, "so are %zu more tensors", wrong - SHOWN);
    if (i < cvt_weights_count(w))
        differs(c, "tensor \"%.200s\" is not the one that was converted at its place", cvt_weights_at(w, i)->stored);
    else if (kept)
        differs(c, "tensor \"%.200s\", which was converted, is not there",
                cvt_json_key(kept) ? cvt_json_key(kept) : "");
}

/* ---- outputs --------------------------------------------------------------------------------------------------- */

/* What the kernels are called in messages. */
static const char *kernels_of(const cvt_model *m) { return m->plan->kernels->name; }

static void compare_bits(comparison *c, int input, const float *golden, const float *output, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (memcmp(&golden[i], &output[i], sizeof *golden) == 0) continue;
        differs(c, "input %d: output %zu is %.9g, golden %.9g: not the same bits (%s kernels)", input, i,
                (double)output[i], (double)golden[i], kernels_of(c->model));
        return;
    }
}

static void compare_values(comparison *c, int input, const float *golden, const float *output, size_t n) {
    size_t worst = 0;
    double most = -1;
    for (size_t i = 0; i < n; i++) {
        const double value = (double)golden[i], off = fabs((double)output[i] - value);
        const double over = off / (near_enough + near_enough * fabs(value));
        c->found->largest = fmax(c->found->largest, off);
        if (!(over <= most)) {
            most = over;
            worst = i;
        }
    }
    if (most <= 1) return;
    differs(c, "input %d: output %zu is %.9g, golden %.9g: farther off than %g and %g of it (%s kernels)", input, worst,
            (double)output[worst], (double)golden[worst], near_enough, near_enough, kernels_of(c->model));
}

static void compare_norms(comparison *c, int input, const float *golden, const float *output, size_t n) {
    const double share = share_of_norm[c->model->precision];
    double squares = 0, off = 0;
    for (size_t i = 0; i < n; i++) {
        const double value = (double)golden[i], difference = (double)output[i] - value;
        squares += value * value;
        off += difference * difference;
        c->found->largest = fmax(c->found->largest, fabs(difference));
    }
    if (off <= share * share * squares) return;
    differs(c, "input %d: the output is off by %.3g of its norm, in %s not more than %g is allowed (%s kernels)", input,
            sqrt(off / squares), cvt_precision_name(c->model->precision), share, kernels_of(c->model));
}

/* The best classes and their scores follow from the output: here they must come out as they were stored. */
static void compare_top(comparison *c, int input, const float *golden, const cvt_json *kept) {
    const cvt_json *top = cvt_json_get(kept, "top"), *pair = top ? cvt_json_first(top) : NULL;
    const int wanted = top ? (int)cvt_json_size(top) : 0;
    cvt_score best[CVT_GOLDEN_TOP];
    if (cvt_model_classes(c->model) < 1) return;
    const int n = cvt_model_top_k(c->model, golden, best, CVT_GOLDEN_TOP);
    bool right = wanted == n;
    for (int i = 0; i < n && right; i++, pair = cvt_json_next(pair)) {
        const cvt_json *first = cvt_json_first(pair), *second = first ? cvt_json_next(first) : NULL;
        int64_t index;
        double score;
        right = cvt_json_integer(first, &index) && cvt_json_number(second, &score) && index == best[i].index &&
                fabs(score - (double)best[i].score) <= 1e-6 * fmax(1, fabs(score));
        if (right) continue;
        differs(
            c,
            "input %d: of the golden output class %d is at place %d with the score %.9g, which is not what was stored",
            input, best[i].index, i + 1, (double)best[i].score);
        return;
    }
    if (!right) differs(c, "input %d: of the golden output %d classes are best, not %d", input, n, wanted);
}

static cvt_status compare_output(comparison *c, int input, const float *output, const cvt_json *kept,
                                 cvt_error *error) {
    const size_t n = cvt_golden_outputs(c->model);
    const char *text = cvt_json_string(cvt_json_get(kept, "output"));
    cvt_str bytes = {0};
    if (!text) return unreadable(c, "an input without its output", error);
    cvt_str_text(&bytes, text);
    cvt_status status = bytes.failed ? cvt_fail_memory(error) : CVT_OK;
    if (status == CVT_OK && (!cvt_base64_decode(&bytes) || bytes.size != n * sizeof(float)))
        status = unreadable(c, "an output of another size than the model's", error);
    if (status == CVT_OK) {
        const float *golden = (const float *)(const void *)bytes.data; /* malloc has aligned it */
        compare_top(c, input, golden, kept);
        if (c->exact)
            compare_bits(c, input, golden, output, n);
        else if (share_of_norm[c->model->precision] > 0)
            compare_norms(c, input, golden, output, n);
        else
            compare_values(c, input, golden, output, n);
    }
    cvt_str_free(&bytes);
    return status;
}

/* ---- inputs ---------------------------------------------------------------------------------------------------- */

static cvt_status compare_input(comparison *c, cvt_golden_run *run, int input, const cvt_json *kept, cvt_error *error) {
    const cvt_json *image = cvt_json_get(kept, "image");
    const float *output;
    TRY(cvt_golden_prepare(run, input, error));
    if (image && !run->image) {
        differs(c, "input %d: the model read images when it was converted, and reads none now", input);
        return CVT_OK;
    }
    if (run->image && !same(run->image_hash, image)) {
        differs(c, "input %d: this version makes another image of the seed than the one that converted the model",
                input);
        return CVT_OK;
    }
    if (!same(run->prepared_hash, cvt_json_get(kept, "prepared"))) {
        differs(c, "input %d is prepared to other values: the preprocessing, a decoder or the resizing is another",
                input);
        return CVT_OK;
    }
    cvt_status status = cvt_golden_output(run, &output, error);
    if (status == CVT_NON_FINITE) {
        differs(c, "input %d: %s", input, error->message);
        return CVT_OK;
    }
    return status == CVT_OK ? compare_output(c, input, output, kept, error) : status;
}

static cvt_status read_seed(const comparison *c, uint64_t *seed, cvt_error *error) {
    const char *text = cvt_json_string(cvt_json_get(c->golden, "seed"));
    if (!text || !*text || strlen(text) > 19 || text[strspn(text, "0123456789")])
        return unreadable(c, "the seed is no number", error);
    *seed = strtoull(text, NULL, 10);
    return CVT_OK;
}

static cvt_status compare_inputs(comparison *c, int threads, cvt_error *error) {
    const cvt_json *inputs = cvt_json_get(c->golden, "inputs");
    cvt_golden_run run;
    uint64_t seed = 0;
    TRY(read_seed(c, &seed, error));
    if (cvt_json_kind_of(inputs) != CVT_JSON_ARRAY || cvt_json_size(inputs) < 1 ||
        cvt_json_size(inputs) > CVT_GOLDEN_MAX)
        return unreadable(c, "the number of inputs", error);
    c->found->inputs = (int)cvt_json_size(inputs);
    cvt_status status = cvt_golden_begin(&run, c->model, seed, threads, error);
    int i = 0;
    for (const cvt_json *kept = cvt_json_first(inputs); status == CVT_OK && kept; kept = cvt_json_next(kept))
        status = compare_input(c, &run, i++, kept, error);
    cvt_golden_end(&run);
    return status;
}

static cvt_status compare_all(comparison *c, int threads, cvt_error *error) {
    const char *precision = cvt_precision_name(c->model->precision);
    if (cvt_json_kind_of(c->golden) != CVT_JSON_OBJECT) return unreadable(c, "no object", error);
    compare_texts(c);
    compare_tensors(c);
    if (!c->found->differences && !same(precision, cvt_json_get(c->golden, "precision")))
        differs(c, "the model runs in %s, and its golden outputs are of another precision", precision);
    return c->found->differences ? CVT_OK : compare_inputs(c, threads, error);
}

cvt_status cvt_golden_verify(cvt_golden_found *found, const cvt_model *model, int threads, bool exact,
                             void (*say)(void *context, const char *line), void *context, cvt_error *error) {
    const cvt_weights *w = model->files.weights;
    const char *text = w ? cvt_weights_metadata(w, CVT_META_GOLDEN) : NULL;
    cvt_json_document *document;
    cvt_error own;
    *found = (cvt_golden_found){.kernels = model->plan ? kernels_of(model) : ""};
    if (!model->plan) return cvt_fail(error, CVT_USAGE, "the model was opened without weights");
    if (!text)
        return cvt_fail(error, CVT_UNSUPPORTED,
                        "%s: it has no golden data to compare with; `cvt convert --golden N` stores them",
                        w ? cvt_weights_path(w) : "the model");
    comparison c = {.model = model, .found = found, .exact = exact, .say = say, .context = context};
    if (cvt_json_parse(&document, text, strlen(text), CVT_META_GOLDEN, &own) != CVT_OK)
        return unreadable(&c, own.message, error);
    c.golden = cvt_json_root(document);
    cvt_status status = compare_all(&c, threads, error ? error : &own);
    cvt_json_free(document);
    return status;
}
