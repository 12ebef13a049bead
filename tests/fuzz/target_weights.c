/* target_weights.c - files of weights: safetensors and PyTorch's, by their content; pickles alone; indices of shards;
 * and whole models in one file, which are bound and, where they are small, run, or compared with their golden data. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "fuzz.h"
#include "model/golden.h"
#include "weights/pickle.h"
#include "weights/weights.h"

/* Every tensor is what weights.h says, and can be read to its last byte. */
static void look_at(const cvt_weights *weights) {
    for (size_t i = 0; i < cvt_weights_count(weights); i++) {
        const cvt_tensor *t = cvt_weights_at(weights, i);
        size_t bytes = cvt_dtype_size(t->dtype);
        fuzz_must(t->rank >= 0 && t->rank <= CVT_MAX_RANK && t->name && t->file);
        for (int d = 0; d < t->rank; d++) {
            fuzz_must(t->shape[d] >= 0);
            fuzz_must(cvt_mul_size(bytes, (size_t)t->shape[d], &bytes));
        }
        fuzz_must(bytes == t->bytes);
        fuzz_must(cvt_weights_find(weights, t->name) == t);
        if (t->bytes) fuzz_touch(t->data, t->bytes);
    }
    (void)cvt_weights_remark(weights);
    (void)cvt_weights_metadata(weights, "cvt.config");
}

void fuzz_weights(const uint8_t *bytes, size_t size) {
    cvt_weights *weights;
    cvt_error error;
    if (cvt_weights_open_memory(&weights, bytes, size, "x.bin", &error) == CVT_OK)
        look_at(weights);
    else
        fuzz_must_tell(&error);
    cvt_weights_free(weights);
}

void fuzz_pickle(const uint8_t *bytes, size_t size) {
    cvt_pickle pickle;
    cvt_error error;
    size_t end = 0;
    if (cvt_pickle_read(&pickle, bytes, size, 0, &end, "x.pkl", &error) == CVT_OK) {
        fuzz_must(end > 0 && end <= size && bytes[end - 1] == '.');
        fuzz_must(cvt_pickle_check(&pickle, "x.pkl", &error) == CVT_OK);
        for (uint32_t i = 0; i < pickle.n_values; i++) {
            const cvt_pickle_value *v = &pickle.values[i];
            const bool text = v->kind == CVT_PICKLE_TEXT || v->kind == CVT_PICKLE_BYTES || v->kind == CVT_PICKLE_LONG;
            if (text && v->count) fuzz_touch(v->as.bytes, v->count);
            if (v->kind == CVT_PICKLE_DICT) (void)cvt_pickle_get(&pickle, v, "state_dict");
        }
    } else {
        fuzz_must_tell(&error);
        fuzz_must(!pickle.values && !pickle.cells);
    }
    cvt_pickle_free(&pickle);
}

/* ---- an index of shards ----------------------------------------------------------------------------------------- */

/* Beside it lie a.st with the tensor "a", and b.st with "b". */
void fuzz_index(const uint8_t *bytes, size_t size) {
    cvt_weights *weights;
    cvt_error error;
    for (int i = 0; i < 2; i++) {
        const char name = i ? 'b' : 'a';
        const char file[] = {name, '.', 's', 't', 0};
        char shard[128] = {0};
        const int n = snprintf(shard + 8, sizeof shard - 8,
                               "{\"%c\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", name);
        shard[0] = (char)n;
        fuzz_file(file, shard, 8 + (size_t)n + 4);
    }
    if (cvt_weights_open(&weights, fuzz_file("model.safetensors.index.json", bytes, size), &error) == CVT_OK)
        look_at(weights);
    else
        fuzz_must_tell(&error);
    cvt_weights_free(weights);
}

/* ---- a model in one file ---------------------------------------------------------------------------------------- */

enum { MOST_MACS = 1 << 20, MOST_VALUES = 1 << 20 };

static size_t count(const cvt_tensor_info *info) {
    size_t n = 1;
    for (int i = 0; i < info->rank; i++)
        if (!cvt_mul_size(n, (size_t)info->shape[i], &n)) return SIZE_MAX;
    return n;
}

/* Runs a small model once, on an image that is grey. */
static void run_once(const cvt_model *model) {
    const cvt_tensor_info in = cvt_model_input(model, 0), out = cvt_model_output(model);
    cvt_session *session;
    cvt_error error;
    const size_t n = count(&in);
    if (cvt_model_inputs(model) != 1 || cvt_model_macs(model) > MOST_MACS || n > MOST_VALUES) return;
    float *values = calloc(n + 1, sizeof *values);
    if (!values) return;
    if (cvt_session_new(&session, model, 1, 1, &error) == CVT_OK) {
        const float *inputs[1] = {values};
        if (cvt_session_run(session, inputs, 1, &error) == CVT_OK) {
            const float *results = cvt_session_output(session);
            for (size_t i = 0; i < count(&out); i++) fuzz_must(isfinite(results[i]));
        } else {
            fuzz_must_tell(&error);
        }
    } else {
        fuzz_must_tell(&error);
    }
    cvt_session_free(session);
    free(values);
}

/* Opens a copy of a file in memory that is as aligned as a mapped file. NULL: it was refused. *copy must be freed after
 * the model. */
static cvt_model *open_copy(const uint8_t *bytes, size_t size, const cvt_options *options, void **copy) {
    cvt_model *model;
    cvt_error error;
    if (posix_memalign(copy, 64, size ? size : 1) != 0) {
        *copy = NULL;
        return NULL;
    }
    if (size) memcpy(*copy, bytes, size);
    if (cvt_model_open_memory(&model, *copy, size, options, &error) != CVT_OK) fuzz_must_tell(&error);
    return model;
}

void fuzz_model_file(const uint8_t *bytes, size_t size) {
    const cvt_options options = {.size = sizeof options, .isa = "ref"};
    cvt_error error;
    void *copy;
    cvt_model *model = open_copy(bytes, size, &options, &copy);
    if (model) {
        if (cvt_model_check(model, &error) != CVT_OK) fuzz_must_tell(&error);
        run_once(model);
    }
    cvt_model_free(model);
    free(copy);
}

/* ---- golden data ------------------------------------------------------------------------------------------------ */

/* A difference is told by a line that a terminal can show. */
static void count_line(void *context, const char *line) {
    int *lines = context;
    const size_t n = strlen(line);
    fuzz_must(n > 0 && n < CVT_MESSAGE_MAX && !strpbrk(line, "\n\r"));
    (*lines)++;
}

/* Compares a model with the golden data of its file; returns whether nothing differs. */
static bool compare(const cvt_model *model, bool exact) {
    cvt_golden_found found;
    cvt_error error;
    int lines = 0;
    if (cvt_golden_verify(&found, model, 1, exact, count_line, &lines, &error) != CVT_OK) {
        fuzz_must_tell(&error);
        return false;
    }
    fuzz_must(found.differences == lines && found.inputs >= 0 && found.inputs <= CVT_GOLDEN_MAX);
    fuzz_must(lines > 0 || (found.inputs > 0 && isfinite(found.largest)));
    return lines == 0;
}

/* What is the same to the bit is near enough too, on the same kernels. */
void fuzz_golden(const uint8_t *bytes, size_t size) {
    const cvt_options options = {.size = sizeof options, .reference = true};
    void *copy;
    cvt_model *model = open_copy(bytes, size, &options, &copy);
    if (model && cvt_model_macs(model) <= MOST_MACS) {
        const bool near = compare(model, false);
        if (near || size % 2) fuzz_must(!compare(model, true) || near);
    }
    cvt_model_free(model);
    free(copy);
}
