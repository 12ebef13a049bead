/* test_verify.c - golden data of files that were converted, seen from inside: kernels of every instruction set that are
 * broken on purpose, one at a time, are found by `cvt verify`'s comparison, and so are a resizing and a flipped bit of
 * the weights, wherever it is; what is whole is not reported. The images that the golden data are made of are the JPEGs
 * that their maker says they are.
 *   LONG=1: 4,000 bits are flipped, one at a time, of each type, in place of 25 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/golden.h"
#include "base/num.h"
#include "model/golden_image.h"
#include "model/golden_store.h"
#include "test.h"

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
static bool compare(const char *path, int threads, said *s, cvt_golden_found *found) {
    cvt_model *model = NULL;
    cvt_error error = {0};
    *s = (said){0};
    bool done = cvt_model_open(&model, path, NULL, &error) == CVT_OK &&
                cvt_golden_verify(found, model, threads, false, note, s, &error) == CVT_OK;
    cvt_model_free(model);
    if (!done) test_case(false, "compare", "%s", error.message);
    return done;
}

/* Writes a model with golden data for it. dtype NULL: as its weights are. */
static bool make(const char *path, const char *source, bool random_weights, const char *dtype, int n) {
    const cvt_options options = {.size = sizeof options, .random_weights = random_weights, .seed = 5};
    const cvt_golden_plan plan = {.n = n, .seed = 7, .threads = 1};
    cvt_model *model = NULL;
    cvt_error error = {0};
    const bool made = cvt_model_open(&model, source, &options, &error) == CVT_OK &&
                      cvt_model_save_golden(model, path, dtype, NULL, &plan, &error) == CVT_OK;
    cvt_model_free(model);
    return test_case(made, "golden data are made", "%s", error.message);
}

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
static bool gross; /* the fault is as large as int8's rounding hides no more */
static int calls;  /* of what is broken */

/* Each does what it should, and then changes one value, by as much as a lost term of a sum would, or in int8 a column,
 * whose sign is wrong. */
static void broken_gemm(const cvt_gemm *g) {
    right_product.gemm(g);
    calls++;
    if (!gross) g->c[0] += 0.05f;
    for (int i = 0; gross && i < g->m; i++) g->c[(size_t)i * g->ldc] *= -1;
}
static void broken_attention(const cvt_attention *a) {
    right_attention.run(a);
    calls++;
    if (!gross) a->out[0] += 0.05f;
    for (int i = 0; gross && i < a->t; i++)
        for (int j = 0; j < a->dv; j++) a->out[(size_t)i * a->ldo + (size_t)j] *= -1;
}
static void broken_dwconv(const cvt_dwconv *d) {
    right.dwconv(d);
    calls++;
    d->y[(size_t)d->row0 * (size_t)d->ow * d->ldy] += 0.05f;
}
static void broken_norm(float *y, size_t ldy, const float *x, size_t ldx, int rows, int c, const float *gamma,
                        const float *beta, float eps) {
    calls++;
    right.layer_norm(y, ldy, x, ldx, rows, c, gamma, beta, gross ? eps + 2 : eps + 0.1f);
}
static void broken_resample(const cvt_resample_axis *a, uint8_t *to, size_t to_ld, const uint8_t *from, size_t from_ld,
                            int height, uint8_t *scratch) {
    right_resample.horizontal(a, to, to_ld, from, from_ld, height, scratch);
    calls++;
    for (size_t i = 0; i < (size_t)height; i++) to[i * to_ld + (size_t)a->count * 3 / 2] ^= 8;
}

typedef void (*any)(void);

typedef struct fault {
    const char *name, *says; /* what the line holds */
    const void *place;       /* of the pointer */
    any right, broken;
} fault;

static void test_fault(const char *path, const char *isa, const char *model, const fault *f) {
    cvt_golden_found found;
    said s;
    char name[128];
    snprintf(name, sizeof name, "%s: %s: %s", isa, model, f->name);
    calls = 0;
    set((void *)(uintptr_t)f->place, &f->broken);
    const bool done = compare(path, 1, &s, &found);
    set((void *)(uintptr_t)f->place, &f->right);
    test_case(done && calls > 0 && s.lines > 0 && s.lines == found.differences && strstr(s.first, f->says), name,
              "%d calls, %d lines, the first: %s", calls, s.lines, s.first);
}

/* The kernels that a model runs on in its precision, which may be those of a lower table. */
static const cvt_kernels *kernels_of(const char *path, cvt_precision *precision) {
    cvt_model *model = NULL;
    cvt_error error = {0};
    if (cvt_model_open(&model, path, NULL, &error) != CVT_OK) return NULL;
    const cvt_kernels *k = model->plan->kernels;
    *precision = model->precision;
    cvt_model_free(model);
    return k;
}

/* Each kernel of an instruction set is broken once. all: those that the precision does not change too. */
static void test_isa(const char *path, const char *isa, const char *model, bool all) {
    cvt_precision precision = CVT_PRECISION_F32;
    const cvt_kernels *k = kernels_of(path, &precision);
    if (!test_case(k != NULL, isa, "%s cannot be opened", path)) return;
    right = *k;
    right_product = *k->product[precision];
    right_attention = *k->attention[precision];
    right_resample = *k->resample;
    gross = precision != CVT_PRECISION_F32;
    const fault faults[] = {
        {"a product that is wrong", "input 0: ", &k->product[precision]->gemm, (any)right_product.gemm,
         (any)broken_gemm},
        {"an attention that is wrong", "input 0: ", &k->attention[precision]->run, (any)right_attention.run,
         (any)broken_attention},
        {"a norm with another eps", "input 0: ", &k->layer_norm, (any)right.layer_norm, (any)broken_norm},
        {"a convolution that is wrong", "input 0: output ", &k->dwconv, (any)right.dwconv, (any)broken_dwconv},
        {"a resizing that is wrong in one column", "input 0 is prepared to other values", &k->resample->horizontal,
         (any)right_resample.horizontal, (any)broken_resample},
    };
    for (size_t i = 0; i < (all ? sizeof faults / sizeof faults[0] : 3); i++) test_fault(path, isa, model, &faults[i]);
}

/* On every instruction set: nothing differs, for 1 and 3 threads, and each kernel that is broken makes a difference. */
static void test_isas(const char *path, const char *model, bool all) {
    for (int i = 0; cvt_kernels_at(i); i++) {
        const char *isa = cvt_kernels_at(i)->name;
        setenv("CVT_ISA", isa, 1); /* the model's kernels and the image's */
        test_isa(path, isa, model, all);
        for (int threads = 1; threads <= 3; threads += 2) {
            cvt_golden_found found = {0};
            said s = {0};
            char name[128];
            snprintf(name, sizeof name, "%s: %s: nothing differs with %d threads", isa, model, threads);
            const bool done = compare(path, threads, &s, &found);
            test_case(done && s.lines == 0 && found.inputs == 2, name, "%s", s.first);
        }
    }
    unsetenv("CVT_ISA");
}

/* ---- a flipped bit --------------------------------------------------------------------------------------------- */

typedef struct file {
    unsigned char *bytes;
    size_t size, data; /* where the data begin */
} file;

static bool read_whole(const char *path, file *f) {
    FILE *from = fopen(path, "rb");
    void *bytes = NULL;
    if (!from) return false;
    if (fseek(from, 0, SEEK_END) == 0) f->size = (size_t)ftell(from);
    rewind(from);
    if (posix_memalign(&bytes, 64, f->size) != 0) abort();
    const bool whole = fread(bytes, 1, f->size, from) == f->size;
    fclose(from);
    f->bytes = bytes;
    f->data = 8;
    for (int i = 0; i < 8; i++) f->data += (size_t)f->bytes[i] << (8 * i);
    return whole;
}

/* Compares with the bit flipped; true where one line says that a tensor is another one. */
static bool sees_flip(const file *f, size_t at, int bit, said *s) {
    cvt_golden_found found = {0};
    cvt_model *model = NULL;
    cvt_error error = {0};
    *s = (said){0};
    f->bytes[at] ^= (unsigned char)(1 << bit);
    const bool done = cvt_model_open_memory(&model, f->bytes, f->size, NULL, &error) == CVT_OK &&
                      cvt_golden_verify(&found, model, 1, false, note, s, &error) == CVT_OK;
    cvt_model_free(model);
    f->bytes[at] ^= (unsigned char)(1 << bit);
    if (!done) snprintf(s->first, sizeof s->first, "%s", error.message);
    return done && s->lines == 1 && found.differences == 1 && strncmp(s->first, "tensor \"", 8) == 0 &&
           strstr(s->first, "is another than the one that was converted");
}

/* So many bits of the weights, spread over the file, each flipped alone; LONG: many more. */
static void test_flips(const char *path, const char *type) {
    const size_t n = getenv("LONG") ? 4000 : 25;
    size_t seen = 0, wrong = 0;
    file f = {0};
    said s = {0};
    char name[64];
    snprintf(name, sizeof name, "a flipped bit of %s weights, anywhere", type);
    if (!test_case(read_whole(path, &f), "the file", "%s", path)) return;
    for (size_t i = 0; i < n; i++) {
        const size_t at = f.data + (f.size - f.data - 1) * i / (n - 1);
        if (sees_flip(&f, at, (int)(i % 8), &s))
            seen++;
        else if (!wrong)
            wrong = at;
    }
    test_case(seen == n, name, "%zu of %zu seen; not in byte %zu: %s", seen, n, wrong, s.first);
    free(f.bytes);
}

static int stop(void) { return 1; }

/* Golden data that are given up leave what was there. */
static void test_stopped(const char *path) {
    const cvt_golden_plan plan = {.n = 2, .seed = 8, .threads = 1, .stopped = stop};
    cvt_model *model = NULL;
    cvt_error error = {0};
    cvt_golden_found found = {0};
    said s = {0};
    cvt_status status = cvt_model_open(&model, path, NULL, &error);
    if (status == CVT_OK) status = cvt_model_save_golden(model, path, NULL, NULL, &plan, &error);
    cvt_model_free(model);
    const bool done = compare(path, 1, &s, &found);
    test_case(status == CVT_OUTPUT && done && s.lines == 0 && found.inputs == 2, "stopped, the old file stays", "%s",
              error.message);
}

/* A model that is wide enough for int8, with as many tokens as attention in int8 wants, that is fed random numbers. */
static const char wide[] = "{\"arch\": \"vit\", \"variant\": \"timm\", \"img_size\": 20, \"patch_size\": 2,\n"
                           " \"embed_dim\": 64, \"depth\": 1, \"num_heads\": 2, \"mlp_ratio\": 1,\n"
                           " \"num_classes\": 4, \"num_channels\": 2}\n";

static void test_models(void) {
    static const char *const types[] = {"f16", "bf16"};
    char path[] = "/tmp/cvt-verify-XXXXXX", config[] = "/tmp/cvt-verify-XXXXXX";
    const int fd = mkstemp(path), other = mkstemp(config);
    if (fd < 0 || close(fd) != 0 || other < 0) abort();
    if (write(other, wide, sizeof wide - 1) != sizeof wide - 1 || close(other) != 0) abort();
    if (make(path, "tests/data/cvt/tiny", false, NULL, 2)) {
        test_isas(path, "f32", true);
        test_stopped(path);
        test_flips(path, "f32");
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (make(path, "tests/data/cvt/tiny", false, types[i], 1)) test_flips(path, types[i]);
    if (make(path, config, true, "int8", 2)) {
        test_isas(path, "int8", false);
        test_flips(path, "int8");
    }
    unlink(path);
    unlink(config);
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
    test_models();
    return test_end();
}
