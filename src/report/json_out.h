/* json_out.h - pieces of JSON text, appended to a growing string. The same bytes in every locale. */
#ifndef CVT_REPORT_JSON_OUT_H
#define CVT_REPORT_JSON_OUT_H

#include "base/str.h"

/* "text" with quotes, backslashes and control characters (C0, DEL, C1) escaped; what is no UTF-8 becomes U+FFFD. */
void cvt_json_out_string(cvt_str *to, const char *text);

/* "path":"a/b.jpg", or for a path that is not UTF-8 "path_b64":"..." with its bytes in base64. */
void cvt_json_out_path(cvt_str *to, const char *path);

/* %.9g with a point; null for what is not finite, which JSON cannot say. */
void cvt_json_out_number(cvt_str *to, double value);

#endif
