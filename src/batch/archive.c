/* archive.c - goes through tar archives for the images in them. Keys and names that come again are noticed among the
 * last REMEMBERED ones at least, so that memory does not grow with the archive. */
#include "batch/archive.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/num.h"
#include "batch/key.h"

enum { SLOTS = 1 << 16, REMEMBERED = SLOTS / 2 };

/* Hashes of strings; 0 is an empty slot. When the newer table is half full, it becomes the older one. */
typedef struct memory {
    uint64_t *newer, *older; /* SLOTS each */
    size_t n;                /* in the newer one */
} memory;

/* What came again in an archive, and where first. */
typedef struct repeats {
    size_t n;
    cvt_str first;
} repeats;

struct cvt_archives {
    const char *const *names;
    size_t n, next;
    int wake;
    bool labels, label;   /* labels are wanted; the entry that was given last is one */
    cvt_tar *tar;         /* that of names[next - 1] */
    size_t given;         /* images of it */
    int step;             /* what has been told at its end */
    memory seen;          /* its names and keys */
    cvt_str key;          /* of the entry before */
    repeats twice, apart; /* names; keys */
};

/* ---- names that come again --------------------------------------------------------------------------------------- */

/* Salts that tell keys from names. */
enum { NAMES = 1 << 16, KEYS = 1 << 17 };

static uint64_t hash_of(uint64_t kind, const char *bytes, size_t n) {
    const uint64_t hash = cvt_fnv1a(kind, bytes, n);
    return hash ? hash : 1;
}

/* The slot of a hash, or the empty one where it belongs. */
static size_t find(const uint64_t *table, uint64_t hash) {
    size_t at = (size_t)(hash ^ hash >> 32) % SLOTS;
    while (table[at] && table[at] != hash) at = (at + 1) % SLOTS;
    return at;
}

/* Was the hash there? It is from now on. */
static bool remember(memory *seen, uint64_t hash) {
    const size_t at = find(seen->newer, hash);
    if (seen->newer[at]) return true;
    const bool known = seen->older[find(seen->older, hash)] != 0;
    seen->newer[at] = hash;
    if (++seen->n < REMEMBERED) return known;
    uint64_t *const emptied = seen->older;
    seen->older = seen->newer;
    seen->newer = emptied;
    memset(emptied, 0, SLOTS * sizeof *emptied);
    seen->n = 0;
    return known;
}

static void forget(memory *seen) {
    memset(seen->newer, 0, SLOTS * sizeof *seen->newer);
    memset(seen->older, 0, SLOTS * sizeof *seen->older);
    seen->n = 0;
}

static void count(repeats *of, const char *bytes, size_t n) {
    if (of->n++) return;
    cvt_str_clear(&of->first);
    cvt_str_append(&of->first, bytes, n);
}

static void note_name(cvt_archives *archives, const char *path) {
    const size_t n = cvt_key_length(path);
    const bool same = archives->key.size == n && n > 0 && memcmp(archives->key.data, path, n) == 0;
    if (remember(&archives->seen, hash_of(NAMES, path, strlen(path)))) count(&archives->twice, path, strlen(path));
    if (!same && remember(&archives->seen, hash_of(KEYS, path, n))) count(&archives->apart, path, n);
    if (same) return;
    cvt_str_clear(&archives->key);
    cvt_str_append(&archives->key, path, n);
}

/* ---- from archive to archive ------------------------------------------------------------------------------------- */

cvt_archives *cvt_archives_new(const char *const *names, size_t n, bool labels, int wake) {
    cvt_archives *archives = calloc(1, sizeof *archives);
    if (!archives) return NULL;
    *archives = (cvt_archives){.names = names, .n = n, .labels = labels, .wake = wake};
    archives->seen.newer = malloc(SLOTS * sizeof(uint64_t));
    archives->seen.older = malloc(SLOTS * sizeof(uint64_t));
    if (archives->seen.newer && archives->seen.older) return archives;
    cvt_archives_free(archives);
    return NULL;
}

void cvt_archives_free(cvt_archives *archives) {
    if (!archives) return;
    cvt_tar_close(archives->tar);
    cvt_str_free(&archives->key);
    cvt_str_free(&archives->twice.first);
    cvt_str_free(&archives->apart.first);
    free(archives->seen.newer);
    free(archives->seen.older);
    free(archives);
}

static cvt_archive_item fail(cvt_archives *archives, cvt_str *path) {
    const char *name = archives->names[archives->next - 1];
    cvt_str_clear(path);
    cvt_str_text(path, name);
    return CVT_ARCHIVE_FAILED;
}

/* Opens the next archive; false where it fails. */
static bool open_next(cvt_archives *archives, cvt_error *problem) {
    archives->given = 0;
    archives->step = 0;
    archives->twice.n = archives->apart.n = 0;
    cvt_str_clear(&archives->key);
    forget(&archives->seen);
    return cvt_tar_open(&archives->tar, archives->names[archives->next++], archives->wake, problem) == CVT_OK;
}

static const char *text_of(const cvt_str *s) { return s->data ? s->data : ""; }

/* What is to be told at the end of an archive, line by line; false when all is told. */
static bool tell(cvt_archives *archives, cvt_error *line) {
    const bool whole = cvt_tar_trouble(archives->tar)->status == CVT_OK;
    line->status = CVT_OK;
    while (line->status == CVT_OK) switch (archives->step++) {
        case 0:
            if (archives->twice.n)
                cvt_fail(line, CVT_NOT_FOUND, "%zu name%s there before, \"%s\" first: each has a record of its own",
                         archives->twice.n, archives->twice.n == 1 ? " was" : "s were",
                         text_of(&archives->twice.first));
            break;
        case 1:
            if (archives->apart.n)
                cvt_fail(line, CVT_NOT_FOUND, "%zu key%s again behind others, \"%s\" first: entries are not together",
                         archives->apart.n, archives->apart.n == 1 ? " came" : "s came",
                         text_of(&archives->apart.first));
            break;
        case 2:
            if (whole && !archives->given) cvt_fail(line, CVT_NOT_FOUND, "no images in this archive");
            break;
        case 3:
            if (whole && !cvt_tar_is_closed(archives->tar))
                cvt_fail(line, CVT_NOT_FOUND, "the tar archive has no end mark: it may have been cut");
            break;
        default: return false;
        }
    return true;
}

/* Tells of the archive that has ended, then closes it. */
static cvt_archive_item end(cvt_archives *archives, cvt_str *path, cvt_error *problem) {
    fail(archives, path);
    if (tell(archives, problem)) return CVT_ARCHIVE_REMARK;
    *problem = *cvt_tar_trouble(archives->tar);
    cvt_tar_close(archives->tar);
    archives->tar = NULL;
    return problem->status == CVT_OK ? CVT_ARCHIVE_END : CVT_ARCHIVE_FAILED;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

cvt_label_kind cvt_archive_label(const char *name) {
    static const char *const endings[CVT_LABEL_KINDS] = {
        [CVT_LABEL_NONE] = "", [CVT_LABEL_JSON] = ".json", [CVT_LABEL_TXT] = ".txt", [CVT_LABEL_CLS] = ".cls"};
    const char *dot = strrchr(name, '.');
    int kind = dot ? CVT_LABEL_KINDS - 1 : CVT_LABEL_NONE;
    while (kind > CVT_LABEL_NONE && strcmp(dot, endings[kind]) != 0) kind--;
    return (cvt_label_kind)kind;
}

/* Goes to the next image of the archive, or label where these are wanted; false at its end. */
static bool next_entry(cvt_archives *archives, cvt_str *path, cvt_error *problem) {
    uint8_t start[CVT_IMAGE_SIGNATURE];
    size_t n;
    while (cvt_tar_next(archives->tar, path, start, &n, problem)) {
        archives->label = false;
        if (path->failed || !path->size) return true;
        const char *name = cvt_file_name(path->data);
        note_name(archives, path->data);
        archives->label = cvt_archive_label(name) != CVT_LABEL_NONE;
        if (archives->label && archives->labels && *name != '.') return true;
        if (*name == '.' || archives->label) continue;
        if (problem->status != CVT_OK || cvt_input_is_named_image(name) || cvt_image_is_known(start, n)) return true;
    }
    return false;
}

cvt_archive_item cvt_archives_next(cvt_archives *archives, cvt_str *path, cvt_error *problem) {
    for (;;) {
        if (!archives->tar && archives->next == archives->n) return CVT_ARCHIVE_END;
        if (!archives->tar && !open_next(archives, problem)) return fail(archives, path);
        if (!archives->step && next_entry(archives, path, problem)) {
            if (archives->label) return CVT_ARCHIVE_LABEL;
            archives->given++;
            return CVT_ARCHIVE_ENTRY;
        }
        const cvt_archive_item item = end(archives, path, problem);
        if (item != CVT_ARCHIVE_END) return item;
    }
}

bool cvt_archives_take(cvt_archives *archives, cvt_input *input, cvt_error *error) {
    if (cvt_tar_read(archives->tar, input, error)) return true;
    if (!archives->label) archives->given--;
    return false;
}

const char *cvt_archives_name(const cvt_archives *archives) {
    const char *name = archives->next ? archives->names[archives->next - 1] : "-";
    return strcmp(name, "-") == 0 ? NULL : name;
}
