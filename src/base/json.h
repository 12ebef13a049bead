/* json.h - reads JSON that comes from outside. json.c is the only file that uses cJSON.
 *
 * These are refused, with the offset of the byte: text that is not UTF-8, data after the value, nesting deeper than
 * 64, more than 100,000,000 bytes, more than 1,000,000 values or 32 MiB of strings (together they bound the memory to
 * some 200 MB), the same key twice in one object, a number that RFC 8259 does not allow or that is not finite, U+0000
 * in a string, half a surrogate pair. Numbers are read in the same way in every locale. */
#ifndef CVT_BASE_JSON_H
#define CVT_BASE_JSON_H

#include <stdint.h>

#include "base/error.h"

typedef struct cvt_json cvt_json; /* one value; lives as long as its document */
typedef struct cvt_json_document cvt_json_document;

typedef enum cvt_json_kind {
    CVT_JSON_NULL,
    CVT_JSON_BOOL,
    CVT_JSON_NUMBER,
    CVT_JSON_STRING,
    CVT_JSON_ARRAY,
    CVT_JSON_OBJECT,
} cvt_json_kind;

/* Parses a text. Every message begins with `origin`, a file name. Malformed text is CVT_CONFIG, and *out is then
 * NULL. */
cvt_status cvt_json_parse(cvt_json_document **out, const char *text, size_t size, const char *origin, cvt_error *error);
/* The same as Python's json takes it: of two equal keys of an object the last one counts, and NaN, Infinity and
 * -Infinity are numbers. For documents of the hubs, which Python wrote. */
cvt_status cvt_json_parse_python(cvt_json_document **out, const char *text, size_t size, const char *origin,
                                 cvt_error *error);
void cvt_json_free(cvt_json_document *document);
const cvt_json *cvt_json_root(const cvt_json_document *document);

/* The kind of a value; that of an absent one, which is NULL, is CVT_JSON_NULL. */
cvt_json_kind cvt_json_kind_of(const cvt_json *value);
const char *cvt_json_kind_name(cvt_json_kind kind); /* "a number" */
/* A member, whose key is compared with its case. NULL: it is absent, or `object` is none or NULL. */
const cvt_json *cvt_json_get(const cvt_json *object, const char *key);
/* A member that is there and not null, else NULL. */
const cvt_json *cvt_json_member(const cvt_json *object, const char *key);
/* The members of an array or object in order: cvt_json_first, then cvt_json_next until it is NULL. The key of a member
 * of an array is NULL. */
const cvt_json *cvt_json_first(const cvt_json *value);
const cvt_json *cvt_json_next(const cvt_json *member);
const char *cvt_json_key(const cvt_json *member);
size_t cvt_json_size(const cvt_json *value);

/* Each returns false if the value is NULL or of another kind. An integer must be written without fraction and exponent,
 * and lie between -2^53 and 2^53, both excluded: doubles beyond them do not hold every integer. */
bool cvt_json_bool(const cvt_json *value, bool *out);
bool cvt_json_integer(const cvt_json *value, int64_t *out);
bool cvt_json_number(const cvt_json *value, double *out);
const char *cvt_json_string(const cvt_json *value); /* NULL if it is no string */

#endif
