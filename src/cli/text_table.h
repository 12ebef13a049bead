/* text_table.h - tables for people: each column is as wide as its widest cell, or narrower where the terminal is too
 * narrow. On a terminal that is narrower still, a table can become a list. */
#ifndef CVT_CLI_TEXT_TABLE_H
#define CVT_CLI_TEXT_TABLE_H

#include "base/str.h"

/* The most columns of a table, and the spaces between two of them. */
enum { CVT_TEXT_TABLE_COLUMNS = 8, CVT_TEXT_TABLE_GAP = 2 };

/* What happens to a cell where the terminal is too narrow. */
typedef enum cvt_cell_kind {
    CVT_CELL_FIXED,  /* it always stays whole */
    CVT_CELL_NUMBER, /* it stays whole, and stands at the right of its column */
    CVT_CELL_NAME,   /* it is shortened in the middle, "stage2....attn.q", never to less than CVT_TEXT_TABLE_MIN */
    CVT_CELL_WORDS,  /* it is broken between words, if need be within them, and goes on in the next line */
} cvt_cell_kind;

enum { CVT_TEXT_TABLE_MIN = 8 };

typedef struct cvt_column {
    const char *title; /* "" for none */
    cvt_cell_kind kind;
} cvt_column;

/* A table. Zero-initialise it, set `columns` and `n_columns`, and add cell after cell, row after row. On a terminal of
 * fewer columns than `list_below`, and on one that is too narrow for the narrowest form of the table, the table becomes
 * a list if `list_below` is not 0: the cells that have no title stand on a line, and below them each other cell on a
 * line "  title: cell". Names are whole there. */
typedef struct cvt_text_table {
    const cvt_column *columns;
    int n_columns, list_below;
    size_t n_cells;
    cvt_str cells; /* each ends with a 0 */
} cvt_text_table;

/* Adds the next cell. Control characters, and bytes that are not UTF-8, become \xNN. */
__attribute__((format(printf, 2, 3))) void cvt_text_table_add(cvt_text_table *table, const char *format, ...);

/* Appends the table to the text, at most `width` columns wide where the rules above allow that; 0: as wide as it is.
 * The titles come first, unless no column has one. Frees the table. */
void cvt_text_table_print(cvt_text_table *table, int width, cvt_str *to);

/* Returns the columns of the terminal that this stream (STDOUT_FILENO, STDERR_FILENO) goes to: what the terminal says,
 * else COLUMNS, else 80; 0 where it is no terminal. */
int cvt_terminal_width(int stream);

#endif
