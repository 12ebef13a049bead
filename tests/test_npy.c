/* test_npy.c - tests .npy files: those that NumPy wrote (tests/make_formats.py), and bad ones that are made up here. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "report/npy.h"
#include "test.h"

#define FOLDER "tests/data/formats/"

static char folder[] = "build/test_npy.XXXXXX", scratch[64];

/* ---- what NumPy wrote ------------------------------------------------------------------------------------------ */

/* Tests that a file is read; element i in C order must be i * 0.25 - 3, as make_formats.py wrote it. */
static void reads(const char *name, int rank, const int64_t *shape) {
    char path[128];
    snprintf(path, sizeof path, FOLDER "%s.npy", name);
    cvt_npy npy;
    cvt_error error = {0};
    cvt_status status = cvt_npy_read(&npy, path, &error);
    size_t count = 1, right = 0;
    for (int d = 0; d < rank; d++) count *= (size_t)shape[d];
    bool same = status == CVT_OK && npy.rank == rank && npy.count == count && npy.data &&
                memcmp(npy.shape, shape, (size_t)rank * sizeof *shape) == 0;
    for (size_t i = 0; same && i < count; i++) right += npy.data[i] == (float)i * 0.25f - 3;
    test_case(same && right == count, name, "%s, %zu of %zu elements right", error.message, right, count);
    cvt_npy_free(&npy);
}

static void test_reading(void) {
    static const int64_t shape[] = {2, 3, 4}, other[] = {2, 1, 3, 2}, five[] = {5}, empty[] = {2, 0, 3};
    reads("c_f4", 3, shape);
    reads("c_f8", 3, shape);
    reads("c_f2", 3, shape);
    reads("fortran_f4", 3, shape);
    reads("fortran_f2", 4, other);
    reads("version2", 1, five);
    reads("version3", 1, five);
    reads("scalar", 0, five);
    reads("empty", 3, empty);
}

/* ---- what is refused ------------------------------------------------------------------------------------------- */

static void refuses_file(const char *name, const char *path, cvt_status expected, const char *why) {
    cvt_npy npy;
    cvt_error error = {0};
    cvt_status status = cvt_npy_read(&npy, path, &error);
    bool ok = status == expected && error.status == expected && !npy.data && strstr(error.message, why) &&
              strncmp(error.message, path, strlen(path)) == 0;
    test_case(ok, name, "status %s, message \"%s\"", cvt_status_code(status), error.message);
    cvt_npy_free(&npy);
}

static void refuses_bytes(const char *name, const void *bytes, size_t n, cvt_status expected, const char *why) {
    test_put(scratch, bytes, n);
    refuses_file(name, scratch, expected, why);
}

/* Makes a file of version 1 from this dictionary and `size` bytes of zeros. */
static size_t form(unsigned char *bytes, const char *dictionary, size_t size) {
    size_t n = strlen(dictionary);
    memcpy(bytes, "\x93NUMPY\1\0", 8);
    bytes[8] = (unsigned char)(n & 255);
    bytes[9] = (unsigned char)(n >> 8);
    memcpy(bytes + 10, dictionary, n);
    memset(bytes + 10 + n, 0, size);
    return 10 + n + size;
}

static void refuses(const char *dictionary, size_t size, cvt_status expected, const char *why) {
    unsigned char bytes[1024];
    refuses_bytes(dictionary, bytes, form(bytes, dictionary, size), expected, why);
}

#define DESCR "'descr': '<f4', "
#define ORDER "'fortran_order': False, "

static void test_refusing(void) {
    refuses_file("big-endian", FOLDER "big_endian.npy", CVT_UNSUPPORTED, "'>f4'");
    refuses_file("integers", FOLDER "integers.npy", CVT_UNSUPPORTED, "'<i8'");
    refuses_file("bytes", FOLDER "bytes.npy", CVT_UNSUPPORTED, "'|u1'");
    refuses_file("objects", FOLDER "objects.npy", CVT_UNSUPPORTED, "'|O'");
    refuses_file("records", FOLDER "records.npy", CVT_UNSUPPORTED, "records");
    refuses_file("missing file", "build/no such file.npy", CVT_NOT_FOUND, "no such file");
    refuses_file("a directory", "build", CVT_UNREADABLE, "a directory");
    refuses_file("a device", "/dev/zero", CVT_UNREADABLE, "a device");
    refuses(DESCR ORDER "'shape': (2,), }", 8, CVT_CORRUPT, "dictionary");
    refuses("{" DESCR ORDER "'shape': (2,), ", 8, CVT_CORRUPT, "dictionary");
    refuses("{" DESCR ORDER "'shape': (2,), } x", 8, CVT_CORRUPT, "dictionary");
    refuses("{" DESCR ORDER "}", 8, CVT_CORRUPT, "dictionary");
    refuses("{" DESCR "'shape': (2,), }", 8, CVT_CORRUPT, "dictionary");
    refuses("{" ORDER "'shape': (2,), }", 8, CVT_CORRUPT, "dictionary");
    refuses("{" DESCR DESCR ORDER "'shape': (2,), }", 8, CVT_CORRUPT, "dictionary");
    refuses("{" DESCR ORDER "'shape': (2,), 'other': 1}", 8, CVT_CORRUPT, "dictionary");
    refuses("{'descr': <f4, " ORDER "'shape': (2,), }", 8, CVT_CORRUPT, "dictionary");
    refuses("{'descr': '<f4, " ORDER "\"shape\": (2,), }", 8, CVT_UNSUPPORTED, "elements of type");
    refuses("{'descr': '<f4\\', " ORDER "'shape': (2,), }", 8, CVT_CORRUPT, "dictionary");
    refuses("{" DESCR "'fortran_order': 0, 'shape': (2,), }", 8, CVT_CORRUPT, "dictionary");
    refuses("{" DESCR ORDER "'shape': 2, }", 8, CVT_CORRUPT, "dictionary");
    refuses("{" DESCR ORDER "'shape': (2), }", 8, CVT_CORRUPT, "dictionary");
    refuses("{" DESCR ORDER "'shape': [2], }", 8, CVT_CORRUPT, "dictionary");
    refuses("{" DESCR ORDER "'shape': (-2,), }", 8, CVT_CORRUPT, "dictionary");
    refuses("{" DESCR ORDER "'shape': (2.0,), }", 8, CVT_CORRUPT, "dictionary");
    refuses("{" DESCR ORDER "'shape': (1 2), }", 8, CVT_CORRUPT, "dictionary");
    refuses("{" DESCR ORDER "'shape': (9223372036854775808,), }", 8, CVT_CORRUPT, "dictionary");
    refuses("{" DESCR ORDER "'shape': (99999999999999999999999,), }", 8, CVT_CORRUPT, "dictionary");
    refuses("{" DESCR ORDER "'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1), }", 4, CVT_UNSUPPORTED, "8 dimensions");
    refuses("{" DESCR ORDER "'shape': (3,), }", 8, CVT_TRUNCATED, "too few");
    refuses("{" DESCR ORDER "'shape': (1,), }", 8, CVT_CORRUPT, "behind the data");
    refuses("{" DESCR ORDER "'shape': (1073741824, 1073741824, 1073741824), }", 8, CVT_TRUNCATED, "too few");
    refuses("{" DESCR ORDER "'shape': (4294967296, 4294967296), }", 0, CVT_TRUNCATED, "too few");
    refuses("{" DESCR ORDER "'shape': (4294967296, 4294967296, 0), }", 0, CVT_TRUNCATED, "too few");
    refuses("{" DESCR ORDER "'shape': (4611686018427387904,), }", 0, CVT_TRUNCATED, "too few");
    refuses_bytes("an empty file", "", 0, CVT_FORMAT, "not a .npy");
    refuses_bytes("another format", "PK\3\4------------", 16, CVT_FORMAT, "not a .npy");
    refuses_bytes("version 0", "\x93NUMPY\0\0\1\0 \n\n\n", 14, CVT_UNSUPPORTED, "version 0.0");
    refuses_bytes("version 1.1", "\x93NUMPY\1\1\1\0 \n\n\n", 14, CVT_UNSUPPORTED, "version 1.1");
    refuses_bytes("version 4", "\x93NUMPY\4\0\1\0\0\0\n\n", 14, CVT_UNSUPPORTED, "version 4.0");
    refuses_bytes("header of 4 GiB", "\x93NUMPY\2\0\xff\xff\xff\xff{}", 14, CVT_TOO_LARGE, "limit 65536");
    refuses_bytes("header of 65537 bytes", "\x93NUMPY\2\0\1\0\1\0{}", 14, CVT_TOO_LARGE, "limit 65536");
}

/* Tests that a file that is cut at any byte is refused as truncated. */
static void test_cut(void) {
    unsigned char bytes[256];
    size_t size = form(bytes, "{" DESCR ORDER "'shape': (3,), }\n", 12), refused = 0;
    for (size_t n = 6; n < size; n++) {
        cvt_npy npy;
        test_put(scratch, bytes, n);
        refused += cvt_npy_read(&npy, scratch, NULL) == CVT_TRUNCATED;
        cvt_npy_free(&npy);
    }
    test_case(refused == size - 6, "cut files", "%zu of %zu", refused, size - 6);
}

/* Tests other spellings that Python allows. */
static void test_spelling(void) {
    static const char *const spelled[] = {
        "{'shape': (2, 1), 'fortran_order': True, 'descr': '<f4'}",
        "{\"descr\":\"<f4\",\"fortran_order\":False,\"shape\":(2,1,)}",
        "  {  'descr'  :  '<f4'  ,  'fortran_order'  :  False  ,  'shape'  :  (  2  ,  1  )  ,  }  \n",
    };
    for (size_t i = 0; i < sizeof spelled / sizeof spelled[0]; i++) {
        unsigned char bytes[256];
        test_put(scratch, bytes, form(bytes, spelled[i], 8));
        cvt_npy npy;
        cvt_error error = {0};
        cvt_status status = cvt_npy_read(&npy, scratch, &error);
        char name[32];
        snprintf(name, sizeof name, "spelling %zu", i);
        bool same_shape = npy.rank == 2 && npy.shape[0] == 2 && npy.shape[1] == 1;
        test_case(status == CVT_OK && same_shape, name, "%s", error.message);
        cvt_npy_free(&npy);
    }
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static void writes(const char *name, cvt_npy_type type, const void *data, int rank, const int64_t *shape) {
    char path[128];
    snprintf(path, sizeof path, FOLDER "%s.npy", name);
    cvt_file ours = {0}, theirs = {0};
    cvt_error error = {0};
    bool ok = cvt_npy_write(scratch, type, data, rank, shape, &error) == CVT_OK &&
              cvt_file_read(&ours, scratch, 1 << 16, &error) == CVT_OK &&
              cvt_file_read(&theirs, path, 1 << 16, &error) == CVT_OK;
    ok = ok && ours.size == theirs.size && memcmp(ours.data, theirs.data, ours.size) == 0;
    test_case(ok, "written as NumPy writes", "%s: %s", name, error.message);
    cvt_file_close(&ours);
    cvt_file_close(&theirs);
}

static void test_writing(void) {
    static const int64_t shape[] = {2, 3, 4}, pixels[] = {2, 3, 3}, empty[] = {2, 0, 3};
    float ramp[24];
    unsigned char bytes[18];
    for (int i = 0; i < 24; i++) ramp[i] = (float)i * 0.25f - 3;
    for (int i = 0; i < 18; i++) bytes[i] = (unsigned char)i;
    writes("c_f4", CVT_NPY_F32, ramp, 3, shape);
    writes("scalar", CVT_NPY_F32, ramp, 0, shape);
    writes("empty", CVT_NPY_F32, NULL, 3, empty);
    writes("bytes", CVT_NPY_U8, bytes, 3, pixels);
    cvt_error error = {0};
    cvt_status status = cvt_npy_write("build/no such folder/x.npy", CVT_NPY_F32, ramp, 3, shape, &error);
    test_case(status == CVT_OUTPUT && strstr(error.message, "build/no such folder/x.npy: "), "into no folder", "%s",
              error.message);
    status = cvt_npy_write("/dev/full", CVT_NPY_F32, ramp, 3, shape, &error);
    struct stat info;
    test_case(status == CVT_OUTPUT && strstr(error.message, "/dev/full: ") && lstat("/dev/full", &info) == 0 &&
                  S_ISCHR(info.st_mode),
              "onto a full device", "%s", error.message);
}

/* ---- row by row ------------------------------------------------------------------------------------------------ */

static void test_rows(int count) {
    static const int64_t shape[] = {3, 4};
    float ramp[12];
    cvt_npy_rows rows;
    cvt_npy npy = {0};
    cvt_error error = {0};
    size_t right = 0;
    bool ok = cvt_npy_rows_open(&rows, scratch, 2, shape, &error) == CVT_OK;
    for (int i = 0; ok && i < count; i++) {
        for (int k = 0; k < 12; k++) ramp[k] = (float)(i * 12 + k) * 0.25f;
        ok = cvt_npy_rows_add(&rows, ramp, &error) == CVT_OK;
    }
    ok = ok && cvt_npy_rows_flush(&rows, &error) == CVT_OK && cvt_npy_rows_finish(&rows, &error) == CVT_OK &&
         cvt_npy_read(&npy, scratch, &error) == CVT_OK;
    ok = ok && npy.rank == 3 && npy.shape[0] == count && npy.shape[1] == 3 && npy.shape[2] == 4;
    for (size_t i = 0; ok && i < npy.count; i++) right += npy.data[i] == (float)i * 0.25f;
    test_case(ok && right == npy.count, "rows as they come", "%d rows: %s", count, error.message);
    cvt_npy_free(&npy);
    cvt_npy_rows_abandon(&rows);
}

static void test_rows_given_up(void) {
    static const int64_t shape[] = {5};
    float row[5] = {0};
    cvt_npy_rows rows;
    cvt_error error = {0};
    unlink(scratch);
    bool ok = cvt_npy_rows_open(&rows, scratch, 1, shape, &error) == CVT_OK &&
              cvt_npy_rows_add(&rows, row, &error) == CVT_OK && cvt_npy_rows_flush(&rows, &error) == CVT_OK;
    cvt_npy_rows_abandon(&rows);
    cvt_npy_rows_abandon(&rows);
    test_case(ok && access(scratch, F_OK) != 0, "rows that are given up leave nothing", "%s", error.message);
    cvt_status status = cvt_npy_rows_open(&rows, "/dev/full", 1, shape, &error);
    test_case(status == CVT_OUTPUT && strstr(error.message, "/dev/full: "), "rows onto a full device", "%s",
              error.message);
    int ends[2];
    if (pipe(ends) != 0) abort();
    char path[32];
    snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
    status = cvt_npy_rows_open(&rows, path, 1, shape, &error);
    test_case(status == CVT_OUTPUT, "rows into a pipe, where nothing can be patched", "%s", error.message);
    if (status == CVT_OK) cvt_npy_rows_abandon(&rows);
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    if (!mkdtemp(folder)) return 2;
    snprintf(scratch, sizeof scratch, "%s/x.npy", folder);
    test_reading();
    test_refusing();
    test_cut();
    test_spelling();
    test_writing();
    test_rows(0);
    test_rows(1);
    test_rows(12345);
    test_rows_given_up();
    unlink(scratch);
    test_case(rmdir(folder) == 0, "no temporary file is left", "%s is not empty", folder);
    return test_end();
}
