/* eval_truth.c - which class each image of the data shows. The names of directories, or the labels of a list, are
 * matched with the classes of the model; what could not be matched is said, and never counted as anything else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "batch/input.h"
#include "cli/eval.h"

const char *cvt_eval_class_name(const eval *e, int index, char number[16]) {
    const char *label = cvt_model_label(e->model, index);
    if (label) return label;
    snprintf(number, 16, "%d", index);
    return number;
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

static eval_name *add_name(eval *e, const char *name) {
    eval_name *names = cvt_grow(e->names, e->n_names, sizeof *names);
    if (!names) return NULL;
    e->names = names;
    const char *copy = cvt_arena_copy(&e->arena, name, strlen(name));
    if (!copy || !cvt_table_add(&e->table, copy, e->n_names)) return NULL;
    e->names[e->n_names] = (eval_name){.name = copy, .index = -1};
    return &e->names[e->n_names++];
}

static void match(const eval *e, eval_name *name) {
    name->index = cvt_finder_find(e->finder, name->name, !e->tree, &name->how);
}

/* ---- --classes ------------------------------------------------------------------------------------------------- */

/* A line of --classes: a name, a tab and a class; or a name alone, whose class is the number of the line. */
static cvt_status read_class(eval *e, char *line, size_t number, int *tabs, cvt_error *error) {
    const char *file = e->settings->classes;
    char *tab = strchr(line, '\t');
    if (*tabs < 0) *tabs = tab != NULL;
    if ((tab != NULL) != *tabs || (tab && strchr(tab + 1, '\t')))
        return cvt_fail(error, CVT_USAGE,
                        "%s: line %zu: each line must be a name, a tab and a class, or each a name alone", file,
                        number);
    if (tab) *tab = 0;
    cvt_matched how;
    const int index = tab ? cvt_finder_find(e->finder, tab + 1, true, &how) : (int)number - 1;
    if (index < 0 || index >= e->classes)
        return cvt_fail(error, CVT_USAGE, "%s: line %zu: the model has no class %s", file, number,
                        tab ? "of this name" : "of this number");
    const size_t *known = cvt_table_find(&e->table, line);
    eval_name *name = known ? &e->names[*known] : NULL;
    if (!name || name->how != CVT_MATCHED_NOT) return CVT_OK; /* the data need not have it; the first line counts */
    name->index = index;
    name->how = CVT_MATCHED_FILE;
    return CVT_OK;
}

static cvt_status read_classes(eval *e, cvt_error *error) {
    enum { MOST = 1 << 26 };
    cvt_str read = {0};
    int tabs = -1;
    const cvt_status status = cvt_input_read_text(&read, e->settings->classes, MOST, error);
    if (status != CVT_OK) cvt_fail_in(error, status, "%s", e->settings->classes);
    char *text = status == CVT_OK ? cvt_arena_copy(&e->arena, read.size ? read.data : "", read.size) : NULL;
    const size_t size = read.size;
    cvt_str_free(&read);
    TRY(status);
    if (!text) return cvt_fail_memory(error);
    if (strlen(text) != size) return cvt_fail(error, CVT_USAGE, "%s: holds a NUL byte", e->settings->classes);
    for (size_t number = 1; *text; number++) {
        const size_t n = strcspn(text, "\n");
        const bool last = !text[n];
        text[n] = 0;
        if (n && text[n - 1] == '\r') text[n - 1] = 0;
        if (*text) TRY(read_class(e, text, number, &tabs, error));
        if (last) break;
        text += n + 1;
    }
    return CVT_OK;
}

/* ---- first words ------------------------------------------------------------------------------------------------ */

/* The model's labels may begin with a code, as "Latn Latin" or "n01440764 tench", and the data name the code alone. */
static void match_first_word(const eval *e, eval_name *name) {
    name->index = cvt_finder_first_word(e->finder, name->name);
    name->how = name->index >= 0 ? CVT_MATCHED_WORD : CVT_MATCHED_NOT;
}

static void say_first_words(const eval *e) {
    char line[128];
    snprintf(line, sizeof line, "%s the first words of the model's labels: they are taken for these classes",
             e->tree ? "the directories are called as" : "its labels are");
    cvt_cli_say(e->called, line);
}

/* Takes all names for first words, if that gives each of them a class; returns whether it does. */
static bool take_first_words(eval *e) {
    for (size_t i = 0; i < e->n_names; i++)
        if (cvt_finder_first_word(e->finder, e->names[i].name) < 0) return false;
    for (size_t i = 0; i < e->n_names; i++) match_first_word(e, &e->names[i]);
    say_first_words(e);
    return true;
}

/* ---- order ----------------------------------------------------------------------------------------------------- */

/* Takes the directories for the model's classes, in the order of their names. timm knows only those with images. */
static cvt_status take_order(eval *e, cvt_error *error) {
    const bool natural = cvt_opt_is(e->settings->order, "natural");
    const char **sorted = cvt_arena_array(&e->arena, e->n_names + 1, sizeof *sorted);
    char line[CVT_MESSAGE_MAX];
    size_t n = 0;
    if (!sorted) return cvt_fail_memory(error);
    for (size_t i = 0; i < e->n_names; i++)
        if (!natural || e->names[i].images) sorted[n++] = e->names[i].name;
    if (n > (size_t)e->classes)
        return cvt_fail(error, CVT_USAGE,
                        "%s: none of its %zu directories is called as a class of the model, which has %d: --classes "
                        "FILE says which is which",
                        e->called, n, e->classes);
    if (natural) qsort(sorted, n, sizeof *sorted, cvt_compare_natural);
    for (size_t i = 0; i < n; i++) {
        eval_name *name = &e->names[*cvt_table_find(&e->table, sorted[i])];
        name->index = (int)i;
        name->how = CVT_MATCHED_ORDER;
    }
    snprintf(
        line, sizeof line,
        "no directory is called as a class of the model: they are taken for %s%zu of its %d classes in the order of "
        "their names (--order %s)",
        n < (size_t)e->classes ? "the first " : "all ", n, e->classes, e->settings->order);
    cvt_cli_say(e->called, line);
    return CVT_OK;
}

/* ---- all of it ------------------------------------------------------------------------------------------------- */

static cvt_status match_all(eval *e, cvt_error *error) {
    size_t matched = 0;
    const eval_name *twice = NULL;
    if (e->settings->classes) {
        TRY(read_classes(e, error));
    } else {
        for (size_t i = 0; i < e->n_names; i++) match(e, &e->names[i]);
    }
    for (size_t i = 0; i < e->n_names; i++) {
        matched += e->names[i].index >= 0;
        if (!twice && e->names[i].how == CVT_MATCHED_TWICE) twice = &e->names[i];
    }
    if (twice)
        return cvt_fail(error, CVT_USAGE,
                        "%s: several classes of the model are called '%s': --classes FILE says which is meant",
                        e->called, twice->name);
    if (matched) return CVT_OK;
    if (e->settings->classes)
        return cvt_fail(error, CVT_USAGE, "%s: names nothing that is in %s", e->settings->classes, e->called);
    if (take_first_words(e)) return CVT_OK;
    if (e->tree) return take_order(e, error);
    return cvt_fail(error, CVT_USAGE,
                    "%s: none of its labels, as \"%s\", is a class of the model: --classes FILE says which is which",
                    e->called, e->names[0].name);
}

void cvt_eval_say_matched(const eval *e) {
    enum { SHOWN = 5 };
    cvt_str line = {0};
    size_t n = 0, images = 0;
    if (!e->data && e->first == CVT_MATCHED_WORD) say_first_words(e);
    for (size_t i = 0; i < e->n_names; i++) {
        if (e->names[i].index >= 0) continue;
        if (n++ < SHOWN) cvt_str_print(&line, "%s\"%s\"", n > 1 ? ", " : "", e->names[i].name);
        images += e->names[i].images;
    }
    if (n && line.data) {
        cvt_str_print(&line, "%s: no class%s of the model; %zu image%s left out", n > SHOWN ? ", ..." : "",
                      n == 1 ? "" : "es", images, images == 1 ? " is" : "s are");
        cvt_cli_say(e->called, line.data);
    }
    cvt_str_free(&line);
}

/* The images to ask about: those of a class, and of the shard. */
static cvt_status choose(eval *e, cvt_error *error) {
    const cvt_labelled *set = &e->set;
    const cvt_shard shard = {e->settings->shard.index, e->settings->shard.count};
    e->paths = cvt_arena_array(&e->arena, set->n + 1, sizeof *e->paths);
    e->truths = cvt_arena_array(&e->arena, set->n + 1, sizeof *e->truths);
    if (!e->paths || !e->truths) return cvt_fail_memory(error);
    for (size_t i = 0; i < set->n; i++) {
        eval_name *name = &e->names[set->labels[i]];
        if (!cvt_shard_has(shard, NULL, set->paths[i])) continue;
        name->images++;
        if (name->index < 0) {
            e->left_out++;
            continue;
        }
        char *path = cvt_arena_copy(&e->arena, set->paths[i], strlen(set->paths[i]));
        if (!path) return cvt_fail_memory(error);
        e->paths[e->n] = path;
        e->truths[e->n++] = name->index;
    }
    return CVT_OK;
}

static cvt_status choose_subset(eval *e, cvt_error *error) {
    e->chosen = cvt_arena_array(&e->arena, (size_t)e->classes, sizeof *e->chosen);
    e->numbers = cvt_arena_array(&e->arena, (size_t)e->classes, sizeof *e->numbers);
    e->logits = cvt_arena_array(&e->arena, (size_t)e->classes, sizeof *e->logits);
    if (!e->chosen || !e->numbers || !e->logits) return cvt_fail_memory(error);
    for (size_t i = 0; i < e->n_names; i++)
        if (e->names[i].index >= 0) e->chosen[e->names[i].index] = true;
    for (int k = 0; k < e->classes; k++)
        if (e->chosen[k]) e->numbers[e->n_chosen++] = k;
    return CVT_OK;
}

cvt_status cvt_eval_read(eval *e, cvt_error *error) {
    TRY(cvt_finder_new(&e->finder, e->cli, e->model, error));
    if (!e->data) return CVT_OK;
    for (int k = 0; k < e->set.n_names; k++) {
        eval_name *name = add_name(e, e->set.names[k]);
        if (!name) return cvt_fail_memory(error);
        name->images = e->set.counts[k];
    }
    TRY(match_all(e, error));
    for (size_t i = 0; i < e->n_names; i++) e->names[i].images = 0;
    TRY(choose(e, error));
    cvt_inputs_say_beside(e->called, e->set.beside, "classes");
    cvt_eval_say_matched(e);
    return e->settings->subset ? choose_subset(e, error) : CVT_OK;
}

/* Of an archive not all labels are known when the first is asked about. So the first that means a class decides whether
 * labels may be first words. */
static void match_label(eval *e, eval_name *label) {
    match(e, label);
    if (label->how == CVT_MATCHED_NOT && (e->first == CVT_MATCHED_NOT || e->first == CVT_MATCHED_WORD))
        match_first_word(e, label);
    if (e->first == CVT_MATCHED_NOT && label->index >= 0) e->first = label->how;
}

/* Labels that are no class are not all kept: in an archive of captions each is another. */
const eval_name *cvt_eval_label(eval *e, const char *label) {
    enum { KEPT = 1000 };
    const size_t *known = cvt_table_find(&e->table, label);
    eval_name found = {.name = label};
    if (!known) {
        match_label(e, &found);
        if (found.index < 0 && e->n_unmatched == KEPT) known = cvt_table_find(&e->table, "...");
        if (found.index < 0 && e->n_unmatched < KEPT && ++e->n_unmatched == KEPT) label = "...";
    }
    eval_name *name = known ? &e->names[*known] : add_name(e, label);
    if (!name) return NULL;
    if (!known) {
        name->index = found.index;
        name->how = found.how;
    }
    name->images += e->run == e->runs;
    return name;
}
