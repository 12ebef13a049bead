/* calibration.h - whether a classifier is as often right as it says it is: the expected calibration error, and the
 * temperature by which its logits would have to be divided (Guo et al. 2017, "On Calibration of Modern Neural
 * Networks"). Memory does not grow with the number of images. */
#ifndef CVT_LEARN_CALIBRATION_H
#define CVT_LEARN_CALIBRATION_H

#include <stddef.h>

enum { CVT_BINS = 15, CVT_KNOTS = 49 };

/* Sums over images. Zero-initialise it. */
typedef struct cvt_calibration {
    size_t n;
    /* bin i is of the images whose probability p of the answer has i / 15 < p <= (i + 1) / 15 */
    size_t images[CVT_BINS], right[CVT_BINS];
    double confidence[CVT_BINS]; /* sums of p */
    /* The loss, which is minus the logarithm of the truth's probability, and its first two derivatives by the logarithm
     * of 1 / temperature; at the temperatures 2^6, 2^5.75, ... 2^-6. */
    double loss[CVT_KNOTS], slope[CVT_KNOTS], curve[CVT_KNOTS];
} cvt_calibration;

/* Adds an image, whose truth is one of its finite logits [classes]. Probabilities are their softmax. */
void cvt_calibration_add(cvt_calibration *to, const float *logits, int classes, int truth);

/* The mean over all images of |share that is right - mean confidence| of their bins. n > 0. */
double cvt_calibration_error(const cvt_calibration *of);

/* The temperature of least loss, to about six digits: between those above, the loss is a polynomial of fifth degree.
 * NAN: none from 1/64 to 64 is best, as where every answer is right. *loss, *least: the mean loss as it is, and at that
 * temperature (NAN: there is none). n > 0. */
double cvt_calibration_temperature(const cvt_calibration *of, double *loss, double *least);

#endif
