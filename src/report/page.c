/* page.c - writes the records of a page: checks them, and appends them as JSON within a script element of page.html. No
 * text of theirs can end the element, since < and > and & are escaped. */
#include "report/page.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "report/json_out.h"

/* Where the records stand in the template. */
static const char mark[] = "@RECORDS@";

/* Appends JSON text that may stand within HTML. These characters occur only within its strings. */
static void append_json(cvt_str *to, const cvt_str *json) {
    to->failed = to->failed || json->failed;
    for (size_t i = 0, n; i < json->size; i += n) {
        const char *at = json->data + i;
        for (n = 0; i + n < json->size && at[n] != '<' && at[n] != '>' && at[n] != '&'; n++) {
        }
        cvt_str_append(to, at, n);
        if (i + n == json->size) return;
        cvt_str_print(to, "\\u%04x", (unsigned)at[n]);
        n++;
    }
}

/* ---- the template ------------------------------------------------------------------------------------------------ */

static size_t find_mark(void) {
    size_t at = 0;
    while (at + sizeof mark <= cvt_page_html_size && memcmp(cvt_page_html + at, mark, sizeof mark - 1) != 0) at++;
    return at;
}

void cvt_page_begin(cvt_str *to) {
    cvt_str_append(to, (const char *)cvt_page_html, find_mark());
    cvt_str_text(to, "[");
}

static void append_about(cvt_str *json, const cvt_page_about *about) {
    cvt_str_text(json, "\n{\"files\":[");
    for (size_t i = 0; i < about->n_files; i++) {
        if (i) cvt_str_text(json, ",");
        cvt_json_out_string(json, about->files[i]);
    }
    cvt_str_text(json, "],\"base\":");
    cvt_json_out_string(json, about->base);
    cvt_str_print(json, ",\"bad\":%zu,\"without\":%zu", about->bad, about->without);
    if (about->attend) cvt_str_text(json, ",\"attend\":");
    if (about->attend) cvt_json_out_string(json, about->attend);
    cvt_str_text(json, "}]");
}

void cvt_page_end(cvt_str *to, const cvt_page_about *about) {
    const size_t behind = find_mark() + sizeof mark - 1;
    cvt_str json = {0};
    append_about(&json, about);
    append_json(to, &json);
    cvt_str_free(&json);
    cvt_str_append(to, (const char *)cvt_page_html + behind, cvt_page_html_size - behind);
}

/* ---- the header of records --------------------------------------------------------------------------------------- */

/* Appends a value as it is. How deep values lie in each other is limited by the reader of JSON. */
static void append_value(cvt_str *to, const cvt_json *value) { // NOLINT(misc-no-recursion)
    const cvt_json_kind kind = cvt_json_kind_of(value);
    const bool list = kind == CVT_JSON_ARRAY;
    double number = 0;
    bool flag = false;
    switch (kind) {
    case CVT_JSON_BOOL: cvt_str_text(to, cvt_json_bool(value, &flag) && flag ? "true" : "false"); return;
    case CVT_JSON_STRING: cvt_json_out_string(to, cvt_json_string(value)); return;
    case CVT_JSON_NUMBER:
        cvt_json_number(value, &number);
        cvt_json_out_number(to, number);
        return;
    case CVT_JSON_ARRAY:
    case CVT_JSON_OBJECT:
        cvt_str_text(to, list ? "[" : "{");
        for (const cvt_json *at = cvt_json_first(value), *first = at; at; at = cvt_json_next(at)) {
            if (at != first) cvt_str_text(to, ",");
            if (!list) cvt_json_out_string(to, cvt_json_key(at));
            if (!list) cvt_str_text(to, ":");
            append_value(to, at);
        }
        cvt_str_text(to, list ? "]" : "}");
        return;
    default: cvt_str_text(to, "null");
    }
}

bool cvt_page_is_header(const cvt_json *value) { return cvt_json_string(cvt_json_get(value, "cvt")) != NULL; }

void cvt_page_header(cvt_str *to, const cvt_json *header, size_t file) {
    cvt_str json = {0};
    cvt_str_print(&json, "\n{\"from\":%zu,\"header\":", file);
    append_value(&json, header);
    cvt_str_text(&json, "},");
    append_json(to, &json);
    cvt_str_free(&json);
}

/* ---- a record ---------------------------------------------------------------------------------------------------- */

static cvt_status wrong(cvt_error *error, const char *what) {
    return cvt_fail(error, CVT_FORMAT, "this is no record as -f jsonl writes it: %s", what);
}

/* Takes one of two members as a path: a string, or under the other key a string in base64. */
static cvt_status take_path(cvt_str *to, const cvt_json *record, const char *const keys[2], cvt_error *error) {
    const char *path = cvt_json_string(cvt_json_get(record, keys[0]));
    const char *encoded = cvt_json_string(cvt_json_get(record, keys[1]));
    char what[64];
    snprintf(what, sizeof what, "it must have \"%s\" or \"%s\", a string", keys[0], keys[1]);
    if (!path == !encoded) return wrong(error, what);
    cvt_str_text(to, path ? path : encoded);
    if (to->failed) return cvt_fail_memory(error);
    snprintf(what, sizeof what, "\"%s\" is no path in base64", keys[1]);
    if (encoded && (!cvt_base64_decode(to) || memchr(to->data, 0, to->size))) return wrong(error, what);
    snprintf(what, sizeof what, "\"%s\" is empty", keys[0]);
    return to->size ? CVT_OK : wrong(error, what);
}

/* Takes the path of the image, and that of its archive where it lies in one. */
static cvt_status take_paths(const cvt_json *record, cvt_page_image *image, cvt_error *error) {
    static const char *const of_image[2] = {"path", "path_b64"}, *const of_archive[2] = {"tar", "tar_b64"};
    cvt_str_clear(&image->path);
    cvt_str_clear(&image->archive);
    TRY(take_path(&image->path, record, of_image, error));
    if (!cvt_json_member(record, of_archive[0]) && !cvt_json_member(record, of_archive[1])) return CVT_OK;
    return take_path(&image->archive, record, of_archive, error);
}

/* A class [index, label, score]: null where there is none. */
static cvt_status append_class(cvt_str *to, const cvt_json *value, bool scored, cvt_error *error) {
    const cvt_json *at = cvt_json_get(value, "index");
    const char *label = cvt_json_string(cvt_json_get(value, "label"));
    int64_t index = -1;
    double score = 0;
    if (!label) return wrong(error, "a class has no \"label\", a string");
    if (at && (!cvt_json_integer(at, &index) || index < 0))
        return wrong(error, "the \"index\" of a class is no integer from 0");
    if (scored && !cvt_json_number(cvt_json_get(value, "score"), &score))
        return wrong(error, "a class has no \"score\", a number");
    cvt_str_text(to, "[");
    if (index >= 0)
        cvt_str_print(to, "%lld,", (long long)index);
    else
        cvt_str_text(to, "null,");
    cvt_json_out_string(to, label);
    if (scored) cvt_str_text(to, ",");
    if (scored) cvt_json_out_number(to, score);
    cvt_str_text(to, "]");
    return CVT_OK;
}

static cvt_status append_top(cvt_str *to, const cvt_json *top, cvt_error *error) {
    if (cvt_json_kind_of(top) != CVT_JSON_ARRAY) return wrong(error, "\"top\" is no list of classes");
    size_t n = 0;
    cvt_str_text(to, ",\"top\":[");
    for (const cvt_json *at = cvt_json_first(top); at && n < CVT_PAGE_RANKS; at = cvt_json_next(at)) {
        if (n++) cvt_str_text(to, ",");
        TRY(append_class(to, at, true, error));
    }
    cvt_str_text(to, "]");
    const size_t all = cvt_json_size(top);
    if (all > n) cvt_str_print(to, ",\"more\":%zu", all - n);
    return CVT_OK;
}

/* What the image shows: a label, the index of a class, or both as an object. */
static cvt_status append_truth(cvt_str *to, const cvt_json *truth, cvt_error *error) {
    const char *label = cvt_json_string(truth);
    int64_t index;
    if (cvt_json_kind_of(truth) == CVT_JSON_NULL) return CVT_OK;
    cvt_str_text(to, ",\"truth\":");
    if (label) {
        cvt_str_text(to, "[null,");
        cvt_json_out_string(to, label);
        cvt_str_text(to, "]");
    } else if (cvt_json_integer(truth, &index) && index >= 0) {
        cvt_str_print(to, "[%lld,\"%lld\"]", (long long)index, (long long)index);
    } else {
        return append_class(to, truth, false, error);
    }
    return CVT_OK;
}

static cvt_status append_failure(cvt_str *to, const cvt_json *failure, cvt_error *error) {
    const char *code = cvt_json_string(cvt_json_get(failure, "code"));
    const char *message = cvt_json_string(cvt_json_get(failure, "message"));
    if (!code || !message) return wrong(error, "\"error\" has no \"code\" and \"message\", strings");
    cvt_str_text(to, ",\"error\":[");
    cvt_json_out_string(to, code);
    cvt_str_text(to, ",");
    cvt_json_out_string(to, message);
    cvt_str_text(to, "]");
    return CVT_OK;
}

/* Members that are shown as they are, if they are strings. */
static void append_text(cvt_str *to, const cvt_json *record, const char *key) {
    const char *text = cvt_json_string(cvt_json_get(record, key));
    if (!text) return;
    cvt_str_print(to, ",\"%s\":", key);
    cvt_json_out_string(to, text);
}

static cvt_status append_record(cvt_str *to, const cvt_json *record, cvt_page_image *image, cvt_error *error) {
    const cvt_json *top = cvt_json_get(record, "top"), *truth = cvt_json_get(record, "truth");
    if (cvt_json_kind_of(record) != CVT_JSON_OBJECT) return wrong(error, "it is no object");
    TRY(take_paths(record, image, error));
    if (!cvt_json_bool(cvt_json_get(record, "ok"), &image->ok)) return wrong(error, "it has no \"ok\", true or false");
    cvt_str_text(to, ",");
    cvt_json_out_path(to, "path", image->path.data);
    if (image->archive.size) cvt_str_text(to, ",");
    if (image->archive.size) cvt_json_out_path(to, "tar", image->archive.data);
    append_text(to, record, "file");
    append_text(to, record, "taken");
    if (!image->ok) TRY(append_failure(to, cvt_json_get(record, "error"), error));
    if (image->ok && top) TRY(append_top(to, top, error));
    return truth ? append_truth(to, truth, error) : CVT_OK;
}

cvt_status cvt_page_record(cvt_str *to, const cvt_json *record, size_t file, cvt_page_image *image, cvt_error *error) {
    cvt_str json = {0};
    cvt_str_print(&json, "\n{\"from\":%zu", file);
    cvt_status status = append_record(&json, record, image, error);
    if (status == CVT_OK) append_json(to, &json);
    cvt_str_free(&json);
    return status;
}

static void append_jpeg(cvt_str *to, const char *key, const cvt_str *jpeg) {
    to->failed = to->failed || jpeg->failed;
    if (!jpeg->size) return;
    cvt_str_print(to, ",\"%s\":\"", key);
    cvt_base64_append(to, jpeg->data, jpeg->size);
    cvt_str_text(to, "\"");
}

void cvt_page_end_record(cvt_str *to, const cvt_str *jpeg, const cvt_str *map) {
    append_jpeg(to, "thumbnail", jpeg);
    append_jpeg(to, "map", map);
    cvt_str_text(to, "},");
}

void cvt_page_link(cvt_str *to, const char *path) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    for (; *path; path++)
        if (strchr(plain, *path))
            cvt_str_append(to, path, 1);
        else
            cvt_str_print(to, "%%%02X", (unsigned)(unsigned char)*path);
}
