/* main.c - the program: it prepares the process, runs the command that is named, and ends with the right status. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/configs.h"
#include "cli/threads.h"

/* ---- OMP_NUM_THREADS ------------------------------------------------------------------------------------------- */

/* libgomp complains of a value that is no number as soon as it is loaded, before main, on lines of its own. So before
 * it is loaded such a variable gets another first letter, and what is to be said of it is said here. */
#define REFUSED "_MP_NUM_THREADS"

#if defined(__GLIBC__) && defined(__ELF__)
/* Whole numbers from 1, with commas between them. It calls nothing: no library is ready yet. */
__attribute__((no_sanitize("address", "undefined"))) static bool is_list_of_numbers(const char *s) {
    for (;;) {
        bool some = false;
        while (*s == ' ') s++;
        for (; *s >= '0' && *s <= '9'; s++) some |= *s > '0';
        while (*s == ' ') s++;
        if (!some || (*s && *s != ',')) return false;
        if (!*s++) return true;
    }
}

__attribute__((no_sanitize("address", "undefined"))) static void hide_wrong_number(int argc, char **argv, char **envp) {
    static const char name[] = "OMP_NUM_THREADS=";
    (void)argc, (void)argv;
    for (; *envp; envp++) {
        size_t n = 0;
        while (n < sizeof name - 1 && (*envp)[n] == name[n]) n++;
        if (n == sizeof name - 1 && !is_list_of_numbers(*envp + n)) (*envp)[0] = REFUSED[0];
    }
}

__attribute__((section(".preinit_array"), used)) static void (*const before_libraries)(int, char **,
                                                                                       char **) = hide_wrong_number;
#endif

/* Where the number of threads would come from that variable. */
static void say_wrong_number(const cvt_command *command, const cvt_settings *settings) {
    const char *refused = getenv(REFUSED), *ours = getenv("CVT_THREADS");
    const cvt_option *row = cvt_settings_rows;
    while (row->name && !(row->letter == 't' && (row->commands & command->bit))) row++;
    if (!refused || !*refused || !row->name || settings->threads || settings->jobs || (ours && *ours)) return;
    char line[CVT_MESSAGE_MAX];
    snprintf(line, sizeof line, "OMP_NUM_THREADS: '%.200s' is not a whole number from 1: %d is taken", refused,
             cvt_threads_available());
    cvt_cli_say(NULL, line);
}

/* ---- commands -------------------------------------------------------------------------------------------------- */

static bool takes_model(const cvt_command *command) {
    const cvt_option *row = cvt_settings_rows;
    while (row->name && !(row->kind == CVT_OPT_MODEL && (row->commands & command->bit))) row++;
    return row->name != NULL;
}

/* Fails for the first operand that is too many. Where it is the name or path of a model, -m was forgotten. */
static int refuse_operand(const cvt_cli *cli, const cvt_command *command, const char *operand) {
    if (takes_model(command) && cvt_command_is_model(cli, operand))
        return cvt_cli_usage(cli, "unexpected operand '%s' (did you mean '-m %s'?)", operand, operand);
    return cvt_cli_usage(cli, "unexpected operand '%s'", operand);
}

/* Runs the command on words[0 .. n-1], which come after its name; words[n] is NULL. */
static int run_command(cvt_cli *cli, const cvt_command *command, char **words, int n) {
    cvt_settings settings = {0};
    cvt_str config = {0};
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
        status = refuse_operand(cli, command, words[command->max]);
    else if ((status = cvt_configs_choose(cli, &settings, &config)) == CVT_EXIT_OK) {
        words[operands] = NULL;
        say_wrong_number(command, &settings);
        status = command->run(cli, &settings, words);
    }
    cvt_str_free(&config);
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
    if (settings.version) return cvt_help_version(cli, settings.json);
    if (settings.json) return cvt_cli_usage(cli, "option '--json' is for --version");
    return cvt_help_missing(cli);
}

static int dispatch(cvt_cli *cli, int argc, char **argv) {
    const int at = argc > 2 && cvt_opt_is(argv[1], "--") ? 2 : 1; /* "--" ends the options, of which there are none */
    if (argc < 2 || (at == 1 && argv[1][0] == '-' && argv[1][1]))
        return run_without_command(cli, argv + (argc > 0), argc > 0 ? argc - 1 : 0);
    const cvt_command *command = cvt_command_find(argv[at]);
    return command ? run_command(cli, command, argv + at + 1, argc - at - 1) : cvt_command_unknown(cli, argv[at]);
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
