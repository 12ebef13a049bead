/* test_image.c - compares images with what Pillow 13 and the original image processors make of them: no value may
 * differ. Usage: test_image [FOLDER]. FOLDER is what make_images.py or make_decoders.py wrote; by default it is the
 * small sets of both that are committed. test_pixels.c tests the parts one by one, and damage at every byte. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "base/str.h"
#include "image/image.h"
#include "test.h"

#define IMAGENET .normalize = true, .mean = {0.485, 0.456, 0.406}, .std = {0.229, 0.224, 0.225}
#define HALF .normalize = true, .mean = {0.5, 0.5, 0.5}, .std = {0.5, 0.5, 0.5}
#define BYTE .channels = 3, .rescale = true, .rescale_factor = 1.0 / 255
#define RESIZE(how, h, w, with) \
    .resize = CVT_RESIZE_##how, .resize_height = h, .resize_width = w, .filter = CVT_FILTER_##with
#define CROP(h, w) .crop_height = h, .crop_width = w
#define FLOOR .crop_half_even = false /* Hugging Face */
#define EVEN .crop_half_even = true   /* torchvision, timm */

/* The preprocessings of make_images.py, written out by hand. */
static const struct {
    const char *name;
    cvt_preprocess preprocess;
} recipes[] = {
    {"convnext224", {RESIZE(SHORTEST, 256, 256, BICUBIC), CROP(224, 224), FLOOR, BYTE, IMAGENET}},
    {"convnext384", {RESIZE(SQUASH, 384, 384, BICUBIC), BYTE, HALF}},
    {"vit", {RESIZE(SQUASH, 224, 224, BILINEAR), BYTE, HALF}},
    {"deit", {RESIZE(SQUASH, 256, 256, BICUBIC), CROP(224, 224), FLOOR, BYTE, HALF}},
    {"pvt", {RESIZE(SQUASH, 224, 224, BICUBIC), BYTE, IMAGENET}},
    {"raw", {RESIZE(SQUASH, 40, 56, BICUBIC), CROP(33, 50), FLOOR, .channels = 3, HALF}},
    {"unnormalised", {RESIZE(SQUASH, 50, 30, BILINEAR), BYTE}},
    {"hf_crop", {.resize = CVT_RESIZE_NONE, CROP(64, 75), FLOOR, BYTE, HALF}},
    {"timm", {RESIZE(SHORTEST, 256, 256, BICUBIC), CROP(224, 224), EVEN, BYTE, IMAGENET}},
    {"timm_vit", {RESIZE(SHORTEST, 248, 248, BICUBIC), CROP(224, 224), EVEN, BYTE, HALF}},
    {"crossvit", {RESIZE(SHORTEST, 274, 274, BICUBIC), CROP(240, 240), EVEN, BYTE, IMAGENET}},
    {"squash", {RESIZE(SQUASH, 106, 88, BICUBIC), CROP(96, 80), EVEN, BYTE, IMAGENET}},
    {"border", {RESIZE(BORDER, 142, 142, BICUBIC), CROP(128, 128), EVEN, .fill = {124, 116, 104}, BYTE, IMAGENET}},
    {"border_whole", {RESIZE(BORDER, 90, 130, BILINEAR), CROP(90, 130), EVEN, .fill = {124, 116, 104}, BYTE, IMAGENET}},
    {"keep", {RESIZE(KEEP, 109, 182, BICUBIC), CROP(96, 160), EVEN, BYTE, IMAGENET}},
    {"torch_crop", {.resize = CVT_RESIZE_NONE, CROP(64, 75), EVEN, BYTE, IMAGENET}},
    {"gray",
     {RESIZE(SHORTEST, 73, 73, BICUBIC), CROP(64, 64), EVEN, .channels = 1, .rescale = true,
      .rescale_factor = 1.0 / 255, .normalize = true, .mean = {0.5}, .std = {0.25}}},
    {"nearest", {RESIZE(SHORTEST, 62, 62, NEAREST), CROP(50, 50), EVEN, BYTE, IMAGENET}},
    {"box", {RESIZE(SHORTEST, 62, 62, BOX), CROP(50, 50), EVEN, BYTE, IMAGENET}},
    {"hamming", {RESIZE(SHORTEST, 62, 62, HAMMING), CROP(50, 50), EVEN, BYTE, IMAGENET}},
    {"lanczos", {RESIZE(SHORTEST, 62, 62, LANCZOS), CROP(50, 50), EVEN, BYTE, IMAGENET}},
};

static const cvt_preprocess *find_recipe(const char *name, size_t n) {
    for (size_t i = 0; i < sizeof recipes / sizeof recipes[0]; i++)
        if (strlen(recipes[i].name) == n && memcmp(recipes[i].name, name, n) == 0) return &recipes[i].preprocess;
    return NULL;
}

/* Does what `step` of the manifest says. *bytes becomes the result, height x width x size. */
static cvt_status run(cvt_preprocessor *p, const char *step, const cvt_file *file, int *height, int *width,
                      const void **bytes, size_t *size, cvt_error *error) {
    static const cvt_preprocess none = {.channels = 3};
    const char *slash = strchr(step, '/');
    const cvt_decode_options options = {.clip_gray16 = strcmp(step, "decode-clip") == 0,
                                        .allow_truncated = strcmp(step, "decode-torn") == 0,
                                        .fast = slash && strcmp(slash, "/draft") == 0,
                                        .alpha = strcmp(step, "decode-white") == 0   ? CVT_ALPHA_WHITE
                                                 : strcmp(step, "decode-black") == 0 ? CVT_ALPHA_BLACK
                                                                                     : CVT_ALPHA_DROP};
    const cvt_preprocess *preprocess = find_recipe(step, slash ? (size_t)(slash - step) : strlen(step));
    const cvt_image_stop stop = strncmp(step, "decode", 6) == 0          ? CVT_STOP_DECODE
                                : strcmp(step, "orient") == 0            ? CVT_STOP_ORIENT
                                : slash && strcmp(slash, "/resize") == 0 ? CVT_STOP_RESIZE
                                                                         : CVT_STOP_NONE;
    if (!preprocess && stop != CVT_STOP_DECODE && stop != CVT_STOP_ORIENT)
        return cvt_fail(error, CVT_USAGE, "unknown step");
    const cvt_pixels *pixels;
    TRY(cvt_preprocess_run(p, preprocess ? preprocess : &none, &options, file->data, file->size, stop, &pixels, error));
    *height = pixels->height;
    *width = pixels->width;
    *bytes = stop == CVT_STOP_NONE ? (const void *)cvt_preprocessor_tensor(p) : pixels->data;
    *size =
        (size_t)*height * (size_t)*width * (stop == CVT_STOP_NONE ? (size_t)preprocess->channels * sizeof(float) : 3);
    return CVT_OK;
}

static bool one_line(const char *message) { return message[0] && !strpbrk(message, "\r\n\t"); }

/* A file of a format that this build does not decode must be refused as unsupported, whatever its lines say. One that
 * must be refused for that reason is decoded where the build has the library. */
static const char *code_here(const char *code, const cvt_file *file) {
    const char *format = cvt_image_format(file->data, file->size);
    const bool optional = format && strcmp(format, "JPEG") != 0 && strcmp(format, "PNG") != 0;
    if (!optional) return code;
    if (!cvt_image_is_known(file->data, file->size)) return "unsupported";
    return code && strcmp(code, "unsupported") == 0 ? NULL : code;
}

/* Checks a line "FILE error CODE"; what is wrong, if anything, goes into *found. */
static void check_refused(cvt_preprocessor *p, const char *code, const cvt_file *file, cvt_str *found) {
    const cvt_decode_options options = {0};
    cvt_error error = {0};
    const cvt_status status = cvt_image_decode(&p->decoded, &p->info, file->data, file->size, &options, &error);
    if (status == CVT_OK || strcmp(cvt_status_code(status), code) != 0)
        cvt_str_print(found, "%s (%s), wanted %s; ", cvt_status_code(status), error.message, code);
    else if (error.status != status || !one_line(error.message))
        cvt_str_print(found, "says \"%s\"; ", error.message);
}

/* Checks one image by its lines of the manifest, which begin at *line. *line becomes the line after them. */
static void check_image(cvt_preprocessor *p, const char *folder, char **line) {
    char name[128], step[64];
    cvt_str path = {0}, found = {0};
    cvt_file file = {0};
    cvt_error error;
    sscanf(*line, "%127s", name);
    cvt_str_print(&path, "%s/%s", folder, name);
    bool ok = cvt_file_read(&file, path.data, (size_t)1 << 30, &error) == CVT_OK;
    if (!ok) cvt_str_print(&found, "%s", error.message);

    const size_t length = strlen(name);
    int lines = 0;
    for (; strncmp(*line, name, length) == 0 && (*line)[length] == ' '; lines++, *line += strcspn(*line, "\n") + 1) {
        int height = 0, width = 0, want_height, want_width;
        uint32_t want;
        const void *bytes = NULL;
        size_t size = 0;
        char code[32];
        const bool refused = sscanf(*line + length, " error %31s", code) == 1;
        const char *expected = code_here(refused ? code : NULL, &file);
        if (expected) check_refused(p, expected, &file, &found);
        if (refused || expected) continue;
        if (sscanf(*line + length, "%63s %d %d %" SCNx32, step, &want_height, &want_width, &want) != 4) {
            cvt_str_print(&found, "bad line; ");
            continue;
        }
        if (!ok) continue;
        if (run(p, step, &file, &height, &width, &bytes, &size, &error) != CVT_OK)
            cvt_str_print(&found, "%s: %s; ", step, error.message);
        else if (height != want_height || width != want_width)
            cvt_str_print(&found, "%s is %d x %d, wanted %d x %d; ", step, width, height, want_width, want_height);
        else if (crc32_z(0, bytes, size) != want)
            cvt_str_print(&found, "%s differs; ", step);
    }
    test_case(lines > 0 && !found.size, name, "%s", found.size ? found.data : "nothing is expected");
    cvt_str_free(&path);
    cvt_str_free(&found);
    cvt_file_close(&file);
}

/* Checks the images of a folder, `least` of them or more. */
static void check_folder(const char *folder, int least) {
    cvt_str path = {0}, manifest = {0};
    cvt_file file = {0};
    cvt_error error;
    cvt_str_print(&path, "%s/manifest.txt", folder);
    if (test_case(cvt_file_read(&file, path.data, 1 << 24, &error) == CVT_OK, "manifest", "%s", error.message)) {
        cvt_str_append(&manifest, (const char *)file.data, file.size);
        cvt_preprocessor p = {0}; /* one for all images: buffers and tables are reused */
        int images = 0;
        for (char *line = manifest.data; line && *line; images++) check_image(&p, folder, &line);
        test_case(images >= least, "the manifest names images", "%d", images);
        cvt_preprocessor_free(&p);
    }
    cvt_file_close(&file);
    cvt_str_free(&manifest);
    cvt_str_free(&path);
}

int main(int argc, char **argv) {
    check_folder(argc > 1 ? argv[1] : "tests/data/images", 100);
    if (argc == 1) check_folder("tests/data/decoders", 50);
    return test_end();
}
