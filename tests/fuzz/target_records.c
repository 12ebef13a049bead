/* target_records.c - records that are read back: by --resume (which inputs are done, and the header that says what made
 * them) and by cvt report. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/json.h"
#include "batch/done.h"
#include "cli/header.h"
#include "fuzz.h"
#include "report/page.h"

/* ---- --resume --------------------------------------------------------------------------------------------------- */

/* The header of a run with every option as it is without being given. */
static const char ours[] =
    "{\"cvt\":\"0.2.0\",\"model\":\"tiny\",\"weights_sha256\":\"00\",\"config_sha256\":\"00\","
    "\"preprocess\":{\"mean\":[0.5]},\"options\":{\"labels\":null,\"score\":null,\"size\":null,\"exif\":\"apply\","
    "\"gray16\":\"scale\",\"alpha\":\"drop\",\"decode\":\"exact\",\"allow_truncated\":false,"
    "\"max_pixels\":178956970,\"max_scans\":200,\"lines\":false,\"exif_fields\":false,\"min_score\":null,"
    "\"unknown\":null,\"top_k\":5,\"precision\":null,\"repro\":false}}";

static void compare_header(const char *header) {
    static bool complete;
    cvt_error error;
    if (!complete) fuzz_must(cvt_header_compare(ours, ours, CVT_CMD_CLASSIFY, &error) == CVT_OK);
    complete = true;
    if (cvt_header_compare(header, ours, CVT_CMD_CLASSIFY, &error) != CVT_OK) fuzz_must_tell(&error);
}

/* The name that a record has under one of two keys, the second one in base64: into *to. False where it has none. */
static bool name_in(const cvt_json *record, const char *key, const char *encoded_key, cvt_str *to) {
    const char *plain = cvt_json_string(cvt_json_get(record, key));
    const char *encoded = cvt_json_string(cvt_json_get(record, encoded_key));
    if (plain || encoded) cvt_str_text(to, plain ? plain : encoded);
    return (plain || encoded) && (plain || cvt_base64_decode(to));
}

/* What a reader of JSON finds in a line is done. Lines are left out that two readers may take differently. */
static void check_line(cvt_done *done, const char *line, size_t n, bool retry) {
    cvt_json_document *document;
    cvt_str names[2] = {{0}, {0}};
    bool ok, failed;
    if (memchr(line, '\\', n) || cvt_json_parse(&document, line, n, "", NULL) != CVT_OK) return;
    const cvt_json *record = cvt_json_root(document);
    const bool twice = cvt_json_get(record, "path") && cvt_json_get(record, "path_b64");
    const bool tars = cvt_json_get(record, "tar") && cvt_json_get(record, "tar_b64");
    fuzz_must(cvt_json_bool(cvt_json_get(record, "ok"), &ok));
    if (!twice && !tars && (ok || !retry)) {
        const bool entry = name_in(record, "tar", "tar_b64", &names[0]);
        fuzz_must(name_in(record, "path", "path_b64", &names[1]));
        const char *tar = !entry ? NULL : names[0].data ? names[0].data : "";
        fuzz_must(cvt_done_take(done, tar, names[1].data ? names[1].data : "", &failed));
    }
    cvt_str_free(&names[0]);
    cvt_str_free(&names[1]);
    cvt_json_free(document);
}

static void check_lines(cvt_done *done, const cvt_done_file *file, const uint8_t *bytes, char end, bool retry) {
    const char *at = (const char *)bytes, *last = at + file->size;
    for (bool first = true; at < last; first = false) {
        const char *line_end = memchr(at, end, (size_t)(last - at));
        if (!first || !file->header.size) check_line(done, at, (size_t)(line_end - at), retry);
        at = line_end + 1;
    }
}

void fuzz_records(const uint8_t *bytes, size_t size) {
    const unsigned choice = fuzz_choice(bytes, size);
    const char end = choice & 1 ? 0 : '\n';
    const bool retry = choice & 2;
    cvt_done *done;
    cvt_done_file file;
    cvt_error error;
    const int fd = open(fuzz_file("records.jsonl", bytes, size), O_RDONLY | O_CLOEXEC);
    fuzz_must(fd >= 0);
    if (cvt_done_read(&done, &file, fd, end, retry, NULL, &error) == CVT_OK) {
        fuzz_must(done && file.size >= 0 && file.extra >= 0);
        fuzz_must((uint64_t)file.size + (uint64_t)file.extra == size);
        fuzz_must(file.size == 0 || bytes[file.size - 1] == (uint8_t)end);
        check_lines(done, &file, bytes, end, retry);
        if (file.header.size) compare_header(file.header.data);
    } else {
        fuzz_must(!done);
        fuzz_must_tell(&error);
    }
    cvt_str_free(&file.header);
    cvt_done_free(done);
    close(fd);
}

/* ---- cvt report ------------------------------------------------------------------------------------------------- */

/* What stands within the page must be JSON that cannot end the element it stands in. */
static void check_page(const cvt_str *text, bool whole) {
    cvt_json_document *document;
    cvt_error error;
    fuzz_must(!text->failed && text->size > 2 && text->data[0] == '\n' && text->data[text->size - 1] == ',');
    fuzz_must(strlen(text->data) == text->size && cvt_utf8_valid(text->data, text->size));
    fuzz_must(!strpbrk(text->data, "<>&"));
    if (whole) fuzz_must(cvt_json_parse(&document, text->data, text->size - 1, "page", &error) == CVT_OK);
    if (whole) cvt_json_free(document);
}

static void add_line(const char *line, size_t n, cvt_page_image *image) {
    cvt_json_document *document;
    cvt_str text = {0};
    const cvt_str none = {0};
    cvt_error error;
    if (cvt_json_parse(&document, line, n, "x.jsonl:1", &error) != CVT_OK) {
        fuzz_must_tell(&error);
        return;
    }
    const cvt_json *value = cvt_json_root(document);
    if (cvt_page_is_header(value)) {
        cvt_page_header(&text, value, 0);
        check_page(&text, false); /* a value one level deeper than the reader of JSON takes */
    } else if (cvt_page_record(&text, value, 0, image, &error) == CVT_OK) {
        cvt_page_end_record(&text, &none, &none);
        check_page(&text, true);
        fuzz_must(image->path.size > 0 && strlen(image->path.data) == image->path.size);
        cvt_str_clear(&text);
        cvt_page_link(&text, image->path.data);
        fuzz_must(text.data && !strpbrk(text.data, "<>&\"' :"));
    } else {
        fuzz_must(!text.size);
        fuzz_must_tell(&error);
    }
    cvt_str_free(&text);
    cvt_json_free(document);
}

void fuzz_report(const uint8_t *bytes, size_t size) {
    cvt_page_image image = {0};
    const char *at = (const char *)bytes, *end = at + size;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end) line_end = end;
        add_line(at, (size_t)(line_end - at), &image);
        at = line_end + 1;
    }
    cvt_str_free(&image.path);
    cvt_str_free(&image.archive);
}
