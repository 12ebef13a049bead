/* reads.c - the files that a model is read from. */
#include "model/reads.h"

#include "model/model.h"

bool cvt_model_reads(const cvt_model *model, const char *path) {
    const cvt_bundle *b = &model->files;
    bool is = cvt_file_is_same(path, b->config_origin) || cvt_file_is_same(path, b->preprocessor_origin) ||
              cvt_file_is_same(path, b->labels_origin);
    for (size_t i = 0; !is && b->weights && cvt_weights_file(b->weights, i); i++)
        is = cvt_file_is_same(path, cvt_weights_file(b->weights, i));
    return is;
}
