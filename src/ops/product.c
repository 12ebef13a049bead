/* product.c - the product C[M,N] = A[M,K] B[K,N] with constant B, cut into tiles.
 *
 * Packed weights: in f32 a tile is a block of rows by one panel, and tiles go block by block, so that the rows stay in
 * cache while the panels stream by. In less than f32 a tile has fewer rows and all panels, and packs its rows of A
 * first. Large weights in f32 may stay in the file's map instead: each tile packs one panel into the thread's scratch
 * and runs all rows over it, so a process that answers for one image never holds a second copy of the weights. Either
 * way every element of C is the same chain of multiply-adds. */
#include "ops/product.h"

#include "base/num.h"
#include "ops/fold.h"
#include "ops/panels.h"

enum {
    SMALL = 1 << 16,    /* a weight of no more elements is always packed while loading */
    ROWS = 224,         /* the most rows of a tile in f32 */
    MIN_ROWS = 96,      /* in f32 an image of no more rows is not cut by rows */
    PACKED_ROWS = 40,   /* the fewest rows of a tile that packs its rows, unless the image has fewer */
    MIN_WORK = 1 << 18, /* the fewest multiply-adds of a tile in f32, unless all tiles together have fewer */
};

typedef struct product {
    cvt_source weight;
    const cvt_product_kernels *kernels;
    const char *packed; /* NULL: each tile packs its own panel */
    size_t panel, row;  /* bytes of a panel, and of a row of packed A (0: A is not packed) */
    const float *scale, *bias;
    int rows, k, n;           /* the sizes of the product of one image */
    int row_block, col_block; /* rows and columns of a tile */
    cvt_act act, last;
    cvt_ref in, out, residual;
} product;

static int blocks(int total, int block) { return (total + block - 1) / block; }

static cvt_cut cut(const void *p, int n, int threads) {
    const product *a = p;
    int columns = blocks(a->n, a->col_block);
    if (!a->packed) return (cvt_cut){.tiles = columns};
    (void)threads;
    return (cvt_cut){.tiles = columns * n * blocks(a->rows, a->row_block)};
}

/* Multiplies rows [row, row + m) of an image by the panels of columns [col, col + n); the panel at `next` comes after
 * them. */
static void multiply(const product *a, const cvt_context *x, int image, int row, int m, int col, int n,
                     const void *panels, const void *next) {
    size_t r = (size_t)row, k = (size_t)a->k, ldc = (size_t)a->n, c = (size_t)col;
    bool add = !cvt_ref_none(a->residual);
    const float *rows = cvt_at(x, a->in, image) + r * k;
    if (a->row) a->kernels->pack_a(x->scratch, rows, k, m, a->k);
    cvt_gemm g = {
        .m = m,
        .n = n,
        .k = a->k,
        .a = a->row ? x->scratch : rows,
        .lda = k,
        .b = panels,
        .next = next,
        .c = cvt_at(x, a->out, image) + r * ldc + c,
        .ldc = ldc,
        .bias = a->bias ? a->bias + c : NULL,
        .act = a->act,
        .residual = add ? cvt_at(x, a->residual, image) + r * ldc + c : NULL,
        .ldr = ldc,
        .last = a->last,
    };
    a->kernels->gemm(&g);
}

/* Finds the row block and the column block of a tile. A thread that works alone takes pairs of row blocks panel by
 * panel, and so reads each panel from memory once for both. A team goes row block by row block, so that each thread
 * keeps to rows of its own. */
static void find_tile(int tile, int row_blocks, int columns, int threads, int *row, int *column) {
    int group = threads == 1 ? 2 : 1, first = tile / (group * columns) * group;
    group = cvt_min_int(group, row_blocks - first);
    tile -= first * columns;
    *row = first + tile % group;
    *column = tile / group;
}

static void run_packed(const product *a, const cvt_context *x, int tile) {
    int per_image = blocks(a->rows, a->row_block), columns = blocks(a->n, a->col_block), block, column;
    find_tile(tile, x->n * per_image, columns, x->threads, &block, &column);
    int row = block % per_image * a->row_block, col = column * a->col_block, nr = x->kernels->nr;
    size_t panel = (size_t)(col / nr) * a->panel,
           next = (size_t)((column + 1) % columns * a->col_block / nr) * a->panel;
    multiply(a, x, block / per_image, row, cvt_min_int(a->row_block, a->rows - row), col,
             cvt_min_int(a->col_block, a->n - col), a->packed + panel, a->packed + next);
}

static void run_packing(const product *a, const cvt_context *x, int tile) {
    size_t element = cvt_dtype_size(a->weight.dtype), k = (size_t)a->k;
    int col = tile * a->col_block, n = cvt_min_int(a->col_block, a->n - col);
    const char *rows = (const char *)a->weight.data + (size_t)col * k * element;
    a->kernels->pack_b(x->scratch, rows, a->weight.dtype, k, a->k, n, a->scale ? a->scale + col : NULL);
    for (int i = 0; i < x->n; i++) multiply(a, x, i, 0, a->rows, col, n, x->scratch, NULL);
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
    return blocks(rows, rows < PACKED_ROWS ? 1 : cvt_max_int(tiles, 2));
}

static void cut_packed(product *a, const cvt_kernels *kernels) {
    if (a->row) {
        a->row_block = packed_block(a->rows);
        a->col_block = a->n;
        return;
    }
    int count = blocks(a->rows, ROWS);
    if (a->rows > MIN_ROWS && count % 2) count++; /* an even number suits two threads */
    a->row_block = blocks(a->rows, count);
    int64_t panel = (int64_t)cvt_min_int(a->row_block, a->rows) * a->k * kernels->nr;
    int64_t panels = cvt_min_int(blocks(a->n, kernels->nr), (int)(MIN_WORK / panel) + 1);
    a->col_block = (int)panels * kernels->nr;
}

void cvt_lower_product(cvt_lowering *l, const cvt_plan_node *w, int weight, int k, int n, const float *bias) {
    cvt_fold fold = cvt_fold_affine(l, w->affine, bias);
    product a = {.weight = l->sources[weight], .scale = fold.scale, .bias = fold.shift, .k = k, .n = n};
    a.act = w->act;
    a.last = w->last;
    a.kernels = l->kernels->product[w->precision];
    a.panel = a.kernels->panel_size(k);
    a.row = a.kernels->packed_row_size(k);
    a.rows = cvt_shape_rows(l->graph->values[w->out].shape);
    a.in = l->refs[w->node->in[0]];
    a.out = l->refs[w->out];
    a.residual = w->residual == CVT_NO_VALUE ? CVT_NO_REF : l->refs[w->residual];
    bool small = (size_t)k * (size_t)n <= SMALL;
    if (a.row || l->pack_ahead || a.weight.packed || a.weight.dtype == CVT_F64 || small) {
        a.packed = cvt_pack_param(l, a.kernels, weight, k, n, 1, fold.scale);
        cut_packed(&a, l->kernels);
        cvt_lowering_scratch(l, (size_t)a.row_block * a.row / sizeof(float));
    } else {
        a.scale = cvt_lowering_scales(l, a.weight, n, fold.scale);
        a.col_block = l->kernels->nr;
        cvt_lowering_scratch(l, a.panel / sizeof(float));
    }
    cvt_lowering_step(l, w, &a, sizeof a, cut, run);
}
