/* target_json.c - JSON by itself, and the documents that models bring: configs, preprocessing, labels. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "fuzz.h"

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

/* Looks at every value, by every function; returns how many there are. */
static size_t walk(const cvt_json *value, int depth) { // NOLINT(misc-no-recursion)
    const cvt_json_kind kind = cvt_json_kind_of(value);
    size_t n = 0, all = 1;
    int64_t integer;
    double number;
    bool flag;
    fuzz_must(depth <= 64 && cvt_json_kind_name(kind));
    fuzz_must(cvt_json_bool(value, &flag) == (kind == CVT_JSON_BOOL));
    fuzz_must(cvt_json_number(value, &number) == (kind == CVT_JSON_NUMBER));
    fuzz_must(!cvt_json_integer(value, &integer) || (double)integer == number);
    const char *text = cvt_json_string(value);
    fuzz_must(!text == (kind != CVT_JSON_STRING) && (!text || cvt_utf8_valid(text, strlen(text))));
    for (const cvt_json *at = cvt_json_first(value); at; at = cvt_json_next(at), n++) {
        const char *key = cvt_json_key(at);
        fuzz_must(!key == (kind != CVT_JSON_OBJECT));
        fuzz_must(!key || cvt_json_get(value, key));
        all += walk(at, depth + 1);
    }
    fuzz_must(n == cvt_json_size(value));
    return all;
}

static cvt_status parse(const uint8_t *bytes, size_t size, bool python, size_t *values) {
    cvt_json_document *document;
    cvt_error error;
    char *copy = malloc(size ? size : 1); /* ends where its memory ends */
    *values = 0;
    if (!copy) return CVT_NO_MEMORY;
    if (size) memcpy(copy, bytes, size);
    const cvt_status status = python ? cvt_json_parse_python(&document, copy, size, "x.json", &error)
                                     : cvt_json_parse(&document, copy, size, "x.json", &error);
    fuzz_must((status == CVT_OK) == (document != NULL));
    if (status != CVT_OK) fuzz_must_tell(&error);
    if (status == CVT_OK) *values = walk(cvt_json_root(document), 1);
    cvt_json_free(document);
    free(copy);
    return status;
}

/* What is JSON for all is JSON for Python, with the same values. */
void fuzz_json(const uint8_t *bytes, size_t size) {
    size_t strict, python;
    const cvt_status status = parse(bytes, size, false, &strict);
    if (parse(bytes, size, true, &python) != CVT_OK) fuzz_must(status != CVT_OK);
    if (status == CVT_OK) fuzz_must(strict == python);
}

/* ---- models ----------------------------------------------------------------------------------------------------- */

/* Asks everything that can be asked of a model without weights. */
static void ask(const cvt_model *model) {
    fuzz_must(cvt_model_arch(model) && cvt_model_inputs(model) >= 1 && cvt_model_classes(model) >= 0);
    for (int i = 0; i < cvt_model_inputs(model); i++) fuzz_must(cvt_model_input(model, i).rank > 0);
    fuzz_must(cvt_model_parameters(model) >= 0 && cvt_model_macs(model) >= 0 && cvt_model_bytes(model) >= 0);
    for (int i = 0; i < cvt_model_taps(model); i++) {
        const cvt_tensor_info tap = cvt_model_tap(model, i);
        fuzz_must(tap.name && tap.rank >= 0 && tap.rank <= 8);
        (void)cvt_model_attention(model, i);
    }
    static const cvt_row_style styles[] = {CVT_ROWS_CVT, CVT_ROWS_TORCHSUMMARY};
    for (size_t k = 0; k < sizeof styles / sizeof styles[0]; k++)
        for (int i = 0, n = cvt_model_rows(model, styles[k]); i < n; i++)
            fuzz_must(cvt_model_row(model, styles[k], i).name);
    for (int i = 0; i < cvt_model_classes(model) && i < 100; i++) {
        const char *label = cvt_model_label(model, i);
        if (label) fuzz_touch(label, strlen(label));
    }
    for (int i = 0; cvt_model_warning(model, i); i++) fuzz_touch(cvt_model_warning(model, i), 1);
    for (int i = 0; cvt_model_remark(model, i); i++) fuzz_touch(cvt_model_remark(model, i), 1);
}

/* Gives a model an image of two by three pixels. */
static void prepare(const cvt_model *model) {
    static const uint8_t pixels[2][9] = {{255, 0, 0, 0, 255, 0, 0, 0, 255}, {1, 2, 3, 4, 5, 6, 7, 8, 9}};
    const cvt_image_options options = {.size = sizeof options, .max_pixels = 1 << 18};
    cvt_image *image;
    cvt_error error;
    cvt_view view;
    fuzz_must(cvt_image_new(&image, &options, &error) == CVT_OK);
    if (cvt_image_read_pixels(image, model, pixels[0], 2, 3, sizeof pixels[0], CVT_STOP_NONE, &error) == CVT_OK)
        fuzz_must(cvt_image_tensor(image));
    else
        fuzz_must_tell(&error);
    if (cvt_model_view(model, 480, 640, &view, &error) == CVT_OK) fuzz_must(view.width > 0 && view.height > 0);
    cvt_image_free(image);
}

static void open_model(const char *path, const cvt_options *options) {
    cvt_model *model;
    cvt_error error;
    if (cvt_model_open(&model, path, options, &error) == CVT_OK) {
        ask(model);
        prepare(model);
    } else {
        fuzz_must(!model);
        fuzz_must_tell(&error);
    }
    cvt_model_free(model);
}

void fuzz_config(const uint8_t *bytes, size_t size) {
    const cvt_options options = {.size = sizeof options, .no_weights = true};
    open_model(fuzz_file("config.json", bytes, size), &options);
}

/* The small model with another document beside its config. */
static void open_small(cvt_options *options) {
    options->no_weights = true;
    open_model(fuzz_file("small.json", fuzz_small_model, strlen(fuzz_small_model)), options);
}

void fuzz_preprocess(const uint8_t *bytes, size_t size) {
    cvt_options options = {.size = sizeof options};
    options.preprocess = fuzz_file("preprocessor_config.json", bytes, size);
    open_small(&options);
}

/* Labels are lines, or JSON; one that cannot be read as JSON is lines, unless it is named so. */
void fuzz_labels(const uint8_t *bytes, size_t size) {
    cvt_options options = {.size = sizeof options};
    options.labels = fuzz_file("labels.txt", bytes, size);
    open_small(&options);
    options.labels = fuzz_file("labels.json", bytes, size);
    open_small(&options);
}
