/* unknown.h - from which probability of its answer on a classifier is believed; below it an image is of no label that
 * it knows. The probability is read off images of known labels that the classifier had not seen. */
#ifndef CVT_LEARN_UNKNOWN_H
#define CVT_LEARN_UNKNOWN_H

#include "base/error.h"

enum { CVT_RATES = 101 }; /* the shares of images for which quantiles are kept: 0, 0.005, ... 0.5 */

/* The quantiles of n probabilities, n > 0: quantiles[r] is where the share r / 200 of further such images is expected
 * to lie below, which is between the places floor and ceil of (n + 1) r / 200 in their order (Weibull's, type 6 of
 * Hyndman and Fan 1996), and none lower than the least. CVT_NO_MEMORY. */
cvt_status cvt_unknown_measure(double quantiles[CVT_RATES], const float *probabilities, size_t n, cvt_error *error);

/* The probability below which the share `rate`, from 0 to 0.5, of images of known labels lies. */
double cvt_unknown_threshold(const double quantiles[CVT_RATES], double rate);

#endif
