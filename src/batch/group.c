/* group.c - reads the entries of a key ahead, since the label may come last. So many images are held as a key has, but
 * no more than MAX_MEMBERS and some bytes: then the images go without a label that comes later still. */
#include "batch/group.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "batch/key.h"

enum { MAX_MEMBERS = 16 };
static const size_t max_bytes = (size_t)256 << 20; /* one image may take more */

typedef struct member {
    cvt_str path;
    cvt_input bytes;
    cvt_error problem;
} member;

struct cvt_groups {
    cvt_archives *archives;
    uint64_t max_pixels;
    member members[MAX_MEMBERS]; /* images */
    size_t n, next, bytes;
    const char *name; /* of their archive */
    cvt_str key, label;
    cvt_label_kind kind;   /* of the label */
    cvt_input text;        /* of a label */
    bool waits;            /* an item was come upon that belongs to no member: */
    cvt_archive_item item; /* what it is, */
    cvt_str path;          /* its path */
    cvt_error problem;     /* and what is wrong with it */
};

cvt_groups *cvt_groups_new(cvt_archives *archives, uint64_t max_pixels) {
    cvt_groups *groups = calloc(1, sizeof *groups);
    if (groups) groups->archives = archives;
    if (groups) groups->max_pixels = max_pixels;
    return groups;
}

void cvt_groups_free(cvt_groups *groups) {
    if (!groups) return;
    for (size_t i = 0; i < MAX_MEMBERS; i++) {
        cvt_str_free(&groups->members[i].path);
        free(groups->members[i].bytes.data);
    }
    cvt_str_free(&groups->key);
    cvt_str_free(&groups->label);
    cvt_str_free(&groups->path);
    free(groups->text.data);
    free(groups);
}

static void copy(cvt_str *to, const char *bytes, size_t n) {
    if (to->failed) cvt_str_free(to);
    cvt_str_clear(to);
    cvt_str_append(to, bytes ? bytes : "", n);
}

/* ---- labels ---------------------------------------------------------------------------------------------------- */

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static void take_text(cvt_str *label, const char *text, size_t n) {
    while (n && is_space(text[n - 1])) n--;
    while (n && is_space(*text)) text++, n--;
    copy(label, text, memchr(text, 0, n) ? 0 : n);
}

static void take_value(cvt_str *label, const cvt_json *value) {
    int64_t number;
    cvt_str_clear(label);
    if (cvt_json_string(value))
        cvt_str_text(label, cvt_json_string(value));
    else if (cvt_json_integer(value, &number))
        cvt_str_print(label, "%lld", (long long)number);
}

static void take_json(cvt_str *label, const char *text, size_t n) {
    static const char *const keys[] = {"label", "cls", "class"};
    cvt_json_document *document;
    cvt_str_clear(label);
    if (cvt_json_parse(&document, text, n, "label", NULL) != CVT_OK) return;
    const cvt_json *value = cvt_json_root(document);
    if (cvt_json_kind_of(value) == CVT_JSON_OBJECT)
        for (size_t i = 0; i < sizeof keys / sizeof keys[0] && !label->size; i++) {
            const cvt_json *of = cvt_json_get(value, keys[i]);
            if (of) take_value(label, of);
        }
    else
        take_value(label, value);
    cvt_json_free(document);
}

/* Reads the entry that waits, which is a label. */
static void take_label(cvt_groups *groups) {
    const cvt_label_kind kind = cvt_archive_label(groups->path.data);
    cvt_error ignored = {0};
    cvt_str label = {0};
    groups->text.size = 0;
    groups->text.max_pixels = groups->max_pixels;
    if (groups->problem.status != CVT_OK || !cvt_archives_take(groups->archives, &groups->text, &ignored)) return;
    if (kind <= groups->kind) return;
    (kind == CVT_LABEL_JSON ? take_json : take_text)(&label, (const char *)groups->text.data, groups->text.size);
    if (label.size) {
        copy(&groups->label, label.data, label.size);
        groups->kind = kind;
    }
    cvt_str_free(&label);
}

/* ---- groups ---------------------------------------------------------------------------------------------------- */

/* Reads the entry that waits, which is an image. One within which the archive ends is none. */
static void take_image(cvt_groups *groups) {
    member *to = &groups->members[groups->n];
    to->problem = groups->problem;
    to->bytes.size = 0;
    to->bytes.max_pixels = groups->max_pixels;
    copy(&to->path, groups->path.data, groups->path.size);
    if (to->problem.status == CVT_OK && !cvt_archives_take(groups->archives, &to->bytes, &to->problem)) return;
    groups->bytes += to->bytes.size;
    groups->name = cvt_archives_name(groups->archives);
    groups->n++;
}

/* Does the entry that waits have the key of the group? */
static bool belongs(const cvt_groups *groups) {
    const char *path = groups->path.data ? groups->path.data : "";
    const size_t n = cvt_key_length(path);
    return groups->key.size == n && n > 0 && memcmp(groups->key.data, path, n) == 0 &&
           groups->name == cvt_archives_name(groups->archives);
}

static bool is_entry(cvt_archive_item item) { return item == CVT_ARCHIVE_ENTRY || item == CVT_ARCHIVE_LABEL; }

static void begin(cvt_groups *groups) {
    const char *path = groups->path.data ? groups->path.data : "";
    copy(&groups->key, path, cvt_key_length(path));
    cvt_str_clear(&groups->label);
    groups->kind = CVT_LABEL_NONE;
    groups->name = cvt_archives_name(groups->archives);
}

/* Reads the entries of one key, until something comes that is none of them. */
static void gather(cvt_groups *groups) {
    groups->n = groups->next = groups->bytes = 0;
    while (groups->n < MAX_MEMBERS && groups->bytes < max_bytes) {
        if (!groups->waits) {
            groups->problem.status = CVT_OK;
            groups->item = cvt_archives_next(groups->archives, &groups->path, &groups->problem);
            groups->waits = true;
        }
        if (!is_entry(groups->item)) return;
        if (!belongs(groups)) {
            if (groups->n) return;
            begin(groups);
        }
        groups->waits = false;
        if (groups->item == CVT_ARCHIVE_LABEL)
            take_label(groups);
        else
            take_image(groups);
    }
}

cvt_archive_item cvt_groups_next(cvt_groups *groups, cvt_str *path, cvt_error *problem) {
    if (groups->next == groups->n && (!groups->waits || is_entry(groups->item))) gather(groups);
    if (groups->next < groups->n) {
        const member *it = &groups->members[groups->next++];
        copy(path, it->path.data, it->path.size);
        *problem = it->problem;
        return CVT_ARCHIVE_ENTRY;
    }
    groups->waits = groups->item == CVT_ARCHIVE_END; /* which goes on being so */
    copy(path, groups->path.data, groups->path.size);
    *problem = groups->problem;
    return groups->item;
}

bool cvt_groups_take(cvt_groups *groups, cvt_input *input, cvt_error *error) {
    member *it = &groups->members[groups->next - 1];
    const cvt_input swapped = *input;
    *input = it->bytes;
    it->bytes = swapped;
    error->status = it->problem.status;
    return true;
}

const char *cvt_groups_name(const cvt_groups *groups) { return groups->name; }

const char *cvt_groups_label(const cvt_groups *groups) { return groups->label.size ? groups->label.data : NULL; }
