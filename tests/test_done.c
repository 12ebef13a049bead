/* test_done.c - tests which inputs a file of records answers: members in any order, names in every form, every prefix
 * of a file, every byte of it damaged; and which shard an input belongs to (FNV-1a: the test vectors of its authors).
 */
#define _XOPEN_SOURCE 700
#include "batch/done.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch/key.h"
#include "test.h"

/* A descriptor of a file that holds the bytes and has no name. */
static int file_of(const char *bytes, size_t n) {
    char name[] = "/tmp/cvt-done-XXXXXX";
    int fd = mkstemp(name);
    if (fd < 0 || unlink(name) != 0 || write(fd, bytes, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET) != 0) abort();
    return fd;
}

static cvt_status read_text(cvt_done **done, cvt_done_file *file, const char *text, size_t n, char end, bool retry,
                            cvt_error *error) {
    int fd = file_of(text, n);
    cvt_status status = cvt_done_read(done, file, fd, end, retry, NULL, error);
    close(fd);
    return status;
}

/* How often the input is done. */
static int times(cvt_done *done, const char *tar, const char *path) {
    int n = 0;
    bool failed;
    while (cvt_done_take(done, tar, path, &failed)) n++;
    return n;
}

static void path_case(const char *name, const char *text, const char *tar, const char *path) {
    cvt_done *done = NULL;
    cvt_done_file file;
    cvt_error error = {0};
    read_text(&done, &file, text, strlen(text), '\n', false, &error);
    test_case(done && file.ok == 1 && !file.extra && times(done, tar, path) == 1 && times(done, tar, "other") == 0,
              name, "%zu records, %s", file.ok, error.message);
    cvt_str_free(&file.header);
    cvt_done_free(done);
}

static void paths(void) {
    path_case("plain", "{\"path\":\"a/b.jpg\",\"ok\":true,\"top\":[]}\n", NULL, "a/b.jpg");
    path_case("escapes", "{\"path\":\"a\\\"\\\\\\n\\u001b\\u00e9\\ud83d\\udc08\",\"ok\":true}\n", NULL,
              "a\"\\\n\x1b\xc3\xa9\xf0\x9f\x90\x88");
    path_case("base64", "{\"path_b64\":\"////LWZvby0=\",\"ok\":true}\n", NULL, "\xff\xff\xff-foo-");
    path_case("spaces", " { \"path\" : \"a , } b\" , \"ok\" : true , \"x\" : 1 }\r\n", NULL, "a , } b");
    path_case("another order",
              "{\"ok\":true,\"top\":[{\"label\":\"}],\\\"\",\"x\":[1,{}]}],\"n\":-1.5e3,\"path\":\"a\"}\n", NULL, "a");
    path_case("an archive", "{\"tar\":\"t.tar\",\"path\":\"a\",\"ok\":true}\n", "t.tar", "a");
    path_case("an archive in base64", "{\"tar_b64\":\"/y50YXI=\",\"path\":\"a\",\"ok\":true}\n", "\xff.tar", "a");
    path_case("an archive behind all else", "{\"ok\":true,\"path\":\"a\",\"tar\":\"t.tar\"}\n", "t.tar", "a");
    path_case("an archive behind the ranks", "{\"path\":\"a\",\"ok\":true,\"top\":[{}], \"tar\":\"t.tar\"}\n", "t.tar",
              "a");
    path_case("names that are null", "{\"tar\":null,\"path\":\"a\",\"path_b64\":null,\"ok\":true}\n", NULL, "a");
    path_case("empty lines", "\n{\"path\":\"a\",\"ok\":true}\n\n", NULL, "a");
}

/* An input that is done failed if the last of its records says so. */
static void failures(void) {
    static const char text[] = "{\"path\":\"a\",\"ok\":false}\n{\"path\":\"b\",\"ok\":true}\n"
                               "{\"path\":\"a\",\"ok\":true}\n{\"path\":\"b\",\"ok\":false}\n";
    cvt_done *done;
    cvt_done_file file;
    cvt_error error;
    bool a = true, b = false;
    read_text(&done, &file, text, sizeof text - 1, '\n', false, &error);
    const bool taken = cvt_done_take(done, NULL, "a", &a) && cvt_done_take(done, NULL, "b", &b);
    test_case(taken && !a && b, "the last record says whether an input failed", "%d %d %d", taken, a, b);
    cvt_done_free(done);
}

static void counts(void) {
    static const char text[] = "{\"cvt\":\"1\"}\n{\"path\":\"a\",\"ok\":true}\n{\"path\":\"b\",\"ok\":false}\n"
                               "{\"path\":\"a\",\"ok\":true}\n{\"path\":\"c\",\"ok\":tr";
    for (int retry = 0; retry < 2; retry++) {
        cvt_done *done;
        cvt_done_file file;
        cvt_error error;
        read_text(&done, &file, text, sizeof text - 1, '\n', retry, &error);
        int a = times(done, NULL, "a"), b = times(done, NULL, "b"), c = times(done, NULL, "c");
        test_case(a == 2 && b == 1 - retry && c == 0 && file.ok == 2 && file.failed == 1 && file.extra == 19,
                  retry ? "errors do not count" : "errors count", "%d %d %d, %lld bytes", a, b, c,
                  (long long)file.extra);
        test_case(file.header.size == 11 && file.size == (int64_t)sizeof text - 1 - 19, "header and size", "%zu, %lld",
                  file.header.size, (long long)file.size);
        test_case(times(done, "a", "") == 0, "an archive is no path", "it was");
        cvt_str_free(&file.header);
        cvt_done_free(done);
    }
    test_case(times(NULL, NULL, "a") == 0, "nothing is done", "it was");
}

static void refused(void) {
    static const char *const texts[] = {
        "no record\n",
        "[]\n",
        "{}\n",
        "{\"path\":1,\"ok\":true}\n",
        "{\"path\":12,\"ok\":true}\n",
        "{\"path\":null,\"ok\":true}\n",
        "{\"path\":\"a\"b\"c\",\"ok\":true}\n",
        "{\"path\":[\"a\"],\"ok\":true}\n",
        "{\"tar\":false,\"path\":\"a\",\"ok\":true}\n",
        "{\"path\":\"a\",\"ok\":truer}\n",
        "{\"path\":\"a\",\"ok\":true}}\n",
        "{\"path\":\"a\",\"ok\":true,}\n",
        "{\"path\":\"a\",\"ok\":true,\"top\":}\n",
        "{\"path\":\"a\",\"ok\":true,\"top\":[]\n",
        "{\"path\":\"a\",\"ok\":true,\"top\":[{\"lab{\"path\":\"b\",\"ok\":true,\"top\":[]}\n",
        "{\"path\":\"a\",\"ok\":true}{\"path\":\"b\",\"ok\":true}\n",
        "{\"path\":\"a\",\"ok\":1}\n",
        "{\"path\":\"a\"}\n",
        "{\"ok\":true}\n",
        "{\"path\":\"a\n",
        "{\"path\":\"\\q\",\"ok\":true}\n",
        "{\"path_b64\":\"*\",\"ok\":true}\n",
        "{\"path_b64\":\"YQBi\",\"ok\":true}\n",
        "{\"path\":\"a\",\"ok\":true}\n{\"cvt\":\"1\"}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cvt_done *done;
        cvt_done_file file;
        cvt_error error;
        cvt_status status = read_text(&done, &file, texts[i], strlen(texts[i]), '\n', false, &error);
        test_case(status == CVT_USAGE && !done, "no records are refused", "status %d for %s", status, texts[i]);
        cvt_str_free(&file.header);
    }
    cvt_done *done;
    cvt_done_file file;
    cvt_error error;
    static const char third[] = "{\"path\":\"a\",\"ok\":true}\n\nno record\n";
    test_case(read_text(&done, &file, third, sizeof third - 1, '\n', false, &error) == CVT_USAGE &&
                  strstr(error.message, "line 3 "),
              "the line that is no record is told, empty ones counted", "%s", error.message);
    static const char with_nul[] = "{\"path\":\"a\",\"ok\":true}\0{\"path\":\"b\",\"ok\":true}";
    test_case(read_text(&done, &file, with_nul, sizeof with_nul, '\n', false, &error) == CVT_USAGE,
              "NUL where lines are", "it was taken");
    test_case(read_text(&done, &file, with_nul, sizeof with_nul, 0, false, &error) == CVT_OK && file.ok == 2,
              "records with NUL", "%zu", file.ok);
    cvt_done_free(done);
}

/* Whatever is cut or damaged, what is kept are whole lines, and nothing else happens. */
static void damage(void) {
    static const char text[] =
        "{\"cvt\":\"1\",\"options\":{}}\n{\"path\":\"a\\u00e9\",\"ok\":true,\"top\":[{\"index\":1}]}\n"
        "{\"path_b64\":\"/w==\",\"ok\":false,\"error\":{\"code\":\"format\"}}\n";
    const size_t n = sizeof text - 1;
    size_t wrong = 0;
    cvt_done *done;
    cvt_done_file file;
    for (size_t k = 0; k <= n; k++) {
        cvt_status status = read_text(&done, &file, text, k, '\n', false, NULL);
        size_t whole = k;
        while (whole > 0 && text[whole - 1] != '\n') whole--;
        wrong += status != CVT_OK || file.size != (int64_t)whole || file.extra != (int64_t)(k - whole);
        cvt_str_free(&file.header);
        cvt_done_free(done);
    }
    test_case(wrong == 0, "every prefix", "%zu are wrong", wrong);
    size_t taken = 0;
    for (size_t k = 0; k < n; k++) {
        char copy[sizeof text];
        memcpy(copy, text, sizeof text);
        for (int bit = 0; bit < 8; bit++) {
            copy[k] = (char)(text[k] ^ (1 << bit));
            taken += read_text(&done, &file, copy, n, '\n', false, NULL) == CVT_OK;
            cvt_str_free(&file.header);
            cvt_done_free(done);
        }
    }
    test_case(taken > 0 && taken < 8 * n, "every bit", "%zu of %zu were taken", taken, 8 * n);
}

static void shards(void) {
    static const struct {
        const char *tar, *path;
        uint64_t hash;
    } cases[] = {{NULL, "", 0xcbf29ce484222325},
                 {NULL, "a", 0xaf63dc4c8601ec8c},
                 {NULL, "foobar", 0x85944171f73967e8},
                 {"x.tar", "foobar.tar.gz", 0x85944171f73967e8},
                 {"x.tar", "a.jpg", 0xaf63dc4c8601ec8c}};
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int64_t n = 2; n < 2000; n += 7) {
            int64_t index = (int64_t)(cases[i].hash % (uint64_t)n), found = 0;
            if (index == 0) index = n;
            for (int64_t k = 1; k <= n && n < 40; k++)
                found += cvt_shard_has((cvt_shard){k, n}, cases[i].tar, cases[i].path);
            wrong += !cvt_shard_has((cvt_shard){index, n}, cases[i].tar, cases[i].path) || (n < 40 && found != 1);
        }
    test_case(wrong == 0, "shards by FNV-1a", "%zu are wrong", wrong);
    test_case(cvt_shard_has((cvt_shard){0, 0}, NULL, "a") && cvt_shard_has((cvt_shard){1, 1}, NULL, "a"),
              "all is one shard", "it is not");
}

int main(void) {
    paths();
    counts();
    failures();
    refused();
    damage();
    shards();
    return test_end();
}
