/* interleaved.h - from an image to a forward pass without a transposition. A graph stores maps as [H, W, C], which is
 * how pixels come too; cvt.h speaks of [C, H, W], as the world does. For the program: none of this is exported. */
#ifndef CVT_MODEL_INTERLEAVED_H
#define CVT_MODEL_INTERLEAVED_H

#include "cvt.h"

/* After a whole read: hands over what the model is fed as [H, W, C], to be freed, and leaves `spare` in its place, NULL
 * or what was taken for the same model before. The image has no tensor any more until the next read. */
float *cvt_image_take(cvt_image *image, float *spare);

/* cvt_session_run on inputs of [n, H, W, C]. */
cvt_status cvt_session_run_interleaved(cvt_session *session, const float *const *inputs, int n, cvt_error *error);

#endif
