/* json_out.c - writes pieces of JSON text. Base64 is that of RFC 4648. */
#include "report/json_out.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void cvt_json_out_string(cvt_str *to, const char *text) { cvt_str_json(to, text, true); }

static void base64(cvt_str *to, const char *text) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *s = (const unsigned char *)text;
    for (size_t n = strlen(text); n > 0;) {
        size_t k = n < 3 ? n : 3;
        uint32_t bits = (uint32_t)s[0] << 16 | (k > 1 ? (uint32_t)s[1] << 8 : 0) | (k > 2 ? (uint32_t)s[2] : 0);
        char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63], k > 1 ? digits[bits >> 6 & 63] : '=',
                        k > 2 ? digits[bits & 63] : '='};
        cvt_str_append(to, four, 4);
        s += k;
        n -= k;
    }
}

void cvt_json_out_path(cvt_str *to, const char *key, const char *path) {
    if (cvt_utf8_valid(path, strlen(path))) {
        cvt_str_print(to, "\"%s\":", key);
        cvt_json_out_string(to, path);
        return;
    }
    cvt_str_print(to, "\"%s_b64\":\"", key);
    base64(to, path);
    cvt_str_append(to, "\"", 1);
}

void cvt_json_out_number(cvt_str *to, double value) {
    if (!isfinite(value)) {
        cvt_str_print(to, "null");
        return;
    }
    char text[64];
    snprintf(text, sizeof text, "%.9g", value);
    /* every byte but a digit, sign or exponent belongs to the locale's decimal point, which may have several */
    static const char own[] = "0123456789+-e";
    size_t whole = strspn(text, own), point = strcspn(text + whole, own);
    cvt_str_append(to, text, whole);
    if (point) cvt_str_append(to, ".", 1);
    cvt_str_append(to, text + whole + point, strlen(text + whole + point));
}
