/* vector.h - loads and stores of a part of a vector, for every table. */

#define NR ((size_t)NV * VL)

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

/* a in the first n lanes, b in the others */
INLINE vf v_first(size_t n, vf a, vf b) {
    const vu mask = (vu)(v_lanes() < (unsigned)n);
    return (vf)(((vu)a & mask) | ((vu)b & ~mask));
}

/* The first n lanes, n <= VL; where n is the constant VL, just a load or a store. */
INLINE vf v_load_n(const float *p, size_t n) { return n < VL ? v_load_part(p, n) : v_load(p); }

INLINE void v_store_n(float *p, vf x, size_t n) {
    if (n < VL)
        v_store_part(p, x, n);
    else
        v_store(p, x);
}
