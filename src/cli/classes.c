/* classes.c - finds the class that a number or a name stands for. A label may be a list, "tabby, tabby cat"; each part
 * of it is a name of the class too. */
#include "cli/classes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"

size_t cvt_class_name_length(const char *at, const char **next) {
    size_t n = strcspn(at, ",");
    *next = at[n] ? at + n + 1 + strspn(at + n + 1, " ") : NULL;
    return n;
}

static bool has_name(const char *label, const char *name) {
    const size_t length = strlen(name);
    for (const char *at = label, *next; at; at = next)
        if (cvt_class_name_length(at, &next) == length && memcmp(at, name, length) == 0) return true;
    return false;
}

/* Looks for classes: with `whole` for those of which `text` is the whole label, else for those that have it among their
 * names. Returns how many there are and puts the first two into `found`. */
static int search(const cvt_model *model, const char *text, bool whole, int found[2]) {
    int n = 0;
    for (int i = 0; i < cvt_model_classes(model); i++) {
        const char *label = cvt_model_label(model, i);
        if (!label || !(whole ? strcmp(label, text) == 0 : has_name(label, text))) continue;
        if (n < 2) found[n] = i;
        n++;
    }
    return n;
}

static cvt_status fail_unknown(const cvt_model *model, const char *text, cvt_error *error) {
    cvt_nearest_copy best = {.nearest = cvt_nearest_to(text, (strlen(text) + 2) / 3 + 1)};
    cvt_str name = {0};
    for (int i = 0; i < cvt_model_classes(model); i++)
        for (const char *at = cvt_model_label(model, i), *next; at; at = next) {
            const size_t n = cvt_class_name_length(at, &next);
            cvt_str_clear(&name);
            cvt_str_append(&name, at, n);
            if (name.data) cvt_nearest_copy_try(&best, name.data);
        }
    if (best.name.data)
        cvt_fail(error, CVT_USAGE, "option '--class': no class is called '%s' (did you mean '%s'?)", text,
                 best.name.data);
    else
        cvt_fail(error, CVT_USAGE, "option '--class': '%s' is neither the name of a class nor a number from 0 to %d",
                 text, cvt_model_classes(model) - 1);
    cvt_str_free(&best.name);
    cvt_str_free(&name);
    return CVT_USAGE;
}

cvt_status cvt_class_find(const cvt_model *model, const char *text, int *index, cvt_error *error) {
    const int classes = cvt_model_classes(model);
    if (*text && text[strspn(text, "0123456789")] == 0) {
        errno = 0;
        const long number = strtol(text, NULL, 10);
        if (errno || number >= classes)
            return cvt_fail(error, CVT_USAGE, "option '--class': %s is not a class from 0 to %d", text, classes - 1);
        *index = (int)number;
        return CVT_OK;
    }
    int found[2] = {-1, -1};
    int n = search(model, text, true, found);
    if (n == 0) n = search(model, text, false, found);
    if (n == 0) return fail_unknown(model, text, error);
    if (n > 1)
        return cvt_fail(error, CVT_USAGE,
                        "option '--class': several classes are called '%s', as %d and %d: give the number", text,
                        found[0], found[1]);
    *index = found[0];
    return CVT_OK;
}
