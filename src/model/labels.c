/* labels.c - the names of the classes: a line a class, or JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

static cvt_status start(cvt_model *m, const char *origin, cvt_error *error) {
    m->n_labels = cvt_config_base(&m->config)->classes;
    m->labels = cvt_arena_array(&m->arena, (size_t)m->n_labels + 1, sizeof *m->labels);
    m->labels_from = cvt_arena_copy(&m->arena, origin, strlen(origin));
    return m->labels && m->labels_from ? CVT_OK : cvt_fail_memory(error);
}

/* ---- lines ----------------------------------------------------------------------------------------------------- */

static const char mark[] = "\xef\xbb\xbf"; /* that some editors put in front of UTF-8 */

static const char *behind_mark(const char *text) { return strncmp(text, mark, 3) == 0 ? text + 3 : text; }

/* A label a line, exactly one a class; empty lines at the end do not count. */
static cvt_status from_lines(cvt_model *m, const char *text, const char *origin, cvt_error *error) {
    TRY(start(m, origin, error));
    int n = 0, last = 0; /* last: of lines that are not empty */
    for (const char *line = behind_mark(text); *line; n++) {
        size_t length = strcspn(line, "\n"), kept = length && line[length - 1] == '\r' ? length - 1 : length;
        if (n < m->n_labels && !(m->labels[n] = cvt_arena_copy(&m->arena, line, kept))) return cvt_fail_memory(error);
        if (kept) last = n + 1;
        line += length + (line[length] == '\n');
    }
    if (n < m->n_labels || last > m->n_labels)
        return cvt_fail(error, CVT_CONFIG, "%s: has %d labels, the model has %d classes", origin, last, m->n_labels);
    return CVT_OK;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

/* A scalar as text, in `number` where it is a number; NULL: it is none. */
static const char *scalar_text(const cvt_json *value, char number[32]) {
    int64_t whole;
    double real;
    bool flag;
    if (cvt_json_string(value)) return cvt_json_string(value);
    if (cvt_json_bool(value, &flag)) return flag ? "true" : "false";
    if (cvt_json_integer(value, &whole)) {
        snprintf(number, 32, "%lld", (long long)whole);
        return number;
    }
    if (!cvt_json_number(value, &real)) return NULL;
    snprintf(number, 32, "%.15g", real);
    number[strcspn(number, ",")] = number[strcspn(number, ",")] ? '.' : 0; /* in every locale */
    return number;
}

/* key: the member of the config that the labels stand in; NULL: they are a document of their own. */
static cvt_status set(cvt_model *m, int index, const cvt_json *value, const char *key, const char *origin,
                      cvt_error *error) {
    char number[32];
    const char *text = scalar_text(value, number);
    if (cvt_json_kind_of(value) == CVT_JSON_NULL) {
        snprintf(number, sizeof number, "%d", index);
        text = number;
    }
    if (!text && !key) return cvt_fail(error, CVT_CONFIG, "%s: a label must be a string, a number or null", origin);
    if (!text) return cvt_fail(error, CVT_CONFIG, "%s: \"%s\" must hold strings", origin, key);
    m->labels[index] = cvt_arena_copy(&m->arena, text, strlen(text));
    return m->labels[index] ? CVT_OK : cvt_fail_memory(error);
}

/* {"0": "tench", "1": "goldfish", ...} */
static cvt_status from_object(cvt_model *m, const cvt_json *object, const char *key, const char *origin,
                              cvt_error *error) {
    TRY(start(m, origin, error));
    for (const cvt_json *entry = cvt_json_first(object); entry; entry = cvt_json_next(entry)) {
        const char *number = cvt_json_key(entry);
        char *end;
        long index = strtol(number, &end, 10);
        bool digits = number[0] >= '0' && number[0] <= '9';
        if (!digits || *end || index >= m->n_labels)
            return cvt_fail(error, CVT_CONFIG, "%s: \"%s\" has the key \"%s\", the model has classes 0 to %d", origin,
                            key ? key : "the object", number, m->n_labels - 1);
        TRY(set(m, (int)index, entry, key, origin, error));
    }
    return CVT_OK;
}

/* ["tench", "goldfish", ...] */
static cvt_status from_list(cvt_model *m, const cvt_json *list, const char *key, const char *origin, cvt_error *error) {
    TRY(start(m, origin, error));
    size_t n = cvt_json_kind_of(list) == CVT_JSON_ARRAY ? cvt_json_size(list) : 0;
    if (!key && n != (size_t)m->n_labels)
        return cvt_fail(error, CVT_CONFIG, "%s: has %zu labels, the model has %d classes", origin, n, m->n_labels);
    if (n != (size_t)m->n_labels)
        return cvt_fail(error, CVT_CONFIG, "%s: \"%s\" must be a list of %d strings", origin, key, m->n_labels);
    int i = 0;
    for (const cvt_json *entry = cvt_json_first(list); entry; entry = cvt_json_next(entry))
        TRY(set(m, i++, entry, key, origin, error));
    return CVT_OK;
}

static cvt_status from_json(cvt_model *m, const cvt_json *labels, const char *key, const char *origin,
                            cvt_error *error) {
    return cvt_json_kind_of(labels) == CVT_JSON_OBJECT ? from_object(m, labels, key, origin, error)
                                                       : from_list(m, labels, key, origin, error);
}

/* ---- which ones ------------------------------------------------------------------------------------------------ */

/* A document of its own: JSON where it is, else lines. */
static cvt_status from_text(cvt_model *m, const char *text, const char *origin, cvt_error *error) {
    const char *body = behind_mark(text);
    const char first = body[strspn(body, " \t\r\n")];
    cvt_json_document *document;
    if (first != '[' && first != '{') return from_lines(m, text, origin, error);
    if (cvt_json_parse_python(&document, body, strlen(body), origin, error) != CVT_OK) {
        size_t n = strlen(origin);
        bool json = n > 5 && strcmp(origin + n - 5, ".json") == 0;
        return json ? CVT_CONFIG : from_lines(m, text, origin, error); /* a label may begin so too */
    }
    cvt_status status = from_json(m, cvt_json_root(document), NULL, origin, error);
    cvt_json_free(document);
    return status;
}

static cvt_status from_file(cvt_model *m, const char *path, cvt_error *error) {
    cvt_file file;
    TRY(cvt_file_read(&file, path, (size_t)16 << 20, error));
    bool zeros = file.size && memchr(file.data, 0, file.size);
    char *text = cvt_arena_copy(&m->arena, file.size ? (const char *)file.data : "", file.size);
    cvt_file_close(&file);
    if (zeros) return cvt_fail(error, CVT_CONFIG, "%s: has NUL bytes: labels are UTF-8, not UTF-16", path);
    return text ? from_text(m, text, path, error) : cvt_fail_memory(error);
}

cvt_status cvt_labels_read(cvt_model *m, const cvt_options *options, cvt_error *error) {
    /* the keys of each dialect; timm_wrapper has those of both hubs */
    static const char *const keys[][3] = {[CVT_CONFIG_NATIVE] = {"labels"},
                                          [CVT_CONFIG_HF] = {"id2label"},
                                          [CVT_CONFIG_TIMM] = {"label_names", "id2label"}};
    const cvt_json *root = cvt_json_root(m->document);
    if (options->labels) return from_file(m, options->labels, error);
    if (!cvt_config_base(&m->config)->classes)
        return CVT_OK; /* a config may name labels for a head that is not there */
    if (m->files.converted && m->files.labels) return from_lines(m, m->files.labels, m->files.labels_origin, error);
    for (const char *const *key = keys[m->config.dialect]; *key; key++)
        if (cvt_json_member(root, *key))
            return from_json(m, cvt_json_member(root, *key), *key, m->files.config_origin, error);
    if (m->files.labels) return from_text(m, m->files.labels, m->files.labels_origin, error);
    bool imagenet = cvt_config_base(&m->config)->classes == 1000;
    return imagenet && options->default_labels ? from_file(m, options->default_labels, error) : CVT_OK;
}
