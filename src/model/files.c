/* files.c - finds the parts of a model: in a directory as a clone of a hub repository leaves it, or in one file, which
 * may also lie in memory or behind a descriptor. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "image/image.h"
#include "model/model.h"

static const size_t document_limit = (size_t)16 << 20; /* the most bytes of a config or a list of labels */

static char *join(const char *directory, const char *name) {
    cvt_str s = {0};
    size_t n = strlen(directory);
    cvt_str_print(&s, "%s%s%s", directory, n && directory[n - 1] == '/' ? "" : "/", name);
    if (s.failed) cvt_str_free(&s);
    return s.data;
}

static char *duplicate(const char *text) {
    size_t n = strlen(text) + 1;
    char *copy = malloc(n);
    return copy ? memcpy(copy, text, n) : NULL;
}

/* Says what a file is that should hold text. */
static cvt_status fail_binary(const cvt_file *file, cvt_error *error) {
    const char *format = cvt_image_format(file->data, file->size);
    if (format) return cvt_fail(error, CVT_CONFIG, "%s: a %s picture, not a config", file->path, format);
    if (file->size > 8 && file->data[8] == '{')
        return cvt_fail(error, CVT_CONFIG, "%s: weights, not a config: name them with -m", file->path);
    return cvt_fail(error, CVT_CONFIG, "%s: has NUL bytes, so it is not text", file->path);
}

/* Reads the whole of a small text file and ends it with 0. */
static cvt_status read_text(char **text, char **origin, const char *path, cvt_error *error) {
    cvt_file file;
    TRY(cvt_file_read(&file, path, document_limit, error));
    char *copy = malloc(file.size + 1), *name = duplicate(path);
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

static cvt_status read_optional(char **text, char **origin, const char *directory, const char *name, cvt_error *error) {
    char *path = join(directory, name);
    if (!path) return cvt_fail_memory(error);
    cvt_status status = cvt_file_exists(path) ? read_text(text, origin, path, error) : CVT_OK;
    free(path);
    return status;
}

static bool has_ending(const char *name, const char *ending) {
    size_t n = strlen(name), k = strlen(ending);
    return n > k && strcmp(name + n - k, ending) == 0;
}

/* Finds the only *.pth or *.pt file of a directory; *path stays NULL if there is none. */
static cvt_status find_checkpoint(char **path, const char *directory, cvt_error *error) {
    DIR *dir = opendir(directory);
    if (!dir) return cvt_fail(error, CVT_UNREADABLE, "%s: cannot be read", directory);
    cvt_status status = CVT_OK;
    for (struct dirent *entry; status == CVT_OK && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.' || !(has_ending(entry->d_name, ".pth") || has_ending(entry->d_name, ".pt")))
            continue;
        if (*path)
            status = cvt_fail(error, CVT_WEIGHTS, "%s: holds several checkpoints (*.pth, *.pt); name the one to use",
                              directory);
        else if (!(*path = join(directory, entry->d_name)))
            status = cvt_fail_memory(error);
    }
    closedir(dir);
    return status;
}

static cvt_status find_weights(char **path, const char *directory, cvt_error *error) {
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json", "weights.safetensors",
                                        "pytorch_model.bin", "pytorch_model.bin.index.json"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *candidate = join(directory, names[i]);
        if (!candidate) return cvt_fail_memory(error);
        if (cvt_file_exists(candidate)) {
            *path = candidate;
            return CVT_OK;
        }
        free(candidate);
    }
    cvt_status status = find_checkpoint(path, directory, error);
    if (status == CVT_OK && !*path)
        status = cvt_fail(error, CVT_NOT_FOUND,
                          "%s: has no weights (model.safetensors, weights.safetensors, pytorch_model.bin, *.pth)",
                          directory);
    return status;
}

static cvt_status open_directory(cvt_bundle *b, const char *path, const cvt_options *options, cvt_error *error) {
    if (!options->config) {
        char *config = join(path, "config.json");
        if (!config) return cvt_fail_memory(error);
        cvt_status status = read_text(&b->config, &b->config_origin, config, error);
        free(config);
        TRY(status);
    }
    TRY(read_optional(&b->preprocessor, &b->preprocessor_origin, path, "preprocessor_config.json", error));
    TRY(read_optional(&b->labels, &b->labels_origin, path, "labels.txt", error));
    if (options->no_weights || options->random_weights) return CVT_OK;
    char *weights = NULL;
    cvt_status status = find_weights(&weights, path, error);
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
    *text = duplicate(value);
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

/* Opens a file that carries everything that belongs to the model, except for a config that the options name. */
static cvt_status open_file(cvt_bundle *b, const cvt_place *place, cvt_error *error) {
    TRY(open_weights(b, place, error));
    TRY(take_metadata(&b->config, &b->config_origin, b->weights, CVT_META_CONFIG, error));
    TRY(take_metadata(&b->preprocessor, &b->preprocessor_origin, b->weights, CVT_META_PREPROCESSOR, error));
    TRY(take_metadata(&b->labels, &b->labels_origin, b->weights, CVT_META_LABELS, error));
    b->labels_first = b->labels != NULL;
    if (b->config) return CVT_OK;
    return cvt_fail(error, CVT_CONFIG, "%s: carries no config; name one with -c, or convert it with one",
                    cvt_weights_path(b->weights));
}

cvt_status cvt_bundle_open(cvt_bundle *b, const cvt_place *place, const cvt_options *options, cvt_error *error) {
    const char *path = place->path;
    if (options->config) TRY(read_text(&b->config, &b->config_origin, options->config, error));
    if (place->bytes || place->fd >= 0) return open_file(b, place, error);
    if (!path) return CVT_OK;
    if (strcmp(path, "-") != 0 && cvt_file_is_directory(path)) return open_directory(b, path, options, error);
    bool config_only = (options->no_weights || options->random_weights) && !has_ending(path, ".safetensors");
    return config_only ? read_text(&b->config, &b->config_origin, path, error) : open_file(b, place, error);
}

void cvt_bundle_close(cvt_bundle *b) {
    free(b->config);
    free(b->config_origin);
    free(b->preprocessor);
    free(b->preprocessor_origin);
    free(b->labels);
    free(b->labels_origin);
    cvt_weights_free(b->weights);
}
