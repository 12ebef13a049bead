/* test_open.c - tests the ways in which models and images get in other than by a path: from memory, behind a
 * descriptor, as pixels. The results are the same bytes. It also tests how long what is handed over must live. */
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cvt.h"
#include "image/image.h"
#include "test.h"
#include "weights/weights.h"

#define MODEL "tests/data/cvt/tiny"
#define TORCH "tests/data/cvt/hub_zip"
#define LEGACY "tests/data/cvt/hub_legacy"

enum { MAX_CLASSES = 1000 };

static char folder[] = "/tmp/cvt-open-XXXXXX";
static char whole[64], rounded[64]; /* self-contained files: as stored, in int8 and packed */

/* Runs a model on a gradient and returns its logits. Frees the model. */
static cvt_status run(cvt_model *model, float logits[MAX_CLASSES], cvt_error *error) {
    cvt_tensor_info in = cvt_model_input(model, 0);
    size_t count = (size_t)(in.shape[0] * in.shape[1] * in.shape[2]);
    float *x = calloc(count, sizeof *x);
    const float *inputs[] = {x};
    cvt_session *session = NULL;
    for (size_t i = 0; i < count; i++) x[i] = (float)(i % 97) / 48 - 1;
    memset(logits, 0, MAX_CLASSES * sizeof *logits);
    cvt_status status = cvt_session_new(&session, model, 1, 1, error);
    if (status == CVT_OK) status = cvt_session_run(session, inputs, 1, error);
    if (status == CVT_OK)
        memcpy(logits, cvt_session_output(session), (size_t)cvt_model_classes(model) * sizeof *logits);
    cvt_session_free(session);
    cvt_model_free(model);
    free(x);
    return status;
}

static float wanted[MAX_CLASSES], found[MAX_CLASSES];

static void want(const char *path, const cvt_options *options) {
    cvt_model *model = NULL;
    cvt_error error;
    cvt_status status = cvt_model_open(&model, path, options, &error);
    if (status == CVT_OK) status = run(model, wanted, &error);
    if (status != CVT_OK) test_case(false, path, "%s", error.message);
}

static bool same(void) { return wanted[0] != 0 && memcmp(wanted, found, sizeof found) == 0; }

static cvt_file read_whole(const char *path) {
    cvt_file file;
    cvt_error error;
    test_need(cvt_file_read(&file, path, (size_t)1 << 30, &error) == CVT_OK, path);
    return file;
}

/* ---- memory ---- */

/* Returns a copy that begins `shift` bytes after a multiple of 64, and has nothing after its end. */
static void *copy_shifted(const cvt_file *file, size_t shift, void **block) {
    size_t room = (file->size + shift + 63) / 64 * 64, start = room - file->size;
    start -= (start + 64 - shift) % 64;
    unsigned char *bytes = *block = aligned_alloc(64, room);
    test_need(bytes, "memory");
    return memcpy(bytes + start, file->data, file->size);
}

static void open_memory(const char *name, const char *path, const cvt_options *options, size_t shift) {
    cvt_file file = read_whole(path);
    cvt_model *model = NULL;
    cvt_error error = {0};
    void *block;
    const void *bytes = copy_shifted(&file, shift, &block);
    cvt_status status = cvt_model_open_memory(&model, bytes, file.size, options, &error);
    if (status == CVT_OK) status = run(model, found, &error);
    test_case(status == CVT_OK && same(), name, "shifted by %zu: %s", shift, error.message);
    test_case(memcmp(bytes, file.data, file.size) == 0, "the bytes stay as they are", "%s", path);
    free(block);
    cvt_file_close(&file);
}

static void refuse_memory(const char *name, const void *bytes, size_t size, cvt_status status, const char *text) {
    cvt_model *model = NULL;
    cvt_error error = {0};
    cvt_status got = cvt_model_open_memory(&model, bytes, size, NULL, &error);
    test_case(got == status && !model && strstr(error.message, text), name, "status %d, %s", (int)got, error.message);
    cvt_model_free(model);
}

static void test_memory(void) {
    want(MODEL, NULL);
    for (size_t shift = 0; shift < 4; shift++) open_memory("a model from memory", whole, NULL, shift);
    cvt_options options = {.size = sizeof options, .config = TORCH "/config.json"};
    want(TORCH, NULL);
    open_memory("a PyTorch file from memory", TORCH "/pytorch_model.bin", &options, 0);
    want(LEGACY, NULL);
    open_memory("a legacy PyTorch file from memory", LEGACY "/pytorch_model.bin", &options, 1);
    want(rounded, NULL);
    open_memory("int8 and packed from memory", rounded, NULL, 0);

    cvt_file file = read_whole(rounded);
    void *block;
    const void *bytes = copy_shifted(&file, 4, &block);
    refuse_memory("packed weights that are not aligned", bytes, file.size, CVT_WEIGHTS, "multiple of 64 bytes");
    free(block);
    cvt_file_close(&file);
    file = read_whole(TORCH "/pytorch_model.bin");
    refuse_memory("no config in memory", file.data, file.size, CVT_CONFIG, "(memory): carries no config");
    cvt_file_close(&file);
    file = read_whole(whole);
    for (size_t cut = 1; cut < file.size; cut = 3 * cut) {
        unsigned char *part = malloc(file.size - cut);
        test_need(part, "memory");
        memcpy(part, file.data, file.size - cut);
        refuse_memory("a file in memory that ends early", part, file.size - cut, CVT_WEIGHTS, "(memory)");
        free(part);
    }
    cvt_file_close(&file);
    static const char index[] = "{\"weight_map\": {\"a\": \"../../etc/passwd\"}}";
    refuse_memory("an index in memory", index, sizeof index - 1, CVT_WEIGHTS, "(memory): JSON");
}

/* Tests that the message blames the weights, not the input, where weights are not finite. */
static void test_weights(void) {
    cvt_file file = read_whole(whole);
    cvt_weights *weights = NULL;
    cvt_model *model = NULL;
    cvt_error error = {0};
    const float odd = NAN;
    void *block;
    unsigned char *bytes = copy_shifted(&file, 0, &block);
    test_need(cvt_weights_open_memory(&weights, bytes, file.size, "copy", &error) == CVT_OK, "weights in memory");
    const cvt_tensor *bias = cvt_weights_find(weights, "layernorm.bias");
    test_need(bias, "layernorm.bias");
    memcpy(bytes + ((const unsigned char *)bias->data - bytes), &odd, sizeof odd);
    cvt_weights_free(weights);
    cvt_status status = cvt_model_open_memory(&model, bytes, file.size, NULL, &error);
    if (status == CVT_OK) status = run(model, found, &error);
    test_case(status == CVT_NON_FINITE && strcmp(error.message, "weights give non-finite output") == 0,
              "weights that are not finite are blamed", "%s", error.message);
    free(block);
    cvt_file_close(&file);
}

/* ---- descriptors ---- */

/* Tests a descriptor that was moved before opening, is closed after it, and whose file has no name any more. */
static void test_descriptor(void) {
    cvt_file file = read_whole(whole);
    char path[64];
    snprintf(path, sizeof path, "%s/unlinked", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    test_need(fd >= 0 && write(fd, file.data, file.size) == (ssize_t)file.size, "a file without a name");
    unlink(path);
    cvt_model *model = NULL;
    cvt_error error = {0};
    want(MODEL, NULL);
    lseek(fd, 1000, SEEK_SET);
    cvt_status status = cvt_model_open_fd(&model, fd, NULL, &error);
    test_case(lseek(fd, 0, SEEK_CUR) == 1000, "a descriptor stays where it is", "it moved");
    test_case(close(fd) == 0, "a descriptor stays open", "it was closed");
    if (status == CVT_OK) status = run(model, found, &error);
    test_case(status == CVT_OK && same(), "a model behind a descriptor", "%s", error.message);
    cvt_file_close(&file);

    cvt_options options = {.size = sizeof options, .config = TORCH "/config.json"};
    fd = open(TORCH "/pytorch_model.bin", O_RDONLY);
    want(TORCH, NULL);
    model = NULL;
    status = cvt_model_open_fd(&model, fd, &options, &error);
    close(fd);
    if (status == CVT_OK) status = run(model, found, &error);
    test_case(status == CVT_OK && same(), "a PyTorch file behind a descriptor", "%s", error.message);
    fd = open("tests", O_RDONLY);
    status = cvt_model_open_fd(&model, fd, NULL, &error);
    test_case(status == CVT_UNREADABLE && !model && strstr(error.message, "a directory"), "a directory's descriptor",
              "status %d, %s", (int)status, error.message);
    close(fd);
}

/* ---- how long strings live ---- */

static char *borrow(const char *text) {
    char *copy = malloc(strlen(text) + 1);
    return copy ? strcpy(copy, text) : NULL;
}

static void give_back(char *text) {
    memset(text, 'x', strlen(text));
    free(text);
}

/* Tests that nothing that options point to is needed after cvt_model_open, even where weights are loaded later. */
static void test_strings(void) {
    char *texts[] = {borrow(MODEL "/config.json"), borrow(folder), borrow("f32"), borrow("ref"),
                     borrow("stage0.block0"),      borrow(whole),  NULL};
    char path[64];
    snprintf(path, sizeof path, "%s/labels.txt", folder);
    FILE *file = fopen(path, "w");
    test_need(file, path);
    for (int i = 0; i < 10; i++) fprintf(file, "class %d\n", i);
    fclose(file);
    free(texts[1]);
    texts[1] = borrow(path);
    const char **taps = malloc(sizeof *taps);
    int(*sizes)[2] = calloc(1, sizeof *sizes);
    test_need(taps && sizes, "memory");
    taps[0] = texts[4];
    cvt_options options = {.size = sizeof options, .config = texts[0], .labels = texts[1], .precision = texts[2]};
    options.isa = texts[3];
    options.taps = taps;
    options.n_taps = 1;
    options.sizes = (const int(*)[2])sizes;
    options.n_sizes = 1;
    options.weights_later = true;
    cvt_model *model = NULL;
    cvt_session *session = NULL;
    cvt_error error = {0};
    cvt_status status = cvt_model_open(&model, texts[5], &options, &error);
    for (size_t i = 0; texts[i]; i++) give_back(texts[i]);
    free(taps);
    free(sizes);
    memset(&options, 0x55, sizeof options);
    if (status == CVT_OK) status = cvt_model_load(model, &error);
    test_case(status == CVT_OK && strcmp(cvt_model_isa(model), "ref") == 0, "weights later, strings gone", "%s",
              error.message);
    if (status == CVT_OK) status = cvt_session_new(&session, model, 1, 1, &error);
    static float x[3 * 32 * 24], tap[6 * 48];
    const float *inputs[] = {x};
    if (status == CVT_OK) status = cvt_session_run(session, inputs, 1, &error);
    if (status == CVT_OK) status = cvt_session_tap(session, "stage0.block0", tap, 6 * 48, &error);
    test_case(status == CVT_OK && tap[0] != 0, "a tap after the strings are gone", "%s", error.message);
    const char *label = status == CVT_OK ? cvt_model_label(model, 9) : NULL;
    test_case(label && strcmp(label, "class 9") == 0, "a label after the strings are gone", "%s", label ? label : "");
    cvt_session_free(session);
    cvt_model_free(model);
}

/* ---- pixels ---- */

/* Returns a copy of the result of the last read: the tensor where it did all steps, else the pixels. */
static unsigned char *result_of(const cvt_image *image, const cvt_model *model, size_t *size) {
    int h, w;
    const void *from = cvt_image_pixels(image, &h, &w);
    *size = (size_t)h * (size_t)w * 3;
    if (cvt_image_tensor(image)) {
        cvt_tensor_info in = cvt_model_input(model, 0);
        from = cvt_image_tensor(image);
        *size = (size_t)(in.shape[0] * in.shape[1] * in.shape[2]) * sizeof(float);
    }
    unsigned char *copy = malloc(*size + 1);
    return copy ? memcpy(copy, from, *size) : NULL;
}

/* Tests that the pixels of an image, with `gap` other bytes between the rows, give what the image gives. */
static void try_pixels(const cvt_model *model, cvt_image *image, const char *path, size_t gap) {
    cvt_error error = {0};
    int h = 0, w = 0, checked = 0;
    cvt_status status = cvt_image_read(image, model, path, CVT_STOP_ORIENT, &error);
    const uint8_t *pixels = cvt_image_pixels(image, &h, &w);
    const size_t row = (size_t)w * 3, stride = row + gap;
    if (status != CVT_OK || !pixels) {
        test_case(false, path, "%s", error.message);
        return;
    }
    uint8_t *rgb = malloc(stride * (size_t)h - gap); /* the last row ends with its last pixel */
    test_need(rgb, "memory");
    for (size_t y = 0; y < (size_t)h; y++) {
        if (y) memset(rgb + y * stride - gap, 0x5a, gap);
        memcpy(rgb + y * stride, pixels + y * row, row);
    }
    for (cvt_image_stop stop = CVT_STOP_NONE; stop <= CVT_STOP_CROP; stop++) {
        size_t n = 0, k = 0;
        const cvt_image_stop before = stop == CVT_STOP_DECODE ? CVT_STOP_ORIENT : stop; /* pixels lie upright */
        if (cvt_image_read(image, model, path, before, &error) != CVT_OK) break;
        unsigned char *read = result_of(image, model, &n);
        if (cvt_image_read_pixels(image, model, rgb, h, w, stride, stop, &error) != CVT_OK) break;
        unsigned char *given = result_of(image, model, &k);
        checked += n == k && n > 0 && memcmp(read, given, n) == 0 && !cvt_image_warning(image);
        free(read);
        free(given);
    }
    test_case(checked == 5, "pixels give what their picture gives", "%s: %d of 5 steps, %s", path, checked,
              error.message);
    free(rgb);
}

static void refuse_pixels(const char *name, cvt_image *image, const cvt_model *model, int h, int w, size_t stride,
                          cvt_status wanted_status) {
    static const uint8_t rgb[12];
    cvt_error error = {0};
    cvt_status status = cvt_image_read_pixels(image, model, rgb, h, w, stride, CVT_STOP_NONE, &error);
    test_case(status == wanted_status && error.status == status && !cvt_image_pixels(image, &h, &w) &&
                  !cvt_image_tensor(image),
              name, "status %d, %s", (int)status, error.message);
}

static void test_pixels(void) {
    static const char *const models[] = {MODEL, "tests/data/vit/hub_vit", "tests/data/vit/hub_timm"};
    static const char *const pictures[] = {"tests/data/cli/dog.png", "tests/data/images/png_2_8_29x17.png",
                                           "tests/data/images/png_0_16_29x17.png", "tests/data/images/exif_3.png",
                                           "tests/data/cli/cat.jpg"};
    cvt_options bare = {.size = sizeof bare, .no_weights = true};
    cvt_image *image = NULL;
    test_need(cvt_image_new(&image, NULL, NULL) == CVT_OK, "an image");
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        cvt_model *model = NULL;
        cvt_error error = {0};
        if (!test_case(cvt_model_open(&model, models[i], &bare, &error) == CVT_OK, models[i], "%s", error.message))
            continue;
        for (size_t k = 0; k < sizeof pictures / sizeof pictures[0]; k++) try_pixels(model, image, pictures[k], 7 * k);
        refuse_pixels("pixels: no rows", image, model, 0, 2, 6, CVT_USAGE);
        refuse_pixels("pixels: no columns", image, model, 2, 0, 6, CVT_USAGE);
        refuse_pixels("pixels: a negative width", image, model, 2, -1, 6, CVT_USAGE);
        refuse_pixels("pixels: a negative height", image, model, -2147483647 - 1, 1, 6, CVT_USAGE);
        refuse_pixels("pixels: rows that overlap", image, model, 2, 2, 5, CVT_USAGE);
        refuse_pixels("pixels: no stride", image, model, 2, 2, 0, CVT_USAGE);
        refuse_pixels("pixels: past the address space", image, model, 3, 2, SIZE_MAX / 2 + 1, CVT_USAGE);
        refuse_pixels("pixels: at the end of the address space", image, model, 2, 2, PTRDIFF_MAX, CVT_USAGE);
        refuse_pixels("pixels: too many", image, model, 20000, 20000, 60000, CVT_TOO_LARGE);
        refuse_pixels("pixels: far too many", image, model, 2147483647, 1000000, 3000000, CVT_TOO_LARGE);
        cvt_model_free(model);
    }
    cvt_image_free(image);
}

/* Tests that a read of a file fails with the line "PATH: WHY", in which the path stands once. */
static void refuse_file(cvt_image *image, const cvt_model *model, const char *path, const char *why) {
    char line[256];
    cvt_error error = {0};
    cvt_status status = cvt_image_read(image, model, path, CVT_STOP_NONE, &error);
    snprintf(line, sizeof line, "%s: %s", path, why);
    test_case(status != CVT_OK && error.status == status && strcmp(error.message, line) == 0,
              "an image that cannot be read is named", "%s", error.message);
    test_case(cvt_image_read(image, model, path, CVT_STOP_NONE, NULL) == status, "the same without an error", "%s",
              path);
}

static void test_unreadable(void) {
    cvt_options bare = {.size = sizeof bare, .no_weights = true};
    cvt_model *model = NULL;
    cvt_image *image = NULL;
    test_need(cvt_image_new(&image, NULL, NULL) == CVT_OK && cvt_model_open(&model, MODEL, &bare, NULL) == CVT_OK,
              "an image and a model");
    char formats[64], line[96]; /* those that this build decodes */
    cvt_image_formats(formats, sizeof formats, "nor");
    snprintf(line, sizeof line, "not an image: neither %s", formats);
    refuse_file(image, model, "tests/test_open.c", line);
    refuse_file(image, model, "tests/nothing.jpg", "no such file");
    cvt_model_free(model);
    cvt_image_free(image);
}

/* ---- the whole ---- */

static bool save(const char *path, const cvt_options *options, const char *dtype, bool pack) {
    cvt_model *model = NULL;
    cvt_error error = {0};
    cvt_status status = cvt_model_open(&model, MODEL, options, &error);
    if (status == CVT_OK) status = cvt_model_save(model, path, dtype, NULL, pack, &error);
    cvt_model_free(model);
    return test_case(status == CVT_OK, "a self-contained file", "%s", error.message);
}

int main(void) {
    unsetenv("CVT_ISA");
    cvt_options packing = {.size = sizeof packing, .images = 1000, .precision = "int8"};
    if (!mkdtemp(folder)) return 1;
    snprintf(whole, sizeof whole, "%s/whole.safetensors", folder);
    snprintf(rounded, sizeof rounded, "%s/rounded.safetensors", folder);
    if (save(whole, NULL, NULL, false) && save(rounded, &packing, "int8", true)) {
        test_memory();
        test_weights();
        test_descriptor();
        test_strings();
        test_pixels();
        test_unreadable();
    }
    char labels[64];
    snprintf(labels, sizeof labels, "%s/labels.txt", folder);
    remove(whole);
    remove(rounded);
    remove(labels);
    rmdir(folder);
    return test_end();
}
