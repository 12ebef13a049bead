/* torch.h - what the zip form and the legacy form of a PyTorch checkpoint share: how the pickle of the saved object is
 * understood. Private to weights/. Offsets, strides and counts are in elements. */
#ifndef CVT_WEIGHTS_TORCH_H
#define CVT_WEIGHTS_TORCH_H

#include "base/file.h"
#include "base/str.h"
#include "weights/pickle.h"
#include "weights/weights.h"

/* ---- tensors as a pickle describes them (torch_values.c) -------------------------------------------------------- */

/* What a persistent id says, ('storage', type, key, location, count[, view]); view is None or (key, offset, length). */
typedef struct cvt_torch_slice {
    const char *key; /* without a 0 at the end */
    uint32_t key_size;
    cvt_dtype dtype;
    size_t count;          /* elements of the whole storage; count * size of dtype fits a size_t */
    size_t offset, length; /* the part of the storage that the tensor sees */
} cvt_torch_slice;

/* What the arguments of _rebuild_tensor_v2 say: (storage, offset, size, stride, requires_grad, hooks[, metadata]). */
typedef struct cvt_torch_layout {
    cvt_torch_slice storage;
    size_t offset; /* from the start of the whole storage */
    int rank;
    int64_t shape[CVT_MAX_RANK];
    size_t stride[CVT_MAX_RANK];
    size_t count; /* the product of shape; count * size of dtype fits a size_t */
} cvt_torch_layout;

/* Each reads a tuple. It returns NULL, or a text that says what is wrong with the tuple. A layout that is accepted lies
 * within its storage. */
const char *cvt_torch_slice_read(cvt_torch_slice *out, const cvt_pickle *pickle, uint32_t tuple);
const char *cvt_torch_layout_read(cvt_torch_layout *out, const cvt_pickle *pickle, uint32_t tuple);

/* Do the elements follow each other in C order without gaps? */
bool cvt_torch_layout_is_dense(const cvt_torch_layout *layout);
/* Copies the elements into C order; `from` is the start of the whole storage. */
void cvt_torch_layout_gather(void *to, const unsigned char *from, const cvt_torch_layout *layout);

/* ---- checkpoints (torch_checkpoint.c) --------------------------------------------------------------------------- */

typedef struct cvt_torch_storage {
    const char *key;
    uint32_t key_size;
    cvt_dtype dtype;
    size_t bytes;
    bool wanted;               /* a tensor of the state dict needs it */
    const unsigned char *data; /* set by the reader of the container */
} cvt_torch_storage;

typedef struct cvt_torch_checkpoint {
    const cvt_file *file;
    cvt_pickle pickle;
    const cvt_pickle_value *state; /* the state dict: the dict of the network's tensors */
    cvt_torch_storage *storages;   /* every storage that the pickle mentions, sorted by key */
    size_t n_storages;
    cvt_str remark; /* which of several state dicts it is, or nothing */
} cvt_torch_checkpoint;

/* Reads the pickle of the saved object (as cvt_pickle_read does), finds the state dict in it, and lists the
 * storages. */
cvt_status cvt_torch_open(cvt_torch_checkpoint *out, const cvt_file *file, const unsigned char *bytes, size_t size,
                          size_t start, size_t *end, const char *origin, cvt_error *error);
/* Returns a storage by its key, or NULL if the pickle mentions none. */
cvt_torch_storage *cvt_torch_storage_find(const cvt_torch_checkpoint *checkpoint, const char *key, uint32_t key_size);
/* Adds the tensors of the state dict to the weights. The caller has set the data of every wanted storage. */
cvt_status cvt_torch_deliver(const cvt_torch_checkpoint *checkpoint, cvt_weights *weights, cvt_error *error);
void cvt_torch_close(cvt_torch_checkpoint *checkpoint);

#endif
