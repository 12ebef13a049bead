/* duplicates.c - finds equal rows by sorting their hashes, and near ones by their distances to some of them.
 *
 * On the unit sphere a cosine of at least c is a distance of at most sqrt(2 - 2 c), and the distances of two such rows
 * to a third differ by no more than that. So of most pairs a few distances that are known tell that they are not near.
 */
#include "learn/duplicates.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "learn/dot.h"

enum { LANDMARKS = 8 };

/* ---- equal rows ------------------------------------------------------------------------------------------------ */

typedef struct key {
    uint64_t hash;
    size_t row;
} key;

static uint64_t hash_of(const float *row, size_t d) { /* FNV-1a, a float at a time */
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t j = 0; j < d; j++) {
        uint32_t bits;
        memcpy(&bits, row + j, sizeof bits);
        hash = (hash ^ bits) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static int compare_keys(const void *a, const void *b) {
    const key *one = a, *two = b;
    if (one->hash != two->hash) return one->hash < two->hash ? -1 : 1;
    return one->row < two->row ? -1 : one->row > two->row;
}

cvt_status cvt_find_twins(size_t *first, const float *features, size_t n, size_t d,
                          bool (*same)(void *context, size_t a, size_t b), void *context, cvt_error *error) {
    key *keys = calloc(n ? n : 1, sizeof *keys);
    if (!keys) return cvt_fail_memory(error);
    for (size_t i = 0; i < n; i++) keys[i] = (key){hash_of(features + i * d, d), first[i] = i};
    qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 1; i < n; i++)
        for (size_t before = i; before-- > 0 && keys[before].hash == keys[i].hash;) {
            const size_t a = keys[before].row, b = keys[i].row;
            if (memcmp(features + a * d, features + b * d, d * sizeof *features) != 0 || !same(context, a, b)) continue;
            first[b] = first[a];
            break;
        }
    free(keys);
    return CVT_OK;
}

/* ---- near rows ------------------------------------------------------------------------------------------------- */

typedef struct place {
    double to[LANDMARKS]; /* the distances to the landmarks */
    double norm;
    size_t row;
} place;

static void find_places(place *places, const float *features, size_t n, size_t d) {
    for (size_t i = 0; i < n; i++)
        places[i] = (place){.norm = sqrt(cvt_dot(features + i * d, features + i * d, d)), .row = i};
    for (size_t l = 0; l < LANDMARKS; l++) {
        const size_t mark = n * l / LANDMARKS;
        for (size_t i = 0; i < n; i++) {
            const double cosine =
                cvt_dot(features + i * d, features + mark * d, d) / (places[i].norm * places[mark].norm);
            places[i].to[l] = cosine < 1 ? sqrt(2 - 2 * cosine) : 0;
        }
    }
}

static int compare_places(const void *a, const void *b) {
    const place *one = a, *two = b;
    if (one->to[0] != two->to[0]) return one->to[0] < two->to[0] ? -1 : 1;
    return one->row < two->row ? -1 : one->row > two->row;
}

static int compare_pairs(const void *a, const void *b) {
    const cvt_near_pair *one = a, *two = b;
    if (one->a != two->a) return one->a < two->a ? -1 : 1;
    return one->b < two->b ? -1 : one->b > two->b;
}

static bool may_be_near(const place *a, const place *b, double reach) {
    for (size_t l = 1; l < LANDMARKS; l++)
        if (!(fabs(a->to[l] - b->to[l]) <= reach)) return false; /* of a row of zeros nothing is near */
    return true;
}

cvt_status cvt_find_near(cvt_near_pair *pairs, size_t *n_pairs, size_t room, const float *features, size_t n, size_t d,
                         const int *labels, const size_t *twins, double least, cvt_error *error) {
    const double reach = sqrt(2 - 2 * least) + 1e-6;
    place *places = calloc(n ? n : 1, sizeof *places);
    *n_pairs = 0;
    if (!places) return cvt_fail_memory(error);
    find_places(places, features, n, d);
    qsort(places, n, sizeof *places, compare_places);
    for (size_t i = 0; i < n && *n_pairs < room; i++)
        for (size_t j = i + 1; j < n && places[j].to[0] - places[i].to[0] <= reach && *n_pairs < room; j++) {
            const size_t a = places[i].row, b = places[j].row;
            if (labels[a] == labels[b] || twins[a] == twins[b] || !may_be_near(&places[i], &places[j], reach)) continue;
            const double cosine = cvt_dot(features + a * d, features + b * d, d) / (places[i].norm * places[j].norm);
            if (!(cosine >= least)) continue;
            pairs[(*n_pairs)++] = (cvt_near_pair){a < b ? a : b, a < b ? b : a, cosine};
        }
    qsort(pairs, *n_pairs, sizeof *pairs, compare_pairs);
    free(places);
    return CVT_OK;
}
