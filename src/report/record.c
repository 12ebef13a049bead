/* record.c - the output formats of records.
 *
 * - text, for people: the path, and below it a line for each rank; with one rank both are on one line. Failed inputs
 *   are left out.
 * - jsonl: an object on each line; json: the same objects in one array.
 * - csv: path,ok,error,rank,index,label,score. There is a line for each rank, and one for a failed input, whose error
 *   is the code. Quotes are those of RFC 4180; lines end with LF.
 * - tsv: the same with tabs and without quotes; a tab or newline in a name is escaped as any control character is.
 *
 * - with a style that wants it each of them has what EXIF says, but for text; and whether an image is of a label that
 *   the model does not know. In text that is a word before the label, or behind the path.
 *
 * Outside JSON, control characters and bytes that are not UTF-8 become \xNN; only the newline, which CSV can quote,
 * stays. */
#include "report/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "report/json_out.h"

static void append_escaped(cvt_str *to, const char *text, size_t n) {
    for (size_t i = 0; i < n;) {
        char piece[4 * 4 + 1]; /* a character of 4 bytes, each as \xNN */
        size_t length = cvt_utf8_length(text + i, n - i);
        if (length == 0) length = 1;
        cvt_str_append(to, piece, cvt_str_escape(piece, sizeof piece, text + i, length));
        i += length;
    }
}

void cvt_record_escape(cvt_str *to, const char *text) { append_escaped(to, text, strlen(text)); }

/* Returns the label of a rank, or its index, written into `number`. */
static const char *label_of(const cvt_rank *rank, char number[16]) {
    if (rank->label) return rank->label;
    snprintf(number, 16, "%d", rank->index);
    return number;
}

/* ---- text ------------------------------------------------------------------------------------------------------ */

/* What stands after the path of an image whose scores are no shares of a whole. */
static const char *const kind_words[] = {
    [CVT_SCORE_SOFTMAX] = "", [CVT_SCORE_SIGMOID] = "each class by itself", [CVT_SCORE_NONE] = "not a probability"};

static const char bold[] = "\x1b[1m", coloured[] = "\x1b[36m", plain[] = "\x1b[0m";

static void append_score(cvt_str *to, int width, float score, cvt_score_kind kind) {
    if (kind == CVT_SCORE_NONE) {
        cvt_json_out_number(to, (double)score);
        return;
    }
    int hundredths = (int)lround(10000.0 * (double)score);
    cvt_str_print(to, "%*d.%02d%%", width, hundredths / 100, hundredths % 100);
}

/* "  91.36%  #########   " */
static void append_bar(cvt_str *to, float score, const cvt_records *run) {
    enum { CELLS = 10 };
    const int filled = (int)lround(CELLS * (double)score);
    if (run->style.colour) cvt_str_text(to, coloured);
    for (int i = 0; i < filled; i++) cvt_str_text(to, "#");
    if (run->style.colour) cvt_str_text(to, plain);
    cvt_str_print(to, "%*s  ", CELLS - filled, "");
}

/* What stands before the label of an image that is of no known label, where the label is on the path's line. */
static const char unknown[] = "unknown, most like ";

static void append_score_and_label(cvt_str *to, const cvt_rank *rank, cvt_score_kind kind, const char *before,
                                   const cvt_records *run) {
    char number[16];
    cvt_str_text(to, "  ");
    append_score(to, 3, rank->score, kind);
    cvt_str_text(to, "  ");
    if (run->style.bars && kind != CVT_SCORE_NONE) append_bar(to, rank->score, run);
    cvt_str_text(to, before);
    cvt_record_escape(to, label_of(rank, number));
    cvt_str_text(to, "\n");
}

static void append_path(cvt_str *to, const char *path, const cvt_records *run) {
    if (run->style.colour) cvt_str_text(to, bold);
    cvt_record_escape(to, path);
    if (run->style.colour) cvt_str_text(to, plain);
}

/* How many columns the escaped path has: its characters. */
static int columns_of(const char *path) {
    cvt_str text = {0};
    int n = 0;
    cvt_record_escape(&text, path);
    for (size_t i = 0; i < text.size; i++) n += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    cvt_str_free(&text);
    return n;
}

/* A line of columns: the path as wide as the widest so far, unless that is very wide, then score, bar and label. */
static void text_columns(cvt_str *to, const cvt_record *record, cvt_records *run) {
    enum { WIDEST = 48 };
    const int columns = columns_of(record->path);
    if (columns > run->width) run->width = columns < WIDEST ? columns : WIDEST;
    append_path(to, record->path, run);
    cvt_str_print(to, "%*s", columns < run->width ? run->width - columns : 0, "");
    if (record->n)
        append_score_and_label(to, record->ranks, record->kind, record->unknown ? unknown : "", run);
    else if (record->unknown)
        cvt_str_text(to, "  unknown\n");
    else
        cvt_str_text(to, "  no class has the least score\n");
}

static void text_line(cvt_str *to, const cvt_record *record) {
    char number[16];
    cvt_record_escape(to, record->path);
    cvt_str_text(to, ": ");
    if (!record->n) {
        cvt_str_text(to, record->unknown ? "unknown\n" : "no class has the least score\n");
        return;
    }
    cvt_str_text(to, record->unknown ? unknown : "");
    cvt_record_escape(to, label_of(record->ranks, number));
    cvt_str_text(to, " (");
    append_score(to, 0, record->ranks->score, record->kind);
    if (record->kind != CVT_SCORE_SOFTMAX) cvt_str_print(to, ", %s", kind_words[record->kind]);
    cvt_str_text(to, ")\n");
}

static void text_record(cvt_str *to, const cvt_record *record, cvt_records *run) {
    if (run->style.ranks == 1) {
        if (run->style.bars)
            text_columns(to, record, run);
        else
            text_line(to, record);
        return;
    }
    if (run->any) cvt_str_text(to, "\n");
    append_path(to, record->path, run);
    if (record->kind != CVT_SCORE_SOFTMAX) cvt_str_print(to, " (%s)", kind_words[record->kind]);
    cvt_str_text(to, record->unknown ? ": unknown\n" : "\n");
    for (int i = 0; i < record->n; i++) append_score_and_label(to, &record->ranks[i], record->kind, "", run);
    if (!record->n) cvt_str_text(to, "  no class has the least score\n");
}

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

static void json_label(cvt_str *to, const cvt_rank *rank) {
    char number[16];
    cvt_str_print(to, "{\"index\":%d,\"label\":", rank->index);
    cvt_json_out_string(to, label_of(rank, number));
}

static void json_ranks(cvt_str *to, const cvt_record *record) {
    cvt_str_text(to, ",\"top\":[");
    for (int i = 0; i < record->n; i++) {
        if (i) cvt_str_text(to, ",");
        json_label(to, &record->ranks[i]);
        cvt_str_text(to, ",\"score\":");
        cvt_json_out_number(to, (double)record->ranks[i].score);
        cvt_str_text(to, "}");
    }
    cvt_str_text(to, "]");
}

static void json_file(cvt_str *to, const cvt_record *record) {
    cvt_str_text(to, ",\"file\":");
    cvt_json_out_string(to, record->file);
    if (!record->shown) return;
    cvt_str_text(to, ",\"class\":");
    json_label(to, record->shown);
    cvt_str_text(to, "}");
}

static void json_values(cvt_str *to, const cvt_record *record) {
    const cvt_tensor_info *info = record->values_shape;
    for (int i = 0; info && i < info->rank; i++)
        cvt_str_print(to, "%s%lld%s", i ? "," : ",\"shape\":[", (long long)info->shape[i],
                      i + 1 < info->rank ? "" : "]");
    cvt_str_print(to, ",\"%s\":[", record->values_name);
    for (size_t i = 0; i < record->n_values; i++) {
        if (i) cvt_str_text(to, ",");
        cvt_json_out_number(to, (double)record->values[i]);
    }
    cvt_str_text(to, "]");
}

/* As the bytes of f32 numbers, the lowest byte first. */
static void json_logits(cvt_str *to, const cvt_record *record) {
    cvt_str_text(to, ",\"logits_b64\":\"");
    cvt_base64_append(to, record->logits, record->n_logits * sizeof *record->logits);
    cvt_str_text(to, "\"");
}

static void json_exif(cvt_str *to, const cvt_record *record) {
    cvt_str_text(to, ",\"taken\":");
    if (record->taken)
        cvt_json_out_string(to, record->taken);
    else
        cvt_str_text(to, "null");
    cvt_str_print(to, ",\"orientation\":%d", record->orientation);
}

/* The names stand before "ok": batch/done.c reads no further. */
static void json_object(cvt_str *to, const cvt_record *record, const cvt_records *run) {
    cvt_str_text(to, "{");
    if (record->tar) cvt_json_out_path(to, "tar", record->tar);
    if (record->tar) cvt_str_text(to, ",");
    cvt_json_out_path(to, "path", record->path);
    if (record->status != CVT_OK) {
        cvt_str_print(to, ",\"ok\":false,\"error\":{\"code\":\"%s\",\"message\":", cvt_status_code(record->status));
        cvt_json_out_string(to, record->message);
        cvt_str_text(to, "}}");
        return;
    }
    cvt_str_text(to, ",\"ok\":true");
    if (record->file)
        json_file(to, record);
    else if (record->values)
        json_values(to, record);
    else
        json_ranks(to, record);
    if (run->style.unknown) cvt_str_print(to, ",\"unknown\":%s", record->unknown ? "true" : "false");
    if (record->truth) {
        cvt_str_text(to, ",\"truth\":");
        json_label(to, record->truth);
        cvt_str_text(to, "}");
    }
    if (record->called) cvt_str_text(to, ",\"called\":");
    if (record->called) cvt_json_out_string(to, record->called);
    if (record->logits) json_logits(to, record);
    if (run->style.exif) json_exif(to, record);
    cvt_str_text(to, "}");
}

static void jsonl_record(cvt_str *to, const cvt_record *record, cvt_records *run) {
    json_object(to, record, run);
    cvt_str_text(to, "\n");
}

/* Writes a record of an array. The comma stands in front, so that every record is a whole line as soon as it is
 * made. */
static void json_record(cvt_str *to, const cvt_record *record, cvt_records *run) {
    cvt_str_text(to, run->any ? "," : "[");
    json_object(to, record, run);
    cvt_str_text(to, "\n");
}

static void json_end(cvt_str *to, bool empty) { cvt_str_text(to, empty ? "[]\n" : "]\n"); }

/* ---- tables ---------------------------------------------------------------------------------------------------- */

static void csv_field(cvt_str *to, const char *text) {
    bool quoted = text[strcspn(text, ",\"\n")] != 0;
    if (quoted) cvt_str_text(to, "\"");
    while (*text) {
        size_t n = strcspn(text, "\"\n");
        append_escaped(to, text, n);
        if (text[n] == '"') cvt_str_text(to, "\"\"");
        if (text[n] == '\n') cvt_str_text(to, "\n");
        text += n + (text[n] != 0);
    }
    if (quoted) cvt_str_text(to, "\"");
}

/* The columns that only some styles have. */
static void table_more(cvt_str *to, const cvt_record *record, const char *comma, const cvt_records *run) {
    const bool failed = record->status != CVT_OK;
    if (run->style.unknown) cvt_str_print(to, "%s%s", comma, failed ? "" : record->unknown ? "true" : "false");
    if (!run->style.exif) return;
    if (!failed)
        cvt_str_print(to, "%s%s%s%d", comma, record->taken ? record->taken : "", comma, record->orientation);
    else
        cvt_str_print(to, "%s%s", comma, comma);
}

static void table_record(cvt_str *to, const cvt_record *record, const char *comma,
                         void (*field)(cvt_str *, const char *), const cvt_records *run) {
    const bool failed = record->status != CVT_OK;
    if (failed || !record->n) {
        field(to, record->path);
        cvt_str_print(to, "%s%s%s%s", comma, failed ? "false" : "true", comma,
                      failed ? cvt_status_code(record->status) : "");
        cvt_str_print(to, "%s%s%s%s", comma, comma, comma, comma);
        table_more(to, record, comma, run);
        cvt_str_text(to, "\n");
        return;
    }
    for (int i = 0; i < record->n; i++) {
        char number[16];
        field(to, record->path);
        cvt_str_print(to, "%strue%s%s%d%s%d%s", comma, comma, comma, i + 1, comma, record->ranks[i].index, comma);
        field(to, label_of(&record->ranks[i], number));
        cvt_str_text(to, comma);
        cvt_json_out_number(to, (double)record->ranks[i].score);
        table_more(to, record, comma, run);
        cvt_str_text(to, "\n");
    }
}

static void csv_begin(cvt_str *to, const cvt_record_style *style) {
    cvt_str_print(to, "path,ok,error,rank,index,label,score%s%s\n", style->unknown ? ",unknown" : "",
                  style->exif ? ",taken,orientation" : "");
}

static void tsv_begin(cvt_str *to, const cvt_record_style *style) {
    cvt_str_print(to, "path\tok\terror\trank\tindex\tlabel\tscore%s%s\n", style->unknown ? "\tunknown" : "",
                  style->exif ? "\ttaken\torientation" : "");
}

static void csv_record(cvt_str *to, const cvt_record *record, cvt_records *run) {
    table_record(to, record, ",", csv_field, run);
}

static void tsv_record(cvt_str *to, const cvt_record *record, cvt_records *run) {
    table_record(to, record, "\t", cvt_record_escape, run);
}

/* ---- the list of formats --------------------------------------------------------------------------------------- */

static const cvt_format formats[] = {
    {.name = "text", .record = text_record},
    {.name = "jsonl", .record = jsonl_record, .failures = true, .lines = true, .json = true},
    {.name = "json", .record = json_record, .end = json_end, .failures = true, .json = true},
    {.name = "csv", .begin = csv_begin, .record = csv_record, .failures = true},
    {.name = "tsv", .begin = tsv_begin, .record = tsv_record, .failures = true, .lines = true},
};

const cvt_format *cvt_format_at(int index) {
    return index >= 0 && (size_t)index < sizeof formats / sizeof formats[0] ? &formats[index] : NULL;
}

const cvt_format *cvt_format_find(const char *name) {
    for (int i = 0; cvt_format_at(i); i++)
        if (strcmp(formats[i].name, name) == 0) return &formats[i];
    return NULL;
}

/* Ends the lines that were written from `from` on as the style says. */
static void end_lines(const cvt_records *records, cvt_str *to, size_t from) {
    for (size_t i = from; records->style.zero && records->format->lines && i < to->size; i++)
        if (to->data[i] == '\n') to->data[i] = 0;
}

void cvt_records_begin(cvt_records *records, const cvt_format *format, const cvt_record_style *style, cvt_str *to) {
    const size_t from = to->size;
    *records = (cvt_records){.format = format, .style = *style};
    if (format->begin) format->begin(to, style);
    end_lines(records, to, from);
}

void cvt_records_head(cvt_records *records, const char *object, cvt_str *to) {
    const size_t from = to->size;
    cvt_str_print(to, "%s%s\n", records->format->end ? "[" : "", object);
    records->any = true;
    end_lines(records, to, from);
}

void cvt_records_add(cvt_records *records, const cvt_record *record, cvt_str *to) {
    const size_t from = to->size;
    if (record->status != CVT_OK && !records->format->failures) return;
    records->format->record(to, record, records);
    records->any = true;
    end_lines(records, to, from);
}

void cvt_records_end(const cvt_records *records, cvt_str *to) {
    if (records->format->end) records->format->end(to, !records->any);
}
