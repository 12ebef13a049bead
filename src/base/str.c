/* str.c - escapes and compares strings that come from outside, and builds strings that grow. */
#include "base/str.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t cvt_utf8_length(const char *text, size_t n) {
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80) return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
    size_t length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (length > n) return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if (s[0] == 0xe0 && s[1] < 0xa0) return 0; /* overlong */
    if (s[0] == 0xed && s[1] > 0x9f) return 0; /* surrogates */
    if (s[0] == 0xf0 && s[1] < 0x90) return 0; /* overlong */
    if (s[0] == 0xf4 && s[1] > 0x8f) return 0; /* above U+10FFFF */
    return length;
}

bool cvt_utf8_valid(const char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        size_t k = cvt_utf8_length(s + i, n - i);
        if (k == 0) return false;
        i += k;
    }
    return true;
}

int cvt_str_compare(const char *a, size_t a_size, const char *b, size_t b_size) {
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

size_t cvt_str_escape(char *dst, size_t capacity, const char *src, size_t n) {
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        size_t k = cvt_utf8_length(src + i, n - i);
        unsigned char c = (unsigned char)src[i];
        bool control = c < 0x20 || c == 0x7f || (k == 2 && c == 0xc2 && (unsigned char)src[i + 1] < 0xa0);
        if (k == 0 || control) {
            if (used + 4 >= capacity) break;
            snprintf(dst + used, 5, "\\x%02x", c);
            used += 4;
            i += 1;
            for (size_t j = 1; k && j < k && used + 4 < capacity; j++, i++, used += 4)
                snprintf(dst + used, 5, "\\x%02x", (unsigned char)src[i]);
        } else {
            if (used + k >= capacity) break;
            memcpy(dst + used, src + i, k);
            used += k;
            i += k;
        }
    }
    dst[used] = 0;
    return used;
}

size_t cvt_str_distance(const char *a, const char *b, size_t limit) {
    enum { MAX_LENGTH = 512 };
    size_t row[MAX_LENGTH + 1], n = strlen(a), m = strlen(b);
    if (n > MAX_LENGTH || m > MAX_LENGTH || (n > m ? n - m : m - n) > limit) return limit + 1;
    for (size_t j = 0; j <= m; j++) row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0], lowest = row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
            if (best < lowest) lowest = best;
        }
        if (lowest > limit) return limit + 1;
    }
    return row[m] > limit ? limit + 1 : row[m];
}

void cvt_str_free(cvt_str *s) {
    free(s->data);
    *s = (cvt_str){0};
}

void cvt_str_clear(cvt_str *s) {
    s->size = 0;
    if (s->data) s->data[0] = 0;
}

/* Makes room for n more bytes and the 0 that ends the string. */
static bool reserve(cvt_str *s, size_t n) {
    if (s->failed || n >= SIZE_MAX / 2 - s->size) s->failed = true;
    if (s->failed) return false;
    if (s->size + n + 1 <= s->capacity) return true;
    size_t capacity = s->capacity ? s->capacity : 64;
    while (capacity < s->size + n + 1) capacity *= 2;
    char *data = realloc(s->data, capacity);
    if (!data) {
        s->failed = true;
        return false;
    }
    s->data = data;
    s->capacity = capacity;
    return true;
}

void cvt_str_append(cvt_str *s, const char *bytes, size_t n) {
    if (!reserve(s, n)) return;
    if (n) memcpy(s->data + s->size, bytes, n);
    s->size += n;
    s->data[s->size] = 0;
}

void cvt_str_text(cvt_str *s, const char *text) { cvt_str_append(s, text, strlen(text)); }

void cvt_str_print(cvt_str *s, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) s->failed = true;
    if (n >= 0 && reserve(s, (size_t)n)) {
        vsnprintf(s->data + s->size, (size_t)n + 1, format, again);
        s->size += (size_t)n;
    }
    va_end(again);
}

void cvt_str_real(cvt_str *to, int digits, double value) {
    char text[64];
    int n = digits ? digits : 6;
    snprintf(text, sizeof text, "%.*g", n, value);
    while (!digits && n < 17 && strtod(text, NULL) != value) snprintf(text, sizeof text, "%.*g", ++n, value);
    /* every byte but a digit, sign or exponent belongs to the locale's decimal point, which may have several */
    static const char own[] = "0123456789+-e";
    const size_t whole = strspn(text, own), point = strcspn(text + whole, own);
    cvt_str_append(to, text, whole);
    if (point) cvt_str_append(to, ".", 1);
    cvt_str_text(to, text + whole + point);
}

/* Returns the letter of the short escape ('n' for a newline), or 0 where there is none. */
static char short_escape(unsigned code, bool shown) {
    if (code == '"' || code == '\\') return (char)code;
    if (!shown) return 0;
    return code == '\n' ? 'n' : code == '\r' ? 'r' : code == '\t' ? 't' : 0;
}

/* Returns the code of the character at s if it must be escaped, else 0. k is its length in bytes. */
static unsigned must_escape(const char *s, size_t k, bool shown) {
    unsigned char c = (unsigned char)s[0];
    if (k == 1) return c < 0x20 || c == '"' || c == '\\' || (shown && c == 0x7f) ? c : 0;
    unsigned char next = (unsigned char)s[1];
    return shown && c == 0xc2 && next < 0xa0 ? next : 0; /* a C1 control */
}

void cvt_str_json(cvt_str *to, const char *text, bool shown) {
    size_t n = strlen(text), plain = 0; /* plain: where the bytes begin that are not copied yet */
    cvt_str_append(to, "\"", 1);
    for (size_t i = 0, k; i < n; i += k) {
        size_t length = cvt_utf8_length(text + i, n - i);
        k = length ? length : 1;
        unsigned code = length ? must_escape(text + i, k, shown) : 0;
        if (length && !code) continue;
        cvt_str_append(to, text + plain, i - plain);
        plain = i + k;
        char letter = short_escape(code, shown);
        if (!length)
            cvt_str_append(to, "\xef\xbf\xbd", 3); /* U+FFFD, the replacement character */
        else if (letter)
            cvt_str_print(to, "\\%c", letter);
        else
            cvt_str_print(to, "\\u%04x", code);
    }
    cvt_str_append(to, text + plain, n - plain);
    cvt_str_append(to, "\"", 1);
}
