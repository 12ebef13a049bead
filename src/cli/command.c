/* command.c - the two output streams and the signals, which all commands share. Everything that the program says goes
 * through this file. */
#include "cli/command.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "report/record.h"

/* ---- the program's name ---------------------------------------------------------------------------------------- */

const char *cvt_cli_name(const cvt_cli *cli) {
    const char *name = cvt_file_name(cli->program);
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    bool usable = *name && *name != '-' && name[strspn(name, plain)] == 0;
    return usable ? name : "cvt";
}

/* ---- terminals ------------------------------------------------------------------------------------------------- */

/* The bytes of a character that turns the direction of the text behind it, or 0. Such a character in a name could make
 * "gpj.exe" look like "exe.jpg". UAX #9, section 2: U+061C, U+200E and F, U+202A to E, U+2066 to 9. */
static size_t turns(const char *text, size_t n, unsigned *code) {
    const unsigned char *s = (const unsigned char *)text;
    if (n >= 2 && s[0] == 0xd8 && s[1] == 0x9c) {
        *code = 0x61c;
        return 2;
    }
    if (n < 3 || s[0] != 0xe2 || (s[1] != 0x80 && s[1] != 0x81)) return 0;
    *code = 0x2000U | (s[1] & 1U) << 6 | (s[2] & 0x3fU);
    bool is = *code == 0x200e || *code == 0x200f || (*code >= 0x202a && *code <= 0x202e) ||
              (*code >= 0x2066 && *code <= 0x2069);
    return is ? 3 : 0;
}

/* Writes to a stream; where that is a terminal, such characters as \u202e, which JSON too reads as the character. */
static bool write_to(FILE *stream, const char *text, size_t n) {
    if (!isatty(fileno(stream))) return fwrite(text, 1, n, stream) == n;
    size_t plain = 0, length;
    unsigned code;
    for (size_t i = 0; i < n; i += length ? length : 1) {
        length = turns(text + i, n - i, &code);
        if (!length) continue;
        if (fwrite(text + plain, 1, i - plain, stream) != i - plain || fprintf(stream, "\\u%04x", code) < 0)
            return false;
        plain = i + length;
    }
    return fwrite(text + plain, 1, n - plain, stream) == n - plain;
}

/* ---- standard output ------------------------------------------------------------------------------------------- */

static bool note(cvt_cli *cli, bool written) {
    if (!written && !cli->output_errno) cli->output_errno = errno ? errno : EIO;
    return !cli->output_errno;
}

bool cvt_cli_write(cvt_cli *cli, const void *bytes, size_t n) {
    if (cli->output_errno) return false;
    errno = 0;
    return note(cli, write_to(stdout, bytes, n));
}

bool cvt_cli_write_str(cvt_cli *cli, cvt_str *text) {
    if (text->failed && !cli->output_errno) cli->output_errno = ENOMEM;
    bool written = text->data ? cvt_cli_write(cli, text->data, text->size) : !cli->output_errno;
    cvt_str_free(text);
    return written;
}

bool cvt_cli_flush(cvt_cli *cli) {
    if (cli->output_errno) return false;
    errno = 0;
    return note(cli, fflush(stdout) == 0);
}

/* ---- standard error -------------------------------------------------------------------------------------------- */

void cvt_cli_say(const char *file, const char *message) {
    cvt_str name = {0}, line = {0};
    if (file) cvt_record_escape(&name, file);
    size_t n = name.size;
    bool said = n > 0 && strncmp(message, name.data, n) == 0 &&
                (message[n] == ':' || message[n] == '/' || strncmp(message + n, " (", 2) == 0);
    cvt_str_print(&line, "cvt: ");
    if (n > 0 && !said) cvt_str_append(&line, name.data, n);
    if (file && !said) cvt_str_print(&line, ": ");
    cvt_record_escape(&line, message);
    cvt_str_print(&line, "\n");
    const char *text = line.failed ? "cvt: out of memory\n" : line.data;
    write_to(stderr, text, strlen(text));
    cvt_str_free(&name);
    cvt_str_free(&line);
}

/* Is this a pipe or socket that nobody reads any more? */
static bool reader_gone(int fd) {
    struct pollfd state = {.fd = fd, .events = POLLOUT};
    return poll(&state, 1, 0) == 1 && (state.revents & POLLERR);
}

int cvt_cli_fail(const char *file, const cvt_error *error, int otherwise) {
    if (error->status == CVT_OUTPUT && cvt_opt_is(file, "-") && reader_gone(STDOUT_FILENO)) return CVT_EXIT_OK;
    cvt_cli_say(file, error->message);
    return error->status == CVT_USAGE ? CVT_EXIT_USAGE : error->status == CVT_OUTPUT ? CVT_EXIT_OUTPUT : otherwise;
}

int cvt_cli_usage(const cvt_cli *cli, const char *format, ...) {
    char message[CVT_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    cvt_cli_say(cli->command ? cli->command->name : NULL, message);
    return CVT_EXIT_USAGE;
}

/* ---- signals --------------------------------------------------------------------------------------------------- */

/* The variables that a signal handler may touch. Nothing else in the program is kept outside of objects. */
static volatile sig_atomic_t soft, noted, noted_at; /* noted_at: in seconds of the monotonic clock */

/* Notes a signal. timeout(1), and others that signal a process and then its group, send the same signal twice; the two
 * count as one. */
static void handle(int number) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!soft || (noted && now.tv_sec - noted_at > 1)) _exit(CVT_EXIT_SIGNAL + number);
    if (noted) return;
    noted_at = (sig_atomic_t)now.tv_sec;
    noted = number;
}

/* Ends the program on SIGBUS: a model file that somebody truncates while it is mapped shows only in this signal. */
static void handle_cut(int number) {
    static const char line[] = "cvt: a model file was cut while it was in use\n";
    (void)number;
    (void)!write(STDERR_FILENO, line, sizeof line - 1);
    _exit(CVT_EXIT_MODEL);
}

static void intercept(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler}, before;
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
        return; /* by nohup, or in the background */
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void cvt_cli_catch_signals(void) {
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    intercept(SIGINT, handle);
    intercept(SIGTERM, handle);
    intercept(SIGHUP, handle);
    intercept(SIGBUS, handle_cut);
}

void cvt_cli_stop_softly(void) { soft = 1; }

int cvt_cli_stopped(void) { return noted; }
