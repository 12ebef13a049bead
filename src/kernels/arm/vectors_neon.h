/* vectors_neon.h - 4 lanes: Advanced SIMD. 32 registers: 24 accumulators, 4 of B, 1 of A. */

#define VL 4
#define MR 6
#define NV 4
typedef float32x4_t vf;
typedef unsigned vu __attribute__((vector_size(16)));
typedef int vi __attribute__((vector_size(16)));

#define V_KEEP(x) __asm__ volatile("" : "+w"(x))
INLINE vf v_set(float x) { return vdupq_n_f32(x); }
INLINE vf v_load(const float *p) { return vld1q_f32(p); }
INLINE void v_store(float *p, vf x) { vst1q_f32(p, x); }
INLINE vf v_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
INLINE float64x2_t d_fma(float64x2_t a, float64x2_t b, float64x2_t c) { return vfmaq_f64(c, a, b); }
INLINE vf v_max(vf a, vf b) { return vmaxq_f32(a, b); }
INLINE vf v_min(vf a, vf b) { return vminq_f32(a, b); }
INLINE vu v_lanes(void) { return (vu){0, 1, 2, 3}; }

INLINE vf v_load_part(const float *p, size_t n) {
    float padded[VL] = {0};
    memcpy(padded, p, n * sizeof *p);
    return v_load(padded);
}

INLINE void v_store_part(float *p, vf x, size_t n) {
    float padded[VL];
    v_store(padded, x);
    memcpy(p, padded, n * sizeof *p);
}

INLINE float v_sum(vf x) { return vaddvq_f32(x); }
INLINE float v_largest(vf x) { return vmaxvq_f32(x); }
INLINE float s_sqrt(float x) { return vget_lane_f32(vsqrt_f32(vdup_n_f32(x)), 0); }
INLINE vf v_load_f16(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
INLINE vf v_load_bf16(const uint16_t *p) { return vreinterpretq_f32_u32(vshlq_n_u32(vmovl_u16(vld1_u16(p)), 16)); }

INLINE vf v_load_rows4(const float *p, size_t ld) {
    (void)ld;
    return v_load(p);
}

INLINE void v_transpose4(vf x[4]) {
    float32x4x2_t low = vzipq_f32(x[0], x[2]), high = vzipq_f32(x[1], x[3]);
    float32x4x2_t first = vzipq_f32(low.val[0], high.val[0]), last = vzipq_f32(low.val[1], high.val[1]);
    x[0] = first.val[0];
    x[1] = first.val[1];
    x[2] = last.val[0];
    x[3] = last.val[1];
}
