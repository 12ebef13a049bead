/* dwconv.h - depth-wise convolution over [h, w, c]: 4 neighbouring outputs by one or two vectors of channels at a
 * time, so that a weight serves four. Where the kernel sticks out of the map the positions outside are left out: above
 * and below for a whole row of outputs, left and right for one output at a time, which takes more channels instead. */

enum { PIXELS = 4 };

/* Some neighbouring outputs of a row: where their sums start, x and weight at the first position that lies inside for
 * the first output, and how many rows and columns of positions do. */
typedef struct positions {
    const float *x, *weight;
    float *y;
    size_t rows, columns;
} positions;

/* How much is done at once: that many outputs, vectors of channels, lanes in each, and positions. Constants where it
 * pays. */
typedef struct block {
    size_t pixels, vectors, lanes, rows, columns, stride;
} block;

INLINE void dwconv_block(const cvt_dwconv *d, const positions *t, size_t c, block b) {
    const size_t pixel = d->ldx, line = pixel * (size_t)d->w, channels = (size_t)d->c, ldy = d->ldy;
    const float *bias = d->bias ? d->bias + c : NULL, *x = t->x + c, *weight = t->weight + c;
    float *y = t->y + c;
    vf sum[8];
    for (size_t i = 0; i < b.pixels * b.vectors; i++) sum[i] = v_set(0);
    for (size_t u = 0; u < b.rows; u++, x += line, weight += (size_t)d->kw * channels) {
        for (size_t v = 0; v < b.columns; v++) {
            for (size_t j = 0; j < b.vectors; j++) {
                const vf w = v_load_n(weight + v * channels + j * VL, b.lanes);
                for (size_t p = 0; p < b.pixels; p++) {
                    vf *s = &sum[j * b.pixels + p];
                    *s = v_fma(v_load_n(x + (v + p * b.stride) * pixel + j * VL, b.lanes), w, *s);
                }
            }
        }
    }
    for (size_t j = 0; j < b.vectors; j++) {
        for (size_t p = 0; p < b.pixels; p++) {
            vf s = sum[j * b.pixels + p];
            if (bias) s += v_load_n(bias + j * VL, b.lanes);
            v_store_n(y + p * ldy + j * VL, s, b.lanes);
        }
    }
}

/* All channels of `pixels` outputs, `vectors` vectors at a time: constants. */
INLINE void dwconv_pixels(const cvt_dwconv *d, const positions *t, size_t pixels, size_t vectors) {
    const size_t channels = (size_t)d->c, whole = channels - channels % VL, stride = (size_t)d->stride_w;
    size_t c = 0;
    if (pixels > 1 && t->rows == 3 && t->columns == 3 && stride == 1) /* neighbours share what they load */
        for (; c < whole; c += VL) dwconv_block(d, t, c, (block){pixels, 1, VL, 3, 3, 1});
    for (; c + vectors * VL <= channels; c += vectors * VL)
        dwconv_block(d, t, c, (block){pixels, vectors, VL, t->rows, t->columns, stride});
    for (; c < whole; c += VL) dwconv_block(d, t, c, (block){pixels, 1, VL, t->rows, t->columns, stride});
    if (c < channels) dwconv_block(d, t, c, (block){pixels, 1, channels - c, t->rows, t->columns, stride});
    if (d->act != CVT_ACT_NONE)
        for (size_t p = 0; p < pixels; p++) activate(t->y + p * d->ldy, channels, d->act);
}

/* By value: a vector store may change anything whose address is known elsewhere, and all would be read again after it.
 */
static void dwconv_one(cvt_dwconv d, positions t) { dwconv_pixels(&d, &t, 1, 4); }

static void dwconv_four(cvt_dwconv d, positions t) { dwconv_pixels(&d, &t, PIXELS, 2); }

static void dwconv_row(const cvt_dwconv *d, int oy) {
    const int top = oy * d->stride_h - d->pad_top, u0 = cvt_max_int(0, -top), u1 = cvt_min_int(d->kh, d->h - top);
    for (int ox = 0, pixels; ox < d->ow; ox += pixels) {
        const int left = ox * d->stride_w - d->pad_left, right = left + (PIXELS - 1) * d->stride_w + d->kw;
        const int v0 = cvt_max_int(0, -left), v1 = cvt_min_int(d->kw, d->w - left);
        pixels = left >= 0 && right <= d->w && ox + PIXELS <= d->ow ? PIXELS : 1;
        positions t = {.x = d->x, .weight = d->weight, .y = d->y + ((size_t)oy * (size_t)d->ow + (size_t)ox) * d->ldy};
        if (u0 < u1 && v0 < v1) {
            t.x += ((size_t)(top + u0) * (size_t)d->w + (size_t)(left + v0)) * d->ldx;
            t.weight += ((size_t)u0 * (size_t)d->kw + (size_t)v0) * (size_t)d->c;
            t.rows = (size_t)(u1 - u0);
            t.columns = (size_t)(v1 - v0);
        }
        if (pixels == PIXELS)
            dwconv_four(*d, t);
        else
            dwconv_one(*d, t);
    }
}

static void dwconv(const cvt_dwconv *d) {
    for (int oy = d->row0; oy < d->row1; oy++) dwconv_row(d, oy);
}
