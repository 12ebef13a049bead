/* relabel.h - a model with a new last layer, for labels of one's own; everything else stays as it is. */
#ifndef CVT_MODEL_RELABEL_H
#define CVT_MODEL_RELABEL_H

#include "cvt.h"

/* Makes a model that is `base` but for its last layer, which gets a row for each of the n labels, and for its config
 * and labels, which say so. `base` is loaded, and outlives it. The new layer has no weights yet. CVT_UNSUPPORTED where
 * the last layer is not linear with a bias; CVT_CONFIG, CVT_USAGE for labels that cannot be kept. */
cvt_status cvt_model_relabel(cvt_model **out, const cvt_model *base, const char *const *labels, int n,
                             cvt_error *error);

/* Sets the weights of the new layer, [labels, embedding] and [labels]. It reads what cvt_session_embedding gives. Where
 * a family has two last layers whose outputs are added, each gets its part. The model can then be saved.
 * learned: JSON for the metadata of the file. */
cvt_status cvt_model_set_last_layer(cvt_model *model, const float *weight, const float *bias, const char *learned,
                                    cvt_error *error);

/* What the file of the model says of how it was learned, as JSON; NULL: it was not. */
const char *cvt_model_learned(const cvt_model *model);

#endif
