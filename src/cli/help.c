/* help.c - cvt help. All that is said of commands and options comes from their tables. */
#include <string.h>

#include "cli/command.h"

int cvt_help_all(cvt_cli *cli) {
    cvt_str text = {0};
    cvt_str_print(&text, "usage: cvt COMMAND [OPTION]... [OPERAND]...\n"
                         "Convolutional vision transformers from the command line.\n\ncommands:\n");
    for (const cvt_command *command = cvt_commands; command->name; command++)
        cvt_str_print(&text, "  %-12s %s\n", command->name, command->purpose);
    cvt_str_print(&text, "\noptions:\n");
    cvt_opt_help(cvt_settings_rows, CVT_CMD_TOP, &text);
    cvt_str_print(&text, "\n'cvt help COMMAND' lists the options of a command; man cvt tells the rest.\n");
    cvt_cli_write_str(cli, &text);
    return CVT_EXIT_OK;
}

int cvt_help_command(cvt_cli *cli, const cvt_command *command) {
    cvt_str text = {0};
    cvt_str_print(&text, "usage: cvt %s", command->name);
    cvt_opt_usage(cvt_settings_rows, command->bit, &text);
    cvt_str_print(&text, "%s%s\n%c%s.\n\n", *command->operands ? " " : "", command->operands,
                  command->purpose[0] - 'a' + 'A', command->purpose + 1);
    cvt_opt_help(cvt_settings_rows, command->bit, &text);
    cvt_cli_write_str(cli, &text);
    return CVT_EXIT_OK;
}

int cvt_command_help(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    (void)settings;
    if (!operands[0]) return cvt_help_all(cli);
    const cvt_command *command = cvt_command_find(operands[0]);
    return command ? cvt_help_command(cli, command) : cvt_command_unknown(cli, operands[0]);
}
