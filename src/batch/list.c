/* list.c - walks over operands, directories and lists of names. */
#include "batch/list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "batch/group.h"

enum { BUFFER = 64 << 10 };

/* A directory that was read. The names of directories in it end with a slash, so that they are sorted as whole paths
 * are. */
typedef struct level {
    struct level *up;
    cvt_str path; /* with a slash at the end */
    cvt_str text; /* the names, each with a 0 at its end */
    const char **names;
    size_t n, next;
    size_t folders; /* that are not walked */
} level;

struct cvt_list {
    cvt_list_options options;
    size_t next_path;
    cvt_list_kind kind;            /* of what was given last */
    level *level;                  /* the directory being walked */
    cvt_str top;                   /* the operand or name that it is, or lies in */
    size_t given, unread, folders; /* of it: inputs, images of formats that are not read, directories passed by */
    int *fds;                      /* of the lists of names */
    size_t list;                   /* the one in hand */
    bool begun;                    /* a name of it has been read */
    bool stdin_used, closed;       /* closed: what was given last is a directory that cannot be read */
    cvt_error trouble;
    char *buffer; /* of BUFFER bytes */
    size_t at, filled;
    cvt_archives *archives;
    cvt_groups *groups; /* of their entries; NULL: labels are not wanted */
};

/* ---- lists are opened first ------------------------------------------------------------------------------------ */

static cvt_status fail_list(const char *name, int number, cvt_error *error) {
    cvt_input_fail(error, number);
    if (error) error->status = CVT_USAGE;
    return cvt_fail_in(error, CVT_USAGE, "%s", name);
}

static cvt_status open_list(cvt_list *list, size_t i, cvt_error *error) {
    const char *name = list->options.lists[i];
    struct stat about;
    if (strcmp(name, "-") == 0) {
        if (list->stdin_used) return cvt_fail(error, CVT_USAGE, "%s: standard input is already a list", name);
        list->fds[i] = STDIN_FILENO;
        list->stdin_used = true;
    } else {
        list->fds[i] = open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC);
    }
    if (list->fds[i] < 0) return fail_list(name, errno, error);
    bool folder = fstat(list->fds[i], &about) == 0 && S_ISDIR(about.st_mode);
    return folder ? fail_list(name, EISDIR, error) : CVT_OK;
}

static cvt_status open_lists(cvt_list *list, cvt_error *error) {
    if (!list->options.n_lists) return CVT_OK;
    list->fds = malloc(list->options.n_lists * sizeof *list->fds);
    if (!list->fds) return cvt_fail_memory(error);
    for (size_t i = 0; i < list->options.n_lists; i++) list->fds[i] = -1;
    list->buffer = malloc(BUFFER);
    if (!list->buffer) return cvt_fail_memory(error);
    for (size_t i = 0; i < list->options.n_lists; i++) TRY(open_list(list, i, error));
    return CVT_OK;
}

static cvt_status begin_archives(cvt_list *list, cvt_error *error) {
    const cvt_list_options *options = &list->options;
    if (!options->n_tars) return CVT_OK;
    if (!cvt_tar_is_built())
        return cvt_fail(error, CVT_USAGE, "--tar: this program was built without libarchive, which reads archives");
    for (size_t i = 0; i < options->n_tars; i++) {
        if (!cvt_input_is_stdin(options->tars[i], true)) continue;
        if (list->stdin_used)
            return cvt_fail(error, CVT_USAGE, "--tar %s: standard input is already in use", options->tars[i]);
        list->stdin_used = true;
    }
    list->archives = cvt_archives_new(options->tars, options->n_tars, options->labels, options->wake);
    if (list->archives && options->labels) list->groups = cvt_groups_new(list->archives, options->max_pixels);
    return list->archives && (list->groups || !options->labels) ? CVT_OK : cvt_fail_memory(error);
}

cvt_status cvt_list_new(cvt_list **out, const cvt_list_options *options, cvt_error *error) {
    cvt_list *list = calloc(1, sizeof *list);
    if (!list) return cvt_fail_memory(error);
    list->options = *options;
    cvt_status status = open_lists(list, error);
    if (status == CVT_OK) status = begin_archives(list, error);
    if (status != CVT_OK) {
        cvt_list_free(list);
        list = NULL;
    }
    *out = list;
    return status;
}

static void free_level(level *done) {
    if (!done) return;
    cvt_str_free(&done->path);
    cvt_str_free(&done->text);
    free(done->names);
    free(done);
}

static void leave_directory(cvt_list *list) {
    level *done = list->level;
    list->level = done->up;
    free_level(done);
}

static void close_names(cvt_list *list, size_t i) {
    if (list->fds[i] > STDIN_FILENO) close(list->fds[i]);
    list->fds[i] = -1;
}

void cvt_list_free(cvt_list *list) {
    if (!list) return;
    while (list->level) leave_directory(list);
    for (size_t i = 0; list->fds && i < list->options.n_lists; i++) close_names(list, i);
    cvt_str_free(&list->top);
    cvt_groups_free(list->groups);
    cvt_archives_free(list->archives);
    free(list->fds);
    free(list->buffer);
    free(list);
}

size_t cvt_list_count(const cvt_list_options *options) {
    if (options->n_lists || options->n_tars) return 0;
    for (size_t i = 0; i < options->n_paths; i++)
        if (cvt_file_is_directory(options->paths[i])) return 0;
    return options->n_paths;
}

/* ---- directories ----------------------------------------------------------------------------------------------- */

typedef enum kind { SKIPPED, FOLDER, CANDIDATE } kind;

/* What is not known to be something else is looked into later: then it shows what is wrong with it. */
static kind kind_of(int folder, const char *name) {
    struct stat about;
    if (name[0] == '.') return SKIPPED;
    kind otherwise = cvt_input_is_named_image(name) ? CANDIDATE : SKIPPED;
    bool known = fstatat(folder, name, &about, AT_SYMLINK_NOFOLLOW) == 0;
    if (known && S_ISDIR(about.st_mode)) return FOLDER;
    if (known && S_ISLNK(about.st_mode)) known = fstatat(folder, name, &about, 0) == 0;
    if (!known) return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? otherwise : CANDIDATE;
    return S_ISDIR(about.st_mode) ? SKIPPED : S_ISREG(about.st_mode) ? CANDIDATE : otherwise;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Makes `names` point at the texts, and sorts them. */
static bool sort_names(level *in) {
    in->names = malloc((in->n ? in->n : 1) * sizeof *in->names);
    if (!in->names) return false;
    const char *text = in->text.data;
    for (size_t i = 0; i < in->n; i++, text += strlen(text) + 1) in->names[i] = text;
    qsort(in->names, in->n, sizeof *in->names, compare_names);
    return true;
}

static bool is_ending(const cvt_list_options *options) { return options->ending && atomic_load(options->ending); }

/* Reads the entries of a directory. Returns 0 or the system's error number. */
static int read_entries(level *in, DIR *folder, const cvt_list_options *options) {
    const bool recursive = options->recursive;
    struct dirent *entry;
    for (errno = 0; !is_ending(options) && (entry = readdir(folder)); errno = 0) {
        kind what = kind_of(dirfd(folder), entry->d_name);
        if (what == FOLDER && !recursive) in->folders++;
        if (what == SKIPPED || (what == FOLDER && !recursive)) continue;
        cvt_str_text(&in->text, entry->d_name);
        if (what == FOLDER) cvt_str_append(&in->text, "/", 1);
        cvt_str_append(&in->text, "", 1);
        in->n++;
    }
    if (errno) return errno;
    return in->text.failed || !sort_names(in) ? ENOMEM : 0;
}

static int read_directory(level *in, const char *path, bool follow, const cvt_list_options *options) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0) return errno;
    DIR *folder = fdopendir(fd);
    if (!folder) {
        int number = errno;
        close(fd);
        return number;
    }
    int number = read_entries(in, folder, options);
    closedir(folder);
    return number;
}

/* Enters the directory at `path`. On failure it fills `problem` and stays where it was. */
static bool enter_directory(cvt_list *list, const char *path, cvt_error *problem) {
    level *in = calloc(1, sizeof *in);
    int number = in ? read_directory(in, path, !list->level, &list->options) : ENOMEM;
    if (number == 0) {
        size_t n = strlen(path);
        cvt_str_append(&in->path, path, n);
        if (path[n - 1] != '/') cvt_str_append(&in->path, "/", 1);
        if (in->path.failed) number = ENOMEM;
    }
    if (number != 0) {
        free_level(in);
        number == ENOMEM ? cvt_fail_memory(problem) : cvt_input_fail(problem, number);
        list->closed = true;
        return false;
    }
    in->up = list->level;
    list->level = in;
    list->folders += in->folders;
    return true;
}

/* Whether an entry that is not named as an image is an input: it begins as one, or its beginning cannot be read, which
 * fills problem. What has gone meanwhile, or is no file any more, is none. */
static bool begins_as_image(cvt_list *list, const char *path, cvt_error *problem) {
    bool known = false;
    const char *format = NULL;
    if (cvt_input_look(path, &known, &format, problem) == CVT_OK) {
        list->unread += !known && format;
        return known;
    }
    if (problem->status != CVT_NOT_FOUND) return true;
    problem->status = CVT_OK;
    return false;
}

/* The next input below the current directory into path; false when that is done or a name turned out to be none.
 * Sub-directories are entered on the way. */
static bool next_entry(cvt_list *list, cvt_str *path, cvt_error *problem) {
    level *in = list->level;
    if (in->next == in->n) {
        leave_directory(list);
        return false;
    }
    const char *name = in->names[in->next++];
    size_t n = strlen(name);
    bool folder = name[n - 1] == '/';
    cvt_str_clear(path);
    cvt_str_append(path, in->path.data, in->path.size);
    cvt_str_append(path, name, n - folder); /* without its slash: with it a link would be followed */
    if (path->failed) {
        cvt_fail_memory(problem);
        return true;
    }
    if (folder) return !enter_directory(list, path->data, problem);
    return cvt_input_is_named_image(name) || begins_as_image(list, path->data, problem);
}

/* Says of the directory that has been walked that it gave no input: "no JPEG or PNG there; 12 other pictures skipped,
 * -r takes its 3 directories". False where there is nothing to say. */
static bool remark(cvt_list *list, cvt_str *path, cvt_error *problem) {
    cvt_str line = {0};
    if (!list->options.remarks || list->given || !list->top.size) return false;
    cvt_str_print(&line, "no JPEG or PNG there");
    if (list->unread) cvt_str_print(&line, "; %zu other picture%s skipped", list->unread, list->unread == 1 ? "" : "s");
    if (list->folders)
        cvt_str_print(&line, "%s -r takes its %zu director%s", list->unread ? "," : ";", list->folders,
                      list->folders == 1 ? "y" : "ies");
    cvt_str_clear(path);
    cvt_str_append(path, list->top.data, list->top.size);
    cvt_fail(problem, CVT_NOT_FOUND, "%s", line.data ? line.data : "no JPEG or PNG there");
    cvt_str_free(&line);
    list->kind = CVT_LIST_REMARK;
    return true;
}

/* ---- lists of names -------------------------------------------------------------------------------------------- */

/* Fills the empty buffer; false at the end of the list or, with `trouble` set, where it cannot be read. */
static bool fill(cvt_list *list) {
    ssize_t got = cvt_input_wait_read(list->fds[list->list], list->buffer, BUFFER, list->options.wake);
    if (got < 0 && errno != ECANCELED) fail_list(list->options.lists[list->list], errno, &list->trouble);
    list->at = 0;
    list->filled = got > 0 ? (size_t)got : 0;
    return got > 0;
}

/* The next name of the list, which may be empty; false at the end. */
static bool next_name(cvt_list *list, cvt_str *path) {
    int separator = list->options.nul ? 0 : '\n';
    cvt_str_clear(path);
    for (;;) {
        if (list->at == list->filled && !fill(list)) {
            close_names(list, list->list);
            return path->size > 0;
        }
        const char *start = list->buffer + list->at;
        const char *end = memchr(start, separator, list->filled - list->at);
        size_t n = end ? (size_t)(end - start) : list->filled - list->at;
        list->at += n + (end != NULL);
        size_t room = CVT_LONGEST_NAME - path->size; /* a name that is cut here cannot be opened anyway */
        cvt_str_append(path, start, n < room ? n : room);
        if (end) return true;
    }
}

static void cut(cvt_str *name, size_t front, size_t back) {
    name->size -= front + back;
    memmove(name->data, name->data + front, name->size);
    name->data[name->size] = 0;
}

/* What an editor or a shell of Windows adds to a list is taken off its name, the first one if `first`. */
static void clean_name(cvt_list *list, cvt_str *name, bool first) {
    static const char mark[] = "\xef\xbb\xbf";
    struct stat about;
    if (first && cvt_input_is_utf16(name->data, name->size, list->options.nul)) {
        cvt_fail(&list->trouble, CVT_USAGE, "%s: a list in UTF-16: save it as UTF-8", list->options.lists[list->list]);
        return;
    }
    if (first && name->size >= 3 && memcmp(name->data, mark, 3) == 0) cut(name, 3, 0);
    if (list->options.nul || !name->size || name->data[name->size - 1] != '\r') return;
    if (name->size == 1 || lstat(name->data, &about) != 0) cut(name, 0, 1);
}

/* ---- all of it ------------------------------------------------------------------------------------------------- */

/* The next operand or name into path; false at the end. */
static bool next_operand(cvt_list *list, cvt_str *path) {
    if (list->next_path < list->options.n_paths) {
        const char *operand = list->options.paths[list->next_path++];
        cvt_str_clear(path);
        cvt_str_text(path, operand);
        cvt_str_append(path, "", 0);
        list->kind = CVT_LIST_NAMED;
        return true;
    }
    list->kind = CVT_LIST_FOUND;
    for (; list->list < list->options.n_lists; list->list++, list->begun = false, list->at = list->filled = 0) {
        while (list->fds[list->list] >= 0) {
            bool found = next_name(list, path), first = !list->begun;
            if (list->trouble.status != CVT_OK) return false; /* whatever piece of a name was read */
            if (!found) break;
            if (path->failed) return true;
            list->begun = true;
            if (path->data) clean_name(list, path, first);
            if (list->trouble.status != CVT_OK) return false;
            if (path->size > 0) return true;
        }
    }
    return false;
}

/* Lets standard input be an image, if it is free; from then on it is taken. */
static void take_stdin(cvt_list *list, cvt_error *problem) {
    if (list->stdin_used) cvt_fail(problem, CVT_UNREADABLE, "standard input is already in use");
    list->stdin_used = true;
}

/* Goes into the directory that an operand or a name means. */
static bool enter_top(cvt_list *list, const char *path, cvt_error *problem) {
    struct stat about;
    list->given = list->unread = list->folders = 0;
    cvt_str_clear(&list->top);
    if (stat(path, &about) != 0) {
        /* it may be a directory: where the system fails to look, its files must not be missing in silence */
        list->closed = errno != ENOENT && errno != ENOTDIR;
        if (list->closed) cvt_input_fail(problem, errno);
        return false;
    }
    if (!S_ISDIR(about.st_mode) || !enter_directory(list, path, problem)) return false;
    cvt_str_text(&list->top, path);
    return true;
}

/* The next input of the directory that is walked; false when it is done. */
static bool next_below(cvt_list *list, cvt_str *path, cvt_error *problem) {
    while (list->level) {
        if (!next_entry(list, path, problem)) continue;
        list->given++;
        list->kind = CVT_LIST_FOUND;
        return true;
    }
    bool said = remark(list, path, problem);
    cvt_str_clear(&list->top);
    return said;
}

/* The next entry of the archives, behind all else; false at the end. */
static bool next_entry_of_archives(cvt_list *list, cvt_str *path, cvt_error *problem) {
    if (!list->archives || list->trouble.status != CVT_OK) return false;
    const cvt_archive_item item =
        list->groups ? cvt_groups_next(list->groups, path, problem) : cvt_archives_next(list->archives, path, problem);
    list->kind = item == CVT_ARCHIVE_REMARK  ? CVT_LIST_REMARK
                 : item == CVT_ARCHIVE_ENTRY ? CVT_LIST_ENTRY
                                             : CVT_LIST_FOUND;
    return item != CVT_ARCHIVE_END;
}

bool cvt_list_next(cvt_list *list, cvt_str *path, cvt_error *problem) {
    problem->status = CVT_OK;
    list->closed = false;
    if (path->failed) cvt_str_free(path);
    while (!is_ending(&list->options)) {
        if (next_below(list, path, problem)) return true;
        if (!next_operand(list, path)) return next_entry_of_archives(list, path, problem);
        if (path->failed) cvt_fail_memory(problem);
        if (problem->status != CVT_OK) return true;
        if (strlen(path->data) < path->size) {
            cvt_fail(problem, CVT_NOT_FOUND, "the name holds a NUL byte (a NUL-separated list wants -0)");
            return true;
        }
        if (list->options.plain) {
            list->kind = CVT_LIST_FOUND;
            return true;
        }
        if (cvt_input_is_stdin(path->data, list->kind == CVT_LIST_NAMED)) {
            take_stdin(list, problem);
            return true;
        }
        if (!enter_top(list, path->data, problem)) return true;
    }
    return false;
}

bool cvt_list_take(cvt_list *list, cvt_input *input, cvt_error *error) {
    return list->groups ? cvt_groups_take(list->groups, input, error) : cvt_archives_take(list->archives, input, error);
}

const char *cvt_list_tar(const cvt_list *list) {
    if (list->kind != CVT_LIST_ENTRY) return NULL;
    return list->groups ? cvt_groups_name(list->groups) : cvt_archives_name(list->archives);
}

const char *cvt_list_label(const cvt_list *list) {
    return list->kind == CVT_LIST_ENTRY && list->groups ? cvt_groups_label(list->groups) : NULL;
}

cvt_list_kind cvt_list_last(const cvt_list *list) { return list->closed ? CVT_LIST_FOLDER : list->kind; }
const cvt_error *cvt_list_trouble(const cvt_list *list) { return &list->trouble; }
