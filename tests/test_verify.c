/* test_verify.c - golden data of files that were converted, seen from inside: kernels that are broken on purpose, one
 * at a time, are found by `cvt verify`'s comparison, and so is a resizing; and the images that the golden data are made
 * of are the JPEGs that their maker says they are. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/golden.h"
#include "base/num.h"
#include "model/golden_image.h"
#include "model/golden_store.h"
#include "test.h"

/* ---- breaking a kernel ----------------------------------------------------------------------------------------- */

/* The tables are constants; this sets a pointer in one of them. */
static void set(void *place, const void *value) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *first = (char *)place - (uintptr_t)place % page;
    if (mprotect(first, 2 * page, PROT_READ | PROT_WRITE) != 0 && mprotect(first, page, PROT_READ | PROT_WRITE) != 0)
        abort();
    memcpy(place, value, sizeof(void *));
}

static cvt_product_kernels right_product;
static cvt_attention_kernels right_attention;
static cvt_resample_kernels right_resample;
static cvt_kernels right;

/* Each does what it should, and then changes one value, by as much as a lost term of a sum would. */
static void broken_gemm(const cvt_gemm *g) {
    right_product.gemm(g);
    g->c[0] += 0.05f;
}
static void broken_attention(const cvt_attention *a) {
    right_attention.run(a);
    a->out[0] += 0.05f;
}
static void broken_dwconv(const cvt_dwconv *d) {
    right.dwconv(d);
    d->y[(size_t)d->row0 * (size_t)d->ow * d->ldy] += 0.05f;
}
static void broken_norm(float *y, size_t ldy, const float *x, size_t ldx, int rows, int c, const float *gamma,
                        const float *beta, float eps) {
    right.layer_norm(y, ldy, x, ldx, rows, c, gamma, beta, eps + 0.1f);
}
static void broken_resample(const cvt_resample_axis *a, uint8_t *to, size_t to_ld, const uint8_t *from, size_t from_ld,
                            int height, uint8_t *scratch) {
    right_resample.horizontal(a, to, to_ld, from, from_ld, height, scratch);
    for (size_t i = 0; i < (size_t)height; i++) to[i * to_ld + (size_t)a->count * 3 / 2] ^= 8;
}

typedef void (*any)(void);

typedef struct fault {
    const char *name, *says; /* what the line holds */
    const void *place;       /* of the pointer */
    any right, broken;
} fault;

/* ---- comparing ------------------------------------------------------------------------------------------------- */

typedef struct said {
    int lines;
    char first[CVT_MESSAGE_MAX];
} said;

static void note(void *context, const char *line) {
    said *s = context;
    if (s->lines++ == 0) snprintf(s->first, sizeof s->first, "%s", line);
}

/* Opens the file and compares; false where that fails. */
static bool compare(const char *path, said *s, cvt_golden_found *found) {
    cvt_model *model = NULL;
    cvt_error error = {0};
    *s = (said){0};
    bool done = cvt_model_open(&model, path, NULL, &error) == CVT_OK &&
                cvt_golden_verify(found, model, 1, false, note, s, &error) == CVT_OK;
    cvt_model_free(model);
    if (!done) test_case(false, "compare", "%s", error.message);
    return done;
}

static void test_fault(const char *path, const fault *f) {
    cvt_golden_found found;
    said s;
    set((void *)(uintptr_t)f->place, &f->broken);
    const bool done = compare(path, &s, &found);
    set((void *)(uintptr_t)f->place, &f->right);
    test_case(done && s.lines > 0 && s.lines == found.differences && strstr(s.first, f->says), f->name,
              "%d lines, the first: %s", s.lines, s.first);
}

static void test_faults(const char *path, const cvt_model *model) {
    const cvt_kernels *k = model->plan->kernels;
    right = *k;
    right_product = *k->product[CVT_PRECISION_F32];
    right_attention = *k->attention[CVT_PRECISION_F32];
    right_resample = *k->resample;
    const fault faults[] = {
        {"a product that is wrong", "input 0: output ", &k->product[CVT_PRECISION_F32]->gemm, (any)right_product.gemm,
         (any)broken_gemm},
        {"an attention that is wrong", "input 0: output ", &k->attention[CVT_PRECISION_F32]->run,
         (any)right_attention.run, (any)broken_attention},
        {"a convolution that is wrong", "input 0: output ", &k->dwconv, (any)right.dwconv, (any)broken_dwconv},
        {"a norm with another eps", "input 0: output ", &k->layer_norm, (any)right.layer_norm, (any)broken_norm},
        {"a resizing that is wrong in one column", "input 0 is prepared to other values", &k->resample->horizontal,
         (any)right_resample.horizontal, (any)broken_resample},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) test_fault(path, &faults[i]);
    cvt_golden_found found = {0};
    said s = {0};
    const bool done = compare(path, &s, &found);
    test_case(done && s.lines == 0 && found.inputs == 2, "with all of them right again nothing differs", "%s", s.first);
}

static int stop(void) { return 1; }

/* Golden data that are given up leave what was there. */
static void test_stopped(const char *path, const cvt_model *model) {
    const cvt_golden_plan plan = {.n = 2, .seed = 8, .threads = 1, .stopped = stop};
    cvt_error error = {0};
    cvt_golden_found found = {0};
    said s = {0};
    const cvt_status status = cvt_model_save_golden(model, path, NULL, NULL, &plan, &error);
    const bool done = compare(path, &s, &found);
    test_case(status == CVT_OUTPUT && done && s.lines == 0 && found.inputs == 2, "stopped, the old file stays", "%s",
              error.message);
}

static void test_kernels(void) {
    const cvt_golden_plan plan = {.n = 2, .seed = 7, .threads = 1};
    char path[] = "/tmp/cvt-verify-XXXXXX";
    cvt_model *model = NULL;
    cvt_error error = {0};
    const int fd = mkstemp(path);
    if (fd < 0 || close(fd) != 0) abort();
    const bool made = cvt_model_open(&model, "tests/data/cvt/tiny", NULL, &error) == CVT_OK &&
                      cvt_model_save_golden(model, path, NULL, NULL, &plan, &error) == CVT_OK;
    if (test_case(made, "golden data are made", "%s", error.message)) {
        test_faults(path, model);
        test_stopped(path, model);
    }
    cvt_model_free(model);
    unlink(path);
}

/* ---- images ---------------------------------------------------------------------------------------------------- */

/* The size that the frame header of a JPEG says. */
static bool frame(const cvt_str *jpeg, int *height, int *width) {
    const unsigned char *b = (const unsigned char *)jpeg->data;
    for (size_t i = 0; i + 9 < jpeg->size; i++) {
        if (b[i] != 0xff || b[i + 1] != 0xc0) continue;
        *height = b[i + 5] << 8 | b[i + 6];
        *width = b[i + 7] << 8 | b[i + 8];
        return true;
    }
    return false;
}

/* Of a seed and an index there is one image; libjpeg reads it without a warning, turned as its EXIF data say. */
static void test_image(const cvt_model *model, int index) {
    cvt_str first = {0}, second = {0}, other = {0};
    cvt_image *image = NULL;
    cvt_error error = {0};
    char name[64];
    int height = 0, width = 0, seen_height = 0, seen_width = 0;
    snprintf(name, sizeof name, "image %d", index);
    cvt_golden_image(&first, 3, index);
    cvt_golden_image(&second, 3, index);
    cvt_golden_image(&other, 4, index);
    const bool once = first.size == second.size && memcmp(first.data, second.data, first.size) == 0 &&
                      (first.size != other.size || memcmp(first.data, other.data, first.size) != 0);
    const bool read = cvt_image_new(&image, NULL, &error) == CVT_OK &&
                      cvt_image_read_memory(image, model, first.data, first.size, CVT_STOP_ORIENT, &error) == CVT_OK;
    cvt_image_pixels(image, &seen_height, &seen_width);
    const bool turned = index % 8 >= 4; /* orientations 5 to 8 lie on their side */
    const bool right_size = frame(&first, &height, &width) && (turned ? seen_width : seen_height) == height &&
                            (turned ? seen_height : seen_width) == width;
    test_case(once && read && right_size && !cvt_image_warning(image), name, "%d %d %dx%d %dx%d %s%s", once, read,
              height, width, seen_height, seen_width, error.message,
              read && cvt_image_warning(image) ? cvt_image_warning(image) : "");
    cvt_image_free(image);
    cvt_str_free(&first);
    cvt_str_free(&second);
    cvt_str_free(&other);
}

static void test_images(void) {
    const cvt_options options = {.size = sizeof options, .no_weights = true};
    cvt_model *model = NULL;
    cvt_error error = {0};
    if (!test_case(cvt_model_open(&model, "tests/data/cvt/tiny", &options, &error) == CVT_OK, "a model", "%s",
                   error.message))
        return;
    for (int i = 0; i < 9; i++) test_image(model, i);
    cvt_model_free(model);
}

/* splitmix64 of seed 1234567: the numbers that its authors' code gives, as other implementations quote them. */
static void test_random(void) {
    static const uint64_t known[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                     UINT64_C(9817491932198370423), UINT64_C(4593380528125082431),
                                     UINT64_C(16408922859458223821)};
    uint64_t state = 1234567;
    bool same = true;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) same &= cvt_random(&state) == known[i];
    test_case(same, "random numbers are those of splitmix64", "others");
}

int main(void) {
    test_random();
    test_images();
    test_kernels();
    return test_end();
}
