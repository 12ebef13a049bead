/* weights.c - a set of named tensors: the table that every reader fills, and opening a file by its content. */
#include "weights/weights.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/grow.h"
#include "base/str.h"
#include "base/table.h"
#include "weights/container.h"

typedef struct open_file {
    cvt_file file;
    struct open_file *next;
} open_file;

typedef struct metadata {
    const char *key, *value;
    struct metadata *next;
} metadata;

struct cvt_weights {
    cvt_arena arena;
    const char *path;
    open_file *files;
    metadata *metadata;
    size_t metadata_count;
    cvt_tensor *tensors;
    size_t count;
    cvt_table by_name; /* the index of a tensor by its name */
    char remark[256];
};

/* ---- the table ------------------------------------------------------------------------------------------------- */

/* Returns a copy of the file's path, or the copy of the tensor before where it has the same path. */
static const char *copy_file(cvt_weights *weights, const char *file) {
    const char *last = weights->count ? weights->tensors[weights->count - 1].file : NULL;
    return last && strcmp(last, file) == 0 ? last : cvt_arena_copy(&weights->arena, file, strlen(file));
}

cvt_status cvt_weights_add(cvt_weights *weights, const cvt_tensor *tensor, cvt_error *error) {
    if (weights->count == CVT_MAX_TENSORS)
        return cvt_fail(error, CVT_WEIGHTS, "%s: more than %d tensors", tensor->file, (int)CVT_MAX_TENSORS);
    if (cvt_table_find(&weights->by_name, tensor->name))
        return cvt_fail(error, CVT_WEIGHTS, "%s: tensor \"%.200s\" is there twice", tensor->file, tensor->name);
    cvt_tensor *tensors = cvt_grow(weights->tensors, weights->count, sizeof *tensors);
    if (!tensors) return cvt_fail_memory(error);
    weights->tensors = tensors;
    cvt_tensor copy = *tensor;
    copy.name = cvt_arena_copy(&weights->arena, tensor->name, strlen(tensor->name));
    copy.stored = copy.name;
    copy.file = copy_file(weights, tensor->file);
    if (!copy.name || !copy.file || !cvt_table_add(&weights->by_name, copy.name, weights->count))
        return cvt_fail_memory(error);
    weights->tensors[weights->count++] = copy;
    return CVT_OK;
}

cvt_arena *cvt_weights_arena(cvt_weights *weights) { return &weights->arena; }

cvt_status cvt_weights_add_metadata(cvt_weights *weights, const char *key, const char *value, cvt_error *error) {
    if (cvt_weights_metadata(weights, key)) return CVT_OK;
    if (weights->metadata_count == CVT_MAX_METADATA)
        return cvt_fail(error, CVT_WEIGHTS, "%s: more than %d strings of metadata", weights->path,
                        (int)CVT_MAX_METADATA);
    metadata *entry = cvt_arena_alloc(&weights->arena, sizeof *entry);
    if (!entry) return cvt_fail_memory(error);
    entry->key = cvt_arena_copy(&weights->arena, key, strlen(key));
    entry->value = cvt_arena_copy(&weights->arena, value, strlen(value));
    if (!entry->key || !entry->value) return cvt_fail_memory(error);
    entry->next = weights->metadata;
    weights->metadata = entry;
    weights->metadata_count++;
    return CVT_OK;
}

const char *cvt_weights_file(const cvt_weights *weights, size_t index) {
    const open_file *entry = weights->files;
    while (entry && index-- > 0) entry = entry->next;
    return entry ? entry->file.path : NULL;
}

/* Adds a file in pieces, whose pages need not stay in memory: packing has copies of most of them. */
static void hash_file(cvt_sha256 *hash, const cvt_file *file) {
    enum { PIECE = 16 << 20 };
    for (size_t at = 0; at < file->size; at += PIECE) {
        const size_t n = file->size - at < PIECE ? file->size - at : PIECE;
        cvt_sha256_add(hash, file->data + at, n);
        cvt_file_drop(file, file->data + at, n);
    }
}

void cvt_weights_sha256(const cvt_weights *weights, char text[CVT_SHA256_TEXT]) {
    const open_file *last = NULL, *entry; /* the list begins with what was opened last */
    cvt_sha256 hash;
    cvt_sha256_begin(&hash);
    while (last != weights->files) {
        for (entry = weights->files; entry->next != last;) entry = entry->next;
        hash_file(&hash, &entry->file);
        last = entry;
    }
    cvt_sha256_end_text(&hash, text);
}

const char *cvt_weights_path(const cvt_weights *weights) { return weights->path; }
size_t cvt_weights_count(const cvt_weights *weights) { return weights->count; }
const cvt_tensor *cvt_weights_at(const cvt_weights *weights, size_t index) { return &weights->tensors[index]; }

const cvt_tensor *cvt_weights_find(const cvt_weights *weights, const char *name) {
    const size_t *index = cvt_table_find(&weights->by_name, name);
    return index ? &weights->tensors[*index] : NULL;
}

const char *cvt_weights_metadata(const cvt_weights *weights, const char *key) {
    for (const metadata *entry = weights->metadata; entry; entry = entry->next)
        if (strcmp(entry->key, key) == 0) return entry->value;
    return NULL;
}

const char *cvt_weights_remark(const cvt_weights *weights) { return weights->remark[0] ? weights->remark : NULL; }

void cvt_weights_remark_on(cvt_weights *weights, const char *format, ...) {
    va_list args;
    if (weights->remark[0]) return;
    va_start(args, format);
    vsnprintf(weights->remark, sizeof weights->remark, format, args);
    va_end(args);
}

bool cvt_weights_rename(cvt_weights *weights, const char *const *names) {
    cvt_table table = {0};
    size_t done = 0;
    while (done < weights->count && !cvt_table_find(&table, names[done]) && cvt_table_add(&table, names[done], done))
        done++;
    cvt_table_free(&table);
    if (done < weights->count) return false;
    /* A table stays where it is: its names are added anew. */
    cvt_table_free(&weights->by_name);
    for (size_t i = 0; i < weights->count; i++) {
        weights->tensors[i].name = names[i];
        if (!cvt_table_add(&weights->by_name, names[i], i)) return false;
    }
    return true;
}

void cvt_weights_ignore(cvt_weights *weights, const char *pattern) {
    for (size_t i = 0; i < weights->count; i++) {
        cvt_tensor *t = &weights->tensors[i];
        if (fnmatch(pattern, t->name, 0) == 0 || fnmatch(pattern, t->stored, 0) == 0) t->unneeded = true;
    }
}

void cvt_weights_drop(const cvt_weights *weights, const cvt_tensor *tensor) {
    for (const open_file *entry = weights->files; entry; entry = entry->next)
        cvt_file_drop(&entry->file, tensor->data, tensor->bytes);
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static bool starts_with(const cvt_file *file, const char *bytes, size_t n) {
    return file->size >= n && memcmp(file->data, bytes, n) == 0;
}

/* Is this JSON? A safetensors file begins with a length, and one that is not absurd has zero bytes, which JSON has
 * not. */
static bool is_json(const cvt_file *file) {
    size_t i = 0;
    while (i < file->size && memchr(" \t\r\n", file->data[i], 4)) i++;
    size_t head = file->size < 8 ? file->size : 8;
    return i < file->size && file->data[i] == '{' && !memchr(file->data, 0, head);
}

/* Is this a safetensors file? The file's name only matters for how a damaged file is refused. */
static bool is_safetensors(const cvt_file *file) {
    const char *dot = strrchr(file->path, '.');
    return (file->size > 8 && file->data[8] == '{') || (dot && strcmp(dot, ".safetensors") == 0);
}

static cvt_status fail_unknown(const cvt_file *file, cvt_error *error) {
    char seen[64];
    size_t n = file->size < 12 ? file->size : 12;
    cvt_str_escape(seen, sizeof seen, (const char *)file->data, n);
    return cvt_fail(error, CVT_WEIGHTS,
                    "%s: neither safetensors, nor an index of shards, nor a PyTorch checkpoint: it starts with \"%s\"",
                    file->path, seen);
}

static bool is_web_page(const cvt_file *file) {
    static const char *const marks[] = {"<!doctype html", "<html"};
    size_t i = 0;
    while (i < file->size && memchr(" \t\r\n\xef\xbb\xbf", file->data[i], 7)) i++;
    for (size_t k = 0; k < sizeof marks / sizeof marks[0]; k++)
        if (file->size - i >= strlen(marks[k]) &&
            strncasecmp((const char *)file->data + i, marks[k], strlen(marks[k])) == 0)
            return true;
    return false;
}

static cvt_status read_by_content(cvt_weights *weights, const cvt_file *file, bool in_index, cvt_error *error) {
    static const char lfs[] = "version https://git-lfs.github.com/spec/v1", zip[] = "PK\3\4",
                      legacy[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e";
    if (file->size == 0) return cvt_fail(error, CVT_WEIGHTS, "%s: an empty file", file->path);
    if (starts_with(file, lfs, sizeof lfs - 1))
        return cvt_fail(error, CVT_WEIGHTS, "%s: a Git LFS pointer, not the weights: run \"git lfs pull\"", file->path);
    if (is_web_page(file))
        return cvt_fail(error, CVT_WEIGHTS,
                        "%s: a web page (HTML), not weights: fetch the file itself, not the page that shows it",
                        file->path);
    if (starts_with(file, zip, sizeof zip - 1)) return cvt_torch_zip_read(weights, file, error);
    if (starts_with(file, legacy, sizeof legacy - 1)) return cvt_torch_legacy_read(weights, file, error);
    if (!in_index && is_json(file)) return cvt_shard_index_read(weights, file, error);
    if (is_safetensors(file)) return cvt_safetensors_read(weights, file, error);
    return fail_unknown(file, error);
}

/* Reads a file, which belongs to the weights from here on. */
static cvt_status read_file(cvt_weights *weights, cvt_file *file, bool in_index, cvt_error *error) {
    open_file *entry = cvt_arena_alloc(&weights->arena, sizeof *entry);
    if (!entry) {
        cvt_file_close(file);
        return cvt_fail_memory(error);
    }
    *entry = (open_file){*file, weights->files};
    weights->files = entry;
    return read_by_content(weights, &entry->file, in_index, error);
}

cvt_status cvt_weights_read_file(cvt_weights *weights, const char *path, bool in_index, cvt_error *error) {
    cvt_file file;
    TRY(cvt_file_map(&file, path, error));
    return read_file(weights, &file, in_index, error);
}

cvt_status cvt_weights_fail_as(cvt_error *error, cvt_status status) {
    if (status == CVT_OK || status == CVT_NO_MEMORY) return status;
    if (error) error->status = CVT_WEIGHTS;
    return CVT_WEIGHTS;
}

/* Opens weights: those of the file `alone`, which belongs to them in any case, or with NULL those at `path`. */
static cvt_status open_weights(cvt_weights **out, const char *path, cvt_file *alone, cvt_error *error) {
    *out = NULL;
    cvt_weights *weights = calloc(1, sizeof *weights);
    if (weights) weights->path = cvt_arena_copy(&weights->arena, path, strlen(path));
    cvt_status status = CVT_OK;
    if (!weights || !weights->path) {
        status = cvt_fail_memory(error);
        if (alone) cvt_file_close(alone);
    } else if (!alone) {
        status = cvt_weights_read_file(weights, path, false, error);
    } else if (is_json(alone)) {
        status = cvt_fail(error, CVT_WEIGHTS, "%s: JSON, no weights; the files that an index names lie beside no path",
                          path);
        cvt_file_close(alone);
    } else {
        status = read_file(weights, alone, true, error);
    }
    if (status != CVT_OK) {
        cvt_weights_free(weights);
        return status;
    }
    *out = weights;
    return CVT_OK;
}

cvt_status cvt_weights_open(cvt_weights **out, const char *path, cvt_error *error) {
    return open_weights(out, path, NULL, error);
}

cvt_status cvt_weights_open_memory(cvt_weights **out, const void *bytes, size_t size, const char *name,
                                   cvt_error *error) {
    cvt_file file;
    *out = NULL;
    TRY(cvt_file_borrow(&file, bytes, size, name, error));
    return open_weights(out, name, &file, error);
}

cvt_status cvt_weights_open_fd(cvt_weights **out, int fd, const char *name, cvt_error *error) {
    cvt_file file;
    *out = NULL;
    TRY(cvt_file_map_fd(&file, fd, name, error));
    return open_weights(out, name, &file, error);
}

void cvt_weights_free(cvt_weights *weights) {
    if (!weights) return;
    for (open_file *entry = weights->files; entry; entry = entry->next) cvt_file_close(&entry->file);
    free(weights->tensors);
    cvt_table_free(&weights->by_name);
    cvt_arena_free(&weights->arena);
    free(weights);
}

void cvt_tensor_widen(float *to, const cvt_tensor *tensor, size_t first, size_t count) {
    if (count == 0) return;
    const unsigned char *from = tensor->data;
    cvt_dtype_widen(to, from + first * cvt_dtype_size(tensor->dtype), tensor->dtype, count);
}
