/* product.c - C[M,N] = A[M,K] B[K,N] with constant B, cut into tiles.
 *
 * Small weights are packed into panels at load, tiles are blocks of rows by blocks of columns. Large ones stay in the
 * file's map and each tile packs its own panels into the thread's scratch, then runs all rows over them: a process that
 * answers one image never holds a second copy. Either way every element is the same chain of multiply-adds. */
#include "ops/product.h"

#include "base/num.h"

enum {
    SMALL = 1 << 16,        /* elements of a weight that is always packed at load */
    ROWS = 96,              /* of a tile of packed weights */
    COLUMNS = 32,           /* least columns of a tile that packs its own */
    PANEL_FLOATS = 1 << 16, /* packed floats that one tile works on: stay in L2 */
};

typedef struct product {
    cvt_source weight;
    const float *packed; /* NULL: packed by each tile */
    const float *scale, *bias;
    int rows, k, n;           /* of one image */
    int row_block, col_block; /* of a tile */
    bool joined;              /* the images' rows follow each other: one matrix of n * rows */
    cvt_act act;
    cvt_ref in, out, residual;
} product;

static int blocks(int total, int block) { return (total + block - 1) / block; }

/* Tiles are numbered column block by column block, in it image by image, in it by rows. */
static int tiles(const void *p, int n) {
    const product *a = p;
    int columns = blocks(a->n, a->col_block);
    if (!a->packed) return columns;
    return columns * (a->joined ? blocks(n * a->rows, a->row_block) : n * blocks(a->rows, a->row_block));
}

/* Rows [row, row + m) of the matrix that starts at `image`, against the panels of columns [col, col + n). */
static void multiply(const product *a, const cvt_context *x, int image, int row, int m, int col, int n,
                     const float *panels) {
    size_t r = (size_t)row, k = (size_t)a->k, ldc = (size_t)a->n, c = (size_t)col;
    bool add = !cvt_ref_none(a->residual);
    cvt_gemm g = {
        .m = m,
        .n = n,
        .k = a->k,
        .a = cvt_at(x, a->in, image) + r * k,
        .lda = k,
        .b = panels,
        .c = cvt_at(x, a->out, image) + r * ldc + c,
        .ldc = ldc,
        .bias = a->bias ? a->bias + c : NULL,
        .act = a->act,
        .residual = add ? cvt_at(x, a->residual, image) + r * ldc + c : NULL,
        .ldr = ldc,
    };
    x->kernels->gemm(&g);
}

static void run_packed(const product *a, const cvt_context *x, int tile) {
    int matrix_rows = a->joined ? x->n * a->rows : a->rows, per_matrix = blocks(matrix_rows, a->row_block);
    int per_column = a->joined ? per_matrix : x->n * per_matrix;
    int col = tile / per_column * a->col_block, rest = tile % per_column;
    int row = rest % per_matrix * a->row_block;
    multiply(a, x, rest / per_matrix, row, cvt_min_int(a->row_block, matrix_rows - row), col,
             cvt_min_int(a->col_block, a->n - col), a->packed + (size_t)col * (size_t)a->k);
}

static void run_packing(const product *a, const cvt_context *x, int tile) {
    const cvt_kernels *kernels = x->kernels;
    size_t element = cvt_dtype_size(a->weight.dtype), k = (size_t)a->k;
    int col = tile * a->col_block, n = cvt_min_int(a->col_block, a->n - col);
    for (int j = 0; j < n; j += kernels->nr) {
        const char *rows = (const char *)a->weight.data + (size_t)(col + j) * k * element;
        kernels->pack_nk(x->scratch + (size_t)j * k, rows, a->weight.dtype, k, a->k, cvt_min_int(kernels->nr, n - j),
                         a->scale ? a->scale + col + j : NULL);
    }
    if (a->joined)
        multiply(a, x, 0, 0, x->n * a->rows, col, n, x->scratch);
    else
        for (int i = 0; i < x->n; i++) multiply(a, x, i, 0, a->rows, col, n, x->scratch);
}

static void run(const void *p, const cvt_context *x, int tile) {
    const product *a = p;
    if (a->packed)
        run_packed(a, x, tile);
    else
        run_packing(a, x, tile);
}

size_t cvt_panels_floats(const cvt_kernels *kernels, int depth, int columns) {
    return (size_t)blocks(columns, kernels->nr) * (size_t)kernels->nr * (size_t)depth;
}

void cvt_panels_make(float *panels, const cvt_kernels *kernels, const float *matrix, size_t ld, int depth,
                     int columns) {
    for (int j = 0; j < columns; j += kernels->nr)
        kernels->pack_kn(panels + (size_t)j * (size_t)depth, matrix + j, ld, depth,
                         cvt_min_int(kernels->nr, columns - j));
}

void cvt_panels_make_turned(float *panels, const cvt_kernels *kernels, const float *matrix, size_t ld, int depth,
                            int columns) {
    for (int j = 0; j < columns; j += kernels->nr)
        kernels->pack_nk(panels + (size_t)j * (size_t)depth, matrix + (size_t)j * ld, CVT_F32, ld, depth,
                         cvt_min_int(kernels->nr, columns - j), NULL);
}

const float *cvt_pack_panels(cvt_lowering *l, const void *weight, cvt_dtype dtype, int k, int n, const float *scale) {
    int nr = l->kernels->nr;
    size_t element = cvt_dtype_size(dtype);
    float *panels = cvt_lowering_floats(l, cvt_panels_floats(l->kernels, k, n));
    for (int j = 0; panels && j < n; j += nr)
        l->kernels->pack_nk(panels + (size_t)j * (size_t)k, (const char *)weight + (size_t)j * (size_t)k * element,
                            dtype, (size_t)k, k, cvt_min_int(nr, n - j), scale ? scale + j : NULL);
    return panels;
}

/* `total` in equal blocks of at most `most`, each a multiple of `unit` but for the last. */
static int even_block(int total, int most, int unit) {
    int count = blocks(total, cvt_max_int(most, unit)), block = blocks(total, count);
    return blocks(block, unit) * unit;
}

void cvt_lower_product(cvt_lowering *l, const cvt_work *w, int weight, int k, int n, const float *bias) {
    const cvt_kernels *kernels = l->kernels;
    cvt_fold fold = cvt_fold_norm(l, w->norm, bias);
    product a = {.weight = l->sources[weight], .scale = fold.scale, .bias = fold.shift, .k = k, .n = n, .act = w->act};
    a.rows = cvt_shape_rows(l->graph->values[w->out].shape);
    a.in = l->refs[w->node->in[0]];
    a.out = l->refs[w->out];
    a.residual = w->residual == CVT_NO_VALUE ? CVT_NO_REF : l->refs[w->residual];
    size_t rows = (size_t)a.rows, in_size = rows * (size_t)k, out_size = rows * (size_t)n;
    a.joined = a.in.stride == in_size && a.out.stride == out_size &&
               (cvt_ref_none(a.residual) || a.residual.stride == out_size);
    bool wide = a.weight.dtype == CVT_F64;
    if (l->pack_ahead || wide || (size_t)k * (size_t)n <= SMALL) {
        const void *source = wide ? (const void *)cvt_lowering_param(l, weight) : a.weight.data;
        a.packed = source ? cvt_pack_panels(l, source, wide ? CVT_F32 : a.weight.dtype, k, n, fold.scale) : NULL;
        cvt_lowering_drop(l, weight);
        a.row_block = even_block(a.rows, ROWS, kernels->mr);
        a.col_block = even_block(n, cvt_max_int(PANEL_FLOATS / k, 1), kernels->nr);
    } else {
        a.col_block = blocks(COLUMNS, kernels->nr) * kernels->nr;
        cvt_lowering_scratch(l, (size_t)a.col_block * (size_t)k);
    }
    cvt_lowering_step(l, w, &a, sizeof a, tiles, run);
}
