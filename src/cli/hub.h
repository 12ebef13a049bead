/* hub.h - models that somebody has downloaded from the Hugging Face hub: its cache is read, never the network. */
#ifndef CVT_CLI_HUB_H
#define CVT_CLI_HUB_H

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

/* Is it of the form ORG/NAME? */
bool cvt_hub_is_name(const char *name);
/* Appends the path of the repository's directory in the cache. CVT_NOT_FOUND, naming the cache and how to get it. */
cvt_status cvt_hub_find(const char *name, cvt_str *path, cvt_error *error);

#endif
