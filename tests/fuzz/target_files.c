/* target_files.c - .npy files, tar archives, lists of names and lists with labels. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch/labelled.h"
#include "batch/list.h"
#include "batch/tar.h"
#include "fuzz.h"
#include "report/npy.h"

void fuzz_npy(const uint8_t *bytes, size_t size) {
    cvt_npy npy;
    cvt_error error;
    if (cvt_npy_read(&npy, fuzz_file("x.npy", bytes, size), &error) != CVT_OK) {
        fuzz_must_tell(&error);
        return;
    }
    size_t n = 1;
    fuzz_must(npy.rank >= 0 && npy.rank <= CVT_NPY_MAX_RANK);
    for (int i = 0; i < npy.rank; i++) {
        fuzz_must(npy.shape[i] >= 0);
        n *= (size_t)npy.shape[i];
    }
    fuzz_must(n == npy.count && n <= size); /* an element has two bytes at least */
    if (n) fuzz_touch(npy.data, n * sizeof *npy.data);
    cvt_npy_free(&npy);
}

/* ---- inputs ----------------------------------------------------------------------------------------------------- */

/* Goes through a list, and reads what lies in archives. Names may be those of directories, which the list then walks:
 * it ends after so many inputs. */
static void go_through(cvt_list *list) {
    enum { MOST_INPUTS = 200 };
    cvt_str path = {0};
    cvt_input input = {0};
    cvt_error problem;
    for (int n = 0; n < MOST_INPUTS && cvt_list_next(list, &path, &problem); n++) {
        fuzz_must(!path.failed && (path.data || problem.status != CVT_OK));
        if (problem.status != CVT_OK) fuzz_must_tell(&problem);
        if (cvt_list_last(list) != CVT_LIST_ENTRY || problem.status != CVT_OK) continue;
        const char *label = cvt_list_label(list);
        if (label) fuzz_touch(label, strlen(label));
        input.max_pixels = 1 << 20;
        if (!cvt_list_take(list, &input, &problem)) continue;
        if (problem.status != CVT_OK)
            fuzz_must(problem.status == CVT_TOO_LARGE || problem.status == CVT_NO_MEMORY);
        else if (input.size)
            fuzz_touch(input.data, input.size);
    }
    const cvt_error *trouble = cvt_list_trouble(list);
    if (trouble->status != CVT_OK) fuzz_must_tell(trouble);
    cvt_str_free(&path);
    free(input.data);
}

static void open_list(cvt_list_options *options) {
    cvt_list *list;
    cvt_error error;
    options->wake = -1;
    options->max_pixels = 1 << 20;
    options->remarks = true;
    if (cvt_list_new(&list, options, &error) == CVT_OK)
        go_through(list);
    else
        fuzz_must_tell(&error);
    cvt_list_free(list);
}

void fuzz_tar(const uint8_t *bytes, size_t size) {
    const char *path = fuzz_file("x.tar", bytes, size);
    cvt_list_options options = {.tars = &path, .n_tars = 1, .labels = fuzz_choice(bytes, size) & 1};
    open_list(&options);
}

void fuzz_list(const uint8_t *bytes, size_t size) {
    const char *path = fuzz_file("x.txt", bytes, size);
    cvt_list_options options = {.lists = &path, .n_lists = 1, .nul = fuzz_choice(bytes, size) & 1};
    open_list(&options);
}

void fuzz_labelled(const uint8_t *bytes, size_t size) {
    static const char *const names[] = {"x.csv", "x.tsv"};
    for (int i = 0; i < 4; i++) {
        cvt_labelled set;
        cvt_error error;
        const bool listed = i & 2;
        if (cvt_labelled_read(&set, fuzz_file(names[i & 1], bytes, size), false, listed, &error) != CVT_OK) {
            fuzz_must_tell(&error);
            continue;
        }
        size_t n = 0;
        fuzz_must(set.n > 0 && set.n_names > 0);
        for (int k = 0; k < set.n_names; k++) {
            fuzz_must(k == 0 || strcmp(set.names[k - 1], set.names[k]) < 0);
            n += set.counts[k];
        }
        fuzz_must(n == set.n);
        for (size_t k = 0; k < set.n; k++)
            fuzz_must(set.paths[k] && *set.paths[k] && set.labels[k] >= 0 && set.labels[k] < set.n_names);
        cvt_labelled_free(&set);
    }
}
