/* amx_product.h - the loops of products by AMX, for factors of any type: up to 32 rows by 32 columns are summed at a
 * time. Tiles 0 to 3 hold the sums, 4 and 5 rows, 6 and 7 columns. The sums are stored, and end as vectors; the tiles
 * multiply by themselves, so while they make the sums of a block of rows, the vectors finish those of the block before.
 * The including file defines
 *
 *   sum_t                 a sum, of 4 bytes
 *   TILE_DOT              the instruction; a word of 4 bytes holds neighbours along k
 *   TILE_ROW_SIZE(k), TILE_PANEL_SIZE(k)
 *                         bytes of a packed row and of a panel
 *   TILE_STEPS(k)         steps of 64 bytes along k, to which both are padded
 *   TILE_COLUMNS(panel)   where the columns of a panel begin: TILE of them, in lines of as many words
 *   TILE_NEXT(k)          bytes from TILE columns to the next ones
 *   row_of(x, sums, a, size, panel, bias)
 *                         NR sums of a row, packed in `size` bytes at a, as x[NV], with the bias
 *   TILE_READIES          bytes of an element where results become rows of packed A; 0: they cannot
 *   make_ready(row, column, x, columns)
 *                         where they can: writes the first `columns` of x[NV] from that column on into a packed row */

enum { BLOCK = 2 * TILE, LINE = TILE * 4, STEP = TILE * LINE, DEPTH = 64, TALL = 8 /* steps */ };

/* A block of rows by the columns of one panel. */
typedef struct block block;
struct block {
    const cvt_gemm *g;
    void (*finish)(block *, size_t); /* finishes some more rows: bias, activations, residual, and their way to C */
    const char *a, *panel;           /* packed rows, `size` bytes apart */
    size_t size, row, rows, done;    /* its first row in C, its rows, and how many of them are finished */
    size_t column, columns;
    _Alignas(64) float bias[NR];
    _Alignas(64) sum_t sums[BLOCK * NR];
};

/* Finishes rows of a block. `whole`: all columns of the panel are wanted; with that, `act` and `adds` (is there a
 * residual?) as constants the numbers stay in registers. */
_Static_assert(WAYS == NV, "a row of a panel is one group of vectors");
INLINE void finish_rows(block *b, size_t rows, bool whole, cvt_act act, bool adds, cvt_act last, bool ready) {
    const cvt_gemm *g = b->g;
    const size_t columns = whole ? NR : b->columns, end = b->rows - b->done < rows ? b->rows : b->done + rows;
    char *to = ready ? (char *)g->ready + (b->row + b->done) * g->ready_size : NULL;
    float *c = ready ? NULL : g->c + (b->row + b->done) * g->ldc + b->column;
    const float *residual = adds ? g->residual + (b->row + b->done) * g->ldr + b->column : NULL;
    const char *a = b->a + b->done * b->size;
    for (size_t i = b->done; i < end; i++, a += b->size) {
        vf x[WAYS];
        row_of(x, b->sums + i * NR, a, b->size, b->panel, b->bias);
        apply(x, act, true);
        for (size_t v = 0; v < NV && adds; v++)
            if (whole || v * VL < columns) x[v] += v_load_n(residual + v * VL, columns - v * VL);
        if (adds) residual += g->ldr;
        apply(x, last, true);
        if (ready) {
            make_ready(to, b->column, x, columns);
            to += g->ready_size;
            continue;
        }
        for (size_t v = 0; v < NV; v++)
            if (whole || v * VL < columns) v_store_n(c + v * VL, x[v], columns - v * VL);
        c += g->ldc;
    }
    b->done = end;
}

#define FINISH(name, whole, act, adds, last, ready) \
    static void name(block *b, size_t rows) { finish_rows(b, rows, whole, act, adds, last, ready); }
FINISH(finish_plain, true, CVT_ACT_NONE, false, CVT_ACT_NONE, false)
FINISH(finish_sum, true, CVT_ACT_NONE, true, CVT_ACT_NONE, false)
FINISH(finish_gelu, true, CVT_ACT_GELU_ERF, false, CVT_ACT_NONE, false)
FINISH(finish_relu, true, CVT_ACT_RELU, false, CVT_ACT_NONE, false)
FINISH(finish_sum_relu, true, CVT_ACT_NONE, true, CVT_ACT_RELU, false)
FINISH(finish_any, false, b->g->act, b->g->residual != NULL, b->g->last, false)
FINISH(ready_gelu, true, CVT_ACT_GELU_ERF, false, CVT_ACT_NONE, TILE_READIES > 0)
FINISH(ready_any, false, b->g->act, b->g->residual != NULL, b->g->last, TILE_READIES > 0)

/* Returns what finishes rows of so many columns. */
static void (*finish_of(const cvt_gemm *g, size_t columns))(block *, size_t) {
    const bool whole = columns == NR, plain = g->act == CVT_ACT_NONE, sum = g->residual, bare = g->last == CVT_ACT_NONE;
    const bool gelu = g->act == CVT_ACT_GELU_ERF && !sum, relu = g->act == CVT_ACT_RELU && !sum;
    if (g->ready) return whole && gelu && bare ? ready_gelu : ready_any;
    if (whole && bare && (gelu || relu)) return gelu ? finish_gelu : finish_relu;
    if (whole && bare && plain) return sum ? finish_sum : finish_plain;
    return whole && plain && sum && g->last == CVT_ACT_RELU ? finish_sum_relu : finish_any;
}

/* Rows of A: `upper` of them, then `lower`; which columns of the panel, and how far the next TILE of them are; what to
 * prefetch, `ahead_step` bytes a step. */
typedef struct share {
    size_t upper, lower, steps;
    const char *columns, *ahead;
    size_t next, ahead_step;
} share;

/* Columns: of a tall panel they come from the second cache anyway, so they are not to push out what is in the first. */
#define LOAD_COLUMNS(tile, from)                  \
    do {                                          \
        if (s->steps < TALL)                      \
            _tile_loadd(tile, from, LINE);        \
        else                                      \
            _tile_stream_loadd(tile, from, LINE); \
    } while (0)

/* Sums 32 columns of a block into `sums`, and finishes `each` rows of the block before in each step. Rows come from the
 * second cache. */
static void sum_32_columns(const share *s, const block *b, sum_t *sums, block *before, size_t each) {
    const char *upper = b->a, *lower = b->a + s->upper * b->size, *columns = s->columns, *ahead = s->ahead;
    _tile_zero(0);
    _tile_zero(1);
    if (s->lower) {
        _tile_zero(2);
        _tile_zero(3);
    }
    for (size_t k = 0; k < s->steps; k++, columns += STEP, ahead += s->ahead_step) {
        LOAD_COLUMNS(6, columns);
        _tile_stream_loadd(4, upper + k * DEPTH, b->size);
        TILE_DOT(0, 4, 6);
        LOAD_COLUMNS(7, columns + s->next);
        TILE_DOT(1, 4, 7);
        if (s->lower) {
            _tile_stream_loadd(5, lower + k * DEPTH, b->size);
            TILE_DOT(2, 5, 6);
            TILE_DOT(3, 5, 7);
        }
        for (size_t i = 0; i < s->ahead_step; i += 64) __builtin_prefetch(ahead + i, 0, 2);
        before->finish(before, each);
    }
    _tile_stored(0, sums, NR * sizeof(sum_t));
    _tile_stored(1, sums + TILE, NR * sizeof(sum_t));
    if (s->lower) {
        _tile_stored(2, sums + s->upper * NR, NR * sizeof(sum_t));
        _tile_stored(3, sums + s->upper * NR + TILE, NR * sizeof(sum_t));
    }
}

static void amx_gemm(const cvt_gemm *g) {
    const size_t m = (size_t)g->m, n = (size_t)g->n, size = TILE_ROW_SIZE(g->k), panel_size = TILE_PANEL_SIZE(g->k);
    const size_t blocks = (m + BLOCK - 1) / BLOCK, steps = TILE_STEPS(g->k);
    /* Rows are split evenly, or into full blocks and a last one of half as many tiles: configuring the tiles anew for
     * that one takes as long as a step. */
    const bool half_last = (m + TILE - 1) / TILE % 2 && steps > 2;
    block both[2], *now = &both[0], *before = &both[1];
    /* Before the first block there is one without rows. */
    before->g = g;
    before->finish = finish_any;
    before->a = g->a;
    before->size = before->row = before->rows = before->done = before->column = before->columns = 0;
    share s = {.next = TILE_NEXT(g->k)};
    for (size_t j = 0; j < n; j += NR) {
        const char *panel = (const char *)g->b + j / NR * panel_size;
        const char *next = j + NR < n ? panel + panel_size : g->next;
        for (size_t i = 0, row = 0; i < blocks; i++) {
            const size_t rows = half_last ? m - row < BLOCK ? m - row : BLOCK : m / blocks + (i < m % blocks);
            const size_t upper = rows <= TILE ? rows : (rows + 1) / 2;
            const size_t columns = n - j < NR ? n - j : NR, halves = columns > BLOCK ? 2 : 1;
            const size_t piece = (panel_size / blocks / steps / 2 + 63) / 64 * 64;
            if (s.upper != upper || s.lower != rows - upper) set_tiles(s.upper = upper, s.lower = rows - upper);
            s.steps = steps;
            now->g = g;
            now->finish = finish_of(g, columns);
            now->a = (const char *)g->a + row * size;
            now->panel = panel;
            now->size = size;
            now->row = row;
            now->rows = rows;
            now->done = 0;
            now->column = j;
            now->columns = columns;
            if (columns < NR || !g->bias) memset(now->bias, 0, sizeof now->bias);
            if (g->bias) memcpy(now->bias, g->bias + j, columns * sizeof *now->bias);
            const size_t each = (before->rows + halves * steps - 1) / (halves * steps);
            for (size_t half = 0; half < halves; half++) {
                s.columns = TILE_COLUMNS(panel) + 2 * half * s.next;
                s.ahead_step = next ? piece : 0;
                s.ahead = next ? next + (2 * i + half) * piece * steps : panel;
                sum_32_columns(&s, now, now->sums + half * BLOCK, before, each);
            }
            before->finish(before, BLOCK);
            block *swap = before;
            before = now;
            now = swap;
            row += rows;
        }
    }
    before->finish(before, BLOCK);
    _tile_release();
}
