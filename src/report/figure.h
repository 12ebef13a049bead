/* figure.h - pictures with a scale and a caption, as one SVG or one HTML file. Words are text, none are drawn into
 * pixels; every one of them is escaped. Pictures are PNG files within it, so no other file is needed.
 *
 * Append cvt_figure_begin, then for each row cvt_figure_row and a cvt_figure_panel for each of its pictures, then
 * cvt_figure_end. */
#ifndef CVT_REPORT_FIGURE_H
#define CVT_REPORT_FIGURE_H

#include "base/str.h"

/* A line of the caption: "Layer: block3.attn.map". The value may come from outside. */
typedef struct cvt_figure_fact {
    const char *name, *value;
} cvt_figure_fact;

typedef struct cvt_figure {
    bool html;
    int width, height;            /* of each picture, in pixels */
    int rows, titled, columns;    /* titled: how many rows have a title; columns: the most pictures of a row */
    const char *title;            /* may come from outside */
    const cvt_figure_fact *facts; /* in the order in which they stand */
    size_t n_facts;
    const char *note; /* how to read it */
    /* where the next thing of an SVG goes; cvt_figure_begin sets these */
    double em, whole, x, y; /* em: the size of the words; whole: the width */
} cvt_figure;

/* A picture, with colours for the numbers from 0 to `top`. */
typedef struct cvt_figure_panel {
    const char *title; /* NULL: none */
    double top;
    double level;           /* a number that is marked on the scale; marked only where it is above 0 */
    const char *level_name; /* what it is */
} cvt_figure_panel;

void cvt_figure_begin(cvt_str *to, cvt_figure *figure);
/* title NULL: none. */
void cvt_figure_row(cvt_str *to, cvt_figure *figure, const char *title);
/* png: the file. */
void cvt_figure_panel_add(cvt_str *to, cvt_figure *figure, const cvt_figure_panel *panel, const cvt_str *png);
void cvt_figure_end(cvt_str *to, const cvt_figure *figure);

#endif
