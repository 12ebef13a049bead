/* dtype.h - element types of stored tensors. */
#ifndef CVT_BASE_DTYPE_H
#define CVT_BASE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>

/* X(id, safetensors name, bytes, is a float type) */
#define CVT_DTYPES(X)            \
    X(CVT_F32, "F32", 4, true)   \
    X(CVT_F16, "F16", 2, true)   \
    X(CVT_BF16, "BF16", 2, true) \
    X(CVT_F64, "F64", 8, true)   \
    X(CVT_I64, "I64", 8, false)  \
    X(CVT_I32, "I32", 4, false)  \
    X(CVT_I16, "I16", 2, false)  \
    X(CVT_I8, "I8", 1, false)    \
    X(CVT_U8, "U8", 1, false)    \
    X(CVT_BOOL, "BOOL", 1, false)

typedef enum cvt_dtype {
#define X(id, name, bytes, is_float) id,
    CVT_DTYPES(X)
#undef X
        CVT_DTYPE_COUNT
} cvt_dtype;

/* The name of a dtype ("F32"), its size in bytes, and whether it is a float type. */
const char *cvt_dtype_name(cvt_dtype dtype);
size_t cvt_dtype_size(cvt_dtype dtype);
bool cvt_dtype_is_float(cvt_dtype dtype);

/* Writes `count` elements as f32. `from` may be unaligned; its dtype is a float type or CVT_I8. With any other type the
 * caller has a bug, and an assertion fails. */
void cvt_dtype_widen(float *to, const void *from, cvt_dtype dtype, size_t count);

#endif
