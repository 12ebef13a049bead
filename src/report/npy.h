/* npy.h - reads and writes NumPy's .npy files. It reads versions 1 to 3, f32, f64 and f16, little-endian, in C or
 * Fortran order, with a header of at most 64 KiB, and checks the shape against the size of the file before it allocates
 * anything. It refuses arrays of objects. It writes f32 or u8, in C order, version 1.0. */
#ifndef CVT_REPORT_NPY_H
#define CVT_REPORT_NPY_H

#include <stdint.h>

#include "base/file.h"

enum { CVT_NPY_MAX_RANK = 8 };

typedef struct cvt_npy {
    int rank;
    int64_t shape[CVT_NPY_MAX_RANK];
    float *data; /* in C order; free it with cvt_npy_free */
    size_t count;
} cvt_npy;

static const size_t CVT_NPY_STREAM = (size_t)1 << 32; /* bytes of what is no regular file */

/* Reads a file. Errors: those of cvt_file_map; CVT_FORMAT, CVT_TRUNCATED, CVT_CORRUPT, CVT_UNSUPPORTED,
 * CVT_TOO_LARGE. The path "-" is standard input, of at most CVT_NPY_STREAM bytes. */
cvt_status cvt_npy_read(cvt_npy *out, const char *path, cvt_error *error);
/* The same for the bytes of a file, which messages call `name`. */
cvt_status cvt_npy_parse(cvt_npy *out, const void *bytes, size_t size, const char *name, cvt_error *error);
void cvt_npy_free(cvt_npy *npy);

typedef enum cvt_npy_type { CVT_NPY_F32, CVT_NPY_U8 } cvt_npy_type;
/* Writes a file. Errors: CVT_OUTPUT. */
cvt_status cvt_npy_write(const char *path, cvt_npy_type type, const void *data, int rank, const int64_t *shape,
                         cvt_error *error);

/* Writes f32 rows whose number is only known at the end, as an array [rows, ...row_shape]. The output must allow
 * seeking. As with cvt_out, the file appears with `finish`, and `abandon` gives it up. */
typedef struct cvt_npy_rows {
    cvt_out out;
    int rank; /* dimensions, that of the rows included */
    int64_t shape[CVT_NPY_MAX_RANK];
    size_t row; /* bytes of a row */
} cvt_npy_rows;
cvt_status cvt_npy_rows_open(cvt_npy_rows *rows, const char *path, int rank, const int64_t *row_shape,
                             cvt_error *error);
cvt_status cvt_npy_rows_add(cvt_npy_rows *rows, const float *row, cvt_error *error);
/* Writes the number of rows and hands everything to the system, so that `finish` only has to rename the file. */
cvt_status cvt_npy_rows_flush(cvt_npy_rows *rows, cvt_error *error);
cvt_status cvt_npy_rows_finish(cvt_npy_rows *rows, cvt_error *error);
void cvt_npy_rows_abandon(cvt_npy_rows *rows);

#endif
