/* text_table.h - tables for people: columns as wide as their widest cell, or narrower where a terminal is. */
#ifndef CVT_CLI_TEXT_TABLE_H
#define CVT_CLI_TEXT_TABLE_H

#include "base/str.h"

/* The columns that a table may have, and the gap between two of them. */
enum { CVT_TEXT_TABLE_COLUMNS = 8, CVT_TEXT_TABLE_GAP = 2 };

/* What happens to a cell where the terminal is too narrow. */
typedef enum cvt_cell_kind {
    CVT_CELL_FIXED,  /* nothing: it is always whole */
    CVT_CELL_NUMBER, /* the same; stands at the right of its column */
    CVT_CELL_NAME,   /* it is shortened in the middle, "stage2....attn.q", never to less than CVT_TEXT_TABLE_LEAST */
    CVT_CELL_WORDS,  /* it is broken between words, and goes on in the line below; in the end within words too */
} cvt_cell_kind;

enum { CVT_TEXT_TABLE_LEAST = 8 };

typedef struct cvt_column {
    const char *title; /* "" for none */
    cvt_cell_kind kind;
} cvt_column;

/* Zero-initialise, set `columns` and `n_columns`, add cell after cell, row after row. */
typedef struct cvt_text_table {
    const cvt_column *columns;
    int n_columns;
    size_t n_cells;
    cvt_str cells; /* each ends with 0 */
} cvt_text_table;

/* Adds the next cell. Control bytes, and bytes that are no UTF-8, become \xNN. */
__attribute__((format(printf, 2, 3))) void cvt_text_table_add(cvt_text_table *table, const char *format, ...);

/* Appends the table to the text, in at most `width` columns where that can be done by the rules above; 0: as wide as it
 * is. The titles stand above unless none has one. Frees the table. */
void cvt_text_table_print(cvt_text_table *table, int width, cvt_str *to);

/* The columns of the terminal that standard output goes to: what it says, else COLUMNS, else 80; 0 if it is none. */
int cvt_terminal_width(void);

#endif
