/* done.c - reads records as record.c writes them, or as another program has written them anew: of each line only the
 * members "tar" or "tar_b64", "path" or "path_b64", and "ok" are looked at. */
#include "batch/done.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/json.h"
#include "batch/input.h"
#include "batch/key.h"

/* LONGEST: bytes of a record. A path has at most some thousands; the rest are labels, or the numbers of a tap. */
enum { BUFFER = 1 << 20, LONGEST = 256 << 20, FIRST_SLOTS = 1 << 10 };

/* A hash table with open addressing; at most three of four slots are taken. */
typedef struct slot {
    unsigned char digest[CVT_KEY_SIZE];
    uint32_t records;  /* that are left to take; of a free slot `used` is false */
    bool used, failed; /* failed: the last of them says so */
} slot;

struct cvt_done {
    slot *slots;
    size_t n_slots, used;
};

/* ---- the table ------------------------------------------------------------------------------------------------- */

static slot *find(const cvt_done *done, const unsigned char *digest) {
    size_t at;
    memcpy(&at, digest, sizeof at);
    for (at &= done->n_slots - 1;; at = (at + 1) & (done->n_slots - 1)) {
        slot *s = &done->slots[at];
        if (!s->used || memcmp(s->digest, digest, CVT_KEY_SIZE) == 0) return s;
    }
}

static bool grow(cvt_done *done) {
    const size_t n = done->n_slots;
    slot *old = done->slots, *slots = calloc(n ? 2 * n : FIRST_SLOTS, sizeof *slots);
    if (!slots) return false;
    done->slots = slots;
    done->n_slots = n ? 2 * n : FIRST_SLOTS;
    for (size_t i = 0; i < n; i++)
        if (old[i].used) *find(done, old[i].digest) = old[i];
    free(old);
    return true;
}

static bool add(cvt_done *done, const char *tar, const char *path, bool failed) {
    unsigned char digest[CVT_KEY_SIZE];
    if (4 * done->used >= 3 * done->n_slots && !grow(done)) return false;
    cvt_key_digest(digest, tar, path);
    slot *s = find(done, digest);
    if (!s->used) {
        memcpy(s->digest, digest, sizeof digest);
        s->used = true;
        done->used++;
    }
    s->records += s->records < UINT32_MAX;
    s->failed = failed;
    return true;
}

bool cvt_done_take(cvt_done *done, const char *tar, const char *path, bool *failed) {
    unsigned char digest[CVT_KEY_SIZE];
    if (!done || !done->used) return false;
    cvt_key_digest(digest, tar, path);
    slot *s = find(done, digest);
    if (!s->used || !s->records) return false;
    s->records--;
    *failed = s->failed;
    return true;
}

void cvt_done_free(cvt_done *done) {
    if (!done) return;
    free(done->slots);
    free(done);
}

/* ---- a record -------------------------------------------------------------------------------------------------- */

/* What is read of one line. The strings are reused. */
typedef struct record {
    cvt_str tar, path;
    bool has_tar, has_path, has_ok, ok;
} record;

static const char *skip_spaces(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r')) at++;
    return at;
}

/* Returns the end of the JSON string that begins at `at`; NULL where it has none. */
static const char *string_end(const char *at, const char *end) {
    if (at >= end || *at != '"') return NULL;
    for (at++; at < end && *at != '"'; at++) at += *at == '\\';
    return at < end ? at + 1 : NULL;
}

/* Returns the end of the value that begins at `at`, of whatever kind. */
static const char *value_end(const char *at, const char *end) {
    int depth = 0;
    for (; at < end; at++) {
        if (*at == '"') {
            at = string_end(at, end);
            if (!at) return NULL;
            at--;
        } else if (*at == '{' || *at == '[') {
            depth++;
        } else if ((*at == '}' || *at == ']') && depth-- == 0) {
            return at;
        }
        if (*at == ',' && depth == 0) return at;
    }
    return NULL;
}

/* Decodes the value in [token, end) into `to`; false where it is no string. */
static bool take_string(cvt_str *to, const char *token, const char *end) {
    cvt_str_clear(to);
    if (string_end(token, end) != end) return false;
    if (!memchr(token, '\\', (size_t)(end - token))) {
        cvt_str_append(to, token + 1, (size_t)(end - token) - 2);
        return !to->failed;
    }
    cvt_json_document *document;
    if (cvt_json_parse(&document, token, (size_t)(end - token), "", NULL) != CVT_OK) return false;
    const char *text = cvt_json_string(cvt_json_root(document));
    if (text) cvt_str_text(to, text);
    cvt_json_free(document);
    return text && !to->failed;
}

/* Are the characters in [at, end) this word? */
static bool is_word(const char *at, const char *end, const char *word) {
    const size_t n = strlen(word);
    return (size_t)(end - at) == n && memcmp(at, word, n) == 0;
}

/* Decodes the value in [at, end) into `to`, where it is not null; false where it can be no name. */
static bool take_name(cvt_str *to, bool *has, bool encoded, const char *at, const char *end) {
    if (is_word(at, end, "null")) return true;
    *has = take_string(to, at, end) && (!encoded || cvt_base64_decode(to));
    return *has && (!to->size || strlen(to->data) == to->size);
}

/* Takes one member, whose key stands in [key, key_end) with its quotes and whose value in [at, end). */
static bool take_member(record *r, const char *key, const char *key_end, const char *at, const char *end) {
    if (is_word(key, key_end, "\"tar\"")) return take_name(&r->tar, &r->has_tar, false, at, end);
    if (is_word(key, key_end, "\"tar_b64\"")) return take_name(&r->tar, &r->has_tar, true, at, end);
    if (is_word(key, key_end, "\"path\"")) return take_name(&r->path, &r->has_path, false, at, end);
    if (is_word(key, key_end, "\"path_b64\"")) return take_name(&r->path, &r->has_path, true, at, end);
    if (!is_word(key, key_end, "\"ok\"")) return true;
    r->ok = is_word(at, end, "true");
    return r->has_ok = r->ok || is_word(at, end, "false");
}

/* Reads a line, an object whose members may stand in any order; false where it is no record. */
static bool read_record(record *r, const char *at, const char *end) {
    r->has_tar = r->has_path = r->has_ok = r->ok = false;
    at = skip_spaces(at, end);
    if (at == end || *at != '{') return false;
    do {
        const char *key = skip_spaces(at + 1, end), *key_end = string_end(key, end);
        if (!key_end) return false;
        at = skip_spaces(key_end, end);
        if (at == end || *at != ':') return false;
        at = skip_spaces(at + 1, end);
        const char *behind = value_end(at, end);
        if (!behind) return false;
        const char *last = behind;
        while (last > at && (last[-1] == ' ' || last[-1] == '\t' || last[-1] == '\r')) last--;
        if (last == at || !take_member(r, key, key_end, at, last)) return false;
        at = behind;
    } while (*at == ',');
    return *at == '}' && skip_spaces(at + 1, end) == end && r->has_path && r->has_ok;
}

/* ---- the file -------------------------------------------------------------------------------------------------- */

typedef struct reading {
    cvt_done *done;
    cvt_done_file *file;
    record record;
    size_t line; /* its number, from 1 */
    bool retry;
    const cvt_done_listener *listener;
} reading;

static const char *text_of(const cvt_str *s) { return s->data ? s->data : ""; }

static cvt_status take_line(reading *r, const char *line, size_t n, cvt_error *error) {
    const bool first = r->line++ == 0;
    if (skip_spaces(line, line + n) == line + n) return CVT_OK;
    if (first && n > 6 && memcmp(line, "{\"cvt\"", 6) == 0) {
        cvt_str_append(&r->file->header, line, n);
        return r->file->header.failed ? cvt_fail_memory(error) : CVT_OK;
    }
    if (!read_record(&r->record, line, line + n))
        return cvt_fail(error, CVT_USAGE, "line %zu is no record as -f jsonl writes it", r->line);
    if (r->listener) TRY(r->listener->record(r->listener->context, line, n, error));
    r->file->ok += r->record.ok;
    r->file->failed += !r->record.ok;
    if (!r->record.ok && r->retry) return CVT_OK;
    const char *tar = r->record.has_tar ? text_of(&r->record.tar) : NULL;
    return add(r->done, tar, text_of(&r->record.path), !r->record.ok) ? CVT_OK : cvt_fail_memory(error);
}

/* Takes the whole lines of the buffer. Returns how many bytes they have. */
static cvt_status take_lines(reading *r, const char *buffer, size_t n, char end, size_t *taken, cvt_error *error) {
    for (*taken = 0; *taken < n;) {
        const char *line = buffer + *taken, *last = memchr(line, end, n - *taken);
        const char other = end ? 0 : '\n', *wrong = memchr(line, other, (size_t)((last ? last : buffer + n) - line));
        if (wrong)
            return cvt_fail(error, CVT_USAGE,
                            end ? "its records end with NUL bytes, as -z writes them"
                                : "its records end with newlines: it was written without -z");
        if (!last) return CVT_OK;
        TRY(take_line(r, line, (size_t)(last - line), error));
        *taken += (size_t)(last - line) + 1;
    }
    return CVT_OK;
}

static cvt_status read_lines(reading *r, int fd, char end, cvt_error *error) {
    size_t capacity = BUFFER, held = 0, taken;
    char *buffer = malloc(capacity);
    cvt_status status = buffer ? CVT_OK : cvt_fail_memory(error);
    while (status == CVT_OK) {
        ssize_t got = cvt_input_wait_read(fd, buffer + held, capacity - held, -1);
        if (got <= 0) {
            if (got < 0) status = cvt_input_fail(error, errno);
            break;
        }
        held += (size_t)got;
        status = take_lines(r, buffer, held, end, &taken, error);
        if (status != CVT_OK) break;
        r->file->size += (int64_t)taken;
        held -= taken;
        memmove(buffer, buffer + taken, held);
        if (held < capacity) continue;
        char *larger = capacity < LONGEST ? realloc(buffer, 2 * capacity) : NULL;
        if (!larger) {
            status = capacity < LONGEST ? cvt_fail_memory(error)
                                        : cvt_fail(error, CVT_USAGE, "a line has more than %d bytes", (int)LONGEST);
            break;
        }
        buffer = larger;
        capacity *= 2;
    }
    r->file->extra = (int64_t)held;
    free(buffer);
    return status;
}

cvt_status cvt_done_read(cvt_done **out, cvt_done_file *file, int fd, char end, bool retry,
                         const cvt_done_listener *listener, cvt_error *error) {
    *out = NULL;
    *file = (cvt_done_file){0};
    reading r = {.done = calloc(1, sizeof *r.done), .file = file, .retry = retry, .listener = listener};
    if (!r.done) return cvt_fail_memory(error);
    cvt_status status = grow(r.done) ? read_lines(&r, fd, end, error) : cvt_fail_memory(error);
    cvt_str_free(&r.record.tar);
    cvt_str_free(&r.record.path);
    if (status == CVT_OK)
        *out = r.done;
    else
        cvt_done_free(r.done);
    return status;
}
