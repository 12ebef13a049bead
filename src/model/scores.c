/* scores.c - what the numbers of the classes mean, and which classes are best. */
#include <string.h>

#include "base/elementary.h"
#include "model/model.h"

static const char *const kinds[] = {"softmax", "sigmoid", "none"}; /* as cvt_score_kind counts them */

/* What transformers' pipeline does for this config. */
static cvt_score_kind kind_of(const cvt_model *m) {
    const char *type = cvt_json_string(cvt_json_get(cvt_json_root(m->document), "problem_type"));
    if (type && strcmp(type, "regression") == 0) return CVT_SCORE_NONE;
    bool several = type && strcmp(type, "multi_label_classification") == 0;
    return several || cvt_config_base(&m->config)->classes == 1 ? CVT_SCORE_SIGMOID : CVT_SCORE_SOFTMAX;
}

static bool find_kind(const char *name, cvt_score_kind *kind) {
    for (int i = 0; i < (int)(sizeof kinds / sizeof kinds[0]); i++) {
        if (strcmp(name, kinds[i]) != 0) continue;
        *kind = (cvt_score_kind)i;
        return true;
    }
    return false;
}

cvt_status cvt_score_choose(cvt_model *m, const char *asked, cvt_error *error) {
    const char *kept = m->files.weights ? cvt_weights_metadata(m->files.weights, CVT_META_SCORE) : NULL;
    m->score = kind_of(m);
    if (asked && !find_kind(asked, &m->score))
        return cvt_fail(error, CVT_USAGE, "there is no score called \"%s\", only softmax, sigmoid and none", asked);
    if (!asked && kept && !find_kind(kept, &m->score))
        return cvt_fail(error, CVT_CONFIG, "%s: \"%s\" is \"%s\", which is none", cvt_weights_path(m->files.weights),
                        CVT_META_SCORE, kept);
    return CVT_OK;
}

const char *cvt_score_kept(const cvt_model *m) { return m->score == kind_of(m) ? NULL : kinds[m->score]; }

cvt_score_kind cvt_model_score(const cvt_model *m) { return m->score; }

/* The k largest, as cvt_top_k says, without their scores. */
static int find_best(const float *logits, int classes, cvt_score *top, int k) {
    for (int i = classes > 0 ? classes : 0; i < k; i++) top[i] = (cvt_score){.index = -1};
    if (k > classes) k = classes;
    if (k < 1) return 0;
    int n = 0; /* held so far, best first; a later equal one stays behind */
    for (int i = 0; i < classes; i++) {
        if (n == k && !(logits[i] > logits[top[k - 1].index])) continue;
        int at = n < k ? n++ : k - 1;
        for (; at > 0 && logits[i] > logits[top[at - 1].index]; at--) top[at] = top[at - 1];
        top[at].index = i;
    }
    return n;
}

int cvt_top_k(const float *logits, int classes, cvt_score *top, int k) {
    int n = find_best(logits, classes, top, k);
    if (n < 1) return 0;
    const double most = (double)logits[top[0].index];
    double sum = 0;
    for (int i = 0; i < classes; i++) sum += cvt_exp((double)logits[i] - most);
    for (int i = 0; i < n; i++) top[i].score = (float)(cvt_exp((double)logits[top[i].index] - most) / sum);
    return n;
}

int cvt_model_top_k(const cvt_model *m, const float *output, cvt_score *top, int k) {
    int classes = cvt_model_classes(m);
    if (m->score == CVT_SCORE_SOFTMAX) return cvt_top_k(output, classes, top, k);
    int n = find_best(output, classes, top, k);
    for (int i = 0; i < n; i++) {
        float value = output[top[i].index];
        top[i].score = m->score == CVT_SCORE_NONE ? value : (float)(1 / (1 + cvt_exp(-(double)value)));
    }
    return n;
}
