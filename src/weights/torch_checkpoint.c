/* torch_checkpoint.c - finds the state dict in the pickle of a checkpoint's object, lists the storages behind it, and
 * adds its tensors to the weights.
 *
 * The state dict is the dict of tensors under the first of the usual keys of training checkpoints, else the top level
 * itself. Whatever else a dict holds (epochs, arguments, optimizers) is passed over. */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "weights/container.h"
#include "weights/torch.h"

/* A file could ask for far more memory than it has bytes: a view may repeat an element many times (stride 0), and
 * names may share a storage. All tensors together may be this many times as large as the file; those that
 * need memory of their own may only be as large as it. */
enum { MAX_SHARING = 8 };

static const char *const wrappers[] = {"state_dict_ema", "state_dict", "model", "model_state_dict", "net"};
static const char prefix[] = "module."; /* DataParallel puts it before every name */
enum { PREFIX_SIZE = sizeof prefix - 1 };

/* A walk over the tensors of a dict. */
typedef struct tensor_walk {
    const cvt_pickle *pickle;
    uint32_t cell, left;
} tensor_walk;

static tensor_walk tensors_of(const cvt_pickle *pickle, const cvt_pickle_value *dict) {
    return (tensor_walk){.pickle = pickle, .cell = dict->as.cells.first, .left = dict->count};
}

/* Returns the next name and tensor, or NULL. */
static const cvt_pickle_cell *next_tensor(tensor_walk *walk) {
    while (walk->left > 0) {
        const cvt_pickle_cell *cell = &walk->pickle->cells[walk->cell];
        walk->cell = cell->next;
        walk->left--;
        if (cvt_pickle_is(walk->pickle, cell->value, CVT_PICKLE_TENSOR)) return cell;
    }
    return NULL;
}

/* ---- the state dict --------------------------------------------------------------------------------------------- */

static bool holds_tensors(const cvt_pickle *pickle, const cvt_pickle_value *value) {
    if (!value || value->kind != CVT_PICKLE_DICT) return false;
    tensor_walk walk = tensors_of(pickle, value);
    return next_tensor(&walk) != NULL;
}

static cvt_status find_state(cvt_torch_checkpoint *c, cvt_error *error) {
    const cvt_pickle_value *root = &c->pickle.values[c->pickle.root];
    for (size_t i = 0; root->kind == CVT_PICKLE_DICT && i < sizeof wrappers / sizeof wrappers[0]; i++) {
        c->state = cvt_pickle_get(&c->pickle, root, wrappers[i]);
        if (holds_tensors(&c->pickle, c->state)) return CVT_OK;
    }
    c->state = root;
    if (holds_tensors(&c->pickle, root)) return CVT_OK;
    return cvt_fail(error, CVT_WEIGHTS,
                    "%s: there is no dict of tensors at the top of the checkpoint, nor under one of "
                    "state_dict_ema, state_dict, model, model_state_dict, net",
                    c->file->path);
}

/* ---- storages --------------------------------------------------------------------------------------------------- */

static int compare_keys(const char *a, uint32_t a_size, const char *b, uint32_t b_size) {
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int by_key(const void *left, const void *right) {
    const cvt_torch_storage *a = left, *b = right;
    return compare_keys(a->key, a->key_size, b->key, b->key_size);
}

/* Merges the storages that have the same key; they must agree. */
static cvt_status unite_storages(cvt_torch_checkpoint *c, size_t n, cvt_error *error) {
    qsort(c->storages, n, sizeof *c->storages, by_key);
    for (size_t i = 0; i < n; i++) {
        const cvt_torch_storage *next = &c->storages[i], *last = c->n_storages ? &c->storages[c->n_storages - 1] : NULL;
        if (!last || by_key(last, next) != 0) {
            c->storages[c->n_storages++] = *next;
        } else if (last->dtype != next->dtype || last->bytes != next->bytes) {
            return cvt_fail(error, CVT_WEIGHTS, "%s: storage \"%.*s\" is described in two ways", c->file->path,
                            (int)next->key_size, next->key);
        }
    }
    return CVT_OK;
}

static cvt_status list_storages(cvt_torch_checkpoint *c, cvt_error *error) {
    size_t n = 0;
    for (uint32_t i = 0; i < c->pickle.n_values; i++) n += cvt_pickle_is(&c->pickle, i, CVT_PICKLE_STORAGE);
    c->storages = calloc(n, sizeof *c->storages); /* n > 0, since the state dict has a tensor */
    if (!c->storages) return cvt_fail_memory(error);
    cvt_torch_storage *next = c->storages;
    for (uint32_t i = 0; i < c->pickle.n_values; i++) {
        if (!cvt_pickle_is(&c->pickle, i, CVT_PICKLE_STORAGE)) continue;
        cvt_torch_slice slice; /* cvt_pickle_read found it well formed */
        cvt_torch_slice_read(&slice, &c->pickle, c->pickle.values[i].as.made_of);
        *next++ = (cvt_torch_storage){.key = slice.key,
                                      .key_size = slice.key_size,
                                      .dtype = slice.dtype,
                                      .bytes = slice.count * cvt_dtype_size(slice.dtype)};
    }
    return unite_storages(c, n, error);
}

cvt_torch_storage *cvt_torch_storage_find(const cvt_torch_checkpoint *c, const char *key, size_t key_size) {
    size_t low = 0, high = c->n_storages;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        cvt_torch_storage *s = &c->storages[middle];
        int order = compare_keys(s->key, s->key_size, key, (uint32_t)key_size);
        if (order == 0) return s;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static cvt_torch_storage *storage_of(const cvt_torch_checkpoint *c, const cvt_torch_layout *layout) {
    return cvt_torch_storage_find(c, layout->storage.key, layout->storage.key_size);
}

static cvt_torch_layout layout_of(const cvt_torch_checkpoint *c, const cvt_pickle_cell *tensor) {
    cvt_torch_layout layout; /* cvt_pickle_read found it well formed */
    cvt_torch_layout_read(&layout, &c->pickle, c->pickle.values[tensor->value].as.made_of);
    return layout;
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

cvt_status cvt_torch_open(cvt_torch_checkpoint *out, const cvt_file *file, const unsigned char *bytes, size_t size,
                          size_t start, size_t *end, const char *origin, cvt_error *error) {
    *out = (cvt_torch_checkpoint){.file = file};
    TRY(cvt_pickle_read(&out->pickle, bytes, size, start, end, origin, error));
    TRY(find_state(out, error));
    TRY(list_storages(out, error));
    tensor_walk walk = tensors_of(&out->pickle, out->state);
    for (const cvt_pickle_cell *tensor; (tensor = next_tensor(&walk));) {
        cvt_torch_layout layout = layout_of(out, tensor);
        storage_of(out, &layout)->wanted = true;
    }
    return CVT_OK;
}

void cvt_torch_close(cvt_torch_checkpoint *c) {
    cvt_pickle_free(&c->pickle);
    free(c->storages);
    *c = (cvt_torch_checkpoint){0};
}

/* ---- delivering ------------------------------------------------------------------------------------------------- */

/* The bytes of the tensors that were added so far. */
typedef struct totals {
    size_t bytes, gathered;
} totals;

static cvt_status count_bytes(const cvt_torch_checkpoint *c, totals *sum, size_t bytes, bool gathered,
                              cvt_error *error) {
    size_t limit = c->file->size;
    bool fits = cvt_add_size(sum->bytes, bytes, &sum->bytes) && sum->bytes / MAX_SHARING <= limit;
    if (gathered) fits = fits && cvt_add_size(sum->gathered, bytes, &sum->gathered) && sum->gathered <= limit;
    if (fits) return CVT_OK;
    return cvt_fail(error, CVT_WEIGHTS, "%s: its tensors show the same elements too many times: they outgrow the file",
                    c->file->path);
}

/* Finds the bytes of a tensor in C order: where they lie, if they lie in this order, else in a copy. */
static cvt_status find_data(const cvt_torch_checkpoint *c, const cvt_torch_layout *layout, cvt_weights *weights,
                            cvt_tensor *out, totals *sum, cvt_error *error) {
    const unsigned char *storage = storage_of(c, layout)->data;
    bool dense = cvt_torch_layout_is_dense(layout);
    TRY(count_bytes(c, sum, out->bytes, !dense, error));
    out->data = storage + layout->offset * cvt_dtype_size(layout->storage.dtype);
    if (dense) return CVT_OK;
    void *copy = cvt_arena_alloc(cvt_weights_arena(weights), out->bytes);
    if (!copy) return cvt_fail_memory(error);
    cvt_torch_layout_gather(copy, storage, layout);
    out->data = copy;
    return CVT_OK;
}

/* Sets *out to the name without the common prefix, ending with 0. */
static cvt_status read_name(const cvt_torch_checkpoint *c, const cvt_pickle_cell *tensor, size_t skip, cvt_str *out,
                            cvt_error *error) {
    const cvt_pickle_value *key = &c->pickle.values[tensor->key];
    if (key->kind != CVT_PICKLE_TEXT || key->count == 0 || memchr(key->as.bytes, 0, key->count))
        return cvt_fail(error, CVT_WEIGHTS, "%s: a tensor whose name is no plain text", c->file->path);
    cvt_str_clear(out);
    cvt_str_append(out, key->as.bytes + skip, key->count - skip);
    return out->failed ? cvt_fail_memory(error) : CVT_OK;
}

static cvt_status deliver(const cvt_torch_checkpoint *c, const cvt_pickle_cell *tensor, const char *name,
                          cvt_weights *weights, totals *sum, cvt_error *error) {
    cvt_torch_layout layout = layout_of(c, tensor);
    cvt_tensor t = {.name = name, .dtype = layout.storage.dtype, .rank = layout.rank, .file = c->file->path};
    memcpy(t.shape, layout.shape, sizeof t.shape);
    t.bytes = layout.count * cvt_dtype_size(t.dtype);
    TRY(find_data(c, &layout, weights, &t, sum, error));
    return cvt_weights_add(weights, &t, error);
}

/* Returns the length of the prefix that all names have in common. */
static size_t common_prefix(const cvt_torch_checkpoint *c) {
    tensor_walk walk = tensors_of(&c->pickle, c->state);
    for (const cvt_pickle_cell *tensor; (tensor = next_tensor(&walk));) {
        const cvt_pickle_value *key = &c->pickle.values[tensor->key];
        if (key->kind != CVT_PICKLE_TEXT || key->count <= PREFIX_SIZE) return 0;
        if (memcmp(key->as.bytes, prefix, PREFIX_SIZE) != 0) return 0;
    }
    return PREFIX_SIZE;
}

cvt_status cvt_torch_deliver(const cvt_torch_checkpoint *c, cvt_weights *weights, cvt_error *error) {
    size_t skip = common_prefix(c);
    cvt_str name = {0};
    totals sum = {0};
    cvt_status status = CVT_OK;
    tensor_walk walk = tensors_of(&c->pickle, c->state);
    for (const cvt_pickle_cell *tensor; status == CVT_OK && (tensor = next_tensor(&walk));) {
        status = read_name(c, tensor, skip, &name, error);
        if (status == CVT_OK) status = deliver(c, tensor, name.data, weights, &sum, error);
    }
    cvt_str_free(&name);
    return status;
}
