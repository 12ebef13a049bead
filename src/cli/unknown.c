/* unknown.c - reads the quantiles that cvt learn has put into the model. */
#include "cli/unknown.h"

#include <string.h>

#include "base/json.h"
#include "learn/unknown.h"
#include "model/relabel.h"

static bool read_quantiles(double quantiles[CVT_RATES], const cvt_json *list) {
    const cvt_json *item = cvt_json_first(list);
    if (cvt_json_kind_of(list) != CVT_JSON_ARRAY || cvt_json_size(list) != CVT_RATES) return false;
    for (int r = 0; r < CVT_RATES; r++, item = cvt_json_next(item)) {
        const double before = r ? quantiles[r - 1] : 0;
        if (!cvt_json_number(item, &quantiles[r]) || quantiles[r] < before || quantiles[r] > 1) return false;
    }
    return true;
}

static cvt_status find_threshold(double *least, double rate, const char *learned, cvt_error *error) {
    cvt_json_document *document;
    double quantiles[CVT_RATES];
    TRY(cvt_json_parse(&document, learned, strlen(learned), "the model's \"cvt.learned\"", error));
    const cvt_json *list = cvt_json_get(cvt_json_root(document), CVT_LEARNED_QUANTILES);
    cvt_status status = CVT_OK;
    if (!list)
        status = cvt_fail(error, CVT_CONFIG,
                          "--unknown: the model was learned by an earlier version, which did not measure how probable "
                          "the answers to images of known labels are: learn it anew");
    else if (!read_quantiles(quantiles, list))
        status = cvt_fail(error, CVT_CONFIG, "the model's \"cvt.learned\": \"%s\" is not %d rising probabilities",
                          CVT_LEARNED_QUANTILES, CVT_RATES);
    cvt_json_free(document);
    if (status == CVT_OK) *least = cvt_unknown_threshold(quantiles, rate);
    return status;
}

cvt_status cvt_unknown_choose(double *least, const cvt_settings *settings, const cvt_model *model, cvt_error *error) {
    const char *learned = cvt_model_learned(model);
    *least = 0;
    if (!settings->unknown.given) return CVT_OK;
    if (settings->lines) return cvt_fail(error, CVT_USAGE, "--unknown is about one image at a time: not with --lines");
    if (!learned)
        return cvt_fail(error, CVT_CONFIG,
                        "--unknown is for models that cvt learn made: of this one it is not known how probable its "
                        "answers to images of known labels are. --min-score is for any model");
    if (cvt_model_score(model) != CVT_SCORE_SOFTMAX)
        return cvt_fail(error, settings->score ? CVT_USAGE : CVT_CONFIG,
                        "--unknown compares probabilities of which the sum is 1: --score softmax");
    return find_threshold(least, settings->unknown.value, learned, error);
}
