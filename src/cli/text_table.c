/* text_table.c - tables for people, as wide as the terminal at most. The widest column of names or words is made
 * narrower first; then all that can be narrower share what is missing. */
#include "cli/text_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/num.h"
#include "report/record.h"

enum { MAX_WIDTH = 10000, NO_TERMINAL_SAYS = 80, NAME_WELL = 16, LIST_INDENT = 2 };

int cvt_terminal_width(int stream) {
    struct winsize size;
    if (!isatty(stream)) return 0;
    if (ioctl(stream, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    const char *columns = getenv("COLUMNS");
    const long n = columns ? strtol(columns, NULL, 10) : 0;
    return n > 0 && n <= MAX_WIDTH ? (int)n : NO_TERMINAL_SAYS;
}

void cvt_text_table_add(cvt_text_table *table, const char *format, ...) {
    char *text = NULL;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    if (n >= 0) text = malloc((size_t)n + 1);
    if (text) vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    if (text)
        cvt_record_escape(&table->cells, text);
    else
        table->cells.failed = true;
    cvt_str_append(&table->cells, "", 1);
    free(text);
    table->n_cells++;
}

/* ---- text in columns of a terminal ----------------------------------------------------------------------------- */

/* Returns where the character after this one begins. The text is UTF-8. */
static const char *next_character(const char *at) {
    do at++;
    while ((*at & 0xc0) == 0x80);
    return at;
}

/* Returns how many characters the first n bytes are. */
static int count(const char *text, size_t n) {
    int characters = 0;
    for (const char *at = text; at < text + n && *at; at = next_character(at)) characters++;
    return characters;
}

/* Returns how many bytes the first characters take. */
static size_t bytes_of(const char *text, int characters) {
    const char *at = text;
    for (; *at && characters > 0; characters--) at = next_character(at);
    return (size_t)(at - text);
}

/* Appends the first n bytes of the text in a column of this width. */
static void append_padded(cvt_str *to, const char *text, size_t n, int width, bool right) {
    const int gap = cvt_max_int(width - count(text, n), 0);
    if (right) cvt_str_print(to, "%*s", gap, "");
    cvt_str_append(to, text, n);
    if (!right) cvt_str_print(to, "%*s", gap, "");
}

/* Returns the bytes of the longest part of the text that fits, broken after a word; where the first word is wider than
 * that, as much of the word as fits. */
static size_t first_line(const char *text, int width) {
    size_t line = 0;
    for (size_t at = 0; text[at];) {
        at += strspn(text + at, " ");
        at += strcspn(text + at, " ");
        if (count(text, at) > width) break;
        line = at;
    }
    return line ? line : bytes_of(text, width);
}

static int widest_word(const char *text) {
    int widest = 0;
    while (*text) {
        const size_t n = strcspn(text, " ");
        widest = cvt_max_int(widest, count(text, n));
        text += n + strspn(text + n, " ");
    }
    return widest;
}

static void append_shortened(cvt_str *to, const char *text, int width) {
    static const char dots[] = "...";
    const int all = count(text, strlen(text)), kept = width - (int)strlen(dots), front = kept / 2;
    cvt_str_append(to, text, bytes_of(text, front));
    cvt_str_print(to, "%s%s", dots, text + bytes_of(text, all - (kept - front)));
}

/* ---- widths ---------------------------------------------------------------------------------------------------- */

/* well: the width to which a column can shrink and still be read well; min: the width below which it never shrinks. */
typedef struct widths {
    int now[CVT_TEXT_TABLE_COLUMNS], well[CVT_TEXT_TABLE_COLUMNS], min[CVT_TEXT_TABLE_COLUMNS];
    bool titled;
} widths;

static void fit_cell(widths *w, const cvt_column *column, int i, const char *text) {
    const int whole = count(text, strlen(text));
    int well = whole;
    if (column->kind == CVT_CELL_NAME) well = cvt_min_int(whole, NAME_WELL);
    if (column->kind == CVT_CELL_WORDS) well = widest_word(text);
    const bool gives = column->kind == CVT_CELL_NAME || column->kind == CVT_CELL_WORDS;
    w->now[i] = cvt_max_int(w->now[i], whole);
    w->well[i] = cvt_max_int(w->well[i], well);
    w->min[i] = cvt_max_int(w->min[i], gives ? cvt_min_int(well, CVT_TEXT_TABLE_MIN) : whole);
}

static widths measure(const cvt_text_table *t) {
    widths w = {0};
    const char *cell = t->cells.data;
    for (int i = 0; i < t->n_columns; i++) {
        /* a title may be broken between words, whatever its column holds */
        const cvt_column title = {"", CVT_CELL_WORDS};
        fit_cell(&w, &title, i, t->columns[i].title);
        w.titled = w.titled || *t->columns[i].title;
    }
    for (size_t i = 0; i < t->n_cells; i++, cell += strlen(cell) + 1)
        fit_cell(&w, &t->columns[i % (size_t)t->n_columns], (int)(i % (size_t)t->n_columns), cell);
    return w;
}

static int width_of(const widths *w, int n) {
    int all = CVT_TEXT_TABLE_GAP * (n - 1);
    for (int i = 0; i < n; i++) all += w->now[i];
    return all;
}

/* Makes the widest column that can shrink narrower, until all columns fit or none can shrink. */
static void shrink(widths *w, const int *min, int n, int width) {
    int all = width_of(w, n);
    while (all > width) {
        int widest = -1;
        for (int i = 0; i < n; i++)
            if (w->now[i] > min[i] && (widest < 0 || w->now[i] > w->now[widest])) widest = i;
        if (widest < 0) return;
        w->now[widest]--;
        all--;
    }
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

/* Prints one line of a row of the table; rest[i] is the part of cell i that is not printed yet. Returns whether
 * anything is left. */
static bool print_line(cvt_str *to, const cvt_text_table *t, const widths *w, const char **rest, bool titles) {
    bool left = false;
    const size_t start = to->size;
    for (int i = 0; i < t->n_columns; i++) {
        const cvt_cell_kind kind = t->columns[i].kind;
        const bool broken = titles || kind == CVT_CELL_WORDS, right = kind == CVT_CELL_NUMBER;
        const size_t all = strlen(rest[i]), n = broken ? first_line(rest[i], w->now[i]) : all;
        if (!broken && count(rest[i], all) > w->now[i])
            append_shortened(to, rest[i], w->now[i]);
        else
            append_padded(to, rest[i], n, w->now[i], right);
        cvt_str_print(to, "%*s", CVT_TEXT_TABLE_GAP, "");
        rest[i] += n + strspn(rest[i] + n, " ");
        left = left || *rest[i];
    }
    while (to->size > start && to->data[to->size - 1] == ' ') to->size--;
    cvt_str_print(to, "\n");
    return left;
}

static void print_rows(cvt_str *to, const cvt_text_table *t, const widths *w) {
    const char *rest[CVT_TEXT_TABLE_COLUMNS], *cell = t->cells.data;
    for (int i = 0; i < t->n_columns; i++) rest[i] = t->columns[i].title;
    while (w->titled && print_line(to, t, w, rest, true) && !to->failed) {
    }
    for (size_t row = 0; row < t->n_cells && !to->failed; row += (size_t)t->n_columns) {
        for (int i = 0; i < t->n_columns; i++, cell += strlen(cell) + 1) rest[i] = cell;
        while (print_line(to, t, w, rest, false) && !to->failed) {
        }
    }
}

/* ---- a list ---------------------------------------------------------------------------------------------------- */

/* Prints "  title: cell". Words that do not fit go on in the next line, further to the right. */
static void print_member(cvt_str *to, const cvt_column *column, const char *cell, int width) {
    const int further = 2 * LIST_INDENT, title = LIST_INDENT + count(column->title, strlen(column->title)) + 2;
    int room = column->kind == CVT_CELL_WORDS ? width - title : MAX_WIDTH;
    cvt_str_print(to, "%*s%s: ", LIST_INDENT, "", column->title);
    while (*cell) {
        const size_t n = first_line(cell, cvt_max_int(room, CVT_TEXT_TABLE_MIN));
        cvt_str_append(to, cell, n);
        cell += n + strspn(cell + n, " ");
        if (*cell) cvt_str_print(to, "\n%*s", further, "");
        if (column->kind == CVT_CELL_WORDS) room = width - further;
    }
    cvt_str_print(to, "\n");
}

static void print_list(cvt_str *to, const cvt_text_table *t, int width) {
    const char *cell = t->cells.data;
    for (size_t row = 0; row < t->n_cells && !to->failed; row += (size_t)t->n_columns) {
        int untitled = 0;
        for (; untitled < t->n_columns && !*t->columns[untitled].title; untitled++, cell += strlen(cell) + 1)
            cvt_str_print(to, "%*s%s", untitled ? CVT_TEXT_TABLE_GAP : 0, "", cell);
        cvt_str_print(to, "\n");
        for (int i = untitled; i < t->n_columns; i++, cell += strlen(cell) + 1)
            print_member(to, &t->columns[i], cell, width);
    }
}

/* ---------------------------------------------------------------------------------------------------------------- */

void cvt_text_table_print(cvt_text_table *t, int width, cvt_str *to) {
    if (t->cells.failed) to->failed = true;
    if (!to->failed) {
        widths w = measure(t);
        if (width > 0) shrink(&w, w.well, t->n_columns, width);
        if (width > 0) shrink(&w, w.min, t->n_columns, width);
        if (t->list_below && width > 0 && (width < t->list_below || width_of(&w, t->n_columns) > width))
            print_list(to, t, width);
        else
            print_rows(to, t, &w);
    }
    cvt_str_free(&t->cells);
    *t = (cvt_text_table){.columns = t->columns, .n_columns = t->n_columns, .list_below = t->list_below};
}
