/* product.c - the product C[M,N] = A[M,K] B[K,N] with constant B, cut into tiles.
 *
 * Packed weights, on one thread or two: in f32 a tile is a block of rows by one panel, and tiles go block by block, so
 * that the rows stay in cache while the panels stream by. Where the rows of A must first be made (packed, in less than
 * f32; gathered, for a convolution), a tile has fewer rows and all panels, and makes its rows itself.
 * On more threads a tile is a block of rows by some panels, of the sizes that let all threads end soonest by a plain
 * model of what a tile costs. Rows that must be made are then made by a step before, where that pays.
 * Large weights in f32 may stay in the file's map instead: each tile packs one panel into the thread's scratch and runs
 * its rows over it, so a process that answers for one image never holds a second copy of the weights.
 * Every element of C is the same chain of multiply-adds in all of these ways. */
#include "ops/product.h"

#include "base/num.h"
#include "ops/fold.h"
#include "ops/pair.h"
#include "ops/panels.h"

enum {
    SMALL = 1 << 16,      /* a weight of no more elements is always packed while loading */
    ROWS = 224,           /* the most rows of a tile in f32 */
    MIN_ROWS = 96,        /* in f32 an image of no more rows is not cut by rows for two threads */
    PACKED_ROWS = 40,     /* the fewest rows of a tile that packs its rows, unless the image has fewer */
    MIN_WORK = 1 << 18,   /* the fewest multiply-adds of a tile in f32, unless all tiles together have fewer */
    GATHERED = 1 << 16,   /* floats that a tile gathers on one thread or two */
    GATHERED_ROWS = 96,   /* and its most rows */
    PIECE = 1 << 14,      /* floats that are gathered before they are packed */
    MAX_READY = 1 << 20,  /* the most floats of rows that a step makes ready for the next one, an image */
    MADE_ROWS = 224,      /* the most rows of a tile that makes its rows, where gemm takes them in blocks */
    MADE_BYTES = 3 << 19, /* and what they may take: they and some panels stay in the second cache */
};

typedef struct product {
    cvt_source weight;
    const cvt_product_kernels *kernels;
    const char *packed; /* NULL: each tile packs its own panel */
    size_t panel, row;  /* bytes of a panel, and of a row of packed A (0: A is not packed) */
    const float *scale, *bias;
    int rows, k, n;           /* the sizes of the product of one image */
    int row_block, col_block; /* rows and columns of a tile on one thread or two */
    int nr;                   /* columns of a panel */
    cvt_act act, last;
    const cvt_window_args *window; /* whose pixels are the rows of A; NULL: these are the rows of the input */
    cvt_ref in, out, residual;
    cvt_ref ready;   /* where rows are made ready */
    bool can_ready;  /* there is room for them */
    bool given;      /* the rows of the input are packed already */
    size_t to_ready; /* bytes of a row of the result, which is written as packed rows; 0: as floats */
    bool *paired;    /* see cvt_half; NULL: never */
} product;

/* Must the rows of A be made, packed or gathered? */
static bool makes_rows(const product *a) { return (a->row && !a->given) || a->window; }

/* Must they be gathered as floats first? */
static bool gathers(const product *a) { return a->window && !(a->row && a->kernels->pack_window); }

/* Bytes of a row as gemm reads it, where it is made. */
static size_t row_size(const product *a) { return a->row ? a->row : (size_t)a->k * sizeof(float); }

/* How many rows are gathered before they are packed. */
static int piece_rows(const product *a) { return cvt_max_int(PIECE / a->k, 1); }

/* Floats of scratch beside the packed rows of a tile, in whole cache lines: for such rows, or for the kernel that packs
 * them straight from the map. */
static size_t aside_floats(const product *a) {
    if (!a->window || !a->row) return 0;
    if (!gathers(a)) return a->kernels->window_floats(a->window, a->row_block);
    return cvt_round_up((size_t)piece_rows(a) * (size_t)a->k, 16);
}

/* ---- how it is cut --------------------------------------------------------------------------------------------- */

/* The model of what a tile costs, in multiply-adds of f32. */
enum {
    NARROW = 4,          /* how many times as many a core does in less than f32 */
    OUTPUT = 8,          /* what an element of C costs besides: the activation, and its way to memory */
    ARRIVAL = 6,         /* a panel comes from memory in the time that so many rows take */
    NARROW_ARRIVAL = 10, /* the same in less than f32 */
    PACKING = 14,        /* packing an element of A */
    GATHERING = 4,       /* gathering one */
    PANEL_ROWS = 12,     /* packing a panel of B takes as long as so many rows */
    TILE = 1 << 12,      /* claiming a tile and calling its kernels */
    CACHED = 1 << 17,    /* the most floats of rows in f32, which must stay in cache while panels stream by, */
    FEW_ROWS = 112,      /* unless that is fewer rows than these: then panels would come too often */
    FINEST = 8,          /* the most tiles a thread */
    LEAST_ROWS = 12,     /* the fewest rows of a tile */
};

/* What a tile costs, its rows made. */
static int64_t cost_of_tile(const product *a, int rows, int panels) {
    int64_t outputs = (int64_t)panels * a->nr, each = outputs * (a->k / (a->row ? NARROW : 1) + OUTPUT);
    return (rows + (a->row ? NARROW_ARRIVAL : ARRIVAL)) * each + TILE;
}

static int64_t cost_of_making(const product *a, int rows) {
    return (int64_t)rows * a->k * ((a->row ? PACKING : 0) + (gathers(a) ? GATHERING : 0)) + TILE;
}

/* How many rows a tile makes ready. */
static int ready_block(const product *a, int n, int threads) {
    return cvt_min_int(cvt_max_int(cvt_div_up(a->rows, cvt_div_up(threads, n)), LEAST_ROWS), a->row_block);
}

/* Returns how many rows a tile makes on one thread or two. Where gemm takes rows in blocks, one thread gets whole
 * blocks, as many as stay in cache, and two get an even number of tiles. */
static int made_block(const product *a, int threads) {
    const int block = a->kernels->block;
    if (!a->row || !block) return a->row_block;
    const int count = cvt_div_up(a->rows, block), tiles = cvt_div_up(count, a->row_block / block);
    return threads > 1 && count > 1 ? cvt_div_up(a->rows, tiles + tiles % 2) : cvt_div_up(count, tiles) * block;
}

/* Cuts into blocks of rows by all columns, each of which makes its own rows. */
static cvt_cut cut_by_rows(const product *a, int n, int threads, int64_t *best) {
    cvt_cut cut = {.columns = a->n};
    const int first = cvt_div_up(a->rows, a->row_block), last = cvt_div_up(a->rows, LEAST_ROWS);
    for (int count = first; count == first || (count <= last && n * count <= FINEST * threads); count++) {
        const int rows = cvt_div_up(a->rows, count), tiles = n * cvt_div_up(a->rows, rows);
        const int64_t tile = cost_of_tile(a, rows, cvt_div_up(a->n, a->nr)) + cost_of_making(a, rows);
        const int64_t cost = cvt_div_up(tiles, threads) * tile;
        if (cut.tiles && cost >= *best) continue;
        cut.tiles = tiles;
        cut.rows = rows;
        *best = cost;
    }
    return cut;
}

/* Cuts into blocks of rows by some panels; the rows are there. */
static cvt_cut cut_by_both(const product *a, int n, int threads, int64_t *best) {
    cvt_cut cut = {.shared = makes_rows(a)};
    const int panels = cvt_div_up(a->n, a->nr), last = cvt_div_up(a->rows, LEAST_ROWS);
    const int most = a->row ? ROWS : cvt_min_int(ROWS, cvt_max_int(CACHED / a->k, FEW_ROWS));
    const int first = cvt_div_up(a->rows, most);
    for (int i = first; i == first || (i <= last && n * i <= FINEST * threads); i++) {
        const int rows = cvt_div_up(a->rows, i), row_tiles = n * cvt_div_up(a->rows, rows);
        for (int j = 1; j == 1 || (j <= panels && row_tiles * j <= FINEST * threads); j++) {
            const int across = cvt_div_up(panels, j), tiles = row_tiles * cvt_div_up(panels, across);
            const int64_t cost = cvt_div_up(tiles, threads) * cost_of_tile(a, rows, across);
            if (cut.tiles && cost >= *best) continue;
            cut.tiles = tiles;
            cut.rows = rows;
            cut.columns = across * a->nr;
            *best = cost;
        }
    }
    if (!cut.shared) return cut;
    const int block = ready_block(a, n, threads);
    *best += cvt_div_up(n * cvt_div_up(a->rows, block), threads) * cost_of_making(a, block) + CVT_BARRIER_MACS;
    return cut;
}

/* Cuts where each tile packs its own panel. On one thread or two it runs the rows of all images over it. */
static cvt_cut cut_packing(const product *a, int n, int threads) {
    const int panels = cvt_div_up(a->n, a->col_block), last = cvt_div_up(a->rows, LEAST_ROWS);
    cvt_cut cut = {.tiles = panels, .rows = n * a->rows, .columns = a->col_block};
    int64_t best = (int64_t)cvt_div_up(panels, threads) * (cut.rows + PANEL_ROWS);
    for (int count = 1; threads > 2 && count <= last && n * count * panels <= FINEST * threads; count++) {
        const int rows = cvt_div_up(a->rows, count), tiles = panels * n * cvt_div_up(a->rows, rows);
        const int64_t cost = (int64_t)cvt_div_up(tiles, threads) * (rows + PANEL_ROWS);
        if (cost >= best) continue;
        cut.tiles = tiles;
        cut.rows = rows;
        best = cost;
    }
    return cut;
}

static cvt_cut cut(const void *p, int n, int threads) {
    const product *a = p;
    if (cvt_half_is_done(a->paired, threads)) return (cvt_cut){0};
    if (!a->packed) return cut_packing(a, n, threads);
    if (threads <= 2) {
        const int rows = made_block(a, threads);
        return (cvt_cut){.tiles = n * cvt_div_up(a->rows, rows) * cvt_div_up(a->n, a->col_block),
                         .rows = rows,
                         .columns = a->col_block};
    }
    int64_t by_both = 0, by_rows = 0;
    cvt_cut both = {0}, rows = {0};
    if (!makes_rows(a) || a->can_ready) both = cut_by_both(a, n, threads, &by_both);
    if (makes_rows(a)) rows = cut_by_rows(a, n, threads, &by_rows);
    return !rows.tiles || (both.tiles && by_both < by_rows) ? both : rows;
}

/* The step that makes rows ready, where the product is cut so. */
static cvt_cut ready_cut(const void *p, int n, int threads) {
    const product *a = p;
    if (!cut(p, n, threads).shared) return (cvt_cut){0};
    const int block = ready_block(a, n, threads);
    return (cvt_cut){.tiles = n * cvt_div_up(a->rows, block), .rows = block};
}

/* ---- its steps ------------------------------------------------------------------------------------------------- */

/* Makes m rows of an image from row `row` on. Where they are gathered as floats to be packed, these lie in scratch,
 * some rows at a time. */
static void make_rows(const product *a, const cvt_context *x, int image, int row, int m, void *to) {
    const float *in = cvt_at(x, a->in, image);
    if (!a->window) {
        a->kernels->pack_a(to, in + (size_t)row * (size_t)a->k, (size_t)a->k, m, a->k);
        return;
    }
    if (!a->row) {
        cvt_im2col(to, in, a->window, row, m);
        return;
    }
    if (!gathers(a)) {
        a->kernels->pack_window(to, in, a->window, row, m, x->scratch);
        return;
    }
    char *packed = to;
    for (int end = row + m, n; row < end; row += n, packed += (size_t)n * a->row) {
        n = cvt_min_int(end - row, piece_rows(a));
        cvt_im2col(x->scratch, in, a->window, row, n);
        a->kernels->pack_a(packed, x->scratch, (size_t)a->k, n, a->k);
    }
}

static char *ready_at(const product *a, const cvt_context *x, int image, int row) {
    return (char *)cvt_at(x, a->ready, image) + (size_t)row * row_size(a);
}

static void ready_run(const void *p, const cvt_context *x, int tile) {
    const product *a = p;
    const int per_image = cvt_div_up(a->rows, x->cut.rows), image = tile / per_image,
              row = tile % per_image * x->cut.rows;
    make_rows(a, x, image, row, cvt_min_int(x->cut.rows, a->rows - row), ready_at(a, x, image, row));
}

/* Returns m rows of A as gemm reads them; makes them in scratch where nobody has. */
static const void *rows_at(const product *a, const cvt_context *x, int image, int row, int m) {
    if (!makes_rows(a)) return (const char *)cvt_at(x, a->in, image) + (size_t)row * row_size(a);
    if (x->cut.shared) return ready_at(a, x, image, row);
    float *to = x->scratch + aside_floats(a);
    make_rows(a, x, image, row, m, to);
    return to;
}

/* Multiplies rows [row, row + m) of an image by the panels of columns [col, col + n); the panel at `next` comes after
 * them. */
static void multiply(const product *a, const cvt_context *x, int image, int row, int m, int col, int n,
                     const void *panels, const void *next) {
    size_t r = (size_t)row, ldc = (size_t)a->n, c = (size_t)col;
    bool add = !cvt_ref_none(a->residual);
    float *out = cvt_at(x, a->out, image);
    cvt_gemm g = {
        .m = m,
        .n = n,
        .k = a->k,
        .a = rows_at(a, x, image, row, m),
        .lda = (size_t)a->k,
        .b = panels,
        .next = next,
        .c = a->to_ready ? NULL : out + r * ldc + c,
        .ldc = ldc,
        .bias = a->bias ? a->bias + c : NULL,
        .act = a->act,
        .residual = add ? cvt_at(x, a->residual, image) + r * ldc + c : NULL,
        .ldr = ldc,
        .last = a->last,
        .ready = a->to_ready ? (char *)out + r * a->to_ready + c * (size_t)a->kernels->readies : NULL,
        .ready_size = a->to_ready,
    };
    a->kernels->gemm(&g);
}

/* Finds the row block and the column block of a tile. A thread that works alone takes pairs of row blocks panel by
 * panel, and so reads each panel from memory once for both. Two threads go row block by row block, so that each keeps
 * to rows of its own, and so do more unless there are more panels to be read than rows: then they keep to those. */
static void find_tile(const product *a, const cvt_context *x, int tile, int row_blocks, int columns, int *row,
                      int *column) {
    const bool by_panels = x->threads > 2 && a->n > x->n * a->rows;
    int group = by_panels ? row_blocks : x->threads == 1 ? 2 : 1, first = tile / (group * columns) * group;
    group = cvt_min_int(group, row_blocks - first);
    tile -= first * columns;
    *row = first + tile % group;
    *column = tile / group;
}

static void run_packed(const product *a, const cvt_context *x, int tile) {
    const cvt_cut *cut = &x->cut;
    int per_image = cvt_div_up(a->rows, cut->rows), columns = cvt_div_up(a->n, cut->columns), block, column;
    find_tile(a, x, tile, x->n * per_image, columns, &block, &column);
    int row = block % per_image * cut->rows, col = column * cut->columns;
    size_t panel = (size_t)(col / a->nr) * a->panel,
           next = (size_t)((column + 1) % columns * cut->columns / a->nr) * a->panel;
    multiply(a, x, block / per_image, row, cvt_min_int(cut->rows, a->rows - row), col,
             cvt_min_int(cut->columns, a->n - col), a->packed + panel, a->packed + next);
}

static void run_packing(const product *a, const cvt_context *x, int tile) {
    size_t element = cvt_dtype_size(a->weight.dtype), k = (size_t)a->k;
    const int columns = cvt_div_up(a->n, a->col_block), col = tile % columns * a->col_block;
    const int n = cvt_min_int(a->col_block, a->n - col), block = tile / columns,
              per_image = cvt_div_up(a->rows, x->cut.rows);
    const char *rows = (const char *)a->weight.data + (size_t)col * k * element;
    a->kernels->pack_b(x->scratch, rows, a->weight.dtype, k, a->k, n, a->scale ? a->scale + col : NULL);
    if (x->cut.rows >= x->n * a->rows) {
        for (int i = 0; i < x->n; i++) multiply(a, x, i, 0, a->rows, col, n, x->scratch, NULL);
        return;
    }
    int row = block % per_image * x->cut.rows;
    multiply(a, x, block / per_image, row, cvt_min_int(x->cut.rows, a->rows - row), col, n, x->scratch, NULL);
}

static void run(const void *p, const cvt_context *x, int tile) {
    const product *a = p;
    if (a->packed)
        run_packed(a, x, tile);
    else
        run_packing(a, x, tile);
}

/* Returns the rows of a tile that packs its rows. An image is cut into an even number of tiles, which suits two
 * threads. */
static int packed_block(int rows) {
    int tiles = rows / (2 * PACKED_ROWS) * 2;
    return cvt_div_up(rows, rows < PACKED_ROWS ? 1 : cvt_max_int(tiles, 2));
}

/* Sets the tiles for one thread or two. */
static void set_blocks(product *a, int mr) {
    if (a->row || a->window) {
        const int block = a->kernels->block;
        int rows = packed_block(a->rows);
        if (block)
            rows = cvt_min_int(cvt_min_int((int)(MADE_BYTES / a->row), MADE_ROWS), cvt_div_up(a->rows, block) * block);
        else if (a->window)
            rows = cvt_min_int(cvt_max_int(GATHERED / a->k, mr), GATHERED_ROWS);
        a->row_block = block ? cvt_max_int(rows / block, 1) * block : rows;
        a->col_block = a->n;
        return;
    }
    int count = cvt_div_up(a->rows, ROWS);
    if (a->rows > MIN_ROWS && count % 2) count++; /* an even number suits two threads */
    a->row_block = cvt_div_up(a->rows, count);
    int64_t panel = (int64_t)cvt_min_int(a->row_block, a->rows) * a->k * a->nr;
    int64_t panels = cvt_min_int(cvt_div_up(a->n, a->nr), (int)(MIN_WORK / panel) + 1);
    a->col_block = (int)panels * a->nr;
}

size_t cvt_product_workspace(const cvt_plan_node *w, const cvt_graph *graph, const cvt_kernels *kernels, bool gathers) {
    const cvt_param *weight = &graph->params[w->node->params[0]];
    const size_t k = weight->count / (size_t)weight->shape[0],
                 rows = (size_t)cvt_shape_rows(graph->values[w->out].shape);
    const size_t packed = kernels->product[w->precision]->packed_row_size((int)k) / sizeof(float);
    const size_t floats = w->given ? 0 : rows * (packed ? packed : gathers ? k : 0);
    return rows > LEAST_ROWS && floats <= MAX_READY ? floats : 0;
}

void cvt_lower_product(cvt_lowering *l, const cvt_plan_node *w, int weight, int k, int n, const float *bias,
                       const cvt_window_args *window) {
    cvt_fold fold = cvt_fold_affine(l, w->affine, bias);
    product a = {.weight = l->sources[weight], .scale = fold.scale, .bias = fold.shift, .k = k, .n = n};
    a.act = w->act;
    a.last = w->last;
    a.nr = l->kernels->nr;
    a.kernels = l->kernels->product[w->precision];
    a.panel = a.kernels->panel_size(k);
    a.row = a.kernels->packed_row_size(k);
    a.rows = cvt_shape_rows(l->graph->values[w->out].shape);
    a.in = l->refs[w->node->in[0]];
    a.out = l->refs[w->out];
    a.given = w->given;
    a.to_ready = w->readies ? w->readies->packed_row_size(n) : 0;
    a.residual = w->residual == CVT_NO_VALUE ? CVT_NO_REF : l->refs[w->residual];
    a.window = window;
    bool small = (size_t)k * (size_t)n <= SMALL;
    if (a.row || window || l->pack_ahead || a.weight.packed || a.weight.dtype == CVT_F64 || small) {
        a.packed = cvt_pack_param(l, a.kernels, weight, k, n, window ? window->kh * window->kw : 1, fold.scale);
        set_blocks(&a, l->kernels->mr);
        if (makes_rows(&a))
            cvt_lowering_scratch(l, aside_floats(&a) + (size_t)a.row_block * row_size(&a) / sizeof(float));
    } else {
        a.scale = cvt_lowering_scales(l, a.weight, n, fold.scale);
        a.col_block = a.nr;
        cvt_lowering_scratch(l, a.panel / sizeof(float));
    }
    if (a.row && !window) a.paired = cvt_lowering_alloc(l, sizeof *a.paired);
    if (a.paired) *a.paired = false;
    a.ready = l->workspace;
    a.can_ready = makes_rows(&a) && cvt_product_workspace(w, l->graph, l->kernels, window) > 0;
    if (a.can_ready) cvt_lowering_step(l, w, &a, sizeof a, ready_cut, ready_run);
    cvt_lowering_step(l, w, &a, sizeof a, cut, run);
    const cvt_half half = {w,     a.kernels, a.packed, a.bias, a.rows,     k,        n,
                           a.act, a.last,    a.in,     a.out,  a.residual, a.paired, a.given};
    if (a.paired) cvt_lower_pair(l, &half);
}
