/* names.h - whose names a file uses for the tensors of a family. A dialect is a table of rows {native, file}: patterns
 * in which {letter} stands for a number and a final * for the rest of the name. The native side is what the graph says.
 */
#ifndef CVT_WEIGHTS_NAMES_H
#define CVT_WEIGHTS_NAMES_H

#include "base/str.h"
#include "graph/graph.h"
#include "weights/weights.h"

typedef struct cvt_name_row {
    const char *native, *file;
} cvt_name_row;

/* rows end with {NULL, NULL}. identity: file names are the native ones (the rows of any other dialect tell which). */
typedef struct cvt_dialect {
    const char *name;
    const cvt_name_row *rows;
    bool identity;
} cvt_dialect;

/* The name of a parameter in a dialect, appended to `to`; false if no row covers it. */
bool cvt_name_expand(cvt_str *to, const cvt_dialect *dialect, const cvt_param *param);

/* Does a file's name match a pattern? */
bool cvt_name_match(const char *pattern, const char *name);

/* The dialect (of a list that ends with name NULL) whose rows match most tensor names; the first one if none match. */
const cvt_dialect *cvt_dialect_detect(const cvt_dialect *dialects, const cvt_weights *weights);
const cvt_dialect *cvt_dialect_find(const cvt_dialect *dialects, const char *name);

#endif
