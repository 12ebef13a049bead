/* tar.c - reads tar archives. This is the only file that uses libarchive, where the build has found it.
 *
 * The library is loaded with the first archive.
 *
 * Of libarchive's formats only tar is enabled, of its filters none: a compressed archive comes by a pipe. It is asked
 * to go on behind the end of an archive, where another one may begin. Where a header is damaged it looks for the next
 * one in steps of 512 bytes. It holds no more than a header, whose long names and pax records it limits to 1 MiB. */
#include "batch/tar.h"

#ifdef CVT_WITH_ARCHIVE

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/library.h"

enum {
    BLOCK = 512,
    BUFFER = 64 << 10,
    END_MARK = 2 * BLOCK, /* zeros, at the least */
    SHOWN = 200           /* bytes of a name that is too long */
};

/* The functions that are used, by their own names. */
/* clang-format off */
#define FUNCTIONS(F) \
    F(archive_entry_filetype) F(archive_entry_free) F(archive_entry_hardlink) F(archive_entry_new) \
    F(archive_entry_pathname) F(archive_entry_size) F(archive_entry_sparse_count) F(archive_entry_symlink) \
    F(archive_errno) F(archive_error_string) F(archive_read_data) F(archive_read_free) F(archive_read_header_position) \
    F(archive_read_new) F(archive_read_next_header2) \
    F(archive_read_open2) F(archive_read_set_options) F(archive_read_support_filter_none) \
    F(archive_read_support_format_tar) F(archive_set_error)
CVT_LIBRARY("libarchive.so.13", FUNCTIONS)
/* clang-format on */

struct cvt_tar {
    struct archive *archive;
    struct archive_entry *entry; /* the one in hand; the archive has one of its own, which may not be there */
    cvt_input first;             /* what was read before libarchive saw anything; it is handed out first */
    size_t handed;               /* of `first` */
    char *buffer;
    int fd, wake;
    int64_t size, at; /* of a regular file, whose parts can be passed over; size -1: it is none */
    size_t zeros;     /* how many the stream ends with, as far as it has been read */
    bool ended;       /* the stream has */
    bool cancelled;
    cvt_error trouble;
    int64_t position;                   /* of the last header */
    uint8_t start[CVT_IMAGE_SIGNATURE]; /* the beginning of the entry */
    size_t n_start;
    uint64_t left; /* bytes of the entry still to come */
};

bool cvt_tar_is_built(void) { return true; }

/* ---- the stream -------------------------------------------------------------------------------------------------- */

static void count_zeros(cvt_tar *tar, const char *bytes, size_t n) {
    size_t zeros = 0;
    while (zeros < n && zeros < END_MARK && !bytes[n - 1 - zeros]) zeros++;
    tar->zeros = zeros == n ? tar->zeros + n : zeros;
}

static ssize_t fetch(cvt_tar *tar, void *to, size_t n, cvt_error *error) {
    ssize_t got = cvt_input_wait_read(tar->fd, to, n, tar->wake);
    if (got < 0) tar->cancelled = errno == ECANCELED;
    if (got < 0) cvt_input_fail(error, errno);
    if (got == 0) tar->ended = true;
    if (got > 0) tar->at += got;
    if (got > 0) count_zeros(tar, to, (size_t)got);
    return got;
}

static la_ssize_t on_read(struct archive *archive, void *context, const void **bytes) {
    cvt_tar *tar = context;
    *bytes = tar->buffer;
    if (tar->handed < tar->first.size) {
        *bytes = tar->first.data + tar->handed;
        size_t left = tar->first.size - tar->handed;
        tar->handed = tar->first.size;
        return (la_ssize_t)left;
    }
    if (tar->trouble.status == CVT_UNREADABLE) return ARCHIVE_FATAL;
    ssize_t got = tar->ended ? 0 : fetch(tar, tar->buffer, BUFFER, &tar->trouble);
    if (got >= 0) return got;
    lib.archive_set_error(archive, EIO, "unreadable");
    return ARCHIVE_FATAL;
}

/* Passes over a part of a regular file, but never over its end, which has to be seen. */
static la_int64_t on_skip(struct archive *archive, void *context, la_int64_t request) {
    cvt_tar *tar = context;
    (void)archive;
    if (tar->size < 0 || tar->handed < tar->first.size || tar->size - tar->at <= BUFFER) return 0;
    int64_t most = tar->size - tar->at - BUFFER, n = request < most ? request : most;
    if (lseek(tar->fd, (off_t)n, SEEK_CUR) < 0) return 0;
    tar->at += n;
    tar->zeros = 0;
    return n;
}

/* Reads the first block, and refuses what is known not to be tar. */
static cvt_status look(cvt_tar *tar, cvt_error *error) {
    static const struct {
        const char *bytes, *what;
    } others[] = {
        {"\x1f\x8b", "compressed by gzip: use a pipe, gzip -dc FILE | cvt ... --tar -"},
        {"\x28\xb5\x2f\xfd", "compressed by zstd: use a pipe, zstd -dc FILE | cvt ... --tar -"},
        {"\xfd"
         "7zXZ",
         "compressed by xz: use a pipe, xz -dc FILE | cvt ... --tar -"},
        {"BZh", "compressed by bzip2: use a pipe, bzip2 -dc FILE | cvt ... --tar -"},
        {"\x04\x22\x4d\x18", "compressed by lz4: use a pipe, lz4 -dc FILE | cvt ... --tar -"},
        {"PK\3\4", "a ZIP archive: only tar is read"},
        {"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: only tar is read"},
        {"Rar!", "a RAR archive: only tar is read"},
    };
    unsigned char *data = realloc(tar->first.data, BLOCK);
    if (!data) return cvt_fail_memory(error);
    tar->first.data = data;
    while (tar->first.size < BLOCK && !tar->ended) {
        ssize_t got = fetch(tar, data + tar->first.size, BLOCK - tar->first.size, error);
        if (got < 0) return error->status;
        tar->first.size += (size_t)got;
    }
    if (!tar->first.size) return cvt_fail(error, CVT_TRUNCATED, "empty file, not a tar archive");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        size_t n = strlen(others[i].bytes);
        if (tar->first.size >= n && memcmp(data, others[i].bytes, n) == 0)
            return cvt_fail(error, CVT_UNSUPPORTED, "%s", others[i].what);
    }
    return CVT_OK;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static bool is_short_of_memory(const cvt_tar *tar) { return lib.archive_errno(tar->archive) == ENOMEM; }

static cvt_status start(cvt_tar *tar, cvt_error *error) {
    struct stat about;
    const bool regular = fstat(tar->fd, &about) == 0 && S_ISREG(about.st_mode);
    const off_t here = regular ? lseek(tar->fd, 0, SEEK_CUR) : -1;
    tar->size = here < 0 ? -1 : (int64_t)about.st_size;
    tar->at = here < 0 ? 0 : (int64_t)here;
    TRY(look(tar, error));
    tar->buffer = malloc(BUFFER);
    tar->archive = lib.archive_read_new();
    tar->entry = lib.archive_entry_new();
    if (!tar->buffer || !tar->archive || !tar->entry) return cvt_fail_memory(error);
    if (lib.archive_read_support_filter_none(tar->archive) != ARCHIVE_OK ||
        lib.archive_read_support_format_tar(tar->archive) != ARCHIVE_OK ||
        lib.archive_read_set_options(tar->archive, "tar:read_concatenated_archives") != ARCHIVE_OK ||
        lib.archive_read_open2(tar->archive, tar, NULL, on_read, on_skip, NULL) != ARCHIVE_OK)
        return is_short_of_memory(tar) ? cvt_fail_memory(error) : cvt_fail(error, CVT_FORMAT, "not a tar archive");
    return CVT_OK;
}

cvt_status cvt_tar_open(cvt_tar **out, const char *path, int wake, cvt_error *error) {
    *out = NULL;
    TRY(need(error));
    cvt_tar *tar = calloc(1, sizeof *tar);
    if (!tar) return cvt_fail_memory(error);
    *tar = (cvt_tar){.fd = -1, .wake = wake, .position = -1};
    cvt_status status = cvt_input_open(&tar->fd, path, &tar->first, wake, error);
    if (status != CVT_OK) tar->fd = -1;
    if (status == CVT_OK) status = start(tar, error);
    if (status != CVT_OK) {
        cvt_tar_close(tar);
        return status;
    }
    *out = tar;
    return CVT_OK;
}

void cvt_tar_close(cvt_tar *tar) {
    if (!tar) return;
    if (tar->archive) lib.archive_read_free(tar->archive);
    if (tar->entry) lib.archive_entry_free(tar->entry);
    if (tar->fd > STDIN_FILENO) close(tar->fd);
    free(tar->first.data);
    free(tar->buffer);
    free(tar);
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

/* Notes the first thing that is wrong with the archive, if it is not known already that the stream cannot be read. */
static void note_trouble(cvt_tar *tar, bool fatal) {
    const char *text = lib.archive_error_string(tar->archive), *why = text ? text : "no valid header";
    const int64_t position = lib.archive_read_header_position(tar->archive);
    if (tar->trouble.status != CVT_OK) return;
    if (is_short_of_memory(tar))
        cvt_fail_memory(&tar->trouble);
    else if (fatal && tar->ended)
        cvt_fail(&tar->trouble, CVT_TRUNCATED, "the tar archive ends early");
    else if (tar->position < 0)
        cvt_fail(&tar->trouble, CVT_FORMAT, "not a tar archive");
    else if (position >= 0)
        cvt_fail(&tar->trouble, CVT_CORRUPT, "the tar archive is damaged at byte %lld: %s", (long long)position, why);
    else /* libarchive has given up, and no longer says where */
        cvt_fail(&tar->trouble, CVT_CORRUPT, "the tar archive is damaged behind the entry at byte %lld: %s",
                 (long long)tar->position, why);
}

/* Goes to the next header; false at the end, or where it is not possible to go on. */
static bool next_header(cvt_tar *tar) {
    for (;;) {
        int result = lib.archive_read_next_header2(tar->archive, tar->entry);
        if (result == ARCHIVE_EOF) return false;
        const int64_t position = lib.archive_read_header_position(tar->archive);
        const bool goes_on = result != ARCHIVE_FATAL && position > tar->position;
        if (result != ARCHIVE_OK && result != ARCHIVE_WARN) note_trouble(tar, result == ARCHIVE_FATAL);
        if (result == ARCHIVE_FATAL || !goes_on) return false;
        tar->position = position;
        if (result == ARCHIVE_OK || result == ARCHIVE_WARN) return true;
    }
}

static bool is_file(struct archive_entry *entry) {
    return lib.archive_entry_filetype(entry) == AE_IFREG && !lib.archive_entry_hardlink(entry) &&
           !lib.archive_entry_symlink(entry);
}

static void take_name(cvt_str *path, const char *name, cvt_error *problem) {
    const size_t n = name ? strlen(name) : 0;
    cvt_str_clear(path);
    cvt_str_append(path, name ? name : "", n > CVT_LONGEST_NAME ? SHOWN : n);
    if (path->failed) cvt_fail_memory(problem);
    if (n > CVT_LONGEST_NAME) cvt_fail(problem, CVT_TOO_LARGE, "a name of %zu bytes in the archive", n);
    if (n == 0) cvt_fail(problem, CVT_CORRUPT, "an entry without a name in the archive");
}

/* Never asks for more than the entry has: an entry of which no byte is missing is whole, even where what fills its last
 * block is not. */
static ssize_t read_data(void *context, void *to, size_t n, cvt_error *error) {
    cvt_tar *tar = context;
    if (n > tar->left) n = (size_t)tar->left;
    if (n == 0) return 0;
    la_ssize_t got = lib.archive_read_data(tar->archive, to, n);
    if (got > 0) tar->left -= (uint64_t)got;
    if (got >= 0) return (ssize_t)got;
    note_trouble(tar, true);
    return cvt_fail(error, CVT_TRUNCATED, "the tar archive ends early"), -1;
}

/* Reads the beginning of the entry; false where the archive ends within it. */
static bool read_start(cvt_tar *tar) {
    const int64_t size = lib.archive_entry_size(tar->entry);
    tar->left = size > 0 ? (uint64_t)size : 0;
    cvt_error ignored;
    for (tar->n_start = 0; tar->n_start < sizeof tar->start;) {
        ssize_t got = read_data(tar, tar->start + tar->n_start, sizeof tar->start - tar->n_start, &ignored);
        if (got < 0) return false;
        if (got == 0) break;
        tar->n_start += (size_t)got;
    }
    return true;
}

bool cvt_tar_next(cvt_tar *tar, cvt_str *path, uint8_t start[CVT_IMAGE_SIGNATURE], size_t *n, cvt_error *problem) {
    *n = 0;
    while (next_header(tar)) {
        problem->status = CVT_OK;
        if (!is_file(tar->entry)) continue;
        take_name(path, lib.archive_entry_pathname(tar->entry), problem);
        if (problem->status != CVT_OK) return true;
        if (lib.archive_entry_sparse_count(tar->entry) > 0) {
            cvt_fail(problem, CVT_UNSUPPORTED, "a sparse file in the archive: store it whole (tar without -S)");
            return true;
        }
        if (!read_start(tar)) continue;
        memcpy(start, tar->start, tar->n_start);
        *n = tar->n_start;
        return true;
    }
    return false;
}

bool cvt_tar_read(cvt_tar *tar, cvt_input *input, cvt_error *error) {
    const cvt_input_source source = {read_data, tar};
    const int64_t size = lib.archive_entry_size(tar->entry);
    if (size < 0 || (uint64_t)size > CVT_IMAGE_LIMIT)
        return cvt_fail(error, CVT_TOO_LARGE, "more than %zu bytes", CVT_IMAGE_LIMIT), true;
    if (input->capacity < sizeof tar->start) {
        unsigned char *data = realloc(input->data, BUFFER);
        if (!data) return cvt_fail_memory(error), true;
        input->data = data;
        input->capacity = BUFFER;
    }
    memcpy(input->data, tar->start, tar->n_start);
    input->size = tar->n_start;
    cvt_status status = cvt_input_read_from(input, &source, (uint64_t)size, error);
    error->status = status == CVT_TRUNCATED ? CVT_OK : status;
    return status != CVT_TRUNCATED;
}

const cvt_error *cvt_tar_trouble(const cvt_tar *tar) { return &tar->trouble; }
bool cvt_tar_is_closed(const cvt_tar *tar) { return tar->zeros >= END_MARK; }

#else /* without libarchive */

bool cvt_tar_is_built(void) { return false; }

cvt_status cvt_tar_open(cvt_tar **out, const char *path, int wake, cvt_error *error) {
    (void)path, (void)wake;
    *out = NULL;
    return cvt_fail(error, CVT_UNSUPPORTED, "this program was built without libarchive, which reads archives");
}

void cvt_tar_close(cvt_tar *tar) { (void)tar; }

bool cvt_tar_next(cvt_tar *tar, cvt_str *path, uint8_t start[CVT_IMAGE_SIGNATURE], size_t *n, cvt_error *problem) {
    (void)tar, (void)path, (void)start, (void)n, (void)problem;
    return false;
}

bool cvt_tar_read(cvt_tar *tar, cvt_input *input, cvt_error *error) {
    (void)tar, (void)input, (void)error;
    return false;
}

const cvt_error *cvt_tar_trouble(const cvt_tar *tar) {
    static const cvt_error none;
    (void)tar;
    return &none;
}

bool cvt_tar_is_closed(const cvt_tar *tar) { return tar != NULL; }

#endif
