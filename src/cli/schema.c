/* schema.c - cvt list --schema: writes the JSON schema of configs in the native dialect, the one whose keys are cvt's
 * own. */
#include "arch/schema.h"

#include "cli/command.h"

int cvt_list_schema(cvt_cli *cli) {
    cvt_str text = {0};
    cvt_schema_print(&text);
    cvt_cli_write_str(cli, &text);
    return CVT_EXIT_OK;
}
