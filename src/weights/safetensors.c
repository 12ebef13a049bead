/* safetensors.c - the safetensors container: reads tensors where they lie in the file, and writes it.
 *
 *     u64 N, little-endian | N bytes of JSON, from '{' | data
 *     {"__metadata__": {KEY: STRING, ...}, NAME: {"dtype": D, "shape": [...], "data_offsets": [BEGIN, END]}, ...}
 *
 * Offsets count from the start of the data. In order, the ranges must start at 0, follow each other without gaps, and
 * end with the file. Source: the format's description and the checks of huggingface/safetensors (tensor.rs). */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "base/str.h"
#include "weights/container.h"

enum { PREFIX = 8, MAX_HEADER = 100000000, ALIGNMENT = 64 };
static const char metadata_key[] = "__metadata__";

/* ---- reading --------------------------------------------------------------------------------------------------- */

typedef struct entry {
    cvt_tensor tensor;
    size_t begin, end;
} entry;

/* Reads the size of the JSON. */
static cvt_status header_size(const cvt_file *file, size_t *size, cvt_error *error) {
    if (file->size < PREFIX)
        return cvt_fail(error, CVT_WEIGHTS, "%s: %zu bytes are too few for safetensors", file->path, file->size);
    uint64_t n;
    memcpy(&n, file->data, sizeof n);
    if (n <= MAX_HEADER && n > file->size - PREFIX && file->size > PREFIX && file->data[PREFIX] == '{')
        return cvt_fail(error, CVT_WEIGHTS, "%s: cut off: %zu bytes, of %llu of its header alone", file->path,
                        file->size, (unsigned long long)n + PREFIX);
    if (n > MAX_HEADER || n > file->size - PREFIX)
        return cvt_fail(error, CVT_WEIGHTS, "%s: a safetensors header of %llu bytes, in a file of %zu (limit %d)",
                        file->path, (unsigned long long)n, file->size, (int)MAX_HEADER);
    if (n == 0 || file->data[PREFIX] != '{')
        return cvt_fail(error, CVT_WEIGHTS, "%s: a safetensors header that does not begin with '{'", file->path);
    *size = (size_t)n;
    return CVT_OK;
}

static cvt_status read_dtype(cvt_dtype *dtype, const cvt_json *info, cvt_error *error) {
    static const char *const unsupported[] = {"F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F4",
                                              "F6_E2M3", "F6_E3M2", "U16",     "U32",         "U64",         "C64"};
    const char *name = cvt_json_string(cvt_json_get(info, "dtype"));
    if (!name) return cvt_fail(error, CVT_WEIGHTS, "no dtype");
    for (int i = 0; i < CVT_DTYPE_COUNT; i++) {
        *dtype = (cvt_dtype)i;
        if (strcmp(name, cvt_dtype_name(*dtype)) == 0) return CVT_OK;
    }
    for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++)
        if (strcmp(name, unsupported[i]) == 0) return cvt_fail(error, CVT_WEIGHTS, "unsupported dtype %s", name);
    return cvt_fail(error, CVT_WEIGHTS, "unknown dtype \"%.40s\"", name);
}

/* Reads an array of at most `limit` sizes. */
static cvt_status read_sizes(int64_t *sizes, int *count, int limit, const cvt_json *info, const char *key,
                             cvt_error *error) {
    const cvt_json *array = cvt_json_get(info, key);
    if (cvt_json_kind_of(array) != CVT_JSON_ARRAY) return cvt_fail(error, CVT_WEIGHTS, "no %s", key);
    *count = 0;
    for (const cvt_json *item = cvt_json_first(array); item; item = cvt_json_next(item)) {
        if (*count == limit) return cvt_fail(error, CVT_WEIGHTS, "%s of more than %d numbers", key, limit);
        if (!cvt_json_integer(item, &sizes[*count]) || sizes[*count] < 0)
            return cvt_fail(error, CVT_WEIGHTS, "%s holds what is no size", key);
        ++*count;
    }
    return CVT_OK;
}

static cvt_status read_info(entry *out, const cvt_json *info, cvt_error *error) {
    cvt_tensor *tensor = &out->tensor;
    int64_t range[2];
    int range_count = 0;
    if (cvt_json_kind_of(info) != CVT_JSON_OBJECT) return cvt_fail(error, CVT_WEIGHTS, "described by no object");
    TRY(read_dtype(&tensor->dtype, info, error));
    TRY(read_sizes(tensor->shape, &tensor->rank, CVT_MAX_RANK, info, "shape", error));
    TRY(read_sizes(range, &range_count, 2, info, "data_offsets", error));
    if (range_count != 2 || range[0] > range[1])
        return cvt_fail(error, CVT_WEIGHTS, "data_offsets that are no begin and end");
    tensor->bytes = cvt_dtype_size(tensor->dtype);
    for (int i = 0; i < tensor->rank; i++)
        if (!cvt_mul_size(tensor->bytes, (size_t)tensor->shape[i], &tensor->bytes))
            return cvt_fail(error, CVT_WEIGHTS, "a shape too large for any memory");
    out->begin = (size_t)range[0];
    out->end = (size_t)range[1];
    if (out->end - out->begin != tensor->bytes)
        return cvt_fail(error, CVT_WEIGHTS, "shape and dtype need %zu bytes, data_offsets give %zu", tensor->bytes,
                        out->end - out->begin);
    return CVT_OK;
}

static cvt_status fail_tensor(cvt_error *error, const cvt_tensor *tensor) {
    return cvt_fail_in(error, CVT_WEIGHTS, "%s: tensor \"%.200s\"", tensor->file, tensor->name);
}

static cvt_status read_metadata(cvt_weights *weights, const cvt_file *file, const cvt_json *object, cvt_error *error) {
    if (cvt_json_kind_of(object) != CVT_JSON_OBJECT)
        return cvt_fail(error, CVT_WEIGHTS, "%s: %s is no object", file->path, metadata_key);
    for (const cvt_json *item = cvt_json_first(object); item; item = cvt_json_next(item)) {
        const char *value = cvt_json_string(item);
        if (!value)
            return cvt_fail(error, CVT_WEIGHTS, "%s: %s \"%.200s\" is no string", file->path, metadata_key,
                            cvt_json_key(item));
        TRY(cvt_weights_add_metadata(weights, cvt_json_key(item), value, error));
    }
    return CVT_OK;
}

/* Compares two entries by their place in the file, and empty tensors by name. */
static int compare_ranges(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return strcmp(x->tensor.name, y->tensor.name);
}

/* Adds the entries in the order of their data, which must fill [0, size). */
static cvt_status add_tensors(cvt_weights *weights, entry *entries, size_t count, const cvt_file *file, size_t size,
                              cvt_error *error) {
    const unsigned char *data = file->data + (file->size - size);
    size_t covered = 0, whole = 0;
    qsort(entries, count, sizeof *entries, compare_ranges);
    for (size_t i = 0; i < count; i++) whole = entries[i].end > whole ? entries[i].end : whole;
    if (whole > size)
        return cvt_fail(error, CVT_WEIGHTS, "%s: cut off: %zu of %zu bytes; fetch it again", file->path, file->size,
                        file->size - size + whole);
    for (size_t i = 0; i < count; i++) {
        entry *e = &entries[i];
        if (e->begin != covered || e->end > size) {
            cvt_fail(error, CVT_WEIGHTS, "bytes %zu to %zu of the data, which has %zu and is used up to %zu%s",
                     e->begin, e->end, size, covered, e->end > size ? ": the file ends early" : "");
            return fail_tensor(error, &e->tensor);
        }
        e->tensor.data = data + e->begin;
        covered = e->end;
        TRY(cvt_weights_add(weights, &e->tensor, error));
    }
    if (covered != size)
        return cvt_fail(error, CVT_WEIGHTS, "%s: %zu bytes that belong to no tensor", file->path, size - covered);
    return CVT_OK;
}

static cvt_status read_entries(cvt_weights *weights, entry *entries, const cvt_file *file, const cvt_json *header,
                               size_t data_size, cvt_error *error) {
    size_t count = 0;
    for (const cvt_json *item = cvt_json_first(header); item; item = cvt_json_next(item)) {
        const char *name = cvt_json_key(item);
        if (strcmp(name, metadata_key) == 0) {
            TRY(read_metadata(weights, file, item, error));
            continue;
        }
        entry *e = &entries[count++];
        *e = (entry){.tensor = {.name = name, .file = file->path}};
        if (read_info(e, item, error) != CVT_OK) return fail_tensor(error, &e->tensor);
    }
    return add_tensors(weights, entries, count, file, data_size, error);
}

cvt_status cvt_safetensors_read(cvt_weights *weights, const cvt_file *file, cvt_error *error) {
    size_t size = 0;
    TRY(header_size(file, &size, error));
    char *origin = cvt_arena_print(cvt_weights_arena(weights), "%s: header", file->path);
    if (!origin) return cvt_fail_memory(error);
    cvt_json_document *document;
    cvt_status status = cvt_json_parse(&document, (const char *)file->data + PREFIX, size, origin, error);
    if (status != CVT_OK) return cvt_weights_fail_as(error, status);
    const cvt_json *header = cvt_json_root(document);
    size_t members = cvt_json_size(header);
    entry *entries = malloc((members + 1) * sizeof *entries);
    status = entries ? read_entries(weights, entries, file, header, file->size - PREFIX - size, error)
                     : cvt_fail_memory(error);
    free(entries);
    cvt_json_free(document);
    return status;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static cvt_status append_string(cvt_str *s, const char *text, cvt_error *error) {
    if (!cvt_utf8_valid(text, strlen(text)))
        return cvt_fail(error, CVT_OUTPUT, "\"%.200s\" is not UTF-8, as safetensors needs it", text);
    cvt_str_json(s, text, false);
    return CVT_OK;
}

static cvt_status append_tensor(cvt_str *s, const cvt_tensor *tensor, size_t begin, size_t end, cvt_error *error) {
    if (strcmp(tensor->name, metadata_key) == 0)
        return cvt_fail(error, CVT_OUTPUT, "a tensor may not be named %s", metadata_key);
    TRY(append_string(s, tensor->name, error));
    cvt_str_print(s, ":{\"dtype\":\"%s\",\"shape\":[", cvt_dtype_name(tensor->dtype));
    for (int i = 0; i < tensor->rank; i++) cvt_str_print(s, "%s%lld", i ? "," : "", (long long)tensor->shape[i]);
    cvt_str_print(s, "],\"data_offsets\":[%zu,%zu]}", begin, end);
    return CVT_OK;
}

/* Compares two tensors to be written. The format allows no gaps, so only their order can align them: first come those
 * whose size is a multiple of 64, which keep the alignment, then the others by falling size of their elements, so that
 * each is aligned to its elements. */
static int compare_alignment(const void *a, const void *b) {
    const cvt_tensor *x = *(const cvt_tensor *const *)a, *y = *(const cvt_tensor *const *)b;
    int odd_x = x->bytes % ALIGNMENT != 0, odd_y = y->bytes % ALIGNMENT != 0;
    if (odd_x != odd_y) return odd_x - odd_y;
    size_t size_x = cvt_dtype_size(x->dtype), size_y = cvt_dtype_size(y->dtype);
    if (size_x != size_y) return size_x > size_y ? -1 : 1;
    return x < y ? -1 : x > y;
}

static cvt_status form_header(cvt_str *s, const cvt_tensor *const *order, size_t count, const cvt_metadata *metadata,
                              size_t metadata_count, cvt_error *error) {
    size_t begin = 0;
    cvt_str_print(s, "{");
    for (size_t i = 0; i < metadata_count; i++) {
        if (i == 0) cvt_str_print(s, "\"%s\":", metadata_key);
        cvt_str_print(s, i ? "," : "{");
        TRY(append_string(s, metadata[i].key, error));
        cvt_str_print(s, ":");
        TRY(append_string(s, metadata[i].value, error));
    }
    if (metadata_count) cvt_str_print(s, "}");
    for (size_t i = 0; i < count; i++) {
        size_t end;
        if (!cvt_add_size(begin, order[i]->bytes, &end))
            return cvt_fail(error, CVT_OUTPUT, "tensors too large for one file");
        if (i || metadata_count) cvt_str_print(s, ",");
        TRY(append_tensor(s, order[i], begin, end, error));
        begin = end;
    }
    cvt_str_print(s, "}");
    while ((PREFIX + s->size) % ALIGNMENT && !s->failed) cvt_str_append(s, " ", 1);
    if (s->failed) return cvt_fail_memory(error);
    if (s->size > MAX_HEADER) return cvt_fail(error, CVT_OUTPUT, "a safetensors header of %zu bytes", s->size);
    return CVT_OK;
}

static cvt_status write_file(const char *path, const cvt_str *header, const cvt_tensor *const *order, size_t count,
                             cvt_error *error) {
    cvt_out out;
    uint64_t n = header->size;
    TRY(cvt_out_open(&out, path, error));
    cvt_status status = cvt_out_write(&out, &n, sizeof n, error);
    if (status == CVT_OK) status = cvt_out_write(&out, header->data, header->size, error);
    for (size_t i = 0; i < count && status == CVT_OK; i++)
        status = cvt_out_write(&out, order[i]->data, order[i]->bytes, error);
    if (status == CVT_OK) return cvt_out_finish(&out, error);
    cvt_out_abandon(&out);
    return status;
}

/* Puts the same bytes into `to`. */
static cvt_status write_memory(cvt_str *to, const cvt_str *header, const cvt_tensor *const *order, size_t count,
                               cvt_error *error) {
    uint64_t n = header->size;
    cvt_str_append(to, (const char *)&n, sizeof n);
    cvt_str_append(to, header->data, header->size);
    for (size_t i = 0; i < count; i++)
        if (order[i]->bytes) cvt_str_append(to, order[i]->data, order[i]->bytes);
    return to->failed ? cvt_fail_memory(error) : CVT_OK;
}

/* Writes to the path, or with `to` into memory. */
static cvt_status write_tensors(const char *path, cvt_str *to, const cvt_tensor *tensors, size_t count,
                                const cvt_metadata *metadata, size_t metadata_count, cvt_error *error) {
    const cvt_tensor **order = malloc((count + 1) * sizeof *order);
    if (!order) return cvt_fail_memory(error);
    for (size_t i = 0; i < count; i++) order[i] = &tensors[i];
    qsort(order, count, sizeof *order, compare_alignment);
    cvt_str header = {0};
    cvt_status status = form_header(&header, order, count, metadata, metadata_count, error);
    if (status != CVT_OK)
        cvt_fail_in(error, status, "%s", path);
    else
        status = to ? write_memory(to, &header, order, count, error) : write_file(path, &header, order, count, error);
    cvt_str_free(&header);
    free(order);
    return status;
}

cvt_status cvt_safetensors_write(const char *path, const cvt_tensor *tensors, size_t count,
                                 const cvt_metadata *metadata, size_t metadata_count, cvt_error *error) {
    return write_tensors(path, NULL, tensors, count, metadata, metadata_count, error);
}

cvt_status cvt_safetensors_form(cvt_str *to, const char *path, const cvt_tensor *tensors, size_t count,
                                const cvt_metadata *metadata, size_t metadata_count, cvt_error *error) {
    return write_tensors(path, to, tensors, count, metadata, metadata_count, error);
}
