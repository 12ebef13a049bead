/* models.c - finds models by name. It searches the directories of $CVT_MODEL_PATH, then ./models, models beside the
 * program, and share/cvt/models of the prefix in whose bin the program lies. In each of them a model X is the directory
 * X or the file X.safetensors. At last X.safetensors in the working directory is looked for. ORG/NAME is a model in the
 * cache of the hub (hub.c). */
#include "cli/models.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/nearest.h"
#include "cli/hub.h"
#include "cli/threads.h"

static const char suffix[] = ".safetensors";

/* ---- the search path ------------------------------------------------------------------------------------------- */

/* Appends the directory of the program, after following links where the system allows it; false if it cannot be
 * known. */
static bool append_program_folder(const cvt_cli *cli, cvt_str *to) {
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
    const char *program = n > 0 ? path : cli->program, *slash = strrchr(program, '/');
    if (slash) cvt_str_append(to, program, (size_t)(slash - program));
    return slash != NULL;
}

bool cvt_models_shared(const cvt_cli *cli, size_t i, const char *word, cvt_str *to) {
    cvt_str_clear(to);
    if (i > 1 || !append_program_folder(cli, to)) return i <= 1;
    if (i == 1) {
        static const char bin[] = "/bin";
        const size_t n = sizeof bin - 1;
        const bool in_bin = to->size > n && strcmp(to->data + to->size - n, bin) == 0;
        if (in_bin) to->size -= n; /* PREFIX/share, not PREFIX/bin/../share */
        cvt_str_print(to, "%s/share/cvt", in_bin ? "" : "/..");
    }
    cvt_str_print(to, "/%s", word);
    return true;
}

/* Puts the i-th directory into `to`, or leaves it empty where that directory is not known; false behind the last
 * one. */
static bool search_folder(const cvt_cli *cli, size_t i, cvt_str *to) {
    cvt_str_clear(to);
    const char *path = getenv("CVT_MODEL_PATH");
    while (path) {
        size_t n = strcspn(path, ":");
        if (i-- == 0) {
            cvt_str_append(to, path, n);
            return true;
        }
        path = path[n] ? path + n + 1 : NULL;
    }
    if (i == 0) cvt_str_print(to, "models");
    return i == 0 || cvt_models_shared(cli, i - 1, "models", to);
}

bool cvt_models_file(const cvt_cli *cli, const char *name, cvt_str *path) {
    cvt_str folder = {0};
    bool found = false;
    for (size_t i = 0; !found && search_folder(cli, i, &folder); i++) {
        cvt_str_clear(path);
        if (folder.size) cvt_str_print(path, "%s/%s", folder.data, name);
        found = path->size && cvt_file_exists(path->data);
    }
    if (!found) cvt_str_clear(path);
    cvt_str_free(&folder);
    return found;
}

/* Looks for a model of this name in the directories; false leaves *path empty. */
static bool search(const cvt_cli *cli, const char *name, cvt_str *path) {
    cvt_str folder = {0};
    bool found = false;
    for (size_t i = 0; !found && search_folder(cli, i, &folder); i++) {
        if (!folder.size) continue;
        cvt_str_clear(path);
        cvt_str_print(path, "%s/%s", folder.data, name);
        found = !path->failed && cvt_file_is_directory(path->data);
        if (found) break;
        cvt_str_text(path, suffix);
        found = !path->failed && cvt_file_exists(path->data);
    }
    if (!found) {
        cvt_str_clear(path);
        cvt_str_print(path, "%s%s", name, suffix);
        found = !path->failed && cvt_file_exists(path->data);
    }
    if (!found) cvt_str_clear(path);
    cvt_str_free(&folder);
    return found;
}

/* ---- listing --------------------------------------------------------------------------------------------------- */

/* Is this the directory of a model, or the file of one? The suffix of a file is cut off its name. */
static bool is_model(char *name, const char *path) {
    cvt_str config = {0};
    cvt_str_print(&config, "%s/config.json", path);
    bool found = config.data && cvt_file_exists(config.data);
    cvt_str_free(&config);
    size_t n = strlen(name), k = strlen(suffix);
    if (found || n <= k || strcmp(name + n - k, suffix) != 0) return found;
    name[n - k] = 0;
    return true;
}

/* Does the name lead to this path, and not to a model in a directory that is searched before? */
static bool is_first(const cvt_cli *cli, const char *name, const char *path) {
    cvt_str found = {0};
    bool first = search(cli, name, &found) && strcmp(found.data, path) == 0;
    cvt_str_free(&found);
    return first;
}

void cvt_models_list(const cvt_cli *cli, void (*each)(void *context, const char *name, const char *path),
                     void *context) {
    cvt_str folder = {0}, path = {0};
    for (size_t i = 0; search_folder(cli, i, &folder); i++) {
        cvt_entries entries;
        if (!folder.size || !cvt_entries_read(&entries, folder.data)) continue;
        for (int k = 0; k < entries.n; k++) {
            char *name = entries.of[k]->d_name;
            cvt_str_clear(&path);
            cvt_str_print(&path, "%s/%s", folder.data, name);
            if (!path.failed && is_model(name, path.data) && is_first(cli, name, path.data))
                each(context, name, path.data);
        }
        cvt_entries_free(&entries);
    }
    cvt_str_free(&folder);
    cvt_str_free(&path);
}

/* ---- choosing -------------------------------------------------------------------------------------------------- */

static void compare(void *context, const char *name, const char *path) {
    (void)path;
    cvt_nearest_copy_try(context, name);
}

/* "models, /usr/local/share/cvt/models": the directories that are searched. */
static void append_searched(const cvt_cli *cli, cvt_str *to) {
    cvt_str folder = {0};
    bool any = false;
    for (size_t i = 0; search_folder(cli, i, &folder); i++) {
        if (!folder.size) continue;
        cvt_str_print(to, "%s%s", any ? ", " : "", folder.data);
        any = true;
    }
    cvt_str_free(&folder);
}

static cvt_status fail_missing(const cvt_cli *cli, const char *name, cvt_error *error) {
    cvt_nearest_copy best = {.nearest = cvt_nearest_to(name, 4)};
    cvt_str searched = {0};
    cvt_models_list(cli, compare, &best);
    append_searched(cli, &searched);
    cvt_status status =
        best.name.data
            ? cvt_fail(error, CVT_NOT_FOUND, "%s: no such model (did you mean '%s'?)", name, best.name.data)
            : cvt_fail(
                  error, CVT_NOT_FOUND,
                  "%s: no such model in %s, nor %s%s here; -m also takes the path of a directory as git clone of a "
                  "hub's repository leaves it",
                  name, searched.data ? searched.data : "", name, suffix);
    cvt_str_free(&best.name);
    cvt_str_free(&searched);
    return status;
}

/* Finds the path of the model of this name. */
static cvt_status resolve(const cvt_cli *cli, const char *name, cvt_str *path, cvt_error *error) {
    if (!*name) return fail_missing(cli, name, error);
    if (!cvt_file_exists(name) && !strchr(name, '/'))
        return search(cli, name, path) ? CVT_OK : fail_missing(cli, name, error);
    if (!cvt_file_exists(name) && cvt_hub_is_name(name)) return cvt_hub_find(name, path, error);
    cvt_str_text(path, name);
    return path->failed ? cvt_fail_memory(error) : CVT_OK;
}

/* The models to use when none is named: the first that is there. */
static const char *const starters[] = {"efficientnet-lite0", "script"};

/* Finds the path of that model. */
static cvt_status resolve_default(const cvt_cli *cli, cvt_str *path, cvt_error *error) {
    for (size_t i = 0; i < sizeof starters / sizeof starters[0]; i++)
        if (search(cli, starters[i], path)) return CVT_OK;
    return cvt_fail(error, CVT_NOT_FOUND,
                    "no model: name one with -m, or get the starter model by 'make demo' in the source tree of cvt");
}

/* Opens a model. One of 1000 classes that carries no labels gets those of ImageNet. */
static cvt_status open_path(const cvt_cli *cli, const char *path, const cvt_options *options, cvt_model **out,
                            cvt_error *error) {
    cvt_str labels = {0};
    cvt_options with_labels = *options;
    if (cvt_models_file(cli, "imagenet-1k.txt", &labels)) with_labels.default_labels = labels.data;
    cvt_status status = cvt_model_open(out, path, &with_labels, error);
    cvt_str_free(&labels);
    return status;
}

/* The name that is given with -m or by the environment; NULL: none. */
static const char *given_name(const cvt_settings *settings) {
    const char *variable = getenv("CVT_MODEL");
    return settings->model ? settings->model : variable && *variable ? variable : NULL;
}

void cvt_models_name(const cvt_cli *cli, const cvt_settings *settings, cvt_str *to) {
    const char *name = given_name(settings);
    cvt_str path = {0};
    for (size_t i = 0; !name && i < sizeof starters / sizeof starters[0]; i++)
        if (search(cli, starters[i], &path)) name = starters[i];
    if (name) cvt_str_text(to, name);
    cvt_str_free(&path);
}

static cvt_status open_named(const cvt_cli *cli, const char *name, const cvt_options *options, cvt_model **out,
                             cvt_str *path, cvt_error *error) {
    TRY(name ? resolve(cli, name, path, error) : resolve_default(cli, path, error));
    return open_path(cli, path->data, options, out, error);
}

cvt_status cvt_models_try(const cvt_cli *cli, const cvt_settings *settings, const cvt_options *more, cvt_model **out,
                          cvt_str *path, cvt_error *error) {
    cvt_options options = more ? *more : (cvt_options){0};
    options.size = sizeof options;
    options.labels = settings->labels;
    options.preprocess = settings->preprocess;
    options.score = settings->score;
    options.ignore = settings->ignore.items;
    options.n_ignore = settings->ignore.n;
    options.precision = settings->precision;
    options.reference = settings->repro;
    if (!options.no_weights) options.threads = cvt_threads_loading(settings);
    if (settings->size.height) {
        options.height = settings->size.height;
        options.width = settings->size.width;
    }
    if (settings->model || !settings->config) {
        options.config = settings->config;
        return open_named(cli, given_name(settings), &options, out, path, error);
    }
    if (!options.no_weights && !options.random_weights)
        return cvt_fail(error, CVT_USAGE, "option '-c' needs a model beside it: -m MODEL");
    cvt_str_text(path, settings->config);
    return path->failed ? cvt_fail_memory(error) : open_path(cli, path->data, &options, out, error);
}

int cvt_models_fail(const cvt_settings *settings, const cvt_str *path, const cvt_error *error) {
    const char *const others[] = {settings->config, settings->labels, settings->preprocess};
    const char *blamed = path->size ? path->data : NULL;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        size_t n = others[i] ? strlen(others[i]) : 0;
        if (n && strncmp(error->message, others[i], n) == 0 && error->message[n] == ':') blamed = NULL;
    }
    return cvt_cli_fail(blamed, error, CVT_EXIT_MODEL);
}

static void say_all(const char *path, const cvt_model *model, const char *(*line)(const cvt_model *, int)) {
    for (int i = 0; line(model, i); i++) cvt_cli_say(path, line(model, i));
}

/* Does the command read images for the model, or keep how it wants them? */
static bool prepares(const cvt_cli *cli) {
    enum {
        READERS = CVT_CMD_CLASSIFY | CVT_CMD_PREPROCESS | CVT_CMD_EMBED | CVT_CMD_ATTEND | CVT_CMD_CHECK |
                  CVT_CMD_CONVERT | CVT_CMD_LEARN | CVT_CMD_EVAL
    };
    return (cli->command->bit & READERS) != 0;
}

int cvt_models_open(const cvt_cli *cli, const cvt_settings *settings, const cvt_options *more, cvt_model **out) {
    cvt_str path = {0};
    cvt_error error;
    int exit_status = CVT_EXIT_OK;
    if (cvt_models_try(cli, settings, more, out, &path, &error) != CVT_OK)
        exit_status = cvt_models_fail(settings, &path, &error);
    if (exit_status == CVT_EXIT_OK && settings->verbose) say_all(path.data, *out, cvt_model_remark);
    if (exit_status == CVT_EXIT_OK && prepares(cli)) say_all(path.data, *out, cvt_model_warning);
    cvt_str_free(&path);
    return exit_status;
}
