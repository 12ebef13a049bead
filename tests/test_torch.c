/* test_torch.c - tests PyTorch checkpoints that tests/make_torch.py made. The good ones in tests/data/torch give what
 * torch.load gave (expected.txt); the hostile ones (hostile.txt) give one line with the fact; no file that is cut short
 * or has one wrong byte is taken for another. Files are read from memory of exactly their size, so that a sanitizer
 * sees the first byte that is read too far. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"
#include "weights/container.h"

#define DATA "tests/data/torch/"

typedef struct bytes {
    unsigned char *data;
    size_t size;
} bytes;

typedef cvt_status reader(cvt_weights *weights, const cvt_file *file, cvt_error *error);

static void *need(void *memory) {
    if (!memory) {
        puts("not ok memory: none is left");
        exit(1);
    }
    return memory;
}

static bytes read_file(const char *path) {
    FILE *f = fopen(path, "rb");
    bytes b = {need(malloc(1 << 20)), 0};
    if (f) {
        b.size = fread(b.data, 1, 1 << 20, f);
        fclose(f);
    }
    test_case(b.size > 0 && b.size < 1 << 20, path, "cannot be read");
    return b;
}

static bytes from_hex(const char *hex) {
    size_t n = *hex == '-' ? 0 : strlen(hex) / 2;
    bytes b = {need(malloc(n ? n : 1)), n};
    for (size_t i = 0; i < n; i++) {
        unsigned byte = 0;
        sscanf(hex + 2 * i, "%2x", &byte);
        b.data[i] = (unsigned char)byte;
    }
    return b;
}

/* Reads a copy that ends exactly where its memory ends. */
static cvt_status read_copy(reader *read, const unsigned char *data, size_t size, cvt_weights **out,
                            unsigned char **copy, cvt_error *error) {
    static char path[] = "x.pth";
    *copy = need(malloc(size ? size : 1));
    memcpy(*copy, data, size);
    cvt_status status = cvt_weights_open(out, DATA "empty.safetensors", error);
    const cvt_file file = {.path = path, .data = *copy, .size = size};
    return status == CVT_OK ? read(*out, &file, error) : status;
}

static cvt_status try_copy(reader *read, const unsigned char *data, size_t size, cvt_error *error) {
    cvt_weights *weights = NULL;
    unsigned char *copy = NULL;
    cvt_status status = read_copy(read, data, size, &weights, &copy, error);
    cvt_weights_free(weights);
    free(copy);
    return status;
}

/* ---- good files ------------------------------------------------------------------------------------------------- */

/* One line of expected.txt, split at its spaces. */
typedef struct expectation {
    char *file, *name, *dtype, *shape, *hex;
} expectation;

static bool split(char *line, const char *separators, char **parts, int n) {
    for (int i = 0; i < n; i++, line = NULL)
        if (!(parts[i] = strtok(line, separators))) return false;
    return true;
}

static bool shape_is(const cvt_tensor *t, const char *shape) {
    int rank = 0;
    for (char *end; *shape && *shape != '-'; shape = *end ? end + 1 : end)
        if (rank >= t->rank || strtoll(shape, &end, 10) != t->shape[rank++]) return false;
    return rank == t->rank;
}

static bool tensor_is(const cvt_tensor *t, const expectation *e) {
    bytes want = from_hex(e->hex);
    bool same = t && strcmp(cvt_dtype_name(t->dtype), e->dtype) == 0 && shape_is(t, e->shape) && t->data &&
                t->bytes == want.size && memcmp(t->data, want.data, want.size) == 0 && strstr(t->file, e->file);
    free(want.data);
    return same;
}

/* Compares the tensors of one file with the lines that begin at lines[first]. Returns the index of the next file's. */
static size_t check_file(expectation *lines, size_t first, size_t n) {
    const char *file = lines[first].file;
    char path[200];
    snprintf(path, sizeof path, DATA "%s", file);
    cvt_error error = {0};
    cvt_weights *weights = NULL;
    bool opened = test_case(cvt_weights_open(&weights, path, &error) == CVT_OK, file, "%s", error.message);
    size_t i = first, found = 0;
    for (; i < n && strcmp(lines[i].file, file) == 0; i++) {
        if (!opened) continue;
        const cvt_tensor *t = cvt_weights_find(weights, lines[i].name);
        found += test_case(tensor_is(t, &lines[i]), lines[i].name, "%s: it is not what torch.load gives", file);
    }
    size_t count = opened ? cvt_weights_count(weights) : 0;
    test_case(count == found, "number of tensors", "%s: %zu", file, count);
    cvt_weights_free(weights);
    return i;
}

static void test_good(void) {
    bytes text = read_file(DATA "expected.txt");
    text.data[text.size] = 0;
    static expectation lines[500];
    size_t n = 0;
    for (char *line = (char *)text.data, *end; (end = strchr(line, '\n')) && n < 500; line = end + 1) {
        *end = 0;
        char *parts[5] = {0};
        if (split(line, " ", parts, 5)) lines[n++] = (expectation){parts[0], parts[1], parts[2], parts[3], parts[4]};
    }
    size_t files = 0;
    for (size_t i = 0; i < n; files++) i = check_file(lines, i, n);
    test_case(files == 23 && n == 100, "all good files", "%zu files, %zu tensors", files, n);
    free(text.data);
}

/* Returns the offset of a tensor's data in the bytes of a file, or one beyond the file if they are not in it. */
static uintptr_t offset_of(const cvt_weights *weights, const char *name, const unsigned char *file) {
    const cvt_tensor *t = cvt_weights_find(weights, name);
    return t ? (uintptr_t)t->data - (uintptr_t)file : UINTPTR_MAX;
}

/* Tests that tensors without gaps are used where they are in the file. */
static void test_in_place(void) {
    static const char *const files[] = {"plain_zip.pth", "plain_legacy.pth"};
    static const char *const dense[] = {"a", "shared1", "tied", "n", "h", "last", "ranks"};
    static const char *const gathered[] = {"t", "shared2", "expanded"};
    for (int f = 0; f < 2; f++) {
        char path[100];
        snprintf(path, sizeof path, DATA "%s", files[f]);
        bytes b = read_file(path);
        cvt_weights *weights = NULL;
        unsigned char *copy = NULL;
        cvt_error error = {0};
        reader *read = f == 0 ? cvt_torch_zip_read : cvt_torch_legacy_read;
        cvt_status status = read_copy(read, b.data, b.size, &weights, &copy, &error);
        bool opened = test_case(status == CVT_OK, "read from memory", "%s", error.message);
        for (int i = 0; opened && i < 7; i++)
            test_case(offset_of(weights, dense[i], copy) < b.size, "in place", "%s was copied", dense[i]);
        for (int i = 0; opened && i < 3; i++)
            test_case(offset_of(weights, gathered[i], copy) >= b.size, "gathered", "%s was not", gathered[i]);
        cvt_weights_free(weights);
        free(copy);
        free(b.data);
    }
}

/* ---- hostile files ---------------------------------------------------------------------------------------------- */

static bytes join(bytes a, bytes b, bytes c) {
    bytes all = {need(malloc(a.size + b.size + c.size)), a.size + b.size + c.size};
    memcpy(all.data, a.data, a.size);
    memcpy(all.data + a.size, b.data, b.size);
    memcpy(all.data + a.size + b.size, c.data, c.size);
    return all;
}

/* Tests that a file is refused with one line that names the file and the fact. */
static void check_refused(reader *read, bytes file, const char *name, const char *fact) {
    cvt_error error = {0};
    cvt_status status = try_copy(read, file.data, file.size, &error);
    const char *said = error.message;
    bool right = strncmp(said, "x.pth: ", 7) == 0 && strstr(said, fact) && !strchr(said, '\n');
    test_case(status == CVT_WEIGHTS && error.status == status && right, name, "status %d, \"%s\"", status, said);
}

static void check_case(char **parts, bytes *head, bytes *tail) {
    const char *kind = parts[0], *name = parts[1], *fact = parts[2];
    bytes data = from_hex(parts[3]);
    if (strcmp(kind, "head") == 0 || strcmp(kind, "tail") == 0) {
        *(*kind == 'h' ? head : tail) = data;
        return;
    }
    bool whole = strcmp(kind, "zip") == 0 || strcmp(kind, "legacy") == 0;
    bytes file = whole ? data : join(*head, data, *tail);
    cvt_error error = {0};
    if (strcmp(kind, "good") == 0)
        test_case(try_copy(cvt_torch_legacy_read, file.data, file.size, &error) == CVT_OK, name, "%s", error.message);
    else
        check_refused(*kind == 'z' ? cvt_torch_zip_read : cvt_torch_legacy_read, file, name, fact);
    if (!whole) free(file.data);
    free(data.data);
}

static void test_hostile(void) {
    bytes text = read_file(DATA "hostile.txt"), head = {0}, tail = {0};
    text.data[text.size] = 0;
    size_t n = 0;
    for (char *line = (char *)text.data, *end; (end = strchr(line, '\n')); line = end + 1, n++) {
        *end = 0;
        char *tab = strrchr(line, '\t'), none[] = "-";
        char *parts[4] = {0};
        bool whole = tab && tab[1];
        if (tab && !whole) *tab = 0; /* an empty pickle */
        if (!split(line, "\t", parts, whole ? 4 : 3)) {
            test_case(false, "hostile.txt", "line %zu has too few parts", n + 1);
            continue;
        }
        if (!whole) parts[3] = none;
        check_case(parts, &head, &tail);
    }
    test_case(n > 370, "all hostile files", "%zu", n);
    test_case(access("cvt-canary", F_OK) != 0, "nothing was executed", "cvt-canary exists");
    free(text.data);
    free(head.data);
    free(tail.data);
}

/* Tests that no file that ends early is read. */
static void test_truncated(void) {
    static const char *const files[] = {"plain_zip.pth", "wrapped_legacy.pth", "rezip_stream64.pth", "view_legacy.pth"};
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
        char path[100];
        snprintf(path, sizeof path, DATA "%s", files[f]);
        bytes b = read_file(path);
        reader *read = strstr(files[f], "zip") ? cvt_torch_zip_read : cvt_torch_legacy_read;
        size_t taken = 0, silent = 0;
        for (size_t n = 0; n < b.size; n++) {
            cvt_error error = {0};
            taken += try_copy(read, b.data, n, &error) != CVT_WEIGHTS;
            silent += strncmp(error.message, "x.pth: ", 7) != 0;
        }
        test_case(taken == 0 && silent == 0, "truncated", "%s: %zu were taken, %zu had no line", files[f], taken,
                  silent);
        cvt_error error = {0};
        test_case(try_copy(read, b.data, b.size, &error) == CVT_OK, "whole file", "%s", error.message);
        free(b.data);
    }
}

static bool same_tensors(const cvt_weights *a, const cvt_weights *b) {
    if (cvt_weights_count(a) != cvt_weights_count(b)) return false;
    for (size_t i = 0; i < cvt_weights_count(a); i++) {
        const cvt_tensor *t = cvt_weights_at(a, i), *u = cvt_weights_find(b, t->name);
        if (!u || t->dtype != u->dtype || t->rank != u->rank || t->bytes != u->bytes) return false;
        if (memcmp(t->shape, u->shape, sizeof t->shape) || memcmp(t->data, u->data, t->bytes)) return false;
    }
    return true;
}

/* Tests that a zip file with a wrong byte is refused, thanks to the CRCs, unless the byte means nothing (a time,
 * padding). */
static void test_flipped(void) {
    bytes b = read_file(DATA "protocol4.pth");
    cvt_weights *right = NULL, *weights = NULL;
    cvt_error error = {0};
    cvt_status whole = cvt_weights_open(&right, DATA "protocol4.pth", &error);
    bool opened = test_case(whole == CVT_OK, "unflipped", "%s", error.message);
    size_t wrong = 0, refused = 0;
    for (size_t i = 0; opened && i < b.size; i++) {
        unsigned char *copy = NULL;
        b.data[i] ^= 0x21;
        cvt_status status = read_copy(cvt_torch_zip_read, b.data, b.size, &weights, &copy, &error);
        b.data[i] ^= 0x21;
        refused += status == CVT_WEIGHTS;
        wrong += status == CVT_OK ? !same_tensors(right, weights) : status != CVT_WEIGHTS;
        cvt_weights_free(weights);
        free(copy);
    }
    test_case(wrong == 0 && refused > 600, "flipped bytes", "%zu of %zu are refused, %zu give other tensors", refused,
              b.size, wrong);
    cvt_weights_free(right);
    free(b.data);
}

int main(void) {
    test_good();
    test_in_place();
    test_hostile();
    test_truncated();
    test_flipped();
    return test_end();
}
