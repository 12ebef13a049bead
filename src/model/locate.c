/* locate.c - which file of a directory holds the weights, and what to say where none does. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "model/model.h"

char *cvt_path_join(const char *directory, const char *name) {
    cvt_str s = {0};
    size_t n = strlen(directory);
    cvt_str_print(&s, "%s%s%s", directory, n && directory[n - 1] == '/' ? "" : "/", name);
    if (s.failed) cvt_str_free(&s);
    return s.data;
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

/* Patterns of fnmatch; each list ends with NULL. */
static const char *const usual[] = {"model.safetensors", "model.safetensors.index.json", "weights.safetensors",
                                    "pytorch_model.bin", "pytorch_model.bin.index.json", NULL};
static const char *const safetensors[] = {"*.safetensors", NULL};
static const char *const pickles[] = {"*.pth", "*.pt", "*.ckpt", "*.pth.tar", "*.bin", NULL};
static const char *const indices[] = {"*.safetensors.index.json", "*.bin.index.json", NULL};
static const char *const other_state[] = {"optimizer*", "scheduler*", "rng_state*", "scaler*", "training_args*", NULL};

static bool is_of(const char *name, const char *const *patterns) {
    for (; *patterns; patterns++)
        if (fnmatch(*patterns, name, 0) == 0) return true;
    return false;
}

bool cvt_weights_named(const char *path) {
    const char *name = cvt_file_name(path);
    return is_of(name, safetensors) || is_of(name, pickles) || is_of(name, indices);
}

static cvt_status list(cvt_entries *out, const char *directory, cvt_error *error) {
    if (cvt_entries_read(out, directory)) return CVT_OK;
    return cvt_fail(error, CVT_UNREADABLE, "%s: cannot be read", directory);
}

/* The first entry of such a name, or NULL. */
static const char *find_entry(const cvt_entries *e, const char *pattern) {
    for (int i = 0; i < e->n; i++)
        if (fnmatch(pattern, e->of[i]->d_name, 0) == 0) return e->of[i]->d_name;
    return NULL;
}

/* ---- the snapshots of the hub's cache -------------------------------------------------------------------------- */

/* Does the directory hold what is left of a download that has not come to its end? */
static bool is_downloading(const char *directory) {
    static const char *const folders[] = {"../../blobs", "blobs", ".cache/huggingface/download"};
    bool found = false;
    for (size_t i = 0; !found && i < sizeof folders / sizeof folders[0]; i++) {
        cvt_entries e;
        char *folder = cvt_path_join(directory, folders[i]);
        if (folder && cvt_entries_read(&e, folder)) {
            found = find_entry(&e, "*.incomplete") != NULL;
            cvt_entries_free(&e);
        }
        free(folder);
    }
    return found;
}

cvt_status cvt_fail_without(const char *directory, const char *what, cvt_error *error) {
    if (is_downloading(directory))
        return cvt_fail(error, CVT_NOT_FOUND, "%s: half downloaded: it has no %s yet", directory, what);
    return cvt_fail(error, CVT_NOT_FOUND, "%s: has no %s", directory, what);
}

/* The hash that refs/main names; empty where there is none. */
static cvt_status read_main(cvt_str *hash, const char *repository, cvt_error *error) {
    enum { MAX_BYTES = 256 };
    cvt_file file;
    char *path = cvt_path_join(repository, "refs/main");
    if (!path) return cvt_fail_memory(error);
    cvt_status status = CVT_OK;
    if (cvt_file_exists(path)) {
        status = cvt_file_read(&file, path, MAX_BYTES, error);
        if (status == CVT_OK) {
            size_t n = 0;
            while (n < file.size &&
                   strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-", file.data[n]))
                n++;
            cvt_str_append(hash, (const char *)file.data, n);
            cvt_file_close(&file);
        }
    }
    free(path);
    return status == CVT_OK && hash->failed ? cvt_fail_memory(error) : status;
}

/* Without refs/main: the only snapshot. */
static cvt_status only_snapshot(cvt_str *hash, const char *snapshots, cvt_error *error) {
    cvt_entries e;
    TRY(list(&e, snapshots, error));
    cvt_status status = CVT_OK;
    if (e.n == 1)
        cvt_str_text(hash, e.of[0]->d_name);
    else
        status = cvt_fail(error, CVT_NOT_FOUND, "%s: %d snapshots and no refs/main that says which is meant", snapshots,
                          e.n);
    cvt_entries_free(&e);
    return status == CVT_OK && hash->failed ? cvt_fail_memory(error) : status;
}

static cvt_status find_snapshot(char **path, const char *repository, const char *snapshots, cvt_error *error) {
    cvt_str hash = {0};
    cvt_status status = read_main(&hash, repository, error);
    if (status == CVT_OK && !hash.size) status = only_snapshot(&hash, snapshots, error);
    if (status == CVT_OK && !(*path = cvt_path_join(snapshots, hash.data))) status = cvt_fail_memory(error);
    if (status == CVT_OK && !cvt_file_is_directory(*path)) {
        status = cvt_fail(error, CVT_NOT_FOUND, "%s: half downloaded: refs/main names this snapshot", *path);
        free(*path);
        *path = NULL;
    }
    cvt_str_free(&hash);
    return status;
}

cvt_status cvt_snapshot_of(char **path, const char *directory, cvt_error *error) {
    char *config = cvt_path_join(directory, "config.json"), *snapshots = cvt_path_join(directory, "snapshots");
    cvt_status status = CVT_OK;
    if (!config || !snapshots)
        status = cvt_fail_memory(error);
    else if (!cvt_file_exists(config) && cvt_file_is_directory(snapshots))
        status = find_snapshot(path, directory, snapshots, error);
    free(config);
    free(snapshots);
    return status;
}

/* ---- weights --------------------------------------------------------------------------------------------------- */

static cvt_status fail_several(const cvt_entries *e, const char *const *patterns, const char *directory,
                               cvt_error *error) {
    enum { SHOWN = 8 };
    cvt_str names = {0};
    int n = 0;
    for (int i = 0; i < e->n; i++) {
        const char *name = e->of[i]->d_name;
        if (!is_of(name, patterns) || is_of(name, other_state)) continue;
        if (n < SHOWN) cvt_str_print(&names, "%s%.80s", n ? ", " : "", name);
        if (n++ == SHOWN) cvt_str_print(&names, ", ...");
    }
    cvt_status status = names.failed
                            ? cvt_fail_memory(error)
                            : cvt_fail(error, CVT_WEIGHTS, "%s: holds several checkpoints (%s); name the one to use",
                                       directory, names.data);
    cvt_str_free(&names);
    return status;
}

/* The only entry that one of the patterns fits and that is not known for other things; *path stays NULL if none is. */
static cvt_status find_only(char **path, const cvt_entries *e, const char *const *patterns, const char *directory,
                            cvt_error *error) {
    const char *found = NULL;
    for (int i = 0; i < e->n; i++) {
        const char *name = e->of[i]->d_name;
        if (!is_of(name, patterns) || is_of(name, other_state)) continue;
        if (found) return fail_several(e, patterns, directory, error);
        found = name;
    }
    if (!found) return CVT_OK;
    *path = cvt_path_join(directory, found);
    return *path ? CVT_OK : cvt_fail_memory(error);
}

static cvt_status fail_none(const cvt_entries *e, const char *directory, cvt_error *error) {
    if (find_entry(e, "zero_to_fp32.py"))
        return cvt_fail(error, CVT_WEIGHTS,
                        "%s: a DeepSpeed checkpoint in parts: its zero_to_fp32.py makes a whole one of them",
                        directory);
    if (find_entry(e, "*.distcp") || find_entry(e, "pytorch_model_fsdp_*"))
        return cvt_fail(error, CVT_WEIGHTS,
                        "%s: an FSDP checkpoint in parts (*.distcp): make one file of it by \"python -m "
                        "torch.distributed.checkpoint.format_utils dcp_to_torch DIR FILE\"",
                        directory);
    return cvt_fail_without(
        directory, "weights (model.safetensors, pytorch_model.bin, another *.safetensors, *.pth, *.pt, *.ckpt)", error);
}

static cvt_status search(char **path, const char *directory, cvt_error *error) {
    cvt_entries e;
    TRY(list(&e, directory, error));
    cvt_status status = find_only(path, &e, safetensors, directory, error);
    if (status == CVT_OK && !*path) status = find_only(path, &e, pickles, directory, error);
    if (status == CVT_OK && !*path) status = fail_none(&e, directory, error);
    cvt_entries_free(&e);
    return status;
}

cvt_status cvt_weights_locate(char **path, const char *directory, cvt_error *error) {
    for (size_t i = 0; usual[i] && !*path; i++) {
        char *candidate = cvt_path_join(directory, usual[i]);
        if (!candidate) return cvt_fail_memory(error);
        if (cvt_file_exists(candidate) || cvt_file_is_dangling(candidate))
            *path = candidate;
        else
            free(candidate);
    }
    if (!*path) TRY(search(path, directory, error));
    if (!cvt_file_is_dangling(*path)) return CVT_OK;
    return cvt_fail(error, CVT_NOT_FOUND, "%s: a link to nothing: half downloaded, fetch it again", *path);
}
