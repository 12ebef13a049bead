/* torch_checkpoint.c - finds the state dict in the pickle of a checkpoint's object, lists the storages behind it, and
 * adds its tensors to the weights.
 *
 * The state dict is the dict of tensors under the first of the keys below that has one, else the top level itself, else
 * what such a key holds within such a key. What else a dict holds (epochs, arguments, optimizers) is passed over. */
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

/* timm looks for the first four, in this order; the others are those of DeepSpeed, DINO, and further trainers. */
static const char *const wrappers[] = {"state_dict_ema",   "model_ema", "state_dict", "model",  "module", "teacher",
                                       "model_state_dict", "ema",       "params_ema", "params", "net"};
enum { WRAPPERS = sizeof wrappers / sizeof wrappers[0] };

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

static const cvt_pickle_value *wrapped(const cvt_pickle *pickle, const cvt_pickle_value *value, int wrapper) {
    return value && value->kind == CVT_PICKLE_DICT ? cvt_pickle_get(pickle, value, wrappers[wrapper]) : NULL;
}

/* The dict of tensors under the first wrapper that holds one. also: the names of the others that do. */
static const cvt_pickle_value *find_wrapped(const cvt_pickle *pickle, const cvt_pickle_value *value, int *first,
                                            cvt_str *also) {
    const cvt_pickle_value *found = NULL;
    for (int i = 0; i < WRAPPERS; i++) {
        const cvt_pickle_value *candidate = wrapped(pickle, value, i);
        if (!holds_tensors(pickle, candidate)) continue;
        if (found && also) cvt_str_print(also, "%s%s", also->size ? ", " : "", wrappers[i]);
        if (found) continue;
        found = candidate;
        *first = i;
    }
    return found;
}

/* Is it the state of an exponential moving average that keeps a list of tensors without names? */
static bool is_shadow(const cvt_pickle *pickle, const cvt_pickle_value *value) {
    const cvt_pickle_value *list =
        value && value->kind == CVT_PICKLE_DICT ? cvt_pickle_get(pickle, value, "shadow_params") : NULL;
    return list && list->kind == CVT_PICKLE_LIST;
}

/* Appends the first keys that a dict has, so that one can see what the file is. */
static void append_keys(cvt_str *to, const cvt_pickle *pickle, const cvt_pickle_value *dict) {
    enum { SHOWN = 12, MAX_BYTES = 40 };
    bool any = false;
    if (dict->kind != CVT_PICKLE_DICT) return;
    uint32_t cell = dict->as.cells.first;
    for (uint32_t i = 0; i < dict->count && i < SHOWN; i++, cell = pickle->cells[cell].next) {
        const cvt_pickle_value *key = &pickle->values[pickle->cells[cell].key];
        if (key->kind != CVT_PICKLE_TEXT) continue;
        int n = key->count < MAX_BYTES ? (int)key->count : MAX_BYTES;
        cvt_str_print(to, "%s\"%.*s\"", any ? ", " : "; it has ", n, key->as.bytes);
        any = true;
    }
    if (any && dict->count > SHOWN) cvt_str_print(to, " and more");
}

static cvt_status fail_stateless(const cvt_torch_checkpoint *c, const cvt_pickle_value *root, cvt_error *error) {
    bool shadow = is_shadow(&c->pickle, root);
    for (int i = 0; i < WRAPPERS; i++) shadow = shadow || is_shadow(&c->pickle, wrapped(&c->pickle, root, i));
    if (shadow)
        return cvt_fail(error, CVT_WEIGHTS,
                        "%s: \"shadow_params\" is a list of tensors without names: load it in Python "
                        "(ema.copy_to(model.parameters())) and save torch.save(model.state_dict(), FILE)",
                        c->file->path);
    cvt_str fact = {0};
    cvt_str_print(&fact, "there is no dict of tensors at the top of the checkpoint, nor under one of ");
    for (int i = 0; i < WRAPPERS; i++) cvt_str_print(&fact, "%s%s", i ? ", " : "", wrappers[i]);
    append_keys(&fact, &c->pickle, root);
    cvt_status status =
        fact.failed ? cvt_fail_memory(error) : cvt_fail(error, CVT_WEIGHTS, "%s: %s", c->file->path, fact.data);
    cvt_str_free(&fact);
    return status;
}

static cvt_status find_state(cvt_torch_checkpoint *c, cvt_str *remark, cvt_error *error) {
    const cvt_pickle_value *root = &c->pickle.values[c->pickle.root];
    cvt_str also = {0};
    int first = 0;
    c->state = find_wrapped(&c->pickle, root, &first, &also);
    if (c->state && also.size) cvt_str_print(remark, "its \"%s\" is taken, not %s", wrappers[first], also.data);
    cvt_str_free(&also);
    if (c->state) return CVT_OK;
    c->state = root;
    if (holds_tensors(&c->pickle, root)) return CVT_OK;
    for (int i = 0; i < WRAPPERS; i++) {
        c->state = find_wrapped(&c->pickle, wrapped(&c->pickle, root, i), &first, NULL);
        if (c->state) return CVT_OK;
    }
    return fail_stateless(c, root, error);
}

/* ---- storages --------------------------------------------------------------------------------------------------- */

static int by_key(const void *left, const void *right) {
    const cvt_torch_storage *a = left, *b = right;
    return cvt_str_compare(a->key, a->key_size, b->key, b->key_size);
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

cvt_torch_storage *cvt_torch_storage_find(const cvt_torch_checkpoint *c, const char *key, uint32_t key_size) {
    const cvt_torch_storage wanted = {.key = key, .key_size = key_size};
    return bsearch(&wanted, c->storages, c->n_storages, sizeof wanted, by_key);
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
    TRY(find_state(out, &out->remark, error));
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
    cvt_str_free(&c->remark);
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

/* The name, terminated, in *out. */
static cvt_status read_name(const cvt_torch_checkpoint *c, const cvt_pickle_cell *tensor, cvt_str *out,
                            cvt_error *error) {
    const cvt_pickle_value *key = &c->pickle.values[tensor->key];
    if (key->kind != CVT_PICKLE_TEXT || key->count == 0 || memchr(key->as.bytes, 0, key->count))
        return cvt_fail(error, CVT_WEIGHTS, "%s: a tensor whose name is no plain text", c->file->path);
    cvt_str_clear(out);
    cvt_str_append(out, key->as.bytes, key->count);
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

cvt_status cvt_torch_deliver(const cvt_torch_checkpoint *c, cvt_weights *weights, cvt_error *error) {
    cvt_str name = {0};
    totals sum = {0};
    cvt_status status = CVT_OK;
    if (c->remark.data) cvt_weights_remark_on(weights, "%s: %s", c->file->path, c->remark.data);
    tensor_walk walk = tensors_of(&c->pickle, c->state);
    for (const cvt_pickle_cell *tensor; status == CVT_OK && (tensor = next_tensor(&walk));) {
        status = read_name(c, tensor, &name, error);
        if (status == CVT_OK) status = deliver(c, tensor, name.data, weights, &sum, error);
    }
    cvt_str_free(&name);
    return status;
}
