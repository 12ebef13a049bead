/* files.c - what belongs to a model: the documents and the weights of a directory as a clone of a hub repository leaves
 * it, or those of one file and of the directory that it lies in; the file may also lie in memory or behind a
 * descriptor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "image/image.h"
#include "model/model.h"

static const size_t document_limit = (size_t)16 << 20; /* the most bytes of a config or a list of labels */

/* Says what a file is that should hold text. */
static cvt_status fail_binary(const cvt_file *file, cvt_error *error) {
    const char *format = cvt_image_format(file->data, file->size);
    if (format) return cvt_fail(error, CVT_CONFIG, "%s: a %s image, not a config", file->path, format);
    if (file->size > 8 && file->data[8] == '{')
        return cvt_fail(error, CVT_CONFIG, "%s: weights, not a config: name them with -m", file->path);
    return cvt_fail(error, CVT_CONFIG, "%s: has NUL bytes, so it is not text", file->path);
}

/* Reads the whole of a small text file and ends it with 0. */
static cvt_status read_text(char **text, char **origin, const char *path, cvt_error *error) {
    cvt_file file;
    TRY(cvt_file_read(&file, path, document_limit, error));
    char *copy = malloc(file.size + 1), *name = strdup(path);
    cvt_status status = CVT_OK;
    if (!copy || !name) {
        status = cvt_fail_memory(error);
    } else if (file.size && memchr(file.data, 0, file.size)) {
        status = fail_binary(&file, error);
    } else {
        if (file.size) memcpy(copy, file.data, file.size);
        copy[file.size] = 0;
    }
    cvt_file_close(&file);
    if (status != CVT_OK) {
        free(copy);
        free(name);
        return status;
    }
    *text = copy;
    *origin = name;
    return CVT_OK;
}

static char *folder_of(const char *path) {
    cvt_str s = {0};
    cvt_file_folder(&s, path);
    if (s.failed) cvt_str_free(&s);
    return s.data;
}

/* A document of a directory; *text stays as it is where there is none, or where there is one already. */
static cvt_status read_optional(char **text, char **origin, const char *directory, const char *name, cvt_error *error) {
    if (*text) return CVT_OK;
    char *path = cvt_path_join(directory, name);
    if (!path) return cvt_fail_memory(error);
    cvt_status status = CVT_OK;
    if (cvt_file_exists(path))
        status = read_text(text, origin, path, error);
    else if (cvt_file_is_dangling(path))
        status = cvt_fail(error, CVT_NOT_FOUND, "%s: a link to nothing: half downloaded, fetch it again", path);
    free(path);
    return status;
}

/* processor_config.json counts where it has an image processor; one of a tokenizer alone does not. */
static cvt_status read_processor(cvt_bundle *b, const char *directory, cvt_error *error) {
    char *text = NULL, *origin = NULL;
    cvt_json_document *document = NULL;
    if (b->preprocessor) return CVT_OK;
    cvt_status status = read_optional(&text, &origin, directory, "processor_config.json", error);
    if (status == CVT_OK && text) status = cvt_json_parse_python(&document, text, strlen(text), origin, error);
    const cvt_json *inner = document ? cvt_json_get(cvt_json_root(document), "image_processor") : NULL;
    if (cvt_json_kind_of(inner) == CVT_JSON_OBJECT) {
        b->preprocessor = text;
        b->preprocessor_origin = origin;
    } else {
        free(text);
        free(origin);
    }
    cvt_json_free(document);
    return status;
}

static cvt_status read_preprocessor(cvt_bundle *b, const char *directory, cvt_error *error) {
    TRY(read_processor(b, directory, error));
    return read_optional(&b->preprocessor, &b->preprocessor_origin, directory, "preprocessor_config.json", error);
}

/* What goes with the weights and the config of a directory: how images are prepared, and labels. */
static cvt_status read_companions(cvt_bundle *b, const char *directory, cvt_error *error) {
    TRY(read_preprocessor(b, directory, error));
    return read_optional(&b->labels, &b->labels_origin, directory, "labels.txt", error);
}

static cvt_status open_directory(cvt_bundle *b, const char *path, const cvt_options *options, cvt_error *error) {
    if (!b->config) TRY(read_optional(&b->config, &b->config_origin, path, "config.json", error));
    if (!b->config) return cvt_fail_without(path, "config.json", error);
    TRY(read_companions(b, path, error));
    if (options->no_weights || options->random_weights) return CVT_OK;
    char *weights = NULL;
    cvt_status status = cvt_weights_locate(&weights, path, error);
    if (status == CVT_OK) status = cvt_weights_open(&b->weights, weights, error);
    free(weights);
    return status;
}

/* Reads a document that a converted file carries; *text stays NULL if it has none. */
static cvt_status take_metadata(char **text, char **origin, const cvt_weights *weights, const char *key,
                                cvt_error *error) {
    const char *value = cvt_weights_metadata(weights, key);
    if (!value || *text) return CVT_OK;
    cvt_str name = {0};
    cvt_str_print(&name, "%s (%s)", cvt_weights_path(weights), key);
    *text = strdup(value);
    *origin = name.data;
    return *text && !name.failed ? CVT_OK : cvt_fail_memory(error);
}

static cvt_status open_weights(cvt_bundle *b, const cvt_place *place, cvt_error *error) {
    char name[32];
    if (place->path) return cvt_weights_open(&b->weights, place->path, error);
    if (place->fd < 0) return cvt_weights_open_memory(&b->weights, place->bytes, place->size, "(memory)", error);
    snprintf(name, sizeof name, "(descriptor %d)", place->fd);
    return cvt_weights_open_fd(&b->weights, place->fd, name, error);
}

/* Weights without documents in them: those of the file's own directory go with them. */
static cvt_status open_bare(cvt_bundle *b, const char *path, cvt_error *error) {
    if (path) {
        char *directory = folder_of(path);
        if (!directory) return cvt_fail_memory(error);
        cvt_status status =
            b->config ? CVT_OK : read_optional(&b->config, &b->config_origin, directory, "config.json", error);
        if (status == CVT_OK && b->config) status = read_companions(b, directory, error);
        free(directory);
        TRY(status);
    }
    if (b->config) return CVT_OK;
    return cvt_fail(
        error, CVT_CONFIG,
        "%s: carries no config%s; name one with -c, or convert it with one (cvt-config(5): A MODEL OF YOUR OWN)",
        cvt_weights_path(b->weights), path ? ", and no config.json lies beside it" : "");
}

static cvt_status open_file(cvt_bundle *b, const cvt_place *place, cvt_error *error) {
    TRY(open_weights(b, place, error));
    b->converted = cvt_weights_metadata(b->weights, CVT_META_CONFIG) != NULL;
    if (!b->converted) return open_bare(b, place->path, error);
    TRY(take_metadata(&b->config, &b->config_origin, b->weights, CVT_META_CONFIG, error));
    TRY(take_metadata(&b->preprocessor, &b->preprocessor_origin, b->weights, CVT_META_PREPROCESSOR, error));
    return take_metadata(&b->labels, &b->labels_origin, b->weights, CVT_META_LABELS, error);
}

/* A config, and what `companions` takes of what lies beside it. */
static cvt_status open_config(cvt_bundle *b, const char *path,
                              cvt_status (*companions)(cvt_bundle *, const char *, cvt_error *), cvt_error *error) {
    TRY(read_text(&b->config, &b->config_origin, path, error));
    char *directory = folder_of(path);
    if (!directory) return cvt_fail_memory(error);
    cvt_status status = companions(b, directory, error);
    free(directory);
    return status;
}

cvt_status cvt_bundle_open(cvt_bundle *b, const cvt_place *place, const cvt_options *options, cvt_error *error) {
    const char *path = place->path;
    if (options->preprocess) TRY(read_text(&b->preprocessor, &b->preprocessor_origin, options->preprocess, error));
    if (options->config) TRY(open_config(b, options->config, read_companions, error));
    if (place->bytes || place->fd >= 0) return open_file(b, place, error);
    if (!path) return CVT_OK;
    if (strcmp(path, "-") != 0 && cvt_file_is_directory(path)) {
        char *snapshot = NULL;
        TRY(cvt_snapshot_of(&snapshot, path, error));
        cvt_status status = open_directory(b, snapshot ? snapshot : path, options, error);
        free(snapshot);
        return status;
    }
    bool config_only = (options->no_weights || options->random_weights) && !cvt_weights_named(path);
    if (!config_only) return open_file(b, place, error);
    if (options->random_weights) return read_text(&b->config, &b->config_origin, path, error);
    return open_config(b, path, read_preprocessor, error);
}

void cvt_bundle_close(cvt_bundle *b) {
    free(b->config);
    free(b->config_origin);
    free(b->preprocessor);
    free(b->preprocessor_origin);
    free(b->labels);
    free(b->labels_origin);
    if (!b->borrowed) cvt_weights_free(b->weights);
}
