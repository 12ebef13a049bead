/* archive.h - which entries of tar archives are inputs, by WebDataset's rule: entries whose names are the same up to
 * the first dot of their last part, the key, belong together; a .cls, .txt or .json among them says what an image
 * shows. */
#ifndef CVT_BATCH_ARCHIVE_H
#define CVT_BATCH_ARCHIVE_H

#include "batch/tar.h"

/* Archives that are read one behind the other. */
typedef struct cvt_archives cvt_archives;

/* Which label an entry is, by its name; where an image has several, the one of the highest kind counts. */
typedef enum cvt_label_kind {
    CVT_LABEL_NONE,
    CVT_LABEL_JSON,
    CVT_LABEL_TXT,
    CVT_LABEL_CLS,
    CVT_LABEL_KINDS
} cvt_label_kind;
cvt_label_kind cvt_archive_label(const char *name);

/* The names must outlive it. NULL: no memory. labels: entries that are labels are wanted too. wake: as in
 * cvt_tar_open. */
cvt_archives *cvt_archives_new(const char *const *names, size_t n, bool labels, int wake);
void cvt_archives_free(cvt_archives *archives);

typedef enum cvt_archive_item {
    CVT_ARCHIVE_END,    /* of the last archive */
    CVT_ARCHIVE_ENTRY,  /* an image: cvt_archives_take reads it, if problem->status is CVT_OK */
    CVT_ARCHIVE_LABEL,  /* the same of a .cls, .txt or .json, where labels are wanted */
    CVT_ARCHIVE_FAILED, /* an archive could not be read, or not to its end; the path is its name */
    CVT_ARCHIVE_REMARK, /* problem->message is a line for people on the archive at the path */
} cvt_archive_item;

/* The next image in any of the archives. Inputs are regular files that begin as an image does or have an image's name;
 * what begins with a dot is none, nor what is named *.cls, *.txt or *.json. Behind its last entry an archive gets a
 * line each for names that stood there twice, for keys whose entries do not stand together, and for its being without
 * an end or an image. */
cvt_archive_item cvt_archives_next(cvt_archives *archives, cvt_str *path, cvt_error *problem);

/* Reads the entry that was given last; false where the archive ends within it: then it is no input. */
bool cvt_archives_take(cvt_archives *archives, cvt_input *input, cvt_error *error);

/* The name of the archive that the last entry lies in, as it was given; NULL for standard input. */
const char *cvt_archives_name(const cvt_archives *archives);

#endif
