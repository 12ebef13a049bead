/* hessian.h - the first guess of a fit's Hessian: for every class curvature * X^T X / n + l2 I, for the biases the
 * curvature alone; and the coordinates in which it is the identity. Private to learn/. */
#ifndef CVT_LEARN_HESSIAN_H
#define CVT_LEARN_HESSIAN_H

#include "base/num.h"
#include "kernels/kernels.h"
#include "learn/logistic.h"

/* Features are padded to whole panels of the factor, columns to whole tiles of cvt_kernels.add_doubles. */
enum { CVT_PANEL = 16, CVT_TILE = 8 };

/* Of matrices whose k is padded. With the guess = U^T U: weights [theta size] become coordinates U weights, in place;
 * and back. */
void cvt_hessian_from_weights(const cvt_hessian *hessian, double *v, const cvt_theta_size *size, cvt_team *team);
void cvt_hessian_to_weights(const cvt_hessian *hessian, double *v, const cvt_theta_size *size, cvt_team *team);
/* A gradient by the weights becomes that by the coordinates, U^-T gradient. */
void cvt_hessian_to_gradient(const cvt_hessian *hessian, double *v, const cvt_theta_size *size, cvt_team *team);

#endif
