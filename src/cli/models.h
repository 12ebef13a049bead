/* models.h - which model is meant: -m, $CVT_MODEL, $CVT_MODEL_PATH, and the directories where models are looked for. */
#ifndef CVT_CLI_MODELS_H
#define CVT_CLI_MODELS_H

#include "cli/command.h"

/* Opens the model that the settings name (-m, -c, --labels, --size) or, with neither -m nor -c, the default one.
 * `more` gives what settings do not say (taps, images, no_weights, ...), or NULL; its config, labels and, where
 * --size is given, height and width are set here. Returns CVT_EXIT_OK, or the exit status after saying why. */
int cvt_models_open(const cvt_cli *cli, const cvt_settings *settings, const cvt_options *more, cvt_model **out);

/* The same, saying nothing; *path gets the path of the model if there is one (free it in any case). */
cvt_status cvt_models_try(const cvt_cli *cli, const cvt_settings *settings, const cvt_options *more, cvt_model **out,
                          cvt_str *path, cvt_error *error);

/* Calls each(context, name, path) for every model that a name leads to: directories in the order in which they
 * are searched, each in byte order. */
void cvt_models_list(const cvt_cli *cli, void (*each)(void *context, const char *name, const char *path),
                     void *context);

#endif
