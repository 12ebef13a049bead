/* confusion.c - draws a confusion matrix. A row is a truth, a column an answer, so that what is right lies on the
 * diagonal. It is blue, and what is wrong is orange, which can be told apart by everybody; the fuller the colour, the
 * larger the share of the truth's images. A single image has to be seen too: no cell is paler than a third. */
#include "report/confusion.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/markup.h"
#include "report/record.h"

/* ---- the table ------------------------------------------------------------------------------------------------- */

static void csv_label(cvt_str *to, const char *label) {
    cvt_str safe = {0};
    cvt_record_escape(&safe, label);
    to->failed = to->failed || safe.failed;
    cvt_str_text(to, "\"");
    for (size_t i = 0; i < safe.size; i++) {
        if (safe.data[i] == '"') cvt_str_text(to, "\"");
        cvt_str_append(to, safe.data + i, 1);
    }
    cvt_str_text(to, "\"");
    cvt_str_free(&safe);
}

void cvt_confusion_csv(cvt_str *to, const cvt_confusion *of) {
    cvt_str_text(to, "truth\\answer");
    for (int k = 0; k < of->n; k++) {
        cvt_str_text(to, ",");
        csv_label(to, of->labels[k]);
    }
    cvt_str_text(to, "\n");
    size_t at = 0;
    for (int truth = 0; truth < of->n; truth++) {
        csv_label(to, of->labels[truth]);
        for (int answer = 0; answer < of->n; answer++) {
            const cvt_confusion_cell *cell = at < of->n_cells ? &of->cells[at] : NULL;
            const bool here = cell && cell->truth == truth && cell->answer == answer;
            cvt_str_print(to, ",%zu", here ? cell->n : 0);
            at += here;
        }
        cvt_str_text(to, "\n");
    }
}

/* ---- colours --------------------------------------------------------------------------------------------------- */

/* The images of each truth; NULL: no memory. */
static size_t *count_rows(const cvt_confusion *of) {
    size_t *rows = calloc((size_t)of->n + 1, sizeof *rows);
    for (size_t i = 0; rows && i < of->n_cells; i++) rows[of->cells[i].truth] += of->cells[i].n;
    return rows;
}

static void colour_of(uint8_t rgb[3], const cvt_confusion_cell *cell, size_t row) {
    static const double right[] = {8, 81, 156}, wrong[] = {204, 76, 2};
    const double *full = cell->truth == cell->answer ? right : wrong;
    const double share = 0.3 + 0.7 * sqrt((double)cell->n / (double)row);
    for (int i = 0; i < 3; i++) rgb[i] = (uint8_t)lround(255 + share * (full[i] - 255));
}

/* ---- SVG ------------------------------------------------------------------------------------------------------- */

typedef struct frame {
    double left, top, side; /* of the map; of a cell */
    double least;           /* the side of the smallest cell that is drawn */
} frame;

/* Lengths are written in tenths of a unit, so that no decimal point is needed. */
static int tenths(double length) { return (int)lround(10 * length); }

static void svg_cells(cvt_str *to, const cvt_confusion *of, const frame *f, const size_t *rows, bool right) {
    const double grown = f->side < f->least ? (f->least - f->side) / 2 : 0;
    for (size_t i = 0; i < of->n_cells; i++) {
        const cvt_confusion_cell *cell = &of->cells[i];
        uint8_t rgb[3];
        if ((cell->truth == cell->answer) != right) continue;
        colour_of(rgb, cell, rows[cell->truth]);
        cvt_str_print(to, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#%02x%02x%02x\"><title>",
                      tenths(f->left + cell->answer * f->side - grown), tenths(f->top + cell->truth * f->side - grown),
                      tenths(f->side + 2 * grown), tenths(f->side + 2 * grown), rgb[0], rgb[1], rgb[2]);
        cvt_markup_text(to, of->labels[cell->truth], 0);
        cvt_str_text(to, " -&gt; ");
        cvt_markup_text(to, of->labels[cell->answer], 0);
        cvt_str_print(to, ": %zu of %zu</title></rect>\n", cell->n, rows[cell->truth]);
    }
}

enum { LABEL = 24, EM = 12 }; /* characters of a label, and units of a line of text */

static void svg_begin(cvt_str *to, double width, double height) {
    cvt_str_print(to,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
                  "font-family=\"sans-serif\" font-size=\"%d\">\n<title>Confusion matrix</title>\n"
                  "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
                  (int)width, (int)height, 10 * (int)width, 10 * (int)height, 10 * EM);
}

static void svg_text(cvt_str *to, double x, double y, const char *more) {
    cvt_str_print(to, "<text x=\"%d\" y=\"%d\"%s>", tenths(x), tenths(y), more);
}

static void svg_legend(cvt_str *to, double x, double y) {
    svg_text(to, x, y, "");
    cvt_str_text(to, "row: what it is; column: what it was taken for</text>\n");
    svg_text(to, x, y + 1.5 * EM, " fill=\"#08519c\"");
    cvt_str_text(to, "blue: rightly named</text>\n");
    svg_text(to, x, y + 3 * EM, " fill=\"#cc4c02\"");
    cvt_str_text(to, "orange: taken for another; the fuller, the larger the share of its row</text>\n");
}

static void svg_frame(cvt_str *to, const frame *f, int n) {
    cvt_str_print(to,
                  "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#888\" "
                  "stroke-width=\"10\"/>\n",
                  tenths(f->left), tenths(f->top), tenths(n * f->side), tenths(n * f->side));
}

/* A map with labels and numbers. */
static void svg_few(cvt_str *to, const cvt_confusion *of, const size_t *rows) {
    const double margin = 0.62 * EM * (LABEL + 4), gap = 8;
    const frame f = {margin, margin, of->n <= 12 ? 44 : 30, 0};
    const double size = of->n * f.side, legend = 430;
    svg_begin(to, margin + (size > legend ? size : legend) + 20, margin + size + 5 * EM + 10);
    for (int k = 0; k <= of->n; k++)
        cvt_str_print(to, "<path d=\"M%d %dh%dM%d %dv%d\" stroke=\"#ddd\" stroke-width=\"10\"/>\n", (int)(10 * f.left),
                      (int)(10 * (f.top + k * f.side)), (int)(10 * size), (int)(10 * (f.left + k * f.side)),
                      (int)(10 * f.top), (int)(10 * size));
    svg_cells(to, of, &f, rows, false);
    svg_cells(to, of, &f, rows, true); /* on top: small cells are drawn larger than they are */
    for (int k = 0; k < of->n; k++) {
        const double middle = (k + 0.5) * f.side + 0.35 * EM;
        char turned[96];
        svg_text(to, f.left - gap, f.top + middle, " text-anchor=\"end\"");
        cvt_markup_text(to, of->labels[k], LABEL);
        cvt_str_text(to, "</text>\n");
        snprintf(turned, sizeof turned, " transform=\"rotate(-90 %d %d)\"", (int)(10 * (f.left + middle)),
                 (int)(10 * (f.top - gap)));
        svg_text(to, f.left + middle, f.top - gap, turned);
        cvt_markup_text(to, of->labels[k], LABEL);
        cvt_str_text(to, "</text>\n");
    }
    for (size_t i = 0; i < of->n_cells; i++) {
        const cvt_confusion_cell *cell = &of->cells[i];
        const bool dark = 3 * cell->n > rows[cell->truth];
        svg_text(to, f.left + (cell->answer + 0.5) * f.side, f.top + (cell->truth + 0.5) * f.side + 0.35 * EM,
                 dark ? " text-anchor=\"middle\" fill=\"#fff\" pointer-events=\"none\""
                      : " text-anchor=\"middle\" fill=\"#000\" pointer-events=\"none\"");
        cvt_str_print(to, "%zu</text>\n", cell->n);
    }
    svg_frame(to, &f, of->n);
    svg_legend(to, f.left, f.top + size + 1.5 * EM);
}

static int by_number(const void *a, const void *b) {
    const cvt_confusion_cell *one = a, *two = b;
    if (one->n != two->n) return one->n > two->n ? -1 : 1;
    if (one->truth != two->truth) return one->truth < two->truth ? -1 : 1;
    return one->answer < two->answer ? -1 : 1;
}

/* The errors that were made most often, a line each. */
static void svg_worst(cvt_str *to, const cvt_confusion *of, double x, double y) {
    enum { LINES = 40 };
    cvt_confusion_cell *errors = calloc(of->n_cells + 1, sizeof *errors);
    size_t n = 0;
    if (!errors) to->failed = true;
    for (size_t i = 0; errors && i < of->n_cells; i++)
        if (of->cells[i].truth != of->cells[i].answer) errors[n++] = of->cells[i];
    if (n) qsort(errors, n, sizeof *errors, by_number);
    svg_text(to, x, y, " font-weight=\"bold\"");
    cvt_str_text(to, n ? "taken for another most often</text>\n" : "nothing was taken for another</text>\n");
    for (size_t i = 0; i < n && i < LINES; i++) {
        svg_text(to, x, y + 1.6 * EM * (double)(i + 1), "");
        cvt_str_print(to, "%zu: ", errors[i].n);
        cvt_markup_text(to, of->labels[errors[i].truth], LABEL);
        cvt_str_text(to, " -&gt; ");
        cvt_markup_text(to, of->labels[errors[i].answer], LABEL);
        cvt_str_text(to, "</text>\n");
    }
    free(errors);
}

/* A map of one size, with a number at every so many classes. */
static void svg_many(cvt_str *to, const cvt_confusion *of, const size_t *rows) {
    const double size = 1000, margin = 60;
    const frame f = {margin, margin, size / of->n, 3};
    int step = 10;
    while (of->n / step > 20) step *= of->n / step > 50 ? 5 : 2;
    svg_begin(to, margin + size + 440, margin + size + 20);
    for (int k = 0; k < of->n; k += step) {
        const double at = k * f.side;
        cvt_str_print(to, "<path d=\"M%d %dh%dM%d %dv%d\" stroke=\"#e4e4e4\" stroke-width=\"8\"/>\n",
                      (int)(10 * f.left), (int)(10 * (f.top + at)), (int)(10 * size), (int)(10 * (f.left + at)),
                      (int)(10 * f.top), (int)(10 * size));
        svg_text(to, f.left - 5, f.top + at + 0.35 * EM, " text-anchor=\"end\" fill=\"#555\"");
        cvt_str_print(to, "%d</text>\n", k);
        svg_text(to, f.left + at, f.top - 5, " text-anchor=\"middle\" fill=\"#555\"");
        cvt_str_print(to, "%d</text>\n", k);
    }
    svg_cells(to, of, &f, rows, false);
    svg_cells(to, of, &f, rows, true); /* on top: small cells are drawn larger than they are */
    svg_frame(to, &f, of->n);
    svg_text(to, f.left, 1.5 * EM, " fill=\"#555\"");
    cvt_str_text(to, "numbers count the classes that the data have or that were answered</text>\n");
    svg_legend(to, f.left + size + 20, f.top + EM);
    svg_worst(to, of, f.left + size + 20, f.top + 8 * EM);
}

void cvt_confusion_svg(cvt_str *to, const cvt_confusion *of) {
    size_t *rows = count_rows(of);
    if (!rows) to->failed = true;
    if (rows && of->n <= CVT_CONFUSION_FEW) svg_few(to, of, rows);
    if (rows && of->n > CVT_CONFUSION_FEW) svg_many(to, of, rows);
    cvt_str_text(to, "</svg>\n");
    free(rows);
}

/* ---- pixels ---------------------------------------------------------------------------------------------------- */

static void fill(cvt_pixels *in, int left, int top, int side, const uint8_t rgb[3]) {
    for (int y = top < 0 ? 0 : top; y < top + side && y < in->height; y++)
        for (int x = left < 0 ? 0 : left; x < left + side && x < in->width; x++)
            memcpy(in->data + 3 * ((size_t)y * (size_t)in->width + (size_t)x), rgb, 3);
}

cvt_status cvt_confusion_draw(cvt_pixels *out, const cvt_confusion *of, cvt_error *error) {
    enum { MOST = 8192, SIDE = 960, WIDEST = 64, SEEN = 3, LINES_FROM = 8 };
    if (of->n > MOST)
        return cvt_fail(error, CVT_TOO_LARGE, "%d classes are too many for a picture: write a .csv file", of->n);
    const int n = of->n ? of->n : 1, fits = SIDE / n < 2 ? 2 : SIDE / n, side = fits < WIDEST ? fits : WIDEST;
    const int line = side >= LINES_FROM, size = n * side + line;
    static const uint8_t grid[3] = {221, 221, 221};
    size_t *rows = count_rows(of);
    cvt_status status = rows ? cvt_pixels_resize(out, size, size, error) : cvt_fail_memory(error);
    if (status == CVT_OK) memset(out->data, 255, 3 * (size_t)size * (size_t)size);
    for (int k = 0; status == CVT_OK && k <= n && line; k++)
        for (int i = 0; i < size; i++) {
            fill(out, i, k * side, 1, grid);
            fill(out, k * side, i, 1, grid);
        }
    for (size_t i = 0; status == CVT_OK && i < 2 * of->n_cells; i++) {
        const cvt_confusion_cell *cell = &of->cells[i % of->n_cells];
        if ((cell->truth == cell->answer) != (i >= of->n_cells)) continue; /* what is right on top */
        const int drawn = side - line < SEEN ? SEEN : side - line;
        uint8_t rgb[3];
        colour_of(rgb, cell, rows[cell->truth]);
        fill(out, cell->answer * side + line, cell->truth * side + line, drawn, rgb);
    }
    free(rows);
    return status;
}
