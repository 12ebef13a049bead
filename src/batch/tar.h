/* tar.h - reads the entries of a tar archive, one behind the other, from a file, a FIFO or standard input. */
#ifndef CVT_BATCH_TAR_H
#define CVT_BATCH_TAR_H

#include "base/str.h"
#include "batch/input.h"
#include "image/image.h"

/* An archive that is being read: ustar, GNU tar, pax, and several of them behind each other. Nothing is unpacked, and
 * memory does not grow with the number of entries. */
typedef struct cvt_tar cvt_tar;

/* Can this build read archives? */
bool cvt_tar_is_built(void);

/* Opens the archive at the path ("-": standard input); waiting ends once `wake` is readable. Errors: those of
 * cvt_input_read; CVT_TRUNCATED for an empty file; CVT_UNSUPPORTED, naming it, for a compressed archive; CVT_FORMAT for
 * what is none. Messages do not name the archive. */
cvt_status cvt_tar_open(cvt_tar **out, const char *path, int wake, cvt_error *error);
void cvt_tar_close(cvt_tar *tar);

/* The next regular file of the archive: its name into path, its first bytes into *start, up to CVT_IMAGE_SIGNATURE of
 * them; *n becomes how many. Directories, devices and links are passed by. False at the end. problem->status is CVT_OK
 * if the entry can be read, else why it cannot be: CVT_UNSUPPORTED for a sparse file, CVT_TOO_LARGE for a name that is
 * too long, whose beginning path then holds, CVT_CORRUPT where it has none. */
bool cvt_tar_next(cvt_tar *tar, cvt_str *path, uint8_t start[CVT_IMAGE_SIGNATURE], size_t *n, cvt_error *problem);

/* Reads the entry that cvt_tar_next has given last, whose buffer begins empty, as cvt_input_read does. False where the
 * archive ends within it or cannot be read on: then the entry is none, and cvt_tar_trouble says why. Else error->status
 * is CVT_OK, CVT_TOO_LARGE or CVT_NO_MEMORY. */
bool cvt_tar_read(cvt_tar *tar, cvt_input *input, cvt_error *error);

/* What was wrong with the archive as a whole: CVT_TRUNCATED where it ends early, CVT_CORRUPT where a header is damaged
 * (what stands behind it has been read all the same), CVT_UNREADABLE; or CVT_OK. After cvt_tar_next was false. */
const cvt_error *cvt_tar_trouble(const cvt_tar *tar);
/* Does the archive end with the blocks that mark its end? After cvt_tar_next was false. */
bool cvt_tar_is_closed(const cvt_tar *tar);

#endif
