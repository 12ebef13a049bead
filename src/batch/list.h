/* list.h - finds the inputs of a run, one at a time, in order: first the operands, then the names of a list. It reads
 * ahead no more than the directory that it walks over.
 *
 * A name stands for itself, unless it is that of a directory. A directory stands for the entries directly in it or, if
 * recursive, for the whole tree, in the byte order of the paths (that of `LC_ALL=C sort`). Of a directory's entries
 * - those that begin with a dot are skipped, and so are links to directories;
 * - those named *.jpg *.jpeg *.jpe *.jfif *.png, in any case, are inputs whatever they hold;
 * - other regular files are inputs if they begin like a JPEG or PNG. */
#ifndef CVT_BATCH_LIST_H
#define CVT_BATCH_LIST_H

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

typedef struct cvt_list_options {
    const char *const *paths; /* the operands; "-" is an image on standard input */
    size_t n_paths;
    const char *files_from; /* a file of names, "-" for standard input, or NULL */
    bool nul;               /* the names in it end with NUL instead of newline */
    bool recursive;
    int wake; /* a descriptor, or -1; as soon as it is readable the list ends, even while it waits for more names */
} cvt_list_options;

typedef struct cvt_list cvt_list;

/* Opens a list. The strings in the options must outlive it. Where the list of names cannot be opened, this counts as an
 * input that failed. */
cvt_status cvt_list_new(cvt_list **out, const cvt_list_options *options, cvt_error *error);
void cvt_list_free(cvt_list *list);

/* Puts the next input into `path`; false at the end. problem->status is CVT_OK if the input is to be read; else it says
 * why it cannot be (a directory that cannot be opened, a list that cannot be read on). */
bool cvt_list_next(cvt_list *list, cvt_str *path, cvt_error *problem);

/* Returns how many inputs there are, if there are only operands and none is a directory; else 0: not known. */
size_t cvt_list_count(const cvt_list_options *options);

#endif
