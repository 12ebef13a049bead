/* weights.h - a set of named tensors read from files, whatever the container: safetensors (one file or sharded),
 * PyTorch zip and legacy checkpoints. Nothing here knows of models. */
#ifndef CVT_WEIGHTS_WEIGHTS_H
#define CVT_WEIGHTS_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/error.h"

enum { CVT_MAX_RANK = 8 };

/* data: C order, little-endian, perhaps unaligned; in a read-only map where the file allows it, else in memory.
 * bytes = product of shape * size of dtype; rank 0 is a scalar; a dimension of 0 gives bytes = 0. */
typedef struct cvt_tensor {
    const char *name;
    const char *stored; /* its name in the file, for messages: `name` may have lost a prefix (prefixes.c) */
    bool unneeded;      /* no error where no parameter takes it */
    cvt_dtype dtype;
    int rank;
    int64_t shape[CVT_MAX_RANK];
    const void *data;
    size_t bytes;
    const char *file; /* path of the file that holds it, for messages */
} cvt_tensor;

typedef struct cvt_weights cvt_weights;

/* Opens a weight file by content: safetensors, a `*.index.json` of shards, a PyTorch zip or legacy checkpoint.
 * A Git LFS pointer is named as such. Errors: CVT_NOT_FOUND, CVT_UNREADABLE, else CVT_WEIGHTS, naming file and fact. */
cvt_status cvt_weights_open(cvt_weights **out, const char *path, cvt_error *error);
/* The same of one file in memory, whose bytes outlive the weights, or behind a descriptor. An index of shards, which
 * names files beside it, is refused. `name` stands for the path in messages. */
cvt_status cvt_weights_open_memory(cvt_weights **out, const void *bytes, size_t size, const char *name,
                                   cvt_error *error);
cvt_status cvt_weights_open_fd(cvt_weights **out, int fd, const char *name, cvt_error *error);
void cvt_weights_free(cvt_weights *weights);

const char *cvt_weights_path(const cvt_weights *weights);
size_t cvt_weights_count(const cvt_weights *weights);
const cvt_tensor *cvt_weights_at(const cvt_weights *weights, size_t index);       /* in file order */
const cvt_tensor *cvt_weights_find(const cvt_weights *weights, const char *name); /* NULL if absent; O(1) */
/* A string of the safetensors header's __metadata__, or NULL. */
const char *cvt_weights_metadata(const cvt_weights *weights, const char *key);

/* One line on how the file was read where there was a choice: which of several state dicts was taken; else NULL. */
const char *cvt_weights_remark(const cvt_weights *weights);
/* Marks as unneeded the tensors whose name, in the file or without its prefixes, is of this shell pattern (fnmatch). */
void cvt_weights_ignore(cvt_weights *weights, const char *pattern);

/* Tells the system that the mapped bytes of a tensor are no longer needed in memory (they stay readable). */
void cvt_weights_drop(const cvt_weights *weights, const cvt_tensor *tensor);

/* Widens `count` elements of a float tensor, from element `first`, to f32. Other types: a bug of the caller. */
void cvt_tensor_widen(float *to, const cvt_tensor *tensor, size_t first, size_t count);

/* Writes tensors (name, dtype, shape, data, bytes) and metadata as one safetensors file, which appears under its name
 * only when it is whole. The data start at a multiple of 64 bytes of the file (header padded with spaces), and as the
 * format allows no gaps, tensors of a multiple of 64 bytes come first, the others after them by falling element size:
 * each is aligned to its elements, most to 64 bytes. Keys and names must be UTF-8 and differ. Errors: CVT_OUTPUT. */
typedef struct cvt_metadata {
    const char *key, *value;
} cvt_metadata;
cvt_status cvt_safetensors_write(const char *path, const cvt_tensor *tensors, size_t count,
                                 const cvt_metadata *metadata, size_t metadata_count, cvt_error *error);

#endif
