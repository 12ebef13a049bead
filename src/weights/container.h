/* container.h - what the readers of the containers (safetensors, zip, ...) share: each fills a cvt_weights. Private to
 * weights/. */
#ifndef CVT_WEIGHTS_CONTAINER_H
#define CVT_WEIGHTS_CONTAINER_H

#include "base/arena.h"
#include "base/file.h"
#include "weights/weights.h"

/* The most tensors and metadata that a set may have. They bound what a hostile file can make us allocate and
 * compare. */
enum { CVT_MAX_TENSORS = 100000, CVT_MAX_METADATA = 4096 };

/* Adds a tensor. Its name and file are copied. Fails where the name is taken. The tensors before it may move in
 * memory. */
cvt_status cvt_weights_add(cvt_weights *weights, const cvt_tensor *tensor, cvt_error *error);
/* Returns the arena of the weights, for names and data that live as long as they do. */
cvt_arena *cvt_weights_arena(cvt_weights *weights);
/* Adds an entry of metadata; both strings are copied. The first value of a key stays, since shards repeat their
 * metadata. */
cvt_status cvt_weights_add_metadata(cvt_weights *weights, const char *key, const char *value, cvt_error *error);
/* Keeps one line for cvt_weights_remark; cut where it is too long, the first one stays. */
__attribute__((format(printf, 2, 3))) void cvt_weights_remark_on(cvt_weights *weights, const char *format, ...);
/* Gives every tensor another name: names[i] lives as long as the weights. false, and nothing has changed: two of them
 * are the same, or there is no memory. */
bool cvt_weights_rename(cvt_weights *weights, const char *const *names);
/* Maps a file, which belongs to the weights from then on, and reads it by its content. in_index: the file is named by
 * an index of shards, so it may not be such an index itself. */
cvt_status cvt_weights_read_file(cvt_weights *weights, const char *path, bool in_index, cvt_error *error);

/* Turns an error that is passed on into one of this file of weights: its status becomes CVT_WEIGHTS, except where
 * memory ran out. */
cvt_status cvt_weights_fail_as(cvt_error *error, cvt_status status);

/* Each reads one mapped file, which must outlive the weights. */
cvt_status cvt_safetensors_read(cvt_weights *weights, const cvt_file *file, cvt_error *error);
cvt_status cvt_shard_index_read(cvt_weights *weights, const cvt_file *file, cvt_error *error);
cvt_status cvt_torch_zip_read(cvt_weights *weights, const cvt_file *file, cvt_error *error);
cvt_status cvt_torch_legacy_read(cvt_weights *weights, const cvt_file *file, cvt_error *error);

#endif
