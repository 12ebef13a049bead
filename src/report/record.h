/* record.h - writes what is known of a classified input, in each output format. */
#ifndef CVT_REPORT_RECORD_H
#define CVT_REPORT_RECORD_H

#include "base/str.h"
#include "cvt.h"

typedef struct cvt_rank {
    int index;         /* the index of the class */
    const char *label; /* NULL: the index is shown instead */
    float score;
} cvt_rank;

typedef struct cvt_record {
    const char *tar; /* the archive that the path is in; NULL: none, or one without a name */
    const char *path;
    cvt_status status;     /* CVT_OK: there are ranks */
    const char *message;   /* else why there are none */
    const cvt_rank *ranks; /* best first */
    int n;
    cvt_score_kind kind; /* what the scores are */
} cvt_record;

/* A format, a row of the table in record.c: what is written before, between and after the records. */
typedef struct cvt_format {
    const char *name;
    bool failures; /* failed inputs have a record too */
    void (*begin)(cvt_str *to);
    void (*record)(cvt_str *to, const cvt_record *record, bool first);
    void (*end)(cvt_str *to, bool empty);
} cvt_format;

/* Returns a format by its place in the help, or NULL behind the last one. */
const cvt_format *cvt_format_at(int index);
/* Returns a format by its name, or NULL. */
const cvt_format *cvt_format_find(const char *name);

/* The output of a run: call begin, then add for every input, then end. Each appends to `to` what is to be written
 * now. */
typedef struct cvt_records {
    const cvt_format *format;
    bool any; /* a record was added that the format shows */
} cvt_records;
void cvt_records_begin(cvt_records *records, const cvt_format *format, cvt_str *to);
void cvt_records_add(cvt_records *records, const cvt_record *record, cvt_str *to);
void cvt_records_end(const cvt_records *records, cvt_str *to);

/* Appends text in a form that may go to a terminal: control characters and bytes that are not UTF-8 become \xNN. */
void cvt_record_escape(cvt_str *to, const char *text);

#endif
