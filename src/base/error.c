/* error.c - writes the lines in which errors are reported. */
#include "base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const char *const codes[] = {
    [CVT_OK] = "ok",
    [CVT_NOT_FOUND] = "not_found",
    [CVT_UNREADABLE] = "unreadable",
    [CVT_FORMAT] = "format",
    [CVT_TRUNCATED] = "truncated",
    [CVT_CORRUPT] = "corrupt",
    [CVT_UNSUPPORTED] = "unsupported",
    [CVT_TOO_LARGE] = "too_large",
    [CVT_NON_FINITE] = "non_finite",
    [CVT_CONFIG] = "config",
    [CVT_WEIGHTS] = "weights",
    [CVT_USAGE] = "usage",
    [CVT_OUTPUT] = "output",
    [CVT_NO_MEMORY] = "no_memory",
};

const char *cvt_status_code(cvt_status status) {
    size_t i = (size_t)status;
    return i < sizeof codes / sizeof codes[0] ? codes[i] : "unknown";
}

/* Is s the first byte of a UTF-8 character, or the end of the text? */
static bool begins(const char *s) { return ((unsigned char)*s & 0xc0) != 0x80; }

/* Copies a text of n bytes to `message`. A text that does not fit loses its middle: it begins with the file and ends
 * with the fact, and a long path must not push the fact out. */
static void copy_message(char message[CVT_MESSAGE_MAX], const char *text, size_t n) {
    static const char gap[] = " ... ";
    size_t head = n, tail = n;
    if (n >= CVT_MESSAGE_MAX) {
        head = CVT_MESSAGE_MAX / 4;
        tail = n - (CVT_MESSAGE_MAX - sizeof gap - head);
        while (!begins(text + head)) head--;
        while (!begins(text + tail)) tail++;
    }
    snprintf(message, CVT_MESSAGE_MAX, "%.*s%s%s", (int)head, text, head < n ? gap : "", text + tail);
}

/* Formats "text" or "text: tail" into error->message and escapes what must not go to a terminal. */
__attribute__((format(printf, 3, 0))) static void set_message(cvt_error *error, const char *tail, const char *format,
                                                              va_list args) {
    char raw[8 * CVT_MESSAGE_MAX], text[8 * CVT_MESSAGE_MAX];
    int n = vsnprintf(raw, sizeof raw - CVT_MESSAGE_MAX, format, args);
    size_t room = sizeof raw - CVT_MESSAGE_MAX - 1, used = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
    size_t k = cvt_str_escape(text, sizeof text - CVT_MESSAGE_MAX - 4, raw, used);
    if (tail) k += (size_t)snprintf(text + k, sizeof text - k, ": %s", tail);
    copy_message(error->message, text, k);
}

cvt_status cvt_fail(cvt_error *error, cvt_status status, const char *format, ...) {
    if (error) {
        va_list args;
        va_start(args, format);
        error->status = status;
        set_message(error, NULL, format, args);
        va_end(args);
    }
    return status;
}

cvt_status cvt_fail_in(cvt_error *error, cvt_status status, const char *format, ...) {
    if (!error) return status;
    char tail[CVT_MESSAGE_MAX];
    memcpy(tail, error->message, sizeof tail);
    va_list args;
    va_start(args, format);
    set_message(error, tail, format, args);
    va_end(args);
    return error->status;
}

cvt_status cvt_fail_memory(cvt_error *error) { return cvt_fail(error, CVT_NO_MEMORY, "out of memory"); }
