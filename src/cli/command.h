/* command.h - what the commands share: the table they stand in, exit statuses, and the two streams.
 *
 * Records go to standard output by cvt_cli_write, and only so: it remembers the first failure, which decides the exit
 * status. Everything for people goes to standard error, one line a fact. */
#ifndef CVT_CLI_COMMAND_H
#define CVT_CLI_COMMAND_H

#include "base/str.h"
#include "cli/settings.h"

enum {
    CVT_EXIT_OK = 0,
    CVT_EXIT_INPUT = 1,  /* an input failed, the others are done */
    CVT_EXIT_USAGE = 2,  /* unknown option or value, ISA not available here */
    CVT_EXIT_MODEL = 3,  /* model or config cannot be loaded */
    CVT_EXIT_OUTPUT = 4, /* output cannot be written */
    CVT_EXIT_SIGNAL = 128,
};

typedef struct cvt_command cvt_command;

/* One run of the program. */
typedef struct cvt_cli {
    const char *program; /* argv[0] */
    const cvt_command *command;
    int output_errno; /* why standard output failed first, 0 while it works */
} cvt_cli;

/* A line to type, and what it gives: a phrase without a full stop. */
typedef struct cvt_example {
    const char *line, *gives;
} cvt_example;

enum { CVT_PARAGRAPHS = 4 };

struct cvt_command {
    const char *name; /* NULL ends the table */
    unsigned bit;     /* CVT_CMD_... */
    const char *operands;
    int least, most;     /* how many operands; most < 0: any number */
    const char *purpose; /* a phrase without a full stop */
    /* For the help: paragraphs, NULL behind the last; and lines that can be typed, which end with a NULL. */
    const char *about[CVT_PARAGRAPHS];
    const cvt_example *examples;
    /* Returns an exit status; operands are NULL-terminated. */
    int (*run)(cvt_cli *cli, const cvt_settings *settings, char **operands);
};

/* commands.c: the commands in the order of the help text; the last row has no name. */
extern const cvt_command cvt_commands[];
const cvt_command *cvt_command_find(const char *name);
/* Says that there is no such command, and which may be meant: CVT_EXIT_USAGE. */
int cvt_command_unknown(const cvt_cli *cli, const char *name);

int cvt_command_attend(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_bench(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_check(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_classify(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_completion(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_convert(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_embed(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_help(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_init(cvt_cli *cli, const cvt_settings *settings, char **operands);
/* What cvt list --schema does. */
int cvt_list_schema(cvt_cli *cli);
int cvt_command_list(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_preprocess(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_run(cvt_cli *cli, const cvt_settings *settings, char **operands);
int cvt_command_summary(cvt_cli *cli, const cvt_settings *settings, char **operands);

int cvt_help_all(cvt_cli *cli);
int cvt_help_command(cvt_cli *cli, const cvt_command *command);
int cvt_help_version(cvt_cli *cli);
/* The help on standard error, for who names no command: CVT_EXIT_USAGE. */
int cvt_help_missing(void);

/* ---- standard output ------------------------------------------------------------------------------------------- */

/* False once a write has failed: the command then stops, and main chooses the status (a reader that went away: 0). */
bool cvt_cli_write(cvt_cli *cli, const void *bytes, size_t n);
/* Writes the text; out of memory while it was made counts as a failed write. Frees it. */
bool cvt_cli_write_str(cvt_cli *cli, cvt_str *text);
/* Hands on what is buffered, so that a reader sees whole records as they are made. */
bool cvt_cli_flush(cvt_cli *cli);

/* ---- standard error -------------------------------------------------------------------------------------------- */

/* "cvt: FILE: message" in one write, control bytes escaped; safe from any thread. file may be NULL. Where the message
 * opens with the file's name already, it is not said twice. */
void cvt_cli_say(const char *file, const char *message);
/* Says error's message and returns the exit status that stands for it: CVT_USAGE 2, CVT_OUTPUT 4, else `otherwise`.
 * For output to "-" whose reader has gone: says nothing, 0. */
int cvt_cli_fail(const char *file, const cvt_error *error, int otherwise);
/* "cvt: COMMAND: message": CVT_EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int cvt_cli_usage(const cvt_cli *cli, const char *format, ...);

/* ---- signals --------------------------------------------------------------------------------------------------- */

/* Once, by main. SIGPIPE is ignored; a file cut while it is mapped (SIGBUS) ends the program with status 3. */
void cvt_cli_catch_signals(void);
/* Until this is called SIGINT, SIGTERM and SIGHUP end the program at once with 128+n; from then on the first one is
 * only noted: the command ends after the record or file in hand, and main makes 128+n of the status. Another one, more
 * than a second later, ends at once. */
void cvt_cli_stop_softly(void);
/* The signal that was noted, or 0. */
int cvt_cli_stopped(void);

#endif
