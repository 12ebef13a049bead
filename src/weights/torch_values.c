/* torch_values.c - checks the tuples by which a checkpoint's pickle describes storages and tensors, and turns them into
 * structs. A tensor is a strided view: element (i, j, ...) is element offset + i * stride[0] + j * stride[1] + ... of
 * its storage. Source: torch/_utils.py (_rebuild_tensor_v2) and torch/serialization.py (persistent_id). */
#include <string.h>

#include "base/num.h"
#include "weights/torch.h"

enum { MAX_KEY = 64 };

static const cvt_pickle_value *item(const cvt_pickle *p, uint32_t tuple, uint32_t index) {
    return &p->values[cvt_pickle_item(p, tuple, index)];
}

/* Reads a count, offset, size or stride: an integer that is not negative. */
static bool read_size(const cvt_pickle_value *value, size_t *out) {
    if (value->kind != CVT_PICKLE_INT || value->as.integer < 0) return false;
    *out = (size_t)value->as.integer;
    return (uint64_t)*out == (uint64_t)value->as.integer;
}

static const char *read_view(cvt_torch_slice *out, const cvt_pickle *p, uint32_t view) {
    if (cvt_pickle_is(p, view, CVT_PICKLE_NONE)) return NULL;
    if (!cvt_pickle_is(p, view, CVT_PICKLE_TUPLE) || p->values[view].count != 3)
        return "a storage view that is no tuple of 3";
    if (item(p, view, 0)->kind != CVT_PICKLE_TEXT) return "a storage view whose key is no text";
    if (!read_size(item(p, view, 1), &out->offset) || !read_size(item(p, view, 2), &out->length))
        return "a storage view whose offset or length is no size";
    if (out->offset > out->count || out->length > out->count - out->offset)
        return "a storage view outside of its storage";
    return NULL;
}

const char *cvt_torch_slice_read(cvt_torch_slice *out, const cvt_pickle *p, uint32_t tuple) {
    uint32_t n = p->values[tuple].count;
    if (!cvt_pickle_is(p, tuple, CVT_PICKLE_TUPLE) || (n != 5 && n != 6))
        return "a persistent id that is no tuple of 5 or 6";
    if (!cvt_pickle_text_is(p, cvt_pickle_item(p, tuple, 0), "storage")) return "a persistent id that is no storage";
    const cvt_pickle_value *type = item(p, tuple, 1), *key = item(p, tuple, 2);
    if (type->kind != CVT_PICKLE_GLOBAL || type->as.global.role != CVT_GLOBAL_STORAGE)
        return "a storage of no known type";
    if (key->kind != CVT_PICKLE_TEXT || key->count == 0 || key->count > MAX_KEY)
        return "a storage whose key is no short text";
    if (item(p, tuple, 3)->kind != CVT_PICKLE_TEXT) return "a storage whose location is no text";
    *out = (cvt_torch_slice){.key = key->as.bytes, .key_size = key->count, .dtype = type->as.global.dtype};
    size_t bytes;
    if (!read_size(item(p, tuple, 4), &out->count)) return "a storage whose count of elements is no size";
    if (!cvt_mul_size(out->count, cvt_dtype_size(out->dtype), &bytes)) return "a storage too large for memory";
    out->length = out->count;
    return n == 6 ? read_view(out, p, cvt_pickle_item(p, tuple, 5)) : NULL;
}

static const char *read_shape(cvt_torch_layout *out, const cvt_pickle *p, uint32_t sizes, uint32_t strides) {
    if (!cvt_pickle_is(p, sizes, CVT_PICKLE_TUPLE) || !cvt_pickle_is(p, strides, CVT_PICKLE_TUPLE))
        return "a tensor whose size or stride is no tuple";
    if (p->values[sizes].count != p->values[strides].count) return "a tensor with not as many strides as sizes";
    if (p->values[sizes].count > CVT_MAX_RANK) return "a tensor of more than 8 dimensions";
    out->rank = (int)p->values[sizes].count;
    out->count = 1;
    for (int d = 0; d < out->rank; d++) {
        size_t size;
        if (!read_size(item(p, sizes, (uint32_t)d), &size)) return "a tensor with a size that is no size";
        if (!read_size(item(p, strides, (uint32_t)d), &out->stride[d])) return "a tensor with a stride that is no size";
        if (!cvt_mul_size(out->count, size, &out->count)) return "a tensor too large for memory";
        out->shape[d] = (int64_t)size;
    }
    return NULL;
}

/* Does the last element lie within the slice? */
static bool fits(const cvt_torch_layout *t) {
    size_t last = t->offset;
    if (t->count == 0) return last <= t->storage.length;
    for (int d = 0; d < t->rank; d++) {
        size_t span;
        if (!cvt_mul_size((size_t)t->shape[d] - 1, t->stride[d], &span)) return false;
        if (!cvt_add_size(last, span, &last)) return false;
    }
    return last < t->storage.length;
}

const char *cvt_torch_layout_read(cvt_torch_layout *out, const cvt_pickle *p, uint32_t tuple) {
    *out = (cvt_torch_layout){0};
    uint32_t n = p->values[tuple].count;
    if (n != 6 && n != 7) return "a tensor made of another number of arguments than 6 or 7";
    const cvt_pickle_value *storage = item(p, tuple, 0);
    if (storage->kind != CVT_PICKLE_STORAGE) return "a tensor without a storage";
    const char *wrong = cvt_torch_slice_read(&out->storage, p, storage->as.made_of);
    if (wrong) return wrong;
    if (!read_size(item(p, tuple, 1), &out->offset)) return "a tensor whose offset is no size";
    wrong = read_shape(out, p, cvt_pickle_item(p, tuple, 2), cvt_pickle_item(p, tuple, 3));
    if (wrong) return wrong;
    size_t bytes;
    if (!cvt_mul_size(out->count, cvt_dtype_size(out->storage.dtype), &bytes)) return "a tensor too large for memory";
    if (!fits(out)) return "a tensor outside of its storage";
    out->offset += out->storage.offset;

    if (item(p, tuple, 4)->kind != CVT_PICKLE_BOOL) return "a tensor whose requires_grad is no bool";
    cvt_pickle_kind hooks = item(p, tuple, 5)->kind;
    if (hooks != CVT_PICKLE_DICT && hooks != CVT_PICKLE_NONE) return "a tensor whose hooks are no dict";
    if (n == 6) return NULL;
    /* metadata may hold a flag which says that the stored values are to be negated */
    const cvt_pickle_value *metadata = item(p, tuple, 6);
    bool none = metadata->kind == CVT_PICKLE_NONE || (metadata->kind == CVT_PICKLE_DICT && metadata->count == 0);
    return none ? NULL : "a tensor with metadata: a conjugate or negative view";
}

bool cvt_torch_layout_is_dense(const cvt_torch_layout *t) {
    size_t expected = 1;
    for (int d = t->rank - 1; d >= 0; d--) {
        if (t->shape[d] != 1 && t->stride[d] != expected) return t->count == 0;
        expected *= (size_t)t->shape[d];
    }
    return true;
}

/* ---- gathering -------------------------------------------------------------------------------------------------- */

typedef struct dimension {
    size_t size, stride; /* the stride is in bytes */
} dimension;

/* Finds the dimensions to walk over, outermost first: those of size 1 are left out, and neighbours that can be walked
 * as one are joined. Returns how many there are. */
static int simplify(const cvt_torch_layout *t, dimension *dims) {
    int n = 0;
    for (int d = 0; d < t->rank; d++) {
        dimension next = {(size_t)t->shape[d], t->stride[d] * cvt_dtype_size(t->storage.dtype)};
        if (next.size == 1) continue;
        if (n > 0 && dims[n - 1].stride == next.stride * next.size)
            dims[n - 1] = (dimension){dims[n - 1].size * next.size, next.stride};
        else
            dims[n++] = next;
    }
    return n;
}

/* Copies n elements that lie `stride` bytes apart. Each size is a constant here, so that each loop is a simple one. */
static void copy_row(unsigned char *to, const unsigned char *from, size_t n, size_t stride, size_t item_size) {
    switch (item_size) {
    case 1:
        for (size_t i = 0; i < n; i++) to[i] = from[i * stride];
        break;
    case 2:
        for (size_t i = 0; i < n; i++) memcpy(to + 2 * i, from + i * stride, 2);
        break;
    case 4:
        for (size_t i = 0; i < n; i++) memcpy(to + 4 * i, from + i * stride, 4);
        break;
    default:
        for (size_t i = 0; i < n; i++) memcpy(to + 8 * i, from + i * stride, 8);
    }
}

void cvt_torch_layout_gather(void *to, const unsigned char *from, const cvt_torch_layout *t) {
    size_t item_size = cvt_dtype_size(t->storage.dtype), index[CVT_MAX_RANK] = {0};
    dimension dims[CVT_MAX_RANK];
    int inner = simplify(t, dims) - 1;
    if (inner < 0) dims[++inner] = (dimension){1, 0};
    size_t row = dims[inner].size, row_bytes = row * item_size, at = t->offset * item_size;
    unsigned char *out = to, *end = out + t->count * item_size;
    for (; out < end; out += row_bytes) {
        copy_row(out, from + at, row, dims[inner].stride, item_size);
        for (int d = inner - 1; d >= 0; d--) {
            at += dims[d].stride;
            if (++index[d] < dims[d].size) break;
            at -= dims[d].stride * index[d];
            index[d] = 0;
        }
    }
}
