/* labelled.c - finds images with labels, and puts them in order. */
#include "batch/labelled.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/grow.h"
#include "base/str.h"
#include "batch/input.h"
#include "batch/list.h"

static const size_t list_limit = (size_t)256 << 20; /* bytes of a list */

typedef struct entry {
    const char *label, *path; /* path NULL: there is a directory for the label */
    size_t number;            /* its place in the list */
} entry;

typedef struct entries {
    cvt_arena *arena;
    entry *items;
    size_t n;
} entries;

static cvt_status add(entries *to, const char *label, const char *path, cvt_error *error) {
    entry *items = cvt_grow(to->items, to->n, sizeof *items);
    if (!items) return cvt_fail_memory(error);
    to->items = items;
    to->items[to->n] = (entry){label, path, to->n};
    to->n++;
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
    struct stat info = {0};
    if (stat(path, &info) != 0 && errno != ENOENT && errno != ELOOP) { /* else a link to nothing */
        const cvt_status status = cvt_input_fail(error, errno);
        return cvt_fail_in(error, status, "%s", path);
    }
    if (S_ISDIR(info.st_mode)) return add_images(to, label, path, recursive, error);
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

/* A field of a line, which ends before `separator`: its text into *field. Returns where it ends; NULL where quotes are
 * not closed. Quotes are those of RFC 4180. */
static const char *take_field(cvt_str *field, const char *at, const char *end, char separator) {
    cvt_str_clear(field);
    cvt_str_append(field, "", 0);
    if (separator == ',' && at < end && *at == '"') {
        for (at++; at < end && (*at != '"' || (at + 1 < end && at[1] == '"')); at++) {
            cvt_str_append(field, at, 1);
            at += *at == '"';
        }
        if (at == end || (at + 1 < end && at[1] != separator)) return NULL;
        return at + 1;
    }
    const char *stop = memchr(at, separator, (size_t)(end - at));
    if (!stop) stop = end;
    cvt_str_append(field, at, (size_t)(stop - at));
    return stop;
}

/* The two fields of a line, with a tab or a comma between them. */
static bool split(cvt_str fields[2], const char *line, size_t n, char separator) {
    const char *end = line + n, *at = take_field(&fields[0], line, end, separator);
    if (!at || at == end) return false;
    at = take_field(&fields[1], at + 1, end, separator);
    return at == end && fields[0].size && fields[1].size;
}

static cvt_status add_line(entries *to, cvt_str fields[2], const char *line, size_t n, const char *data, size_t number,
                           bool commas, cvt_error *error) {
    if (n && line[n - 1] == '\r') n--;
    if (!n) return CVT_OK;
    if (!split(fields, line, n, commas ? ',' : '\t'))
        return cvt_fail(error, CVT_USAGE, "%s: line %zu is not a path, a %s and a label", data, number,
                        commas ? "comma" : "tab");
    if (memchr(line, 0, n)) return cvt_fail(error, CVT_USAGE, "%s: line %zu holds a NUL byte", data, number);
    if (fields[0].failed || fields[1].failed) return cvt_fail_memory(error);
    if (fields[0].size > CVT_LONGEST_NAME || fields[1].size > CVT_LONGEST_NAME)
        return cvt_fail(error, CVT_USAGE, "%s: line %zu has a path or label of more than %d bytes", data, number,
                        (int)CVT_LONGEST_NAME);
    if (number == 1 && strcmp(fields[0].data, "path") == 0 && strcmp(fields[1].data, "label") == 0) return CVT_OK;
    char *path = cvt_arena_copy(to->arena, fields[0].data, fields[0].size);
    char *label = cvt_arena_copy(to->arena, fields[1].data, fields[1].size);
    return path && label ? add(to, label, path, error) : cvt_fail_memory(error);
}

static cvt_status read_lines(entries *to, const cvt_str *text, const char *data, bool commas, cvt_error *error) {
    const char *at = text->size ? text->data : "", *end = at + text->size;
    cvt_str fields[2] = {0};
    cvt_status status = CVT_OK;
    for (size_t number = 1; status == CVT_OK && at < end; number++) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end) line_end = end;
        status = add_line(to, fields, at, (size_t)(line_end - at), data, number, commas, error);
        at = line_end + 1;
    }
    cvt_str_free(&fields[0]);
    cvt_str_free(&fields[1]);
    return status;
}

static cvt_status read_list(entries *to, const char *data, cvt_error *error) {
    const char *dot = strrchr(cvt_file_name(data), '.');
    const bool commas = dot && strcasecmp(dot, ".csv") == 0;
    cvt_str text = {0};
    cvt_status status = cvt_input_read_text(&text, data, list_limit, error);
    if (status != CVT_OK)
        cvt_fail_in(error, status, "%s", data);
    else
        status = read_lines(to, &text, data, commas, error);
    cvt_str_free(&text);
    if (status != CVT_OK || to->n) return status;
    return cvt_fail(error, CVT_USAGE, "%s: is empty: its lines must be a path, a %s and a label", data,
                    commas ? "comma" : "tab");
}

/* ---- order ----------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
    const entry *one = a, *two = b;
    const int by_label = strcmp(one->label, two->label);
    if (by_label) return by_label;
    return strcmp(one->path ? one->path : "", two->path ? two->path : "");
}

/* Finds the names; labels [n] becomes that of each place in the list. The entries are in order. */
static void name_labels(cvt_labelled *set, const entries *from, int *labels) {
    for (size_t i = 0; i < from->n; i++) {
        const entry *e = &from->items[i];
        if (i == 0 || strcmp(e->label, from->items[i - 1].label) != 0) set->names[set->n_names++] = e->label;
        labels[e->number] = set->n_names - 1;
    }
}

static void put(cvt_labelled *set, const entry *e, int label) {
    set->labels[set->n] = label;
    set->counts[label]++;
    set->paths[set->n++] = e->path;
}

/* Fills the set in the order of labels and paths, where a line that stands twice in a list counts once; or, with places
 * [n] to work in, in the order of the list. */
static void fill(cvt_labelled *set, const entries *from, const int *labels, size_t *places) {
    for (size_t i = 0; i < from->n && !places; i++) {
        const entry *e = &from->items[i];
        if (e->path && (i == 0 || compare(e, e - 1) != 0)) put(set, e, labels[e->number]);
    }
    if (!places) return;
    for (size_t i = 0; i < from->n; i++) places[from->items[i].number] = i;
    for (size_t i = 0; i < from->n; i++) put(set, &from->items[places[i]], labels[i]);
}

static cvt_status arrange(cvt_labelled *set, entries *from, bool listed, cvt_error *error) {
    if (from->n) qsort(from->items, from->n, sizeof *from->items, compare);
    set->paths = cvt_arena_array(&set->arena, from->n + 1, sizeof *set->paths);
    set->labels = cvt_arena_array(&set->arena, from->n + 1, sizeof *set->labels);
    set->names = cvt_arena_array(&set->arena, from->n + 1, sizeof *set->names);
    set->counts = cvt_arena_array(&set->arena, from->n + 1, sizeof *set->counts);
    int *labels = cvt_arena_array(&set->arena, from->n + 1, sizeof *labels);
    size_t *places = listed ? cvt_arena_array(&set->arena, from->n + 1, sizeof *places) : NULL;
    if (!set->paths || !set->labels || !set->names || !set->counts || !labels || (listed && !places))
        return cvt_fail_memory(error);
    name_labels(set, from, labels);
    fill(set, from, labels, places);
    return CVT_OK;
}

cvt_status cvt_labelled_read(cvt_labelled *out, const char *data, bool recursive, bool listed, cvt_error *error) {
    *out = (cvt_labelled){0};
    entries found = {.arena = &out->arena};
    const bool tree = cvt_file_is_directory(data);
    cvt_status status = tree ? read_tree(&found, data, recursive, &out->beside, error) : read_list(&found, data, error);
    if (status == CVT_OK) status = arrange(out, &found, listed && !tree, error);
    free(found.items);
    if (status != CVT_OK) cvt_labelled_free(out);
    return status;
}

void cvt_labelled_free(cvt_labelled *set) {
    cvt_arena_free(&set->arena);
    *set = (cvt_labelled){0};
}
