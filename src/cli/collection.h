/* collection.h - where the records of a collection of images go: to standard output, or into a file that a later run
 * can go on with. The commands over many images share it, and the options --header, --resume, --retry-errors, -z,
 * --exif-fields, -q, --progress and -v beside -o. */
#ifndef CVT_CLI_COLLECTION_H
#define CVT_CLI_COLLECTION_H

#include "base/file.h"
#include "batch/done.h"
#include "cli/inputs.h"
#include "cli/output.h"
#include "report/record.h"

/* A run. Begin it with cvt_collection_begin; the other functions are called in their order. */
typedef struct cvt_collection {
    cvt_cli *cli;
    const cvt_settings *settings;
    const char *path; /* of the file; NULL: standard output */
    const cvt_format *format;
    cvt_records records;
    cvt_out out;
    bool said;   /* what is wrong or odd about the next result was said before; set it before cvt_collection_add */
    bool silent; /* no records are wanted; set it before cvt_collection_open */
    bool bare;   /* the records lack what a later run needs to go on behind them; set it before the run */
    bool headed; /* a header is written whatever the options say; set it before cvt_collection_open */
    /* A member that results have: records with another one are another command's. NULL: none; set it before
     * cvt_collection_open. */
    const char *member;
    cvt_done_listener earlier; /* is told the records of an earlier run; set it before cvt_collection_open */
    bool resumes;              /* the file has records of an earlier run */
    bool replaces;             /* there is a file of this name, whose place the new one takes */
    cvt_done *done;            /* the inputs of these */
    cvt_str header;            /* an object; empty: none is wanted */
    cvt_str text;              /* what is to be written next */
    cvt_progress progress;
    size_t written;  /* records */
    cvt_error error; /* the first error of the file, which ends the run */
} cvt_collection;

/* Chooses the file and the format of the records, and checks that the options fit them. `path` NULL: standard output.
 * CVT_USAGE says which option does not fit. */
cvt_status cvt_collection_begin(cvt_collection *run, cvt_cli *cli, const cvt_settings *settings, const char *path,
                                const char *format, cvt_error *error);
/* Opens the file, and reads the records that it has: options->done becomes what they answer. The model need not be
 * loaded. style: of the records; NULL: plain ones. Returns an exit status; what is wrong has been said. */
int cvt_collection_open(cvt_collection *run, cvt_batch_options *options, const cvt_record_style *style,
                        char *const *operands, const cvt_model *model);
/* Runs the batch, in which `result` is called for each input: it calls cvt_collection_add. Writes what stands before
 * and behind the records. `context` is that of `result`. Returns an exit status; the file is finished, or stays where
 * it has records, which is said. */
int cvt_collection_run(cvt_collection *run, cvt_batch *batch,
                       bool (*result)(void *context, const cvt_batch_result *result), void *context);
/* Writes a record, which may lack path, status, message and what EXIF says: those are the result's. Says what is wrong
 * or odd about the image. False ends the run. */
bool cvt_collection_add(cvt_collection *run, cvt_record *record, const cvt_batch_result *result);
/* Frees everything, after the batch, which asks whether inputs are done as long as it lives. A file that is not
 * finished stays where it has records, which is said. */
void cvt_collection_end(cvt_collection *run);

#endif
