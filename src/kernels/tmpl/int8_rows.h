/* int8_rows.h - the factors of products in int8: their sizes, and rows rounded one by one. The including file
 * defines
 *   DOT_GROUP    a macro: how many neighbours along k one 32-bit lane takes
 *   dot_t        their type in a row
 *   DOT_DEPTH    a macro: rows and panels are padded along k to a multiple of it
 *   DOT_OFFSET   what is subtracted from q where rows are signed */

#define INT8_LAYOUT "int8 " TEXT(NV) "x" TEXT(VL) "x" TEXT(DOT_GROUP) "/" TEXT(DOT_DEPTH)
#define INT8_TILE_LAYOUT "int8 " TEXT(NV) "/" TEXT(VL) "x" TEXT(DOT_GROUP) "/" TEXT(DOT_DEPTH)

static const cvt_int8_form int8_form = {(int)NR, (int)NR, DOT_GROUP, DOT_DEPTH, sizeof(dot_t) == 2};

static size_t int8_panel_size(int k) { return cvt_int8_panel_size(int8_form, k); }
static size_t int8_row_size(int k) { return cvt_int8_row_size(int8_form, k); }

/* ---- rows ------------------------------------------------------------------------------------------------------ */

typedef struct range {
    vf low, high, odd; /* odd: NaN where anything is not finite */
} range;

#define NO_RANGE \
    { v_set(0), v_set(0), v_set(0) }

INLINE void range_vector(range *r, vf x) {
    r->low = v_min(r->low, x);
    r->high = v_max(r->high, x);
    r->odd = v_fma(x, v_set(0), r->odd);
}

typedef dot_t dot_v __attribute__((vector_size(VL * sizeof(dot_t))));

INLINE void round_vector(dot_t *to, vf x, vf inverse, vf shifter) {
    const vf r = v_min(x * inverse + shifter, v_set(0x1.8p23f + 255));
    const vu q = (vu)r - (vu)v_set(0x1.8p23f + DOT_OFFSET);
    const dot_v v = __builtin_convertvector(q, dot_v);
    memcpy(to, &v, sizeof v);
}

INLINE range range_both(range a, range b) { return (range){v_min(a.low, b.low), v_max(a.high, b.high), a.odd + b.odd}; }

/* Widens r by the range of k values. */
INLINE void range_add(range *r, const float *a, size_t k) {
    range one = *r, two = NO_RANGE, three = NO_RANGE, four = NO_RANGE; /* each is a chain */
    size_t i = 0;
    for (; i + 4 * VL <= k; i += 4 * VL) {
        range_vector(&one, v_load(a + i));
        range_vector(&two, v_load(a + i + VL));
        range_vector(&three, v_load(a + i + 2 * VL));
        range_vector(&four, v_load(a + i + 3 * VL));
    }
    for (; i < k; i += VL) range_vector(&one, v_load_n(a + i, k - i < VL ? k - i : VL));
    *r = range_both(range_both(one, two), range_both(three, four));
}

static void int8_row(void *row, size_t size, const float *a, size_t k) {
    range r = NO_RANGE;
    range_add(&r, a, k);
    const float high = v_largest(r.high), low = -v_largest(-r.low);
    const float width = high - low, odd = v_sum(r.odd) + (width - width);
    const float inverse = width > 1e-30f ? 255 / width : 0, scale = width > 1e-30f ? width / 255 : 0;
    const float zero = (0x1.8p23f - low * inverse) - 0x1.8p23f;
    const vf factor = v_set(inverse), shifter = v_set(0x1.8p23f + zero);
    dot_t *to = row;
    size_t i = 0;
    for (; i + VL <= k; i += VL) round_vector(to + i, v_load(a + i), factor, shifter);
    if (i < k) round_vector(to + i, v_load_n(a + i, k - i), factor, shifter);
    *cvt_int8_row_of(row, size) = (cvt_int8_row){scale + odd, -(zero - DOT_OFFSET) * (scale + odd)};
}

static void int8_pack_a(void *to, const float *a, size_t lda, int m, int k) {
    const size_t size = int8_row_size(k);
    for (size_t i = 0; i < (size_t)m; i++) int8_row((char *)to + i * size, size, a + i * lda, (size_t)k);
}
