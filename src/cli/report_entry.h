/* report_entry.h - reads images that lie in tar archives, for thumbnails. Records stand in the order of their archive,
 * so each entry is looked for behind the one before; only where it is not there the archive is read from its beginning
 * again. */
#ifndef CVT_CLI_REPORT_ENTRY_H
#define CVT_CLI_REPORT_ENTRY_H

#include "batch/tar.h"

/* Zero-initialise it, and free it at the end. */
typedef struct cvt_report_entries {
    cvt_tar *tar;    /* the archive that is open, or NULL */
    cvt_str archive; /* its path */
    cvt_str name;    /* of the entry that was read last */
    int64_t opened;  /* how often an archive was opened */
} cvt_report_entries;

void cvt_report_entries_free(cvt_report_entries *entries);

/* Reads the bytes of an entry. CVT_NOT_FOUND where the archive or the entry is not there; CVT_UNREADABLE where the
 * archive is no regular file, and where archives have been opened so often that the records cannot be in their order;
 * else as cvt_tar_open and cvt_tar_read. Messages do not name the archive. */
cvt_status cvt_report_entry_read(cvt_report_entries *entries, const char *archive, const char *name, cvt_input *input,
                                 cvt_error *error);

#endif
