/* npy.h - NumPy's .npy files. Reading: versions 1 to 3, f32, f64, f16, little-endian, C or Fortran order, a header of
 * at most 64 KiB, the shape checked against the file size before anything is allocated; no object arrays.
 * Writing: f32 or u8, C order, version 1.0. */
#ifndef CVT_REPORT_NPY_H
#define CVT_REPORT_NPY_H

#include <stdint.h>

#include "base/file.h"

enum { CVT_NPY_MAX_RANK = 8 };

typedef struct cvt_npy {
    int rank;
    int64_t shape[CVT_NPY_MAX_RANK];
    float *data; /* C order; free with cvt_npy_free */
    size_t count;
} cvt_npy;

/* Errors: those of cvt_file_map; CVT_FORMAT, CVT_TRUNCATED, CVT_CORRUPT, CVT_UNSUPPORTED, CVT_TOO_LARGE. */
/* "-" is standard input, at most 4 GiB. */
cvt_status cvt_npy_read(cvt_npy *out, const char *path, cvt_error *error);
void cvt_npy_free(cvt_npy *npy);

typedef enum cvt_npy_type { CVT_NPY_F32, CVT_NPY_U8 } cvt_npy_type;
/* Errors: CVT_OUTPUT. */
cvt_status cvt_npy_write(const char *path, cvt_npy_type type, const void *data, int rank, const int64_t *shape,
                         cvt_error *error);

/* The same for f32 rows whose number shows only at the end: each of `row_shape`, [rows, ...row_shape]. The output must
 * be one that can be sought in. The file appears with `finish`, as that of cvt_out; `abandon` as there. */
typedef struct cvt_npy_rows {
    cvt_out out;
    int rank; /* with the rows */
    int64_t shape[CVT_NPY_MAX_RANK];
    size_t row; /* bytes */
} cvt_npy_rows;
cvt_status cvt_npy_rows_open(cvt_npy_rows *rows, const char *path, int rank, const int64_t *row_shape,
                             cvt_error *error);
cvt_status cvt_npy_rows_add(cvt_npy_rows *rows, const float *row, cvt_error *error);
/* Writes the number of rows and hands all to the system: `finish` then only gives the file its name. */
cvt_status cvt_npy_rows_flush(cvt_npy_rows *rows, cvt_error *error);
cvt_status cvt_npy_rows_finish(cvt_npy_rows *rows, cvt_error *error);
void cvt_npy_rows_abandon(cvt_npy_rows *rows);

#endif
