/* report_entry.c - reads images that lie in tar archives, going through each archive once where records are in its
 * order. */
#include "cli/report_entry.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/command.h"

enum { MAX_OPENED = 1000 /* openings of archives: each may mean reading one to its end */ };

static void close_archive(cvt_report_entries *entries) {
    cvt_tar_close(entries->tar);
    entries->tar = NULL;
}

void cvt_report_entries_free(cvt_report_entries *entries) {
    close_archive(entries);
    cvt_str_free(&entries->archive);
    cvt_str_free(&entries->name);
}

/* Opens the archive at its beginning. Records name it, so it must be a file: a FIFO would wait for its writer. */
static cvt_status open_archive(cvt_report_entries *entries, const char *archive, cvt_error *error) {
    struct stat about;
    close_archive(entries);
    cvt_str_clear(&entries->archive);
    cvt_str_text(&entries->archive, archive);
    if (entries->archive.failed) return cvt_fail_memory(error);
    if (stat(archive, &about) != 0) return cvt_input_fail(error, errno);
    if (!S_ISREG(about.st_mode)) return cvt_fail(error, CVT_UNREADABLE, "the archive is not a file");
    if (entries->opened++ >= MAX_OPENED)
        return cvt_fail(error, CVT_UNREADABLE, "the records are not in the order of their archives");
    return cvt_tar_open(&entries->tar, archive, -1, error);
}

/* Goes on to the entry of this name and reads it. CVT_NOT_FOUND behind the last entry; the archive is closed then. */
static cvt_status read_next(cvt_report_entries *entries, const char *name, cvt_input *input, cvt_error *error) {
    uint8_t start[CVT_IMAGE_SIGNATURE];
    size_t n;
    while (!cvt_cli_stopped() && cvt_tar_next(entries->tar, &entries->name, start, &n, error)) {
        if (entries->name.failed) return cvt_fail_memory(error);
        if (!entries->name.size || strcmp(entries->name.data, name) != 0) continue;
        if (error->status != CVT_OK) return error->status;
        if (cvt_tar_read(entries->tar, input, error)) return error->status;
        break;
    }
    const cvt_error trouble = *cvt_tar_trouble(entries->tar);
    close_archive(entries);
    if (trouble.status != CVT_OK) return cvt_fail(error, trouble.status, "%s", trouble.message);
    return cvt_fail(error, CVT_NOT_FOUND, "\"%s\" is not in it", name);
}

cvt_status cvt_report_entry_read(cvt_report_entries *entries, const char *archive, const char *name, cvt_input *input,
                                 cvt_error *error) {
    input->size = 0;
    const bool goes_on = entries->tar && strcmp(entries->archive.data, archive) == 0;
    if (goes_on && read_next(entries, name, input, error) == CVT_OK) return CVT_OK;
    if (goes_on && entries->tar) return error->status; /* it is there, but cannot be read */
    TRY(open_archive(entries, archive, error));
    return read_next(entries, name, input, error);
}
