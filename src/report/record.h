/* record.h - writes what is known of an input, in each output format. */
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
    cvt_status status;     /* CVT_OK: there is a result */
    const char *message;   /* else why there is none */
    const cvt_rank *ranks; /* a result of classes, best first; may be NULL where n is 0 */
    int n;
    bool unknown;          /* the best class is too improbable to be believed */
    cvt_score_kind kind;   /* what the scores are */
    const cvt_rank *truth; /* what the image shows, for JSON, without a score; NULL: not known */
    /* what the result was made of, for JSON: all logits, and what the data call the class; NULL: they are not wanted */
    const float *logits;
    size_t n_logits;
    const char *called;
    /* a result in a file of its own, for JSON: its path, and the class that it shows (NULL: none) */
    const char *file;
    const cvt_rank *shown;
    /* a result that is a row of numbers, for JSON: its name, and its shape (rank 0: it is a plain list) */
    const float *values;
    size_t n_values;
    const char *values_name;
    const cvt_tensor_info *values_shape;
    /* what EXIF says: when the image was taken (NULL: nothing), its orientation */
    const char *taken;
    int orientation;
} cvt_record;

/* How records look, besides their format. */
typedef struct cvt_record_style {
    int ranks;    /* the most classes of a record */
    bool exif;    /* with "taken" and "orientation" */
    bool unknown; /* with "unknown" */
    bool zero;    /* lines end with NUL; only where the format says `lines` */
    bool bars;    /* text: scores have bars, and records of one class stand in columns */
    bool colour;  /* text: with the colours of a terminal */
} cvt_record_style;

typedef struct cvt_format cvt_format;

/* The output of a run: call begin, then head if there is one, then add for every input, then end. Each appends to `to`
 * what is to be written now. */
typedef struct cvt_records {
    const cvt_format *format;
    cvt_record_style style;
    bool any;  /* there was a record that the format shows */
    int width; /* of the widest path so far, where they stand in a column */
} cvt_records;

/* A format, a row of the table in record.c: what is written before, between and after the records. */
struct cvt_format {
    const char *name;
    bool failures; /* failed inputs have a record too */
    bool lines;    /* there is no newline but that at the end of each line */
    bool json;
    void (*begin)(cvt_str *to, const cvt_record_style *style);
    void (*record)(cvt_str *to, const cvt_record *record, cvt_records *run);
    void (*end)(cvt_str *to, bool empty);
};

/* Returns a format by its place in the help, or NULL behind the last one. */
const cvt_format *cvt_format_at(int index);
/* Returns a format by its name, or NULL. */
const cvt_format *cvt_format_find(const char *name);

void cvt_records_begin(cvt_records *records, const cvt_format *format, const cvt_record_style *style, cvt_str *to);
/* Adds an object that is no input's; only where the format is JSON. */
void cvt_records_head(cvt_records *records, const char *object, cvt_str *to);
void cvt_records_add(cvt_records *records, const cvt_record *record, cvt_str *to);
void cvt_records_end(const cvt_records *records, cvt_str *to);

/* Appends text in a form that may go to a terminal: control characters and bytes that are not UTF-8 become \xNN. */
void cvt_record_escape(cvt_str *to, const char *text);

#endif
