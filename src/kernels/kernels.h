/* kernels.h - plain float kernels: no graph types, no malloc, no threads, no libm, no failure.
 *
 * One table of functions per instruction set, chosen once at run time (dispatch.c). ref.c is the oracle of all others:
 * plain loops. The others are instances of the templates in tmpl/.
 *
 * Bit-identity: what one output element comes to depends on its own row and column and on k, never on m, on the tile it
 * falls in, on alignment or on the neighbours. A product is one chain of multiply-adds (fma where the ISA has it) in
 * order of k, from 0; then + bias, then the activation, then + residual, then the last activation, each rounded as if
 * stored between. Elementwise and row kernels run the same vector code on a tail, under a mask or through a padded
 * copy. No pointer needs alignment. Matrices are row-major; "ld" is the distance of rows in elements. */
#ifndef CVT_KERNELS_KERNELS_H
#define CVT_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/dtype.h"
#include "base/error.h"
#include "kernels/resample.h"
#include "kernels/window.h"

/* Element-wise functions. A result differs from the exact value by at most 1.1e-6 plus 3e-7 of its magnitude (not at
 * all for CVT_ACT_NONE); behind a product in bf16 or int8 by at most 1.1e-6, plus 4.2e-4 times the smaller of |x| and
 * 1, plus 2e-4 of its magnitude, which is less than a quarter of the step of these formats where numbers are not far
 * below the largest of their row. NaN gives NaN, and an infinity gives the limit of the function there. */
typedef enum cvt_act {
#define X(id, name, torch) id,
#include "kernels/activations.def"
#undef X
    CVT_ACT_COUNT
} cvt_act;

/* What the two factors of a product are rounded to. Results and everything that follows a product are f32 in all of
 * them; how the sums are made is said at cvt_product_kernels. */
typedef enum cvt_precision {
#define X(id, name) id,
#include "kernels/precisions.def"
#undef X
    CVT_PRECISION_COUNT
} cvt_precision;

/* C[m,n] = last(act(A[m,k] B[k,n] + bias[n]) + residual[m,n])
 * b: ceil(n / nr) panels: in f32 each [k][nr], made by product.pack_b or pack_kn. a: in f32 rows that are lda floats
 * apart, else packed A, of product.pack_a. bias, residual may be NULL; residual may be c. */
typedef struct cvt_gemm {
    int m, n, k;
    const void *a;
    size_t lda;
    const void *b, *next; /* next: the panel that the caller multiplies by after these, to be prefetched, or NULL */
    float *c;
    size_t ldc;
    const float *bias;
    cvt_act act;
    const float *residual;
    size_t ldr;
    cvt_act last; /* the activation of the sum with the residual; CVT_ACT_NONE where there is no residual */
    /* NULL, or where the results go in place of c: rows of packed A, ready_size bytes apart, from the column on that is
     * this product's first. See `readies` of cvt_product_kernels. */
    void *ready;
    size_t ready_size;
} cvt_gemm;

/* Products in one precision. a is a row of A, w a row of weights (a column of B).
 *
 * f32:  A is read as it lies, panels are [k][nr].
 * f16:  rows of a and w times the power of two that brings their largest magnitude into [8, 16), but at most 2^103, are
 *       rounded to f16, where all of the following stays below 2^16: along k, runs of CVT_F16_RUN are chains of
 *       multiply-adds in f16 from 0; the sums of the runs of a block of CVT_F16_BLOCK are added up in f16, those of
 *       blocks in f32, in order. Then scaled back, + bias, and so on. A row that is not finite gives NaN.
 * bf16: rows of a and of w, already multiplied by its scale, are rounded to bfloat16, subnormal numbers to 0. Along k,
 *       runs of CVT_BF16_RUN are two chains of multiply-adds in f32 from 0, one over even and one over odd places; the
 *       two are added, and that sum to those of the runs before, in order. avx512bf16 and avx512fp16 have one chain, in
 *       which the odd place of a pair comes first; neonbf16 has one chain of the sums of pairs, and both sums are
 *       rounded to odd. All results below the normal range are 0. Then + bias, and so on.
 * int8: w[j,:] ~ t_j v[j,:], v = round(w / t_j) in [-127, 127], t_j = max |w[j,:]| / 127;
 *       a[i,:] ~ s_i (q[i,:] - z_i), q in [0, 255], s_i = (high - low) / 255 of the row and 0, z_i = round(-low / s_i).
 *       The sum of (q - z) v is exact, then in f32: (sum q v) s_i - z_i s_i (sum v), times t_j, + bias, and so on. A
 *       row that is not finite gives NaN. k <= CVT_INT8_MAX_K. */
typedef struct cvt_product_kernels {
    const char *layout;          /* the name of the panels' form: panels serve every table whose name is the same */
    size_t (*panel_size)(int k); /* bytes of a panel, a multiple of 64 */
    /* A panel from `columns` (<= nr) rows of weights [N, K], ldw elements apart: B[kk][j] = scale[j] * w[j * ldw + kk],
     * 0 for j >= columns; scale NULL: 1. w is F32, F16 or BF16, at any byte, or I8 for int8, whose scale holds t. */
    void (*pack_b)(void *panel, const void *w, cvt_dtype dtype, size_t ldw, int k, int columns, const float *scale);
    /* Packed A: m rows of k floats, lda floats apart, in the precision that gemm multiplies, packed_row_size(k) bytes
     * each, a multiple of 64. In f32 A is not packed: packed_row_size gives 0, and pack_a is NULL. */
    size_t (*packed_row_size)(int k);
    void (*pack_a)(void *to, const float *a, size_t lda, int m, int k);
    void (*gemm)(const cvt_gemm *g);
    bool tiles; /* gemm uses tiles: see cvt_kernels_for */
    int block;  /* gemm is at its best with whole blocks of so many rows, the more of them the better; 0: with any */
    /* Not 0: gemm can write its results as packed A of the next product in the same precision, as the bytes that pack_a
     * would make of them; so many of a row are one element. */
    int readies;
    /* Packed A of a convolution, straight from its map: the bytes that pack_a makes of rows [first, first + count) of
     * cvt_im2col. scratch has window_floats(w, count) floats. NULL: there is no such kernel. */
    void (*pack_window)(void *to, const float *x, const cvt_window_args *w, int first, int count, float *scratch);
    size_t (*window_floats)(const cvt_window_args *w, int count);
} cvt_product_kernels;

enum { CVT_F16_RUN = 32, CVT_F16_BLOCK = 128, CVT_BF16_RUN = 32 };
/* Up to that k the sum of a product stays below 2^31, and the sum of a column of weights below 2^24. */
enum { CVT_INT8_MAX_K = 65536 };

/* Returns the bytes of a packed row that needs `size`: an odd number of cache lines, so that neighbouring rows lie in
 * different sets of the cache, however long they are. */
static inline size_t cvt_odd_lines(size_t size) { return ((size + 63) / 64 | 1) * 64; }

/* The floats of a row of biases that may be read. */
static inline size_t cvt_bias_floats(size_t s) { return (s + 15) / 16 * 16; }

/* A second map that is added to the first, for queries and keys that are the cells of a grid: from cell n to cell m it
 * is columns[n % width][m] * rows[n / width][m]; both tables have rows of ld floats, with 0 after s, where ld is s
 * rounded up to CVT_POSITIONS_UNIT. */
typedef struct cvt_positions {
    const float *columns, *rows;
    size_t ld;
    int width;
} cvt_positions;
enum { CVT_POSITIONS_UNIT = 32 };

/* One head, a block of query rows:
 * out[t,:] = weight * sum_s softmax_s(scale * q[t,:].k[s,:] + bias[t,s]) v[s,:] + residual[t,:].
 * panels: k and v, packed by pack. bias may be NULL; else its rows have cvt_bias_floats(s) floats that can be read,
 * those after s of any finite value. residual may be NULL, or the same as out. map may be NULL; else it gets the
 * probabilities, [t, s]. scratch: as many floats as scratch(t, s, d) says. */
typedef struct cvt_attention {
    int t, s, d, dv;
    const float *q;
    size_t ldq;
    const float *panels;
    float scale, weight;
    const float *bias;
    size_t ldb;
    const float *residual;
    size_t ldr;
    float *out;
    size_t ldo;
    float *map;
    size_t ldm;
    const cvt_positions *positions; /* NULL, or the map to add, for kernels that say `positions` */
    int first;                      /* the cell of the first query, for positions */
    float *scratch;
} cvt_attention;

/* The keys [s,d] and values [s,dv] of a head. */
typedef struct cvt_attention_head {
    int s, d, dv;
    const float *k, *v;
    size_t ldk, ldv;
} cvt_attention_head;

/* Depth-wise convolution, output rows [row0, row1): x [h,w,c] at ldx floats a pixel -> y [oh,ow,c] at ldy, y at row 0.
 * weight [kh*kw][c], bias [c] or NULL. Outside the map is 0. The sum runs over (u,v) in order from 0, without what
 * lies outside; then + bias, then the activation. */
typedef struct cvt_dwconv {
    int c, h, w, oh, ow, kh, kw, stride_h, stride_w, pad_top, pad_left;
    const float *x;
    size_t ldx;
    const float *weight, *bias;
    cvt_act act;
    float *y;
    size_t ldy;
    int row0, row1;
} cvt_dwconv;

/* Attention in one precision. In less than f32 the factors of both products (queries, keys, values, probabilities) are
 * rounded: to bfloat16 or f16, or in int8 as rows and weights of products are, which wants s and d <= CVT_INT8_MAX_K;
 * scores, softmax and sums are f32 all the same. */
typedef struct cvt_attention_kernels {
    size_t (*panels)(int s, int d, int dv); /* how many floats the packed keys and values take */
    void (*pack)(float *panels, const cvt_attention_head *h);
    size_t (*scratch)(int t, int s, int d); /* how many floats run needs besides */
    void (*run)(const cvt_attention *a);
    bool tiles;     /* run uses tiles: see cvt_kernels_for */
    bool positions; /* run adds the map of positions */
    int least;      /* with fewer queries or keys than that, f32 is faster */
} cvt_attention_kernels;

typedef struct cvt_kernels {
    const char *name;
    int mr, nr; /* the GEMM's micro-tile */

    /* Where the CPU gains nothing from a lower precision, its kernels are those of f32. */
    const cvt_product_kernels *product[CVT_PRECISION_COUNT];
    const cvt_attention_kernels *attention[CVT_PRECISION_COUNT];

    /* A panel of f32 from rows of B: panel[kk][j] = b[kk * ldb + j] for j < columns (<= nr), 0 beyond. So a matrix
     * [K, N] that is computed (the values of a head) becomes B. */
    void (*pack_kn)(float *panel, const float *b, size_t ldb, int k, int columns);

    void (*dwconv)(const cvt_dwconv *d);

    const cvt_resample_kernels *resample; /* of 8-bit pixels */

    /* y = (x - mean) / sqrt(var + eps) * gamma + beta for each of `rows` rows of c; two passes, biased variance; gamma,
     * beta may be NULL (1, 0); y may be x. */
    void (*layer_norm)(float *y, size_t ldy, const float *x, size_t ldx, int rows, int c, const float *gamma,
                       const float *beta, float eps);
    /* y = act(x * scale[c] + shift[c]); scale, shift may be NULL; y may be x. */
    void (*affine)(float *y, size_t ldy, const float *x, size_t ldx, int rows, int c, const float *scale,
                   const float *shift, cvt_act act);
    /* y = a + b; y may be either. */
    void (*add)(float *y, size_t ldy, const float *a, size_t lda, const float *b, size_t ldb, int rows, int c);
    /* Softmax of scale * x along each row of n, in place. */
    void (*softmax)(float *x, size_t ldx, int rows, int n, float scale);
    /* x = exp(x) in place, with a relative error of at most 4.5e-7 for x >= -87; 0 below -88, infinity above 88.3. */
    void (*exp)(float *x, size_t n);
    /* y[c] = mean over the rows, summed in row order. */
    void (*mean_rows)(float *y, const float *x, size_t ldx, int rows, int c);
    /* c[r * ldc + q] += the sum over t < steps of a[r * row + t * step] * b[t * ldb + q], for r < rows, a multiple of
     * 4, and q < columns, a multiple of 8. Each is one chain in the order of t, whatever the numbers of rows and
     * columns: a product and its sum are rounded together, or one after the other where the CPU has no such
     * operation. */
    void (*add_doubles)(double *c, size_t ldc, const double *a, size_t row, size_t step, const double *b, size_t ldb,
                        size_t rows, size_t columns, size_t steps);
    /* `rounds` rounds of multiply-adds on registers alone; returns how many operations (a multiply-add is two) that
     * was. Timed, it says what one core can do at best. */
    double (*peak)(int rounds);
} cvt_kernels;

/* *out is the table called `isa`. Where that is NULL or "", it is the one that CVT_ISA in the environment names; where
 * that is not set either, the best one that this CPU runs. The CPU is asked once in a process: later calls compare some
 * names. Nothing of the process changes, and threads may call at the same time.
 * CVT_USAGE: no table is called so, or this CPU does not run it; *out stays as it is. */
cvt_status cvt_kernels_find(const cvt_kernels **out, const char *isa, cvt_error *error);

/* The table for a run in that precision; its products and attention must not be called before this function returned
 * it. It is `kernels`, but where these use tiles (AMX) in that precision the system has to permit that first. It is
 * asked once in a process, for all threads: on Linux by arch_prctl(ARCH_REQ_XCOMP_PERM), after which a thread that uses
 * tiles has 8 KiB more to save. If the system refuses, the result is the next lower table with the same kernels in f32.
 * No table uses tiles in f32, so the bits of a run in f32 do not depend on this, and such a run asks for nothing. */
const cvt_kernels *cvt_kernels_for(const cvt_kernels *kernels, cvt_precision precision);

/* The i-th table that can run here in every precision, `ref` first, then rising; NULL past the end. For tests. */
const cvt_kernels *cvt_kernels_at(int i);
extern const cvt_kernels cvt_kernels_ref;

/* "int8" -> CVT_PRECISION_INT8 and back; CVT_PRECISION_COUNT if unknown. */
cvt_precision cvt_precision_find(const char *name);
const char *cvt_precision_name(cvt_precision precision);

/* "gelu_erf" -> CVT_ACT_GELU_ERF and back; CVT_ACT_COUNT if unknown. */
cvt_act cvt_act_find(const char *name);
const char *cvt_act_name(cvt_act act);
const char *cvt_act_torch(cvt_act act);

#endif
