/* resolve.c - the checks, sizes and grids that several families resolve alike. */
#include "arch/resolve.h"

#include <math.h>

cvt_status cvt_check_divides(const char *part_key, int part, const char *whole_key, int whole, int index,
                             cvt_error *error) {
    if (whole % part == 0) return CVT_OK;
    if (index < 0)
        return cvt_fail(error, CVT_CONFIG, "\"%s\" = %d does not divide \"%s\" = %d", part_key, part, whole_key, whole);
    return cvt_fail(error, CVT_CONFIG, "\"%s\"[%d] = %d does not divide \"%s\"[%d] = %d", part_key, index, part,
                    whole_key, index, whole);
}

cvt_status cvt_check_hidden(const char *ratio_key, double ratio, int hidden, int index, cvt_error *error) {
    if (hidden > 0) return CVT_OK;
    if (index < 0) return cvt_fail(error, CVT_CONFIG, "\"%s\" = %g leaves no hidden channel", ratio_key, ratio);
    return cvt_fail(error, CVT_CONFIG, "\"%s\"[%d] = %g leaves no hidden channel", ratio_key, index, ratio);
}

cvt_status cvt_check_stages(const cvt_base *base, size_t depth, cvt_error *error) {
    int wanted = ((const cvt_ints *)(const void *)((const char *)base + depth))->n;
    for (const cvt_key *k = base->given.keys; k->name; k++) {
        if (!k->stage || !cvt_key_is_list(k)) continue;
        const void *field = (const char *)base + k->offset;
        int n = k->type == CVT_KEY_NUMBERS ? ((const cvt_numbers *)field)->n : ((const cvt_ints *)field)->n;
        if (n != wanted)
            return cvt_fail(error, CVT_CONFIG, "\"%s\" has %d entries, \"%s\" has %d: one a stage",
                            cvt_key_named(&base->given, k->offset), n, cvt_key_named(&base->given, depth), wanted);
    }
    return CVT_OK;
}

void cvt_resolve_image(int *image, cvt_base *base, int otherwise) {
    for (int i = 0; i < 2; i++) {
        int known = base->size[i] ? base->size[i] : base->preprocess.size[i];
        if (!image[i]) image[i] = known ? known : otherwise;
        if (!base->size[i]) base->size[i] = image[i];
    }
}

void cvt_resolve_input(cvt_base *base, const int *image) {
    bool sized = base->size[0] || (base->preprocess.given && base->preprocess.size[0]);
    for (int i = 0; i < 2 && !sized; i++) base->size[i] = image[i];
}

void cvt_resolve_head(cvt_base *base, const cvt_hints *hints, const char *classifier) {
    bool bare = hints->config == CVT_CONFIG_HF && hints->weights && !cvt_hints_tensor(hints, classifier, 0);
    if (bare) base->headless = true;
    if (base->headless) base->classes = 0;
}

int64_t cvt_hints_cells(const cvt_hints *hints, const char *pattern, int prefix) {
    const cvt_tensor *t = cvt_hints_tensor(hints, pattern, 0);
    return t && t->rank == 3 && t->shape[1] > prefix ? t->shape[1] - prefix : 0;
}

int cvt_square_side(int64_t cells) {
    int side = cells > 0 && cells < INT32_MAX ? (int)sqrt((double)cells) : 0;
    return (int64_t)side * side == cells ? side : 0;
}

int cvt_divisible(double channels) {
    int n = (int)fmax(8, (int)(channels + 4) / 8 * 8);
    return n < 0.9 * channels ? n + 8 : n;
}

void cvt_resolve_grid(int *grid, int64_t cells) {
    int side = cvt_square_side(cells);
    if (side && cells != (int64_t)grid[0] * grid[1]) grid[0] = grid[1] = side;
}
