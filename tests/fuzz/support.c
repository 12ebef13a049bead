/* support.c - what fuzz targets share: scratch files, a small model, and checks. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "fuzz.h"

_Noreturn void fuzz_broken(const char *condition, const char *file, int line) {
    fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, condition);
    abort();
}

/* The leak sanitizer asks the program for this: libdav1d never frees 40 bytes of an AVIF whose image has no data. */
#define ASKED_FOR __attribute__((visibility("default")))
ASKED_FOR const char *__lsan_default_suppressions(void); // NOLINT(bugprone-reserved-identifier)
const char *__lsan_default_suppressions(void) {          // NOLINT(bugprone-reserved-identifier)
    return "leak:libdav1d\n";
}

/* ---- scratch files ---------------------------------------------------------------------------------------------- */

static char folder[256];
static pid_t owner;

static void remove_folder(void) {
    DIR *d = owner == getpid() ? opendir(folder) : NULL;
    if (!d) return;
    for (struct dirent *item; (item = readdir(d));)
        if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0) unlinkat(dirfd(d), item->d_name, 0);
    closedir(d);
    rmdir(folder);
}

static void make_folder(void) {
    const char *where = getenv("TMPDIR");
    if (!where || !*where) where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    const int n = snprintf(folder, sizeof folder, "%s/cvt-fuzz-XXXXXX", where);
    if (n < 0 || (size_t)n >= sizeof folder || !mkdtemp(folder)) {
        perror("cannot make a folder for scratch files");
        exit(1);
    }
    owner = getpid();
    atexit(remove_folder);
}

const char *fuzz_file(const char *name, const void *bytes, size_t size) {
    static char paths[4][320];
    static unsigned next;
    char *path = paths[next++ % 4];
    if (!*folder) make_folder();
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || close(fd) != 0) {
        perror(path);
        exit(1);
    }
    return path;
}

/* ---- checks ----------------------------------------------------------------------------------------------------- */

void fuzz_touch(const void *bytes, size_t size) {
    static volatile unsigned sum;
    const unsigned char *from = bytes;
    unsigned all = 0;
    for (size_t i = 0; i < size; i++) all += from[i];
    sum = all;
    (void)sum;
}

void fuzz_must_tell(const cvt_error *error) {
    char shown[CVT_MESSAGE_MAX];
    const size_t n = strlen(error->message);
    fuzz_must(error->status != CVT_OK && n > 0 && n < CVT_MESSAGE_MAX);
    fuzz_must(cvt_str_escape(shown, sizeof shown, error->message, n) == n && memcmp(shown, error->message, n) == 0);
}

/* ---- a model ---------------------------------------------------------------------------------------------------- */

const char fuzz_small_model[] =
    "{\"arch\": \"vit\", \"variant\": \"timm\", \"input_size\": [24, 32], \"img_size\": 32,\n"
    " \"patch_size\": 8, \"embed_dim\": 8, \"depth\": 1, \"num_heads\": 2,\n"
    " \"num_classes\": 4, \"global_pool\": \"avg\"}\n";

const cvt_model *fuzz_model(void) {
    static cvt_model *model;
    const cvt_options options = {.size = sizeof options, .no_weights = true};
    cvt_error error;
    if (!model && cvt_model_open(&model, fuzz_file("model.json", fuzz_small_model, strlen(fuzz_small_model)), &options,
                                 &error) != CVT_OK) {
        fprintf(stderr, "the model of the fuzz targets: %s\n", error.message);
        exit(1);
    }
    return model;
}
