/* reads.c - the files that a model is read from. */
#include "model/reads.h"

#include <sys/stat.h>

#include "model/model.h"

static bool is_same(const struct stat *info, const char *path) {
    struct stat other;
    return path && stat(path, &other) == 0 && info->st_dev == other.st_dev && info->st_ino == other.st_ino;
}

bool cvt_model_reads(const cvt_model *model, const char *path) {
    const cvt_bundle *b = &model->files;
    struct stat info;
    if (stat(path, &info) != 0) return false;
    bool is =
        is_same(&info, b->config_origin) || is_same(&info, b->preprocessor_origin) || is_same(&info, b->labels_origin);
    for (size_t i = 0; !is && b->weights && cvt_weights_file(b->weights, i); i++)
        is = is_same(&info, cvt_weights_file(b->weights, i));
    return is;
}
