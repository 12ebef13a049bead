/* main.c - the program: it prepares the process, runs the command that is named, and ends with the right status. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

/* Runs the command on words[0 .. n-1], which come after its name; words[n] is NULL. */
static int run_command(cvt_cli *cli, const cvt_command *command, char **words, int n) {
    cvt_settings settings = {0};
    cvt_error error;
    int operands = 0, status;
    cli->command = command;
    if (cvt_opt_parse(cvt_settings_rows, command->bit, &settings, words, n, &operands, &error) != CVT_OK)
        status = cvt_cli_usage(cli, "%s", error.message);
    else if (settings.help)
        status = cvt_help_command(cli, command);
    else if (operands < command->min)
        status = cvt_cli_usage(cli, "an operand is missing: %s", command->operands);
    else if (command->max >= 0 && operands > command->max)
        status = cvt_cli_usage(cli, "unexpected operand '%s'", words[command->max]);
    else {
        words[operands] = NULL;
        status = command->run(cli, &settings, words);
    }
    cvt_opt_free(cvt_settings_rows, &settings);
    return status;
}

/* Runs cvt --help and cvt --version. */
static int run_without_command(cvt_cli *cli, char **words, int n) {
    cvt_settings settings = {0};
    cvt_error error;
    int operands = 0;
    if (cvt_opt_parse(cvt_settings_rows, CVT_CMD_TOP, &settings, words, n, &operands, &error) != CVT_OK)
        return cvt_cli_usage(cli, "%s", error.message);
    if (settings.help) return cvt_help_all(cli);
    if (settings.version) return cvt_help_version(cli);
    return cvt_help_missing();
}

static int dispatch(cvt_cli *cli, int argc, char **argv) {
    if (argc < 2 || argv[1][0] == '-') return run_without_command(cli, argv + (argc > 0), argc > 0 ? argc - 1 : 0);
    const cvt_command *command = cvt_command_find(argv[1]);
    return command ? run_command(cli, command, argv + 2, argc - 2) : cvt_command_unknown(cli, argv[1]);
}

/* Opens a closed standard stream as one on which every use fails, so that no file that is opened later gets its
 * number. */
static void occupy_closed_streams(void) {
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

/* Flushes the rest of the output. If that fails, the failure decides the status, unless a signal ends the program. A
 * reader that went away has seen what it wanted. */
static int finish(cvt_cli *cli, int status) {
    if (cvt_cli_stopped()) status = CVT_EXIT_SIGNAL + cvt_cli_stopped();
    cvt_cli_flush(cli);
    if (!cli->output_errno && fclose(stdout) != 0) cli->output_errno = errno;
    if (!cli->output_errno || status >= CVT_EXIT_SIGNAL) return status;
    if (cli->output_errno == EPIPE) return CVT_EXIT_OK;
    cvt_cli_say("standard output", strerror(cli->output_errno));
    return CVT_EXIT_OUTPUT;
}

int main(int argc, char **argv) {
    occupy_closed_streams();
    cvt_cli_catch_signals();
    cvt_cli cli = {.program = argc > 0 ? argv[0] : "cvt"};
    return finish(&cli, dispatch(&cli, argc, argv));
}
