/* markup.c - text from outside within SVG and HTML. */
#include "report/markup.h"

#include <stdint.h>

#include "report/record.h"

/* The code point of a valid sequence of n bytes. */
static uint32_t decode(const char *s, size_t n) {
    static const unsigned char lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = (unsigned char)s[0] & lead[n];
    for (size_t i = 1; i < n; i++) c = c << 6 | ((unsigned char)s[i] & 0x3f);
    return c;
}

/* Characters that are not seen, or turn the text around them; and those that XML forbids. */
static bool is_unseen(uint32_t c) {
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0xad, 0xad},     {0x61c, 0x61c},   {0x180e, 0x180e},  {0x200b, 0x200b},
                  {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},  {0xfeff, 0xfeff},
                  {0xfff9, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe007f}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (c >= ranges[i].first && c <= ranges[i].last) return true;
    return false;
}

static const char *special(char c) {
    return c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : NULL;
}

void cvt_markup_text(cvt_str *to, const char *text, size_t most) {
    cvt_str safe = {0};
    size_t shown = 0;
    cvt_record_escape(&safe, text);
    for (size_t i = 0; i < safe.size;) {
        if (most && shown++ == most) {
            cvt_str_append(to, "...", 3);
            break;
        }
        const size_t length = cvt_utf8_length(safe.data + i, safe.size - i), n = length ? length : 1;
        const char *as = special(safe.data[i]);
        const uint32_t c = decode(safe.data + i, n);
        if (as)
            cvt_str_text(to, as);
        else if (is_unseen(c))
            cvt_str_print(to, "\\u{%x}", (unsigned)c);
        else
            cvt_str_append(to, safe.data + i, n);
        i += n;
    }
    to->failed = to->failed || safe.failed;
    cvt_str_free(&safe);
}
