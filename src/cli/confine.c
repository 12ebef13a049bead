/* confine.c - --sandbox: finds out which files a command over images will read and write, and gives up the others.
 *
 * A list may name any file, and so may a link in a directory: then every file may be read, and -v says so. Writing,
 * programs and sockets are given up all the same. */
#define _DEFAULT_SOURCE /* d_type */

#include "cli/confine.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/sandbox.h"

/* ---- links ----------------------------------------------------------------------------------------------------- */

/* How far directories are searched for links. In one that is larger there may be some. */
enum { MAX_ENTRIES = 100000, MAX_DEPTH = 64 };

typedef struct search {
    bool recursive;
    int left; /* entries */
} search;

static bool has_links(search *s, const char *folder, int depth);

static bool is_link(search *s, const char *folder, const struct dirent *entry, int depth) {
    struct stat info;
    if (entry->d_name[0] == '.') return false; /* not read either */
    if (--s->left < 0) return true;
#if defined(DT_LNK) /* not every system tells */
    if (entry->d_type == DT_LNK) return true;
    if (entry->d_type != DT_UNKNOWN && !(entry->d_type == DT_DIR && s->recursive)) return false;
#endif
    cvt_str path = {0};
    cvt_str_print(&path, "%s/%s", folder, entry->d_name);
    bool found = path.failed || lstat(path.data, &info) != 0 || S_ISLNK(info.st_mode);
    if (!found && s->recursive && S_ISDIR(info.st_mode)) found = has_links(s, path.data, depth + 1);
    cvt_str_free(&path);
    return found;
}

/* May there be links in the directory, or with `recursive` below it? */
static bool has_links(search *s, const char *folder, int depth) {
    DIR *entries = depth < MAX_DEPTH ? opendir(folder) : NULL;
    if (!entries) return depth > 0 || errno != EACCES; /* of the operands, what may not be read is said later */
    bool found = false;
    const struct dirent *entry = NULL;
    do {
        errno = 0;
        entry = readdir(entries);
        found = entry ? is_link(s, folder, entry, depth) : errno != 0;
    } while (entry && !found);
    closedir(entries);
    return found;
}

/* ---- rules ----------------------------------------------------------------------------------------------------- */

typedef struct rules {
    cvt_sandbox_rule *items;
    size_t n;
    char *own[8]; /* paths that were made here */
    size_t n_own;
    bool failed; /* one is missing */
} rules;

static void allow(rules *r, const char *path, int rights) {
    if (path && strcmp(path, "-") != 0) r->items[r->n++] = (cvt_sandbox_rule){path, rights};
}

/* Allows to make, write and rename files where this one is, or to write this one if it is a device or the like. The
 * file itself may be looked at, to see whether it may be overwritten. */
static void allow_output(rules *r, const char *path) {
    struct stat info;
    if (!path) return;
    const bool there = stat(path, &info) == 0;
    if (!there && errno != ENOENT) r->failed = true;
    if (there && !S_ISREG(info.st_mode)) {
        allow(r, path, CVT_SANDBOX_WRITE);
        return;
    }
    cvt_str folder = {0};
    char *real = there ? realpath(path, NULL) : NULL; /* of a link the folder of its target */
    cvt_file_folder(&folder, real ? real : path);
    if (there) allow(r, path, CVT_SANDBOX_READ);
    if ((there && !real) || folder.failed) r->failed = true;
    if (folder.failed)
        cvt_str_free(&folder);
    else
        allow(r, r->own[r->n_own++] = folder.data, CVT_SANDBOX_WRITE);
    free(real);
}

static void release(rules *r) {
    for (size_t i = 0; i < r->n_own; i++) free(r->own[i]);
    free(r->items);
}

static size_t count(char *const *words) {
    size_t n = 0;
    while (words && words[n]) n++;
    return n;
}

/* Why every file may be read; NULL: only those that are named. */
static const char *why_all(const cvt_settings *s, const cvt_confinement *c) {
    search links = {c->recursive, MAX_ENTRIES};
    if (c->lists || s->files_from.n || s->null) return "a list may name any";
    for (size_t i = 0; i < count(c->operands); i++)
        if (cvt_file_is_directory(c->operands[i]) && has_links(&links, c->operands[i], 0))
            return "there are links in the directories, or more files than are looked at";
    return NULL;
}

/* ---- entering -------------------------------------------------------------------------------------------------- */

/* Says what holds: with -v, or because more is required. */
static int say(const cvt_settings *s, int holds, const char *all) {
    const char *obstacle = cvt_sandbox_obstacle();
    const bool required = cvt_opt_is(s->sandbox, "require"), whole = holds == (CVT_SANDBOX_FILES | CVT_SANDBOX_CALLS);
    cvt_str line = {0};
    cvt_str_print(&line, "sandbox: ");
    if (obstacle)
        cvt_str_print(&line, "none: %s", obstacle);
    else if (!holds)
        cvt_str_print(&line, "none: neither Landlock nor seccomp can be had here");
    else if (holds == CVT_SANDBOX_FILES)
        cvt_str_print(&line, "seccomp cannot be had here: only files are confined (Landlock)");
    else if (holds == CVT_SANDBOX_CALLS)
        cvt_str_print(&line, "Landlock cannot be had here: programs and sockets are given up (seccomp), files are not");
    else if (all)
        cvt_str_print(&line, "no programs, sockets or writing beside the output; all files may be read: %s", all);
    else
        cvt_str_print(&line, "no programs, sockets or files beside those that are named");
    const bool fails = required && !whole;
    if (fails) cvt_str_print(&line, ", and --sandbox=require asks for both");
    if (fails || s->verbose) cvt_cli_say(NULL, line.failed ? "out of memory" : line.data);
    cvt_str_free(&line);
    return fails ? CVT_EXIT_USAGE : CVT_EXIT_OK;
}

int cvt_cli_confine(const cvt_settings *settings, const cvt_confinement *c) {
    const size_t max = count(c->operands) + settings->tars.n + 8;
    if (!settings->sandbox || cvt_opt_is(settings->sandbox, "off")) return CVT_EXIT_OK;
    if (cvt_sandbox_obstacle()) return say(settings, 0, NULL);
    rules r = {.items = calloc(max, sizeof *r.items)};
    if (!r.items) return say(settings, 0, NULL);
    const char *all = why_all(settings, c);
    for (size_t i = 0; i < count(c->operands); i++) allow(&r, c->operands[i], CVT_SANDBOX_READ);
    for (size_t i = 0; i < settings->tars.n; i++) allow(&r, settings->tars.items[i], CVT_SANDBOX_READ);
    allow_output(&r, c->output);
    for (int i = 0; i < 2; i++) allow_output(&r, c->later[i]);
    const cvt_sandbox sandbox = {r.items, r.n, all != NULL, c->later[0] || c->later[1]};
    const int holds = r.failed ? 0 : cvt_sandbox_enter(&sandbox);
    release(&r);
    return say(settings, holds, all);
}
