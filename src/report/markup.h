/* markup.h - text from outside within SVG and HTML. */
#ifndef CVT_REPORT_MARKUP_H
#define CVT_REPORT_MARKUP_H

#include "base/str.h"

/* Appends text as it may stand in an element or in an attribute of double quotes. Characters of the markup are
 * escaped. What cannot be seen, or would turn the text around it, becomes \u{202e}; control characters and bytes that
 * are not UTF-8 become \xNN. The text is cut after `most` characters, and then ends with "..."; 0: it is whole. */
void cvt_markup_text(cvt_str *to, const char *text, size_t most);

#endif
