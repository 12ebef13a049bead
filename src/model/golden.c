/* golden.c - makes golden data: an object in the metadata of the file,
 *
 *     {"cvt":"0.2.0","seed":"0","precision":"f32","config":HASH,"metadata":{"cvt.labels":HASH,...},
 *      "tensors":{NAME:HASH,...},"shape":[1000],
 *      "inputs":[{"image":HASH,"prepared":HASH,"top":[[281,0.91],...],"output":BASE64},...]}
 *
 * where each HASH is a SHA-256: of a text, of a tensor of the file (cvt_golden_hash_tensor), of the bytes of an image
 * (golden_image.h), of the f32 values that the model is fed of it. A model that reads no images is fed random numbers,
 * and has no "image". The output is in f32, little-endian.
 *
 * It is what the reference kernels give, node by node, for the weights that are in the file: neither the fused plan nor
 * the kernels of this machine have a say in it, so that a comparison can find a fault of either, here too. */
#include "model/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/num.h"
#include "model/golden_image.h"
#include "model/golden_store.h"
#include "model/interleaved.h"
#include "ops/precision.h"

const char *const cvt_golden_metadata[] = {CVT_META_PREPROCESSOR, CVT_META_LABELS, CVT_META_SCORE,   CVT_META_ORIGIN,
                                           CVT_META_PRECISION,    CVT_META_PACKED, CVT_META_LEARNED, NULL};

/* ---- hashes ---------------------------------------------------------------------------------------------------- */

void cvt_golden_hash_text(const char *text, char hash[CVT_SHA256_TEXT]) { cvt_sha256_of(text, strlen(text), hash); }

void cvt_golden_hash_tensor(const cvt_tensor *tensor, char text[CVT_SHA256_TEXT]) {
    const char *type = cvt_dtype_name(tensor->dtype);
    char size[32];
    cvt_sha256 h;
    cvt_sha256_begin(&h);
    cvt_sha256_add(&h, type, strlen(type));
    for (int i = 0; i < tensor->rank; i++) {
        snprintf(size, sizeof size, " %lld", (long long)tensor->shape[i]);
        cvt_sha256_add(&h, size, strlen(size));
    }
    cvt_sha256_add(&h, "\n", 1);
    if (tensor->bytes) cvt_sha256_add(&h, tensor->data, tensor->bytes);
    cvt_sha256_end_text(&h, text);
}

/* ---- inputs ---------------------------------------------------------------------------------------------------- */

size_t cvt_golden_outputs(const cvt_model *model) { return cvt_tensor_count(cvt_model_output(model)); }

cvt_status cvt_golden_begin(cvt_golden_run *run, const cvt_model *model, uint64_t seed, int threads, cvt_error *error) {
    *run = (cvt_golden_run){.model = model, .seed = seed};
    TRY(cvt_session_new(&run->session, model, 1, threads, error));
    if (model->no_preprocess.status == CVT_OK) return cvt_image_new(&run->image, NULL, error);
    run->tensors = calloc((size_t)cvt_model_inputs(model) + 1, sizeof *run->tensors);
    if (!run->tensors) return cvt_fail_memory(error);
    for (int i = 0; i < cvt_model_inputs(model); i++) {
        run->tensors[i] = calloc(cvt_tensor_count(cvt_model_input(model, i)), sizeof **run->tensors);
        if (!run->tensors[i]) return cvt_fail_memory(error);
    }
    return CVT_OK;
}

void cvt_golden_end(cvt_golden_run *run) {
    for (int i = 0; run->tensors && i < cvt_model_inputs(run->model); i++) free(run->tensors[i]);
    free(run->tensors);
    cvt_image_free(run->image);
    cvt_session_free(run->session);
    cvt_str_free(&run->jpeg);
}

/* Random numbers from -2 to 2, in steps of 2^-22, as an image that is normalised has. */
static void draw(float *to, size_t n, uint64_t *random) {
    for (size_t i = 0; i < n; i++) to[i] = (float)(cvt_random(random) >> 40) * 0x1p-22f - 2;
}

static cvt_status prepare_image(cvt_golden_run *run, int index, cvt_error *error) {
    cvt_str_clear(&run->jpeg);
    cvt_golden_image(&run->jpeg, run->seed, index);
    if (run->jpeg.failed) return cvt_fail_memory(error);
    cvt_sha256_of(run->jpeg.data, run->jpeg.size, run->image_hash);
    return cvt_image_read_memory(run->image, run->model, run->jpeg.data, run->jpeg.size, CVT_STOP_NONE, error);
}

static const float *tensor_of(const cvt_golden_run *run, int input) {
    return run->image ? cvt_image_tensor(run->image) : run->tensors[input];
}

cvt_status cvt_golden_prepare(cvt_golden_run *run, int index, cvt_error *error) {
    uint64_t random = run->seed;
    random = cvt_random(&random) + (uint64_t)index;
    cvt_sha256 hash;
    cvt_sha256_begin(&hash);
    if (run->image) TRY(prepare_image(run, index, error));
    for (int i = 0; i < cvt_model_inputs(run->model); i++) {
        const size_t count = cvt_tensor_count(cvt_model_input(run->model, i));
        if (!run->image) draw(run->tensors[i], count, &random);
        if (!tensor_of(run, i)) return cvt_fail_memory(error);
        cvt_sha256_add(&hash, tensor_of(run, i), count * sizeof(float));
    }
    cvt_sha256_end_text(&hash, run->prepared_hash);
    return CVT_OK;
}

cvt_status cvt_golden_output(cvt_golden_run *run, const float **output, cvt_error *error) {
    const float *image = run->image ? cvt_image_tensor(run->image) : NULL;
    TRY(cvt_session_run(run->session, image ? &image : (const float *const *)run->tensors, 1, error));
    *output = cvt_session_output(run->session);
    return CVT_OK;
}

/* ---- golden data ----------------------------------------------------------------------------------------------- */

static void append_hash(cvt_str *to, const char *key, const char *hash) {
    cvt_str_json(to, key, false);
    cvt_str_print(to, ":\"%s\"", hash);
}

static cvt_status append_input(cvt_str *to, cvt_golden_run *run, int index, cvt_error *error) {
    cvt_score top[CVT_GOLDEN_TOP];
    const float *output;
    TRY(cvt_golden_prepare(run, index, error));
    TRY(cvt_golden_output(run, &output, error));
    cvt_str_print(to, "%s{", index ? "," : "");
    if (run->image) cvt_str_print(to, "\"image\":\"%s\",", run->image_hash);
    cvt_str_print(to, "\"prepared\":\"%s\",\"top\":[", run->prepared_hash);
    const int n = cvt_model_classes(run->model) > 0 ? cvt_model_top_k(run->model, output, top, CVT_GOLDEN_TOP) : 0;
    for (int i = 0; i < n; i++) {
        cvt_str_print(to, "%s[%d,", i ? "," : "", top[i].index);
        cvt_str_real(to, 9, (double)top[i].score);
        cvt_str_print(to, "]");
    }
    cvt_str_print(to, "],\"output\":\"");
    cvt_base64_append(to, output, cvt_golden_outputs(run->model) * sizeof *output);
    cvt_str_print(to, "\"}");
    return CVT_OK;
}

static void append_bytes(cvt_str *to, const cvt_model *m) {
    const cvt_weights *w = m->files.weights;
    char hash[CVT_SHA256_TEXT];
    cvt_golden_hash_text(m->files.config, hash);
    append_hash(to, "config", hash);
    cvt_str_print(to, ",\"metadata\":{");
    bool any = false;
    for (const char *const *key = cvt_golden_metadata; *key; key++) {
        if (!cvt_weights_metadata(w, *key)) continue;
        cvt_golden_hash_text(cvt_weights_metadata(w, *key), hash);
        if (any) cvt_str_print(to, ",");
        append_hash(to, *key, hash);
        any = true;
    }
    cvt_str_print(to, "},\"tensors\":{");
    for (size_t i = 0; i < cvt_weights_count(w); i++) {
        cvt_golden_hash_tensor(cvt_weights_at(w, i), hash);
        if (i) cvt_str_print(to, ",");
        append_hash(to, cvt_weights_at(w, i)->stored, hash);
    }
    cvt_str_print(to, "}");
}

cvt_status cvt_golden_make(cvt_str *to, const cvt_model *model, const cvt_golden_plan *plan, cvt_error *error) {
    const cvt_tensor_info shape = cvt_model_output(model);
    cvt_golden_run run;
    cvt_str_print(to, "{\"cvt\":\"%s\",\"seed\":\"%llu\",\"precision\":\"%s\",", CVT_VERSION,
                  (unsigned long long)plan->seed, cvt_precision_name(model->precision));
    append_bytes(to, model);
    cvt_str_print(to, ",\"shape\":[");
    for (int i = 0; i < shape.rank; i++) cvt_str_print(to, "%s%lld", i ? "," : "", (long long)shape.shape[i]);
    cvt_str_print(to, "],\"inputs\":[");
    cvt_status status = cvt_golden_begin(&run, model, plan->seed, plan->threads, error);
    for (int i = 0; status == CVT_OK && i < plan->n; i++) {
        status = append_input(to, &run, i, error);
        if (status != CVT_OK) cvt_fail_in(error, status, "golden input %d", i);
        if (status == CVT_OK && plan->stopped && plan->stopped()) status = cvt_fail(error, CVT_OUTPUT, "stopped");
    }
    cvt_golden_end(&run);
    cvt_str_print(to, "]}");
    if (status != CVT_OK) return status;
    return to->failed ? cvt_fail_memory(error) : CVT_OK;
}
