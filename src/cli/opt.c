/* opt.c - parses and describes options, from one table. */
#include "cli/opt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/nearest.h"

enum { HELP_COLUMN = 27, HELP_WIDTH = 79, LARGEST_SIZE = 65535 };

/* The words of the command line, and how far they are read. */
typedef struct parser {
    const cvt_option *rows;
    unsigned command;
    void *settings;
    char **words;
    int n, at, operands;
    cvt_error *error;
} parser;

static void *target(const cvt_option *row, void *settings) { return (char *)settings + row->target; }

static bool is_list(const cvt_option *row) { return row->kind == CVT_OPT_WORDS || row->kind == CVT_OPT_FILES; }

bool cvt_opt_is(const char *value, const char *word) { return value && strcmp(value, word) == 0; }

/* ---- did you mean ---------------------------------------------------------------------------------------------- */

const char *cvt_opt_nearest(const char *word, const char *(*next)(const void *context, size_t i), const void *context) {
    size_t length = strlen(word);
    cvt_nearest nearest = cvt_nearest_to(word, (length + 2) / 3 + 1);
    const char *candidate;
    for (size_t i = 0; (candidate = next(context, i)); i++) {
        if (length > 1 && strncmp(candidate, word, length) == 0) return candidate;
        cvt_nearest_try(&nearest, candidate);
    }
    return nearest.name;
}

static const char *next_option(const void *context, size_t i) {
    const parser *p = context;
    for (const cvt_option *row = p->rows; row->name; row++)
        if ((row->commands & p->command) && i-- == 0) return row->name;
    return NULL;
}

static const char *next_choice(const void *context, size_t i) { return ((const char *const *)context)[i]; }

/* Returns what the command is told to do instead of an option that it lacks, or NULL. The option has this letter, or
 * this name if `name` is not NULL. */
static const char *find_instead(const parser *p, char letter, const char *name) {
    for (const cvt_option *row = p->rows; row->name; row++)
        if ((row->lacking & p->command) && (name ? strcmp(row->name, name) == 0 : row->letter == letter))
            return row->instead;
    return NULL;
}

static cvt_status fail_unknown_name(const parser *p, const char *name) {
    const char *instead = find_instead(p, 0, name);
    if (instead) return cvt_fail(p->error, CVT_USAGE, "unknown option '--%s' (%s)", name, instead);
    const char *nearest = cvt_opt_nearest(name, next_option, p);
    if (!nearest) return cvt_fail(p->error, CVT_USAGE, "unknown option '--%s'", name);
    return cvt_fail(p->error, CVT_USAGE, "unknown option '--%s' (did you mean '--%s'?)", name, nearest);
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

static bool read_integer(const char *text, int64_t min, int64_t max, int64_t *out) {
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (digits[0] < '0' || digits[0] > '9') return false;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*end || errno || value < min || value > max) return false;
    *out = value;
    return true;
}

static bool read_number(const char *text, int64_t min, int64_t max, double *out) {
    const char *digits = min < 0 && text[0] == '-' ? text + 1 : text;
    if (!digits[0] || strspn(digits, "0123456789.") != strlen(digits)) return false;
    char *end;
    double value = strtod(text, &end);
    if (*end || value < (double)min || value > (double)max) return false;
    *out = value;
    return true;
}

/* Reads "0.05" or "5%"; min, max: in hundredths. */
static bool read_rate(const char *text, int64_t min, int64_t max, double *out) {
    char number[32];
    const size_t n = strcspn(text, "%");
    if (n >= sizeof number || (text[n] && text[n + 1])) return false;
    memcpy(number, text, n);
    number[n] = 0;
    if (!read_number(number, 0, 100, out)) return false;
    if (text[n]) *out /= 100;
    return *out >= (double)min / 100 && *out <= (double)max / 100;
}

static bool read_size(const char *text, cvt_opt_size *out) {
    char height[8];
    size_t n = strcspn(text, "x");
    if (n >= sizeof height) return false;
    memcpy(height, text, n);
    height[n] = 0;
    int64_t h, w;
    if (!read_integer(height, 1, LARGEST_SIZE, &h)) return false;
    if (!read_integer(text[n] ? text + n + 1 : height, 1, LARGEST_SIZE, &w)) return false;
    *out = (cvt_opt_size){(int)h, (int)w};
    return true;
}

static bool read_part(const char *text, int64_t max, cvt_opt_part *out) {
    char index[24];
    const size_t n = strcspn(text, "/");
    cvt_opt_part part;
    if (n >= sizeof index || !text[n]) return false;
    memcpy(index, text, n);
    index[n] = 0;
    if (!read_integer(text + n + 1, 1, max, &part.count) || !read_integer(index, 1, part.count, &part.index))
        return false;
    *out = part;
    return true;
}

static cvt_status read_choice(const cvt_option *row, const char *text, const char *shown, const char **out,
                              cvt_error *error) {
    for (const char *const *choice = row->choices; *choice; choice++)
        if (strcmp(*choice, text) == 0) {
            *out = *choice;
            return CVT_OK;
        }
    const char *nearest = cvt_opt_nearest(text, next_choice, row->choices);
    if (nearest)
        return cvt_fail(error, CVT_USAGE, "option '%s': unknown value '%s' (did you mean '%s'?)", shown, text, nearest);
    cvt_str all = {0};
    for (const char *const *choice = row->choices; *choice; choice++)
        cvt_str_print(&all, "%s%s", all.size ? ", " : "", *choice);
    cvt_status status =
        all.failed ? cvt_fail_memory(error)
                   : cvt_fail(error, CVT_USAGE, "option '%s': unknown value '%s' (one of %s)", shown, text, all.data);
    cvt_str_free(&all);
    return status;
}

static cvt_status append(cvt_opt_list *list, const char *text, cvt_error *error) {
    const char **items = cvt_grow(list->items, list->n, sizeof *items);
    if (!items) return cvt_fail_memory(error);
    items[list->n] = text;
    *list = (cvt_opt_list){items, list->n + 1};
    return CVT_OK;
}

/* Sets the value of an option. `shown` is the option as it was given, "-k" or "--top-k". */
static cvt_status set_value(const cvt_option *row, void *settings, const char *text, const char *shown,
                            cvt_error *error) {
    void *to = target(row, settings);
    switch (row->kind) {
    case CVT_OPT_INTEGER:
        if (read_integer(text, row->min, row->max, to)) return CVT_OK;
        return cvt_fail(error, CVT_USAGE, "option '%s': '%s' is not a whole number from %lld to %lld", shown, text,
                        (long long)row->min, (long long)row->max);
    case CVT_OPT_LIMIT:
    case CVT_OPT_NUMBER:
        if (row->kind == CVT_OPT_LIMIT) ((cvt_opt_limit *)to)->given = true; /* its first field is the number */
        if (read_number(text, row->min, row->max, to)) return CVT_OK;
        return cvt_fail(error, CVT_USAGE, "option '%s': '%s' is not a number from %lld to %lld", shown, text,
                        (long long)row->min, (long long)row->max);
    case CVT_OPT_RATE:
        ((cvt_opt_limit *)to)->given = true;
        if (read_rate(text, row->min, row->max, &((cvt_opt_limit *)to)->value)) return CVT_OK;
        return cvt_fail(error, CVT_USAGE, "option '%s': '%s' is not a share such as 0.05 or 5%%, from %d%% to %d%%",
                        shown, text, (int)row->min, (int)row->max);
    case CVT_OPT_SIZE:
        if (read_size(text, to)) return CVT_OK;
        return cvt_fail(error, CVT_USAGE, "option '%s': '%s' is not a size such as 224 or 224x320, from 1 to %d", shown,
                        text, (int)LARGEST_SIZE);
    case CVT_OPT_PART:
        if (read_part(text, row->max, to)) return CVT_OK;
        return cvt_fail(error, CVT_USAGE, "option '%s': '%s' is not a part such as 2/4: the second of four", shown,
                        text);
    case CVT_OPT_CHOICE: return read_choice(row, text, shown, to, error);
    case CVT_OPT_WORDS:
    case CVT_OPT_FILES: return append(to, text, error);
    case CVT_OPT_FLAG: *(bool *)to = true; return CVT_OK;
    case CVT_OPT_FILE:
    case CVT_OPT_FOLDER:
    case CVT_OPT_MODEL:
        if (*(const char **)to)
            return cvt_fail(error, CVT_USAGE, "option '%s' is given twice: '%s' and '%s'", shown, *(const char **)to,
                            text);
        *(const char **)to = text;
        return CVT_OK;
    default: *(const char **)to = text; return CVT_OK;
    }
}

/* ---- parsing --------------------------------------------------------------------------------------------------- */

static const cvt_option *find_name(const parser *p, const char *name, size_t n) {
    for (const cvt_option *row = p->rows; row->name; row++)
        if ((row->commands & p->command) && strncmp(row->name, name, n) == 0 && !row->name[n]) return row;
    return NULL;
}

/* The one option whose name begins so; NULL where there is none, or where *several do, which then names them. */
static const cvt_option *find_abbreviated(const parser *p, const char *name, size_t n, cvt_str *several) {
    const cvt_option *found = NULL;
    int count = 0;
    for (const cvt_option *row = p->rows; row->name; row++) {
        if (!(row->commands & p->command) || strncmp(row->name, name, n) != 0) continue;
        cvt_str_print(several, "%s--%s", count++ ? ", " : "", row->name);
        found = row;
    }
    if (count < 2) cvt_str_clear(several);
    return count == 1 ? found : NULL;
}

static const cvt_option *find_letter(const parser *p, char letter) {
    for (const cvt_option *row = p->rows; row->name; row++)
        if ((row->commands & p->command) && row->letter == letter) return row;
    return NULL;
}

/* Is the word a rate rather than a file? Files are rarely called "5%" or "0.05"; where one is, "./0.05" names it. */
static bool looks_like_rate(const char *word) {
    const size_t n = strspn(word, "0123456789.");
    return word[n] == '%' ? n > 0 && !word[n + 1] : !word[n] && strncmp(word, "0.", 2) == 0;
}

/* The option may stand without a value, as "--unknown"; the next word is one only if it looks so. */
static cvt_status take_rate(parser *p, const cvt_option *row, const char *shown) {
    const bool given = p->at + 1 < p->n && looks_like_rate(p->words[p->at + 1]);
    return set_value(row, p->settings, given ? p->words[++p->at] : row->alone, shown, p->error);
}

/* Takes the next word as the value of the current option. */
static cvt_status take_value(parser *p, const cvt_option *row, const char *shown) {
    if (row->kind == CVT_OPT_RATE) return take_rate(p, row, shown);
    if (p->at + 1 >= p->n) return cvt_fail(p->error, CVT_USAGE, "option '%s' needs a value: %s", shown, row->argument);
    return set_value(row, p->settings, p->words[++p->at], shown, p->error);
}

/* Parses "--name", "--name=value" or "--name value". */
static cvt_status parse_long(parser *p, char *word) {
    char *name = word + 2, *equals = strchr(name, '=');
    size_t n = equals ? (size_t)(equals - name) : strlen(name);
    const cvt_option *row = n ? find_name(p, name, n) : NULL;
    cvt_str several = {0};
    if (n && !row) row = find_abbreviated(p, name, n, &several);
    if (equals) *equals = 0; /* cut for the messages; the value stays behind it */
    bool ambiguous = several.size > 0;
    if (ambiguous) cvt_fail(p->error, CVT_USAGE, "option '%s' may be any of %s", word, several.data);
    cvt_str_free(&several);
    if (ambiguous) return CVT_USAGE;
    if (!row) return fail_unknown_name(p, name);
    if (row->kind == CVT_OPT_FLAG && equals) return cvt_fail(p->error, CVT_USAGE, "option '%s' takes no value", word);
    if (row->kind == CVT_OPT_FLAG || equals)
        return set_value(row, p->settings, equals ? equals + 1 : "", word, p->error);
    return take_value(p, row, word);
}

/* Parses "-r", "-r0", "-k5", "-k 5" or "-r0k5". */
static cvt_status parse_letters(parser *p, const char *word) {
    for (const char *letter = word + 1; *letter; letter++) {
        char shown[] = {'-', *letter, 0};
        const cvt_option *row = find_letter(p, *letter);
        if (!row) {
            size_t n = cvt_utf8_length(letter, strlen(letter));
            const char *instead = find_instead(p, *letter, NULL);
            if (instead) return cvt_fail(p->error, CVT_USAGE, "unknown option '-%c' (%s)", *letter, instead);
            return cvt_fail(p->error, CVT_USAGE, "unknown option '-%.*s'", (int)(n ? n : 1), letter);
        }
        if (row->kind != CVT_OPT_FLAG)
            return letter[1] ? set_value(row, p->settings, letter + 1, shown, p->error) : take_value(p, row, shown);
        TRY(set_value(row, p->settings, "", shown, p->error));
    }
    return CVT_OK;
}

static cvt_status parse_words(parser *p) {
    bool options = true;
    for (; p->at < p->n; p->at++) {
        char *word = p->words[p->at];
        if (!options || word[0] != '-' || !word[1])
            p->words[p->operands++] = word;
        else if (strcmp(word, "--") == 0)
            options = false;
        else if (word[1] == '-')
            TRY(parse_long(p, word));
        else
            TRY(parse_letters(p, word));
    }
    return CVT_OK;
}

static bool is_given(const cvt_option *row, void *settings) {
    void *field = target(row, settings);
    return is_list(row) ? ((cvt_opt_list *)field)->n > 0 : *(const char **)field != NULL;
}

static bool asks_for_help(const parser *p) {
    const cvt_option *row = find_name(p, "help", strlen("help"));
    return row && row->kind == CVT_OPT_FLAG && *(bool *)target(row, p->settings);
}

static cvt_status check_required(const parser *p) {
    if (asks_for_help(p)) return CVT_OK;
    for (const cvt_option *row = p->rows; row->name; row++)
        if ((row->required & p->command) && !is_given(row, p->settings))
            return cvt_fail(p->error, CVT_USAGE, "option '-%c %s' is missing", row->letter, row->argument);
    return CVT_OK;
}

cvt_status cvt_opt_initial(const cvt_option *rows, unsigned command, void *settings, cvt_error *error) {
    for (const cvt_option *row = rows; row->name; row++)
        if ((row->commands & command) && row->initial) TRY(set_value(row, settings, row->initial, row->name, error));
    return CVT_OK;
}

cvt_status cvt_opt_parse(const cvt_option *rows, unsigned command, void *settings, char **words, int n, int *operands,
                         cvt_error *error) {
    parser p = {.rows = rows, .command = command, .settings = settings, .words = words, .n = n, .error = error};
    TRY(cvt_opt_initial(rows, command, settings, error));
    TRY(parse_words(&p));
    *operands = p.operands;
    return check_required(&p);
}

void cvt_opt_free(const cvt_option *rows, void *settings) {
    for (const cvt_option *row = rows; row->name; row++)
        if (is_list(row)) {
            cvt_opt_list *list = target(row, settings);
            free(list->items);
            *list = (cvt_opt_list){0};
        }
}

/* ---- help ------------------------------------------------------------------------------------------------------ */

void cvt_opt_wrap(cvt_str *to, const char *text, int indent) {
    for (size_t column = (size_t)indent; *text;) {
        size_t n = strcspn(text, " ");
        if (column == (size_t)indent) {
            cvt_str_append(to, text, n);
            column += n;
        } else if (column + 1 + n <= HELP_WIDTH) {
            cvt_str_print(to, " %.*s", (int)n, text);
            column += 1 + n;
        } else {
            cvt_str_print(to, "\n%*s%.*s", indent, "", (int)n, text);
            column = (size_t)indent + n;
        }
        text += n + strspn(text + n, " ");
    }
    cvt_str_print(to, "\n");
}

/* Appends the help text, then the choices, and the value that holds when the option is not given. */
static void describe(cvt_str *to, const cvt_option *row) {
    const bool shown = strchr(row->argument ? row->argument : "", '|') != NULL;
    cvt_str_text(to, row->help);
    for (size_t i = 0; !shown && row->choices && row->choices[i]; i++)
        cvt_str_print(to, "%s%s", i == 0 ? ": " : row->choices[i + 1] ? ", " : " or ", row->choices[i]);
    if (row->initial) cvt_str_print(to, " (default: %s)", row->initial);
    if (row->alone) cvt_str_print(to, " (without %s: %s)", row->argument, row->alone);
}

static void add_option(cvt_str *to, const cvt_option *row) {
    const size_t start = to->size;
    cvt_str text = {0};
    cvt_str_print(to, row->letter ? "  -%c, " : "      ", row->letter);
    cvt_str_print(to, row->alone ? "--%s[=%s]" : row->argument ? "--%s=%s" : "--%s", row->name, row->argument);
    size_t column = to->size - start;
    if (column + 2 > HELP_COLUMN) {
        cvt_str_print(to, "\n");
        column = 0;
    }
    cvt_str_print(to, "%*s", (int)(HELP_COLUMN - column), "");
    describe(&text, row);
    if (text.failed) to->failed = true;
    if (text.data) cvt_opt_wrap(to, text.data, HELP_COLUMN);
    cvt_str_free(&text);
}

void cvt_opt_help(const cvt_option *rows, unsigned command, cvt_str *to) {
    const char *group = NULL, *named = NULL; /* named: the group whose title was written last */
    for (const cvt_option *row = rows; row->name; row++) {
        if (row->group) group = row->group;
        if (!(row->commands & command)) continue;
        if (group && group != named) cvt_str_print(to, "\n%s:\n", group);
        named = group;
        add_option(to, row);
    }
}

void cvt_opt_usage(const cvt_option *rows, unsigned command, cvt_str *to) {
    for (const cvt_option *row = rows; row->name; row++)
        if (row->required & command) cvt_str_print(to, " -%c %s", row->letter, row->argument);
    cvt_str_print(to, " [OPTION]...");
}
