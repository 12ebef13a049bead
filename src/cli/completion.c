/* completion.c - cvt completion: writes scripts for bash, zsh and fish from the tables of commands and options. Names
 * of models, configs and taps are asked for when they are wanted: the scripts call cvt list --only. For taps they pass
 * on the -m and -c of the line that is being typed. */
#include <string.h>

#include "cli/command.h"

/* What an operand of the command is completed with besides paths, as `names` of an option; or NULL. */
static const char *operand_names(const cvt_command *command) {
    return cvt_opt_is(command->operands, "MODEL") ? "models" : NULL;
}

/* Appends text for use between single quotes of a POSIX shell. The characters in `special` get a backslash too. */
static void quote(cvt_str *to, const char *text, const char *special) {
    for (; *text; text++) {
        if (strchr(special, *text)) cvt_str_append(to, "\\", 1);
        if (*text == '\'')
            cvt_str_print(to, "'\\''");
        else
            cvt_str_append(to, text, 1);
    }
}

static void append_choices(cvt_str *to, const char *const *choices) {
    for (; *choices; choices++) cvt_str_print(to, "%s%s", *choices, choices[1] ? " " : "");
}

static void append_commands(cvt_str *to) {
    for (const cvt_command *command = cvt_commands; command->name; command++)
        cvt_str_print(to, "%s%s", command == cvt_commands ? "" : " ", command->name);
}

/* Appends the fixed words that an operand may be ("bash|zsh|fish", commands), with spaces between them; false if the
 * operand is a path. */
static bool append_operands(cvt_str *to, const cvt_command *command) {
    if (cvt_opt_is(command->operands, "[COMMAND]")) {
        append_commands(to);
        return true;
    }
    if (!strchr(command->operands, '|')) return false;
    for (const char *c = command->operands; *c; c++) cvt_str_append(to, *c == '|' ? " " : c, 1);
    return true;
}

/* ---- bash ------------------------------------------------------------------------------------------------------ */

/* Appends "-k --top-k -f --format ...". */
static void bash_options(cvt_str *to, unsigned command) {
    for (const cvt_option *row = cvt_settings_rows; row->name; row++) {
        if (!(row->commands & command)) continue;
        if (row->letter) cvt_str_print(to, "-%c ", row->letter);
        cvt_str_print(to, row->argument ? "--%s= " : "--%s ", row->name);
    }
}

/* Appends what bash completes after an option that takes a value. Where the option has no words of its own, bash
 * completes paths. */
static void bash_value(cvt_str *to, const char *name, const cvt_option *row) {
    if (!row->argument) return;
    cvt_str_print(to, "        ");
    if (row->letter) cvt_str_print(to, "-%c | ", row->letter);
    cvt_str_print(to, "--%s) ", row->name);
    if (row->names) cvt_str_print(to, "words=$(_%s_names %s) ", name, row->names);
    if (row->choices) {
        cvt_str_print(to, "words='");
        append_choices(to, row->choices);
        cvt_str_print(to, "' ");
    }
    cvt_str_print(to, ";;\n");
}

static void bash_command(cvt_str *to, const char *name, const cvt_command *command) {
    cvt_str_print(to, "    %s)\n        case $previous in\n", command->name);
    for (const cvt_option *row = cvt_settings_rows; row->name; row++)
        if (row->commands & command->bit) bash_value(to, name, row);
    cvt_str_print(to, "        *) case $current in -*) words='");
    bash_options(to, command->bit);
    cvt_str_print(to, "' ;; *) words=");
    if (operand_names(command)) {
        cvt_str_print(to, "$(_%s_names %s)", name, operand_names(command));
    } else {
        cvt_str_print(to, "'");
        append_operands(to, command);
        cvt_str_print(to, "'");
    }
    cvt_str_print(to, " ;; esac ;;\n        esac ;;\n");
}

/* Appends the function that prints names of a kind. Those with characters that mean something to the shell are left
 * out: compgen would expand them. */
static void bash_names(cvt_str *to, const char *name) {
    cvt_str_print(to,
                  "_%s_names() {\n"
                  "    local i word line=() given=()\n"
                  "    for word in \"${COMP_WORDS[@]:2:COMP_CWORD-2}\"; do\n"
                  "        if [ \"$word\" = = ]; then continue; fi\n"
                  "        line+=(\"${word/#\\~/$HOME}\")\n"
                  "    done\n",
                  name);
    cvt_str_print(to,
                  "    for ((i = 0; i < ${#line[@]}; i++)); do\n"
                  "        case ${line[i]} in\n"
                  "        -m | -c | --model | --config) given+=(\"${line[i]}\" \"${line[i + 1]-}\") ;;\n"
                  "        -[mc]?*) given+=(\"${line[i]}\") ;;\n"
                  "        esac\n"
                  "    done\n"
                  "    command %s list --only \"$1\" \"${given[@]}\" 2>/dev/null | grep -v '[^A-Za-z0-9_./+-]'\n"
                  "}\n",
                  name);
}

static void write_bash(cvt_str *to, const char *name) {
    cvt_str_print(to, "# completion of %s for bash: source <(%s completion bash)\n", name, name);
    bash_names(to, name);
    cvt_str_print(to, "_%s() {\n", name);
    cvt_str_print(to, "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words=\n"
                      "    if [ \"$current\" = = ]; then current=; fi\n"
                      "    if [ \"$previous\" = = ]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
                      "    case ${COMP_WORDS[1]} in\n");
    for (const cvt_command *command = cvt_commands; command->name; command++) bash_command(to, name, command);
    cvt_str_print(to, "    esac\n    if [ \"$COMP_CWORD\" -eq 1 ]; then words='");
    append_commands(to);
    cvt_str_print(to, " ");
    bash_options(to, CVT_CMD_TOP);
    cvt_str_print(to,
                  "'; fi\n"
                  "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
                  "    case ${COMPREPLY[0]} in *=) compopt -o nospace ;; esac\n"
                  "}\n"
                  "complete -o default -F _%s %s\n",
                  name, name);
}

/* ---- zsh ------------------------------------------------------------------------------------------------------- */

static void zsh_value(cvt_str *to, const char *name, const cvt_option *row) {
    cvt_str_print(to, ":");
    quote(to, row->argument, ":");
    cvt_str_print(to, ":");
    if (row->choices) {
        cvt_str_print(to, "(");
        append_choices(to, row->choices);
        cvt_str_print(to, ")");
    } else if (row->names) {
        const bool is_path = row->kind == CVT_OPT_MODEL || row->kind == CVT_OPT_FILE;
        cvt_str_print(to, "{ _%s_names %s%s }", name, row->names, is_path ? "; _files" : "");
    } else if (row->kind == CVT_OPT_FOLDER) {
        cvt_str_print(to, "_files -/");
    } else if (row->kind == CVT_OPT_FILE || row->kind == CVT_OPT_FILES) {
        cvt_str_print(to, "_files");
    }
}

/* Appends one specification of _arguments: '(-k --top-k)'{-k+,--top-k=}'[help]:N:' */
static void zsh_option(cvt_str *to, const char *name, const cvt_option *row) {
    const char *plus = row->argument ? "+" : "", *equals = row->argument ? "=" : "";
    bool again = row->kind == CVT_OPT_WORDS || row->kind == CVT_OPT_FILES;
    cvt_str_print(to, " \\\n            ");
    if (row->letter && again)
        cvt_str_print(to, "'*'{-%c%s,--%s%s}'[", row->letter, plus, row->name, equals);
    else if (row->letter)
        cvt_str_print(to, "'(-%c --%s)'{-%c%s,--%s%s}'[", row->letter, row->name, row->letter, plus, row->name, equals);
    else
        cvt_str_print(to, "'%s--%s%s[", again ? "*" : "", row->name, equals);
    quote(to, row->help, "[]:\\");
    cvt_str_print(to, "]");
    if (row->argument) zsh_value(to, name, row);
    cvt_str_print(to, "'");
}

static void zsh_options(cvt_str *to, const char *name, unsigned command) {
    for (const cvt_option *row = cvt_settings_rows; row->name; row++)
        if (row->commands & command) zsh_option(to, name, row);
}

static void zsh_command(cvt_str *to, const char *name, const cvt_command *command) {
    cvt_str words = {0};
    cvt_str_print(to, "    %s)\n        _arguments -s -S", command->name);
    zsh_options(to, name, command->bit);
    if (append_operands(&words, command))
        cvt_str_print(to, " \\\n            '1:word:(%s)'", words.data ? words.data : "");
    else if (operand_names(command))
        cvt_str_print(to, " \\\n            '1:%s:{ _%s_names %s; _files }'", command->operands, name,
                      operand_names(command));
    else if (command->max != 0)
        cvt_str_print(to, " \\\n            '*:file:_files'");
    cvt_str_print(to, " ;;\n");
    cvt_str_free(&words);
}

static void write_zsh(cvt_str *to, const char *name) {
    cvt_str_print(to, "#compdef %s\n", name);
    cvt_str_print(to,
                  "# completion of %s for zsh: a file _%s in a directory of $fpath, or source <(%s completion zsh)\n",
                  name, name, name);
    cvt_str_print(to,
                  "_%s_names() {\n"
                  "    local -a names given\n"
                  "    local -i i\n"
                  "    for (( i = 2; i < CURRENT; i++ )); do\n"
                  "        case $words[i] in\n"
                  "        (-m|-c|--model|--config) (( i + 1 < CURRENT )) && given+=($words[i] ${(Q)~words[i+1]}) ;;\n"
                  "        (-[mc]?*|--model=*|--config=*) given+=(${(Q)words[i]}) ;;\n"
                  "        esac\n"
                  "    done\n"
                  "    names=(${(f)\"$(%s list --only $1 $given 2>/dev/null)\"})\n"
                  "    compadd -a names\n"
                  "}\n",
                  name, name);
    cvt_str_print(to,
                  "_%s() {\n"
                  "    local -a commands\n"
                  "    commands=(\n",
                  name);
    for (const cvt_command *command = cvt_commands; command->name; command++) {
        cvt_str_print(to, "        '%s:", command->name);
        quote(to, command->purpose, "\\");
        cvt_str_print(to, "'\n");
    }
    cvt_str_print(to, "    )\n"
                      "    if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n"
                      "        _describe command commands\n"
                      "        return\n"
                      "    fi\n"
                      "    if (( CURRENT > 2 )); then\n"
                      "        shift words\n"
                      "        (( CURRENT-- ))\n"
                      "    fi\n"
                      "    case $words[1] in\n");
    for (const cvt_command *command = cvt_commands; command->name; command++) zsh_command(to, name, command);
    cvt_str_print(to, "    *)\n        _arguments -s -S");
    zsh_options(to, name, CVT_CMD_TOP);
    cvt_str_print(to,
                  " ;;\n"
                  "    esac\n"
                  "}\n"
                  "if [ \"$funcstack[1]\" = _%s ]; then _%s \"$@\"; else compdef _%s %s; fi\n",
                  name, name, name, name);
}

/* ---- fish ------------------------------------------------------------------------------------------------------ */

static void fish_option(cvt_str *to, const char *name, const cvt_option *row, const char *condition) {
    cvt_str_print(to, "complete -c %s -n '%s'", name, condition);
    if (row->letter) cvt_str_print(to, " -s %c", row->letter);
    cvt_str_print(to, " -l %s", row->name);
    if (row->choices) {
        cvt_str_print(to, " -x -a '");
        append_choices(to, row->choices);
        cvt_str_print(to, "'");
    } else if (row->names) {
        const bool is_path = row->kind == CVT_OPT_MODEL || row->kind == CVT_OPT_FILE;
        cvt_str_print(to, " %s -a '(__%s_names %s)'", is_path ? "-r -F" : "-x", name, row->names);
    } else if (row->kind == CVT_OPT_FOLDER) {
        cvt_str_print(to, " -x -a '(__fish_complete_directories)'");
    } else if (row->kind == CVT_OPT_FILE || row->kind == CVT_OPT_FILES) {
        cvt_str_print(to, " -r -F");
    } else if (row->argument) {
        cvt_str_print(to, " -x");
    }
    cvt_str_print(to, " -d '");
    quote(to, row->help, "");
    cvt_str_print(to, "'\n");
}

static void fish_options(cvt_str *to, const char *name, unsigned command, const char *condition) {
    for (const cvt_option *row = cvt_settings_rows; row->name; row++)
        if (row->commands & command) fish_option(to, name, row, condition);
}

static void fish_command(cvt_str *to, const char *name, const cvt_command *command) {
    cvt_str condition = {0}, words = {0};
    cvt_str_print(&condition, "__fish_seen_subcommand_from %s", command->name);
    cvt_str_print(to, "complete -c %s -n __fish_use_subcommand -f -a %s -d '", name, command->name);
    quote(to, command->purpose, "");
    cvt_str_print(to, "'\n");
    if (condition.failed) to->failed = true;
    if (!condition.failed) {
        if (append_operands(&words, command))
            cvt_str_print(to, "complete -c %s -n '%s' -f -a '%s'\n", name, condition.data,
                          words.data ? words.data : "");
        else if (operand_names(command))
            cvt_str_print(to, "complete -c %s -n '%s' -F -a '(__%s_names %s)'\n", name, condition.data, name,
                          operand_names(command));
        else if (command->max == 0)
            cvt_str_print(to, "complete -c %s -n '%s' -f\n", name, condition.data);
        fish_options(to, name, command->bit, condition.data);
    }
    cvt_str_free(&condition);
    cvt_str_free(&words);
}

static void write_fish(cvt_str *to, const char *name) {
    cvt_str_print(to, "# completion of %s for fish: %s completion fish > ~/.config/fish/completions/%s.fish\n", name,
                  name, name);
    cvt_str_print(to,
                  "function __%s_names\n"
                  "    set -l words (commandline -opc)\n"
                  "    set -l given\n"
                  "    for i in (seq 3 (count $words))\n"
                  "        switch $words[$i]\n"
                  "            case -m -c --model --config\n"
                  "                if set -q words[(math $i + 1)]\n"
                  "                    set given $given $words[$i] $words[(math $i + 1)]\n"
                  "                end\n"
                  "            case '-m*' '-c*' '--model=*' '--config=*'\n"
                  "                set given $given $words[$i]\n"
                  "        end\n"
                  "    end\n"
                  "    command %s list --only $argv[1] $given 2>/dev/null\n"
                  "end\n",
                  name, name);
    for (const cvt_command *command = cvt_commands; command->name; command++) fish_command(to, name, command);
    fish_options(to, name, CVT_CMD_TOP, "__fish_use_subcommand");
}

/* ---------------------------------------------------------------------------------------------------------------- */

static const struct shell {
    const char *name;
    void (*write)(cvt_str *to, const char *name);
} shells[] = {{"bash", write_bash}, {"zsh", write_zsh}, {"fish", write_fish}, {NULL, NULL}};

static const char *next_shell(const void *context, size_t i) { return ((const struct shell *)context)[i].name; }

int cvt_command_completion(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    (void)settings;
    for (const struct shell *shell = shells; shell->name; shell++)
        if (strcmp(shell->name, operands[0]) == 0) {
            cvt_str text = {0};
            shell->write(&text, cvt_cli_name(cli));
            cvt_cli_write_str(cli, &text);
            return CVT_EXIT_OK;
        }
    const char *nearest = cvt_opt_nearest(operands[0], next_shell, shells);
    if (nearest) return cvt_cli_usage(cli, "unknown shell '%s' (did you mean '%s'?)", operands[0], nearest);
    return cvt_cli_usage(cli, "unknown shell '%s': bash, zsh or fish", operands[0]);
}
