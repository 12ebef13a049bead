/* test_npydiff.c - the comparisons that test_models.sh and oracle.sh make, as modes of one program. Without arguments
 * it tests itself. Every mode prints one line, and ends with status 1 if the files differ by more than they may.
 *
 *   logits EXPECTED RESULT                 they may differ by 1e-4 abs + 1e-4 rel
 *   taps EXPECTED_DIR RESULT_DIR           every .npy of EXPECTED_DIR may differ by 1e-4 max(1, rms) + 1e-4 rel
 *   all-taps EXPECTED_DIR RESULT_DIR       also, RESULT_DIR holds no other files than these and output.npy
 *   slice FILE I OUT                       writes image I of FILE
 *   batch ALL_DIR ONE_DIR...               image i of every file in ALL_DIR is bit for bit that of the i-th ONE_DIR
 *   near SHARE EXPECTED RESULT             |RESULT - EXPECTED| <= SHARE |EXPECTED|, Euclidean norms over all elements
 *
 * --original PATH before EXPECTED names the original program's own float32 result. Where that is farther from EXPECTED
 * than allowed, the result may be twice as far.
 * --loose TAP=BOUND before EXPECTED puts BOUND in place of 1e-4 in front of max(1, rms), for this one tap. */
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "report/npy.h"
#include "test.h"

typedef struct verdict {
    bool ok;
    double worst; /* largest difference in units of what is allowed */
    char why[512], at[256];
} verdict;

__attribute__((format(printf, 2, 3))) static void refuse(verdict *v, const char *format, ...) {
    va_list args;
    if (!v->ok) return;
    v->ok = false;
    va_start(args, format);
    vsnprintf(v->why, sizeof v->why, format, args);
    va_end(args);
}

static bool same_shape(const cvt_npy *a, const cvt_npy *b) {
    return a->rank == b->rank && memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

static double rms(const cvt_npy *a) {
    double sum = 0;
    for (size_t i = 0; i < a->count; i++) sum += (double)a->data[i] * a->data[i];
    return a->count ? sqrt(sum / (double)a->count) : 0;
}

/* Returns the largest |a - b|; NaN counts as infinite. */
static double distance(const cvt_npy *a, const cvt_npy *b) {
    double most = 0;
    for (size_t i = 0; i < a->count; i++) {
        double d = fabs((double)a->data[i] - b->data[i]);
        if (!(d <= most)) most = isnan(d) ? INFINITY : d;
    }
    return most;
}

static const double bound = 1e-4; /* for all taps but the loose one */
static struct {
    const char *tap; /* NULL: none */
    size_t length;
    double bound;
} loose;

/* Reads "TAP=BOUND". */
static bool loosen(const char *text) {
    const char *equals = strchr(text, '=');
    if (!equals) return false;
    loose.tap = text;
    loose.length = (size_t)(equals - text);
    loose.bound = strtod(equals + 1, NULL);
    return loose.bound > 0;
}

static double bound_of(const char *name) {
    bool begins = loose.tap && strncmp(name, loose.tap, loose.length) == 0;
    return begins && strcmp(name + loose.length, ".npy") == 0 ? loose.bound : bound;
}

/* Compares two arrays. `original` may be NULL. */
static void compare(verdict *v, const char *name, const cvt_npy *expected, const cvt_npy *got, const cvt_npy *original,
                    bool tap) {
    if (!same_shape(expected, got)) {
        refuse(v, "%s has another shape", name);
        return;
    }
    double absolute = tap ? bound_of(name) * fmax(1, rms(expected)) : bound, slack = 0;
    if (original && same_shape(expected, original)) slack = 2 * distance(expected, original);
    for (size_t i = 0; i < expected->count; i++) {
        double e = expected->data[i], allowed = fmax(absolute + 1e-4 * fabs(e), slack),
               d = fabs(got->data[i] - e) / allowed;
        if (d > v->worst || isnan(d)) {
            v->worst = isnan(d) ? INFINITY : d;
            snprintf(v->at, sizeof v->at, "%s", name);
        }
        if (!(d <= 1)) refuse(v, "%s[%zu] is %.9g, expected %.9g", name, i, (double)got->data[i], e);
    }
}

static bool read(verdict *v, cvt_npy *npy, const char *folder, const char *name) {
    cvt_str path = {0};
    cvt_error error;
    cvt_str_print(&path, "%s%s%s", folder, name ? "/" : "", name ? name : "");
    cvt_status status = path.failed ? CVT_NO_MEMORY : cvt_npy_read(npy, path.data, &error);
    if (status != CVT_OK) refuse(v, "%s", error.message);
    cvt_str_free(&path);
    return status == CVT_OK;
}

static void compare_files(verdict *v, const char *expected, const char *got, const char *original, const char *name,
                          bool tap) {
    cvt_npy e = {0}, g = {0}, o = {0};
    bool there = read(v, &e, expected, name) && read(v, &g, got, name);
    if (there && original) there = read(v, &o, original, name);
    if (there) compare(v, name ? name : got, &e, &g, original ? &o : NULL, tap);
    cvt_npy_free(&e);
    cvt_npy_free(&g);
    cvt_npy_free(&o);
}

static bool is_npy(const char *name) {
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".npy") == 0;
}

static bool exists(const char *folder, const char *name) {
    cvt_str path = {0};
    cvt_str_print(&path, "%s/%s", folder, name);
    FILE *file = path.failed ? NULL : fopen(path.data, "rb");
    cvt_str_free(&path);
    if (file) fclose(file);
    return file != NULL;
}

/* Compares two folders. The original may have only some of the taps. */
static int compare_folders(verdict *v, const char *expected, const char *got, const char *original, bool all) {
    int n = 0;
    DIR *dir = opendir(expected);
    if (!dir) refuse(v, "%s cannot be read", expected);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!is_npy(entry->d_name)) continue;
        bool known = original && exists(original, entry->d_name);
        compare_files(v, expected, got, known ? original : NULL, entry->d_name, true);
        n++;
    }
    if (dir) closedir(dir);
    dir = all ? opendir(got) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        bool extra =
            is_npy(entry->d_name) && strcmp(entry->d_name, "output.npy") != 0 && !exists(expected, entry->d_name);
        if (extra) refuse(v, "%s was not expected", entry->d_name);
    }
    if (dir) closedir(dir);
    if (n == 0) refuse(v, "%s holds no taps", expected);
    return n;
}

/* Makes `out` a view of image i of npy. */
static bool image_of(verdict *v, cvt_npy *out, const cvt_npy *npy, int64_t i) {
    if (npy->rank < 1 || i < 0 || i >= npy->shape[0]) {
        refuse(v, "there is no image %lld", (long long)i);
        return false;
    }
    *out = *npy;
    out->shape[0] = 1;
    out->count = npy->count / (size_t)npy->shape[0];
    out->data = npy->data + (size_t)i * out->count;
    return true;
}

static void slice(verdict *v, const char *from, const char *index, const char *to) {
    cvt_npy all = {0}, one;
    cvt_error error;
    if (!read(v, &all, from, NULL)) return;
    if (image_of(v, &one, &all, strtoll(index, NULL, 10)) &&
        cvt_npy_write(to, CVT_NPY_F32, one.data, one.rank, one.shape, &error) != CVT_OK)
        refuse(v, "%s", error.message);
    cvt_npy_free(&all);
}

static void compare_image(verdict *v, const char *folder, const char *alone, const char *name, int64_t i) {
    cvt_npy all = {0}, image, one = {0};
    if (read(v, &all, folder, name) && read(v, &one, alone, name) && image_of(v, &image, &all, i)) {
        if (!same_shape(&image, &one))
            refuse(v, "%s of image %lld has another shape", name, (long long)i);
        else if (memcmp(image.data, one.data, one.count * sizeof *one.data) != 0)
            refuse(v, "%s of image %lld has other bits", name, (long long)i);
    }
    cvt_npy_free(&all);
    cvt_npy_free(&one);
}

static int compare_batch(verdict *v, const char *folder, char **alone, int n) {
    int files = 0;
    DIR *dir = opendir(folder);
    if (!dir) refuse(v, "%s cannot be read", folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!is_npy(entry->d_name)) continue;
        for (int i = 0; i < n; i++) compare_image(v, folder, alone[i], entry->d_name, i);
        files++;
    }
    if (dir) closedir(dir);
    if (files == 0) refuse(v, "%s holds no results", folder);
    return files;
}

static void near(verdict *v, const char *share, const char *expected, const char *got) {
    cvt_npy e = {0}, g = {0};
    double off = 0, all = 0;
    if (read(v, &e, expected, NULL) && read(v, &g, got, NULL) && !same_shape(&e, &g))
        refuse(v, "%s has another shape", got);
    for (size_t i = 0; v->ok && i < e.count; i++) {
        double d = (double)g.data[i] - e.data[i];
        off += d * d;
        all += (double)e.data[i] * e.data[i];
    }
    v->worst = sqrt(off / all) / strtod(share, NULL);
    if (!(v->worst <= 1)) refuse(v, "%s is off by %.4f of %s", got, sqrt(off / all), expected);
    cvt_npy_free(&e);
    cvt_npy_free(&g);
}

static int run(int argc, char **argv) {
    verdict v = {.ok = true};
    const char *original = NULL, *mode = argv[1];
    int files = 1;
    for (; argc > 3 && strncmp(argv[2], "--", 2) == 0; argv += 2, argc -= 2) {
        if (strcmp(argv[2], "--original") == 0)
            original = argv[3];
        else if (strcmp(argv[2], "--loose") != 0 || !loosen(argv[3]))
            refuse(&v, "%s %s is no option", argv[2], argv[3]);
    }
    if (argc == 4 && strcmp(mode, "logits") == 0)
        compare_files(&v, argv[2], argv[3], original, NULL, false);
    else if (argc == 4 && (strcmp(mode, "taps") == 0 || strcmp(mode, "all-taps") == 0))
        files = compare_folders(&v, argv[2], argv[3], original, mode[0] == 'a');
    else if (argc == 5 && strcmp(mode, "slice") == 0)
        slice(&v, argv[2], argv[3], argv[4]);
    else if (argc == 5 && strcmp(mode, "near") == 0)
        near(&v, argv[2], argv[3], argv[4]);
    else if (argc > 3 && strcmp(mode, "batch") == 0)
        files = compare_batch(&v, argv[2], argv + 3, argc - 3);
    else
        refuse(&v, "usage: see the head of the source");
    if (!v.ok)
        printf("%s\n", v.why);
    else
        printf("%d files, worst %.3f of what is allowed %s\n", files, v.worst, v.at);
    return v.ok ? 0 : 1;
}

/* ---- itself ---- */

static verdict judge(float expected, float got, const float *original, bool tap) {
    verdict v = {.ok = true};
    float two[] = {expected, 10};
    float other[] = {got, 10};
    float own[] = {original ? *original : 0, 10};
    cvt_npy e = {.rank = 1, .shape = {2}, .data = two, .count = 2}, g = e, o = e;
    g.data = other;
    o.data = own;
    compare(&v, "x.npy", &e, &g, original ? &o : NULL, tap);
    return v;
}

static int test_itself(void) {
    float far = 1.01f;
    test_case(judge(1, 1.00019f, NULL, false).ok, "a logit within 1e-4 + 1e-4 rel passes", "refused");
    test_case(!judge(1, 1.00021f, NULL, false).ok, "a logit beyond it fails", "passed");
    test_case(judge(1, 1.0008f, NULL, true).ok, "a tap is measured by its rms", "refused");
    test_case(!judge(1, 1.0009f, NULL, true).ok, "a tap beyond it fails", "passed");
    test_case(!judge(1, NAN, NULL, true).ok, "NaN fails", "passed");
    test_case(judge(1, 1.019f, &far, false).ok, "twice the original's own error passes", "refused");
    test_case(!judge(1, 1.021f, &far, false).ok, "more than twice the original's own error fails", "passed");
    test_case(loosen("x=2e-4") && judge(1, 1.0015f, NULL, true).ok, "a loose tap may be farther off", "refused");
    test_case(!judge(1, 1.0016f, NULL, true).ok, "a loose tap beyond its own bound fails", "passed");
    test_case(loosen("xx=2e-4") && !judge(1, 1.0009f, NULL, true).ok, "another tap is not loose", "passed");
    return test_end();
}

int main(int argc, char **argv) { return argc > 1 ? run(argc, argv) : test_itself(); }
