/* models.h - finds and opens the model that is meant: by -m, $CVT_MODEL, $CVT_MODEL_PATH, and the directories for
 * models. */
#ifndef CVT_CLI_MODELS_H
#define CVT_CLI_MODELS_H

#include "cli/command.h"

/* Opens the model that the settings name (-m, -c, --labels, --size) or, with neither -m nor -c, the default one. `more`
 * adds what settings do not have (taps, images, no_weights, ...), or is NULL; config, labels and, with --size, height
 * and width are set here. Returns CVT_EXIT_OK, or prints why not and returns the exit status. */
int cvt_models_open(const cvt_cli *cli, const cvt_settings *settings, const cvt_options *more, cvt_model **out);

/* The same without printing anything. *path becomes the path of the model if there is one; free it in any case. */
cvt_status cvt_models_try(const cvt_cli *cli, const cvt_settings *settings, const cvt_options *more, cvt_model **out,
                          cvt_str *path, cvt_error *error);

/* Appends what the model is called that the settings mean: its name or path as given, or that of the default one. */
void cvt_models_name(const cvt_cli *cli, const cvt_settings *settings, cvt_str *to);

/* Says what error tells of the model at *path, if there is one, and returns the exit status. Where the message is of
 * another file that the settings name, a config or labels, that file alone is named. */
int cvt_models_fail(const cvt_settings *settings, const cvt_str *path, const cvt_error *error);

/* Calls each(context, name, path) for every model that a name leads to, directory by directory as they are searched,
 * and in byte order inside each. */
void cvt_models_list(const cvt_cli *cli, void (*each)(void *context, const char *name, const char *path),
                     void *context);

/* Puts the i-th directory of this name that comes with the program into `to`: beside it (0), and share/cvt/WORD of the
 * prefix in whose bin it lies (1). Leaves `to` empty where the program's place is not known; false behind the last
 * one. */
bool cvt_models_shared(const cvt_cli *cli, size_t i, const char *word, cvt_str *to);

/* Looks for a file of this name in the directories for models; false leaves *path empty. */
bool cvt_models_file(const cvt_cli *cli, const char *name, cvt_str *path);

#endif
