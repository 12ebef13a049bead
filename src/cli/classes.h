/* classes.h - finds the class of a model that a number or a name stands for. */
#ifndef CVT_CLI_CLASSES_H
#define CVT_CLI_CLASSES_H

#include "cli/command.h"

/* Finds a class. `text` is its index, or its label, or one of the names of which the label is a list with commas.
 * CVT_USAGE where it is none of these (the message has the nearest name), or where several classes have this name. */
cvt_status cvt_class_find(const cvt_model *model, const char *text, int *index, cvt_error *error);

/* A label may be a list of names, "tabby, tabby cat". Returns the length of the name at `at`, which ends before a
 * comma; *next becomes the beginning of the next one, or NULL. */
size_t cvt_class_name_length(const char *at, const char **next);

#endif
