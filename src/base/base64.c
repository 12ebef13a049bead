/* base64.c - bytes as text and back, base64 of RFC 4648. */
#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void cvt_base64_append(cvt_str *to, const void *bytes, size_t n) {
    for (const unsigned char *s = bytes; n > 0;) {
        size_t k = n < 3 ? n : 3;
        uint32_t bits = (uint32_t)s[0] << 16 | (k > 1 ? (uint32_t)s[1] << 8 : 0) | (k > 2 ? (uint32_t)s[2] : 0);
        char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63], k > 1 ? digits[bits >> 6 & 63] : '=',
                        k > 2 ? digits[bits & 63] : '='};
        cvt_str_append(to, four, 4);
        s += k;
        n -= k;
    }
}

bool cvt_base64_decode(cvt_str *text) {
    unsigned bits = 0;
    int held = 0;
    size_t n = 0;
    for (size_t i = 0; i < text->size && text->data[i] != '='; i++) {
        const char *digit = strchr(digits, text->data[i]);
        if (!digit || !*digit) return false;
        bits = bits << 6 | (unsigned)(digit - digits);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        text->data[n++] = (char)(bits >> held & 0xff);
    }
    if (text->data) text->data[n] = 0;
    text->size = n;
    return n > 0;
}
