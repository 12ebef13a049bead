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

/* The same of some values, of which nothing more is to come. */
typedef struct limits {
    float low, high, odd;
} limits;

INLINE limits limits_of(const float *a, size_t k) {
    range r = NO_RANGE;
    range_add(&r, a, k);
    return (limits){-v_largest(-r.low), v_largest(r.high), v_sum(r.odd)};
}

/* How the values of a row are rounded, and what the row says of it. */
typedef struct rounding {
    vf factor, shifter;
    cvt_int8_row of;
} rounding;

INLINE rounding rounding_of(limits l) {
    const float width = l.high - l.low, odd = l.odd + (width - width);
    const float inverse = width > 1e-30f ? 255 / width : 0, scale = width > 1e-30f ? width / 255 : 0;
    const float zero = (0x1.8p23f - l.low * inverse) - 0x1.8p23f;
    return (rounding){.factor = v_set(inverse),
                      .shifter = v_set(0x1.8p23f + zero),
                      .of = {scale + odd, -(zero - DOT_OFFSET) * (scale + odd)}};
}

/* Rounds k values. Up to VL - 1 more are written: a row has room for them, but what it says of its rounding may lie
 * there, so this is written last. */
INLINE void round_run(dot_t *to, const float *a, size_t k, rounding r) {
    size_t i = 0;
#ifdef V_PACKS_BYTES
    for (; sizeof(dot_t) == 1 && i + 4 * VL <= k; i += 4 * VL) {
        vi q[4];
        for (size_t j = 0; j < 4; j++)
            q[j] = (vi)(v_load(a + i + j * VL) * r.factor + r.shifter) - (vi)v_set(0x1.8p23f);
        v_store_bytes(to + i, q);
    }
#endif
    for (; i + VL <= k; i += VL) round_vector(to + i, v_load(a + i), r.factor, r.shifter);
    if (i < k) round_vector(to + i, v_load_n(a + i, k - i), r.factor, r.shifter);
}

static void int8_row(void *row, size_t size, const float *a, size_t k) {
    const rounding r = rounding_of(limits_of(a, k));
    round_run(row, a, k, r);
    *cvt_int8_row_of(row, size) = r.of;
}

static void int8_pack_a(void *to, const float *a, size_t lda, int m, int k) {
    const size_t size = int8_row_size(k);
    for (size_t i = 0; i < (size_t)m; i++) int8_row((char *)to + i * size, size, a + i * lda, (size_t)k);
}

/* ---- rows of a convolution -------------------------------------------------------------------------------------- */

/* The limits of a row are those of the pixels under its window, so each pixel is searched once, and not once for each
 * window that it lies in; and no row is ever gathered as floats.
 *
 * A line of limits is three arrays of line_floats(w) floats each: low, high and odd of its pixels. Behind the lines of
 * the map that are under the windows lies one more, of the columns under the windows of the line at hand. */

INLINE size_t line_floats(const cvt_window_args *w) { return cvt_round_up((size_t)w->w, 16); }

/* The lines of a map that are under the windows of some rows: at most so many. */
static size_t window_lines(const cvt_window_args *w, int count) {
    const int lines = (count / w->ow + 1) * w->stride_h + w->kh;
    return (size_t)(lines < w->h ? lines : w->h);
}

static size_t int8_window_floats(const cvt_window_args *w, int count) {
    return (window_lines(w, count) + 1) * 3 * line_floats(w);
}

/* Searches a line of the map. */
static void search_line(float *to, const float *pixels, const cvt_window_args *w) {
    const size_t n = line_floats(w), c = (size_t)w->c;
    for (size_t x = 0; x < (size_t)w->w; x++) {
        const limits l = limits_of(pixels + x * c, c);
        to[x] = l.low;
        to[n + x] = l.high;
        to[2 * n + x] = l.odd;
    }
    for (size_t x = (size_t)w->w; x < n; x++) to[x] = to[n + x] = to[2 * n + x] = 0;
}

/* The limits of columns from those of `count` lines. */
static void join_lines(float *to, const float *lines, size_t n, int count) {
    memset(to, 0, 3 * n * sizeof *to);
    for (const float *end = lines + 3 * n * (size_t)count; lines < end; lines += 3 * n)
        for (size_t x = 0; x < n; x += VL) {
            v_store(to + x, v_min(v_load(to + x), v_load(lines + x)));
            v_store(to + n + x, v_max(v_load(to + n + x), v_load(lines + n + x)));
            v_store(to + 2 * n + x, v_load(to + 2 * n + x) + v_load(lines + 2 * n + x));
        }
}

INLINE limits limits_between(const float *columns, size_t n, int left, int right) {
    limits all = {0, 0, 0};
    for (int x = left; x < right; x++) {
        const float *at = columns + x;
        all.low = at[0] < all.low ? at[0] : all.low;
        all.high = at[n] > all.high ? at[n] : all.high;
        all.odd += at[2 * n];
    }
    return all;
}

/* n zeros */
INLINE void round_zeros(dot_t *to, size_t n, rounding r) {
    for (size_t i = 0; i < n; i += VL) round_vector(to + i, v_set(0), r.factor, r.shifter);
}

/* The part of a map that is under a window: lines [top, bottom) and pixels [left, right). */
typedef struct part_of_map {
    int top, bottom, left, right;
} part_of_map;

/* The row of a window whose corner is at (y, x), from left to right: what is written beyond the end of a run is
 * overwritten by the next one. */
INLINE void round_window(dot_t *to, const float *map, const cvt_window_args *w, int y, int x, part_of_map p,
                         rounding r) {
    const size_t c = (size_t)w->c, run = (size_t)w->kw * c, before = (size_t)(p.left - x) * c,
                 inside = (size_t)(p.right - p.left) * c;
    for (int u = y; u < y + w->kh; u++, to += run) {
        if (u < p.top || u >= p.bottom) {
            round_zeros(to, run, r);
            continue;
        }
        round_zeros(to, before, r);
        round_run(to + before, map + ((size_t)u * (size_t)w->w + (size_t)p.left) * c, inside, r);
        round_zeros(to + before + inside, run - before - inside, r);
    }
}

/* `count` rows of one line of the output, whose windows begin at line y of the map. `columns`: under these windows. */
static void pack_line(char *to, const float *map, const cvt_window_args *w, int y, int first, int count,
                      const float *columns) {
    const size_t size = int8_row_size(w->kh * w->kw * w->c), n = line_floats(w);
    part_of_map p = {.top = cvt_max_int(y, 0), .bottom = cvt_min_int(y + w->kh, w->h)};
    for (int i = first; i < first + count; i++, to += size) {
        const int x = i * w->stride_w - w->pad_left;
        p.left = cvt_max_int(x, 0);
        p.right = cvt_max_int(cvt_min_int(x + w->kw, w->w), p.left);
        if (p.left == p.right) p.left = p.right = x; /* it lies beside the map */
        const rounding r = rounding_of(limits_between(columns, n, p.left, p.right));
        round_window((dot_t *)(void *)to, map, w, y, x, p, r);
        *cvt_int8_row_of(to, size) = r.of;
    }
}

/* `count` rows of one map from row `first` on. */
static void pack_rows_of_map(char *to, const float *map, const cvt_window_args *w, int first, int count, float *lines) {
    const size_t c = (size_t)w->c, n = line_floats(w), size = int8_row_size(w->kh * w->kw * w->c);
    if (w->kh == 1 && w->kw == 1 && !w->pad_top && !w->pad_left) {
        for (int i = first; i < first + count; i++, to += size) {
            const int y = i / w->ow * w->stride_h, x = i % w->ow * w->stride_w;
            int8_row(to, size, map + ((size_t)y * (size_t)w->w + (size_t)x) * c, c);
        }
        return;
    }
    float *columns = lines + window_lines(w, count) * 3 * n;
    const int end = first + count, top = cvt_max_int(first / w->ow * w->stride_h - w->pad_top, 0);
    for (int row = first, searched = top, some; row < end; row += some, to += (size_t)some * size) {
        const int y = row / w->ow * w->stride_h - w->pad_top, from = cvt_max_int(y, 0);
        const int lines_under = cvt_max_int(cvt_min_int(y + w->kh, w->h) - from, 0);
        for (; searched < from + lines_under; searched++)
            search_line(lines + (size_t)(searched - top) * 3 * n, map + (size_t)searched * (size_t)w->w * c, w);
        join_lines(columns, lines + (size_t)(from - top) * 3 * n, n, lines_under);
        some = cvt_min_int(w->ow - row % w->ow, end - row);
        pack_line(to, map, w, y, row % w->ow, some, columns);
    }
}

static void int8_pack_window(void *to, const float *x, const cvt_window_args *w, int first, int count, float *scratch) {
    const int rows = w->oh * w->ow;
    const size_t map = (size_t)w->h * (size_t)w->w * (size_t)w->c, size = int8_row_size(w->kh * w->kw * w->c);
    char *row = to;
    for (int end = first + count, n; first < end; first += n, row += (size_t)n * size) {
        n = cvt_min_int(rows - first % rows, end - first);
        pack_rows_of_map(row, x + (size_t)(first / rows) * map, w, first % rows, n, scratch);
    }
}
