/* measures.c - counts answers. The confusion matrix is kept as the cells that are not 0: of 21,000 classes the whole
 * would take gigabytes. */
#include "learn/measures.h"

#include <stdlib.h>

static int compare(const void *a, const void *b) {
    const cvt_answer *one = a, *two = b;
    if (one->truth != two->truth) return one->truth < two->truth ? -1 : 1;
    return one->answer < two->answer ? -1 : one->answer > two->answer;
}

static double share(size_t part, size_t of) { return of ? (double)part / (double)of : 0; }

static void count(cvt_measures *to, const cvt_answer *answers, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const cvt_answer *it = &answers[i];
        const bool same = i > 0 && compare(it, it - 1) == 0, right = it->truth == it->answer;
        if (!same) to->cells[to->n_cells++] = (cvt_answer_count){it->truth, it->answer, 0};
        to->cells[to->n_cells - 1].n++;
        to->classes[it->truth].support++;
        to->classes[it->answer].answered++;
        to->classes[it->truth].right += right;
        to->right += right;
    }
}

static void average(cvt_measures *to, int classes) {
    int seen = 0;
    for (int k = 0; k < classes; k++) {
        cvt_class_measures *c = &to->classes[k];
        c->precision = share(c->right, c->answered);
        c->recall = share(c->right, c->support);
        c->f1 = share(2 * c->right, c->answered + c->support);
        seen += c->answered || c->support;
        to->present += c->support > 0;
        to->precision += c->precision;
        to->recall += c->recall;
        to->f1 += c->f1;
    }
    if (seen) to->precision /= seen;
    if (seen) to->f1 /= seen;
    if (to->present) to->recall /= to->present;
}

cvt_status cvt_measure(cvt_measures *out, cvt_answer *answers, size_t n, int classes, cvt_error *error) {
    *out = (cvt_measures){.n = n};
    out->classes = calloc((size_t)classes + 1, sizeof *out->classes);
    out->cells = calloc(n + 1, sizeof *out->cells);
    if (!out->classes || !out->cells) {
        cvt_measures_free(out);
        return cvt_fail_memory(error);
    }
    if (n) qsort(answers, n, sizeof *answers, compare);
    count(out, answers, n);
    average(out, classes);
    return CVT_OK;
}

void cvt_measures_free(cvt_measures *measures) {
    free(measures->classes);
    free(measures->cells);
    *measures = (cvt_measures){0};
}
