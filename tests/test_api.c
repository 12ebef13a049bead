/* test_api.c - tests what cvt.h promises of all functions: what they leave after a failure, indices that are out of
 * range, buffers that are too small, options of other versions, values that are not finite. test_open.c tests how
 * models and images get in. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cvt.h"
#include "test.h"

#define MODEL "tests/data/cvt/tiny"
#define ATTENTION "tests/data/vit/a"
#define CLASS_MAP "tests/data/lite/timm"
#define TWO_INPUTS "tests/data/blocks/cross"

static cvt_model *open_with(const char *path, const cvt_options *options) {
    cvt_model *model = NULL;
    test_need(cvt_model_open(&model, path, options, NULL) == CVT_OK, path ? path : "a config");
    return model;
}

static cvt_session *new_session(const cvt_model *model) {
    cvt_session *session = NULL;
    test_need(cvt_session_new(&session, model, 2, 1, NULL) == CVT_OK, "a session");
    return session;
}

static size_t count_of(cvt_tensor_info info) {
    size_t n = 1;
    for (int i = 0; i < info.rank; i++) n *= (size_t)info.shape[i];
    return n;
}

/* Returns two images of zeros for an input. */
static float *new_input(const cvt_model *model, int index) {
    return calloc(2 * count_of(cvt_model_input(model, index)), sizeof(float));
}

/* ---- version ---- */

static void test_version(void) {
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", CVT_VERSION_MAJOR, CVT_VERSION_MINOR, CVT_VERSION_PATCH);
    test_case(strcmp(text, CVT_VERSION) == 0, "CVT_VERSION is made of its numbers", "%s, %s", text, CVT_VERSION);
    test_case(strcmp(cvt_version(), CVT_VERSION) == 0, "the library tells its version", "%s", cvt_version());
}

/* ---- after a failure nothing is there ---- */

#define SOMETHING ((void *)(uintptr_t)8)

static void expect(const char *name, cvt_status got, cvt_status wanted, const cvt_error *error, const void *out) {
    test_case(got == wanted && error->status == got && !out, name, "status %d, %s, %s", (int)got, error->message,
              out ? "something is there" : "nothing is there");
}

static void test_models_that_fail(void) {
    cvt_options no_size = {.images = 1};
    cvt_error error = {0};
    cvt_model *model = SOMETHING;
    cvt_status status = cvt_model_open(&model, "tests/no/such/model", NULL, &error);
    expect("no model: no file", status, CVT_NOT_FOUND, &error, model);
    model = SOMETHING;
    status = cvt_model_open(&model, NULL, NULL, &error);
    expect("no model: no path", status, CVT_USAGE, &error, model);
    model = SOMETHING;
    status = cvt_model_open(&model, MODEL, &no_size, &error);
    expect("no model: options without a size", status, CVT_USAGE, &error, model);
    model = SOMETHING;
    status = cvt_model_open_memory(&model, "rubbish", 7, NULL, &error);
    expect("no model: rubbish in memory", status, CVT_WEIGHTS, &error, model);
    model = SOMETHING;
    status = cvt_model_open_memory(&model, NULL, 0, NULL, &error);
    expect("no model: nothing in memory", status, CVT_WEIGHTS, &error, model);
    model = SOMETHING;
    status = cvt_model_open_fd(&model, -1, NULL, &error);
    expect("no model: no descriptor", status, CVT_USAGE, &error, model);
    model = SOMETHING;
    status = cvt_model_open_fd(&model, 1000000, NULL, &error);
    expect("no model: a descriptor that is not open", status, CVT_UNREADABLE, &error, model);
    int ends[2];
    test_need(pipe(ends) == 0, "a pipe");
    model = SOMETHING;
    status = cvt_model_open_fd(&model, ends[0], NULL, &error);
    expect("no model: a pipe", status, CVT_UNREADABLE, &error, model);
    close(ends[0]);
    close(ends[1]);
}

static void test_others_that_fail(void) {
    cvt_image_options no_size = {.max_scans = 1};
    cvt_options bare = {.size = sizeof bare, .no_weights = true};
    cvt_model *model = open_with(MODEL, &bare);
    cvt_error error = {0};
    cvt_session *session = SOMETHING;
    cvt_status status = cvt_session_new(&session, model, 1, 1, &error);
    expect("no session: no weights", status, CVT_USAGE, &error, session);
    cvt_model_free(model);
    model = open_with(ATTENTION, NULL);
    session = SOMETHING;
    status = cvt_session_new(&session, model, 0, 1, &error);
    expect("no session: no images", status, CVT_USAGE, &error, session);
    session = SOMETHING;
    status = cvt_session_new(&session, model, 1, 0, &error);
    expect("no session: no threads", status, CVT_USAGE, &error, session);
    cvt_image *image = SOMETHING;
    status = cvt_image_new(&image, &no_size, &error);
    expect("no image: options without a size", status, CVT_USAGE, &error, image);
    const char *isa = SOMETHING;
    setenv("CVT_ISA", "no such kernels", 1);
    status = cvt_isa(&isa, &error);
    expect("no kernels: CVT_ISA names none", status, CVT_USAGE, &error, isa);
    cvt_view view = {1, 1, 1, 1};
    status = cvt_model_view(model, 0, 5, &view, &error);
    test_case(status == CVT_USAGE && !(view.left + view.top + view.width + view.height > 0), "no view: no pixels",
              "status %d, %g x %g", (int)status, view.width, view.height);
    test_case(cvt_peak_macs() == 0, "no peak: CVT_ISA names no kernels", "%g", cvt_peak_macs());
    unsetenv("CVT_ISA");
    int chain[1] = {7}, n = 7;
    const int taps[] = {-1, cvt_model_taps(model), cvt_model_find_tap(model, "block0")};
    static const char *const names[] = {"no rollout: tap -1", "no rollout: tap past the end", "no rollout: no map"};
    for (size_t i = 0; i < 3; i++) {
        n = 7;
        status = cvt_model_rollout(model, taps[i], chain, 1, &n, &error);
        test_case(status == CVT_USAGE && n == 0 && chain[0] == 7, names[i], "status %d, n %d", (int)status, n);
    }
    cvt_model_free(model);
    cvt_model_free(NULL);
    cvt_session_free(NULL);
    cvt_image_free(NULL);
}

/* An image that cannot be read leaves nothing of the one before. */
static void test_images_that_fail(void) {
    cvt_options bare = {.size = sizeof bare, .no_weights = true};
    cvt_model *model = open_with(MODEL, &bare), *two = open_with(TWO_INPUTS, &bare);
    cvt_image *image = NULL;
    cvt_error error = {0};
    int h = 7, w = 7;
    test_need(cvt_image_new(&image, NULL, NULL) == CVT_OK, "an image");
    const uint8_t *pixels = cvt_image_pixels(image, &h, &w);
    test_case(!pixels && !cvt_image_tensor(image) && h == 0 && w == 0, "before the first picture there is none",
              "%d x %d", h, w);
    const struct {
        const char *name, *path;
        const cvt_model *model;
    } cases[] = {{"no picture: no file", "tests/no/such/picture", model},
                 {"no picture: another format", "tests/data/cvt/tiny/config.json", model},
                 {"no picture: ends early", "tests/data/images/bad_jpeg_cut_164.jpg", model},
                 {"no picture: the model takes none", "tests/data/cli/cat.jpg", two}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cvt_status before = cvt_image_read(image, model, "tests/data/cli/cat.jpg", CVT_STOP_NONE, &error);
        bool there = cvt_image_tensor(image) && cvt_image_pixels(image, &h, &w) && h == 32 && w == 24;
        cvt_status status = cvt_image_read(image, cases[i].model, cases[i].path, CVT_STOP_NONE, &error);
        bool gone = !cvt_image_tensor(image) && !cvt_image_pixels(image, &h, &w) && h == 0 && w == 0;
        test_case(before == CVT_OK && there && status != CVT_OK && error.status == status && gone, cases[i].name,
                  "statuses %d, %d, %s", (int)before, (int)status, gone ? "nothing is there" : "something is there");
    }
    cvt_status status = cvt_image_read(image, model, "tests/data/cli/cat.jpg", CVT_STOP_CROP, &error);
    test_case(status == CVT_OK && !cvt_image_tensor(image) && cvt_image_pixels(image, &h, &w),
              "a read that is stopped makes no tensor", "%s", error.message);
    cvt_image_free(image);
    cvt_model_free(model);
    cvt_model_free(two);
}

/* ---- indices ---- */

static const int64_t zeros[8];

static bool no_tensor(cvt_tensor_info t) { return !t.name && !t.rank && !memcmp(t.shape, zeros, sizeof t.shape); }
static bool no_attention(cvt_attention_info a) {
    return !a.heads && !a.queries && !a.keys && !a.prefix && !a.height && !a.width && !a.class_query && !a.map;
}
static bool no_row(cvt_row r) {
    return !r.name && !r.type && !r.rank && !r.parameters && !r.macs && !memcmp(r.shape, zeros, sizeof r.shape);
}
static bool no_time(cvt_op_time t) { return !t.op && !(t.ms > 0) && !t.macs && !t.steps; }

#define NOTHING(name, found) test_case(found, name, "%s", "something is there")

static void test_indices(void) {
    cvt_model *model = open_with(MODEL, NULL);
    cvt_session *session = new_session(model);
    float *x = new_input(model, 0);
    const float *inputs[] = {x};
    const int odd[] = {-1, 1 << 30, -2147483647 - 1, 2147483647};
    cvt_session_profile(session, true);
    cvt_session_run(session, inputs, 1, NULL);
    test_case(cvt_session_op_time(session, cvt_session_op_times(session) - 1).steps > 0, "the last kind of operation",
              "%d kinds", cvt_session_op_times(session));
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        const int k = odd[i];
        NOTHING("input out of range", no_tensor(cvt_model_input(model, k)));
        NOTHING("tap out of range", no_tensor(cvt_model_tap(model, k)));
        NOTHING("attention out of range", no_attention(cvt_model_attention(model, k)));
        NOTHING("row out of range", no_row(cvt_model_row(model, CVT_ROWS_CVT, k)));
        NOTHING("row of torchsummary out of range", no_row(cvt_model_row(model, CVT_ROWS_TORCHSUMMARY, k)));
        NOTHING("kind of operation out of range", no_time(cvt_session_op_time(session, k)));
        NOTHING("label out of range", !cvt_model_label(model, k));
        NOTHING("name of a family out of range", !cvt_arch_name(k));
        NOTHING("line on a family out of range", !cvt_arch_about(k));
    }
    NOTHING("tap past the end", no_tensor(cvt_model_tap(model, cvt_model_taps(model))));
    NOTHING("input past the end", no_tensor(cvt_model_input(model, cvt_model_inputs(model))));
    NOTHING("row past the end", no_row(cvt_model_row(model, CVT_ROWS_CVT, cvt_model_rows(model, CVT_ROWS_CVT))));
    NOTHING("kind of operation past the end", no_time(cvt_session_op_time(session, cvt_session_op_times(session))));
    cvt_session_profile(session, false);
    NOTHING("kind of operation without profile", no_time(cvt_session_op_time(session, 0)));
    test_case(cvt_model_find_tap(model, "") == -1, "a tap of no name has the index -1", "%d",
              cvt_model_find_tap(model, ""));
    test_case(strcmp(cvt_status_code((cvt_status)99), "unknown") == 0, "a status that there is not", "%s",
              cvt_status_code((cvt_status)99));
    free(x);
    cvt_session_free(session);
    cvt_model_free(model);
}

static void test_top_k(void) {
    const float logits[] = {1, 3, 2, 3};
    cvt_score top[6];
    memset(top, 0x55, sizeof top);
    int n = cvt_top_k(logits, 4, top, 6);
    test_case(n == 4 && top[0].index == 1 && top[1].index == 3 && top[2].index == 2 && top[3].index == 0,
              "more than all classes: all, in order", "%d: %d %d %d %d", n, top[0].index, top[1].index, top[2].index,
              top[3].index);
    test_case(top[4].index == -1 && top[5].index == -1 && top[4].score == 0 && top[5].score == 0,
              "more than all classes: the rest is empty", "%d %d", top[4].index, top[5].index);
    float sum = top[0].score + top[1].score + top[2].score + top[3].score;
    test_case(fabsf(sum - 1) < 1e-6f, "the probabilities of all classes add up to one", "%g", (double)sum);
    memset(top, 0x55, sizeof top);
    n = cvt_top_k(logits, 4, top, 0);
    test_case(n == 0 && top[0].index == 0x55555555, "no class: nothing is written", "%d", top[0].index);
    n = cvt_top_k(logits, 4, top, -3);
    test_case(n == 0 && top[0].index == 0x55555555, "less than no class: nothing is written", "%d", top[0].index);
    n = cvt_top_k(logits, 0, top, 2);
    test_case(n == 0 && top[0].index == -1 && top[1].index == -1, "of no classes none", "%d", top[0].index);
}

/* ---- room ---- */

static bool untouched(const float *to, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (to[i] != -77) return false;
    return true;
}

typedef cvt_status getter(const cvt_session *session, float *to, size_t capacity, cvt_error *error);

static const char *tap_name;
static cvt_status get_tap(const cvt_session *session, float *to, size_t capacity, cvt_error *error) {
    return cvt_session_tap(session, tap_name, to, capacity, error);
}

/* Calls a getter before a run, with too little room, and with just enough. */
static void try_getter(const char *name, const cvt_model *model, getter *get, size_t each) {
    cvt_session *session = new_session(model);
    float *x = new_input(model, 0), *to = malloc(2 * each * sizeof *to);
    const float *inputs[] = {x};
    cvt_error error = {0};
    for (size_t i = 0; i < 2 * each; i++) to[i] = -77;
    test_case(!cvt_session_output(session), "no output before the first run", "there is one");
    cvt_status status = get(session, to, 2 * each, &error);
    test_case(status == CVT_USAGE && untouched(to, 2 * each), name, "before a run: status %d", (int)status);
    cvt_status ran = cvt_session_run(session, inputs, 2, &error);
    status = get(session, to, 2 * each - 1, &error);
    test_case(ran == CVT_OK && status == CVT_USAGE && untouched(to, 2 * each), name, "too little room: status %d",
              (int)status);
    status = get(session, to, 2 * each, &error);
    test_case(status == CVT_OK && to[0] != -77 && to[2 * each - 1] != -77, name, "enough room: %s", error.message);
    free(x);
    free(to);
    cvt_session_free(session);
}

static cvt_status get_class_map(const cvt_session *session, float *to, size_t capacity, cvt_error *error) {
    return cvt_session_class_map(session, 0, to, capacity, error);
}

static void test_class_map_room(void) {
    cvt_options later = {.size = sizeof later, .weights_later = true};
    cvt_model *model = open_with(CLASS_MAP, &later);
    test_need(cvt_model_retain_class_map(model, NULL) == CVT_OK && cvt_model_load(model, NULL) == CVT_OK,
              "a class map");
    try_getter("room for a class map", model, get_class_map, count_of(cvt_model_class_map(model)));
    cvt_model_free(model);
}

static void test_room(void) {
    const char *taps[] = {"block0"};
    cvt_options options = {.size = sizeof options, .taps = taps, .n_taps = 1, .embedding = true};
    cvt_model *model = open_with(ATTENTION, &options);
    tap_name = taps[0];
    try_getter("room for a tap", model, get_tap, count_of(cvt_model_tap(model, cvt_model_find_tap(model, taps[0]))));
    try_getter("room for the embedding", model, cvt_session_embedding, count_of(cvt_model_embedding(model)));
    int last = -1, chain[64], n = 0;
    for (int i = 0; i < cvt_model_taps(model); i++)
        if (cvt_model_attention(model, i).map) last = i;
    cvt_status status = cvt_model_rollout(model, last, chain, 64, &n, NULL);
    test_case(status == CVT_OK && n > 1 && chain[n - 1] == last, "a rollout of several taps", "%d, %d taps",
              (int)status, n);
    const int enough = n;
    chain[0] = -77;
    status = cvt_model_rollout(model, last, chain, enough - 1, &n, NULL);
    test_case(status == CVT_USAGE && n == 0 && chain[0] == -77, "too little room for a rollout", "%d, %d taps",
              (int)status, n);
    status = cvt_model_rollout(model, last, chain, enough, &n, NULL);
    test_case(status == CVT_OK && n == enough, "just enough room for a rollout", "%d, %d taps", (int)status, n);
    cvt_model_free(model);
}

/* ---- options ---- */

static void test_options(void) {
    struct {
        cvt_options known;
        int64_t newer;
    } larger;
    cvt_error error = {0};
    cvt_model *model = NULL;
    memset(&larger, 0x55, sizeof larger);
    cvt_options_init(&larger.known, sizeof larger);
    cvt_options zero = {.size = sizeof larger};
    test_case(memcmp(&larger.known, &zero, sizeof zero) == 0 && larger.newer == 0, "cvt_options_init clears all",
              "something is left");
    cvt_status status = cvt_model_open(&model, MODEL, &larger.known, &error);
    test_case(status == CVT_OK, "options of a newer program that uses nothing new", "%s", error.message);
    cvt_model_free(model);
    larger.newer = 1;
    model = SOMETHING;
    status = cvt_model_open(&model, MODEL, &larger.known, &error);
    expect("options of a newer program that uses what is new", status, CVT_UNSUPPORTED, &error, model);
    larger.known.size = offsetof(cvt_options, threads) - 1; /* version 0.2.0 ends there */
    model = SOMETHING;
    status = cvt_model_open(&model, MODEL, &larger.known, &error);
    expect("options smaller than they ever were", status, CVT_USAGE, &error, model);

    struct {
        cvt_image_options known;
        int64_t newer;
    } image;
    cvt_image *made = NULL;
    memset(&image, 0x55, sizeof image);
    cvt_image_options_init(&image.known, sizeof image);
    status = cvt_image_new(&made, &image.known, &error);
    test_case(status == CVT_OK && image.newer == 0 && image.known.max_pixels == 0, "cvt_image_options_init clears all",
              "%s", error.message);
    cvt_image_free(made);
    image.newer = 1;
    made = SOMETHING;
    status = cvt_image_new(&made, &image.known, &error);
    expect("image options of a newer program", status, CVT_UNSUPPORTED, &error, made);
}

static void test_isa(void) {
    cvt_options options = {.size = sizeof options, .isa = "ref"};
    cvt_error error = {0};
    const char *best = NULL;
    cvt_status status = cvt_isa(&best, &error);
    setenv("CVT_ISA", best ? best : "", 1);
    cvt_model *model = open_with(MODEL, &options);
    test_case(status == CVT_OK && strcmp(cvt_model_isa(model), "ref") == 0, "options.isa goes before CVT_ISA", "%s",
              cvt_model_isa(model));
    cvt_model_free(model);
    setenv("CVT_ISA", "ref", 1);
    model = open_with(MODEL, NULL);
    test_case(strcmp(cvt_model_isa(model), "ref") == 0, "CVT_ISA counts where options.isa is NULL", "%s",
              cvt_model_isa(model));
    cvt_model_free(model);
    unsetenv("CVT_ISA");
    model = open_with(MODEL, NULL);
    test_case(strcmp(cvt_model_isa(model), best) == 0, "without both the best kernels run", "%s, not %s",
              cvt_model_isa(model), best);
    cvt_model_free(model);
    options.isa = "none such";
    model = SOMETHING;
    status = cvt_model_open(&model, MODEL, &options, &error);
    expect("kernels that there are not", status, CVT_USAGE, &error, model);
    test_case(strstr(error.message, "none such") != NULL, "kernels that there are not are named", "%s", error.message);
}

/* Calls functions at the wrong time. */
static void test_order(void) {
    cvt_options later = {.size = sizeof later, .weights_later = true}, bare = {.size = sizeof bare, .no_weights = true};
    cvt_options config = {.size = sizeof config, .config = MODEL "/config.json", .weights_later = true};
    cvt_model *model = open_with(MODEL, &later);
    test_case(!cvt_model_isa(model), "no kernels before weights", "%s", cvt_model_isa(model));
    cvt_status status = cvt_model_load(model, NULL);
    test_case(status == CVT_OK && cvt_model_isa(model), "weights later", "status %d", (int)status);
    status = cvt_model_load(model, NULL);
    test_case(status == CVT_USAGE, "weights twice", "status %d", (int)status);
    status = cvt_model_retain(model, cvt_model_tap(model, 0).name, NULL);
    test_case(status == CVT_USAGE, "a tap after the weights", "status %d", (int)status);
    cvt_model_free(model);
    model = open_with(MODEL, &bare);
    status = cvt_model_load(model, NULL);
    test_case(status == CVT_USAGE, "weights of a model without", "status %d", (int)status);
    cvt_model_free(model);
    model = open_with(NULL, &config);
    status = cvt_model_load(model, NULL);
    test_case(status == CVT_USAGE, "weights of a config alone", "status %d", (int)status);
    status = cvt_model_save(model, "/dev/null", NULL, NULL, false, NULL);
    test_case(status == CVT_USAGE, "a model without weights is not saved", "status %d", (int)status);
    cvt_model_free(model);
}

/* ---- values that are not finite ---- */

static void test_non_finite(void) {
    const float odd[] = {NAN, INFINITY, -INFINITY};
    cvt_error error = {0};
    cvt_model *model = open_with(MODEL, NULL), *two = open_with(TWO_INPUTS, NULL);
    cvt_session *session = new_session(model), *other = new_session(two);
    float *x = new_input(model, 0), *a = new_input(two, 0), *b = new_input(two, 1);
    const float *inputs[] = {x}, *both[] = {a, b};
    const size_t each = count_of(cvt_model_input(model, 0));
    for (size_t i = 0; i < 3; i++) {
        x[each + 5] = odd[i];
        cvt_status status = cvt_session_run(session, inputs, 2, &error);
        bool named = strstr(error.message, "input 0") && strstr(error.message, "value 5 of image 1");
        test_case(status == CVT_NON_FINITE && named, "an input that is not finite is named", "%s", error.message);
    }
    cvt_status status = cvt_session_run(session, inputs, 1, &error);
    test_case(status == CVT_OK, "what is behind the images of a run is not looked at", "%s", error.message);
    b[3] = NAN;
    const float *missing[] = {a, NULL};
    status = cvt_session_run(other, missing, 1, &error);
    test_case(status == CVT_USAGE && strstr(error.message, "input 1"), "an input that is NULL is named", "%s",
              error.message);
    status = cvt_session_run(other, both, 1, &error);
    test_case(status == CVT_NON_FINITE && strstr(error.message, "input 1"), "of two inputs the right one is named",
              "%s", error.message);
    free(x);
    free(a);
    free(b);
    cvt_session_free(session);
    cvt_session_free(other);
    cvt_model_free(model);
    cvt_model_free(two);
}

int main(void) {
    unsetenv("CVT_ISA");
    test_version();
    test_models_that_fail();
    test_others_that_fail();
    test_images_that_fail();
    test_indices();
    test_top_k();
    test_room();
    test_class_map_room();
    test_options();
    test_isa();
    test_order();
    test_non_finite();
    return test_end();
}
