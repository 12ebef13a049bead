/* report.c - cvt report: writes one page of the records that other commands have made. Records are read one by one and
 * written at once, so memory does not grow with their number. */
#define _XOPEN_SOURCE 700 /* realpath */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "batch/input.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/report_entry.h"
#include "cli/report_map.h"
#include "report/page.h"
#include "report/thumbnail.h"

enum {
    SIDE = 160,            /* pixels of a thumbnail's longer side */
    BUFFER = 1 << 18,      /* bytes that are read at once */
    LONGEST = 16 << 20,    /* bytes of a line */
    MAX_RECORDS = 1000000, /* more than browsers take */
    TOLD = 10              /* how many lines of a file that are no records are told one by one */
};

typedef struct report {
    const cvt_settings *settings;
    char *const *files;
    size_t n_files;
    cvt_str base; /* the link from the page to where paths begin */
    cvt_out out;
    cvt_str text; /* what is to be written next */

    /* reading a file: the bytes from `at` to `held` of the buffer are left */
    int fd;
    char *buffer;
    size_t capacity, at, held;
    bool ended, begun;      /* begun: a line has been read that is not empty */
    size_t file, line, bad; /* bad: lines of this file that are no records */

    cvt_page_image image;
    cvt_str file_path, jpeg, map_jpeg;
    cvt_report_map map; /* where a model looks, with --attend */
    cvt_input input;
    cvt_report_entries entries;
    cvt_thumbnailer thumbnailer;
    size_t records, headers, all_bad, thumbnails, without, unseen; /* unseen: images that should be shown and cannot */
    cvt_str first_unseen;
} report;

/* ---- where paths begin ------------------------------------------------------------------------------------------- */

/* The directory that a file lies in, without links, or NULL. The caller frees it. */
static char *directory_of(const char *path) {
    cvt_str directory = {0};
    cvt_file_folder(&directory, path);
    char *real = directory.failed ? NULL : realpath(directory.data, NULL);
    cvt_str_free(&directory);
    return real;
}

/* Appends the link that leads from one directory to another; both are absolute, without links. */
static void append_way(cvt_str *to, const char *from, const char *where) {
    size_t same = 0; /* up to behind the last slash that both have */
    for (size_t i = 0;; i++) {
        const bool ends = !from[i] || from[i] == '/', other = !where[i] || where[i] == '/';
        if (ends && other) same = i;
        if (!from[i] || from[i] != where[i]) break;
    }
    for (const char *at = from + same; *at; at++)
        if (*at == '/' && at[1]) cvt_str_print(to, "../");
    where += same;
    if (*where == '/') where++;
    cvt_page_link(to, where);
    if (*where) cvt_str_append(to, "/", 1);
}

static cvt_status find_base(report *r, cvt_error *error) {
    const char *root = r->settings->root ? r->settings->root : ".", *output = r->settings->output;
    char *where = realpath(root, NULL), *from = NULL;
    cvt_status status = CVT_OK;
    if (!where || !cvt_file_is_directory(where))
        status = cvt_fail(error, CVT_USAGE, "--root: %s: %s", root, where ? "is no directory" : strerror(errno));
    else if (!(from = directory_of(strcmp(output, "-") == 0 ? "" : output)))
        status = cvt_fail(error, CVT_OUTPUT, "%s: cannot be written: %s", output, strerror(errno));
    else
        append_way(&r->base, from, where);
    free(where);
    free(from);
    return status == CVT_OK && r->base.failed ? cvt_fail_memory(error) : status;
}

/* ---- thumbnails -------------------------------------------------------------------------------------------------- */

/* Makes r->jpeg of the record's image, and r->map_jpeg; they stay empty where there is none to be had. */
static cvt_status read_image(report *r, cvt_error *error) {
    const bool in_archive = r->image.archive.size > 0;
    const char *root = r->settings->root, *path = in_archive ? r->image.archive.data : r->image.path.data;
    cvt_str_clear(&r->file_path);
    if (root && path[0] != '/') cvt_str_print(&r->file_path, "%s/", root);
    cvt_str_text(&r->file_path, path);
    if (r->file_path.failed) return cvt_fail_memory(error);
    TRY(in_archive ? cvt_report_entry_read(&r->entries, r->file_path.data, r->image.path.data, &r->input, error)
                   : cvt_input_read(&r->input, r->file_path.data, false, -1, error));
    TRY(cvt_thumbnail_make(&r->thumbnailer, &r->jpeg, r->input.data, r->input.size, SIDE, error));
    const cvt_batch_image image = {r->file_path.data, r->input.data, r->input.size};
    return r->settings->attend ? cvt_report_map_make(&r->map, &image, SIDE, &r->map_jpeg, error) : CVT_OK;
}

static cvt_status add_thumbnail(report *r, cvt_error *error) {
    cvt_error why;
    cvt_str_clear(&r->jpeg);
    cvt_str_clear(&r->map_jpeg);
    if (!r->image.archive.size && strcmp(r->image.path.data, "-") == 0) return CVT_OK;
    if (r->thumbnails >= (size_t)r->settings->thumbnails) {
        r->without++;
        return CVT_OK;
    }
    const cvt_status status = read_image(r, &why);
    if (status == CVT_NO_MEMORY) return cvt_fail_memory(error);
    r->thumbnails += status == CVT_OK;
    if (status == CVT_OK || !r->image.ok) return CVT_OK; /* why an image failed stands in its record */
    if (!r->unseen++) cvt_str_print(&r->first_unseen, "%s: %s", r->file_path.data, why.message);
    return CVT_OK;
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

static cvt_status write_text(report *r, cvt_error *error) {
    if (r->text.failed) return cvt_fail_memory(error);
    cvt_status status = cvt_out_write(&r->out, r->text.data, r->text.size, error);
    cvt_str_clear(&r->text);
    return status;
}

/* Says what is wrong with a line, which is left out. */
static void refuse(report *r, const char *place, const cvt_error *why) {
    r->all_bad++;
    if (r->bad++ < TOLD) cvt_cli_say(place, why->message);
}

static cvt_status take_line(report *r, const char *line, size_t n, cvt_error *error) {
    cvt_json_document *document = NULL;
    cvt_str place = {0};
    cvt_error why;
    while (n && strchr(" \t\r", line[n - 1])) n--;
    if (!n) return CVT_OK;
    size_t blanks = 0; /* fewer than n: the last character is none */
    while (strchr(" \t\r", line[blanks])) blanks++;
    if (!r->begun && line[blanks] != '{')
        return cvt_fail(error, CVT_FORMAT, "this is no file of records, a JSON object a line, as -f jsonl writes it");
    r->begun = true;
    cvt_str_print(&place, "%s:%zu", r->files[r->file], r->line);
    if (place.failed) return cvt_fail_memory(error);
    cvt_status status = cvt_json_parse(&document, line, n, place.data, &why), done = CVT_OK;
    const cvt_json *value = status == CVT_OK ? cvt_json_root(document) : NULL;
    const bool header = value && cvt_page_is_header(value);
    if (header)
        cvt_page_header(&r->text, value, r->file);
    else if (value)
        status = cvt_page_record(&r->text, value, r->file, &r->image, &why);
    if (status == CVT_NO_MEMORY)
        done = cvt_fail_memory(error);
    else if (status != CVT_OK)
        refuse(r, place.data, &why);
    cvt_json_free(document);
    cvt_str_free(&place);
    if (status != CVT_OK) return done;
    r->headers += header;
    r->records += !header;
    if (r->records > MAX_RECORDS)
        return cvt_fail(error, CVT_USAGE, "these are more than %d records, and no browser shows them: take a part",
                        (int)MAX_RECORDS);
    if (!header) TRY(add_thumbnail(r, error));
    if (!header) cvt_page_end_record(&r->text, &r->jpeg, &r->map_jpeg);
    return write_text(r, error);
}

/* ---- files of records -------------------------------------------------------------------------------------------- */

/* Reads more behind the bytes that are left, which move to the front. */
static cvt_status fill(report *r, cvt_error *error) {
    memmove(r->buffer, r->buffer + r->at, r->held - r->at);
    r->held -= r->at;
    r->at = 0;
    if (r->held == r->capacity) {
        if (r->capacity >= LONGEST)
            return cvt_fail(error, CVT_FORMAT, "line %zu has more than %d bytes", r->line + 1, LONGEST);
        char *buffer = realloc(r->buffer, 2 * r->capacity);
        if (!buffer) return cvt_fail_memory(error);
        r->buffer = buffer;
        r->capacity *= 2;
    }
    const ssize_t got = cvt_input_wait_read(r->fd, r->buffer + r->held, r->capacity - r->held, -1);
    if (got < 0) return cvt_input_fail(error, errno);
    r->ended = got == 0;
    r->held += (size_t)got;
    return CVT_OK;
}

/* The end of the next line: a newline, or a NUL as -z writes it. NULL: the buffer has none. */
static char *line_end(const report *r) {
    char *from = r->buffer + r->at;
    const size_t n = r->held - r->at;
    char *newline = n ? memchr(from, '\n', n) : NULL;
    char *nul = n ? memchr(from, 0, newline ? (size_t)(newline - from) : n) : NULL;
    return nul ? nul : newline;
}

static cvt_status read_lines(report *r, cvt_error *error) {
    for (;;) {
        char *end = line_end(r);
        if (cvt_cli_stopped()) return CVT_OK;
        if (!end && !r->ended) {
            TRY(fill(r, error));
            continue;
        }
        if (!end && r->at == r->held) return CVT_OK;
        const size_t n = end ? (size_t)(end - r->buffer) - r->at : r->held - r->at;
        r->line++;
        TRY(take_line(r, r->buffer + r->at, n, error));
        r->at += n + (end != NULL);
    }
}

static int read_file(report *r) {
    const char *path = r->files[r->file];
    cvt_input first = {0};
    cvt_error error;
    char line[96];
    r->at = r->held = r->line = r->bad = 0;
    r->ended = r->begun = false;
    cvt_status status = cvt_input_open(&r->fd, path, &first, -1, &error);
    if (status == CVT_OK && first.size) memcpy(r->buffer, first.data, first.size); /* at most a byte, of a FIFO */
    r->held = first.size;
    free(first.data);
    if (status != CVT_OK) return cvt_cli_fail(path, &error, CVT_EXIT_USAGE);
    status = read_lines(r, &error);
    if (r->fd != STDIN_FILENO) close(r->fd);
    if (r->bad > TOLD) {
        snprintf(line, sizeof line, "%zu more lines are no records", r->bad - TOLD);
        cvt_cli_say(path, line);
    }
    if (status == CVT_OUTPUT) return cvt_cli_fail(r->settings->output, &error, CVT_EXIT_OUTPUT);
    return status == CVT_OK ? CVT_EXIT_OK : cvt_cli_fail(path, &error, CVT_EXIT_INPUT);
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

/* Images that cannot be shown are no failure of the page, but often --root is wrong. */
static void say_unseen(const report *r) {
    cvt_str line = {0};
    if (!r->unseen) return;
    cvt_str_print(&line, "%zu of %zu images have no thumbnail, since they cannot be read (%s)%s", r->unseen, r->records,
                  r->first_unseen.data ? r->first_unseen.data : "",
                  r->thumbnails ? "" : ": --root names the directory where their paths begin");
    if (!line.failed) cvt_cli_say(NULL, line.data);
    cvt_str_free(&line);
}

static int write_end(report *r) {
    const cvt_page_about about = {.files = (const char *const *)r->files,
                                  .n_files = r->n_files,
                                  .bad = r->all_bad,
                                  .base = r->base.data ? r->base.data : "",
                                  .without = r->without,
                                  .attend = r->settings->attend};
    cvt_error error;
    cvt_page_end(&r->text, &about);
    cvt_status status = write_text(r, &error);
    if (status == CVT_OK) status = cvt_out_finish(&r->out, &error);
    if (status != CVT_OK) return cvt_cli_fail(r->settings->output, &error, CVT_EXIT_OUTPUT);
    say_unseen(r);
    cvt_report_map_say(&r->map);
    return r->all_bad ? CVT_EXIT_INPUT : CVT_EXIT_OK;
}

static int write_page(report *r) {
    cvt_error error;
    r->capacity = BUFFER;
    r->buffer = malloc(r->capacity);
    if (!r->buffer) {
        cvt_fail_memory(&error);
        return cvt_cli_fail(NULL, &error, CVT_EXIT_OUTPUT);
    }
    if (cvt_out_open(&r->out, r->settings->output, &error) != CVT_OK)
        return cvt_cli_fail(r->settings->output, &error, CVT_EXIT_OUTPUT);
    cvt_page_begin(&r->text);
    for (r->file = 0; r->file < r->n_files; r->file++) {
        int status = read_file(r);
        if (status != CVT_EXIT_OK) return status;
        if (cvt_cli_stopped()) return CVT_EXIT_OK; /* main makes the status of the signal */
    }
    if (r->all_bad && !r->records && !r->headers) return CVT_EXIT_INPUT; /* each line has been told */
    return write_end(r);
}

static void release(report *r) {
    cvt_out_abandon(&r->out);
    cvt_thumbnailer_free(&r->thumbnailer);
    cvt_report_map_free(&r->map);
    cvt_str *const texts[] = {&r->base,      &r->text, &r->image.path, &r->image.archive,
                              &r->file_path, &r->jpeg, &r->map_jpeg,   &r->first_unseen};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) cvt_str_free(texts[i]);
    cvt_report_entries_free(&r->entries);
    free(r->input.data);
    free(r->buffer);
}

int cvt_command_report(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    report r = {.settings = settings, .files = operands};
    cvt_error error;
    while (operands[r.n_files]) r.n_files++;
    if (cvt_output_check(settings->output, CVT_OUTPUT_HTML, NULL, settings, operands, NULL, &error) != CVT_OK ||
        find_base(&r, &error) != CVT_OK) {
        release(&r);
        return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    }
    int status = settings->attend ? cvt_report_map_open(&r.map, cli, settings) : CVT_EXIT_OK;
    cvt_cli_stop_softly(); /* a signal leaves a whole page or none */
    if (status == CVT_EXIT_OK) status = write_page(&r);
    release(&r);
    return status;
}
