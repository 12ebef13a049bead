/* torch_legacy.c - checkpoints in the format of PyTorch before 1.6, which it still writes on request: five pickles,
 * then the storages.
 *
 *     magic number | protocol version 1001 | system info | the object | list of storage keys | per key: count, elements
 *
 * There are no gaps up to the end of the file. Counts are signed 64-bit little-endian numbers. The data come in the
 * order of the list of keys. Source: torch/serialization.py (_legacy_save, _legacy_load). */
#include <string.h>

#include "weights/container.h"
#include "weights/torch.h"

enum { PROTOCOL = 1001, COUNT_SIZE = 8 };

/* The number 0x1950a86a20f9469cfc6c. */
static const unsigned char magic[] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

static bool is_magic(const cvt_pickle *p) {
    const cvt_pickle_value *v = &p->values[p->root];
    return v->kind == CVT_PICKLE_LONG && v->count == sizeof magic && memcmp(v->as.bytes, magic, sizeof magic) == 0;
}

static bool is_protocol(const cvt_pickle *p) {
    const cvt_pickle_value *v = &p->values[p->root];
    return v->kind == CVT_PICKLE_INT && v->as.integer == PROTOCOL;
}

static bool is_little_endian(const cvt_pickle *p) {
    const cvt_pickle_value *v = &p->values[p->root];
    if (v->kind != CVT_PICKLE_DICT) return false;
    v = cvt_pickle_get(p, v, "little_endian");
    return v && v->kind == CVT_PICKLE_BOOL && v->as.integer == 1;
}

/* Reads a pickle that must have one certain value. */
static cvt_status expect(const cvt_file *file, size_t *at, bool (*is)(const cvt_pickle *), const char *otherwise,
                         cvt_error *error) {
    cvt_pickle pickle;
    TRY(cvt_pickle_read(&pickle, file->data, file->size, *at, at, file->path, error));
    bool right = is(&pickle);
    cvt_pickle_free(&pickle);
    return right ? CVT_OK : cvt_fail(error, CVT_WEIGHTS, "%s: %s", file->path, otherwise);
}

static cvt_status read_header(const cvt_file *file, size_t *at, cvt_error *error) {
    TRY(expect(file, at, is_magic, "not a PyTorch checkpoint: the first pickle is not its magic number", error));
    TRY(expect(file, at, is_protocol, "not version 1001 of PyTorch's legacy format", error));
    return expect(file, at, is_little_endian, "the checkpoint was written on a big-endian machine", error);
}

/* Reads one count and finds its elements. */
static cvt_status read_storage(const cvt_torch_checkpoint *c, const cvt_pickle_value *key, size_t *at,
                               cvt_error *error) {
    const cvt_file *file = c->file;
    int n = (int)key->count;
    const char *text = key->as.bytes;
    cvt_torch_storage *storage = key->kind == CVT_PICKLE_TEXT ? cvt_torch_storage_find(c, text, key->count) : NULL;
    if (!storage) return cvt_fail(error, CVT_WEIGHTS, "%s: data of a storage that no tensor has", file->path);
    if (storage->data) return cvt_fail(error, CVT_WEIGHTS, "%s: storage \"%.*s\" is there twice", file->path, n, text);
    if (file->size - *at < COUNT_SIZE || file->size - *at - COUNT_SIZE < storage->bytes)
        return cvt_fail(error, CVT_WEIGHTS, "%s: the file ends within storage \"%.*s\"", file->path, n, text);
    uint64_t count = 0, expected = storage->bytes / cvt_dtype_size(storage->dtype);
    for (size_t i = COUNT_SIZE; i-- > 0;) count = count << 8 | file->data[*at + i];
    if (count != expected)
        return cvt_fail(error, CVT_WEIGHTS, "%s: storage \"%.*s\" has %lld elements, the pickle says %lld", file->path,
                        n, text, (long long)count, (long long)expected);
    storage->data = file->data + *at + COUNT_SIZE;
    *at += COUNT_SIZE + storage->bytes;
    return CVT_OK;
}

static cvt_status read_storages(const cvt_torch_checkpoint *c, const cvt_pickle *keys, size_t at, cvt_error *error) {
    const cvt_file *file = c->file;
    const cvt_pickle_value *list = &keys->values[keys->root];
    if (list->kind != CVT_PICKLE_LIST)
        return cvt_fail(error, CVT_WEIGHTS, "%s: the list of storages is no list", file->path);
    uint32_t cell = list->as.cells.first;
    for (uint32_t i = list->count; i > 0; i--, cell = keys->cells[cell].next)
        TRY(read_storage(c, &keys->values[keys->cells[cell].value], &at, error));
    for (size_t i = 0; i < c->n_storages; i++)
        if (!c->storages[i].data)
            return cvt_fail(error, CVT_WEIGHTS, "%s: storage \"%.*s\" has no data", file->path,
                            (int)c->storages[i].key_size, c->storages[i].key);
    if (at != file->size)
        return cvt_fail(error, CVT_WEIGHTS, "%s: %zu bytes follow the last storage", file->path, file->size - at);
    return CVT_OK;
}

static cvt_status read_body(cvt_torch_checkpoint *c, const cvt_file *file, size_t at, cvt_weights *weights,
                            cvt_error *error) {
    TRY(cvt_torch_open(c, file, file->data, file->size, at, &at, file->path, error));
    cvt_pickle keys;
    TRY(cvt_pickle_read(&keys, file->data, file->size, at, &at, file->path, error));
    cvt_status status = read_storages(c, &keys, at, error);
    cvt_pickle_free(&keys);
    return status == CVT_OK ? cvt_torch_deliver(c, weights, error) : status;
}

cvt_status cvt_torch_legacy_read(cvt_weights *weights, const cvt_file *file, cvt_error *error) {
    size_t at = 0;
    TRY(read_header(file, &at, error));
    cvt_torch_checkpoint checkpoint;
    cvt_status status = read_body(&checkpoint, file, at, weights, error);
    cvt_torch_close(&checkpoint);
    return status;
}
