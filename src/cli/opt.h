/* opt.h - command-line options from one table: parsing, help, completions and the check of the man page all read the
 * same rows (settings.c). POSIX and GNU forms: -k5, -k 5, grouped flags -r0, --top-k=5, --top-k 5; options may follow
 * operands; "--" ends options; "-" is an operand. Long names may be cut as far as one option alone begins so. A later
 * option overrides an earlier one of the same name; of those that name a file, a second one is refused, unless they
 * make a list. */
#ifndef CVT_CLI_OPT_H
#define CVT_CLI_OPT_H

#include "base/error.h"
#include "base/str.h"

/* The kinds of values, and the types of the fields that hold them in the settings. */
typedef enum cvt_option_kind {
    CVT_OPT_FLAG,    /* bool */
    CVT_OPT_INTEGER, /* int64_t, within [min, max] */
    CVT_OPT_NUMBER,  /* double, within [min, max] */
    CVT_OPT_LIMIT,   /* cvt_opt_limit, a number within [min, max] */
    CVT_OPT_RATE,    /* cvt_opt_limit, a share such as 0.05 or 5%, within [min, max] hundredths */
    CVT_OPT_CHOICE,  /* const char *, one of `choices` */
    CVT_OPT_SIZE,    /* cvt_opt_size, "H" or "HxW" */
    CVT_OPT_PART,    /* cvt_opt_part, "I/N" */
    CVT_OPT_WORD,    /* const char * */
    CVT_OPT_FILE,    /* const char *; completed as a file, or also as `names` say */
    CVT_OPT_FOLDER,  /* const char *; completed as a directory */
    CVT_OPT_MODEL,   /* const char *; completed as a path, or as `names` say */
    CVT_OPT_WORDS,   /* cvt_opt_list: all values, when it is given several times */
    CVT_OPT_FILES,   /* cvt_opt_list; completed as a file */
} cvt_option_kind;

typedef struct cvt_opt_size {
    int height, width; /* 0, 0: not given */
} cvt_opt_size;

typedef struct cvt_opt_part {
    int64_t index, count; /* 1 <= index <= count; 0, 0: not given */
} cvt_opt_part;

typedef struct cvt_opt_limit {
    double value;
    bool given;
} cvt_opt_limit;

typedef struct cvt_opt_list {
    const char **items; /* pointers to words of argv */
    size_t n;
} cvt_opt_list;

typedef struct cvt_option {
    const char *group; /* the title of the group of options that begins here; NULL: the group goes on */
    unsigned commands; /* the bits of the commands that take it */
    unsigned required; /* the bits of the commands that require it; not for numbers, flags, sizes */
    char letter;       /* 0: it has no short form */
    const char *name;  /* long form, without dashes; NULL ends the table */
    cvt_option_kind kind;
    size_t target;              /* offset of the field in the settings */
    const char *argument;       /* what the help calls the value; NULL for flags */
    const char *const *choices; /* for CVT_OPT_CHOICE; ends with NULL */
    const char *names; /* shells complete the value with what cvt list --only=NAMES prints; NULL: they do not */
    int64_t min, max;
    const char *initial; /* the value when it is not given, as text, or NULL */
    const char *alone;   /* for CVT_OPT_RATE: the value when it is given without one */
    bool recorded;       /* records depend on it: it stands in the header of records */
    const char *help;    /* a phrase without a full stop */
    unsigned lacking;    /* the bits of the commands that do not take it where people may expect it, ... */
    const char *instead; /* ... and what they are told to do instead, a phrase */
} cvt_option;

/* Fills `settings` (zeroed by the caller) from words[0 .. n-1], which come after the command's name, and moves the
 * operands to the front of `words`; *operands becomes their number. `command` is the bit of the command; an option that
 * it does not take is CVT_USAGE with one line. Lists are allocated: free them with cvt_opt_free, after a failure too.
 * If an option named "help" is given, no other option is required. */
cvt_status cvt_opt_parse(const cvt_option *rows, unsigned command, void *settings, char **words, int n, int *operands,
                         cvt_error *error);
void cvt_opt_free(const cvt_option *rows, void *settings);
/* Gives the options that have an initial value that value, as cvt_opt_parse does first. */
cvt_status cvt_opt_initial(const cvt_option *rows, unsigned command, void *settings, cvt_error *error);

/* Appends the help: for each option of `command` a paragraph "  -k, --top-k=N   help text (default: 5)", at most 79
 * columns wide; above each group that has a title an empty line and the title. */
void cvt_opt_help(const cvt_option *rows, unsigned command, cvt_str *to);

/* Appends words and a newline. Lines are broken so that none is longer than 79 columns. They begin at the column
 * `indent`, where the text is now. */
void cvt_opt_wrap(cvt_str *to, const char *text, int indent);

/* Appends what a usage line says between the command and its operands: " -i FILE -o DIR [OPTION]...". */
void cvt_opt_usage(const cvt_option *rows, unsigned command, cvt_str *to);

/* Is the value of a word or choice this one? `value` may be NULL. */
bool cvt_opt_is(const char *value, const char *word);

/* Returns the candidate that `word` was probably meant to be, or NULL. next(context, i) gives the i-th candidate, or
 * NULL behind the last one. */
const char *cvt_opt_nearest(const char *word, const char *(*next)(const void *context, size_t i), const void *context);

#endif
