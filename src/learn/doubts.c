/* doubts.c - ranks labels by cross-validated probability and by what the nearest images are called. */
#include "learn/doubts.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "learn/dot.h"

enum { NEIGHBOURS = 10, LEAST = 400 };
static const double floor_share = 0.05; /* of neighbours, where there are none */

typedef struct doubt {
    double score;
    size_t image;
} doubt;

static int compare_doubts(const void *a, const void *b) {
    const doubt *one = a, *two = b;
    if (one->score != two->score) return one->score < two->score ? -1 : 1;
    return one->image < two->image ? -1 : one->image > two->image;
}

/* The share of the label of image i among the images nearest to it. norms: of the rows. */
static double share_nearby(const cvt_suspects *s, const double *norms, size_t i) {
    struct {
        double cosine;
        int label;
    } nearest[NEIGHBOURS];
    size_t count = 0, same = 0;
    for (size_t other = 0; other < s->n; other++) {
        if (s->twins[other] == s->twins[i] || !(norms[other] > 0)) continue;
        const double cosine = cvt_dot(s->features + i * s->d, s->features + other * s->d, s->d) / norms[other];
        if (count == NEIGHBOURS && !(cosine > nearest[count - 1].cosine)) continue;
        size_t at = count < NEIGHBOURS ? count++ : count - 1;
        for (; at > 0 && nearest[at - 1].cosine < cosine; at--) nearest[at] = nearest[at - 1];
        nearest[at].cosine = cosine;
        nearest[at].label = s->labels[other];
    }
    for (size_t k = 0; k < count; k++) same += nearest[k].label == s->labels[i];
    return count ? (double)same / (double)count : 0;
}

typedef struct ranking {
    const cvt_suspects *s;
    doubt *all;
    const double *norms, *shares;
} ranking;

static void look_nearby(void *context, size_t k) {
    const ranking *r = context;
    doubt *d = &r->all[k];
    d->score *= (share_nearby(r->s, r->norms, d->image) + floor_share) / r->shares[r->s->labels[d->image]];
}

static void rank(size_t *doubts, size_t wanted, const cvt_suspects *s, doubt *all, double *norms, double *shares) {
    size_t likely = 4 * wanted > LEAST ? 4 * wanted : LEAST;
    likely = likely < s->n ? likely : s->n;
    for (size_t i = 0; i < s->n; i++) shares[s->labels[i]] += 1 / (double)s->n;
    for (size_t i = 0; i < s->n; i++) {
        norms[i] = sqrt(cvt_dot(s->features + i * s->d, s->features + i * s->d, s->d));
        all[i] = (doubt){(double)s->own[i] / shares[s->labels[i]], i};
    }
    qsort(all, s->n, sizeof *all, compare_doubts);
    ranking r = {s, all, norms, shares};
    cvt_team_each(s->team, likely, 4, look_nearby, &r);
    qsort(all, likely, sizeof *all, compare_doubts);
    for (size_t k = 0; k < wanted; k++) doubts[k] = all[k].image;
}

cvt_status cvt_find_doubts(size_t *doubts, size_t wanted, const cvt_suspects *s, cvt_error *error) {
    doubt *all = calloc(s->n, sizeof *all);
    double *norms = calloc(s->n, sizeof *norms), *shares = calloc((size_t)s->classes, sizeof *shares);
    const bool made = all && norms && shares;
    if (made) rank(doubts, wanted, s, all, norms, shares);
    free(all);
    free(norms);
    free(shares);
    return made ? CVT_OK : cvt_fail_memory(error);
}
