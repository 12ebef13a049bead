/* calibration.c - sums up how sure a classifier is and how often it is right.
 *
 * With b = 1 / temperature and u = log b, the loss of an image is L = log sum_j exp(b z_j) - b z_truth, and
 *     dL/du   = b (E - z_truth)             E, V: mean and variance of z_j, each with its probability at b
 *     d2L/du2 = dL/du + b^2 V
 * L is convex in b, so its sum over images has one minimum at most. */
#include "learn/calibration.h"

#include <math.h>

static const int highest = 6;        /* log2 of the largest temperature; the smallest is its inverse */
static const double knot_gap = 0.25; /* between temperatures, in log2 */
static const double nothing = -40.0; /* exp of less changes no sum that begins with 1 */

static double inverse_at(int knot) { return exp2(knot_gap * knot - highest); }

/* The sums over j of exp(b (z_j - top)) times 1, (z_j - top) and its square. */
static void add_up(double sums[3], const float *logits, int classes, double top, double b) {
    sums[0] = sums[1] = sums[2] = 0;
    for (int j = 0; j < classes; j++) {
        const double z = (double)logits[j] - top;
        if (b * z < nothing) continue;
        const double e = exp(b * z);
        sums[0] += e;
        sums[1] += e * z;
        sums[2] += e * z * z;
    }
}

void cvt_calibration_add(cvt_calibration *to, const float *logits, int classes, int truth) {
    double sums[3];
    int best = 0;
    for (int j = 1; j < classes; j++)
        if (logits[j] > logits[best]) best = j;
    const double top = (double)logits[best], own = (double)logits[truth] - top;
    add_up(sums, logits, classes, top, 1);
    const double p = 1 / sums[0];
    int bin = (int)ceil(p * CVT_BINS) - 1;
    if (bin < 0) bin = 0;
    if (bin >= CVT_BINS) bin = CVT_BINS - 1;
    to->n++;
    to->images[bin]++;
    to->right[bin] += best == truth;
    to->confidence[bin] += p;
    for (int k = 0; k < CVT_KNOTS; k++) {
        const double b = inverse_at(k);
        add_up(sums, logits, classes, top, b);
        const double mean = sums[1] / sums[0], variance = sums[2] / sums[0] - mean * mean, slope = b * (mean - own);
        to->loss[k] += log(sums[0]) - b * own;
        to->slope[k] += slope;
        to->curve[k] += slope + b * b * variance;
    }
}

double cvt_calibration_error(const cvt_calibration *of) {
    double sum = 0;
    for (int i = 0; i < CVT_BINS; i++) sum += fabs((double)of->right[i] - of->confidence[i]);
    return sum / (double)of->n;
}

/* The polynomial of fifth degree in t, from 0 to 1 between two knots, that has their values and derivatives. */
static void fit(double c[6], const cvt_calibration *of, int k) {
    const double h = knot_gap * log(2), n = (double)of->n;
    const double v0 = of->loss[k] / n, v1 = of->loss[k + 1] / n, d0 = h * of->slope[k] / n,
                 d1 = h * of->slope[k + 1] / n, s0 = h * h * of->curve[k] / n, s1 = h * h * of->curve[k + 1] / n;
    c[0] = v0;
    c[1] = d0;
    c[2] = s0 / 2;
    c[3] = 10 * (v1 - v0) - 6 * d0 - 4 * d1 - 1.5 * s0 + 0.5 * s1;
    c[4] = -15 * (v1 - v0) + 8 * d0 + 7 * d1 + 1.5 * s0 - s1;
    c[5] = 6 * (v1 - v0) - 3 * d0 - 3 * d1 - 0.5 * s0 + 0.5 * s1;
}

static double value_at(const double c[6], double t) {
    return c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * c[5]))));
}

static double slope_at(const double c[6], double t) {
    return c[1] + t * (2 * c[2] + t * (3 * c[3] + t * (4 * c[4] + t * 5 * c[5])));
}

double cvt_calibration_temperature(const cvt_calibration *of, double *loss, double *least) {
    enum { HALVINGS = 60 };
    double c[6], low = 0, high = 1;
    int k = 0;
    *loss = of->loss[CVT_KNOTS / 2] / (double)of->n; /* the knot of temperature 1 */
    *least = NAN;
    while (k + 1 < CVT_KNOTS && !(of->slope[k] < 0 && of->slope[k + 1] > 0)) k++;
    if (k + 1 == CVT_KNOTS) return NAN;
    fit(c, of, k);
    for (int i = 0; i < HALVINGS; i++) {
        const double middle = (low + high) / 2;
        if (slope_at(c, middle) < 0)
            low = middle;
        else
            high = middle;
    }
    *least = value_at(c, low);
    return 1 / exp2(knot_gap * (k + low) - highest);
}
