/* error.c - forming error lines. */
#include "base/error.h"

#include <stdarg.h>
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

/* Formats "text" or "text: tail" into error->message, escaped. */
__attribute__((format(printf, 3, 0))) static void set_message(cvt_error *error, const char *tail, const char *format,
                                                              va_list args) {
    char raw[2 * CVT_MESSAGE_MAX];
    int n = vsnprintf(raw, sizeof raw, format, args);
    size_t used = n < 0 ? 0 : (size_t)n < sizeof raw ? (size_t)n : sizeof raw - 1;
    size_t k = cvt_str_escape(error->message, sizeof error->message, raw, used);
    if (tail) snprintf(error->message + k, sizeof error->message - k, ": %s", tail);
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
