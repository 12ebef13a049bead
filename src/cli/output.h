/* output.h - whether a command may write the file that -o names: it must be none that the command reads, and must not
 * take the place of something else. */
#ifndef CVT_CLI_OUTPUT_H
#define CVT_CLI_OUTPUT_H

#include "cli/settings.h"

/* What a file holds. */
typedef enum cvt_output_kind {
    CVT_OUTPUT_NPY,
    CVT_OUTPUT_PNG,
    CVT_OUTPUT_SAFETENSORS,
    CVT_OUTPUT_HTML,
    CVT_OUTPUT_NAMES,
    CVT_OUTPUT_TEXT, /* records, in the order of the formats of report/record.h */
    CVT_OUTPUT_JSONL,
    CVT_OUTPUT_JSON,
    CVT_OUTPUT_CSV,
    CVT_OUTPUT_TSV,
    CVT_OUTPUT_SVG,
    CVT_OUTPUT_CONFUSION, /* a table */
} cvt_output_kind;

/* CVT_USAGE, naming the path, where
 * - the name has an ending that does not fit the kind; of records, one that fits another kind;
 * - it is standard output or a device, and that is a terminal (text of names may go there);
 * - it is a file that the command reads: one of the operands (NULL-terminated, or NULL), of the files that options
 * name, or of the model's (NULL: none). The file that is meant counts, not its name;
 * - there is a file that is of another kind by what it holds, unless --force is given. An empty file is of any kind.
 *   A text is one of names where its lines name files, or the .npy file beside it, `rows`, has as many rows as lines.
 * Whether the file can be written at all shows when that is tried. */
cvt_status cvt_output_check(const char *path, cvt_output_kind kind, const char *rows, const cvt_settings *settings,
                            char *const *operands, const cvt_model *model, cvt_error *error);

/* The name of the format of records that goes with the ending of the path (NULL: there is no path), or NULL. */
const char *cvt_output_format(const char *path);

/* CVT_USAGE where both paths lead to the same file: for an input that a directory or a list has, which the check above
 * does not know. */
cvt_status cvt_output_check_input(const char *path, const char *input, cvt_error *error);

#endif
