/* list.h - finds the inputs of a run, one at a time, in order: first the operands, then the names of lists, then the
 * entries of tar archives (archive.h says which). It reads ahead no more than the directory that it walks over.
 *
 * A name stands for itself, unless it is that of a directory. A directory stands for the entries directly in it or, if
 * recursive, for the whole tree, in the byte order of the paths (that of `LC_ALL=C sort`). Of a directory's entries
 * - those that begin with a dot are skipped, and so are links to directories;
 * - those named *.jpg *.jpeg *.jpe *.jfif *.png, in any case, are inputs whatever they are;
 * - other regular files are inputs if they begin as an image that is decoded here, and if their beginning cannot be
 *   read.
 *
 * A list may come from Windows: a byte order mark in front is dropped, a name that ends with CR is taken without it
 * where there is no file of that name; UTF-16 is refused by name. */
#ifndef CVT_BATCH_LIST_H
#define CVT_BATCH_LIST_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"
#include "batch/input.h"

typedef struct cvt_list_options {
    const char *const *paths; /* the operands; "-" is an image on standard input */
    size_t n_paths;
    const char *const *lists; /* files of names, "-" for standard input, one behind the other */
    size_t n_lists;
    const char *const *tars; /* archives, "-" for standard input, one behind the other */
    size_t n_tars;
    bool labels;         /* and their labels: cvt_list_label */
    uint64_t max_pixels; /* as in cvt_input, of what is read for labels */
    bool nul;            /* names in them end with NUL instead of newline */
    bool recursive;
    bool plain;                /* operands were found already: each is one input, which is no directory */
    bool remarks;              /* wanted: see cvt_list_kind */
    const atomic_bool *ending; /* once it is true the list ends, even within a directory; or NULL */
    int wake; /* a descriptor that ends the list once readable, even while it waits for more names; or -1 */
} cvt_list_options;

typedef struct cvt_list cvt_list;

/* The options' strings must outlive the list. CVT_USAGE where a list of names cannot be opened, which is named; where
 * standard input is wanted twice; or where there are archives and this build cannot read them. */
cvt_status cvt_list_new(cvt_list **out, const cvt_list_options *options, cvt_error *error);
void cvt_list_free(cvt_list *list);

/* The next input; false at the end, or where a list of names cannot be read on. problem->status is CVT_OK if the input
 * is to be read, else it says why this one cannot be (a directory that cannot be opened). */
bool cvt_list_next(cvt_list *list, cvt_str *path, cvt_error *problem);

/* What cvt_list_next has given last. */
typedef enum cvt_list_kind {
    CVT_LIST_NAMED,  /* an operand: it is read whatever it is, a FIFO too */
    CVT_LIST_FOUND,  /* from a directory or a list of names */
    CVT_LIST_FOLDER, /* a directory that cannot be read: nobody knows which inputs are in it, so it is one in every
                        shard */
    CVT_LIST_ENTRY,  /* of an archive: cvt_list_take reads it */
    CVT_LIST_REMARK, /* no input: problem->message is worth a line to people, on the directory at the path, which gave
                        none. Only where the options want remarks; problem->status is CVT_NOT_FOUND. */
} cvt_list_kind;
cvt_list_kind cvt_list_last(const cvt_list *list);

/* Reads the entry of an archive that was given last, before the next call of cvt_list_next, as cvt_tar_read does; an
 * entry that is not read is passed by. False: it is no input after all. */
bool cvt_list_take(cvt_list *list, cvt_input *input, cvt_error *error);
/* The name of the archive that the entry given last lies in; NULL if it came from standard input, or is none. */
const char *cvt_list_tar(const cvt_list *list);

/* The label of the entry given last, where the options want labels (group.h says which it is); NULL: none. */
const char *cvt_list_label(const cvt_list *list);

/* Why a list of names could not be read to its end: CVT_USAGE, naming it; or CVT_OK. After cvt_list_next was false. */
const cvt_error *cvt_list_trouble(const cvt_list *list);

/* How many inputs there are if there are only operands and no directory among them; else 0: not known. */
size_t cvt_list_count(const cvt_list_options *options);

#endif
