/* labels.c - reads the names of the classes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

static cvt_status start(cvt_model *m, cvt_error *error) {
    m->n_labels = cvt_config_base(&m->config)->classes;
    m->labels = cvt_arena_array(&m->arena, (size_t)m->n_labels + 1, sizeof *m->labels);
    return m->labels ? CVT_OK : cvt_fail_memory(error);
}

/* Reads a text with a label on each line; there must be exactly one for each class. */
static cvt_status from_lines(cvt_model *m, const char *text, const char *origin, cvt_error *error) {
    static const char mark[] = "\xef\xbb\xbf"; /* some editors put it in front of UTF-8 */
    TRY(start(m, error));
    if (strncmp(text, mark, 3) == 0) text += 3;
    int n = 0;
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n"), kept = length && line[length - 1] == '\r' ? length - 1 : length;
        if (n < m->n_labels && !(m->labels[n] = cvt_arena_copy(&m->arena, line, kept))) return cvt_fail_memory(error);
        n++;
        line += length + (line[length] == '\n');
    }
    if (n != m->n_labels)
        return cvt_fail(error, CVT_CONFIG, "%s: has %d labels, the model has %d classes", origin, n, m->n_labels);
    return CVT_OK;
}

static cvt_status set(cvt_model *m, int index, const cvt_json *value, const char *key, cvt_error *error) {
    const char *text = cvt_json_string(value);
    if (!text) return cvt_fail(error, CVT_CONFIG, "%s: \"%s\" must hold strings", m->files.config_origin, key);
    m->labels[index] = cvt_arena_copy(&m->arena, text, strlen(text));
    return m->labels[index] ? CVT_OK : cvt_fail_memory(error);
}

/* Reads {"0": "tench", "1": "goldfish", ...}. */
static cvt_status from_id2label(cvt_model *m, const cvt_json *object, cvt_error *error) {
    TRY(start(m, error));
    for (const cvt_json *entry = cvt_json_first(object); entry; entry = cvt_json_next(entry)) {
        const char *key = cvt_json_key(entry);
        char *end;
        long index = strtol(key, &end, 10);
        bool digits = key[0] >= '0' && key[0] <= '9';
        if (!digits || *end || index >= m->n_labels)
            return cvt_fail(error, CVT_CONFIG, "%s: \"id2label\" has the key \"%s\", the model has classes 0 to %d",
                            m->files.config_origin, key, m->n_labels - 1);
        TRY(set(m, (int)index, entry, "id2label", error));
    }
    return CVT_OK;
}

/* Reads ["tench", "goldfish", ...]. */
static cvt_status from_list(cvt_model *m, const cvt_json *list, const char *key, cvt_error *error) {
    TRY(start(m, error));
    if (cvt_json_kind_of(list) != CVT_JSON_ARRAY || (int)cvt_json_size(list) != m->n_labels)
        return cvt_fail(error, CVT_CONFIG, "%s: \"%s\" must be a list of %d strings", m->files.config_origin, key,
                        m->n_labels);
    int i = 0;
    for (const cvt_json *entry = cvt_json_first(list); entry; entry = cvt_json_next(entry))
        TRY(set(m, i++, entry, key, error));
    return CVT_OK;
}

static cvt_status from_file(cvt_model *m, const char *path, cvt_error *error) {
    cvt_file file;
    TRY(cvt_file_read(&file, path, (size_t)16 << 20, error));
    char *text = cvt_arena_copy(&m->arena, file.size ? (const char *)file.data : "", file.size);
    cvt_file_close(&file);
    return text ? from_lines(m, text, path, error) : cvt_fail_memory(error);
}

cvt_status cvt_labels_read(cvt_model *m, const cvt_options *options, cvt_error *error) {
    const cvt_json *root = cvt_json_root(m->document);
    const cvt_json *id2label = m->config.dialect == CVT_CONFIG_HF ? cvt_json_get(root, "id2label") : NULL;
    bool timm = m->config.dialect == CVT_CONFIG_TIMM, native = m->config.dialect == CVT_CONFIG_NATIVE;
    const char *key = timm ? "label_names" : "labels";
    const cvt_json *list = timm || native ? cvt_json_get(root, key) : NULL;
    if (options->labels) return from_file(m, options->labels, error);
    if (!cvt_config_base(&m->config)->classes)
        return CVT_OK; /* a config may name labels although the network has no classifier */
    if (m->files.labels_first) return from_lines(m, m->files.labels, m->files.labels_origin, error);
    if (id2label) return from_id2label(m, id2label, error);
    if (list) return from_list(m, list, key, error);
    if (m->files.labels) return from_lines(m, m->files.labels, m->files.labels_origin, error);
    bool imagenet = cvt_config_base(&m->config)->classes == 1000;
    return imagenet && options->default_labels ? from_file(m, options->default_labels, error) : CVT_OK;
}
