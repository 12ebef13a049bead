/* torch_zip.c - checkpoints in the format of PyTorch from 1.6 on: a zip archive of stored members in one folder.
 *
 *     ROOT/data.pkl    the pickle of the saved object
 *     ROOT/data/KEY    the elements of one storage
 *     ROOT/version     "3\n";  ROOT/byteorder, if there: "little"
 *
 * Other members are small and of no use here. Source: torch/serialization.py (_save, _load). */
#include <string.h>

#include "base/str.h"
#include "weights/container.h"
#include "weights/torch.h"
#include "weights/zip.h"

enum { MAX_VERSION = 10 };

typedef struct archive {
    cvt_zip zip;
    cvt_str name; /* scratch: the full name that was looked for last */
    const char *root;
    size_t root_size; /* bytes, with the slash */
} archive;

/* Looks up ROOT/folder/key; *out is NULL if there is no such member. */
static cvt_status find(archive *a, const char *folder, const char *key, size_t key_size, const cvt_zip_member **out,
                       cvt_error *error) {
    cvt_str_clear(&a->name);
    cvt_str_append(&a->name, a->root, a->root_size);
    cvt_str_text(&a->name, folder);
    cvt_str_append(&a->name, key, key_size);
    if (a->name.failed) return cvt_fail_memory(error);
    *out = cvt_zip_find(&a->zip, a->name.data, (uint32_t)a->name.size); /* of less than 2^16 + 128 bytes */
    return CVT_OK;
}

/* Finds the folder in which all members are. */
static cvt_status find_root(archive *a, cvt_error *error) {
    const cvt_zip_member *first = &a->zip.members[0];
    const char *slash = memchr(first->name, '/', first->name_size);
    a->root = first->name;
    a->root_size = slash ? (size_t)(slash - first->name) + 1 : 0;
    for (size_t i = 0; i < a->zip.count; i++) {
        const cvt_zip_member *m = &a->zip.members[i];
        if (!slash || m->name_size < a->root_size || memcmp(m->name, a->root, a->root_size) != 0)
            return cvt_fail(error, CVT_WEIGHTS, "%s: not a PyTorch checkpoint: not all zip members are in one folder",
                            a->zip.file->path);
    }
    return CVT_OK;
}

static bool is_below(const archive *a, const cvt_zip_member *m, const char *folder) {
    size_t n = strlen(folder);
    return m->name_size >= a->root_size + n && memcmp(m->name + a->root_size, folder, n) == 0;
}

static cvt_status check_no_script(archive *a, cvt_error *error) {
    for (size_t i = 0; i < a->zip.count; i++) {
        const cvt_zip_member *m = &a->zip.members[i];
        if (is_below(a, m, "code/") || is_below(a, m, "constants.pkl"))
            return cvt_fail(error, CVT_WEIGHTS, "%s: a TorchScript program, not a checkpoint: save its state_dict()",
                            a->zip.file->path);
    }
    return CVT_OK;
}

/* Checks everything except the elements; those are checked where they are wanted. */
static cvt_status check_small(archive *a, cvt_error *error) {
    for (size_t i = 0; i < a->zip.count; i++) {
        const cvt_zip_member *m = &a->zip.members[i];
        if (!is_below(a, m, "data/") || m->compressed) TRY(cvt_zip_check(&a->zip, m, error));
    }
    return CVT_OK;
}

static bool is_version(const cvt_zip_member *m) {
    unsigned version = 0;
    size_t n = m->size;
    if (n > 0 && m->data[n - 1] == '\n') n--;
    if (n < 1 || n > 2) return false;
    for (size_t i = 0; i < n; i++) {
        if (m->data[i] < '0' || m->data[i] > '9') return false;
        version = 10 * version + (m->data[i] - '0');
    }
    return version >= 1 && version <= MAX_VERSION;
}

static cvt_status check_version(archive *a, cvt_error *error) {
    const char *path = a->zip.file->path;
    const cvt_zip_member *m = NULL;
    TRY(find(a, "", "version", 7, &m, error));
    if (!m) return cvt_fail(error, CVT_WEIGHTS, "%s: not a PyTorch checkpoint: there is no member \"version\"", path);
    if (!is_version(m)) return cvt_fail(error, CVT_WEIGHTS, "%s: the checkpoint's format version is not known", path);
    TRY(find(a, "", "byteorder", 9, &m, error));
    if (m && (m->size != 6 || memcmp(m->data, "little", 6) != 0))
        return cvt_fail(error, CVT_WEIGHTS, "%s: the checkpoint was not written on a little-endian machine", path);
    return CVT_OK;
}

static cvt_status find_storage(archive *a, cvt_torch_storage *s, cvt_error *error) {
    const char *path = a->zip.file->path;
    const cvt_zip_member *m = NULL;
    TRY(find(a, "data/", s->key, s->key_size, &m, error));
    int n = (int)s->key_size;
    if (!m) return cvt_fail(error, CVT_WEIGHTS, "%s: storage \"%.*s\" is not in the archive", path, n, s->key);
    if (m->size != s->bytes)
        return cvt_fail(error, CVT_WEIGHTS, "%s: storage \"%.*s\" has %zu bytes, the pickle says %zu", path, n, s->key,
                        m->size, s->bytes);
    if (s->wanted) TRY(cvt_zip_check(&a->zip, m, error));
    s->data = m->data;
    return CVT_OK;
}

static cvt_status read_checkpoint(archive *a, cvt_torch_checkpoint *c, const cvt_zip_member *pickle,
                                  cvt_weights *weights, cvt_error *error) {
    cvt_str origin = {0};
    cvt_str_print(&origin, "%s: %.*s", a->zip.file->path, (int)pickle->name_size, pickle->name);
    if (origin.failed) return cvt_fail_memory(error);
    size_t end = 0;
    cvt_status status = cvt_torch_open(c, a->zip.file, pickle->data, pickle->size, 0, &end, origin.data, error);
    if (status == CVT_OK && end != pickle->size)
        status = cvt_fail(error, CVT_WEIGHTS, "%s: %zu bytes follow the pickle", origin.data, pickle->size - end);
    cvt_str_free(&origin);
    for (size_t i = 0; status == CVT_OK && i < c->n_storages; i++) status = find_storage(a, &c->storages[i], error);
    return status == CVT_OK ? cvt_torch_deliver(c, weights, error) : status;
}

static cvt_status read_archive(archive *a, cvt_weights *weights, cvt_error *error) {
    TRY(find_root(a, error));
    const cvt_zip_member *pickle = NULL;
    TRY(find(a, "", "data.pkl", 8, &pickle, error));
    if (!pickle)
        return cvt_fail(error, CVT_WEIGHTS, "%s: not a PyTorch checkpoint: there is no member \"data.pkl\"",
                        a->zip.file->path);
    TRY(check_no_script(a, error));
    TRY(check_small(a, error));
    TRY(check_version(a, error));
    cvt_torch_checkpoint checkpoint = {0};
    cvt_status status = read_checkpoint(a, &checkpoint, pickle, weights, error);
    cvt_torch_close(&checkpoint);
    return status;
}

cvt_status cvt_torch_zip_read(cvt_weights *weights, const cvt_file *file, cvt_error *error) {
    archive a = {0};
    TRY(cvt_zip_open(&a.zip, file, error));
    cvt_status status = read_archive(&a, weights, error);
    cvt_zip_close(&a.zip);
    cvt_str_free(&a.name);
    return status;
}
