/* str.h - escapes and compares strings that come from outside, and builds strings that grow. */
#ifndef CVT_BASE_STR_H
#define CVT_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

/* Returns the length (1 to 4) of the valid UTF-8 sequence at s, or 0 if there is none. n > 0 bytes are left. */
size_t cvt_utf8_length(const char *s, size_t n);
bool cvt_utf8_valid(const char *s, size_t n);

/* Compares two byte strings as strcmp does those that end with 0; either may hold zeros. */
int cvt_str_compare(const char *a, size_t a_size, const char *b, size_t b_size);

/* Copies src in a form that may go to a terminal: control characters (C0, DEL, C1) and bytes that are not UTF-8 become
 * \xNN. The copy always ends with 0, and is cut between characters where it does not fit. Returns its length without
 * the 0. capacity > 0. */
size_t cvt_str_escape(char *dst, size_t capacity, const char *src, size_t n);

/* Returns the number of single-character edits from a to b, or limit + 1 where it is more than `limit`. It serves to
 * suggest the name that was meant. */
size_t cvt_str_distance(const char *a, const char *b, size_t limit);

/* A byte string that grows. Zero-initialise it. `failed` becomes true when memory runs out, and stays so. `data` ends
 * with a 0, or is NULL. */
typedef struct cvt_str {
    char *data;
    size_t size, capacity;
    bool failed;
} cvt_str;

void cvt_str_free(cvt_str *s);
void cvt_str_clear(cvt_str *s);
void cvt_str_append(cvt_str *s, const char *bytes, size_t n); /* of no bytes, `bytes` may be NULL */
void cvt_str_text(cvt_str *s, const char *text);
__attribute__((format(printf, 2, 3))) void cvt_str_print(cvt_str *s, const char *format, ...);
/* Appends a finite number with at most `digits` digits, or for 0 as few, from 6 on, as tell it from all others. The
 * decimal point is a point in every locale. */
void cvt_str_real(cvt_str *to, int digits, double value);

/* Appends text as a JSON string with its quotes (RFC 8259). Bytes that are not UTF-8 become U+FFFD. Quotes, backslashes
 * and C0 controls are escaped. `shown` is for text that people may look at: DEL and C1 controls are then escaped too,
 * and line breaks and tabs become \n, \r and \t. */
void cvt_str_json(cvt_str *to, const char *text, bool shown);

#endif
