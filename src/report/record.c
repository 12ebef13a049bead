/* record.c - the output formats of cvt classify.
 *
 * - text, for people: the path, and below it a line for each rank; with one rank both are on one line. Failed inputs
 *   are left out.
 * - jsonl: an object on each line; json: the same objects in one array.
 * - csv: path,ok,error,rank,index,label,score. There is a line for each rank, and one for a failed input, whose error
 *   is the code. Quotes are those of RFC 4180; lines end with LF.
 * - tsv: the same with tabs and without quotes; a tab or newline in a name is escaped as any control character is.
 *
 * Outside JSON, control characters and bytes that are not UTF-8 become \xNN; only the newline, which CSV can quote,
 * stays. */
#include "report/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/json_out.h"

static void append(cvt_str *to, const char *text) { cvt_str_append(to, text, strlen(text)); }

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

static void append_score(cvt_str *to, int width, float score, cvt_score_kind kind) {
    if (kind == CVT_SCORE_NONE) {
        cvt_json_out_number(to, (double)score);
        return;
    }
    int hundredths = (int)lround(10000.0 * (double)score);
    cvt_str_print(to, "%*d.%02d%%", width, hundredths / 100, hundredths % 100);
}

static void text_record(cvt_str *to, const cvt_record *record, bool first) {
    char number[16];
    if (record->n == 1) {
        cvt_record_escape(to, record->path);
        append(to, ": ");
        cvt_record_escape(to, label_of(record->ranks, number));
        append(to, " (");
        append_score(to, 0, record->ranks->score, record->kind);
        if (record->kind != CVT_SCORE_SOFTMAX) cvt_str_print(to, ", %s", kind_words[record->kind]);
        append(to, ")\n");
        return;
    }
    if (!first) append(to, "\n");
    cvt_record_escape(to, record->path);
    if (record->kind != CVT_SCORE_SOFTMAX) cvt_str_print(to, " (%s)", kind_words[record->kind]);
    append(to, "\n");
    for (int i = 0; i < record->n; i++) {
        append(to, "  ");
        append_score(to, 3, record->ranks[i].score, record->kind);
        append(to, "  ");
        cvt_record_escape(to, label_of(&record->ranks[i], number));
        append(to, "\n");
    }
}

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

static void json_object(cvt_str *to, const cvt_record *record) {
    append(to, "{");
    if (record->tar) cvt_json_out_path(to, "tar", record->tar);
    if (record->tar) append(to, ",");
    cvt_json_out_path(to, "path", record->path);
    if (record->status != CVT_OK) {
        cvt_str_print(to, ",\"ok\":false,\"error\":{\"code\":\"%s\",\"message\":", cvt_status_code(record->status));
        cvt_json_out_string(to, record->message);
        append(to, "}}");
        return;
    }
    append(to, ",\"ok\":true,\"top\":[");
    for (int i = 0; i < record->n; i++) {
        char number[16];
        cvt_str_print(to, "%s{\"index\":%d,\"label\":", i ? "," : "", record->ranks[i].index);
        cvt_json_out_string(to, label_of(&record->ranks[i], number));
        append(to, ",\"score\":");
        cvt_json_out_number(to, (double)record->ranks[i].score);
        append(to, "}");
    }
    append(to, "]}");
}

static void jsonl_record(cvt_str *to, const cvt_record *record, bool first) {
    (void)first;
    json_object(to, record);
    append(to, "\n");
}

/* Writes a record of an array. The comma stands in front, so that every record is a whole line as soon as it is
 * made. */
static void json_record(cvt_str *to, const cvt_record *record, bool first) {
    append(to, first ? "[" : ",");
    json_object(to, record);
    append(to, "\n");
}

static void json_end(cvt_str *to, bool empty) { append(to, empty ? "[]\n" : "]\n"); }

/* ---- tables ---------------------------------------------------------------------------------------------------- */

static void csv_field(cvt_str *to, const char *text) {
    bool quoted = text[strcspn(text, ",\"\n")] != 0;
    if (quoted) append(to, "\"");
    while (*text) {
        size_t n = strcspn(text, "\"\n");
        append_escaped(to, text, n);
        if (text[n] == '"') append(to, "\"\"");
        if (text[n] == '\n') append(to, "\n");
        text += n + (text[n] != 0);
    }
    if (quoted) append(to, "\"");
}

static void table_record(cvt_str *to, const cvt_record *record, const char *comma,
                         void (*field)(cvt_str *, const char *)) {
    if (record->status != CVT_OK) {
        field(to, record->path);
        cvt_str_print(to, "%sfalse%s%s", comma, comma, cvt_status_code(record->status));
        cvt_str_print(to, "%s%s%s%s\n", comma, comma, comma, comma);
        return;
    }
    for (int i = 0; i < record->n; i++) {
        char number[16];
        field(to, record->path);
        cvt_str_print(to, "%strue%s%s%d%s%d%s", comma, comma, comma, i + 1, comma, record->ranks[i].index, comma);
        field(to, label_of(&record->ranks[i], number));
        append(to, comma);
        cvt_json_out_number(to, (double)record->ranks[i].score);
        append(to, "\n");
    }
}

static void csv_begin(cvt_str *to) { append(to, "path,ok,error,rank,index,label,score\n"); }
static void tsv_begin(cvt_str *to) { append(to, "path\tok\terror\trank\tindex\tlabel\tscore\n"); }

static void csv_record(cvt_str *to, const cvt_record *record, bool first) {
    (void)first;
    table_record(to, record, ",", csv_field);
}

static void tsv_record(cvt_str *to, const cvt_record *record, bool first) {
    (void)first;
    table_record(to, record, "\t", cvt_record_escape);
}

/* ---- the list of formats --------------------------------------------------------------------------------------- */

static const cvt_format formats[] = {
    {.name = "text", .record = text_record},
    {.name = "jsonl", .record = jsonl_record, .failures = true},
    {.name = "json", .record = json_record, .end = json_end, .failures = true},
    {.name = "csv", .begin = csv_begin, .record = csv_record, .failures = true},
    {.name = "tsv", .begin = tsv_begin, .record = tsv_record, .failures = true},
};

const cvt_format *cvt_format_at(int index) {
    return index >= 0 && (size_t)index < sizeof formats / sizeof formats[0] ? &formats[index] : NULL;
}

const cvt_format *cvt_format_find(const char *name) {
    for (int i = 0; cvt_format_at(i); i++)
        if (strcmp(formats[i].name, name) == 0) return &formats[i];
    return NULL;
}

void cvt_records_begin(cvt_records *records, const cvt_format *format, cvt_str *to) {
    *records = (cvt_records){.format = format};
    if (format->begin) format->begin(to);
}

void cvt_records_add(cvt_records *records, const cvt_record *record, cvt_str *to) {
    if (record->status != CVT_OK && !records->format->failures) return;
    records->format->record(to, record, !records->any);
    records->any = true;
}

void cvt_records_end(const cvt_records *records, cvt_str *to) {
    if (records->format->end) records->format->end(to, !records->any);
}
