/* output.c - whether a command may write the file that -o names. */
#include "cli/output.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "model/reads.h"
#include "report/npy.h"

/* ---- kinds ----------------------------------------------------------------------------------------------------- */

static bool is_npy(const char *path, const char *rows) {
    cvt_file file;
    (void)rows;
    if (cvt_file_map(&file, path, NULL) != CVT_OK) return false;
    bool is = file.size >= 6 && memcmp(file.data, "\x93NUMPY", 6) == 0;
    cvt_file_close(&file);
    return is;
}

static bool is_png(const char *path, const char *rows) {
    cvt_file file;
    (void)rows;
    if (cvt_file_map(&file, path, NULL) != CVT_OK) return false;
    bool is = file.size >= 8 && memcmp(file.data, "\x89PNG\r\n\x1a\n", 8) == 0;
    cvt_file_close(&file);
    return is;
}

/* A length of 8 bytes that ends within the file, and a JSON object behind it. */
static bool is_safetensors(const char *path, const char *rows) {
    cvt_file file;
    (void)rows;
    if (cvt_file_map(&file, path, NULL) != CVT_OK) return false;
    uint64_t header = 0;
    if (file.size > sizeof header) memcpy(&header, file.data, sizeof header);
    bool is = file.size > sizeof header && header <= file.size - sizeof header && file.data[8] == '{';
    cvt_file_close(&file);
    return is;
}

/* How many rows the .npy file has; -1: it is none. */
static int64_t count_rows(const char *rows) {
    cvt_npy npy;
    if (cvt_npy_read(&npy, rows, NULL) != CVT_OK) return -1;
    int64_t n = npy.rank ? npy.shape[0] : -1;
    cvt_npy_free(&npy);
    return n;
}

/* Lines that name files, the first ones at least; or as many lines as there are rows. */
static bool is_names(const char *path, const char *rows) {
    enum { LOOKED_AT = 100 };
    cvt_file file;
    int64_t lines = 0;
    bool exist = true;
    if (cvt_file_map(&file, path, NULL) != CVT_OK) return false;
    const char *at = (const char *)file.data, *end = at + file.size, *line_end;
    for (; at < end && (line_end = memchr(at, '\n', (size_t)(end - at))); at = line_end + 1, lines++) {
        char name[PATH_MAX];
        struct stat info;
        size_t n = (size_t)(line_end - at);
        if (lines >= LOOKED_AT || !exist) continue;
        exist = n < sizeof name;
        if (!exist) continue;
        memcpy(name, at, n);
        name[n] = 0;
        exist = strlen(name) == n && (strcmp(name, "-") == 0 || lstat(name, &info) == 0);
    }
    bool whole = at == end;
    cvt_file_close(&file);
    return whole && (exist || lines == count_rows(rows));
}

static const struct {
    const char *ending, *name;
    bool text;
    bool (*is)(const char *path, const char *rows);
} kinds[] = {
    [CVT_OUTPUT_NPY] = {".npy", "a .npy file", false, is_npy},
    [CVT_OUTPUT_PNG] = {".png", "a PNG file", false, is_png},
    [CVT_OUTPUT_SAFETENSORS] = {".safetensors", "a safetensors file", false, is_safetensors},
    [CVT_OUTPUT_NAMES] = {".txt", "a list of paths", true, is_names},
};

/* A name without an ending fits all kinds. */
static bool name_fits(const char *path, cvt_output_kind kind) {
    const char *base = cvt_file_name(path), *dot = strrchr(base, '.');
    return !dot || dot == base || !dot[1] || strcasecmp(dot, kinds[kind].ending) == 0;
}

/* ---- the file -------------------------------------------------------------------------------------------------- */

static bool is_terminal(const char *path) {
    if (strcmp(path, "-") == 0) return isatty(STDOUT_FILENO);
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISCHR(info.st_mode)) return false;
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    bool is = fd >= 0 && isatty(fd);
    if (fd >= 0) close(fd);
    return is;
}

bool cvt_output_is(const char *path, const char *other) {
    struct stat a, b;
    return stat(path, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* True for a path that one of the words leads to. */
static bool is_among(const char *path, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (words[i] && cvt_output_is(path, words[i])) return true;
    return false;
}

static bool is_input(const char *path, const cvt_settings *s, char *const *operands, const cvt_model *model) {
    const char *const options[] = {s->model, s->config, s->labels};
    for (size_t i = 0; operands && operands[i]; i++)
        if (cvt_output_is(path, operands[i])) return true;
    return is_among(path, options, sizeof options / sizeof options[0]) ||
           is_among(path, s->inputs.items, s->inputs.n) || is_among(path, s->files_from.items, s->files_from.n) ||
           is_among(path, s->tars.items, s->tars.n) || (model && cvt_model_reads(model, path));
}

cvt_status cvt_output_check(const char *path, cvt_output_kind kind, const char *rows, const cvt_settings *settings,
                            char *const *operands, const cvt_model *model, cvt_error *error) {
    struct stat info;
    const char *name = kinds[kind].name;
    if (!kinds[kind].text && is_terminal(path))
        return cvt_fail(error, CVT_USAGE, "%s: a terminal: %s is not for eyes; name a file, or give '-' a pipe", path,
                        name);
    if (strcmp(path, "-") == 0) return CVT_OK;
    bool there = stat(path, &info) == 0;
    if (there && (!S_ISREG(info.st_mode) || cvt_file_is_of_streams(path))) return CVT_OK;
    if (!name_fits(path, kind))
        return cvt_fail(error, CVT_USAGE, "%s: the name must end with %s", path, kinds[kind].ending);
    if (!there) return CVT_OK;
    if (is_input(path, settings, operands, model))
        return cvt_fail(error, CVT_USAGE, "%s: this file is read here: choose another name for the output", path);
    if (settings->force || info.st_size == 0 || kinds[kind].is(path, rows)) return CVT_OK;
    return cvt_fail(error, CVT_USAGE, "%s: there is such a file, and it is not %s: choose another name, or --force",
                    path, name);
}
