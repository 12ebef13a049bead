/* list.c - walks over operands, directories and lists of names. */
#include "batch/list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "batch/input.h"

/* No name that the system accepts is as long as LONGEST_NAME: one that is cut there could not be opened anyway. */
enum { LONGEST_NAME = 64 << 10, BUFFER = 64 << 10 };

/* A directory that was read. The names of directories in it end with a slash, so that they are sorted as whole paths
 * are. */
typedef struct level {
    struct level *up;
    cvt_str path; /* with a slash at the end */
    cvt_str text; /* the names, each with a 0 at its end */
    const char **names;
    size_t n, next;
} level;

struct cvt_list {
    cvt_list_options options;
    size_t next_path;
    level *level; /* the directory being walked */
    int fd;       /* the open list of names, or -1 */
    int no_file;  /* the error number where the list cannot be opened, until it is reported; else 0 */
    bool stdin_used;
    char *buffer; /* BUFFER bytes of the list */
    size_t at, filled;
};

cvt_status cvt_list_new(cvt_list **out, const cvt_list_options *options, cvt_error *error) {
    cvt_list *list = calloc(1, sizeof *list);
    if (!list) return cvt_fail_memory(error);
    list->options = *options;
    list->fd = -1;
    const char *from = options->files_from;
    if (from && strcmp(from, "-") == 0) {
        list->fd = STDIN_FILENO;
        list->stdin_used = true;
    } else if (from) {
        list->fd = open(from, O_RDONLY | O_NOCTTY | O_CLOEXEC);
        list->no_file = list->fd < 0 ? errno : 0;
    }
    if (from) list->buffer = malloc(BUFFER);
    cvt_status status = from && !list->buffer ? cvt_fail_memory(error) : CVT_OK;
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

static void close_names(cvt_list *list) {
    if (list->fd > STDIN_FILENO) close(list->fd);
    list->fd = -1;
}

void cvt_list_free(cvt_list *list) {
    if (!list) return;
    while (list->level) leave_directory(list);
    close_names(list);
    free(list->buffer);
    free(list);
}

size_t cvt_list_count(const cvt_list_options *options) {
    if (options->files_from) return 0;
    for (size_t i = 0; i < options->n_paths; i++)
        if (cvt_file_is_directory(options->paths[i])) return 0;
    return options->n_paths;
}

/* ---- directories ----------------------------------------------------------------------------------------------- */

static bool named_as_image(const char *name) {
    static const char *const endings[] = {".jpg", ".jpeg", ".jpe", ".jfif", ".png"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(dot, endings[i]) == 0) return true;
    return false;
}

typedef enum kind { SKIPPED, FOLDER, CANDIDATE } kind;

static kind kind_of(int folder, const char *name) {
    struct stat about;
    if (name[0] == '.') return SKIPPED;
    kind otherwise = named_as_image(name) ? CANDIDATE : SKIPPED; /* reading it will tell what is wrong */
    if (fstatat(folder, name, &about, AT_SYMLINK_NOFOLLOW) != 0) return otherwise;
    if (S_ISDIR(about.st_mode)) return FOLDER;
    if (S_ISLNK(about.st_mode) && fstatat(folder, name, &about, 0) != 0) return otherwise;
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

/* Reads the entries of a directory. Returns 0 or the system's error number. */
static int read_entries(level *in, DIR *folder, bool recursive) {
    struct dirent *entry;
    for (errno = 0; (entry = readdir(folder)); errno = 0) {
        kind what = kind_of(dirfd(folder), entry->d_name);
        if (what == SKIPPED || (what == FOLDER && !recursive)) continue;
        cvt_str_append(&in->text, entry->d_name, strlen(entry->d_name));
        if (what == FOLDER) cvt_str_append(&in->text, "/", 1);
        cvt_str_append(&in->text, "", 1);
        in->n++;
    }
    if (errno) return errno;
    return in->text.failed || !sort_names(in) ? ENOMEM : 0;
}

static int read_directory(level *in, const char *path, bool follow, bool recursive) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0) return errno;
    DIR *folder = fdopendir(fd);
    if (!folder) {
        int number = errno;
        close(fd);
        return number;
    }
    int number = read_entries(in, folder, recursive);
    closedir(folder);
    return number;
}

/* Enters the directory at `path`. On failure it fills `problem` and stays where it was. */
static bool enter_directory(cvt_list *list, const char *path, cvt_error *problem) {
    level *in = calloc(1, sizeof *in);
    int number = in ? read_directory(in, path, !list->level, list->options.recursive) : ENOMEM;
    if (number == 0) {
        size_t n = strlen(path);
        cvt_str_append(&in->path, path, n);
        if (path[n - 1] != '/') cvt_str_append(&in->path, "/", 1);
        if (in->path.failed) number = ENOMEM;
    }
    if (number != 0) {
        free_level(in);
        cvt_input_fail(problem, number);
        return false;
    }
    in->up = list->level;
    list->level = in;
    return true;
}

/* Puts the next input below the current directory into `path`. Returns false when the directory is done, or when a name
 * turned out to be no input. Directories in it are entered on the way. */
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
    return named_as_image(name) || cvt_input_file_is_image(path->data);
}

/* ---- lists of names -------------------------------------------------------------------------------------------- */

/* Fills the empty buffer. Returns false at the end of the list, or where it cannot be read, which is then in
 * `problem`. */
static bool fill(cvt_list *list, cvt_error *problem) {
    ssize_t got = cvt_input_wait_read(list->fd, list->buffer, BUFFER, list->options.wake);
    if (got < 0 && errno != ECANCELED) cvt_input_fail(problem, errno);
    list->at = 0;
    list->filled = got > 0 ? (size_t)got : 0;
    return got > 0;
}

/* Puts the next name of the list, which may be empty, into `path`. Returns false at the end. */
static bool next_name(cvt_list *list, cvt_str *path, cvt_error *problem) {
    int separator = list->options.nul ? 0 : '\n';
    cvt_str_clear(path);
    for (;;) {
        if (list->at == list->filled && !fill(list, problem)) {
            close_names(list);
            return path->size > 0;
        }
        const char *start = list->buffer + list->at;
        const char *end = memchr(start, separator, list->filled - list->at);
        size_t n = end ? (size_t)(end - start) : list->filled - list->at;
        list->at += n + (end != NULL);
        size_t room = LONGEST_NAME - path->size;
        cvt_str_append(path, start, n < room ? n : room);
        if (end) return true;
    }
}

/* ---- all of it ------------------------------------------------------------------------------------------------- */

/* Puts the next operand or name into `path`. Returns false at the end. */
static bool next_operand(cvt_list *list, cvt_str *path, cvt_error *problem) {
    if (list->next_path < list->options.n_paths) {
        const char *operand = list->options.paths[list->next_path++];
        cvt_str_clear(path);
        cvt_str_append(path, operand, strlen(operand));
        cvt_str_append(path, "", 0);
        return true;
    }
    if (list->no_file) { /* the list itself is reported as an input that failed */
        cvt_input_fail(problem, list->no_file);
        list->no_file = 0;
        cvt_str_clear(path);
        cvt_str_append(path, list->options.files_from, strlen(list->options.files_from));
        return true;
    }
    while (list->fd >= 0) {
        bool found = next_name(list, path, problem);
        if (problem->status != CVT_OK) { /* reported under the name of the list, whatever part of a name was read */
            cvt_str_clear(path);
            cvt_str_append(path, list->options.files_from, strlen(list->options.files_from));
            return true;
        }
        if (found && path->size > 0) return true;
    }
    return false;
}

/* Lets standard input be an image, if it is free; from then on it is taken. */
static void take_stdin(cvt_list *list, cvt_error *problem) {
    if (list->stdin_used) cvt_fail(problem, CVT_UNREADABLE, "standard input is already in use");
    list->stdin_used = true;
}

bool cvt_list_next(cvt_list *list, cvt_str *path, cvt_error *problem) {
    problem->status = CVT_OK;
    if (path->failed) cvt_str_free(path);
    for (;;) {
        while (list->level)
            if (next_entry(list, path, problem)) return true;
        if (!next_operand(list, path, problem)) return false;
        if (problem->status == CVT_OK && path->failed) cvt_fail_memory(problem);
        if (problem->status != CVT_OK) return true;
        if (strlen(path->data) < path->size) {
            cvt_fail(problem, CVT_NOT_FOUND, "the name holds a NUL byte (a NUL-separated list wants -0)");
            return true;
        }
        if (strcmp(path->data, "-") == 0) {
            take_stdin(list, problem);
            return true;
        }
        if (!cvt_file_is_directory(path->data) || !enter_directory(list, path->data, problem)) return true;
    }
}
