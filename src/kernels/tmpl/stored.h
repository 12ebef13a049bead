/* stored.h - stored weights as f32. */

static size_t size_of(cvt_dtype dtype) {
    return dtype == CVT_F32 ? sizeof(float) : dtype == CVT_I8 ? 1 : sizeof(uint16_t);
}

/* n values of any of the four types as f32. */
static void widen(float *dst, const unsigned char *src, cvt_dtype dtype, size_t n) {
    if (dtype == CVT_F32) {
        memcpy(dst, src, n * sizeof *dst);
        return;
    }
    if (dtype == CVT_I8) {
        for (size_t i = 0; i < n; i++) dst[i] = (float)((const int8_t *)src)[i];
        return;
    }
    for (size_t i = 0; i < n; i += VL) {
        const size_t part = n - i < VL ? n - i : VL;
        uint16_t half[VL] = {0};
        if (part == VL)
            memcpy(half, src + 2 * i, sizeof half);
        else
            memcpy(half, src + 2 * i, 2 * part);
        const vf x = dtype == CVT_F16 ? v_load_f16(half) : v_load_bf16(half);
        v_store_part(dst + i, x, part);
    }
}
