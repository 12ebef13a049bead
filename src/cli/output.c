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
    const char *at = file.size ? (const char *)file.data : "", *end = at + file.size, *line_end;
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

/* Text has scores in its first lines. */
static bool is_text(const char *path, const char *rows) {
    enum { LOOKED_AT = 64 << 10 };
    static const char *const marks[] = {"%  ", "%)", "%, each class by itself)", "not a probability)"};
    cvt_file file;
    cvt_str start = {0};
    (void)rows;
    if (cvt_file_map(&file, path, NULL) != CVT_OK) return false;
    cvt_str_append(&start, (const char *)file.data, file.size < LOOKED_AT ? file.size : LOOKED_AT);
    bool is = false;
    for (size_t i = 0; start.data && i < sizeof marks / sizeof marks[0]; i++)
        is = is || strstr(start.data, marks[i]) != NULL;
    cvt_str_free(&start);
    cvt_file_close(&file);
    return is;
}

#define STARTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct {
    const char *ending, *name;
    bool text;
    bool signature;            /* the whole of `starts` must be there; else as far as the file goes */
    const char *const *starts; /* how such files begin; NULL: `is` tells what they are */
    bool (*is)(const char *path, const char *rows);
    const char *format; /* of records */
    const char *also;   /* another ending */
    const char *other;  /* the endings of what may be written instead, for a message */
} kinds[] = {
    [CVT_OUTPUT_NPY] = {".npy", "a .npy file", .signature = true, .starts = STARTS("\x93NUMPY")},
    [CVT_OUTPUT_PNG] = {".png", "a PNG file", .signature = true, .starts = STARTS("\x89PNG\r\n\x1a\n")},
    [CVT_OUTPUT_SAFETENSORS] = {".safetensors", "a safetensors file", .is = is_safetensors},
    [CVT_OUTPUT_HTML] = {".html", "an HTML page", .starts = STARTS("<!DOCTYPE html>"), .also = ".htm"},
    [CVT_OUTPUT_NAMES] = {".txt", "a list of paths", true, .is = is_names},
    [CVT_OUTPUT_TEXT] = {".txt", "text of cvt classify", true, .is = is_text, .format = "text"},
    [CVT_OUTPUT_JSONL] = {".jsonl", "a file of records", true, .starts = STARTS("{\"path", "{\"cvt\"", "{\"tar"),
                          .format = "jsonl", .also = ".ndjson"},
    [CVT_OUTPUT_JSON] = {".json", "an array of records", true,
                         .starts = STARTS("[{\"path", "[{\"cvt\"", "[{\"tar", "[]\n"), .format = "json"},
    [CVT_OUTPUT_CSV] = {".csv", "a table of records", true, .starts = STARTS("path,ok,error,rank,"), .format = "csv"},
    [CVT_OUTPUT_TSV] = {".tsv", "a table of records", true, .starts = STARTS("path\tok\terror\trank\t"),
                        .format = "tsv"},
    [CVT_OUTPUT_SVG] = {".svg", "an SVG picture", true, .starts = STARTS("<svg")},
    [CVT_OUTPUT_CONFUSION] = {".csv", "a confusion matrix", true, .starts = STARTS("truth\\answer"),
                              .other = ", .png or .svg"},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

/* Does the file begin as those of the kind do? */
static bool begins(const char *path, cvt_output_kind kind) {
    cvt_file file;
    if (cvt_file_map(&file, path, NULL) != CVT_OK) return false;
    bool is = false;
    for (const char *const *start = kinds[kind].starts; !is && *start; start++) {
        const size_t whole = strlen(*start), n = whole < file.size ? whole : file.size;
        is = n > 0 && (n == whole || !kinds[kind].signature) && memcmp(file.data, *start, n) == 0;
    }
    cvt_file_close(&file);
    return is;
}

static bool is_of_kind(const char *path, cvt_output_kind kind, const char *rows) {
    return kinds[kind].starts ? begins(path, kind) : kinds[kind].is(path, rows);
}

/* The ending of a name, with its dot; NULL where it has none. */
static const char *ending_of(const char *path) {
    const char *base = cvt_file_name(path), *dot = strrchr(base, '.');
    return dot && dot != base && dot[1] ? dot : NULL;
}

static bool is_ending_of(const char *ending, size_t kind) {
    return strcasecmp(ending, kinds[kind].ending) == 0 ||
           (kinds[kind].also && strcasecmp(ending, kinds[kind].also) == 0);
}

const char *cvt_output_format(const char *path) {
    const char *ending = path ? ending_of(path) : NULL;
    for (size_t i = 0; ending && i < N_KINDS; i++)
        if (kinds[i].format && is_ending_of(ending, i)) return kinds[i].format;
    return NULL;
}

/* A name without an ending fits all kinds. Records may have any that is not of another kind, as people number them. */
static bool name_fits(const char *path, cvt_output_kind kind) {
    const char *ending = ending_of(path);
    if (!ending || is_ending_of(ending, kind)) return true;
    if (!kinds[kind].format) return false;
    bool of_another = false;
    for (size_t i = 0; i < N_KINDS; i++) {
        bool free = i == CVT_OUTPUT_NAMES || i == CVT_OUTPUT_TEXT || (i == CVT_OUTPUT_JSON && kind == CVT_OUTPUT_JSONL);
        of_another = of_another || (!free && is_ending_of(ending, i));
    }
    return !of_another;
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

static cvt_status refuse_input(const char *path, cvt_error *error) {
    return cvt_fail(error, CVT_USAGE, "%s: this file is read here: choose another name for the output", path);
}

cvt_status cvt_output_check_input(const char *path, const char *input, cvt_error *error) {
    return cvt_file_is_same(path, input) ? refuse_input(input, error) : CVT_OK;
}

/* True for a path that one of the words leads to. */
static bool is_among(const char *path, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (words[i] && cvt_file_is_same(path, words[i])) return true;
    return false;
}

static bool is_input(const char *path, const cvt_settings *s, char *const *operands, const cvt_model *model) {
    const char *const options[] = {s->model, s->config, s->labels, s->classes};
    for (size_t i = 0; operands && operands[i]; i++)
        if (cvt_file_is_same(path, operands[i])) return true;
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
        return cvt_fail(error, CVT_USAGE, "%s: the name must end with %s%s", path, kinds[kind].ending,
                        kinds[kind].other ? kinds[kind].other : "");
    if (!there) return CVT_OK;
    if (is_input(path, settings, operands, model)) return refuse_input(path, error);
    if (settings->force || info.st_size == 0 || is_of_kind(path, kind, rows)) return CVT_OK;
    return cvt_fail(error, CVT_USAGE, "%s: there is such a file, and it is not %s: choose another name, or --force",
                    path, name);
}
