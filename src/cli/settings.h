/* settings.h - the values of all options, and the tables of options and environment variables. An option is one row in
 * settings.c and one field here. */
#ifndef CVT_CLI_SETTINGS_H
#define CVT_CLI_SETTINGS_H

#include "cli/opt.h"

/* The bits of the commands, for the table of options. */
enum {
    CVT_CMD_TOP = 1 << 0, /* for options before a command: cvt --version */
    CVT_CMD_CLASSIFY = 1 << 1,
    CVT_CMD_SUMMARY = 1 << 2,
    CVT_CMD_CHECK = 1 << 3,
    CVT_CMD_RUN = 1 << 4,
    CVT_CMD_PREPROCESS = 1 << 5,
    CVT_CMD_CONVERT = 1 << 6,
    CVT_CMD_INIT = 1 << 7,
    CVT_CMD_BENCH = 1 << 8,
    CVT_CMD_LIST = 1 << 9,
    CVT_CMD_HELP = 1 << 10,
    CVT_CMD_COMPLETION = 1 << 11,
    CVT_CMD_EMBED = 1 << 12,
    CVT_CMD_ATTEND = 1 << 13,
    CVT_CMD_LEARN = 1 << 14,
    CVT_CMD_EVAL = 1 << 15,
    CVT_CMD_REPORT = 1 << 16,
    CVT_CMD_VERIFY = 1 << 17,
    CVT_CMD_ALL = (1 << 18) - 1,
};

enum { CVT_MAX_THREADS = 4096, CVT_MANY_IMAGES = 1000 /* so many that packing weights ahead pays */ };

typedef struct cvt_settings {
    bool help, version, json;

    /* the model */
    const char *model, *config, *labels, *preprocess, *score, *precision;
    cvt_opt_list ignore;
    bool verbose;
    cvt_opt_size size;

    /* threads; 0: not given */
    int64_t threads, jobs, batch;
    bool repro;

    /* what goes in */
    cvt_opt_list inputs;
    cvt_opt_list files_from, tars;
    bool null, recursive;
    cvt_opt_part shard;
    const char *sandbox;

    /* decoding */
    const char *exif, *gray16, *alpha, *decode, *stop;
    bool allow_truncated, lines;
    int64_t max_pixels, max_scans;

    /* what comes out */
    const char *output, *format, *style;
    bool force;
    cvt_opt_list taps;
    int64_t top_k, depth; /* depth 0: not given */

    /* records of a collection */
    bool header, resume, retry_errors, zero, exif_fields;
    bool line_buffered; /* changes nothing: no record is ever held back */
    cvt_opt_limit min_score, unknown;

    /* messages */
    bool quiet;
    const char *progress, *color;

    /* embed, attend */
    const char *tap, *layer, *head, *class_name;
    bool rollout, sheet;

    /* convert, init */
    const char *dtype, *names;
    bool pack;
    int64_t seed, golden; /* golden 0: not given */

    /* learn */
    const char *l2, *augment, *val;
    double val_share;
    bool balance, date;
    int64_t top;

    /* report */
    const char *root, *attend;
    int64_t thumbnails;

    /* eval */
    const char *records, *confusion, *classes, *order;
    bool subset;

    /* list */
    bool schema;
    const char *only;

    /* bench */
    int64_t images;
    double seconds;
    bool profile;
} cvt_settings;

extern const cvt_option cvt_settings_rows[];

/* An environment variable, for the help. */
typedef struct cvt_variable {
    const char *name;  /* NULL ends the table */
    unsigned commands; /* the bits of the commands that it matters to */
    const char *help;  /* a phrase without a full stop */
} cvt_variable;

extern const cvt_variable cvt_settings_environment[];

/* Returns what the settings say about decoding. */
cvt_image_options cvt_settings_image(const cvt_settings *settings);

#endif
