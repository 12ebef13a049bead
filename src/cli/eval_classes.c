/* eval_classes.c - matches names with the classes of a model. A label may be a list, "tabby, tabby cat"; each part of
 * it is a name of the class too. ImageNet's WordNet ids stand in models/imagenet-1k-ids.txt, a line a class, in the
 * order of the names in models/imagenet-1k.txt. */
#include "cli/eval_classes.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/grow.h"
#include "base/table.h"
#include "cli/classes.h"
#include "cli/models.h"

static const struct {
    const char *word, *text;
} words[] = {[CVT_MATCHED_NOT] = {"", ""},
             [CVT_MATCHED_TWICE] = {"", ""},
             [CVT_MATCHED_NAME] = {"name", "by name"},
             [CVT_MATCHED_SYNONYM] = {"synonym", "by synonym"},
             [CVT_MATCHED_ID] = {"wordnet_id", "by WordNet id"},
             [CVT_MATCHED_NUMBER] = {"number", "by number"},
             [CVT_MATCHED_WORD] = {"first_word", "by first word"},
             [CVT_MATCHED_ORDER] = {"order", "by order"},
             [CVT_MATCHED_FILE] = {"file", "by --classes"}};

const char *cvt_matched_word(cvt_matched how) { return words[how].word; }
const char *cvt_matched_text(cvt_matched how) { return words[how].text; }

/* The class that has a name; the second one, if there is another, or -1. */
typedef struct owner {
    int first, second;
} owner;

/* Names, each with the classes that have it. */
typedef struct names {
    cvt_table table;
    owner *owners;
    size_t n;
} names;

struct cvt_finder {
    const cvt_model *model;
    cvt_arena arena;
    names labels, synonyms;
    cvt_table ids;         /* each with its line */
    const char **imagenet; /* [n_imagenet]: the names of each line */
    size_t n_imagenet;
};

/* ---- names ----------------------------------------------------------------------------------------------------- */

static cvt_status add(names *to, const char *name, int class_index, cvt_error *error) {
    const size_t *known = cvt_table_find(&to->table, name);
    if (known) {
        owner *of = &to->owners[*known];
        if (of->first != class_index && of->second < 0) of->second = class_index;
        return CVT_OK;
    }
    owner *owners = cvt_grow(to->owners, to->n, sizeof *owners);
    if (!owners) return cvt_fail_memory(error);
    to->owners = owners;
    if (!cvt_table_add(&to->table, name, to->n)) return cvt_fail_memory(error);
    to->owners[to->n++] = (owner){class_index, -1};
    return CVT_OK;
}

static const owner *find(const names *in, const char *name) {
    const size_t *known = cvt_table_find(&in->table, name);
    return known ? &in->owners[*known] : NULL;
}

static cvt_status add_class(cvt_finder *finder, int index, cvt_error *error) {
    const char *label = cvt_model_label(finder->model, index);
    if (!label) label = cvt_arena_print(&finder->arena, "%d", index);
    if (!label) return cvt_fail_memory(error);
    TRY(add(&finder->labels, label, index, error));
    for (const char *at = label, *next; at; at = next) {
        const size_t n = cvt_class_name_length(at, &next);
        const char *name = cvt_arena_copy(&finder->arena, at, n);
        if (!name) return cvt_fail_memory(error);
        if (n) TRY(add(&finder->synonyms, name, index, error));
    }
    return CVT_OK;
}

/* ---- ImageNet -------------------------------------------------------------------------------------------------- */

/* The lines of a file that comes with the program. *n stays 0 where there is none. */
static cvt_status read_lines(const char ***lines, size_t *n, cvt_finder *finder, const cvt_cli *cli, const char *name,
                             cvt_error *error) {
    cvt_str path = {0};
    cvt_file file;
    *n = 0;
    const bool found = cvt_models_file(cli, name, &path);
    cvt_status status = found ? cvt_file_read(&file, path.data, (size_t)1 << 24, error) : CVT_OK;
    cvt_str_free(&path);
    if (!found) return CVT_OK;
    TRY(status);
    char *text = cvt_arena_copy(&finder->arena, file.size ? (const char *)file.data : "", file.size);
    size_t most = 1;
    for (size_t i = 0; i < file.size; i++) most += file.data[i] == '\n';
    cvt_file_close(&file);
    *lines = cvt_arena_array(&finder->arena, most, sizeof **lines);
    if (!text || !*lines) return cvt_fail_memory(error);
    for (char *end; *text; text = end + 1) {
        end = text + strcspn(text, "\n");
        const bool last = !*end;
        *end = 0;
        (*lines)[(*n)++] = text;
        if (last) break;
    }
    return CVT_OK;
}

static cvt_status read_imagenet(cvt_finder *finder, const cvt_cli *cli, cvt_error *error) {
    const char **ids;
    size_t n;
    TRY(read_lines(&finder->imagenet, &finder->n_imagenet, finder, cli, "imagenet-1k.txt", error));
    TRY(read_lines(&ids, &n, finder, cli, "imagenet-1k-ids.txt", error));
    for (size_t i = 0; i < n && i < finder->n_imagenet; i++)
        if (!cvt_table_find(&finder->ids, ids[i]) && !cvt_table_add(&finder->ids, ids[i], i))
            return cvt_fail_memory(error);
    return CVT_OK;
}

/* The class of the model that an ImageNet class is: that of its own number, if they have a name in common; else the
 * only one of the model's that has its first name. */
static int find_imagenet(const cvt_finder *finder, size_t line) {
    int found = -1;
    cvt_str name = {0};
    for (const char *at = finder->imagenet[line], *next; at; at = next) {
        const size_t n = cvt_class_name_length(at, &next);
        cvt_str_clear(&name);
        cvt_str_append(&name, at, n);
        const owner *of = name.data && n ? find(&finder->synonyms, name.data) : NULL;
        if (!of) continue;
        const bool own = of->first == (int)line || of->second == (int)line;
        if (own) found = (int)line;
        if (own) break;
        if (found < 0 && of->second < 0) found = of->first;
    }
    cvt_str_free(&name);
    return found;
}

/* ---- the finder ------------------------------------------------------------------------------------------------ */

cvt_status cvt_finder_new(cvt_finder **out, const cvt_cli *cli, const cvt_model *model, cvt_error *error) {
    cvt_finder *finder = *out = calloc(1, sizeof *finder);
    if (!finder) return cvt_fail_memory(error);
    finder->model = model;
    cvt_status status = CVT_OK;
    for (int i = 0; status == CVT_OK && i < cvt_model_classes(model); i++) status = add_class(finder, i, error);
    if (status == CVT_OK) status = read_imagenet(finder, cli, error);
    return status;
}

void cvt_finder_free(cvt_finder *finder) {
    if (!finder) return;
    cvt_table_free(&finder->labels.table);
    cvt_table_free(&finder->synonyms.table);
    cvt_table_free(&finder->ids);
    free(finder->labels.owners);
    free(finder->synonyms.owners);
    cvt_arena_free(&finder->arena);
    free(finder);
}

/* The number that a text is, from 0 to n - 1; else -1. */
static int number_of(const char *text, int n) {
    long value = 0;
    if (!*text) return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return -1;
        value = 10 * value + (*text - '0');
        if (value >= n) return -1;
    }
    return (int)value;
}

int cvt_finder_find(const cvt_finder *finder, const char *name, bool numbers, cvt_matched *how) {
    const owner *of = find(&finder->labels, name);
    *how = of && of->second < 0 ? CVT_MATCHED_NAME : of ? CVT_MATCHED_TWICE : CVT_MATCHED_NOT;
    if (!of && (of = find(&finder->synonyms, name))) *how = of->second < 0 ? CVT_MATCHED_SYNONYM : CVT_MATCHED_TWICE;
    if (of) return of->second < 0 ? of->first : -1;
    const size_t *line = cvt_table_find(&finder->ids, name);
    int found = line ? find_imagenet(finder, *line) : -1;
    if (found >= 0) *how = CVT_MATCHED_ID;
    if (found >= 0 || !numbers) return found;
    found = number_of(name, cvt_model_classes(finder->model));
    if (found >= 0) *how = CVT_MATCHED_NUMBER;
    return found;
}

int cvt_finder_first_word(const cvt_finder *finder, const char *name) {
    const size_t length = strlen(name);
    int found = -1;
    for (int i = 0; length && i < cvt_model_classes(finder->model); i++) {
        const char *label = cvt_model_label(finder->model, i);
        if (!label || strncmp(label, name, length) != 0 || label[length] != ' ') continue;
        if (found >= 0) return -1;
        found = i;
    }
    return found;
}

/* ---- order ----------------------------------------------------------------------------------------------------- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static unsigned char lower(char c) { return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); }

/* Compares the numbers that begin at *a and *b, and goes behind them. */
static int compare_numbers(const char **a, const char **b) {
    while (**a == '0') (*a)++;
    while (**b == '0') (*b)++;
    const char *one = *a, *two = *b;
    while (is_digit(**a)) (*a)++;
    while (is_digit(**b)) (*b)++;
    const size_t n = (size_t)(*a - one), m = (size_t)(*b - two);
    if (n != m) return n < m ? -1 : 1;
    return memcmp(one, two, n);
}

int cvt_compare_natural(const void *a, const void *b) {
    const char *one = *(const char *const *)a, *two = *(const char *const *)b;
    for (;;) {
        /* text up to the next number; the shorter comes first */
        while (*one && *two && !is_digit(*one) && !is_digit(*two) && lower(*one) == lower(*two)) one++, two++;
        const bool end_of_one = !*one || is_digit(*one), end_of_two = !*two || is_digit(*two);
        if (!end_of_one && !end_of_two) return lower(*one) < lower(*two) ? -1 : 1;
        if (end_of_one != end_of_two) return end_of_one ? -1 : 1;
        if (!*one || !*two) break;
        const int order = compare_numbers(&one, &two);
        if (order) return order;
    }
    if (*one || *two) return *one ? 1 : -1;
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}
