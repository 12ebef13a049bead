/* list.c - cvt list: a line "family NAME ABOUT" for each family, a line "model NAME PATH" for each model at hand. */
#include <string.h>

#include "cli/models.h"

static void print_model(void *context, const char *name, const char *path) {
    cvt_str *text = context;
    char shown[2][CVT_MESSAGE_MAX];
    cvt_str_escape(shown[0], sizeof shown[0], name, strlen(name));
    cvt_str_escape(shown[1], sizeof shown[1], path, strlen(path));
    cvt_str_print(text, "model   %-20s %s\n", shown[0], shown[1]);
}

int cvt_command_list(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    (void)operands;
    if (settings->schema) return cvt_list_schema(cli);
    cvt_str text = {0};
    for (int i = 0; cvt_arch_name(i); i++)
        cvt_str_print(&text, "family  %-20s %s\n", cvt_arch_name(i), cvt_arch_about(i));
    cvt_models_list(cli, print_model, &text);
    cvt_cli_write_str(cli, &text);
    return CVT_EXIT_OK;
}
