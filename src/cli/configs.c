/* configs.c - finds configs by name, in the directories beside the program and where it is installed. */
#include "cli/configs.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/nearest.h"
#include "cli/models.h"

static const char suffix[] = ".json";

/* Is it the file of a config? The suffix is cut off its name then. The schema of configs lies beside them. */
static bool is_config(char *name) {
    const size_t n = strlen(name), k = sizeof suffix - 1;
    if (n <= k || strcmp(name + n - k, suffix) != 0 || strcmp(name, "schema.json") == 0) return false;
    name[n - k] = 0;
    return true;
}

/* Looks for the config of this name in the directories before the `end`-th; false leaves *path empty. */
static bool find(const cvt_cli *cli, const char *name, size_t end, cvt_str *path) {
    for (size_t i = 0; i < end && cvt_models_shared(cli, i, "configs", path); i++) {
        if (path->size) cvt_str_print(path, "/%s%s", name, suffix);
        if (path->size && !path->failed && cvt_file_exists(path->data)) return true;
    }
    cvt_str_clear(path);
    return false;
}

void cvt_configs_list(const cvt_cli *cli, void (*each)(void *context, const char *name), void *context) {
    cvt_str folder = {0}, other = {0};
    for (size_t i = 0; cvt_models_shared(cli, i, "configs", &folder); i++) {
        cvt_entries entries;
        if (!folder.size || folder.failed || !cvt_entries_read(&entries, folder.data)) continue;
        for (int k = 0; k < entries.n; k++) {
            char *name = entries.of[k]->d_name;
            if (is_config(name) && !find(cli, name, i, &other)) each(context, name);
        }
        cvt_entries_free(&entries);
    }
    cvt_str_free(&folder);
    cvt_str_free(&other);
}

static void compare(void *context, const char *name) { cvt_nearest_copy_try(context, name); }

static cvt_status fail_missing(const cvt_cli *cli, const char *name, cvt_error *error) {
    cvt_nearest_copy best = {.nearest = cvt_nearest_to(name, 4)};
    cvt_str searched = {0}, folder = {0};
    cvt_configs_list(cli, compare, &best);
    for (size_t i = 0; cvt_models_shared(cli, i, "configs", &folder); i++)
        if (folder.size) cvt_str_print(&searched, "%s%s", searched.size ? ", " : "", folder.data);
    const cvt_status status =
        best.name.data ? cvt_fail(error, CVT_NOT_FOUND, "%s: no such config (did you mean '%s'?)", name, best.name.data)
                       : cvt_fail(error, CVT_NOT_FOUND, "%s: no such file, nor a config of this name in %s", name,
                                  searched.data ? searched.data : "");
    cvt_str_free(&best.name);
    cvt_str_free(&searched);
    cvt_str_free(&folder);
    return status;
}

int cvt_configs_choose(const cvt_cli *cli, cvt_settings *settings, cvt_str *path) {
    const char *name = settings->config;
    const size_t n = name ? strlen(name) : 0, k = sizeof suffix - 1;
    const bool is_path = !n || strchr(name, '/') || (n > k && strcmp(name + n - k, suffix) == 0);
    cvt_error error;
    if (is_path || cvt_file_exists(name)) return CVT_EXIT_OK;
    if (!find(cli, name, SIZE_MAX, path)) {
        fail_missing(cli, name, &error);
        return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    }
    settings->config = path->data;
    return CVT_EXIT_OK;
}
