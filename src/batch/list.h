/* list.h - which inputs there are, one at a time, in order: operands first, then the names of a list. Nothing is read
 * ahead but the directory that is being walked.
 *
 * A name stands for itself unless it is a directory: that means the entries directly in it or, if recursive, the whole
 * tree, in the byte order of the paths (as `LC_ALL=C sort` would have it). Of a directory's entries
 * - those that begin with a dot are skipped, and so are links to directories;
 * - those named *.jpg *.jpeg *.jpe *.jfif *.png, in any case, are inputs whatever they are;
 * - other regular files are inputs if they begin as a JPEG or PNG does. */
#ifndef CVT_BATCH_LIST_H
#define CVT_BATCH_LIST_H

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

typedef struct cvt_list_options {
    const char *const *paths; /* operands; "-" is an image on standard input */
    size_t n_paths;
    const char *files_from; /* a file of names, "-" for standard input, or NULL */
    bool nul;               /* names in it end with NUL instead of newline */
    bool recursive;
    int wake; /* a descriptor that ends the list once readable, even while it waits for more names; or -1 */
} cvt_list_options;

typedef struct cvt_list cvt_list;

/* The options' strings must outlive the list. A list of names that cannot be opened is an input that failed. */
cvt_status cvt_list_new(cvt_list **out, const cvt_list_options *options, cvt_error *error);
void cvt_list_free(cvt_list *list);

/* The next input; false at the end. problem->status is CVT_OK if it is to be read, else it says why this one cannot be
 * (a directory that cannot be opened, a list that cannot be read on). */
bool cvt_list_next(cvt_list *list, cvt_str *path, cvt_error *problem);

/* How many inputs there are if there are only operands and no directory among them; else 0: not known. */
size_t cvt_list_count(const cvt_list_options *options);

#endif
