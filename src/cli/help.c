/* help.c - cvt help. Everything that it says of commands, options and variables comes from their tables, which call the
 * program "cvt"; the help calls it by its name. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

/* Appends the text with the program's name in place of each word "cvt". It is no such word in "cvt-13" or "./cvt". */
static void add_named(cvt_str *to, const char *text, const char *name) {
    static const char word[] = "cvt", before[] = " \n'", after[] = " \n'";
    const size_t n = sizeof word - 1;
    for (const char *at = text; *at;) {
        const bool begins = (at == text || strchr(before, at[-1])) && strncmp(at, word, n) == 0;
        const bool named = begins && (!at[n] || strchr(after, at[n]));
        if (named)
            cvt_str_text(to, name);
        else
            cvt_str_append(to, at, 1);
        at += named ? n : 1;
    }
}

/* Puts the program's name into a help text. */
static void name_program(cvt_str *text, const cvt_cli *cli) {
    cvt_str named = {0};
    if (text->data) add_named(&named, text->data, cvt_cli_name(cli));
    named.failed = named.failed || text->failed;
    cvt_str_free(text);
    *text = named;
}

static void add_examples(cvt_str *to, const cvt_example *examples) {
    if (!examples) return;
    cvt_str_print(to, "\nexamples:\n");
    for (const cvt_example *e = examples; e->line; e++) cvt_str_print(to, "  %s\n      %s\n", e->line, e->gives);
}

/* Appends the environment variables that matter to these commands. */
static void add_environment(cvt_str *to, unsigned commands) {
    bool any = false;
    for (const cvt_variable *v = cvt_settings_environment; v->name; v++) {
        if (!(v->commands & commands)) continue;
        if (!any) cvt_str_print(to, "\nenvironment:\n");
        cvt_str_print(to, "  %-15s ", v->name);
        cvt_opt_wrap(to, v->help, 18);
        any = true;
    }
}

static void add_all(cvt_str *to) {
    static const cvt_example first[] = {
        {"cvt classify cat.jpg", "what is in an image"},
        {"cvt classify -k 1 -r photos", "what is in each image in and below a directory"},
        {"cvt attend cat.jpg -o where.png", "where the model looks"},
        {NULL, NULL}};
    cvt_str_print(to, "usage: cvt COMMAND [OPTION]... [OPERAND]...\n\n");
    cvt_opt_wrap(to,
                 "cvt tells what is in your images. It runs the published weights of convolutional and other vision "
                 "transformers just as they are, and gives exactly their answers.",
                 0);
    cvt_str_print(to, "\ncommands:\n");
    for (const cvt_command *command = cvt_commands; command->name; command++)
        cvt_str_print(to, "  %-12s %s\n", command->name, command->purpose);
    add_examples(to, first);
    cvt_opt_help(cvt_settings_rows, CVT_CMD_TOP, to);
    add_environment(to, CVT_CMD_ALL);
    cvt_str_print(to, "\n'cvt help COMMAND' explains a command and its options; 'man cvt' tells the rest.\n");
}

int cvt_help_all(cvt_cli *cli) {
    cvt_str text = {0};
    add_all(&text);
    name_program(&text, cli);
    cvt_cli_write_str(cli, &text);
    return CVT_EXIT_OK;
}

int cvt_help_missing(const cvt_cli *cli) {
    cvt_str text = {0};
    add_all(&text);
    name_program(&text, cli);
    if (!text.failed) fputs(text.data, stderr);
    cvt_str_free(&text);
    return CVT_EXIT_USAGE;
}

int cvt_help_command(cvt_cli *cli, const cvt_command *command) {
    cvt_str text = {0};
    cvt_str_print(&text, "usage: cvt %s", command->name);
    cvt_opt_usage(cvt_settings_rows, command->bit, &text);
    cvt_str_print(&text, "%s%s\n%c%s.\n", *command->operands ? " " : "", command->operands,
                  command->purpose[0] - 'a' + 'A', command->purpose + 1);
    for (int i = 0; i < CVT_PARAGRAPHS && command->about[i]; i++) {
        cvt_str_print(&text, "\n");
        cvt_opt_wrap(&text, command->about[i], 0);
    }
    add_examples(&text, command->examples);
    cvt_opt_help(cvt_settings_rows, command->bit, &text);
    add_environment(&text, command->bit);
    name_program(&text, cli);
    cvt_cli_write_str(cli, &text);
    return CVT_EXIT_OK;
}

int cvt_command_help(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    (void)settings;
    if (!operands[0]) return cvt_help_all(cli);
    const cvt_command *command = cvt_command_find(operands[0]);
    return command ? cvt_help_command(cli, command) : cvt_command_unknown(cli, operands[0]);
}
