/* opt.h - command-line options from one table: parsing, help, completions and the check of the man page all read the
 * same rows (settings.c). POSIX and GNU forms: -k5, -k 5, grouped flags -r0, --top-k=5, --top-k 5; options may follow
 * operands; "--" ends options; "-" is an operand. Long names may be cut as far as one option alone begins so. A later
 * option overrides an earlier one of the same name; of those that name a file, a second one is refused, unless they
 * make a list. */
#ifndef CVT_CLI_OPT_H
#define CVT_CLI_OPT_H

#include "base/error.h"
#include "base/str.h"

/* Kinds of values, and what holds them in the settings. */
typedef enum cvt_option_kind {
    CVT_OPT_FLAG,    /* bool */
    CVT_OPT_INTEGER, /* int64_t, within [least, most] */
    CVT_OPT_NUMBER,  /* double, within [least, most] */
    CVT_OPT_CHOICE,  /* const char *, the one of `choices` */
    CVT_OPT_SIZE,    /* cvt_opt_size, "H" or "HxW" */
    CVT_OPT_WORD,    /* const char * */
    CVT_OPT_FILE,    /* const char *; completed as a file */
    CVT_OPT_FOLDER,  /* const char *; completed as a directory */
    CVT_OPT_MODEL,   /* const char *; completed as a model name or a path */
    CVT_OPT_WORDS,   /* cvt_opt_list, every time it is given */
    CVT_OPT_FILES,   /* cvt_opt_list; completed as a file */
} cvt_option_kind;

typedef struct cvt_opt_size {
    int height, width; /* 0, 0: not given */
} cvt_opt_size;

typedef struct cvt_opt_list {
    const char **items; /* words of argv */
    size_t n;
} cvt_opt_list;

typedef struct cvt_option {
    const char *group; /* the title of the group that begins with this row, or NULL: it goes on */
    unsigned commands; /* bits of the commands that take it */
    unsigned required; /* bits of the commands that cannot do without; not for numbers, flags, sizes */
    char letter;       /* 0: has no short form */
    const char *name;  /* long form, without dashes; NULL ends the table */
    cvt_option_kind kind;
    size_t target;              /* offset of the field in the settings */
    const char *argument;       /* what the help calls the value, NULL for flags */
    const char *const *choices; /* for CVT_OPT_CHOICE: ends with NULL */
    int64_t least, most;
    const char *initial; /* the value when it is not given, as text, or NULL */
    const char *help;    /* a phrase without a full stop */
} cvt_option;

/* Fills `settings` (zeroed by the caller) from words[0 .. n-1], which follow the command's name, and moves the operands
 * to the front of `words`, *operands many. CVT_USAGE with one line on anything that is not in the rows of `command` (a
 * bit). Lists are allocated; free them with cvt_opt_free, also after failure. A set help flag (an option named "help")
 * lifts the demand for required options. */
cvt_status cvt_opt_parse(const cvt_option *rows, unsigned command, void *settings, char **words, int n, int *operands,
                         cvt_error *error);
void cvt_opt_free(const cvt_option *rows, void *settings);

/* "  -k, --top-k=N   help text (default: 5)", a paragraph for each row of `command`, at most 79 columns; above each
 * group that has one an empty line and its title. */
void cvt_opt_help(const cvt_option *rows, unsigned command, cvt_str *to);

/* Appends words and a line break, broken so that no line is longer than 79 columns. Lines begin at `indent`, where the
 * text is now. */
void cvt_opt_wrap(cvt_str *to, const char *text, int indent);

/* " -i FILE -o DIR [OPTION]...": what a usage line says between the command and its operands. */
void cvt_opt_usage(const cvt_option *rows, unsigned command, cvt_str *to);

/* True if the value of a word or choice is this one; value may be NULL. */
bool cvt_opt_is(const char *value, const char *word);

/* The candidate that `word` was probably meant to be, or NULL. next(context, i): the i-th one, or NULL. */
const char *cvt_opt_nearest(const char *word, const char *(*next)(const void *context, size_t i), const void *context);

#endif
