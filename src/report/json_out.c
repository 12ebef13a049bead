/* json_out.c - writes pieces of JSON text. */
#include "report/json_out.h"

#include <math.h>
#include <string.h>

#include "base/base64.h"

void cvt_json_out_string(cvt_str *to, const char *text) { cvt_str_json(to, text, true); }

void cvt_json_out_path(cvt_str *to, const char *key, const char *path) {
    if (cvt_utf8_valid(path, strlen(path))) {
        cvt_str_print(to, "\"%s\":", key);
        cvt_json_out_string(to, path);
        return;
    }
    cvt_str_print(to, "\"%s_b64\":\"", key);
    cvt_base64_append(to, path, strlen(path));
    cvt_str_append(to, "\"", 1);
}

void cvt_json_out_number(cvt_str *to, double value) {
    if (isfinite(value))
        cvt_str_real(to, 9, value);
    else
        cvt_str_print(to, "null");
}
