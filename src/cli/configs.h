/* configs.h - finds the config that -c names. X is X.json in the directory "configs" beside the program, or in
 * share/cvt/configs where the program is installed. */
#ifndef CVT_CLI_CONFIGS_H
#define CVT_CLI_CONFIGS_H

#include "cli/command.h"

/* Where settings->config is no path of a file but the name of such a config, makes it that config's path, which *path
 * then holds; free it in any case. Returns CVT_EXIT_OK, or says that there is none of this name, and the nearest one,
 * and returns the exit status. What has a slash or ends with ".json" is a path in any case. */
int cvt_configs_choose(const cvt_cli *cli, cvt_settings *settings, cvt_str *path);

/* Calls each(context, name) for all configs that a name leads to, in byte order within a directory. */
void cvt_configs_list(const cvt_cli *cli, void (*each)(void *context, const char *name), void *context);

#endif
