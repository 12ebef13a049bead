/* schema.c - cvt list --schema: the JSON schema of configs in the native dialect. */
#include "arch/schema.h"

#include "cli/command.h"

int cvt_list_schema(cvt_cli *cli) {
    cvt_str text = {0};
    cvt_schema_print(&text);
    cvt_cli_write_str(cli, &text);
    return CVT_EXIT_OK;
}
