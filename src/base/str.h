/* str.h - strings from outside: escaping, comparing, a growing buffer. */
#ifndef CVT_BASE_STR_H
#define CVT_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the valid UTF-8 sequence at s (1 to 4), or 0 if it is not one. n: bytes left, n > 0. */
size_t cvt_utf8_length(const char *s, size_t n);
bool cvt_utf8_valid(const char *s, size_t n);

/* Copies src so that it may go to a terminal: control bytes (C0, DEL, C1) and bytes that are no UTF-8 become \xNN.
 * Always ends with 0, cuts at whole characters. Returns the length written, without the 0. capacity > 0. */
size_t cvt_str_escape(char *dst, size_t capacity, const char *src, size_t n);

/* Number of single-character edits from a to b, for "did you mean". Gives up above `limit` and returns limit + 1. */
size_t cvt_str_distance(const char *a, const char *b, size_t limit);

/* A growing byte string. Zero-initialise; `failed` stays set once memory ran out. data is 0-terminated when not NULL.
 */
typedef struct cvt_str {
    char *data;
    size_t size, capacity;
    bool failed;
} cvt_str;

void cvt_str_free(cvt_str *s);
void cvt_str_clear(cvt_str *s);
void cvt_str_append(cvt_str *s, const char *bytes, size_t n);
__attribute__((format(printf, 2, 3))) void cvt_str_print(cvt_str *s, const char *format, ...);

/* Appends text as a string of JSON in its quotes (RFC 8259). What is no UTF-8 becomes U+FFFD. Quotes, backslashes and
 * C0 controls are escaped; for what people may see (`shown`) DEL and C1 controls are, too, and line breaks and tabs
 * have the short form. */
void cvt_str_json(cvt_str *to, const char *text, bool shown);

#endif
