/* json_out.h - writes pieces of JSON text, appended to a growing string. The bytes are the same in every locale. */
#ifndef CVT_REPORT_JSON_OUT_H
#define CVT_REPORT_JSON_OUT_H

#include "base/str.h"

/* Appends "text" with quotes, backslashes and control characters (C0, DEL, C1) escaped. Bytes that are not UTF-8 become
 * U+FFFD. */
void cvt_json_out_string(cvt_str *to, const char *text);

/* Appends "path":"a/b.jpg" where the key is "path". A path that is not UTF-8 becomes "path_b64":"..." with its bytes in
 * base64. */
void cvt_json_out_path(cvt_str *to, const char *key, const char *path);

/* Appends a number as %.9g with a decimal point. Numbers that are not finite become null, since JSON has no word for
 * them. */
void cvt_json_out_number(cvt_str *to, double value);

#endif
