/* container.h - what the readers of one container each share: they fill one cvt_weights. Private to weights/. */
#ifndef CVT_WEIGHTS_CONTAINER_H
#define CVT_WEIGHTS_CONTAINER_H

#include "base/arena.h"
#include "base/file.h"
#include "weights/weights.h"

/* Adds a tensor; name and file are copied. Fails on a name that is there already. */
cvt_status cvt_weights_add(cvt_weights *weights, const cvt_tensor *tensor, cvt_error *error);
/* Memory that lives as long as the weights, for names and gathered tensors. */
cvt_arena *cvt_weights_arena(cvt_weights *weights);
cvt_status cvt_weights_add_metadata(cvt_weights *weights, const char *key, const char *value, cvt_error *error);

/* Each reads one mapped file, which outlives the weights. */
cvt_status cvt_safetensors_read(cvt_weights *weights, const cvt_file *file, cvt_error *error);
cvt_status cvt_torch_zip_read(cvt_weights *weights, const cvt_file *file, cvt_error *error);
cvt_status cvt_torch_legacy_read(cvt_weights *weights, const cvt_file *file, cvt_error *error);

#endif
