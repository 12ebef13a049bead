/* error.h - how every function reports a failure: it returns a status, and the function that knows the fact writes one
 * line about it. */
#ifndef CVT_BASE_ERROR_H
#define CVT_BASE_ERROR_H

#include "cvt.h"

/* Fills *error, where it is not NULL, with the formatted line, and returns status. Control bytes and what is not UTF-8
 * become \xNN. */
__attribute__((format(printf, 3, 4))) cvt_status cvt_fail(cvt_error *error, cvt_status status, const char *format, ...);

/* Puts "prefix: " in front of the message of an error that is passed on. Returns the error's status, or `status` where
 * error is NULL. */
__attribute__((format(printf, 3, 4))) cvt_status cvt_fail_in(cvt_error *error, cvt_status status, const char *format,
                                                             ...);

cvt_status cvt_fail_memory(cvt_error *error);

/* Returns from the calling function if the expression fails, with the status of the failure. */
#define TRY(expression)                                \
    do {                                               \
        cvt_status try_status_ = (expression);         \
        if (try_status_ != CVT_OK) return try_status_; \
    } while (0)

#endif
