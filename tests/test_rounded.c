/* test_rounded.c - tests files of int8 weights that are not as they must be: metadata that do not allow int8; scales
 * that are absent, misshapen, of another type, unaligned or not finite; int8 where no product reads it. Each is refused
 * with one line that names the tensor. What is only unusual runs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cvt.h"
#include "test.h"
#include "weights/weights.h"

#define WEIGHT "stage1.block0.mlp.fc2.weight" /* [20, 80] */
#define SCALE WEIGHT ".scale"
#define CONFIG "tests/data/cvt/two_stages/config.json"

static char folder[] = "/tmp/cvt-rounded-XXXXXX";
static char good[64], bad[64];

static cvt_weights *set;
static cvt_tensor *tensors; /* copies of the headers, with room for one more */
static size_t n;
static cvt_metadata metadata[1] = {{"cvt.precision", "int8"}};

static cvt_tensor *find(const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(tensors[i].name, name) == 0) return &tensors[i];
    abort();
}

/* ---- files ---- */

static bool make_good(void) {
    cvt_model *model = NULL;
    cvt_error error = {0};
    cvt_status status = cvt_model_open(&model, "tests/data/cvt/two_stages", NULL, &error);
    if (status == CVT_OK) status = cvt_model_save(model, good, "int8", NULL, false, &error);
    cvt_model_free(model);
    if (status == CVT_OK) status = cvt_weights_open(&set, good, &error);
    return test_case(status == CVT_OK, "a file of int8 weights", "%s", error.message);
}

static void reset(void) {
    n = cvt_weights_count(set);
    for (size_t i = 0; i < n; i++) tensors[i] = *cvt_weights_at(set, i);
    metadata[0].value = "int8";
}

/* Writes the tensors in their order, without padding, from `shift` bytes after a multiple of 64 on. */
static void write_unaligned(size_t shift) {
    cvt_str header = {0};
    size_t at = 0;
    cvt_str_print(&header, "{\"__metadata__\":{\"cvt.precision\":\"int8\"}");
    for (size_t i = 0; i < n; i++) {
        const cvt_tensor *t = &tensors[i];
        cvt_str_print(&header, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", t->name, cvt_dtype_name(t->dtype));
        for (int k = 0; k < t->rank; k++) cvt_str_print(&header, "%s%lld", k ? "," : "", (long long)t->shape[k]);
        cvt_str_print(&header, "],\"data_offsets\":[%zu,%zu]}", at, at + t->bytes);
        at += t->bytes;
    }
    cvt_str_print(&header, "}");
    while ((8 + header.size) % 64 != shift) cvt_str_print(&header, " ");
    FILE *file = fopen(bad, "wb");
    uint64_t size = header.size;
    if (!file || fwrite(&size, sizeof size, 1, file) != 1 || fwrite(header.data, header.size, 1, file) != 1) abort();
    for (size_t i = 0; i < n; i++)
        if (tensors[i].bytes && fwrite(tensors[i].data, tensors[i].bytes, 1, file) != 1) abort();
    if (fclose(file)) abort();
    cvt_str_free(&header);
}

/* ---- opening, checking, running ---- */

typedef enum stage { OPENING, CHECKING, RUNNING } stage;

/* Computes the logits of an image that is a gradient. */
static cvt_status run(const cvt_model *model, float logits[16], cvt_error *error) {
    const cvt_tensor_info in = cvt_model_input(model, 0);
    const size_t count = (size_t)(in.shape[0] * in.shape[1] * in.shape[2]);
    float *x = calloc(count, sizeof *x);
    const float *inputs[] = {x};
    cvt_session *session = NULL;
    for (size_t i = 0; i < count; i++) x[i] = (float)(i % 97) / 48 - 1;
    cvt_status status = cvt_session_new(&session, model, 1, 1, error);
    if (status == CVT_OK) status = cvt_session_run(session, inputs, 1, error);
    if (status == CVT_OK)
        memcpy(logits, cvt_session_output(session), (size_t)cvt_model_classes(model) * sizeof *logits);
    cvt_session_free(session);
    free(x);
    return status;
}

static cvt_status try(stage last, const char *precision, float logits[16], cvt_error *error) {
    cvt_options options = {.size = sizeof options, .config = CONFIG, .precision = precision};
    cvt_model *model = NULL;
    cvt_status status = cvt_model_open(&model, bad, &options, error);
    if (status == CVT_OK && last >= CHECKING) status = cvt_model_check(model, error);
    if (status == CVT_OK && last >= RUNNING) status = run(model, logits, error);
    cvt_model_free(model);
    return status;
}

static void write_bad(void) {
    cvt_error error = {0};
    if (cvt_safetensors_write(bad, tensors, n, metadata, metadata[0].value ? 1 : 0, &error) != CVT_OK) abort();
}

/* Tests that the file which was written last fails, at the latest in the step `last`, with one line that holds both
 * texts. */
static void refuse_written(const char *name, stage last, cvt_status wanted, const char *one, const char *two) {
    float logits[16];
    cvt_error error = {0};
    const cvt_status status = try(last, NULL, logits, &error);
    const bool right = status == wanted && strstr(error.message, one) && strstr(error.message, two);
    test_case(right && !strchr(error.message, '\n'), name, "status %d, %s", (int)status, error.message);
    reset();
}

static void refuse(const char *name, stage last, cvt_status wanted, const char *one, const char *two) {
    write_bad();
    refuse_written(name, last, wanted, one, two);
}

/* Tests that the tensors as they are now run in int8, and give nearly what they give in f32. */
static void accept(const char *name) {
    float wide[16] = {0}, rounded[16] = {0};
    double most = 0, off = 0;
    cvt_error error = {0};
    write_bad();
    cvt_status status = try(RUNNING, "f32", wide, &error);
    if (status == CVT_OK) status = try(RUNNING, "int8", rounded, &error);
    for (size_t k = 0; k < 16; k++) {
        most = test_larger(most, fabs((double)wide[k]));
        off = test_larger(off, fabs((double)rounded[k] - (double)wide[k]));
    }
    test_case(status == CVT_OK && most > 0 && off < 0.05 * most, name, "status %d, %s, off by %g of %g", (int)status,
              error.message, off, most);
    reset();
}

static void test_metadata(void) {
    metadata[0].value = NULL;
    refuse("int8 without leave", OPENING, CVT_WEIGHTS, "is I8", "the model needs a float type");
    metadata[0].value = "f16";
    refuse("int8 in a file for f16", OPENING, CVT_WEIGHTS, "is I8", "the model needs a float type");
    metadata[0].value = "int4";
    refuse("a precision that there is not", OPENING, CVT_CONFIG, "\"cvt.precision\" is \"int4\"", bad);
    metadata[0].value = "";
    refuse("a precision without a name", OPENING, CVT_CONFIG, "\"cvt.precision\" is \"\"", bad);
}

static void test_scales(void) {
    cvt_tensor *t = find(SCALE);
    *t = tensors[--n];
    refuse("no scales", OPENING, CVT_WEIGHTS, "\"" SCALE "\" is missing", bad);

    find(SCALE)->name = WEIGHT ".scales";
    refuse("scales of another name", OPENING, CVT_WEIGHTS, "\"" SCALE "\" is missing", "\"" SCALE "s\"");

    t = find(SCALE);
    t->shape[0]--;
    t->bytes -= sizeof(float);
    refuse("a scale too few", OPENING, CVT_WEIGHTS, "\"" SCALE "\" is [19], the model needs [20]", bad);

    t = find(SCALE);
    t->shape[0] = 4, t->shape[1] = 5, t->rank = 2;
    refuse("scales that are a matrix", OPENING, CVT_WEIGHTS, "\"" SCALE "\" is [4, 5], the model needs [20]", bad);

    t = find(SCALE);
    t->dtype = CVT_F16;
    t->bytes /= 2;
    refuse("scales in f16", OPENING, CVT_WEIGHTS, "\"" SCALE "\" must be F32", bad);

    t = find(SCALE);
    t->dtype = CVT_I32;
    refuse("scales that are integers", OPENING, CVT_WEIGHTS, "\"" SCALE "\" must be F32", bad);

    for (size_t shift = 1; shift < 4; shift++) {
        write_unaligned(shift);
        refuse_written("scales that are not aligned", OPENING, CVT_WEIGHTS, ".scale\" must be F32, aligned", bad);
    }

    static const char *const names[] = {"a scale that is NaN", "a scale that is infinite", "a scale that is -infinite"};
    const float odd[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        float scales[20];
        t = find(SCALE);
        memcpy(scales, t->data, sizeof scales);
        scales[7] = odd[i];
        t->data = scales;
        refuse(names[i], CHECKING, CVT_WEIGHTS, "\"" SCALE "\" has a value that is not finite, at element 7", bad);
    }
}

static void test_places(void) {
    static const struct {
        const char *name, *what;
    } places[] = {
        {"stage0.block0.norm1.weight", "int8 for a norm"},
        {"stage0.block0.mlp.fc1.bias", "int8 for a bias"},
        {"stage1.block1.attn.conv_q.conv.weight", "int8 for a depthwise convolution"},
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        static const float ones[64] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
        char scale[128], text[128];
        cvt_tensor *t = find(places[i].name);
        snprintf(scale, sizeof scale, "%s.scale", t->name);
        snprintf(text, sizeof text, "\"%s\" is I8, the model needs a float type", t->name);
        t->dtype = CVT_I8;
        t->bytes /= sizeof(float);
        tensors[n++] = (cvt_tensor){.name = scale,
                                    .dtype = CVT_F32,
                                    .rank = 1,
                                    .shape = {t->shape[0]},
                                    .data = ones,
                                    .bytes = (size_t)t->shape[0] * sizeof(float)};
        refuse(places[i].what, OPENING, CVT_WEIGHTS, text, bad);
    }

    cvt_tensor *t = find(WEIGHT);
    t->shape[t->rank++] = 1;
    refuse("int8 of another shape", OPENING, CVT_WEIGHTS, "\"" WEIGHT "\" is [20, 80, 1], the model needs [20, 80]",
           bad);

    t = find(WEIGHT);
    t->dtype = CVT_U8;
    refuse("bytes without a sign", OPENING, CVT_WEIGHTS, "\"" WEIGHT "\" is U8", bad);

    float *wide = calloc(20 * 80, sizeof *wide);
    t = find(WEIGHT);
    *t = (cvt_tensor){.name = WEIGHT, .dtype = CVT_F32, .rank = 2, .shape = {20, 80}, .data = wide};
    t->bytes = 20 * 80 * sizeof *wide;
    refuse("scales of weights in f32", OPENING, CVT_WEIGHTS, "\"" SCALE "\" is not expected", bad);
    free(wide);
}

/* Tests files that convert never writes, but that have a meaning. */
static void test_odd(void) {
    static const struct {
        const char *name;
        int weight;
        float scale;
    } odd[] = {
        {"weights of -128", -128, 1e-3f},       {"weights of 127", 127, 1e-3f},      {"scales of 0", 100, 0},
        {"scales that are negative", 5, -0.1f}, {"scales that are tiny", 5, 1e-40f},
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        int8_t weights[20 * 80];
        float scales[20];
        memset(weights, odd[i].weight, sizeof weights);
        for (size_t k = 0; k < 20; k++) scales[k] = odd[i].scale;
        find(WEIGHT)->data = weights;
        find(SCALE)->data = scales;
        accept(odd[i].name);
    }
}

/* Tests that a file may store in int8 what this version would not: what reads the image, the classifier. */
static void test_others(void) {
    static const char *const names[] = {"stage0.embed.proj.weight", "head.weight"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        float scales[64];
        char scale[128];
        int8_t *weights;
        cvt_tensor *t = find(names[i]);
        snprintf(scale, sizeof scale, "%s.scale", t->name);
        t->dtype = CVT_I8;
        t->bytes /= sizeof(float);
        t->data = weights = malloc(t->bytes);
        for (size_t k = 0; k < t->bytes; k++) weights[k] = (int8_t)(k * 37 % 255 - 127);
        for (int64_t k = 0; k < t->shape[0]; k++) scales[k] = 0.01f;
        tensors[n++] = (cvt_tensor){.name = scale,
                                    .dtype = CVT_F32,
                                    .rank = 1,
                                    .shape = {t->shape[0]},
                                    .data = scales,
                                    .bytes = (size_t)t->shape[0] * sizeof *scales};
        accept(names[i]);
        free(weights);
    }
}

/* Tests that without a check, values that are not finite show in the logits. */
static void test_not_finite(void) {
    float scales[20], logits[16];
    cvt_options options = {.size = sizeof options, .config = CONFIG};
    cvt_model *model = NULL;
    cvt_error error = {0};
    for (size_t k = 0; k < 20; k++) scales[k] = NAN;
    find(SCALE)->data = scales;
    write_bad();
    cvt_status status = cvt_model_open(&model, bad, &options, &error);
    if (status == CVT_OK) status = run(model, logits, &error);
    test_case(status == CVT_NON_FINITE, "scales that are NaN give NaN", "status %d, %s", (int)status, error.message);
    cvt_model_free(model);
    reset();
}

int main(void) {
    if (!mkdtemp(folder)) return test_case(false, "a folder for files", "none"), test_end();
    snprintf(good, sizeof good, "%s/good.safetensors", folder);
    snprintf(bad, sizeof bad, "%s/bad.safetensors", folder);
    if (make_good()) {
        tensors = calloc(cvt_weights_count(set) + 1, sizeof *tensors);
        reset();
        test_metadata();
        test_scales();
        test_places();
        test_odd();
        test_others();
        test_not_finite();
        cvt_weights_free(set);
        free(tensors);
    }
    unlink(good);
    unlink(bad);
    rmdir(folder);
    return test_end();
}
