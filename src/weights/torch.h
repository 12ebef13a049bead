/* torch.h - what the zip and the legacy form of a PyTorch checkpoint share: the meaning of the object pickle.
 * Private to weights/. Offsets, strides and counts are in elements. */
#ifndef CVT_WEIGHTS_TORCH_H
#define CVT_WEIGHTS_TORCH_H

#include "base/file.h"
#include "base/str.h"
#include "weights/pickle.h"
#include "weights/weights.h"

/* ---- tensors as a pickle describes them (torch_values.c) -------------------------------------------------------- */

/* A persistent id: ('storage', type, key, location, count[, view]); view is None or (key, offset, length). */
typedef struct cvt_torch_slice {
    const char *key; /* not terminated */
    uint32_t key_size;
    cvt_dtype dtype;
    size_t count;          /* of the whole storage; count * size of dtype fits a size_t */
    size_t offset, length; /* the part that the tensor sees */
} cvt_torch_slice;

/* The arguments of _rebuild_tensor_v2: (storage, offset, size, stride, requires_grad, hooks[, metadata]). */
typedef struct cvt_torch_layout {
    cvt_torch_slice storage;
    size_t offset; /* from the start of the whole storage */
    int rank;
    int64_t shape[CVT_MAX_RANK];
    size_t stride[CVT_MAX_RANK];
    size_t count; /* product of shape; count * size of dtype fits a size_t */
} cvt_torch_layout;

/* Each reads a tuple and returns NULL, or what is wrong with it. A layout that passes lies within its storage. */
const char *cvt_torch_slice_read(cvt_torch_slice *out, const cvt_pickle *pickle, uint32_t tuple);
const char *cvt_torch_layout_read(cvt_torch_layout *out, const cvt_pickle *pickle, uint32_t tuple);

/* C order without gaps. */
bool cvt_torch_layout_is_dense(const cvt_torch_layout *layout);
/* Copies the elements in C order; `from` is the start of the whole storage. */
void cvt_torch_layout_gather(void *to, const unsigned char *from, const cvt_torch_layout *layout);

/* ---- checkpoints (torch_checkpoint.c) --------------------------------------------------------------------------- */

typedef struct cvt_torch_storage {
    const char *key;
    uint32_t key_size;
    cvt_dtype dtype;
    size_t bytes;
    bool wanted;               /* by a tensor of the state dict */
    const unsigned char *data; /* to be set by the container */
} cvt_torch_storage;

typedef struct cvt_torch_checkpoint {
    const cvt_file *file;
    cvt_pickle pickle;
    const cvt_pickle_value *state; /* the state dict */
    cvt_torch_storage *storages;   /* every storage that the pickle mentions, sorted by key */
    size_t n_storages;
    cvt_str remark; /* which of several state dicts it is, or nothing */
} cvt_torch_checkpoint;

/* Reads the object pickle (as cvt_pickle_read), finds the state dict in it and lists the storages. */
cvt_status cvt_torch_open(cvt_torch_checkpoint *out, const cvt_file *file, const unsigned char *bytes, size_t size,
                          size_t start, size_t *end, const char *origin, cvt_error *error);
/* NULL if the pickle mentions no such storage. */
cvt_torch_storage *cvt_torch_storage_find(const cvt_torch_checkpoint *checkpoint, const char *key, size_t key_size);
/* Adds the tensors of the state dict; every wanted storage has its data by now. */
cvt_status cvt_torch_deliver(const cvt_torch_checkpoint *checkpoint, cvt_weights *weights, cvt_error *error);
void cvt_torch_close(cvt_torch_checkpoint *checkpoint);

#endif
