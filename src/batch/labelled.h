/* labelled.h - images with labels: a directory that has a directory for each label, or a list of paths and labels. */
#ifndef CVT_BATCH_LABELLED_H
#define CVT_BATCH_LABELLED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

/* The images in the order of label and path, in bytes; so it does not matter in which order a list has them. */
typedef struct cvt_labelled {
    cvt_arena arena;
    const char **paths;
    int *labels; /* of each image: the index of its name */
    size_t n;
    const char **names; /* in the order of their bytes */
    size_t *counts;     /* of each name: how many images there are; a directory may have none */
    int n_names;
    size_t beside; /* files that lie beside the directories, and so have no label */
} cvt_labelled;

/* Reads `data`. A directory: of each directory in it the images as cvt_list finds them, in all directories below if
 * `recursive`; names that begin with a dot are passed over. A file, a FIFO or standard input: lines of a path, a tab
 * and a label; with a comma between them, and quotes where they are needed, if its name ends with .csv. A first line
 * "path", "label" is passed over. listed: the images stay in the order of the list, and a line that stands twice counts
 * twice. CVT_USAGE, naming what is wrong; CVT_NOT_FOUND, CVT_UNREADABLE, CVT_NO_MEMORY. */
cvt_status cvt_labelled_read(cvt_labelled *out, const char *data, bool recursive, bool listed, cvt_error *error);
void cvt_labelled_free(cvt_labelled *set);

#endif
