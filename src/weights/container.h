/* container.h - what the readers of one container each share: they fill one cvt_weights. Private to weights/. */
#ifndef CVT_WEIGHTS_CONTAINER_H
#define CVT_WEIGHTS_CONTAINER_H

#include "base/arena.h"
#include "base/file.h"
#include "weights/weights.h"

/* The most of each that one set may have: they bound what a made-up file can make us allocate and compare. */
enum { CVT_MAX_TENSORS = 100000, CVT_MAX_METADATA = 4096 };

/* Adds a tensor; name and file are copied. Fails on a name that is there already. Earlier tensors may move. */
cvt_status cvt_weights_add(cvt_weights *weights, const cvt_tensor *tensor, cvt_error *error);
/* Memory that lives as long as the weights, for names and gathered tensors. */
cvt_arena *cvt_weights_arena(cvt_weights *weights);
/* Copies both; the first value of a key stays (shards repeat theirs). */
cvt_status cvt_weights_add_metadata(cvt_weights *weights, const char *key, const char *value, cvt_error *error);
/* Keeps one line for cvt_weights_remark; cut where it is too long, the first one stays. */
__attribute__((format(printf, 2, 3))) void cvt_weights_remark_on(cvt_weights *weights, const char *format, ...);
/* Gives every tensor another name: names[i] lives as long as the weights. false, and nothing has changed: two of them
 * are the same, or there is no memory. */
bool cvt_weights_rename(cvt_weights *weights, const char *const *names);
/* Maps a file, which the weights keep, and reads it by content. `in_index`: an index names it, so it may be none. */
cvt_status cvt_weights_read_file(cvt_weights *weights, const char *path, bool in_index, cvt_error *error);

/* Makes an error that is passed on one of this file's weights: status CVT_WEIGHTS, but for a lack of memory. */
cvt_status cvt_weights_fail_as(cvt_error *error, cvt_status status);

/* Each reads one mapped file, which outlives the weights. */
cvt_status cvt_safetensors_read(cvt_weights *weights, const cvt_file *file, cvt_error *error);
cvt_status cvt_shard_index_read(cvt_weights *weights, const cvt_file *file, cvt_error *error);
cvt_status cvt_torch_zip_read(cvt_weights *weights, const cvt_file *file, cvt_error *error);
cvt_status cvt_torch_legacy_read(cvt_weights *weights, const cvt_file *file, cvt_error *error);

#endif
