/* math.h - element-wise functions: exp and the activations, on one vector or several interleaved.
 *
 * A chain of dependent operations leaves most of a core idle, and the scheduler holds no more than a few such chains,
 * so all steps are written over `ways` vectors at once. `ways` is a constant at every call and does not change a
 * result.
 *
 *   exp(x) = 2^n (1 + r q(r)), n = round(x / ln 2), r = x - n ln 2, q of degree 4; relative error 1.8e-7.
 *   gelu_erf(x) = x/2 (1 + e), e = t P(t^2) ~ erf(t / sqrt 2), t = x held within +-5.1, P of degree 12 in
 *   2 t^2 / 5.1^2 - 1; absolute error 1.0e-6.
 *   The others are h / (1 + exp(-z)): SiLU z = h, QuickGELU z = 1.702 h, tanh GELU z = 2 sqrt(2/pi) (h + 0.044715 h^3),
 *   since (1 + tanh(z/2)) / 2 = 1 / (1 + exp(-z)); sigmoid h = 1, z = x; tanh(x) the same - 1 with h = 2, z = 2 x.
 *   x is held above a limit below which the result is at its own to 1e-36.
 *
 * Products in bf16 and int8 need less (kernels.h says how much): with `low`, a constant at every call,
 *
 *   exp(x) = 2^n p(r), n + r = x / ln 2, p of degree 3; relative error 1.0e-4.
 *   gelu_erf(x) = x (1/2 + t P(t^2)), t = x held within +-3.5, P of degree 5; absolute error 4.1e-4, relative 4.1e-4
 *   for |x| < 1 and for x > 0.
 *
 * The limits serve as first operand of v_max and v_min, so a NaN passes. Polynomials: weighted minimax fits. */

#define WAYS 4
#define EACH_WAY(n) for (int i = 0; i < (n); i++)

/* x in place, for x <= 88; 0 below -88, where what serves as the power of two is 0. */
INLINE void exp_of(vf *x, int ways) {
    /* adding `shifter` rounds to an integer and leaves it, biased as an exponent, in the low bits */
    const vf shifter = v_set(0x1.8p23f + 127), inverse_ln2 = v_set(0x1.715476p+0f);
    vf power[WAYS], r[WAYS], q[WAYS];
    EACH_WAY(ways) x[i] = v_max(v_set(-0x1.601e68p+6f), x[i]); /* -127 ln 2 */
    EACH_WAY(ways) power[i] = v_fma(x[i], inverse_ln2, shifter);
    EACH_WAY(ways) q[i] = power[i] - shifter;
    EACH_WAY(ways) r[i] = v_fma(q[i], v_set(-0.693359375f), x[i]);
    EACH_WAY(ways) r[i] = v_fma(q[i], v_set(2.12194440e-4f), r[i]);
    EACH_WAY(ways) q[i] = v_fma(v_set(0.008290271924874495f), r[i], v_set(0.0418981597094012f));
    EACH_WAY(ways) q[i] = v_fma(q[i], r[i], v_set(0.16667638130243392f));
    EACH_WAY(ways) q[i] = v_fma(q[i], r[i], v_set(0.499991478401763f));
    EACH_WAY(ways) q[i] = v_fma(q[i], r[i], v_set(0.9999997063123508f));
    EACH_WAY(ways) q[i] = v_fma(q[i], r[i], v_set(1));
    EACH_WAY(ways) x[i] = q[i] * (vf)((vu)power[i] << 23);
}

/* The same on WAYS vectors, for products in bf16 and int8. */
INLINE void low_exp_of(vf *x) {
    const vf shifter = v_set(0x1.8p23f + 127);
    vf power[WAYS], r[WAYS], p[WAYS];
    EACH_WAY(WAYS) x[i] = v_max(v_set(-0x1.601e68p+6f), x[i]) * v_set(0x1.715476p+0f);
    EACH_WAY(WAYS) power[i] = x[i] + shifter;
    EACH_WAY(WAYS) r[i] = x[i] - (power[i] - shifter);
    EACH_WAY(WAYS) p[i] = v_fma(v_set(0.05517166936f), r[i], v_set(0.2426111314f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], r[i], v_set(0.6932609862f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], r[i], v_set(0.9999280730f));
    EACH_WAY(WAYS) x[i] = p[i] * (vf)((vu)power[i] << 23);
}

/* x = h / (1 + exp(-z)) */
INLINE void logistic_of(vf *x, const vf *h, const vf *z, bool low) {
    vf e[WAYS];
    EACH_WAY(WAYS) e[i] = v_set(0) - z[i];
    if (low)
        low_exp_of(e);
    else
        exp_of(e, WAYS);
    EACH_WAY(WAYS) x[i] = h[i] / (v_set(1) + e[i]);
}

INLINE void relu_of(vf *x) { EACH_WAY(WAYS) x[i] = v_max(v_set(0), x[i]); }

INLINE void relu6_of(vf *x) { EACH_WAY(WAYS) x[i] = v_min(v_set(6), v_max(v_set(0), x[i])); }

INLINE void gelu_erf_of(vf *x) {
    const vf limit = v_set(5.1f);
    vf t[WAYS], u[WAYS], p[WAYS];
    EACH_WAY(WAYS) x[i] = v_max(v_set(0) - limit, x[i]);
    EACH_WAY(WAYS) t[i] = v_min(limit, x[i]);
    EACH_WAY(WAYS) u[i] = v_fma(t[i] * t[i], v_set(2 / (5.1f * 5.1f)), v_set(-1));
    EACH_WAY(WAYS) p[i] = v_fma(v_set(0.0013084146194159985f), u[i], v_set(-0.003913667984306812f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], u[i], v_set(0.0048087891191244125f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], u[i], v_set(-0.006459232419729233f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], u[i], v_set(0.013719906099140644f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], u[i], v_set(-0.02404852584004402f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], u[i], v_set(0.03493095561861992f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], u[i], v_set(-0.04803292825818062f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], u[i], v_set(0.06343205273151398f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], u[i], v_set(-0.0804373174905777f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], u[i], v_set(0.10156591236591339f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], u[i], v_set(-0.1380065232515335f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], u[i], v_set(0.2772105634212494f));
    EACH_WAY(WAYS) x[i] *= v_set(0.5f);
    EACH_WAY(WAYS) p[i] *= t[i];
    EACH_WAY(WAYS) x[i] = v_fma(p[i], x[i], x[i]);
}

/* x (1/2 + t P(t^2)): few operations, as this takes longer than the product before it where that is short. */
INLINE void low_gelu_erf_of(vf *x) {
    const vf limit = v_set(3.5f);
    vf t[WAYS], s[WAYS], p[WAYS];
    EACH_WAY(WAYS) x[i] = v_max(v_set(0) - limit, x[i]);
    EACH_WAY(WAYS) t[i] = v_min(limit, x[i]);
    EACH_WAY(WAYS) s[i] = t[i] * t[i];
    EACH_WAY(WAYS) p[i] = v_fma(v_set(-6.1707778e-7f), s[i], v_set(3.16358604e-5f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], s[i], v_set(-6.83333123e-4f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], s[i], v_set(8.26359993e-3f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], s[i], v_set(-6.37394458e-2f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], s[i], v_set(3.9754712e-1f));
    EACH_WAY(WAYS) p[i] = v_fma(p[i], t[i], v_set(0.5f));
    EACH_WAY(WAYS) x[i] *= p[i];
}

INLINE void gelu_tanh_of(vf *x, bool low) {
    vf h[WAYS], z[WAYS];
    EACH_WAY(WAYS) h[i] = v_max(v_set(-10), x[i]);
    EACH_WAY(WAYS) z[i] = v_fma(h[i] * h[i], v_set(0.0713548162726f), v_set(1.59576912160573f)) * h[i];
    logistic_of(x, h, z, low);
}

INLINE void quick_gelu_of(vf *x, bool low) {
    vf h[WAYS], z[WAYS];
    EACH_WAY(WAYS) h[i] = v_max(v_set(-51), x[i]);
    EACH_WAY(WAYS) z[i] = h[i] * v_set(1.702f);
    logistic_of(x, h, z, low);
}

INLINE void silu_of(vf *x, bool low) {
    vf h[WAYS];
    EACH_WAY(WAYS) h[i] = v_max(v_set(-87), x[i]);
    logistic_of(x, h, h, low);
}

INLINE void sigmoid_of(vf *x, bool low) {
    vf one[WAYS], z[WAYS];
    EACH_WAY(WAYS) one[i] = v_set(1);
    EACH_WAY(WAYS) z[i] = v_max(v_set(-87), x[i]);
    logistic_of(x, one, z, low);
}

INLINE void tanh_of(vf *x) {
    vf two[WAYS], z[WAYS];
    EACH_WAY(WAYS) two[i] = v_set(2);
    EACH_WAY(WAYS) z[i] = v_max(v_set(-43), x[i]) * v_set(2);
    logistic_of(x, two, z, false);
    EACH_WAY(WAYS) x[i] -= v_set(1);
}

INLINE void apply(vf *x, cvt_act act, bool low) {
    switch (act) {
    case CVT_ACT_RELU: relu_of(x); break;
    case CVT_ACT_RELU6: relu6_of(x); break;
    case CVT_ACT_GELU_ERF: low ? low_gelu_erf_of(x) : gelu_erf_of(x); break;
    case CVT_ACT_GELU_TANH: gelu_tanh_of(x, low); break;
    case CVT_ACT_QUICK_GELU: quick_gelu_of(x, low); break;
    case CVT_ACT_SILU: silu_of(x, low); break;
    case CVT_ACT_TANH: tanh_of(x); break;
    case CVT_ACT_SIGMOID: sigmoid_of(x, low); break;
    case CVT_ACT_NONE:
    case CVT_ACT_COUNT: break;
    }
}

INLINE void act_of(vf *x, cvt_act act) { apply(x, act, false); }
