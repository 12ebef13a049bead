/* record.h - what is said about one classified input, in each output format. */
#ifndef CVT_REPORT_RECORD_H
#define CVT_REPORT_RECORD_H

#include "base/str.h"
#include "cvt.h"

typedef struct cvt_rank {
    int index;         /* the class */
    const char *label; /* NULL: the index serves as label */
    float score;
} cvt_rank;

typedef struct cvt_record {
    const char *path;
    cvt_status status;     /* CVT_OK: the ranks are the answer */
    const char *message;   /* else why there is none */
    const cvt_rank *ranks; /* best first */
    int n;
    cvt_score_kind kind; /* what the scores are */
} cvt_record;

/* A format is a row in record.c: what goes before, between and after the records. */
typedef struct cvt_format {
    const char *name;
    bool failures; /* failed inputs have a record too */
    void (*begin)(cvt_str *to);
    void (*record)(cvt_str *to, const cvt_record *record, bool first);
    void (*end)(cvt_str *to, bool empty);
} cvt_format;

/* The formats in the order to show them, then NULL. */
const cvt_format *cvt_format_at(int index);
/* NULL where there is none of that name. */
const cvt_format *cvt_format_find(const char *name);

/* A run's output: begin, then add for every input, then end. Each appends to `to` what is to be written now. */
typedef struct cvt_records {
    const cvt_format *format;
    bool any; /* something was added that the format shows */
} cvt_records;
void cvt_records_begin(cvt_records *records, const cvt_format *format, cvt_str *to);
void cvt_records_add(cvt_records *records, const cvt_record *record, cvt_str *to);
void cvt_records_end(const cvt_records *records, cvt_str *to);

/* Appends text so that it may go to a terminal: control bytes and bytes that are no UTF-8 as \xNN. */
void cvt_record_escape(cvt_str *to, const char *text);

#endif
