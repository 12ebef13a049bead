/* command.h - what the commands share: the table of commands, exit statuses, and the two output streams.
 *
 * Records go to standard output through cvt_cli_write, and only through it: it remembers the first failure, which
 * decides the exit status. Everything that is meant for people goes to standard error, one line for each fact. */
#ifndef CVT_CLI_COMMAND_H
#define CVT_CLI_COMMAND_H

#include "base/str.h"
#include "cli/settings.h"

enum {
    CVT_EXIT_OK = 0,
    CVT_EXIT_INPUT = 1,  /* an input failed; the others are done */
    CVT_EXIT_USAGE = 2,  /* an unknown option or value, or an ISA that cannot run here */
    CVT_EXIT_MODEL = 3,  /* the model or its config cannot be loaded */
    CVT_EXIT_OUTPUT = 4, /* the output cannot be written */
    CVT_EXIT_SIGNAL = 128,
};

typedef struct cvt_command cvt_command;

/* One run of the program. */
typedef struct cvt_cli {
    const char *program; /* argv[0] */
    const cvt_command *command;
    int output_errno; /* the errno of the first failure of standard output; 0: none */
} cvt_cli;

/* Returns the name by which this program was called, since an installation may have given it another name than cvt. A
 * name that shells would have to quote is not used: then it is "cvt". */
const char *cvt_cli_name(const cvt_cli *cli);

/* An example: a line to type, and what it gives, a phrase without a full stop. */
typedef struct cvt_example {
    const char *line, *gives;
} cvt_example;

enum { CVT_PARAGRAPHS = 4 };

struct cvt_command {
    const char *name; /* NULL ends the table */
    unsigned bit;     /* CVT_CMD_... */
    const char *operands;
    int min, max;        /* how many operands it takes; max < 0: any number */
    const char *purpose; /* a phrase without a full stop */
    /* For the help: paragraphs, and NULL after the last; and examples, after which comes one whose line is NULL. */
    const char *about[CVT_PARAGRAPHS];
    const cvt_example *examples;
    /* Runs the command and returns an exit status. `operands` ends with NULL. */
    int (*run)(cvt_cli *cli, const cvt_settings *settings, char **operands);
};

/* commands.c: the commands in the order of the help; the last row has no name. */
extern const cvt_command cvt_commands[];
const cvt_command *cvt_command_find(const char *name);
/* Reports that there is no command of this name, and which one may be meant; where it is the path of something that is
 * no model, that cvt classify reads it. Returns CVT_EXIT_USAGE. */
int cvt_command_unknown(const cvt_cli *cli, const char *name);
/* Is this the name or the path of a model that can be opened? */
bool cvt_command_is_model(const cvt_cli *cli, const char *name);

int cvt_command_attend(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_bench(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_check(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_classify(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_completion(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_convert(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_embed(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_eval(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_help(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_init(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_learn(cvt_cli *cli, const cvt_settings *settings, char **operands);
/* Does what cvt list --schema does. */
int cvt_list_schema(cvt_cli *cli);
/* Does what cvt list --only does. */
int cvt_list_names(cvt_cli *cli, const cvt_settings *settings);
int cvt_command_list(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_preprocess(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_report(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_run(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_summary(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_verify(cvt_cli *cli, const cvt_settings *settings, char **operands);

int cvt_help_all(cvt_cli *cli);
int cvt_help_command(cvt_cli *cli, const cvt_command *command);
int cvt_help_version(cvt_cli *cli, bool json);
/* Prints the help to standard error when no command is named. Returns CVT_EXIT_USAGE. */
int cvt_help_missing(const cvt_cli *cli);

/* ---- standard output ------------------------------------------------------------------------------------------- */

/* Writes to standard output. Returns false once a write has failed: the command then stops, and main chooses the exit
 * status (0 where the reader went away). */
bool cvt_cli_write(cvt_cli *cli, const void *bytes, size_t n);
/* Writes the text and frees it. If memory ran out while it was made, this counts as a failed write. */
bool cvt_cli_write_str(cvt_cli *cli, cvt_str *text);
/* Flushes standard output, so that a reader sees whole records as they are made. */
bool cvt_cli_flush(cvt_cli *cli);

/* ---- standard error -------------------------------------------------------------------------------------------- */

/* Prints "cvt: FILE: message" to standard error in one write, with control characters escaped. Any thread may call it.
 * `file` may be NULL. If the message begins with the file's name already, the name is not printed twice. */
void cvt_cli_say(const char *file, const char *message);
/* Prints the message of an error and returns the exit status for it: CVT_USAGE 2, CVT_OUTPUT 4, else `otherwise`. Where
 * the output went to "-" and its reader has gone, it prints nothing and returns 0. */
int cvt_cli_fail(const char *file, const cvt_error *error, int otherwise);
/* Prints "cvt: COMMAND: message" and returns CVT_EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int cvt_cli_usage(const cvt_cli *cli, const char *format, ...);

/* ---- signals --------------------------------------------------------------------------------------------------- */

/* Called once, by main: SIGPIPE and SIGXFSZ are ignored, so that the write fails, and SIGBUS, which a mapped file
 * raises when somebody truncates it, ends the program with status 3. */
void cvt_cli_catch_signals(void);
/* Until this is called SIGINT, SIGTERM and SIGHUP end the program at once with 128+n; from then on the first one is
 * only noted: the command ends after the record or file in hand, and main makes 128+n of the status. Another one, more
 * than a second later, ends at once. */
void cvt_cli_stop_softly(void);
/* Returns the signal that was noted, or 0. */
int cvt_cli_stopped(void);

#endif
