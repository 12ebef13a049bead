/* labelled.c - finds images with labels, and puts them in order. */
#include "batch/labelled.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"
#include "batch/input.h"
#include "batch/list.h"

static const size_t list_limit = (size_t)256 << 20; /* bytes of a list */

typedef struct entry {
    const char *label, *path; /* path NULL: there is a directory for the label */
} entry;

typedef struct entries {
    cvt_arena *arena;
    entry *items;
    size_t n, capacity;
} entries;

static cvt_status add(entries *to, const char *label, const char *path, cvt_error *error) {
    if (to->n == to->capacity) {
        const size_t capacity = to->capacity ? 2 * to->capacity : 256;
        entry *items = realloc(to->items, capacity * sizeof *items);
        if (!items) return cvt_fail_memory(error);
        to->items = items;
        to->capacity = capacity;
    }
    to->items[to->n++] = (entry){label, path};
    return CVT_OK;
}

/* ---- a directory ----------------------------------------------------------------------------------------------- */

static cvt_status add_images(entries *to, const char *label, const char *folder, bool recursive, cvt_error *error) {
    const cvt_list_options options = {.paths = &folder, .n_paths = 1, .recursive = recursive, .wake = -1};
    cvt_list *list;
    cvt_str path = {0};
    cvt_error problem;
    TRY(add(to, label, NULL, error));
    TRY(cvt_list_new(&list, &options, error));
    cvt_status status = CVT_OK;
    while (status == CVT_OK && cvt_list_next(list, &path, &problem)) {
        char *copy = path.failed ? NULL : cvt_arena_copy(to->arena, path.data, path.size);
        status = copy ? add(to, label, copy, error) : cvt_fail_memory(error);
    }
    cvt_str_free(&path);
    cvt_list_free(list);
    return status;
}

/* Adds the images of an entry of the directory, if that is a directory itself. */
static cvt_status add_entry(entries *to, const char *data, const char *name, bool recursive, size_t *beside,
                            cvt_error *error) {
    const size_t n = strlen(data);
    char *path = cvt_arena_print(to->arena, "%s%s%s", data, n && data[n - 1] == '/' ? "" : "/", name);
    char *label = cvt_arena_copy(to->arena, name, strlen(name));
    if (!path || !label) return cvt_fail_memory(error);
    if (cvt_file_is_directory(path)) return add_images(to, label, path, recursive, error);
    (*beside)++;
    return CVT_OK;
}

static cvt_status read_tree(entries *to, const char *data, bool recursive, size_t *beside, cvt_error *error) {
    DIR *folder = opendir(data);
    cvt_status status = CVT_OK;
    if (!folder) {
        status = cvt_input_fail(error, errno);
        return cvt_fail_in(error, status, "%s", data);
    }
    struct dirent *item;
    for (errno = 0; status == CVT_OK && (item = readdir(folder)); errno = 0)
        if (item->d_name[0] != '.') status = add_entry(to, data, item->d_name, recursive, beside, error);
    if (status == CVT_OK && errno) {
        status = cvt_input_fail(error, errno);
        cvt_fail_in(error, status, "%s", data);
    }
    closedir(folder);
    if (status != CVT_OK || to->n) return status;
    return cvt_fail(error, CVT_USAGE, "%s: has no directories: for each label there must be one, with its images",
                    data);
}

/* ---- a list ---------------------------------------------------------------------------------------------------- */

static cvt_status add_line(entries *to, const char *line, size_t n, const char *data, size_t number, cvt_error *error) {
    if (n && line[n - 1] == '\r') n--;
    if (!n) return CVT_OK;
    const char *tab = memchr(line, '\t', n);
    const size_t length = tab ? (size_t)(tab - line) : 0, rest = tab ? n - length - 1 : 0;
    if (!length || !rest || memchr(tab + 1, '\t', rest))
        return cvt_fail(error, CVT_USAGE, "%s: line %zu is not a path, a tab and a label", data, number);
    if (memchr(line, 0, n)) return cvt_fail(error, CVT_USAGE, "%s: line %zu holds a NUL byte", data, number);
    char *path = cvt_arena_copy(to->arena, line, length), *label = cvt_arena_copy(to->arena, tab + 1, rest);
    return path && label ? add(to, label, path, error) : cvt_fail_memory(error);
}

static cvt_status read_list(entries *to, const char *data, cvt_error *error) {
    static const char mark[] = "\xef\xbb\xbf";
    cvt_file file;
    TRY(cvt_file_read(&file, data, list_limit, error));
    const char *at = (const char *)file.data, *end = at + file.size;
    cvt_status status = CVT_OK;
    if (file.size >= 3 && memcmp(at, mark, 3) == 0) at += 3;
    for (size_t number = 1; status == CVT_OK && at < end; number++) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end) line_end = end;
        status = add_line(to, at, (size_t)(line_end - at), data, number, error);
        at = line_end + 1;
    }
    cvt_file_close(&file);
    if (status != CVT_OK || to->n) return status;
    return cvt_fail(error, CVT_USAGE, "%s: is empty: its lines must be a path, a tab and a label", data);
}

/* ---- order ----------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
    const entry *one = a, *two = b;
    const int by_label = strcmp(one->label, two->label);
    if (by_label) return by_label;
    return strcmp(one->path ? one->path : "", two->path ? two->path : "");
}

/* Fills the set from the entries in order. A line that stands twice in a list counts once. */
static cvt_status arrange(cvt_labelled *set, entries *from, cvt_error *error) {
    qsort(from->items, from->n, sizeof *from->items, compare);
    set->paths = cvt_arena_array(&set->arena, from->n, sizeof *set->paths);
    set->labels = cvt_arena_array(&set->arena, from->n, sizeof *set->labels);
    set->names = cvt_arena_array(&set->arena, from->n, sizeof *set->names);
    set->counts = cvt_arena_array(&set->arena, from->n, sizeof *set->counts);
    if (!set->paths || !set->labels || !set->names || !set->counts) return cvt_fail_memory(error);
    for (size_t i = 0; i < from->n; i++) {
        const entry *e = &from->items[i];
        if (i == 0 || strcmp(e->label, from->items[i - 1].label) != 0) set->names[set->n_names++] = e->label;
        if (!e->path || (i > 0 && compare(e, &from->items[i - 1]) == 0)) continue;
        set->labels[set->n] = set->n_names - 1;
        set->counts[set->n_names - 1]++;
        set->paths[set->n++] = e->path;
    }
    return CVT_OK;
}

cvt_status cvt_labelled_read(cvt_labelled *out, const char *data, bool recursive, cvt_error *error) {
    *out = (cvt_labelled){0};
    entries found = {.arena = &out->arena};
    cvt_status status = cvt_file_is_directory(data) ? read_tree(&found, data, recursive, &out->beside, error)
                                                    : read_list(&found, data, error);
    if (status == CVT_OK) status = arrange(out, &found, error);
    free(found.items);
    if (status != CVT_OK) cvt_labelled_free(out);
    return status;
}

void cvt_labelled_free(cvt_labelled *set) {
    cvt_arena_free(&set->arena);
    *set = (cvt_labelled){0};
}
