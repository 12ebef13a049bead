/* npy.c - NumPy's .npy files.
 *
 *     "\x93NUMPY" | major minor | u16 (version 1) or u32 N | N bytes: a Python dictionary, padded, ending in \n | data
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 224, 224), }
 *
 * Source: numpy.lib.format. */
#include "report/npy.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"

enum { MAGIC = 6, MAX_HEADER = 1 << 16, ALIGNMENT = 64 };
static const char magic[] = "\x93NUMPY";

/* ---- the header ------------------------------------------------------------------------------------------------ */

typedef enum element { F16, F32, F64 } element;
static const size_t element_size[] = {[F16] = 2, [F32] = 4, [F64] = 8};

typedef struct header {
    element type;
    bool fortran;
    int rank;
    int64_t shape[CVT_NPY_MAX_RANK];
} header;

typedef struct cursor {
    const char *at, *end;
    const char *path;
    cvt_error *error;
} cursor;

static cvt_status fail_header(const cursor *c) {
    return cvt_fail(c->error, CVT_CORRUPT, "%s: its header is no dictionary of descr, fortran_order, shape", c->path);
}

static void skip_space(cursor *c) {
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t')) c->at++;
}

/* Steps over `text`, and spaces before it, if it comes next. Returns whether it did. */
static bool take(cursor *c, const char *text) {
    skip_space(c);
    size_t n = strlen(text);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, text, n)) return false;
    c->at += n;
    return true;
}

/* Reads a quoted string without escapes; NumPy writes no others. */
static bool take_string(cursor *c, const char **text, size_t *n) {
    const char *quote = take(c, "'") ? "'" : take(c, "\"") ? "\"" : NULL;
    if (!quote) return false;
    *text = c->at;
    while (c->at < c->end && *c->at != *quote && *c->at != '\\') c->at++;
    *n = (size_t)(c->at - *text);
    return c->at < c->end && *c->at++ == *quote;
}

static cvt_status read_descr(cursor *c, header *h) {
    static const struct {
        const char *descr;
        element type;
    } known[] = {{"<f2", F16}, {"<f4", F32}, {"<f8", F64}};
    const char *descr;
    size_t n;
    if (take(c, "[")) return cvt_fail(c->error, CVT_UNSUPPORTED, "%s: an array of records", c->path);
    if (!take_string(c, &descr, &n)) return fail_header(c);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (n != 3 || memcmp(descr, known[i].descr, 3)) continue;
        h->type = known[i].type;
        return CVT_OK;
    }
    return cvt_fail(c->error, CVT_UNSUPPORTED, "%s: elements of type '%.*s': only <f2, <f4 and <f8 are read", c->path,
                    (int)(n < 40 ? n : 40), descr);
}

static cvt_status read_order(cursor *c, header *h) {
    h->fortran = take(c, "True");
    return h->fortran || take(c, "False") ? CVT_OK : fail_header(c);
}

static bool take_size(cursor *c, int64_t *size) {
    skip_space(c);
    const char *from = c->at;
    *size = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (!cvt_mul_i64(*size, 10, size) || __builtin_add_overflow(*size, *c->at - '0', size)) return false;
    return c->at > from;
}

/* Reads a tuple: () or (3,) or (2, 3) or (2, 3,). */
static cvt_status read_shape(cursor *c, header *h) {
    bool comma = true;
    if (!take(c, "(")) return fail_header(c);
    while (!take(c, ")")) {
        int64_t size;
        if (!comma || !take_size(c, &size)) return fail_header(c);
        if (h->rank == CVT_NPY_MAX_RANK)
            return cvt_fail(c->error, CVT_UNSUPPORTED, "%s: more than %d dimensions", c->path, (int)CVT_NPY_MAX_RANK);
        h->shape[h->rank++] = size;
        comma = take(c, ",");
    }
    return h->rank == 1 && !comma ? fail_header(c) : CVT_OK;
}

static cvt_status read_dictionary(cursor *c, header *h) {
    static const struct {
        const char *key;
        cvt_status (*read)(cursor *, header *);
    } fields[] = {{"descr", read_descr}, {"fortran_order", read_order}, {"shape", read_shape}};
    enum { FIELDS = sizeof fields / sizeof fields[0] };
    bool seen[FIELDS] = {false}, comma = true;
    if (!take(c, "{")) return fail_header(c);
    while (!take(c, "}")) {
        const char *key;
        size_t n, i = 0;
        if (!comma || !take_string(c, &key, &n) || !take(c, ":")) return fail_header(c);
        while (i < FIELDS && (strlen(fields[i].key) != n || memcmp(fields[i].key, key, n))) i++;
        if (i == FIELDS || seen[i]) return fail_header(c);
        seen[i] = true;
        TRY(fields[i].read(c, h));
        comma = take(c, ",");
    }
    skip_space(c);
    return c->at == c->end && seen[0] && seen[1] && seen[2] ? CVT_OK : fail_header(c);
}

/* Reads the header; *data becomes the offset at which the data begin. */
static cvt_status read_header(const cvt_file *file, header *h, size_t *data, cvt_error *error) {
    const unsigned char *bytes = file->data;
    if (file->size < MAGIC || memcmp(bytes, magic, MAGIC))
        return cvt_fail(error, CVT_FORMAT, "%s: not a .npy file", file->path);
    size_t prefix = file->size > MAGIC && bytes[MAGIC] == 1 ? 10 : 12;
    if (file->size < prefix)
        return cvt_fail(error, CVT_TRUNCATED, "%s: the file ends early, within its header", file->path);
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
        return cvt_fail(error, CVT_UNSUPPORTED, "%s: .npy version %d.%d", file->path, bytes[6], bytes[7]);
    size_t n = bytes[8] | (size_t)bytes[9] << 8;
    if (prefix == 12) n |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (n > MAX_HEADER)
        return cvt_fail(error, CVT_TOO_LARGE, "%s: a header of %zu bytes (limit %d)", file->path, n, (int)MAX_HEADER);
    if (n > file->size - prefix)
        return cvt_fail(error, CVT_TRUNCATED, "%s: the file ends early, within its header", file->path);
    const char *text = (const char *)bytes + prefix;
    *data = prefix + n;
    *h = (header){.rank = 0};
    return read_dictionary(&(cursor){.at = text, .end = text + n, .path = file->path, .error = error}, h);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static float load(const unsigned char *data, element type, size_t i) {
    const unsigned char *from = data + element_size[type] * i; /* it may be unaligned */
    if (type == F16) {
        uint16_t half;
        memcpy(&half, from, sizeof half);
        return cvt_f16_to_f32(half);
    }
    if (type == F64) {
        double wide;
        memcpy(&wide, from, sizeof wide);
        return (float)wide;
    }
    float value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* Reads an array whose first index changes fastest. `i` counts through the file's order, and the offset in C order
 * follows. */
static void load_fortran(float *to, size_t count, const unsigned char *data, const header *h) {
    size_t stride[CVT_NPY_MAX_RANK], offset = 0, product = 1;
    int64_t index[CVT_NPY_MAX_RANK] = {0};
    for (int d = h->rank - 1; d >= 0; product *= (size_t)h->shape[d], d--) stride[d] = product;
    for (size_t i = 0; i < count; i++) {
        to[offset] = load(data, h->type, i);
        for (int d = 0; d < h->rank; d++) {
            offset += stride[d];
            if (++index[d] < h->shape[d]) break;
            offset -= stride[d] * (size_t)h->shape[d];
            index[d] = 0;
        }
    }
}

static cvt_status count_elements(const header *h, const char *path, size_t size, size_t *count, cvt_error *error) {
    size_t bytes = element_size[h->type];
    bool fits = true;
    for (int d = 0; d < h->rank; d++) fits = cvt_mul_size(bytes, (size_t)h->shape[d], &bytes) && fits;
    if (!fits || bytes > size)
        return cvt_fail(error, CVT_TRUNCATED, "%s: the data ends early: %zu bytes are too few for its shape", path,
                        size);
    if (bytes < size) return cvt_fail(error, CVT_CORRUPT, "%s: %zu bytes behind the data", path, size - bytes);
    *count = bytes / element_size[h->type];
    return CVT_OK;
}

static cvt_status read_array(cvt_npy *out, const cvt_file *file, cvt_error *error) {
    header h;
    size_t begin = 0, count = 0, bytes;
    TRY(read_header(file, &h, &begin, error));
    TRY(count_elements(&h, file->path, file->size - begin, &count, error));
    if (!cvt_mul_size(count, sizeof *out->data, &bytes)) return cvt_fail_memory(error);
    float *data = malloc(bytes ? bytes : 1);
    if (!data) return cvt_fail_memory(error);
    if (h.fortran)
        load_fortran(data, count, file->data + begin, &h);
    else
        for (size_t i = 0; i < count; i++) data[i] = load(file->data + begin, h.type, i);
    *out = (cvt_npy){.rank = h.rank, .data = data, .count = count};
    memcpy(out->shape, h.shape, sizeof h.shape);
    return CVT_OK;
}

cvt_status cvt_npy_parse(cvt_npy *out, const void *bytes, size_t size, const char *name, cvt_error *error) {
    cvt_file file;
    *out = (cvt_npy){0};
    TRY(cvt_file_borrow(&file, bytes, size, name, error));
    cvt_status status = read_array(out, &file, error);
    cvt_file_close(&file);
    return status;
}

cvt_status cvt_npy_read(cvt_npy *out, const char *path, cvt_error *error) {
    cvt_file file;
    *out = (cvt_npy){0};
    bool piped = strcmp(path, "-") == 0;
    TRY(piped ? cvt_file_read(&file, path, CVT_NPY_STREAM, error) : cvt_file_map(&file, path, error));
    cvt_status status = read_array(out, &file, error);
    cvt_file_close(&file);
    return status;
}

void cvt_npy_free(cvt_npy *npy) {
    free(npy->data);
    *npy = (cvt_npy){0};
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* Writes the header. growing: leave room for any first dimension, as NumPy does. */
static void form_header(cvt_str *s, cvt_npy_type type, int rank, const int64_t *shape, bool growing) {
    enum { LONGEST = 20 };
    cvt_str_append(s, magic, MAGIC);
    cvt_str_append(s, "\1\0\0\0", 4); /* version 1.0; the size is filled in below */
    cvt_str_print(s, "{'descr': '%s', 'fortran_order': False, 'shape': (", type == CVT_NPY_F32 ? "<f4" : "|u1");
    size_t first = s->size, digits = LONGEST;
    for (int d = 0; d < rank; d++) {
        cvt_str_print(s, "%s%lld", d ? ", " : "", (long long)shape[d]);
        if (d == 0) digits = s->size - first;
    }
    cvt_str_print(s, "%s), }", rank == 1 ? "," : "");
    if (growing) cvt_str_print(s, "%*s", (int)(LONGEST - digits), "");
    while ((s->size + 1) % ALIGNMENT && !s->failed) cvt_str_append(s, " ", 1);
    cvt_str_append(s, "\n", 1);
    if (s->failed) return;
    size_t n = s->size - 10;
    s->data[8] = (char)(n & 0xff);
    s->data[9] = (char)(n >> 8);
}

cvt_status cvt_npy_write(const char *path, cvt_npy_type type, const void *data, int rank, const int64_t *shape,
                         cvt_error *error) {
    size_t bytes = type == CVT_NPY_F32 ? 4 : 1;
    for (int d = 0; d < rank; d++)
        if (!cvt_mul_size(bytes, (size_t)shape[d], &bytes))
            return cvt_fail(error, CVT_OUTPUT, "%s: a shape too large for any memory", path);
    cvt_str head = {0};
    cvt_out out;
    form_header(&head, type, rank, shape, false);
    cvt_status status = head.failed ? cvt_fail_memory(error) : cvt_out_open(&out, path, error);
    if (status == CVT_OK) {
        status = cvt_out_write(&out, head.data, head.size, error);
        if (status == CVT_OK) status = cvt_out_write(&out, data, bytes, error);
        if (status == CVT_OK)
            status = cvt_out_finish(&out, error);
        else
            cvt_out_abandon(&out);
    }
    cvt_str_free(&head);
    return status;
}

/* ---- writing row by row ---------------------------------------------------------------------------------------- */

static cvt_status write_header(cvt_npy_rows *rows, cvt_error *error) {
    cvt_str head = {0};
    form_header(&head, CVT_NPY_F32, rows->rank, rows->shape, true);
    cvt_status status =
        head.failed ? cvt_fail_memory(error) : cvt_out_patch(&rows->out, 0, head.data, head.size, error);
    cvt_str_free(&head);
    return status;
}

cvt_status cvt_npy_rows_open(cvt_npy_rows *rows, const char *path, int rank, const int64_t *row_shape,
                             cvt_error *error) {
    *rows = (cvt_npy_rows){.rank = rank + 1, .row = sizeof(float)};
    if (rank + 1 > CVT_NPY_MAX_RANK) return cvt_fail(error, CVT_OUTPUT, "%s: too many dimensions", path);
    for (int d = 0; d < rank; d++) {
        rows->shape[d + 1] = row_shape[d];
        if (!cvt_mul_size(rows->row, (size_t)row_shape[d], &rows->row))
            return cvt_fail(error, CVT_OUTPUT, "%s: a shape too large for any memory", path);
    }
    TRY(cvt_out_open(&rows->out, path, error));
    cvt_status status = write_header(rows, error);
    if (status != CVT_OK) cvt_npy_rows_abandon(rows);
    return status;
}

cvt_status cvt_npy_rows_add(cvt_npy_rows *rows, const float *row, cvt_error *error) {
    rows->shape[0]++;
    return cvt_out_write(&rows->out, row, rows->row, error);
}

cvt_status cvt_npy_rows_flush(cvt_npy_rows *rows, cvt_error *error) {
    TRY(write_header(rows, error));
    return cvt_out_flush(&rows->out, error);
}

cvt_status cvt_npy_rows_finish(cvt_npy_rows *rows, cvt_error *error) { return cvt_out_finish(&rows->out, error); }

void cvt_npy_rows_abandon(cvt_npy_rows *rows) { cvt_out_abandon(&rows->out); }
