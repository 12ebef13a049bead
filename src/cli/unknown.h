/* unknown.h - classify --unknown: from which probability on the answer of a learned model is believed. */
#ifndef CVT_CLI_UNKNOWN_H
#define CVT_CLI_UNKNOWN_H

#include "cli/settings.h"

#define CVT_LEARNED_QUANTILES \
    "answer_probability" /* the member of what cvt learn keeps: quantiles of learn/unknown.h */

/* *least: the probability under which the best class is not believed. 0 where --unknown is not given. CVT_USAGE,
 * CVT_CONFIG say why the model has none: who learned it did not measure it, or its scores are no probabilities of which
 * the sum is 1. */
cvt_status cvt_unknown_choose(double *least, const cvt_settings *settings, const cvt_model *model, cvt_error *error);

#endif
