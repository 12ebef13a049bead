/* test_class_map.c - tests class activation maps. For every committed case whose classifier reads the mean of a map,
 * and for every class, the mean of the map is the logit less the bias. One case is compared with its weights and
 * features. What cannot be done is refused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cvt.h"
#include "test.h"
#include "weights/weights.h"

static char *model_path(const char *name, const char *file) {
    cvt_str s = {0};
    cvt_str_print(&s, "tests/data/%s%s", name, file);
    return s.data;
}

/* Opens a case of tests/data so that runs give class activation maps and, if it is named, the tap `tap`. */
static cvt_model *open_case(const char *name, const char *tap) {
    char *path = model_path(name, "");
    cvt_options options = {.size = sizeof options, .weights_later = true, .taps = &tap, .n_taps = tap != NULL};
    cvt_model *model = NULL;
    cvt_error error = {0};
    bool opened = cvt_model_open(&model, path, &options, &error) == CVT_OK;
    opened = opened && cvt_model_retain_class_map(model, &error) == CVT_OK && cvt_model_load(model, &error) == CVT_OK;
    free(path);
    if (opened) return model;
    test_case(false, name, "%s", error.message);
    cvt_model_free(model);
    return NULL;
}

static size_t count_of(cvt_tensor_info t) {
    size_t n = 1;
    for (int i = 0; i < t.rank; i++) n *= (size_t)t.shape[i];
    return n;
}

/* Returns two images with some pattern, back to back. */
static float *make_inputs(const cvt_model *model) {
    const size_t each = count_of(cvt_model_input(model, 0));
    float *x = malloc(2 * each * sizeof *x);
    if (!x) abort();
    for (size_t i = 0; i < 2 * each; i++) x[i] = sinf((float)i * 0.37f) + (float)(i % 11) * (i < each ? 0.1f : -0.2f);
    return x;
}

/* Runs image `which` of x alone, so that batch statistics are its own. */
static bool run(cvt_session *session, const cvt_model *model, const float *x, int which) {
    const float *input = x + (size_t)which * count_of(cvt_model_input(model, 0));
    return cvt_session_run(session, &input, 1, NULL) == CVT_OK;
}

static double mean_of(const float *map, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)map[i];
    return sum / (double)n;
}

/* Tests that the difference between a class's logit and the mean of its map, which is the bias, is the same for every
 * image. */
static void test_mean(const char *name) {
    cvt_model *model = open_case(name, NULL);
    if (!model) return;
    const int classes = cvt_model_classes(model);
    const size_t cells = count_of(cvt_model_class_map(model));
    cvt_session *session = NULL;
    float *x = make_inputs(model), *map = malloc(cells * sizeof *map);
    double *bias = malloc((size_t)classes * sizeof *bias), worst = 0, moved = 0;
    bool ok = map && bias && cvt_session_new(&session, model, 1, 1, NULL) == CVT_OK;
    for (int i = 0; i < 2; i++) {
        ok = ok && run(session, model, x, i);
        for (int c = 0; ok && c < classes; c++) {
            ok = cvt_session_class_map(session, c, map, cells, NULL) == CVT_OK;
            const double mean = mean_of(map, cells), rest = (double)cvt_session_output(session)[c] - mean;
            if (i == 0) bias[c] = rest;
            worst = fmax(worst, fabs(rest - bias[c]));
            moved = fmax(moved, fabs(mean));
        }
    }
    test_case(ok && cells > 1 && worst < 1e-4 && moved > 1e-3, name, "the logit is off by %g, means are up to %g",
              worst, moved);
    cvt_session_free(session);
    cvt_model_free(model);
    free(x);
    free(map);
    free(bias);
}

/* Returns a stored tensor as f32, as the file has it. */
static const float *stored(const cvt_weights *weights, const char *name) {
    const cvt_tensor *t = cvt_weights_find(weights, name);
    if (!t || t->dtype != CVT_F32) abort();
    return t->data;
}

/* Tests map[h, w] = sum over c of weight[class, c] feature[c, h, w], with the file's weights and the tap's features. */
static void test_cells(void) {
    const char *name = "lite/timm", *tap = "head";
    char *file = model_path(name, "/weights.safetensors");
    cvt_weights *weights = NULL;
    cvt_session *session = NULL;
    cvt_model *model = open_case(name, tap);
    if (!model || cvt_weights_open(&weights, file, NULL) != CVT_OK) abort();
    const cvt_tensor_info features = cvt_model_tap(model, cvt_model_find_tap(model, tap));
    const size_t channels = (size_t)features.shape[0], cells = count_of(cvt_model_class_map(model));
    const float *w = stored(weights, "classifier.weight"), *b = stored(weights, "classifier.bias");
    float *x = make_inputs(model), *feature = malloc(channels * cells * sizeof *feature),
          *map = malloc(cells * sizeof *map);
    if (!feature || !map || cvt_session_new(&session, model, 2, 1, NULL) != CVT_OK || !run(session, model, x, 0))
        abort();
    if (cvt_session_tap(session, tap, feature, channels * cells, NULL) != CVT_OK) abort();
    double worst = 0, logit = 0;
    for (int c = 0; c < cvt_model_classes(model); c++) {
        if (cvt_session_class_map(session, c, map, cells, NULL) != CVT_OK) abort();
        for (size_t i = 0; i < cells; i++) {
            double sum = 0;
            for (size_t k = 0; k < channels; k++)
                sum += (double)w[(size_t)c * channels + k] * (double)feature[k * cells + i];
            worst = fmax(worst, fabs(sum - (double)map[i]));
        }
        logit = fmax(logit, fabs(mean_of(map, cells) + (double)b[c] - (double)cvt_session_output(session)[c]));
    }
    test_case(features.shape[1] * features.shape[2] == (int64_t)cells && worst < 1e-6,
              "each cell is the row of weights times the features there", "off by %g", worst);
    test_case(logit < 1e-4, "the mean and the bias make the logit", "off by %g", logit);
    float *two = malloc(2 * cells * sizeof *two);
    const float *both = x;
    bool ok = two && cvt_session_run(session, &both, 2, NULL) == CVT_OK &&
              cvt_session_class_map(session, cvt_model_classes(model) - 1, two, 2 * cells, NULL) == CVT_OK;
    test_case(ok && memcmp(two, map, cells * sizeof *map) == 0 && memcmp(two, two + cells, cells * sizeof *map) != 0,
              "of two images a pass the maps follow each other", "they do not");
    cvt_error error;
    test_case(cvt_session_class_map(session, cvt_model_classes(model), two, 2 * cells, &error) == CVT_USAGE &&
                  cvt_session_class_map(session, -1, two, 2 * cells, &error) == CVT_USAGE,
              "no such class", "no error");
    test_case(cvt_session_class_map(session, 0, map, 2 * cells - 1, &error) == CVT_USAGE, "no room", "no error");
    test_case(cvt_model_retain_class_map(model, &error) == CVT_USAGE, "too late", "no error");
    cvt_session_free(session);
    cvt_model_free(model);
    cvt_weights_free(weights);
    free(file);
    free(x);
    free(feature);
    free(map);
    free(two);
}

/* Tests models without such maps: with a class token, with the mean over tokens one of which is a class token, with a
 * norm after the mean, with two classifiers. */
static void test_none(const char *name) {
    char *path = model_path(name, "");
    cvt_options options = {.size = sizeof options, .weights_later = true};
    cvt_model *model = NULL;
    cvt_error error = {0};
    if (cvt_model_open(&model, path, &options, &error) != CVT_OK) abort();
    test_case(cvt_model_class_map(model).rank == 0 && cvt_model_retain_class_map(model, &error) == CVT_UNSUPPORTED,
              name, "it has one: %s", error.message);
    cvt_model_free(model);
    free(path);
}

static void test_untold(void) {
    cvt_model *model = NULL;
    cvt_session *session = NULL;
    cvt_error error = {0};
    float map[64];
    if (cvt_model_open(&model, "tests/data/lite/timm", NULL, NULL) != CVT_OK) abort();
    float *x = make_inputs(model);
    if (cvt_session_new(&session, model, 1, 1, NULL) != CVT_OK || !run(session, model, x, 0)) abort();
    test_case(cvt_session_class_map(session, 0, map, sizeof map / sizeof map[0], &error) == CVT_USAGE,
              "a model that was not told", "no error");
    cvt_session_free(session);
    cvt_model_free(model);
    free(x);
}

int main(void) {
    static const char *const with[] = {
        "cpvt/gap",       "cpvt/gap_40x24", "cvt/ms_linear",   "cvt/nocls",  "flax/batch3",   "flax/running",
        "lite/lukemelas", "lite/rangilyu",  "lite/tf",         "lite/timm",  "pvt_v2/eps_hf", "flax/vit_pytorch",
        "pvt_v2/timm",    "pvt_v2/whai362", "twins_pcpvt/eps", "pvt_v2/hub", "pvt_v2/hf_li",  "twins_pcpvt/timm_88"};
    static const char *const without[] = {"cvt/tiny",  "vit/a",        "vit/d_mean",    "vit/hub_timm_gap",
                                          "pvt/hub",   "crossvit/a",   "vit/distilled", "t2t_vit/vp_mean",
                                          "convit/fb", "blocks/hetero"};
    for (size_t i = 0; i < sizeof with / sizeof with[0]; i++) test_mean(with[i]);
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) test_none(without[i]);
    test_cells();
    test_untold();
    return test_end();
}
