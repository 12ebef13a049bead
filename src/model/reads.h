/* reads.h - which files a model is read from, lest somebody write over them. */
#ifndef CVT_MODEL_READS_H
#define CVT_MODEL_READS_H

#include "cvt.h"

/* True if the path leads to one of the files that the model is made of, by whatever name. */
bool cvt_model_reads(const cvt_model *model, const char *path);

#endif
