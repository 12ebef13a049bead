/* hub.c - where the cache of the Hugging Face hub is, and a repository in it: ROOT/models--ORG--NAME. Which of its
 * snapshots counts is for the library to find (model/locate.c). Source: huggingface_hub 2.4, constants.py. */
#include "cli/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

bool cvt_hub_is_name(const char *name) {
    const char *slash = strchr(name, '/');
    return slash && slash > name && slash[1] && !strchr(slash + 1, '/') && name[0] != '.' && name[0] != '~';
}

/* A path from the environment; "~" in front of it is the home directory. */
static void append_path(cvt_str *to, const char *path) {
    const char *home = getenv("HOME");
    bool at_home = path[0] == '~' && (path[1] == '/' || !path[1]) && home;
    cvt_str_print(to, "%s%s", at_home ? home : "", at_home ? path + 1 : path);
}

static void append_root(cvt_str *to) {
    static const struct {
        const char *variable, *rest;
    } places[] = {{"HF_HUB_CACHE", ""},
                  {"HUGGINGFACE_HUB_CACHE", ""},
                  {"HF_HOME", "/hub"},
                  {"XDG_CACHE_HOME", "/huggingface/hub"}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *value = getenv(places[i].variable);
        if (!value || !*value) continue;
        append_path(to, value);
        cvt_str_text(to, places[i].rest);
        return;
    }
    append_path(to, "~/.cache/huggingface/hub");
}

cvt_status cvt_hub_find(const char *name, cvt_str *path, cvt_error *error) {
    const char *slash = strchr(name, '/');
    cvt_str root = {0};
    append_root(&root);
    if (!root.failed) cvt_str_print(path, "%s/models--%.*s--%s", root.data, (int)(slash - name), name, slash + 1);
    cvt_status status = root.failed || path->failed ? cvt_fail_memory(error) : CVT_OK;
    if (status == CVT_OK && !cvt_file_is_directory(path->data)) {
        status = cvt_fail(error, CVT_NOT_FOUND,
                          "%s: no such file, nor a model in the hub's cache %s; \"hf download %s\" gets it there", name,
                          root.data, name);
        cvt_str_clear(path);
    }
    cvt_str_free(&root);
    return status;
}
