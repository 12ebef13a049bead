/* weights.h - a set of named tensors that were read from files, whatever the container: safetensors (one file or
 * several shards), PyTorch zip and legacy checkpoints. Nothing here knows models. */
#ifndef CVT_WEIGHTS_WEIGHTS_H
#define CVT_WEIGHTS_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/sha256.h"
#include "base/str.h"

enum { CVT_MAX_RANK = 8 };

/* A tensor. `data` is in C order and little-endian, and may be unaligned; it points into a read-only map where the file
 * allows it, else into memory. `bytes` is the product of shape * size of dtype. Rank 0 is a scalar; a dimension of 0
 * gives 0 bytes. */
typedef struct cvt_tensor {
    const char *name;
    const char *stored; /* its name in the file, for messages: `name` may have lost a prefix (prefixes.c) */
    bool unneeded;      /* no error where no parameter takes it */
    cvt_dtype dtype;
    int rank;
    int64_t shape[CVT_MAX_RANK];
    const void *data;
    size_t bytes;
    const char *file; /* the path of the file that holds the tensor, for messages */
} cvt_tensor;

typedef struct cvt_weights cvt_weights;

/* Opens a file of weights by its content: safetensors, an index of shards (`*.index.json`), a PyTorch zip or legacy
 * checkpoint. A Git LFS pointer is reported as such. Errors: CVT_NOT_FOUND, CVT_UNREADABLE, else CVT_WEIGHTS, naming
 * the file and the fact. */
cvt_status cvt_weights_open(cvt_weights **out, const char *path, cvt_error *error);
/* The same for one file in memory, whose bytes must outlive the weights, or behind a descriptor. An index of shards is
 * refused, because it names files beside it. `name` stands for the path in messages. */
cvt_status cvt_weights_open_memory(cvt_weights **out, const void *bytes, size_t size, const char *name,
                                   cvt_error *error);
cvt_status cvt_weights_open_fd(cvt_weights **out, int fd, const char *name, cvt_error *error);
void cvt_weights_free(cvt_weights *weights);

const char *cvt_weights_path(const cvt_weights *weights);
/* The paths of all files that the weights are read from, the index of shards included; NULL behind the last. */
const char *cvt_weights_file(const cvt_weights *weights, size_t index);
/* The SHA-256 of the bytes of these files, one behind the other in the order in which they were opened (an index of
 * shards first): of a single file what sha256sum prints. */
void cvt_weights_sha256(const cvt_weights *weights, char text[CVT_SHA256_TEXT]);
size_t cvt_weights_count(const cvt_weights *weights);
const cvt_tensor *cvt_weights_at(const cvt_weights *weights, size_t index);       /* in the order of the file */
const cvt_tensor *cvt_weights_find(const cvt_weights *weights, const char *name); /* NULL if absent; O(1) */
/* Returns a string from the __metadata__ of the safetensors header, or NULL. */
const char *cvt_weights_metadata(const cvt_weights *weights, const char *key);

/* One line on how the file was read where there was a choice: which of several state dicts was taken; else NULL. */
const char *cvt_weights_remark(const cvt_weights *weights);
/* Marks as unneeded the tensors whose name, in the file or without its prefixes, is of this shell pattern (fnmatch). */
void cvt_weights_ignore(cvt_weights *weights, const char *pattern);

/* Tells the system that the mapped bytes of a tensor need not stay in memory. They can still be read. */
void cvt_weights_drop(const cvt_weights *weights, const cvt_tensor *tensor);

/* Widens `count` elements of a float tensor, from element `first` on, to f32. With another type the caller has a
 * bug. */
void cvt_tensor_widen(float *to, const cvt_tensor *tensor, size_t first, size_t count);

typedef struct cvt_metadata {
    const char *key, *value;
} cvt_metadata;

/* Writes tensors (their name, dtype, shape, data and bytes) and metadata as one safetensors file, which appears
 * under its name only when it is whole. The data begin at a multiple of 64 bytes (the header is padded with
 * spaces). The format allows no gaps, so tensors whose size is a multiple of 64 bytes come first, then the others
 * by falling element size: each is aligned to its elements, most to 64 bytes. Keys and names must be UTF-8 and
 * unique. Errors: CVT_OUTPUT. */
cvt_status cvt_safetensors_write(const char *path, const cvt_tensor *tensors, size_t count,
                                 const cvt_metadata *metadata, size_t metadata_count, cvt_error *error);
/* Appends the bytes of such a file to `to`. `path` is for messages. */
cvt_status cvt_safetensors_form(cvt_str *to, const char *path, const cvt_tensor *tensors, size_t count,
                                const cvt_metadata *metadata, size_t metadata_count, cvt_error *error);

#endif
