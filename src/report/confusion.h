/* confusion.h - draws a confusion matrix: as a table, as an SVG with words, and as pixels without. */
#ifndef CVT_REPORT_CONFUSION_H
#define CVT_REPORT_CONFUSION_H

#include "base/str.h"
#include "image/image.h"

/* So many images of class `truth` were said to be of class `answer`; both are numbers of rows below. */
typedef struct cvt_confusion_cell {
    int truth, answer;
    size_t n; /* > 0 */
} cvt_confusion_cell;

typedef struct cvt_confusion {
    const char *const *labels; /* of the n classes that the picture shows */
    int n;
    const cvt_confusion_cell *cells; /* in the order of truth and answer */
    size_t n_cells;
} cvt_confusion;

/* Appends a table: a line for each truth, a column for each answer, with their labels. */
void cvt_confusion_csv(cvt_str *to, const cvt_confusion *of);
/* Appends an SVG. Of few classes it shows labels and numbers; of more than CVT_CONFUSION_FEW the map alone, and beside
 * it the classes that are taken for each other most. */
enum { CVT_CONFUSION_FEW = 60 };
void cvt_confusion_svg(cvt_str *to, const cvt_confusion *of);
/* Draws the map alone. Errors: CVT_NO_MEMORY; CVT_TOO_LARGE for more than 8192 classes. */
cvt_status cvt_confusion_draw(cvt_pixels *out, const cvt_confusion *of, cvt_error *error);

#endif
