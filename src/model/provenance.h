/* provenance.h - by what a model can be told from any other: hashes of its files, and how it wants its images prepared.
 * The program writes them into the first of its records; the library does not export them. */
#ifndef CVT_MODEL_PROVENANCE_H
#define CVT_MODEL_PROVENANCE_H

#include "base/str.h"
#include "cvt.h"

/* Appends the members "weights_sha256", "config_sha256" and "preprocess" of a JSON object, with commas between them.
 * The first is null of a model without weights, the last of one that reads no images. Reads all weights. */
void cvt_model_provenance(const cvt_model *model, cvt_str *to);

#endif
