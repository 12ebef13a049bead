/* remarks.c - what there is to tell of how a model was read. */
#include "model/model.h"

static cvt_status remark(cvt_model *m, int *n, const char *what, const char *text, cvt_error *error) {
    if (!text) return CVT_OK;
    m->remarks[*n] = cvt_arena_print(&m->arena, "%s%s", what, text);
    return m->remarks[(*n)++] ? CVT_OK : cvt_fail_memory(error);
}

static cvt_status warn_of_guess(cvt_model *m, cvt_error *error) {
    const cvt_preprocess_spec *spec = &cvt_config_base(&m->config)->preprocess;
    if (!spec->guessed || m->files.converted || m->no_preprocess.status != CVT_OK) return CVT_OK;
    bool timm = m->config.dialect == CVT_CONFIG_TIMM;
    m->warning = cvt_arena_print(&m->arena, "no %s: pictures are prepared as %s does by default",
                                 timm ? "pretrained_cfg" : "preprocessor_config.json", spec->guessed);
    return m->warning ? CVT_OK : cvt_fail_memory(error);
}

/* Where the documents do not agree on the size of images, the config's counts: the network is built for it. */
static cvt_status warn_of_size(cvt_model *m, cvt_error *error) {
    const cvt_base *base = cvt_config_base(&m->config);
    const int *said = base->preprocess.size, *taken = base->size;
    const bool agree = said[0] == taken[0] && said[1] == taken[1];
    if (!base->preprocess.given || !said[0] || agree || m->no_preprocess.status != CVT_OK) return CVT_OK;
    m->warning = cvt_arena_print(&m->arena,
                                 "its processor prepares images of %d x %d pixels, its config says %d x %d: they are "
                                 "prepared at %d x %d",
                                 said[0], said[1], taken[0], taken[1], taken[0], taken[1]);
    return m->warning ? CVT_OK : cvt_fail_memory(error);
}

cvt_status cvt_remarks_make(cvt_model *m, bool sized, cvt_error *error) {
    const cvt_bundle *files = &m->files;
    int n = 0;
    TRY(remark(m, &n, "config: ", files->config_origin, error));
    if (files->weights) TRY(remark(m, &n, "weights: ", cvt_weights_path(files->weights), error));
    if (files->weights) TRY(remark(m, &n, "", cvt_weights_remark(files->weights), error));
    TRY(remark(m, &n, "preprocessing: ", files->preprocessor_origin, error));
    TRY(remark(m, &n, "labels: ", m->labels_from, error));
    TRY(warn_of_guess(m, error));
    return sized || m->warning ? CVT_OK : warn_of_size(m, error);
}

const char *cvt_model_remark(const cvt_model *m, int index) {
    const int most = (int)(sizeof m->remarks / sizeof m->remarks[0]);
    return index >= 0 && index < most ? m->remarks[index] : NULL;
}

const char *cvt_model_warning(const cvt_model *m, int index) { return index == 0 ? m->warning : NULL; }
