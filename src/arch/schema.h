/* schema.h - the JSON schema of configs in the native dialect. It is made from the tables of keys. */
#ifndef CVT_ARCH_SCHEMA_H
#define CVT_ARCH_SCHEMA_H

#include "base/str.h"

/* Appends the schema of all families and layers, a line a key. */
void cvt_schema_print(cvt_str *to);

#endif
