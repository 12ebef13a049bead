/* test_binding.c - tests that weights are bound strictly. In small models of every family, under every dialect's names,
 * one tensor after the other is dropped, renamed, misshapen, given a wrong type or doubled under another name. Each
 * time the model must be refused with a line that names the tensor, and the name or the shape that it should have. It
 * also tests that the native names of every committed config are told from all others. */
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cvt.h"
#include "model/model.h"
#include "test.h"
#include "weights/weights.h"

static char folder[] = "/tmp/cvt-binding-XXXXXX";

typedef struct fixture {
    const char *name;
    char *config, *weights, *mutant; /* paths */
    cvt_weights *set;
    cvt_tensor *tensors; /* copies of the headers, with room for one more */
    size_t n;
    int wrong; /* the mutants that were not refused as they should be */
    char found[CVT_MESSAGE_MAX];
} fixture;

static char *print_path(const char *a, const char *b) {
    cvt_str s = {0};
    cvt_str_print(&s, "%s/%s", a, b);
    return s.data;
}

static bool load(fixture *f, const char *name) {
    *f = (fixture){.name = name};
    char *model = print_path("tests/data", name);
    f->config = print_path(model, "config.json");
    f->weights = print_path(model, "weights.safetensors");
    f->mutant = print_path(folder, "mutant.safetensors");
    free(model);
    cvt_error error = {0};
    if (cvt_weights_open(&f->set, f->weights, &error) != CVT_OK) return test_case(false, name, "%s", error.message);
    f->n = cvt_weights_count(f->set);
    f->tensors = calloc(f->n + 1, sizeof *f->tensors);
    for (size_t i = 0; i < f->n; i++) f->tensors[i] = *cvt_weights_at(f->set, i);
    return true;
}

static void unload(fixture *f) {
    unlink(f->mutant);
    cvt_weights_free(f->set);
    free(f->tensors);
    free(f->config);
    free(f->weights);
    free(f->mutant);
}

/* Opens the model with the first `n` tensors as they are now, and checks every value if `check` is set. */
static cvt_status open_mutant(const fixture *f, size_t n, bool check, cvt_error *error) {
    cvt_options options = {.size = sizeof options, .config = f->config};
    cvt_model *model = NULL;
    cvt_status status = cvt_safetensors_write(f->mutant, f->tensors, n, NULL, 0, error);
    if (status == CVT_OK) status = cvt_model_open(&model, f->mutant, &options, error);
    if (status == CVT_OK && check) status = cvt_model_check(model, error);
    cvt_model_free(model);
    return status;
}

/* Tests that the model is refused with a line that holds both texts; NULL stands for any text. */
static void refuse(fixture *f, size_t n, const char *one, const char *two) {
    cvt_error error = {0};
    cvt_status status = open_mutant(f, n, false, &error);
    bool right = status == CVT_WEIGHTS && strstr(error.message, one) && (!two || strstr(error.message, two)) &&
                 !strchr(error.message, '\n');
    if (!right && f->wrong++ == 0)
        snprintf(f->found, sizeof f->found, "wanted \"%.200s\" and \"%.200s\", found status %d, %.500s", one,
                 two ? two : "", (int)status, error.message);
}

static bool counter(const char *name) { return strstr(name, "num_batches_tracked") != NULL; }

typedef void mutation(fixture *f, size_t i);

static void drop(fixture *f, size_t i) {
    cvt_tensor last = f->tensors[f->n - 1], gone = f->tensors[i];
    f->tensors[i] = last;
    char text[512];
    snprintf(text, sizeof text, "\"%s\" is missing", gone.name);
    refuse(f, f->n - 1, text, NULL);
    f->tensors[f->n - 1] = last;
}

static void rename_one(fixture *f, size_t i) {
    char name[512], missing[1024], nearest[1024];
    const char *old = f->tensors[i].name;
    snprintf(name, sizeof name, "%sx", old);
    snprintf(missing, sizeof missing, "\"%s\" is missing", old);
    snprintf(nearest, sizeof nearest, "nearest name there is \"%s\"", name);
    f->tensors[i].name = name;
    refuse(f, f->n, missing, nearest);
}

static void reshape(fixture *f, size_t i) {
    char named[512];
    cvt_tensor *t = &f->tensors[i];
    snprintf(named, sizeof named, "tensor \"%s\" is [", t->name);
    t->shape[t->rank++] = 1;
    refuse(f, f->n, named, ", 1], the model needs [");
}

static void retype(fixture *f, size_t i) {
    char named[512];
    snprintf(named, sizeof named, "tensor \"%s\" is I32", f->tensors[i].name);
    f->tensors[i].dtype = CVT_I32;
    refuse(f, f->n, named, "float");
}

static void double_up(fixture *f, size_t i) {
    char name[512], extra[1024], nearest[1024];
    snprintf(name, sizeof name, "%sx", f->tensors[i].name);
    snprintf(extra, sizeof extra, "\"%s\" is not expected", name);
    snprintf(nearest, sizeof nearest, "nearest expected name is \"%s\"", f->tensors[i].name);
    f->tensors[f->n] = f->tensors[i];
    f->tensors[f->n].name = name;
    refuse(f, f->n + 1, extra, nearest);
}

static void mutate(fixture *f, const char *what, size_t step, mutation *change) {
    char name[256];
    int tried = 0;
    f->wrong = 0;
    for (size_t i = 0; i < f->n; i += step) {
        cvt_tensor kept = f->tensors[i];
        if (counter(kept.name) || !cvt_dtype_is_float(kept.dtype)) continue;
        change(f, i);
        f->tensors[i] = kept;
        tried++;
    }
    snprintf(name, sizeof name, "%s: %s", f->name, what);
    test_case(f->wrong == 0 && tried > 20, name, "%d of %d pass: %s", f->wrong, tried, f->found);
}

/* Tests that tensors which inference does not need may be there or not. */
static void test_ignored(fixture *f) {
    static const int64_t seven = 7;
    char name[256];
    cvt_error error = {0};
    size_t n = 0;
    cvt_tensor *kept = calloc(f->n + 1, sizeof *kept);
    memcpy(kept, f->tensors, f->n * sizeof *kept);
    for (size_t i = 0; i < f->n; i++)
        if (!counter(kept[i].name)) f->tensors[n++] = kept[i];
    snprintf(name, sizeof name, "%s: batch counters may be absent", f->name);
    test_case(open_mutant(f, n, true, &error) == CVT_OK, name, "%s", error.message);
    f->tensors[n++] =
        (cvt_tensor){.name = "some.bn.num_batches_tracked", .dtype = CVT_I64, .data = &seven, .bytes = sizeof seven};
    snprintf(name, sizeof name, "%s: batch counters may be there", f->name);
    test_case(open_mutant(f, n, true, &error) == CVT_OK, name, "%s", error.message);
    memcpy(f->tensors, kept, f->n * sizeof *kept);
    free(kept);
}

static void test_non_finite(fixture *f) {
    static const uint32_t patterns[] = {0x7fc00000, 0x7f800000, 0xff800000}; /* NaN, infinity, -infinity */
    char name[256];
    cvt_tensor kept = f->tensors[f->n / 2], *t = &f->tensors[f->n / 2];
    if (t->dtype != CVT_F32) t = &f->tensors[0], kept = *t;
    unsigned char *values = malloc(t->bytes);
    if (!values) abort();
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        char at[64];
        cvt_error error = {0};
        size_t element = t->bytes / 4 - 1;
        memcpy(values, kept.data, t->bytes);
        memcpy(values + 4 * element, &patterns[i], 4);
        t->data = values;
        cvt_status status = open_mutant(f, f->n, true, &error);
        snprintf(at, sizeof at, "element %zu", element);
        snprintf(name, sizeof name, "%s: value %08x is found", f->name, patterns[i]);
        test_case(status == CVT_WEIGHTS && strstr(error.message, t->name) && strstr(error.message, at), name,
                  "status %d, %s", (int)status, error.message);
    }
    *t = kept;
    free(values);
}

/* Tests that files of native names are recognised: they are, if every parameter stands on the native side of the other
 * dialects' rows. */
static void test_native_names(const char *path) {
    cvt_model *m;
    cvt_error error = {0};
    cvt_options options = {.size = sizeof options, .no_weights = true};
    if (cvt_model_open(&m, path, &options, &error) != CVT_OK) {
        test_case(false, path, "%s", error.message);
        return;
    }
    const cvt_dialect *dialects = m->config.arch->dialects;
    const char *nameless = NULL;
    cvt_str name = {0};
    for (int p = 0; dialects[1].name && p < m->graph->n_params; p++) {
        bool covered = false;
        for (const cvt_dialect *d = dialects + 1; d->name && !covered; d++)
            covered = cvt_name_expand(&name, d, &m->graph->params[p]) != NULL;
        if (!covered) nameless = m->graph->params[p].name;
    }
    test_case(!nameless, path, "\"%s\" has no name in any other dialect", nameless ? nameless : "");
    cvt_str_free(&name);
    cvt_model_free(m);
}

int main(void) {
    static const char *const names[] = {"cvt/tiny", "cvt/ms_mixed", "lite/timm", "lite/rangilyu", "lite/lukemelas"};
    if (!mkdtemp(folder)) return test_case(false, "a folder for mutants", "none"), test_end();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        fixture f;
        if (!load(&f, names[i])) break;
        cvt_error error = {0};
        test_case(open_mutant(&f, f.n, true, &error) == CVT_OK, names[i], "%s", error.message);
        mutate(&f, "a dropped tensor is named", 1, drop);
        mutate(&f, "a renamed tensor is named, with the nearest name", 2, rename_one);
        mutate(&f, "a misshapen tensor is named, with both shapes", 3, reshape);
        mutate(&f, "a tensor of integers is named", 3, retype);
        mutate(&f, "an extra tensor is named, with the nearest name", 3, double_up);
        test_ignored(&f);
        test_non_finite(&f);
        unload(&f);
    }
    rmdir(folder);
    glob_t configs;
    glob("configs/*-*.json", 0, NULL, &configs);
    for (size_t i = 0; i < configs.gl_pathc; i++) test_native_names(configs.gl_pathv[i]);
    test_case(configs.gl_pathc > 60, "configs are there", "%zu", configs.gl_pathc);
    globfree(&configs);
    return test_end();
}
