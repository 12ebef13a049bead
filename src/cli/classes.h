/* classes.h - which class of a model is meant by a number or a name. */
#ifndef CVT_CLI_CLASSES_H
#define CVT_CLI_CLASSES_H

#include "cli/command.h"

/* text: the index of a class; or its label, or one of the names of which the label is a list with commas. CVT_USAGE
 * where it is none of them, with the nearest name, or where several classes go by this name. */
cvt_status cvt_class_find(const cvt_model *model, const char *text, int *index, cvt_error *error);

#endif
