/* eval_compare.c - what cvt eval says of the same images asked about in two precisions: how often the answers agree,
 * and whether one of them is right more often than chance would have it. */
#include "cli/eval.h"
#include "report/json_out.h"

/* Only images that both runs could answer for count. */
static cvt_pairs count(const eval *e) {
    const eval_run *one = &e->runs[0], *two = &e->runs[1];
    cvt_pairs pairs = {0};
    for (size_t i = 0; i < one->n_outcomes && i < two->n_outcomes; i++) {
        const eval_outcome *a = &one->outcomes[i], *b = &two->outcomes[i];
        if (a->truth >= 0 && b->truth == a->truth && !a->failed && !b->failed)
            cvt_pairs_add(&pairs, a->truth, a->answer, b->answer);
    }
    return pairs;
}

static void write_text(cvt_str *to, const cvt_pairs *p, const char *first, const char *second) {
    const size_t divided = p->first + p->second;
    if (!p->n) return;
    cvt_str_print(to, "%s and %s give %zu of %zu images the same class, %.2f %%\n", first, second, p->same, p->n,
                  100.0 * (double)p->same / (double)p->n);
    cvt_str_print(to, "right in both: %zu; in %s alone: %zu; in %s alone: %zu; in none: %zu\n", p->both, first,
                  p->first, second, p->second, p->neither);
    if (!divided) {
        cvt_str_print(to, "they name the same images rightly\n");
        return;
    }
    cvt_str_print(to,
                  "McNemar's exact test: were both equally good, chance would divide these %zu so unevenly, or more, "
                  "with probability ",
                  divided);
    cvt_json_out_number(to, cvt_pairs_chance(p));
    cvt_str_print(to, "\n");
}

static void write_json(cvt_str *to, const cvt_pairs *p, const char *first, const char *second) {
    cvt_str_print(to, "],\n\"comparison\":{\"precisions\":[\"%s\",\"%s\"],\"images\":%zu,\"same_answer\":%zu,", first,
                  second, p->n, p->same);
    cvt_str_print(to, "\"both_right\":%zu,\"only_first_right\":%zu,\"only_second_right\":%zu,\"neither_right\":%zu,",
                  p->both, p->first, p->second, p->neither);
    cvt_str_print(to, "\"mcnemar_p\":");
    cvt_json_out_number(to, cvt_pairs_chance(p));
    cvt_str_print(to, "}");
}

static void write_csv(cvt_str *to, const cvt_pairs *p, const char *first, const char *second) {
    const struct {
        const char *name;
        size_t n;
    } rows[] = {{"images", p->n},
                {"same_answer", p->same},
                {"both_right", p->both},
                {"only_first_right", p->first},
                {"only_second_right", p->second},
                {"neither_right", p->neither}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cvt_str_print(to, "%s/%s,%s,,,%zu,,\n", first, second, rows[i].name, rows[i].n);
    cvt_str_print(to, "%s/%s,mcnemar_p,,,", first, second);
    cvt_json_out_number(to, cvt_pairs_chance(p));
    cvt_str_print(to, ",,\n");
}

void cvt_eval_compare(cvt_str *to, const eval *e) {
    const cvt_pairs pairs = count(e);
    const char *format = e->settings->format;
    const char *first = cvt_model_precision(e->runs[0].model), *second = cvt_model_precision(e->runs[1].model);
    void (*write)(cvt_str *, const cvt_pairs *, const char *, const char *) = cvt_opt_is(format, "json")  ? write_json
                                                                              : cvt_opt_is(format, "csv") ? write_csv
                                                                                                          : write_text;
    write(to, &pairs, first, second);
}
