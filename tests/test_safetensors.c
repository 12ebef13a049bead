/* test_safetensors.c - tests files of weights: those that the safetensors package wrote (tests/make_formats.py),
 * shards, files that hold no weights, every rule of the format broken once, and files that are written here. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "test.h"
#include "weights/weights.h"

#define FOLDER "tests/data/formats/"

static char folder[] = "build/test_safetensors.XXXXXX", scratch[64];

/* ---- what the package wrote ------------------------------------------------------------------------------------ */

static bool has_shape(const cvt_tensor *tensor, cvt_dtype dtype, int rank, const int64_t *shape) {
    size_t count = 1;
    for (int i = 0; i < rank; i++) count *= (size_t)shape[i];
    return tensor->dtype == dtype && tensor->rank == rank && tensor->bytes == count * cvt_dtype_size(dtype) &&
           (rank == 0 || memcmp(tensor->shape, shape, (size_t)rank * sizeof *shape) == 0);
}

/* Is every element i of a float tensor i * 0.25 - 3? */
static bool is_ramp(const cvt_tensor *tensor) {
    size_t count = tensor->bytes / cvt_dtype_size(tensor->dtype), right = 0;
    float values[64];
    cvt_tensor_widen(values, tensor, 0, count);
    for (size_t i = 0; i < count; i++) right += values[i] == (float)i * 0.25f - 3;
    if (count > 2) { /* a part from the middle */
        cvt_tensor_widen(values, tensor, 1, count - 2);
        right -= values[0] != -2.75f;
    }
    return right == count;
}

static void expect_tensor(const cvt_weights *weights, const char *name, cvt_dtype dtype, int rank, int64_t a, int64_t b,
                          int64_t c, int64_t d) {
    const cvt_tensor *tensor = cvt_weights_find(weights, name);
    const int64_t shape[4] = {a, b, c, d};
    bool ok = tensor && strcmp(tensor->name, name) == 0 && has_shape(tensor, dtype, rank, shape);
    test_case(ok && (!cvt_dtype_is_float(dtype) || is_ramp(tensor)), name, "%s", tensor ? "differs" : "absent");
}

static void test_mixed(void) {
    cvt_weights *weights;
    cvt_error error = {0};
    static const char path[] = FOLDER "mixed.safetensors";
    bool opened = cvt_weights_open(&weights, path, &error) == CVT_OK;
    if (!test_case(opened, "mixed.safetensors", "%s", error.message)) return;
    test_case(cvt_weights_count(weights) == 13, "thirteen tensors", "%zu", cvt_weights_count(weights));
    expect_tensor(weights, "f32", CVT_F32, 2, 2, 3, 0, 0);
    expect_tensor(weights, "f16", CVT_F16, 2, 3, 3, 0, 0);
    expect_tensor(weights, "bf16", CVT_BF16, 1, 7, 0, 0, 0);
    expect_tensor(weights, "f64", CVT_F64, 4, 1, 2, 1, 2);
    expect_tensor(weights, "i64", CVT_I64, 1, 3, 0, 0, 0);
    expect_tensor(weights, "i32", CVT_I32, 1, 3, 0, 0, 0);
    expect_tensor(weights, "i16", CVT_I16, 1, 3, 0, 0, 0);
    expect_tensor(weights, "i8", CVT_I8, 1, 3, 0, 0, 0);
    expect_tensor(weights, "u8", CVT_U8, 1, 2, 0, 0, 0);
    expect_tensor(weights, "bool", CVT_BOOL, 1, 3, 0, 0, 0);
    expect_tensor(weights, "scalar", CVT_F32, 0, 0, 0, 0, 0);
    expect_tensor(weights, "no elements", CVT_F32, 2, 0, 4, 0, 0);
    expect_tensor(weights, "dotted.n\xc3\xa4me", CVT_F32, 1, 1, 0, 0, 0);
    const cvt_tensor *i64 = cvt_weights_find(weights, "i64"), *i8 = cvt_weights_find(weights, "i8");
    static const int64_t wide[] = {-3, -2, -1};
    static const int8_t narrow[] = {-3, -2, -1};
    test_case(i64 && i8 && !memcmp(i64->data, wide, sizeof wide) && !memcmp(i8->data, narrow, sizeof narrow),
              "integers lie in the file as they are", "they differ");
    const char *note = cvt_weights_metadata(weights, "note"), *format = cvt_weights_metadata(weights, "format");
    test_case(note && !strcmp(note, "a \"quoted\" \\ line\nand \xc3\xa9") && format && !strcmp(format, "pt") &&
                  !cvt_weights_metadata(weights, "other"),
              "metadata", "\"%s\"", note ? note : "absent");
    test_case(!cvt_weights_find(weights, "F32") && !cvt_weights_find(weights, "") && !cvt_weights_find(weights, "f3"),
              "absent names", "found");
    test_case(strcmp(cvt_weights_path(weights), path) == 0 && strcmp(i64->file, path) == 0, "path", "%s", i64->file);
    size_t in_order = 0;
    for (size_t i = 1; i < cvt_weights_count(weights); i++)
        in_order += (uintptr_t)cvt_weights_at(weights, i - 1)->data <= (uintptr_t)cvt_weights_at(weights, i)->data;
    test_case(in_order == 12, "tensors come in the order of their data", "%zu of 12", in_order);
    cvt_weights_free(weights);
}

static void test_shards(void) {
    cvt_weights *weights;
    cvt_error error = {0};
    cvt_status status = cvt_weights_open(&weights, FOLDER "sharded/model.safetensors.index.json", &error);
    if (!test_case(status == CVT_OK, "an index of shards", "%s", error.message)) return;
    expect_tensor(weights, "a", CVT_F32, 1, 4, 0, 0, 0);
    expect_tensor(weights, "b", CVT_F32, 1, 2, 0, 0, 0);
    expect_tensor(weights, "c", CVT_F16, 1, 3, 0, 0, 0);
    const cvt_tensor *b = cvt_weights_find(weights, "b");
    test_case(b && strcmp(b->file, FOLDER "sharded/model-00002-of-00002.safetensors") == 0, "a tensor knows its shard",
              "%s", b ? b->file : "");
    const char *format = cvt_weights_metadata(weights, "format");
    test_case(format && strcmp(format, "pt") == 0, "metadata of shards", "absent");
    cvt_weights_free(weights);
}

/* Computes the value of an f16 or bf16 by the formula of the format. */
static double value_of(unsigned bits, int exponent_bits, int mantissa_bits) {
    int bias = (1 << (exponent_bits - 1)) - 1;
    int exponent = (int)(bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
    double mantissa = (double)(bits & ((1u << mantissa_bits) - 1)), sign = bits >> 15 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1) return mantissa != 0 ? NAN : sign * INFINITY;
    if (exponent == 0) return sign * ldexp(mantissa, 1 - bias - mantissa_bits);
    return sign * ldexp(mantissa + ldexp(1, mantissa_bits), exponent - bias - mantissa_bits);
}

static void test_widen(const char *name, cvt_dtype dtype, int exponent_bits, int mantissa_bits) {
    enum { COUNT = 65536 };
    unsigned char *bytes = malloc(2 * COUNT + 1); /* halves at odd addresses */
    float *values = malloc(COUNT * sizeof *values);
    if (!bytes || !values) abort();
    for (unsigned i = 0; i < COUNT; i++) memcpy(bytes + 1 + 2 * i, &(uint16_t){(uint16_t)i}, 2);
    cvt_tensor tensor = {.dtype = dtype, .rank = 1, .shape = {COUNT}, .data = bytes + 1, .bytes = 2 * COUNT};
    cvt_tensor_widen(values, &tensor, 0, COUNT);
    int wrong = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        double expected = value_of(i, exponent_bits, mantissa_bits);
        bool same = values[i] == expected && !signbit(values[i]) == !signbit(expected);
        wrong += isnan(expected) ? !isnan(values[i]) : !same;
    }
    test_case(wrong == 0, name, "%d of 65536 are wrong", wrong);
    free(bytes);
    free(values);
}

/* Tests that dropped bytes are read again, and that memory which is not mapped is left alone. */
static void test_drop(void) {
    enum { COUNT = 40000 };
    float *values = malloc(COUNT * sizeof *values);
    if (!values) abort();
    for (int i = 0; i < COUNT; i++) values[i] = (float)i;
    cvt_tensor tensor = {.name = "w", .rank = 1, .shape = {COUNT}, .data = values, .bytes = COUNT * sizeof *values};
    cvt_weights *weights;
    cvt_error error = {0};
    bool opened = cvt_safetensors_write(scratch, &tensor, 1, NULL, 0, &error) == CVT_OK &&
                  cvt_weights_open(&weights, scratch, &error) == CVT_OK;
    if (test_case(opened, "drop: open", "%s", error.message)) {
        const cvt_tensor *mapped = cvt_weights_find(weights, "w");
        cvt_weights_drop(weights, mapped);
        bool same = memcmp(mapped->data, values, tensor.bytes) == 0;
        cvt_weights_drop(weights, &tensor);
        test_case(same && values[COUNT / 2] == COUNT / 2, "dropped bytes stay readable", "they changed");
        cvt_weights_free(weights);
    }
    free(values);
}

/* ---- what is refused ------------------------------------------------------------------------------------------- */

static void refuses_file(const char *name, const char *path, const char *why) {
    cvt_weights *weights;
    cvt_error error = {0};
    cvt_status status = cvt_weights_open(&weights, path, &error);
    bool ok = status == CVT_WEIGHTS && error.status == CVT_WEIGHTS && !weights && strstr(error.message, why) &&
              strncmp(error.message, path, strlen(path)) == 0;
    test_case(ok, name, "status %s, message \"%s\"", cvt_status_code(status), error.message);
    cvt_weights_free(weights);
}

static void refuses_bytes(const char *name, const void *bytes, size_t n, const char *why) {
    test_put(scratch, bytes, n);
    refuses_file(name, scratch, why);
}

/* Writes a file of this header and `size` bytes of zeros. */
static void put_header(const char *path, const char *header, size_t size) {
    uint64_t n = strlen(header);
    unsigned char *bytes = calloc(1, 8 + n + size);
    if (!bytes) abort();
    memcpy(bytes, &n, 8);
    memcpy(bytes + 8, header, n);
    test_put(path, bytes, 8 + n + size);
    free(bytes);
}

static void refuses(const char *header, size_t size, const char *why) {
    char name[256];
    cvt_str_escape(name, sizeof name, header, strlen(header));
    put_header(scratch, header, size);
    refuses_file(name, scratch, why);
}

static void accepts(const char *header, size_t size, size_t tensors) {
    cvt_weights *weights;
    cvt_error error = {0};
    put_header(scratch, header, size);
    cvt_status status = cvt_weights_open(&weights, scratch, &error);
    test_case(status == CVT_OK && cvt_weights_count(weights) == tensors, header, "%s", error.message);
    cvt_weights_free(weights);
}

#define TENSOR(name, dtype, shape, offsets) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void test_rules(void) {
    accepts("{}", 0, 0);
    accepts("{}   ", 0, 0);
    accepts("{" TENSOR("a", "F32", "[]", "[0,4]") "}", 4, 1);
    accepts("{" TENSOR("a", "F32", "[0]", "[0,0]") "," TENSOR("b", "F32", "[3,0]", "[0,0]") "}", 0, 2);
    accepts("{" TENSOR("", "F32", "[1]", "[4,8]") "," TENSOR("b", "F32", "[1]", "[0,4]") "}", 8, 2);
    accepts("{" TENSOR("a", "F32", "[0]", "[4,4]") "," TENSOR("b", "F32", "[1]", "[0,4]") "}", 4, 2);
    accepts("{\"__metadata__\":{}," TENSOR("a", "F16", "[1,1,1,1,1,1,1,2]", "[0,4]") "}", 4, 1);
    accepts("{\"a\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1],\"more\":{}}}", 1, 1);

    refuses("{" TENSOR("a", "F32", "[1]", "[0,4]") "," TENSOR("a", "F32", "[1]", "[0,4]") "}", 4, "two keys \"a\"");
    refuses("{" TENSOR("a", "F32", "[1]", "[0,4]") "," TENSOR("b", "F32", "[1]", "[0,4]") "}", 4,
            "tensor \"b\": bytes 0");
    refuses("{" TENSOR("a", "F32", "[2]", "[0,8]") "," TENSOR("b", "F32", "[1]", "[4,8]") "}", 8,
            "tensor \"b\": bytes 4");
    refuses("{" TENSOR("a", "F32", "[2]", "[0,8]") "," TENSOR("b", "F32", "[0]", "[4,4]") "}", 8,
            "tensor \"b\": bytes 4");
    refuses("{" TENSOR("a", "F32", "[1]", "[4,8]") "}", 8, "tensor \"a\": bytes 4 to 8");
    refuses("{" TENSOR("a", "F32", "[1]", "[0,4]") "," TENSOR("b", "F32", "[1]", "[8,12]") "}", 12,
            "tensor \"b\": bytes 8");
    refuses("{" TENSOR("a", "F32", "[2]", "[0,8]") "}", 7, "cut off: 69 of 70 bytes");
    refuses("{" TENSOR("a", "F32", "[2]", "[0,8]") "}", 9, "1 bytes that belong to no tensor");
    refuses("{}", 1, "1 bytes that belong to no tensor");
    refuses("{" TENSOR("a", "F32", "[2]", "[8,0]") "}", 8, "tensor \"a\": data_offsets");
    refuses("{" TENSOR("a", "F32", "[2]", "[0]") "}", 8, "tensor \"a\": data_offsets");
    refuses("{" TENSOR("a", "F32", "[2]", "[0,8,8]") "}", 8, "tensor \"a\": data_offsets");
    refuses("{" TENSOR("a", "F32", "[2]", "[-8,0]") "}", 8, "tensor \"a\": data_offsets");
    refuses("{" TENSOR("a", "F32", "[2]", "[0,8.0]") "}", 8, "tensor \"a\": data_offsets");
    refuses("{" TENSOR("a", "F32", "[2]", "\"0,8\"") "}", 8, "tensor \"a\": no data_offsets");
    refuses("{" TENSOR("a", "F32", "[2]", "[0,18446744073709551616]") "}", 8, "tensor \"a\": data_offsets");
    refuses("{" TENSOR("a", "F32", "[2]", "[0,4]") "}", 4, "tensor \"a\": shape and dtype need 8 bytes");
    refuses("{" TENSOR("a", "F16", "[2]", "[0,8]") "}", 8, "tensor \"a\": shape and dtype need 4 bytes");
    refuses("{" TENSOR("a", "F32", "[-2]", "[0,8]") "}", 8, "tensor \"a\": shape");
    refuses("{" TENSOR("a", "F32", "[2.0]", "[0,8]") "}", 8, "tensor \"a\": shape");
    refuses("{" TENSOR("a", "F32", "[\"2\"]", "[0,8]") "}", 8, "tensor \"a\": shape");
    refuses("{" TENSOR("a", "F32", "2", "[0,8]") "}", 8, "tensor \"a\": no shape");
    refuses("{" TENSOR("a", "F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]") "}", 8, "tensor \"a\": shape of more than 8");
    refuses("{" TENSOR("a", "F32", "[4294967296,4294967296]", "[0,0]") "}", 0, "tensor \"a\": a shape too large");
    refuses("{" TENSOR("a", "F32", "[4503599627370496,1024]", "[0,0]") "}", 0, "tensor \"a\": a shape too large");
    refuses("{" TENSOR("a", "F32", "[4294967296,4294967296,0]", "[0,0]") "}", 0, "tensor \"a\": a shape too large");
    refuses("{" TENSOR("a", "f32", "[2]", "[0,8]") "}", 8, "tensor \"a\": unknown dtype \"f32\"");
    refuses("{" TENSOR("a", "U64", "[1]", "[0,8]") "}", 8, "tensor \"a\": unsupported dtype U64");
    refuses("{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "tensor \"a\": no dtype");
    refuses("{\"a\":{\"dtype\":1,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "tensor \"a\": no dtype");
    refuses("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "tensor \"a\": no shape");
    refuses("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "tensor \"a\": no data_offsets");
    refuses("{\"a\":[0,8]}", 8, "tensor \"a\": described by no object");
    refuses("{\"a\":null}", 0, "tensor \"a\": described by no object");
    refuses("{\"__metadata__\":{\"k\":1}}", 0, "__metadata__ \"k\" is no string");
    refuses("{\"__metadata__\":[\"k\"]}", 0, "__metadata__ is no object");
    refuses("{\"a\"}", 0, "header: byte 4 (line 1): ':'");
    refuses("{} {}", 0, "header: byte 3 (line 1): data after");
    refuses("{\"\xff\":1}", 0, "header: byte 2 (line 1): not UTF-8");
    refuses_file("F8_E4M3", FOLDER "float8.safetensors", "tensor \"w\": unsupported dtype F8_E4M3");
    refuses_file("U16", FOLDER "uint16.safetensors", "tensor \"w\": unsupported dtype U16");
}

static void test_prefix(void) {
    refuses_bytes("header length 0", "\0\0\0\0\0\0\0\0", 8, "begin with '{'");
    refuses_bytes("header length 0 before '{'", "\0\0\0\0\0\0\0\0{}", 10, "begin with '{'");
    refuses_bytes("header not from '{'", "\3\0\0\0\0\0\0\0 {}", 11, "begin with '{'");
    refuses_bytes("header longer than the file", "\3\0\0\0\0\0\0\0{}", 10,
                  "cut off: 10 bytes, of 11 of its header alone");
    refuses_bytes("header of 2^64 - 1", "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10,
                  "header of 18446744073709551615 bytes");
    refuses_bytes("seven bytes", "\2\0\0\0\0\0\0", 7, "7 bytes are too few");
    refuses_bytes("no bytes", "", 0, "an empty file");
}

static void test_content(void) {
    static const char lfs[] = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    refuses_bytes("a Git LFS pointer", lfs, sizeof lfs - 1, "a Git LFS pointer, not the weights: run \"git lfs pull\"");
    refuses_bytes("JSON, but no index", " {\"model_type\":\"cvt\"}", 21, "a config, no weights");
    refuses_bytes("JSON of another kind", " {\"size\":1}         ", 20, "JSON without a weight_map");
    refuses_bytes("bad JSON", "{\"weight_map\":{", 15, "byte 15");
    char other[64];
    snprintf(other, sizeof other, "%s/x.bin", folder);
    test_put(other, "<!DOCTYPE html>\n<html>", 22);
    refuses_file("a page", other, "a web page (HTML), not weights");
    unlink(other);
    cvt_weights *weights;
    cvt_error error = {0};
    test_case(cvt_weights_open(&weights, "build/no such file", &error) == CVT_NOT_FOUND && !weights, "no file", "%s",
              error.message);
    test_case(cvt_weights_open(&weights, "build", &error) == CVT_UNREADABLE && !weights, "a folder", "%s",
              error.message);
}

static void test_bad_shards(void) {
    char first[64], index[64];
    snprintf(first, sizeof first, "%s/1.safetensors", folder);
    snprintf(index, sizeof index, "%s/index.json", folder);
    put_header(first, "{" TENSOR("a", "F32", "[1]", "[0,4]") "," TENSOR("b", "F32", "[1]", "[4,8]") "}", 8);
    put_header(scratch, "{" TENSOR("c", "F32", "[1]", "[0,4]") "}", 4);
    static const struct {
        const char *index, *why;
    } cases[] = {
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"d\":\"x.safetensors\"}}", "tensor \"d\" is not in x.safetensors"},
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"x.safetensors\"}}", "tensor \"b\" is not in x.safetensors"},
        {"{\"weight_map\":{\"a\":\"2.safetensors\"}}", "its file 2.safetensors is missing"},
        {"{\"weight_map\":{\"a\":\"../1.safetensors\"}}", "tensor \"a\": the map gives no plain file name"},
        {"{\"weight_map\":{\"a\":\"/1.safetensors\"}}", "tensor \"a\": the map gives no plain file name"},
        {"{\"weight_map\":{\"a\":\"..\"}}", "tensor \"a\": the map gives no plain file name"},
        {"{\"weight_map\":{\"a\":\"\"}}", "tensor \"a\": the map gives no plain file name"},
        {"{\"weight_map\":{\"a\":1}}", "tensor \"a\": the map gives no plain file name"},
        {"{\"weight_map\":[\"1.safetensors\"]}", "JSON without a weight_map"},
        {"{\"weight_map\":{\"a\":\"index.json\"}}", "neither safetensors, nor"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_put(index, cases[i].index, strlen(cases[i].index));
        refuses_file(cases[i].index, index, cases[i].why);
    }
    static const char partial[] = "{\"weight_map\":{\"c\":\"x.safetensors\",\"a\":\"1.safetensors\"}}";
    test_put(index, partial, sizeof partial - 1);
    cvt_weights *weights;
    cvt_error error = {0};
    cvt_status status = cvt_weights_open(&weights, index, &error);
    test_case(status == CVT_OK && cvt_weights_count(weights) == 3 && cvt_weights_find(weights, "b"),
              "tensors that the map does not list are taken", "%s", error.message);
    cvt_weights_free(weights);
    put_header(scratch, "{" TENSOR("b", "F32", "[1]", "[0,4]") "," TENSOR("c", "F32", "[1]", "[4,8]") "}", 8);
    cvt_status twice = cvt_weights_open(&weights, index, &error);
    test_case(twice == CVT_WEIGHTS && strstr(error.message, "tensor \"b\" is there twice"), "one name in two shards",
              "%s", error.message);
    cvt_weights_free(weights);
    unlink(first);
    unlink(index);
}

/* Tests that a file that is cut at any byte is refused. */
static void test_cut(void) {
    cvt_file whole;
    cvt_error error = {0};
    bool read = cvt_file_read(&whole, FOLDER "mixed.safetensors", 1 << 16, &error) == CVT_OK;
    if (!test_case(read, "cut: read", "%s", error.message)) return;
    size_t refused = 0;
    for (size_t n = 0; n < whole.size; n++) {
        cvt_weights *weights;
        test_put(scratch, whole.data, n);
        refused += cvt_weights_open(&weights, scratch, NULL) == CVT_WEIGHTS;
        cvt_weights_free(weights);
    }
    test_case(refused == whole.size, "cut files", "%zu of %zu", refused, whole.size);
    cvt_file_close(&whole);
}

/* ---- many ------------------------------------------------------------------------------------------------------ */

static char *many_header(int count) {
    char *header = malloc((size_t)count * 80 + 16), *at = header;
    if (!header) abort();
    at += sprintf(at, "{");
    for (int i = 0; i < count; i++)
        at += sprintf(at, "%s" TENSOR("t%d", "U8", "[1]", "[%d,%d]"), i ? "," : "", i, i, i + 1);
    strcpy(at, "}");
    return header;
}

static void test_many(void) {
    enum { COUNT = 100000 };
    char *header = many_header(COUNT);
    put_header(scratch, header, COUNT);
    cvt_weights *weights;
    cvt_error error = {0};
    if (test_case(cvt_weights_open(&weights, scratch, &error) == CVT_OK, "100000 tensors", "%s", error.message)) {
        int found = 0;
        char name[16];
        for (int i = 0; i < COUNT; i++) {
            snprintf(name, sizeof name, "t%d", i);
            const cvt_tensor *tensor = cvt_weights_find(weights, name);
            found += tensor && tensor == cvt_weights_at(weights, (size_t)i) && strcmp(tensor->name, name) == 0;
        }
        test_case(found == COUNT, "each is found", "%d", found);
    }
    cvt_weights_free(weights);
    free(header);
    header = many_header(COUNT + 1);
    put_header(scratch, header, COUNT + 1);
    refuses_file("100001 tensors", scratch, "more than 100000 tensors");
    free(header);
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static void test_writing(void) {
    static const float four[16] = {1, 2, 3}, one = 5;
    static const uint16_t halves[3] = {0x3c00, 0x4000, 0x4200};
    static const int64_t number = 7;
    const cvt_tensor tensors[] = {
        {.name = "h\"\\\n\xc3\xa9", .dtype = CVT_F16, .rank = 1, .shape = {3}, .data = halves, .bytes = 6},
        {.name = "scalar", .dtype = CVT_F32, .data = &one, .bytes = 4},
        {.name = "n", .dtype = CVT_I64, .rank = 1, .shape = {1}, .data = &number, .bytes = 8},
        {.name = "none", .dtype = CVT_F32, .rank = 2, .shape = {0, 3}, .bytes = 0},
        {.name = "w", .dtype = CVT_F32, .rank = 2, .shape = {4, 4}, .data = four, .bytes = 64},
    };
    static const cvt_metadata metadata[] = {{"format", "pt"}, {"config", "{\"a\": \"\x01\"}"}};
    static const char expected[] =
        "{\"__metadata__\":{\"format\":\"pt\",\"config\":\"{\\\"a\\\": \\\"\\u0001\\\"}\"},"
        "\"none\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[0,0]},"
        "\"w\":{\"dtype\":\"F32\",\"shape\":[4,4],\"data_offsets\":[0,64]},"
        "\"n\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[64,72]},"
        "\"scalar\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[72,76]},"
        "\"h\\\"\\\\\\u000a\xc3\xa9\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[76,82]}}";
    cvt_error error = {0};
    cvt_file file = {0};
    bool written = cvt_safetensors_write(scratch, tensors, 5, metadata, 2, &error) == CVT_OK &&
                   cvt_file_read(&file, scratch, 1 << 16, &error) == CVT_OK;
    if (!test_case(written, "write", "%s", error.message)) return;
    uint64_t n = 0;
    size_t text = sizeof expected - 1;
    memcpy(&n, file.data, 8);
    test_case((8 + n) % 64 == 0 && n >= text && n < text + 64 && file.size == 8 + n + 82,
              "data start at a multiple of 64", "header %zu, file %zu", (size_t)n, file.size);
    bool same = n >= text && memcmp(file.data + 8, expected, text) == 0;
    for (size_t i = text; same && i < n; i++) same = file.data[8 + i] == ' ';
    test_case(same, "the header", "%.*s", (int)n, (const char *)file.data + 8);
    const unsigned char *data = file.data + 8 + n;
    test_case(same && !memcmp(data, four, 64) && !memcmp(data + 64, &number, 8) && !memcmp(data + 72, &one, 4) &&
                  !memcmp(data + 76, halves, 6),
              "the data", "they differ");
    cvt_file_close(&file);
    cvt_weights *weights;
    bool opened = cvt_weights_open(&weights, scratch, &error) == CVT_OK;
    test_case(opened && cvt_weights_find(weights, tensors[0].name) &&
                  strcmp(cvt_weights_metadata(weights, "config"), metadata[1].value) == 0,
              "read back", "%s", error.message);
    cvt_weights_free(weights);
}

static void refuses_output(const char *name, const char *path, const cvt_tensor *tensor, const char *why) {
    cvt_error error = {0};
    cvt_status status = cvt_safetensors_write(path, tensor, 1, NULL, 0, &error);
    bool ok = status == CVT_OUTPUT && strstr(error.message, why) && !strncmp(error.message, path, strlen(path));
    test_case(ok, name, "%s", error.message);
}

static void test_bad_output(void) {
    static const float one = 1;
    cvt_tensor tensor = {.name = "__metadata__", .dtype = CVT_F32, .data = &one, .bytes = 4};
    refuses_output("a tensor named as the metadata", scratch, &tensor, "may not be named");
    tensor.name = "\xff";
    refuses_output("a name that is no UTF-8", scratch, &tensor, "not UTF-8");
    tensor.name = "a";
    refuses_output("a full device", "/dev/full", &tensor, "cannot be written");
    refuses_output("no such folder", "build/none/x", &tensor, "cannot be written");
    refuses_output("a folder", "build", &tensor, "cannot be written");
}

int main(void) {
    if (!mkdtemp(folder)) return 2;
    snprintf(scratch, sizeof scratch, "%s/x.safetensors", folder);
    test_mixed();
    test_shards();
    test_widen("every f16", CVT_F16, 5, 10);
    test_widen("every bf16", CVT_BF16, 8, 7);
    test_drop();
    test_rules();
    test_prefix();
    test_content();
    test_bad_shards();
    test_cut();
    test_many();
    test_writing();
    test_bad_output();
    unlink(scratch);
    test_case(rmdir(folder) == 0, "no temporary file is left", "%s is not empty", folder);
    return test_end();
}
