/* base64.h - bytes as text and back, base64 of RFC 4648. */
#ifndef CVT_BASE_BASE64_H
#define CVT_BASE_BASE64_H

#include "base/str.h"

/* Appends n bytes as base64, padded with =. */
void cvt_base64_append(cvt_str *to, const void *bytes, size_t n);

/* Decodes a text in place. False where it is not base64, or holds nothing. */
bool cvt_base64_decode(cvt_str *text);

#endif
