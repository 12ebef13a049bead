/* test_file.c - tests what file.h promises of reading, mapping and writing. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "test.h"

static char folder[] = "build/test_file.XXXXXX";

/* Returns a path in the test's folder; two of them may be in use at a time. */
static const char *at(const char *name) {
    static char paths[2][128];
    static int next;
    char *path = paths[next ^= 1];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static bool holds(const char *path, const char *text) {
    cvt_file file;
    if (cvt_file_read(&file, path, 1 << 16, NULL) != CVT_OK) return false;
    bool same = file.size == strlen(text) && (file.size == 0 ? !file.data : !memcmp(file.data, text, file.size));
    cvt_file_close(&file);
    return same;
}

static void test_name(void) {
    test_case(!strcmp(cvt_file_name("a/b.c/d.e"), "d.e") && !strcmp(cvt_file_name("x"), "x") && !*cvt_file_name("a/"),
              "the last part of a path", "another");
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* Tests that neither way of opening accepts the path, and that neither waits for it. */
static void refuses(const char *path, cvt_status expected, const char *why) {
    cvt_file file;
    cvt_error error = {0};
    cvt_status status = cvt_file_map(&file, path, &error);
    bool ok = status == expected && strstr(error.message, why) && !file.data && !file.path;
    status = cvt_file_read(&file, path, 100, &error);
    ok = ok && status == expected && strstr(error.message, why) && !file.data && !file.path;
    test_case(ok && strncmp(error.message, path, strlen(path)) == 0, why, "status %s, message \"%s\"",
              cvt_status_code(status), error.message);
}

static void test_kinds(void) {
    const char *fifo = at("fifo"), *link = at("dangling");
    if (mkfifo(fifo, 0600) || symlink("nowhere", link)) abort();
    refuses(fifo, CVT_UNREADABLE, "a FIFO, not a file");
    refuses(link, CVT_NOT_FOUND, "no such file");
    unlink(fifo);
    unlink(link);
    test_put_text(at("x"), "");
    refuses(at("x/y"), CVT_NOT_FOUND, "y: no such file");
    unlink(at("x"));
    refuses(folder, CVT_UNREADABLE, "a directory, not a file");
    refuses("/dev/zero", CVT_UNREADABLE, "a device, not a file");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", at("socket"));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address)) abort();
    refuses(at("socket"), CVT_UNREADABLE, "a socket, not a file");
    close(fd);
    unlink(at("socket"));
}

static void test_reading(void) {
    const char *path = at("x");
    cvt_file file;
    cvt_error error = {0};
    test_put_text(path, "0123456789");
    test_case(holds(path, "0123456789"), "read", "differs");
    test_case(cvt_file_map(&file, path, &error) == CVT_OK && file.mapped && file.size == 10 &&
                  !memcmp(file.data, "0123456789", 10) && !strcmp(file.path, path),
              "map", "%s", error.message);
    cvt_file_close(&file);
    test_case(!file.data && !file.path && !file.mapped, "a closed file is empty", "it is not");
    test_case(cvt_file_read(&file, path, 10, &error) == CVT_OK, "as large as the limit", "%s", error.message);
    cvt_file_close(&file);
    test_case(cvt_file_read(&file, path, 9, &error) == CVT_TOO_LARGE && !file.data &&
                  strstr(error.message, "more than 9"),
              "larger than the limit", "%s", error.message);
    test_put_text(path, "");
    test_case(holds(path, ""), "read nothing", "differs");
    test_case(cvt_file_map(&file, path, &error) == CVT_OK && !file.data && !file.size, "map nothing", "%s",
              error.message);
    cvt_file_close(&file);
    /* /proc has regular files whose size is 0 although they have bytes */
    test_case(cvt_file_read(&file, "/proc/self/maps", 1 << 20, &error) == CVT_OK && file.size > 100,
              "a file of unknown size", "%s", error.message);
    cvt_file_close(&file);
    unlink(path);
}

/* Tests that dropped pages of a map are read again, and that memory which is not mapped is left alone. */
static void test_drop(void) {
    enum { SIZE = 1 << 18 };
    const char *path = at("x");
    char *text = malloc(SIZE + 1);
    if (!text) abort();
    memset(text, 'x', SIZE);
    text[SIZE] = 0;
    test_put_text(path, text);
    cvt_file map, copy;
    bool opened = cvt_file_map(&map, path, NULL) == CVT_OK && cvt_file_read(&copy, path, SIZE, NULL) == CVT_OK;
    if (test_case(opened, "drop: open", "it cannot be opened")) {
        cvt_file_drop(&map, map.data + 100, SIZE - 200);
        cvt_file_drop(&map, text, SIZE);
        cvt_file_drop(&copy, copy.data, SIZE);
        test_case(!memcmp(map.data, text, SIZE), "dropped bytes of a map stay readable", "they changed");
        test_case(text[SIZE / 2] == 'x' && copy.data[SIZE / 2] == 'x', "bytes in memory are not dropped", "they are");
        cvt_file_close(&map);
        cvt_file_close(&copy);
    }
    free(text);
    unlink(path);
}

/* Tests standard input through a pipe, which a child fills with `size` bytes, slowly at first. */
static void test_standard_input(const char *name, size_t size, size_t limit, cvt_status expected) {
    int ends[2], before = dup(STDIN_FILENO);
    fflush(stdout);
    if (pipe(ends)) abort();
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        for (size_t i = 0; i < size; i++) {
            unsigned char byte = (unsigned char)(i % 251);
            if (write(ends[1], &byte, 1) != 1) _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    cvt_file file;
    cvt_error error = {0};
    cvt_status status = cvt_file_read(&file, "-", limit, &error);
    bool ok = status == expected;
    if (expected == CVT_OK) {
        ok = ok && file.size == size;
        for (size_t i = 0; ok && i < size; i++) ok = file.data[i] == i % 251;
    }
    test_case(ok, name, "%zu bytes, %s", file.size, error.message);
    cvt_file_close(&file);
    dup2(before, STDIN_FILENO);
    close(before);
    waitpid(child, NULL, 0);
}

/* Tests that a message that is too long keeps its beginning and the fact at its end. */
static void test_long_message(void) {
    char path[3001];
    for (size_t i = 0; i < sizeof path - 1; i++) path[i] = i % 3 ? "\xc3\xa9"[i % 3 - 1] : '/';
    path[sizeof path - 1] = 0;
    cvt_file file;
    cvt_error error = {0};
    cvt_status status = cvt_file_map(&file, path, &error);
    size_t n = strlen(error.message);
    test_case(status == CVT_NOT_FOUND && n < CVT_MESSAGE_MAX && n > CVT_MESSAGE_MAX - 8 &&
                  cvt_utf8_valid(error.message, n) && !strncmp(error.message, path, 100) &&
                  strstr(error.message, " ... ") && strstr(error.message, ": no such file"),
              "a long path does not hide the fact", "%s", error.message);
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static void test_writing(void) {
    const char *path = at("out");
    cvt_out out;
    cvt_error error = {0};
    test_put_text(path, "old");
    test_case(cvt_out_open(&out, path, &error) == CVT_OK && cvt_out_write(&out, "new", 3, &error) == CVT_OK &&
                  holds(path, "old"),
              "nothing is seen before the end", "%s", error.message);
    test_case(cvt_out_finish(&out, &error) == CVT_OK && holds(path, "new"), "all is seen at the end", "%s",
              error.message);
    cvt_out_abandon(&out);
    test_case(holds(path, "new"), "abandoned after the end", "it is gone");
    test_case(cvt_out_open(&out, path, &error) == CVT_OK && cvt_out_write(&out, "newer", 5, &error) == CVT_OK, "again",
              "%s", error.message);
    cvt_out_abandon(&out);
    cvt_out_abandon(&out);
    test_case(holds(path, "new"), "what is abandoned leaves no trace", "it does");
    mode_t mask = umask(027);
    struct stat info = {0};
    const char *other = at("other");
    bool made = cvt_out_open(&out, other, &error) == CVT_OK && cvt_out_finish(&out, &error) == CVT_OK;
    umask(mask);
    test_case(made && stat(other, &info) == 0 && (info.st_mode & 0777) == 0640, "the umask decides", "%o",
              (unsigned)info.st_mode);
    unlink(other);
    unlink(path);
}

/* Tests that a link stays a link and the file behind it is replaced in one step: a program that has the old file open
 * keeps its bytes, and a failure leaves the file as it was. */
static void test_link(void) {
    test_put_text(at("target"), "old");
    if (symlink("hop", at("link")) || symlink("target", at("hop"))) abort();
    cvt_out out;
    cvt_error error = {0};
    cvt_file old;
    bool mapped = cvt_file_map(&old, at("target"), &error) == CVT_OK;
    bool begun = cvt_out_open(&out, at("link"), &error) == CVT_OK && cvt_out_write(&out, "x", 1, &error) == CVT_OK;
    cvt_out_abandon(&out);
    test_case(begun && holds(at("target"), "old"), "a failure leaves what is behind a link", "%s", error.message);
    bool ok = cvt_out_open(&out, at("link"), &error) == CVT_OK && cvt_out_write(&out, "new", 3, &error) == CVT_OK &&
              cvt_out_finish(&out, &error) == CVT_OK;
    struct stat info;
    test_case(ok && lstat(at("link"), &info) == 0 && S_ISLNK(info.st_mode) && holds(at("target"), "new"),
              "through two links", "%s", error.message);
    test_case(mapped && old.size == 3 && !memcmp(old.data, "old", 3), "who has it mapped keeps the old bytes", "no");
    cvt_file_close(&old);
    unlink(at("target"));
    ok = cvt_out_open(&out, at("link"), &error) == CVT_OK && cvt_out_write(&out, "made", 4, &error) == CVT_OK &&
         cvt_out_finish(&out, &error) == CVT_OK;
    test_case(ok && holds(at("target"), "made") && lstat(at("hop"), &info) == 0 && S_ISLNK(info.st_mode),
              "a link to nothing: the file is made", "%s", error.message);
    unlink(at("link"));
    unlink(at("hop"));
    unlink(at("target"));
    if (symlink("circle", at("circle"))) abort();
    test_case(cvt_out_open(&out, at("circle"), &error) == CVT_OUTPUT, "a link to itself", "%s", error.message);
    unlink(at("circle"));
}

static void test_full(void) {
    cvt_out out;
    cvt_error error = {0};
    static char bytes[1 << 16];
    cvt_status status = cvt_out_open(&out, "/dev/full", &error);
    if (status == CVT_OK) status = cvt_out_write(&out, bytes, sizeof bytes, &error);
    test_case(status == CVT_OUTPUT && strstr(error.message, "/dev/full: cannot be written: "), "full while writing",
              "%s", error.message);
    cvt_out_abandon(&out);
    status = cvt_out_open(&out, "/dev/full", &error);
    if (status == CVT_OK) status = cvt_out_write(&out, bytes, 1, &error);
    if (status == CVT_OK) status = cvt_out_finish(&out, &error);
    test_case(status == CVT_OUTPUT && strstr(error.message, "/dev/full: cannot be written: "), "full at the end", "%s",
              error.message);
    test_case(cvt_out_open(&out, folder, &error) == CVT_OUTPUT, "onto a folder", "%s", error.message);
    test_case(cvt_out_open(&out, at("no/x"), &error) == CVT_OUTPUT && !out.reader_gone, "into no folder", "%s",
              error.message);
}

int main(void) {
    if (!mkdtemp(folder)) return 2;
    test_name();
    test_kinds();
    test_reading();
    test_drop();
    test_standard_input("standard input", 5000, 1 << 20, CVT_OK);
    test_standard_input("standard input longer than a first guess", 200000, 1 << 20, CVT_OK);
    test_standard_input("standard input at the limit", 4000, 4000, CVT_OK);
    test_standard_input("standard input over the limit", 4001, 4000, CVT_TOO_LARGE);
    test_standard_input("empty standard input", 0, 4000, CVT_OK);
    test_long_message();
    test_writing();
    test_link();
    test_full();
    test_case(rmdir(folder) == 0, "no temporary file is left", "%s is not empty", folder);
    return test_end();
}
